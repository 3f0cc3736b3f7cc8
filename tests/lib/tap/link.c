/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/tap/link.h"

#include "tests/lib/client/say.h"
#include "tests/lib/tap/frames.h"
#include "tests/lib/tap/session.h"
#include "tests/lib/tap/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256u << 10)       /* bytes of one read */
#define MAX_PENDING (512u << 10) /* no more is read while so much is unwritten */
#define MAX_ROUNDS 8             /* reads of one direction in one turn */

typedef struct LinkSource {
    GSource source;
    TapLink *link;
} LinkSource;

static guint8 chunk[CHUNK];

TapCounters *link_counters(TapLink *link)
{
    guint phase = link->tap->phases->len - 1;

    if (!link->counters || link->counters->phase != phase)
        link->counters = stats_counters(link->tap, link->type, link->id, link->route->index);
    return link->counters;
}

void flow_emit(Flow *f, const void *data, gsize size)
{
    if (size)
        g_byte_array_append(f->pending, data, (guint)size);
}

static gsize flow_unsent(const Flow *f)
{
    return f->pending->len - f->sent;
}

/* False: the link is broken. */
static bool flow_write(Flow *f)
{
    if (f->delay)
        return true;
    while (flow_unsent(f)) {
        gssize n = send(f->out, f->pending->data + f->sent, flow_unsent(f), MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        f->sent += (gsize)n;
    }
    g_byte_array_set_size(f->pending, 0);
    f->sent = 0;
    if (f->eof && !f->shut) {
        f->shut = true;
        shutdown(f->out, SHUT_WR);
    }
    return true;
}

/* Moves what can be moved. False: the link is broken. */
static bool flow_pump(Flow *f)
{
    for (int round = 0; round < MAX_ROUNDS; round++) {
        gssize n;

        if (!flow_write(f))
            return false;
        if (f->eof || flow_unsent(f) >= MAX_PENDING)
            return true;
        n = recv(f->in, chunk, sizeof chunk, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n > 0) {
            frames_feed(f, chunk, (gsize)n);
        } else {
            f->eof = true;
            frames_end(f);
        }
    }
    return flow_write(f);
}

static GIOCondition wanted_events(TapLink *link, TapSide side)
{
    GIOCondition c = 0;

    if (!link->flow[side].eof && flow_unsent(&link->flow[side]) < MAX_PENDING)
        c |= G_IO_IN;
    if ((flow_unsent(&link->flow[!side]) && !link->flow[!side].delay) || (link->connecting && side == TAP_SERVER))
        c |= G_IO_OUT;
    return c;
}

static void update_events(TapLink *link)
{
    for (int side = 0; side < 2; side++)
        g_source_modify_unix_fd(link->source, link->tag[side],
                                link->connecting && side == TAP_CLIENT ? 0
                                : link->connecting                     ? G_IO_OUT
                                                                       : wanted_events(link, (TapSide)side));
}

static bool connect_done(TapLink *link)
{
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(link->fd[TAP_SERVER], SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        say("event", "unreachable", "route", 'u', link->route->index, "error", 's', g_strerror(error), NULL);
        return false;
    }
    link->connecting = false;
    return true;
}

static gboolean on_delay(gpointer data)
{
    Flow *f = data;

    f->delay = 0; /* its source is being removed by the return value */
    f->link->data_in = true;
    if (flow_write(f))
        update_events(f->link);
    else
        link_close(f->link);
    return G_SOURCE_REMOVE;
}

void flow_delay(Flow *f, guint ms)
{
    if (!f->delay)
        f->held_at = f->pending->len;
    if (!f->delay)
        f->delay = g_timeout_add(ms, on_delay, f);
}

bool flow_replace_held(Flow *f, GBytes *body)
{
    gsize header = f->link->mini ? 6 : 18, new_size;
    const void *data = g_bytes_get_data(body, &new_size);
    guint32 size, total = GUINT32_TO_LE((guint32)new_size);
    GByteArray *pending = f->pending;

    if (!f->delay || pending->len < f->held_at + header)
        return false;
    memcpy(&size, pending->data + f->held_at + header - (f->link->mini ? 4 : 8), 4);
    size = GUINT32_FROM_LE(size);
    if (pending->len - f->held_at - header < size)
        return false;
    f->pending = g_byte_array_new();
    flow_emit(f, pending->data, f->held_at + header);
    memcpy(f->pending->data + f->held_at + header - (f->link->mini ? 4 : 8), &total, 4);
    flow_emit(f, data, new_size);
    flow_emit(f, pending->data + f->held_at + header + size, pending->len - f->held_at - header - size);
    g_byte_array_unref(pending);
    return true;
}

void flow_release(Flow *f)
{
    if (f->delay) {
        g_source_remove(f->delay);
        on_delay(f);
    }
}

static gboolean link_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    TapLink *link = ((LinkSource *)source)->link;
    GIOCondition got =
        g_source_query_unix_fd(source, link->tag[TAP_CLIENT]) | g_source_query_unix_fd(source, link->tag[TAP_SERVER]);

    if (link->connecting) {
        if (!g_source_query_unix_fd(source, link->tag[TAP_SERVER])) {
            link_close(link); /* the client is gone */
            return G_SOURCE_REMOVE;
        }
        if (!connect_done(link)) {
            link_close(link);
            return G_SOURCE_REMOVE;
        }
    }
    if (!flow_pump(&link->flow[TAP_CLIENT]) || !flow_pump(&link->flow[TAP_SERVER]) ||
        (link->flow[0].shut && link->flow[1].shut) || (got & (G_IO_ERR | G_IO_NVAL))) {
        link_close(link);
        return G_SOURCE_REMOVE;
    }
    update_events(link);
    return G_SOURCE_CONTINUE;
}

