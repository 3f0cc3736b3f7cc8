/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/quic-row.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

G_ALWAYS_INLINE static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

void quic_row_expand(QuicType type, const uint8_t *packed, uint32_t width, uint8_t *row)
{
    switch (type) {
    case QUIC_TYPE_GRAY:
        for (uint32_t i = 0; i < width; i++)
            memcpy(row + 4 * (size_t)i, &(uint32_t){GUINT32_TO_LE(packed[i])}, 4);
        break;
    case QUIC_TYPE_RGB16:
        for (uint32_t i = 0; i < width; i++) {
            uint32_t p = packed[2 * (size_t)i] | (uint32_t)packed[2 * (size_t)i + 1] << 8;
            uint32_t v = (p & 0x1f) << 3 | (p & 0x3e0) << 6 | (p & 0x7c00) << 9;

            memcpy(row + 4 * (size_t)i, &(uint32_t){GUINT32_TO_LE(v)}, 4);
        }
        break;
    case QUIC_TYPE_RGB24:
        /* All but the last pixel can be read as four bytes. */
        for (uint32_t i = 0; i + 1 < width; i++)
            memcpy(row + 4 * (size_t)i, &(uint32_t){load32(packed + 3 * (size_t)i)}, 4);
        memcpy(row + 4 * (size_t)(width - 1), packed + 3 * (size_t)(width - 1), 3);
        break;
    default:
        memcpy(row, packed, 4 * (size_t)width);
        break;
    }
}

void quic_row_pack(QuicType type, const uint8_t *row, uint32_t width, uint8_t *packed)
{
    switch (type) {
    case QUIC_TYPE_GRAY:
        for (uint32_t i = 0; i < width; i++)
            packed[i] = row[4 * (size_t)i];
        break;
    case QUIC_TYPE_RGB16:
        for (uint32_t i = 0; i < width; i++) {
            const uint8_t *p = row + 4 * (size_t)i;
            uint32_t v = (uint32_t)p[0] >> 3 | (uint32_t)p[1] >> 3 << 5 | (uint32_t)p[2] >> 3 << 10;

            packed[2 * (size_t)i] = (uint8_t)v;
            packed[2 * (size_t)i + 1] = (uint8_t)(v >> 8);
        }
        break;
    case QUIC_TYPE_RGB24:
        for (uint32_t i = 0; i < width; i++)
            memcpy(packed + 3 * (size_t)i, row + 4 * (size_t)i, 3);
        break;
    default:
        memcpy(packed, row, 4 * (size_t)width);
        break;
    }
}

/* n <= 64 pixels from `row` on, each against the one before it. */
G_ALWAYS_INLINE static inline uint64_t equal_bits(const uint8_t *row, uint32_t n, uint32_t mask)
{
    uint64_t bits = 0;
    uint32_t i = 0;

#ifdef __SSE2__
    const __m128i m = _mm_set1_epi32((int)mask), zero = _mm_setzero_si128();

    for (; i + 4 <= n; i += 4) {
        __m128i a = _mm_loadu_si128((const __m128i *)(row + 4 * (size_t)i));
        __m128i b = _mm_loadu_si128((const __m128i *)(row + 4 * (size_t)i - 4));
        __m128i same = _mm_cmpeq_epi32(_mm_and_si128(_mm_xor_si128(a, b), m), zero);

        bits |= (uint64_t)(unsigned)_mm_movemask_ps(_mm_castsi128_ps(same)) << i;
    }
#endif
    for (; i < n; i++) {
        uint32_t differ = load32(row + 4 * (size_t)i) ^ load32(row + 4 * (size_t)i - 4);

        bits |= (uint64_t)((differ & mask) == 0) << i;
    }
    return bits;
}

