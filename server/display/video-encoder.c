/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/video-encoder-private.h"

#include "common/image/jpeg.h"

#include <stdlib.h>

/* What the user of the machine says goes before what was measured; 0: nothing was said, or nonsense. */
static uint64_t bit_rate_of_environment(void)
{
    const char *text = g_getenv("SPICE_BIT_RATE");
    double mbit = text ? g_ascii_strtod(text, NULL) : 0;

    return mbit > 0 && mbit < 1e6 ? (uint64_t)(mbit * 1024 * 1024) : 0;
}

VideoEncoder *video_encoder_new(VideoEncoderKind kind, uint8_t codec, uint64_t bit_rate, const VideoEncoderHost *host)
{
    uint64_t wanted = bit_rate_of_environment();
    VideoEncoder *encoder = NULL;

    if (kind == VIDEO_ENCODER_GSTREAMER)
        encoder = gst_encoder_new(codec);
    else if (codec == SPICE_VIDEO_CODEC_TYPE_MJPEG)
        encoder = mjpeg_encoder_new();
    if (!encoder)
        return NULL;
    encoder->codec = codec;
    encoder->host = host;
    rate_control_init(&encoder->rate, wanted ? wanted : bit_rate,
                      codec == SPICE_VIDEO_CODEC_TYPE_MJPEG ? RATE_BY_QUALITY : RATE_BY_ENCODER);
    return encoder;
}

void video_encoder_free(VideoEncoder *encoder)
{
    if (encoder)
        encoder->ops->free(encoder);
}

uint8_t video_encoder_codec(const VideoEncoder *encoder)
{
    return encoder->codec;
}

const uint8_t *video_top_row(const Bitmap *bitmap, uint32_t height, const Rect *source, ptrdiff_t *stride)
{
    const uint8_t *pixels = bitmap_peek(bitmap);
    size_t row = bitmap->top_down ? (size_t)source->top : (size_t)height - 1 - (size_t)source->top;

    *stride = bitmap->top_down ? (ptrdiff_t)bitmap->stride : -(ptrdiff_t)bitmap->stride;
    return pixels + row * bitmap->stride + (size_t)source->left * (bitmap_format_bits(bitmap->format) / 8);
}

/* Tells the host when the delay that frames need has changed by more than an eighth. */
static void tell_delay(VideoEncoder *encoder)
{
    const VideoEncoderHost *host = encoder->host;
    uint32_t need = rate_control_needed_delay(&encoder->rate, host->round_trip_ms(host->opaque));
    uint32_t change = need > encoder->told_delay ? need - encoder->told_delay : encoder->told_delay - need;

    if (change <= encoder->told_delay / 8)
        return;
    encoder->told_delay = need;
    host->need_delay(host->opaque, need);
}

VideoResult video_encoder_encode(VideoEncoder *encoder, uint32_t mm_time, const Bitmap *bitmap, uint32_t width,
                                 uint32_t height, const Rect *source, WireWriter *out)
{
    size_t start = out->size;

    if (!jpeg_takes_format(bitmap->format) || rect_is_empty(source) || source->left < 0 || source->top < 0 ||
        (uint32_t)source->right > width || (uint32_t)source->bottom > height)
        return VIDEO_UNSUPPORTED;
    if (!rate_control_admit(&encoder->rate, mm_time, encoder->host->source_fps(encoder->host->opaque)))
        return VIDEO_SKIPPED;
    if (!encoder->ops->encode(encoder, bitmap, width, height, source, out))
        return VIDEO_UNSUPPORTED;
    rate_control_sent(&encoder->rate, mm_time, out->size - start);
    tell_delay(encoder);
    return VIDEO_ENCODED;
}

void video_encoder_report(VideoEncoder *encoder, const VideoReport *report)
{
    uint32_t round_trip = encoder->host->round_trip_ms(encoder->host->opaque);

    rate_control_report(&encoder->rate, report, rate_control_needed_delay(&encoder->rate, round_trip));
}

void video_encoder_frame_dropped(VideoEncoder *encoder)
{
    rate_control_dropped(&encoder->rate);
}

uint64_t video_encoder_bit_rate(const VideoEncoder *encoder)
{
    return rate_control_byte_rate(&encoder->rate) * 8;
}
