/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The LZ encoder. Greedy, one candidate per hash. Its choices (hash, thresholds, where matches end) are those that
 * clients have always been sent; the tests compare whole streams with recorded ones.
 *
 * Literals are written when a match or the end closes them, so that the search loop writes nothing. Hashes are made
 * for a block of positions at once, in loops that the compiler turns into vector code.
 */
#include "common/image/lz-output.h"

#define HASH_SLOTS 8192u
#define HASH_BLOCK 32u
#define HASH_CELLS 3u       /* cells that one hash covers */
#define MAX_DISTANCE 73724u /* what fits is slightly more; clients have never seen it */
#define TAIL 3u             /* the last cells are always literals */

typedef struct Search {
    const uint8_t *pixels;
    size_t n;     /* cells */
    size_t block; /* first cell of the block whose hashes are known, n if none */
    uint16_t hash[HASH_BLOCK];
    uint32_t table[HASH_SLOTS]; /* last position of a hash; 0 also stands for none: cell 0 is as good a guess as any */
} Search;

/*
 * The bytes of three cells, folded one after the other as h = h * 33 ^ byte; 13 bits of the result count, so 16 bit
 * arithmetic is enough.
 */
G_ALWAYS_INLINE static inline void hash_block(Cell cell, Search *s, size_t first)
{
    uint16_t part[3][HASH_BLOCK + HASH_CELLS - 1] = {0}, hash[HASH_BLOCK];
    const unsigned n_parts = cell == CELL_RGB16 ? 2 : cell == CELL_RGB24 || cell == CELL_RGB32 ? 3 : 1;
    const uint8_t *pixels = s->pixels + first * cell_step(cell);
    size_t n = MIN(s->n - first, HASH_BLOCK + HASH_CELLS - 1);

    for (size_t i = 0; i < n; i++) {
        uint32_t v = cell_at(cell, pixels, i);

        part[0][i] = (uint16_t)(n_parts == 3 ? v >> 16 : v & 0xff);
        if (n_parts > 1)
            part[1][i] = (uint16_t)(v >> 8 & 0xff);
        if (n_parts > 2)
            part[2][i] = (uint16_t)(v & 0xff);
    }
    for (unsigned i = 0; i < HASH_BLOCK; i++)
        hash[i] = 5381;
    for (unsigned c = 0; c < HASH_CELLS; c++)
        for (unsigned k = 0; k < n_parts; k++)
            for (unsigned i = 0; i < HASH_BLOCK; i++)
                hash[i] = (uint16_t)((hash[i] << 5) + hash[i]) ^ part[k][i + c];
    memcpy(s->hash, hash, sizeof(hash));
    s->block = first;
}

G_ALWAYS_INLINE static inline uint32_t *hash_slot(Cell cell, Search *s, size_t i)
{
    if (i - s->block >= HASH_BLOCK) /* i before the block wraps around */
        hash_block(cell, s, i);
    return &s->table[s->hash[i - s->block] & (HASH_SLOTS - 1)];
}

/* A match of `length` cells, `distance` cells back. */
G_ALWAYS_INLINE static inline bool put_match(Cell cell, Output *out, size_t length, size_t distance)
{
    size_t field = length - cell_length_bias(cell), d = distance - 1;
    bool far = d >= LZ_ESCAPE;
    unsigned high = far ? 31 : (unsigned)(d >> 8);
    uint8_t *p;

    if (!output_room(out, 5 + field / 255 + SLACK))
        return false;
    p = out->p;
    if (field < 7) {
        *p++ = (uint8_t)(field << 5 | high);
    } else {
        *p++ = (uint8_t)(7 << 5 | high);
        for (field -= 7; field >= 255; field -= 255)
            *p++ = 255;
        *p++ = (uint8_t)field;
    }
    *p++ = far ? 255 : (uint8_t)d;
    if (far) {
        *p++ = (uint8_t)((d - LZ_ESCAPE) >> 8);
        *p++ = (uint8_t)(d - LZ_ESCAPE);
    }
    out->p = p;
    return true;
}

