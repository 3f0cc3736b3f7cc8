/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QUIC encoder. The format fixes every bit, so all that can be won is time:
 * - where runs are, and the symbols of a stretch of pixels, is found with vector code ahead of the loop that must go
 *   pixel by pixel;
 * - that loop has no branches but its own: it looks up the code words of a pixel, joins them, and adds them to the
 *   stream in one piece. It is short enough for all of its state to be in registers; what is rare is kept out of it;
 * - it has no model in it: stretches between two updates of the model, or up to the next run, are coded in one go;
 * - short runs, which are most of them, are looked up too.
 */
#include "common/image/quic-model.h"
#include "common/image/quic-row.h"

#define MAX_STRETCH 1024u          /* pixels that are coded without a look at the room left */
#define PIXEL_BITS (3 * 26u + 32u) /* at most, and a short run and an empty one ahead of it */
#define SLACK 16u                  /* bytes that a store may touch, and the words of the end */
#define GROW 4096u
#define EXPECT_AFTER 16u /* that part of the picture says how long the stream will be */
#define MAX_PREFETCH ((size_t)32 << 10)

/* Where a stream ends: words, first bit first, stored little endian. Kept in registers while pixels are coded. */
typedef struct BitTail {
    uint8_t *p;    /* next word */
    uint64_t bits; /* the last bits so far; the lowest `n` of them are pending */
    unsigned n;    /* below 32 */
} BitTail;

/* The stream being written. */
typedef struct BitWriter {
    BitTail tail;
    WireWriter *writer;
    uint8_t *end;    /* of the writer's memory */
    size_t start;    /* the writer's size before the stream */
    size_t limit;    /* bytes that the stream may have */
    size_t expected; /* bytes that it will have if it goes on as before; 0: not known yet */
} BitWriter;

/* A plane of the picture: B, G and R, or one component. */
typedef struct Plane {
    QuicState state;
    QuicChannel channel[3];
    uint8_t *seen; /* the symbols that were coded last in each column, four a pixel; at -4: the context of the first */
    uint64_t *equal; /* [words] pixels like the one at their left; in this row and in the one above */
    uint64_t *equal_above;
    uint64_t *run; /* [words] pixels at which a run starts, unless an empty one just has */
    /* [component][context]: the words of the code to use. What the model says, but without a look at the bucket: that
     * changes rarely. */
    const uint16_t *code[3][256];
} Plane;

typedef struct Encoder {
    BitWriter out;
    QuicType type;
    uint32_t width;
    bool first_row;
    uint8_t *row; /* four bytes a pixel; at -4: what predicts the first one */
    const uint8_t *above;
    Plane color;
    Plane alpha;
} Encoder;

static size_t used_bytes(const BitWriter *out)
{
    return (size_t)(out->tail.p - out->writer->data) - out->start;
}

static bool grow(BitWriter *out, size_t n)
{
    size_t used = used_bytes(out);

    if (used > out->limit)
        return false;
    out->writer->size = out->start + used;
    /* Growing step by step would copy a long stream again and again. */
    wire_writer_reserve(out->writer, used + n < out->expected ? out->expected - used : MAX(n, GROW));
    out->tail.p = out->writer->data + out->writer->size;
    out->end = out->writer->data + out->writer->capacity;
    return true;
}

/* Room for n bytes. False: the stream has passed its limit. */
G_ALWAYS_INLINE static inline bool room(BitWriter *out, size_t n)
{
    return G_LIKELY((size_t)(out->end - out->tail.p) >= n + SLACK) || grow(out, n + SLACK);
}

/* 0 to 32 bits; of `length` only the low 6 bits are looked at. Always stores a word; a full one stays. */
G_ALWAYS_INLINE static inline void put_bits(BitTail *out, uint64_t word, unsigned length)
{
    unsigned n = out->n + length;
    uint32_t full;

    out->bits = out->bits << (length & 63) | word;
    full = GUINT32_TO_LE((uint32_t)(out->bits >> ((n - 32) & 63)));
    memcpy(out->p, &full, sizeof(full));
    out->p += n >> 3 & 4;
    out->n = n & 31;
}

static void put_run_pieces(BitTail *out, QuicState *state, uint32_t n)
{
    while (quic_take_run_piece(&state->run, &n))
        put_bits(out, 1, 1);
    put_bits(out, n, quic_end_run(&state->run));
}

