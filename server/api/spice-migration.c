/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Migration of the clients. */
#include "server/api/api.h"

#include "server/core/caravan.h"
#include "server/core/server.h"

static bool has_interface(SpiceServer *s, const char *function)
{
    if (s->migrate_interface)
        return true;
    g_warning("%s: the host has added no migration interface", function);
    return false;
}

int spice_server_migrate_connect(SpiceServer *s, const char *dest, int port, int secure_port, const char *cert_subject)
{
    if (!has_interface(s, __func__))
        return -1;
    return caravan_connect(s->caravan, dest, port, secure_port, cert_subject);
}

int spice_server_migrate_start(SpiceServer *s)
{
    return has_interface(s, __func__) ? caravan_start(s->caravan) : -1;
}

int spice_server_migrate_end(SpiceServer *s, int completed)
{
    return has_interface(s, __func__) ? caravan_end(s->caravan, completed != 0) : -1;
}

int spice_server_migrate_info(SpiceServer *s, const char *dest, int port, int secure_port, const char *cert_subject)
{
    return caravan_set_target(s->caravan, dest, port, secure_port, cert_subject);
}

int spice_server_migrate_switch(SpiceServer *s)
{
    caravan_switch(s->caravan);
    return 0;
}

void spice_server_set_seamless_migration(SpiceServer *s, int enable)
{
    s->config.seamless = enable != 0;
}
