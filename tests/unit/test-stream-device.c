/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream device through the public functions: a guest that the test plays, and bare clients of both channels. */
#include "server/channels/stream-reader.h"
#include "tests/unit/channel-peer.h"
#include "tests/unit/fake-char-device.h"
#include "tests/unit/wire-check.h"
#include "tools/caravan-host/event-loop.h"

#include <spice/protocol.h>
#include <spice/stream-device.h>
#include <sys/socket.h>
#include <unistd.h>

#define CAPS                                                                                                           \
    (1u << SPICE_DISPLAY_CAP_MONITORS_CONFIG | 1u << SPICE_DISPLAY_CAP_STREAM_REPORT |                                 \
     1u << SPICE_DISPLAY_CAP_MULTI_CODEC | 1u << SPICE_DISPLAY_CAP_CODEC_VP8)
#define FORMAT_64x48 "01 00 0200 0c000000 40000000 30000000 01 000000"
#define FORMAT_VP8 "01 00 0200 0c000000 40000000 30000000 02 000000"
#define FORMAT_H264 "01 00 0200 0c000000 40000000 30000000 03 000000"
#define FORMAT_32x16 "01 00 0200 0c000000 20000000 10000000 01 000000"
#define FRAME "01 00 0300 04000000 deadbeef"
#define HELLO "01 00 0100 01000000 00"       /* CAPABILITIES */
#define STOP "01 00 0400 01000000 00"        /* START_STOP */
#define START "01 00 0400 03000000 02 01 02" /* of MJPEG and VP8 */
#define START_MJPEG "01 00 0400 02000000 01 01"

static SpiceServer *server;
static FakeCharDevice port;

static void on_channel_event(int event, SpiceChannelEventInfo *info) {}

static void begin(void)
{
    server = spice_server_new();
    spice_server_set_noauth(server);
    g_setenv("SPICE_DEBUG_ALLOW_MC", "1", TRUE);
    g_assert_cmpint(spice_server_init(server, event_loop_core(on_channel_event)), ==, 0);
    fake_char_device_init(&port, "port");
    port.sin.portname = "org.spice-space.stream.0";
    g_assert_cmpint(spice_server_add_interface(server, &port.sin.base), ==, 0);
    g_assert_cmpint(port.state, ==, 1);
}

static void iterate(void)
{
    for (unsigned i = 0; i < 20; i++)
        g_main_context_iteration(NULL, FALSE);
}

static void end(void)
{
    spice_server_destroy(server);
    g_assert_null(port.sin.st);
    fake_char_device_clear(&port);
}

static void put(const char *hex)
{
    g_autoptr(GByteArray) bytes = wire_hex(hex);

    fake_char_device_put(&port, bytes->data, bytes->len);
    spice_server_char_device_wakeup(&port.sin);
}

static void expect_written(const char *hex)
{
    wire_assert_hex(port.written->data, port.written->len, hex);
    g_byte_array_set_size(port.written, 0);
}

static void open_port(void)
{
    spice_server_port_event(&port.sin, SPICE_PORT_EVENT_OPENED);
}

static ChannelPeer link_display(uint32_t caps, bool migration)
{
    ChannelPeer p = peer_new(server, SPICE_CHANNEL_DISPLAY, caps, migration);

    peer_expect(&p, SPICE_MSG_SET_ACK);
    peer_send(&p, SPICE_MSGC_ACK_SYNC, "01000000");
    if (!migration)
        peer_expect_body(&p, SPICE_MSG_DISPLAY_INVAL_ALL_PALETTES, "");
    return p;
}

static void expect_picture(ChannelPeer *p, const char *surface, const char *monitors)
{
    peer_expect_body(p, SPICE_MSG_DISPLAY_SURFACE_CREATE, surface);
    peer_expect_body(p, SPICE_MSG_DISPLAY_MONITORS_CONFIG, monitors);
}

#define SURFACE_64x48 "00000000 40000000 30000000 20000000 03000000"
#define MONITORS_64x48 "0100 0100 00000000 00000000 40000000 30000000 00000000 00000000 00000000"