/* A run below QUIC_SHORT_RUN and, if `and_empty`, an empty one. */
G_ALWAYS_INLINE static inline void put_short_run(BitTail *out, QuicState *state, uint32_t n, bool and_empty)
{
    const QuicRunCode *code = &quic_run_code[state->run][n], *empty = &quic_run_code[code->next][0];
    unsigned length = and_empty ? empty->length : 0;

    put_bits(out, (uint64_t)code->word << length, code->length + length);
    state->run = and_empty ? empty->next : code->next;
}

/* The byte of a pixel in which a component is, in the order in which they are written. */
G_ALWAYS_INLINE static inline unsigned channel_byte(unsigned channels, unsigned first, unsigned c)
{
    return channels == 3 ? 2 - c : first;
}

/* The words of a pixel that together are too long for put_bits. Apart: it is rare, and would take registers. */
static G_GNUC_NO_INLINE __attribute__((cold)) BitTail put_words(BitTail out, uint32_t a, uint32_t b, uint32_t c)
{
    put_bits(&out, a >> 8, a);
    put_bits(&out, b >> 8, b);
    put_bits(&out, c >> 8, c);
    return out;
}

/* One pixel, whose symbols are in the context of those before it. */
G_ALWAYS_INLINE static inline void put_pixel(BitTail *out, const Plane *plane, unsigned channels, unsigned first,
                                             const uint8_t *symbols)
{
    uint32_t w[3] = {0}; /* cppcheck does not see that there is at least one channel */
    unsigned length;
    uint64_t word;

#pragma GCC unroll 3
    for (unsigned c = 0; c < channels; c++) {
        const uint8_t *symbol = symbols + channel_byte(channels, first, c);

        w[c] = plane->code[c][symbol[-4]][symbol[0]];
    }
    length = w[0] + w[1] + w[2];
    word = w[0] >> 8;
    if (channels == 3)
        word = (word << (w[1] & 63) | w[1] >> 8) << (w[2] & 63) | w[2] >> 8;
    if (channels == 1 || G_LIKELY((uint8_t)length <= 32))
        put_bits(out, word, length);
    else
        *out = put_words(*out, w[0], w[1], w[2]);
}

/* Makes what the model says about a bucket known to its contexts, 2^bucket - 1 and as many after it. */
static void set_code(Plane *plane, unsigned c, unsigned bucket, unsigned bits)
{
    const uint16_t *words = quic_codes(bits)->word + plane->channel[c].best[bucket];
    const uint16_t **code = plane->code[c] + (1u << bucket) - 1;
    unsigned n = 1u << bucket;

    for (; n >= 8; n -= 8, code += 8)
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++)
            code[i] = words;
    for (; n > 0; n--)
        *code++ = words;
    if (bucket == bits - 1)
        *code = words; /* the last bucket has one more */
}

/* Shows the symbols of a pixel to the model. */
G_ALWAYS_INLINE static inline void update(Plane *plane, const QuicCodes *codes, unsigned channels, unsigned first,
                                          unsigned bits, const uint8_t *symbols)
{
    unsigned trigger = quic_trigger[plane->state.mask_bits];

#pragma GCC unroll 3
    for (unsigned c = 0; c < channels; c++) {
        const uint8_t *symbol = symbols + channel_byte(channels, first, c);
        unsigned bucket = codes->bucket[symbol[-4]], before = plane->channel[c].best[bucket];

        quic_bucket_update(&plane->channel[c], bucket, codes->cost[symbol[0]], trigger, bits);
        if (G_UNLIKELY(plane->channel[c].best[bucket] != before))
            set_code(plane, c, bucket, bits);
    }
    quic_state_new_wait(&plane->state);
}

/* Codes from column i on, for which there is room, up to `end` or the end of a short run that goes past it; or to where
 * a long run starts, before `end`. Runs end at `stop`. */
G_ALWAYS_INLINE static inline uint32_t put_stretch(Encoder *e, Plane *plane, unsigned channels, unsigned first,
                                                   unsigned bits, uint32_t i, uint32_t end, uint32_t stop)
{
    const QuicCodes *codes = quic_codes(bits);
    BitTail out = e->out.tail;
    uint8_t *seen = plane->seen;
    uint32_t next = quic_next_bit(plane->run, i, end), update_at = i + plane->state.wait;

    for (;;) {
        if (i == next) {
            uint64_t starts;
            uint32_t n = (uint32_t)__builtin_ctzll(~quic_bits_at(plane->equal, i) | (uint64_t)1 << 63);

            n = MIN(n, stop - i);
            if (n >= QUIC_SHORT_RUN)
                break;
            i += n;
            update_at += n;
            starts = quic_bits_at(plane->run, i);
            put_short_run(&out, &plane->state, n, (n > 0) & (i < end) & starts);
            if (i >= end)
                break;
            starts >>= 1;
            next = starts ? MIN(i + 1 + (uint32_t)__builtin_ctzll(starts), end) : quic_next_bit(plane->run, i + 1, end);
        }
        quic_row_symbols(e->row, e->above, i, next, bits, seen);
        for (;;) {
            uint32_t pause = MIN(next, update_at);

            for (; i < pause; i++)
                put_pixel(&out, plane, channels, first, seen + 4 * (size_t)i);
            if (i == next)
                break;
            put_pixel(&out, plane, channels, first, seen + 4 * (size_t)i);
            update(plane, codes, channels, first, bits, seen + 4 * (size_t)i);
            i++;
            update_at = i + plane->state.wait;
        }
        if (i == end)
            break;
    }
    plane->state.wait = update_at - i;
    e->out.tail = out;
    return i;
}

