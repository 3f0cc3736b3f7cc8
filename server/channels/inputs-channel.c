/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/inputs-channel.h"

#include "common/wire/msg-inputs.h"
#include "server/channels/agent.h"
#include "server/channels/inputs-keys.h"
#include "server/channels/main-channel.h"
#include "server/core/channel-client.h"
#include "server/migration/format.h"
#include "server/migration/report.h"

#include <spice/protocol.h>

#define MESSAGE_MAX 2048

struct InputsChannel {
    Channel channel;
    KeyTracker keys;
    LoopTimer *modifiers_timer;
};

typedef struct InputsClient {
    ChannelClient cc;
    MotionCounter motions;
    uint16_t restored_motions; /* that another host left to be acknowledged */
} InputsClient;

static RedsState *server_of(ChannelClient *cc)
{
    return cc->channel->server;
}

static void push_code(void *opaque, uint8_t code)
{
    SpiceKbdInstance *keyboard = ((InputsChannel *)opaque)->channel.server->keyboard;

    if (keyboard)
        ((const SpiceKbdInterface *)keyboard->base.sif)->push_scan_freg(keyboard, code);
}

static void push_modifiers(ChannelClient *cc)
{
    g_auto(WireWriter) body = {0};
    MsgInputsKeyModifiers m = {((InputsChannel *)cc->channel)->keys.modifiers};

    msg_inputs_key_modifiers_encode(&body, &m);
    channel_client_push_body(cc, SPICE_MSG_INPUTS_KEY_MODIFIERS, &body);
}

static void tell_modifiers(void *opaque)
{
    InputsChannel *inputs = opaque;

    for (GList *l = inputs->channel.clients, *next; l; l = next) {
        next = l->next;
        if (!((ChannelClient *)l->data)->wait_data)
            push_modifiers(l->data);
    }
}

void inputs_channel_set_leds(InputsChannel *inputs, int leds)
{
    key_tracker_set_leds(&inputs->keys, (uint8_t)leds);
    tell_modifiers(inputs);
}

/* --- keyboard --- */

static bool handle_modifiers(InputsChannel *inputs, WireReader *r, GError **error)
{
    MsgcInputsKeyModifiers m;

    if (!msgc_inputs_key_modifiers_decode(r, &m, error))
        return false;
    if (inputs->channel.server->keyboard && key_tracker_set_modifiers(&inputs->keys, m.modifiers))
        loop_timer_start(inputs->modifiers_timer, LOCK_ECHO_MS);
    return true;
}

static bool handle_keyboard(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    InputsChannel *inputs = (InputsChannel *)cc->channel;
    WireReader r = wire_reader(body, size);
    MsgcInputsKeyDown m;
    bool toggled;

    if (type == SPICE_MSGC_INPUTS_KEY_MODIFIERS)
        return handle_modifiers(inputs, &r, error);
    if (type == SPICE_MSGC_INPUTS_KEY_SCANCODE) {
        toggled = key_tracker_bytes(&inputs->keys, body, (uint32_t)size);
    } else {
        if (!msgc_inputs_key_down_decode(&r, &m, error)) /* KEY_UP has the same layout */
            return false;
        toggled = key_tracker_code(&inputs->keys, m.code);
    }
    if (toggled)
        loop_timer_start(inputs->modifiers_timer, LOCK_ECHO_MS);
    return true;
}

/* --- mouse --- */

static const SpiceMouseInterface *mouse_interface(RedsState *server)
{
    return server->mouse ? (const SpiceMouseInterface *)server->mouse->base.sif : NULL;
}

static const SpiceTabletInterface *tablet_interface(RedsState *server)
{
    return server->tablet ? (const SpiceTabletInterface *)server->tablet->base.sif : NULL;
}

static bool is_server_mode(RedsState *server)
{
    return main_channel_mouse_mode(server->main) == SPICE_MOUSE_MODE_SERVER;
}

static void acknowledge(InputsClient *client, unsigned n)
{
    while (n--)
        channel_client_push_empty(&client->cc, SPICE_MSG_INPUTS_MOUSE_MOTION_ACK);
}

static void count_motion(InputsClient *client)
{
    /* On the way to another host they are only counted: that host acknowledges. */
    acknowledge(client, motion_counter_event(&client->motions, client->cc.migrating));
}

static bool handle_motion(InputsClient *client, WireReader *r, GError **error)
{
    RedsState *server = server_of(&client->cc);
    const SpiceMouseInterface *mouse = mouse_interface(server);
    MsgcInputsMouseMotion m;

    if (!msgc_inputs_mouse_motion_decode(r, &m, error))
        return false;
    count_motion(client);
    if (mouse && is_server_mode(server))
        mouse->motion(server->mouse, m.dx, m.dy, 0, buttons_for_host(m.buttons_state));
    return true;
}

static bool handle_position(InputsClient *client, WireReader *r, GError **error)
{
    RedsState *server = server_of(&client->cc);
    const SpiceTabletInterface *tablet = tablet_interface(server);
    MsgcInputsMousePosition m;

    if (!msgc_inputs_mouse_position_decode(r, &m, error))
        return false;
    count_motion(client);
    if (is_server_mode(server))
        return true;
    if (agent_has_mouse(server->agent))
        agent_move_mouse(server->agent, m.x, m.y, buttons_for_agent(m.buttons_state, 0), m.display_id);
    else if (tablet)
        tablet->position(server->tablet, (int)m.x, (int)m.y, buttons_for_host(m.buttons_state));
    return true;
}

