/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/draw.h"

#include <string.h>

static bool area_init_clip(Area *area, const DrawOp *op, const Rect *bounds)
{
    g_autofree pixman_box32_t *boxes = NULL;
    int n = 0;

    if (rect_is_empty(bounds)) {
        pixman_region32_init(&area->region);
        return true;
    }
    if (!op->has_clip) {
        pixman_region32_init_rect(&area->region, bounds->left, bounds->top, (unsigned)(bounds->right - bounds->left),
                                  (unsigned)(bounds->bottom - bounds->top));
        return true;
    }
    boxes = op->n_clip_rects <= G_MAXINT ? g_try_new(pixman_box32_t, op->n_clip_rects) : NULL;
    for (uint32_t i = 0; boxes && i < op->n_clip_rects; i++) {
        Rect r = rect_intersect(&op->clip_rects[i], bounds);

        if (!rect_is_empty(&r))
            boxes[n++] = (pixman_box32_t){r.left, r.top, r.right, r.bottom};
    }
    if (n == 0) {
        pixman_region32_init(&area->region);
        return boxes || op->n_clip_rects == 0;
    }
    return pixman_region32_init_rects(&area->region, boxes, n);
}

/* The bits of the mask image; a surface that is drawn on is copied first. */
static bool area_fetch_mask(Draw *draw, const Image *image, Pixels *mask, bool *msb_first, GError **error)
{
    if (image->type == SPICE_IMAGE_TYPE_SURFACE) {
        const Canvas *surface = draw->lookup ? draw->lookup(image->surface_id, draw->opaque) : NULL;

        if (!surface || surface->format != SPICE_SURFACE_FMT_1_A) {
            g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_SURFACE, "surface %u cannot be a mask", image->surface_id);
            return false;
        }
        *msb_first = false;
        if (surface == draw->canvas)
            return pixels_snapshot(mask, &surface->px, NULL, error);
        *mask = surface->px;
        mask->owned = NULL;
        return true;
    }
    const Bitmap *bitmap = &image->bitmap;
    if (image->type != SPICE_IMAGE_TYPE_BITMAP || image->width == 0 || image->height == 0 ||
        image->width > G_MAXINT32 || image->height > G_MAXINT32 ||
        (bitmap->format != SPICE_BITMAP_FMT_1BIT_LE && bitmap->format != SPICE_BITMAP_FMT_1BIT_BE) ||
        bitmap->stride < (image->width + 7) / 8) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "image cannot be a mask");
        return false;
    }
    *msb_first = bitmap->format == SPICE_BITMAP_FMT_1BIT_BE;
    memset(mask, 0, sizeof(*mask));
    mask->data = (uint8_t *)bitmap_peek(bitmap);
    mask->stride = bitmap->stride;
    mask->width = (int32_t)image->width;
    mask->height = (int32_t)image->height;
    mask->format = PIXMAN_a1;
    if (!bitmap->top_down) {
        mask->data += (mask->height - 1) * mask->stride;
        mask->stride = -mask->stride;
    }
    return true;
}

bool area_init(Draw *draw, const Mask *mask, GError **error)
{
    Area *area = &draw->area;
    const Rect *box = &draw->op->box;
    Rect surface = pixels_rect(&draw->canvas->px), bounds;

    memset(area, 0, sizeof(*area));
    pixman_region32_init(&area->region);
    if (mask && mask->image) {
        if (!area_fetch_mask(draw, mask->image, &area->mask, &area->mask_msb_first, error))
            return false;
        area->masked = true;
        area->mask_invers = mask->flags & SPICE_MASK_FLAGS_INVERS;
        area->mask_dx = (int64_t)mask->pos.x - box->left;
        area->mask_dy = (int64_t)mask->pos.y - box->top;
        /* Outside of the mask image nothing is selected. */
        surface.left = (int32_t)CLAMP(-area->mask_dx, 0, surface.right);
        surface.top = (int32_t)CLAMP(-area->mask_dy, 0, surface.bottom);
        surface.right = (int32_t)CLAMP(area->mask.width - area->mask_dx, 0, surface.right);
        surface.bottom = (int32_t)CLAMP(area->mask.height - area->mask_dy, 0, surface.bottom);
    }
    if (draw->dry)
        return true;
    bounds = rect_intersect(box, &surface);
    if (rect_is_empty(box))
        bounds = (Rect){0};
    if (!area_init_clip(area, draw->op, &bounds)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "no memory for a clip of %u rectangles",
                    draw->op->n_clip_rects);
        return false;
    }
    return true;
}

void area_clear(Area *area)
{
    pixman_region32_fini(&area->region);
    pixels_clear(&area->mask);
}

Rect area_extents(const Area *area)
{
    const pixman_box32_t *e = pixman_region32_extents((pixman_region32_t *)&area->region);

    return (Rect){e->x1, e->y1, e->x2, e->y2};
}

static bool area_bit(const Area *area, const uint8_t *row, int64_t mx)
{
    unsigned shift = mx & 7;

    return ((row[mx >> 3] >> (area->mask_msb_first ? 7 - shift : shift)) & 1) != area->mask_invers;
}

static void area_each_masked(const Area *area, const pixman_box32_t *box, AreaFunc func, void *data)
{
    for (int32_t y = box->y1; y < box->y2; y++) {
        const uint8_t *row = area->mask.data + (y + area->mask_dy) * area->mask.stride;
        int32_t x = box->x1;

        while (x < box->x2) {
            int32_t start;

            while (x < box->x2 && !area_bit(area, row, x + area->mask_dx))
                x++;
            start = x;
            while (x < box->x2 && area_bit(area, row, x + area->mask_dx))
                x++;
            if (start < x)
                func(&(Rect){start, y, x, y + 1}, data);
        }
    }
}

void area_each(const Area *area, AreaFunc func, void *data)
{
    int n;
    const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)&area->region, &n);

    for (int i = 0; i < n; i++) {
        if (area->masked)
            area_each_masked(area, &boxes[i], func, data);
        else
            func(&(Rect){boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2}, data);
    }
}
