/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/link-private.h"

#include "common/util/limited-warning.h"
#include "server/core/caravan.h"
#include "server/core/ticket.h"
#include "server/net/tls.h"
#include "server/net/websocket.h"

#include <errno.h>
#include <spice/protocol.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Connections that say nothing are cut; the limits are generous: a person may be typing a password. */
#define LINK_TIMEOUT_MS (60 * 1000)
#define MAX_LINKS 256

#define COMMON_CAPS (1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION | 1u << SPICE_COMMON_CAP_MINI_HEADER)

static void stage_free(LinkStage *stage)
{
    g_queue_remove(&stage->server->links, stage);
    loop_watch_free(stage->watch);
    loop_timer_free(stage->timer);
    link_mess_clear(&stage->mess);
    EVP_PKEY_free(stage->key);
    link_sasl_free(stage->sasl);
    g_free(stage);
}

void link_stage_cancel(LinkStage *stage)
{
    RedsState *server = stage->server;
    SpiceChannelEventInfo *info = stream_info(stage->stream);

    loop_watch_free(stage->watch);
    stage->watch = NULL;
    stream_free(stage->stream);
    stage_free(stage);
    server_channel_event(server, SPICE_CHANNEL_EVENT_DISCONNECTED, info);
}

static bool send_reply(LinkStage *stage, const LinkReply *reply)
{
    g_auto(WireWriter) w = {0};

    link_reply_encode(&w, reply);
    return stream_write_all(stage->stream, w.data, w.size);
}

void link_stage_refuse(LinkStage *stage, uint32_t link_error)
{
    LinkReply reply = {.error = link_error};

    send_reply(stage, &reply);
    link_stage_cancel(stage);
}

static bool send_result(LinkStage *stage, uint32_t result)
{
    uint32_t le = GUINT32_TO_LE(result);

    return stream_write_all(stage->stream, &le, sizeof(le));
}

static void refuse_result(LinkStage *stage, uint32_t result)
{
    send_result(stage, result);
    link_stage_cancel(stage);
}

void link_stage_expect(LinkStage *stage, LinkStep step, size_t bytes)
{
    stage->step = step;
    stage->have = 0;
    stage->want = bytes;
}

/* An id that is not 0 and not in use. */
static uint32_t new_connection_id(RedsState *server)
{
    uint32_t id;

    do {
        if (getrandom(&id, sizeof(id), 0) != sizeof(id))
            id = g_random_int();
    } while (!id || server_find_client(server, id));
    return id;
}

/* The last moment at which the stage owns the connection. */
static void tell_initialized(LinkStage *stage, const Client *client, const Channel *channel)
{
    RedsState *server = stage->server;
    SpiceChannelEventInfo *info = stream_info(stage->stream);

    info->connection_id = (int)client->connection_id;
    info->type = channel->type;
    info->id = channel->id;
    if (stream_is_tls(stage->stream))
        info->flags |= SPICE_CHANNEL_EVENT_FLAG_TLS;
    stage_free(stage);
    server_channel_event(server, SPICE_CHANNEL_EVENT_INITIALIZED, info);
}

static void connect_main(LinkStage *stage, Channel *channel, const Link *link)
{
    RedsState *server = stage->server;
    uint32_t id = stage->mess.connection_id;
    Link connect = *link;
    Client *client;

    if (!server->config.allow_multiple_clients)
        server_disconnect_all(server);
    if (!send_result(stage, SPICE_LINK_ERR_OK)) {
        link_stage_cancel(stage);
        return;
    }
    client = client_new(server, id ? id : new_connection_id(server), id != 0);
    connect.migration = client->target;
    tell_initialized(stage, client, channel);
    if (client->target)
        caravan_client_arrives(server->caravan, client);
    channel_connect(channel, client, &connect);
}

