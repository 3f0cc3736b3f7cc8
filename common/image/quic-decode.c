/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QUIC decoder. Behind the end of the input it reads zeros, which are codes like others; each row checks that
 * nothing of them was used.
 */
#include "common/image/quic-model.h"
#include "common/image/quic-row.h"

typedef struct BitReader {
    const uint8_t *p;
    const uint8_t *end;
    uint64_t bits; /* from the highest bit on */
    unsigned n;    /* bits that are there */
    size_t beyond; /* words that were made up */
} BitReader;

typedef struct Plane {
    QuicState state;
    QuicChannel channel[3];
    uint32_t *seen; /* [width] the symbols that were decoded last in this column, four a pixel */
} Plane;

typedef struct Decoder {
    BitReader in;
    QuicInfo info;
    uint8_t *row; /* four bytes a pixel */
    const uint8_t *above;
    bool first_row;
    Plane color;
    Plane alpha;
} Decoder;

/* At least 33 bits are there afterwards. */
G_ALWAYS_INLINE static inline void fill(BitReader *in)
{
    uint32_t word = 0;

    if (in->n > 32)
        return;
    if (G_LIKELY(in->p != in->end)) {
        memcpy(&word, in->p, sizeof(word));
        in->p += sizeof(word);
    } else {
        in->beyond++;
    }
    in->bits |= (uint64_t)GUINT32_FROM_LE(word) << (32 - in->n);
    in->n += 32;
}

G_ALWAYS_INLINE static inline void skip(BitReader *in, unsigned n)
{
    in->bits <<= n;
    in->n -= n;
}

/* All bits used so far were in the input. */
static bool input_held(const BitReader *in)
{
    return in->beyond * 32 <= in->n;
}

/* Up to 26 bits. */
G_ALWAYS_INLINE static inline uint32_t read_symbol(BitReader *in, const QuicCodes *codes, unsigned l, unsigned bits)
{
    unsigned zeros, prefix = codes->code[l].prefix, suffix;
    uint32_t symbol;

    fill(in);
    zeros = (unsigned)__builtin_clzll(in->bits | 1);
    if (zeros < prefix) {
        symbol = (uint32_t)((in->bits << zeros << 1) >> 1 >> (63 - l)) | zeros << l;
        skip(in, zeros + 1 + l);
        return symbol;
    }
    suffix = codes->code[l].suffix;
    symbol = codes->code[l].escape + (uint32_t)(in->bits << prefix >> (64 - suffix));
    skip(in, prefix + suffix);
    return MIN(symbol, (1u << bits) - 1); /* not all bits of a suffix may be needed */
}

/* The length of a run of at most `max` pixels. False if it is longer. */
static bool read_run(BitReader *in, QuicState *state, uint32_t max, uint32_t *length)
{
    uint32_t n = 0, rest;
    unsigned bits;

    for (;;) {
        bool more;

        fill(in);
        more = in->bits >> 63;
        skip(in, 1);
        bits = quic_run_bits[state->run];
        if (!more)
            break;
        n += 1u << bits;
        if (n > max)
            return false;
        if (state->run < 31)
            state->run++;
    }
    fill(in);
    rest = bits ? (uint32_t)(in->bits >> (64 - bits)) : 0;
    skip(in, bits);
    if (state->run > 0)
        state->run--;
    *length = n + rest;
    return rest <= max - n;
}

G_ALWAYS_INLINE static inline uint32_t load_pixel(const uint8_t *row, uint32_t i)
{
    uint32_t v;

    memcpy(&v, row + 4 * (size_t)i, sizeof(v));
    return v;
}

G_ALWAYS_INLINE static inline void store_pixel(uint8_t *row, uint32_t i, uint32_t v, uint32_t mask)
{
    if (mask == 0xff000000)
        v |= load_pixel(row, i); /* the colours have been there since the plane before */
    memcpy(row + 4 * (size_t)i, &v, sizeof(v));
}

/* Up to `end`, or to where a run starts. */
typedef struct RowPosition {
    uint32_t i;
    uint32_t no_run; /* no run starts there: one has just ended, or was empty */
} RowPosition;

G_ALWAYS_INLINE static inline bool run_starts(const Decoder *d, const RowPosition *at, uint32_t mask)
{
    uint32_t i = at->i;

    return i > 2 && i != at->no_run && !d->first_row &&
           ((load_pixel(d->above, i - 1) ^ load_pixel(d->above, i)) & mask) == 0 &&
           ((load_pixel(d->row, i - 1) ^ load_pixel(d->row, i - 2)) & mask) == 0;
}

/* The error that a symbol stands for, modulo 2^bits. */
G_ALWAYS_INLINE static inline uint32_t symbol_error(uint32_t symbol, unsigned bits)
{
    return (symbol & 1 ? ~(symbol >> 1) : symbol >> 1) & ((1u << bits) - 1);
}

