/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/stream-display.h"

#include "common/wire/msg-display.h"
#include "common/wire/msg-draw.h"
#include "server/core/channel-client.h"

#include <spice/protocol.h>

#define MESSAGE_MAX 1024
#define N_STREAMS 50 /* ids that are used in turn */
#define REPORT_ID 1
#define REPORT_FRAMES 5
#define REPORT_MS 1000

struct StreamDisplay {
    Channel channel;
    const StreamDisplayOps *ops;
    void *owner;            /* NULL: it is gone */
    uint32_t width, height; /* 0 = no picture */
    uint8_t codec;
    bool has_stream;
    uint32_t stream_id; /* of the present stream, or the last one */
    unsigned unsent;    /* frames in queues */
};

typedef struct StreamDisplayClient {
    ChannelClient cc;
    bool has_surface, has_stream; /* when all that is queued has been sent */
    bool stale;                   /* it came by a migration and may have a picture and streams of the other host */
} StreamDisplayClient;

static StreamDisplay *display_of(ChannelClient *cc)
{
    return (StreamDisplay *)cc->channel;
}

/* --- what clients are told --- */

static void push_surface(StreamDisplayClient *client)
{
    const StreamDisplay *display = display_of(&client->cc);
    bool many_codecs = channel_client_has_cap(&client->cc, SPICE_DISPLAY_CAP_MULTI_CODEC);
    g_auto(WireWriter) body = {0};
    MsgDisplaySurfaceCreate m = {
        .width = display->width,
        .height = display->height,
        .format = SPICE_SURFACE_FMT_32_xRGB,
        .flags = SPICE_SURFACE_FLAGS_PRIMARY | (many_codecs ? SPICE_SURFACE_FLAGS_STREAMING_MODE : 0),
    };

    msg_display_surface_create_encode(&body, &m);
    channel_client_push_body(&client->cc, SPICE_MSG_DISPLAY_SURFACE_CREATE, &body);
    client->has_surface = true;
}

static void push_surface_destroy(StreamDisplayClient *client)
{
    g_auto(WireWriter) body = {0};
    MsgDisplaySurfaceDestroy m = {0};

    msg_display_surface_destroy_encode(&body, &m);
    channel_client_push_body(&client->cc, SPICE_MSG_DISPLAY_SURFACE_DESTROY, &body);
    client->has_surface = false;
}

static void push_monitors(StreamDisplayClient *client)
{
    const StreamDisplay *display = display_of(&client->cc);
    WireHead head = {.width = display->width, .height = display->height};
    MsgDisplayMonitorsConfig m = {.count = 1, .max_allowed = 1, .heads = &head};
    g_auto(WireWriter) body = {0};

    if (!channel_client_has_cap(&client->cc, SPICE_DISPLAY_CAP_MONITORS_CONFIG))
        return;
    msg_display_monitors_config_encode(&body, &m);
    channel_client_push_body(&client->cc, SPICE_MSG_DISPLAY_MONITORS_CONFIG, &body);
}

static void push_black(StreamDisplayClient *client)
{
    const StreamDisplay *display = display_of(&client->cc);
    Rect box = {0, 0, (int32_t)display->width, (int32_t)display->height};
    g_autoptr(DrawOp) op = draw_op_new(QXL_DRAW_FILL, 0, &box);
    g_auto(WireWriter) body = {0};

    op->effect = QXL_EFFECT_OPAQUE;
    op->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    op->u.fill.rop = SPICE_ROPD_OP_PUT;
    msg_draw_encode(&body, op, NULL, 0);
    channel_client_push_body(&client->cc, SPICE_MSG_DISPLAY_DRAW_FILL, &body);
}

static void push_stream_destroy(StreamDisplayClient *client, uint32_t id)
{
    g_auto(WireWriter) body = {0};
    MsgDisplayStreamDestroy m = {id};

    msg_display_stream_destroy_encode(&body, &m);
    channel_client_push_body(&client->cc, SPICE_MSG_DISPLAY_STREAM_DESTROY, &body);
    client->has_stream = false;
}

static bool can_decode(const StreamDisplayClient *client, uint8_t codec)
{
    int cap = msg_display_codec_cap(codec);

    if (codec == SPICE_VIDEO_CODEC_TYPE_MJPEG)
        return true;
    return cap >= 0 && channel_client_has_cap(&client->cc, SPICE_DISPLAY_CAP_MULTI_CODEC) &&
           channel_client_has_cap(&client->cc, (unsigned)cap);
}