static bool handle_press(RedsState *server, WireReader *r, GError **error)
{
    const SpiceMouseInterface *mouse = mouse_interface(server);
    const SpiceTabletInterface *tablet = tablet_interface(server);
    MsgcInputsMousePress m;
    uint32_t buttons;
    int wheel;

    if (!msgc_inputs_mouse_press_decode(r, &m, error))
        return false;
    wheel = wheel_of_button(m.button);
    buttons = buttons_for_host(m.buttons_state);
    if (is_server_mode(server)) {
        if (mouse)
            mouse->motion(server->mouse, 0, 0, wheel, buttons);
    } else if (agent_has_mouse(server->agent)) {
        agent_press_mouse(server->agent, buttons_for_agent(m.buttons_state, m.button));
    } else if (tablet) {
        tablet->wheel(server->tablet, wheel, buttons);
    }
    return true;
}

static bool handle_release(RedsState *server, WireReader *r, GError **error)
{
    const SpiceMouseInterface *mouse = mouse_interface(server);
    const SpiceTabletInterface *tablet = tablet_interface(server);
    MsgcInputsMouseRelease m;
    uint32_t buttons;

    if (!msgc_inputs_mouse_release_decode(r, &m, error))
        return false;
    buttons = buttons_for_host(m.buttons_state);
    if (is_server_mode(server)) {
        if (mouse)
            mouse->buttons(server->mouse, buttons);
    } else if (agent_has_mouse(server->agent)) {
        agent_press_mouse(server->agent, buttons_for_agent(m.buttons_state, 0));
    } else if (tablet) {
        tablet->buttons(server->tablet, buttons);
    }
    return true;
}

static bool inputs_handle(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    WireReader r = wire_reader(body, size);

    switch (type) {
    case SPICE_MSGC_INPUTS_KEY_DOWN:
    case SPICE_MSGC_INPUTS_KEY_UP:
    case SPICE_MSGC_INPUTS_KEY_MODIFIERS:
    case SPICE_MSGC_INPUTS_KEY_SCANCODE:
        return handle_keyboard(cc, type, body, size, error);
    case SPICE_MSGC_INPUTS_MOUSE_MOTION:
        return handle_motion((InputsClient *)cc, &r, error);
    case SPICE_MSGC_INPUTS_MOUSE_POSITION:
        return handle_position((InputsClient *)cc, &r, error);
    case SPICE_MSGC_INPUTS_MOUSE_PRESS:
        return handle_press(server_of(cc), &r, error);
    case SPICE_MSGC_INPUTS_MOUSE_RELEASE:
        return handle_release(server_of(cc), &r, error);
    case SPICE_MSGC_PONG:
        return true;
    default:
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u is not known here", type);
        return false;
    }
}

/* --- life and migration --- */

static void inputs_connected(ChannelClient *cc)
{
    SpiceKbdInstance *keyboard = server_of(cc)->keyboard;
    g_auto(WireWriter) body = {0};
    MsgInputsInit m = {0};

    if (cc->link.migration)
        return; /* the client was greeted by another host; it is told the leds when its data have come */
    if (keyboard)
        m.keyboard_modifiers = ((const SpiceKbdInterface *)keyboard->base.sif)->get_leds(keyboard);
    msg_inputs_init_encode(&body, &m);
    channel_client_push_body(cc, SPICE_MSG_INPUTS_INIT, &body);
}

static void inputs_disconnected(ChannelClient *cc)
{
    key_tracker_release_all(&((InputsChannel *)cc->channel)->keys);
}

static GBytes *inputs_save(void *self, uint64_t serial, MigrationReport *report)
{
    InputsClient *client = self;
    InputsState state = {MIN(motion_counter_save(&client->motions), STATE_MAX_MOTIONS)};
    GBytes *data = inputs_state_encode(&state);

    if (report)
        migration_report_channel(report, "inputs", g_bytes_get_size(data));
    return data;
}

static bool inputs_load(void *self, const uint8_t *data, size_t size, MigrationReport *report, GError **error)
{
    InputsClient *client = self;
    InputsState state;

    if (!inputs_state_decode(data, size, &state, error))
        return false;
    client->restored_motions = state.motion_count;
    if (report)
        migration_report_channel(report, "inputs", size);
    return true;
}

static void inputs_activate(void *self)
{
    InputsClient *client = self;

    push_modifiers(&client->cc);
    acknowledge(client, motion_counter_restore(&client->motions, client->restored_motions));
}

static const ChannelOps inputs_ops = {
    .client_size = sizeof(InputsClient),
    .migrate_flags = SPICE_MIGRATE_NEED_FLUSH | SPICE_MIGRATE_NEED_DATA_TRANSFER,
    .max_message = MESSAGE_MAX,
    .connected = inputs_connected,
    .disconnected = inputs_disconnected,
    .handle = inputs_handle,
    .participant = {.name = "inputs", .save = inputs_save, .load = inputs_load, .activate = inputs_activate},
};

InputsChannel *inputs_channel_new(RedsState *server)
{
    InputsChannel *inputs = g_new0(InputsChannel, 1);

    key_tracker_init(&inputs->keys, push_code, inputs);
    inputs->modifiers_timer = loop_timer_new(server->loop, tell_modifiers, inputs);
    inputs->channel.caps = 1u << SPICE_INPUTS_CAP_KEY_SCANCODE;
    channel_init(&inputs->channel, server, &inputs_ops, SPICE_CHANNEL_INPUTS, 0, server->loop, NULL);
    return inputs;
}

void inputs_channel_free(InputsChannel *inputs)
{
    channel_destroy(&inputs->channel);
    loop_timer_free(inputs->modifiers_timer);
    g_free(inputs);
}
