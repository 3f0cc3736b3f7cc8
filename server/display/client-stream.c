/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/client-stream.h"

#include "common/draw/rect.h"
#include "common/wire/msg-display.h"
#include "server/core/client.h"
#include "server/core/server.h"
#include "server/display/video-codecs.h"
#include "server/net/stream.h"

#include <spice/protocol.h>

/* A client reports after so many frames, or so much time. */
#define REPORT_FRAMES 5
#define REPORT_MS 1000
/* Of a client whose line is slow, and nobody knows how slow; bit/s. */
#define SLOW_BIT_RATE (2500 * 1000)

/* --- regions --- */

static bool regions_meet(pixman_region32_t *a, pixman_region32_t *b)
{
    pixman_region32_t common;
    bool meet;

    if (!pixman_region32_not_empty(a))
        return false;
    pixman_region32_init(&common);
    pixman_region32_intersect(&common, a, b);
    meet = pixman_region32_not_empty(&common);
    pixman_region32_fini(&common);
    return meet;
}

/* To be freed. */
static Rect *region_rects(pixman_region32_t *region, uint32_t *n)
{
    int n_boxes = 0;
    const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n_boxes);
    Rect *rects = g_new(Rect, MAX(n_boxes, 1));

    for (int i = 0; i < n_boxes; i++)
        rects[i] = (Rect){boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2};
    *n = (uint32_t)n_boxes;
    return rects;
}

/* --- messages --- */

static void push_clip(ClientStream *cs)
{
    g_auto(WireWriter) body = {0};
    g_autofree Rect *rects = NULL;
    MsgDisplayStreamClip m = {.id = cs->stream->id, .clip.has_rects = true};

    m.clip.rects = rects = region_rects(&cs->clip, &m.clip.n_rects);
    msg_display_stream_clip_encode(&body, &m);
    channel_client_queue_body(&cs->dc->cc, SPICE_MSG_DISPLAY_STREAM_CLIP, &body);
}

static void push_create(ClientStream *cs)
{
    const StreamShape *shape = &cs->stream->shape;
    g_auto(WireWriter) body = {0};
    g_autofree Rect *rects = NULL;
    MsgDisplayStreamCreate m = {
        .id = cs->stream->id,
        .flags = SPICE_STREAM_FLAGS_TOP_DOWN, /* encoders put the rows into that order */
        .codec_type = video_encoder_codec(cs->encoder),
        .stream_width = shape->width,
        .stream_height = shape->height,
        .src_width = shape->width,
        .src_height = shape->height,
        .dest = shape->box,
        .clip.has_rects = true,
    };

    m.clip.rects = rects = region_rects(&cs->clip, &m.clip.n_rects);
    msg_display_stream_create_encode(&body, &m);
    channel_client_queue_body(&cs->dc->cc, SPICE_MSG_DISPLAY_STREAM_CREATE, &body);
}

static void push_activate_report(ClientStream *cs)
{
    MsgDisplayStreamActivateReport m = {cs->stream->id, cs->report_id, REPORT_FRAMES, REPORT_MS};
    g_auto(WireWriter) body = {0};

    msg_display_stream_activate_report_encode(&body, &m);
    channel_client_queue_body(&cs->dc->cc, SPICE_MSG_DISPLAY_STREAM_ACTIVATE_REPORT, &body);
}

static void push_destroy(ClientStream *cs)
{
    MsgDisplayStreamDestroy m = {cs->stream->id};
    g_auto(WireWriter) body = {0};

    msg_display_stream_destroy_encode(&body, &m);
    channel_client_queue_body(&cs->dc->cc, SPICE_MSG_DISPLAY_STREAM_DESTROY, &body);
}

/* --- encoder --- */

static uint32_t source_fps(void *opaque)
{
    return ((ClientStream *)opaque)->stream->fps;
}

static uint32_t round_trip_ms(void *opaque)
{
    return stream_round_trip_ms(((ClientStream *)opaque)->dc->cc.link.stream);
}

static void need_delay(void *opaque, uint32_t ms)
{
    server_need_latency(((ClientStream *)opaque)->dc->cc.channel->server, ms);
}

static bool accepts_codec(void *opaque, uint8_t codec)
{
    const ChannelClient *cc = &((DisplayClient *)opaque)->cc;
    int cap = msg_display_codec_cap(codec);

    if (!channel_client_has_cap(cc, SPICE_DISPLAY_CAP_MULTI_CODEC))
        return codec == SPICE_VIDEO_CODEC_TYPE_MJPEG;
    return cap >= 0 && channel_client_has_cap(cc, (unsigned)cap);
}

