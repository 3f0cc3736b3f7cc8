/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/main-channel.h"

#include "common/util/limited-warning.h"
#include "common/wire/msg-common.h"
#include "common/wire/msg-main.h"
#include "server/channels/main-client.h"
#include "server/core/caravan.h"
#include "server/display/gl-scanout.h"
#include "server/display/qxl.h"
#include "server/net/stream.h"

#include <spice/protocol.h>
#include <string.h>

#define AGENT_DATA_MAX 2048
/* What the stock server takes on this channel: message header, and the agent's window. */
#define MAIN_MESSAGE_MAX (4096 + 11 * 2048)

MainClient *main_client_of(Client *client)
{
    return (MainClient *)channel_find(&client->server->main->channel, client);
}

bool main_client_has_cap(Client *client, unsigned cap)
{
    MainClient *mc = main_client_of(client);

    return mc && channel_client_has_cap(&mc->cc, cap);
}

bool main_client_is_local(Client *client)
{
    MainClient *mc = main_client_of(client);

    return mc && stream_is_unix(mc->cc.link.stream);
}

/* --- greeting --- */

static uint32_t supported_mouse_modes(const MainChannel *main)
{
    return SPICE_MOUSE_MODE_SERVER | (main->client_mouse_allowed ? SPICE_MOUSE_MODE_CLIENT : 0);
}

static void init_send(ChannelClient *cc, PipeItem *item)
{
    MainChannel *main = (MainChannel *)cc->channel;
    RedsState *server = main->channel.server;
    g_auto(WireWriter) body = {0};
    MsgMainInit m = {
        .session_id = cc->client->connection_id,
        .display_channels_hint = g_list_length(server->qxls),
        .supported_mouse_modes = supported_mouse_modes(main),
        .current_mouse_mode = main->mouse_mode,
        .agent_connected = agent_is_attached(server->agent),
        .agent_tokens = AGENT_TOKENS,
        .multi_media_time = server_mm_time() - main->latency,
        .ram_hint = server->qxls ? qxl_ram_size(server->qxls->data) : 0,
    };

    msg_main_init_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_MAIN_INIT, &body, 0);
}

static const PipeItemOps init_ops = {init_send, NULL};

void main_client_greet(MainClient *mc)
{
    const ServerConfig *config = &mc->cc.channel->server->config;
    PipeItem *item = g_new0(PipeItem, 1);

    pipe_item_init(item, &init_ops);
    channel_client_push(&mc->cc, item);
    if (!channel_client_has_cap(&mc->cc, SPICE_MAIN_CAP_NAME_AND_UUID))
        return;
    if (config->name) {
        g_auto(WireWriter) body = {0};
        MsgMainName m = {.name = config->name};

        msg_main_name_encode(&body, &m);
        channel_client_push_body(&mc->cc, SPICE_MSG_MAIN_NAME, &body);
    }
    if (config->uuid_set) {
        g_auto(WireWriter) body = {0};
        MsgMainUuid m;

        memcpy(m.uuid, config->uuid, sizeof(m.uuid));
        msg_main_uuid_encode(&body, &m);
        channel_client_push_body(&mc->cc, SPICE_MSG_MAIN_UUID, &body);
    }
}

static void main_connected(ChannelClient *cc)
{
    MainClient *mc = (MainClient *)cc;
    RedsState *server = cc->channel->server;

    if (!server->had_client && server->before_first_client)
        server->before_first_client(server);
    server->had_client = true;
    mc->held = g_array_new(FALSE, FALSE, sizeof(ChannelId));
    net_test_init(&mc->net_test, cc);
    agent_client_connected(server->agent, mc);
    if (!cc->channel->clients->next) /* nobody else's clock goes by it */
        ((MainChannel *)cc->channel)->latency = SERVER_MM_LATENCY_MS;
    if (cc->client->target)
        return; /* silent until the client says how it migrates */
    main_client_greet(mc);
    if (!cc->connected)
        return; /* it went while it was greeted */
    if (!stream_is_unix(cc->link.stream))
        net_test_start(&mc->net_test);
    net_test_watch(&mc->net_test);
}

