/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/graduality.h"

#include <string.h>

/* What is said of a pixel and a neighbour, in quarters. */
#define SCORE_EQUAL 2
#define SCORE_CONTRAST 4
#define SCORE_CLOSE (-1)
/* Pictures of fewer pixels, as a power of two, are looked at in all rows. */
#define FULL_SHIFT 18

/* The three components, a byte each. */
G_ALWAYS_INLINE static inline uint32_t load_pixel(uint8_t format, const uint8_t *pixels, uint64_t i)
{
    const uint8_t *p;

    switch (format) {
    case SPICE_BITMAP_FMT_16BIT: {
        uint32_t v;

        p = pixels + 2 * i;
        v = p[0] | (uint32_t)p[1] << 8;
        return (v & 0x1f) | (v & 0x3e0) << 3 | (v & 0x7c00) << 6;
    }
    case SPICE_BITMAP_FMT_24BIT:
        p = pixels + 3 * i;
        break;
    default: {
        uint32_t v;

        memcpy(&v, pixels + 4 * i, sizeof(v));
        return GUINT32_FROM_LE(v) & 0xffffff;
    }
    }
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

G_ALWAYS_INLINE static inline int compare(uint32_t a, uint32_t b, int contrast)
{
    if (a == b)
        return SCORE_EQUAL;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        int difference = (int)(a >> shift & 0xff) - (int)(b >> shift & 0xff);

        if (difference >= contrast || -difference >= contrast)
            return SCORE_CONTRAST;
    }
    return SCORE_CLOSE;
}

/* Of the pixel at i, those to the right of it, below, and across. */
G_ALWAYS_INLINE static inline int square_score(uint8_t format, uint64_t width, const uint8_t *pixels, uint64_t i,
                                               int contrast)
{
    uint32_t pixel = load_pixel(format, pixels, i), right = load_pixel(format, pixels, i + 1);
    uint32_t below = load_pixel(format, pixels, i + width), across = load_pixel(format, pixels, i + width + 1);

    if (((pixel ^ right) | (pixel ^ below) | (pixel ^ across)) == 0)
        return 3 * SCORE_EQUAL;
    return compare(pixel, right, contrast) + compare(pixel, below, contrast) + compare(pixel, across, contrast);
}

/* Squares of four pixels are taken in steps that let their columns wander; of large pictures not in all rows. */
G_ALWAYS_INLINE static inline Graduality sample(uint8_t format, uint64_t width, uint64_t height, const uint8_t *pixels,
                                                int contrast)
{
    const uint64_t step = 15 % width ? 15 : 14;
    const uint64_t left_out = (width * height >> FULL_SHIFT) * width;
    uint64_t column = width / 2;
    int64_t score = 0, samples = 0;

    for (uint64_t i = width / 2; i < (height - 1) * width; i += step) {
        int square;

        if (column == width - 1) {
            i--;
            column--;
        }
        square = square_score(format, width, pixels, i, contrast);
        if (square != 3 * SCORE_EQUAL) /* no other three scores add up to that */
            score += square;
        samples += 3;
        for (column += step; column >= width; column -= width)
            i += left_out;
    }
    /* The mean is below -0.03 (16 bits: below 0), or below 0.002. */
    if (format == SPICE_BITMAP_FMT_16BIT ? score < 0 : score * 100 < -12 * samples)
        return GRADUALITY_HIGH;
    return score * 1000 < 8 * samples ? GRADUALITY_MEDIUM : GRADUALITY_LOW;
}

Graduality graduality_of_pixels(uint8_t format, uint32_t width, uint32_t height, const uint8_t *pixels)
{
    if (width < 2 || height < 2)
        return GRADUALITY_LOW;
    switch (format) {
    case SPICE_BITMAP_FMT_16BIT:
        return sample(SPICE_BITMAP_FMT_16BIT, width, height, pixels, 8);
    case SPICE_BITMAP_FMT_24BIT:
        return sample(SPICE_BITMAP_FMT_24BIT, width, height, pixels, 60);
    case SPICE_BITMAP_FMT_32BIT:
    case SPICE_BITMAP_FMT_RGBA:
        return sample(SPICE_BITMAP_FMT_32BIT, width, height, pixels, 60);
    default:
        return GRADUALITY_LOW;
    }
}
