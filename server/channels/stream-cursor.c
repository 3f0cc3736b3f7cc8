/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/stream-cursor.h"

#include "common/wire/msg-cursor.h"
#include "server/channels/main-channel.h"
#include "server/core/channel-client.h"

#include <spice/protocol.h>

#define MESSAGE_MAX 1024

struct StreamCursor {
    Channel channel;
    CursorShape *shape; /* NULL = none */
    bool visible;
    int16_t x, y;
};

/* Shapes have no key, so no client keeps them. */
static WireCursor wire_cursor(const CursorShape *shape)
{
    WireCursor w = {.flags = SPICE_CURSOR_FLAGS_NONE};
    gsize size;

    if (!shape)
        return w;
    w = (WireCursor){
        .type = shape->type,
        .width = shape->width,
        .height = shape->height,
        .hot_spot_x = shape->hot_x,
        .hot_spot_y = shape->hot_y,
    };
    w.data = g_bytes_get_data(shape->data, &size);
    w.size = size;
    return w;
}

static void push_init(ChannelClient *cc)
{
    const StreamCursor *cursor = (StreamCursor *)cc->channel;
    g_auto(WireWriter) body = {0};
    MsgCursorInit m = {
        .position = {cursor->x, cursor->y},
        .visible = cursor->visible,
        .cursor = wire_cursor(cursor->shape),
    };

    msg_cursor_init_encode(&body, &m);
    channel_client_push_body(cc, SPICE_MSG_CURSOR_INIT, &body);
}

static void tell_all(StreamCursor *cursor, uint16_t type, const WireWriter *body)
{
    for (GList *l = cursor->channel.clients, *next; l; l = next) {
        g_auto(WireWriter) copy = {0};

        next = l->next;
        wire_write_bytes(&copy, body->data, body->size);
        channel_client_push_body(l->data, type, &copy);
    }
}

void stream_cursor_set(StreamCursor *cursor, CursorShape *shape)
{
    g_auto(WireWriter) body = {0};
    MsgCursorSet m = {.visible = 1};

    cursor_shape_unref(cursor->shape);
    cursor->shape = shape ? cursor_shape_ref(shape) : NULL;
    cursor->visible = shape != NULL;
    if (!shape) {
        tell_all(cursor, SPICE_MSG_CURSOR_HIDE, &body);
        return;
    }
    m.cursor = wire_cursor(shape);
    msg_cursor_set_encode(&body, &m);
    tell_all(cursor, SPICE_MSG_CURSOR_SET, &body);
}

void stream_cursor_move(StreamCursor *cursor, int32_t x, int32_t y)
{
    bool was_hidden = !cursor->visible;
    g_auto(WireWriter) body = {0};
    MsgCursorMove m;

    cursor->x = (int16_t)CLAMP(x, G_MININT16, G_MAXINT16);
    cursor->y = (int16_t)CLAMP(y, G_MININT16, G_MAXINT16);
    cursor->visible = true;
    /* In client mode the client moves the pointer itself. */
    if (main_channel_mouse_mode(cursor->channel.server->main) == SPICE_MOUSE_MODE_CLIENT && !was_hidden)
        return;
    m.position = (Point16){cursor->x, cursor->y};
    msg_cursor_move_encode(&body, &m);
    tell_all(cursor, SPICE_MSG_CURSOR_MOVE, &body);
}

void stream_cursor_reset(StreamCursor *cursor)
{
    cursor_shape_unref(cursor->shape);
    cursor->shape = NULL;
    cursor->visible = true;
    cursor->x = cursor->y = 0;
    for (GList *l = cursor->channel.clients, *next; l; l = next) {
        ChannelClient *cc = channel_client_ref(l->data);

        next = l->next;
        channel_client_push_empty(cc, SPICE_MSG_CURSOR_RESET); /* until an INIT comes a client ignores the rest */
        push_init(cc);
        channel_client_unref(cc);
    }
}

static void cursor_connected(ChannelClient *cc)
{
    channel_client_push_set_ack(cc);
    if (!cc->link.migration) /* else it has had its INIT, and keeps the shape until the guest sets another one */
        push_init(cc);
}

static const ChannelOps cursor_ops = {
    .client_size = sizeof(ChannelClient),
    .acks = true,
    .max_message = MESSAGE_MAX,
    .connected = cursor_connected,
    .participant = {.name = "stream-cursor"},
};

StreamCursor *stream_cursor_new(RedsState *server, uint8_t id)
{
    StreamCursor *cursor = g_new0(StreamCursor, 1);

    cursor->visible = true;
    channel_init(&cursor->channel, server, &cursor_ops, SPICE_CHANNEL_CURSOR, id, server->loop, NULL);
    return cursor;
}

static void cursor_free(void *data)
{
    cursor_shape_unref(((StreamCursor *)data)->shape);
    g_free(data);
}

void stream_cursor_free(StreamCursor *cursor)
{
    channel_destroy(&cursor->channel);
    server_post(cursor->channel.server, cursor_free, cursor);
}
