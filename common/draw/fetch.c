/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/draw.h"

#include <string.h>

/*
 * The format into which a bitmap decodes; 0: it cannot be drawn on such a surface. The colours of a palette are raw
 * pixels of the surface; clients take their top byte for alpha only in an original fetch.
 */
static pixman_format_code_t bitmap_native_format(const Bitmap *bitmap, FetchMode mode, pixman_format_code_t canvas)
{
    switch (bitmap->format) {
    case SPICE_BITMAP_FMT_1BIT_BE:
    case SPICE_BITMAP_FMT_4BIT_BE:
    case SPICE_BITMAP_FMT_8BIT:
        if (bitmap->palette && PIXMAN_FORMAT_BPP(canvas) == 32)
            return mode == FETCH_ORIGINAL ? canvas : PIXMAN_x8r8g8b8;
        return bitmap->palette && canvas == PIXMAN_x1r5g5b5 ? canvas : 0;
    case SPICE_BITMAP_FMT_16BIT:
        return PIXMAN_x1r5g5b5;
    case SPICE_BITMAP_FMT_24BIT:
    case SPICE_BITMAP_FMT_32BIT:
        return PIXMAN_x8r8g8b8;
    case SPICE_BITMAP_FMT_RGBA:
        return PIXMAN_a8r8g8b8;
    case SPICE_BITMAP_FMT_8BIT_A:
        return PIXMAN_a8;
    default:
        return 0;
    }
}

static uint32_t palette_color(const Palette *palette, unsigned index)
{
    return index < palette->n ? palette->entries[index] : 0;
}

static unsigned bitmap_index(uint8_t format, const uint8_t *row, int32_t x)
{
    switch (format) {
    case SPICE_BITMAP_FMT_1BIT_BE:
        return row[x / 8] >> (7 - x % 8) & 1;
    case SPICE_BITMAP_FMT_4BIT_BE:
        return x % 2 ? row[x / 2] & 15 : row[x / 2] >> 4;
    default:
        return row[x];
    }
}

/* Pixels x..x+n of a stored row to native pixels. */
static void bitmap_decode_row(const Bitmap *bitmap, bool high_bits, const uint8_t *row, int32_t x, int32_t n,
                              uint8_t *out, unsigned out_bits)
{
    uint32_t high = high_bits ? 0xff000000 : 0;
    unsigned bytes = bitmap_format_bits(bitmap->format) / 8;

    if (bitmap_format_indexed(bitmap->format)) {
        for (int32_t i = 0; i < n; i++) {
            uint32_t color = palette_color(bitmap->palette, bitmap_index(bitmap->format, row, x + i)) | high;

            if (out_bits == 16)
                ((uint16_t *)out)[i] = (uint16_t)color;
            else
                ((uint32_t *)out)[i] = color;
        }
        return;
    }
    row += (size_t)x * bytes;
    if (bitmap->format == SPICE_BITMAP_FMT_24BIT) {
        for (int32_t i = 0; i < n; i++, row += 3)
            ((uint32_t *)out)[i] = high | (uint32_t)row[2] << 16 | (uint32_t)row[1] << 8 | row[0];
        return;
    }
    memcpy(out, row, (size_t)n * bytes);
    for (int32_t i = 0; high && i < n; i++)
        ((uint32_t *)out)[i] |= high;
}

/* The stored pixels without any change, as a view. Only for formats that pixman has too. */
static Pixels bitmap_view(const Image *image, pixman_format_code_t format)
{
    const Bitmap *bitmap = &image->bitmap;
    Pixels view = {.data = (uint8_t *)bitmap_peek(bitmap),
                   .stride = bitmap->stride,
                   .width = (int32_t)image->width,
                   .height = (int32_t)image->height,
                   .format = format};

    if (!bitmap->top_down) {
        view.data += (view.height - 1) * view.stride;
        view.stride = -view.stride;
    }
    return view;
}

static bool bitmap_decode(const Image *image, pixman_format_code_t native, bool high_bits, const Rect *area,
                          Pixels *pixels, GError **error)
{
    Pixels view = bitmap_view(image, native);

    if (!pixels_alloc(pixels, native, area, error))
        return false;
    for (int32_t y = 0; y < pixels->height; y++)
        bitmap_decode_row(&image->bitmap, high_bits, view.data + (area->top + y) * view.stride, area->left,
                          pixels->width, pixels->data + y * pixels->stride, pixels_bits(pixels));
    return true;
}

