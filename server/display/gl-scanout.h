/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GlScanout: what a host that draws with the graphics card shows: a buffer of the card that is handed to clients on the
 * same machine, and the draws that tell them what has changed in it.
 *
 * One for each QXL device. The host sets it in any thread, under the lock; clients are told in the worker's thread.
 */
#pragma once

#include "server/display/worker.h"

struct DisplayClient;

void gl_scanout_init(GlScanout *scanout);
void gl_scanout_clear(GlScanout *scanout);

/* Any thread. Takes over the fd. False, with nothing changed but the fd closed: a draw is not complete. */
bool gl_scanout_set(GlScanout *scanout, const GlBuffer *buffer);
/* Any thread. False: there is nothing to draw, or a draw is not complete. Then it is the caller who completes. */
bool gl_scanout_begin_draw(GlScanout *scanout);
/* Any thread: whether there is one, and its size. */
bool gl_scanout_size(GlScanout *scanout, uint32_t *width, uint32_t *height);

/* Worker's thread. Clients that cannot take it are disconnected from the display. */
void gl_scanout_tell(Worker *worker);
/* After gl_scanout_begin_draw(): async_complete(cookie) follows exactly once, when all clients have answered or gone.
 */
void gl_scanout_draw(Worker *worker, const Rect *area, uint64_t cookie);

/* Worker's thread, of one connection. What a new one gets: the scanout, if there is one and it can take it. */
void gl_scanout_greet(struct DisplayClient *dc);
/* GL_DRAW_DONE came. False: it owed none. */
bool gl_scanout_done(struct DisplayClient *dc);
/* The connection is gone: it does not owe an answer any more. */
void gl_scanout_leave(struct DisplayClient *dc);
