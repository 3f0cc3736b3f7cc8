/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Encoders by GStreamer, whichever of its plugins are installed. All are set to be quick and to hold nothing back: a
 * picture's bytes come out before the next picture goes in.
 */
#include "server/display/video-encoder-private.h"
#include "server/display/video-pipeline.h"

#include "common/util/limited-warning.h"

#include <string.h>

#define MAX_FAILURES 3
#define VPX_SETTINGS                                                                                                   \
    " deadline=1 end-usage=cbr lag-in-frames=0 threads=2 min-quantizer=4 max-quantizer=56 undershoot=95"               \
    " buffer-size=1000 buffer-initial-size=500 buffer-optimal-size=600 keyframe-max-dist=10000 dropframe-threshold=0"  \
    " static-threshold=100"

/* The first element that is installed is taken. */
static const struct Choice {
    const char *element, *settings, *after;
    const char *rate; /* property for the bit rate, NULL: for the quality */
    int rate_unit;    /* bits per second */
    uint8_t codec;
    bool even;   /* sizes have to be: a column or row is added */
    bool steady; /* has to know a frame rate: with time stamps alone it holds a picture back */
} choices[] = {
    {.codec = SPICE_VIDEO_CODEC_TYPE_MJPEG, .element = "jpegenc", .settings = " idct-method=ifast", .after = ""},
    {.codec = SPICE_VIDEO_CODEC_TYPE_VP8,
     .element = "vp8enc",
     .settings = VPX_SETTINGS " cpu-used=-8", /* positive: it depends on the machine's load, and the bytes with it */
     .after = "",
     .rate = "target-bitrate",
     .rate_unit = 1},
    {.codec = SPICE_VIDEO_CODEC_TYPE_VP9,
     .element = "vp9enc",
     .settings = VPX_SETTINGS " cpu-used=8 row-mt=true tile-columns=1 frame-parallel-decoding=false",
     .after = "",
     .rate = "target-bitrate",
     .rate_unit = 1},
    {.codec = SPICE_VIDEO_CODEC_TYPE_H264,
     .element = "x264enc",
     .settings = " tune=zerolatency speed-preset=superfast byte-stream=true key-int-max=10000 threads=2 aud=false"
                 " vbv-buf-capacity=500",
     .after = " ! video/x-h264,stream-format=byte-stream,alignment=au,profile=constrained-baseline",
     .rate = "bitrate",
     .rate_unit = 1000,
     .even = true,
     .steady = true},
    {.codec = SPICE_VIDEO_CODEC_TYPE_H264,
     .element = "openh264enc",
     .settings = " complexity=low rate-control=bitrate gop-size=0",
     .after = " ! video/x-h264,stream-format=byte-stream,alignment=au",
     .rate = "bitrate",
     .rate_unit = 1,
     .even = true,
     .steady = true},
    {.codec = SPICE_VIDEO_CODEC_TYPE_H265,
     .element = "x265enc",
     .settings = " tune=zerolatency speed-preset=ultrafast key-int-max=10000",
     .after = " ! video/x-h265,stream-format=byte-stream,alignment=au",
     .rate = "bitrate",
     .rate_unit = 1000,
     .even = true,
     .steady = true},
};

typedef struct GstEncoder {
    VideoEncoder base; /* first */
    const struct Choice *choice;
    VideoPipeline *pipeline; /* for pictures of the format and size below; NULL: not yet, or it failed */
    uint8_t format;
    uint32_t width, height;
    unsigned failures; /* in a row, with such pictures */
    uint64_t bits;     /* a second, what the pipeline was told */
    uint32_t fps;      /* the same; 0: the time stamps tell */
    uint32_t last_now; /* mm_time of the picture before */
    uint64_t time;     /* ms, of the next picture in the pipeline's time, which never goes back */
} GstEncoder;

static void gst_free(VideoEncoder *base)
{
    GstEncoder *encoder = (GstEncoder *)base;

    video_pipeline_free(encoder->pipeline);
    g_free(encoder);
}

static GstVideoFormat gst_format(uint8_t format)
{
    switch (format) {
    case SPICE_BITMAP_FMT_16BIT:
        return GST_VIDEO_FORMAT_RGB15;
    case SPICE_BITMAP_FMT_24BIT:
        return GST_VIDEO_FORMAT_BGR;
    default:
        return GST_VIDEO_FORMAT_BGRx;
    }
}

static bool open_pipeline(GstEncoder *encoder, uint8_t format, uint32_t width, uint32_t height)
{
    const struct Choice *choice = encoder->choice;
    uint32_t odd = choice->even ? 1 : 0;
    g_autofree char *text = NULL;

    if (encoder->format == format && encoder->width == width && encoder->height == height) {
        if (encoder->pipeline)
            return true;
    } else {
        encoder->failures = 0;
    }
    g_clear_pointer(&encoder->pipeline, video_pipeline_free);
    encoder->bits = 0;
    encoder->format = format;
    encoder->width = width;
    encoder->height = height;
    if (encoder->failures >= MAX_FAILURES)
        return false;
    text = g_strdup_printf("%s name=encoder%s%s", choice->element, choice->settings, choice->after);
    encoder->fps = choice->steady ? encoder->base.rate.source_fps : 0;
    encoder->pipeline =
        video_pipeline_new(text, gst_format(format), width + (width & odd), height + (height & odd), encoder->fps);
    return encoder->pipeline != NULL;
}

