/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/agent-private.h"

#include "common/util/limited-warning.h"
#include "common/wire/msg-main.h"

#include <spice/enums.h>
#include <spice/protocol.h>
#include <spice/vd_agent.h>
#include <string.h>

#define TOKEN_INTERVAL 5
#define SEND_QUEUE 5
#define UNSENT_MAX 5

static GList *main_clients(Agent *agent)
{
    return agent->server->main ? agent->server->main->channel.clients : NULL;
}

/* --- what clients are told --- */

void agent_push_connected(MainClient *mc)
{
    g_auto(WireWriter) body = {0};
    MsgMainAgentConnectedTokens m = {AGENT_TOKENS};

    if (!channel_client_has_cap(&mc->cc, SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS)) {
        channel_client_push_empty(&mc->cc, SPICE_MSG_MAIN_AGENT_CONNECTED);
        return;
    }
    msg_main_agent_connected_tokens_encode(&body, &m);
    channel_client_push_body(&mc->cc, SPICE_MSG_MAIN_AGENT_CONNECTED_TOKENS, &body);
}

void agent_push_disconnected(MainClient *mc)
{
    g_auto(WireWriter) body = {0};
    MsgMainAgentDisconnected m = {SPICE_LINK_ERR_OK};

    msg_main_agent_disconnected_encode(&body, &m);
    channel_client_push_body(&mc->cc, SPICE_MSG_MAIN_AGENT_DISCONNECTED, &body);
}

/* One that arrives from another host hears of the agent with its greeting, or knows of it. */
static bool hears_of_agent(const MainClient *mc)
{
    return !mc->cc.wait_data;
}

static void tell_all(Agent *agent, void (*push)(MainClient *mc))
{
    for (GList *l = main_clients(agent); l; l = l->next)
        if (hears_of_agent(l->data))
            push(l->data);
}

/* --- from the agent --- */

typedef struct PieceItem {
    PipeItem item;
    Agent *agent;
    GBytes *piece;
} PieceItem;

static void piece_send(ChannelClient *cc, PipeItem *item)
{
    GBytes *piece = ((PieceItem *)item)->piece;
    g_auto(WireWriter) body = {0};

    wire_write_bytes(&body, g_bytes_get_data(piece, NULL), g_bytes_get_size(piece));
    channel_client_send(cc, SPICE_MSG_MAIN_AGENT_DATA, &body, 0);
}

static void piece_free(PipeItem *item)
{
    PieceItem *p = (PieceItem *)item;
    Agent *agent = p->agent;

    g_bytes_unref(p->piece);
    g_free(p);
    if (agent->unsent-- == UNSENT_MAX)
        char_device_wakeup(agent->device);
}

static const PipeItemOps piece_ops = {piece_send, piece_free};

static void deliver(void *owner, void *peer, GBytes *piece)
{
    PieceItem *item = g_new0(PieceItem, 1);

    pipe_item_init(&item->item, &piece_ops);
    item->agent = owner;
    item->agent->unsent++;
    item->piece = g_bytes_ref(piece);
    item->item.bytes = g_bytes_get_size(piece);
    channel_client_push(peer, &item->item);
}

/* Capabilities that the settings take away from the agent. */
static void rewrite_caps(Agent *agent, uint8_t *piece, size_t size)
{
    const ServerConfig *config = &agent->server->config;
    uint8_t *caps = agent_announced_caps(piece, size);
    uint32_t word;

    if (!caps)
        return;
    word = (uint32_t)caps[0] | (uint32_t)caps[1] << 8 | (uint32_t)caps[2] << 16 | (uint32_t)caps[3] << 24;
    if (!config->agent_copypaste)
        word &= ~(1u << VD_AGENT_CAP_CLIPBOARD | 1u << VD_AGENT_CAP_CLIPBOARD_BY_DEMAND |
                  1u << VD_AGENT_CAP_CLIPBOARD_SELECTION);
    if (!config->agent_file_xfer)
        word |= 1u << VD_AGENT_CAP_FILE_XFER_DISABLED;
    for (unsigned i = 0; i < 4; i++)
        caps[i] = (uint8_t)(word >> 8 * i);
    if (word >> VD_AGENT_CAP_GRAPHICS_DEVICE_INFO & 1 && !agent->wants_device_info) {
        agent->wants_device_info = true;
        agent_update_device_info(agent);
    }
}

