/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pixels: a view of rows of pixels in host memory, the common coin of the canvas.
 *
 * A view covers the rectangle [x0, x0 + width) x [y0, y0 + height) of the coordinates of the picture that it shows: x0
 * and y0 are 0 unless only a part of the picture was fetched. `data` is the top row; a negative stride leads upwards in
 * memory. The memory belongs to somebody else unless `owned` is set. Internal to common/draw.
 */
#pragma once

#include "common/draw/canvas.h"

#include <pixman.h>

typedef struct Pixels {
    uint8_t *data;
    int64_t stride; /* bytes */
    int32_t x0, y0;
    int32_t width, height;
    pixman_format_code_t format;
    void *owned;
} Pixels;

void pixels_clear(Pixels *pixels);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pixels, pixels_clear)

typedef pixman_image_t PixmanImage;
static inline void pixman_image_drop(PixmanImage *image)
{
    pixman_image_unref(image);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PixmanImage, pixman_image_drop)

static inline unsigned pixels_bits(const Pixels *pixels)
{
    return PIXMAN_FORMAT_BPP(pixels->format);
}

/* The address of pixel (x, y), which must be covered; not for 1 bit formats. */
static inline uint8_t *pixels_at(const Pixels *pixels, int64_t x, int64_t y)
{
    return pixels->data + (y - pixels->y0) * pixels->stride + (x - pixels->x0) * (pixels_bits(pixels) / 8);
}

static inline Rect pixels_rect(const Pixels *pixels)
{
    return (Rect){pixels->x0, pixels->y0, pixels->x0 + pixels->width, pixels->y0 + pixels->height};
}

/* New zeroed memory with rows of a multiple of 4 bytes; an error if it would be too much. */
bool pixels_alloc(Pixels *pixels, pixman_format_code_t format, const Rect *area, GError **error);

/* A copy of `area` (inside what is covered; 1 bit formats: everything) of `src`. */
bool pixels_snapshot(Pixels *pixels, const Pixels *src, const Rect *area, GError **error);

/* The same memory cut down to `area`, which must be covered. */
Pixels pixels_part(const Pixels *pixels, const Rect *area);

/* True if pixman can use the memory as it is. */
bool pixels_aligned(const Pixels *pixels);

/*
 * A pixman image of the pixels (its origin is x0, y0) with no transform, filter NEAREST, no repeat and no component
 * alpha. If the memory is not aligned `copy` receives an aligned copy; it must live as long as the image. NULL with an
 * error.
 */
pixman_image_t *pixels_image(const Pixels *pixels, Pixels *copy, GError **error);

/* How a source is stretched: sample of offset i is ((scale_x * (i * 65536 + 32768) + 32768) >> 16) + move_x; 16.16. */
typedef struct Stretch {
    pixman_fixed_t scale_x, scale_y;
    pixman_fixed_t move_x, move_y;
    pixman_filter_t filter;
} Stretch;

/* Stretches src into new pixels of `format` for the offsets of `area`; samples outside of src are 0. */
bool pixels_stretch(Pixels *pixels, const Pixels *src, pixman_format_code_t format, const Rect *area,
                    const Stretch *stretch, GError **error);

/* A copy in another format through pixman. */
bool pixels_convert(Pixels *pixels, const Pixels *src, pixman_format_code_t format, GError **error);
