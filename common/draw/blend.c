/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ALPHA_BLEND and COMPOSITE: what pixman does with colours and alpha. */
#include "common/draw/draw.h"
#include "common/draw/layer.h"
#include "common/draw/rop.h"

#include <string.h>

#define COMPOSITE_OP(flags) ((flags)&0xff)
#define COMPOSITE_SRC_FILTER(flags) ((flags) >> 8 & 7)
#define COMPOSITE_MASK_FILTER(flags) ((flags) >> 11 & 7)
#define COMPOSITE_SRC_REPEAT(flags) ((flags) >> 14 & 3)
#define COMPOSITE_MASK_REPEAT(flags) ((flags) >> 16 & 3)

#define COMPOSITE_MIN_TILE 128 /* pixels */

/* Source, its transform, and where in it the box starts. */
static bool blend_source(Draw *draw, Layer *layer, int *x, int *y, GError **error)
{
    const DrawOp *op = draw->op;
    const Rect *src_area = &op->u.alpha_blend.src_area;
    bool stretched = !rect_same_size(src_area, &op->box);
    const Canvas *surface;
    Stretch stretch;

    *x = stretched ? 0 : src_area->left;
    *y = stretched ? 0 : src_area->top;
    if (!image_fetch(draw, op->u.alpha_blend.src, FETCH_ORIGINAL, NULL, &layer->pixels, &surface, error) ||
        (stretched && !stretch_init(draw, src_area, SPICE_IMAGE_SCALE_MODE_NEAREST, &stretch, error)))
        return false;
    if (draw->dry)
        return true;
    if (surface && surface->format == SPICE_SURFACE_FMT_32_xRGB &&
        op->u.alpha_blend.alpha_flags & SPICE_ALPHA_FLAGS_SRC_SURFACE_HAS_ALPHA)
        layer->pixels.format = PIXMAN_a8r8g8b8;
    layer->image = pixels_image(&layer->pixels, &layer->copy, error);
    if (layer->image && stretched)
        pixman_image_set_transform(layer->image, &(pixman_transform_t){{{stretch.scale_x, 0, stretch.move_x},
                                                                        {0, stretch.scale_y, stretch.move_y},
                                                                        {0, 0, pixman_fixed_1}}});
    return layer->image != NULL;
}

bool draw_alpha_blend(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    bool xrgb = draw->canvas->format == SPICE_SURFACE_FMT_32_xRGB;
    bool dest_alpha = op->u.alpha_blend.alpha_flags & SPICE_ALPHA_FLAGS_DEST_HAS_ALPHA;
    pixman_color_t color = {.alpha = (uint16_t)(op->u.alpha_blend.alpha * 0x101)};
    g_auto(Layer) src = {0}, dst = {0};
    g_autoptr(PixmanImage) alpha = NULL;
    Rect extents;
    int x, y;

    if (pixels_bits(&draw->canvas->px) < 8) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "cannot blend on a 1 bit surface");
        return false;
    }
    if (!area_init(draw, NULL, error) || !blend_source(draw, &src, &x, &y, error))
        return false;
    extents = area_extents(&draw->area);
    if (op->u.alpha_blend.alpha == 0 || rect_is_empty(&extents))
        return true;
    if (!canvas_layer(draw, xrgb && dest_alpha ? PIXMAN_a8r8g8b8 : draw->canvas->px.format, &dst, error))
        return false;
    if (op->u.alpha_blend.alpha != 255)
        alpha = pixman_image_create_solid_fill(&color);
    /* Positions beyond 32 bit are outside of every source: nothing to blend. */
    int64_t src_x = (int64_t)x + extents.left - op->box.left, src_y = (int64_t)y + extents.top - op->box.top;
    if (ABS(src_x) <= G_MAXINT16 && ABS(src_y) <= G_MAXINT16)
        pixman_image_composite32(PIXMAN_OP_OVER, src.image, alpha, dst.image, (int)src_x, (int)src_y, 0, 0,
                                 extents.left, extents.top, extents.right - extents.left, extents.bottom - extents.top);
    canvas_layer_finish(draw, &dst);
    if (xrgb && !dest_alpha)
        canvas_drop_alpha(draw, &op->box);
    return true;
}

