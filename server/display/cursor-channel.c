/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/cursor-channel.h"

#include "common/wire/msg-cursor.h"
#include "server/core/channel-client.h"
#include "server/display/key-cache.h"

#include <spice/protocol.h>

#define MESSAGE_MAX 1024
#define RESET_FLUSH_MS (30 * 1000)

struct CursorChannel {
    Channel channel;
    Worker *worker;
    CursorShape *shape;              /* NULL = none */
    QXLReleaseInfoExt shape_release; /* of the command that set it */
    bool visible;
    int16_t x, y;
    uint16_t trail_length, trail_frequency;
    uint32_t mouse_mode; /* SPICE_MOUSE_MODE_* */
};

typedef struct CursorClient {
    ChannelClient cc;
    KeyCache *shapes;
    bool arriving; /* came by migration, the VM does not run yet: it knows the state */
    bool greeted;  /* had INIT and no RESET since: clients do not take another one */
} CursorClient;

/* --- messages --- */

/* How the shape travels to this client; what that evicts from its cache is told right after. */
static WireCursor wire_cursor(CursorClient *client, const CursorShape *shape, uint64_t *evicted)
{
    WireCursor w = {.flags = SPICE_CURSOR_FLAGS_NONE};
    gsize size;

    *evicted = 0;
    if (!shape)
        return w;
    w = (WireCursor){
        .unique = shape->unique,
        .type = shape->type,
        .width = shape->width,
        .height = shape->height,
        .hot_spot_x = shape->hot_x,
        .hot_spot_y = shape->hot_y,
    };
    switch (key_cache_use(client->shapes, shape->unique, evicted)) {
    case KEY_CACHE_HIT:
        w.flags = SPICE_CURSOR_FLAGS_FROM_CACHE;
        return w;
    case KEY_CACHE_ADDED:
        w.flags = SPICE_CURSOR_FLAGS_CACHE_ME;
        break;
    case KEY_CACHE_OFF:
        break;
    }
    w.data = g_bytes_get_data(shape->data, &size);
    w.size = size;
    return w;
}

static void send_evicted(ChannelClient *cc, uint64_t evicted)
{
    g_auto(WireWriter) body = {0};
    MsgCursorInvalOne m = {evicted};

    if (!evicted)
        return;
    msg_cursor_inval_one_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_CURSOR_INVAL_ONE, &body, 0);
}

static void init_send(ChannelClient *cc, PipeItem *item)
{
    CursorClient *client = (CursorClient *)cc;
    const CursorChannel *cursor = (CursorChannel *)cc->channel;
    g_auto(WireWriter) body = {0};
    MsgCursorInit m = {
        .position = {cursor->x, cursor->y},
        .trail_length = cursor->trail_length,
        .trail_frequency = cursor->trail_frequency,
        .visible = cursor->visible,
    };
    uint64_t evicted;

    key_cache_clear(client->shapes);
    m.cursor = wire_cursor(client, cursor->shape, &evicted);
    msg_cursor_init_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_CURSOR_INIT, &body, 0);
}

static const PipeItemOps init_ops = {init_send, NULL};

static void inval_all_send(ChannelClient *cc, PipeItem *item)
{
    g_auto(WireWriter) body = {0};

    key_cache_clear(((CursorClient *)cc)->shapes);
    channel_client_send(cc, SPICE_MSG_CURSOR_INVAL_ALL, &body, 0);
}

static const PipeItemOps inval_all_ops = {inval_all_send, NULL};

typedef struct ShapeItem {
    PipeItem item;
    int16_t x, y;
    CursorShape *shape;
} ShapeItem;

static void shape_send(ChannelClient *cc, PipeItem *item)
{
    const ShapeItem *s = (ShapeItem *)item;
    g_auto(WireWriter) body = {0};
    MsgCursorSet m = {.position = {s->x, s->y}, .visible = ((CursorChannel *)cc->channel)->visible};
    uint64_t evicted;

    m.cursor = wire_cursor((CursorClient *)cc, s->shape, &evicted);
    msg_cursor_set_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_CURSOR_SET, &body, 0);
    send_evicted(cc, evicted);
}

static void shape_free(PipeItem *item)
{
    cursor_shape_unref(((ShapeItem *)item)->shape);
    g_free(item);
}

static const PipeItemOps shape_ops = {shape_send, shape_free};

static void queue_plain(ChannelClient *cc, const PipeItemOps *ops)
{
    PipeItem *item = g_new0(PipeItem, 1);

    pipe_item_init(item, ops);
    channel_client_queue(cc, item);
}

/* --- commands --- */

static void tell_set(CursorChannel *cursor, const CursorCommand *command)
{
    for (GList *l = cursor->channel.clients; l; l = l->next) {
        ShapeItem *s = g_new0(ShapeItem, 1);

        pipe_item_init(&s->item, &shape_ops);
        s->x = command->x;
        s->y = command->y;
        s->shape = cursor_shape_ref(cursor->shape);
        channel_client_queue(l->data, &s->item);
    }
}

static void tell_body(CursorChannel *cursor, uint16_t type, const WireWriter *body)
{
    for (GList *l = cursor->channel.clients, *next; l; l = next) {
        g_auto(WireWriter) copy = {0};

        next = l->next;
        wire_write_bytes(&copy, body->data, body->size);
        channel_client_push_body(l->data, type, &copy);
    }
}

