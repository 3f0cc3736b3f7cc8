/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/channel-client-private.h"

#include "common/util/limited-warning.h"
#include "common/wire/header.h"
#include "common/wire/msg-common.h"
#include "server/core/client.h"
#include "server/core/server.h"
#include "server/net/stream.h"

#include <errno.h>
#include <spice/enums.h>
#include <unistd.h>

#define ACK_WINDOW 20
#define ACK_WINDOW_LOW_BANDWIDTH 40
/* Messages are gathered into one write until they weigh this much. */
#define GATHER_BYTES (64 * 1024)
#define GATHER_MESSAGES 48
/* What waits for a slow client: beyond this no more drawing commands are fetched. Of items that are so large no more
 * than PACE_MIN may wait, however fast the client is. */
#define LARGE_PIPE_BYTES (32 << 20)
#define MAX_PIPE_BYTES (128 << 20)

typedef struct OutMessage {
    uint8_t header[DATA_HEADER_FULL_SIZE];
    unsigned header_size;
    WireWriter body;
    size_t sent; /* bytes of header and body written so far */
    int fd;      /* to be sent when all of them were; -1 = none */
} OutMessage;

ChannelClient *channel_client_new(Channel *channel, Client *client, const Link *link)
{
    ChannelClient *cc = g_malloc0(channel->ops->client_size);

    cc->channel = channel;
    cc->client = client_ref(client);
    cc->link = *link;
    cc->refs = 1;
    cc->connected = true;
    g_queue_init(&cc->pipe);
    g_queue_init(&cc->out);
    pace_init(&cc->pace);
    cc->moved_at = g_get_monotonic_time();
    cc->client_generation = G_MAXUINT32;
    cc->ack_window = link->low_bandwidth ? ACK_WINDOW_LOW_BANDWIDTH : ACK_WINDOW;
    cc->wait_data = link->migration && (channel->ops->migrate_flags & SPICE_MIGRATE_NEED_DATA_TRANSFER);
    cc->watch =
        loop_watch_new(channel->loop, stream_fd(link->stream), SPICE_WATCH_EVENT_READ, channel_client_on_ready, cc);
    if (stream_pending(link->stream))
        channel_client_read_again(cc);
    channel->clients = g_list_prepend(channel->clients, cc);
    client_set_channel(client, channel->type, channel->id, true);
    return cc;
}

ChannelClient *channel_client_ref(ChannelClient *cc)
{
    cc->refs++;
    return cc;
}

void channel_client_unref(ChannelClient *cc)
{
    if (--cc->refs)
        return;
    wire_writer_clear(&cc->in_body);
    client_unref(cc->client);
    g_free(cc);
}

static void pipe_item_free(PipeItem *item)
{
    if (item->ops->free)
        item->ops->free(item);
    else
        g_free(item);
}

static void out_message_free(OutMessage *message)
{
    wire_writer_clear(&message->body);
    if (message->fd >= 0)
        close(message->fd);
    g_slice_free(OutMessage, message);
}

typedef struct GoneTask {
    Client *client;
    const Channel *channel; /* may be gone itself when the task runs */
    uint8_t type, id;
    bool waited;
} GoneTask;

/* Host context: the client's books are kept there. */
static void tell_client_gone(void *data)
{
    GoneTask *task = data;

    client_channel_gone(task->client, task->channel, task->type, task->id);
    /* Without main the client itself goes: it has not arrived. */
    if (task->waited && task->type != SPICE_CHANNEL_MAIN && !task->client->disconnecting)
        client_data_arrived(task->client);
    client_drop_if_left(task->client);
    client_unref(task->client);
    g_free(task);
}

