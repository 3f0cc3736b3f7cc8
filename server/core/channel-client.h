/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ChannelClient: the connection of one client to one channel: framing, serials, ack window, queue, migration steps.
 *
 * What is to be sent waits as PipeItem in a queue and becomes zero or more messages only when its turn comes, so that
 * decisions about caches are made in the order of the wire. All functions: the channel's thread.
 */
#pragma once

#include "common/wire/writer.h"
#include "server/core/channel.h"
#include "server/core/pace.h"

typedef struct PipeItem PipeItem;
typedef struct PipeItemOps {
    /* Sends the item with channel_client_send(); may send nothing. */
    void (*send)(ChannelClient *cc, PipeItem *item);
    /* The item was sent, removed, or its connection is gone. NULL: g_free(). */
    void (*free)(PipeItem *item);
} PipeItemOps;

struct PipeItem {
    const PipeItemOps *ops;
    GList link;   /* place in the queue; link.data = item */
    size_t bytes; /* memory that it holds, if that is worth a limit; not to be changed while it is queued */
};

struct ChannelClient {
    Channel *channel;
    Client *client; /* a reference; only what client.h calls shared may be touched outside host context */
    Link link;
    unsigned refs;
    bool connected;

    /* private to the files of channel-client-private.h */
    LoopWatch *watch;
    GQueue pipe;
    size_t pipe_bytes; /* sum over its items */
    Pace pace;         /* items that it may have before it is full */
    GQueue out;        /* messages being written */
    bool pushing;
    uint64_t serial;    /* of the last message sent, 0 = none */
    bool closed_window; /* nothing may be sent yet */
    uint32_t ack_generation, client_generation, ack_window;
    uint32_t unacked;
    bool migrating;    /* MIGRATE was queued: nothing else may be */
    bool expect_flush; /* MIGRATE is out, MIGRATE_FLUSH_MARK has to come */
    bool wait_data;    /* migration destination: MIGRATE_DATA has to come */
    bool handed_over;  /* MIGRATE_DATA (or a MIGRATE without data) is out */
    uint8_t in_header[18];
    unsigned in_header_size;
    uint16_t in_type;
    uint32_t in_size;
    WireWriter in_body;
    bool paused;           /* nothing is read from the socket */
    bool receiving;        /* inside receive() */
    LoopTimer *read_timer; /* paused: looks if the client has hung up; else reads what the stream holds back */
    uint64_t bytes_in, bytes_out;
    gint64 moved_at; /* monotonic us at which the last byte moved, in or out */
};

ChannelClient *channel_client_new(Channel *channel, Client *client, const Link *link);
ChannelClient *channel_client_ref(ChannelClient *cc);
void channel_client_unref(ChannelClient *cc);
/* Drops the connection: it leaves the channel, queue and socket are gone. Harmless when repeated. */
void channel_client_disconnect(ChannelClient *cc);

void pipe_item_init(PipeItem *item, const PipeItemOps *ops);
/* Adds to the end of the queue (takes ownership) and sends what can be sent. After MIGRATE was queued, or on a closed
 * connection, the item is freed instead. What sends may find that the connection is broken, and then drops it: whoever
 * walks the list of connections takes the next one first, whoever needs `cc` afterwards holds a reference. */
void channel_client_push(ChannelClient *cc, PipeItem *item);
/* Adds without sending at once: for several items in a row, then channel_client_pump(). */
void channel_client_queue(ChannelClient *cc, PipeItem *item);
/* The item becomes the next one to be sent. */
void channel_client_queue_next(ChannelClient *cc, PipeItem *item);
/* Puts an item into the place of one that is queued, which is freed. */
void channel_client_replace(ChannelClient *cc, PipeItem *old, PipeItem *item);
/* Takes the item out of the queue and frees it. */
void channel_client_remove(ChannelClient *cc, PipeItem *item);
void channel_client_pump(ChannelClient *cc);
/* A message without parameters, queued. */
void channel_client_push_empty(ChannelClient *cc, uint16_t type);
/* A message whose body is ready now, queued. `body` is emptied. */
void channel_client_push_body(ChannelClient *cc, uint16_t type, WireWriter *body);
/* The same without sending at once. */
void channel_client_queue_body(ChannelClient *cc, uint16_t type, WireWriter *body);
unsigned channel_client_pipe_length(const ChannelClient *cc);
/* Enough is queued: no more commands should be fetched that add to it. Limits the number of items, by how long the
 * client takes for them, and their memory. */
bool channel_client_pipe_is_full(const ChannelClient *cc);
/* The queue is full, and not a byte has moved for `ms`. */
bool channel_client_is_stuck(const ChannelClient *cc, unsigned ms);
/* True if everything queued was handed to the socket. */
bool channel_client_is_idle(const ChannelClient *cc);

/* From a PipeItem's send: the message's body (emptied). `sub_list`: offset of a sub message list in it, full header
 * only.*/
void channel_client_send(ChannelClient *cc, uint16_t type, WireWriter *body, uint32_t sub_list);
/* The same with a file descriptor (taken over) that follows the message, and one byte of its own. Only on sockets that
 * can carry it: stream_is_plain_unix(). */
void channel_client_send_fd(ChannelClient *cc, uint16_t type, WireWriter *body, int fd);
/* The serial that the next message will have. */
uint64_t channel_client_next_serial(const ChannelClient *cc);
void channel_client_set_next_serial(ChannelClient *cc, uint64_t serial);
bool channel_client_has_cap(const ChannelClient *cc, unsigned cap);

/* Queues SET_ACK with the window of the link (20, or 40 on a slow line). */
void channel_client_push_set_ack(ChannelClient *cc);
void channel_client_set_low_bandwidth(ChannelClient *cc);
/* While the window is closed nothing is sent; things may be queued. */
void channel_client_close_window(ChannelClient *cc);
void channel_client_open_window(ChannelClient *cc);

/* Leaves what the client sends in its socket, for back pressure, until reading is resumed. That the client hangs up is
 * still noticed. Harmless when repeated. */
void channel_client_pause_reading(ChannelClient *cc);
void channel_client_resume_reading(ChannelClient *cc);

/* Source: freeze, MIGRATE, then on MIGRATE_FLUSH_MARK the data. */
void channel_client_migrate(ChannelClient *cc);
/* Reads and writes once, waiting up to `ms` for the socket: for flushing outside the loop. False if disconnected. */
bool channel_client_step(ChannelClient *cc, int ms);