/* A run of any length from column *i on, which moves to its end. */
static bool put_long_run(Encoder *e, Plane *plane, uint32_t *i, uint32_t stop)
{
    uint32_t n = quic_next_gap(plane->equal, *i, stop) - *i;

    if (!room(&e->out, n / (32768 * 8) + 32))
        return false;
    put_run_pieces(&e->out.tail, &plane->state, n);
    *i += n;
    return true;
}

/* A run starts where three pixels are alike: the one at the left and its left neighbour, and those two above. */
static void find_runs(Plane *plane, const uint8_t *row, uint32_t width, uint32_t mask, bool first_row)
{
    uint64_t *above = plane->equal, carry = 0;

    plane->equal = plane->equal_above;
    plane->equal_above = above;
    quic_row_equal(row, width, mask, plane->equal);
    if (first_row)
        return;
    for (uint32_t i = 0; i < (width + 63) / 64; i++) {
        plane->run[i] = above[i] & (plane->equal[i] << 1 | carry);
        carry = plane->equal[i] >> 63;
    }
    plane->run[0] &= ~(uint64_t)7; /* not before the fourth pixel */
}

G_ALWAYS_INLINE static inline bool encode_row(Encoder *e, Plane *plane, unsigned channels, unsigned first,
                                              unsigned bits)
{
    uint32_t i = 0;

    /* A row begins in the context in which the one above did. */
    memcpy(plane->seen - 4, plane->seen, 4);
    while (i < e->width) {
        uint32_t start = i, stop = quic_state_stop(&plane->state, i, e->width);

        while (i < stop) {
            uint32_t end = MIN(stop, i + MAX_STRETCH);

            if (!room(&e->out, (end - i) * PIXEL_BITS / 8))
                return false;
            i = put_stretch(e, plane, channels, first, bits, i, end, stop);
            if (i < end && !put_long_run(e, plane, &i, stop))
                return false;
        }
        quic_state_advance(&plane->state, stop - start);
    }
    return true;
}

/* One copy of the loops for each kind of plane. */
static bool encode_rgb(Encoder *e)
{
    return encode_row(e, &e->color, 3, 0, 8);
}
static bool encode_rgb5(Encoder *e)
{
    return encode_row(e, &e->color, 3, 0, 5);
}
static bool encode_gray(Encoder *e)
{
    return encode_row(e, &e->color, 1, 0, 8);
}
static bool encode_alpha(Encoder *e)
{
    return encode_row(e, &e->alpha, 1, 3, 8);
}

static bool encode_planes(Encoder *e)
{
    bool ok;

    find_runs(&e->color, e->row, e->width, e->type == QUIC_TYPE_GRAY ? 0xff : 0xffffff, e->first_row);
    ok = e->type == QUIC_TYPE_GRAY ? encode_gray(e) : e->type == QUIC_TYPE_RGB16 ? encode_rgb5(e) : encode_rgb(e);
    if (!ok || e->type != QUIC_TYPE_RGBA)
        return ok;
    find_runs(&e->alpha, e->row, e->width, 0xff000000, e->first_row);
    return encode_alpha(e);
}

/* 64 bit words of memory for a bit of each pixel and of the end of the row, and what may be read after it. */
static size_t bit_words(uint32_t width)
{
    return (size_t)width / 64 + 2;
}

/* The same for a row of pixels or symbols: one before it, kept aligned, and what may be read after it. */
static size_t row_words(uint32_t width)
{
    return ((size_t)width + 2 + QUIC_ROW_PAD + 1) / 2;
}

static uint8_t *row_init(uint64_t *at)
{
    return (uint8_t *)(at + 1);
}

static size_t plane_words(uint32_t width)
{
    return 3 * bit_words(width) + row_words(width);
}

