/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/draw/any.h"

#include <spice/enums.h>

uint16_t any_rop(Any *a)
{
    static const uint16_t ops[] = {SPICE_ROPD_OP_PUT,    SPICE_ROPD_OP_OR,        SPICE_ROPD_OP_AND,
                                   SPICE_ROPD_OP_XOR,    SPICE_ROPD_OP_BLACKNESS, SPICE_ROPD_OP_WHITENESS,
                                   SPICE_ROPD_OP_INVERS, SPICE_ROPD_OP_PUT,       SPICE_ROPD_OP_XOR};
    uint16_t rop = ops[any(a, 0, G_N_ELEMENTS(ops))];

    if (any_chance(a, 50))
        rop |= (uint16_t)(any(a, 0, 8) | (any_chance(a, 30) ? SPICE_ROPD_INVERS_RES : 0));
    if (any_chance(a, 5))
        rop = (uint16_t)any(a, 0, 0x800);
    any_say(a, " rop %#x", rop);
    return rop;
}

static QXLRect any_box(Any *a, const QXLRect *cell)
{
    int left = any(a, cell->left, cell->right), top = any(a, cell->top, cell->bottom);

    return (QXLRect){.left = left,
                     .top = top,
                     .right = any(a, left + 1, cell->right + 1),
                     .bottom = any(a, top + 1, cell->bottom + 1)};
}

static QXLClip any_clip(Any *a, const QXLRect *box)
{
    uint32_t n = (uint32_t)any(a, 1, 6);
    QXLClipRects *clip;
    QXLRect *rects;

    if (!any_chance(a, 40))
        return (QXLClip){SPICE_CLIP_TYPE_NONE, 0};
    clip = guest_alloc(a->guest, sizeof(*clip) + n * sizeof(QXLRect));
    clip->num_rects = n;
    clip->chunk.data_size = n * (uint32_t)sizeof(QXLRect);
    rects = (QXLRect *)clip->chunk.data;
    any_say(a, " clip");
    for (uint32_t i = 0; i < n; i++) {
        int left = any(a, box->left - 3, box->right), top = any(a, box->top - 3, box->bottom);

        rects[i] = (QXLRect){.left = left, .top = top, .right = left + any(a, 0, 25), .bottom = top + any(a, 0, 20)};
        any_say(a, " %d,%d-%d,%d", left, top, rects[i].right, rects[i].bottom);
    }
    return (QXLClip){SPICE_CLIP_TYPE_RECTS, (uintptr_t)clip};
}

/* Source and its area, of the size of the box half the time. */
static QXLPHYSICAL any_area(Any *a, QXLDrawable *d, QXLRect *area, uint8_t *scale_mode)
{
    int box_width = d->bbox.right - d->bbox.left, box_height = d->bbox.bottom - d->bbox.top;
    bool scaled = any_chance(a, 40);
    int width = scaled ? any(a, 1, 60) : box_width + any(a, 0, 10);
    int height = scaled ? any(a, 1, 60) : box_height + any(a, 0, 10);
    QXLPHYSICAL image = any_image(a, d, &width, &height);

    *scale_mode = (uint8_t)any(a, 0, 2);
    if (scaled) {
        area->left = any(a, 0, width);
        area->top = any(a, 0, height);
        area->right = any(a, area->left, width + 1);
        area->bottom = any(a, area->top, height + 1);
    } else {
        area->left = width > box_width ? any(a, 0, width - box_width + 1) : any(a, 0, 10);
        area->top = height > box_height ? any(a, 0, height - box_height + 1) : any(a, 0, 10);
        if (width == box_width)
            area->left = 0;
        if (height == box_height)
            area->top = 0;
        area->right = area->left + box_width;
        area->bottom = area->top + box_height;
    }
    any_say(a, " area %d,%d-%d,%d mode %u", area->left, area->top, area->right, area->bottom, *scale_mode);
    if (area->right - area->left != box_width || area->bottom - area->top != box_height)
        a->top_byte_counts = false;
    return image;
}

static void any_transparent(Any *a, QXLDrawable *d)
{
    QXLTransparent *t = &d->u.transparent;
    uint8_t mode;

    t->src_bitmap = any_area(a, d, &t->src_area, &mode);
    t->true_color = any_chance(a, 60) ? any_chance(a, 50) ? 0 : 0xffffff : g_rand_int(a->rand);
    any_say(a, " key %08x", t->true_color);
}

static void any_alpha_blend(Any *a, QXLDrawable *d)
{
    QXLAlphaBlend *b = &d->u.alpha_blend;
    uint8_t mode;

    b->src_bitmap = any_area(a, d, &b->src_area, &mode);
    b->alpha = (uint8_t)(any_chance(a, 40) ? 255 : any(a, 0, 256));
    b->alpha_flags = (uint16_t)any(a, 0, 4);
    any_say(a, " alpha %u flags %u", b->alpha, b->alpha_flags);
}

static uint32_t any_operator(Any *a)
{
    static const struct {
        int begin, end;
    } kinds[] = {{0, 0x0e}, {0, 0x0e}, {0x10, 0x1c}, {0x20, 0x2c}, {0x30, 0x3f}};
    int kind = any(a, 0, G_N_ELEMENTS(kinds));

    return (uint32_t)any(a, kinds[kind].begin, kinds[kind].end);
}

static QXLPHYSICAL any_transform(Any *a)
{
    QXLTransform *t = guest_alloc(a->guest, sizeof(*t));

    if (!any_chance(a, 40))
        return 0;
    *t = (QXLTransform){(uint32_t)any(a, -200000, 200000), (uint32_t)any(a, -70000, 70000),
                        (uint32_t)any(a, 0, 3000000),      (uint32_t)any(a, -70000, 70000),
                        (uint32_t)any(a, -200000, 200000), (uint32_t)any(a, 0, 3000000)};
    any_say(a, " transform %d %d %d %d %d %d", (int)t->t00, (int)t->t01, (int)t->t02, (int)t->t10, (int)t->t11,
            (int)t->t12);
    return (uintptr_t)t;
}

