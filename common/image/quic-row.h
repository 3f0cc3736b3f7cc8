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

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Pixels that may be read past the end of a row. */
#define QUIC_ROW_PAD 4u

void quic_row_expand(QuicType type, const uint8_t *packed, uint32_t width, uint8_t *row);
/* The other way round; also for RGB32 and RGBA, whose pixels are copied. */
void quic_row_pack(QuicType type, const uint8_t *row, uint32_t width, uint8_t *packed);

/* Bit i of `equal`, i >= 1: pixel i is like pixel i - 1 in the bits of `mask`. Bit 0 and those past the end are 0. */
void quic_row_equal(const uint8_t *row, uint32_t width, uint32_t mask, uint64_t *equal);

/* The symbols of four pixels: how they differ from the mean of their neighbours at the left and above. The symbol of a
 * difference d is 2d if it is not negative, else -2d - 1. Symbols of 5 bit components are 0..31. */
#ifdef __SSE2__
G_ALWAYS_INLINE static inline __m128i quic_four_symbols(const uint8_t *at, const uint8_t *above, unsigned bits)
{
    __m128i v = _mm_loadu_si128((const __m128i *)at), a = _mm_loadu_si128((const __m128i *)above);
    __m128i p = _mm_loadu_si128((const __m128i *)(at - 4)), d, s;

    p = _mm_sub_epi8(_mm_avg_epu8(p, a), _mm_and_si128(_mm_xor_si128(p, a), _mm_set1_epi8(1)));
    if (bits == 5)
        p = _mm_and_si128(p, _mm_set1_epi8((char)0xf8));
    d = _mm_sub_epi8(v, p);
    s = _mm_xor_si128(_mm_add_epi8(d, d), _mm_cmpgt_epi8(_mm_setzero_si128(), d));
    return bits == 5 ? _mm_and_si128(_mm_srli_epi16(s, 3), _mm_set1_epi8(0x1f)) : s;
}
#else
G_ALWAYS_INLINE static inline uint8_t quic_symbol(uint8_t value, uint8_t left, uint8_t above, unsigned bits)
{
    unsigned p = ((unsigned)left + above) >> 1;
    int8_t d = (int8_t)(value - (bits == 5 ? p & 0xf8 : p));
    uint8_t s = (uint8_t)(((unsigned)d << 1) ^ (unsigned)(d >> 7));

    return bits == 5 ? s >> 3 : s;
}
#endif

/* The symbols of pixels first..end-1, and of no others. */
G_ALWAYS_INLINE static inline void quic_row_symbols(const uint8_t *row, const uint8_t *above, uint32_t first,
                                                    uint32_t end, unsigned bits, uint8_t *symbols)
{
    size_t i = 4 * (size_t)first;
#ifdef __SSE2__
    size_t last = 4 * (size_t)end;
    __m128i s;

    for (; last - i >= 16; i += 16)
        _mm_storeu_si128((__m128i *)(symbols + i), quic_four_symbols(row + i, above + i, bits));
    s = quic_four_symbols(row + i, above + i, bits);
    if (last - i >= 8) {
        _mm_storel_epi64((__m128i *)(symbols + i), s);
        s = _mm_unpackhi_epi64(s, s);
        i += 8;
    }
    if (i < last)
        memcpy(symbols + i, &(int){_mm_cvtsi128_si32(s)}, 4);
#else
    for (; i < 4 * (size_t)end; i++)
        symbols[i] = quic_symbol(row[i], row[i - 4], above[i], bits);
#endif
}

/* The 64 bits from `first` on; one word more is read than they need. */
G_ALWAYS_INLINE static inline uint64_t quic_bits_at(const uint64_t *bits, uint32_t first)
{
    const uint64_t *at = bits + first / 64;

    return at[0] >> first % 64 | at[1] << 1 << (63 - first % 64);
}

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
