/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-draw.h"

#include "common/wire/wire-glyphs.h"
#include "common/wire/wire-path.h"

/* A draw body that is being written. Pointers are reserved in the order of the members; what they lead to follows when
 * the body is complete: path, dashes or glyphs, then images. Offset 0 is the surface id, so it serves as "no pointer
 * reserved". */
typedef struct DrawWriter {
    WireWriter *w;
    Image *refs[3];
    size_t places[3];
    unsigned n;
    size_t path, dashes, glyphs;
} DrawWriter;

uint16_t msg_draw_type(const DrawOp *op)
{
    switch (op->type) {
    case QXL_COPY_BITS:
        return SPICE_MSG_DISPLAY_COPY_BITS;
    case QXL_DRAW_FILL:
        return SPICE_MSG_DISPLAY_DRAW_FILL;
    case QXL_DRAW_OPAQUE:
        return SPICE_MSG_DISPLAY_DRAW_OPAQUE;
    case QXL_DRAW_COPY:
        return SPICE_MSG_DISPLAY_DRAW_COPY;
    case QXL_DRAW_BLEND:
        return SPICE_MSG_DISPLAY_DRAW_BLEND;
    case QXL_DRAW_BLACKNESS:
        return SPICE_MSG_DISPLAY_DRAW_BLACKNESS;
    case QXL_DRAW_WHITENESS:
        return SPICE_MSG_DISPLAY_DRAW_WHITENESS;
    case QXL_DRAW_INVERS:
        return SPICE_MSG_DISPLAY_DRAW_INVERS;
    case QXL_DRAW_ROP3:
        return SPICE_MSG_DISPLAY_DRAW_ROP3;
    case QXL_DRAW_STROKE:
        return SPICE_MSG_DISPLAY_DRAW_STROKE;
    case QXL_DRAW_TEXT:
        return SPICE_MSG_DISPLAY_DRAW_TEXT;
    case QXL_DRAW_TRANSPARENT:
        return SPICE_MSG_DISPLAY_DRAW_TRANSPARENT;
    case QXL_DRAW_ALPHA_BLEND:
        return SPICE_MSG_DISPLAY_DRAW_ALPHA_BLEND;
    case QXL_DRAW_COMPOSITE:
        return SPICE_MSG_DISPLAY_DRAW_COMPOSITE;
    default:
        return 0;
    }
}

/* One Image object may serve twice, so a reference counts as taken once its place is set. */
static void image_pointer_write(DrawWriter *d, const Image *image)
{
    size_t place = wire_write_pointer(d->w);

    for (unsigned i = 0; i < d->n; i++) {
        if (d->refs[i] == image && d->places[i] == 0) {
            d->places[i] = place;
            return;
        }
    }
}

static void brush_write(DrawWriter *d, const Brush *brush)
{
    wire_write_u8(d->w, (uint8_t)brush->type);
    if (brush->type == SPICE_BRUSH_TYPE_SOLID) {
        wire_write_u32(d->w, brush->color);
    } else if (brush->type == SPICE_BRUSH_TYPE_PATTERN) {
        image_pointer_write(d, brush->pattern);
        wire_write_point(d->w, brush->pos);
    }
}

static void mask_write(DrawWriter *d, const Mask *mask)
{
    wire_write_u8(d->w, mask->flags);
    wire_write_point(d->w, mask->pos);
    image_pointer_write(d, mask->image);
}

static void source_write(DrawWriter *d, const Image *src, Rect area)
{
    image_pointer_write(d, src);
    wire_write_rect(d->w, area);
}

static void transform_write(WireWriter *w, const Transform *t)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(t->t); i++)
        wire_write_u32(w, t->t[i]);
}

static void composite_write(DrawWriter *d, const DrawOp *op)
{
    uint32_t flags = op->u.composite.flags;

    wire_write_u32(d->w, flags);
    image_pointer_write(d, op->u.composite.src);
    if (flags & SPICE_COMPOSITE_HAS_MASK)
        image_pointer_write(d, op->u.composite.mask);
    if (flags & SPICE_COMPOSITE_HAS_SRC_TRANSFORM)
        transform_write(d->w, &op->u.composite.src_transform);
    if (flags & SPICE_COMPOSITE_HAS_MASK_TRANSFORM)
        transform_write(d->w, &op->u.composite.mask_transform);
    wire_write_point16(d->w, (Point16){op->u.composite.src_x, op->u.composite.src_y});
    wire_write_point16(d->w, (Point16){op->u.composite.mask_x, op->u.composite.mask_y});
}