static void connect_other(LinkStage *stage, Channel *channel, const Link *link)
{
    Client *client = server_find_client(stage->server, stage->mess.connection_id);

    if (!client || client->disconnecting) {
        WARN_LIMITED("link: channel %u:%u for a connection id that nobody has", channel->type, channel->id);
        refuse_result(stage, SPICE_LINK_ERR_BAD_CONNECTION_ID);
        return;
    }
    if (!send_result(stage, SPICE_LINK_ERR_OK)) {
        link_stage_cancel(stage);
        return;
    }
    tell_initialized(stage, client, channel);
    client_link_channel(client, channel, link);
}

static Channel *find_channel(LinkStage *stage)
{
    /* Whatever id a client names for main, there is one. */
    uint8_t id = stage->mess.channel_type == SPICE_CHANNEL_MAIN ? 0 : stage->mess.channel_id;

    return server_find_channel(stage->server, stage->mess.channel_type, id);
}

void link_stage_authenticated(LinkStage *stage)
{
    Channel *channel = find_channel(stage);
    Client *client = server_find_client(stage->server, stage->mess.connection_id);
    Link link = {
        .stream = stage->stream,
        .mini_header = caps_test(stage->mess.common_caps, stage->mess.n_common_caps, SPICE_COMMON_CAP_MINI_HEADER),
        .common_caps = stage->mess.n_common_caps ? stage->mess.common_caps[0] : 0,
        .channel_caps = stage->mess.n_channel_caps ? stage->mess.channel_caps[0] : 0,
        .low_bandwidth = client && client->low_bandwidth,
    };

    if (!channel) {
        refuse_result(stage, SPICE_LINK_ERR_CHANNEL_NOT_AVAILABLE);
        return;
    }
    /* The watch goes before the channel sets its own on the same socket. */
    loop_watch_free(stage->watch);
    stage->watch = NULL;
    if (channel->type == SPICE_CHANNEL_MAIN)
        connect_main(stage, channel, &link);
    else
        connect_other(stage, channel, &link);
}

/* With SASL a ticket is no proof, but who needs none may send one. */
static bool takes_ticket(const LinkStage *stage)
{
    return !stage->server->config.sasl || stage->skip_auth;
}

static bool client_can(const LinkStage *stage, unsigned common_cap)
{
    return caps_test(stage->mess.common_caps, stage->mess.n_common_caps, common_cap);
}

static bool ticket_is_right(LinkStage *stage)
{
    const ServerConfig *config = &stage->server->config;
    g_autofree char *password = ticket_decrypt(stage->key, stage->buffer);
    bool right;

    if (!password)
        return false;
    if (!config->ticketing || stage->skip_auth)
        return true;
    right = config->password && config->password[0] &&
            config->password_expiry >= g_get_monotonic_time() / G_USEC_PER_SEC &&
            ticket_equal(password, config->password);
    return right;
}

/* SPICE_LINK_ERR_OK, or what the client is to do about it: come back with TLS, or without. */
static uint32_t check_security(const LinkStage *stage)
{
    int security = server_channel_security(stage->server, stage->mess.channel_type);

    if (stream_is_tls(stage->stream))
        return security & SPICE_CHANNEL_SECURITY_SSL ? SPICE_LINK_ERR_OK : SPICE_LINK_ERR_NEED_UNSECURED;
    return security & SPICE_CHANNEL_SECURITY_NONE ? SPICE_LINK_ERR_OK : SPICE_LINK_ERR_NEED_SECURED;
}

