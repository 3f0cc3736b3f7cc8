/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QUIC encoder. The format fixes every bit, so all that can be won is time:
 * - where runs are, and all symbols of a row, is found with vector code ahead of the loop that must go pixel by pixel;
 * - that loop has no branches but its own: it looks up the code words of a pixel, joins them, and adds them to the
 *   stream in one piece;
 * - it has no model in it: stretches between two updates of the model, or up to the next run, are coded in one go.
 */
#include "common/image/quic-model.h"
#include "common/image/quic-row.h"

#define MAX_STRETCH 1024u    /* pixels that are coded without a look at the room left */
#define PIXEL_BITS (3 * 26u) /* at most */
#define SLACK 16u            /* bytes that a wide store may touch, and the words of the end */
#define GROW 4096u

/* The stream being written: words, first bit first, that are stored little endian. */
typedef struct BitWriter {
    WireWriter *writer;
    uint8_t *p;    /* next word */
    uint8_t *end;  /* of the writer's memory */
    uint64_t bits; /* pending, from the highest bit on */
    unsigned n;    /* pending bits, below 32 */
    size_t start;  /* the writer's size before the stream */
    size_t limit;  /* bytes that the stream may have */
} BitWriter;

/* A plane of the picture: B, G and R, or one component. */
typedef struct Plane {
    QuicState state;
    QuicChannel channel[3];
    uint32_t *seen;  /* [width] the symbols that were coded last in this column, four a pixel */
    uint64_t *equal; /* [words] pixels like the one at their left; in this row and in the one above */
    uint64_t *equal_above;
    uint64_t *run; /* [words] pixels at which a run starts, unless one has just ended there */
} Plane;

typedef struct Encoder {
    BitWriter out;
    QuicType type;
    uint32_t width;
    bool first_row;
    const uint8_t *row; /* four bytes a pixel */
    const uint8_t *above;
    uint32_t *symbols;     /* [width], made as far as... */
    uint32_t symbols_done; /* ...here */
    Plane color;
    Plane alpha;
} Encoder;

static size_t used_bytes(const BitWriter *out)
{
    return (size_t)(out->p - out->writer->data) - out->start;
}

static bool grow(BitWriter *out, size_t n)
{
    size_t used = used_bytes(out);

    if (used > out->limit)
        return false;
    out->writer->size = out->start + used;
    wire_writer_reserve(out->writer, MAX(n, GROW));
    out->p = out->writer->data + out->writer->size;
    out->end = out->writer->data + out->writer->capacity;
    return true;
}

/* Room for n bytes. False: the stream has passed its limit. */
G_ALWAYS_INLINE static inline bool room(BitWriter *out, size_t n)
{
    return G_LIKELY((size_t)(out->end - out->p) >= n + SLACK) || grow(out, n + SLACK);
}

/* 1 to 32 bits. Always stores 8 bytes; a full word stays. */
G_ALWAYS_INLINE static inline void put_bits(BitWriter *out, uint64_t word, unsigned length)
{
    uint64_t bits = out->bits | word << (64 - out->n - length), swapped = GUINT64_TO_LE(bits >> 32 | bits << 32);
    unsigned n = out->n + length;

    memcpy(out->p, &swapped, sizeof(swapped));
    out->p += n >> 5 << 2;
    out->bits = n & 32 ? bits << 32 : bits;
    out->n = n & 31;
}

static void put_run(BitWriter *out, QuicState *state, uint32_t n)
{
    unsigned bits;

    while (n >= 1u << quic_run_bits[state->run]) {
        put_bits(out, 1, 1);
        n -= 1u << quic_run_bits[state->run];
        if (state->run < 31)
            state->run++;
    }
    bits = quic_run_bits[state->run];
    put_bits(out, n, 1 + bits);
    if (state->run > 0)
        state->run--;
}

/* The bit at which a component starts in a pixel. */
G_ALWAYS_INLINE static inline unsigned channel_shift(unsigned channels, unsigned first_shift, unsigned c)
{
    return channels == 3 ? 16 - 8 * c : first_shift;
}