static void stroke_write(DrawWriter *d, const DrawOp *op)
{
    d->path = wire_write_pointer(d->w);
    d->dashes = wire_line_write(d->w, &op->u.stroke.style);
    brush_write(d, &op->u.stroke.brush);
    wire_write_u16(d->w, op->u.stroke.fore_mode);
    wire_write_u16(d->w, op->u.stroke.back_mode);
}

static void text_write(DrawWriter *d, const DrawOp *op)
{
    d->glyphs = wire_write_pointer(d->w);
    wire_write_rect(d->w, op->u.text.back_area);
    brush_write(d, &op->u.text.fore_brush);
    brush_write(d, &op->u.text.back_brush);
    wire_write_u16(d->w, op->u.text.fore_mode);
    wire_write_u16(d->w, op->u.text.back_mode);
}

static void shapes_write(DrawWriter *d, const DrawOp *op)
{
    if (d->path) {
        wire_set_pointer(d->w, d->path);
        wire_path_write(d->w, op->u.stroke.path);
    }
    if (d->dashes) {
        wire_set_pointer(d->w, d->dashes);
        wire_dashes_write(d->w, &op->u.stroke.style);
    }
    if (d->glyphs) {
        wire_set_pointer(d->w, d->glyphs);
        wire_glyphs_write(d->w, op->u.text.string);
    }
}

static void members_write(DrawWriter *d, const DrawOp *op)
{
    switch (op->type) {
    case QXL_COPY_BITS:
        wire_write_point(d->w, op->u.copy_bits.src_pos);
        break;
    case QXL_DRAW_FILL:
        brush_write(d, &op->u.fill.brush);
        wire_write_u16(d->w, op->u.fill.rop);
        mask_write(d, &op->u.fill.mask);
        break;
    case QXL_DRAW_OPAQUE:
        source_write(d, op->u.opaque.src, op->u.opaque.src_area);
        brush_write(d, &op->u.opaque.brush);
        wire_write_u16(d->w, op->u.opaque.rop);
        wire_write_u8(d->w, op->u.opaque.scale_mode);
        mask_write(d, &op->u.opaque.mask);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        source_write(d, op->u.copy.src, op->u.copy.src_area);
        wire_write_u16(d->w, op->u.copy.rop);
        wire_write_u8(d->w, op->u.copy.scale_mode);
        mask_write(d, &op->u.copy.mask);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        mask_write(d, &op->u.solid.mask);
        break;
    case QXL_DRAW_ROP3:
        source_write(d, op->u.rop3.src, op->u.rop3.src_area);
        brush_write(d, &op->u.rop3.brush);
        wire_write_u8(d->w, op->u.rop3.rop3);
        wire_write_u8(d->w, op->u.rop3.scale_mode);
        mask_write(d, &op->u.rop3.mask);
        break;
    case QXL_DRAW_STROKE:
        stroke_write(d, op);
        break;
    case QXL_DRAW_TEXT:
        text_write(d, op);
        break;
    case QXL_DRAW_TRANSPARENT:
        source_write(d, op->u.transparent.src, op->u.transparent.src_area);
        wire_write_u32(d->w, op->u.transparent.src_color);
        wire_write_u32(d->w, op->u.transparent.true_color);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        wire_write_u8(d->w, op->u.alpha_blend.alpha_flags);
        wire_write_u8(d->w, op->u.alpha_blend.alpha);
        source_write(d, op->u.alpha_blend.src, op->u.alpha_blend.src_area);
        break;
    case QXL_DRAW_COMPOSITE:
        composite_write(d, op);
        break;
    default:
        g_assert_not_reached();
    }
}

static size_t usual_size(const WireImage *images, unsigned n)
{
    size_t size = 192;

    for (unsigned i = 0; i < n; i++)
        size += images[i].size;
    return size;
}