static uint64_t box_pixels(const Rect *r)
{
    return (uint64_t)(r->right - r->left) * (uint64_t)(r->bottom - r->top);
}

/* The part of the line that this stream may take at first, by the areas of all. */
static uint64_t first_bit_rate(DisplayClient *dc, const VideoStream *stream)
{
    uint64_t rate = MAX(dc->video_bit_rate, client_bit_rate(dc->cc.client));
    const VideoStreams *videos = display_client_channel(dc)->videos;
    uint64_t all = 0;

    if (rate == 0 && dc->cc.link.low_bandwidth)
        rate = SLOW_BIT_RATE;
    for (unsigned id = 0; id < MAX_STREAMS; id++)
        if (videos->streams[id])
            all += box_pixels(&videos->streams[id]->shape.box);
    return (uint64_t)((double)rate * (double)box_pixels(&stream->shape.box) / (double)MAX(all, 1));
}

static VideoEncoder *new_encoder(ClientStream *cs)
{
    DisplayClient *dc = cs->dc;
    uint64_t bit_rate = first_bit_rate(dc, cs->stream);
    g_autoptr(GArray) codecs = video_codecs_for_client(
        display_client_channel(dc)->videos->codecs, dc->video_codecs->data, dc->video_codecs->len, accepts_codec, dc);
    VideoEncoder *encoder = NULL;

    for (guint i = 0; codecs && i < codecs->len && !encoder; i++) {
        const VideoCodec *codec = &g_array_index(codecs, VideoCodec, i);

        encoder = video_encoder_new(codec->kind, codec->codec, bit_rate, &cs->host);
    }
    if (!encoder && accepts_codec(dc, SPICE_VIDEO_CODEC_TYPE_MJPEG))
        encoder = video_encoder_new(VIDEO_ENCODER_SPICE, SPICE_VIDEO_CODEC_TYPE_MJPEG, bit_rate, &cs->host);
    return encoder;
}

static void drop_encoder(ClientStream *cs)
{
    if (!cs->encoder)
        return;
    cs->dc->video_bit_rate = MAX(cs->dc->video_bit_rate, video_encoder_bit_rate(cs->encoder));
    video_encoder_free(cs->encoder);
    cs->encoder = NULL;
}

/* --- life --- */

static ClientStream *client_stream_new(DisplayClient *dc, VideoStream *stream)
{
    ClientStream *cs = g_new0(ClientStream, 1);

    cs->dc = dc;
    cs->stream = stream;
    cs->host = (VideoEncoderHost){source_fps, round_trip_ms, need_delay, cs};
    pixman_region32_init(&cs->vis);
    pixman_region32_init(&cs->clip);
    cs->encoder = new_encoder(cs);
    dc->streams[stream->id] = cs;
    return cs;
}

static void client_stream_free(ClientStream *cs)
{
    cs->dc->streams[cs->stream->id] = NULL;
    drop_encoder(cs);
    pixman_region32_fini(&cs->vis);
    pixman_region32_fini(&cs->clip);
    g_free(cs);
}

void client_streams_free(DisplayClient *dc)
{
    for (unsigned id = 0; id < MAX_STREAMS; id++)
        if (dc->streams[id])
            client_stream_free(dc->streams[id]);
}

/* The first frame comes: the client is told. */
static void start(ClientStream *cs, pixman_region32_t *region)
{
    cs->created = true;
    pixman_region32_copy(&cs->clip, region);
    push_create(cs);
    if (!channel_client_has_cap(&cs->dc->cc, SPICE_DISPLAY_CAP_STREAM_REPORT))
        return;
    cs->report_id = g_random_int() | 1;
    push_activate_report(cs);
}

/* --- clipping --- */

/* Something opaque comes over it. */
static void cover(ClientStream *cs, pixman_region32_t *region)
{
    if (!regions_meet(&cs->vis, region))
        return;
    pixman_region32_subtract(&cs->vis, &cs->vis, region);
    pixman_region32_subtract(&cs->clip, &cs->clip, region);
    push_clip(cs);
}

