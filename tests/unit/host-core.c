/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/host-core.h"

#include <string.h>

#define WAIT_S 20

struct SpiceTimer {
    SpiceTimerFunc func;
    void *opaque;
    GSource *source; /* NULL = not running */
    uint32_t ms;
    unsigned number; /* of the start */
};

struct SpiceWatch {
    SpiceWatchFunc func;
    void *opaque;
    GSource *source;
    gpointer tag;
    int fd;
};

static GList *timers, *watches;
static GHashTable *connections; /* SpiceChannelEventInfo -> last event */
static unsigned starts;
static gint warnings;
static GThread *thread;

static void check_thread(void)
{
    if (!thread)
        thread = g_thread_self();
    g_assert_true(thread == g_thread_self());
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    SpiceTimer *timer = g_new0(SpiceTimer, 1);

    check_thread();
    timer->func = func;
    timer->opaque = opaque;
    timers = g_list_append(timers, timer);
    return timer;
}

static void timer_cancel(SpiceTimer *timer)
{
    check_thread();
    if (!timer->source)
        return;
    g_source_destroy(timer->source);
    g_source_unref(timer->source);
    timer->source = NULL;
}

static gboolean on_timer(gpointer data)
{
    SpiceTimer *timer = data;

    timer_cancel(timer);
    timer->func(timer->opaque);
    return G_SOURCE_REMOVE;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer_cancel(timer);
    timer->ms = ms;
    timer->number = starts++;
    timer->source = g_timeout_source_new(ms);
    g_source_set_callback(timer->source, on_timer, timer, NULL);
    g_source_attach(timer->source, NULL);
}

static void timer_remove(SpiceTimer *timer)
{
    timer_cancel(timer);
    timers = g_list_remove(timers, timer);
    g_free(timer);
}

typedef struct FdSource {
    GSource source;
    SpiceWatch *watch;
} FdSource;

static gboolean fd_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    SpiceWatch *watch = ((FdSource *)source)->watch;
    GIOCondition ready = g_source_query_unix_fd(source, watch->tag);
    int events = 0;

    if (ready & (G_IO_IN | G_IO_HUP | G_IO_ERR))
        events |= SPICE_WATCH_EVENT_READ;
    if (ready & G_IO_OUT)
        events |= SPICE_WATCH_EVENT_WRITE;
    if (events)
        watch->func(watch->fd, events, watch->opaque);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs fd_funcs = {.dispatch = fd_dispatch};

static GIOCondition condition_of(int mask)
{
    return (mask & SPICE_WATCH_EVENT_READ ? G_IO_IN : 0) | (mask & SPICE_WATCH_EVENT_WRITE ? G_IO_OUT : 0);
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    SpiceWatch *watch = g_new0(SpiceWatch, 1);

    check_thread();
    for (GList *l = watches; l; l = l->next)
        g_assert_cmpint(((SpiceWatch *)l->data)->fd, !=, fd); /* hosts allow one watch per fd */
    watch->func = func;
    watch->opaque = opaque;
    watch->fd = fd;
    watch->source = g_source_new(&fd_funcs, sizeof(FdSource));
    ((FdSource *)watch->source)->watch = watch;
    watch->tag = g_source_add_unix_fd(watch->source, fd, condition_of(mask));
    g_source_attach(watch->source, NULL);
    watches = g_list_prepend(watches, watch);
    return watch;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    check_thread();
    g_source_modify_unix_fd(watch->source, watch->tag, condition_of(mask));
}

static void watch_remove(SpiceWatch *watch)
{
    check_thread();
    g_source_destroy(watch->source);
    g_source_unref(watch->source);
    watches = g_list_remove(watches, watch);
    g_free(watch);
}

/* Each connection: CONNECTED, then perhaps INITIALIZED, then DISCONNECTED, each once. */
static void channel_event(int event, SpiceChannelEventInfo *info)
{
    gpointer last;

    check_thread();
    if (!connections)
        connections = g_hash_table_new(NULL, NULL);
    switch (event) {
    case SPICE_CHANNEL_EVENT_CONNECTED:
        g_assert_true(g_hash_table_insert(connections, info, GINT_TO_POINTER(event)));
        break;
    case SPICE_CHANNEL_EVENT_INITIALIZED:
        g_assert_true(g_hash_table_lookup_extended(connections, info, NULL, &last));
        g_assert_cmpint(GPOINTER_TO_INT(last), ==, SPICE_CHANNEL_EVENT_CONNECTED);
        g_hash_table_insert(connections, info, GINT_TO_POINTER(event));
        break;
    case SPICE_CHANNEL_EVENT_DISCONNECTED:
        g_assert_true(g_hash_table_remove(connections, info));
        break;
    default:
        g_assert_not_reached();
    }
}

static SpiceCoreInterface core = {
    .base = {.type = "core",
             .description = "test",
             .major_version = SPICE_INTERFACE_CORE_MAJOR,
             .minor_version = SPICE_INTERFACE_CORE_MINOR},
    .timer_add = timer_add,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
    .timer_remove = timer_remove,
    .watch_add = watch_add,
    .watch_update_mask = watch_update_mask,
    .watch_remove = watch_remove,
    .channel_event = channel_event,
};

SpiceCoreInterface *host_core(void)
{
    return &core;
}

static gboolean set_flag(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_CONTINUE;
}

void host_iterate(unsigned ms)
{
    GSource *limit;
    bool over = false;

    if (ms == 0) {
        g_main_context_iteration(NULL, FALSE);
        return;
    }
    limit = g_timeout_source_new(ms);
    g_source_set_callback(limit, set_flag, &over, NULL);
    g_source_attach(limit, NULL);
    g_main_context_iteration(NULL, TRUE);
    g_source_destroy(limit);
    g_source_unref(limit);
}

bool host_wait(bool (*condition)(void *data), void *data)
{
    gint64 end = g_get_monotonic_time() + WAIT_S * G_USEC_PER_SEC;

    while (!condition(data)) {
        if (g_get_monotonic_time() >= end)
            return false;
        host_iterate(5);
    }
    return true;
}

bool host_fire_timer(uint32_t ms)
{
    SpiceTimer *oldest = NULL;

    for (GList *l = timers; l; l = l->next) {
        SpiceTimer *timer = l->data;

        if (timer->source && timer->ms == ms && (!oldest || timer->number < oldest->number))
            oldest = timer;
    }
    if (oldest)
        on_timer(oldest);
    return oldest != NULL;
}

unsigned host_running_timers(uint32_t ms)
{
    unsigned n = 0;

    for (GList *l = timers; l; l = l->next)
        n += ((SpiceTimer *)l->data)->source && ((SpiceTimer *)l->data)->ms == ms;
    return n;
}

unsigned host_connections(void)
{
    return connections ? g_hash_table_size(connections) : 0;
}

void host_assert_clean(void)
{
    g_assert_null(timers);
    g_assert_null(watches);
    g_assert_cmpuint(host_connections(), ==, 0);
    g_clear_pointer(&connections, g_hash_table_unref);
}

static GLogWriterOutput quiet_writer(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
        return g_log_writer_default(level, fields, n, data);
    if (level & G_LOG_LEVEL_WARNING) {
        g_atomic_int_inc(&warnings);
        if (g_test_verbose())
            return g_log_writer_default(level, fields, n, data);
    }
    return G_LOG_WRITER_HANDLED;
}

void host_quiet(void)
{
    g_log_set_always_fatal(G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
    g_log_set_writer_func(quiet_writer, NULL, NULL);
}

unsigned host_warnings(void)
{
    return (unsigned)g_atomic_int_get(&warnings);
}
