/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/qxl-parse-private.h"

#include <string.h>

#define DRAW_ERROR(error, ...) g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, __VA_ARGS__)

static Rect rect_from_guest(const QXLRect *r)
{
    return (Rect){r->left, r->top, r->right, r->bottom};
}

static bool same_size(const Rect *a, const Rect *b)
{
    return (int64_t)a->right - a->left == (int64_t)b->right - b->left &&
           (int64_t)a->bottom - a->top == (int64_t)b->bottom - b->top;
}

static bool read_clip(GuestReader *reader, const QXLClip *clip, DrawOp *op, GError **error)
{
    QXLPHYSICAL chunk = clip->data + sizeof(uint32_t);
    g_autofree QXLRect *guest = NULL;
    uint32_t num_rects;
    uint64_t size;

    if (clip->type != SPICE_CLIP_TYPE_RECTS)
        return true;
    op->has_clip = true;
    if (!guest_read(reader, clip->data, &num_rects, sizeof(num_rects), error))
        return false;
    size = num_rects * (uint64_t)sizeof(QXLRect);
    if (!guest_check_size(reader, chunk, size, error) || !guest_charge(reader, size, error))
        return false;
    guest = g_try_malloc(MAX(size, 1));
    op->clip_rects = g_try_malloc(MAX(num_rects * sizeof(Rect), 1));
    if (!guest || !op->clip_rects) {
        DRAW_ERROR(error, "no memory for %u clip rectangles", num_rects);
        return false;
    }
    if (!guest_read_chunks(reader, chunk, guest, size, error))
        return false;
    for (uint32_t i = 0; i < num_rects; i++) {
        Rect rect = rect_from_guest(&guest[i]);

        if (!rect_is_empty(&rect))
            op->clip_rects[op->n_clip_rects++] = rect;
    }
    return true;
}

bool guest_read_brush(GuestReader *reader, const QXLBrush *guest, Brush *brush, GError **error)
{
    brush->type = guest->type;
    switch (guest->type) {
    case SPICE_BRUSH_TYPE_NONE:
        return true;
    case SPICE_BRUSH_TYPE_SOLID:
        brush->color = guest_color(reader, guest->u.color);
        return true;
    case SPICE_BRUSH_TYPE_PATTERN:
        brush->pos = (Point){guest->u.pattern.pos.x, guest->u.pattern.pos.y};
        if (guest->u.pattern.pat)
            brush->pattern = guest_read_image(reader, guest->u.pattern.pat, error);
        else
            DRAW_ERROR(error, "a brush without its pattern");
        return brush->pattern != NULL;
    default:
        DRAW_ERROR(error, "unknown brush type %u", guest->type);
        return false;
    }
}

static bool read_mask(GuestReader *reader, const QXLQMask *guest, Mask *mask, GError **error)
{
    if (!guest->bitmap)
        return true;
    mask->flags = guest->flags & SPICE_MASK_FLAGS_MASK;
    mask->pos = (Point){guest->pos.x, guest->pos.y};
    mask->image = guest_read_mask_image(reader, guest->bitmap, error);
    return mask->image != NULL;
}

/* The source image, or self_bitmap in its place. */
static bool read_source(GuestReader *reader, QXLPHYSICAL address, const QXLDrawable *guest, DrawOp *op, Image **src,
                        GError **error)
{
    if (address) {
        *src = guest_read_image(reader, address, error);
        return *src != NULL;
    }
    if (!guest->self_bitmap) {
        DRAW_ERROR(error, "no source image");
        return false;
    }
    op->self_bitmap = true;
    op->self_bitmap_area = rect_from_guest(&guest->self_bitmap_area);
    if (op->self_bitmap_area.left < 0 || op->self_bitmap_area.top < 0 || rect_is_empty(&op->self_bitmap_area)) {
        DRAW_ERROR(error, "bad area of the destination as source");
        return false;
    }
    return true;
}

