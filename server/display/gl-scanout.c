/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/gl-scanout.h"

#include "common/util/limited-warning.h"
#include "common/wire/msg-display.h"
#include "server/display/display-client.h"
#include "server/net/stream.h"

#include <fcntl.h>
#include <spice/protocol.h>
#include <unistd.h>

static void close_buffer(GlBuffer *buffer)
{
    if (buffer->fd >= 0)
        close(buffer->fd);
    buffer->fd = -1;
}

void gl_scanout_init(GlScanout *scanout)
{
    *scanout = (GlScanout){.buffer.fd = -1};
    g_mutex_init(&scanout->lock);
}

void gl_scanout_clear(GlScanout *scanout)
{
    close_buffer(&scanout->buffer);
    g_mutex_clear(&scanout->lock);
}

bool gl_scanout_set(GlScanout *scanout, const GlBuffer *buffer)
{
    GlBuffer unused = *buffer;
    bool free;

    g_mutex_lock(&scanout->lock);
    free = !scanout->drawing;
    if (free) {
        unused = scanout->buffer;
        scanout->buffer = *buffer;
        scanout->generation++;
    }
    g_mutex_unlock(&scanout->lock);
    close_buffer(&unused);
    return free;
}

bool gl_scanout_begin_draw(GlScanout *scanout)
{
    bool begins;

    g_mutex_lock(&scanout->lock);
    begins = scanout->buffer.fd >= 0 && !scanout->drawing;
    if (begins)
        scanout->drawing = true;
    g_mutex_unlock(&scanout->lock);
    return begins;
}

bool gl_scanout_size(GlScanout *scanout, uint32_t *width, uint32_t *height)
{
    bool active;

    g_mutex_lock(&scanout->lock);
    active = scanout->buffer.fd >= 0;
    *width = scanout->buffer.width;
    *height = scanout->buffer.height;
    g_mutex_unlock(&scanout->lock);
    return active;
}

/* --- clients --- */

static GlScanout *scanout_of(const DisplayClient *dc)
{
    return &worker_qxl(((const DisplayChannel *)dc->cc.channel)->worker)->st->gl;
}

static bool can_take(const DisplayClient *dc)
{
    return channel_client_has_cap(&dc->cc, SPICE_DISPLAY_CAP_GL_SCANOUT) && stream_is_plain_unix(dc->cc.link.stream);
}

/* What is there when its turn comes: the newest one counts. */
static void scanout_send(ChannelClient *cc, PipeItem *item)
{
    GlScanout *scanout = scanout_of((DisplayClient *)cc);
    g_auto(WireWriter) body = {0};
    MsgDisplayGlScanoutUnix m;
    DisplayClient *dc = (DisplayClient *)cc;
    bool known;
    int fd;

    g_mutex_lock(&scanout->lock);
    m = (MsgDisplayGlScanoutUnix){
        .width = scanout->buffer.width,
        .height = scanout->buffer.height,
        .stride = scanout->buffer.stride,
        .drm_fourcc_format = scanout->buffer.fourcc,
        .flags = scanout->buffer.y0_top ? SPICE_GL_SCANOUT_FLAGS_Y0TOP : 0,
    };
    known = dc->gl_generation == scanout->generation; /* it was set while the client was greeted */
    dc->gl_generation = scanout->generation;
    fd = !known && scanout->buffer.fd >= 0 ? fcntl(scanout->buffer.fd, F_DUPFD_CLOEXEC, 0) : -1;
    g_mutex_unlock(&scanout->lock);
    if (fd < 0)
        return; /* it was taken away again: the primary surface, or the next scanout, replaces it */
    msg_display_gl_scanout_unix_encode(&body, &m);
    channel_client_send_fd(cc, SPICE_MSG_DISPLAY_GL_SCANOUT_UNIX, &body, fd);
}

static const PipeItemOps scanout_ops = {scanout_send, NULL};

static void queue_scanout(DisplayClient *dc)
{
    PipeItem *item = g_new0(PipeItem, 1);

    pipe_item_init(item, &scanout_ops);
    channel_client_queue(&dc->cc, item);
}

