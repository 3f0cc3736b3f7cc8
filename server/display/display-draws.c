/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Drawing operations in the queue of a display connection.
 *
 * A client that holds approximations (LossyMap) must have the true pixels before an operation that makes other things
 * of them. They come from the server's canvas, which is what the client should have only as long as the operation has
 * not been rendered: it may have gone on since. Then the client gets the result as an image instead of the operation,
 * and so does every operation behind it that reads what was shown too early by that.
 */
#include "common/draw/canvas.h"
#include "server/core/server.h"
#include "server/display/client-stream.h"
#include "server/display/display-client.h"

#define RED_GROUP 2 /* low half of the ids of images that the server makes */

typedef struct DrawItem {
    PipeItem item;
    DisplayClient *dc;
    DrawOp *op;
    Drawable *drawable; /* a reference, NULL for what the server drew itself. Its owner_data is the list of its items */
    bool as_result;     /* not the operation is to be sent, but what it has led to */
    bool orphan;        /* the surface that it draws on is gone here (one with its id may be another one) */
    /* A frame of a video; else stream is NULL. */
    ClientStream *stream;
    uint32_t mm_time; /* when it came from the guest */
    bool sized;       /* see client_stream_send() */
    unsigned round;   /* of the worker, in which it came */
} DrawItem;

/* What 8BIT_A has of an area, which is all or nothing, as a mask. */
static Image *mask_new(const Image *alpha, uint64_t id)
{
    const uint8_t *pixels = bitmap_peek(&alpha->bitmap);
    size_t stride = bitmap_row_bytes(SPICE_BITMAP_FMT_1BIT_BE, alpha->width);
    uint8_t *bits = g_malloc0(stride * alpha->height);

    for (uint32_t y = 0; y < alpha->height; y++)
        for (uint32_t x = 0; x < alpha->width; x++)
            if (pixels[(size_t)y * alpha->bitmap.stride + x])
                bits[y * stride + x / 8] |= (uint8_t)(0x80 >> x % 8);
    return image_new_bitmap(id, SPICE_BITMAP_FMT_1BIT_BE, true, alpha->width, alpha->height,
                            g_bytes_new_take(bits, stride * alpha->height), NULL);
}

/* The present pixels of `area`, without rendering anything, as one or two operations. Clients cannot draw pictures on
 * surfaces of one bit (spice-gtk ends itself): those are cleared, and set where a mask says so. */
static unsigned image_ops_new(DisplayChannel *display, const Surface *surface, const Rect *area, DrawOp *ops[2])
{
    uint64_t id = (uint64_t)display->next_image_id++ << 32 | RED_GROUP;
    Image *image = canvas_read(surface->canvas, area, id, surface->id != 0);

    if (surface->format != SPICE_SURFACE_FMT_1_A) {
        ops[0] = draw_op_new(QXL_DRAW_COPY, surface->id, area);
        ops[0]->effect = QXL_EFFECT_OPAQUE;
        ops[0]->u.copy.rop = SPICE_ROPD_OP_PUT;
        ops[0]->u.copy.src = image;
        ops[0]->u.copy.src_area = (Rect){0, 0, area->right - area->left, area->bottom - area->top};
        return 1;
    }
    ops[0] = draw_op_new(QXL_DRAW_BLACKNESS, surface->id, area);
    ops[0]->effect = QXL_EFFECT_OPAQUE;
    ops[1] = draw_op_new(QXL_DRAW_WHITENESS, surface->id, area);
    ops[1]->effect = QXL_EFFECT_BLEND;
    ops[1]->u.solid.mask.image = mask_new(image, id);
    image_unref(image);
    return 2;
}

/* --- sending --- */

static void send_image(DisplayClient *dc, uint32_t surface_id, const Rect *area, bool exact)
{
    DisplayChannel *display = display_client_channel(dc);
    DrawOp *ops[2];
    unsigned n = image_ops_new(display, display->surfaces[surface_id], area, ops);

    for (unsigned i = 0; i < n; i++) {
        display_send_op(dc, ops[i], exact);
        draw_op_unref(ops[i]);
    }
}

/* The client gets the areas as they are before the drawable, which is pending: so is everything that is newer, on its
 * surface and on those that it reads. */
