/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * StreamDisplay: a display channel that shows the video of a guest's stream device, as the guest encoded it. Nothing is
 * ever drawn on it, so it has neither worker nor caches.
 *
 * Owned by its StreamDevice. Host context.
 */
#pragma once

#include "server/core/server.h"

#define STREAM_CODECS_MAX 8

typedef struct StreamDisplay StreamDisplay;

typedef struct StreamDisplayOps {
    /* A client came or went. It may be one that needs the video from its beginning. */
    void (*clients_changed)(void *owner);
    /* All frames have left: stream_display_is_busy() is false again. */
    void (*sent)(void *owner);
} StreamDisplayOps;

StreamDisplay *stream_display_new(RedsState *server, uint8_t id, const StreamDisplayOps *ops, void *owner);
/* Drops the clients. The owner is not called again. Memory goes later: one of the channel's functions may be running.
 */
void stream_display_free(StreamDisplay *display);

uint8_t stream_display_id(const StreamDisplay *display);
bool stream_display_has_clients(const StreamDisplay *display);
/* What all clients can decode: SPICE_VIDEO_CODEC_TYPE_*, at most STREAM_CODECS_MAX. */
uint8_t stream_display_codecs(const StreamDisplay *display, uint8_t *codecs);

/* A new stream begins; the old one ends. */
void stream_display_format(StreamDisplay *display, uint32_t width, uint32_t height, uint8_t codec);
/* A frame of it; dropped if there is none. `data`: a reference is taken. */
void stream_display_frame(StreamDisplay *display, uint32_t mm_time, GBytes *data);
/* Frames wait for their clients to take them. */
bool stream_display_is_busy(const StreamDisplay *display);
/* The guest has gone: neither stream nor picture. */
void stream_display_reset(StreamDisplay *display);