/* Calls func for each connection that has begun; those that cannot take a scanout are dropped. */
static void for_each_client(Worker *worker, void (*func)(DisplayClient *dc, const void *data), const void *data)
{
    for (GList *l = worker_display(worker)->channel.clients, *next; l; l = next) {
        DisplayClient *dc = l->data;

        next = l->next;
        if (!can_take(dc)) {
            WARN_LIMITED("display %u: the client cannot show what the graphics card draws; it is disconnected",
                         dc->cc.channel->id);
            channel_client_disconnect(&dc->cc);
        } else if (dc->started && !dc->cc.migrating) {
            func(dc, data);
        }
    }
}

static void tell_one(DisplayClient *dc, const void *data)
{
    queue_scanout(dc);
    channel_client_pump(&dc->cc);
}

void gl_scanout_tell(Worker *worker)
{
    uint32_t width, height;

    if (gl_scanout_size(&worker_qxl(worker)->st->gl, &width, &height))
        for_each_client(worker, tell_one, NULL);
}

void gl_scanout_greet(DisplayClient *dc)
{
    uint32_t width, height;

    if (!can_take(dc) || !gl_scanout_size(scanout_of(dc), &width, &height))
        return;
    queue_scanout(dc);
    display_queue_monitors(dc);
}

/* --- draws --- */

/* One that was waited for has answered, or cannot any more. */
static void answered(DisplayChannel *display)
{
    QXLInstance *qxl = worker_qxl(display->worker);
    GlScanout *scanout = &qxl->st->gl;

    if (--scanout->waiting)
        return;
    g_mutex_lock(&scanout->lock);
    scanout->drawing = false;
    g_mutex_unlock(&scanout->lock);
    qxl_interface(qxl)->async_complete(qxl, scanout->cookie);
}

typedef struct DrawItem {
    PipeItem item;
    DisplayClient *dc;
    Rect area;
    bool sent;
} DrawItem;

static void draw_send(ChannelClient *cc, PipeItem *item)
{
    DrawItem *draw = (DrawItem *)item;
    g_auto(WireWriter) body = {0};
    MsgDisplayGlDraw m = {
        .x = (uint32_t)draw->area.left,
        .y = (uint32_t)draw->area.top,
        .w = (uint32_t)draw->area.right - (uint32_t)draw->area.left,
        .h = (uint32_t)draw->area.bottom - (uint32_t)draw->area.top,
    };

    draw->sent = true;
    msg_display_gl_draw_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_DISPLAY_GL_DRAW, &body, 0);
}

/* A client that was not told does not answer. */
static void draw_free(PipeItem *item)
{
    DrawItem *draw = (DrawItem *)item;

    if (!draw->sent)
        gl_scanout_leave(draw->dc);
    g_free(draw);
}

static const PipeItemOps draw_ops = {draw_send, draw_free};

static void draw_one(DisplayClient *dc, const void *data)
{
    DrawItem *draw = g_new0(DrawItem, 1);

    pipe_item_init(&draw->item, &draw_ops);
    draw->dc = dc;
    draw->area = *(const Rect *)data;
    dc->owes_gl_draw = true;
    scanout_of(dc)->waiting++;
    channel_client_push(&dc->cc, &draw->item);
}

void gl_scanout_draw(Worker *worker, const Rect *area, uint64_t cookie)
{
    GlScanout *scanout = &worker_qxl(worker)->st->gl;

    scanout->cookie = cookie;
    scanout->waiting = 1; /* this function: clients may go while it runs */
    for_each_client(worker, draw_one, area);
    answered(worker_display(worker));
}

bool gl_scanout_done(DisplayClient *dc)
{
    if (!dc->owes_gl_draw)
        return false;
    gl_scanout_leave(dc);
    return true;
}

void gl_scanout_leave(DisplayClient *dc)
{
    if (!dc->owes_gl_draw)
        return;
    dc->owes_gl_draw = false;
    answered((DisplayChannel *)dc->cc.channel);
}
