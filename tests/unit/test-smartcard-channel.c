/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smartcard channel through the public functions, between a bare client and a card device that the test plays. */
#include "common/wire/msg-smartcard.h"
#include "server/channels/vsc-stream.h"
#include "tests/unit/channel-peer.h"
#include "tests/unit/fake-char-device.h"
#include "tests/unit/wire-check.h"
#include "tools/caravan-host/event-loop.h"

#include <spice/protocol.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATA SPICE_MSG_SMARTCARD_DATA /* the same number in both directions */
#define READER_ADD "00000003 00000000 00000000"
#define READER_REMOVE "00000004 00000000 00000000"
#define DEVICE_OK "00000002 00000000 00000004 00000000"
#define CLIENT_OK "02000000 00000000 04000000 00000000"
#define ATR "00000005 00000000 00000003 3b0001"
#define CLIENT_ATR "05000000 00000000 03000000 3b0001"

static SpiceServer *server;
static FakeCharDevice card;

static void on_channel_event(int event, SpiceChannelEventInfo *info) {}

static void begin(void)
{
    server = spice_server_new();
    spice_server_set_noauth(server);
    g_setenv("SPICE_DEBUG_ALLOW_MC", "1", TRUE);
    g_assert_cmpint(spice_server_init(server, event_loop_core(on_channel_event)), ==, 0);
    fake_char_device_init(&card, "smartcard");
    g_assert_cmpint(spice_server_add_interface(server, &card.sin.base), ==, 0);
}

static void end(void)
{
    spice_server_destroy(server);
    g_assert_null(card.sin.st);
    fake_char_device_clear(&card);
}

static ChannelPeer link_client(bool migration)
{
    return peer_new(server, SPICE_CHANNEL_SMARTCARD, 0, migration);
}

/* The device writes. */
static void put(const char *hex)
{
    g_autoptr(GByteArray) bytes = wire_hex(hex);

    fake_char_device_put(&card, bytes->data, bytes->len);
    spice_server_char_device_wakeup(&card.sin);
}

/* What the device was written since the last call. */
static void expect_written(const char *hex)
{
    wire_assert_hex(card.written->data, card.written->len, hex);
    g_byte_array_set_size(card.written, 0);
}

/* A client whose reader is added and has a card. */
static ChannelPeer link_with_card(void)
{
    ChannelPeer p = link_client(false);

    peer_send(&p, DATA, "03000000 ffffffff 05000000 \"name\" 00");
    expect_written(READER_ADD);
    put(DEVICE_OK);
    peer_expect_body(&p, DATA, CLIENT_OK);
    peer_send(&p, DATA, CLIENT_ATR);
    expect_written(ATR);
    put(DEVICE_OK);
    peer_expect_body(&p, DATA, CLIENT_OK);
    return p;
}

/* --- messages --- */

WIRE_PROBE(MsgSmartcardData, msg_smartcard_data)

static void test_messages(void)
{
    static const uint8_t payload[] = {1, 2, 3};
    const VscHeader header = {SPICE_VSC_MESSAGE_TYPE_APDU, 0x01020304, 5};
    uint8_t packed[VSC_HEADER_SIZE];
    VscHeader again;

    WIRE_CASE(MsgSmartcardData, msg_smartcard_data, WIRE_CUT_NEVER, "07000000 04030201 03000000 010203",
              SPICE_VSC_MESSAGE_TYPE_APDU, 0x01020304, 3, payload);
    WIRE_CASE(MsgSmartcardData, msg_smartcard_data, WIRE_CUT_NEVER, "04000000 ffffffff 00000000",
              SPICE_VSC_MESSAGE_TYPE_ReaderRemove, VSC_UNDEFINED_READER, 0, payload);
    vsc_header_pack(packed, &header);
    wire_assert_hex(packed, sizeof(packed), "00000007 01020304 00000005");
    vsc_header_unpack(packed, &again);
    g_assert_cmpmem(&again, sizeof(again), &header, sizeof(header));
}

/* --- one client, one device --- */

static void note_state(FakeCharDevice *device)
{
    *(int *)device->opaque = device->state;
}

