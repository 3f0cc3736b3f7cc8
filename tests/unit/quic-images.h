/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures by formula, for tests and benchmarks of the QUIC codec. */
#pragma once

#include "common/image/quic.h"

#include <string.h>

static inline unsigned quic_image_pixel_bytes(QuicType type)
{
    return type == QUIC_TYPE_RGBA ? 4 : type;
}

static inline uint8_t quic_image_next(uint32_t *s)
{
    *s = (*s * 1103515245u + 12345u) & 0x7fffffff;
    return (uint8_t)(*s >> 16);
}

/* One pixel (b, g, r, a). */
static inline void quic_image_pixel(const char *kind, unsigned x, unsigned y, unsigned w, uint32_t *s, uint8_t p[4])
{
    uint8_t n;

    if (!strcmp(kind, "flat")) {
        memcpy(p, (uint8_t[]){0x12, 0x34, 0x56, 0x78}, 4);
    } else if (!strcmp(kind, "grad")) {
        memcpy(p, (uint8_t[]){3 * x + y, x + 2 * y, x ^ y, x + y}, 4);
    } else if (!strcmp(kind, "noise")) {
        for (unsigned i = 0; i < 4; i++)
            p[i] = quic_image_next(s);
    } else if (!strcmp(kind, "soft")) { /* like a photograph: gradients and some noise */
        n = quic_image_next(s);
        memcpy(p, (uint8_t[]){x + (n & 3), y + (n >> 2 & 3), ((x + y) >> 1) + (n >> 4 & 3), 128 + (n >> 6)}, 4);
    } else if (!strcmp(kind, "text")) {
        if (((x / 3) * 7 + (y / 5) * 13 + (x / 11) * (y / 9)) % 5 == 0)
            memcpy(p, (uint8_t[]){0x10, 0x20, 0x30, 0xff}, 4);
        else
            memcpy(p, (uint8_t[]){0xee, 0xee, 0xee, x < w / 2 ? 0xff : 0x80}, 4);
    } else if (!strcmp(kind, "mix")) {
        n = quic_image_next(s);
        if (x < w / 3)
            memcpy(p, (y / 4) & 1 ? "\xee\xee\xee\xff" : "\x40\x30\x20\xff", 4);
        else if (x < 2 * w / 3)
            memcpy(p, (uint8_t[]){2 * x, 3 * y, x + y, 2 * y}, 4);
        else
            memcpy(p, (uint8_t[]){n, n, n, n & 0xf0}, 4);
    } else { /* stripe */
        memcpy(p, y % 4 ? (uint8_t[]){x * 5, 0, x * 9, x} : (uint8_t[]){y, y, 0, 0}, 4);
    }
}

/* Packed rows. The caller frees. */
static inline uint8_t *quic_image_new(QuicType type, const char *kind, unsigned w, unsigned h, uint32_t seed)
{
    unsigned bytes = quic_image_pixel_bytes(type);
    uint8_t *pixels = g_malloc0((size_t)w * h * bytes), *at = pixels, p[4];

    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++, at += bytes) {
            unsigned v;

            quic_image_pixel(kind, x, y, w, &seed, p);
            v = (unsigned)(p[2] >> 3) << 10 | (unsigned)(p[1] >> 3) << 5 | p[0] >> 3;
            if (type == QUIC_TYPE_GRAY)
                at[0] = p[1];
            else if (type == QUIC_TYPE_RGB16)
                memcpy(at, (uint8_t[]){(uint8_t)v, (uint8_t)(v >> 8)}, 2);
            else
                memcpy(at, p, type == QUIC_TYPE_RGBA ? 4 : 3);
        }
    return pixels;
}
