/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Caravan: takes the clients of a server to another host (OUT) and receives them (IN). Drives the jobs, tells the host.
 *
 * migrate_connect_complete is called exactly once for each caravan_connect(), migrate_end_complete exactly once for
 * each caravan_end() with `completed`, whatever the clients do. Host context.
 */
#pragma once

#include "server/core/server.h"

typedef struct Caravan Caravan;

Caravan *caravan_new(RedsState *server);
void caravan_free(Caravan *caravan);

/* spice_server_migrate_connect, _start, _end: the same results. Ports of 0 or less = none. */
int caravan_connect(Caravan *caravan, const char *host, int port, int sport, const char *cert_subject);
int caravan_start(Caravan *caravan);
int caravan_end(Caravan *caravan, bool completed);
/* spice_server_migrate_info, _switch (old hosts): SWITCH_HOST only. */
int caravan_set_target(Caravan *caravan, const char *host, int port, int sport, const char *cert_subject);
void caravan_switch(Caravan *caravan);

/* Clients were told of an attempt that has not ended yet. */
bool caravan_is_under_way(const Caravan *caravan);
/* MIGRATE_CONNECTED, _CONNECTED_SEAMLESS, _CONNECT_ERROR. */
void caravan_client_answered(Caravan *caravan, Client *client, bool ok, bool seamless);
/* A connection other than main has ended, and the client goes on. */
void caravan_client_lost_channel(Caravan *caravan, const Client *client);
void caravan_client_gone(Caravan *caravan, Client *client);

/* Destination: a client links with the id of its session elsewhere; it is clear how it migrates; all that it brought
 * along was taken over (from then on it can itself be sent on). */
void caravan_client_arrives(Caravan *caravan, Client *client);
void caravan_client_restores(Caravan *caravan, Client *client, bool seamless);
void caravan_client_restored(Caravan *caravan, Client *client);