/* The length of the match that is worth while at i, 0 if there is none. */
G_ALWAYS_INLINE static inline size_t find_match(Cell cell, Search *s, size_t i, size_t *distance)
{
    const size_t near_min = cell_length_bias(cell) + 1;
    const size_t far_min = cell_length_bias(cell) == 2 ? 5 : near_min + 1;
    uint32_t here = cell_at(cell, s->pixels, i);
    uint32_t *slot;
    size_t from, length;

    if (here == cell_at(cell, s->pixels, i - 1) && here == cell_at(cell, s->pixels, i + 1) &&
        here == cell_at(cell, s->pixels, i + 2)) {
        *distance = 1;
        length = 3 + equal_cells(cell, cell_pointer(cell, s->pixels, i + 2), cell_pointer(cell, s->pixels, i + 3),
                                 s->n - i - 3);
        return MIN(length, s->n - i - TAIL);
    }
    slot = hash_slot(cell, s, i);
    from = *slot;
    *slot = (uint32_t)i;
    *distance = i - from;
    if (cell_at(cell, s->pixels, from) != here || *distance > MAX_DISTANCE)
        return 0;
    length = 1 + equal_cells(cell, cell_pointer(cell, s->pixels, from + 1), cell_pointer(cell, s->pixels, i + 1),
                             s->n - i - 1);
    if (length < (*distance < LZ_ESCAPE ? near_min : far_min))
        return 0;
    return MIN(length, s->n - i - TAIL);
}

G_ALWAYS_INLINE static inline bool encode_pass(Cell cell, Output *out, Search *s)
{
    size_t i = 2, literals = 0; /* cells literals..i-1 wait to be written */

    s->block = s->n;
    memset(s->table, 0, sizeof(s->table));
    while (i + 6 < s->n) {
        size_t distance, length = find_match(cell, s, i, &distance);

        if (!length) {
            i++;
            continue;
        }
        if (!put_literals(cell, out, s->pixels, literals, i) || !put_match(cell, out, length, distance))
            return false;
        i += length;
        literals = i;
        if (length >= 3)
            *hash_slot(cell, s, i - 2) = (uint32_t)(i - 2);
        if (length >= 2)
            *hash_slot(cell, s, i - 1) = (uint32_t)(i - 1);
    }
    return put_literals(cell, out, s->pixels, literals, s->n);
}

/* One copy of the loops for each kind of cell. */
static bool encode_bytes(Output *out, Search *s)
{
    return encode_pass(CELL_BYTE, out, s);
}
static bool encode_alpha(Output *out, Search *s)
{
    return encode_pass(CELL_ALPHA, out, s);
}
static bool encode_rgb16(Output *out, Search *s)
{
    return encode_pass(CELL_RGB16, out, s);
}
static bool encode_rgb24(Output *out, Search *s)
{
    return encode_pass(CELL_RGB24, out, s);
}
static bool encode_rgb32(Output *out, Search *s)
{
    return encode_pass(CELL_RGB32, out, s);
}

static bool (*const encoders[])(Output *, Search *) = {
    [CELL_BYTE] = encode_bytes,  [CELL_ALPHA] = encode_alpha, [CELL_RGB16] = encode_rgb16,
    [CELL_RGB24] = encode_rgb24, [CELL_RGB32] = encode_rgb32,
};

size_t lz_encode(LzType type, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels, WireWriter *writer,
                 size_t max_size)
{
    Output out = {.writer = writer, .start = writer->size, .limit = max_size};
    Search s = {.pixels = pixels};
    uint32_t stride;
    bool ok;

    if (max_size < LZ_HEADER_SIZE || !lz_geometry(type, width, height, &stride, &s.n))
        return 0;
    const uint32_t header[LZ_HEADER_SIZE / 4] = {LZ_MAGIC, LZ_VERSION, type, width, height, stride, top_down};

    for (unsigned i = 0; i < G_N_ELEMENTS(header); i++) {
        uint32_t be = GUINT32_TO_BE(header[i]);

        wire_write_bytes(writer, &be, sizeof(be));
    }
    out.p = out.end = writer->data + writer->size;
    ok = encoders[lz_type_cell(type)](&out, &s) && (type != LZ_TYPE_RGBA || encode_alpha(&out, &s));
    writer->size = out.start;
    if (!ok || output_used(&out) > max_size)
        return 0;
    writer->size += output_used(&out);
    return writer->size - out.start;
}
