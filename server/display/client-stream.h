/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ClientStream: what one client gets of one video stream: its encoder, and which pixels it shows of it.
 *
 * Clients play frames late, beside everything else that is drawn. So what is drawn over a video is preceded by a clip
 * that keeps frames away from it, and where a video ended, or somebody reads it, the true pixels are sent behind a clip
 * that lets nothing through. Decisions are made at queue time, like those of drawables: messages are queued complete,
 * only frames are encoded when their turn comes.
 *
 * Private to server/display. Worker thread.
 */
#pragma once

#include "server/display/display-client.h"
#include "server/display/video-encoder.h"
#include "server/display/video-stream.h"

struct ClientStream {
    DisplayClient *dc;
    VideoStream *stream;
    VideoEncoder *encoder; /* NULL: frames go as ordinary drawables */
    VideoEncoderHost host;
    bool created;           /* the client is told of the stream */
    uint32_t report_id;     /* that its reports carry, 0 = it makes none */
    pixman_region32_t vis;  /* pixels that show the video, or will when its frames are played; worth a repair */
    pixman_region32_t clip; /* where frames may be painted */
    PipeItem *place;        /* in the queue, that the next frame will take; else NULL */
};

/*
 * Queues what a new drawable means for the client's streams. `stream`: the one whose next frame it is, or NULL. True if
 * the drawable itself was queued, as a frame; otherwise the caller queues it.
 */
bool client_streams_queue(DisplayClient *dc, VideoStream *stream, Drawable *drawable);
/*
 * Before that drawable is added: if the last frame still waits in a client's queue, and nothing has come since that has
 * to do with it, the next one will take its place. Else a video would never get to the head of a long queue.
 */
void client_stream_hold_place(DisplayClient *dc, VideoStream *stream, const DrawOp *op);
/* Streams that show something in the region are cut off, and their true pixels queued. */
void client_streams_detach(DisplayClient *dc, pixman_region32_t *region);
/* The stream is over for the client. `repair`: it gets the true pixels. */
void client_stream_end(DisplayClient *dc, VideoStream *stream, bool repair);
void client_streams_end(DisplayClient *dc); /* all of them, with repair */
/* The connection is gone. */
void client_streams_free(DisplayClient *dc);

/* Encodes and sends a frame; true if that is done, or nothing is to be sent: false if it should go as what it is.
 * `sized`: it has not the shape of the stream. */
bool client_stream_send(ClientStream *cs, const DrawOp *op, uint32_t mm_time, bool sized);
/* A frame was dropped before it could be sent. */
void client_stream_frame_dropped(ClientStream *cs);
/* STREAM_REPORT. */
void client_streams_report(DisplayClient *dc, uint32_t id, uint32_t report_id, const VideoReport *report);
