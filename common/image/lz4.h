/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The LZ4 image codec: packed rows in blocks of liblz4, after two bytes that name orientation and bitmap format.
 *
 * Reentrant: no state outside the arguments.
 */
#pragma once

#include "common/image/image.h"
#include "common/wire/writer.h"

#define LZ4_IMAGE_ERROR (lz4_image_error_quark())
typedef enum Lz4ImageError { LZ4_IMAGE_ERROR_STREAM } Lz4ImageError;
GQuark lz4_image_error_quark(void);

/* Clients take these SPICE_BITMAP_FMT_* only: 16BIT, 24BIT, 32BIT, RGBA. */
bool lz4_takes_format(uint8_t format);

/*
 * Appends the stream of `height` packed rows at `pixels` to `out`. Gives the bytes appended, or 0 with `out` unchanged
 * if they would be more than `max_size`, or the format or size is not one for this codec.
 */
size_t lz4_encode(uint8_t format, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels,
                  WireWriter *out, size_t max_size);

/* Decodes a stream of a picture of this size, which the stream does not tell, into packed rows. All of it must be
 * consumed and all rows filled. Any input is safe. */
GBytes *lz4_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height, uint8_t *format, bool *top_down,
                   GError **error);
