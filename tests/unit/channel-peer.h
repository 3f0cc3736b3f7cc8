/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ChannelPeer: the client's end of one channel of a server in the same thread, past the link stage, for tests. Mini
 * headers, the default main context.
 */
#pragma once

#include "server/core/server.h"

#define PEER_SILENCE_S 20 /* without an expected message the test ends */

typedef struct ChannelPeer {
    Client *client;
    Channel *channel;
    int fd;
    uint8_t body[4096]; /* of the last message */
    uint32_t size;
} ChannelPeer;

/* A new client, linked to channel (type, 0). Its end of the line takes little: SO_SNDBUF is small. */
ChannelPeer peer_new(RedsState *server, uint8_t type, uint32_t caps, bool migration);
/* For a peer that has its client: one more connection. */
void peer_link(ChannelPeer *p, Channel *channel, uint32_t caps, bool migration);
/* Hangs up, and the client is gone. */
void peer_close(ChannelPeer *p);

/* The next message's type, 0 at the end of the connection. */
uint16_t peer_read(ChannelPeer *p);
void peer_expect(ChannelPeer *p, uint16_t type);
/* `hex`: the body, as for wire_hex(). */
void peer_expect_body(ChannelPeer *p, uint16_t type, const char *hex);
void peer_expect_end(ChannelPeer *p);
void peer_expect_nothing(ChannelPeer *p);
/* Sends a message and lets the server handle it. */
void peer_send(ChannelPeer *p, uint16_t type, const char *hex);
