/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VideoStreams: the videos that a guest plays on the primary surface of one display channel, from the picture with
 * which one is detected to a second after its last one. What each client gets of them: client-stream.h.
 *
 * Private to server/display. Worker thread.
 */
#pragma once

#include "server/core/loop.h"
#include "server/display/stream-detect.h"
#include "server/display/tree.h"

#define MAX_STREAMS 50

struct DisplayChannel;

typedef struct VideoStream {
    uint32_t id;
    StreamShape shape; /* of the picture with which it began */
    Drawable *frame;   /* the newest one, a reference; NULL before the first one is known */
    gint64 frame_us;   /* monotonic, when it came */
    unsigned fps;      /* of the guest */
    unsigned counted;  /* frames since counted_us, for the next estimate */
    gint64 counted_us;
} VideoStream;

typedef struct VideoStreams {
    struct DisplayChannel *display;
    StreamDetector detector;
    VideoStream *streams[MAX_STREAMS]; /* by id */
    unsigned n;
    GArray *codecs; /* VideoCodec, the best first */
    LoopTimer *timer;
} VideoStreams;

/* `mode`: SPICE_STREAM_VIDEO_*. `codecs` as video_codecs_parse() reads them, NULL = the default. Host context. */
VideoStreams *video_streams_new(struct DisplayChannel *display, int mode, const char *codecs);
/* Host context, after the worker's thread has ended. */
void video_streams_free(VideoStreams *videos);

/* Both end what runs. */
void video_streams_set_mode(VideoStreams *videos, int mode);
void video_streams_set_codecs(VideoStreams *videos, const char *codecs);

/*
 * The three steps of a new operation: before it is added to the tree (clients get the true pixels of what it reads; the
 * stream whose next frame it is, NULL if none), and when its drawable exists.
 */
VideoStream *video_streams_before(VideoStreams *videos, const DrawOp *op);
void video_streams_after(VideoStreams *videos, VideoStream *stream, Drawable *drawable);

/* Ends all streams; clients get the true pixels. They begin anew when they are detected anew. */
void video_streams_stop(VideoStreams *videos);
/* The primary surface goes, and all that is shown on it. */
void video_streams_discard(VideoStreams *videos);
