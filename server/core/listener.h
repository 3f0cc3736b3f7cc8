/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listener: a listening socket in the host's loop; what it accepts goes to the link stage. Host context. */
#pragma once

#include "server/core/server.h"

typedef struct Listener Listener;

/* TCP: addr NULL or "" = any. flags: SPICE_ADDR_FLAG_*; with UNIX_ONLY addr is a path ('@...' = abstract). */
Listener *listener_open(RedsState *server, const char *addr, int port, int flags, GError **error);
/* Watches a socket of the host's; it is never closed here. */
Listener *listener_adopt(RedsState *server, int fd);
/* What is accepted from now on begins with TLS. */
void listener_set_tls(Listener *listener);
void listener_free(Listener *listener);
