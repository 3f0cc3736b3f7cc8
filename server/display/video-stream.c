/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/video-stream.h"

#include "common/draw/rect.h"
#include "server/display/client-stream.h"
#include "server/display/video-codecs.h"

/* The guest's frame rate is estimated anew each so often. */
#define FPS_US (5 * 1000 * 1000)

static void on_timeout(void *opaque);

static GArray *read_codecs(const char *codecs)
{
    GArray *list = codecs ? video_codecs_parse(codecs) : NULL;

    return list ? list : video_codecs_default();
}

VideoStreams *video_streams_new(DisplayChannel *display, int mode, const char *codecs)
{
    VideoStreams *videos = g_new0(VideoStreams, 1);

    videos->display = display;
    videos->detector.mode = mode;
    videos->codecs = read_codecs(codecs);
    videos->timer = loop_timer_new(worker_loop(display->worker), on_timeout, videos);
    return videos;
}

static void video_stream_free(VideoStreams *videos, VideoStream *stream)
{
    videos->streams[stream->id] = NULL;
    videos->n--;
    if (stream->frame)
        drawable_unref(stream->frame);
    g_free(stream);
}

void video_streams_free(VideoStreams *videos)
{
    for (unsigned id = 0; id < MAX_STREAMS; id++)
        if (videos->streams[id])
            video_stream_free(videos, videos->streams[id]);
    loop_timer_free(videos->timer);
    g_array_unref(videos->codecs);
    g_free(videos);
}

/* --- beginning --- */

static VideoStream *video_stream_new(VideoStreams *videos, const StreamShape *shape, unsigned fps, gint64 now)
{
    VideoStream *stream;
    uint32_t id = MAX_STREAMS;

    /* The highest first, like the stock library: recordings of both can be compared. */
    while (id > 0 && videos->streams[id - 1])
        id--;
    if (id == 0)
        return NULL;
    stream = g_new0(VideoStream, 1);
    stream->id = id - 1;
    stream->shape = *shape;
    stream->fps = fps;
    stream->frame_us = stream->counted_us = now;
    videos->streams[stream->id] = stream;
    if (videos->n++ == 0)
        loop_timer_start(videos->timer, STREAM_TIMEOUT_US / 1000);
    return stream;
}

static VideoStream *find_continued(VideoStreams *videos, const StreamShape *shape, gint64 now)
{
    for (unsigned id = MAX_STREAMS; videos->n && id-- > 0;) {
        VideoStream *stream = videos->streams[id];

        if (stream && now - stream->frame_us < STREAM_TIMEOUT_US && stream_shape_continues(&stream->shape, shape))
            return stream;
    }
    return NULL;
}

static VideoStream *next_frame_of(VideoStreams *videos, const DrawOp *op)
{
    gint64 now = g_get_monotonic_time();
    VideoStream *stream;
    StreamShape shape;
    unsigned fps;

    if (!stream_detector_takes(&videos->detector, op, &shape))
        return NULL;
    stream = find_continued(videos, &shape, now);
    if (stream || !stream_detector_add(&videos->detector, op, &shape, now, &fps))
        return stream;
    return video_stream_new(videos, &shape, fps, now);
}

/* --- operations --- */

static void detach_region(VideoStreams *videos, pixman_region32_t *region)
{
    for (GList *l = videos->display->channel.clients; l; l = l->next)
        client_streams_detach(l->data, region);
}

static void detach_rect(VideoStreams *videos, const Rect *r)
{
    pixman_region32_t region;

    if (rect_is_empty(r))
        return;
    pixman_region32_init_with_extents(&region, &(pixman_box32_t){r->left, r->top, r->right, r->bottom});
    detach_region(videos, &region);
    pixman_region32_fini(&region);
}

/* What the operation needs of the primary surface, clients must have as it is. */
static void detach_read(VideoStreams *videos, const DrawOp *op)
{
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
        if (op->deps[i] == 0)
            detach_rect(videos, &op->dep_areas[i]);
    if (op->surface_id != 0)
        return;
    if (op->type == QXL_COPY_BITS) {
        Point from = op->u.copy_bits.src_pos;

        detach_rect(videos, &(Rect){from.x, from.y, from.x + op->box.right - op->box.left,
                                    from.y + op->box.bottom - op->box.top});
    }
    if (op->effect != QXL_EFFECT_OPAQUE) {
        pixman_region32_t region;

        draw_op_region(op, &region);
        detach_region(videos, &region);
        pixman_region32_fini(&region);
    }
}

VideoStream *video_streams_before(VideoStreams *videos, const DrawOp *op)
{
    VideoStream *stream;

    if (videos->n)
        detach_read(videos, op);
    stream = next_frame_of(videos, op);
    for (GList *l = videos->display->channel.clients; stream && l; l = l->next)
        client_stream_hold_place(l->data, stream, op);
    return stream;
}

void video_streams_after(VideoStreams *videos, VideoStream *stream, Drawable *drawable)
{
    gint64 now = g_get_monotonic_time();

    if (stream->frame)
        drawable_unref(stream->frame);
    stream->frame = drawable_ref(drawable);
    stream->frame_us = now;
    stream->counted++;
    if (now - stream->counted_us >= FPS_US) {
        stream->fps = stream_fps(stream->counted, now - stream->counted_us);
        stream->counted = 0;
        stream->counted_us = now;
    }
}

/* --- ending --- */

static void video_stream_end(VideoStreams *videos, VideoStream *stream, bool repair)
{
    for (GList *l = videos->display->channel.clients; l; l = l->next)
        client_stream_end(l->data, stream, repair);
    video_stream_free(videos, stream);
}

static void end_all(VideoStreams *videos, bool repair)
{
    for (unsigned id = 0; id < MAX_STREAMS; id++)
        if (videos->streams[id])
            video_stream_end(videos, videos->streams[id], repair);
    loop_timer_cancel(videos->timer);
}

void video_streams_stop(VideoStreams *videos)
{
    end_all(videos, true);
}

void video_streams_discard(VideoStreams *videos)
{
    end_all(videos, false);
}

/* Streams that got no frame for a second are over; the timer is set for the one that would be next. */
static void on_timeout(void *opaque)
{
    VideoStreams *videos = opaque;
    gint64 now = g_get_monotonic_time(), next = G_MAXINT64;

    for (unsigned id = 0; id < MAX_STREAMS; id++) {
        VideoStream *stream = videos->streams[id];

        if (!stream)
            continue;
        if (now - stream->frame_us >= STREAM_TIMEOUT_US)
            video_stream_end(videos, stream, true);
        else
            next = MIN(next, stream->frame_us + STREAM_TIMEOUT_US - now);
    }
    if (videos->n)
        loop_timer_start(videos->timer, (uint32_t)(next / 1000) + 1);
}

void video_streams_set_mode(VideoStreams *videos, int mode)
{
    if (mode == videos->detector.mode)
        return;
    video_streams_stop(videos);
    videos->detector = (StreamDetector){.mode = mode};
}

void video_streams_set_codecs(VideoStreams *videos, const char *codecs)
{
    video_streams_stop(videos);
    g_array_unref(videos->codecs);
    videos->codecs = read_codecs(codecs);
}