/* A new frame of `box`, which paints `region`. */
static void uncover(ClientStream *cs, const Rect *box, pixman_region32_t *region)
{
    pixman_box32_t b = {box->left, box->top, box->right, box->bottom};
    pixman_region32_t inside, all;

    pixman_region32_union(&cs->vis, &cs->vis, region);
    pixman_region32_init_with_extents(&all, &b);
    pixman_region32_init(&inside);
    pixman_region32_intersect(&inside, &cs->clip, &all);
    if (!pixman_region32_equal(&inside, region)) {
        pixman_region32_subtract(&cs->clip, &cs->clip, &all);
        pixman_region32_union(&cs->clip, &cs->clip, region);
        push_clip(cs);
    }
    pixman_region32_fini(&inside);
    pixman_region32_fini(&all);
}

/* --- the true pixels --- */

/* The newest frame, where it shows: cheaper than anything read from the surface, since it is there already. */
static void queue_frame_part(ClientStream *cs, const DrawOp *frame)
{
    g_autoptr(DrawOp) op = draw_op_new(QXL_DRAW_COPY, 0, &frame->box);

    op->effect = QXL_EFFECT_OPAQUE;
    op->has_clip = true;
    op->clip_rects = region_rects(&cs->vis, &op->n_clip_rects);
    op->u.copy = frame->u.copy;
    image_ref(op->u.copy.src);
    display_queue_op(cs->dc, op);
}

static void repair(ClientStream *cs)
{
    DisplayChannel *display = display_client_channel(cs->dc);
    const DrawOp *frame = cs->stream->frame ? cs->stream->frame->op : NULL;
    const pixman_box32_t *e = pixman_region32_extents(&cs->vis);
    Rect area = {e->x1, e->y1, e->x2, e->y2};
    pixman_region32_t rest;

    pixman_region32_init(&rest);
    if (frame)
        draw_op_region(frame, &rest);
    pixman_region32_subtract(&rest, &cs->vis, &rest);
    if (frame && !pixman_region32_not_empty(&rest))
        queue_frame_part(cs, frame);
    else if (display->surfaces[0])
        display_queue_surface_image(cs->dc, display->surfaces[0], &area);
    pixman_region32_fini(&rest);
}

/* Frames that are still to come are kept away first: those that the client has but not played yet, too. */
static void detach(ClientStream *cs)
{
    display_unqueue_frames(cs->dc, cs);
    if (pixman_region32_not_empty(&cs->clip)) {
        pixman_region32_clear(&cs->clip);
        push_clip(cs);
    }
    if (pixman_region32_not_empty(&cs->vis))
        repair(cs);
    pixman_region32_clear(&cs->vis);
}

void client_streams_detach(DisplayClient *dc, pixman_region32_t *region)
{
    for (unsigned id = 0; id < MAX_STREAMS; id++)
        if (dc->streams[id] && regions_meet(&dc->streams[id]->vis, region))
            detach(dc->streams[id]);
}

void client_stream_end(DisplayClient *dc, VideoStream *stream, bool with_repair)
{
    ClientStream *cs = dc->streams[stream->id];

    if (!cs)
        return;
    if (with_repair)
        detach(cs);
    else
        display_unqueue_frames(dc, cs);
    if (cs->created)
        push_destroy(cs);
    client_stream_free(cs);
}

void client_streams_end(DisplayClient *dc)
{
    for (unsigned id = 0; id < MAX_STREAMS; id++)
        if (dc->streams[id])
            client_stream_end(dc, dc->streams[id]->stream, true);
}

/* --- frames --- */

static bool region_contains(pixman_region32_t *all, pixman_region32_t *part)
{
    pixman_region32_t rest;
    bool contains;

    pixman_region32_init(&rest);
    pixman_region32_subtract(&rest, part, all);
    contains = !pixman_region32_not_empty(&rest);
    pixman_region32_fini(&rest);
    return contains;
}

void client_stream_hold_place(DisplayClient *dc, VideoStream *stream, const DrawOp *op)
{
    ClientStream *cs = dc->streams[stream->id];
    pixman_region32_t region, last;

    if (cs)
        cs->place = NULL;
    if (!cs || !cs->encoder || !stream->frame || !rect_equal(&stream->frame->op->box, &op->box))
        return;
    draw_op_region(op, &region);
    draw_op_region(stream->frame->op, &last);
    /* What was drawn over it, or read it, has taken away from these. */
    if (pixman_region32_not_empty(&region) && pixman_region32_equal(&region, &last) &&
        region_contains(&cs->vis, &region) && region_contains(&cs->clip, &region))
        cs->place = display_hold_frame(stream->frame, cs);
    pixman_region32_fini(&region);
    pixman_region32_fini(&last);
}

