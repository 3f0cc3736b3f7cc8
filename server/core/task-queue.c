/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/task-queue.h"

typedef struct Task {
    TaskFunc func;
    void *data;
    bool *done; /* a caller waits for this to become true */
} Task;

struct TaskQueue {
    GMutex mutex;
    GCond finished;
    GQueue tasks;
    void (*wake)(void *opaque);
    void *opaque;
};

TaskQueue *task_queue_new(void (*wake)(void *opaque), void *opaque)
{
    TaskQueue *queue = g_new0(TaskQueue, 1);

    g_mutex_init(&queue->mutex);
    g_cond_init(&queue->finished);
    g_queue_init(&queue->tasks);
    queue->wake = wake;
    queue->opaque = opaque;
    return queue;
}

void task_queue_free(TaskQueue *queue)
{
    task_queue_run(queue);
    g_mutex_clear(&queue->mutex);
    g_cond_clear(&queue->finished);
    g_free(queue);
}

static void add(TaskQueue *queue, TaskFunc func, void *data, bool *done)
{
    Task *task = g_new(Task, 1);
    bool was_empty;

    *task = (Task){func, data, done};
    g_mutex_lock(&queue->mutex);
    was_empty = g_queue_is_empty(&queue->tasks);
    g_queue_push_tail(&queue->tasks, task);
    g_mutex_unlock(&queue->mutex);
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
    g_mutex_lock(&queue->mutex);
    while (!done)
        g_cond_wait(&queue->finished, &queue->mutex);
    g_mutex_unlock(&queue->mutex);
}

bool task_queue_is_empty(TaskQueue *queue)
{
    bool empty;

    g_mutex_lock(&queue->mutex);
    empty = g_queue_is_empty(&queue->tasks);
    g_mutex_unlock(&queue->mutex);
    return empty;
}

void task_queue_run(TaskQueue *queue)
{
    Task *task;

    g_mutex_lock(&queue->mutex);
    while ((task = g_queue_pop_head(&queue->tasks))) {
        g_mutex_unlock(&queue->mutex);
        task->func(task->data);
        g_mutex_lock(&queue->mutex);
        if (task->done) {
            *task->done = true;
            g_cond_broadcast(&queue->finished);
        }
        g_free(task);
    }
    g_mutex_unlock(&queue->mutex);
}
