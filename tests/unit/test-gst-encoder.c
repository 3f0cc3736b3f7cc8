/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GStreamer's encoders: what comes out is decoded again, picture by picture, and is near what went in. An encoder that
 * is not installed is skipped.
 */
#include "common/image/jpeg.h"
#include "server/display/video-encoder.h"
#include "tests/unit/video-pictures.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <string.h>

typedef struct Codec {
    const char *name;
    uint8_t codec;
    const char *caps, *decoder;
    double psnr; /* at least */
} Codec;

static const Codec codecs[] = {
    {"mjpeg", SPICE_VIDEO_CODEC_TYPE_MJPEG, "image/jpeg", "jpegdec", 27},
    {"vp8", SPICE_VIDEO_CODEC_TYPE_VP8, "video/x-vp8", "vp8dec", 27},
    {"vp9", SPICE_VIDEO_CODEC_TYPE_VP9, "video/x-vp9", "vp9dec", 27},
    {"h264", SPICE_VIDEO_CODEC_TYPE_H264, "video/x-h264,stream-format=byte-stream,alignment=au",
     "avdec_h264 max-threads=1", 27},
};

static uint32_t source_fps(void *opaque)
{
    return 25;
}

static uint32_t round_trip_ms(void *opaque)
{
    return 10;
}

static void need_delay(void *opaque, uint32_t ms) {}

static const VideoEncoderHost host = {source_fps, round_trip_ms, need_delay, NULL};

typedef struct Decoder {
    GstElement *pipeline;
    GstElement *source, *sink;
    uint64_t n;
} Decoder;

static void decoder_open(Decoder *d, const Codec *codec)
{
    g_autofree char *text = g_strdup_printf("appsrc name=source format=time caps=%s ! %s ! videoconvert ! "
                                            "video/x-raw,format=BGRx ! appsink name=sink sync=false",
                                            codec->caps, codec->decoder);
    g_autoptr(GError) error = NULL;

    d->pipeline = gst_parse_launch(text, &error);
    g_assert_no_error(error);
    d->source = gst_bin_get_by_name(GST_BIN(d->pipeline), "source");
    d->sink = gst_bin_get_by_name(GST_BIN(d->pipeline), "sink");
    d->n = 0;
    gst_element_set_state(d->pipeline, GST_STATE_PLAYING);
}

static void decoder_close(Decoder *d)
{
    gst_element_set_state(d->pipeline, GST_STATE_NULL);
    gst_object_unref(d->source);
    gst_object_unref(d->sink);
    gst_object_unref(d->pipeline);
}

/* PSNR of the next picture that comes out. It may be a column or a row larger than the part. */
static double decode(Decoder *d, const WireWriter *stream, const Bitmap *bitmap, uint32_t height, const Rect *source)
{
    GstBuffer *buffer = gst_buffer_new_memdup(stream->data, stream->size);
    GstSample *sample;
    GstVideoInfo info;
    GstMapInfo map;
    double psnr;

    GST_BUFFER_PTS(buffer) = d->n++ * 40 * GST_MSECOND;
    g_assert_cmpint(gst_app_src_push_buffer(GST_APP_SRC(d->source), buffer), ==, GST_FLOW_OK);
    sample = gst_app_sink_try_pull_sample(GST_APP_SINK(d->sink), 60 * GST_SECOND);
    g_assert_nonnull(sample);
    g_assert_true(gst_video_info_from_caps(&info, gst_sample_get_caps(sample)));
    g_assert_cmpint(info.width, >=, source->right - source->left);
    g_assert_cmpint(info.width, <=, source->right - source->left + 1);
    g_assert_cmpint(info.height, >=, source->bottom - source->top);
    g_assert_cmpint(info.height, <=, source->bottom - source->top + 1);
    g_assert_true(gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ));
    psnr = video_psnr(bitmap, height, source, map.data, (size_t)info.stride[0]);
    gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
    gst_sample_unref(sample);
    return psnr;
}

typedef struct Stream {
    VideoEncoder *encoder;
    Decoder decoder;
    uint32_t mm_time;
    uint64_t bytes;
    unsigned skipped;
    double worst;
} Stream;

