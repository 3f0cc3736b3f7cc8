/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kinds of VideoEncoder have in common. For them and video-encoder.c only; see video-encoder.h. */
#pragma once

#include "server/display/rate-control.h"
#include "server/display/video-encoder.h"

typedef struct VideoEncoderOps {
    void (*free)(VideoEncoder *encoder);
    /* Appends the picture to `out`; false if it cannot, with `out` unchanged. The rate control has let it pass. */
    bool (*encode)(VideoEncoder *encoder, const Bitmap *bitmap, uint32_t width, uint32_t height, const Rect *source,
                   WireWriter *out);
} VideoEncoderOps;

/* First member of each kind. */
struct VideoEncoder {
    const VideoEncoderOps *ops;
    uint8_t codec;
    const VideoEncoderHost *host;
    RateControl rate;
    uint32_t told_delay; /* ms, what the host was last told */
};

/* NULL if there is none. video_encoder_new() fills in what is common. */
VideoEncoder *mjpeg_encoder_new(void);
VideoEncoder *gst_encoder_new(uint8_t codec);

/* The row of the part that is shown at the top, and the bytes from one to the next below it. */
const uint8_t *video_top_row(const Bitmap *bitmap, uint32_t height, const Rect *source, ptrdiff_t *stride);
