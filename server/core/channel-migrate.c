/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection's steps in a migration: MIGRATE and the data at the source, the data at the destination. */
#include "server/core/channel-client-private.h"

#include "common/wire/msg-common.h"
#include "server/core/client.h"
#include "server/core/server.h"

#include <spice/enums.h>

static void migrate_send(ChannelClient *cc, PipeItem *item)
{
    g_auto(WireWriter) body = {0};
    MsgMigrate m = {.flags = cc->channel->ops->migrate_flags};

    msg_migrate_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_MIGRATE, &body, 0);
    cc->expect_flush = (m.flags & SPICE_MIGRATE_NEED_FLUSH) != 0;
    cc->handed_over = !(m.flags & SPICE_MIGRATE_NEED_DATA_TRANSFER);
}

static const PipeItemOps migrate_ops = {migrate_send, NULL};

static void migrate_data_send(ChannelClient *cc, PipeItem *item)
{
    g_auto(WireWriter) body = {0};
    g_autoptr(GBytes) data = cc->channel->ops->participant.save(cc, channel_client_next_serial(cc), cc->client->report);

    wire_write_bytes(&body, g_bytes_get_data(data, NULL), g_bytes_get_size(data));
    channel_client_send(cc, SPICE_MSG_MIGRATE_DATA, &body, 0);
    cc->handed_over = true;
}

static const PipeItemOps migrate_data_ops = {migrate_data_send, NULL};

void channel_client_migrate(ChannelClient *cc)
{
    const Participant *participant = &cc->channel->ops->participant;
    PipeItem *item = g_new0(PipeItem, 1);

    if (participant->freeze)
        participant->freeze(cc);
    pipe_item_init(item, &migrate_ops);
    channel_client_queue(cc, item);
    cc->migrating = true;
    channel_client_pump(cc);
}

bool channel_client_handle_flush_mark(ChannelClient *cc, GError **error)
{
    PipeItem *item;

    if (!cc->expect_flush) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "MIGRATE_FLUSH_MARK, but no migration is under way");
        return false;
    }
    cc->expect_flush = false;
    if (!cc->channel->ops->participant.save)
        return true;
    item = g_new0(PipeItem, 1);
    pipe_item_init(item, &migrate_data_ops);
    channel_client_enqueue(cc, item, g_queue_push_tail_link); /* the one thing that may follow MIGRATE */
    channel_client_pump(cc);
    return true;
}

static void tell_data_arrived(void *data)
{
    Client *client = data;

    client_data_arrived(client);
    client_unref(client);
}

bool channel_client_handle_migrate_data(ChannelClient *cc, const uint8_t *data, size_t size, GError **error)
{
    const Participant *participant = &cc->channel->ops->participant;

    if (!(cc->channel->ops->migrate_flags & SPICE_MIGRATE_NEED_DATA_TRANSFER))
        return true; /* nothing to take over on this channel */
    if (!cc->wait_data) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "MIGRATE_DATA, but none is expected");
        return false;
    }
    if (!participant->load(cc, data, size, cc->client->report, error))
        return false;
    cc->wait_data = false;
    if (participant->activate)
        participant->activate(cc);
    if (loop_is_host(cc->channel->loop))
        client_data_arrived(cc->client);
    else
        server_post(cc->channel->server, tell_data_arrived, client_ref(cc->client));
    return true;
}
