/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of video codecs: what hosts write, and what clients want of it. */
#include "server/display/video-codecs.h"

#include <string.h>

#define DEFAULT "spice:mjpeg;gstreamer:mjpeg;gstreamer:h264;gstreamer:vp8;gstreamer:vp9"

static void expect(const char *text, const char *printed)
{
    g_autoptr(GArray) codecs = video_codecs_parse(text);
    g_autofree char *got = codecs ? video_codecs_print(codecs) : NULL;

    g_assert_cmpstr(got, ==, printed);
}

static void test_parse(void)
{
    static const char *const good[][2] = {
        {"auto", DEFAULT},
        {"gstreamer:vp8;spice:mjpeg", "gstreamer:vp8;spice:mjpeg"},
        {"spice:h264", "spice:h264"},
        {";;gstreamer:h265;", "gstreamer:h265"},
    };
    static const char *const unknown[] = {"foo:bar",       "mjpeg",      "spice:", ":mjpeg",
                                          "spice:mjpeg:x", "spice:\xff", "auto "};
    g_autoptr(GArray) codecs = video_codecs_default();
    g_autofree char *printed = video_codecs_print(codecs);

    g_assert_cmpstr(printed, ==, DEFAULT);
    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++)
        expect(good[i][0], good[i][1]);
    expect("", NULL);
    expect(";", NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(unknown); i++) {
        g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*is not known");
        expect(unknown[i], NULL);
        g_test_assert_expected_messages();
    }
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*foo:bar*is not known");
    expect("gstreamer:mjpeg;;foo:bar;spice:mjpeg;", "gstreamer:mjpeg;spice:mjpeg");
    g_test_assert_expected_messages();
}

static bool accepts(void *opaque, uint8_t codec)
{
    return *(unsigned *)opaque & 1u << codec;
}

static void expect_for(const uint8_t *preferred, size_t n, unsigned accepted, const char *printed)
{
    g_autoptr(GArray) codecs = video_codecs_default();
    g_autoptr(GArray) sorted = video_codecs_for_client(codecs, preferred, n, accepts, &accepted);
    g_autofree char *got = video_codecs_print(sorted);

    g_assert_cmpstr(got, ==, printed);
}

static void test_client(void)
{
    const unsigned all = ~0u;
    const uint8_t order[] = {SPICE_VIDEO_CODEC_TYPE_VP9, 0, 77, 255, SPICE_VIDEO_CODEC_TYPE_MJPEG,
                             SPICE_VIDEO_CODEC_TYPE_VP9};

    expect_for(NULL, 0, all, DEFAULT);
    expect_for(order, G_N_ELEMENTS(order), all,
               "gstreamer:vp9;spice:mjpeg;gstreamer:mjpeg;gstreamer:h264;gstreamer:vp8");
    expect_for(order, G_N_ELEMENTS(order), all & ~(1u << SPICE_VIDEO_CODEC_TYPE_MJPEG),
               "gstreamer:vp9;gstreamer:h264;gstreamer:vp8");
    expect_for(order, G_N_ELEMENTS(order), 0, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/video-codecs/parse", test_parse);
    g_test_add_func("/video-codecs/client", test_client);
    return g_test_run();
}