/* `id`, `codec`: two hex digits. */
static void expect_stream(ChannelPeer *p, const char *id, const char *codec, const char *w, const char *h)
{
    g_autofree char *create =
        g_strdup_printf("00000000 %s000000 01 %s 0000000000000000 %s000000 %s000000 %s000000 %s000000"
                        "00000000 00000000 %s000000 %s000000 00",
                        id, codec, w, h, w, h, h, w);
    g_autofree char *report = g_strdup_printf("%s000000 01000000 05000000 e8030000", id);

    peer_expect_body(p, SPICE_MSG_DISPLAY_STREAM_CREATE, create);
    peer_expect_body(p, SPICE_MSG_DISPLAY_STREAM_ACTIVATE_REPORT, report);
}

static void expect_frame(ChannelPeer *p, uint8_t id)
{
    peer_expect(p, SPICE_MSG_DISPLAY_STREAM_DATA);
    g_assert_cmpuint(p->size, ==, 16);
    g_assert_cmpuint(p->body[0], ==, id);
    g_assert_cmpmem(p->body + 8, 8, "\4\0\0\0\xde\xad\xbe\xef", 8);
}

/* Opened, with a client, and a first stream. */
static ChannelPeer begin_stream(void)
{
    ChannelPeer p;

    begin();
    open_port();
    expect_written(HELLO);
    p = link_display(CAPS, false);
    expect_written(START);
    put(FORMAT_64x48);
    expect_picture(&p, SURFACE_64x48, MONITORS_64x48);
    peer_expect_body(&p, SPICE_MSG_DISPLAY_MARK, "");
    expect_stream(&p, "01", "01", "40", "30");
    return p;
}

static void test_session(void)
{
    ChannelPeer p = begin_stream();

    g_assert_cmpuint(server_find_channel(server, SPICE_CHANNEL_DISPLAY, 0)->caps, ==, 0x1012);
    put("01 00 0300 04000000 dead");
    put("beef"); /* in pieces */
    expect_frame(&p, 1);
    put("01 00 0300 00000000"); /* an empty one says nothing */
    peer_send(&p, SPICE_MSGC_DISPLAY_INIT, "00 0000000000000000 00 00000000");
    peer_send(&p, SPICE_MSGC_DISPLAY_PREFERRED_COMPRESSION, "01");
    peer_send(&p, SPICE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE, "02 01 02");
    peer_send(&p, SPICE_MSGC_DISPLAY_STREAM_REPORT,
              "01000000 01000000 00000000 00000000 05000000 00000000 00000000 ffffffff");
    peer_expect_nothing(&p);
    put(FORMAT_VP8); /* same size */
    peer_expect_body(&p, SPICE_MSG_DISPLAY_STREAM_DESTROY, "01000000");
    expect_stream(&p, "02", "02", "40", "30");
    put(FORMAT_32x16 FRAME);
    peer_expect_body(&p, SPICE_MSG_DISPLAY_STREAM_DESTROY, "02000000");
    peer_expect_body(&p, SPICE_MSG_DISPLAY_SURFACE_DESTROY, "00000000");
    expect_picture(&p, "00000000 20000000 10000000 20000000 03000000",
                   "0100 0100 00000000 00000000 20000000 10000000 00000000 00000000 00000000");
    peer_expect_body(&p, SPICE_MSG_DISPLAY_MARK, "");
    expect_stream(&p, "03", "01", "20", "10");
    expect_frame(&p, 3);
    put(FORMAT_H264); /* the client was not among those that know it: no stream, no frames */
    peer_expect_body(&p, SPICE_MSG_DISPLAY_STREAM_DESTROY, "03000000");
    peer_expect_body(&p, SPICE_MSG_DISPLAY_SURFACE_DESTROY, "00000000");
    expect_picture(&p, SURFACE_64x48, MONITORS_64x48);
    peer_expect_body(&p, SPICE_MSG_DISPLAY_MARK, "");
    put(FRAME);
    peer_expect_nothing(&p);
    expect_written("");
    peer_close(&p);
    expect_written(STOP);
    put(FORMAT_64x48 FRAME); /* for nobody */
    p = link_display(0, false);
    expect_written(START_MJPEG);
    peer_expect(&p, SPICE_MSG_DISPLAY_SURFACE_CREATE);
    peer_expect(&p, SPICE_MSG_DISPLAY_DRAW_FILL);
    peer_expect(&p, SPICE_MSG_DISPLAY_MARK);
    peer_expect_nothing(&p);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*message type*the connection is dropped");
    peer_send(&p, SPICE_MSGC_DISPLAY_GL_DRAW_DONE, "");
    g_test_assert_expected_messages();
    peer_expect_end(&p);
    peer_close(&p);
    end();
}