static void test_session(void)
{
    int state_at_write = -1;
    ChannelPeer p;

    begin();
    g_assert_cmpuint(server_find_channel(server, SPICE_CHANNEL_SMARTCARD, 0)->caps, ==, 0);
    g_assert_cmpint(card.state, ==, 0);
    put("00000007 00000000 00000001 aa 0000"); /* nobody is there: read and dropped, up to the next message */
    put("0001 ffffffff 00000000");
    p = link_client(false);
    g_assert_cmpint(card.state, ==, 1);
    put("00000001 ffffffff 00000004 00010203"); /* Init */
    peer_expect_nothing(&p);
    peer_close(&p);
    g_assert_cmpint(card.state, ==, 0);
    expect_written(""); /* no reader, nothing to remove */

    p = link_with_card();
    put("00000007 00000000 00000005 00a40400");
    put("00"); /* in two pieces; the reader's number is the server's own */
    peer_expect_body(&p, DATA, "07000000 00000000 05000000 00a4040000");
    peer_send(&p, DATA, "07000000 00000000 02000000 9000");
    expect_written("00000007 00000000 00000002 9000");
    put("00000007 12345678 00000000 00000007 00000000 00000001 55"); /* two at once */
    peer_expect_body(&p, DATA, "07000000 00000000 00000000");
    peer_expect_body(&p, DATA, "07000000 00000000 01000000 55");
    peer_send(&p, DATA, "02000000 00000000 04000000 01000000"); /* instead of an answer */
    expect_written("00000002 00000000 00000004 01000000");
    put(DEVICE_OK); /* answers nothing */
    peer_expect_nothing(&p);

    peer_send(&p, DATA, "01000000 00000000 00000000");           /* Init */
    peer_send(&p, DATA, "63000000 00000000 00000000");           /* unknown */
    peer_send(&p, SPICE_MSGC_PONG, "01000000 0000000000000000"); /* to nothing */
    peer_send(&p, DATA, "06000000 00000000 00000000 aaaa");      /* bytes behind the end */
    expect_written("00000006 00000000 00000000");
    put(DEVICE_OK);
    peer_expect_body(&p, DATA, CLIENT_OK);
    peer_send(&p, DATA, "04000000 00000000 00000000");
    expect_written(READER_REMOVE);
    put(DEVICE_OK);
    peer_expect_body(&p, DATA, CLIENT_OK);
    peer_send(&p, DATA, "04000000 00000000 00000000"); /* again */
    peer_expect_body(&p, DATA, "02000000 00000000 04000000 01000000");
    peer_close(&p);
    expect_written("");

    p = link_with_card();
    card.opaque = &state_at_write;
    card.inside_write = note_state;
    peer_close(&p);
    expect_written(READER_REMOVE);
    g_assert_cmpint(state_at_write, ==, 0);
    end();
}

static void test_bad_readers(void)
{
    ChannelPeer p;

    begin();
    p = link_client(false);
    peer_send(&p, DATA, "04000000 03000000 00000000"); /* of the stock library: the same */
    peer_expect_body(&p, DATA, "02000000 03000000 04000000 01000000");
    peer_send(&p, DATA, "04000000 ffffffff 00000000");
    peer_expect_body(&p, DATA, "02000000 ffffffff 04000000 01000000");
    peer_send(&p, DATA, "04000000 00000000 00000000"); /* never added */
    peer_expect_body(&p, DATA, "02000000 00000000 04000000 01000000");
    peer_close(&p);
    p = link_with_card();
    peer_send(&p, DATA, "03000000 ffffffff 00000000"); /* a second reader of the client */
    peer_expect_body(&p, DATA, "02000000 ffffffff 04000000 02000000");
    expect_written("");
    peer_close(&p);
    end();
}