static void main_disconnected(ChannelClient *cc)
{
    MainClient *mc = (MainClient *)cc;

    net_test_clear(&mc->net_test);
    agent_client_gone(cc->channel->server->agent, mc);
    g_array_unref(mc->held);
    mc->held = NULL;
}

/* --- list of channels --- */

static void push_channels(MainClient *mc, ChannelId *channels, uint32_t n)
{
    g_auto(WireWriter) body = {0};
    MsgMainChannelsList m = {.num_of_channels = n, .channels = channels};

    msg_main_channels_list_encode(&body, &m);
    channel_client_push_body(&mc->cc, SPICE_MSG_MAIN_CHANNELS_LIST, &body);
}

static bool is_shared_by_many(uint8_t type)
{
    return type == SPICE_CHANNEL_DISPLAY || type == SPICE_CHANNEL_CURSOR || type == SPICE_CHANNEL_INPUTS;
}

static void send_channels_list(MainClient *mc)
{
    RedsState *server = mc->cc.channel->server;
    g_autoptr(GArray) channels = g_array_new(FALSE, FALSE, sizeof(ChannelId));
    bool many = server->clients && server->clients->next;

    for (GList *l = server->channels; l; l = l->next) {
        Channel *channel = l->data;
        ChannelId id = {channel->type, channel->id};

        if (channel->type != SPICE_CHANNEL_MAIN && (!many || is_shared_by_many(channel->type)))
            g_array_append_val(channels, id);
    }
    push_channels(mc, (ChannelId *)(void *)channels->data, channels->len);
    mc->cc.client->channels_announced = true;
}

void main_channel_announce(MainChannel *main, Channel *channel)
{
    ChannelId id = {channel->type, channel->id};

    for (GList *l = main->channel.clients, *next; l; l = next) {
        MainClient *mc = l->data;
        Client *client = mc->cc.client;

        next = l->next;
        if (client->target)
            continue; /* on arrival it is told of all that it does not know */
        /* Between BEGIN and the end of the attempt the client would link it at the wrong host. */
        if (client->astray)
            g_info("main: the client would look for channel %u:%u at the host from which it was called back", id.type,
                   id.id);
        else if (client->channels_announced && caravan_is_under_way(main->channel.server->caravan))
            g_array_append_val(mc->held, id);
        else if (client->channels_announced)
            push_channels(mc, &id, 1);
    }
}

void main_channel_release_announcements(MainChannel *main)
{
    for (GList *l = main->channel.clients, *next; l; l = next) {
        MainClient *mc = l->data;
        g_autoptr(GArray) held = mc->held;

        next = l->next;
        mc->held = g_array_new(FALSE, FALSE, sizeof(ChannelId));
        channel_client_ref(&mc->cc); /* the connection may end while it is written to */
        for (guint i = 0; i < held->len && !mc->cc.client->astray; i++)
            push_channels(mc, &g_array_index(held, ChannelId, i), 1);
        channel_client_unref(&mc->cc);
    }
}

void main_channel_announce_unknown(MainChannel *main, Client *client)
{
    RedsState *server = main->channel.server;
    MainClient *mc = main_client_of(client);
    g_autoptr(GArray) unknown = g_array_new(FALSE, FALSE, sizeof(ChannelId));
    bool many = server->clients && server->clients->next;

    for (GList *l = server->channels; l; l = l->next) {
        Channel *channel = l->data;
        ChannelId id = {channel->type, channel->id};

        if (channel->type != SPICE_CHANNEL_MAIN && !client_knows_channel(client, channel) &&
            (!many || is_shared_by_many(channel->type)))
            g_array_append_val(unknown, id);
    }
    if (mc && unknown->len)
        push_channels(mc, (ChannelId *)(void *)unknown->data, unknown->len);
}

/* --- mouse mode and clock --- */