/* The ids of streams go round. */
static void test_ids(void)
{
    ChannelPeer p = begin_stream();

    for (unsigned id = 2; id < 120; id++) {
        put(FORMAT_64x48 FRAME);
        peer_expect(&p, SPICE_MSG_DISPLAY_STREAM_DESTROY);
        peer_expect(&p, SPICE_MSG_DISPLAY_STREAM_CREATE);
        peer_expect(&p, SPICE_MSG_DISPLAY_STREAM_ACTIVATE_REPORT);
        expect_frame(&p, id % 50);
        if (id % 5 == 0) /* of twenty messages */
            peer_send(&p, SPICE_MSGC_ACK, "");
    }
    peer_close(&p);
    end();
}

/* All clients can decode what the guest is asked for; the second one gets the picture, and the stream with the next
 * FORMAT. */
static void test_two_clients(void)
{
    ChannelPeer a = begin_stream(), b = link_display(0, false);

    expect_written(START_MJPEG);
    peer_expect_body(&b, SPICE_MSG_DISPLAY_SURFACE_CREATE, "00000000 40000000 30000000 20000000 01000000");
    peer_expect(&b, SPICE_MSG_DISPLAY_DRAW_FILL);
    peer_expect(&b, SPICE_MSG_DISPLAY_MARK);
    put(FRAME);
    expect_frame(&a, 1);
    peer_expect_nothing(&b);
    put(FORMAT_64x48 FRAME);
    peer_expect_body(&a, SPICE_MSG_DISPLAY_STREAM_DESTROY, "01000000");
    expect_stream(&a, "02", "01", "40", "30");
    expect_frame(&a, 2);
    peer_expect(&b, SPICE_MSG_DISPLAY_STREAM_CREATE);
    expect_frame(&b, 2);
    peer_close(&b);
    expect_written(START);
    peer_close(&a);
    expect_written(STOP);
    end();
}

/* Nothing is read from the guest while frames wait for their client. */
static void test_back_pressure(void)
{
    static uint8_t frame[200000];
    ChannelPeer p = begin_stream();
    uint8_t *buf = g_malloc(sizeof(frame) * 4);
    size_t before = port.taken, have = 0;

    for (unsigned i = 0; i < 4; i++) {
        g_autoptr(GByteArray) head = wire_hex("01 00 0300 400d0300");

        fake_char_device_put(&port, head->data, head->len);
        fake_char_device_put(&port, frame, sizeof(frame));
    }
    spice_server_char_device_wakeup(&port.sin);
    iterate();
    g_assert_cmpuint(port.taken - before, <, 3 * sizeof(frame));
    while (have < 4 * sizeof(frame)) {
        ssize_t n = recv(p.fd, buf, sizeof(frame), MSG_DONTWAIT);

        have += n > 0 ? (size_t)n : 0;
        iterate();
    }
    g_assert_cmpuint(port.taken, ==, port.input->len);
    g_free(buf);
    peer_close(&p);
    end();
}

/* The guest closes the port, and opens it again. */
static void test_close(void)
{
    ChannelPeer p = begin_stream();

    put("01 00 0300 04000000 de"); /* half a frame */
    spice_server_port_event(&port.sin, SPICE_PORT_EVENT_CLOSED);
    peer_expect_body(&p, SPICE_MSG_DISPLAY_STREAM_DESTROY, "01000000");
    peer_expect_body(&p, SPICE_MSG_DISPLAY_SURFACE_DESTROY, "00000000");
    g_assert_cmpint(port.state, ==, 1);
    expect_written("");
    open_port();
    expect_written(HELLO START);
    put(FORMAT_64x48);
    expect_picture(&p, SURFACE_64x48, MONITORS_64x48);
    peer_expect_body(&p, SPICE_MSG_DISPLAY_MARK, "");
    expect_stream(&p, "02", "01", "40", "30");
    spice_server_port_event(&port.sin, SPICE_PORT_EVENT_BREAK);
    peer_expect_nothing(&p);
    g_assert_cmpint(spice_server_remove_interface(&port.sin.base), ==, 0);
    peer_expect_end(&p);
    peer_close(&p);
    g_assert_null(server_find_channel(server, SPICE_CHANNEL_DISPLAY, 0));
    end();
}

