/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a connection receives: frames, limits, the messages that all channels have. */
#include "server/core/channel-client-private.h"

#include "common/wire/header.h"
#include "common/wire/msg-common.h"
#include "server/net/stream.h"

#include <errno.h>
#include <poll.h>
#include <spice/enums.h>

/* Messages read in a row before other connections get their turn. */
#define MAX_RECEIVE 64
/* Answers that may wait for a client on a channel without ack window. */
#define MAX_ANSWERS 4096
/* Memory that an idle connection keeps for the next message body. */
#define KEEP_BODY_BYTES (256 * 1024)
/* How often a connection that is not read from is looked at. */
#define HANG_UP_MS 1000

static bool handle_message(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    WireReader r = wire_reader(body, size);

    switch (type) {
    case SPICE_MSGC_ACK_SYNC: {
        MsgcAckSync m;

        if (!msgc_ack_sync_decode(&r, &m, error))
            return false;
        cc->client_generation = m.generation;
        return true;
    }
    case SPICE_MSGC_ACK:
        channel_client_handle_ack(cc);
        return true;
    case SPICE_MSGC_MIGRATE_FLUSH_MARK:
        return channel_client_handle_flush_mark(cc, error);
    case SPICE_MSGC_MIGRATE_DATA:
        return channel_client_handle_migrate_data(cc, body, size, error);
    case SPICE_MSGC_DISCONNECTING:
        return true;
    case SPICE_MSGC_PONG: {
        WireReader pong = r;
        MsgcPong m;

        if (!msgc_pong_decode(&pong, &m, error))
            return false;
        if (!cc->channel->ops->handle)
            return true;
        break;
    }
    default:
        break;
    }
    if (cc->channel->ops->handle)
        return cc->channel->ops->handle(cc, type, body, size, error);
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u is not known here", type);
    return false;
}

static uint32_t size_limit(const ChannelClient *cc)
{
    const ChannelOps *ops = cc->channel->ops;

    /* Only who is to bring migration data may bring much. */
    return cc->in_type == SPICE_MSGC_MIGRATE_DATA && cc->wait_data ? MAX(ops->max_message, ops->max_migrate_data)
                                                                   : ops->max_message;
}

/* Reads into the present message; true when it is complete. */
static bool read_message(ChannelClient *cc)
{
    unsigned header_size = cc->link.mini_header ? DATA_HEADER_MINI_SIZE : DATA_HEADER_FULL_SIZE;
    ssize_t n;

    while (cc->in_header_size < header_size) {
        n = stream_read(cc->link.stream, cc->in_header + cc->in_header_size, header_size - cc->in_header_size);
        if (n <= 0)
            goto end;
        cc->in_header_size += (unsigned)n;
        if (cc->in_header_size == header_size) {
            WireReader r = wire_reader(cc->in_header, header_size);
            DataHeader header;

            data_header_decode(&r, &header, cc->link.mini_header, NULL);
            cc->in_type = header.type;
            cc->in_size = header.size;
            wire_writer_reset(&cc->in_body);
            if (cc->in_size > size_limit(cc)) {
                channel_client_drop(cc, "message too long");
                return false;
            }
        }
    }
    while (cc->in_body.size < cc->in_size) {
        /* Memory grows with what really arrives, not with what was announced. */
        size_t want = MIN(cc->in_size - cc->in_body.size, MAX(cc->in_body.size, 4096));
        uint8_t *p;

        wire_writer_reserve(&cc->in_body, want);
        p = cc->in_body.data + cc->in_body.size;
        n = stream_read(cc->link.stream, p, want);
        if (n <= 0)
            goto end;
        cc->in_body.size += (size_t)n;
    }
    cc->bytes_in += header_size + cc->in_size;
    cc->moved_at = g_get_monotonic_time();
    return true;
end:
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        g_info("channel %u:%u: closed by the client", cc->channel->type, cc->channel->id);
        channel_client_disconnect(cc);
    }
    return false;
}

static void receive(ChannelClient *cc)
{
    if (cc->receiving)
        return;
    cc->receiving = true;
    /* The watch is level triggered: what is left in the socket comes next. */
    for (unsigned n = 0; n < MAX_RECEIVE && cc->connected && !cc->paused && read_message(cc); n++) {
        g_autoptr(GError) error = NULL;

        cc->in_header_size = 0;
        if (!handle_message(cc, cc->in_type, cc->in_body.data, cc->in_body.size, &error))
            channel_client_drop(cc, error ? error->message : "bad message");
        else if (!cc->channel->ops->acks && cc->pipe.length > MAX_ANSWERS)
            channel_client_drop(cc, "the client asks and asks, but does not read the answers");
        if (cc->in_body.capacity > KEEP_BODY_BYTES)
            wire_writer_clear(&cc->in_body);
    }
    cc->receiving = false;
    if (!cc->connected || cc->paused)
        return;
    if (stream_pending(cc->link.stream))
        channel_client_read_again(cc);
    if (stream_wants_write(cc->link.stream))
        channel_client_set_watch(cc, cc->out.length > 0);
}

/* While reading is paused: has the client hung up? Otherwise: read what the stream itself may hold back, of which the
 * watch knows nothing. */
static void on_read_timer(void *opaque)
{
    ChannelClient *cc = channel_client_ref(opaque);

    if (cc->paused) {
        struct pollfd pfd = {.fd = stream_fd(cc->link.stream), .events = POLLRDHUP};

        if (poll(&pfd, 1, 0) > 0)
            channel_client_disconnect(cc);
        else
            loop_timer_start(cc->read_timer, HANG_UP_MS);
    } else {
        receive(cc);
    }
    channel_client_unref(cc);
}

static void start_read_timer(ChannelClient *cc, uint32_t ms)
{
    if (!cc->read_timer)
        cc->read_timer = loop_timer_new(cc->channel->loop, on_read_timer, cc);
    loop_timer_start(cc->read_timer, ms);
}

void channel_client_read_again(ChannelClient *cc)
{
    start_read_timer(cc, 0);
}

static void set_paused(ChannelClient *cc, bool paused)
{
    if (!cc->connected || cc->paused == paused)
        return;
    cc->paused = paused;
    channel_client_set_watch(cc, cc->out.length > 0);
    start_read_timer(cc, paused ? HANG_UP_MS : 0);
}

void channel_client_pause_reading(ChannelClient *cc)
{
    set_paused(cc, true);
}

void channel_client_resume_reading(ChannelClient *cc)
{
    set_paused(cc, false);
}

void channel_client_on_ready(int fd, int events, void *opaque)
{
    ChannelClient *cc = channel_client_ref(opaque);

    /* What the stream itself has to write goes out when it is read. */
    if (events & SPICE_WATCH_EVENT_READ || stream_wants_write(cc->link.stream))
        receive(cc);
    if (events & SPICE_WATCH_EVENT_WRITE)
        channel_client_pump(cc);
    channel_client_unref(cc);
}

bool channel_client_step(ChannelClient *cc, int ms)
{
    struct pollfd pfd = {.fd = stream_fd(cc->link.stream), .events = POLLIN};

    if (cc->out.length || stream_wants_write(cc->link.stream))
        pfd.events |= POLLOUT;
    poll(&pfd, 1, stream_pending(cc->link.stream) ? 0 : ms);
    channel_client_ref(cc);
    receive(cc);
    channel_client_pump(cc);
    bool connected = cc->connected;
    channel_client_unref(cc);
    return connected;
}
