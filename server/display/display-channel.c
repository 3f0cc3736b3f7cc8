/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/display-channel.h"

#include "common/util/limited-warning.h"
#include "server/display/client-stream.h"
#include "server/display/display-client.h"
#include "server/display/sendable.h"

#include <gio/gio.h>
#include <spice/protocol.h>
#include <string.h>

#define RED_GROUP 2 /* low half of the ids of images that the server makes */
#define FINISH_MS (30 * 1000)

/* --- tree --- */

static Canvas *find_canvas(uint32_t surface_id, void *opaque)
{
    DisplayChannel *display = opaque;

    return surface_id < display->n_surfaces && display->surfaces[surface_id] ? display->surfaces[surface_id]->canvas
                                                                             : NULL;
}

static void tree_render(Drawable *drawable, void *opaque)
{
    DisplayChannel *display = opaque;
    const DrawOp *op = drawable->op;
    Surface *surface = display->surfaces[op->surface_id];
    g_autoptr(GError) error = NULL;

    if (!canvas_draw(surface->canvas, op, find_canvas, display, &error)) {
        WARN_LIMITED("a drawing command cannot be performed: %s", error->message);
        return;
    }
    pixman_region32_union_rect(&surface->dirty, &surface->dirty, op->box.left, op->box.top,
                               (unsigned)(op->box.right - op->box.left), (unsigned)(op->box.bottom - op->box.top));
}

static void tree_dropped(Drawable *drawable, void *opaque)
{
    display_unqueue_drawable(drawable);
}

static const DrawTreeOps tree_ops = {.render = tree_render, .dropped = tree_dropped};

DisplayChannel *display_channel_new(Worker *worker)
{
    DisplayChannel *display = g_new0(DisplayChannel, 1);
    RedsState *server = worker_server(worker);
    QXLInstance *qxl = worker_qxl(worker);

    display->worker = worker;
    display->n_surfaces = worker_n_surfaces(worker);
    display->surfaces = g_new0(Surface *, display->n_surfaces);
    display->tree = draw_tree_new(&tree_ops, display);
    display->videos = video_streams_new(display, server->config.streaming_video, server->config.video_codecs);
    display->next_image_id = 1;
    display->max_monitors = 1;
    display->compression = server->config.image_compression;
    display->channel.caps = 1u << SPICE_DISPLAY_CAP_MONITORS_CONFIG | 1u << SPICE_DISPLAY_CAP_PREF_COMPRESSION |
                            1u << SPICE_DISPLAY_CAP_STREAM_REPORT | 1u << SPICE_DISPLAY_CAP_PREF_VIDEO_CODEC_TYPE;
    channel_init(&display->channel, server, &display_ops, SPICE_CHANNEL_DISPLAY, (uint8_t)qxl->id, worker_loop(worker),
                 worker_tasks(worker));
    return display;
}

static void surface_free(DisplayChannel *display, Surface *surface)
{
    display->surfaces[surface->id] = NULL;
    canvas_free(surface->canvas);
    pixman_region32_fini(&surface->dirty);
    worker_release(display->worker, &surface->release);
    g_free(surface);
}

void display_channel_free(DisplayChannel *display)
{
    video_streams_free(display->videos);
    draw_tree_free(display->tree);
    for (uint32_t id = 0; id < display->n_surfaces; id++)
        if (display->surfaces[id])
            surface_free(display, display->surfaces[id]);
    g_free(display->surfaces);
    g_free(display->monitors);
    g_free(display);
}

static Surface *find_surface(DisplayChannel *display, uint32_t id)
{
    return id < display->n_surfaces ? display->surfaces[id] : NULL;
}

/* --- drawing --- */

static bool refuse(GError **error, const char *what, uint32_t id)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s (surface %u)", what, id);
    return false;
}

