/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/task-queue.h"

#include <pthread.h>

typedef struct Task {
    TaskFunc func;
    void *data;
    bool *done; /* a caller waits for this to become true */
} Task;

struct TaskQueue {
    /* Not GLib's: thread sanitizers see these, and with them what a task hands from thread to thread. */
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    GQueue tasks;
    void (*wake)(void *opaque);
    void *opaque;
};

TaskQueue *task_queue_new(void (*wake)(void *opaque), void *opaque)
{
    TaskQueue *queue = g_new0(TaskQueue, 1);

    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->finished, NULL);
    g_queue_init(&queue->tasks);
    queue->wake = wake;
    queue->opaque = opaque;
    return queue;
}

void task_queue_free(TaskQueue *queue)
{
    task_queue_run(queue);
    pthread_mutex_destroy(&queue->mutex);
    pthread_cond_destroy(&queue->finished);
    g_free(queue);
}

static void add(TaskQueue *queue, TaskFunc func, void *data, bool *done)
{
    Task *task = g_new(Task, 1);
    bool was_empty;

    *task = (Task){func, data, done};
    pthread_mutex_lock(&queue->mutex);
    was_empty = g_queue_is_empty(&queue->tasks);
    g_queue_push_tail(&queue->tasks, task);
    pthread_mutex_unlock(&queue->mutex);
    if (was_empty)
        queue->wake(queue->opaque);
}

void task_queue_post(TaskQueue *queue, TaskFunc func, void *data)
{
    add(queue, func, data, NULL);
}

void task_queue_call(TaskQueue *queue, TaskFunc func, void *data)
{
    bool done = false;

    add(queue, func, data, &done);
    pthread_mutex_lock(&queue->mutex);
    while (!done)
        pthread_cond_wait(&queue->finished, &queue->mutex);
    pthread_mutex_unlock(&queue->mutex);
}

bool task_queue_is_empty(TaskQueue *queue)
{
    bool empty;

    pthread_mutex_lock(&queue->mutex);
    empty = g_queue_is_empty(&queue->tasks);
    pthread_mutex_unlock(&queue->mutex);
    return empty;
}

void task_queue_run(TaskQueue *queue)
{
    Task *task;

    pthread_mutex_lock(&queue->mutex);
    while ((task = g_queue_pop_head(&queue->tasks))) {
        pthread_mutex_unlock(&queue->mutex);
        task->func(task->data);
        pthread_mutex_lock(&queue->mutex);
        if (task->done) {
            *task->done = true;
            pthread_cond_broadcast(&queue->finished);
        }
        g_free(task);
    }
    pthread_mutex_unlock(&queue->mutex);
}