static bool read_source_area(const QXLRect *guest, const DrawOp *op, const Image *src, Rect *area, GError **error)
{
    int64_t width = G_MAXINT32, height = G_MAXINT32;

    *area = rect_from_guest(guest);
    if (!src) {
        width = (int64_t)op->self_bitmap_area.right - op->self_bitmap_area.left;
        height = (int64_t)op->self_bitmap_area.bottom - op->self_bitmap_area.top;
    } else if (src->type == SPICE_IMAGE_TYPE_BITMAP) {
        width = src->width;
        height = src->height;
    }
    if (area->left < 0 || area->top < 0 || area->left > area->right || area->top > area->bottom ||
        area->right > width || area->bottom > height) {
        DRAW_ERROR(error, "source area (%d, %d)-(%d, %d) is not inside the source", area->left, area->top, area->right,
                   area->bottom);
        return false;
    }
    return true;
}

/* Nobody looks at the mode unless the sizes differ. */
static bool read_scale_mode(uint8_t guest, const DrawOp *op, const Rect *src_area, uint8_t *mode, GError **error)
{
    if (guest < SPICE_IMAGE_SCALE_MODE_ENUM_END) {
        *mode = guest;
        return true;
    }
    if (same_size(&op->box, src_area)) {
        *mode = SPICE_IMAGE_SCALE_MODE_INTERPOLATE;
        return true;
    }
    DRAW_ERROR(error, "unknown scale mode %u", guest);
    return false;
}

static bool read_fill(GuestReader *reader, const QXLFill *guest, DrawOp *op, GError **error)
{
    op->u.fill.rop = guest->rop_descriptor & SPICE_ROPD_MASK;
    return guest_read_brush(reader, &guest->brush, &op->u.fill.brush, error) &&
           read_mask(reader, &guest->mask, &op->u.fill.mask, error);
}

static bool read_opaque(GuestReader *reader, const QXLDrawable *drawable, DrawOp *op, GError **error)
{
    const QXLOpaque *guest = &drawable->u.opaque;

    op->u.opaque.rop = guest->rop_descriptor & SPICE_ROPD_MASK;
    return read_source(reader, guest->src_bitmap, drawable, op, &op->u.opaque.src, error) &&
           read_source_area(&guest->src_area, op, op->u.opaque.src, &op->u.opaque.src_area, error) &&
           read_scale_mode(guest->scale_mode, op, &op->u.opaque.src_area, &op->u.opaque.scale_mode, error) &&
           guest_read_brush(reader, &guest->brush, &op->u.opaque.brush, error) &&
           read_mask(reader, &guest->mask, &op->u.opaque.mask, error);
}

static bool read_copy(GuestReader *reader, const QXLDrawable *drawable, DrawOp *op, GError **error)
{
    const QXLCopy *guest = &drawable->u.copy;

    op->u.copy.rop = guest->rop_descriptor & SPICE_ROPD_MASK;
    return read_source(reader, guest->src_bitmap, drawable, op, &op->u.copy.src, error) &&
           read_source_area(&guest->src_area, op, op->u.copy.src, &op->u.copy.src_area, error) &&
           read_scale_mode(guest->scale_mode, op, &op->u.copy.src_area, &op->u.copy.scale_mode, error) &&
           read_mask(reader, &guest->mask, &op->u.copy.mask, error);
}

static bool read_copy_bits(const QXLCopyBits *guest, DrawOp *op, GError **error)
{
    int64_t x = guest->src_pos.x, y = guest->src_pos.y;
    int64_t dx = x - op->box.left, dy = y - op->box.top;

    /* The source and the way to it must be expressible, wherever they are. */
    if (dx < G_MININT32 || dy < G_MININT32 || op->box.right + dx > G_MAXINT32 || op->box.bottom + dy > G_MAXINT32) {
        DRAW_ERROR(error, "bad source (%d, %d) of a copy", guest->src_pos.x, guest->src_pos.y);
        return false;
    }
    if (dx == 0 && dy == 0) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_EMPTY, "a copy to the same place");
        return false;
    }
    op->u.copy_bits.src_pos = (Point){(int32_t)x, (int32_t)y};
    return true;
}

