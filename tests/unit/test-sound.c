/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The logic of sound without sockets: frames, ring, codec. */
#include "server/channels/sound-codec.h"
#include "server/channels/sound-frames.h"
#include "server/channels/sound-ring.h"

#include <math.h>
#include <spice/enums.h>
#include <stdlib.h>
#include <string.h>

/* --- frames --- */

static void test_frames(void)
{
    FramePool *pool = frame_pool_new();
    uint32_t *frames[SOUND_FRAMES];
    uint32_t time;

    g_assert_null(frame_pool_pending(pool, &time));
    for (unsigned i = 0; i < SOUND_FRAMES; i++) {
        frames[i] = frame_pool_take(pool);
        g_assert_nonnull(frames[i]);
        for (unsigned j = 0; j < SOUND_FRAME_PAIRS; j++)
            frames[i][j] = i;
    }
    g_assert_null(frame_pool_take(pool));
    g_assert_true(frame_pool_put(frames[1], 7) == pool);
    g_assert_true(frame_pool_pending(pool, &time) == frames[1]);
    g_assert_cmpuint(time, ==, 7);
    g_assert_null(frame_pool_take(pool)); /* a pending frame is in use */

    /* The newest replaces it, and it is free again. */
    g_assert_true(frame_pool_put(frames[0], 8) == pool);
    g_assert_true(frame_pool_pending(pool, &time) == frames[0]);
    g_assert_cmpuint(time, ==, 8);
    g_assert_true(frame_pool_take(pool) == frames[1]);
    g_assert_null(frame_pool_take(pool));

    frame_pool_drop_pending(pool);
    g_assert_null(frame_pool_pending(pool, &time));
    g_assert_true(frame_pool_take(pool) == frames[0]);
    for (unsigned i = 0; i < SOUND_FRAMES; i++)
        frame_pool_put(frames[i], i);
    frame_pool_release(pool);
}

static void test_frames_outlive_pool(void)
{
    FramePool *pool = frame_pool_new();
    uint32_t *first = frame_pool_take(pool), *second = frame_pool_take(pool);

    frame_pool_release(pool);
    memset(first, 0xff, SOUND_FRAME_PAIRS * sizeof(uint32_t));
    g_assert_null(frame_pool_put(first, 1));
    memset(second, 0xff, SOUND_FRAME_PAIRS * sizeof(uint32_t));
    g_assert_null(frame_pool_put(second, 2)); /* the sanitizer sees that the memory is gone now */
    frame_pool_release(NULL);
}

static void test_frame_put_twice(void)
{
    FramePool *pool = frame_pool_new();
    uint32_t *frame = frame_pool_take(pool);

    g_assert_true(frame_pool_put(frame, 1) == pool);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*not handed out*");
    g_assert_null(frame_pool_put(frame, 2));
    g_test_assert_expected_messages();
    frame_pool_release(pool);
}

/* --- ring --- */

/* Pairs n, n + 1, ... at an odd address. */
static void write_count(SoundRing *ring, uint32_t from, uint32_t n)
{
    g_autofree uint8_t *bytes = g_malloc(n * 4 + 1);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = from + i;

        memcpy(bytes + 1 + i * 4, &v, 4);
    }
    sound_ring_write(ring, bytes + 1, n);
}

static void read_count(SoundRing *ring, uint32_t max, uint32_t from, uint32_t n)
{
    g_autofree uint32_t *pairs = g_new(uint32_t, max + 1);

    g_assert_cmpuint(sound_ring_read(ring, pairs, max), ==, n);
    for (uint32_t i = 0; i < n; i++)
        g_assert_cmpuint(pairs[i], ==, from + i);
}

static void test_ring_start(void)
{
    g_autofree SoundRing *ring = g_new0(SoundRing, 1);

    read_count(ring, 100, 0, 0);
    write_count(ring, 0, SOUND_RING_START_PAIRS - 1);
    read_count(ring, 100, 0, 0);
    write_count(ring, SOUND_RING_START_PAIRS - 1, 1);
    read_count(ring, 100, 0, 100);
    read_count(ring, 10000, 100, SOUND_RING_START_PAIRS - 100);
    read_count(ring, 100, 0, 0);
    /* Running dry does not bring the waiting back; a start does. */
    write_count(ring, 5, 3);
    read_count(ring, 100, 5, 3);
    sound_ring_start(ring);
    write_count(ring, 0, SOUND_RING_START_PAIRS - 1);
    read_count(ring, 100, 0, 0);
}

