/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/channel.h"

#include "common/util/limited-warning.h"
#include "server/core/channel-client.h"
#include "server/core/server.h"
#include "server/net/stream.h"

void channel_init(Channel *channel, RedsState *server, const ChannelOps *ops, uint8_t type, uint8_t id, Loop *loop,
                  TaskQueue *queue)
{
    channel->server = server;
    channel->ops = ops;
    channel->type = type;
    channel->id = id;
    channel->loop = loop;
    channel->queue = queue;
    server_channel_added(server, channel);
}

void channel_call(Channel *channel, TaskFunc func, void *data)
{
    if (channel->queue)
        task_queue_call(channel->queue, func, data);
    else
        func(data);
}

static void disconnect_all(void *data)
{
    Channel *channel = data;

    while (channel->clients)
        channel_client_disconnect(channel->clients->data);
}

void channel_destroy(Channel *channel)
{
    RedsState *server = channel->server;

    server_channel_removed(server, channel);
    channel_call(channel, disconnect_all, channel);
    for (GList *l = server->clients; l; l = l->next)
        client_channel_gone(l->data, channel, channel->type, channel->id);
}

ChannelClient *channel_find(Channel *channel, const Client *client)
{
    for (GList *l = channel->clients; l; l = l->next) {
        ChannelClient *cc = l->data;

        if (cc->client == client)
            return cc;
    }
    return NULL;
}

typedef struct ConnectTask {
    Channel *channel;
    Client *client;
    const Link *link;
} ConnectTask;

static void do_connect(void *data)
{
    ConnectTask *task = data;
    Channel *channel = task->channel;
    ChannelClient *cc;

    if (channel_find(channel, task->client)) {
        SpiceChannelEventInfo *info = stream_info(task->link->stream);

        WARN_LIMITED("channel %u:%u: the client has it already; the second connection is closed", channel->type,
                     channel->id);
        stream_free(task->link->stream);
        server_channel_event(channel->server, SPICE_CHANNEL_EVENT_DISCONNECTED, info);
        return;
    }
    cc = channel_client_new(channel, task->client, task->link);
    channel_client_ref(cc);
    if (channel->ops->connected)
        channel->ops->connected(cc);
    channel_client_unref(cc);
}

void channel_connect(Channel *channel, Client *client, const Link *link)
{
    ConnectTask task = {channel, client, link};

    if (channel->ops->newest_only)
        channel_call(channel, disconnect_all, channel);
    if (!g_ptr_array_find(client->channels, channel, NULL))
        g_ptr_array_add(client->channels, channel);
    channel_call(channel, do_connect, &task);
}

static void do_disconnect(void *data)
{
    ConnectTask *task = data;
    ChannelClient *cc = channel_find(task->channel, task->client);

    if (cc)
        channel_client_disconnect(cc);
}

void channel_disconnect(Channel *channel, Client *client)
{
    ConnectTask task = {channel, client, NULL};

    channel_call(channel, do_disconnect, &task);
}

static void do_migrate(void *data)
{
    ConnectTask *task = data;
    ChannelClient *cc = channel_find(task->channel, task->client);

    if (cc)
        channel_client_migrate(cc);
}

void channel_migrate(Channel *channel, Client *client)
{
    ConnectTask task = {channel, client, NULL};

    channel_call(channel, do_migrate, &task);
}

bool channel_is_full(const Channel *channel)
{
    for (GList *l = channel->clients; l; l = l->next)
        if (channel_client_pipe_is_full(l->data))
            return true;
    return false;
}

static ChannelClient *find_busy(Channel *channel)
{
    for (GList *l = channel->clients; l; l = l->next) {
        ChannelClient *cc = l->data;

        if (!cc->closed_window && !channel_client_is_idle(cc))
            return cc;
    }
    return NULL;
}

void channel_flush(Channel *channel, unsigned ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
    ChannelClient *cc;

    for (GList *l = channel->clients, *next; l; l = next) {
        next = l->next;
        channel_client_pump(l->data);
    }
    while ((cc = find_busy(channel))) {
        if (g_get_monotonic_time() >= end) {
            WARN_LIMITED("channel %u:%u: the client takes nothing more; it is dropped", channel->type, channel->id);
            channel_client_disconnect(cc);
        } else {
            channel_client_step(cc, 10);
        }
    }
}
