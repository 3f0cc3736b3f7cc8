/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Playback and record through the public functions, with a bare client at the other end of each connection. */
#include "common/wire/msg-playback.h"
#include "common/wire/msg-record.h"
#include "server/channels/main-client.h"
#include "server/channels/playback-channel.h"
#include "server/channels/sound-codec.h"
#include "tests/unit/channel-peer.h"
#include "tests/unit/wire-check.h"
#include "tools/caravan-host/event-loop.h"

#include <spice/protocol.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLAYBACK_CAPS                                                                                                  \
    (1u << SPICE_PLAYBACK_CAP_VOLUME | 1u << SPICE_PLAYBACK_CAP_LATENCY | 1u << SPICE_PLAYBACK_CAP_OPUS)
#define RAW_CAPS (1u << SPICE_PLAYBACK_CAP_VOLUME)

static SpiceServer *server;
static SpicePlaybackInstance playback;
static SpiceRecordInstance record;

static const SpicePlaybackInterface playback_sif = {
    {SPICE_INTERFACE_PLAYBACK, "playback", SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR}};
static const SpiceRecordInterface record_sif = {
    {SPICE_INTERFACE_RECORD, "record", SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR}};

static void on_channel_event(int event, SpiceChannelEventInfo *info) {}

static void begin(void)
{
    server = spice_server_new();
    spice_server_set_noauth(server);
    g_setenv("SPICE_DEBUG_ALLOW_MC", "1", TRUE);
    g_assert_cmpint(spice_server_init(server, event_loop_core(on_channel_event)), ==, 0);
    memset(&playback, 0xa5, sizeof(playback)); /* hosts leave garbage in there */
    memset(&record, 0xa5, sizeof(record));
    playback.base.sif = &playback_sif.base;
    record.base.sif = &record_sif.base;
    g_assert_cmpint(spice_server_add_interface(server, &playback.base), ==, 0);
    g_assert_cmpint(spice_server_add_interface(server, &record.base), ==, 0);
}

static void end(void)
{
    spice_server_destroy(server);
}

/* --- what a client gets --- */

static void expect_mode(ChannelPeer *p, uint16_t mode)
{
    WireReader r = wire_reader(p->body, sizeof(p->body));
    MsgPlaybackMode m;

    peer_expect(p, SPICE_MSG_PLAYBACK_MODE);
    g_assert_cmpuint(p->size, ==, 6);
    g_assert_true(msg_playback_mode_decode(&r, &m, NULL));
    g_assert_cmpuint(m.mode, ==, mode);
}

static void expect_start(ChannelPeer *p, uint32_t rate)
{
    WireReader r = wire_reader(p->body, sizeof(p->body));
    MsgPlaybackStart m;

    peer_expect(p, SPICE_MSG_PLAYBACK_START);
    g_assert_cmpuint(p->size, ==, 14);
    g_assert_true(msg_playback_start_decode(&r, &m, NULL));
    g_assert_cmpuint(m.channels, ==, 2);
    g_assert_cmpuint(m.format, ==, SPICE_AUDIO_FMT_S16);
    g_assert_cmpuint(m.frequency, ==, rate);
    g_assert_cmpuint(server_mm_time() - m.time, <, PEER_SILENCE_S * 1000);
}

/* --- playback --- */

/* A frame full of `value`; false if nobody takes one. */
static bool play(uint32_t value)
{
    uint32_t *samples, n;

    spice_server_playback_get_buffer(&playback, &samples, &n);
    g_assert_cmpuint(n, ==, samples ? SOUND_FRAME_PAIRS : 0);
    if (!samples)
        return false;
    for (unsigned i = 0; i < n; i++)
        samples[i] = value;
    spice_server_playback_put_samples(&playback, samples);
    return true;
}

/* The value that the raw frame just read is full of. */
static uint32_t frame_value(const ChannelPeer *p)
{
    uint32_t first;

    g_assert_cmpuint(p->size, ==, 4 + 1920);
    g_assert_cmpint(memcmp(p->body + 4, p->body + 8, 1916), ==, 0);
    memcpy(&first, p->body + 4, 4);
    return first;
}

