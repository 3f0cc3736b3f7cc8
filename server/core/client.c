/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/client.h"

#include "server/channels/main-channel.h"
#include "server/core/caravan.h"
#include "server/core/server.h"
#include "server/migration/report.h"
#include "server/net/stream.h"

#include <spice/enums.h>
#include <stdlib.h>

typedef struct SharedObject {
    void *object;
    GDestroyNotify unref;
} SharedObject;

typedef struct PendingLink {
    Channel *channel;
    Link link;
} PendingLink;

/* A client that parks more links than it can have channels is up to no good. */
#define MAX_PENDING_LINKS 64
/* For main's migration data after all other connections have ended. */
#define GIVE_UP_MS 2000

static void shared_object_free(void *data)
{
    SharedObject *shared = data;

    shared->unref(shared->object);
    g_free(shared);
}

Client *client_new(RedsState *server, uint32_t connection_id, bool target)
{
    Client *client = g_new0(Client, 1);

    client->refs = 1;
    client->server = server;
    client->connection_id = connection_id;
    client->target = target;
    client->cache_id = client->dictionary_id = -1;
    client->channels = g_ptr_array_new();
    g_queue_init(&client->pending);
    pthread_mutex_init(&client->lock, NULL);
    client->objects = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, shared_object_free);
    server->clients = g_list_prepend(server->clients, client);
    return client;
}

Client *client_ref(Client *client)
{
    g_atomic_int_inc(&client->refs);
    return client;
}

void client_unref(Client *client)
{
    if (!g_atomic_int_dec_and_test(&client->refs))
        return;
    g_hash_table_unref(client->objects);
    if (client->report)
        migration_report_unref(client->report);
    pthread_mutex_destroy(&client->lock);
    g_ptr_array_unref(client->channels);
    g_free(client);
}

static void drop_pending(Client *client)
{
    PendingLink *pending;

    while ((pending = g_queue_pop_head(&client->pending))) {
        SpiceChannelEventInfo *info = stream_info(pending->link.stream);

        stream_free(pending->link.stream);
        server_channel_event(client->server, SPICE_CHANNEL_EVENT_DISCONNECTED, info);
        g_free(pending);
    }
}

void client_disconnect(Client *client)
{
    RedsState *server = client->server;

    if (client->disconnecting)
        return;
    client->disconnecting = true;
    loop_timer_free(client->give_up_timer);
    client->give_up_timer = NULL;
    server->clients = g_list_remove(server->clients, client);
    drop_pending(client);
    /* Newest first, main last. */
    while (client->channels->len) {
        Channel *channel = g_ptr_array_index(client->channels, client->channels->len - 1);

        g_ptr_array_set_size(client->channels, (int)client->channels->len - 1);
        channel_disconnect(channel, client);
    }
    caravan_client_gone(server->caravan, client);
    client_unref(client);
    if (server->config.exit_on_disconnect)
        exit(0);
}

static void do_disconnect(void *data)
{
    client_disconnect(data);
    client_unref(data);
}

void client_disconnect_later(Client *client)
{
    server_post(client->server, do_disconnect, client_ref(client));
}

bool client_knows_channel(const Client *client, const Channel *channel)
{
    return channel->type < G_N_ELEMENTS(client->known) &&
           client->known[channel->type][channel->id / 8] >> (channel->id % 8) & 1;
}

void client_link_channel(Client *client, Channel *channel, const Link *link)
{
    PendingLink *pending;

    if (channel->type < G_N_ELEMENTS(client->known))
        client->known[channel->type][channel->id / 8] |= (uint8_t)(1u << (channel->id % 8));
    if (client->target && !client->seamless) {
        if (client->pending.length >= MAX_PENDING_LINKS) {
            SpiceChannelEventInfo *info = stream_info(link->stream);

            g_warning("a migrating client links more channels than there are; refused");
            stream_free(link->stream);
            server_channel_event(client->server, SPICE_CHANNEL_EVENT_DISCONNECTED, info);
            return;
        }
        pending = g_new(PendingLink, 1);
        pending->channel = channel;
        pending->link = *link;
        g_queue_push_tail(&client->pending, pending);
        return;
    }
    Link connect = *link;
    connect.migration = client->target;
    if (connect.migration && (channel->ops->migrate_flags & SPICE_MIGRATE_NEED_DATA_TRANSFER) &&
        !client_has_channel(client, channel->type, channel->id))
        client->n_waiting++;
    channel_connect(channel, client, &connect);
}

void client_link_pending(Client *client)
{
    GQueue pending = client->pending;
    PendingLink *p;

    g_queue_init(&client->pending);
    while ((p = g_queue_pop_head(&pending))) {
        client_link_channel(client, p->channel, &p->link);
        g_free(p);
    }
}

