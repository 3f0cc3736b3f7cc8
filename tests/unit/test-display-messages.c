/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the display channel, without draws, and of the cursor channel. */
#include "common/wire/msg-cursor.h"
#include "common/wire/msg-display.h"
#include "tests/unit/wire-check.h"

WIRE_PROBE(MsgCursorInit, msg_cursor_init)
WIRE_PROBE(MsgCursorSet, msg_cursor_set)
WIRE_PROBE(MsgCursorMove, msg_cursor_move)
WIRE_PROBE(MsgCursorTrail, msg_cursor_trail)
WIRE_PROBE(MsgCursorInvalOne, msg_cursor_inval_one)

static void test_cursor(void)
{
    static const uint8_t pixels[] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                     0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};

    WIRE_CASE(MsgCursorInit, msg_cursor_init, WIRE_CUT_NEVER, "0000 0000 0000 0000 01 0100", {0, 0}, 0, 0, 1,
              {.flags = SPICE_CURSOR_FLAGS_NONE});
    WIRE_CASE(MsgCursorInit, msg_cursor_init, WIRE_CUT_TAIL,
              "feff 0100 0200 0300 01 0000 0000000000000000 00 0200 0200 0100 0300 11111111", {-2, 1}, 2, 3, 1,
              {0, 0, 0, 2, 2, 1, 3, pixels, 4});
    WIRE_CASE(MsgCursorSet, msg_cursor_set, WIRE_CUT_NEVER, "03000400010400d204000000000000000800080001000200", {3, 4},
              1, {SPICE_CURSOR_FLAGS_FROM_CACHE, 1234, 0, 8, 8, 1, 2, pixels, 16});
    WIRE_CASE(MsgCursorSet, msg_cursor_set, WIRE_CUT_TAIL,
              "03000400010200d30400000000000001080008000100020011111111111111111111111111111111", {3, 4}, 1,
              {SPICE_CURSOR_FLAGS_CACHE_ME, 1235, SPICE_CURSOR_TYPE_MONO, 8, 8, 1, 2, pixels, 16});
    WIRE_CASE(MsgCursorMove, msg_cursor_move, WIRE_CUT_NEVER, "05000600", {5, 6});
    WIRE_CASE(MsgCursorTrail, msg_cursor_trail, WIRE_CUT_NEVER, "01020304", 0x201, 0x403);
    WIRE_CASE(MsgCursorInvalOne, msg_cursor_inval_one, WIRE_CUT_NEVER, "d204000000000000", 1234);
}

WIRE_PROBE(MsgDisplayMode, msg_display_mode)
WIRE_PROBE_CLEAR(MsgDisplayInvalList, msg_display_inval_list)
WIRE_PROBE_CLEAR(MsgDisplayInvalAllPixmaps, msg_display_inval_all_pixmaps)
WIRE_PROBE(MsgDisplayInvalPalette, msg_display_inval_palette)
WIRE_PROBE(MsgDisplaySurfaceCreate, msg_display_surface_create)
WIRE_PROBE(MsgDisplaySurfaceDestroy, msg_display_surface_destroy)
WIRE_PROBE_CLEAR(MsgDisplayMonitorsConfig, msg_display_monitors_config)
WIRE_PROBE(MsgDisplayGlScanoutUnix, msg_display_gl_scanout_unix)
WIRE_PROBE(MsgDisplayGlDraw, msg_display_gl_draw)