/* What violates the protocol is answered; then the guest is ignored until it opens the port anew. */
static void test_broken(void)
{
    static const char *const bad[] = {
        "01 00 0000 00000000",    /* no type */
        "01 00 0400 01000000 00", /* the server's */
        "01 00 0900 01000000 00", /* QUALITY_INDICATOR was not agreed upon */
        "01 00 ffff ffffffff",
        "01 00 0100 01040000", /* too many capabilities */
        "01 00 0200 0b000000", /* FORMAT: size */
        "01 00 0200 0d000000",
        "01 00 0200 0c000000 00000000 30000000 01 000000", /* no width */
        "01 00 0200 0c000000 ffffffff ffffffff 01 000000", /* large */
        "01 00 0200 0c000000 00400000 00400000 01 000000", /* together too large */
        "01 00 0200 0c000000 40000000 30000000 00 000000", /* codec */
        "01 00 0200 0c000000 40000000 30000000 06 000000",
        "01 00 0300 01000002", /* DATA: 32 MiB and one */
        "01 00 0600 0b000000", /* CURSOR_SET */
        "01 00 0600 0d004200",
        "01 00 0600 10000000 0100 0100 0000 0000 01 000000 00000000", /* MONO */
        "01 00 0600 10000000 0200 0100 0000 0000 00 000000 00000000", /* too few pixels */
        "01 00 0600 0c000000 0104 0000 0000 0000 00 000000",          /* 1025 wide */
        "01 00 0700 07000000",                                        /* CURSOR_MOVE */
        "01 00 0800 0b000000",                                        /* DEVICE_DISPLAY_INFO */
        "01 00 0800 0d010000",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        ChannelPeer p = begin_stream();

        g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*stream device: *ignored*");
        put(bad[i]);
        g_test_assert_expected_messages();
        g_assert_cmpmem(port.written->data, 4, "\1\0\5\0", 4);
        g_assert_cmpmem(port.written->data + 8, 4, "\0\0\0\0", 4);
        g_assert_cmpuint(port.written->data[port.written->len - 1], ==, 0);
        g_byte_array_set_size(port.written, 0);
        g_assert_cmpint(port.state, ==, 1); /* not from inside of the read function */
        put(FORMAT_64x48 FRAME);
        g_assert_cmpuint(port.taken, ==, port.input->len);
        iterate();
        g_assert_cmpint(port.state, ==, 0);
        peer_expect_nothing(&p);
        spice_server_port_event(&port.sin, SPICE_PORT_EVENT_CLOSED);
        open_port();
        peer_expect(&p, SPICE_MSG_DISPLAY_STREAM_DESTROY);
        peer_expect(&p, SPICE_MSG_DISPLAY_SURFACE_DESTROY);
        put(FORMAT_64x48 FRAME);
        peer_expect(&p, SPICE_MSG_DISPLAY_SURFACE_CREATE);
        peer_close(&p);
        end();
    }
}