static void test_ring_wraps(void)
{
    g_autofree SoundRing *ring = g_new0(SoundRing, 1);
    uint32_t at = SOUND_RING_START_PAIRS;

    write_count(ring, 0, SOUND_RING_START_PAIRS);
    /* Frames that do not divide the ring: the seam falls inside packets and inside reads. */
    for (unsigned i = 0; i < 400; i++, at += 480) {
        write_count(ring, at, 480);
        read_count(ring, 480, at - SOUND_RING_START_PAIRS, 480);
    }
}

static void test_ring_overrun(void)
{
    g_autofree SoundRing *ring = g_new0(SoundRing, 1);

    write_count(ring, 0, 5000);
    write_count(ring, 5000, 5000);
    read_count(ring, 1, 10000 - SOUND_RING_PAIRS, 1);
    read_count(ring, 20000, 10000 - SOUND_RING_PAIRS + 1, SOUND_RING_PAIRS - 1);
    /* One message of more than the ring: its first pairs are taken. */
    write_count(ring, 1, 3 * SOUND_RING_PAIRS);
    read_count(ring, 20000, 1, SOUND_RING_PAIRS);
    write_count(ring, 0, 0);
    read_count(ring, 20000, 0, 0);
}

/* --- codec --- */

#define TONE_HZ 440.0
#define LEFT_AMPLITUDE 12000.0
#define RIGHT_AMPLITUDE 6000.0

static uint32_t tone_pair(unsigned i, double rate)
{
    int16_t left = (int16_t)(LEFT_AMPLITUDE * sin(2 * G_PI * TONE_HZ * i / rate));
    int16_t right = (int16_t)(RIGHT_AMPLITUDE * cos(2 * G_PI * TONE_HZ * i / rate));

    return (uint16_t)left | (uint32_t)(uint16_t)right << 16;
}

/* One channel of `n` pairs: the tone's amplitude, and its part of the power. The codec delays, so phases say nothing.
 */
static void measure_tone(const int16_t *samples, unsigned n, double rate, double *amplitude, double *part)
{
    double re = 0, im = 0, power = 0;

    for (unsigned i = 0; i < n; i++) {
        re += samples[2 * i] * cos(2 * G_PI * TONE_HZ * i / rate);
        im += samples[2 * i] * sin(2 * G_PI * TONE_HZ * i / rate);
        power += (double)samples[2 * i] * samples[2 * i];
    }
    *amplitude = 2 * hypot(re, im) / n;
    *part = *amplitude * *amplitude / 2 * n / power;
}

static void assert_tone(const int16_t *samples, unsigned n, double rate, double wanted)
{
    double amplitude, part;

    measure_tone(samples, n, rate, &amplitude, &part);
    g_test_message("%.0f Hz: amplitude %.0f of %.0f, %.1f %% of the power", rate, amplitude, wanted, part * 100);
    g_assert_cmpfloat(fabs(amplitude - wanted), <, wanted / 10);
    g_assert_cmpfloat(part, >, 0.95);
}

static void test_opus_rate(uint32_t rate)
{
    enum { FRAMES = 40 };
    SoundEncoder *encoder = sound_encoder_new(rate);
    SoundDecoder *decoder = sound_decoder_new(SPICE_AUDIO_DATA_MODE_OPUS, rate, NULL);
    g_autofree int16_t *heard = g_new(int16_t, FRAMES * SOUND_FRAME_PAIRS * 2);
    const int16_t *heard_half;
    size_t bytes = 0;

    g_assert_nonnull(decoder);
    for (unsigned f = 0; f < FRAMES; f++) {
        uint32_t frame[SOUND_FRAME_PAIRS];
        uint8_t packet[SOUND_PACKET_MAX_BYTES];
        const uint8_t *pairs;
        size_t size, n;

        for (unsigned i = 0; i < SOUND_FRAME_PAIRS; i++)
            frame[i] = tone_pair(f * SOUND_FRAME_PAIRS + i, rate);
        size = sound_encoder_encode(encoder, frame, packet);
        g_assert_cmpuint(size, >, 0);
        bytes += size;
        g_assert_true(sound_decoder_decode(decoder, packet, size, &pairs, &n, NULL));
        g_assert_cmpuint(n, ==, SOUND_FRAME_PAIRS);
        memcpy(heard + (size_t)f * SOUND_FRAME_PAIRS * 2, pairs, n * 4);
    }
    g_assert_cmpuint(bytes, <, FRAMES * SOUND_FRAME_PAIRS);
    /* The second half: an encoder needs a moment to find its way. */
    heard_half = heard + FRAMES * SOUND_FRAME_PAIRS;
    assert_tone(heard_half, FRAMES / 2 * SOUND_FRAME_PAIRS, rate, LEFT_AMPLITUDE);
    assert_tone(heard_half + 1, FRAMES / 2 * SOUND_FRAME_PAIRS, rate, RIGHT_AMPLITUDE);
    sound_encoder_free(encoder);
    sound_decoder_free(decoder);
}