static void expect_frame(ChannelPeer *p, uint32_t value)
{
    peer_expect(p, SPICE_MSG_PLAYBACK_DATA);
    g_assert_cmpuint(frame_value(p), ==, value);
}

static void test_greeting(void)
{
    static uint16_t volume[] = {30000, 40000};
    ChannelPeer p;

    begin();
    g_assert_cmpuint(server_find_channel(server, SPICE_CHANNEL_PLAYBACK, 0)->caps, ==, 2);
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, PLAYBACK_CAPS, false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_OPUS); /* although Opus was never announced */
    peer_expect_nothing(&p);
    peer_close(&p);

    spice_server_set_playback_rate(&playback, 44100);
    g_assert_cmpuint(server_find_channel(server, SPICE_CHANNEL_PLAYBACK, 0)->caps, ==, 2);
    spice_server_playback_set_volume(&playback, 2, volume);
    spice_server_playback_set_mute(&playback, 1);
    spice_server_playback_start(&playback);
    spice_server_playback_start(&playback);
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, PLAYBACK_CAPS, false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_RAW);
    expect_start(&p, 44100);
    peer_expect_body(&p, SPICE_MSG_PLAYBACK_VOLUME, "02 3075 409c");
    peer_expect_body(&p, SPICE_MSG_PLAYBACK_MUTE, "01");
    volume[0] = 1;
    spice_server_playback_set_volume(&playback, 1, volume);
    peer_expect_body(&p, SPICE_MSG_PLAYBACK_VOLUME, "01 0100");
    spice_server_playback_set_volume(&playback, 0, volume); /* no such message */
    spice_server_playback_set_mute(&playback, 0);
    peer_expect_body(&p, SPICE_MSG_PLAYBACK_MUTE, "00");
    peer_expect_nothing(&p);
    peer_close(&p);

    /* A client without the capability is not bothered. */
    spice_server_set_playback_rate(&playback, 48000);
    g_assert_cmpuint(server_find_channel(server, SPICE_CHANNEL_PLAYBACK, 0)->caps, ==, 0xa);
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, 0, false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_RAW);
    expect_start(&p, 48000);
    spice_server_playback_set_mute(&playback, 1);
    playback_channel_set_latency(playback.st, 500);
    peer_expect_nothing(&p);
    peer_close(&p);
    end();
}

static void test_frames(void)
{
    uint32_t *frames[3], *none, n;
    ChannelPeer p;

    begin();
    spice_server_playback_start(&playback);
    g_assert_false(play(0)); /* nobody listens */
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, PLAYBACK_CAPS & ~(1u << SPICE_PLAYBACK_CAP_OPUS), false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_RAW);
    expect_start(&p, 48000);
    for (unsigned i = 0; i < 3; i++)
        spice_server_playback_get_buffer(&playback, &frames[i], &n);
    spice_server_playback_get_buffer(&playback, &none, &n);
    g_assert_null(none);
    g_assert_cmpuint(n, ==, 0);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < SOUND_FRAME_PAIRS; j++)
            frames[i][j] = 100 + i;
        spice_server_playback_put_samples(&playback, frames[i]);
        expect_frame(&p, 100 + i);
    }
    playback_channel_set_latency(playback.st, 500);
    peer_expect_body(&p, SPICE_MSG_PLAYBACK_LATENCY, "f4010000");
    spice_server_playback_get_buffer(&playback, &frames[0], &n);
    spice_server_playback_stop(&playback);
    spice_server_playback_stop(&playback);
    peer_expect(&p, SPICE_MSG_PLAYBACK_STOP);
    g_assert_false(play(1));
    spice_server_playback_put_samples(&playback, frames[0]); /* too late */
    peer_expect_nothing(&p);
    peer_close(&p);
    end();
}