static bool check_op(DisplayChannel *display, const DrawOp *op, GError **error)
{
    Surface *dest = find_surface(display, op->surface_id);

    if (!dest)
        return refuse(error, "it draws on a surface that does not exist", op->surface_id);
    if (op->box.left < 0 || op->box.top < 0 || op->box.right > (int32_t)dest->width ||
        op->box.bottom > (int32_t)dest->height) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "its box %d,%d-%d,%d lies outside the surface %u (%ux%u)",
                    op->box.left, op->box.top, op->box.right, op->box.bottom, op->surface_id, dest->width,
                    dest->height);
        return false;
    }
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
        if (op->deps[i] >= 0 && !find_surface(display, (uint32_t)op->deps[i]))
            return refuse(error, "it reads a surface that does not exist", (uint32_t)op->deps[i]);
    if (op->self_bitmap) {
        const Rect *a = &op->self_bitmap_area;

        if (rect_is_empty(a) || a->left < 0 || a->top < 0 || a->right > (int32_t)dest->width ||
            a->bottom > (int32_t)dest->height)
            return refuse(error, "its self bitmap lies outside the surface", op->surface_id);
    }
    return canvas_check(dest->canvas, op, find_canvas, display, error);
}

static uint64_t new_image_id(DisplayChannel *display)
{
    return (uint64_t)display->next_image_id++ << 32 | RED_GROUP;
}

/* The source that the command left out is what its destination shows now. */
static void take_self_bitmap(DisplayChannel *display, DrawOp *op)
{
    Surface *surface = display->surfaces[op->surface_id];
    Image **src = NULL;

    draw_tree_render_area(display->tree, op->surface_id, &op->self_bitmap_area);
    switch (op->type) {
    case QXL_DRAW_OPAQUE:
        src = &op->u.opaque.src;
        break;
    case QXL_DRAW_ROP3:
        src = &op->u.rop3.src;
        break;
    case QXL_DRAW_TRANSPARENT:
        src = &op->u.transparent.src;
        break;
    case QXL_DRAW_ALPHA_BLEND:
        src = &op->u.alpha_blend.src;
        break;
    case QXL_DRAW_COMPOSITE:
        src = &op->u.composite.src;
        break;
    default:
        return;
    }
    if (!*src)
        *src = canvas_read(surface->canvas, &op->self_bitmap_area, new_image_id(display), true);
}

/* Clients that do not have a surface of the operation yet get it first, as it is before the operation. */
static void promise_surfaces(DisplayChannel *display, DisplayClient *dc, const DrawOp *op)
{
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
        if (op->deps[i] >= 0)
            display_queue_surface(dc, display->surfaces[op->deps[i]]);
    display_queue_surface(dc, display->surfaces[op->surface_id]);
}

static void queue_drawable(DisplayChannel *display, DisplayClient *dc, VideoStream *stream, Drawable *drawable)
{
    const DrawOp *op = drawable->op;

    if (client_streams_queue(dc, stream, drawable))
        return;
    if (op_is_sendable(op))
        display_queue_drawable(dc, drawable);
    else /* what comes of it */
        display_queue_surface_image(dc, display->surfaces[op->surface_id], &op->box);
}

bool display_channel_draw(DisplayChannel *display, DrawOp *op, GError **error)
{
    VideoStream *stream;
    Drawable *drawable;

    if (!check_op(display, op, error))
        return false;
    if (op->self_bitmap)
        take_self_bitmap(display, op);
    for (GList *l = display->channel.clients; l; l = l->next) {
        DisplayClient *dc = l->data;

        if (dc->started)
            promise_surfaces(display, dc, op);
    }
    stream = video_streams_before(display->videos, op);
    drawable = draw_tree_add(display->tree, op);
    if (!drawable)
        return true;
    if (stream)
        video_streams_after(display->videos, stream, drawable);
    for (GList *l = display->channel.clients; l; l = l->next) {
        DisplayClient *dc = l->data;

        if (dc->started)
            queue_drawable(display, dc, stream, drawable);
    }
    return true;
}