static void test_display(void)
{
    static ResourceId ids[] = {{1, 0x1000}, {1, 2}};
    static ChannelWait waits[] = {{2, 0, 0x24}};
    static WireHead heads[] = {{0, 0, 0x20, 0x20, 0, 0, 0}, {1, 0, 0x20, 0x20, 0x20, 0, 0}};
    static WireHead head[] = {{1, 2, 3, 4, 5, 6, 7}};

    WIRE_CASE(MsgDisplayMode, msg_display_mode, WIRE_CUT_NEVER, "80020000 e0010000 20000000", 640, 480, 32);
    WIRE_CASE(MsgDisplayInvalList, msg_display_inval_list, WIRE_CUT_NEVER, "0100010000000010000000", 1,
              (ResourceId[]){{1, G_GUINT64_CONSTANT(0x1000000000)}});
    WIRE_CASE(MsgDisplayInvalList, msg_display_inval_list, WIRE_CUT_NEVER,
              "0200 01 0010000000000000 01 0200000000000000", 2, ids);
    WIRE_CASE(MsgDisplayInvalAllPixmaps, msg_display_inval_all_pixmaps, WIRE_CUT_NEVER, "01 02 00 2400000000000000", 1,
              waits);
    WIRE_CASE(MsgDisplayInvalPalette, msg_display_inval_palette, WIRE_CUT_NEVER, "4d00000000000001",
              G_GUINT64_CONSTANT(0x010000000000004d));
    WIRE_CASE(MsgDisplaySurfaceCreate, msg_display_surface_create, WIRE_CUT_NEVER,
              "00000000 80020000 e0010000 20000000 01000000", 0, 640, 480, SPICE_SURFACE_FMT_32_xRGB,
              SPICE_SURFACE_FLAGS_PRIMARY);
    WIRE_CASE(MsgDisplaySurfaceDestroy, msg_display_surface_destroy, WIRE_CUT_NEVER, "05000000", 5);
    WIRE_CASE(MsgDisplayMonitorsConfig, msg_display_monitors_config, WIRE_CUT_NEVER,
              "020004000000000000000000200000002000000000000000000000000000000001000000000000002000000020000000"
              "200000000000000000000000",
              2, 4, heads);
    WIRE_CASE(MsgDisplayMonitorsConfig, msg_display_monitors_config, WIRE_CUT_NEVER,
              "0100 0300 01000000 02000000 03000000 04000000 05000000 06000000 07000000", 1, 3, head);
    WIRE_CASE(MsgDisplayGlScanoutUnix, msg_display_gl_scanout_unix, WIRE_CUT_NEVER,
              "01000000 02000000 03000000 04000000 05000000", 1, 2, 3, 4, 5);
    WIRE_CASE(MsgDisplayGlDraw, msg_display_gl_draw, WIRE_CUT_NEVER, "01000000 02000000 03000000 04000000", 1, 2, 3, 4);
}

WIRE_PROBE_CLEAR(MsgDisplayStreamCreate, msg_display_stream_create)
WIRE_PROBE(MsgDisplayStreamData, msg_display_stream_data)
WIRE_PROBE(MsgDisplayStreamDataSized, msg_display_stream_data_sized)
WIRE_PROBE_CLEAR(MsgDisplayStreamClip, msg_display_stream_clip)
WIRE_PROBE(MsgDisplayStreamDestroy, msg_display_stream_destroy)
WIRE_PROBE(MsgDisplayStreamActivateReport, msg_display_stream_activate_report)