static bool read_rop3(GuestReader *reader, const QXLDrawable *drawable, DrawOp *op, GError **error)
{
    const QXLRop3 *guest = &drawable->u.rop3;

    op->u.rop3.rop3 = guest->rop3;
    if (!read_source(reader, guest->src_bitmap, drawable, op, &op->u.rop3.src, error) ||
        !read_source_area(&guest->src_area, op, op->u.rop3.src, &op->u.rop3.src_area, error) ||
        !read_scale_mode(guest->scale_mode, op, &op->u.rop3.src_area, &op->u.rop3.scale_mode, error) ||
        !guest_read_brush(reader, &guest->brush, &op->u.rop3.brush, error) ||
        !read_mask(reader, &guest->mask, &op->u.rop3.mask, error))
        return false;
    if (!rop3_simplify(op)) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_EMPTY, "a raster operation without effect");
        return false;
    }
    if (op->self_bitmap && op->type == QXL_DRAW_COPY) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_UNSUPPORTED, "raster operation %#x on itself", guest->rop3);
        return false;
    }
    return true;
}

static bool read_transparent(GuestReader *reader, const QXLDrawable *drawable, DrawOp *op, GError **error)
{
    const QXLTransparent *guest = &drawable->u.transparent;

    op->u.transparent.src_color = guest->src_color;
    op->u.transparent.true_color = guest->true_color;
    return read_source(reader, guest->src_bitmap, drawable, op, &op->u.transparent.src, error) &&
           read_source_area(&guest->src_area, op, op->u.transparent.src, &op->u.transparent.src_area, error);
}

static bool read_alpha_blend(GuestReader *reader, const QXLDrawable *drawable, DrawOp *op, GError **error)
{
    const QXLAlphaBlend *guest = &drawable->u.alpha_blend;

    op->u.alpha_blend.alpha_flags = (uint8_t)(guest->alpha_flags & SPICE_ALPHA_FLAGS_MASK);
    op->u.alpha_blend.alpha = guest->alpha;
    return read_source(reader, guest->src_bitmap, drawable, op, &op->u.alpha_blend.src, error) &&
           read_source_area(&guest->src_area, op, op->u.alpha_blend.src, &op->u.alpha_blend.src_area, error);
}

#define COMPOSITE_OPERATOR(flags) ((flags)&0xff)
#define COMPOSITE_SRC_FILTER(flags) ((flags) >> 8 & 7)
#define COMPOSITE_MASK_FILTER(flags) ((flags) >> 11 & 7)
/* Filters above this one need parameters that the protocol does not have. */
#define COMPOSITE_MAX_FILTER 4
#define COMPOSITE_HAS_FLAGS                                                                                            \
    (SPICE_COMPOSITE_HAS_MASK | SPICE_COMPOSITE_HAS_SRC_TRANSFORM | SPICE_COMPOSITE_HAS_MASK_TRANSFORM)
/* Without a mask these say nothing: filter, repeat, component alpha, opaque. */
#define COMPOSITE_OF_MASK (7u << 11 | 3u << 16 | SPICE_COMPOSITE_COMPONENT_ALPHA | SPICE_COMPOSITE_MASK_OPAQUE)

static bool composite_operator_valid(uint32_t op)
{
    return op <= 0x0d || (op >= 0x10 && op <= 0x1b) || (op >= 0x20 && op <= 0x2b) || (op >= 0x30 && op <= 0x3e);
}

/* One that cannot be read counts as absent. */
static bool read_transform(GuestReader *reader, QXLPHYSICAL address, Transform *transform)
{
    QXLTransform guest;

    if (!address || !guest_read(reader, address, &guest, sizeof(guest), NULL))
        return false;
    *transform = (Transform){{guest.t00, guest.t01, guest.t02, guest.t10, guest.t11, guest.t12}};
    return true;
}

static bool read_composite(GuestReader *reader, const QXLDrawable *drawable, DrawOp *op, GError **error)
{
    const QXLComposite *guest = &drawable->u.composite;
    uint32_t flags = guest->flags & SPICE_COMPOSITE_FLAGS_MASK & ~COMPOSITE_HAS_FLAGS;

    if (!composite_operator_valid(COMPOSITE_OPERATOR(flags)) || COMPOSITE_SRC_FILTER(flags) > COMPOSITE_MAX_FILTER ||
        (guest->mask && COMPOSITE_MASK_FILTER(flags) > COMPOSITE_MAX_FILTER)) {
        DRAW_ERROR(error, "unknown composite operator or filter in flags %#x", guest->flags);
        return false;
    }
    if (!read_source(reader, guest->src, drawable, op, &op->u.composite.src, error))
        return false;
    op->u.composite.src_x = guest->src_origin.x;
    op->u.composite.src_y = guest->src_origin.y;
    if (read_transform(reader, guest->src_transform, &op->u.composite.src_transform))
        flags |= SPICE_COMPOSITE_HAS_SRC_TRANSFORM;
    if (guest->mask) {
        op->u.composite.mask = guest_read_image(reader, guest->mask, error);
        if (!op->u.composite.mask)
            return false;
        flags |= SPICE_COMPOSITE_HAS_MASK;
        op->u.composite.mask_x = guest->mask_origin.x;
        op->u.composite.mask_y = guest->mask_origin.y;
        if (read_transform(reader, guest->mask_transform, &op->u.composite.mask_transform))
            flags |= SPICE_COMPOSITE_HAS_MASK_TRANSFORM;
    } else {
        flags &= ~COMPOSITE_OF_MASK;
    }
    op->u.composite.flags = flags;
    return true;
}

