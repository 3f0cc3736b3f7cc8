/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/raw-client.h"

#include "common/wire/header.h"
#include "common/wire/msg-common.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <poll.h>
#include <spice/enums.h>
#include <spice/protocol.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENCE_S 20
#define MAX_BODY (64u << 20)
#define QUIET_ROUNDS 20

void raw_pair(bool tcp, int fds[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(sa);
    int listener;

    if (!tcp) {
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
        return;
    }
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&sa, &size), ==, 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(connect(fds[1], (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(fds[0], >=, 0);
    close(listener);
}

/* Waits until the socket is ready. */
static void wait_ready(RawClient *c, short events)
{
    gint64 end = g_get_monotonic_time() + SILENCE_S * G_USEC_PER_SEC;
    struct pollfd pfd = {.fd = c->fd, .events = events};

    while (poll(&pfd, 1, c->idle ? 0 : 100) == 0) {
        if (c->idle)
            c->idle();
        g_assert_true(c->patient || g_get_monotonic_time() < end);
    }
}

static bool read_all(RawClient *c, void *buffer, size_t size)
{
    uint8_t *p = buffer;

    while (size) {
        ssize_t n;

        wait_ready(c, POLLIN);
        n = recv(c->fd, p, size, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

/* A server that closes meanwhile is no fault here: the next read tells. */
static void write_all(RawClient *c, const void *buffer, size_t size)
{
    const uint8_t *p = buffer;

    while (size) {
        ssize_t n = send(c->fd, p, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            wait_ready(c, POLLOUT);
            continue;
        }
        if (n < 0)
            return;
        p += n;
        size -= (size_t)n;
    }
}

static void write_mess(RawClient *c, WireWriter *w, uint8_t type, uint8_t id, uint32_t channel_caps)
{
    uint32_t common = 1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION | 1u << SPICE_COMMON_CAP_AUTH_SPICE |
                      (c->full_header ? 0 : 1u << SPICE_COMMON_CAP_MINI_HEADER);
    LinkMess mess = {.connection_id = c->connection_id,
                     .channel_type = type,
                     .channel_id = id,
                     .n_common_caps = 1,
                     .common_caps = &common,
                     .n_channel_caps = 1,
                     .channel_caps = &channel_caps};

    link_mess_encode(w, &mess);
}

void raw_client_link_part(RawClient *c, int fd, uint8_t type, size_t bytes)
{
    g_auto(WireWriter) w = {0};

    c->fd = fd;
    write_mess(c, &w, type, 0, 0);
    wire_write_u32(&w, SPICE_COMMON_CAP_AUTH_SPICE);
    g_assert_cmpuint(bytes, <, w.size + 128);
    wire_write_zeros(&w, 128);
    write_all(c, w.data, bytes);
}

static void send_ticket(RawClient *c, const uint8_t *public_key)
{
    const unsigned char *der = public_key;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &der, LINK_PUB_KEY_SIZE);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t ticket[256];
    size_t size = sizeof(ticket);
    uint32_t mechanism = GUINT32_TO_LE(SPICE_COMMON_CAP_AUTH_SPICE);

    g_assert_cmpint(EVP_PKEY_encrypt_init(ctx), >, 0);
    g_assert_cmpint(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), >, 0);
    g_assert_cmpint(EVP_PKEY_encrypt(ctx, ticket, &size, (const unsigned char *)"", 1), >, 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    write_all(c, &mechanism, sizeof(mechanism));
    write_all(c, ticket, size);
}

uint32_t raw_client_link(RawClient *c, int fd, uint8_t type, uint8_t id, uint32_t channel_caps)
{
    g_auto(WireWriter) w = {0};
    uint8_t head[LINK_HEADER_SIZE];
    g_autofree uint8_t *body = NULL;
    LinkHeader header;
    g_auto(LinkReply) reply = {0};
    uint32_t result;
    WireReader r;

    c->fd = fd;
    write_mess(c, &w, type, id, channel_caps);
    write_all(c, w.data, w.size);
    if (!read_all(c, head, sizeof(head)))
        return G_MAXUINT32;
    r = wire_reader(head, sizeof(head));
    g_assert_true(link_header_decode(&r, &header, NULL));
    g_assert_cmpuint(header.size, <=, LINK_MESS_MAX_SIZE);
    body = g_malloc(header.size);
    if (!read_all(c, body, header.size))
        return G_MAXUINT32;
    r = wire_reader(body, header.size);
    g_assert_true(link_reply_decode(&r, &reply, NULL));
    if (reply.error)
        return reply.error;
    send_ticket(c, reply.pub_key);
    return read_all(c, &result, sizeof(result)) ? GUINT32_FROM_LE(result) : G_MAXUINT32;
}

static void answer_set_ack(RawClient *c)
{
    WireReader r = wire_reader(c->message.body, c->message.size);
    g_auto(WireWriter) body = {0};
    MsgSetAck m;

    g_assert_true(msg_set_ack_decode(&r, &m, NULL));
    c->ack_window = m.window;
    c->unacked = 0;
    wire_write_u32(&body, m.generation);
    raw_client_send(c, SPICE_MSGC_ACK_SYNC, &body);
}

static void answer_ping(RawClient *c)
{
    WireReader r = wire_reader(c->message.body, c->message.size);
    g_auto(WireWriter) body = {0};
    MsgPing ping;
    MsgcPong pong;

    g_assert_true(msg_ping_decode(&r, &ping, NULL));
    pong = (MsgcPong){ping.id, ping.timestamp};
    msgc_pong_encode(&body, &pong);
    raw_client_send(c, SPICE_MSGC_PONG, &body);
}

static bool read_message(RawClient *c)
{
    bool mini = !c->full_header;
    uint8_t head[DATA_HEADER_FULL_SIZE];
    WireReader r;
    DataHeader header;

    if (c->fd < 0 || !read_all(c, head, data_header_size(mini)))
        return false;
    r = wire_reader(head, data_header_size(mini));
    g_assert_true(data_header_decode(&r, &header, mini, NULL));
    g_assert_cmpuint(header.size, <=, MAX_BODY);
    g_free(c->message.body);
    c->message = (RawMessage){.type = header.type, .size = header.size, .sub_list = header.sub_list};
    c->message.body = g_malloc(MAX(header.size, 1));
    if (!read_all(c, c->message.body, header.size))
        return false;
    c->message.serial = ++c->last_serial;
    if (!mini)
        g_assert_cmpuint(header.serial, ==, c->message.serial);
    if (c->ack_window && !c->keep_acks && ++c->unacked >= c->ack_window) {
        g_auto(WireWriter) none = {0};

        c->unacked = 0;
        raw_client_send(c, SPICE_MSGC_ACK, &none);
    }
    return true;
}

bool raw_client_read(RawClient *c)
{
    while (read_message(c)) {
        if (c->message.type == SPICE_MSG_SET_ACK)
            answer_set_ack(c);
        else if (c->message.type == SPICE_MSG_PING)
            answer_ping(c);
        else
            return true;
    }
    return false;
}

bool raw_client_read_type(RawClient *c, uint16_t type)
{
    while (raw_client_read(c))
        if (c->message.type == type)
            return true;
    return false;
}

bool raw_client_is_silent(RawClient *c)
{
    for (unsigned quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
        struct pollfd pfd = {.fd = c->fd, .events = POLLIN};

        if (poll(&pfd, 1, 0) == 0) {
            c->idle();
            g_usleep(500);
            continue;
        }
        quiet = 0;
        if (!read_message(c))
            return true;
        if (c->message.type == SPICE_MSG_SET_ACK)
            answer_set_ack(c);
        else if (c->message.type == SPICE_MSG_PING)
            answer_ping(c);
        else
            return false;
    }
    return true;
}

void raw_client_send(RawClient *c, uint16_t type, const WireWriter *body)
{
    g_auto(WireWriter) w = {0};
    DataHeader header = {.serial = 1, .type = type, .size = body ? (uint32_t)body->size : 0};

    data_header_encode(&w, &header, !c->full_header);
    if (body)
        wire_write_bytes(&w, body->data, body->size);
    write_all(c, w.data, w.size);
}

void raw_client_close(RawClient *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    g_clear_pointer(&c->message.body, g_free);
}
