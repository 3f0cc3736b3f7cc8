/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Video encoders as streams use them: MJPEG's pictures, what is refused, what the host is told, the environment. */
#include "common/image/jpeg.h"
#include "server/display/video-encoder.h"
#include "tests/unit/video-pictures.h"

#include <string.h>

typedef struct Surroundings {
    uint32_t fps, round_trip, delay;
    unsigned told;
} Surroundings;

static uint32_t source_fps(void *opaque)
{
    return ((Surroundings *)opaque)->fps;
}

static uint32_t round_trip_ms(void *opaque)
{
    return ((Surroundings *)opaque)->round_trip;
}

static void need_delay(void *opaque, uint32_t ms)
{
    Surroundings *s = opaque;

    s->delay = ms;
    s->told++;
}

static VideoEncoderHost host_of(Surroundings *s)
{
    return (VideoEncoderHost){source_fps, round_trip_ms, need_delay, s};
}

/* Encodes one frame, decodes it and gives its PSNR. */
static double round_trip(VideoEncoder *encoder, uint32_t mm_time, const Bitmap *bitmap, uint32_t width, uint32_t height,
                         const Rect *source)
{
    g_auto(WireWriter) out = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) got = NULL;
    uint32_t got_width, got_height;

    wire_write_u8(&out, 7);
    g_assert_cmpint(video_encoder_encode(encoder, mm_time, bitmap, width, height, source, &out), ==, VIDEO_ENCODED);
    g_assert_cmpuint(out.data[0], ==, 7);
    got = jpeg_decode(out.data + 1, out.size - 1, &got_width, &got_height, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(got_width, ==, source->right - source->left);
    g_assert_cmpuint(got_height, ==, source->bottom - source->top);
    return video_psnr(bitmap, height, source, g_bytes_get_data(got, NULL), (size_t)got_width * 4);
}

static void test_mjpeg(void)
{
    static const uint16_t sizes[][2] = {{320, 240}, {321, 239}, {97, 113}, {1, 1}, {16, 3}};
    Surroundings s = {.fps = 25, .round_trip = 20};
    VideoEncoderHost host = host_of(&s);
    VideoEncoder *encoder = video_encoder_new(VIDEO_ENCODER_SPICE, SPICE_VIDEO_CODEC_TYPE_MJPEG, 0, &host);
    uint32_t mm_time = 0xfffff000; /* wraps around in the middle */

    g_assert_nonnull(encoder);
    g_assert_cmpuint(video_encoder_codec(encoder), ==, SPICE_VIDEO_CODEC_TYPE_MJPEG);
    for (uint8_t f = SPICE_BITMAP_FMT_16BIT; f <= (uint8_t)SPICE_BITMAP_FMT_RGBA; f++)
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
            for (int top_down = 0; top_down < 2; top_down++) {
                int32_t w = sizes[i][0], h = sizes[i][1];
                Bitmap bitmap = video_picture(f, top_down, (uint32_t)w, (uint32_t)h, i);
                Rect whole = {0, 0, w, h}, part = {w / 3, h / 4, w - w / 5, h - h / 7};

                g_assert_cmpfloat(round_trip(encoder, mm_time += 40, &bitmap, (uint32_t)w, (uint32_t)h, &whole), >, 27);
                g_assert_cmpfloat(round_trip(encoder, mm_time += 40, &bitmap, (uint32_t)w, (uint32_t)h, &part), >, 27);
                video_picture_free(&bitmap);
            }
    g_assert_cmpuint(s.told, >, 0);
    video_encoder_free(encoder);
}

