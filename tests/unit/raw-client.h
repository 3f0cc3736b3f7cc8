/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connection of a client that speaks the bare protocol, for tests. Blocking; a connection belongs to one thread at
 * a time. With an `idle` function, that is called while nothing can be read or written: a test whose server runs in the
 * same thread gives host_iterate_once there.
 */
#pragma once

#include "common/wire/link.h"
#include "common/wire/writer.h"

typedef struct RawMessage {
    uint16_t type;
    uint64_t serial; /* counted here, the first message is 1 */
    uint32_t size;
    uint8_t *body;
    uint32_t sub_list;
} RawMessage;

typedef struct RawClient {
    int fd; /* -1 = closed */
    void (*idle)(void);
    bool full_header;
    uint32_t connection_id; /* that the link names */
    uint64_t last_serial;   /* of the last message read */
    uint32_t ack_window, unacked;
    bool patient;       /* silence is no error */
    bool keep_acks;     /* SET_ACK is answered, but no ACK is sent */
    RawMessage message; /* the last one; its body lives until the next read */
} RawClient;

/* A connected pair of sockets: [0] for the server, [1] for the client. */
void raw_pair(bool tcp, int fds[2]);
/* Takes over `fd` and performs the link stage. Gives the link error (SPICE_LINK_ERR_*), or G_MAXUINT32 when the server
 * closed the connection. */
uint32_t raw_client_link(RawClient *c, int fd, uint8_t type, uint8_t id, uint32_t channel_caps);
/* Sends the first `bytes` of what a link consists of, for links that stay half open. */
void raw_client_link_part(RawClient *c, int fd, uint8_t type, size_t bytes);

/* The next message, without those that every channel answers by itself (SET_ACK, PING: done here, but they are
 * counted). False when the server has closed the connection. A silence of 20 s ends the test. */
bool raw_client_read(RawClient *c);
/* Reads up to a message of this type. False at the end of the connection. */
bool raw_client_read_type(RawClient *c, uint16_t type);
/* Nothing more comes: reads until the connection is closed, or (idle function) nothing came for some rounds. */
bool raw_client_is_silent(RawClient *c);
void raw_client_send(RawClient *c, uint16_t type, const WireWriter *body);
/* Closes the connection. Harmless when repeated. */
void raw_client_close(RawClient *c);