static void test_cursor(void)
{
    ChannelPeer p;

    begin();
    open_port();
    p = peer_new(server, SPICE_CHANNEL_CURSOR, 0, false);
    peer_expect(&p, SPICE_MSG_SET_ACK);
    peer_expect_body(&p, SPICE_MSG_CURSOR_INIT, "0000 0000 0000 0000 01 0100");
    put("01 00 0600 14000000 0200 0100 0500 0000 00 000000 01020304 05060708");
    peer_expect_body(&p, SPICE_MSG_CURSOR_SET,
                     "0000 0000 01 0000 0000000000000000 00 0200 0100 0100 0000"
                     "01020304 05060708");
    put("01 00 0700 08000000 f0ffffff ffffff7f");
    peer_expect_body(&p, SPICE_MSG_CURSOR_MOVE, "f0ff ff7f");
    put("01 00 0600 0c000000 0000 0000 0000 0000 00 000000");
    peer_expect_body(&p, SPICE_MSG_CURSOR_HIDE, "");
    put("01 00 0600 11000000 0100 0100 0000 0000 06 000000 01020304 ff"); /* COLOR32 and its mask */
    peer_expect_body(&p, SPICE_MSG_CURSOR_SET, "0000 0000 01 0000 0000000000000000 06 0100 0100 0000 0000 01020304 ff");
    peer_close(&p);
    p = peer_new(server, SPICE_CHANNEL_CURSOR, 0, false); /* a later client gets it all at once */
    peer_expect(&p, SPICE_MSG_SET_ACK);
    peer_expect_body(&p, SPICE_MSG_CURSOR_INIT,
                     "f0ff ff7f 0000 0000 01 0000 0000000000000000 06 0100 0100 0000 0000 01020304 ff");
    spice_server_port_event(&port.sin, SPICE_PORT_EVENT_CLOSED);
    peer_expect_body(&p, SPICE_MSG_CURSOR_RESET, "");
    peer_expect_body(&p, SPICE_MSG_CURSOR_INIT, "0000 0000 0000 0000 01 0100");
    peer_close(&p);
    end();
}

/* A client that arrives by a migration has what the other host showed: that goes when the guest begins anew here. */
static void test_arrival(void)
{
    ChannelPeer p, cursor;

    begin();
    open_port();
    expect_written(HELLO);
    p = link_display(CAPS, true);
    expect_written(START);
    peer_expect_nothing(&p);
    cursor = peer_new(server, SPICE_CHANNEL_CURSOR, 0, true);
    peer_expect(&cursor, SPICE_MSG_SET_ACK);
    peer_expect_nothing(&cursor);
    put(FORMAT_64x48 FRAME);
    peer_expect_body(&p, SPICE_MSG_DISPLAY_STREAM_DESTROY_ALL, "");
    peer_expect_body(&p, SPICE_MSG_DISPLAY_SURFACE_DESTROY, "00000000");
    expect_picture(&p, SURFACE_64x48, MONITORS_64x48);
    peer_expect_body(&p, SPICE_MSG_DISPLAY_MARK, "");
    expect_stream(&p, "01", "01", "40", "30");
    expect_frame(&p, 1);
    peer_close(&cursor);
    peer_close(&p);
    end();
}

/* The channels of a device that is there come with the first client, after the ids that are taken. */
static void test_first_client(void)
{
    ChannelPeer main_peer;

    begin();
    g_assert_null(server_find_channel(server, SPICE_CHANNEL_DISPLAY, 0));
    main_peer = peer_new(server, SPICE_CHANNEL_MAIN, 0, false);
    g_assert_nonnull(server_find_channel(server, SPICE_CHANNEL_DISPLAY, 0));
    g_assert_nonnull(server_find_channel(server, SPICE_CHANNEL_CURSOR, 0));
    peer_close(&main_peer);
    end();
}

static void remove_inside(FakeCharDevice *device)
{
    device->inside_read = device->inside_write = NULL;
    g_assert_cmpint(spice_server_remove_interface(&device->sin.base), ==, 0);
}

static void close_inside(FakeCharDevice *device)
{
    device->inside_read = NULL;
    spice_server_port_event(&device->sin, SPICE_PORT_EVENT_CLOSED);
}

/* The host removes the device, or reports events, from inside of its own functions. */
static void test_reentrance(void)
{
    for (unsigned i = 0; i < 3; i++) {
        ChannelPeer p = begin_stream();

        port.inside_read = i == 0 ? remove_inside : i == 1 ? close_inside : NULL;
        port.inside_write = i == 2 ? remove_inside : NULL;
        if (i == 2)
            g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*stream device: *ignored*");
        put(i == 2 ? "01 00 0000 00000000" : FRAME);
        g_test_assert_expected_messages();
        iterate();
        peer_close(&p);
        end();
    }
}

/* --- the reader alone --- */

