/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Agent: the program in the guest that shares clipboard, files, mouse and monitors with the clients.
 *
 * Between its character device and the main channel: passes messages on, as far as the settings allow, and talks to
 * it on behalf of the server. One of a server, also while the guest has none. Host context.
 */
#pragma once

#include "server/core/server.h"
#include "server/migration/state.h"

typedef struct Agent Agent;
typedef struct MainClient MainClient;

#define AGENT_TOKENS 10u /* messages that a client may send ahead */

Agent *agent_new(RedsState *server);
void agent_free(Agent *agent); /* after the main channel */

/* The host adds and removes the device. attach: false if there is one. detach: false if it is not the present one. */
bool agent_attach(Agent *agent, SpiceCharDeviceInstance *instance);
bool agent_detach(Agent *agent, SpiceCharDeviceInstance *instance);
bool agent_is_attached(const Agent *agent);
/* config.agent_copypaste or agent_file_xfer changed. */
void agent_update_settings(Agent *agent);

/* The main channel: connections, and what clients send. False with an error: the client violates the protocol. */
void agent_client_connected(Agent *agent, MainClient *mc);
void agent_client_gone(Agent *agent, MainClient *mc);
void agent_client_starts(Agent *agent, MainClient *mc, uint32_t tokens);
void agent_client_grants(Agent *agent, MainClient *mc, uint32_t tokens);
bool agent_client_sends(Agent *agent, MainClient *mc, const uint8_t *data, size_t size, GError **error);

/* Mouse through the agent: enabled, and it is there. */
bool agent_has_mouse(const Agent *agent);
/* Buttons: VD_AGENT_*BUTTON_MASK. Only the last one counts if they come faster than the guest takes them. */
void agent_move_mouse(Agent *agent, uint32_t x, uint32_t y, uint32_t buttons, uint8_t display_id);
void agent_press_mouse(Agent *agent, uint32_t buttons);
/* Addresses or numbers of display devices changed. */
void agent_update_device_info(Agent *agent);

/* Migration, as a part of the main channel's. expect: the client's data will come, until then the device is left
 * alone. load: all or nothing; pushes what the client has to know. */
void agent_freeze(Agent *agent, MainClient *mc);
void agent_save(Agent *agent, MainClient *mc, MainState *state);
void agent_expect(Agent *agent, MainClient *mc);
bool agent_load(Agent *agent, MainClient *mc, const MainState *state, GError **error);
void agent_activate(Agent *agent, MainClient *mc);
