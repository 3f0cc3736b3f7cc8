/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GLZ encoder. At each cell it looks for the copy that saves most among few candidates: the run of the cell before,
 * the place at which the last copy would go on, the last occurrence of many cells in this image, that of some cells
 * in any image, and that of few cells in this image. A copy found after literals is lengthened backwards over them.
 *
 * Where nothing is found for long, only every few cells are looked at.
 */
#include "common/image/glz-window.h"
#include "common/image/lz-output.h"

#define SKIP_SHIFT 6    /* literals in a row, as a power of two, until one more cell is skipped */
#define MAX_SKIP 4u     /* cells */
#define REFRESH 32u     /* cells between entries made inside a long copy */
#define GOOD_LENGTH 64u /* cells: a copy that need not be bettered */
#define POOR_LENGTH 4u  /* copies of fewer cells are given up for a better one a cell later */

/* A copy of `length` cells, from cell `from` of the image `image` ids back. */
typedef struct Match {
    uint32_t length; /* 0: none */
    uint32_t from;
    uint32_t image;
    int32_t gain; /* bytes that it saves over literals */
} Match;

typedef struct Search {
    GlzDictionary *d;
    const GlzImage *image;
    LzType type;
    uint64_t id;
    uint32_t reach; /* images back that may be referred to */
    uint32_t base;
    uint64_t tag; /* of this kind of pass, to be mixed into those of hashes */

    /* The piece at which it is: cells first..n-1 from where cell 0 would be. */
    const uint8_t *pixels;
    uint32_t first, n;

    /* Where the last copy came from: cell i was cell i + shift of the image `last_image` ids back, now in `last`. */
    GlzPiece last;
    uint32_t last_image;
    int64_t last_shift;
} Search;

/* Cells that a hash of `recent` covers; copies of fewer save too little. */
G_ALWAYS_INLINE static inline uint32_t recent_cells(Cell cell)
{
    return cell == CELL_ALPHA ? 4 : cell == CELL_RGB16 ? 3 : 2;
}

/* Cells that a hash of `distant` covers. At least 12 bytes: the loads of both hashes stay within. */
G_ALWAYS_INLINE static inline uint32_t distant_cells(Cell cell)
{
    return cell == CELL_ALPHA ? 8 : cell == CELL_RGB16 ? 6 : 4;
}

/* Cells that a hash of `lines` covers, 0: not used. */
G_ALWAYS_INLINE static inline uint32_t line_cells(Cell cell)
{
    return cell == CELL_RGB32 ? 10 : 0;
}

/* No hash covers more. */
G_ALWAYS_INLINE static inline uint32_t most_cells(Cell cell)
{
    return MAX(line_cells(cell), distant_cells(cell));
}

G_ALWAYS_INLINE static inline uint64_t alpha_bytes(const uint8_t *p)
{
    return (load64(p) & cell_mask(CELL_ALPHA)) >> 24 | (load64(p + 8) & cell_mask(CELL_ALPHA)) >> 16;
}

G_ALWAYS_INLINE static inline uint32_t recent_hash(Cell cell, const uint8_t *p)
{
    uint64_t v;

    switch (cell) {
    case CELL_ALPHA:
        v = alpha_bytes(p);
        break;
    case CELL_RGB16:
    case CELL_RGB24:
        v = load64(p) & (cell_mask(cell) >> 16);
        break;
    default:
        v = load64(p) & cell_mask(cell);
    }
    return (uint32_t)(v * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) >> (64 - GLZ_RECENT_BITS));
}

G_ALWAYS_INLINE static inline uint32_t line_hash(Cell cell, const uint8_t *p)
{
    static const uint64_t factors[] = {G_GUINT64_CONSTANT(0x9fb21c651e98df25), G_GUINT64_CONSTANT(0xd6e8feb86659fd93),
                                       G_GUINT64_CONSTANT(0xc2b2ae3d27d4eb4f), G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)};
    uint64_t v = load64(p) & cell_mask(cell);

    for (unsigned i = 0; i < G_N_ELEMENTS(factors); i++)
        v = (v ^ v >> 31) + (load64(p + 8 + 8 * i) & cell_mask(cell)) * factors[i];
    return (uint32_t)(v * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) >> (64 - GLZ_LINE_BITS));
}