/* The pixel at column i. */
G_ALWAYS_INLINE static inline void decode_pixel(Decoder *d, BitReader *in, Plane *plane, uint32_t i, unsigned channels,
                                                uint32_t mask, unsigned bits)
{
    const QuicCodes *codes = quic_codes(bits);
    uint32_t context = plane->seen[i ? i - 1 : 0], symbols = 0, pixel = 0, prediction = 0;

    if (i && !d->first_row) {
        uint32_t a = load_pixel(d->row, i - 1), b = load_pixel(d->above, i);

        prediction = (a & b) + ((a ^ b) >> 1 & 0x7f7f7f7f); /* the mean of each byte */
    } else if (i) {
        prediction = load_pixel(d->row, i - 1);
    } else if (!d->first_row) {
        prediction = load_pixel(d->above, 0);
    }
#pragma GCC unroll 3
    for (unsigned c = 0; c < channels; c++) {
        unsigned at = channels == 3 ? 16 - 8 * c : mask == 0xff ? 0 : 24;
        unsigned bucket = codes->bucket[context >> at & 0xff];
        uint32_t symbol = read_symbol(in, codes, plane->channel[c].best[bucket] >> bits, bits);
        uint32_t value = symbol_error(symbol, bits) + ((prediction >> at & 0xff) >> (8 - bits));

        if (plane->state.wait == 0)
            quic_bucket_update(&plane->channel[c], bucket, codes->cost[symbol], quic_trigger[plane->state.mask_bits],
                               bits);
        symbols |= symbol << at;
        pixel |= (value << (8 - bits) & 0xff) << at;
    }
    if (plane->state.wait == 0)
        quic_state_new_wait(&plane->state);
    else
        plane->state.wait--;
    plane->seen[i] = symbols;
    store_pixel(d->row, i, pixel, mask);
}

G_ALWAYS_INLINE static inline bool decode_row(Decoder *d, Plane *plane, unsigned channels, uint32_t mask, unsigned bits)
{
    RowPosition at = {0};
    BitReader in = d->in; /* in registers */

    while (at.i < d->info.width) {
        uint32_t start = at.i, stop = quic_state_stop(&plane->state, at.i, d->info.width);

        at.no_run = G_MAXUINT32;
        while (at.i < stop) {
            if (run_starts(d, &at, mask)) {
                uint32_t n, pixel = load_pixel(d->row, at.i - 1) & mask;

                at.no_run = at.i;
                if (!read_run(&in, &plane->state, stop - at.i, &n))
                    return false;
                for (; n > 0; n--, at.i++)
                    store_pixel(d->row, at.i, pixel, mask);
                continue;
            }
            decode_pixel(d, &in, plane, at.i, channels, mask, bits);
            at.i++;
        }
        quic_state_advance(&plane->state, stop - start);
    }
    d->in = in;
    return input_held(&in);
}

/* One copy of the loops for each kind of plane. */
static bool decode_rgb(Decoder *d)
{
    return decode_row(d, &d->color, 3, 0xffffff, 8);
}
static bool decode_rgb5(Decoder *d)
{
    return decode_row(d, &d->color, 3, 0xffffff, 5);
}
static bool decode_gray(Decoder *d)
{
    return decode_row(d, &d->color, 1, 0xff, 8);
}
static bool decode_alpha(Decoder *d)
{
    return decode_row(d, &d->alpha, 1, 0xff000000, 8);
}

static bool decode_planes(Decoder *d)
{
    switch (d->info.type) {
    case QUIC_TYPE_GRAY:
        return decode_gray(d);
    case QUIC_TYPE_RGB16:
        return decode_rgb5(d);
    case QUIC_TYPE_RGBA:
        return decode_rgb(d) && decode_alpha(d);
    default:
        return decode_rgb(d);
    }
}

static void plane_init(Plane *plane, unsigned bits, uint32_t *seen)
{
    quic_state_init(&plane->state);
    for (unsigned c = 0; c < 3; c++)
        quic_channel_init(&plane->channel[c], bits);
    plane->seen = seen;
}

static bool decode_rows(Decoder *d, uint8_t *pixels)
{
    uint32_t width = d->info.width;
    bool expand = d->info.type < QUIC_TYPE_RGB32;
    size_t stride = (size_t)width * quic_pixel_bytes(d->info.type);
    /* What was decoded last in each plane; two rows. */
    g_autofree uint32_t *memory = g_try_new0(uint32_t, (size_t)width * (expand ? 3 : 2));
    uint8_t *rows = (uint8_t *)(memory + width);

    if (!memory)
        return false;
    plane_init(&d->color, quic_type_bits(d->info.type), memory);
    plane_init(&d->alpha, 8, memory + width);
    for (uint32_t y = 0; y < d->info.height; y++) {
        uint8_t *packed = pixels + stride * y;

        d->first_row = y == 0;
        d->above = d->row;
        d->row = expand ? rows + 4 * (size_t)width * (y & 1) : packed;
        if (!decode_planes(d))
            return false;
        if (expand)
            quic_row_pack(d->info.type, d->row, width, packed);
    }
    return true;
}

/*
 * Each pixel of the first row and the first three of all others cost a bit for each component, and each later row that
 * is wider has another bit. A stream that cannot hold what its header says is refused before memory is taken.
 */
static bool may_hold(const QuicInfo *info, size_t size)
{
    uint64_t channels = info->type == QUIC_TYPE_GRAY ? 1 : info->type == QUIC_TYPE_RGBA ? 4 : 3;
    uint64_t least = channels * (info->width + (uint64_t)(info->height - 1) * MIN(info->width, 3));

    return least <= 8 * (uint64_t)size;
}

GBytes *quic_decode(const uint8_t *data, size_t size, QuicInfo *info, GError **error)
{
    g_autofree uint8_t *pixels = NULL;
    Decoder d = {0};
    size_t bytes;

    if (!quic_read_header(data, size, info, error))
        return NULL;
    d.info = *info;
    d.in.p = data + QUIC_HEADER_SIZE;
    d.in.end = data + size / 4 * 4;
    bytes = (size_t)info->width * quic_pixel_bytes(info->type) * info->height;
    if (may_hold(info, size - QUIC_HEADER_SIZE))
        pixels = g_try_malloc(bytes);
    if (!pixels || !decode_rows(&d, pixels)) {
        g_set_error(error, QUIC_ERROR, QUIC_ERROR_STREAM,
                    "QUIC stream of %zu bytes does not hold a %ux%u image of type %u", size, info->width, info->height,
                    info->type);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&pixels), bytes);
}