static bool composite_flags_check(const Draw *draw, GError **error)
{
    uint32_t flags = draw->op->u.composite.flags, op_code = COMPOSITE_OP(flags);
    bool known = op_code <= PIXMAN_OP_SATURATE ||
                 (op_code >= PIXMAN_OP_DISJOINT_CLEAR && op_code <= PIXMAN_OP_DISJOINT_XOR) ||
                 (op_code >= PIXMAN_OP_CONJOINT_CLEAR && op_code <= PIXMAN_OP_CONJOINT_XOR) ||
                 (op_code >= PIXMAN_OP_MULTIPLY && op_code <= PIXMAN_OP_HSL_LUMINOSITY);

    if (!known || COMPOSITE_SRC_FILTER(flags) > PIXMAN_FILTER_BILINEAR ||
        (draw->op->u.composite.mask && COMPOSITE_MASK_FILTER(flags) > PIXMAN_FILTER_BILINEAR)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "operator or filter of composite %#x is not known", flags);
        return false;
    }
    if (flags & SPICE_COMPOSITE_DEST_OPAQUE && pixels_bits(&draw->canvas->px) < 16) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "a surface without colours cannot be opaque");
        return false;
    }
    return true;
}

/*
 * pixman finds the place in a repeated picture by steps of its size: a tiny picture far away would take it seconds. The
 * same picture several times side by side gives the same pixels.
 */
static bool layer_enlarge(Layer *layer, GError **error)
{
    Pixels *src = &layer->pixels;
    g_auto(Pixels) bytes = {0}, large = {0};
    Rect area;

    if ((src->width >= COMPOSITE_MIN_TILE && src->height >= COMPOSITE_MIN_TILE) ||
        (src->width == 1 && src->height == 1))
        return true;
    if (pixels_bits(src) < 8) {
        if (!pixels_convert(&bytes, src, PIXMAN_a8, error))
            return false;
        src = &bytes;
    }
    area = (Rect){0, 0, (COMPOSITE_MIN_TILE + src->width - 1) / src->width * src->width,
                  (COMPOSITE_MIN_TILE + src->height - 1) / src->height * src->height};
    if (!pixels_alloc(&large, src->format, &area, error))
        return false;
    for (int32_t y = 0; y < large.height; y++)
        for (int32_t x = 0; x < large.width; x += src->width)
            memcpy(pixels_at(&large, x, y), src->data + y % src->height * src->stride,
                   (size_t)src->width * (pixels_bits(src) / 8));
    pixels_clear(&layer->pixels);
    layer->pixels = large;
    large.owned = NULL;
    return true;
}

static bool composite_layer(Draw *draw, const Image *image, bool opaque, const Transform *t, unsigned filter,
                            unsigned repeat, Layer *layer, GError **error)
{
    const Canvas *surface;

    if (!image_fetch(draw, image, FETCH_TARGET, NULL, &layer->pixels, &surface, error))
        return false;
    if (surface && opaque) {
        if (pixels_bits(&layer->pixels) < 16) {
            g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "a surface without colours cannot be opaque");
            return false;
        }
        if (layer->pixels.format == PIXMAN_a8r8g8b8)
            layer->pixels.format = PIXMAN_x8r8g8b8;
    }
    if (draw->dry)
        return true;
    if (t && repeat == PIXMAN_REPEAT_NORMAL && !layer_enlarge(layer, error))
        return false;
    layer->image = pixels_image(&layer->pixels, &layer->copy, error);
    if (!layer->image)
        return false;
    if (t) {
        pixman_transform_t transform = {{{(pixman_fixed_t)t->t[0], (pixman_fixed_t)t->t[1], (pixman_fixed_t)t->t[2]},
                                         {(pixman_fixed_t)t->t[3], (pixman_fixed_t)t->t[4], (pixman_fixed_t)t->t[5]},
                                         {0, 0, pixman_fixed_1}}};
        pixman_image_set_transform(layer->image, &transform);
    }
    pixman_image_set_filter(layer->image, (pixman_filter_t)filter, NULL, 0);
    pixman_image_set_repeat(layer->image, (pixman_repeat_t)repeat);
    return true;
}

