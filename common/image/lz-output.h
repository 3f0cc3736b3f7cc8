/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the encoders of the LZ family share: the stream being written with its literals, and how cells are compared.
 * Private to common/image.
 */
#pragma once

#include "common/image/lz-cell.h"

#define MAX_LITERALS 32u /* of one token */
#define SLACK 8u         /* bytes that a wide store may touch behind a token */

/* The stream being written. `end` is short of the writer's capacity or of the limit, whichever comes first. */
typedef struct Output {
    WireWriter *writer;
    uint8_t *p;
    uint8_t *end;
    size_t start; /* the writer's size before the stream */
    size_t limit; /* bytes that the stream may have */
} Output;

static inline size_t output_used(const Output *out)
{
    return (size_t)(out->p - out->writer->data) - out->start;
}

static inline bool output_grow(Output *out, size_t n)
{
    size_t used = output_used(out);

    if (used > out->limit)
        return false;
    out->writer->size = out->start + used;
    wire_writer_reserve(out->writer, MAX(n, 4096));
    out->p = out->writer->data + out->writer->size;
    out->end = out->p + MIN(out->writer->capacity - out->writer->size, MAX(n, out->limit - used));
    return true;
}

/* Room for n bytes. False: the stream has passed its limit. */
G_ALWAYS_INLINE static inline bool output_room(Output *out, size_t n)
{
    return G_LIKELY((size_t)(out->end - out->p) >= n) || output_grow(out, n);
}

G_ALWAYS_INLINE static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return GUINT32_FROM_LE(v);
}

G_ALWAYS_INLINE static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return GUINT64_FROM_LE(v);
}

G_ALWAYS_INLINE static inline const uint8_t *cell_pointer(Cell cell, const uint8_t *pixels, size_t i)
{
    return pixels + i * cell_step(cell);
}

/* What counts of cell i when cells are compared. */
G_ALWAYS_INLINE static inline uint32_t cell_at(Cell cell, const uint8_t *pixels, size_t i)
{
    const uint8_t *p = pixels + i * cell_step(cell);

    switch (cell) {
    case CELL_ALPHA:
        return p[3];
    case CELL_RGB16:
        return (uint32_t)(p[0] | (p[1] & 0x7f) << 8);
    case CELL_RGB24:
        return (uint32_t)(p[0] | p[1] << 8 | p[2] << 16);
    case CELL_RGB32:
        return load32(p) & 0xffffff;
    default:
        return p[0];
    }
}

/* The bits of 64 that count when cells are compared in bulk. */
G_ALWAYS_INLINE static inline uint64_t cell_mask(Cell cell)
{
    return cell == CELL_ALPHA   ? G_GUINT64_CONSTANT(0xff000000ff000000)
           : cell == CELL_RGB16 ? G_GUINT64_CONSTANT(0x7fff7fff7fff7fff)
           : cell == CELL_RGB32 ? G_GUINT64_CONSTANT(0x00ffffff00ffffff)
                                : G_MAXUINT64;
}

/* Sixteen bytes that may be anywhere. */
typedef uint64_t Lanes __attribute__((vector_size(16), aligned(1), may_alias));

/* Whether the next 64 bytes are equal under the mask. */
G_ALWAYS_INLINE static inline bool equal_line(uint64_t mask, const uint8_t *pa, const uint8_t *pb)
{
    const Lanes *a = (const Lanes *)(const void *)pa, *b = (const Lanes *)(const void *)pb;
    Lanes differ = ((a[0] ^ b[0]) | (a[1] ^ b[1])) | ((a[2] ^ b[2]) | (a[3] ^ b[3]));

    return ((differ[0] | differ[1]) & mask) == 0;
}

/* The number of equal cells from pa and from pb on, at most `limit`. Most differ soon, a few go on for long. */
G_ALWAYS_INLINE static inline size_t equal_cells(Cell cell, const uint8_t *pa, const uint8_t *pb, size_t limit)
{
    const uint64_t mask = cell_mask(cell);
    size_t bytes = limit * cell_step(cell), i = 0;

    for (; i + 8 <= bytes; i += 8) {
        uint64_t differ = (load64(pa + i) ^ load64(pb + i)) & mask;

        if (differ)
            return (i + (unsigned)__builtin_ctzll(differ) / 8) / cell_step(cell);
        if (i == 24)
            while (i + 72 <= bytes && equal_line(mask, pa + i + 8, pb + i + 8))
                i += 64;
    }
    for (i /= cell_step(cell); i < limit; i++)
        if (cell_at(cell, pa, i) != cell_at(cell, pb, i))
            break;
    return i;
}

/* Cells first..end-1 as literal tokens. */
G_ALWAYS_INLINE static inline bool put_literals(Cell cell, Output *out, const uint8_t *pixels, size_t first, size_t end)
{
    const uint8_t *src = pixels + first * cell_step(cell);

    while (first < end) {
        size_t n = MIN(end - first, MAX_LITERALS);
        uint8_t *p;

        if (!output_room(out, 1 + n * cell_literal_bytes(cell) + SLACK))
            return false;
        p = out->p;
        *p++ = (uint8_t)(n - 1);
        if (cell == CELL_BYTE || cell == CELL_RGB24) {
            memcpy(p, src, n * cell_step(cell));
        } else {
            for (size_t i = 0; i < n; i++) {
                const uint8_t *c = src + i * cell_step(cell);

                if (cell == CELL_ALPHA) {
                    p[i] = c[3];
                } else if (cell == CELL_RGB16) {
                    p[2 * i] = c[1];
                    p[2 * i + 1] = c[0];
                } else {
                    memcpy(p + 3 * i, c, 4); /* the fourth byte is overwritten by what follows */
                }
            }
        }
        out->p = p + n * cell_literal_bytes(cell);
        src += n * cell_step(cell);
        first += n;
    }
    return true;
}
