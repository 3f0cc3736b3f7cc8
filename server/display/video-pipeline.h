/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VideoPipeline: a GStreamer encoder for pictures of one size and format, used like a function: a picture goes in, its
 * bytes come out, with a limit to how long that may take. GStreamer works in threads of its own meanwhile.
 *
 * One thread at a time. A pipeline that has failed is to be freed: it has no further use.
 */
#pragma once

#include "common/wire/writer.h"

#include <gst/video/video.h>
#include <stdbool.h>

typedef struct VideoPipeline VideoPipeline;

/*
 * GStreamer is started when it is first asked for: without its helper process, which would be a child of the host's,
 * and without its signal handlers. False if it does not work here.
 */
bool video_pipeline_available(const char *element);

/*
 * `encoder`: what gst-launch would call it, with its properties and what has to follow it. `fps`: what the encoder is
 * told about the frame rate; 0 = the time stamps say it. NULL if it cannot be made.
 */
VideoPipeline *video_pipeline_new(const char *encoder, GstVideoFormat format, uint32_t width, uint32_t height,
                                  uint32_t fps);
void video_pipeline_free(VideoPipeline *pipeline); /* NULL is allowed; waits for its threads */

/* Sets a number property of the encoder, if it is not that already. */
void video_pipeline_set(VideoPipeline *pipeline, const char *property, int value);

/* How pictures are laid out in buffers: one plane, its stride. */
const GstVideoInfo *video_pipeline_info(const VideoPipeline *pipeline);
/* Takes the picture's buffer, appends the bytes to `out`. False: failed, or took too long; `out` is unchanged. */
bool video_pipeline_encode(VideoPipeline *pipeline, GstBuffer *picture, WireWriter *out);