void channel_client_disconnect(ChannelClient *cc)
{
    Channel *channel = cc->channel;
    SpiceChannelEventInfo *info;
    GoneTask *task;

    if (!cc->connected)
        return;
    cc->connected = false;
    channel->clients = g_list_remove(channel->clients, cc);
    client_set_channel(cc->client, channel->type, channel->id, false);
    loop_watch_free(cc->watch);
    cc->watch = NULL;
    loop_timer_free(cc->read_timer);
    cc->read_timer = NULL;
    while (cc->pipe.head)
        channel_client_remove(cc, cc->pipe.head->data);
    g_queue_clear_full(&cc->out, (GDestroyNotify)out_message_free);
    info = stream_info(cc->link.stream);
    stream_free(cc->link.stream);
    cc->link.stream = NULL;
    if (channel->ops->disconnected)
        channel->ops->disconnected(cc);
    server_channel_event(channel->server, SPICE_CHANNEL_EVENT_DISCONNECTED, info);

    task = g_new(GoneTask, 1);
    *task = (GoneTask){client_ref(cc->client), channel, channel->type, channel->id, cc->wait_data};
    if (loop_is_host(channel->loop))
        tell_client_gone(task);
    else
        server_post(channel->server, tell_client_gone, task);
    channel_client_unref(cc);
}

void channel_client_drop(ChannelClient *cc, const char *why)
{
    if (!cc->connected)
        return;
    WARN_LIMITED("channel %u:%u: %s; the connection is dropped", cc->channel->type, cc->channel->id, why);
    channel_client_disconnect(cc);
}

/* --- sending --- */

void pipe_item_init(PipeItem *item, const PipeItemOps *ops)
{
    item->ops = ops;
    item->link = (GList){.data = item};
}

static bool refuses(const ChannelClient *cc)
{
    return !cc->connected || cc->migrating;
}

void channel_client_enqueue(ChannelClient *cc, PipeItem *item, void (*push)(GQueue *queue, GList *link))
{
    if (!cc->pipe.length)
        pace_begin(&cc->pace, g_get_monotonic_time());
    cc->pipe_bytes += item->bytes;
    push(&cc->pipe, &item->link);
}

/* The caller owns the item afterwards. */
static void dequeue(ChannelClient *cc, PipeItem *item)
{
    cc->pipe_bytes -= item->bytes;
    g_queue_unlink(&cc->pipe, &item->link);
}

void channel_client_queue(ChannelClient *cc, PipeItem *item)
{
    if (refuses(cc))
        pipe_item_free(item);
    else
        channel_client_enqueue(cc, item, g_queue_push_tail_link);
}

void channel_client_queue_next(ChannelClient *cc, PipeItem *item)
{
    if (refuses(cc))
        pipe_item_free(item);
    else
        channel_client_enqueue(cc, item, g_queue_push_head_link);
}

void channel_client_push(ChannelClient *cc, PipeItem *item)
{
    channel_client_queue(cc, item);
    channel_client_pump(cc);
}

void channel_client_remove(ChannelClient *cc, PipeItem *item)
{
    dequeue(cc, item);
    pipe_item_free(item);
}

void channel_client_replace(ChannelClient *cc, PipeItem *old, PipeItem *item)
{
    cc->pipe_bytes += item->bytes;
    g_queue_insert_before_link(&cc->pipe, &old->link, &item->link);
    channel_client_remove(cc, old);
}

unsigned channel_client_pipe_length(const ChannelClient *cc)
{
    return cc->pipe.length;
}

bool channel_client_pipe_is_full(const ChannelClient *cc)
{
    return cc->pipe.length > (cc->pipe_bytes > LARGE_PIPE_BYTES ? PACE_MIN : cc->pace.limit) ||
           cc->pipe_bytes > MAX_PIPE_BYTES;
}

bool channel_client_is_stuck(const ChannelClient *cc, unsigned ms)
{
    return channel_client_pipe_is_full(cc) && g_get_monotonic_time() - cc->moved_at > (gint64)ms * 1000;
}

bool channel_client_is_idle(const ChannelClient *cc)
{
    return cc->pipe.length == 0 && cc->out.length == 0;
}

uint64_t channel_client_next_serial(const ChannelClient *cc)
{
    return cc->serial + 1;
}

void channel_client_set_next_serial(ChannelClient *cc, uint64_t serial)
{
    cc->serial = serial - 1;
}

bool channel_client_has_cap(const ChannelClient *cc, unsigned cap)
{
    return cap < 32 && (cc->link.channel_caps >> cap & 1);
}