static bool stream_open(Stream *s, const Codec *codec, uint64_t bit_rate)
{
    *s = (Stream){.mm_time = 0xffffff00, .worst = 100};
    s->encoder = video_encoder_new(VIDEO_ENCODER_GSTREAMER, codec->codec, bit_rate, &host);
    if (!s->encoder) {
        g_test_skip("not installed");
        return false;
    }
    decoder_open(&s->decoder, codec);
    return true;
}

static void stream_close(Stream *s)
{
    decoder_close(&s->decoder);
    video_encoder_free(s->encoder);
}

/* Sends one picture; the part of it. */
static void stream_send(Stream *s, uint8_t format, bool top_down, const Rect *part, uint32_t w, uint32_t h,
                        unsigned frame)
{
    Bitmap bitmap = video_picture(format, top_down, w, h, frame);
    g_auto(WireWriter) out = {0};
    VideoResult result;

    s->mm_time += 40;
    wire_write_u8(&out, 7);
    result = video_encoder_encode(s->encoder, s->mm_time, &bitmap, w, h, part, &out);
    if (result == VIDEO_ENCODED) {
        double psnr;

        g_assert_cmpuint(out.data[0], ==, 7);
        s->bytes += out.size - 1;
        memmove(out.data, out.data + 1, --out.size);
        psnr = decode(&s->decoder, &out, &bitmap, h, part);
        s->worst = MIN(s->worst, psnr);
    } else {
        g_assert_cmpint(result, ==, VIDEO_SKIPPED);
        s->skipped++;
    }
    video_picture_free(&bitmap);
}

/* All formats, both orientations, odd sizes, parts; the size changes in mid stream. */
static void test_pictures(gconstpointer opaque)
{
    static const uint16_t sizes[][2] = {{320, 240}, {321, 239}, {97, 113}, {1280, 720}};
    const Codec *codec = opaque;
    Stream s;

    if (!stream_open(&s, codec, 100000000))
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
        for (uint8_t f = SPICE_BITMAP_FMT_16BIT; f <= (uint8_t)SPICE_BITMAP_FMT_RGBA; f++) {
            int32_t w = sizes[i][0], h = sizes[i][1];
            Rect whole = {0, 0, w, h}, part = {w / 3, h / 4, w - w / 5, h - h / 7};

            for (unsigned frame = 0; frame < 3; frame++)
                stream_send(&s, f, (f ^ i) & 1, &whole, (uint32_t)w, (uint32_t)h, frame);
            stream_send(&s, f, !((f ^ i) & 1), &part, (uint32_t)w, (uint32_t)h, 3);
        }
    g_test_message("worst PSNR %.1f dB, %u skipped", s.worst, s.skipped);
    g_assert_cmpfloat(s.worst, >, codec->psnr);
    g_assert_cmpuint(s.skipped, <, 20);
    stream_close(&s);
}

/* The bytes of a long stream are what the rate allows; also after the client has complained. */
static void test_rate(gconstpointer opaque)
{
    const Codec *codec = opaque;
    const Rect whole = {0, 0, 640, 360};
    uint64_t first, rate;
    Stream s;

    if (!stream_open(&s, codec, 1500000))
        return;
    for (unsigned frame = 0; frame < 75; frame++)
        stream_send(&s, SPICE_BITMAP_FMT_32BIT, true, &whole, 640, 360, frame);
    first = s.bytes;
    g_test_message("%u kbit/s of %u, worst %.1f dB, %u skipped", (unsigned)(s.bytes * 8 / 3 / 1000),
                   (unsigned)(video_encoder_bit_rate(s.encoder) / 1000), s.worst, s.skipped);
    g_assert_cmpuint(first, <, 1500000 / 8 * 3);
    for (unsigned i = 0; i < 6; i++) {
        VideoReport report = {s.mm_time - 10, s.mm_time, 5, 5, -1000, UINT32_MAX};

        video_encoder_report(s.encoder, &report);
        for (unsigned frame = 0; frame < 8; frame++)
            stream_send(&s, SPICE_BITMAP_FMT_32BIT, true, &whole, 640, 360, frame);
    }
    rate = video_encoder_bit_rate(s.encoder);
    g_assert_cmpuint(rate, <, 600000);
    s.bytes = 0;
    s.skipped = 0;
    for (unsigned frame = 0; frame < 75; frame++)
        stream_send(&s, SPICE_BITMAP_FMT_32BIT, true, &whole, 640, 360, frame);
    g_test_message("then %u kbit/s of %u, worst %.1f dB, %u skipped", (unsigned)(s.bytes * 8 / 3 / 1000),
                   (unsigned)(video_encoder_bit_rate(s.encoder) / 1000), s.worst, s.skipped);
    g_assert_cmpuint(s.bytes, <, first);
    if (codec->codec != SPICE_VIDEO_CODEC_TYPE_MJPEG) /* it makes smaller pictures rather than fewer */
        g_assert_cmpuint(s.skipped, <, 40);
    stream_close(&s);
}

