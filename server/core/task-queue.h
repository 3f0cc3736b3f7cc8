/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TaskQueue: functions to be run in another thread, in order.
 *
 * A worker thread has one that the host context feeds; the host context has one that workers feed. Posting and calling
 * are thread safe; running is for the owning thread alone. To avoid deadlocks only the host context calls (and waits),
 * workers only post.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct TaskQueue TaskQueue;
typedef void (*TaskFunc)(void *data);

/* `wake(opaque)` is called, from any thread, when a task was added to an empty queue. */
TaskQueue *task_queue_new(void (*wake)(void *opaque), void *opaque);
void task_queue_free(TaskQueue *queue); /* tasks still queued are run first */

void task_queue_post(TaskQueue *queue, TaskFunc func, void *data);
/* Posts and waits until the task was run. Not from the owning thread. */
void task_queue_call(TaskQueue *queue, TaskFunc func, void *data);

bool task_queue_is_empty(TaskQueue *queue);
/* Runs what is queued, and what is added meanwhile. */
void task_queue_run(TaskQueue *queue);
