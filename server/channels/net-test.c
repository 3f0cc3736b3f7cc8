/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/net-test.h"

#include "common/wire/msg-common.h"
#include "server/core/client.h"

#include <spice/enums.h>

#define RATE_BYTES 256000
#define LOW_BANDWIDTH_BITS (10 * 1024 * 1024)
#define WATCH_PERIOD_MS (15 * 1000) /* two periods without an answer end the connection */
#define FIRST_WATCH_PING_ID 1000    /* far from the ids 1 to 3 of the test */

static void push_ping(ChannelClient *cc, uint32_t id, uint64_t timestamp, uint32_t padding)
{
    g_auto(WireWriter) body = {0};
    MsgPing m = {.id = id, .timestamp = timestamp, .padding = padding};

    msg_ping_encode(&body, &m);
    channel_client_push_body(cc, SPICE_MSG_PING, &body);
}

static void on_watch(void *opaque)
{
    NetTest *test = opaque;
    ChannelClient *cc = test->cc;

    if (test->ping_id && cc->bytes_in == test->bytes_in_before) {
        g_warning("the client does not answer any more; it is dropped");
        client_disconnect_later(cc->client);
        return;
    }
    test->bytes_in_before = cc->bytes_in;
    if (!test->ping_id) {
        test->ping_id = test->next_ping_id++;
        push_ping(cc, test->ping_id, (uint64_t)g_get_monotonic_time() * 1000, 0);
    }
    loop_timer_start(test->timer, test->ping_id ? 2 * WATCH_PERIOD_MS : WATCH_PERIOD_MS);
}

void net_test_init(NetTest *test, ChannelClient *cc)
{
    *test = (NetTest){.cc = cc, .bitrate = G_MAXUINT64, .next_ping_id = FIRST_WATCH_PING_ID};
    test->timer = loop_timer_new(cc->channel->loop, on_watch, test);
}

void net_test_clear(NetTest *test)
{
    loop_timer_free(test->timer);
    test->timer = NULL;
}

void net_test_start(NetTest *test)
{
    if (!test->cc->connected)
        return;
    test->stage = NET_TEST_WARMUP;
    for (uint32_t id = 1; id <= 3; id++)
        push_ping(test->cc, id, (uint64_t)g_get_monotonic_time(), id == 3 ? RATE_BYTES : 0);
}

void net_test_watch(NetTest *test)
{
    if (test->timer)
        loop_timer_start(test->timer, WATCH_PERIOD_MS);
}

void net_test_stop(NetTest *test)
{
    if (test->timer)
        loop_timer_cancel(test->timer);
}

static void finish(NetTest *test)
{
    test->stage = NET_TEST_DONE;
    test->cc->client->low_bandwidth = test->bitrate < LOW_BANDWIDTH_BITS;
    if (test->bitrate != G_MAXUINT64)
        g_atomic_int_set(&test->cc->client->kbit_rate, (gint)MIN(test->bitrate / 1000, G_MAXINT));
    g_debug("net test: latency %" G_GUINT64_FORMAT " us, bitrate %" G_GUINT64_FORMAT " bit/s", test->latency,
            test->bitrate);
    net_test_watch(test);
}

void net_test_handle_pong(NetTest *test, uint32_t id, uint64_t timestamp)
{
    uint64_t now = (uint64_t)g_get_monotonic_time();
    uint64_t roundtrip = now > timestamp ? now - timestamp : 0;

    if (id && id == test->ping_id) {
        test->ping_id = 0;
        net_test_watch(test);
        return;
    }
    if (test->stage == NET_TEST_WARMUP && id == 1) {
        test->latency = roundtrip;
        test->stage = NET_TEST_LATENCY;
    } else if (test->stage == NET_TEST_LATENCY && id == 2) {
        test->latency = MIN(test->latency, roundtrip);
        test->stage = NET_TEST_RATE;
    } else if (test->stage == NET_TEST_RATE && id == 3) {
        if (roundtrip > test->latency)
            test->bitrate = (uint64_t)RATE_BYTES * 8 * G_USEC_PER_SEC / (roundtrip - test->latency);
        finish(test);
    } else {
        g_debug("PONG %u is not awaited", id);
    }
}