G_ALWAYS_INLINE static inline uint64_t distant_hash(Cell cell, const uint8_t *p)
{
    uint64_t a, b;

    switch (cell) {
    case CELL_ALPHA:
        a = alpha_bytes(p);
        b = alpha_bytes(p + 16);
        break;
    case CELL_RGB16:
    case CELL_RGB24:
        a = load64(p) & cell_mask(cell);
        b = load32(p + 8) & (uint32_t)cell_mask(cell);
        break;
    default:
        a = load64(p) & cell_mask(cell);
        b = load64(p + 8) & cell_mask(cell);
    }
    a *= G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    a ^= a >> 32;
    return (a + b) * G_GUINT64_CONSTANT(0xc2b2ae3d27d4eb4f);
}

G_ALWAYS_INLINE static inline uint64_t distant_tag(const Search *s, uint64_t hash)
{
    return (hash >> 17 ^ s->tag) & ((1u << GLZ_TAG_BITS) - 1);
}

G_ALWAYS_INLINE static inline uint64_t *distant_slot(const Search *s, uint64_t hash)
{
    return &s->d->distant[hash >> (64 - GLZ_DISTANT_BITS)];
}

/* Few cells are anchors, the same ones in all images. */
G_ALWAYS_INLINE static inline bool is_anchor(uint64_t hash)
{
    return (hash >> (64 - GLZ_ANCHOR_BITS - GLZ_ANCHOR_RARITY) & ((1u << GLZ_ANCHOR_RARITY) - 1)) == 0;
}

G_ALWAYS_INLINE static inline uint64_t *anchor_slot(const Search *s, uint64_t hash)
{
    return &s->d->anchors[hash >> (64 - GLZ_ANCHOR_BITS)];
}

G_ALWAYS_INLINE static inline uint64_t distant_entry(const Search *s, uint64_t hash, uint32_t i)
{
    return distant_tag(s, hash) << (GLZ_CELL_BITS + GLZ_IMAGE_BITS) |
           (s->id & GLZ_MAX_IMAGE_DISTANCE) << GLZ_CELL_BITS | i;
}

G_ALWAYS_INLINE static inline void insert_distant(Cell cell, const Search *s, uint32_t i)
{
    uint64_t hash = distant_hash(cell, cell_pointer(cell, s->pixels, i));

    *distant_slot(s, hash) = distant_entry(s, hash, i);
    if (is_anchor(hash))
        *anchor_slot(s, hash) = distant_entry(s, hash, i);
}

G_ALWAYS_INLINE static inline uint32_t *recent_slot(Cell cell, const Search *s, uint32_t i)
{
    return &s->d->recent[recent_hash(cell, cell_pointer(cell, s->pixels, i))];
}

G_ALWAYS_INLINE static inline uint32_t *line_slot(Cell cell, const Search *s, uint32_t i)
{
    return &s->d->lines[line_hash(cell, cell_pointer(cell, s->pixels, i))];
}

/* Bytes of the code of a copy, without those that continue its length. */
G_ALWAYS_INLINE static inline uint32_t match_bytes(uint32_t i, uint32_t image, uint32_t from)
{
    uint32_t offset = image ? from : i - from - 1;

    if (offset < 1u << 12)
        return 3 + (image >= 1u << 6) + (image >= 1u << 14) + (image >= 1u << 22);
    return 3 + (image > 0) + (image >= 1u << 8) + (image >= 1u << 16) + (offset >= 1u << 17);
}

/* `length` cells at i are equal to those at `from`: takes it if it saves more than `best`. */
G_ALWAYS_INLINE static inline void consider(Cell cell, Match *best, uint32_t i, uint32_t image, uint32_t from,
                                            uint32_t length)
{
    int32_t code = (int32_t)match_bytes(i, image, from);
    int32_t gain = (int32_t)(length * cell_literal_bytes(cell)) - code - (int32_t)(length >> 8);

    if (length > cell_length_bias(cell) && gain > best->gain)
        *best = (Match){length, from, image, gain};
}

