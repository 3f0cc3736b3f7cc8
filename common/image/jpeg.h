/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JPEG and JPEG_ALPHA: approximate pictures for networks where bytes cost more than exactness. libjpeg does the work.
 *
 * Rows of a JPEG are in display order, whatever that of the source. Reentrant: no state outside the arguments.
 */
#pragma once

#include "common/image/image.h"
#include "common/wire/writer.h"

#define JPEG_IMAGE_ERROR (jpeg_image_error_quark())
typedef enum JpegImageError { JPEG_IMAGE_ERROR_STREAM } JpegImageError;
GQuark jpeg_image_error_quark(void);

/* 16BIT, 24BIT, 32BIT, RGBA. */
bool jpeg_takes_format(uint8_t format);

/* Pixels that lie anywhere in memory. Rows follow each other at `stride` bytes, which is negative for bottom-up ones.
 */
typedef struct JpegRows {
    uint8_t format; /* 16BIT, 24BIT, 32BIT, RGBA */
    uint32_t width, height;
    const uint8_t *top; /* the row that is shown at the top */
    ptrdiff_t stride;
} JpegRows;

/*
 * A frame of a video: quality 1..100, the quick transform, all tables within it. Bytes appended, or 0 with `out`
 * unchanged if the format or size is not one for JPEG.
 */
size_t jpeg_encode_frame(const JpegRows *rows, unsigned quality, WireWriter *out);

/*
 * Appends the JPEG of `height` packed rows at `pixels` to `out`; what RGBA has of alpha is left out. Gives the bytes
 * appended, or 0 with `out` unchanged if they would be more than `max_size`, or the format or size is not one for JPEG.
 */
size_t jpeg_encode(uint8_t format, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels,
                   WireWriter *out, size_t max_size);

/* The same of RGBA pixels, followed by their alpha as an LZ stream. `jpeg_size` are the bytes of the JPEG alone. */
size_t jpeg_alpha_encode(uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels, WireWriter *out,
                         size_t max_size, size_t *jpeg_size);

/* Decodes into packed rows of B, G, R, 0, the top row first. Any input is safe. */
GBytes *jpeg_decode(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height, GError **error);