static bool bitmap_check(const Image *image, GError **error)
{
    const Bitmap *bitmap = &image->bitmap;

    if (bitmap_format_valid(bitmap->format) && image->width > 0 && image->width <= G_MAXINT32 && image->height > 0 &&
        image->height <= G_MAXINT32 && bitmap->stride > 0 &&
        bitmap->stride >= bitmap_row_bytes(bitmap->format, image->width))
        return true;
    g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "bitmap of format %u is malformed", bitmap->format);
    return false;
}

static bool bitmap_fetch(const Image *image, pixman_format_code_t canvas, FetchMode mode, const Rect *area,
                         Pixels *pixels, GError **error)
{
    const Bitmap *bitmap = &image->bitmap;
    pixman_format_code_t native = bitmap_native_format(bitmap, mode, canvas), target = native;
    Rect all = {0, 0, (int32_t)image->width, (int32_t)image->height}, part = all;
    bool high_bits = image->high_bits_set && native == PIXMAN_x8r8g8b8;
    bool as_stored = !high_bits && PIXMAN_FORMAT_BPP(native) == bitmap_format_bits(bitmap->format);
    g_auto(Pixels) decoded = {0};

    if (native == 0) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "bitmap of format %u cannot be drawn on this surface",
                    bitmap->format);
        return false;
    }
    if (mode == FETCH_TARGET && PIXMAN_FORMAT_BPP(canvas) != 32)
        target = canvas;
    else if (mode == FETCH_TARGET && native != PIXMAN_a8r8g8b8)
        target = PIXMAN_x8r8g8b8;
    if (area)
        part = rect_intersect(&all, area);
    if (rect_is_empty(&part)) {
        *pixels = (Pixels){.format = target};
        return true;
    }
    if (as_stored && target == native && (uintptr_t)bitmap_peek(bitmap) % 4 == 0) {
        *pixels = bitmap_view(image, native);
        return true;
    }
    if (!bitmap_decode(image, native, high_bits, &part, &decoded, error))
        return false;
    if (target != native)
        return pixels_convert(pixels, &decoded, target, error);
    *pixels = decoded;
    decoded.owned = NULL;
    return true;
}

static bool surface_fetch(Draw *draw, uint32_t surface_id, const Rect *area, Pixels *pixels, const Canvas **surface,
                          GError **error)
{
    const Canvas *source = draw->lookup ? draw->lookup(surface_id, draw->opaque) : NULL;
    Rect part;

    if (!source) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_SURFACE, "surface %u does not exist", surface_id);
        return false;
    }
    if (surface)
        *surface = source;
    part = pixels_rect(&source->px);
    if (source == draw->canvas) {
        if (area)
            part = rect_intersect(&part, area);
        if (rect_is_empty(&part)) {
            *pixels = (Pixels){.format = source->px.format};
            return true;
        }
        return pixels_snapshot(pixels, &source->px, &part, error);
    }
    *pixels = source->px;
    pixels->owned = NULL;
    return true;
}

bool image_fetch(Draw *draw, const Image *image, FetchMode mode, const Rect *area, Pixels *pixels,
                 const Canvas **surface, GError **error)
{
    static const Rect nothing = {0};
    g_autoptr(Image) self = NULL;

    if (surface)
        *surface = NULL;
    if (draw->dry)
        area = &nothing;
    if (!image && draw->op->self_bitmap) {
        Rect all = pixels_rect(&draw->canvas->px), inside = rect_intersect(&all, &draw->op->self_bitmap_area);

        if (rect_is_empty(&draw->op->self_bitmap_area) || !rect_equal(&inside, &draw->op->self_bitmap_area)) {
            g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "self bitmap is outside of the surface");
            return false;
        }
        if (draw->dry) /* its format is what counts */
            inside = (Rect){inside.left, inside.top, inside.left + 1, inside.top + 1};
        self = canvas_read(draw->canvas, &inside, 0, true);
        if (!bitmap_fetch(self, draw->canvas->px.format, mode, area, pixels, error))
            return false;
        if (!pixels->owned && pixels->width > 0) {
            Pixels view = *pixels;
            Rect whole = pixels_rect(&view);

            return pixels_snapshot(pixels, &view, &whole, error);
        }
        return true;
    }
    if (image && image->type == SPICE_IMAGE_TYPE_SURFACE)
        return surface_fetch(draw, image->surface_id, area, pixels, surface, error);
    if (image && image->type == SPICE_IMAGE_TYPE_BITMAP)
        return bitmap_check(image, error) && bitmap_fetch(image, draw->canvas->px.format, mode, area, pixels, error);
    g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "image is missing or of an unknown type");
    return false;
}
