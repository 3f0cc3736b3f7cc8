/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/pixels.h"

#include <string.h>

/* No honest operation needs a temporary picture of more bytes. */
#define PIXELS_MAX_BYTES (G_GUINT64_CONSTANT(1) << 28)
/* pixman counts positions in 16.16. */
#define PIXELS_MAX_COORD 32767

void pixels_clear(Pixels *pixels)
{
    g_free(pixels->owned);
    memset(pixels, 0, sizeof(*pixels));
}

bool pixels_alloc(Pixels *pixels, pixman_format_code_t format, const Rect *area, GError **error)
{
    uint64_t width = (uint64_t)((int64_t)area->right - area->left);
    uint64_t height = (uint64_t)((int64_t)area->bottom - area->top);
    uint64_t stride = (width * PIXMAN_FORMAT_BPP(format) + 31) / 32 * 4;

    memset(pixels, 0, sizeof(*pixels));
    if (rect_is_empty(area) || width > G_MAXINT32 || height > PIXELS_MAX_BYTES / stride) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "picture is too large");
        return false;
    }
    pixels->owned = g_try_malloc0(stride * height);
    if (!pixels->owned) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "no memory for a picture");
        return false;
    }
    pixels->data = pixels->owned;
    pixels->stride = (int64_t)stride;
    pixels->x0 = area->left;
    pixels->y0 = area->top;
    pixels->width = (int32_t)width;
    pixels->height = (int32_t)height;
    pixels->format = format;
    return true;
}

Pixels pixels_part(const Pixels *pixels, const Rect *area)
{
    Pixels part = *pixels;

    part.data = pixels_at(pixels, area->left, area->top);
    part.x0 = area->left;
    part.y0 = area->top;
    part.width = area->right - area->left;
    part.height = area->bottom - area->top;
    part.owned = NULL;
    return part;
}

bool pixels_snapshot(Pixels *pixels, const Pixels *src, const Rect *area, GError **error)
{
    Pixels part = pixels_bits(src) < 8 ? *src : pixels_part(src, area);
    Rect covered = pixels_rect(&part);
    size_t bytes = ((size_t)part.width * pixels_bits(src) + 7) / 8;

    if (!pixels_alloc(pixels, src->format, &covered, error))
        return false;
    for (int32_t y = 0; y < part.height; y++)
        memcpy(pixels->data + y * pixels->stride, part.data + y * part.stride, bytes);
    return true;
}

bool pixels_aligned(const Pixels *pixels)
{
    return pixels->stride % 4 == 0 && (uintptr_t)pixels->data % 4 == 0;
}

pixman_image_t *pixels_image(const Pixels *pixels, Pixels *copy, GError **error)
{
    pixman_image_t *image = NULL;
    Rect all = pixels_rect(pixels);

    if (!pixels_aligned(pixels)) {
        if (!pixels_snapshot(copy, pixels, &all, error))
            return NULL;
        pixels = copy;
    }
    if (pixels->width <= PIXELS_MAX_COORD && pixels->height <= PIXELS_MAX_COORD && pixels->stride <= G_MAXINT32 &&
        pixels->stride >= G_MININT32)
        image = pixman_image_create_bits(pixels->format, pixels->width, pixels->height, (uint32_t *)pixels->data,
                                         (int)pixels->stride);
    if (!image) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "picture of %dx%d is too large", pixels->width,
                    pixels->height);
        return NULL;
    }
    pixman_image_set_transform(image, NULL);
    pixman_image_set_filter(image, PIXMAN_FILTER_NEAREST, NULL, 0);
    pixman_image_set_repeat(image, PIXMAN_REPEAT_NONE);
    pixman_image_set_component_alpha(image, FALSE);
    return image;
}

bool pixels_stretch(Pixels *pixels, const Pixels *src, pixman_format_code_t format, const Rect *area,
                    const Stretch *stretch, GError **error)
{
    pixman_transform_t transform = {
        {{stretch->scale_x, 0, stretch->move_x}, {0, stretch->scale_y, stretch->move_y}, {0, 0, pixman_fixed_1}}};
    g_auto(Pixels) copy_in = {0}, copy_out = {0};
    g_autoptr(PixmanImage) in = NULL;
    g_autoptr(PixmanImage) out = NULL;

    if (!pixels_alloc(pixels, format, area, error))
        return false;
    in = pixels_image(src, &copy_in, error);
    out = in ? pixels_image(pixels, &copy_out, error) : NULL;
    if (!out || !pixman_image_set_transform(in, &transform)) {
        pixels_clear(pixels);
        if (out)
            g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "no memory for a transform");
        return false;
    }
    pixman_image_set_filter(in, stretch->filter, NULL, 0);
    pixman_image_composite32(PIXMAN_OP_SRC, in, NULL, out, area->left, area->top, 0, 0, 0, 0, pixels->width,
                             pixels->height);
    return true;
}

bool pixels_convert(Pixels *pixels, const Pixels *src, pixman_format_code_t format, GError **error)
{
    static const Stretch none = {pixman_fixed_1, pixman_fixed_1, 0, 0, PIXMAN_FILTER_NEAREST};
    Rect zero_based = {0, 0, src->width, src->height};

    if (!pixels_stretch(pixels, src, format, &zero_based, &none, error))
        return false;
    pixels->x0 = src->x0;
    pixels->y0 = src->y0;
    return true;
}