void main_client_push_mouse_mode(MainClient *mc)
{
    MainChannel *main = (MainChannel *)mc->cc.channel;
    g_auto(WireWriter) body = {0};
    MsgMainMouseMode m = {(uint16_t)supported_mouse_modes(main), (uint16_t)main->mouse_mode};

    if (mc->cc.wait_data)
        return; /* it is told when its data have come */
    msg_main_mouse_mode_encode(&body, &m);
    channel_client_push_body(&mc->cc, SPICE_MSG_MAIN_MOUSE_MODE, &body);
}

void main_client_push_mm_time(MainClient *mc)
{
    const MainChannel *main = (MainChannel *)mc->cc.channel;
    g_auto(WireWriter) body = {0};
    MsgMainMultiMediaTime m = {server_mm_time() - main->latency};

    if (main->mm_time_disabled)
        return;
    msg_main_multi_media_time_encode(&body, &m);
    channel_client_push_body(&mc->cc, SPICE_MSG_MAIN_MULTI_MEDIA_TIME, &body);
}

static void push_mouse_mode_to_all(MainChannel *main)
{
    for (GList *l = main->channel.clients, *next; l; l = next) {
        next = l->next; /* what cannot be written ends a connection, which then leaves the list */
        main_client_push_mouse_mode(l->data);
    }
}

static void push_mm_time_to_all(MainChannel *main)
{
    for (GList *l = main->channel.clients, *next; l; l = next) {
        MainClient *mc = l->data;

        next = l->next; /* a client whose connection broke is gone after the push */
        if (!mc->cc.wait_data)
            main_client_push_mm_time(mc);
    }
}

void main_channel_set_mm_time(MainChannel *main, bool enabled)
{
    if (main->mm_time_disabled == !enabled)
        return;
    main->mm_time_disabled = !enabled;
    if (enabled)
        main->latency = SERVER_MM_LATENCY_MS;
    push_mm_time_to_all(main);
}

bool main_channel_need_latency(MainChannel *main, uint32_t ms)
{
    if (main->mm_time_disabled)
        return false;
    if (ms > main->latency) {
        main->latency = ms;
        push_mm_time_to_all(main);
    }
    return true;
}

static void set_mouse_mode(MainChannel *main, uint32_t mode)
{
    if (main->mouse_mode == mode)
        return;
    main->mouse_mode = mode;
    for (GList *l = main->channel.server->qxls; l; l = l->next)
        qxl_set_mouse_mode(l->data, mode);
    push_mouse_mode_to_all(main);
}

uint32_t main_channel_mouse_mode(const MainChannel *main)
{
    return main->mouse_mode;
}

/* Whether the screens allow absolute positions, and which size they have. */
static bool screens_allow_client_mouse(RedsState *server, int *width, int *height)
{
    *width = *height = 0;
    if (!server->qxls)
        return false;
    for (GList *l = server->qxls; l; l = l->next) {
        QXLState *qxl = ((QXLInstance *)l->data)->st;
        uint32_t gl_width, gl_height;

        if (gl_scanout_size(&qxl->gl, &gl_width, &gl_height)) {
            *width = (int)gl_width;
            *height = (int)gl_height;
            return true;
        }
        if (!qxl->primary_active)
            continue;
        if (!qxl->primary_mouse_mode)
            return false;
        *width = (int)qxl->primary_width;
        *height = (int)qxl->primary_height;
        return true;
    }
    return true;
}

void main_channel_update_mouse(MainChannel *main)
{
    RedsState *server = main->channel.server;
    int width, height;
    bool screens = screens_allow_client_mouse(server, &width, &height);
    bool one_display = server->qxls && !server->qxls->next && server_count_channels(server, SPICE_CHANNEL_DISPLAY) == 1;
    bool allowed = screens && (agent_has_mouse(server->agent) || (server->tablet && one_display));

    if (server->tablet && allowed) {
        const SpiceTabletInterface *tablet = (const SpiceTabletInterface *)server->tablet->base.sif;

        tablet->set_logical_size(server->tablet, width, height);
    }
    if (allowed == main->client_mouse_allowed)
        return;
    main->client_mouse_allowed = allowed;
    if (!allowed && main->mouse_mode == SPICE_MOUSE_MODE_CLIENT) {
        set_mouse_mode(main, SPICE_MOUSE_MODE_SERVER);
        return;
    }
    push_mouse_mode_to_all(main);
}