G_ALWAYS_INLINE static inline uint32_t load_cell(Cell cell, const uint8_t *p)
{
    if (cell == CELL_RGB24)
        return load32(p) & 0xffffff;
    return cell_at(cell, p, 0);
}

/* Compares the cells at i with those from `from` on in a piece of the same or of another image. */
G_ALWAYS_INLINE static inline void compare(Cell cell, const Search *s, Match *best, uint32_t i, uint32_t image,
                                           const GlzPiece *piece, uint32_t from)
{
    consider(cell, best, i, image, from,
             (uint32_t)equal_cells(cell, cell_pointer(cell, piece->pixels, from), cell_pointer(cell, s->pixels, i),
                                   MIN(s->n - i, piece->end - from)));
}

/* The piece in which the copy's source begins. */
G_ALWAYS_INLINE static inline const GlzPiece *match_piece(const Search *s, const Match *m)
{
    return glz_image_piece(glz_dictionary_image(s->d, s->id - m->image), m->from);
}

/* The cells from i on where this entry of `recent` or `lines` says; the entry becomes i. */
G_ALWAYS_INLINE static inline void try_near(Cell cell, const Search *s, Match *best, uint32_t i, uint32_t *slot)
{
    const uint8_t *here = cell_pointer(cell, s->pixels, i);
    uint32_t from = *slot - s->base; /* an entry of an earlier pass wraps around to a large number */
    const GlzPiece *piece;

    *slot = s->base + i;
    if (from >= i)
        return;
    piece = glz_image_piece(s->image, from);
    if (load_cell(cell, cell_pointer(cell, piece->pixels, from)) == load_cell(cell, here))
        compare(cell, s, best, i, 0, piece, from);
}

/* The same with the entry for this hash in `distant` or `anchors`. */
G_ALWAYS_INLINE static inline void try_entry(Cell cell, const Search *s, Match *best, uint32_t i, uint64_t hash,
                                             uint64_t *slot)
{
    uint64_t entry = *slot;
    uint32_t from = entry & (GLZ_MAX_WINDOW - 1), image;
    const GlzImage *source;

    *slot = distant_entry(s, hash, i);
    if (entry >> (GLZ_CELL_BITS + GLZ_IMAGE_BITS) != distant_tag(s, hash))
        return;
    image = (uint32_t)(s->id - (entry >> GLZ_CELL_BITS)) & GLZ_MAX_IMAGE_DISTANCE;
    if (image > s->reach)
        return;
    if (image == 0) {
        if (from < i)
            compare(cell, s, best, i, 0, glz_image_piece(s->image, from), from);
        return;
    }
    source = glz_dictionary_image(s->d, s->id - image);
    if (!source->piece.pixels || source->type != s->type || from >= source->cells)
        return;
    compare(cell, s, best, i, image, glz_image_piece(source, from), from);
}

G_ALWAYS_INLINE static inline void try_distant(Cell cell, const Search *s, Match *best, uint32_t i)
{
    uint64_t hash = distant_hash(cell, cell_pointer(cell, s->pixels, i));

    try_entry(cell, s, best, i, hash, distant_slot(s, hash));
    if (is_anchor(hash))
        try_entry(cell, s, best, i, hash, anchor_slot(s, hash));
}

/* The last copy would go on in another piece of its image. */
static bool move_last(Search *s, int64_t from)
{
    const GlzImage *image = glz_dictionary_image(s->d, s->id - s->last_image);

    if (!s->last.pixels || !image->more || from < 0 || from >= image->cells)
        return false;
    s->last = *glz_image_piece(image, (uint32_t)from);
    return true;
}

/* Where the last copy would go on if it had not been interrupted. */
G_ALWAYS_INLINE static inline void try_last(Cell cell, Search *s, Match *best, uint32_t i)
{
    int64_t from = i + s->last_shift;

    if ((from < s->last.first || from >= s->last.end) && !move_last(s, from))
        return;
    if (cell_at(cell, s->last.pixels, (size_t)from) == cell_at(cell, s->pixels, i))
        compare(cell, s, best, i, s->last_image, &s->last, (uint32_t)from);
}