static bool read_operation(GuestReader *reader, const QXLDrawable *guest, DrawOp *op, GError **error)
{
    switch (guest->type) {
    case QXL_DRAW_NOP:
        return true;
    case QXL_DRAW_FILL:
        return read_fill(reader, &guest->u.fill, op, error);
    case QXL_DRAW_OPAQUE:
        return read_opaque(reader, guest, op, error);
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return read_copy(reader, guest, op, error);
    case QXL_COPY_BITS:
        return read_copy_bits(&guest->u.copy_bits, op, error);
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return read_mask(reader, &guest->u.blackness.mask, &op->u.solid.mask, error);
    case QXL_DRAW_ROP3:
        return read_rop3(reader, guest, op, error);
    case QXL_DRAW_TRANSPARENT:
        return read_transparent(reader, guest, op, error);
    case QXL_DRAW_ALPHA_BLEND:
        return read_alpha_blend(reader, guest, op, error);
    case QXL_DRAW_COMPOSITE:
        return read_composite(reader, guest, op, error);
    case QXL_DRAW_STROKE:
        return guest_read_stroke(reader, &guest->u.stroke, op, error);
    case QXL_DRAW_TEXT:
        return guest_read_text(reader, &guest->u.text, op, error);
    default:
        DRAW_ERROR(error, "unknown drawable type %u", guest->type);
        return false;
    }
}

static bool read_deps(const QXLDrawable *guest, DrawOp *op, GError **error)
{
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++) {
        int32_t id = guest->surfaces_dest[i];

        if (id < -1) {
            DRAW_ERROR(error, "a dependency on surface %d", id);
            return false;
        }
        op->deps[i] = id;
        /* Drivers leave garbage in the areas of unused entries. */
        if (id >= 0)
            op->dep_areas[i] = rect_from_guest(&guest->surfaces_rects[i]);
    }
    return true;
}

static bool has_dep(const DrawOp *op, uint32_t surface_id, int *free_slot)
{
    *free_slot = -1;
    for (int i = 0; i < DRAW_OP_MAX_DEPS; i++) {
        if (op->deps[i] == (int32_t)surface_id)
            return true;
        if (op->deps[i] == -1 && *free_slot < 0)
            *free_slot = i;
    }
    return false;
}

/* Makes sure that deps[] tells of every surface that is read. */
static bool complete_deps(DrawOp *op, GError **error)
{
    Image *images[3];
    unsigned n = draw_op_images(op, images);
    int slot;

    for (unsigned i = 0; i < n; i++) {
        if (images[i]->type != SPICE_IMAGE_TYPE_SURFACE || images[i]->surface_id == op->surface_id ||
            has_dep(op, images[i]->surface_id, &slot))
            continue;
        if (slot < 0) {
            DRAW_ERROR(error, "surface %u is read without being a dependency", images[i]->surface_id);
            return false;
        }
        op->deps[slot] = (int32_t)images[i]->surface_id;
        op->dep_areas[slot] = (Rect){0, 0, G_MAXINT32, G_MAXINT32};
    }
    return true;
}