static void test_hostile(void)
{
    static const struct {
        uint16_t type;
        const char *body, *log;
    } cases[] = {
        {DATA, "07000000 01000000 00000000", "*reader 1*dropped"},
        {DATA, "02000000 ffffffff 00000000", "*reader 4294967295*dropped"},
        {DATA, "05000000 00000080 00000000", "*not known*dropped"},
        {DATA, "06000000 02000000 00000000", "*not known*dropped"},
        {DATA, "", "*MsgSmartcardData*dropped"},
        {DATA, "07000000 00000000 000000", "*MsgSmartcardData*dropped"},
        {DATA, "07000000 00000000 02000000 00", "*MsgSmartcardData*dropped"},
        {DATA, "07000000 00000000 ffffffff 00", "*MsgSmartcardData*dropped"},
        {102, "", "*not known here*dropped"},
        {SPICE_MSGC_MIGRATE_DATA, "53434d44 01000000", "*none is expected*dropped"},
        {SPICE_MSGC_MIGRATE_FLUSH_MARK, "", "*no migration*dropped"},
        {0, NULL, "*too long*dropped"},
    };

    begin();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        ChannelPeer p = link_with_card();

        g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, cases[i].log);
        if (cases[i].body) /* the peer's send fails if the connection is closed before the end of the message */
            peer_send(&p, cases[i].type, cases[i].body);
        else /* 64 KiB and a byte */
            g_assert_cmpint(send(p.fd, "\x65\x00\x01\x00\x01\x00", 6, MSG_NOSIGNAL), ==, 6);
        peer_expect_end(&p);
        g_test_assert_expected_messages();
        expect_written(READER_REMOVE);
        peer_close(&p);
    }
    end();
}

/* --- the device's side --- */

/* A message of 64 KiB passes, longer ones are skipped to their end. */
static void test_overlong(void)
{
    g_autofree uint8_t *zeros = g_malloc0(3 * 65536);
    VscStream stream;
    ChannelPeer p;

    vsc_stream_init(&stream);
    g_assert_cmpuint(vsc_stream_wanted(&stream), ==, VSC_HEADER_SIZE);
    vsc_stream_add(&stream, (const uint8_t *)"\0\0\0\7\0\0\0\0\0\0\xff\xf4", VSC_HEADER_SIZE);
    g_assert_null(vsc_stream_next(&stream));
    g_assert_cmpuint(vsc_stream_wanted(&stream), ==, 65524);
    vsc_stream_add(&stream, zeros, 65524);
    g_bytes_unref(vsc_stream_next(&stream));
    vsc_stream_clear(&stream);

    begin();
    p = link_client(false);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*131072 bytes*dropped*");
    put("00000007 00000000 00020000");
    g_test_assert_expected_messages();
    fake_char_device_put(&card, zeros, 100000);
    spice_server_char_device_wakeup(&card.sin);
    fake_char_device_put(&card, zeros, 131072 - 100000);
    put("00000007 00000000 00000001 77");
    peer_expect_body(&p, DATA, "07000000 00000000 01000000 77");

    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*4294967295 bytes*dropped*");
    put("00000007 00000000 ffffffff 01");
    g_test_assert_expected_messages();
    put("00000007 00000000 00000001 77"); /* still within it */
    peer_expect_nothing(&p);
    peer_close(&p);
    end();
}

/* A client that does not read stops the device, and one whose device takes nothing is not read. */
static void test_full(void)
{
    unsigned n = 0;
    ChannelPeer p;

    begin();
    p = link_client(false);
    for (unsigned i = 0; i < 5000; i++)
        fake_char_device_put(&card, "\0\0\0\7\0\0\0\0\0\0\0\4\0\0\0\0", 16);
    spice_server_char_device_wakeup(&card.sin);
    g_assert_cmpuint(card.taken, <, 4000 * 16);
    for (; n < 5000; n++)
        peer_expect_body(&p, DATA, "07000000 00000000 04000000 00000000");
    g_assert_cmpuint(card.taken, ==, 5000 * 16);

    card.room = 0;
    for (unsigned i = 0; i < 200; i++)
        peer_send(&p, DATA, "07000000 00000000 01000000 aa");
    card.room = G_MAXINT;
    spice_server_char_device_wakeup(&card.sin);
    g_assert_cmpuint(card.written->len, ==, 128 * 13);
    while (card.written->len < 200 * 13)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(card.written->len, ==, 200 * 13);
    peer_close(&p);
    end();
}

static void test_stopped(void)
{
    ChannelPeer p;

    begin();
    p = link_with_card();
    spice_server_vm_stop(server);
    put("00000007 00000000 00000001 01");
    peer_send(&p, DATA, "07000000 00000000 01000000 02");
    peer_expect_nothing(&p);
    expect_written("");
    spice_server_vm_start(server);
    expect_written("00000007 00000000 00000001 02");
    peer_expect_body(&p, DATA, "07000000 00000000 01000000 01");
    peer_close(&p);
    end();
}

/* --- devices that come and go --- */

