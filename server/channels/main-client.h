/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the main channel's files: its connection type. */
#pragma once

#include "server/channels/agent.h"
#include "server/channels/main-channel.h"
#include "server/channels/net-test.h"

struct MainChannel {
    Channel channel;
    uint32_t mouse_mode; /* SPICE_MOUSE_MODE_*; belongs to the server and outlives clients */
    bool client_mouse_allowed;
    bool mm_time_disabled;
    uint32_t latency; /* ms that the clients' clocks go behind the server's */
};

struct MainClient {
    ChannelClient cc;
    NetTest net_test;
    struct CharClient *agent; /* flow control of the agent's messages; NULL until AGENT_START */
    GArray *held;             /* ChannelId: announcements that wait for the end of a migration attempt */
};

MainClient *main_client_of(Client *client); /* NULL if the connection is gone */

/* Messages that more than one file sends. */
void main_client_push_mouse_mode(MainClient *mc);
void main_client_push_mm_time(MainClient *mc); /* nothing while it is disabled */
void main_client_greet(MainClient *mc);        /* INIT, NAME, UUID */

/* main-migration.c: handshake messages of both roles. False with an error: protocol violation. */
bool main_client_handle_migration(MainClient *mc, uint16_t type, const uint8_t *body, size_t size, GError **error);
bool main_client_is_migration_message(uint16_t type);
extern const Participant main_participant;
