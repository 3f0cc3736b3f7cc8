/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/stream-detect.h"

#include "common/draw/rect.h"
#include "common/image/graduality.h"

#include <spice.h>
#include <string.h>

/* Smaller pictures are no videos, if that is filtered. */
#define MIN_PIXELS (96 * 96)
/* So many of a hundred frames have to look like photographs, ... */
#define GRADUAL_PERCENT 20
/* ... and after so many that did not, counting begins anew. */
#define GRADUAL_GAP 100

static int64_t rect_pixels(const Rect *r)
{
    return (int64_t)(r->right - r->left) * (r->bottom - r->top);
}

/* Only pictures in these formats can be encoded. */
static bool has_colors(uint8_t format)
{
    return format == SPICE_BITMAP_FMT_16BIT || format == SPICE_BITMAP_FMT_24BIT || format == SPICE_BITMAP_FMT_32BIT ||
           format == SPICE_BITMAP_FMT_RGBA;
}

bool stream_detector_takes(const StreamDetector *detector, const DrawOp *op, StreamShape *shape)
{
    const Image *image = op->u.copy.src;
    const Rect *area = &op->u.copy.src_area;

    if (detector->mode == SPICE_STREAM_VIDEO_OFF || op->surface_id != 0 || op->type != QXL_DRAW_COPY ||
        op->effect != QXL_EFFECT_OPAQUE || op->u.copy.rop != SPICE_ROPD_OP_PUT || op->u.copy.mask.image)
        return false;
    if (image->type != SPICE_IMAGE_TYPE_BITMAP || !has_colors(image->bitmap.format) || rect_is_empty(area))
        return false;
    if (area->left < 0 || area->top < 0 || (uint32_t)area->right > image->width ||
        (uint32_t)area->bottom > image->height)
        return false;
    if (detector->mode == SPICE_STREAM_VIDEO_FILTER && rect_pixels(area) < MIN_PIXELS)
        return false;
    *shape = (StreamShape){
        .box = op->box,
        .width = (uint32_t)(area->right - area->left),
        .height = (uint32_t)(area->bottom - area->top),
        .top_down = image->bitmap.top_down,
    };
    return true;
}

bool stream_shape_equal(const StreamShape *a, const StreamShape *b)
{
    return rect_equal(&a->box, &b->box) && a->width == b->width && a->height == b->height && a->top_down == b->top_down;
}

bool stream_shape_continues(const StreamShape *stream, const StreamShape *frame)
{
    Rect common = rect_intersect(&stream->box, &frame->box);

    return rect_equal(&common, &stream->box) && rect_pixels(&frame->box) <= 2 * rect_pixels(&stream->box) &&
           stream->top_down == frame->top_down;
}

unsigned stream_fps(unsigned frames, gint64 us)
{
    gint64 fps = us > 0 ? ((gint64)frames * G_USEC_PER_SEC + us / 2) / us : STREAM_MAX_FPS;

    return (unsigned)CLAMP(fps, 1, STREAM_MAX_FPS);
}

static void forget(StreamDetector *detector, unsigned i)
{
    detector->n_traces--;
    memmove(&detector->traces[i], &detector->traces[i + 1], (detector->n_traces - i) * sizeof(StreamTrace));
}

/* Takes out the trace of the picture that this one follows. */
static bool take_trace(StreamDetector *detector, const StreamShape *shape, gint64 now, StreamTrace *found)
{
    while (detector->n_traces && now - detector->traces[0].last_us > STREAM_GAP_US)
        forget(detector, 0);
    for (unsigned i = 0; i < detector->n_traces; i++) {
        /* The order of rows may differ: it is that of the last picture which counts. */
        if (!rect_equal(&detector->traces[i].shape.box, &shape->box) ||
            detector->traces[i].shape.width != shape->width || detector->traces[i].shape.height != shape->height)
            continue;
        *found = detector->traces[i];
        forget(detector, i);
        return true;
    }
    return false;
}

static bool is_gradual(const StreamDetector *detector, const Image *image)
{
    return detector->mode != SPICE_STREAM_VIDEO_FILTER || graduality_of_image(image) != GRADUALITY_LOW;
}

bool stream_detector_add(StreamDetector *detector, const DrawOp *op, const StreamShape *shape, gint64 now,
                         unsigned *fps)
{
    StreamTrace trace = {.first_us = now};

    if (take_trace(detector, shape, now, &trace)) {
        trace.frames++;
        if (is_gradual(detector, op->u.copy.src)) {
            if (trace.frames - trace.last_gradual > GRADUAL_GAP) {
                trace.frames = trace.gradual = 1;
                trace.first_us = now;
            } else {
                trace.gradual++;
            }
            trace.last_gradual = trace.frames;
        }
        if (trace.frames >= STREAM_START_FRAMES && trace.gradual * 100 >= trace.frames * GRADUAL_PERCENT) {
            *fps = stream_fps(trace.frames, now - trace.first_us);
            return true;
        }
    }
    trace.shape = *shape;
    trace.last_us = now;
    if (detector->n_traces == STREAM_TRACES)
        forget(detector, 0);
    detector->traces[detector->n_traces++] = trace;
    return false;
}
