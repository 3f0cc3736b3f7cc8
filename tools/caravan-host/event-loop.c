/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/event-loop.h"

#include <glib-unix.h>
#include <stdbool.h>

/* Both are GSources with a tail, as GLib wants it: no allocation and no new source when a mask or deadline changes. */
struct SpiceTimer {
    GSource source;
    SpiceTimerFunc func;
    void *opaque;
};

struct SpiceWatch {
    GSource source;
    int fd;
    int mask;
    gpointer tag; /* NULL while the mask is empty: a hang-up would wake us for ever */
    SpiceWatchFunc func;
    void *opaque;
};

static gboolean timer_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    SpiceTimer *timer = (SpiceTimer *)source;
    g_source_set_ready_time(source, -1);
    timer->func(timer->opaque);
    return G_SOURCE_CONTINUE;
}

static gboolean watch_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    SpiceWatch *watch = (SpiceWatch *)source;
    if (watch->tag == NULL)
        return G_SOURCE_CONTINUE;
    GIOCondition ready = g_source_query_unix_fd(source, watch->tag);
    bool broken = ready & (G_IO_HUP | G_IO_ERR | G_IO_NVAL);
    /* A callback may change the mask or remove the watch, so ask again before the second one. */
    if ((watch->mask & SPICE_WATCH_EVENT_READ) && ((ready & G_IO_IN) || broken))
        watch->func(watch->fd, SPICE_WATCH_EVENT_READ, watch->opaque);
    if (!g_source_is_destroyed(source) && (watch->mask & SPICE_WATCH_EVENT_WRITE) && ((ready & G_IO_OUT) || broken))
        watch->func(watch->fd, SPICE_WATCH_EVENT_WRITE, watch->opaque);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = {.dispatch = timer_dispatch};
static GSourceFuncs watch_funcs = {.dispatch = watch_dispatch};

static SpiceTimer *core_timer_add(SpiceTimerFunc func, void *opaque)
{
    SpiceTimer *timer = (SpiceTimer *)g_source_new(&timer_funcs, sizeof(SpiceTimer));
    timer->func = func;
    timer->opaque = opaque;
    g_source_set_ready_time(&timer->source, -1);
    g_source_attach(&timer->source, NULL);
    return timer;
}

static void core_timer_start(SpiceTimer *timer, uint32_t ms)
{
    g_source_set_ready_time(&timer->source, g_get_monotonic_time() + (int64_t)ms * 1000);
}

static void core_timer_cancel(SpiceTimer *timer)
{
    g_source_set_ready_time(&timer->source, -1);
}

static void core_timer_remove(SpiceTimer *timer)
{
    g_source_destroy(&timer->source);
    g_source_unref(&timer->source);
}

static void core_watch_update_mask(SpiceWatch *watch, int mask)
{
    if (watch->mask == mask)
        return;
    watch->mask = mask;
    GIOCondition wanted =
        ((mask & SPICE_WATCH_EVENT_READ) ? G_IO_IN : 0) | ((mask & SPICE_WATCH_EVENT_WRITE) ? G_IO_OUT : 0);
    if (wanted == 0) {
        g_source_remove_unix_fd(&watch->source, watch->tag);
        watch->tag = NULL;
    } else if (watch->tag == NULL) {
        watch->tag = g_source_add_unix_fd(&watch->source, watch->fd, wanted);
    } else {
        g_source_modify_unix_fd(&watch->source, watch->tag, wanted);
    }
}

static SpiceWatch *core_watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    SpiceWatch *watch = (SpiceWatch *)g_source_new(&watch_funcs, sizeof(SpiceWatch));
    watch->fd = fd;
    watch->func = func;
    watch->opaque = opaque;
    watch->mask = 0;
    g_source_attach(&watch->source, NULL);
    core_watch_update_mask(watch, mask);
    return watch;
}

static void core_watch_remove(SpiceWatch *watch)
{
    watch->mask = 0;
    g_source_destroy(&watch->source);
    g_source_unref(&watch->source);
}

SpiceCoreInterface *event_loop_core(void (*channel_event)(int event, SpiceChannelEventInfo *info))
{
    static SpiceCoreInterface core = {
        .base = {.type = SPICE_INTERFACE_CORE,
                 .description = "main loop",
                 .major_version = SPICE_INTERFACE_CORE_MAJOR,
                 .minor_version = SPICE_INTERFACE_CORE_MINOR},
        .timer_add = core_timer_add,
        .timer_start = core_timer_start,
        .timer_cancel = core_timer_cancel,
        .timer_remove = core_timer_remove,
        .watch_add = core_watch_add,
        .watch_update_mask = core_watch_update_mask,
        .watch_remove = core_watch_remove,
    };
    core.channel_event = channel_event;
    return &core;
}