void link_close(TapLink *link)
{
    say("event", "close", "route", 'u', link->route->index, "type", 'u', (guint)link->type, "id", 'u', (guint)link->id,
        NULL);
    session_detach(link);
    for (int side = 0; side < 2; side++) {
        close(link->fd[side]);
        if (link->flow[side].delay)
            g_source_remove(link->flow[side].delay);
        frames_clear(&link->flow[side]);
    }
    g_ptr_array_remove_fast(link->tap->links, link);
    g_source_destroy(link->source);
    g_source_unref(link->source);
    g_free(link);
}

static void link_new(TapRoute *route, int client, int server)
{
    static GSourceFuncs funcs = {.dispatch = link_dispatch};
    TapLink *link = g_new0(TapLink, 1);

    link->tap = route->tap;
    link->route = route;
    link->fd[TAP_CLIENT] = client;
    link->fd[TAP_SERVER] = server;
    link->connecting = true;
    link->type = TAP_UNKNOWN;
    g_queue_init(&link->steps);
    for (int side = 0; side < 2; side++) {
        link->flow[side].in = link->fd[side];
        link->flow[side].out = link->fd[!side];
        frames_init(&link->flow[side], link, (TapSide)side);
    }
    link->source = g_source_new(&funcs, sizeof(LinkSource));
    ((LinkSource *)link->source)->link = link;
    link->tag[TAP_CLIENT] = g_source_add_unix_fd(link->source, client, 0);
    link->tag[TAP_SERVER] = g_source_add_unix_fd(link->source, server, G_IO_OUT);
    g_source_attach(link->source, NULL);
    g_ptr_array_add(route->tap->links, link);
}

static gboolean on_accept(int fd, GIOCondition condition, gpointer data)
{
    TapRoute *route = data;
    const struct addrinfo *to = route->address;
    int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), server, one = 1;

    if (client < 0)
        return G_SOURCE_CONTINUE;
    server = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server < 0 || (connect(server, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)) {
        say("event", "unreachable", "route", 'u', route->index, "error", 's', g_strerror(errno), NULL);
        close(client);
        if (server >= 0)
            close(server);
        return G_SOURCE_CONTINUE;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    link_new(route, client, server);
    return G_SOURCE_CONTINUE;
}

static int listen_on(guint16 port, guint16 *actual)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof a;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) < 0) {
        close(fd);
        return -1;
    }
    *actual = ntohs(a.sin_port);
    return fd;
}

TapRoute *route_new(Tap *tap, guint16 port, const char *host, guint16 host_port, GError **error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address = NULL;
    g_autofree char *service = g_strdup_printf("%u", host_port);
    TapRoute *route;
    guint16 actual = 0;
    int fd, failure = getaddrinfo(host, service, &hints, &address);

    if (failure) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND, "%s: %s", host, gai_strerror(failure));
        return NULL;
    }
    fd = listen_on(port, &actual);
    if (fd < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "port %u: %s", port, g_strerror(errno));
        freeaddrinfo(address);
        return NULL;
    }
    route = g_new0(TapRoute, 1);
    route->tap = tap;
    route->index = tap->routes->len;
    route->fd = fd;
    route->port = actual;
    route->host = g_strdup(host);
    route->host_port = host_port;
    route->address = address;
    route->watch = g_unix_fd_add(fd, G_IO_IN, on_accept, route);
    g_ptr_array_add(tap->routes, route);
    return route;
}

void route_free(TapRoute *route)
{
    g_source_remove(route->watch);
    close(route->fd);
    freeaddrinfo(route->address);
    g_free(route->host);
    g_free(route);
}