static void test_streams(void)
{
    static const uint8_t frame[] = {9, 8, 7};
    static Rect rects[] = {{.top = 1, .left = 2, .bottom = 3, .right = 4},
                           {.top = 5, .left = 6, .bottom = 7, .right = -8}};

    WIRE_CASE(MsgDisplayStreamCreate, msg_display_stream_create, WIRE_CUT_NEVER,
              "00000000 31000000 01 01 0000000000000000 78000000 64000000 78000000 64000000 "
              "64000000 64000000 c8000000 dc000000 00",
              0, 49, SPICE_STREAM_FLAGS_TOP_DOWN, SPICE_VIDEO_CODEC_TYPE_MJPEG, 0, 120, 100, 120, 100,
              {.top = 100, .left = 100, .bottom = 200, .right = 220}, {0});
    WIRE_CASE(MsgDisplayStreamCreate, msg_display_stream_create, WIRE_CUT_NEVER,
              "01000000 02000000 03 04 0500000000000000 06000000 07000000 08000000 09000000 "
              "0a000000 0b000000 0c000000 0d000000 01 01000000 01000000 02000000 03000000 04000000",
              1, 2, 3, 4, 5, 6, 7, 8, 9, {.top = 10, .left = 11, .bottom = 12, .right = 13}, {true, 1, rects});
    WIRE_CASE(MsgDisplayStreamData, msg_display_stream_data, WIRE_CUT_NEVER, "31000000 02000000 03000000 090807", 49, 2,
              3, frame);
    WIRE_CASE(MsgDisplayStreamData, msg_display_stream_data, WIRE_CUT_NEVER, "31000000 02000000 00000000", 49, 2, 0,
              NULL);
    WIRE_CASE(MsgDisplayStreamDataSized, msg_display_stream_data_sized, WIRE_CUT_NEVER,
              "01000000 02000000 03000000 04000000 05000000 06000000 07000000 08000000 02000000 0908", 1, 2, 3, 4,
              {.top = 5, .left = 6, .bottom = 7, .right = 8}, 2, frame);
    WIRE_CASE(MsgDisplayStreamClip, msg_display_stream_clip, WIRE_CUT_NEVER,
              "31000000 01 02000000 01000000 02000000 03000000 04000000 05000000 06000000 07000000 f8ffffff", 49,
              {true, 2, rects});
    WIRE_CASE(MsgDisplayStreamClip, msg_display_stream_clip, WIRE_CUT_NEVER, "31000000 01 00000000", 49,
              {true, 0, NULL});
    WIRE_CASE(MsgDisplayStreamDestroy, msg_display_stream_destroy, WIRE_CUT_NEVER, "31000000", 49);
    WIRE_CASE(MsgDisplayStreamActivateReport, msg_display_stream_activate_report, WIRE_CUT_NEVER,
              "31000000 01000000 05000000 e8030000", 49, 1, 5, 1000);
}

WIRE_PROBE(MsgcDisplayInit, msgc_display_init)
WIRE_PROBE(MsgcDisplayStreamReport, msgc_display_stream_report)
WIRE_PROBE(MsgcDisplayPreferredCompression, msgc_display_preferred_compression)
WIRE_PROBE(MsgcDisplayPreferredVideoCodecType, msgc_display_preferred_video_codec_type)

static void test_client(void)
{
    static const uint8_t codecs[] = {SPICE_VIDEO_CODEC_TYPE_VP9, SPICE_VIDEO_CODEC_TYPE_MJPEG};

    WIRE_CASE(MsgcDisplayInit, msgc_display_init, WIRE_CUT_NEVER, "01 0000400100000000 01 00fc5f00", 1, 20971520, 1,
              6290432);
    WIRE_CASE(MsgcDisplayInit, msgc_display_init, WIRE_CUT_NEVER, "01 0000400100000000 02 00003000", 1, 20971520, 2,
              0x300000);
    WIRE_CASE(MsgcDisplayInit, msgc_display_init, WIRE_CUT_NEVER, "01 ffffffffffffffff 01 feffffff", 1, -1, 1, -2);
    WIRE_CASE(MsgcDisplayStreamReport, msgc_display_stream_report, WIRE_CUT_NEVER,
              "01000000 02000000 03000000 04000000 05000000 06000000 f9ffffff ffffffff", 1, 2, 3, 4, 5, 6, -7,
              UINT32_MAX);
    WIRE_CASE(MsgcDisplayPreferredCompression, msgc_display_preferred_compression, WIRE_CUT_NEVER, "05",
              SPICE_IMAGE_COMPRESSION_GLZ);
    WIRE_CASE(MsgcDisplayPreferredVideoCodecType, msgc_display_preferred_video_codec_type, WIRE_CUT_NEVER, "02 04 01",
              2, codecs);
    WIRE_CASE(MsgcDisplayPreferredVideoCodecType, msgc_display_preferred_video_codec_type, WIRE_CUT_NEVER, "00", 0,
              NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/display-messages/cursor", test_cursor);
    g_test_add_func("/display-messages/display", test_display);
    g_test_add_func("/display-messages/streams", test_streams);
    g_test_add_func("/display-messages/client", test_client);
    return g_test_run();
}