static bool handle_mouse_mode_request(MainChannel *main, WireReader *r, GError **error)
{
    MsgcMainMouseModeRequest m;

    if (!msgc_main_mouse_mode_request_decode(r, &m, error))
        return false;
    if (m.mode == SPICE_MOUSE_MODE_SERVER || (m.mode == SPICE_MOUSE_MODE_CLIENT && main->client_mouse_allowed))
        set_mouse_mode(main, m.mode);
    else if (m.mode != SPICE_MOUSE_MODE_CLIENT)
        WARN_LIMITED("main: the client asks for mouse mode %u, which does not exist", m.mode);
    return true;
}

/* --- messages --- */

static bool main_handle(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    MainClient *mc = (MainClient *)cc;
    WireReader r = wire_reader(body, size);

    if (main_client_is_migration_message(type))
        return main_client_handle_migration(mc, type, body, size, error);
    switch (type) {
    case SPICE_MSGC_PONG: {
        MsgcPong m;

        if (!msgc_pong_decode(&r, &m, error))
            return false;
        net_test_handle_pong(&mc->net_test, m.id, m.timestamp);
        return true;
    }
    case SPICE_MSGC_MAIN_ATTACH_CHANNELS:
        if (cc->client->target)
            WARN_LIMITED("main: ATTACH_CHANNELS from a client that is still migrating is ignored");
        else
            send_channels_list(mc);
        return true;
    case SPICE_MSGC_MAIN_MOUSE_MODE_REQUEST:
        return handle_mouse_mode_request((MainChannel *)cc->channel, &r, error);
    case SPICE_MSGC_MAIN_AGENT_START: {
        MsgcMainAgentStart m;

        if (!msgc_main_agent_start_decode(&r, &m, error))
            return false;
        agent_client_starts(cc->channel->server->agent, mc, m.num_tokens);
        return true;
    }
    case SPICE_MSGC_MAIN_AGENT_TOKEN: {
        MsgcMainAgentToken m;

        if (!msgc_main_agent_token_decode(&r, &m, error))
            return false;
        agent_client_grants(cc->channel->server->agent, mc, m.num_tokens);
        return true;
    }
    case SPICE_MSGC_MAIN_AGENT_DATA:
        if (size > AGENT_DATA_MAX) {
            g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "AGENT_DATA of %zu bytes", size);
            return false;
        }
        return agent_client_sends(cc->channel->server->agent, mc, body, size, error);
    default:
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u is not known here", type);
        return false;
    }
}

static ChannelOps main_ops = {
    .client_size = sizeof(MainClient),
    .migrate_flags = SPICE_MIGRATE_NEED_FLUSH | SPICE_MIGRATE_NEED_DATA_TRANSFER,
    .max_message = MAIN_MESSAGE_MAX,
    .connected = main_connected,
    .disconnected = main_disconnected,
    .handle = main_handle,
};

MainChannel *main_channel_new(RedsState *server)
{
    MainChannel *main = g_new0(MainChannel, 1);

    main->mouse_mode = SPICE_MOUSE_MODE_SERVER;
    main->latency = SERVER_MM_LATENCY_MS;
    main_ops.participant = main_participant;
    channel_init(&main->channel, server, &main_ops, SPICE_CHANNEL_MAIN, 0, server->loop, NULL);
    main->channel.caps = 1u << SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE | 1u << SPICE_MAIN_CAP_NAME_AND_UUID |
                         1u << SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS | 1u << SPICE_MAIN_CAP_SEAMLESS_MIGRATE;
    return main;
}

void main_channel_free(MainChannel *main)
{
    channel_destroy(&main->channel);
    g_free(main);
}