bool display_channel_render(DisplayChannel *display, uint32_t surface_id, const Rect *area)
{
    if (!find_surface(display, surface_id))
        return false;
    draw_tree_render_area(display->tree, surface_id, area);
    return true;
}

void display_channel_render_all(DisplayChannel *display)
{
    draw_tree_render_all(display->tree);
}

static QXLRect to_qxl_rect(const pixman_box32_t *box)
{
    return (QXLRect){.top = box->y1, .left = box->x1, .bottom = box->y2, .right = box->x2};
}

uint32_t display_channel_dirty(DisplayChannel *display, uint32_t surface_id, QXLRect *rects, uint32_t n, bool clear)
{
    Surface *surface = find_surface(display, surface_id);
    pixman_box32_t *boxes;
    int count = 0;

    if (!surface)
        return 0;
    boxes = pixman_region32_rectangles(&surface->dirty, &count);
    for (int i = 0; rects && n && i < count; i++) {
        QXLRect rect = to_qxl_rect(&boxes[i]);

        if ((uint32_t)i < n) {
            rects[i] = rect;
            continue;
        }
        rects[n - 1].top = MIN(rects[n - 1].top, rect.top);
        rects[n - 1].left = MIN(rects[n - 1].left, rect.left);
        rects[n - 1].bottom = MAX(rects[n - 1].bottom, rect.bottom);
        rects[n - 1].right = MAX(rects[n - 1].right, rect.right);
    }
    if (rects && (uint32_t)count < n)
        memset(rects + count, 0, (n - (uint32_t)count) * sizeof(QXLRect));
    if (clear)
        pixman_region32_clear(&surface->dirty);
    return (uint32_t)count;
}

/* --- surfaces --- */

static Surface *surface_new(DisplayChannel *display, const SurfaceCommand *command, const QXLReleaseInfoExt *release,
                            bool keep_data)
{
    Surface *surface = g_new0(Surface, 1);

    surface->id = command->surface_id;
    surface->format = command->format;
    surface->width = command->width;
    surface->height = command->height;
    surface->canvas = canvas_new(command->format, command->width, command->height, command->stride, command->memory);
    if (release)
        surface->release = *release;
    pixman_region32_init(&surface->dirty);
    if (!keep_data)
        canvas_clear(surface->canvas);
    display->surfaces[surface->id] = surface;
    return surface;
}

static void tell_surface_created(DisplayChannel *display, const Surface *surface)
{
    for (GList *l = display->channel.clients; l; l = l->next) {
        DisplayClient *dc = l->data;

        if (dc->started && !dc->arriving)
            display_queue_surface_create(dc, surface);
    }
}

/* Drops the surface: readers were rendered, its own pending work is void, clients are told behind what they still get.
 */
static void destroy_surface(DisplayChannel *display, Surface *surface)
{
    if (surface->id == 0)
        video_streams_discard(display->videos);
    draw_tree_discard_surface(display->tree, surface->id);
    for (GList *l = display->channel.clients; l; l = l->next) {
        DisplayClient *dc = l->data;

        if (!dc->started || dc->arriving)
            continue;
        display_unqueue_surface(dc, surface->id);
        display_queue_surface_destroy(dc, surface->id);
    }
    surface_free(display, surface);
}

void display_channel_surface_command(DisplayChannel *display, const SurfaceCommand *command,
                                     const QXLReleaseInfoExt *release, bool loaded)
{
    Surface *surface = find_surface(display, command->surface_id);

    if (command->surface_id >= display->n_surfaces || command->surface_id == 0) {
        WARN_LIMITED("a command for surface %u, which cannot be, is ignored", command->surface_id);
    } else if (command->type == QXL_SURFACE_CMD_DESTROY) {
        if (surface)
            destroy_surface(display, surface);
        else
            WARN_LIMITED("surface %u is to be destroyed, but does not exist", command->surface_id);
    } else if (surface) {
        WARN_LIMITED("surface %u is to be created, but exists already", command->surface_id);
    } else {
        bool keep_data = loaded || command->keep_data;

        surface = surface_new(display, command, release, keep_data);
        if (!keep_data)
            tell_surface_created(display, surface);
        return; /* the command is released with the surface */
    }
    worker_release(display->worker, release);
}

