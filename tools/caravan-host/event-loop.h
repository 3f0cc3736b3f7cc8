/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The SpiceCoreInterface of this host: timers and level-triggered watches on the default GMainContext.
 * Use only in the thread that runs the main loop.
 */
#pragma once

#include <spice.h>

/* `channel_event` may be called from another thread by some libraries; it is handed through as it comes. */
SpiceCoreInterface *event_loop_core(void (*channel_event)(int event, SpiceChannelEventInfo *info));