static QXLPHYSICAL any_composite_image(Any *a, QXLDrawable *d)
{
    int width = any(a, 1, 50), height = any(a, 1, 50);

    if (any_chance(a, 60))
        return any_surface_image(a, d, (uint32_t)any(a, 1, GUEST_SURFACES));
    return any_image(a, d, &width, &height);
}

static void any_composite(Any *a, QXLDrawable *d)
{
    QXLComposite *c = &d->u.composite;

    c->flags = any_operator(a) | (uint32_t)any(a, 0, 5) << 8 | (uint32_t)any(a, 0, 5) << 11 |
               (uint32_t)any(a, 0, 4) << 14 | (uint32_t)any(a, 0, 4) << 16;
    if (any_chance(a, 20))
        c->flags |= SPICE_COMPOSITE_COMPONENT_ALPHA;
    if (any_chance(a, 10))
        c->flags |= SPICE_COMPOSITE_SOURCE_OPAQUE | SPICE_COMPOSITE_MASK_OPAQUE;
    if (any_chance(a, 10))
        c->flags |= SPICE_COMPOSITE_DEST_OPAQUE;
    any_say(a, " flags %#x", c->flags);
    c->src = any_composite_image(a, d);
    c->src_transform = any_transform(a);
    if (any_chance(a, 50)) {
        any_say(a, " mask");
        c->mask = any_composite_image(a, d);
        c->mask_transform = any_transform(a);
    }
    c->src_origin = (QXLPoint16){(int16_t)any(a, -10, 30), (int16_t)any(a, -10, 30)};
    c->mask_origin = (QXLPoint16){(int16_t)any(a, -10, 30), (int16_t)any(a, -10, 30)};
    any_say(a, " origins %d,%d %d,%d", c->src_origin.x, c->src_origin.y, c->mask_origin.x, c->mask_origin.y);
}

static void any_copy_bits(Any *a, QXLDrawable *d, const QXLRect *cell)
{
    d->u.copy_bits.src_pos = (QXLPoint){any(a, cell->left - 10, cell->right), any(a, cell->top - 10, cell->bottom)};
    /* Only what the cell had before: others write beside it. */
    d->u.copy_bits.src_pos.x =
        CLAMP(d->u.copy_bits.src_pos.x, cell->left, cell->right - (d->bbox.right - d->bbox.left));
    d->u.copy_bits.src_pos.y =
        CLAMP(d->u.copy_bits.src_pos.y, cell->top, cell->bottom - (d->bbox.bottom - d->bbox.top));
    any_say(a, " from %d,%d", d->u.copy_bits.src_pos.x, d->u.copy_bits.src_pos.y);
}

static void any_members(Any *a, QXLDrawable *d, const QXLRect *cell)
{
    switch (d->type) {
    case QXL_DRAW_FILL:
        d->u.fill.brush = any_brush(a, d);
        d->u.fill.rop_descriptor = any_rop(a);
        d->u.fill.mask = any_mask(a, d);
        break;
    case QXL_DRAW_OPAQUE:
        d->u.opaque.src_bitmap = any_area(a, d, &d->u.opaque.src_area, &d->u.opaque.scale_mode);
        d->u.opaque.brush = any_brush(a, d);
        d->u.opaque.rop_descriptor = any_rop(a);
        d->u.opaque.mask = any_mask(a, d);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        d->u.copy.src_bitmap = any_area(a, d, &d->u.copy.src_area, &d->u.copy.scale_mode);
        d->u.copy.rop_descriptor = any_rop(a);
        d->u.copy.mask = any_mask(a, d);
        break;
    case QXL_COPY_BITS:
        any_copy_bits(a, d, cell);
        break;
    case QXL_DRAW_ROP3:
        d->u.rop3.src_bitmap = any_area(a, d, &d->u.rop3.src_area, &d->u.rop3.scale_mode);
        d->u.rop3.brush = any_brush(a, d);
        d->u.rop3.rop3 = (uint8_t)any(a, 0, 256);
        any_say(a, " rop3 %02x", d->u.rop3.rop3);
        d->u.rop3.mask = any_mask(a, d);
        break;
    case QXL_DRAW_TRANSPARENT:
        any_transparent(a, d);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        any_alpha_blend(a, d);
        break;
    case QXL_DRAW_COMPOSITE:
        any_composite(a, d);
        break;
    case QXL_DRAW_STROKE:
        any_stroke(a, d, cell, any_chance(a, 50));
        break;
    case QXL_DRAW_TEXT:
        any_text(a, d, cell);
        break;
    default:
        d->u.blackness.mask = any_mask(a, d);
        break;
    }
}

QXLDrawable *any_drawable(Any *a, uint8_t type, const QXLRect *cell)
{
    QXLDrawable *d = guest_alloc(a->guest, sizeof(*d));

    g_string_truncate(a->words, 0);
    a->top_byte_counts = true;
    d->type = type;
    d->effect = QXL_EFFECT_BLEND;
    for (unsigned i = 0; i < G_N_ELEMENTS(d->surfaces_dest); i++)
        d->surfaces_dest[i] = -1;
    d->bbox = any_box(a, cell);
    any_say(a, "box %d,%d-%d,%d", d->bbox.left, d->bbox.top, d->bbox.right, d->bbox.bottom);
    d->clip = any_clip(a, &d->bbox);
    any_members(a, d, cell);
    return d;
}