static void set_shape(CursorChannel *cursor, CursorShape *shape, const QXLReleaseInfoExt *release)
{
    QXLReleaseInfoExt old = cursor->shape_release;

    cursor_shape_unref(cursor->shape);
    cursor->shape = shape;
    cursor->shape_release = release ? *release : (QXLReleaseInfoExt){0};
    worker_release(cursor->worker, &old);
}

static void handle_move(CursorChannel *cursor, const CursorCommand *command)
{
    bool was_hidden = !cursor->visible;
    g_auto(WireWriter) body = {0};
    MsgCursorMove m = {{command->x, command->y}};

    cursor->x = command->x;
    cursor->y = command->y;
    cursor->visible = true;
    /* In client mode the client moves the pointer itself. */
    if (cursor->mouse_mode == SPICE_MOUSE_MODE_CLIENT && !was_hidden)
        return;
    msg_cursor_move_encode(&body, &m);
    tell_body(cursor, SPICE_MSG_CURSOR_MOVE, &body);
}

static void handle_trail(CursorChannel *cursor, const CursorCommand *command)
{
    g_auto(WireWriter) body = {0};
    MsgCursorTrail m = {command->trail_length, command->trail_frequency};

    cursor->trail_length = command->trail_length;
    cursor->trail_frequency = command->trail_frequency;
    msg_cursor_trail_encode(&body, &m);
    tell_body(cursor, SPICE_MSG_CURSOR_TRAIL, &body);
}

void cursor_channel_command(CursorChannel *cursor, CursorCommand *command, const QXLReleaseInfoExt *release)
{
    g_auto(WireWriter) empty = {0};

    switch (command->type) {
    case QXL_CURSOR_SET:
        set_shape(cursor, command->shape, release);
        cursor->visible = command->visible;
        tell_set(cursor, command);
        return; /* the command is released with the shape */
    case QXL_CURSOR_MOVE:
        handle_move(cursor, command);
        break;
    case QXL_CURSOR_HIDE:
        cursor->visible = false;
        tell_body(cursor, SPICE_MSG_CURSOR_HIDE, &empty);
        break;
    case QXL_CURSOR_TRAIL:
        handle_trail(cursor, command);
        break;
    default:
        break;
    }
    worker_release(cursor->worker, release);
}

void cursor_channel_reset(CursorChannel *cursor)
{
    set_shape(cursor, NULL, NULL);
    cursor->visible = true;
    cursor->x = cursor->y = 0;
    cursor->trail_length = cursor->trail_frequency = 0;
    for (GList *l = cursor->channel.clients, *next; l; l = next) {
        CursorClient *client = l->data;

        next = l->next;
        /* The destination's cache starts empty, as the client's does: nothing to tell an arriving one. */
        if (client->arriving)
            continue;
        queue_plain(&client->cc, &inval_all_ops);
        channel_client_push_empty(&client->cc, SPICE_MSG_CURSOR_RESET);
        client->greeted = false;
    }
    channel_flush(&cursor->channel, RESET_FLUSH_MS);
}

static void greet(CursorClient *client)
{
    if (client->greeted)
        return;
    client->greeted = true;
    queue_plain(&client->cc, &init_ops);
    channel_client_pump(&client->cc);
}

void cursor_channel_greet(CursorChannel *cursor)
{
    for (GList *l = cursor->channel.clients, *next; l; l = next) {
        CursorClient *client = l->data;

        next = l->next;
        if (!client->arriving)
            greet(client);
    }
}

void cursor_channel_set_mouse_mode(CursorChannel *cursor, uint32_t mode)
{
    cursor->mouse_mode = mode;
}

void cursor_channel_vm_started(CursorChannel *cursor)
{
    for (GList *l = cursor->channel.clients; l; l = l->next)
        ((CursorClient *)l->data)->arriving = false;
}

/* --- connections --- */

static void cursor_connected(ChannelClient *cc)
{
    CursorClient *client = (CursorClient *)cc;
    CursorChannel *cursor = (CursorChannel *)cc->channel;

    client->shapes = key_cache_new(CURSOR_CACHE_SIZE);
    client->arriving = cc->link.migration && !worker_is_running(cursor->worker);
    channel_client_push_set_ack(cc);
    client->greeted = cc->link.migration; /* then it has shape and position already */
    greet(client);
}

static void cursor_disconnected(ChannelClient *cc)
{
    key_cache_free(((CursorClient *)cc)->shapes);
}

static void cursor_freeze(void *self)
{
    queue_plain(self, &inval_all_ops); /* the next host starts with an empty cache */
}

static const ChannelOps cursor_ops = {
    .client_size = sizeof(CursorClient),
    .acks = true,
    .max_message = MESSAGE_MAX,
    .connected = cursor_connected,
    .disconnected = cursor_disconnected,
    .participant = {.name = "cursor", .freeze = cursor_freeze},
};

CursorChannel *cursor_channel_new(Worker *worker)
{
    CursorChannel *cursor = g_new0(CursorChannel, 1);

    cursor->worker = worker;
    cursor->visible = true;
    cursor->mouse_mode = SPICE_MOUSE_MODE_SERVER;
    channel_init(&cursor->channel, worker_server(worker), &cursor_ops, SPICE_CHANNEL_CURSOR,
                 (uint8_t)worker_qxl(worker)->id, worker_loop(worker), worker_tasks(worker));
    return cursor;
}

void cursor_channel_free(CursorChannel *cursor)
{
    set_shape(cursor, NULL, NULL);
    g_free(cursor);
}
