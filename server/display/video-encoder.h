/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VideoEncoder: turns the frames of one video stream for one client into the bytes of a video codec, at a quality and
 * rate that fit what the client's connection can take.
 *
 * Owned by the stream of one DisplayClient; all calls in the worker thread. Several encoders may live at the same time.
 */
#pragma once

#include "common/image/image.h"
#include "common/wire/geometry.h"
#include "common/wire/writer.h"

typedef struct VideoEncoder VideoEncoder;

/* What an encoder asks of its surroundings. Outlives the encoder; called only from within calls to it. */
typedef struct VideoEncoderHost {
    uint32_t (*source_fps)(void *opaque);    /* frames per second that the guest draws, at least 1 */
    uint32_t (*round_trip_ms)(void *opaque); /* of the client's connection */
    /* The client should delay what it plays by at least so many ms, for frames to arrive in time. */
    void (*need_delay)(void *opaque, uint32_t ms);
    void *opaque;
} VideoEncoderHost;

/* What a client says about the frames that it got: STREAM_REPORT, its id and unique id having been checked. */
typedef struct VideoReport {
    uint32_t start_mm_time, end_mm_time; /* of the first and the last frame of the report */
    uint32_t num_frames, num_drops;
    int32_t last_frame_delay; /* ms that the last frame came before its time, negative: late */
    uint32_t audio_delay;     /* ms; UINT32_MAX: the client plays no sound */
} VideoReport;

typedef enum VideoEncoderKind { VIDEO_ENCODER_SPICE, VIDEO_ENCODER_GSTREAMER } VideoEncoderKind;

typedef enum VideoResult {
    VIDEO_ENCODED,     /* the frame was appended to `out` */
    VIDEO_SKIPPED,     /* the rate does not allow it: nothing is to be sent in its place */
    VIDEO_UNSUPPORTED, /* not a picture for this encoder, or it failed: to be sent as an ordinary image */
} VideoResult;

/*
 * `codec`: SPICE_VIDEO_CODEC_TYPE_*. `bit_rate`: what the connection can spare for this stream, bits per second, to
 * begin with; 0 = unknown. The environment's SPICE_BIT_RATE (Mbit, of 1024 * 1024) goes before it. NULL if there is no
 * such encoder here (no plugin, unknown codec); nothing is logged then.
 */
VideoEncoder *video_encoder_new(VideoEncoderKind kind, uint8_t codec, uint64_t bit_rate, const VideoEncoderHost *host);
void video_encoder_free(VideoEncoder *encoder); /* NULL is allowed */

uint8_t video_encoder_codec(const VideoEncoder *encoder);

/*
 * Encodes the part `source` of a bitmap of width x height pixels (validated: it lies within). Frames of one stream may
 * differ in size. Rows come out in the order in which they are shown, whatever the bitmap's: streams are TOP_DOWN.
 * `mm_time`: of the frame, ms; it is also the encoder's only clock (if it jumps, what was measured counts anew).
 * Formats: 16BIT, 24BIT, 32BIT, RGBA; others are VIDEO_UNSUPPORTED.
 */
VideoResult video_encoder_encode(VideoEncoder *encoder, uint32_t mm_time, const Bitmap *bitmap, uint32_t width,
                                 uint32_t height, const Rect *source, WireWriter *out);

void video_encoder_report(VideoEncoder *encoder, const VideoReport *report);
/* A frame was dropped from the queue before it could be encoded: the client takes too little. */
void video_encoder_frame_dropped(VideoEncoder *encoder);
/* Bits per second that it has settled on; to be remembered for the client's next stream. */
uint64_t video_encoder_bit_rate(const VideoEncoder *encoder);