void msg_draw_encode(WireWriter *w, const DrawOp *op, const WireImage *images, unsigned n_images)
{
    DrawWriter d = {.w = w};
    const WireClip clip = {op->has_clip, op->n_clip_rects, op->clip_rects};
    size_t palettes[3] = {0};

    d.n = draw_op_images(op, d.refs);
    g_assert(w->size == 0 && n_images == d.n);
    wire_writer_reserve(w, usual_size(images, n_images)); /* most need no more */
    wire_write_u32(w, op->surface_id);
    wire_write_rect(w, op->box);
    wire_write_clip(w, &clip);
    members_write(&d, op);
    shapes_write(&d, op);
    for (unsigned i = 0; i < d.n; i++) {
        if (d.places[i] == 0)
            continue;
        wire_set_pointer(w, d.places[i]);
        palettes[i] = wire_image_write(w, &images[i]);
    }
    for (unsigned i = 0; i < d.n; i++) {
        if (palettes[i] == 0)
            continue;
        wire_set_pointer(w, palettes[i]);
        wire_palette_write(w, images[i].palette);
    }
}

/* Readers: each gives false only with an error set; a body that is merely too short is noticed at the end of the
 * members. */

static bool image_pointer_read(WireReader *r, bool required, bool *present, WireImage *image, GError **error)
{
    uint32_t offset = wire_read_u32(r);

    if (offset == 0) {
        if (required && wire_reader_ok(r))
            g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "draw: an image is missing");
        return !required || !wire_reader_ok(r);
    }
    *present = true;
    return wire_image_read(r, offset, image, error);
}

static bool source_read(WireReader *r, MsgDraw *m, GError **error)
{
    bool ok = image_pointer_read(r, false, &m->has_src, &m->src, error);

    m->src_area = wire_read_rect(r);
    return ok;
}

static bool brush_read(WireReader *r, MsgDraw *m, GError **error)
{
    bool ok = true;

    m->brush_type = wire_read_u8(r);
    if (m->brush_type == SPICE_BRUSH_TYPE_SOLID) {
        m->brush_color = wire_read_u32(r);
    } else if (m->brush_type == SPICE_BRUSH_TYPE_PATTERN) {
        ok = image_pointer_read(r, true, &m->has_pattern, &m->pattern, error);
        m->brush_pos = wire_read_point(r);
    }
    return ok;
}

static bool back_brush_read(WireReader *r, MsgDraw *m, GError **error)
{
    bool ok = true;

    m->back_type = wire_read_u8(r);
    if (m->back_type == SPICE_BRUSH_TYPE_SOLID) {
        m->back_color = wire_read_u32(r);
    } else if (m->back_type == SPICE_BRUSH_TYPE_PATTERN) {
        ok = image_pointer_read(r, true, &m->has_back_pattern, &m->back_pattern, error);
        m->back_pos = wire_read_point(r);
    }
    return ok;
}

static bool shape_missing(GError **error)
{
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "draw: a path or a string is missing");
    return false;
}

static bool stroke_read(WireReader *r, MsgDraw *m, GError **error)
{
    uint32_t offset = wire_read_u32(r);

    if (!wire_reader_ok(r))
        return true;
    if (offset == 0)
        return shape_missing(error);
    m->path = wire_path_read(r, offset, error);
    if (!m->path || !wire_line_read(r, &m->style, error) || !brush_read(r, m, error))
        return false;
    m->rop = wire_read_u16(r);
    m->back_mode = wire_read_u16(r);
    return true;
}

static bool text_read(WireReader *r, MsgDraw *m, GError **error)
{
    uint32_t offset = wire_read_u32(r);

    if (!wire_reader_ok(r))
        return true;
    if (offset == 0)
        return shape_missing(error);
    m->string = wire_glyphs_read(r, offset, error);
    m->back_area = wire_read_rect(r);
    if (!m->string || !brush_read(r, m, error) || !back_brush_read(r, m, error))
        return false;
    m->rop = wire_read_u16(r);
    m->back_mode = wire_read_u16(r);
    return true;
}

static bool mask_read(WireReader *r, MsgDraw *m, GError **error)
{
    m->mask_flags = wire_read_u8(r);
    m->mask_pos = wire_read_point(r);
    return image_pointer_read(r, false, &m->has_mask, &m->mask, error);
}

static Transform transform_read(WireReader *r)
{
    Transform t;

    for (unsigned i = 0; i < G_N_ELEMENTS(t.t); i++)
        t.t[i] = wire_read_u32(r);
    return t;
}

static bool fill_read(WireReader *r, MsgDraw *m, GError **error)
{
    if (!brush_read(r, m, error))
        return false;
    m->rop = wire_read_u16(r);
    return mask_read(r, m, error);
}