/* The compat form becomes a native one. */
static bool read_compat(GuestReader *reader, const QXLCommandExt *command, QXLDrawable *guest,
                        QXLReleaseInfoExt *release, GError **error)
{
    QXLCompatDrawable compat;
    int64_t right, bottom;

    if (!guest_read_command(reader, command, &compat, sizeof(compat), release, error))
        return false;
    *guest = (QXLDrawable){
        .surface_id = 0,
        .effect = compat.effect,
        .type = compat.type,
        .self_bitmap = compat.bitmap_offset != 0,
        .self_bitmap_area = compat.bitmap_area,
        .bbox = compat.bbox,
        .clip = compat.clip,
        .surfaces_dest = {-1, -1, -1},
    };
    G_STATIC_ASSERT(sizeof(compat.u) <= sizeof(guest->u));
    memcpy(&guest->u, &compat.u, sizeof(compat.u));
    switch (compat.type) {
    case QXL_DRAW_ALPHA_BLEND:
        guest->u.alpha_blend = (QXLAlphaBlend){
            .alpha = compat.u.alpha_blend.alpha,
            .src_bitmap = compat.u.alpha_blend.src_bitmap,
            .src_area = compat.u.alpha_blend.src_area,
        };
        break;
    case QXL_COPY_BITS:
        right = (int64_t)compat.u.copy_bits.src_pos.x + compat.bbox.right - compat.bbox.left;
        bottom = (int64_t)compat.u.copy_bits.src_pos.y + compat.bbox.bottom - compat.bbox.top;
        guest->surfaces_dest[0] = 0;
        guest->surfaces_rects[0] = (QXLRect){
            .left = compat.u.copy_bits.src_pos.x,
            .top = compat.u.copy_bits.src_pos.y,
            .right = (int32_t)CLAMP(right, G_MININT32, G_MAXINT32),
            .bottom = (int32_t)CLAMP(bottom, G_MININT32, G_MAXINT32),
        };
        break;
    case QXL_DRAW_COMPOSITE:
        DRAW_ERROR(error, "the compat form of drawables has no COMPOSITE");
        return false;
    default:
        break;
    }
    return true;
}

static bool check_envelope(const QXLDrawable *guest, GError **error)
{
    Rect box = rect_from_guest(&guest->bbox);

    if (rect_is_empty(&box)) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_EMPTY, "an empty box");
        return false;
    }
    if (box.left < 0 || box.top < 0) {
        DRAW_ERROR(error, "box (%d, %d)-(%d, %d) is outside the surface", box.left, box.top, box.right, box.bottom);
        return false;
    }
    if (guest->surface_id > G_MAXINT32) {
        DRAW_ERROR(error, "no surface %u", guest->surface_id);
        return false;
    }
    return true;
}

static DrawOp *read_drawable(GuestReader *reader, const QXLCommandExt *command, QXLReleaseInfoExt *release,
                             GError **error)
{
    bool compat = command->flags & QXL_COMMAND_FLAG_COMPAT;
    g_autoptr(DrawOp) op = NULL;
    QXLDrawable guest;
    Rect box;

    reader->expand_16bpp = compat && (command->flags & QXL_COMMAND_FLAG_COMPAT_16BPP);
    if (compat ? !read_compat(reader, command, &guest, release, error)
               : !guest_read_command(reader, command, &guest, sizeof(guest), release, error))
        return NULL;
    if (!check_envelope(&guest, error))
        return NULL;
    /* Old drivers set it wrongly. */
    if (guest.type == QXL_DRAW_COPY || guest.type == QXL_DRAW_BLEND)
        guest.self_bitmap = 0;
    box = rect_from_guest(&guest.bbox);
    op = draw_op_new(guest.type, guest.surface_id, &box);
    op->effect = guest.effect <= QXL_EFFECT_OPAQUE_BRUSH ? guest.effect : QXL_EFFECT_BLEND;
    if (!read_deps(&guest, op, error) || !read_clip(reader, &guest.clip, op, error) ||
        !read_operation(reader, &guest, op, error) || !complete_deps(op, error))
        return NULL;
    return g_steal_pointer(&op);
}

DrawOp *qxl_parse_drawable(const MemSlots *slots, GuestLoans *loans, const QXLCommandExt *command,
                           QXLReleaseInfoExt *release, GError **error)
{
    GuestReader reader = guest_reader(slots, command->group_id);
    DrawOp *op;

    reader.loans = loans;
    op = read_drawable(&reader, command, release, error);
    if (reader.loan && guest_loan_set(reader.loan, release))
        release->info = NULL;
    guest_loan_unref(reader.loan);
    return op;
}