/* The best copy to the cells at i, among the cheap candidates first. copying: they follow a copy, not literals. */
G_ALWAYS_INLINE static inline void find_match(Cell cell, Search *s, Match *best, uint32_t i, bool copying)
{
    const uint8_t *here = cell_pointer(cell, s->pixels, i);

    *best = (Match){0};
    if (load_cell(cell, here) == cell_at(cell, s->pixels, i - 1))
        consider(cell, best, i, 0, i - 1, (uint32_t)equal_cells(cell, here - cell_step(cell), here, s->n - i));
    try_last(cell, s, best, i);
    if (best->length >= GOOD_LENGTH)
        return;
    if (line_cells(cell) && copying) {
        try_near(cell, s, best, i, line_slot(cell, s, i));
        if (best->length >= line_cells(cell)) {
            insert_distant(cell, s, i);
            return;
        }
    }
    try_distant(cell, s, best, i);
    if (best->length < distant_cells(cell))
        try_near(cell, s, best, i, recent_slot(cell, s, i));
    else
        *recent_slot(cell, s, i) = s->base + i;
}

/* The copy at i is short: is one that begins a cell later worth the literal? */
G_ALWAYS_INLINE static inline bool find_later(Cell cell, Search *s, Match *m, uint32_t i)
{
    Match next;

    find_match(cell, s, &next, i + 1, false);
    if (next.gain <= m->gain + 1)
        return false;
    *m = next;
    return true;
}

/* Lengthens the copy of the cells at i backwards, not farther than `first`. Gives its new first cell. */
G_ALWAYS_INLINE static inline uint32_t extend_back(Cell cell, const Search *s, Match *m, uint32_t i, uint32_t first)
{
    const GlzPiece *piece = match_piece(s, m);

    while (i > first && m->from > piece->first &&
           cell_at(cell, piece->pixels, m->from - 1) == cell_at(cell, s->pixels, i - 1)) {
        i--;
        m->from--;
        m->length++;
    }
    return i;
}

G_ALWAYS_INLINE static inline void put_match(Cell cell, Output *out, const Match *m, uint32_t i)
{
    uint32_t field = m->length - cell_length_bias(cell);
    uint32_t offset = m->image ? m->from : i - m->from - 1, image = m->image;
    bool distant = offset >= 1u << 12;
    uint8_t *p;

    output_room(out, 12 + field / 255 + SLACK);
    p = out->p;
    *p++ = (uint8_t)(MIN(field, 7) << 5 | (distant ? 0x10 : 0) | (offset & 15));
    if (field >= 7) {
        for (field -= 7; field >= 255; field -= 255)
            *p++ = 255;
        *p++ = (uint8_t)field;
    }
    *p++ = (uint8_t)(offset >> 4);
    if (distant) {
        bool more = offset >= 1u << 17;
        unsigned extra = (image > 0) + (image >= 1u << 8) + (image >= 1u << 16);

        *p++ = (uint8_t)(extra << 6 | (more ? 0x20 : 0) | (offset >> 12 & 31));
        for (; extra; extra--, image >>= 8)
            *p++ = (uint8_t)image;
        if (more)
            *p++ = (uint8_t)(offset >> 17);
    } else {
        unsigned extra = (image >= 1u << 6) + (image >= 1u << 14) + (image >= 1u << 22);

        *p++ = (uint8_t)(extra << 6 | (image & 63));
        for (image >>= 6; extra; extra--, image >>= 8)
            *p++ = (uint8_t)image;
    }
    out->p = p;
}

/* The copy is being written: keeps where it came from, and makes entries for some of its cells. */
G_ALWAYS_INLINE static inline void note_match(Cell cell, Search *s, const Match *m, uint32_t i)
{
    uint32_t end = i + m->length, last = s->n - MIN(s->n, most_cells(cell));

    if (m->image || i - m->from > 1) {
        s->last = *match_piece(s, m);
        s->last_image = m->image;
        s->last_shift = (int64_t)m->from - i;
    }
    /* An older image leaves the window before this one, and its entries with it. */
    if (m->image)
        for (uint32_t j = i + REFRESH; j + REFRESH / 2 < end && j <= last; j += REFRESH)
            insert_distant(cell, s, j);
    if (end - 1 <= last) {
        *recent_slot(cell, s, end - 1) = s->base + end - 1;
        if (line_cells(cell))
            *line_slot(cell, s, end - 1) = s->base + end - 1;
        insert_distant(cell, s, end - 1);
    }
}

