/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may connect to a machine, and how: TLS, SASL, channels that want the one or the other. */
#pragma once

#include <spice.h>
#include <stdbool.h>

typedef struct Security {
    const char *tls_dir;  /* with ca-cert.pem, server-cert.pem and server-key.pem; NULL: no TLS */
    int tls_port;         /* on 127.0.0.1 */
    const char *channels; /* "CHANNEL=none|ssl|any,...", CHANNEL default for all others; NULL: any */
    bool sasl;
} Security;

/* A port that was free a moment ago; `port` if that is not 0. */
int security_choose_port(int port);
/* Before spice_server_init(). `listening`: the machine is one that clients can connect to. False (it was said why) if
 * the library refuses. */
bool security_apply(const Security *security, SpiceServer *server, bool listening);
