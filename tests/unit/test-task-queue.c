/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/task-queue.h"

#include <pthread.h>

#define N_THREADS 4
#define N_TASKS 2000

/* A queue with an owning thread of its own. All plain members are touched by tasks only: TSan sees it if they race. */
typedef struct Fixture {
    TaskQueue *queue;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    unsigned wakes;
    bool pending;
    pthread_t thread;
    bool quit;
    unsigned count;
    unsigned next[N_THREADS];
} Fixture;

static void wake(void *opaque)
{
    Fixture *f = opaque;

    pthread_mutex_lock(&f->lock);
    f->wakes++;
    f->pending = true;
    pthread_cond_signal(&f->woken);
    pthread_mutex_unlock(&f->lock);
}

static void *owner(void *opaque)
{
    Fixture *f = opaque;

    while (!f->quit) {
        pthread_mutex_lock(&f->lock);
        while (!f->pending)
            pthread_cond_wait(&f->woken, &f->lock);
        f->pending = false;
        pthread_mutex_unlock(&f->lock);
        task_queue_run(f->queue);
    }
    return NULL;
}

static void fixture_init(Fixture *f, bool with_thread)
{
    *f = (Fixture){0};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->woken, NULL);
    f->queue = task_queue_new(wake, f);
    if (with_thread)
        g_assert_cmpint(pthread_create(&f->thread, NULL, owner, f), ==, 0);
}

static void fixture_clear(Fixture *f)
{
    task_queue_free(f->queue);
    pthread_cond_destroy(&f->woken);
    pthread_mutex_destroy(&f->lock);
}

static void count(void *data)
{
    ((Fixture *)data)->count++;
}

static void post_another(void *data)
{
    Fixture *f = data;

    f->count++;
    if (f->count < 5)
        task_queue_post(f->queue, post_another, f);
}

static void test_post(void)
{
    Fixture f;

    fixture_init(&f, false);
    g_assert_true(task_queue_is_empty(f.queue));
    task_queue_run(f.queue);
    task_queue_post(f.queue, count, &f);
    task_queue_post(f.queue, count, &f);
    g_assert_cmpuint(f.wakes, ==, 1); /* only when it was empty */
    g_assert_cmpuint(f.count, ==, 0);
    g_assert_false(task_queue_is_empty(f.queue));
    task_queue_run(f.queue);
    g_assert_cmpuint(f.count, ==, 2);
    g_assert_true(task_queue_is_empty(f.queue));
    f.count = 0;
    task_queue_post(f.queue, post_another, &f); /* what tasks add is run as well */
    task_queue_run(f.queue);
    g_assert_cmpuint(f.count, ==, 5);
    task_queue_post(f.queue, count, &f);
    fixture_clear(&f); /* runs what is left */
    g_assert_cmpuint(f.count, ==, 6);
}

static void run_nested(void *data)
{
    Fixture *f = data;

    task_queue_run(f->queue);
    f->count = f->count * 10 + 1;
}

/* A task that runs the queue, as a callback of the host may. */
static void test_nested(void)
{
    Fixture f;

    fixture_init(&f, false);
    task_queue_post(f.queue, run_nested, &f);
    task_queue_post(f.queue, count, &f);
    task_queue_run(f.queue);
    g_assert_cmpuint(f.count, ==, 11);
    fixture_clear(&f);
}

typedef struct Order {
    Fixture *f;
    unsigned thread, number;
} Order;

static void check_order(void *data)
{
    Order *order = data;

    g_assert_cmpuint(order->f->next[order->thread], ==, order->number);
    order->f->next[order->thread]++;
    order->f->count++;
    g_free(order);
}

typedef struct Poster {
    Fixture *f;
    unsigned index;
    pthread_t thread;
} Poster;

static void *poster(void *opaque)
{
    Poster *p = opaque;

    for (unsigned i = 0; i < N_TASKS; i++) {
        Order *order = g_new(Order, 1);

        *order = (Order){p->f, p->index, i};
        if (i % 16 == 15) {
            task_queue_call(p->f->queue, check_order, order);
        } else {
            task_queue_post(p->f->queue, check_order, order);
        }
    }
    return NULL;
}

static void quit(void *data)
{
    ((Fixture *)data)->quit = true;
}

static void test_threads(void)
{
    Fixture f;
    Poster posters[N_THREADS];

    fixture_init(&f, true);
    for (unsigned i = 0; i < N_THREADS; i++) {
        posters[i] = (Poster){.f = &f, .index = i};
        g_assert_cmpint(pthread_create(&posters[i].thread, NULL, poster, &posters[i]), ==, 0);
    }
    for (unsigned i = 0; i < N_THREADS; i++)
        pthread_join(posters[i].thread, NULL);
    task_queue_call(f.queue, quit, &f);
    pthread_join(f.thread, NULL);
    g_assert_cmpuint(f.count, ==, N_THREADS * N_TASKS);
    fixture_clear(&f);
}

/* What a call wrote is there when it returns; its argument lives on the caller's stack. */
static void test_call(void)
{
    Fixture f;

    fixture_init(&f, true);
    for (unsigned i = 1; i <= 500; i++) {
        task_queue_call(f.queue, count, &f);
        g_assert_cmpuint(f.count, ==, i);
    }
    task_queue_call(f.queue, quit, &f);
    pthread_join(f.thread, NULL);
    fixture_clear(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/task-queue/post", test_post);
    g_test_add_func("/task-queue/nested", test_nested);
    g_test_add_func("/task-queue/threads", test_threads);
    g_test_add_func("/task-queue/call", test_call);
    return g_test_run();
}