static void send_message(ChannelClient *cc, uint16_t type, WireWriter *body, uint32_t sub_list, int fd)
{
    OutMessage *message = g_slice_new0(OutMessage);
    DataHeader header = {.serial = ++cc->serial, .type = type, .size = (uint32_t)body->size, .sub_list = sub_list};

    message->header_size = (unsigned)data_header_pack(message->header, &header, cc->link.mini_header);
    message->body = *body;
    message->fd = fd;
    wire_writer_init(body);
    g_queue_push_tail(&cc->out, message);
    cc->unacked++;
}

void channel_client_send(ChannelClient *cc, uint16_t type, WireWriter *body, uint32_t sub_list)
{
    send_message(cc, type, body, sub_list, -1);
}

void channel_client_send_fd(ChannelClient *cc, uint16_t type, WireWriter *body, int fd)
{
    send_message(cc, type, body, 0, fd);
}

void channel_client_set_watch(ChannelClient *cc, bool want_write)
{
    int mask = 0;

    if (!cc->paused) {
        mask = SPICE_WATCH_EVENT_READ;
        want_write = want_write || stream_wants_write(cc->link.stream);
    }
    loop_watch_set_mask(cc->watch, mask | (want_write ? SPICE_WATCH_EVENT_WRITE : 0));
}

static size_t unsent_bytes(const OutMessage *message)
{
    return message->header_size + message->body.size - message->sent;
}

/* The bytes of what is in `out`, up to the first message that a file descriptor follows. */
static int gather_bytes(ChannelClient *cc, struct iovec *iov, int max)
{
    /* A client that has read one message waits for its socket before it reads the next one, although that may have come
     * in the same TLS record: what is wrapped is wrapped message by message. */
    bool together = !stream_is_wrapped(cc->link.stream);
    int n = 0;

    for (GList *l = cc->out.head; l && n + 2 <= max && (together || n == 0); l = l->next) {
        OutMessage *m = l->data;
        size_t skip_body = m->sent > m->header_size ? m->sent - m->header_size : 0;

        if (m->sent < m->header_size)
            iov[n++] = (struct iovec){m->header + m->sent, m->header_size - m->sent};
        if (m->body.size > skip_body)
            iov[n++] = (struct iovec){m->body.data + skip_body, m->body.size - skip_body};
        if (m->fd >= 0)
            break;
    }
    return n;
}

/* One call of the socket. As write(2). */
static ssize_t write_some(ChannelClient *cc)
{
    OutMessage *head = cc->out.head->data;
    struct iovec iov[2 * GATHER_MESSAGES];
    ssize_t written;

    if (head->fd >= 0 && !unsent_bytes(head)) {
        written = stream_send_fd(cc->link.stream, head->fd);
        if (written > 0)
            out_message_free(g_queue_pop_head(&cc->out));
        return written;
    }
    written = stream_writev(cc->link.stream, iov, gather_bytes(cc, iov, G_N_ELEMENTS(iov)));
    for (size_t left = written > 0 ? (size_t)written : 0; left > 0 && cc->out.head;) {
        OutMessage *m = cc->out.head->data;
        size_t part = MIN(left, unsent_bytes(m));

        m->sent += part;
        left -= part;
        if (unsent_bytes(m) || m->fd >= 0)
            break;
        out_message_free(g_queue_pop_head(&cc->out));
    }
    return written;
}

/* Writes what is in `out`. False if the socket takes no more for now, or the connection is gone. */
static bool write_out(ChannelClient *cc)
{
    while (cc->out.length) {
        ssize_t written = write_some(cc);

        if (written < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                channel_client_set_watch(cc, true);
                return false;
            }
            g_info("channel %u:%u: write: %s", cc->channel->type, cc->channel->id, g_strerror(errno));
            /* Whoever queues something may be in the middle of anything, for instance of the list of connections:
             * the connection ends when its socket is read next, which is at once. */
            stream_shutdown(cc->link.stream);
            cc->paused = false;
            channel_client_set_watch(cc, false);
            return false;
        }
        cc->bytes_out += (uint64_t)written;
        cc->moved_at = g_get_monotonic_time();
    }
    channel_client_set_watch(cc, false);
    return true;
}