static void push_stream(StreamDisplayClient *client)
{
    const StreamDisplay *display = display_of(&client->cc);
    g_auto(WireWriter) create = {0}, activate = {0};
    MsgDisplayStreamCreate m = {
        .id = display->stream_id,
        .flags = SPICE_STREAM_FLAGS_TOP_DOWN,
        .codec_type = display->codec,
        .stream_width = display->width,
        .stream_height = display->height,
        .src_width = display->width,
        .src_height = display->height,
        .dest = {0, 0, (int32_t)display->width, (int32_t)display->height},
    };
    MsgDisplayStreamActivateReport report = {display->stream_id, REPORT_ID, REPORT_FRAMES, REPORT_MS};

    if (!can_decode(client, display->codec))
        return; /* another client needed the guest to use a codec that this one lacks: it sees nothing */
    msg_display_stream_create_encode(&create, &m);
    channel_client_push_body(&client->cc, SPICE_MSG_DISPLAY_STREAM_CREATE, &create);
    client->has_stream = true;
    if (!channel_client_has_cap(&client->cc, SPICE_DISPLAY_CAP_STREAM_REPORT))
        return;
    msg_display_stream_activate_report_encode(&activate, &report);
    channel_client_push_body(&client->cc, SPICE_MSG_DISPLAY_STREAM_ACTIVATE_REPORT, &activate);
}

/* Nobody has told us what it has: all of it goes. What is not there does not matter to clients. */
static void clear_stale(StreamDisplayClient *client)
{
    if (!client->stale)
        return;
    client->stale = false;
    channel_client_push_empty(&client->cc, SPICE_MSG_DISPLAY_STREAM_DESTROY_ALL);
    push_surface_destroy(client);
}

/* `resized`: the picture has another size than the one that the client may have. */
static void begin_stream(StreamDisplayClient *client, uint32_t old_id, bool resized)
{
    clear_stale(client);
    if (client->has_stream)
        push_stream_destroy(client, old_id);
    if (resized && client->has_surface)
        push_surface_destroy(client);
    if (!client->has_surface) {
        push_surface(client);
        push_monitors(client);
        channel_client_push_empty(&client->cc, SPICE_MSG_DISPLAY_MARK);
    }
    push_stream(client);
}

/* Calls func for each client that is connected, while func may lose it. */
#define FOR_EACH_CLIENT(display, client)                                                                               \
    for (GList *l_ = (display)->channel.clients, *next_;                                                               \
         l_ && (next_ = l_->next, (client) = (StreamDisplayClient *)channel_client_ref(l_->data), true);               \
         channel_client_unref(&(client)->cc), l_ = next_)

void stream_display_format(StreamDisplay *display, uint32_t width, uint32_t height, uint8_t codec)
{
    bool resized = width != display->width || height != display->height;
    uint32_t old_id = display->stream_id;
    StreamDisplayClient *client;

    display->width = width;
    display->height = height;
    display->codec = codec;
    display->stream_id = (old_id + 1) % N_STREAMS;
    display->has_stream = true;
    FOR_EACH_CLIENT(display, client)
    begin_stream(client, old_id, resized);
}

void stream_display_reset(StreamDisplay *display)
{
    StreamDisplayClient *client;

    FOR_EACH_CLIENT(display, client)
    {
        if (client->has_stream)
            push_stream_destroy(client, display->stream_id);
        if (client->has_surface)
            push_surface_destroy(client);
    }
    display->width = display->height = 0;
    display->has_stream = false;
}

/* --- frames --- */

typedef struct FrameItem {
    PipeItem item;
    StreamDisplay *display;
    uint32_t stream_id, mm_time;
    GBytes *data;
} FrameItem;

static void frame_send(ChannelClient *cc, PipeItem *item)
{
    const FrameItem *frame = (FrameItem *)item;
    g_auto(WireWriter) body = {0};
    gsize size;
    MsgDisplayStreamData m = {.id = frame->stream_id, .multi_media_time = frame->mm_time};

    m.data = g_bytes_get_data(frame->data, &size);
    m.data_size = (uint32_t)size;
    msg_display_stream_data_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_DISPLAY_STREAM_DATA, &body, 0);
}

static void frame_free(PipeItem *item)
{
    FrameItem *frame = (FrameItem *)item;
    StreamDisplay *display = frame->display;

    g_bytes_unref(frame->data);
    g_free(frame);
    if (--display->unsent == 0 && display->owner)
        display->ops->sent(display->owner);
}

static const PipeItemOps frame_ops = {frame_send, frame_free};

