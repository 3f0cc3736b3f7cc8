/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/loop.h"

struct Loop {
    SpiceCoreInterface *core; /* host loop; else NULL */
    GMainContext *context;    /* worker loop; else NULL */
};

struct LoopTimer {
    Loop *loop;
    LoopTimerFunc func;
    void *opaque;
    SpiceTimer *host;
    GSource *source;
    gint64 deadline; /* monotonic us; -1 = not running. Of a worker loop */
};

struct LoopWatch {
    Loop *loop;
    LoopWatchFunc func;
    void *opaque;
    int fd;
    int mask;
    SpiceWatch *host;
    GSource *source;
    GPollFD poll;
};

Loop *loop_new_host(SpiceCoreInterface *core)
{
    Loop *loop = g_new0(Loop, 1);

    loop->core = core;
    return loop;
}

Loop *loop_new_context(GMainContext *context)
{
    Loop *loop = g_new0(Loop, 1);

    loop->context = g_main_context_ref(context);
    return loop;
}

void loop_free(Loop *loop)
{
    if (loop->context)
        g_main_context_unref(loop->context);
    g_free(loop);
}

bool loop_is_host(const Loop *loop)
{
    return loop->core != NULL;
}

/* The sources keep deadlines and conditions in fields of their own, which the loop reads before it sleeps: setting them
 * through GLib would wake the loop up each time, also where it is the loop's own thread that sets them. */
static void wake_others_loop(const Loop *loop)
{
    if (!g_main_context_is_owner(loop->context))
        g_main_context_wakeup(loop->context);
}

typedef struct TimerSource {
    GSource source;
    LoopTimer *timer;
} TimerSource;

static gboolean timer_prepare(GSource *source, gint *timeout)
{
    const LoopTimer *timer = ((TimerSource *)source)->timer;
    gint64 left;

    *timeout = -1;
    if (timer->deadline < 0)
        return FALSE;
    left = timer->deadline - g_source_get_time(source);
    *timeout = left <= 0 ? 0 : (gint)MIN((left + 999) / 1000, G_MAXINT);
    return left <= 0;
}

static gboolean timer_check(GSource *source)
{
    const LoopTimer *timer = ((TimerSource *)source)->timer;

    return timer->deadline >= 0 && timer->deadline <= g_source_get_time(source);
}

static gboolean timer_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    LoopTimer *timer = ((TimerSource *)source)->timer;

    timer->deadline = -1;
    timer->func(timer->opaque);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = {.prepare = timer_prepare, .check = timer_check, .dispatch = timer_dispatch};

LoopTimer *loop_timer_new(Loop *loop, LoopTimerFunc func, void *opaque)
{
    LoopTimer *timer = g_new0(LoopTimer, 1);

    timer->loop = loop;
    timer->func = func;
    timer->opaque = opaque;
    timer->deadline = -1;
    if (loop->core) {
        timer->host = loop->core->timer_add(func, opaque);
    } else {
        timer->source = g_source_new(&timer_funcs, sizeof(TimerSource));
        ((TimerSource *)timer->source)->timer = timer;
        g_source_attach(timer->source, loop->context);
    }
    return timer;
}

static void set_deadline(LoopTimer *timer, gint64 deadline)
{
    timer->deadline = deadline;
    wake_others_loop(timer->loop);
}

void loop_timer_start(LoopTimer *timer, uint32_t ms)
{
    if (timer->host)
        timer->loop->core->timer_start(timer->host, ms);
    else if (timer->source)
        set_deadline(timer, g_get_monotonic_time() + (gint64)ms * 1000);
}

void loop_timer_cancel(LoopTimer *timer)
{
    if (timer->host)
        timer->loop->core->timer_cancel(timer->host);
    else if (timer->source)
        timer->deadline = -1;
}

void loop_timer_free(LoopTimer *timer)
{
    if (!timer)
        return;
    if (timer->host)
        timer->loop->core->timer_remove(timer->host);
    if (timer->source) {
        g_source_destroy(timer->source);
        g_source_unref(timer->source);
    }
    g_free(timer);
}

typedef struct WatchSource {
    GSource source;
    LoopWatch *watch;
} WatchSource;

static gboolean watch_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return FALSE;
}

static gboolean watch_check(GSource *source)
{
    const LoopWatch *watch = ((WatchSource *)source)->watch;

    return (watch->poll.revents & (watch->poll.events | G_IO_HUP | G_IO_ERR)) != 0;
}

static gboolean watch_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    LoopWatch *watch = ((WatchSource *)source)->watch;
    GIOCondition ready = watch->poll.revents;
    int events = 0;

    if (ready & (G_IO_IN | G_IO_HUP | G_IO_ERR))
        events |= SPICE_WATCH_EVENT_READ;
    if (ready & (G_IO_OUT | G_IO_ERR))
        events |= SPICE_WATCH_EVENT_WRITE;
    events &= watch->mask;
    if (events)
        watch->func(watch->fd, events, watch->opaque);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_funcs = {.prepare = watch_prepare, .check = watch_check, .dispatch = watch_dispatch};

static gushort mask_to_condition(int mask)
{
    return (gushort)((mask & SPICE_WATCH_EVENT_READ ? G_IO_IN : 0) | (mask & SPICE_WATCH_EVENT_WRITE ? G_IO_OUT : 0));
}

LoopWatch *loop_watch_new(Loop *loop, int fd, int mask, LoopWatchFunc func, void *opaque)
{
    LoopWatch *watch = g_new0(LoopWatch, 1);

    watch->loop = loop;
    watch->func = func;
    watch->opaque = opaque;
    watch->fd = fd;
    watch->mask = mask;
    if (loop->core) {
        watch->host = loop->core->watch_add(fd, mask, func, opaque);
    } else {
        watch->source = g_source_new(&watch_funcs, sizeof(WatchSource));
        ((WatchSource *)watch->source)->watch = watch;
        /* Else GLib takes the descriptor out while the callback runs, and wakes the loop up when it puts it back. */
        g_source_set_can_recurse(watch->source, TRUE);
        watch->poll = (GPollFD){fd, mask_to_condition(mask), 0};
        g_source_add_poll(watch->source, &watch->poll);
        g_source_attach(watch->source, loop->context);
    }
    return watch;
}

void loop_watch_set_mask(LoopWatch *watch, int mask)
{
    if (mask == watch->mask)
        return;
    watch->mask = mask;
    if (watch->host)
        watch->loop->core->watch_update_mask(watch->host, mask);
    if (watch->source) {
        watch->poll.events = mask_to_condition(mask);
        wake_others_loop(watch->loop);
    }
}

void loop_watch_free(LoopWatch *watch)
{
    if (!watch)
        return;
    if (watch->host)
        watch->loop->core->watch_remove(watch->host);
    if (watch->source) {
        g_source_destroy(watch->source);
        g_source_unref(watch->source);
    }
    g_free(watch);
}