typedef struct Input {
    const uint8_t *data;
    size_t size;
    GRand *random;
} Input;

static size_t read_input(void *opaque, void *buf, size_t size)
{
    Input *input = opaque;
    size_t n = MIN(size, input->size), portion = SIZE_MAX;

    if (input->random)
        portion = (size_t)g_rand_int_range(input->random, 0, 20); /* 0: no more for now */
    n = MIN(n, portion);
    memcpy(buf, input->data, n);
    input->data += n;
    input->size -= n;
    return n;
}

static const char *const seeds[] = {
    FORMAT_64x48,
    FRAME,
    "01 00 0600 14000000 0200 0100 0500 0000 00 000000 01020304 05060708",
    "01 00 0700 08000000 f0ffffff ffffff7f",
    "01 00 0800 16000000 01000000 02000000 05000000 \"pci/0\" 00000000 00",
    HELLO,
};

/* Damaged streams, in pieces of any size: a message, nothing, or broken; never more memory than bytes that came. */
static void test_fuzz(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(11);

    for (unsigned round = 0; round < 20000; round++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        Input input;
        StreamReader reader;

        for (unsigned i = 0; i < 6; i++) {
            g_autoptr(GByteArray) seed = wire_hex(seeds[g_rand_int_range(random, 0, G_N_ELEMENTS(seeds))]);

            g_byte_array_append(bytes, seed->data, seed->len);
        }
        for (unsigned n = (unsigned)g_rand_int_range(random, 0, 4); n; n--)
            bytes->data[g_rand_int_range(random, 0, (gint32)bytes->len)] = (guint8)g_rand_int(random);
        input = (Input){bytes->data, bytes->len, random};
        stream_reader_init(&reader);
        while (input.size) {
            StreamReadResult result = stream_reader_read(&reader, read_input, &input, round);

            g_assert_cmpuint(reader.body->len, <=, bytes->len);
            if (result == STREAM_READ_BROKEN) {
                g_assert_nonnull(reader.error);
                stream_reader_reset(&reader);
            }
        }
        stream_reader_clear(&reader);
    }
}

static void test_display_info(void)
{
    static const char *const info[][2] = {
        {"01 00 0800 12000000 01000000 02000000 06000000 \"pci/0\" 00", "pci/0"},
        {"01 00 0800 11000000 01000000 02000000 05000000 \"pci/0\"", "pci/0"}, /* no 0 at the end */
        {"01 00 0800 12000000 01000000 02000000 07000000 \"pci/0\" 00", ""},
        {"01 00 0800 0c000000 01000000 02000000 00000000", ""},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(info); i++) {
        g_autoptr(GByteArray) bytes = wire_hex(info[i][0]);
        Input input = {bytes->data, bytes->len, NULL};
        StreamReader reader;

        stream_reader_init(&reader);
        g_assert_cmpint(stream_reader_read(&reader, read_input, &input, 0), ==, STREAM_READ_MESSAGE);
        g_assert_cmpuint(reader.type, ==, STREAM_TYPE_DEVICE_DISPLAY_INFO);
        g_assert_cmpuint(reader.stream_id, ==, 1);
        g_assert_cmpuint(reader.display_id, ==, 2);
        g_assert_cmpstr(reader.address, ==, info[i][1]);
        stream_reader_clear(&reader);
    }
}

int main(int argc, char **argv)
{
    g_setenv("SPICE_CARAVAN_LOG", "all", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-device/session", test_session);
    g_test_add_func("/stream-device/ids", test_ids);
    g_test_add_func("/stream-device/two-clients", test_two_clients);
    g_test_add_func("/stream-device/back-pressure", test_back_pressure);
    g_test_add_func("/stream-device/close", test_close);
    g_test_add_func("/stream-device/broken", test_broken);
    g_test_add_func("/stream-device/cursor", test_cursor);
    g_test_add_func("/stream-device/arrival", test_arrival);
    g_test_add_func("/stream-device/first-client", test_first_client);
    g_test_add_func("/stream-device/reentrance", test_reentrance);
    g_test_add_func("/stream-device/fuzz", test_fuzz);
    g_test_add_func("/stream-device/display-info", test_display_info);
    return g_test_run();
}
