/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NetTest: measures the line with three PINGs after the greeting, then watches that the client is alive.
 * One per main connection. Host context.
 */
#pragma once

#include "server/core/channel-client.h"

typedef enum NetTestStage {
    NET_TEST_OFF,
    NET_TEST_WARMUP,
    NET_TEST_LATENCY,
    NET_TEST_RATE,
    NET_TEST_DONE
} NetTestStage;

typedef struct NetTest {
    ChannelClient *cc;
    NetTestStage stage;
    uint64_t latency; /* us, 0 = not known */
    uint64_t bitrate; /* bit/s, G_MAXUINT64 = not known */
    LoopTimer *timer;
    uint32_t ping_id; /* of the keep-alive PING that is not answered yet, 0 = none */
    uint32_t next_ping_id;
    uint64_t bytes_in_before;
} NetTest;

void net_test_init(NetTest *test, ChannelClient *cc);
void net_test_clear(NetTest *test);
/* Sends the three test PINGs; the result is in client->low_bandwidth once they are answered. */
void net_test_start(NetTest *test);
/* Starts watching, whether or not the test has ended: a client that leaves PINGs unanswered and sends nothing for 30 s
 * is dropped. */
void net_test_watch(NetTest *test);
void net_test_stop(NetTest *test);
void net_test_handle_pong(NetTest *test, uint32_t id, uint64_t timestamp);
