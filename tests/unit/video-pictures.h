/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures for video encoders, in all their formats, and how near a decoded one is. */
#pragma once

#include "common/image/image.h"
#include "common/wire/geometry.h"

/*
 * Soft colours with a few edges that move with `frame`. Rows are packed. To be freed with video_picture_free(). The
 * picture shown is the same for all formats, but for the precision of 16BIT.
 */
Bitmap video_picture(uint8_t format, bool top_down, uint32_t width, uint32_t height, unsigned frame);
void video_picture_free(Bitmap *bitmap);

/*
 * Peak signal to noise ratio in dB between the part `source` of a picture and decoded rows of B, G, R, x, at least as
 * wide and high, of which the rest is left out.
 */
double video_psnr(const Bitmap *bitmap, uint32_t height, const Rect *source, const uint8_t *decoded, size_t stride);