static void test_second_device(void)
{
    FakeCharDevice other;

    begin();
    fake_char_device_init(&other, "smartcard");
    for (unsigned i = 0; i < 2; i++) {
        g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, i ? "*added already*" : "*there is one*");
        g_assert_cmpint(spice_server_add_interface(server, i ? &card.sin.base : &other.sin.base), ==, -1);
        g_test_assert_expected_messages();
    }
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*not added*");
    spice_server_char_device_wakeup(&other.sin);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*not added*");
    g_assert_cmpint(spice_server_remove_interface(&other.sin.base), ==, -1);
    g_test_assert_expected_messages();
    g_assert_cmpint(spice_server_remove_interface(&card.sin.base), ==, 0);
    g_assert_cmpint(spice_server_add_interface(server, &other.sin.base), ==, 0);
    g_assert_cmpint(spice_server_remove_interface(&other.sin.base), ==, 0);
    fake_char_device_clear(&other);
    end();
}

static void remove_card(void)
{
    g_assert_cmpint(spice_server_remove_interface(&card.sin.base), ==, 0);
    g_assert_null(card.sin.st);
    g_byte_array_set_size(card.input, 0);
    card.taken = 0;
}

static void add_card(void)
{
    g_assert_cmpint(spice_server_add_interface(server, &card.sin.base), ==, 0);
}

static void test_plug_again(void)
{
    ChannelPeer p, q;

    begin();
    p = link_with_card();
    put("00000007 0000"); /* begun, never to be ended */
    remove_card();
    g_assert_cmpint(card.state, ==, 0);
    expect_written("");
    peer_expect_nothing(&p);
    peer_send(&p, DATA, "07000000 00000000 02000000 9000"); /* too late */
    add_card();
    g_assert_cmpint(card.state, ==, 1);
    expect_written(READER_ADD ATR);
    put(DEVICE_OK DEVICE_OK); /* answers what the client did not ask */
    put("00000007 00000000 00000001 01");
    peer_expect_body(&p, DATA, "07000000 00000000 01000000 01");

    /* What the client asks while there is no device is answered, and remembered. */
    remove_card();
    peer_send(&p, DATA, "06000000 00000000 00000000");
    peer_expect_body(&p, DATA, CLIENT_OK);
    add_card();
    expect_written(READER_ADD);
    remove_card();
    peer_send(&p, DATA, "05000000 00000000 01000000 3c");
    peer_expect_body(&p, DATA, CLIENT_OK);
    add_card();
    expect_written(READER_ADD "00000005 00000000 00000001 3c");
    remove_card();
    peer_send(&p, DATA, "04000000 00000000 00000000");
    peer_expect_body(&p, DATA, CLIENT_OK);
    add_card();
    expect_written("");

    /* The device goes before it has answered: the client must not wait. */
    peer_send(&p, DATA, "03000000 ffffffff 00000000");
    expect_written(READER_ADD);
    remove_card();
    peer_expect_body(&p, DATA, CLIENT_OK);
    peer_close(&p);
    expect_written("");

    q = link_client(false); /* one who comes while there is no device */
    peer_send(&q, DATA, "03000000 ffffffff 00000000");
    peer_expect_body(&q, DATA, CLIENT_OK);
    add_card();
    expect_written(READER_ADD);
    peer_close(&q);
    expect_written(READER_REMOVE);
    end();
}

static void remove_inside(FakeCharDevice *device)
{
    device->inside_write = device->inside_read = NULL;
    spice_server_remove_interface(&device->sin.base);
}

static void test_removed_inside(void)
{
    ChannelPeer p;

    begin();
    p = link_client(false);
    card.inside_write = remove_inside;
    peer_send(&p, DATA, "03000000 ffffffff 00000000");
    g_assert_null(card.sin.st);
    peer_expect_body(&p, DATA, CLIENT_OK);
    g_byte_array_set_size(card.written, 0);

    card.inside_write = remove_inside; /* in the middle of what a new device is told */
    add_card();
    g_assert_null(card.sin.st);
    g_byte_array_set_size(card.written, 0);

    card.inside_read = remove_inside;
    fake_char_device_put(&card, "\0\0\0\7\0\0", 6);
    add_card();
    g_assert_null(card.sin.st);
    expect_written("");
    g_byte_array_set_size(card.input, 0);
    card.taken = 0;
    add_card();
    expect_written(READER_ADD);
    put("00000007 00000000 00000001 01");
    peer_expect_body(&p, DATA, "07000000 00000000 01000000 01");
    peer_close(&p);
    end();
}

