/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* STUB until the encoders are there */
#include "common/image/jpeg.h"
#include "server/display/video-codecs.h"
#include <string.h>
struct VideoEncoder {
    int x;
};
VideoEncoder *video_encoder_new(VideoEncoderKind kind, uint8_t codec, uint64_t bit_rate, const VideoEncoderHost *host)
{
    return codec == SPICE_VIDEO_CODEC_TYPE_MJPEG && kind == VIDEO_ENCODER_SPICE ? g_new0(VideoEncoder, 1) : NULL;
}
void video_encoder_free(VideoEncoder *encoder)
{
    g_free(encoder);
}
uint8_t video_encoder_codec(const VideoEncoder *encoder)
{
    return SPICE_VIDEO_CODEC_TYPE_MJPEG;
}
VideoResult video_encoder_encode(VideoEncoder *encoder, uint32_t mm_time, const Bitmap *bitmap, uint32_t width,
                                 uint32_t height, const Rect *source, WireWriter *out)
{
    if (source->left || source->top || source->right != (int)width || source->bottom != (int)height)
        return VIDEO_UNSUPPORTED;
    return jpeg_encode(bitmap->format, width, height, bitmap->top_down, g_bytes_get_data(bitmap->data, NULL), out,
                       SIZE_MAX)
               ? VIDEO_ENCODED
               : VIDEO_UNSUPPORTED;
}
void video_encoder_report(VideoEncoder *encoder, const VideoReport *report)
{
    g_info("report");
}
void video_encoder_frame_dropped(VideoEncoder *encoder)
{
    g_info("dropped");
}
uint64_t video_encoder_bit_rate(const VideoEncoder *encoder)
{
    return 0;
}
GArray *video_codecs_default(void)
{
    GArray *a = g_array_new(FALSE, FALSE, sizeof(VideoCodec));
    VideoCodec c = {VIDEO_ENCODER_SPICE, 1};
    g_array_append_val(a, c);
    return a;
}
GArray *video_codecs_parse(const char *text)
{
    return strcmp(text, "spice:mjpeg") ? NULL : video_codecs_default();
}
char *video_codecs_print(const GArray *codecs)
{
    return g_strdup("spice:mjpeg");
}
GArray *video_codecs_for_client(const GArray *codecs, const uint8_t *preferred, size_t n,
                                bool (*accepts)(void *opaque, uint8_t codec), void *opaque)
{
    GArray *a = g_array_new(FALSE, FALSE, sizeof(VideoCodec));
    if (accepts(opaque, 1))
        return video_codecs_default();
    return a;
}