static void test_refused(void)
{
    Surroundings s = {.fps = 25};
    VideoEncoderHost host = host_of(&s);
    VideoEncoder *encoder = video_encoder_new(VIDEO_ENCODER_SPICE, SPICE_VIDEO_CODEC_TYPE_MJPEG, 1, &host);
    Bitmap bitmap = video_picture(SPICE_BITMAP_FMT_32BIT, true, 32, 32, 0), other = bitmap;
    g_auto(WireWriter) out = {0};
    const Rect wrong[] = {{0, 0, 33, 32},
                          {0, 0, 32, 33},
                          {-1, 0, 32, 32},
                          {0, -1, 32, 32},
                          {5, 5, 5, 6},
                          {9, 9, 8, 10},
                          {0, 0, G_MAXINT32, G_MAXINT32}};
    const Rect whole = {0, 0, 32, 32};

    g_assert_null(video_encoder_new(VIDEO_ENCODER_SPICE, SPICE_VIDEO_CODEC_TYPE_VP8, 0, &host));
    g_assert_null(video_encoder_new(VIDEO_ENCODER_SPICE, 0, 0, &host));
    g_assert_null(video_encoder_new(VIDEO_ENCODER_GSTREAMER, 99, 0, &host));
    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_cmpint(video_encoder_encode(encoder, 1, &bitmap, 32, 32, &wrong[i], &out), ==, VIDEO_UNSUPPORTED);
    other.format = SPICE_BITMAP_FMT_8BIT_A;
    g_assert_cmpint(video_encoder_encode(encoder, 1, &other, 32, 32, &whole, &out), ==, VIDEO_UNSUPPORTED);
    g_assert_cmpuint(out.size, ==, 0);
    g_assert_cmpint(video_encoder_encode(encoder, 1, &bitmap, 32, 32, &whole, &out), ==, VIDEO_ENCODED);
    g_assert_cmpint(video_encoder_encode(encoder, 2, &bitmap, 32, 32, &whole, &out), ==, VIDEO_SKIPPED);
    video_encoder_free(encoder);
    video_encoder_free(NULL);
    video_picture_free(&bitmap);
}

/* Each frame can be decoded alone: quantisers and Huffman tables are in every one. */
static void test_tables(void)
{
    Surroundings s = {.fps = 25};
    VideoEncoderHost host = host_of(&s);
    VideoEncoder *encoder = video_encoder_new(VIDEO_ENCODER_SPICE, SPICE_VIDEO_CODEC_TYPE_MJPEG, 0, &host);
    const Rect whole = {0, 0, 64, 48};

    for (unsigned frame = 0; frame < 3; frame++) {
        Bitmap bitmap = video_picture(SPICE_BITMAP_FMT_32BIT, true, 64, 48, frame);
        g_auto(WireWriter) out = {0};
        unsigned tables[2] = {0};

        video_encoder_encode(encoder, 40 * frame, &bitmap, 64, 48, &whole, &out);
        for (size_t i = 2; out.data[i] == 0xff && out.data[i + 1] != 0xda;
             i += 2 + (size_t)(out.data[i + 2] << 8 | out.data[i + 3])) {
            tables[0] += out.data[i + 1] == 0xdb;
            tables[1] += out.data[i + 1] == 0xc4;
        }
        g_assert_cmpuint(tables[0], ==, 2);
        g_assert_cmpuint(tables[1], ==, 4);
        video_picture_free(&bitmap);
    }
    video_encoder_free(encoder);
}

static uint64_t start_rate(const char *environment, uint64_t bit_rate)
{
    Surroundings s = {.fps = 25};
    VideoEncoderHost host = host_of(&s);
    VideoEncoder *encoder;
    uint64_t rate;

    if (environment)
        g_setenv("SPICE_BIT_RATE", environment, TRUE);
    encoder = video_encoder_new(VIDEO_ENCODER_SPICE, SPICE_VIDEO_CODEC_TYPE_MJPEG, bit_rate, &host);
    g_unsetenv("SPICE_BIT_RATE");
    rate = video_encoder_bit_rate(encoder);
    video_encoder_free(encoder);
    return rate;
}

static void test_bit_rate(void)
{
    g_assert_cmpuint(start_rate(NULL, 0), ==, 8000000);
    g_assert_cmpuint(start_rate(NULL, 2000000), ==, 1600000);
    g_assert_cmpuint(start_rate("2.5", 1000), ==, 2621440 / 10 * 8);
    g_assert_cmpuint(start_rate("x", 2000000), ==, 1600000);
    g_assert_cmpuint(start_rate("-1", 2000000), ==, 1600000);
    g_assert_cmpuint(start_rate("nan", 2000000), ==, 1600000);
    g_assert_cmpuint(start_rate("1e300", 2000000), ==, 1600000);
    g_assert_cmpuint(start_rate(NULL, UINT64_MAX), ==, 1000000000);
    g_assert_cmpuint(start_rate(NULL, 1), ==, 16384);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/video-encoder/mjpeg", test_mjpeg);
    g_test_add_func("/video-encoder/refused", test_refused);
    g_test_add_func("/video-encoder/tables", test_tables);
    g_test_add_func("/video-encoder/bit-rate", test_bit_rate);
    return g_test_run();
}
