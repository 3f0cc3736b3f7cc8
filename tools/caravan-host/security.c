/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/security.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int security_choose_port(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    /* Not one of those that the system gives to others in the next moment. */
    for (int tries = 0; port == 0 && tries < 1000; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), candidate = g_random_int_range(10000, 32000);
        address.sin_port = htons((in_port_t)candidate);
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            port = candidate;
        close(fd);
    }
    return port;
}

static bool set_tls(const Security *security, SpiceServer *server)
{
    g_autofree char *ca = g_build_filename(security->tls_dir, "ca-cert.pem", NULL);
    g_autofree char *cert = g_build_filename(security->tls_dir, "server-cert.pem", NULL);
    g_autofree char *key = g_build_filename(security->tls_dir, "server-key.pem", NULL);

    spice_server_set_addr(server, "127.0.0.1", 0);
    return spice_server_set_tls(server, security->tls_port, ca, cert, key, NULL, NULL, NULL) == 0;
}

static bool set_channel(SpiceServer *server, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(word, "=", 2);
    int mask = 0;

    if (parts[0] != NULL && parts[1] != NULL) {
        if (strcmp(parts[1], "none") == 0)
            mask = SPICE_CHANNEL_SECURITY_NONE;
        else if (strcmp(parts[1], "ssl") == 0)
            mask = SPICE_CHANNEL_SECURITY_SSL;
        else if (strcmp(parts[1], "any") == 0)
            mask = SPICE_CHANNEL_SECURITY_NONE | SPICE_CHANNEL_SECURITY_SSL;
    }
    if (mask != 0 &&
        spice_server_set_channel_security(server, strcmp(parts[0], "default") == 0 ? NULL : parts[0], mask) == 0)
        return true;
    g_printerr("caravan-host: --security: '%s'\n", word);
    return false;
}

bool security_apply(const Security *security, SpiceServer *server, bool listening)
{
    bool ok = true;

    if (listening && security->tls_dir != NULL && !set_tls(security, server)) {
        g_printerr("caravan-host: the library takes no TLS\n");
        return false;
    }
    if (security->sasl && spice_server_set_sasl(server, 1) != 0) {
        g_printerr("caravan-host: the library takes no SASL\n");
        return false;
    }
    if (security->channels != NULL) {
        g_auto(GStrv) words = g_strsplit(security->channels, ",", -1);
        for (char **word = words; ok && *word != NULL; word++)
            ok = set_channel(server, *word);
    }
    return ok;
}
