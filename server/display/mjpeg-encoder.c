/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Motion JPEG: each frame a whole baseline JPEG with all its tables, so that any frame may be lost. */
#include "common/image/jpeg.h"
#include "server/display/video-encoder-private.h"

static void mjpeg_free(VideoEncoder *encoder)
{
    g_free(encoder);
}

static bool mjpeg_encode(VideoEncoder *encoder, const Bitmap *bitmap, uint32_t width, uint32_t height,
                         const Rect *source, WireWriter *out)
{
    JpegRows rows = {
        .format = bitmap->format,
        .width = (uint32_t)(source->right - source->left),
        .height = (uint32_t)(source->bottom - source->top),
    };

    rows.top = video_top_row(bitmap, height, source, &rows.stride);
    return jpeg_encode_frame(&rows, rate_control_quality(&encoder->rate), out) > 0;
}

VideoEncoder *mjpeg_encoder_new(void)
{
    static const VideoEncoderOps ops = {.free = mjpeg_free, .encode = mjpeg_encode};
    VideoEncoder *encoder = g_new0(VideoEncoder, 1);

    encoder->ops = &ops;
    return encoder;
}