G_ALWAYS_INLINE static inline uint32_t code_word(const QuicCodes *codes, const QuicChannel *channel, uint8_t context,
                                                 uint8_t symbol)
{
    return codes->word[channel->best[codes->bucket[context]] + symbol];
}

/* One pixel in the contexts of another. */
G_ALWAYS_INLINE static inline void put_pixel(BitWriter *out, const QuicCodes *codes, const Plane *plane,
                                             unsigned channels, unsigned shift, uint32_t context, uint32_t symbols)
{
    uint32_t w[3] = {0}, length; /* cppcheck does not see that there is at least one channel */
    uint64_t word;

#pragma GCC unroll 3
    for (unsigned c = 0; c < channels; c++) {
        unsigned at = channel_shift(channels, shift, c);

        w[c] = code_word(codes, &plane->channel[c], (uint8_t)(context >> at), (uint8_t)(symbols >> at));
    }
    length = w[0] & 31;
    word = w[0] >> 5;
    if (channels == 3) {
        length += (w[1] & 31) + (w[2] & 31);
        word = (word << (w[1] & 31) | w[1] >> 5) << (w[2] & 31) | w[2] >> 5;
        if (G_UNLIKELY(length > 32)) {
            for (unsigned c = 0; c < 3; c++)
                put_bits(out, w[c] >> 5, w[c] & 31);
            return;
        }
    }
    put_bits(out, word, length);
}

G_ALWAYS_INLINE static inline void update(Plane *plane, const QuicCodes *codes, unsigned channels, unsigned shift,
                                          unsigned bits, uint32_t context, uint32_t symbols)
{
    unsigned trigger = quic_trigger[plane->state.mask_bits];

#pragma GCC unroll 3
    for (unsigned c = 0; c < channels; c++) {
        unsigned at = channel_shift(channels, shift, c);

        quic_bucket_update(&plane->channel[c], codes->bucket[context >> at & 0xff], codes->cost[symbols >> at & 0xff],
                           trigger, bits);
    }
    quic_state_new_wait(&plane->state);
}

static void need_symbols(Encoder *e, uint32_t first, uint32_t end, unsigned bits)
{
    if (end <= e->symbols_done)
        return;
    first = MAX(e->symbols_done, first / QUIC_SYMBOL_BLOCK * QUIC_SYMBOL_BLOCK);
    end = MIN(e->width, (end + QUIC_SYMBOL_BLOCK - 1) / QUIC_SYMBOL_BLOCK * QUIC_SYMBOL_BLOCK);
    quic_row_symbols(e->row, e->first_row ? NULL : e->above, first, end, bits, e->symbols);
    e->symbols_done = end;
}

