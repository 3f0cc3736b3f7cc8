/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the server itself tells the agent. At most one such message waits in the device's queue. */
#include "server/channels/agent-private.h"

#include "common/wire/writer.h"
#include "server/channels/stream-device.h"
#include "server/display/qxl.h"

#include <spice/vd_agent.h>
#include <string.h>

static void write_message(Agent *agent, uint32_t type, const WireWriter *payload, bool costs)
{
    g_auto(WireWriter) chunk = {0};

    wire_write_u32(&chunk, VDP_SERVER_PORT);
    wire_write_u32(&chunk, (uint32_t)(AGENT_HEADER_SIZE + payload->size));
    wire_write_u32(&chunk, VD_AGENT_PROTOCOL);
    wire_write_u32(&chunk, type);
    wire_write_u64(&chunk, 0);
    wire_write_u32(&chunk, (uint32_t)payload->size);
    if (payload->size)
        wire_write_bytes(&chunk, payload->data, payload->size);
    char_device_write_server(agent->device, chunk.data, chunk.size, costs);
}

static void write_mouse(Agent *agent)
{
    const AgentMouse *mouse = &agent->mouse;
    g_auto(WireWriter) payload = {0};

    agent->mouse_pending = false;
    wire_write_u32(&payload, mouse->x);
    wire_write_u32(&payload, mouse->y);
    wire_write_u32(&payload, mouse->buttons);
    wire_write_u8(&payload, mouse->display_id);
    write_message(agent, VD_AGENT_MOUSE_STATE, &payload, true);
}

static uint32_t write_device(WireWriter *w, QXLInstance *qxl)
{
    const QXLState *state = qxl->st;

    if (!state->device_address || !*state->device_address)
        return 0;
    for (uint32_t i = 0; i < state->device_displays; i++) {
        uint32_t size = (uint32_t)strlen(state->device_address) + 1;

        wire_write_u32(w, (uint32_t)qxl->id);
        wire_write_u32(w, i);
        wire_write_u32(w, state->device_display_start + i);
        wire_write_u32(w, size);
        wire_write_bytes(w, state->device_address, size);
    }
    return state->device_displays;
}

static uint32_t write_stream(WireWriter *w, CharDevice *device)
{
    StreamDeviceInfo info;
    uint32_t size;

    if (!stream_device_info(device, &info))
        return 0;
    size = (uint32_t)strlen(info.address) + 1;
    wire_write_u32(w, info.channel_id);
    wire_write_u32(w, info.stream_id);
    wire_write_u32(w, info.display_id);
    wire_write_u32(w, size);
    wire_write_bytes(w, info.address, size);
    return 1;
}

static void write_device_info(Agent *agent)
{
    g_auto(WireWriter) payload = {0};
    uint32_t n = 0;

    agent->device_info_pending = false;
    wire_write_u32(&payload, 0);
    for (GList *l = agent->server->qxls; l; l = l->next)
        n += write_device(&payload, l->data);
    for (GList *l = agent->server->char_devices; l; l = l->next)
        n += write_stream(&payload, l->data);
    wire_set_u32(&payload, 0, n);
    write_message(agent, VD_AGENT_GRAPHICS_DEVICE_INFO, &payload, true);
}

void agent_flush_pending(Agent *agent)
{
    if (agent->instance && agent->mouse_pending && char_device_self_tokens(agent->device))
        write_mouse(agent);
    if (agent->instance && agent->device_info_pending && char_device_self_tokens(agent->device))
        write_device_info(agent);
}

void agent_tell_client_disconnected(Agent *agent)
{
    g_auto(WireWriter) payload = {0};

    write_message(agent, VD_AGENT_CLIENT_DISCONNECTED, &payload, false);
}

bool agent_has_mouse(const Agent *agent)
{
    return agent->server->config.agent_mouse && agent->instance;
}

static void mouse_changed(Agent *agent)
{
    agent->mouse_pending = true;
    agent_flush_pending(agent);
}

void agent_move_mouse(Agent *agent, uint32_t x, uint32_t y, uint32_t buttons, uint8_t display_id)
{
    agent->mouse = (AgentMouse){x, y, buttons, display_id};
    mouse_changed(agent);
}

void agent_press_mouse(Agent *agent, uint32_t buttons)
{
    agent->mouse.buttons = buttons;
    mouse_changed(agent);
}

void agent_update_device_info(Agent *agent)
{
    if (!agent->wants_device_info)
        return;
    agent->device_info_pending = true;
    agent_flush_pending(agent);
}