/* A copy to the first cells of a piece that is not the first one: `before` is the cell before it. */
G_ALWAYS_INLINE static inline void find_first(Cell cell, Search *s, Match *best, uint32_t before)
{
    const uint8_t *here = cell_pointer(cell, s->pixels, s->first);
    uint32_t i = s->first, rest = s->n - i - 1;

    *best = (Match){0};
    if (cell_at(cell, here, 0) == before)
        consider(cell, best, i, 0, i - 1, 1 + (uint32_t)equal_cells(cell, here, cell_pointer(cell, here, 1), rest));
    try_last(cell, s, best, i);
}

G_ALWAYS_INLINE static inline void put_copy(Cell cell, Output *out, Search *s, const Match *m, uint32_t i)
{
    put_match(cell, out, m, i);
    note_match(cell, s, m, i);
}

/* The cells from `literals` on wait to be written; from i on they are to be looked at. */
G_ALWAYS_INLINE static inline void encode_piece(Cell cell, Output *out, Search *s, uint32_t literals, uint32_t i)
{
    const uint32_t look_ahead = most_cells(cell) + 1;
    Match m;

    while (i + look_ahead <= s->n) {
        find_match(cell, s, &m, i, i == literals);
        if (m.gain <= 0 + (i > literals)) {
            i += 1 + MIN((i - literals) >> SKIP_SHIFT, MAX_SKIP);
            continue;
        }
        if (m.length < POOR_LENGTH && i + 1 + look_ahead <= s->n)
            i += find_later(cell, s, &m, i);
        i = extend_back(cell, s, &m, i, literals);
        put_literals(cell, out, s->pixels, literals, i);
        put_copy(cell, out, s, &m, i);
        i += m.length;
        literals = i;
    }
    put_literals(cell, out, s->pixels, literals, s->n);
}

G_ALWAYS_INLINE static inline void go_to_piece(Search *s, const GlzPiece *piece)
{
    s->pixels = piece->pixels;
    s->first = piece->first;
    s->n = piece->end;
}

/* The pieces behind the first one: copies end with them. */
G_ALWAYS_INLINE static inline void encode_more(Cell cell, Output *out, Search *s)
{
    for (const GlzPiece *piece = s->image->more; s->n < s->image->cells; piece++) {
        uint32_t before = (uint32_t)cell_at(cell, s->pixels, s->n - 1), first = piece->first;
        Match m;

        go_to_piece(s, piece);
        find_first(cell, s, &m, before);
        if (m.gain > 0) {
            put_copy(cell, out, s, &m, first);
            first += m.length;
        }
        encode_piece(cell, out, s, first, MAX(first, piece->first + 1));
    }
}

G_ALWAYS_INLINE static inline void encode_pass(Cell cell, Output *out, Search *s)
{
    s->base = glz_dictionary_begin_pass(s->d, s->image->cells);
    go_to_piece(s, &s->image->piece);
    s->last = (GlzPiece){0};
    if (s->reach) {
        /* The same picture again, at least in part? */
        const GlzImage *before = glz_dictionary_image(s->d, s->id - 1);

        if (before->piece.pixels && before->type == s->type) {
            s->last = before->piece;
            s->last_image = 1;
            s->last_shift = 0;
        }
    }
    if (s->n > distant_cells(cell)) {
        *recent_slot(cell, s, 0) = s->base;
        insert_distant(cell, s, 0);
    }
    encode_piece(cell, out, s, 0, 1);
    if (s->image->more)
        encode_more(cell, out, s);
}

