/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channel: one (type, id) that clients can link to.
 *
 * Made and destroyed in host context. Its connections (ChannelClient) live in its thread: host context, or the worker
 * of a QXL device for display and cursor.
 */
#pragma once

#include "server/core/loop.h"
#include "server/core/task-queue.h"
#include "server/migration/participant.h"

typedef struct Channel Channel;
typedef struct ChannelClient ChannelClient;
typedef struct Client Client;
typedef struct Stream Stream;

typedef struct ChannelOps {
    size_t client_size;        /* of the channel's own connection type, whose first member is a ChannelClient */
    uint32_t migrate_flags;    /* SPICE_MIGRATE_NEED_* */
    bool acks;                 /* has an ack window */
    bool newest_only;          /* one connection for all clients: a new one takes over from the old one */
    uint32_t max_message;      /* longest body that a client may send, bytes */
    uint32_t max_migrate_data; /* the same for MIGRATE_DATA */
    /* A client is connected: queue the first messages. */
    void (*connected)(ChannelClient *cc);
    /* The connection is gone; its memory lives on until the return. */
    void (*disconnected)(ChannelClient *cc);
    /* A message that is not common to all channels. False with an error: the connection is dropped. */
    bool (*handle)(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error);
    Participant participant;
} ChannelOps;

struct Channel {
    struct RedsState *server;
    const ChannelOps *ops;
    uint8_t type; /* SPICE_CHANNEL_* */
    uint8_t id;
    uint32_t caps;    /* capability word that the link reply announces, 0 = none */
    Loop *loop;       /* of the channel's thread */
    TaskQueue *queue; /* into the channel's thread; NULL = host context */
    GList *clients;   /* ChannelClient, newest first; the channel's thread only */
};

/* Registers the channel with the server; later ones are announced to connected clients. Host context. */
void channel_init(Channel *channel, struct RedsState *server, const ChannelOps *ops, uint8_t type, uint8_t id,
                  Loop *loop, TaskQueue *queue);
/* Unregisters it and drops its connections. Host context. */
void channel_destroy(Channel *channel);

/* Runs func(data) in the channel's thread and waits. Host context. */
void channel_call(Channel *channel, TaskFunc func, void *data);

/* What a new connection brings along from the link stage. */
typedef struct Link {
    Stream *stream; /* ownership passes on */
    bool mini_header;
    uint32_t common_caps; /* of the client, first word */
    uint32_t channel_caps;
    bool low_bandwidth; /* the main channel's net test says so */
    bool migration;     /* the client arrives here by a seamless migration: no greeting, its data will come */
} Link;

/* Makes the connection (`link` is copied). A second one of the same client is closed at once, unless the
 * channel has newest_only: then the connection that was there is dropped, whosever it was. Host context. */
void channel_connect(Channel *channel, Client *client, const Link *link);
/* Drops the connection of `client`, if there is one. Host context. */
void channel_disconnect(Channel *channel, Client *client);
/* Seamless hand-over of the client's connection: MIGRATE and what follows. Host context. */
void channel_migrate(Channel *channel, Client *client);

/* The connection of `client`, or NULL. The channel's thread. */
ChannelClient *channel_find(Channel *channel, const Client *client);
/* True if one of the channel's connections has a full queue (channel_client_pipe_is_full). The channel's thread. */
bool channel_is_full(const Channel *channel);
/* Reads and writes until nothing is queued on any connection; those that do not drain within `ms` are dropped. The
 * channel's thread. */
void channel_flush(Channel *channel, unsigned ms);