GBytes *agent_take_piece(Agent *agent)
{
    AgentReader *reader = &agent->reader;
    bool first = agent->from_agent.remaining == 0;
    AgentVerdict verdict = agent_filter_piece(&agent->from_agent, reader->piece, reader->piece_size);
    GBytes *piece = NULL;

    if (verdict == AGENT_BROKEN) {
        WARN_LIMITED("agent: a message that cannot be; the agent is detached");
        agent_remove(agent);
        return NULL;
    }
    if (verdict == AGENT_FORWARD) {
        if (first)
            rewrite_caps(agent, reader->piece, reader->piece_size);
        piece = g_bytes_new(reader->piece, reader->piece_size);
    }
    agent_reader_next(reader);
    return piece;
}

static size_t read_bytes(void *opaque, void *buf, size_t size)
{
    return char_device_read(((Agent *)opaque)->device, buf, size);
}

static GBytes *read_piece(void *owner)
{
    Agent *agent = owner;

    while (agent->instance && agent->unsent < UNSENT_MAX) {
        GBytes *piece;

        switch (agent_reader_read(&agent->reader, read_bytes, agent)) {
        case AGENT_READ_PIECE:
            piece = agent_take_piece(agent);
            if (piece)
                return piece;
            break;
        case AGENT_READ_BROKEN:
            WARN_LIMITED("agent: a chunk for a port that does not exist; the agent is detached");
            agent_remove(agent);
            return NULL;
        default:
            return NULL;
        }
    }
    return NULL;
}

static void send_tokens(void *owner, void *peer, uint32_t n)
{
    g_auto(WireWriter) body = {0};
    MsgMainAgentToken m = {n};

    msg_main_agent_token_encode(&body, &m);
    channel_client_push_body(peer, SPICE_MSG_MAIN_AGENT_TOKEN, &body);
}

static void buffer_released(void *owner)
{
    agent_flush_pending(owner);
}

static void drop_client(void *owner, void *peer)
{
    client_disconnect_later(((ChannelClient *)peer)->client);
}

static const CharDeviceOps device_ops = {read_piece, deliver, send_tokens, buffer_released, drop_client};
static const CharDeviceConfig device_config = {
    .client_window = AGENT_TOKENS, .token_interval = TOKEN_INTERVAL, .self_tokens = 1, .send_queue = SEND_QUEUE};

/* --- settings --- */

void agent_configure(Agent *agent, AgentFilter *filter, bool sample_monitors)
{
    filter->copy_paste = agent->server->config.agent_copypaste;
    filter->file_xfer = agent->server->config.agent_file_xfer;
    if (sample_monitors)
        filter->monitors = agent_server_takes_monitors(agent->server);
}

void agent_update_settings(Agent *agent)
{
    agent_configure(agent, &agent->from_agent, false);
    agent_configure(agent, &agent->to_agent, false);
}

/* What is left of a message that has begun is swallowed, and so is everything that begins. */
static void close_filter(Agent *agent, AgentFilter *filter)
{
    agent_configure(agent, filter, true);
    filter->verdict = AGENT_DISCARD;
    filter->discard_all = true;
}

/* --- attach, detach --- */

Agent *agent_new(RedsState *server)
{
    Agent *agent = g_new0(Agent, 1);

    agent->server = server;
    agent->device = char_device_new(server->loop, &device_ops, agent, &device_config);
    agent->monitors = g_byte_array_new();
    close_filter(agent, &agent->from_agent);
    close_filter(agent, &agent->to_agent);
    server_add_char_device(server, agent->device);
    return agent;
}

void agent_free(Agent *agent)
{
    server_remove_char_device(agent->server, agent->device);
    char_device_free(agent->device);
    g_byte_array_unref(agent->monitors);
    g_free(agent);
}

bool agent_is_attached(const Agent *agent)
{
    return agent->instance != NULL;
}

static void set_state(SpiceCharDeviceInstance *instance, int connected)
{
    const SpiceCharDeviceInterface *sif = (const SpiceCharDeviceInterface *)instance->base.sif;

    if (sif->state)
        sif->state(instance, connected);
}

bool agent_attach(Agent *agent, SpiceCharDeviceInstance *instance)
{
    bool expected = agent->awaited || agent->restored;

    if (agent->instance || instance->st)
        return false;
    agent->instance = instance;
    char_device_set_instance(agent->device, instance);
    if (agent->awaited) {
        agent->plugs++;
        agent_expect(agent, agent->awaited);
    }
    agent->restored = false;
    main_channel_update_mouse(agent->server->main);
    set_state(instance, 1);
    char_device_wakeup(agent->device);
    if (agent->instance != instance || expected)
        return true;
    if (main_clients(agent)) {
        agent->from_agent.discard_all = false;
        tell_all(agent, agent_push_connected);
    }
    return true;
}

