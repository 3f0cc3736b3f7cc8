/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits in the queue of a display connection. */
#include "common/draw/canvas.h"
#include "common/wire/msg-display.h"
#include "server/core/client.h"
#include "server/display/display-client.h"

#include <spice/protocol.h>

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

    display_client_remove_surface((DisplayClient *)cc, s->id);
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