static void test_two_clients(void)
{
    ChannelPeer first, second;

    begin();
    first = link_with_card();
    second = link_client(false);
    put("00000007 00000000 00000001 01");
    peer_expect_body(&first, DATA, "07000000 00000000 01000000 01");
    peer_send(&second, DATA, "03000000 ffffffff 00000000");
    peer_expect_body(&second, DATA, "02000000 ffffffff 04000000 02000000");
    peer_send(&second, DATA, "04000000 00000000 00000000");
    peer_expect_body(&second, DATA, "02000000 00000000 04000000 01000000");
    expect_written("");
    peer_close(&first);
    expect_written(READER_REMOVE);
    peer_send(&second, DATA, "03000000 ffffffff 00000000");
    g_assert_cmpint(card.state, ==, 1);
    expect_written(READER_ADD);
    put(DEVICE_OK);
    peer_expect_body(&second, DATA, CLIENT_OK);
    first = link_client(false);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*not known*dropped");
    peer_send(&first, DATA, "07000000 00000000 00000000"); /* to a reader that is not his */
    peer_expect_end(&first);
    g_test_assert_expected_messages();
    expect_written("");
    peer_close(&first);
    peer_close(&second);
    end();
}

/* --- migration --- */

#define V1 "53434d44 01000000 01000000 "
#define ATTACHED V1 "01 ffffffff ffffffff "
#define IDLE ATTACHED "00000000 00000000 00000000 "

/* The data that the source hands over. */
static void expect_data(ChannelPeer *p, const char *hex)
{
    channel_migrate(p->channel, p->client);
    peer_expect_body(p, SPICE_MSG_MIGRATE, "03000000");
    peer_send(p, SPICE_MSGC_MIGRATE_FLUSH_MARK, "");
    peer_expect_body(p, SPICE_MSG_MIGRATE_DATA, hex);
}

static void test_source(void)
{
    ChannelPeer p;

    begin();
    p = link_client(false);
    expect_data(&p, IDLE "00 00000000 00000000");
    peer_close(&p);

    p = link_client(false);
    put("00000007 00"); /* as a recorded one of the stock library */
    expect_data(&p, IDLE "00 05000000 2a000000 0000000700");
    put("000000 00000000"); /* after the freeze: stays in the device */
    peer_close(&p);

    p = link_with_card();
    card.room = 3;
    peer_send(&p, DATA, "06000000 00000000 00000000");
    channel_migrate(p.channel, p.client);
    peer_expect_body(&p, SPICE_MSG_MIGRATE, "03000000");
    peer_send(&p, DATA, "04000000 00000000 00000000"); /* on its way when it was told */
    peer_send(&p, SPICE_MSGC_MIGRATE_FLUSH_MARK, "");
    peer_expect_body(&p, SPICE_MSG_MIGRATE_DATA,
                     ATTACHED "15000000 00000000 2a000000 00 00000000 00000000"
                              "06 00000000 00000000" READER_REMOVE);
    expect_written("000000");
    card.room = G_MAXINT;
    peer_close(&p);
    expect_written(""); /* it went along */

    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*65536000 bytes*dropped*");
    p = link_client(false);
    put("00000007 00000000 03e80000 00000000000000000000");
    g_test_assert_expected_messages();
    expect_data(&p, IDLE "00 0c000000 2a000000 00000001 ffffffff 03e7fff6"); /* the rest, as an Init */
    peer_close(&p);
    remove_card();
    add_card();

    p = link_with_card();
    remove_card();
    expect_data(&p, V1 "00 00000000 00000000 00000000 00000000 00000000 01 00000000 00000000");
    peer_close(&p);
    p = link_client(false);
    expect_data(&p, V1 "00 00000000 00000000 00000000 00000000 00000000 00 00000000 00000000");
    peer_close(&p);
    end();
}

