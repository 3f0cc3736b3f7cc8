/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TEXT: glyphs blended over the surface, and what lies behind them. */
#include "common/draw/layer.h"
#include "common/draw/rop.h"

#include <string.h>

/* Where glyphs lie: beyond 32 bit, if somebody insists. */
typedef struct Bounds {
    int64_t left, top, right, bottom;
} Bounds;

static Bounds glyph_bounds(const Glyph *glyph)
{
    int64_t left = (int64_t)glyph->render_pos.x + glyph->origin.x, top = (int64_t)glyph->render_pos.y + glyph->origin.y;

    return (Bounds){left, top, left + glyph->width, top + glyph->height};
}

static Bounds string_bounds(const GlyphString *string)
{
    Bounds all = glyph_bounds(&string->glyphs[0]);

    for (unsigned i = 1; i < string->n_glyphs; i++) {
        Bounds b = glyph_bounds(&string->glyphs[i]);

        all.left = MIN(all.left, b.left);
        all.top = MIN(all.top, b.top);
        all.right = MAX(all.right, b.right);
        all.bottom = MAX(all.bottom, b.bottom);
    }
    return all;
}

static Rect bounds_clip(const Bounds *bounds, const Rect *rect)
{
    Rect r = {(int32_t)CLAMP(bounds->left, rect->left, rect->right),
              (int32_t)CLAMP(bounds->top, rect->top, rect->bottom),
              (int32_t)CLAMP(bounds->right, rect->left, rect->right),
              (int32_t)CLAMP(bounds->bottom, rect->top, rect->bottom)};

    if (rect_is_empty(&r))
        return (Rect){0};
    return r;
}

/* Pixels first..end of a row of a glyph go on top of what is there. */
static void glyph_row(unsigned bits, const uint8_t *row, int32_t first, int32_t end, uint8_t *mask)
{
    for (int32_t i = first; i < end; i++, mask++) {
        unsigned v;

        switch (bits) {
        case 1:
            if (row[i / 8] >> (7 - i % 8) & 1)
                *mask = 255;
            break;
        case 4:
            /* Clients forget to cut off the left neighbour before they compare. */
            v = i % 2 ? (unsigned)row[i / 2] << 4 : row[i / 2] & 0xf0;
            if (v > *mask)
                *mask = (uint8_t)v;
            break;
        default:
            *mask = MAX(*mask, row[i]);
            break;
        }
    }
}

static void glyph_put(const Glyph *glyph, unsigned bits, const Pixels *mask)
{
    Bounds bounds = glyph_bounds(glyph);
    Rect covered = pixels_rect(mask), r = bounds_clip(&bounds, &covered);
    size_t pitch = glyph_row_bytes(bits, glyph->width);

    for (int32_t y = r.top; y < r.bottom; y++)
        glyph_row(bits, glyph->data + (size_t)(bounds.bottom - 1 - y) * pitch, (int32_t)(r.left - bounds.left),
                  (int32_t)(r.right - bounds.left), pixels_at(mask, r.left, y));
}

static pixman_image_t *text_color(const Draw *draw, uint32_t color)
{
    pixman_color_t c = {.alpha = 0xffff};

    if (pixels_bits(&draw->canvas->px) == 16) {
        /* 555 on 565 surfaces too. */
        c.red = (uint16_t)((color >> 10 & 31) * 65535 / 31);
        c.green = (uint16_t)((color >> 5 & 31) * 65535 / 31);
        c.blue = (uint16_t)((color & 31) * 65535 / 31);
    } else {
        c.red = (uint16_t)((color >> 16 & 255) * 0x101);
        c.green = (uint16_t)((color >> 8 & 255) * 0x101);
        c.blue = (uint16_t)((color & 255) * 0x101);
    }
    return pixman_image_create_solid_fill(&c);
}

/* The foreground; image == NULL if there is none, and nothing is to be drawn. */
static bool text_brush(Draw *draw, const Brush *brush, Layer *layer, GError **error)
{
    switch (brush->type) {
    case SPICE_BRUSH_TYPE_NONE:
        return true;
    case SPICE_BRUSH_TYPE_SOLID:
        layer->image = text_color(draw, brush->color);
        return true;
    case SPICE_BRUSH_TYPE_PATTERN:
        if (!image_fetch(draw, brush->pattern, FETCH_TARGET, NULL, &layer->pixels, NULL, error))
            return false;
        if (pixels_bits(&layer->pixels) != pixels_bits(&draw->canvas->px)) {
            g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_SURFACE, "pattern has another depth than the surface");
            return false;
        }
        if (draw->dry)
            return true;
        layer->image = pixels_image(&layer->pixels, &layer->copy, error);
        if (layer->image)
            pixman_image_set_repeat(layer->image, PIXMAN_REPEAT_NORMAL);
        return layer->image != NULL;
    default:
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "brush type %u is not known", brush->type);
        return false;
    }
}

