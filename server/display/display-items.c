/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits in the queue of a display connection. */
#include "common/draw/canvas.h"
#include "common/wire/msg-display.h"
#include "server/core/client.h"
#include "server/core/server.h"
#include "server/display/client-stream.h"
#include "server/display/display-client.h"

#include <spice/protocol.h>

#define RED_GROUP 2

/* --- drawing operations --- */

typedef struct DrawItem {
    PipeItem item;
    DisplayClient *dc;
    DrawOp *op;
    Drawable *drawable; /* a reference, NULL for what the server drew itself. Its owner_data is the list of its items */
    /* A frame of a video; else stream is NULL. */
    ClientStream *stream;
    uint32_t mm_time; /* when it came from the guest */
    bool sized;       /* see client_stream_send() */
    unsigned round;   /* of the worker, in which it came */
} DrawItem;

static void draw_item_send(ChannelClient *cc, PipeItem *item)
{
    const DrawItem *draw = (DrawItem *)item;

    if (draw->stream && client_stream_send(draw->stream, draw->op, draw->mm_time, draw->sized))
        return;
    display_send_op((DisplayClient *)cc, draw->op);
}

static void draw_item_free(PipeItem *item)
{
    DrawItem *draw = (DrawItem *)item;

    if (draw->drawable) {
        draw->drawable->owner_data = g_slist_remove(draw->drawable->owner_data, draw);
        drawable_unref(draw->drawable);
    }
    draw_op_unref(draw->op);
    g_free(draw);
}

static const PipeItemOps draw_item_ops = {draw_item_send, draw_item_free};

static DrawItem *draw_item_new(DisplayClient *dc, DrawOp *op)
{
    DrawItem *draw = g_new0(DrawItem, 1);

    pipe_item_init(&draw->item, &draw_item_ops);
    draw->dc = dc;
    draw->op = draw_op_ref(op);
    draw->item.bytes = draw_op_bytes(op);
    return draw;
}

static DrawItem *drawable_item_new(DisplayClient *dc, Drawable *drawable)
{
    DrawItem *draw = draw_item_new(dc, drawable->op);

    draw->drawable = drawable_ref(drawable);
    drawable->owner_data = g_slist_prepend(drawable->owner_data, draw);
    return draw;
}

void display_queue_drawable(DisplayClient *dc, Drawable *drawable)
{
    channel_client_queue(&dc->cc, &drawable_item_new(dc, drawable)->item);
}

void display_queue_frame(DisplayClient *dc, Drawable *drawable, ClientStream *stream, bool sized, PipeItem *place)
{
    DrawItem *draw = drawable_item_new(dc, drawable);

    draw->stream = stream;
    draw->sized = sized;
    draw->round = worker_round(display_client_channel(dc)->worker);
    draw->mm_time = server_mm_time();
    if (draw->mm_time == 0)
        draw->mm_time = 1; /* 0 is no time to clients */
    if (place)
        channel_client_replace(&dc->cc, place, &draw->item);
    else
        channel_client_queue(&dc->cc, &draw->item);
}

static void count_dropped(const DrawItem *draw)
{
    /* If the client had no chance to take it, that says nothing about the client. */
    if (draw->stream && draw->round != worker_round(display_client_channel(draw->dc)->worker))
        client_stream_frame_dropped(draw->stream);
}

PipeItem *display_hold_frame(Drawable *frame, const ClientStream *stream)
{
    for (GSList *l = frame->owner_data; l; l = l->next) {
        DrawItem *draw = l->data;

        if (draw->stream != stream)
            continue;
        count_dropped(draw);
        frame->owner_data = g_slist_remove(frame->owner_data, draw);
        draw->drawable = NULL;
        drawable_unref(frame);
        return &draw->item;
    }
    return NULL;
}

void display_unqueue_frames(DisplayClient *dc, const ClientStream *stream)
{
    for (GList *l = dc->cc.pipe.head, *next; l; l = next) {
        PipeItem *item = l->data;

        next = l->next;
        if (item->ops == &draw_item_ops && ((DrawItem *)item)->stream == stream)
            channel_client_remove(&dc->cc, item);
    }
}