void client_channel_gone(Client *client, const Channel *channel, uint8_t type, uint8_t id)
{
    for (GList *l = client->pending.head, *next; l; l = next) {
        PendingLink *pending = l->data;

        next = l->next;
        if (pending->channel == channel && !g_list_find(client->server->channels, channel)) {
            SpiceChannelEventInfo *info = stream_info(pending->link.stream);

            stream_free(pending->link.stream);
            server_channel_event(client->server, SPICE_CHANNEL_EVENT_DISCONNECTED, info);
            g_free(pending);
            g_queue_delete_link(&client->pending, l);
        }
    }
    /* A channel that was linked again meanwhile stays in the list. */
    if (!client_has_channel(client, type, id)) {
        g_ptr_array_remove(client->channels, (gpointer)channel);
        if (type != SPICE_CHANNEL_MAIN && !client->disconnecting)
            caravan_client_lost_channel(client->server->caravan, client);
    }
    if (type == SPICE_CHANNEL_MAIN)
        client_disconnect_later(client);
}

void client_data_arrived(Client *client)
{
    if (client->n_waiting && --client->n_waiting == 0 && client->target && !client->disconnecting) {
        client->target = false;
        client->seamless = false;
        caravan_client_restored(client->server->caravan, client);
    }
}

/* The main connection, if it is the only one that is left; else NULL. */
static ChannelClient *only_main(Client *client)
{
    Channel *last;

    if (client->channels->len != 1 || client->disconnecting)
        return NULL;
    last = g_ptr_array_index(client->channels, 0);
    return last->type == SPICE_CHANNEL_MAIN ? channel_find(last, client) : NULL;
}

static bool seems_to_give_up(Client *client)
{
    return client->target && client->seamless && client->n_waiting == 1 && only_main(client);
}

static void on_give_up(void *opaque)
{
    Client *client = opaque;

    if (seems_to_give_up(client))
        client_disconnect_later(client);
}

void client_drop_if_left(Client *client)
{
    ChannelClient *cc = only_main(client);

    if (!cc)
        return;
    if (cc->handed_over && channel_client_is_idle(cc)) {
        client_disconnect_later(client);
    } else if (seems_to_give_up(client)) {
        /* Its data may be on their way all the same. */
        if (!client->give_up_timer)
            client->give_up_timer = loop_timer_new(client->server->loop, on_give_up, client);
        loop_timer_start(client->give_up_timer, GIVE_UP_MS);
    }
}

uint64_t client_bit_rate(Client *client)
{
    return (uint64_t)g_atomic_int_get(&client->kbit_rate) * 1000;
}

bool client_has_channel(Client *client, uint8_t type, uint8_t id)
{
    bool has;

    if (type >= G_N_ELEMENTS(client->linked))
        return false;
    pthread_mutex_lock(&client->lock);
    has = client->linked[type][id / 8] >> (id % 8) & 1;
    pthread_mutex_unlock(&client->lock);
    return has;
}

void client_set_channel(Client *client, uint8_t type, uint8_t id, bool connected)
{
    uint8_t bit = (uint8_t)(1u << (id % 8));

    g_assert(type < G_N_ELEMENTS(client->linked));
    pthread_mutex_lock(&client->lock);
    if (connected)
        client->linked[type][id / 8] |= bit;
    else
        client->linked[type][id / 8] &= (uint8_t)~bit;
    pthread_mutex_unlock(&client->lock);
}

bool client_agrees_on_ids(Client *client, uint8_t cache_id, uint8_t dictionary_id)
{
    bool agrees;

    pthread_mutex_lock(&client->lock);
    if (client->cache_id < 0) {
        client->cache_id = cache_id;
        client->dictionary_id = dictionary_id;
    }
    agrees = client->cache_id == cache_id && client->dictionary_id == dictionary_id;
    pthread_mutex_unlock(&client->lock);
    return agrees;
}

void *client_shared_object(Client *client, GQuark kind, uint8_t id, void *(*create)(void *arg), void *arg,
                           GDestroyNotify unref)
{
    gint64 key = (gint64)kind << 8 | id;
    SharedObject *shared;

    pthread_mutex_lock(&client->lock);
    shared = g_hash_table_lookup(client->objects, &key);
    if (!shared) {
        shared = g_new(SharedObject, 1);
        *shared = (SharedObject){create(arg), unref};
        g_hash_table_insert(client->objects, g_memdup2(&key, sizeof(key)), shared);
    }
    pthread_mutex_unlock(&client->lock);
    return shared->object;
}
