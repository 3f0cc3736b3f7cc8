/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ports of the client: tells as events what comes ("port-data": port, hex) and whether they are open ("port": port,
 * opened), and writes in order.
 */
#pragma once

#include <spice-client.h>

/* A port (or webdav) channel has come up. */
void port_watch(SpiceChannel *channel);
/* Writes to the port of that name as soon as it is open and what was written before is out. False: no such port, or no
 * hex digits. */
gboolean port_write(SpiceSession *session, const char *name, const char *hex);