/* Copies the part, and repeats the last column and row where the picture is larger. */
static void copy_rows(GstEncoder *encoder, uint8_t *to, const uint8_t *from, ptrdiff_t stride)
{
    const GstVideoInfo *info = video_pipeline_info(encoder->pipeline);
    size_t pixel = bitmap_format_bits(encoder->format) / 8, row = encoder->width * pixel;
    size_t to_stride = (size_t)GST_VIDEO_INFO_PLANE_STRIDE(info, 0);

    for (uint32_t y = 0; y < (uint32_t)GST_VIDEO_INFO_HEIGHT(info); y++, to += to_stride) {
        memcpy(to, from, row);
        if ((uint32_t)GST_VIDEO_INFO_WIDTH(info) > encoder->width)
            memcpy(to + row, to + row - pixel, pixel);
        if (y + 1 < encoder->height)
            from += stride;
    }
}

static GstBuffer *picture_buffer(GstEncoder *encoder, const uint8_t *top, ptrdiff_t stride)
{
    GstBuffer *buffer =
        gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(video_pipeline_info(encoder->pipeline)), NULL);
    const RateControl *rate = &encoder->base.rate;
    /* Pictures that were held back leave no gap: the encoder would fill it with bytes, and more would be held back. */
    uint32_t now = rate->now, elapsed = CLAMP(now - encoder->last_now, 1, 1500 / rate->source_fps);
    GstMapInfo map;

    if (!buffer || !gst_buffer_map(buffer, &map, GST_MAP_WRITE)) {
        gst_clear_buffer(&buffer);
        return NULL;
    }
    copy_rows(encoder, map.data, top, stride);
    gst_buffer_unmap(buffer, &map);
    encoder->last_now = now;
    encoder->time += elapsed;
    GST_BUFFER_PTS(buffer) = GST_BUFFER_DTS(buffer) = encoder->time * GST_MSECOND;
    GST_BUFFER_DURATION(buffer) = elapsed * GST_MSECOND;
    return buffer;
}

/* The allowed rate, but no more than makes a difference to look at. */
static void set_rate(GstEncoder *encoder)
{
    const struct Choice *choice = encoder->choice;
    const RateControl *rate = &encoder->base.rate;
    uint64_t useful = (uint64_t)encoder->width * encoder->height * rate->source_fps / 4;
    uint64_t bits = MAX(MIN(rate_control_byte_rate(rate) * 8 * 9 / 10, useful), 50000);

    if (!choice->rate) {
        video_pipeline_set(encoder->pipeline, "quality", (int)rate_control_quality(rate));
        return;
    }
    if (encoder->fps) /* it counts pictures, not seconds */
        bits = bits * encoder->fps / rate->source_fps;
    /* Each change costs the encoder something. */
    if (MAX(bits, encoder->bits) - MIN(bits, encoder->bits) <= encoder->bits / 16)
        return;
    encoder->bits = bits;
    video_pipeline_set(encoder->pipeline, choice->rate, (int)(bits / (uint64_t)choice->rate_unit));
}

static bool encode_part(GstEncoder *encoder, const Bitmap *bitmap, uint32_t height, const Rect *source, WireWriter *out)
{
    ptrdiff_t stride;
    const uint8_t *top = video_top_row(bitmap, height, source, &stride);
    GstBuffer *picture;

    if (!open_pipeline(encoder, bitmap->format, (uint32_t)(source->right - source->left),
                       (uint32_t)(source->bottom - source->top)))
        return false;
    set_rate(encoder);
    picture = picture_buffer(encoder, top, stride);
    return picture && video_pipeline_encode(encoder->pipeline, picture, out);
}

static bool gst_encode(VideoEncoder *base, const Bitmap *bitmap, uint32_t width, uint32_t height, const Rect *source,
                       WireWriter *out)
{
    GstEncoder *encoder = (GstEncoder *)base;

    if (encode_part(encoder, bitmap, height, source, out)) {
        encoder->failures = 0;
        return true;
    }
    /* What would come out later would be taken for another picture: start afresh, a few times. */
    g_clear_pointer(&encoder->pipeline, video_pipeline_free);
    if (++encoder->failures == 1)
        WARN_LIMITED("GStreamer's %s fails with a picture of %u x %u", encoder->choice->element, encoder->width,
                     encoder->height);
    encoder->failures = MIN(encoder->failures, MAX_FAILURES);
    return false;
}

VideoEncoder *gst_encoder_new(uint8_t codec)
{
    static const VideoEncoderOps ops = {.free = gst_free, .encode = gst_encode};

    for (unsigned i = 0; i < G_N_ELEMENTS(choices); i++)
        if (choices[i].codec == codec && video_pipeline_available(choices[i].element)) {
            GstEncoder *encoder = g_new0(GstEncoder, 1);

            encoder->base.ops = &ops;
            encoder->choice = &choices[i];
            return &encoder->base;
        }
    return NULL;
}
