/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/replay/command.h"

#define CLIP_TYPE_RECTS 1
#define BRUSH_TYPE_SOLID 1
#define BRUSH_TYPE_PATTERN 2
#define LINE_FLAGS_STYLED 8

static void read_brush(ReplayBuilder *b, QXLBrush *brush)
{
    brush->type = replay_text_field(b->text, "type");
    if (brush->type == BRUSH_TYPE_SOLID) {
        brush->u.color = replay_text_field(b->text, "u.color");
    } else if (brush->type == BRUSH_TYPE_PATTERN) {
        brush->u.pattern.pat = replay_build_image(b);
        replay_text_point(b->text, &brush->u.pattern.pos);
    }
}

static void read_mask(ReplayBuilder *b, QXLQMask *mask)
{
    mask->flags = (uint8_t)replay_text_field(b->text, "flags");
    replay_text_point(b->text, &mask->pos);
    mask->bitmap = replay_build_image(b);
}

static void read_clip(ReplayBuilder *b, QXLClip *clip)
{
    QXLClipRects *rects;
    uint32_t count;

    clip->type = replay_text_field(b->text, "type");
    if (clip->type != CLIP_TYPE_RECTS) {
        return;
    }
    count = replay_text_field(b->text, "num_rects");
    rects = (QXLClipRects *)replay_build_chunks(b, "clip_rects", offsetof(QXLClipRects, chunk), NULL);
    if (rects) {
        rects->num_rects = count;
    }
    clip->data = (uintptr_t)rects;
}

static void read_fill(ReplayBuilder *b, QXLFill *fill)
{
    read_brush(b, &fill->brush);
    fill->rop_descriptor = (uint16_t)replay_text_field(b->text, "rop_descriptor");
    read_mask(b, &fill->mask);
}

static void read_opaque(ReplayBuilder *b, QXLOpaque *opaque)
{
    opaque->src_bitmap = replay_build_image(b);
    replay_text_rect(b->text, "src_area", &opaque->src_area);
    read_brush(b, &opaque->brush);
    opaque->rop_descriptor = (uint16_t)replay_text_field(b->text, "rop_descriptor");
    opaque->scale_mode = (uint8_t)replay_text_field(b->text, "scale_mode");
    read_mask(b, &opaque->mask);
}

static void read_copy(ReplayBuilder *b, QXLCopy *copy)
{
    copy->src_bitmap = replay_build_image(b);
    replay_text_rect(b->text, "src_area", &copy->src_area);
    copy->rop_descriptor = (uint16_t)replay_text_field(b->text, "rop_descriptor");
    copy->scale_mode = (uint8_t)replay_text_field(b->text, "scale_mode");
    read_mask(b, &copy->mask);
}

static void read_rop3(ReplayBuilder *b, QXLRop3 *rop3)
{
    rop3->src_bitmap = replay_build_image(b);
    replay_text_rect(b->text, "src_area", &rop3->src_area);
    read_brush(b, &rop3->brush);
    rop3->rop3 = (uint8_t)replay_text_field(b->text, "rop3");
    rop3->scale_mode = (uint8_t)replay_text_field(b->text, "scale_mode");
    read_mask(b, &rop3->mask);
}

static void read_stroke(ReplayBuilder *b, QXLStroke *stroke)
{
    stroke->path = (uintptr_t)replay_build_chunks(b, "path", offsetof(QXLPath, chunk), NULL);
    stroke->attr.flags = (uint8_t)replay_text_field(b->text, "attr.flags");
    if (stroke->attr.flags & LINE_FLAGS_STYLED) {
        stroke->attr.style_nseg = (uint8_t)replay_text_field(b->text, "attr.style_nseg");
        stroke->attr.style =
            (uintptr_t)replay_build_blob(b, "style", (ReplayBlobShape){.size = 4 * stroke->attr.style_nseg}, NULL);
    }
    read_brush(b, &stroke->brush);
    stroke->fore_mode = (uint16_t)replay_text_field(b->text, "fore_mode");
    stroke->back_mode = (uint16_t)replay_text_field(b->text, "back_mode");
}

static QXLPHYSICAL read_string(ReplayBuilder *b)
{
    uint32_t data_size = replay_text_field(b->text, "data_size");
    uint16_t length = (uint16_t)replay_text_field(b->text, "length");
    uint16_t flags = (uint16_t)replay_text_field(b->text, "flags");
    QXLString *string = (QXLString *)replay_build_chunks(b, "string", offsetof(QXLString, chunk), NULL);

    if (string) {
        string->data_size = data_size;
        string->length = length;
        string->flags = flags;
    }
    return (uintptr_t)string;
}

