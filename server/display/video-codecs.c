/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/video-codecs.h"

#include <string.h>

#define DEFAULT_LIST "spice:mjpeg;gstreamer:mjpeg;gstreamer:h264;gstreamer:vp8;gstreamer:vp9"

static const char *const encoder_names[] = {[VIDEO_ENCODER_SPICE] = "spice", [VIDEO_ENCODER_GSTREAMER] = "gstreamer"};

static const char *const codec_names[] = {
    [SPICE_VIDEO_CODEC_TYPE_MJPEG] = "mjpeg", [SPICE_VIDEO_CODEC_TYPE_VP8] = "vp8",
    [SPICE_VIDEO_CODEC_TYPE_H264] = "h264",   [SPICE_VIDEO_CODEC_TYPE_VP9] = "vp9",
    [SPICE_VIDEO_CODEC_TYPE_H265] = "h265",
};

static int find_name(const char *const *names, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (names[i] && strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static bool parse_item(const char *item, VideoCodec *codec)
{
    g_auto(GStrv) words = g_strsplit(item, ":", 3);
    int kind, type;

    if (g_strv_length(words) != 2)
        return false;
    kind = find_name(encoder_names, G_N_ELEMENTS(encoder_names), words[0]);
    type = find_name(codec_names, G_N_ELEMENTS(codec_names), words[1]);
    if (kind < 0 || type < 0)
        return false;
    *codec = (VideoCodec){.kind = (VideoEncoderKind)kind, .codec = (uint8_t)type};
    return true;
}

GArray *video_codecs_parse(const char *text)
{
    g_auto(GStrv) items = g_strsplit(strcmp(text, "auto") == 0 ? DEFAULT_LIST : text, ";", -1);
    GArray *codecs = g_array_new(FALSE, FALSE, sizeof(VideoCodec));

    for (char **item = items; *item; item++) {
        VideoCodec codec;

        if (**item == '\0')
            continue;
        if (parse_item(*item, &codec))
            g_array_append_val(codecs, codec);
        else
            g_warning("Video codec \"%s\" is not known", *item);
    }
    if (codecs->len == 0)
        g_clear_pointer(&codecs, g_array_unref);
    return codecs;
}

GArray *video_codecs_default(void)
{
    return video_codecs_parse(DEFAULT_LIST);
}

char *video_codecs_print(const GArray *codecs)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < codecs->len; i++) {
        const VideoCodec *codec = &g_array_index(codecs, VideoCodec, i);

        g_string_append_printf(text, "%s%s:%s", i ? ";" : "", encoder_names[codec->kind], codec_names[codec->codec]);
    }
    return g_string_free(text, FALSE);
}

GArray *video_codecs_for_client(const GArray *codecs, const uint8_t *preferred, size_t n,
                                bool (*accepts)(void *opaque, uint8_t codec), void *opaque)
{
    enum { N = G_N_ELEMENTS(codec_names) };
    GArray *sorted = g_array_new(FALSE, FALSE, sizeof(VideoCodec));
    uint8_t order[N] = {0}; /* place in the client's list, from 1; 0: not in it */
    uint8_t places = 0;

    for (size_t i = 0; i < n; i++)
        if (preferred[i] < N && codec_names[preferred[i]] && !order[preferred[i]])
            order[preferred[i]] = ++places;
    /* Place by place, at last those without one. */
    for (unsigned place = 1; place <= places + 1u; place++)
        for (guint i = 0; i < codecs->len; i++) {
            const VideoCodec *codec = &g_array_index(codecs, VideoCodec, i);

            if ((order[codec->codec] ? order[codec->codec] : places + 1u) == place && accepts(opaque, codec->codec))
                g_array_append_vals(sorted, codec, 1);
        }
    return sorted;
}