void quic_row_equal(const uint8_t *row, uint32_t width, uint32_t mask, uint64_t *equal)
{
    uint32_t words = (width + 63) / 64;

    /* Nothing is before the first pixel. */
    equal[0] = equal_bits(row + 4, MIN(width, 64) - 1, mask) << 1;
    for (uint32_t w = 1; w < words; w++)
        equal[w] = equal_bits(row + 256 * (size_t)w, MIN(width - 64 * w, 64), mask);
}

/* The symbol of an error e is 2e if it is not negative, else -2e - 1. */
G_ALWAYS_INLINE static inline uint8_t symbol(uint8_t value, uint8_t prediction, unsigned bits)
{
    int8_t e = (int8_t)(value - (bits == 5 ? prediction & 0xf8 : prediction));
    uint8_t s = (uint8_t)(((unsigned)e << 1) ^ (unsigned)(e >> 7));

    return bits == 5 ? s >> 3 : s;
}

G_ALWAYS_INLINE static inline void put_symbols(const uint8_t *at, const uint8_t *left, const uint8_t *above,
                                               unsigned bits, uint32_t *symbols)
{
    uint8_t s[4];

    for (unsigned i = 0; i < 4; i++) {
        unsigned prediction = (unsigned)(left ? left[i] : 0) + (above ? above[i] : 0);

        s[i] = symbol(at[i], (uint8_t)(left && above ? prediction >> 1 : prediction), bits);
    }
    memcpy(symbols, s, sizeof(s));
}

#ifdef __SSE2__
/* Four pixels. */
G_ALWAYS_INLINE static inline void put_symbols_4(const uint8_t *at, const uint8_t *left, const uint8_t *above,
                                                 unsigned bits, uint32_t *symbols)
{
    __m128i v = _mm_loadu_si128((const __m128i *)at), p = _mm_loadu_si128((const __m128i *)left), e, s;

    if (above) {
        __m128i a = _mm_loadu_si128((const __m128i *)above);

        p = _mm_sub_epi8(_mm_avg_epu8(p, a), _mm_and_si128(_mm_xor_si128(p, a), _mm_set1_epi8(1)));
        if (bits == 5)
            p = _mm_and_si128(p, _mm_set1_epi8((char)0xf8));
    }
    e = _mm_sub_epi8(v, p);
    s = _mm_xor_si128(_mm_add_epi8(e, e), _mm_cmpgt_epi8(_mm_setzero_si128(), e));
    if (bits == 5)
        s = _mm_and_si128(_mm_srli_epi16(s, 3), _mm_set1_epi8(0x1f));
    _mm_storeu_si128((__m128i *)symbols, s);
}
#endif

G_ALWAYS_INLINE static inline void row_symbols(const uint8_t *row, const uint8_t *above, uint32_t first, uint32_t end,
                                               unsigned bits, uint32_t *symbols)
{
    uint32_t i = first;

    if (i == 0) {
        put_symbols(row, NULL, above, bits, symbols);
        i = 1;
    }
#ifdef __SSE2__
    if (end - i >= 4) {
        for (;; i += 4) {
            const size_t at = 4 * (size_t)i;

            put_symbols_4(row + at, row + at - 4, above ? above + at : NULL, bits, symbols + i);
            if (end - i <= 7)
                break;
        }
        if (end - i == 4)
            return;
        i = end - 4; /* some of them once more */
        put_symbols_4(row + 4 * (size_t)i, row + 4 * (size_t)i - 4, above ? above + 4 * (size_t)i : NULL, bits,
                      symbols + i);
        return;
    }
#endif
    for (; i < end; i++)
        put_symbols(row + 4 * (size_t)i, row + 4 * (size_t)i - 4, above ? above + 4 * (size_t)i : NULL, bits,
                    symbols + i);
}

void quic_row_symbols(const uint8_t *row, const uint8_t *above, uint32_t first, uint32_t end, unsigned bits,
                      uint32_t *symbols)
{
    if (bits == 5)
        row_symbols(row, above, first, end, 5, symbols);
    else
        row_symbols(row, above, first, end, 8, symbols);
}