void display_queue_op(DisplayClient *dc, DrawOp *op)
{
    channel_client_queue(&dc->cc, &draw_item_new(dc, op)->item);
}

void display_unqueue_drawable(Drawable *drawable)
{
    while (drawable->owner_data) {
        DrawItem *draw = ((GSList *)drawable->owner_data)->data;

        count_dropped(draw);
        channel_client_remove(&draw->dc->cc, &draw->item);
    }
}

static bool reads_surface(const DrawOp *op, uint32_t id)
{
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
        if (op->deps[i] == (int32_t)id)
            return true;
    return false;
}

void display_unqueue_surface(DisplayClient *dc, uint32_t id)
{
    for (GList *l = dc->cc.pipe.tail, *previous; l; l = previous) {
        PipeItem *item = l->data;

        previous = l->prev;
        if (item->ops != &draw_item_ops)
            continue;
        if (((DrawItem *)item)->op->surface_id == id)
            channel_client_remove(&dc->cc, item);
        else if (reads_surface(((DrawItem *)item)->op, id))
            break;
    }
}

/* --- surfaces --- */

typedef struct SurfaceItem {
    PipeItem item;
    uint32_t id;
    uint32_t format, width, height;
} SurfaceItem;

static void surface_create_send(ChannelClient *cc, PipeItem *item)
{
    const SurfaceItem *s = (SurfaceItem *)item;
    g_auto(WireWriter) body = {0};
    MsgDisplaySurfaceCreate m = {
        .surface_id = s->id,
        .width = s->width,
        .height = s->height,
        .format = s->format,
        .flags = s->id == 0 ? SPICE_SURFACE_FLAGS_PRIMARY : 0,
    };

    display_client_set_surface((DisplayClient *)cc, s->id, s->format, s->width, s->height);
    msg_display_surface_create_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_DISPLAY_SURFACE_CREATE, &body, 0);
}

static void surface_destroy_send(ChannelClient *cc, PipeItem *item)
{
    const SurfaceItem *s = (SurfaceItem *)item;
    g_auto(WireWriter) body = {0};
    MsgDisplaySurfaceDestroy m = {s->id};

    g_hash_table_remove(((DisplayClient *)cc)->surfaces, GUINT_TO_POINTER(s->id));
    msg_display_surface_destroy_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_DISPLAY_SURFACE_DESTROY, &body, 0);
}

static const PipeItemOps surface_create_ops = {surface_create_send, NULL};
static const PipeItemOps surface_destroy_ops = {surface_destroy_send, NULL};

void display_queue_surface_create(DisplayClient *dc, const Surface *surface)
{
    SurfaceItem *s = g_new0(SurfaceItem, 1);

    pipe_item_init(&s->item, &surface_create_ops);
    s->id = surface->id;
    s->format = surface->format;
    s->width = surface->width;
    s->height = surface->height;
    g_hash_table_add(dc->promised, GUINT_TO_POINTER(surface->id));
    channel_client_queue(&dc->cc, &s->item);
}

void display_queue_surface_destroy(DisplayClient *dc, uint32_t id)
{
    SurfaceItem *s;

    if (!g_hash_table_remove(dc->promised, GUINT_TO_POINTER(id)))
        return;
    s = g_new0(SurfaceItem, 1);
    pipe_item_init(&s->item, &surface_destroy_ops);
    s->id = id;
    channel_client_queue(&dc->cc, &s->item);
}

void display_queue_surface_image(DisplayClient *dc, Surface *surface, const Rect *area)
{
    DisplayChannel *display = display_client_channel(dc);
    g_autoptr(DrawOp) op = NULL;

    draw_tree_render_area(display->tree, surface->id, area);
    op = draw_op_new(QXL_DRAW_COPY, surface->id, area);
    op->effect = QXL_EFFECT_OPAQUE;
    op->u.copy.rop = SPICE_ROPD_OP_PUT;
    op->u.copy.src =
        canvas_read(surface->canvas, area, (uint64_t)display->next_image_id++ << 32 | RED_GROUP, surface->id != 0);
    op->u.copy.src_area = (Rect){0, 0, area->right - area->left, area->bottom - area->top};
    display_queue_op(dc, op);
}

