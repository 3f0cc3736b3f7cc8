/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QUIC's encoder can find out about a row for many pixels at once, before the model looks at them one by one.
 * Private to common/image/quic*.c.
 *
 * Here a pixel has four bytes, a component each: B, G, R, A. 5 bit components are in the high bits of their byte, gray
 * is the first byte. RGB32 and RGBA are so in memory; rows of the other types are expanded.
 */
#pragma once

#include "common/image/quic.h"

/* Symbols are made for blocks of that many pixels. */
#define QUIC_SYMBOL_BLOCK 16u

void quic_row_expand(QuicType type, const uint8_t *packed, uint32_t width, uint8_t *row);
/* The other way round; also for RGB32 and RGBA, whose pixels are copied. */
void quic_row_pack(QuicType type, const uint8_t *row, uint32_t width, uint8_t *packed);

/* Bit i of `equal`, i >= 1: pixel i is like pixel i - 1 in the bits of `mask`. Bit 0 and those past the end are 0. */
void quic_row_equal(const uint8_t *row, uint32_t width, uint32_t mask, uint64_t *equal);

/* The symbols of pixels first..end-1, four a pixel: how they differ from the mean of their neighbours at the left and
 * above. above == NULL: the top row. Symbols of 5 bit components are 0..31. */
void quic_row_symbols(const uint8_t *row, const uint8_t *above, uint32_t first, uint32_t end, unsigned bits,
                      uint32_t *symbols);

/* The first set bit of first..end-1, or end. */
G_ALWAYS_INLINE static inline uint32_t quic_next_bit(const uint64_t *bits, uint32_t first, uint32_t end)
{
    uint32_t word = first / 64;
    uint64_t v;

    if (first >= end)
        return end;
    v = bits[word] & (G_MAXUINT64 << first % 64);
    while (!v) {
        if (++word >= (end + 63) / 64)
            return end;
        v = bits[word];
    }
    return MIN(end, word * 64 + (uint32_t)__builtin_ctzll(v));
}

/* The first bit of first..end-1 that is not set, or end. */
G_ALWAYS_INLINE static inline uint32_t quic_next_gap(const uint64_t *bits, uint32_t first, uint32_t end)
{
    uint32_t word = first / 64;
    uint64_t v;

    if (first >= end)
        return end;
    v = ~bits[word] & (G_MAXUINT64 << first % 64);
    while (!v) {
        if (++word >= (end + 63) / 64)
            return end;
        v = ~bits[word];
    }
    return MIN(end, word * 64 + (uint32_t)__builtin_ctzll(v));
}