static bool window_is_open(const ChannelClient *cc)
{
    return !cc->closed_window && (!cc->channel->ops->acks || cc->unacked <= 2 * cc->ack_window);
}

static void gather(ChannelClient *cc)
{
    unsigned waiting = cc->pipe.length;
    size_t bytes = 0;

    while (cc->connected && cc->pipe.length && window_is_open(cc) && bytes < GATHER_BYTES &&
           cc->out.length < GATHER_MESSAGES) {
        PipeItem *item = cc->pipe.head->data;
        unsigned n = cc->out.length;

        dequeue(cc, item);
        item->ops->send(cc, item);
        pipe_item_free(item);
        for (GList *l = cc->out.tail; cc->out.length > n; l = l->prev, n++)
            bytes += ((OutMessage *)l->data)->body.size;
    }
    if (waiting)
        pace_sent(&cc->pace, waiting - MIN(cc->pipe.length, waiting), g_get_monotonic_time());
}

void channel_client_pump(ChannelClient *cc)
{
    if (cc->pushing || !cc->connected)
        return;
    cc->pushing = true;
    channel_client_ref(cc);
    while (cc->connected && write_out(cc)) {
        gather(cc);
        if (!cc->out.length)
            break;
    }
    cc->pushing = false;
    channel_client_unref(cc);
}

typedef struct BodyItem {
    PipeItem item;
    uint16_t type;
    WireWriter body;
} BodyItem;

static void body_item_send(ChannelClient *cc, PipeItem *item)
{
    BodyItem *b = (BodyItem *)item;

    channel_client_send(cc, b->type, &b->body, 0);
}

static void body_item_free(PipeItem *item)
{
    wire_writer_clear(&((BodyItem *)item)->body);
    g_free(item);
}

static const PipeItemOps body_item_ops = {body_item_send, body_item_free};

void channel_client_queue_body(ChannelClient *cc, uint16_t type, WireWriter *body)
{
    BodyItem *b = g_new0(BodyItem, 1);

    pipe_item_init(&b->item, &body_item_ops);
    b->type = type;
    b->body = *body;
    wire_writer_init(body);
    channel_client_queue(cc, &b->item);
}

void channel_client_push_body(ChannelClient *cc, uint16_t type, WireWriter *body)
{
    channel_client_queue_body(cc, type, body);
    channel_client_pump(cc);
}

void channel_client_push_empty(ChannelClient *cc, uint16_t type)
{
    g_auto(WireWriter) body = {0};

    channel_client_push_body(cc, type, &body);
}

/* --- ack window --- */

static void set_ack_send(ChannelClient *cc, PipeItem *item)
{
    g_auto(WireWriter) body = {0};
    MsgSetAck m = {.generation = ++cc->ack_generation, .window = cc->ack_window};

    cc->unacked = 0;
    msg_set_ack_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_SET_ACK, &body, 0);
}

static const PipeItemOps set_ack_ops = {set_ack_send, NULL};

void channel_client_push_set_ack(ChannelClient *cc)
{
    PipeItem *item = g_new0(PipeItem, 1);

    pipe_item_init(item, &set_ack_ops);
    channel_client_push(cc, item);
}

void channel_client_set_low_bandwidth(ChannelClient *cc)
{
    cc->link.low_bandwidth = true;
    cc->ack_window = ACK_WINDOW_LOW_BANDWIDTH;
}

void channel_client_close_window(ChannelClient *cc)
{
    cc->closed_window = true;
}

void channel_client_open_window(ChannelClient *cc)
{
    cc->closed_window = false;
    cc->unacked = 0;
    channel_client_pump(cc);
}

void channel_client_handle_ack(ChannelClient *cc)
{
    if (cc->client_generation != cc->ack_generation)
        return;
    cc->unacked -= MIN(cc->unacked, cc->ack_window);
    channel_client_pump(cc);
}