static void handle_mess(LinkStage *stage)
{
    WireReader r = wire_reader(stage->buffer, stage->header.size);
    g_autoptr(GError) error = NULL;
    uint32_t common =
        COMMON_CAPS | 1u << (takes_ticket(stage) ? SPICE_COMMON_CAP_AUTH_SPICE : SPICE_COMMON_CAP_AUTH_SASL);
    LinkReply reply = {.n_common_caps = 1, .common_caps = &common};
    uint32_t security;
    Channel *channel;

    if (!link_mess_decode(&r, &stage->mess, &error)) {
        WARN_LIMITED("link: %s", error->message);
        link_stage_refuse(stage, SPICE_LINK_ERR_INVALID_DATA);
        return;
    }
    security = check_security(stage);
    if (security != SPICE_LINK_ERR_OK) { /* in the order of things: clients that may do both try without TLS first */
        g_info("link: channel %u:%u %s TLS", stage->mess.channel_type, stage->mess.channel_id,
               security == SPICE_LINK_ERR_NEED_SECURED ? "needs" : "is not for");
        link_stage_refuse(stage, security);
        return;
    }
    channel = find_channel(stage);
    if (!channel) {
        WARN_LIMITED("link: there is no channel %u:%u", stage->mess.channel_type, stage->mess.channel_id);
        link_stage_cancel(stage);
        return;
    }
    if (channel->caps) {
        reply.n_channel_caps = 1;
        reply.channel_caps = &channel->caps;
    }
    if (takes_ticket(stage) || !client_can(stage, SPICE_COMMON_CAP_AUTH_SASL)) {
        stage->key = ticket_key_new(reply.pub_key);
        if (!stage->key) {
            WARN_LIMITED("link: no RSA key to be had");
            link_stage_refuse(stage, SPICE_LINK_ERR_ERROR);
            return;
        }
    }
    if (!send_reply(stage, &reply)) {
        link_stage_cancel(stage);
    } else if (client_can(stage, SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION)) {
        link_stage_expect(stage, STEP_MECHANISM, 4);
    } else if (takes_ticket(stage)) {
        link_stage_expect(stage, STEP_TICKET, TICKET_SIZE);
    } else {
        WARN_LIMITED("link: the client knows no other authentication than a ticket");
        link_stage_refuse(stage, SPICE_LINK_ERR_VERSION_MISMATCH);
    }
}

static void handle_mechanism(LinkStage *stage, uint32_t mechanism)
{
    if (mechanism == SPICE_COMMON_CAP_AUTH_SPICE && takes_ticket(stage) && stage->key) {
        link_stage_expect(stage, STEP_TICKET, TICKET_SIZE);
    } else if (mechanism == SPICE_COMMON_CAP_AUTH_SASL && stage->server->config.sasl) {
        link_sasl_begin(stage);
    } else {
        WARN_LIMITED("link: authentication mechanism %u is not on offer", mechanism);
        link_stage_refuse(stage, SPICE_LINK_ERR_INVALID_DATA);
    }
}

/* Bytes of a request have come. False: the stage is gone. */
static bool handle_request(LinkStage *stage)
{
    const char *request = (const char *)stage->buffer;
    g_autoptr(GError) error = NULL;
    g_autofree char *answer = NULL;

    if (!websocket_request_size(request, stage->have) && stage->have < stage->want)
        return true;
    answer = websocket_answer(request, stage->have, &error);
    if (!answer) {
        WARN_LIMITED("link: %s", error->message);
        link_stage_refuse(stage, SPICE_LINK_ERR_INVALID_MAGIC);
        return false;
    }
    if (!stream_write_all(stage->stream, answer, strlen(answer))) {
        link_stage_cancel(stage);
        return false;
    }
    stream_push_websocket(stage->stream);
    stage->upgraded = true;
    link_stage_expect(stage, STEP_MAGIC, 4);
    return true;
}

/* The first four bytes. False: the stage is gone. */
static bool handle_magic(LinkStage *stage)
{
    WireReader r = wire_reader(stage->buffer, stage->have);

    if (wire_read_u32(&r) == SPICE_MAGIC) {
        stage->step = STEP_HEADER;
        stage->want = LINK_HEADER_SIZE;
        return true;
    }
    if (!stage->upgraded && memcmp(stage->buffer, WEBSOCKET_GET, stage->have) == 0) {
        G_STATIC_ASSERT(WEBSOCKET_MAX_REQUEST <= sizeof(stage->buffer));
        stage->step = STEP_REQUEST;
        stage->want = WEBSOCKET_MAX_REQUEST;
        return true;
    }
    WARN_LIMITED("link: the connection does not speak SPICE");
    link_stage_refuse(stage, SPICE_LINK_ERR_INVALID_MAGIC);
    return false;
}