/*
 * Clients compose the whole box beside the surface, and copy what is not clipped away. Where a pixel lies in what
 * pixman is given changes the rounding of some operators, so this does the same.
 */
static bool composite_apart(Draw *draw, const Layer *src, const Layer *mask, GError **error)
{
    const DrawOp *op = draw->op;
    Rect all = pixels_rect(&draw->canvas->px), box = rect_intersect(&op->box, &all);
    int dx = box.left - op->box.left, dy = box.top - op->box.top;
    g_auto(RawSource) result = {0};
    g_auto(Layer) dst = {0};

    if (!pixels_snapshot(&result.pixels, &draw->canvas->px, &box, error))
        return false;
    dst.image = pixels_image(&result.pixels, &dst.copy, error);
    if (!dst.image)
        return false;
    pixman_image_composite32((pixman_op_t)COMPOSITE_OP(op->u.composite.flags), src->image, mask->image, dst.image,
                             op->u.composite.src_x + dx, op->u.composite.src_y + dy, op->u.composite.mask_x + dx,
                             op->u.composite.mask_y + dy, 0, 0, box.right - box.left, box.bottom - box.top);
    raw_source_copy(draw, &result, ROP_A);
    return true;
}

/* For 1 bit surfaces, of which no part can be copied. */
static bool composite_in_place(Draw *draw, const Layer *src, const Layer *mask, GError **error)
{
    const DrawOp *op = draw->op;
    Rect extents = area_extents(&draw->area);
    int dx = extents.left - op->box.left, dy = extents.top - op->box.top;
    g_auto(Layer) dst = {0};

    if (!canvas_layer(draw, draw->canvas->px.format, &dst, error))
        return false;
    pixman_image_composite32((pixman_op_t)COMPOSITE_OP(op->u.composite.flags), src->image, mask->image, dst.image,
                             op->u.composite.src_x + dx, op->u.composite.src_y + dy, op->u.composite.mask_x + dx,
                             op->u.composite.mask_y + dy, extents.left, extents.top, extents.right - extents.left,
                             extents.bottom - extents.top);
    canvas_layer_finish(draw, &dst);
    return true;
}

bool draw_composite(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    uint32_t flags = op->u.composite.flags;
    g_auto(Layer) src = {0}, mask = {0};

    if (!composite_flags_check(draw, error) || !area_init(draw, NULL, error) ||
        !composite_layer(draw, op->u.composite.src, flags & SPICE_COMPOSITE_SOURCE_OPAQUE,
                         flags & SPICE_COMPOSITE_HAS_SRC_TRANSFORM ? &op->u.composite.src_transform : NULL,
                         COMPOSITE_SRC_FILTER(flags), COMPOSITE_SRC_REPEAT(flags), &src, error))
        return false;
    if (op->u.composite.mask) {
        if (!composite_layer(draw, op->u.composite.mask, false,
                             flags & SPICE_COMPOSITE_HAS_MASK_TRANSFORM ? &op->u.composite.mask_transform : NULL,
                             COMPOSITE_MASK_FILTER(flags), COMPOSITE_MASK_REPEAT(flags), &mask, error))
            return false;
        if (mask.image)
            pixman_image_set_component_alpha(mask.image, (flags & SPICE_COMPOSITE_COMPONENT_ALPHA) != 0);
    }
    if (!pixman_region32_not_empty(&draw->area.region))
        return true;
    if ((int64_t)draw->canvas->px.width - op->box.left > G_MAXINT16 ||
        (int64_t)draw->canvas->px.height - op->box.top > G_MAXINT16) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "box of a composite is too large");
        return false;
    }
    return pixels_bits(&draw->canvas->px) < 8 ? composite_in_place(draw, &src, &mask, error)
                                              : composite_apart(draw, &src, &mask, error);
}