void display_queue_surface(DisplayClient *dc, Surface *surface)
{
    Rect whole = {0, 0, (int32_t)surface->width, (int32_t)surface->height};

    if (g_hash_table_contains(dc->promised, GUINT_TO_POINTER(surface->id)))
        return;
    draw_tree_render_surface(display_client_channel(dc)->tree, surface->id);
    display_queue_surface_create(dc, surface);
    display_queue_surface_image(dc, surface, &whole);
}

/* --- monitors, palettes --- */

static void monitors_send(ChannelClient *cc, PipeItem *item)
{
    const MonitorsConfig *config = display_client_channel((DisplayClient *)cc)->monitors;
    g_auto(WireWriter) body = {0};
    g_autofree WireHead *heads = NULL;
    MsgDisplayMonitorsConfig m = {0};

    if (!config || !channel_client_has_cap(cc, SPICE_DISPLAY_CAP_MONITORS_CONFIG))
        return;
    heads = g_new0(WireHead, config->count);
    for (unsigned i = 0; i < config->count; i++) {
        const QXLHead *head = &config->heads[i];

        if (head->width && head->height)
            heads[m.count++] = (WireHead){head->id, head->surface_id, head->width, head->height, head->x, head->y, 0};
    }
    m.max_allowed = config->max_allowed;
    m.heads = heads;
    msg_display_monitors_config_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_DISPLAY_MONITORS_CONFIG, &body, 0);
}

static const PipeItemOps monitors_ops = {monitors_send, NULL};

static void queue_plain(DisplayClient *dc, const PipeItemOps *ops)
{
    PipeItem *item = g_new0(PipeItem, 1);

    pipe_item_init(item, ops);
    channel_client_queue(&dc->cc, item);
}

void display_queue_monitors(DisplayClient *dc)
{
    queue_plain(dc, &monitors_ops);
}

static void inval_all_palettes_send(ChannelClient *cc, PipeItem *item)
{
    g_auto(WireWriter) body = {0};

    key_cache_clear(((DisplayClient *)cc)->palettes);
    channel_client_send(cc, SPICE_MSG_DISPLAY_INVAL_ALL_PALETTES, &body, 0);
}

static const PipeItemOps inval_all_palettes_ops = {inval_all_palettes_send, NULL};

void display_queue_inval_all_palettes(DisplayClient *dc)
{
    queue_plain(dc, &inval_all_palettes_ops);
}

/* --- reset of the image cache --- */

typedef struct ResetItem {
    PipeItem item;
    int64_t size;
} ResetItem;

static void cache_reset_send(ChannelClient *cc, PipeItem *item)
{
    DisplayClient *dc = (DisplayClient *)cc;
    g_auto(WireWriter) body = {0};
    ChannelSerial serials[255];
    ChannelWait waits[255];
    MsgDisplayInvalAllPixmaps m = {.wait_list = waits};
    size_t n = image_cache_reset(dc->cache_user, channel_client_next_serial(cc), ((ResetItem *)item)->size, serials);

    for (size_t i = 0; i < n; i++)
        if (client_has_channel(cc->client, SPICE_CHANNEL_DISPLAY, serials[i].channel_id))
            waits[m.wait_count++] = (ChannelWait){SPICE_CHANNEL_DISPLAY, serials[i].channel_id, serials[i].serial};
    msg_display_inval_all_pixmaps_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_DISPLAY_INVAL_ALL_PIXMAPS, &body, 0);
}

static const PipeItemOps cache_reset_ops = {cache_reset_send, NULL};

void display_queue_cache_reset(DisplayClient *dc, int64_t size)
{
    ResetItem *reset = g_new0(ResetItem, 1);

    pipe_item_init(&reset->item, &cache_reset_ops);
    reset->size = size;
    channel_client_queue(&dc->cc, &reset->item);
}
