/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/graduality.h"

#include <string.h>

/* What is said of a pixel and a neighbour, in quarters. */
#define SCORE_EQUAL 2
#define SCORE_CONTRAST 4
#define SCORE_CLOSE (-1)
/* Pictures of fewer pixels, as a power of two, are looked at in all rows. */
#define FULL_SHIFT 18
/* Of larger ones than these a first look takes a few rows, and often it is clear from them. */
#define FIRST_LOOK_SHIFT 16
#define FIRST_LOOK_ROWS 8

/* Two neighbouring rows. */
typedef struct Rows {
    const Bitmap *bitmap;
    uint64_t y; /* of the upper one; NO_ROW: none yet */
    const uint8_t *upper, *lower;
    uint8_t *buffer[2]; /* for them, if they are not in one piece */
} Rows;

#define NO_ROW G_MAXUINT64

G_ALWAYS_INLINE static inline void rows_go_to(Rows *r, uint64_t y)
{
    if (G_LIKELY(r->y == y))
        return;
    if (r->y != NO_ROW && r->y + 1 == y) {
        uint8_t *free = r->buffer[0];

        r->upper = r->lower;
        r->buffer[0] = r->buffer[1];
        r->buffer[1] = free;
    } else {
        r->upper = bitmap_row(r->bitmap, (uint32_t)y, r->buffer[0]);
    }
    r->lower = bitmap_row(r->bitmap, (uint32_t)y + 1, r->buffer[1]);
    r->y = y;
}

/* The three components of pixel x, a byte each. */
G_ALWAYS_INLINE static inline uint32_t load_pixel(uint8_t format, const uint8_t *row, uint64_t x)
{
    const uint8_t *p;
    uint32_t v;

    switch (format) {
    case SPICE_BITMAP_FMT_16BIT:
        p = row + 2 * x;
        v = p[0] | (uint32_t)p[1] << 8;
        return (v & 0x1f) | (v & 0x3e0) << 3 | (v & 0x7c00) << 6;
    case SPICE_BITMAP_FMT_24BIT:
        p = row + 3 * x;
        return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    default:
        memcpy(&v, row + 4 * x, sizeof(v));
        return GUINT32_FROM_LE(v) & 0xffffff;
    }
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

/* Of pixel x in the upper row, those to the right of it, below, and across. */
G_ALWAYS_INLINE static inline int square_score(uint8_t format, const Rows *r, uint64_t x, int contrast)
{
    uint32_t pixel = load_pixel(format, r->upper, x), right = load_pixel(format, r->upper, x + 1);
    uint32_t below = load_pixel(format, r->lower, x), across = load_pixel(format, r->lower, x + 1);

    if (((pixel ^ right) | (pixel ^ below) | (pixel ^ across)) == 0)
        return 3 * SCORE_EQUAL;
    return compare(pixel, right, contrast) + compare(pixel, below, contrast) + compare(pixel, across, contrast);
}

typedef struct Sample {
    int64_t score, n; /* of it the mean counts */
} Sample;

/* Squares of four pixels are taken in steps that let their columns wander, in each next_row-th row. */
G_ALWAYS_INLINE static inline Sample sample(uint8_t format, const Image *image, Rows *rows, int contrast,
                                            uint64_t next_row)
{
    const uint64_t width = image->width, height = image->height;
    const uint64_t step = 15 % width ? 15 : 14;
    uint64_t x = width / 2, y = 0;
    int64_t score = 0, samples = 0;

    while (y < height - 1) {
        int square;

        if (x == width - 1)
            x--;
        rows_go_to(rows, y);
        square = square_score(format, rows, x, contrast);
        if (square != 3 * SCORE_EQUAL) /* no other three scores add up to that */
            score += square;
        samples += 3;
        for (x += step; x >= width; x -= width)
            y += next_row;
    }
    return (Sample){score, samples};
}

G_ALWAYS_INLINE static inline Graduality judge(uint8_t format, const Image *image, Rows *rows, int contrast)
{
    const uint64_t pixels = (uint64_t)image->width * image->height, next_row = 1 + (pixels >> FULL_SHIFT);
    Sample s;

    if (pixels >= 1u << FIRST_LOOK_SHIFT) {
        s = sample(format, image, rows, contrast, next_row * FIRST_LOOK_ROWS);
        if (20 * s.score > s.n)
            return GRADUALITY_LOW;
        if (4 * s.score < -s.n)
            return GRADUALITY_HIGH;
        rows->y = NO_ROW;
    }
    s = sample(format, image, rows, contrast, next_row);
    /* The mean is below -0.03 (16 bits: below 0), or below 0.002. */
    if (format == SPICE_BITMAP_FMT_16BIT ? s.score < 0 : s.score * 100 < -12 * s.n)
        return GRADUALITY_HIGH;
    return s.score * 1000 < 8 * s.n ? GRADUALITY_MEDIUM : GRADUALITY_LOW;
}

Graduality graduality_of_image(const Image *image)
{
    const Bitmap *bitmap = &image->bitmap;
    g_autofree uint8_t *buffers = NULL;
    Rows rows = {.bitmap = bitmap, .y = NO_ROW};

    if (image->width < 2 || image->height < 2)
        return GRADUALITY_LOW;
    if (bitmap->source) {
        buffers = g_malloc(2 * (size_t)bitmap->stride);
        rows.buffer[0] = buffers;
        rows.buffer[1] = buffers + bitmap->stride;
    }
    switch (bitmap->format) {
    case SPICE_BITMAP_FMT_16BIT:
        return judge(SPICE_BITMAP_FMT_16BIT, image, &rows, 8);
    case SPICE_BITMAP_FMT_24BIT:
        return judge(SPICE_BITMAP_FMT_24BIT, image, &rows, 60);
    case SPICE_BITMAP_FMT_32BIT:
    case SPICE_BITMAP_FMT_RGBA:
        return judge(SPICE_BITMAP_FMT_32BIT, image, &rows, 60);
    default:
        return GRADUALITY_LOW;
    }
}