/* The smallest pictures: encoded or refused, without a fuss, and the encoder can still be used. */
static void test_tiny(gconstpointer opaque)
{
    static const uint16_t sizes[][2] = {{1, 1}, {1, 40}, {40, 1}, {3, 5}, {16, 16}};
    const Codec *codec = opaque;
    Stream s;

    if (!stream_open(&s, codec, 100000000))
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Bitmap bitmap = video_picture(SPICE_BITMAP_FMT_24BIT, true, sizes[i][0], sizes[i][1], 0);
        Rect whole = {0, 0, sizes[i][0], sizes[i][1]};
        g_auto(WireWriter) out = {0};
        VideoResult result;

        for (unsigned frame = 0; frame < 5; frame++) {
            wire_writer_reset(&out);
            result = video_encoder_encode(s.encoder, s.mm_time += 40, &bitmap, sizes[i][0], sizes[i][1], &whole, &out);
            g_assert_true((out.size > 0) == (result == VIDEO_ENCODED));
        }
        g_test_message("%u x %u: %s", sizes[i][0], sizes[i][1], result == VIDEO_ENCODED ? "encoded" : "refused");
        video_picture_free(&bitmap);
    }
    stream_send(&s, SPICE_BITMAP_FMT_32BIT, true, &(Rect){0, 0, 320, 240}, 320, 240, 1);
    g_assert_cmpfloat(s.worst, >, codec->psnr);
    stream_close(&s);
}

static void test_two_at_a_time(void)
{
    const Rect whole = {0, 0, 320, 240};
    Stream a, b;

    if (!stream_open(&a, &codecs[1], 8000000))
        return;
    g_assert_true(stream_open(&b, &codecs[1], 8000000));
    for (unsigned frame = 0; frame < 10; frame++) {
        stream_send(&a, SPICE_BITMAP_FMT_32BIT, true, &whole, 320, 240, frame);
        stream_send(&b, SPICE_BITMAP_FMT_16BIT, true, &whole, 320, 240, 3 * frame);
    }
    g_assert_cmpfloat(a.worst, >, codecs[1].psnr);
    g_assert_cmpfloat(b.worst, >, codecs[1].psnr);
    stream_close(&a);
    stream_close(&b);
}

/* GStreamer and GLib keep no frame pointers: tests/lsan.supp could not name what they leave. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

int main(int argc, char **argv)
{
    /* What an encoder that refuses a size says is no failure of the test. */
    g_test_init(&argc, &argv, NULL);
    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
    for (unsigned i = 0; i < G_N_ELEMENTS(codecs); i++) {
        g_autofree char *pictures = g_strdup_printf("/gst-encoder/%s/pictures", codecs[i].name);
        g_autofree char *rate = g_strdup_printf("/gst-encoder/%s/rate", codecs[i].name);
        g_autofree char *tiny = g_strdup_printf("/gst-encoder/%s/tiny", codecs[i].name);

        g_test_add_data_func(pictures, &codecs[i], test_pictures);
        g_test_add_data_func(rate, &codecs[i], test_rate);
        g_test_add_data_func(tiny, &codecs[i], test_tiny);
    }
    g_test_add_func("/gst-encoder/two-at-a-time", test_two_at_a_time);
    return g_test_run();
}