static bool queue_frame(ClientStream *cs, Drawable *drawable, pixman_region32_t *region)
{
    const StreamShape *shape = &cs->stream->shape;
    const DrawOp *op = drawable->op;
    const Rect *area = &op->u.copy.src_area;
    bool sized = !rect_equal(&shape->box, &op->box) || area->right - area->left != (int32_t)shape->width ||
                 area->bottom - area->top != (int32_t)shape->height;

    PipeItem *place = g_steal_pointer(&cs->place);

    if (!cs->encoder)
        return false;
    if (sized && !channel_client_has_cap(&cs->dc->cc, SPICE_DISPLAY_CAP_SIZED_STREAM)) {
        if (place)
            channel_client_remove(&cs->dc->cc, place);
        cover(cs, region);
        return false;
    }
    if (!cs->created)
        start(cs, region);
    uncover(cs, &op->box, region);
    display_queue_frame(cs->dc, drawable, cs, sized, place);
    return true;
}

bool client_streams_queue(DisplayClient *dc, VideoStream *stream, Drawable *drawable)
{
    ClientStream *cs;
    pixman_region32_t *region = &drawable->visible; /* nothing hides it yet */

    if (drawable->op->surface_id != 0)
        return false;
    for (unsigned id = 0; drawable->op->effect == QXL_EFFECT_OPAQUE && id < MAX_STREAMS; id++)
        if (dc->streams[id] && dc->streams[id]->stream != stream)
            cover(dc->streams[id], region);
    if (!stream)
        return false;
    cs = dc->streams[stream->id];
    return queue_frame(cs ? cs : client_stream_new(dc, stream), drawable, region);
}

static void send_data(ClientStream *cs, uint32_t mm_time, const WireWriter *data)
{
    g_auto(WireWriter) body = {0};
    MsgDisplayStreamData m = {cs->stream->id, mm_time, (uint32_t)data->size, data->data};

    msg_display_stream_data_encode(&body, &m);
    channel_client_send(&cs->dc->cc, SPICE_MSG_DISPLAY_STREAM_DATA, &body, 0);
}

static void send_data_sized(ClientStream *cs, const DrawOp *op, uint32_t mm_time, const WireWriter *data)
{
    const Rect *area = &op->u.copy.src_area;
    g_auto(WireWriter) body = {0};
    MsgDisplayStreamDataSized m = {
        .id = cs->stream->id,
        .multi_media_time = mm_time,
        .width = (uint32_t)(area->right - area->left),
        .height = (uint32_t)(area->bottom - area->top),
        .dest = op->box,
        .data_size = (uint32_t)data->size,
        .data = data->data,
    };

    msg_display_stream_data_sized_encode(&body, &m);
    channel_client_send(&cs->dc->cc, SPICE_MSG_DISPLAY_STREAM_DATA_SIZED, &body, 0);
}

bool client_stream_send(ClientStream *cs, const DrawOp *op, uint32_t mm_time, bool sized)
{
    const Image *image = op->u.copy.src;
    g_auto(WireWriter) data = {0};

    switch (video_encoder_encode(cs->encoder, mm_time, &image->bitmap, image->width, image->height,
                                 &op->u.copy.src_area, &data)) {
    case VIDEO_ENCODED:
        if (sized)
            send_data_sized(cs, op, mm_time, &data);
        else
            send_data(cs, mm_time, &data);
        return true;
    case VIDEO_SKIPPED:
        return true;
    default:
        return false;
    }
}

void client_stream_frame_dropped(ClientStream *cs)
{
    if (cs->encoder)
        video_encoder_frame_dropped(cs->encoder);
}

/* --- what the client says --- */

void client_streams_report(DisplayClient *dc, uint32_t id, uint32_t report_id, const VideoReport *report)
{
    ClientStream *cs = id < MAX_STREAMS ? dc->streams[id] : NULL;

    if (!cs || !cs->encoder)
        return; /* it is over */
    if (report->num_frames == 0 && report->num_drops == UINT32_MAX) {
        g_info("display %u: the client cannot play a stream with codec %u", dc->cc.channel->id,
               video_encoder_codec(cs->encoder));
        /* Instead of a clip, which clients that have given it up already do not know what to do with. */
        push_destroy(cs);
        cs->created = false;
        pixman_region32_clear(&cs->clip);
        detach(cs);
        drop_encoder(cs);
    } else if (report_id == cs->report_id) {
        video_encoder_report(cs->encoder, report);
    }
}