/* The step's bytes are complete. The stage may be gone afterwards: false. */
static bool handle_step(LinkStage *stage)
{
    RedsState *server = stage->server;
    uint32_t link_error;
    WireReader r = wire_reader(stage->buffer, stage->have);

    switch (stage->step) {
    case STEP_HANDSHAKE:
        break;
    case STEP_MAGIC:
        return handle_magic(stage);
    case STEP_REQUEST:
        return handle_request(stage);
    case STEP_HEADER:
        link_header_decode(&r, &stage->header, NULL);
        link_error = link_header_check(&stage->header);
        if (link_error) {
            WARN_LIMITED("link: header of version %u.%u with a message of %u bytes is refused", stage->header.major,
                         stage->header.minor, stage->header.size);
            link_stage_refuse(stage, link_error);
            return false;
        }
        link_stage_expect(stage, STEP_MESS, stage->header.size);
        break;
    case STEP_MESS:
        handle_mess(stage);
        break;
    case STEP_MECHANISM:
        handle_mechanism(stage, wire_read_u32(&r));
        break;
    case STEP_TICKET:
        if (ticket_is_right(stage)) {
            link_stage_authenticated(stage);
        } else {
            WARN_LIMITED("link: wrong or expired password");
            refuse_result(stage, SPICE_LINK_ERR_PERMISSION_DENIED);
        }
        return false;
    default:
        return link_sasl_handle(stage);
    }
    return g_queue_find(&server->links, stage) != NULL;
}

static void watch_stream(LinkStage *stage)
{
    loop_watch_set_mask(stage->watch,
                        SPICE_WATCH_EVENT_READ | (stream_wants_write(stage->stream) ? SPICE_WATCH_EVENT_WRITE : 0));
}

/* False: it is not done yet, or the stage is gone. */
static bool shake_hands(LinkStage *stage)
{
    int result = stream_handshake(stage->stream);

    if (result < 0)
        link_stage_cancel(stage);
    else if (result == 0)
        watch_stream(stage);
    else
        link_stage_expect(stage, STEP_MAGIC, 4);
    return result > 0;
}

static void on_ready(int fd, int events, void *opaque)
{
    LinkStage *stage = opaque;

    if (stage->step == STEP_HANDSHAKE && !shake_hands(stage))
        return;
    for (;;) {
        ssize_t n = stream_read(stage->stream, stage->buffer + stage->have, stage->want - stage->have);

        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch_stream(stage);
            return;
        }
        if (n <= 0) {
            link_stage_cancel(stage);
            return;
        }
        stage->have += (size_t)n;
        if ((stage->have == stage->want || stage->step == STEP_REQUEST) && !handle_step(stage))
            return;
    }
}

static void on_timeout(void *opaque)
{
    g_info("link: nothing came in time");
    link_stage_cancel(opaque);
}

static Stream *open_stream(RedsState *server, int fd, bool tls)
{
    g_autoptr(GError) error = NULL;
    Stream *stream = stream_new(fd);

    if (stream && tls && !stream_push_tls(stream, server->tls, &error)) {
        WARN_LIMITED("link: %s", error->message);
        g_free(stream_info(stream));
        stream_free(stream);
        return NULL;
    }
    return stream;
}

bool link_stage_start(RedsState *server, int fd, bool skip_auth, bool tls)
{
    Stream *stream = open_stream(server, fd, tls);
    LinkStage *stage;

    if (!stream)
        return false;
    stage = g_new0(LinkStage, 1);
    stage->server = server;
    stage->stream = stream;
    stage->skip_auth = skip_auth;
    link_stage_expect(stage, tls ? STEP_HANDSHAKE : STEP_MAGIC, 4);
    server_channel_event(server, SPICE_CHANNEL_EVENT_CONNECTED, stream_info(stream));
    g_queue_push_tail(&server->links, stage);
    if (server->links.length > MAX_LINKS)
        link_stage_cancel(server->links.head->data);
    stage->timer = loop_timer_new(server->loop, on_timeout, stage);
    loop_timer_start(stage->timer, LINK_TIMEOUT_MS);
    stage->watch = loop_watch_new(server->loop, stream_fd(stream), SPICE_WATCH_EVENT_READ, on_ready, stage);
    return true;
}