static void plane_init(Plane *plane, unsigned bits, uint32_t width, uint64_t *at)
{
    size_t words = bit_words(width);

    quic_state_init(&plane->state);
    for (unsigned c = 0; c < 3; c++) {
        quic_channel_init(&plane->channel[c], bits);
        for (unsigned bucket = 0; bucket < bits; bucket++)
            set_code(plane, c, bucket, bits);
    }
    plane->equal = at;
    plane->equal_above = at + words;
    plane->run = at + 2 * words;
    plane->seen = row_init(at + 3 * words);
}

/* Pixels come from memory that nobody has looked at yet: the next row is on its way while this one is coded. */
static void prefetch_row(uintptr_t row, size_t bytes)
{
    for (size_t i = 0; i < MIN(bytes, MAX_PREFETCH); i += 64)
        __builtin_prefetch((const void *)(row + i));
}

static bool encode_rows(Encoder *e, uint32_t height, bool top_down, QuicRow row_of, const void *opaque)
{
    bool has_alpha = e->type == QUIC_TYPE_RGBA;
    size_t row = row_words(e->width), plane = plane_words(e->width);
    g_autofree uint64_t *memory = g_new0(uint64_t, (1 + has_alpha) * plane + 3 * row);
    uint64_t *at = memory + (1 + has_alpha) * plane;
    /* Pixels are expanded, or copied: each is read once, before it is looked at. */
    uint8_t *rows[2] = {row_init(at), row_init(at + row)};
    uint8_t *buffer = (uint8_t *)(at + 2 * row);
    size_t bytes = quic_pixel_bytes(e->type) * (size_t)e->width;
    uintptr_t before = 0;

    plane_init(&e->color, quic_type_bits(e->type), e->width, memory);
    if (has_alpha)
        plane_init(&e->alpha, 8, e->width, memory + plane);
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *packed = row_of(opaque, top_down ? y : height - 1 - y, buffer);

        if (y > 0) /* it is as far away as the last one; nothing happens if it is not */
            prefetch_row(2 * (uintptr_t)packed - before, bytes);
        before = (uintptr_t)packed;
        e->first_row = y == 0;
        e->row = rows[y & 1];
        quic_row_expand(e->type, packed, e->width, e->row);
        /* The first row is predicted from the left alone, the first pixel of the others from above, that of all from 0.
         */
        e->above = y == 0 ? e->row - 4 : rows[~y & 1];
        if (y > 0)
            memcpy(e->row - 4, e->above, 4);
        if (!encode_planes(e))
            return false;
        if (y >= height / EXPECT_AFTER)
            e->out.expected = (size_t)MIN(e->out.limit, (uint64_t)used_bytes(&e->out) * height / (y + 1));
    }
    return true;
}

static bool write_end(BitWriter *out)
{
    if (!room(out, 8))
        return false;
    if (out->tail.n)
        put_bits(&out->tail, 0, 32 - out->tail.n);
    put_bits(&out->tail, 0, 32); /* decoders read one word ahead */
    return true;
}

size_t quic_encode_rows(QuicType type, uint32_t width, uint32_t height, bool top_down, QuicRow row, const void *opaque,
                        WireWriter *writer, size_t max_size)
{
    Encoder e = {.type = type, .width = width, .out = {.writer = writer, .start = writer->size, .limit = max_size}};
    const uint32_t header[QUIC_HEADER_SIZE / 4] = {QUIC_MAGIC, QUIC_VERSION, type, width, height};
    bool ok;

    if (max_size < QUIC_HEADER_SIZE || !quic_geometry(type, width, height))
        return 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(header); i++)
        wire_write_u32(writer, header[i]);
    e.out.tail.p = e.out.end = writer->data + writer->size;
    ok = encode_rows(&e, height, top_down, row, opaque) && write_end(&e.out);
    writer->size = e.out.start;
    if (!ok || used_bytes(&e.out) > max_size)
        return 0;
    writer->size += used_bytes(&e.out);
    return writer->size - e.out.start;
}

typedef struct PackedRows {
    const uint8_t *pixels;
    size_t stride;
} PackedRows;

static const uint8_t *packed_row(const void *opaque, uint32_t number, uint8_t *buffer)
{
    const PackedRows *rows = opaque;

    return rows->pixels + rows->stride * number;
}

size_t quic_encode(QuicType type, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels,
                   WireWriter *writer, size_t max_size)
{
    PackedRows rows = {pixels, (size_t)width * quic_pixel_bytes(type)};

    return quic_encode_rows(type, width, height, top_down, packed_row, &rows, writer, max_size);
}
