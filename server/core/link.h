/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link stage of a connection: who it is, which channel it wants, and whether it may. Host context. */
#pragma once

#include "server/core/server.h"

typedef struct LinkStage LinkStage;

/* Takes over a connected socket. `tls`: it begins with a TLS handshake; the server has a TLS context.
 * False (the fd stays the caller's) if it cannot be prepared. */
bool link_stage_start(RedsState *server, int fd, bool skip_auth, bool tls);
/* Drops the connection in whatever step it is. */
void link_stage_cancel(LinkStage *stage);