/* COPY and BLEND; OPAQUE has a brush in the middle, ROP3 also a rop of one byte. */
static bool copy_read(WireReader *r, MsgDraw *m, GError **error)
{
    bool rop3 = m->type == SPICE_MSG_DISPLAY_DRAW_ROP3;

    if (!source_read(r, m, error))
        return false;
    if ((rop3 || m->type == SPICE_MSG_DISPLAY_DRAW_OPAQUE) && !brush_read(r, m, error))
        return false;
    m->rop = rop3 ? wire_read_u8(r) : wire_read_u16(r);
    m->scale_mode = wire_read_u8(r);
    return mask_read(r, m, error);
}

static bool transparent_read(WireReader *r, MsgDraw *m, GError **error)
{
    bool ok = source_read(r, m, error);

    m->src_color = wire_read_u32(r);
    m->true_color = wire_read_u32(r);
    return ok;
}

static bool alpha_blend_read(WireReader *r, MsgDraw *m, GError **error)
{
    m->alpha_flags = wire_read_u8(r);
    m->alpha = wire_read_u8(r);
    return source_read(r, m, error);
}

static bool composite_read(WireReader *r, MsgDraw *m, GError **error)
{
    m->composite_flags = wire_read_u32(r);
    if (!image_pointer_read(r, false, &m->has_src, &m->src, error))
        return false;
    if (m->composite_flags & SPICE_COMPOSITE_HAS_MASK && !image_pointer_read(r, false, &m->has_mask, &m->mask, error))
        return false;
    if (m->composite_flags & SPICE_COMPOSITE_HAS_SRC_TRANSFORM)
        m->src_transform = transform_read(r);
    if (m->composite_flags & SPICE_COMPOSITE_HAS_MASK_TRANSFORM)
        m->mask_transform = transform_read(r);
    m->src_origin = wire_read_point16(r);
    m->mask_origin = wire_read_point16(r);
    return true;
}

static bool members_read(WireReader *r, MsgDraw *m, GError **error)
{
    switch (m->type) {
    case SPICE_MSG_DISPLAY_COPY_BITS:
        m->src_pos = wire_read_point(r);
        return true;
    case SPICE_MSG_DISPLAY_DRAW_FILL:
        return fill_read(r, m, error);
    case SPICE_MSG_DISPLAY_DRAW_OPAQUE:
    case SPICE_MSG_DISPLAY_DRAW_COPY:
    case SPICE_MSG_DISPLAY_DRAW_BLEND:
    case SPICE_MSG_DISPLAY_DRAW_ROP3:
        return copy_read(r, m, error);
    case SPICE_MSG_DISPLAY_DRAW_BLACKNESS:
    case SPICE_MSG_DISPLAY_DRAW_WHITENESS:
    case SPICE_MSG_DISPLAY_DRAW_INVERS:
        return mask_read(r, m, error);
    case SPICE_MSG_DISPLAY_DRAW_STROKE:
        return stroke_read(r, m, error);
    case SPICE_MSG_DISPLAY_DRAW_TEXT:
        return text_read(r, m, error);
    case SPICE_MSG_DISPLAY_DRAW_TRANSPARENT:
        return transparent_read(r, m, error);
    case SPICE_MSG_DISPLAY_DRAW_ALPHA_BLEND:
        return alpha_blend_read(r, m, error);
    case SPICE_MSG_DISPLAY_DRAW_COMPOSITE:
        return composite_read(r, m, error);
    default:
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "draw: unknown message type %u", m->type);
        return false;
    }
}

bool msg_draw_decode(uint16_t type, const uint8_t *body, size_t size, MsgDraw *out, GError **error)
{
    WireReader r = wire_reader(body, size);

    *out = (MsgDraw){.type = type};
    out->surface_id = wire_read_u32(&r);
    out->box = wire_read_rect(&r);
    out->clip = wire_read_clip(&r);
    if (members_read(&r, out, error) && wire_reader_check(&r, "draw", error))
        return true;
    msg_draw_clear(out);
    return false;
}

void msg_draw_clear(MsgDraw *m)
{
    wire_clip_clear(&m->clip);
    path_free(m->path);
    g_free(m->style.dashes);
    glyph_string_free(m->string);
    *m = (MsgDraw){0};
}
