/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Client: one person's session: a main connection and the other channels' connections that belong to it.
 *
 * Made when a main link succeeds, gone when the main connection is. Reference counted (atomic): connections in worker
 * threads hold a reference. Unless a function says otherwise: host context.
 */
#pragma once

#include "server/core/channel.h"
#include "server/migration/job.h"

#include <pthread.h>

struct Client {
    gint refs; /* atomic */
    struct RedsState *server;
    uint32_t connection_id; /* the same on all channels, never 0 */
    GPtrArray *channels;    /* Channel, in the order of their links; main first */
    bool disconnecting;
    bool low_bandwidth;      /* measured by the main channel's net test */
    bool channels_announced; /* has got its channel list */
    bool begin_open;         /* MIGRATE_BEGIN is out and not answered yet, of whatever attempt */
    bool astray;             /* it was called back from another host, whose address it goes on using for new channels */
    uint8_t known[16][32];   /* bit set of (channel type, id) that it has ever linked here */

    /* Migration destination: the client came with the id of its session on another host. */
    bool target;
    bool seamless; /* it asked for a seamless hand-over and was told yes */
    Job arrival;
    unsigned n_waiting;       /* channels whose data have not come yet */
    LoopTimer *give_up_timer; /* runs while it has nothing but a main connection that has not brought its data */
    GQueue pending;           /* PendingLink: channels linked before it is clear how the client migrates */

    /* Shared with worker threads. */
    pthread_mutex_t lock;        /* not a GMutex: thread sanitizers see this one */
    GHashTable *objects;         /* (kind, id) -> SharedObject */
    uint8_t linked[16][32];      /* bit set of (channel type, id) that are connected */
    gint kbit_rate;              /* measured by the main channel's net test, 0 = not known; atomic */
    int cache_id, dictionary_id; /* that its displays use, -1 = none has said so yet */

    /* Of the migration that it takes part in, NULL if there is none. Set in host context before channels hear of it. */
    MigrationReport *report;
};

Client *client_new(struct RedsState *server, uint32_t connection_id, bool target);
Client *client_ref(Client *client);
void client_unref(Client *client);

/* Closes all connections of the client and forgets it. The reference of the server is dropped. */
void client_disconnect(Client *client);
/* The same, soon, from the host's loop. Any thread. */
void client_disconnect_later(Client *client);

/* A channel link of this client was authenticated: connects it, or parks it until the client's way to migrate is clear.
 */
void client_link_channel(Client *client, Channel *channel, const Link *link);
/* The connection to the channel of this type and id is gone: book-keeping of the client. The channel itself may be gone
 * as well: the pointer is only compared. */
void client_channel_gone(Client *client, const Channel *channel, uint8_t type, uint8_t id);
/* Connects what was parked. */
void client_link_pending(Client *client);
/* A channel's migration data were taken over (or its connection is gone while they were awaited). */
void client_data_arrived(Client *client);

/*
 * A channel's connection is gone. If that was the last one but main, the client may have left for good: as target it
 * has given up if main still waits for its data; as source it has arrived elsewhere if main's data are written, since
 * clients close all connections together. spice-gtk sometimes leaves main's open: its temporary main channel waits
 * there for a message, and is not woken up.
 */
void client_drop_if_left(Client *client);

/* Has the client ever linked a channel of this type and id here? */
bool client_knows_channel(const Client *client, const Channel *channel);
/* Bits per second of the client's line, as measured when it connected; 0 = not known. Any thread. */
uint64_t client_bit_rate(Client *client);
/* Does the client have a connection to this channel right now? Any thread. */
bool client_has_channel(Client *client, uint8_t type, uint8_t id);
void client_set_channel(Client *client, uint8_t type, uint8_t id, bool connected);

/* All displays of a client share one image cache and one dictionary: false if these are not the ids that an earlier
 * display named. Any thread. */
bool client_agrees_on_ids(Client *client, uint8_t cache_id, uint8_t dictionary_id);

/*
 * An object that several channels of the client share, such as the image cache: made by `create(arg)` when the first
 * one asks, unreferenced by `unref` with the client. Gives a borrowed pointer. Any thread.
 */
void *client_shared_object(Client *client, GQuark kind, uint8_t id, void *(*create)(void *arg), void *arg,
                           GDestroyNotify unref);
