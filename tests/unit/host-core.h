/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host's core interface for tests in process: watches and timers on a GMainContext, timers that can be fired by hand,
 * and a check of the connection events. One per program. All functions: the thread that runs the host's loop.
 */
#pragma once

#include <glib.h>
#include <spice.h>
#include <stdbool.h>
#include <stdint.h>

SpiceCoreInterface *host_core(void);
/* One round of the loop; waits for something to happen, but not longer than `ms`. */
void host_iterate(unsigned ms);
/* Rounds until condition(data) is true; false after 20 s. */
bool host_wait(bool (*condition)(void *data), void *data);
/* Lets the oldest running timer that was started with exactly `ms` expire now. False if there is none. */
bool host_fire_timer(uint32_t ms);
unsigned host_running_timers(uint32_t ms);
/* Connections that were told as CONNECTED and not yet as DISCONNECTED. */
unsigned host_connections(void);
/* Nothing is left: no timer, no watch, no connection. */
void host_assert_clean(void);

/* g_log writer for servers that are expected to complain: prints nothing, counts warnings; criticals abort. Any thread.
 */
void host_quiet(void);
unsigned host_warnings(void);
