/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/video-pictures.h"

#include <math.h>

static void put_pixel(uint8_t format, uint8_t *p, const uint8_t *bgr)
{
    if (format == SPICE_BITMAP_FMT_16BIT) {
        unsigned v = (unsigned)(bgr[0] >> 3 | bgr[1] >> 3 << 5 | bgr[2] >> 3 << 10);

        p[0] = (uint8_t)v;
        p[1] = (uint8_t)(v >> 8);
        return;
    }
    for (unsigned c = 0; c < 3; c++)
        p[c] = bgr[c];
    if (format != SPICE_BITMAP_FMT_24BIT)
        p[3] = 0x55; /* to be ignored */
}

static void get_pixel(uint8_t format, const uint8_t *p, int *bgr)
{
    if (format == SPICE_BITMAP_FMT_16BIT) {
        int v = p[0] | p[1] << 8;

        for (unsigned c = 0; c < 3; c++, v >>= 5)
            bgr[c] = (v & 31) << 3 | (v & 31) >> 2;
        return;
    }
    for (unsigned c = 0; c < 3; c++)
        bgr[c] = p[c];
}

static void colour_at(uint32_t x, uint32_t y, unsigned frame, uint8_t *bgr)
{
    uint32_t moved = x + 3 * frame;

    bgr[0] = (uint8_t)(128 + 100 * sin(moved / 23.0) * cos(y / 31.0));
    bgr[1] = (uint8_t)(128 + 80 * sin((moved + y) / 41.0));
    bgr[2] = (uint8_t)(60 + (x + y / 2) % 256 / 2);
    if (moved / 48 % 3 == 0 && y / 40 % 2 == 0)
        bgr[0] = bgr[1] = bgr[2] = (uint8_t)(40 + y % 40);
}

Bitmap video_picture(uint8_t format, bool top_down, uint32_t width, uint32_t height, unsigned frame)
{
    uint32_t stride = (uint32_t)bitmap_row_bytes(format, width);
    uint8_t *pixels = g_malloc((size_t)stride * height);

    for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = pixels + (size_t)(top_down ? y : height - 1 - y) * stride;

        for (uint32_t x = 0; x < width; x++) {
            uint8_t bgr[3];

            colour_at(x, y, frame, bgr);
            put_pixel(format, row + x * (bitmap_format_bits(format) / 8), bgr);
        }
    }
    return (Bitmap){.format = format,
                    .top_down = top_down,
                    .stride = stride,
                    .pixels = g_bytes_new_take(pixels, (size_t)stride * height)};
}

void video_picture_free(Bitmap *bitmap)
{
    g_clear_pointer(&bitmap->pixels, g_bytes_unref);
}

double video_psnr(const Bitmap *bitmap, uint32_t height, const Rect *source, const uint8_t *decoded, size_t stride)
{
    const uint8_t *pixels = g_bytes_get_data(bitmap->pixels, NULL);
    unsigned bytes = bitmap_format_bits(bitmap->format) / 8;
    uint64_t sum = 0, n = 0;

    for (int32_t y = source->top; y < source->bottom; y++) {
        const uint8_t *row = pixels + (size_t)(bitmap->top_down ? y : (int32_t)height - 1 - y) * bitmap->stride;

        for (int32_t x = source->left; x < source->right; x++) {
            const uint8_t *got = decoded + (size_t)(y - source->top) * stride + (size_t)(x - source->left) * 4;
            int want[3];

            get_pixel(bitmap->format, row + (size_t)x * bytes, want);
            for (unsigned c = 0; c < 3; c++, n++)
                sum += (uint64_t)((want[c] - got[c]) * (want[c] - got[c]));
        }
    }
    return sum ? 10 * log10(255.0 * 255.0 * (double)n / (double)sum) : 100;
}