static void read_text(ReplayBuilder *b, QXLText *text)
{
    text->str = read_string(b);
    replay_text_rect(b->text, "back_area", &text->back_area);
    read_brush(b, &text->fore_brush);
    read_brush(b, &text->back_brush);
    text->fore_mode = (uint16_t)replay_text_field(b->text, "fore_mode");
    text->back_mode = (uint16_t)replay_text_field(b->text, "back_mode");
}

static void read_transparent(ReplayBuilder *b, QXLTransparent *transparent)
{
    transparent->src_bitmap = replay_build_image(b);
    replay_text_rect(b->text, "src_area", &transparent->src_area);
    transparent->src_color = replay_text_field(b->text, "src_color");
    transparent->true_color = replay_text_field(b->text, "true_color");
}

static void read_alpha_blend(ReplayBuilder *b, QXLAlphaBlend *alpha_blend)
{
    alpha_blend->alpha_flags = (uint16_t)replay_text_field(b->text, "alpha_flags");
    alpha_blend->alpha = (uint8_t)replay_text_field(b->text, "alpha");
    alpha_blend->src_bitmap = replay_build_image(b);
    replay_text_rect(b->text, "src_area", &alpha_blend->src_area);
}

static QXLPHYSICAL read_transform(ReplayBuilder *b, const char *name)
{
    if (!replay_text_flag(b->text, name)) {
        return 0;
    }
    return (uintptr_t)replay_build_blob(b, "transform", (ReplayBlobShape){.size = sizeof(QXLTransform)}, NULL);
}

static void read_origin(ReplayBuilder *b, const char *name, QXLPoint16 *origin)
{
    origin->x = (int16_t)replay_text_field(b->text, name);
    origin->y = (int16_t)replay_text_u32(b->text);
}

static void read_composite(ReplayBuilder *b, QXLComposite *composite)
{
    composite->flags = replay_text_field(b->text, "flags");
    composite->src = replay_build_image(b);
    composite->src_transform = read_transform(b, "src_transform");
    if (replay_text_flag(b->text, "mask")) {
        composite->mask = replay_build_image(b);
    }
    composite->mask_transform = read_transform(b, "mask_transform");
    read_origin(b, "src_origin", &composite->src_origin);
    read_origin(b, "mask_origin", &composite->mask_origin);
}

static void read_drawing(ReplayBuilder *b, QXLDrawable *drawable)
{
    switch (drawable->type) {
    case QXL_DRAW_NOP:
        break;
    case QXL_DRAW_FILL:
        read_fill(b, &drawable->u.fill);
        break;
    case QXL_DRAW_OPAQUE:
        read_opaque(b, &drawable->u.opaque);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        read_copy(b, &drawable->u.copy);
        break;
    case QXL_COPY_BITS:
        replay_text_point(b->text, &drawable->u.copy_bits.src_pos);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        read_mask(b, &drawable->u.blackness.mask);
        break;
    case QXL_DRAW_ROP3:
        read_rop3(b, &drawable->u.rop3);
        break;
    case QXL_DRAW_STROKE:
        read_stroke(b, &drawable->u.stroke);
        break;
    case QXL_DRAW_TEXT:
        read_text(b, &drawable->u.text);
        break;
    case QXL_DRAW_TRANSPARENT:
        read_transparent(b, &drawable->u.transparent);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        read_alpha_blend(b, &drawable->u.alpha_blend);
        break;
    case QXL_DRAW_COMPOSITE:
        read_composite(b, &drawable->u.composite);
        break;
    default:
        /* Recorded without a body; the server will refuse it. */
        break;
    }
}

QXLPHYSICAL replay_build_drawable(ReplayBuilder *b)
{
    QXLDrawable *drawable = replay_build_zeroed(b, sizeof(*drawable));

    replay_text_words(b->text, "drawable");
    replay_text_rect(b->text, "bbox", &drawable->bbox);
    read_clip(b, &drawable->clip);
    drawable->effect = (uint8_t)replay_text_field(b->text, "effect");
    drawable->mm_time = replay_text_field(b->text, "mm_time");
    drawable->self_bitmap = (uint8_t)replay_text_field(b->text, "self_bitmap");
    replay_text_rect(b->text, "self_bitmap_area", &drawable->self_bitmap_area);
    drawable->surface_id = surface_ids_get(b->ids, replay_text_field(b->text, "surface_id"));
    for (unsigned i = 0; i < G_N_ELEMENTS(drawable->surfaces_dest); i++) {
        drawable->surfaces_dest[i] = (int32_t)surface_ids_get(b->ids, replay_text_field(b->text, "surfaces_dest"));
        replay_text_rect(b->text, "surfaces_rects", &drawable->surfaces_rects[i]);
    }
    drawable->type = (uint8_t)replay_text_field(b->text, "type");
    if (!b->text->failed) {
        read_drawing(b, drawable);
    }
    return (uintptr_t)drawable;
}