static void set_primary_monitor(DisplayChannel *display, const Surface *primary)
{
    MonitorsConfig *monitors = g_malloc0(sizeof(MonitorsConfig) + sizeof(QXLHead));

    monitors->count = 1;
    monitors->max_allowed = display->monitors ? display->monitors->max_allowed : 1;
    monitors->heads[0].width = primary->width;
    monitors->heads[0].height = primary->height;
    g_free(display->monitors);
    display->monitors = monitors;
}

void display_channel_create_primary(DisplayChannel *display, const QXLDevSurfaceCreate *create)
{
    g_autoptr(GError) error = NULL;
    SurfaceCommand command = {
        .format = create->format,
        .width = create->width,
        .height = create->height,
        .stride = create->stride,
    };
    bool keep_data = create->flags & QXL_SURF_FLAG_KEEP_DATA;
    Rect whole = {0, 0, (int32_t)create->width, (int32_t)create->height};
    Surface *surface;

    if (display->surfaces[0]) {
        WARN_LIMITED("the primary surface is to be created, but exists already");
        return;
    }
    if (qxl_check_surface(create->format, create->width, create->height, create->stride, &error))
        command.memory = memslots_get(worker_slots(display->worker), create->group_id, create->mem,
                                      (uint64_t)create->height * (uint64_t)ABS((int64_t)create->stride), &error);
    if (!command.memory) {
        WARN_LIMITED("the primary surface is refused: %s", error->message);
        return;
    }
    surface = surface_new(display, &command, NULL, keep_data);
    set_primary_monitor(display, surface);
    for (GList *l = display->channel.clients, *next; l; l = next) {
        DisplayClient *dc = l->data;

        next = l->next;
        if (!dc->started || dc->arriving)
            continue;
        display_queue_surface_create(dc, surface);
        if (keep_data)
            display_queue_surface_image(dc, surface, &whole);
        if (!display->driver_sets_monitors)
            display_queue_monitors(dc);
        channel_client_push_empty(&dc->cc, SPICE_MSG_DISPLAY_MARK);
    }
}

void display_channel_destroy_primary(DisplayChannel *display)
{
    if (display->surfaces[0])
        destroy_surface(display, display->surfaces[0]);
    else
        WARN_LIMITED("the primary surface is to be destroyed, but does not exist");
}

void display_channel_destroy_surfaces(DisplayChannel *display)
{
    for (uint32_t id = 0; id < display->n_surfaces; id++)
        if (display->surfaces[id])
            destroy_surface(display, display->surfaces[id]);
    for (GList *l = display->channel.clients, *next; l; l = next) {
        DisplayClient *dc = l->data;

        next = l->next;
        if (!dc->started || dc->arriving)
            continue;
        display_queue_inval_all_palettes(dc);
        channel_client_push_empty(&dc->cc, SPICE_MSG_DISPLAY_STREAM_DESTROY_ALL);
    }
}

void display_channel_finish_surface(DisplayChannel *display, uint32_t surface_id)
{
    if (!find_surface(display, surface_id)) {
        WARN_LIMITED("surface %u does not exist", surface_id);
        return;
    }
    draw_tree_render_readers(display->tree, surface_id);
    draw_tree_render_surface(display->tree, surface_id);
}

/* --- monitors, settings --- */