static void test_destination(void)
{
    ChannelPeer p;

    begin();
    p = link_client(true);
    g_assert_cmpint(card.state, ==, 1);
    put("00000000 00000001 01"); /* not before the data */
    peer_expect_nothing(&p);
    g_assert_cmpuint(card.taken, ==, 0);
    peer_send(&p, SPICE_MSGC_MIGRATE_DATA, ATTACHED "03000000 00000000 2a000000 01 04000000 2d000000 aabbcc 00000007");
    expect_written("aabbcc");
    peer_expect_body(&p, DATA, "07000000 00000000 01000000 01");
    put(DEVICE_OK); /* asked at the source, perhaps */
    peer_expect_body(&p, DATA, CLIENT_OK);
    peer_send(&p, DATA, "04000000 00000000 00000000"); /* the reader is known to be added */
    expect_written(READER_REMOVE);
    peer_close(&p);

    /* A whole message, and one that is too long: other servers may hand that over. */
    p = link_client(true);
    peer_send(&p, SPICE_MSGC_MIGRATE_DATA, IDLE "01 0d000000 2a000000 00000007 00000000 00000001 66");
    peer_expect_body(&p, DATA, "07000000 00000000 01000000 66");
    peer_close(&p);
    expect_written(READER_REMOVE);
    p = link_client(true);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*131072 bytes*dropped*");
    peer_send(&p, SPICE_MSGC_MIGRATE_DATA, IDLE "00 0d000000 2a000000 00000007 00000000 00020000 66");
    g_test_assert_expected_messages();
    peer_close(&p);
    remove_card();

    /* The source has no device, but the client has a reader. */
    add_card();
    p = link_client(true);
    peer_send(&p, SPICE_MSGC_MIGRATE_DATA, V1 "00 00000000 00000000 00000000 00000000 00000000 01 00000000 00000000");
    expect_written(READER_ADD);
    peer_close(&p);
    expect_written(READER_REMOVE);

    /* The other way round. */
    remove_card();
    p = link_client(true);
    peer_send(&p, SPICE_MSGC_MIGRATE_DATA, ATTACHED "03000000 00000000 2a000000 01 00000000 00000000 aabbcc");
    peer_expect_nothing(&p);
    add_card();
    expect_written(READER_ADD);
    peer_close(&p);
    expect_written(READER_REMOVE);
    end();
}

static void test_bad_data(void)
{
    static const char *cases[] = {
        "",
        "53434d44 01000000",
        "53434d44 02000000",
        "53564d44 01000000 01000000 01 ffffffff ffffffff 00000000 00000000 00000000 00 00000000 00000000",
        IDLE "00 00000000",
        IDLE "00 05000000 2a000000 00000007",
        IDLE "00 05000000 ffffffff 0000000700",
        IDLE "00 0e000000 2a000000 00000007 00000000 00000001 0102",
        ATTACHED "ffffffff 00000000 2a000000 00 00000000 00000000 00",
        V1 "00 00000000 00000000 00000000 00000000 00000000 00 01000000 2a000000 00",
    };
    ChannelPeer p;

    begin();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        p = link_client(true);
        g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*dropped*");
        peer_send(&p, SPICE_MSGC_MIGRATE_DATA, cases[i]);
        peer_expect_end(&p);
        g_test_assert_expected_messages();
        expect_written("");
        peer_close(&p);
    }
    p = link_client(true);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*before the migration data*dropped*");
    peer_send(&p, DATA, "03000000 ffffffff 00000000");
    peer_expect_end(&p);
    g_test_assert_expected_messages();
    peer_close(&p);

    ChannelPeer holder = link_with_card();
    p = link_client(true);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*another client*dropped*");
    peer_send(&p, SPICE_MSGC_MIGRATE_DATA, IDLE "01 00000000 00000000");
    peer_expect_end(&p);
    g_test_assert_expected_messages();
    peer_close(&p);
    peer_close(&holder);
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smartcard/messages", test_messages);
    g_test_add_func("/smartcard/session", test_session);
    g_test_add_func("/smartcard/bad-readers", test_bad_readers);
    g_test_add_func("/smartcard/hostile", test_hostile);
    g_test_add_func("/smartcard/overlong", test_overlong);
    g_test_add_func("/smartcard/full", test_full);
    g_test_add_func("/smartcard/stopped", test_stopped);
    g_test_add_func("/smartcard/second-device", test_second_device);
    g_test_add_func("/smartcard/plug-again", test_plug_again);
    g_test_add_func("/smartcard/removed-inside", test_removed_inside);
    g_test_add_func("/smartcard/two-clients", test_two_clients);
    g_test_add_func("/smartcard/migration/source", test_source);
    g_test_add_func("/smartcard/migration/destination", test_destination);
    g_test_add_func("/smartcard/migration/bad-data", test_bad_data);
    return g_test_run();
}
