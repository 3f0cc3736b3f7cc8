/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loop: timers and file descriptor watches of one thread.
 *
 * There are two kinds: the host's own loop (through its SpiceCoreInterface; "host context") and the private loop of a
 * worker thread (a GMainContext). Channels only know this interface, so the same channel code runs in either.
 * All functions are to be called in the loop's own thread. Callbacks may free their own timer or watch.
 */
#pragma once

#include <glib.h>
#include <spice.h>
#include <stdbool.h>

typedef struct Loop Loop;
typedef struct LoopTimer LoopTimer;
typedef struct LoopWatch LoopWatch;

typedef void (*LoopTimerFunc)(void *opaque);
/* events: a mask of SPICE_WATCH_EVENT_READ and SPICE_WATCH_EVENT_WRITE; errors are reported as readiness. */
typedef void (*LoopWatchFunc)(int fd, int events, void *opaque);

Loop *loop_new_host(SpiceCoreInterface *core);
Loop *loop_new_context(GMainContext *context); /* keeps a reference to the context */
void loop_free(Loop *loop);                    /* all timers and watches were freed before */
bool loop_is_host(const Loop *loop);

/* A one-shot timer, not started. */
LoopTimer *loop_timer_new(Loop *loop, LoopTimerFunc func, void *opaque);
void loop_timer_start(LoopTimer *timer, uint32_t ms); /* a running timer starts anew */
void loop_timer_cancel(LoopTimer *timer);
void loop_timer_free(LoopTimer *timer); /* NULL is allowed */

/* Level triggered. Only one watch per fd at a time. Free it before the fd is closed. */
LoopWatch *loop_watch_new(Loop *loop, int fd, int mask, LoopWatchFunc func, void *opaque);
void loop_watch_set_mask(LoopWatch *watch, int mask);
void loop_watch_free(LoopWatch *watch); /* NULL is allowed */