void display_channel_set_monitors(DisplayChannel *display, MonitorsConfig *monitors)
{
    display->driver_sets_monitors = true;
    if (!monitors)
        return;
    g_free(display->monitors);
    display->monitors = monitors;
    for (GList *l = display->channel.clients; l; l = l->next) {
        DisplayClient *dc = l->data;

        if (dc->started && !dc->arriving)
            display_queue_monitors(dc);
    }
}

uint16_t display_channel_max_monitors(const DisplayChannel *display)
{
    return display->max_monitors;
}

void display_channel_driver_unloaded(DisplayChannel *display)
{
    display->driver_sets_monitors = false;
}

void display_channel_set_streaming(DisplayChannel *display, int mode)
{
    video_streams_set_mode(display->videos, mode);
}

void display_channel_set_video_codecs(DisplayChannel *display, const char *codecs)
{
    video_streams_set_codecs(display->videos, codecs);
}

void display_channel_stop_streams(DisplayChannel *display)
{
    video_streams_stop(display->videos);
}

void display_channel_set_compression(DisplayChannel *display, int compression)
{
    display->compression = compression;
}

void display_channel_reset_image_cache(DisplayChannel *display)
{
    for (GList *l = display->channel.clients; l; l = l->next) {
        DisplayClient *dc = l->data;

        if (dc->started && !dc->arriving)
            display_queue_cache_reset(dc, 0);
    }
}

void display_channel_tell_capabilities(DisplayChannel *display)
{
    static const uint8_t told[] = {SPICE_DISPLAY_CAP_SIZED_STREAM, SPICE_DISPLAY_CAP_MONITORS_CONFIG,
                                   SPICE_DISPLAY_CAP_COMPOSITE, SPICE_DISPLAY_CAP_A8_SURFACE};
    QXLInstance *qxl = worker_qxl(display->worker);
    const QXLInterface *interface = qxl_interface(qxl);
    uint8_t caps[SPICE_CAPABILITIES_SIZE] = {0};
    bool present = display->channel.clients != NULL;

    if (!worker_is_running(display->worker) || interface->base.major_version < 3 ||
        (interface->base.major_version == 3 && interface->base.minor_version < 2) ||
        !interface->set_client_capabilities)
        return;
    for (unsigned i = 0; present && i < G_N_ELEMENTS(told); i++) {
        bool all = true;

        for (GList *l = display->channel.clients; l; l = l->next)
            all = all && channel_client_has_cap(l->data, told[i]);
        if (all)
            caps[told[i] / 8] |= (uint8_t)(1u << (told[i] % 8));
    }
    interface->set_client_capabilities(qxl, present, caps);
}

/* --- start after a migration --- */

ChannelClient *display_channel_awaits_data(const DisplayChannel *display)
{
    for (GList *l = display->channel.clients; l; l = l->next)
        if (((ChannelClient *)l->data)->wait_data)
            return l->data;
    return NULL;
}

bool display_channel_awaits_cache(const DisplayChannel *display)
{
    for (GList *l = display->channel.clients; l; l = l->next) {
        const DisplayClient *dc = l->data;
        bool frozen = false;

        if (dc->arriving && dc->cache)
            image_cache_get_figures(dc->cache, NULL, NULL, NULL, &frozen);
        if (frozen)
            return true;
    }
    return false;
}

void display_channel_drop_late(DisplayChannel *display)
{
    ChannelClient *late;

    while ((late = display_channel_awaits_data(display))) {
        g_warning("display %u: the migration data of the client did not come; it is dropped", display->channel.id);
        channel_client_disconnect(late);
    }
}

void display_channel_vm_started(DisplayChannel *display)
{
    for (GList *l = display->channel.clients, *next; l; l = next) {
        DisplayClient *dc = l->data;

        next = l->next;
        if (dc->cc.wait_data || !dc->arriving)
            continue;
        dc->arriving = false;
        channel_client_ref(&dc->cc); /* it may end while it is written to */
        display_client_reconcile(dc);
        channel_client_unref(&dc->cc);
    }
}
