/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/net/stream.h"

#include "server/net/layer.h"
#include "server/net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define KEEPALIVE_IDLE_S 600

struct Stream {
    Layer socket; /* the lowest layer; first, so that it is the stream itself */
    Layer *top;
    int fd;
    bool dry; /* the last read found nothing: what comes next makes the socket readable */
    SpiceChannelEventInfo *info;
};

static ssize_t socket_read(Layer *layer, void *buf, size_t size)
{
    ssize_t n;

    do {
        n = read(((Stream *)layer)->fd, buf, size);
    } while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t socket_writev(Layer *layer, const struct iovec *iov, int n)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    ssize_t sent;

    do {
        sent = sendmsg(((Stream *)layer)->fd, &msg, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

static const LayerOps socket_ops = {.read = socket_read, .writev = socket_writev};

static bool prepare_socket(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    int on = 1, idle = KEEPALIVE_IDLE_S;

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        g_warning("cannot make the client socket non blocking: %s", g_strerror(errno));
        return false;
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 && errno != ENOTSUP && errno != ENOPROTOOPT) {
        g_warning("cannot set TCP_NODELAY on the client socket: %s", g_strerror(errno));
        return false;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0)
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    return true;
}

static SpiceChannelEventInfo *info_new(int fd)
{
    SpiceChannelEventInfo *info = g_new0(SpiceChannelEventInfo, 1);

    info->llen_ext = sizeof(info->laddr_ext);
    info->plen_ext = sizeof(info->paddr_ext);
    if (getsockname(fd, (struct sockaddr *)&info->laddr_ext, &info->llen_ext) < 0)
        info->llen_ext = 0;
    if (getpeername(fd, (struct sockaddr *)&info->paddr_ext, &info->plen_ext) < 0)
        info->plen_ext = 0;
    info->flags = SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT;
    memcpy(&info->laddr, &info->laddr_ext, sizeof(info->laddr));
    memcpy(&info->paddr, &info->paddr_ext, sizeof(info->paddr));
    info->llen = info->llen_ext;
    info->plen = info->plen_ext;
    return info;
}

Stream *stream_new(int fd)
{
    Stream *stream;

    if (!prepare_socket(fd))
        return NULL;
    stream = g_new0(Stream, 1);
    stream->socket.ops = &socket_ops;
    stream->top = &stream->socket;
    stream->fd = fd;
    stream->info = info_new(fd);
    return stream;
}

void stream_free(Stream *stream)
{
    if (!stream)
        return;
    while (stream->top != &stream->socket) {
        Layer *layer = stream->top;

        stream->top = layer->below;
        layer->ops->free(layer);
    }
    close(stream->fd);
    g_free(stream);
}

int stream_fd(const Stream *stream)
{
    return stream->fd;
}

bool stream_is_unix(const Stream *stream)
{
    return stream->info->laddr_ext.ss_family == AF_UNIX;
}

bool stream_is_wrapped(const Stream *stream)
{
    return stream->top != &stream->socket;
}

bool stream_is_plain_unix(const Stream *stream)
{
    return stream_is_unix(stream) && !stream_is_wrapped(stream);
}

bool stream_is_tls(const Stream *stream)
{
    return tls_cipher_bits(stream->top) >= 0;
}

SpiceChannelEventInfo *stream_info(Stream *stream)
{
    return stream->info;
}

void stream_set_low_latency(Stream *stream, bool no_delay)
{
    int priority = 6, tos = IPTOS_LOWDELAY, on = no_delay;

    if (setsockopt(stream->fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) < 0)
        g_info("cannot set SO_PRIORITY: %s", g_strerror(errno));
    if (stream_is_unix(stream))
        return;
    if (setsockopt(stream->fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) < 0)
        g_info("cannot set IP_TOS: %s", g_strerror(errno));
    if (setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        g_info("cannot set TCP_NODELAY: %s", g_strerror(errno));
}

uint32_t stream_round_trip_ms(const Stream *stream)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    if (getsockopt(stream->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return 0;
    return info.tcpi_rtt / 1000;
}

ssize_t stream_read(Stream *stream, void *buf, size_t size)
{
    ssize_t n = stream->top->ops->read(stream->top, buf, size);

    stream->dry = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    return n;
}

bool stream_pending(const Stream *stream)
{
    return !stream->dry && stream_is_wrapped(stream);
}

bool stream_wants_write(const Stream *stream)
{
    for (const Layer *layer = stream->top; layer != &stream->socket; layer = layer->below) {
        if (layer->ops->wants_write && layer->ops->wants_write(layer))
            return true;
    }
    return false;
}

ssize_t stream_writev(Stream *stream, const struct iovec *iov, int n)
{
    return stream->top->ops->writev(stream->top, iov, n);
}

bool stream_write_all(Stream *stream, const void *buf, size_t size)
{
    struct iovec iov = {(void *)buf, size};

    /* An empty socket buffer takes the small replies of the link stage in one piece. */
    return stream_writev(stream, &iov, 1) == (ssize_t)size;
}

ssize_t stream_send_fd(Stream *stream, int fd)
{
    struct iovec iov = {(void *)"@", 1};
    union {
        struct cmsghdr header; /* for the alignment */
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    ssize_t sent;

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
    do {
        sent = sendmsg(stream->fd, &msg, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

void stream_shutdown(Stream *stream)
{
    shutdown(stream->fd, SHUT_RDWR);
}

void stream_push(Stream *stream, Layer *layer)
{
    layer->below = stream->top;
    stream->top = layer;
    stream->dry = false;
}

Layer *stream_top(Stream *stream)
{
    return stream->top;
}

int stream_handshake(Stream *stream)
{
    return stream->top->ops->handshake ? stream->top->ops->handshake(stream->top) : 1;
}