static void restore_areas(DisplayClient *dc, Drawable *drawable, const GArray *areas)
{
    DisplayChannel *display = display_client_channel(dc);

    for (guint i = 0; i < areas->len; i++) {
        const SurfaceArea *a = &g_array_index(areas, SurfaceArea, i);

        if (a->surface_id == drawable->op->surface_id)
            draw_tree_render_before(display->tree, drawable, &a->area);
        else
            draw_tree_render_area(display->tree, a->surface_id, &a->area);
        send_image(dc, a->surface_id, &a->area, true);
    }
}

static const PipeItemOps draw_item_ops;

/* `areas` show at the client what they should later: what reads them must not be done there. */
static void mark_readers(DisplayClient *dc, GArray *areas)
{
    for (GList *l = dc->cc.pipe.head; l; l = l->next) {
        DrawItem *draw = l->data;

        if (draw->item.ops != &draw_item_ops || !draw->drawable || draw->drawable->pending || draw->as_result ||
            !lossy_op_reads(draw->op, areas))
            continue;
        draw->as_result = true;
        SurfaceArea area = {draw->op->surface_id, draw->op->box};
        g_array_append_val(areas, area);
    }
}

/* The drawable was rendered. */
static void send_result(DisplayClient *dc, const DrawItem *draw)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
    SurfaceArea area = {draw->op->surface_id, draw->op->box};

    if (draw->orphan) { /* nobody has its pixels any more; what shows them elsewhere is sent as a result, too */
        display_send_op(dc, draw->op, false);
        lossy_map_spoil(dc->lossy, draw->op);
        return;
    }
    send_image(dc, area.surface_id, &area.area, false);
    g_array_append_val(areas, area);
    mark_readers(dc, areas);
}

static void draw_item_send(ChannelClient *cc, PipeItem *item)
{
    DisplayClient *dc = (DisplayClient *)cc;
    DrawItem *draw = (DrawItem *)item;
    g_autoptr(GArray) needs = NULL;

    if (draw->stream && client_stream_send(draw->stream, draw->op, draw->mm_time, draw->sized))
        return; /* what a video shows is no matter of the map: it is made good before anybody needs it */
    if (draw->drawable)
        needs = lossy_map_needs(dc->lossy, draw->op);
    if (draw->as_result || (needs && !draw->drawable->pending)) {
        send_result(dc, draw);
        return;
    }
    if (needs)
        restore_areas(dc, draw->drawable, needs);
    display_send_op(dc, draw->op, !draw->drawable);
}

/* --- the queue --- */

static void draw_item_free(PipeItem *item)
{
    DrawItem *draw = (DrawItem *)item;

    if (draw->drawable) {
        draw->drawable->owner_data = g_slist_remove(draw->drawable->owner_data, draw);
        drawable_unref(draw->drawable);
    }
    draw_op_unref(draw->op);
    g_slice_free(DrawItem, draw);
}

static const PipeItemOps draw_item_ops = {draw_item_send, draw_item_free};

static DrawItem *draw_item_new(DisplayClient *dc, DrawOp *op)
{
    DrawItem *draw = g_slice_new0(DrawItem);

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

void display_queue_op(DisplayClient *dc, DrawOp *op)
{
    channel_client_queue(&dc->cc, &draw_item_new(dc, op)->item);
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

void display_queue_surface_image(DisplayClient *dc, Surface *surface, const Rect *area)
{
    DisplayChannel *display = display_client_channel(dc);
    DrawOp *ops[2];
    unsigned n;

    draw_tree_render_area(display->tree, surface->id, area);
    n = image_ops_new(display, surface, area, ops);
    for (unsigned i = 0; i < n; i++) {
        channel_client_queue(&dc->cc, &draw_item_new(dc, ops[i])->item);
        draw_op_unref(ops[i]);
    }
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
    bool is_read = false;

    for (GList *l = dc->cc.pipe.tail, *previous; l; l = previous) {
        DrawItem *draw = l->data;

        previous = l->prev;
        if (draw->item.ops != &draw_item_ops)
            continue;
        if (draw->op->surface_id != id)
            is_read = is_read || reads_surface(draw->op, id);
        else if (is_read)
            draw->orphan = true;
        else
            channel_client_remove(&dc->cc, &draw->item);
    }
}
