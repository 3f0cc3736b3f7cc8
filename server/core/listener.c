/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/listener.h"

#include "common/util/limited-warning.h"
#include "server/core/link.h"

#include <errno.h>
#include <gio/gio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket that is not accepted stays readable: the next try is made a little later. */
#define RETRY_MS 500

struct Listener {
    RedsState *server;
    int fd;
    bool owned, tls;
    LoopWatch *watch;
    LoopTimer *retry; /* runs while no file descriptors are to be had, and the socket is not watched */
};

static void on_retry(void *opaque)
{
    Listener *listener = opaque;

    loop_watch_set_mask(listener->watch, SPICE_WATCH_EVENT_READ);
}

static void on_accept(int fd, int events, void *opaque)
{
    Listener *listener = opaque;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (client < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED)
            return;
        WARN_LIMITED("accept: %s", g_strerror(errno));
        loop_watch_set_mask(listener->watch, 0);
        loop_timer_start(listener->retry, RETRY_MS);
        return;
    }
    if (!link_stage_start(listener->server, client, false, listener->tls))
        close(client);
}

Listener *listener_adopt(RedsState *server, int fd)
{
    Listener *listener = g_new0(Listener, 1);

    listener->server = server;
    listener->fd = fd;
    listener->watch = loop_watch_new(server->loop, fd, SPICE_WATCH_EVENT_READ, on_accept, listener);
    listener->retry = loop_timer_new(server->loop, on_retry, listener);
    return listener;
}

static int fail(int fd, GError **error, const char *what)
{
    g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(errno), "%s: %s", what, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_unix(const char *path, GError **error)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    socklen_t size;
    int fd;

    if (!length || length >= sizeof(sa.sun_path)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "not a usable socket path: '%s'", path);
        return -1;
    }
    memcpy(sa.sun_path, path, length);
    size = sizeof(sa);
    if (path[0] == '@') {
        sa.sun_path[0] = 0;
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    } else {
        unlink(path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, size) < 0)
        return fail(fd, error, path);
    return fd;
}

static int open_tcp(const char *addr, int port, int flags, GError **error)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[16];
    int fd = -1, on = 1, off = 0, rc;

    hints.ai_family = flags & SPICE_ADDR_FLAG_IPV4_ONLY   ? AF_INET
                      : flags & SPICE_ADDR_FLAG_IPV6_ONLY ? AF_INET6
                                                          : AF_UNSPEC;
    g_snprintf(service, sizeof(service), "%d", port);
    rc = getaddrinfo(addr && *addr ? addr : NULL, service, &hints, &found);
    if (rc) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", addr, gai_strerror(rc));
        return -1;
    }
    for (struct addrinfo *a = found; a; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
        if (fd < 0)
            continue;
        (void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (a->ai_family == AF_INET6)
            (void)!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
            break;
        rc = errno;
        close(fd);
        errno = rc;
        fd = -1;
    }
    freeaddrinfo(found);
    return fd < 0 ? fail(-1, error, "bind") : fd;
}

Listener *listener_open(RedsState *server, const char *addr, int port, int flags, GError **error)
{
    Listener *listener;
    int fd =
        flags & SPICE_ADDR_FLAG_UNIX_ONLY ? open_unix(addr ? addr : "", error) : open_tcp(addr, port, flags, error);

    if (fd < 0)
        return NULL;
    if (listen(fd, SOMAXCONN) < 0) {
        fail(fd, error, "listen");
        return NULL;
    }
    listener = listener_adopt(server, fd);
    listener->owned = true;
    return listener;
}

void listener_set_tls(Listener *listener)
{
    listener->tls = true;
}

void listener_free(Listener *listener)
{
    loop_timer_free(listener->retry);
    loop_watch_free(listener->watch);
    if (listener->owned)
        close(listener->fd);
    g_free(listener);
}
