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