/* One copy of the loops for each kind of cell. */
static void encode_alpha(Output *out, Search *s)
{
    encode_pass(CELL_ALPHA, out, s);
}
static void encode_rgb16(Output *out, Search *s)
{
    encode_pass(CELL_RGB16, out, s);
}
static void encode_rgb24(Output *out, Search *s)
{
    encode_pass(CELL_RGB24, out, s);
}
static void encode_rgb32(Output *out, Search *s)
{
    encode_pass(CELL_RGB32, out, s);
}

static void write_header(WireWriter *writer, LzType type, uint32_t width, uint32_t height, bool top_down,
                         const Search *s)
{
    uint8_t header[GLZ_HEADER_SIZE];
    const uint32_t fields[] = {
        width,           height,  width * (uint32_t)cell_step(lz_type_cell(type)), (uint32_t)(s->id >> 32),
        (uint32_t)s->id, s->reach};
    const uint32_t magic[] = {GUINT32_TO_BE(LZ_MAGIC), GUINT32_TO_BE(LZ_VERSION)};

    memcpy(header, magic, sizeof(magic));
    header[8] = (uint8_t)(type | (top_down ? 0x10 : 0));
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        uint32_t be = GUINT32_TO_BE(fields[i]);

        memcpy(header + 9 + 4 * i, &be, sizeof(be));
    }
    wire_write_bytes(writer, header, sizeof(header));
}

static void encode_image(Output *out, Search *s)
{
    s->tag = s->type;
    switch (s->type) {
    case LZ_TYPE_RGB16:
        encode_rgb16(out, s);
        break;
    case LZ_TYPE_RGB24:
        encode_rgb24(out, s);
        break;
    default:
        encode_rgb32(out, s);
    }
    if (s->type == LZ_TYPE_RGBA) {
        s->tag = LZ_TYPE_XXXA;
        encode_alpha(out, s);
    }
}

/* Whether the pieces are whole cells, and enough of them. */
static bool fits(LzType type, size_t cells, const PixelPiece *pieces, size_t n)
{
    size_t step = cell_step(lz_type_cell(type));
    uint64_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        if (pieces[i].size == 0 || pieces[i].size % step)
            return false;
        bytes += pieces[i].size;
    }
    return bytes == (uint64_t)cells * step;
}

static size_t encode(GlzDictionary *d, LzType type, uint32_t width, uint32_t height, bool top_down,
                     const PixelPiece *pieces, size_t n, GBytes *bytes, WireWriter *writer, uint64_t *id)
{
    Output out = {.writer = writer, .start = writer->size, .limit = SIZE_MAX};
    Search s = {.d = d, .type = type};
    uint32_t stride;
    size_t cells;

    if (type < LZ_TYPE_RGB16 || type > LZ_TYPE_RGBA || !lz_geometry(type, width, height, &stride, &cells) ||
        cells >= d->size || !fits(type, cells, pieces, n))
        return 0;
    pthread_mutex_lock(&d->lock);
    if (d->frozen) {
        pthread_mutex_unlock(&d->lock);
        return 0;
    }
    s.image = glz_dictionary_add(d, type, (uint32_t)cells, pieces, n, bytes);
    s.id = d->next_id - 1;
    if (id)
        *id = s.id;
    s.reach = (uint32_t)(s.id - d->head);
    write_header(writer, type, width, height, top_down, &s);
    out.p = out.end = writer->data + writer->size;
    encode_image(&out, &s);
    pthread_mutex_unlock(&d->lock);
    writer->size = out.start + output_used(&out);
    return writer->size - out.start;
}

size_t glz_encode(GlzDictionary *d, LzType type, uint32_t width, uint32_t height, bool top_down, GBytes *pixels,
                  WireWriter *writer, uint64_t *id)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(pixels, &size);

    return encode(d, type, width, height, top_down, &(PixelPiece){data, size}, 1, pixels, writer, id);
}

size_t glz_encode_pieces(GlzDictionary *d, LzType type, uint32_t width, uint32_t height, bool top_down,
                         const PixelPiece *pieces, size_t n, WireWriter *writer, uint64_t *id)
{
    return encode(d, type, width, height, top_down, pieces, n, NULL, writer, id);
}
