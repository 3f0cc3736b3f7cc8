/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main channel: greeting, list of channels, mouse mode, clock, and its part in migrations. Host context.
 */
#pragma once

#include "server/core/channel-client.h"
#include "server/core/server.h"

typedef struct MainChannel MainChannel;

MainChannel *main_channel_new(RedsState *server);
void main_channel_free(MainChannel *main);

/* A channel was registered: clients that have their list already are told, unless they are about to migrate. */
void main_channel_announce(MainChannel *main, Channel *channel);
/* Announcements that were held back during a migration attempt go out now. */
void main_channel_release_announcements(MainChannel *main);
/* A client has arrived by a migration: it never asks for the list of channels, and has linked here all those that it
 * knows. It is told of the others; those that it does not want it ignores, as it did in the list. */
void main_channel_announce_unknown(MainChannel *main, Client *client);

/* Something that decides whether client mouse mode is possible has changed. */
void main_channel_update_mouse(MainChannel *main);
/* SPICE_MOUSE_MODE_* */
uint32_t main_channel_mouse_mode(const MainChannel *main);

/* Whether the clients' clocks follow the server's: not while a client's clock is driven by the sound that it plays.
 * When it is turned on again they are told the time. */
void main_channel_set_mm_time(MainChannel *main, bool enabled);
/* The clients' clocks should go at least so far behind. False while they do not follow the server's. */
bool main_channel_need_latency(MainChannel *main, uint32_t ms);

/* Capabilities of the client's main connection; false if it has none. */
bool main_client_has_cap(Client *client, unsigned cap);
/* The client came over a UNIX socket: it would migrate to the path of the source, not to the destination. */
bool main_client_is_local(Client *client);

/* Messages of an outgoing migration. */
typedef struct MigrationTarget {
    char *host;
    int port, sport;
    char *cert_subject;
} MigrationTarget;
void main_client_send_begin(Client *client, const MigrationTarget *target, bool seamless);
void main_client_send_switch_host(Client *client, const MigrationTarget *target);
void main_client_send_cancel(Client *client);
void main_client_send_end(Client *client);