/* A client that does not read: frames give way to newer ones, stops and starts collapse, the order holds. */
static void test_slow_line(void)
{
    uint32_t last = 0, got = 0;
    unsigned n = 0, starts = 0;
    uint16_t type;
    ChannelPeer p;

    begin();
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, RAW_CAPS, false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_RAW);
    spice_server_playback_start(&playback);
    for (last = 1; last <= 100; last++)
        g_assert_true(play(last));
    for (unsigned i = 0; i < 10; i++) {
        spice_server_playback_stop(&playback);
        spice_server_playback_start(&playback);
        spice_server_playback_set_mute(&playback, i & 1);
    }
    g_assert_true(play(last));
    spice_server_playback_stop(&playback);
    spice_server_playback_start(&playback);
    spice_server_playback_stop(&playback);
    while ((type = peer_read(&p)) != SPICE_MSG_PLAYBACK_STOP) {
        if (type == SPICE_MSG_PLAYBACK_START) {
            g_assert_cmpuint(n, ==, 0);
            starts++;
            continue;
        }
        g_assert_cmpuint(type, ==, SPICE_MSG_PLAYBACK_DATA);
        g_assert_cmpuint(frame_value(&p), >, got);
        got = frame_value(&p);
        n++;
    }
    g_assert_cmpuint(starts, ==, 1);
    g_assert_cmpuint(got, ==, last);
    g_assert_cmpuint(n, <, 20);
    peer_expect_body(&p, SPICE_MSG_PLAYBACK_MUTE, "01");
    peer_expect_nothing(&p);
    peer_close(&p);
    end();
}

/* A START that cannot be sent is taken back, with its frame. */
static void test_cancelled_start(void)
{
    uint16_t type;
    ChannelPeer p;

    begin();
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, RAW_CAPS, false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_RAW);
    for (unsigned i = 0; i < 5000; i++) /* until the line is full */
        spice_server_playback_set_mute(&playback, i & 1);
    spice_server_playback_start(&playback);
    g_assert_true(play(1));
    spice_server_playback_stop(&playback);
    spice_server_playback_set_volume(&playback, 1, &(uint16_t){5});
    while ((type = peer_read(&p)) == SPICE_MSG_PLAYBACK_MUTE)
        ;
    g_assert_cmpuint(type, ==, SPICE_MSG_PLAYBACK_VOLUME);
    peer_expect_body(&p, SPICE_MSG_PLAYBACK_MUTE, "01");
    peer_expect_nothing(&p);
    peer_close(&p);
    end();
}

static void test_take_over(void)
{
    uint32_t *mine, *orphan, n;
    ChannelPeer first, second, third;

    begin();
    spice_server_playback_start(&playback);
    first = peer_new(server, SPICE_CHANNEL_PLAYBACK, RAW_CAPS, false);
    expect_mode(&first, SPICE_AUDIO_DATA_MODE_RAW);
    expect_start(&first, 48000);
    spice_server_playback_get_buffer(&playback, &mine, &n);

    second = peer_new(server, SPICE_CHANNEL_PLAYBACK, RAW_CAPS, false);
    peer_expect_end(&first);
    expect_mode(&second, SPICE_AUDIO_DATA_MODE_RAW);
    expect_start(&second, 48000);
    mine[0] = mine[SOUND_FRAME_PAIRS - 1] = 1;
    spice_server_playback_put_samples(&playback, mine); /* it belonged to the first one */
    peer_expect_nothing(&second);
    g_assert_true(play(2));
    expect_frame(&second, 2);

    /* The same client links again. */
    third = (ChannelPeer){.client = second.client};
    peer_link(&third, second.channel, RAW_CAPS, false);
    peer_expect_end(&second);
    g_assert_true(client_has_channel(third.client, SPICE_CHANNEL_PLAYBACK, 0));
    g_assert_true(g_ptr_array_find(third.client->channels, third.channel, NULL));
    expect_mode(&third, SPICE_AUDIO_DATA_MODE_RAW);
    expect_start(&third, 48000);

    /* The device goes while the host has a frame. */
    spice_server_playback_get_buffer(&playback, &orphan, &n);
    g_assert_nonnull(orphan);
    g_assert_cmpint(spice_server_remove_interface(&playback.base), ==, 0);
    peer_expect_end(&third);
    memset(orphan, 1, SOUND_FRAME_PAIRS * 4);
    spice_server_playback_put_samples(&playback, orphan);
    g_assert_false(play(3));
    spice_server_playback_start(&playback);
    spice_server_playback_stop(&playback);
    g_assert_cmpint(spice_server_remove_interface(&playback.base), ==, -1);

    /* And comes again; a frame of the old one is not mistaken for one of the new one. */
    g_assert_cmpint(spice_server_add_interface(server, &playback.base), ==, 0);
    peer_close(&first);
    close(second.fd);
    peer_close(&third);
    end();
}