static void test_opus(void)
{
    static const uint32_t rates[] = {48000, 24000, 12000, 8000};

    for (unsigned i = 0; i < G_N_ELEMENTS(rates); i++) {
        g_assert_true(sound_rate_is_opus(rates[i]));
        test_opus_rate(rates[i]);
    }
    g_assert_false(sound_rate_is_opus(16000));
    g_assert_false(sound_rate_is_opus(44100));
    g_assert_false(sound_rate_is_opus(0));
}

static void test_raw(void)
{
    SoundDecoder *decoder = sound_decoder_new(SPICE_AUDIO_DATA_MODE_RAW, 44100, NULL);
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const uint8_t *pairs;
    size_t n;

    g_assert_true(sound_decoder_decode(decoder, data, sizeof(data), &pairs, &n, NULL));
    g_assert_true(pairs == data);
    g_assert_cmpuint(n, ==, 2);
    g_assert_true(sound_decoder_decode(decoder, data, 0, &pairs, &n, NULL));
    g_assert_cmpuint(n, ==, 0);
    sound_decoder_free(decoder);
}

static void test_modes(void)
{
    static const struct {
        uint16_t mode;
        uint32_t hz;
    } bad[] = {{0, 48000},
               {2 /* CELT */, 48000},
               {4, 48000},
               {65535, 48000},
               {SPICE_AUDIO_DATA_MODE_OPUS, 44100},
               {SPICE_AUDIO_DATA_MODE_OPUS, 16000}};

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(sound_decoder_new(bad[i].mode, bad[i].hz, &error));
        g_assert_error(error, SOUND_ERROR, SOUND_ERROR_MODE);
    }
    sound_decoder_free(NULL);
    sound_encoder_free(NULL);
}

static void test_hostile_packets(void)
{
    SoundDecoder *decoder = sound_decoder_new(SPICE_AUDIO_DATA_MODE_OPUS, 48000, NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    unsigned refused = 0;
    const uint8_t *pairs;
    size_t n;

    for (unsigned round = 0; round < 20000; round++) {
        g_autoptr(GError) error = NULL;
        size_t size = (size_t)g_rand_int_range(rand, 0, round % 10 ? 60 : 4000);
        uint8_t *packet = malloc(size); /* of exactly this size, for the sanitizer */

        for (size_t i = 0; i < size; i++)
            packet[i] = (uint8_t)g_rand_int(rand);
        if (sound_decoder_decode(decoder, packet, size, &pairs, &n, &error)) {
            g_assert_cmpuint(n, <=, SOUND_FRAME_PAIRS);
        } else {
            g_assert_error(error, SOUND_ERROR, SOUND_ERROR_PACKET);
            refused++;
        }
        free(packet);
    }
    g_assert_cmpuint(refused, >, 0);
    sound_decoder_free(decoder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sound/frames", test_frames);
    g_test_add_func("/sound/frames/outlive-pool", test_frames_outlive_pool);
    g_test_add_func("/sound/frames/put-twice", test_frame_put_twice);
    g_test_add_func("/sound/ring/start", test_ring_start);
    g_test_add_func("/sound/ring/wraps", test_ring_wraps);
    g_test_add_func("/sound/ring/overrun", test_ring_overrun);
    g_test_add_func("/sound/codec/opus", test_opus);
    g_test_add_func("/sound/codec/raw", test_raw);
    g_test_add_func("/sound/codec/modes", test_modes);
    g_test_add_func("/sound/codec/hostile", test_hostile_packets);
    return g_test_run();
}