void stream_display_frame(StreamDisplay *display, uint32_t mm_time, GBytes *data)
{
    StreamDisplayClient *client;

    if (!display->has_stream || g_bytes_get_size(data) == 0)
        return;
    FOR_EACH_CLIENT(display, client)
    {
        FrameItem *frame;

        if (!client->has_stream)
            continue;
        frame = g_new0(FrameItem, 1);
        pipe_item_init(&frame->item, &frame_ops);
        frame->display = display;
        frame->stream_id = display->stream_id;
        frame->mm_time = mm_time ? mm_time : 1; /* clients take 0 for an error */
        frame->data = g_bytes_ref(data);
        display->unsent++;
        channel_client_push(&client->cc, &frame->item);
    }
}

bool stream_display_is_busy(const StreamDisplay *display)
{
    return display->unsent > 0;
}

/* --- clients --- */

bool stream_display_has_clients(const StreamDisplay *display)
{
    return display->channel.clients != NULL;
}

uint8_t stream_display_codecs(const StreamDisplay *display, uint8_t *codecs)
{
    uint8_t n = 0;

    for (unsigned codec = SPICE_VIDEO_CODEC_TYPE_MJPEG; codec < SPICE_VIDEO_CODEC_TYPE_ENUM_END; codec++) {
        bool all = true;

        for (GList *l = display->channel.clients; l; l = l->next)
            all = all && can_decode(l->data, (uint8_t)codec);
        if (all && n < STREAM_CODECS_MAX)
            codecs[n++] = (uint8_t)codec;
    }
    return n;
}

static void display_connected(ChannelClient *cc)
{
    StreamDisplayClient *client = (StreamDisplayClient *)cc;
    StreamDisplay *display = display_of(cc);

    client->stale = cc->link.migration;
    if (display->owner)
        display->ops->clients_changed(display->owner);
    channel_client_push_set_ack(cc);
    if (client->stale)
        return; /* it keeps what it shows until the guest begins anew */
    channel_client_push_empty(cc, SPICE_MSG_DISPLAY_INVAL_ALL_PALETTES);
    if (!display->width)
        return;
    push_surface(client);
    push_monitors(client);
    push_black(client);
    channel_client_push_empty(cc, SPICE_MSG_DISPLAY_MARK);
}

static void display_disconnected(ChannelClient *cc)
{
    StreamDisplay *display = display_of(cc);

    if (!display->channel.clients)
        stream_display_reset(display);
    if (display->owner)
        display->ops->clients_changed(display->owner);
}

static bool display_handle(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    WireReader r = wire_reader(body, size);
    MsgcDisplayInit init;
    MsgcDisplayStreamReport report;
    MsgcDisplayPreferredCompression compression;
    MsgcDisplayPreferredVideoCodecType codecs;

    /* Images and caches it has none; the guest encodes, and does not want to hear how its frames arrive. */
    switch (type) {
    case SPICE_MSGC_PONG:
        return true;
    case SPICE_MSGC_DISPLAY_INIT:
        return msgc_display_init_decode(&r, &init, error);
    case SPICE_MSGC_DISPLAY_STREAM_REPORT:
        return msgc_display_stream_report_decode(&r, &report, error);
    case SPICE_MSGC_DISPLAY_PREFERRED_COMPRESSION:
        return msgc_display_preferred_compression_decode(&r, &compression, error);
    case SPICE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE:
        return msgc_display_preferred_video_codec_type_decode(&r, &codecs, error);
    default:
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u", type);
        return false;
    }
}

static const ChannelOps display_ops = {
    .client_size = sizeof(StreamDisplayClient),
    .acks = true,
    .max_message = MESSAGE_MAX,
    .connected = display_connected,
    .disconnected = display_disconnected,
    .handle = display_handle,
    .participant = {.name = "stream"},
};

StreamDisplay *stream_display_new(RedsState *server, uint8_t id, const StreamDisplayOps *ops, void *owner)
{
    StreamDisplay *display = g_new0(StreamDisplay, 1);

    display->ops = ops;
    display->owner = owner;
    display->channel.caps = 1u << SPICE_DISPLAY_CAP_MONITORS_CONFIG | 1u << SPICE_DISPLAY_CAP_STREAM_REPORT |
                            1u << SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE;
    channel_init(&display->channel, server, &display_ops, SPICE_CHANNEL_DISPLAY, id, server->loop, NULL);
    return display;
}

void stream_display_free(StreamDisplay *display)
{
    display->owner = NULL;
    channel_destroy(&display->channel);
    server_post(display->channel.server, g_free, display);
}

uint8_t stream_display_id(const StreamDisplay *display)
{
    return display->channel.id;
}