/* Pixels i..end-1, none of them in a run. */
G_ALWAYS_INLINE static inline bool put_pixels(Encoder *e, Plane *plane, unsigned channels, unsigned shift,
                                              unsigned bits, uint32_t i, uint32_t end)
{
    const QuicCodes *codes = quic_codes(bits);
    /* A row begins in the context in which the one above did. */
    uint32_t context = plane->seen[i ? i - 1 : 0], *seen = plane->seen;
    const uint32_t *symbols = e->symbols;

    need_symbols(e, i, end, bits);
    while (i < end) {
        uint32_t stop = MIN(end, i + MAX_STRETCH);
        BitWriter out;

        if (!room(&e->out, (stop - i) * PIXEL_BITS / 8))
            return false;
        out = e->out; /* in registers */
        while (i < stop) {
            uint32_t pause = i + MIN(plane->state.wait, stop - i);

            plane->state.wait -= pause - i;
            for (; i < pause; i++) {
                put_pixel(&out, codes, plane, channels, shift, context, symbols[i]);
                context = seen[i] = symbols[i];
            }
            if (i == stop)
                break;
            put_pixel(&out, codes, plane, channels, shift, context, symbols[i]);
            update(plane, codes, channels, shift, bits, context, symbols[i]);
            context = seen[i] = symbols[i];
            i++;
        }
        e->out.p = out.p;
        e->out.bits = out.bits;
        e->out.n = out.n;
    }
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

G_ALWAYS_INLINE static inline bool encode_row(Encoder *e, Plane *plane, unsigned channels, unsigned shift,
                                              unsigned bits)
{
    uint32_t i = 0;

    while (i < e->width) {
        uint32_t start = i, stop = quic_state_stop(&plane->state, i, e->width);

        while (i < stop) {
            uint32_t run = e->first_row ? stop : quic_next_bit(plane->run, i, stop);

            if (run == i) {
                uint32_t n = quic_next_gap(plane->equal, i, stop) - i;

                if (!room(&e->out, n / (32768 * 8) + 32))
                    return false;
                put_run(&e->out, &plane->state, n);
                i += n;
                if (n > 0)
                    continue;
                run = quic_next_bit(plane->run, i + 1, stop);
            }
            if (!put_pixels(e, plane, channels, shift, bits, i, run))
                return false;
            i = run;
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
    return encode_row(e, &e->alpha, 1, 24, 8);
}

static bool encode_planes(Encoder *e)
{
    bool ok;

    find_runs(&e->color, e->row, e->width, e->type == QUIC_TYPE_GRAY ? 0xff : 0xffffff, e->first_row);
    e->symbols_done = 0;
    ok = e->type == QUIC_TYPE_GRAY ? encode_gray(e) : e->type == QUIC_TYPE_RGB16 ? encode_rgb5(e) : encode_rgb(e);
    if (!ok || e->type != QUIC_TYPE_RGBA)
        return ok;
    find_runs(&e->alpha, e->row, e->width, 0xff000000, e->first_row);
    e->symbols_done = 0;
    return encode_alpha(e);
}

/* Memory of a plane, taken from `at` on. */
static uint64_t *plane_init(Plane *plane, unsigned bits, uint32_t width, uint64_t *at)
{
    uint32_t words = (width + 63) / 64;

    quic_state_init(&plane->state);
    for (unsigned c = 0; c < 3; c++)
        quic_channel_init(&plane->channel[c], bits);
    plane->equal = at;
    plane->equal_above = at + words;
    plane->run = at + 2 * (size_t)words;
    plane->seen = (uint32_t *)(at + 3 * (size_t)words);
    return at + 3 * (size_t)words + (width + 1) / 2;
}

static bool encode_rows(Encoder *e, uint32_t height, bool top_down, QuicRow row_of, const void *opaque)
{
    bool has_alpha = e->type == QUIC_TYPE_RGBA;
    size_t row = (e->width + 1) / 2;
    size_t plane = 3 * (((size_t)e->width + 63) / 64) + row;
    /* What was coded last and where pixels are alike starts with zeros; the rest is written before it is read. */
    g_autofree uint64_t *memory = g_new(uint64_t, plane * (1 + has_alpha) + row * 4);
    uint64_t *at = memory;
    uint8_t *buffer;
    uint8_t *expanded[2]; /* also of what is so already: each pixel is read once, before it is looked at */

    memset(memory, 0, plane * (1 + has_alpha) * sizeof(uint64_t));
    at = plane_init(&e->color, quic_type_bits(e->type), e->width, at);
    if (has_alpha)
        at = plane_init(&e->alpha, 8, e->width, at);
    e->symbols = (uint32_t *)at;
    for (unsigned i = 0; i < 2; i++)
        expanded[i] = (uint8_t *)(at + row * (i + 1));
    buffer = (uint8_t *)(at + row * 3);
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *packed = row_of(opaque, top_down ? y : height - 1 - y, buffer);

        e->first_row = y == 0;
        e->above = e->row;
        quic_row_expand(e->type, packed, e->width, expanded[y & 1]);
        e->row = expanded[y & 1];
        if (!encode_planes(e))
            return false;
    }
    return true;
}

static bool write_end(BitWriter *out)
{
    if (!room(out, 8))
        return false;
    if (out->n)
        put_bits(out, 0, 32 - out->n);
    put_bits(out, 0, 32); /* decoders read one word ahead */
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
    e.out.p = e.out.end = writer->data + writer->size;
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
