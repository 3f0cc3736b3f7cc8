/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/loop.h"
#include "tests/unit/host-core.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every test runs with both kinds of loop; the private one is driven by the default context here. */
static Loop *loop_of(gconstpointer host)
{
    return host ? loop_new_host(host_core()) : loop_new_context(g_main_context_default());
}

typedef struct Seen {
    unsigned n;
    int events;
    LoopTimer *timer; /* freed or started again in the callback */
    LoopWatch *watch;
    bool again;
} Seen;

static bool has_seen(void *data)
{
    return ((Seen *)data)->n > 0;
}

static void iterate(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        host_iterate(1);
}

static void on_timer(void *opaque)
{
    Seen *seen = opaque;

    seen->n++;
    if (seen->again && seen->n < 3) {
        loop_timer_start(seen->timer, 0);
    } else if (!seen->again && seen->timer) {
        loop_timer_free(seen->timer);
        seen->timer = NULL;
    }
}

static void test_timer(gconstpointer host)
{
    Loop *loop = loop_of(host);
    Seen seen = {0};
    LoopTimer *timer = loop_timer_new(loop, on_timer, &seen);
    gint64 start;

    g_assert_true(loop_is_host(loop) == (host != NULL));
    iterate(5);
    g_assert_cmpuint(seen.n, ==, 0); /* not started */
    start = g_get_monotonic_time();
    loop_timer_start(timer, 20);
    g_assert_true(host_wait(has_seen, &seen));
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 19000);
    iterate(5);
    g_assert_cmpuint(seen.n, ==, 1); /* one shot */
    loop_timer_start(timer, 5);
    loop_timer_start(timer, 60 * 1000); /* starts anew */
    iterate(20);
    g_assert_cmpuint(seen.n, ==, 1);
    loop_timer_start(timer, 1);
    loop_timer_cancel(timer);
    loop_timer_cancel(timer);
    iterate(10);
    g_assert_cmpuint(seen.n, ==, 1);
    loop_timer_start(timer, 1);
    loop_timer_free(timer);
    loop_timer_free(NULL);
    iterate(10);
    g_assert_cmpuint(seen.n, ==, 1);
    loop_free(loop);
    host_assert_clean();
}

static bool thrice(void *data)
{
    return ((Seen *)data)->n == 3;
}

static void test_timer_in_callback(gconstpointer host)
{
    Loop *loop = loop_of(host);
    Seen again = {.again = true}, gone = {0};

    again.timer = loop_timer_new(loop, on_timer, &again);
    gone.timer = loop_timer_new(loop, on_timer, &gone);
    loop_timer_start(again.timer, 0);
    loop_timer_start(gone.timer, 0);
    g_assert_true(host_wait(thrice, &again));
    g_assert_true(host_wait(has_seen, &gone));
    iterate(5);
    g_assert_cmpuint(again.n, ==, 3);
    g_assert_null(gone.timer);
    loop_timer_free(again.timer);
    loop_free(loop);
    host_assert_clean();
}

static void on_watch(int fd, int events, void *opaque)
{
    Seen *seen = opaque;

    seen->n++;
    seen->events = events;
    if (seen->watch) {
        loop_watch_free(seen->watch);
        seen->watch = NULL;
        close(fd);
    }
}

static void assert_events(Seen *seen, int events)
{
    seen->n = 0;
    seen->events = 0;
    if (!events) {
        iterate(5);
        g_assert_cmpuint(seen->n, ==, 0);
        return;
    }
    g_assert_true(host_wait(has_seen, seen));
    g_assert_cmpint(seen->events, ==, events);
}

static void test_watch(gconstpointer host)
{
    Loop *loop = loop_of(host);
    Seen seen = {0};
    LoopWatch *watch;
    int fds[2];
    char c;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    watch = loop_watch_new(loop, fds[0], SPICE_WATCH_EVENT_READ, on_watch, &seen);
    assert_events(&seen, 0);
    g_assert_cmpint(write(fds[1], "ab", 2), ==, 2);
    assert_events(&seen, SPICE_WATCH_EVENT_READ);
    assert_events(&seen, SPICE_WATCH_EVENT_READ); /* level triggered */
    loop_watch_set_mask(watch, SPICE_WATCH_EVENT_READ | SPICE_WATCH_EVENT_WRITE);
    assert_events(&seen, SPICE_WATCH_EVENT_READ | SPICE_WATCH_EVENT_WRITE);
    loop_watch_set_mask(watch, SPICE_WATCH_EVENT_WRITE);
    assert_events(&seen, SPICE_WATCH_EVENT_WRITE);
    loop_watch_set_mask(watch, 0);
    assert_events(&seen, 0);
    loop_watch_set_mask(watch, SPICE_WATCH_EVENT_READ);
    g_assert_cmpint(read(fds[0], &c, 1), ==, 1);
    g_assert_cmpint(read(fds[0], &c, 1), ==, 1);
    assert_events(&seen, 0);
    close(fds[1]);
    assert_events(&seen, SPICE_WATCH_EVENT_READ); /* the end is readiness */
    loop_watch_free(watch);
    loop_watch_free(NULL);
    assert_events(&seen, 0);
    close(fds[0]);
    loop_free(loop);
    host_assert_clean();
}

static void test_watch_in_callback(gconstpointer host)
{
    Loop *loop = loop_of(host);
    Seen seen = {0};
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    seen.watch = loop_watch_new(loop, fds[0], SPICE_WATCH_EVENT_READ, on_watch, &seen);
    close(fds[1]);
    g_assert_true(host_wait(has_seen, &seen));
    iterate(5);
    g_assert_cmpuint(seen.n, ==, 1);
    loop_free(loop);
    host_assert_clean();
}

/* A private loop in a thread of its own, as workers have. */
typedef struct ThreadTest {
    GMainContext *context;
    int fd;
    Seen timer, watch;
} ThreadTest;

static void *run_loop(void *data)
{
    ThreadTest *t = data;
    Loop *loop = loop_new_context(t->context);
    LoopTimer *timer = loop_timer_new(loop, on_timer, &t->timer);
    LoopWatch *watch = loop_watch_new(loop, t->fd, SPICE_WATCH_EVENT_READ, on_watch, &t->watch);

    loop_timer_start(timer, 2);
    while (!t->timer.n || !t->watch.n)
        g_main_context_iteration(t->context, TRUE);
    loop_timer_free(timer);
    loop_watch_free(watch);
    loop_free(loop);
    return NULL;
}

static void test_thread(void)
{
    ThreadTest t = {.context = g_main_context_new()};
    pthread_t thread;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    t.fd = fds[0];
    g_assert_cmpint(pthread_create(&thread, NULL, run_loop, &t), ==, 0);
    g_assert_cmpint(write(fds[1], "x", 1), ==, 1);
    pthread_join(thread, NULL);
    g_assert_cmpuint(t.timer.n, ==, 1);
    g_main_context_unref(t.context);
    close(fds[0]);
    close(fds[1]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(gconstpointer host);
    } tests[] = {
        {"timer", test_timer},
        {"timer-in-callback", test_timer_in_callback},
        {"watch", test_watch},
        {"watch-in-callback", test_watch_in_callback},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *host = g_strdup_printf("/loop/host/%s", tests[i].name);
        g_autofree char *context = g_strdup_printf("/loop/context/%s", tests[i].name);

        g_test_add_data_func(host, "", tests[i].test);
        g_test_add_data_func(context, NULL, tests[i].test);
    }
    g_test_add_func("/loop/thread", test_thread);
    return g_test_run();
}
