/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DisplayChannel: the surfaces of one QXL device, what is drawn on them, and the clients that watch. Worker thread,
 * unless stated otherwise.
 */
#pragma once

#include "server/display/qxl-parse.h"
#include "server/display/worker.h"

typedef struct DisplayChannel DisplayChannel;

DisplayChannel *display_channel_new(Worker *worker); /* host context */
void display_channel_free(DisplayChannel *display);  /* host context, after the worker's thread has ended */

/* A drawing command. False with an error if it is to be dropped: its surfaces do not exist, or its box is outside. */
bool display_channel_draw(DisplayChannel *display, DrawOp *op, GError **error);
/* Creates or destroys a surface other than the primary. Takes over `release`. `loaded`: the surface comes with its
 * pixels by a device load, and is not told to clients before somebody uses it. */
void display_channel_surface_command(DisplayChannel *display, const SurfaceCommand *command,
                                     const QXLReleaseInfoExt *release, bool loaded);
void display_channel_create_primary(DisplayChannel *display, const QXLDevSurfaceCreate *surface);
void display_channel_destroy_primary(DisplayChannel *display);
/* All surfaces go (device reset). */
void display_channel_destroy_surfaces(DisplayChannel *display);
/* Nothing refers to the surface any more, neither pending nor queued; the surface itself stays. */
void display_channel_finish_surface(DisplayChannel *display, uint32_t surface_id);

/* Pixels of `area` become right in the surface's memory. False if there is no such surface. */
bool display_channel_render(DisplayChannel *display, uint32_t surface_id, const Rect *area);
void display_channel_render_all(DisplayChannel *display);
/* What was rendered since the last clear: at most `n` rectangles (the last one then covers the rest), or with rects ==
 * NULL the number of rectangles. */
uint32_t display_channel_dirty(DisplayChannel *display, uint32_t surface_id, QXLRect *rects, uint32_t n, bool clear);

/* The guest (or the host) says which monitors show what. NULL = forget that the driver does this. Takes ownership. */
void display_channel_set_monitors(DisplayChannel *display, MonitorsConfig *monitors);
uint16_t display_channel_max_monitors(const DisplayChannel *display);
void display_channel_driver_unloaded(DisplayChannel *display);

/* SPICE_STREAM_VIDEO_*, and the codecs as video_codecs_parse() reads them, NULL = the default. */
void display_channel_set_streaming(DisplayChannel *display, int mode);
void display_channel_set_video_codecs(DisplayChannel *display, const char *codecs);
/* Ends all video streams; clients get the true pixels. */
void display_channel_stop_streams(DisplayChannel *display);
void display_channel_set_compression(DisplayChannel *display, int compression);
/* The cached pictures at the clients are worth nothing any more. */
void display_channel_reset_image_cache(DisplayChannel *display);
/* Tells the guest what all its clients can do. */
void display_channel_tell_capabilities(DisplayChannel *display);
/* A client that comes by migration and has not brought its data yet, or NULL. */
ChannelClient *display_channel_awaits_data(const DisplayChannel *display);
/* A client came by migration whose cache content another display brings, which has not come yet. */
bool display_channel_awaits_cache(const DisplayChannel *display);
/* Drops the clients that are late. */
void display_channel_drop_late(DisplayChannel *display);
/* The VM runs from now on: clients that came by migration are served like the others. */
void display_channel_vm_started(DisplayChannel *display);