static void test_second_device(void)
{
    SpicePlaybackInstance other = {.base.sif = &playback_sif.base, .st = (void *)1};
    uint32_t *samples, n;

    begin();
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*already*");
    g_assert_cmpint(spice_server_add_interface(server, &other.base), ==, -1);
    g_test_assert_expected_messages();
    spice_server_set_playback_rate(&other, 48000);
    spice_server_playback_start(&other);
    spice_server_playback_get_buffer(&other, &samples, &n);
    g_assert_null(samples);
    spice_server_playback_stop(&other);
    g_assert_cmpuint(spice_server_get_best_playback_rate(NULL), ==, 48000);
    g_assert_cmpuint(spice_server_get_best_record_rate(NULL), ==, 48000);
    end();
}

static void test_compression_switch(void)
{
    ChannelPeer p;

    begin();
    spice_server_playback_start(&playback);
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, PLAYBACK_CAPS, false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_OPUS);
    expect_start(&p, 48000);
    g_assert_true(play(0x10001000));
    peer_expect(&p, SPICE_MSG_PLAYBACK_DATA);
    g_assert_cmpuint(p.size, <=, 4 + 480);
    spice_server_set_playback_compression(server, 0);
    peer_expect_nothing(&p);
    g_assert_true(play(0x10001000));
    peer_expect(&p, SPICE_MSG_PLAYBACK_STOP);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_RAW);
    expect_start(&p, 48000);
    expect_frame(&p, 0x10001000);
    spice_server_playback_stop(&playback);
    peer_expect(&p, SPICE_MSG_PLAYBACK_STOP);
    spice_server_set_playback_compression(server, 1);
    spice_server_playback_start(&playback);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_OPUS);
    expect_start(&p, 48000);
    peer_close(&p);
    end();
}

static void test_clock(void)
{
    ChannelPeer p, main = {.client = NULL};

    begin();
    main.client = client_ref(client_new(server, 1000, false));
    peer_link(&main, &server->main->channel, 0, false);
    peer_expect(&main, SPICE_MSG_MAIN_INIT);
    spice_server_playback_start(&playback);
    spice_server_playback_stop(&playback);
    peer_expect_nothing(&main);
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, RAW_CAPS, false);
    spice_server_playback_start(&playback);
    peer_expect_nothing(&main);
    spice_server_playback_stop(&playback);
    peer_expect(&main, SPICE_MSG_MAIN_MULTI_MEDIA_TIME);
    spice_server_playback_start(&playback);
    peer_close(&p); /* a client that dies while it plays */
    peer_expect(&main, SPICE_MSG_MAIN_MULTI_MEDIA_TIME);
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, RAW_CAPS, false);
    peer_expect_nothing(&main);
    g_assert_cmpint(spice_server_remove_interface(&playback.base), ==, 0);
    peer_expect(&main, SPICE_MSG_MAIN_MULTI_MEDIA_TIME);
    peer_close(&main);
    peer_close(&p);
    end();
}

static void test_migration(void)
{
    uint32_t *samples, n;
    ChannelPeer p;

    begin();
    spice_server_playback_set_volume(&playback, 1, &(uint16_t){5});
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, PLAYBACK_CAPS, true);
    peer_expect_nothing(&p); /* the client knows all that from the source */
    spice_server_playback_start(&playback);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_OPUS); /* but for this, perhaps */
    expect_start(&p, 48000);
    peer_close(&p);

    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, PLAYBACK_CAPS, true);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_OPUS);
    expect_start(&p, 48000);
    spice_server_playback_get_buffer(&playback, &samples, &n);
    channel_migrate(p.channel, p.client);
    peer_expect_body(&p, SPICE_MSG_MIGRATE, "00000000");
    spice_server_playback_put_samples(&playback, samples);
    g_assert_false(play(1));
    spice_server_playback_stop(&playback);
    spice_server_playback_set_mute(&playback, 1);
    peer_expect_nothing(&p);
    peer_close(&p);
    end();
}

