/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/layer.h"

#include <string.h>

void layer_clear(Layer *layer)
{
    g_clear_pointer(&layer->image, pixman_image_unref);
    pixels_clear(&layer->copy);
    pixels_clear(&layer->pixels);
}

pixman_image_t *canvas_layer(Draw *draw, pixman_format_code_t format, Layer *layer, GError **error)
{
    layer->pixels = draw->canvas->px;
    layer->pixels.owned = NULL;
    layer->pixels.format = format;
    layer->image = pixels_image(&layer->pixels, &layer->copy, error);
    if (layer->image && !pixman_image_set_clip_region32(layer->image, &draw->area.region)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "no memory for a clip");
        g_clear_pointer(&layer->image, pixman_image_unref);
    }
    return layer->image;
}

void canvas_layer_finish(Draw *draw, const Layer *layer)
{
    const Pixels *px = &draw->canvas->px;
    size_t n = ((size_t)px->width * pixels_bits(px) + 7) / 8;

    if (layer->copy.owned)
        for (int32_t y = 0; y < px->height; y++)
            memcpy(px->data + y * px->stride, layer->copy.data + y * layer->copy.stride, n);
}

void canvas_drop_alpha(Draw *draw, const Rect *drawn)
{
    Rect all = pixels_rect(&draw->canvas->px), box = rect_intersect(drawn, &all);
    uint32_t pixel;

    if (rect_is_empty(&box) || rect_is_empty(drawn))
        return;
    memcpy(&pixel, pixels_at(&draw->canvas->px, box.left, box.top), 4);
    if (pixel >> 24 != 0xff)
        return;
    for (int32_t y = box.top; y < box.bottom; y++) {
        uint8_t *row = pixels_at(&draw->canvas->px, box.left, y);

        for (int32_t i = 0; i < box.right - box.left; i++)
            row[4 * i + 3] = 0;
    }
}
