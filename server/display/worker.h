/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Worker: the thread of one QXL device. It fetches commands from the host, and runs the display and cursor channels.
 *
 * worker_*() requests come from host context and are done in their order; those marked sync return when they are done.
 */
#pragma once

#include "common/draw/op.h"
#include "server/display/qxl.h"

struct DisplayChannel;
struct CursorChannel;

Worker *worker_new(QXLState *qxl, GError **error);
void worker_free(Worker *worker); /* ends the thread */

typedef void (*WorkerFunc)(Worker *worker, void *data);
/* Runs func in the thread: soon (data is freed with g_free afterwards), or now (sync). */
void worker_post(Worker *worker, WorkerFunc func, void *data);
void worker_call(Worker *worker, WorkerFunc func, void *data);

/* --- for code that runs in the worker's thread --- */

QXLInstance *worker_qxl(Worker *worker);
RedsState *worker_server(Worker *worker);
Loop *worker_loop(Worker *worker);
TaskQueue *worker_tasks(Worker *worker);
struct MemSlots *worker_slots(Worker *worker);
struct DisplayChannel *worker_display(Worker *worker);
struct CursorChannel *worker_cursor(Worker *worker);
/* Counts the rounds of fetching commands, between which clients are served. */
unsigned worker_round(const Worker *worker);
bool worker_is_running(const Worker *worker);
uint32_t worker_n_surfaces(const Worker *worker);

/* VM start and stop. Stopping renders everything, and hands everything queued to the clients' sockets (within 30 s). */
void worker_start(Worker *worker);
void worker_stop(Worker *worker);
/* A start is put off while clients that come by migration have not brought their data (10 s at most), so that the guest
 * draws for them, too. One of them has, or is gone: */
void worker_continue_start(Worker *worker);
/* Somebody needs the running worker now: waits for the data a little, then starts all the same. */
void worker_await_start(Worker *worker);
/* Handles what is in the command rings now, waiting for slow clients as far as needed. Nothing if not running. */
void worker_flush_display_ring(Worker *worker);
void worker_flush_cursor_ring(Worker *worker);
/* A command was fetched by other means (loadvm). */
void worker_handle_display_command(Worker *worker, const QXLCommandExt *command, bool loaded);
void worker_handle_cursor_command(Worker *worker, const QXLCommandExt *command);
void worker_release(Worker *worker, const QXLReleaseInfoExt *release);
/* What commands still keep of the guest's memory for their pixels is copied and released. */
void worker_return_loans(Worker *worker);
/* The guest has no memory left: the same, and from now on less is kept. */
void worker_out_of_memory(Worker *worker);
/* The rings are looked at again, soon. */
void worker_wake_rings(Worker *worker);