static void test_playback_hostile(void)
{
    ChannelPeer p;

    begin();
    p = peer_new(server, SPICE_CHANNEL_PLAYBACK, RAW_CAPS, false);
    expect_mode(&p, SPICE_AUDIO_DATA_MODE_RAW);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*not known here*dropped");
    peer_send(&p, 101, "00");
    peer_expect_end(&p);
    g_test_assert_expected_messages();
    peer_close(&p);
    end();
}

/* --- record --- */

#define RECORD_CAPS (1u << SPICE_RECORD_CAP_VOLUME | 1u << SPICE_RECORD_CAP_OPUS)

/* Sends pairs from, from + 1, ... in messages of 480. */
static void send_count(ChannelPeer *p, uint32_t from, uint32_t n)
{
    while (n) {
        uint32_t part = MIN(n, 480);
        g_autoptr(GString) hex = g_string_new("00000000 ");

        for (uint32_t i = 0; i < part; i++)
            g_string_append_printf(hex, "%08x", GUINT32_SWAP_LE_BE(from + i));
        peer_send(p, SPICE_MSGC_RECORD_DATA, hex->str);
        from += part;
        n -= part;
    }
}

static uint32_t fetch(uint32_t *pairs, uint32_t max)
{
    return spice_server_record_get_samples(&record, pairs, max);
}

static void test_record(void)
{
    static uint32_t pairs[10000];
    static uint16_t volume[] = {30000, 40000};
    ChannelPeer p;

    begin();
    p = peer_new(server, SPICE_CHANNEL_RECORD, RECORD_CAPS, false);
    peer_expect_nothing(&p);
    spice_server_record_set_volume(&record, 2, volume);
    peer_expect_body(&p, SPICE_MSG_RECORD_VOLUME, "02 3075 409c");
    spice_server_record_set_mute(&record, 1);
    peer_expect_body(&p, SPICE_MSG_RECORD_MUTE, "01");
    spice_server_record_start(&record);
    spice_server_record_start(&record);
    peer_expect_body(&p, SPICE_MSG_RECORD_START, "02000000 0100 80bb0000");
    peer_send(&p, SPICE_MSGC_RECORD_MODE, "00000000 0100");
    peer_send(&p, SPICE_MSGC_RECORD_START_MARK, "00000000");
    send_count(&p, 7, 4000);
    g_assert_cmpuint(fetch(pairs, 10000), ==, 0);
    send_count(&p, 4007, 1000);
    g_assert_cmpuint(fetch(pairs, 10000), ==, 5000);
    for (uint32_t i = 0; i < 5000; i++)
        g_assert_cmpuint(pairs[i], ==, 7 + i);
    send_count(&p, 0, 9999);
    g_assert_cmpuint(fetch(pairs, 10), ==, 10);
    g_assert_cmpuint(pairs[0], ==, 9999 - 8192);
    g_assert_cmpuint(fetch(pairs, 10000), ==, 8182);
    spice_server_record_stop(&record);
    peer_expect(&p, SPICE_MSG_RECORD_STOP);
    spice_server_record_stop(&record);
    spice_server_record_start(&record);
    peer_expect(&p, SPICE_MSG_RECORD_START);
    send_count(&p, 0, 5000);
    peer_close(&p);
    g_assert_cmpuint(fetch(pairs, 10000), ==, 0); /* no client */
    spice_server_record_stop(&record);

    /* A client that migrates here knows the volume, but is told all the same. */
    spice_server_record_start(&record);
    p = peer_new(server, SPICE_CHANNEL_RECORD, RECORD_CAPS, true);
    peer_expect(&p, SPICE_MSG_RECORD_START);
    peer_expect_body(&p, SPICE_MSG_RECORD_VOLUME, "02 3075 409c");
    peer_expect_body(&p, SPICE_MSG_RECORD_MUTE, "01");
    send_count(&p, 0, 5000); /* in whatever mode it had agreed upon elsewhere */
    g_assert_cmpuint(fetch(pairs, 10000), ==, 0);
    peer_send(&p, SPICE_MSGC_RECORD_MODE, "00000000 0100");
    send_count(&p, 1, 5000);
    g_assert_cmpuint(fetch(pairs, 10000), ==, 5000);
    g_assert_cmpuint(pairs[4999], ==, 5000);
    peer_close(&p);
    g_assert_cmpint(spice_server_remove_interface(&record.base), ==, 0);
    g_assert_cmpuint(fetch(pairs, 10000), ==, 0);
    end();
}

