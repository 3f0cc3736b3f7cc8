/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * StreamDetector: tells which of a guest's pictures are the frames of a video, so that they are worth a video codec.
 *
 * A video is a row of pictures with the same box and size, each soon after the one before, that look like photographs
 * often enough. Numbers are those of the stock library. No thread of its own, no clock: the caller brings the time.
 */
#pragma once

#include "common/draw/op.h"

#define STREAM_START_FRAMES 20          /* frames that follow a first one: the 21st begins the stream */
#define STREAM_GAP_US (200 * 1000)      /* longest time between two frames of what may become a stream */
#define STREAM_TIMEOUT_US (1000 * 1000) /* a stream ends after so long without a frame */
#define STREAM_MAX_FPS 30

/* What frames of one video have in common. */
typedef struct StreamShape {
    Rect box;               /* on the surface */
    uint32_t width, height; /* of the part of the picture that is shown */
    bool top_down;          /* order of the picture's rows */
} StreamShape;

typedef struct StreamTrace {
    StreamShape shape;
    unsigned frames;       /* that followed the first one */
    unsigned gradual;      /* ... and looked like photographs */
    unsigned last_gradual; /* number of the last one of these */
    gint64 first_us, last_us;
} StreamTrace;

#define STREAM_TRACES 64

/* Zero-initialized, but for the mode. Plain data. */
typedef struct StreamDetector {
    int mode; /* SPICE_STREAM_VIDEO_* */
    unsigned n_traces;
    StreamTrace traces[STREAM_TRACES]; /* the oldest first */
} StreamDetector;

/* Can the operation be a frame at all? If so its shape is given. */
bool stream_detector_takes(const StreamDetector *detector, const DrawOp *op, StreamShape *shape);

/*
 * A picture that is no frame of a running stream. True if a stream begins with it; *fps is the guess of how many come
 * in a second then, 1 to STREAM_MAX_FPS. `shape` is the one of stream_detector_takes(). `now`: monotonic us.
 */
bool stream_detector_add(StreamDetector *detector, const DrawOp *op, const StreamShape *shape, gint64 now,
                         unsigned *fps);

/* True if a picture of that shape is the next frame of a running stream: it may be a little larger. */
bool stream_shape_continues(const StreamShape *stream, const StreamShape *frame);
bool stream_shape_equal(const StreamShape *a, const StreamShape *b);
/* Frames per second of so many in so much time. */
unsigned stream_fps(unsigned frames, gint64 us);
