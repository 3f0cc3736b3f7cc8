/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/channel-peer.h"

#include "common/wire/header.h"
#include "server/net/stream.h"
#include "tests/unit/wire-check.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void peer_link(ChannelPeer *p, Channel *channel, uint32_t caps, bool migration)
{
    int fds[2], small = 4096;
    Link link = {.mini_header = true, .channel_caps = caps, .migration = migration};

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_assert_cmpint(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), ==, 0);
    link.stream = stream_new(fds[0]);
    p->channel = channel;
    p->fd = fds[1];
    channel_connect(channel, p->client, &link);
}

ChannelPeer peer_new(RedsState *server, uint8_t type, uint32_t caps, bool migration)
{
    static uint32_t next_client;
    ChannelPeer p = {.client = client_ref(client_new(server, ++next_client, migration))};

    peer_link(&p, server_find_channel(server, type, 0), caps, migration);
    return p;
}

void peer_close(ChannelPeer *p)
{
    close(p->fd);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    client_disconnect(p->client); /* harmless if the end of its main channel did it */
    client_unref(p->client);
}

/* Bytes read; fewer than asked for at the end of the connection. */
static size_t read_bytes(ChannelPeer *p, void *buffer, size_t size)
{
    gint64 deadline = g_get_monotonic_time() + PEER_SILENCE_S * G_USEC_PER_SEC;
    size_t have = 0;

    while (have < size) {
        ssize_t n = recv(p->fd, (uint8_t *)buffer + have, size - have, MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN) {
            g_assert_cmpint(g_get_monotonic_time(), <, deadline);
            g_main_context_iteration(NULL, FALSE);
            continue;
        }
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

uint16_t peer_read(ChannelPeer *p)
{
    uint8_t head[DATA_HEADER_MINI_SIZE] = {0};
    WireReader r = wire_reader(head, sizeof(head));
    DataHeader header;

    if (read_bytes(p, head, sizeof(head)) < sizeof(head))
        return 0;
    g_assert_true(data_header_decode(&r, &header, true, NULL));
    g_assert_cmpuint(header.size, <=, sizeof(p->body));
    p->size = header.size;
    g_assert_cmpuint(read_bytes(p, p->body, p->size), ==, p->size);
    return header.type;
}

void peer_expect_nothing(ChannelPeer *p)
{
    for (unsigned i = 0; i < 20; i++)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpint(recv(p->fd, p->body, 1, MSG_DONTWAIT), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
}

void peer_expect(ChannelPeer *p, uint16_t type)
{
    g_assert_cmpuint(peer_read(p), ==, type);
}

void peer_expect_end(ChannelPeer *p)
{
    g_assert_cmpuint(peer_read(p), ==, 0);
}

void peer_expect_body(ChannelPeer *p, uint16_t type, const char *hex)
{
    peer_expect(p, type);
    wire_assert_hex(p->body, p->size, hex);
}

void peer_send(ChannelPeer *p, uint16_t type, const char *hex)
{
    g_autoptr(GByteArray) body = wire_hex(hex);
    uint8_t head[DATA_HEADER_FULL_SIZE];
    DataHeader header = {.type = type, .size = body->len};
    size_t n = data_header_pack(head, &header, true);

    g_assert_cmpint(send(p->fd, head, n, MSG_NOSIGNAL), ==, n);
    g_assert_cmpint(send(p->fd, body->data, body->len, MSG_NOSIGNAL), ==, body->len);
    for (unsigned i = 0; i < 20; i++)
        g_main_context_iteration(NULL, FALSE);
}