static void test_record_opus(void)
{
    static uint32_t pairs[10000];
    SoundEncoder *encoder = sound_encoder_new(48000);
    uint32_t silence[SOUND_FRAME_PAIRS] = {0};
    uint8_t packet[SOUND_PACKET_MAX_BYTES];
    ChannelPeer p;

    begin();
    spice_server_set_record_rate(&record, 48000);
    g_assert_cmpuint(server_find_channel(server, SPICE_CHANNEL_RECORD, 0)->caps, ==, 6);
    p = peer_new(server, SPICE_CHANNEL_RECORD, RECORD_CAPS, false);
    spice_server_record_start(&record);
    peer_send(&p, SPICE_MSGC_RECORD_MODE, "00000000 0300");
    for (unsigned i = 0; i < 10; i++) {
        g_autoptr(GString) hex = g_string_new("00000000 ");
        size_t n = sound_encoder_encode(encoder, silence, packet);

        for (size_t j = 0; j < n; j++)
            g_string_append_printf(hex, "%02x", packet[j]);
        peer_send(&p, SPICE_MSGC_RECORD_DATA, hex->str);
    }
    g_assert_cmpuint(fetch(pairs, 10000), ==, 4800);
    sound_encoder_free(encoder);
    peer_close(&p);
    end();
}

static void test_record_hostile(void)
{
    static const struct {
        uint16_t mode;
        uint16_t type;
        const char *body, *log;
    } cases[] = {
        {1, SPICE_MSGC_RECORD_MODE, "00000000 0200", "*audio mode 2*dropped"},
        {1, SPICE_MSGC_RECORD_MODE, "00000000 ffff", "*audio mode 65535*dropped"},
        {1, SPICE_MSGC_RECORD_MODE, "00000000 03", "*MsgcRecordMode*dropped"},
        {1, SPICE_MSGC_RECORD_DATA, "000000", "*MsgcRecordData*dropped"},
        {1, SPICE_MSGC_RECORD_START_MARK, "000000", "*MsgcRecordStartMark*dropped"},
        {1, 104, "", "*not known here*dropped"},
        {3, SPICE_MSGC_RECORD_DATA, "00000000", "*Opus packet*dropped"},
        {3, SPICE_MSGC_RECORD_DATA, "00000000 ff", "*Opus packet*dropped"},
        {3, SPICE_MSGC_RECORD_DATA, "00000000 fbff", "*Opus packet*dropped"},
        {1, 0, NULL, "*too long*dropped"},
    };

    begin();
    spice_server_record_start(&record);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        ChannelPeer p = peer_new(server, SPICE_CHANNEL_RECORD, 0, false);

        peer_expect(&p, SPICE_MSG_RECORD_START);
        peer_send(&p, SPICE_MSGC_RECORD_MODE, cases[i].mode == 1 ? "00000000 0100" : "00000000 0300");
        g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, cases[i].log);
        if (cases[i].body)
            peer_send(&p, cases[i].type, cases[i].body);
        else
            g_assert_cmpint(send(p.fd, "\x65\x00\xff\xff\xff\x7f", 6, MSG_NOSIGNAL), ==, 6);
        peer_expect_end(&p);
        g_test_assert_expected_messages();
        peer_close(&p);
    }
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/playback/greeting", test_greeting);
    g_test_add_func("/playback/frames", test_frames);
    g_test_add_func("/playback/slow-line", test_slow_line);
    g_test_add_func("/playback/cancelled-start", test_cancelled_start);
    g_test_add_func("/playback/take-over", test_take_over);
    g_test_add_func("/playback/second-device", test_second_device);
    g_test_add_func("/playback/compression-switch", test_compression_switch);
    g_test_add_func("/playback/clock", test_clock);
    g_test_add_func("/playback/migration", test_migration);
    g_test_add_func("/playback/hostile", test_playback_hostile);
    g_test_add_func("/record", test_record);
    g_test_add_func("/record/opus", test_record_opus);
    g_test_add_func("/record/hostile", test_record_hostile);
    return g_test_run();
}
