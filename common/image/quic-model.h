/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QUIC's encoder and decoder share: code words and the model that chooses between them. Private to
 * common/image/quic*.c.
 *
 * A component is coded as a symbol 0..2^bits-1: how far it is from its prediction. The symbol before it (the context)
 * selects a bucket, the bucket says which of `bits` codes to use. Now and then a pixel's symbols are shown to the
 * model: each bucket counts how many bits each code would have needed, and uses the one that needed least.
 *
 * Counters are kept as 8 * bits + (7 - code): so the smallest of them also says which one it is, and among equals the
 * higher code wins. A counter is at most 8 times the smallest one, which is below 900 + 26: 16 bits are enough.
 */
#pragma once

#include "common/image/quic.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define QUIC_MAGIC 0x43495551u
#define QUIC_VERSION 0u
#define QUIC_MAX_PIXELS ((512u << 20) - 1)

#define QUIC_BUCKETS 8
#define QUIC_LANES 8 /* codes of a bucket, 8 bit components; 5 bit ones leave three unused */

/* A run shorter than QUIC_SHORT_RUN in one word. */
#define QUIC_RUN_STATES 32u
#define QUIC_SHORT_RUN 32u
typedef struct QuicRunCode {
    uint16_t word;
    uint8_t length; /* at most 16 */
    uint8_t next;   /* run state */
} QuicRunCode;

/* The codes for components of one depth. */
typedef struct QuicCodes {
    struct {
        uint8_t prefix;  /* so many zeros escape from the code */
        uint8_t suffix;  /* bits after an escape */
        uint16_t escape; /* the first symbol that is written as an escape */
    } code[QUIC_LANES];
    /* [code << bits | symbol]: word << 8 | length; words have up to 26 bits, but only the last 8 of them can be set */
    uint16_t word[QUIC_LANES << 8];
    /* [symbol]: 8 * length in each code */
    uint16_t cost[256][QUIC_LANES] __attribute__((aligned(16)));
    /* [context]: floor(log2(context + 1)), at most bits - 1 */
    uint8_t bucket[256];
} QuicCodes;

/* For 8 or 5 bits. */
const QuicCodes *quic_codes(unsigned bits);
extern QuicRunCode quic_run_code[QUIC_RUN_STATES][QUIC_SHORT_RUN]; /* made with the first of them */

extern const uint8_t quic_random[256];
extern const uint16_t quic_trigger[7];
/* The lengths of runs are written in pieces of 1 << quic_run_bits[run state] pixels. */
extern const uint8_t quic_run_bits[QUIC_RUN_STATES];

#define QUIC_MASK_STEP 2048u /* columns after which the model is updated more rarely */
#define QUIC_LAST_MASK 6u

/* Where a plane (R, G and B, or a single component) stands in the picture. */
typedef struct QuicState {
    unsigned wait;      /* pixels to code until the next update */
    unsigned random;    /* position in quic_random */
    unsigned mask_bits; /* up to 2^mask_bits - 1 pixels between updates */
    unsigned left;      /* columns until mask_bits grows */
    unsigned run;       /* 0..31 */
} QuicState;

/* One component: its buckets. */
typedef struct QuicChannel {
    uint16_t count[QUIC_BUCKETS][QUIC_LANES] __attribute__((aligned(16)));
    uint16_t best[QUIC_BUCKETS]; /* code << bits */
} QuicChannel;

void quic_channel_init(QuicChannel *channel, unsigned bits);
void quic_state_init(QuicState *state);

/* The column, at most width, up to which a row is coded in one go from column i on. */
G_ALWAYS_INLINE static inline uint32_t quic_state_stop(const QuicState *state, uint32_t i, uint32_t width)
{
    return state->mask_bits < QUIC_LAST_MASK && state->left <= width - i ? i + state->left : width;
}

G_ALWAYS_INLINE static inline void quic_state_advance(QuicState *state, uint32_t columns)
{
    if (state->mask_bits == QUIC_LAST_MASK)
        return;
    state->left -= columns;
    if (state->left == 0) {
        state->mask_bits++;
        state->left = QUIC_MASK_STEP;
    }
}

G_ALWAYS_INLINE static inline void quic_state_new_wait(QuicState *state)
{
    state->wait = quic_random[state->random++ & 255] & ((1u << state->mask_bits) - 1);
}

/* Takes a full piece from a run of n pixels, if there is one: written as a bit that is set. */
G_ALWAYS_INLINE static inline bool quic_take_run_piece(unsigned *run_state, uint32_t *n)
{
    uint32_t piece = 1u << quic_run_bits[*run_state];

    if (*n < piece)
        return false;
    *n -= piece;
    if (*run_state < QUIC_RUN_STATES - 1)
        ++*run_state;
    return true;
}

/* What is left after the last piece is written in so many bits, the first of which is not set. */
G_ALWAYS_INLINE static inline unsigned quic_end_run(unsigned *run_state)
{
    unsigned bits = 1u + quic_run_bits[*run_state];

    if (*run_state > 0)
        --*run_state;
    return bits;
}

/* The low bits of the counters; unused lanes never are the smallest. */
extern const uint16_t quic_lane_low[2][QUIC_LANES];

G_ALWAYS_INLINE static inline const uint16_t *quic_lanes(unsigned bits)
{
    return quic_lane_low[bits == 5];
}

/* Shows the model a symbol, as its costs, that came in a bucket. */
G_ALWAYS_INLINE static inline void quic_bucket_update(QuicChannel *channel, unsigned bucket,
                                                      const uint16_t cost[QUIC_LANES], unsigned trigger, unsigned bits)
{
    uint16_t *count = channel->count[bucket];
    unsigned least;

#ifdef __SSE2__
    __m128i c = _mm_add_epi16(_mm_load_si128((const __m128i *)count), _mm_load_si128((const __m128i *)cost));
    __m128i m = _mm_xor_si128(c, _mm_set1_epi16(-0x8000)); /* the minimum is one of signed numbers */

    m = _mm_min_epi16(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
    m = _mm_min_epi16(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
    m = _mm_min_epi16(m, _mm_shufflelo_epi16(m, _MM_SHUFFLE(2, 3, 0, 1)));
    least = (unsigned)(_mm_cvtsi128_si32(m) & 0xffff) ^ 0x8000;
    if (least >> 3 > trigger)
        c = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(c, 1), _mm_set1_epi16(~7)),
                         _mm_loadu_si128((const __m128i *)quic_lanes(bits)));
    _mm_store_si128((__m128i *)count, c);
#else
    least = G_MAXUINT16;
    for (unsigned i = 0; i < QUIC_LANES; i++) {
        count[i] = (uint16_t)(count[i] + cost[i]);
        least = MIN(least, count[i]);
    }
    if (least >> 3 > trigger)
        for (unsigned i = 0; i < QUIC_LANES; i++)
            count[i] = (uint16_t)((count[i] >> 1 & ~7) | quic_lanes(bits)[i]);
#endif
    channel->best[bucket] = (uint16_t)((7 - (least & 7)) << bits);
}

/* Bytes of a packed pixel. */
G_ALWAYS_INLINE static inline unsigned quic_pixel_bytes(QuicType type)
{
    return type == QUIC_TYPE_RGB32 || type == QUIC_TYPE_RGBA ? 4 : (unsigned)type;
}

G_ALWAYS_INLINE static inline unsigned quic_type_bits(QuicType type)
{
    return type == QUIC_TYPE_RGB16 ? 5 : 8;
}

/* The geometry is legal and not empty. */
bool quic_geometry(QuicType type, uint32_t width, uint32_t height);
