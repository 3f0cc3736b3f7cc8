/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the agent's files only. */
#pragma once

#include "server/channels/agent-reader.h"
#include "server/channels/agent.h"
#include "server/channels/char-device.h"
#include "server/channels/main-client.h"

typedef struct AgentMouse {
    uint32_t x, y, buttons;
    uint8_t display_id;
} AgentMouse;

struct Agent {
    RedsState *server;
    CharDevice *device;                /* outlives the host's instances */
    SpiceCharDeviceInstance *instance; /* NULL = not attached */
    bool started;                      /* a client has greeted it since it was attached */
    AgentReader reader;
    AgentFilter from_agent, to_agent;
    unsigned unsent;      /* AGENT_DATA that wait in the queues of clients */
    GByteArray *monitors; /* of a configuration that has not come completely */

    /* What the server has to tell it when its queue is free. */
    AgentMouse mouse;
    bool mouse_pending, device_info_pending;
    bool wants_device_info; /* it announced that it can make use of it */

    /* Migration destination */
    MainClient *awaited; /* its data will come; NULL = none */
    unsigned plugs;      /* how often the agent was attached while they were awaited */
    bool restored;       /* they are here, but the agent is not: it will go on from there */
};

/* agent.c */
void agent_configure(Agent *agent, AgentFilter *filter, bool sample_monitors);
void agent_push_connected(MainClient *mc);
void agent_push_disconnected(MainClient *mc);
/* Takes the flow control of the client away, as if it had not greeted. */
void agent_forget_client(Agent *agent, MainClient *mc);
/* The agent violates its protocol. */
void agent_remove(Agent *agent);
/* A piece for the client after all checks; NULL if it is not to pass, or the agent was removed. */
GBytes *agent_take_piece(Agent *agent);

/* agent-server.c: the server's own messages */
void agent_flush_pending(Agent *agent);
void agent_tell_client_disconnected(Agent *agent);

/* agent-monitors.c: bytes of a monitors configuration */
bool agent_add_monitors(Agent *agent, const uint8_t *piece, size_t size, GError **error);
bool agent_server_takes_monitors(RedsState *server);