static int positive_rest(int64_t value, int32_t size)
{
    int64_t r = size > 0 ? value % size : 0;

    return (int)(r < 0 ? r + size : r);
}

/* What is drawn of the glyphs: the part of their bounds that lies in the extents of the area. */
static bool text_mask(Draw *draw, Bounds *bounds, Layer *mask, GError **error)
{
    const GlyphString *string = draw->op->u.text.string;
    unsigned bits = glyph_string_bits(string->flags);
    Rect extents = area_extents(&draw->area), part;

    *bounds = string_bounds(string);
    part = bounds_clip(bounds, &extents);
    if (rect_is_empty(&part))
        return true;
    if (!pixels_alloc(&mask->pixels, PIXMAN_a8, &part, error))
        return false;
    for (unsigned i = 0; i < string->n_glyphs; i++)
        glyph_put(&string->glyphs[i], bits, &mask->pixels);
    mask->image = pixels_image(&mask->pixels, &mask->copy, error);
    return mask->image != NULL;
}

static void text_blend(Draw *draw, const Bounds *bounds, const Layer *brush, const Layer *mask, const Layer *dst)
{
    Rect part = pixels_rect(&mask->pixels), canvas = pixels_rect(&draw->canvas->px), drawn;
    const Point *pos = &draw->op->u.text.fore_brush.pos;
    /* A pattern begins at the top left corner of the glyphs. */
    int x = positive_rest(part.left - bounds->left - pos->x, brush->pixels.width);
    int y = positive_rest(part.top - bounds->top - pos->y, brush->pixels.height);

    pixman_image_composite32(PIXMAN_OP_OVER, brush->image, mask->image, dst->image, x, y, 0, 0, part.left, part.top,
                             part.right - part.left, part.bottom - part.top);
    canvas_layer_finish(draw, dst);
    drawn = bounds_clip(bounds, &canvas);
    if (draw->canvas->format == SPICE_SURFACE_FMT_32_xRGB)
        canvas_drop_alpha(draw, &drawn);
}

/* The area behind the text; the area of the drawing itself is as before afterwards. */
static bool text_background(Draw *draw, GError **error)
{
    Rect extents = area_extents(&draw->area), back = rect_intersect(&draw->op->u.text.back_area, &extents);
    g_auto(Fill) fill = {0};
    pixman_region32_t whole;

    if (!fill_init(draw, &draw->op->u.text.back_brush, ROP_A, &fill, error))
        return false;
    pixman_region32_init(&whole);
    pixman_region32_copy(&whole, &draw->area.region);
    if (rect_is_empty(&back))
        pixman_region32_clear(&draw->area.region);
    else
        pixman_region32_intersect_rect(&draw->area.region, &draw->area.region, back.left, back.top,
                                       (unsigned)(back.right - back.left), (unsigned)(back.bottom - back.top));
    fill_area(draw, &fill);
    pixman_region32_copy(&draw->area.region, &whole);
    pixman_region32_fini(&whole);
    return true;
}

static bool text_check(const DrawOp *op, GError **error)
{
    if (op->u.text.string->n_glyphs == 0)
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "a text without glyphs");
    else if (!glyph_string_bits(op->u.text.string->flags))
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "glyphs of an unknown depth");
    else if (!rect_is_empty(&op->u.text.back_area) && op->u.text.fore_mode != SPICE_ROPD_OP_PUT)
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "rop %#x for a text with a background",
                    op->u.text.fore_mode);
    else
        return true;
    return false;
}

bool draw_text(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    g_auto(Layer) brush = {0}, mask = {0}, dst = {0};
    bool background = !rect_is_empty(&op->u.text.back_area);
    Bounds bounds;

    if (!text_check(op, error) || !area_init(draw, NULL, error) ||
        !text_brush(draw, &op->u.text.fore_brush, &brush, error) || !text_mask(draw, &bounds, &mask, error))
        return false;
    if (brush.image && mask.image && !canvas_layer(draw, draw->canvas->px.format, &dst, error))
        return false;
    if (background && !text_background(draw, error))
        return false;
    if (!brush.image || !mask.image)
        return true;
    if (background && dst.copy.owned) {
        layer_clear(&dst); /* a copy of what was there before the background */
        if (!canvas_layer(draw, draw->canvas->px.format, &dst, error))
            return false;
    }
    text_blend(draw, &bounds, &brush, &mask, &dst);
    return true;
}