void agent_forget_client(Agent *agent, MainClient *mc)
{
    CharClient *client = mc->agent;

    mc->agent = NULL;
    if (client)
        char_device_remove_client(agent->device, client);
}

void agent_remove(Agent *agent)
{
    SpiceCharDeviceInstance *instance = agent->instance;

    agent->instance = NULL;
    agent_reader_reset(&agent->reader);
    agent->from_agent.remaining = 0;
    close_filter(agent, &agent->from_agent);
    close_filter(agent, &agent->to_agent);
    agent->started = false;
    agent->wants_device_info = agent->mouse_pending = agent->device_info_pending = false;
    char_device_set_instance(agent->device, NULL);
    char_device_reset(agent->device);
    if (agent->awaited)
        agent_forget_client(agent, agent->awaited);
    set_state(instance, 0);
    main_channel_update_mouse(agent->server->main);
    if (!agent->instance)
        tell_all(agent, agent_push_disconnected);
}

bool agent_detach(Agent *agent, SpiceCharDeviceInstance *instance)
{
    if (agent->instance != instance)
        return false;
    agent_remove(agent);
    return true;
}

/* --- clients --- */

void agent_client_connected(Agent *agent, MainClient *mc)
{
    if (!agent->instance)
        return;
    agent_configure(agent, &agent->from_agent, true);
    agent->from_agent.discard_all = false;
}

void agent_client_gone(Agent *agent, MainClient *mc)
{
    g_byte_array_set_size(agent->monitors, 0);
    if (agent->awaited == mc)
        agent->awaited = NULL;
    agent_forget_client(agent, mc);
    if (main_clients(agent))
        return;
    agent->started = false;
    agent->mouse_pending = false;
    agent->to_agent.remaining = 0; /* the agent is told to begin anew */
    close_filter(agent, &agent->to_agent);
    close_filter(agent, &agent->from_agent);
    if (agent->instance || agent->restored)
        agent_tell_client_disconnected(agent);
    agent->restored = false;
}

void agent_client_starts(Agent *agent, MainClient *mc, uint32_t tokens)
{
    if (!agent->instance || mc->cc.wait_data)
        return;
    agent->started = true;
    agent_configure(agent, &agent->to_agent, true);
    agent->to_agent.discard_all = false;
    if (mc->agent) {
        char_device_set_send_tokens(agent->device, mc->agent, tokens);
    } else {
        mc->agent = char_device_add_client(agent->device, mc, tokens, false);
        char_device_wakeup(agent->device);
    }
    agent_update_device_info(agent);
}

void agent_client_grants(Agent *agent, MainClient *mc, uint32_t tokens)
{
    if (agent->instance && mc->agent && !mc->cc.wait_data)
        char_device_add_send_tokens(agent->device, mc->agent, tokens);
}

static void forward(Agent *agent, MainClient *mc, const uint8_t *data, size_t size)
{
    g_auto(WireWriter) chunk = {0};

    wire_write_u32(&chunk, VDP_CLIENT_PORT);
    wire_write_u32(&chunk, (uint32_t)size);
    wire_write_bytes(&chunk, data, size);
    char_device_write_client(agent->device, mc->agent, chunk.data, chunk.size);
}

bool agent_client_sends(Agent *agent, MainClient *mc, const uint8_t *data, size_t size, GError **error)
{
    bool counted = agent->started && mc->agent;
    AgentVerdict verdict;

    if (size == 0)
        return true;
    if (mc->cc.wait_data || (counted && !char_device_take_token(agent->device, mc->agent))) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "AGENT_DATA %s",
                    mc->cc.wait_data ? "before the migration data" : "without a token");
        return false;
    }
    verdict = agent_filter_piece(&agent->to_agent, data, size);
    if (!counted) { /* the client does not know yet that the agent has gone, or never knew one: no harm is done */
        if (verdict == AGENT_BROKEN)
            agent->to_agent.remaining = 0;
        return true;
    }
    if (verdict == AGENT_BROKEN) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "AGENT_DATA that is no message of the agent");
        return false;
    }
    if (verdict == AGENT_FORWARD) {
        forward(agent, mc, data, size);
        return true;
    }
    if (verdict == AGENT_MONITORS && !agent_add_monitors(agent, data, size, error))
        return false;
    if (mc->agent)
        char_device_return_token(agent->device, mc->agent);
    return true;
}
