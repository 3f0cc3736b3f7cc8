/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/net/websocket.h"

#include <gio/gio.h>
#include <string.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define END "\r\n\r\n"
#define MAX_KEY 256

size_t websocket_request_size(const char *request, size_t size)
{
    const char *end = memmem(request, size, END, strlen(END));

    return end ? (size_t)(end - request) + strlen(END) : 0;
}

/* The value of a header, without blanks around it; NULL if there is none. */
static char *header_value(char **lines, const char *name)
{
    size_t length = strlen(name);

    for (; *lines; lines++) {
        if (g_ascii_strncasecmp(*lines, name, length) == 0 && (*lines)[length] == ':')
            return g_strstrip(g_strdup(*lines + length + 1));
    }
    return NULL;
}

/* A list of names begins with this one: what the client likes best. */
static bool prefers(const char *list, const char *name)
{
    size_t length = strlen(name);

    return strncmp(list, name, length) == 0 && (!list[length] || strchr(", \t", list[length]));
}

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "no request for a WebSocket: %s", why);
    return false;
}

static bool check(const char *request, size_t size, const char *key, const char *protocol, GError **error)
{
    if (memchr(request, 0, size) || strncmp(request, WEBSOCKET_GET, strlen(WEBSOCKET_GET)) != 0 ||
        websocket_request_size(request, size) != size)
        return refuse(error, "not one HTTP request");
    if (!key || !*key || strlen(key) > MAX_KEY)
        return refuse(error, "it has no key");
    if (protocol && !prefers(protocol, "binary"))
        return refuse(error, "it asks for another protocol than 'binary'");
    return true;
}

char *websocket_answer(const char *request, size_t size, GError **error)
{
    g_autofree char *text = g_strndup(request, size);
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
    g_autofree char *key = header_value(lines, "Sec-WebSocket-Key");
    g_autofree char *protocol = header_value(lines, "Sec-WebSocket-Protocol");
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    g_autofree char *accept = NULL;
    guint8 digest[20];
    gsize digest_size = sizeof(digest);

    if (!check(request, size, key, protocol, error))
        return NULL;
    g_checksum_update(sum, (const guchar *)key, (gssize)strlen(key));
    g_checksum_update(sum, (const guchar *)GUID, (gssize)strlen(GUID));
    g_checksum_get_digest(sum, digest, &digest_size);
    accept = g_base64_encode(digest, digest_size);
    return g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\n"
                           "Upgrade: WebSocket\r\n"
                           "Connection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: %s\r\n"
                           "%s\r\n",
                           accept, protocol ? "Sec-WebSocket-Protocol: binary\r\n" : "");
}
