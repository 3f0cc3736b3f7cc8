/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/worker.h"

#include "common/util/limited-warning.h"
#include "server/core/channel-client.h"
#include "server/display/cursor-channel.h"
#include "server/display/display-channel.h"
#include "server/display/memslot.h"
#include "server/display/qxl-parse.h"
#include "server/migration/state.h"

#include <gio/gio.h>
#include <pthread.h>
#include <signal.h>

/* One round of fetching, before sockets and requests get their turn. */
#define ROUND_US (10 * 1000)
/* An empty ring is looked at once more after this time; then the host is asked to call. */
#define POLL_MS 10
#define FLUSH_MS (30 * 1000)
/* For clients to bring their migration data after the VM was started. */
#define WAIT_DATA_MS (10 * 1000)
/* ... and how long a request of the host is held up by that. Who comes later than it is sent everything again. */
#define HOLD_HOST_MS 500
/* For the display that carries the content of a cache to arrive, once this one is complete. Until it is there images go
 * uncached, which is no harm but bytes. It is another worker's display: looked for that often. */
#define WAIT_CACHE_MS 500
#define CACHE_CHECK_MS 5
#define STEP_MS 10
/* A client that holds up the guest and takes nothing for so long is dropped; looked for that often. */
#define STUCK_MS (30 * 1000)
#define STUCK_CHECK_MS 1000

typedef struct Ring {
    Worker *worker;
    int (*get)(QXLInstance *qxl, QXLCommandExt *command);
    int (*request)(QXLInstance *qxl);
    void (*handle)(Worker *worker, const QXLCommandExt *command);
    Channel *channel;
    unsigned empty_polls;
} Ring;

struct Worker {
    QXLState *qxl;
    const QXLInterface *interface;
    GThread *thread;
    GMainContext *context;
    Loop *loop;
    TaskQueue *tasks;
    GSource *task_source;
    LoopTimer *poll_timer;
    MemSlots *slots;
    GuestLoans *loans;
    uint32_t n_surfaces;
    DisplayChannel *display;
    CursorChannel *cursor;
    Ring display_ring, cursor_ring;
    unsigned round;
    bool running;
    bool starting; /* the VM runs, but commands wait until clients have brought their migration data */
    LoopTimer *start_timer;
    LoopTimer *cache_timer;
    gint64 cache_deadline; /* monotonic us */
    bool quit;
};

QXLInstance *worker_qxl(Worker *worker)
{
    return worker->qxl->instance;
}

RedsState *worker_server(Worker *worker)
{
    return worker->qxl->server;
}

Loop *worker_loop(Worker *worker)
{
    return worker->loop;
}

TaskQueue *worker_tasks(Worker *worker)
{
    return worker->tasks;
}

MemSlots *worker_slots(Worker *worker)
{
    return worker->slots;
}

DisplayChannel *worker_display(Worker *worker)
{
    return worker->display;
}

CursorChannel *worker_cursor(Worker *worker)
{
    return worker->cursor;
}

unsigned worker_round(const Worker *worker)
{
    return worker->round;
}

bool worker_is_running(const Worker *worker)
{
    return worker->running;
}

uint32_t worker_n_surfaces(const Worker *worker)
{
    return worker->n_surfaces;
}

/* --- requests --- */

typedef struct Request {
    Worker *worker;
    WorkerFunc func;
    void *data;
    bool posted;
} Request;

static void run_request(void *data)
{
    Request *request = data;

    request->func(request->worker, request->data);
    if (request->posted) {
        g_free(request->data);
        g_free(request);
    }
}

void worker_post(Worker *worker, WorkerFunc func, void *data)
{
    Request *request = g_new(Request, 1);

    *request = (Request){worker, func, data, true};
    task_queue_post(worker->tasks, run_request, request);
}

void worker_call(Worker *worker, WorkerFunc func, void *data)
{
    Request request = {worker, func, data, false};

    task_queue_call(worker->tasks, run_request, &request);
}

/* --- commands --- */

void worker_release(Worker *worker, const QXLReleaseInfoExt *release)
{
    if (release->info)
        worker->interface->release_resource(worker->qxl->instance, *release);
}

static void release_loan(void *opaque, const QXLReleaseInfoExt *resources)
{
    worker_release(opaque, resources);
}

void worker_return_loans(Worker *worker)
{
    guest_loans_call_in(worker->loans);
}

void worker_out_of_memory(Worker *worker)
{
    guest_loans_out_of_memory(worker->loans);
}

static void warn_dropped(const GError *error)
{
    if (g_error_matches(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_EMPTY))
        return; /* nothing to draw is no fault */
    /* Sound drivers draw beside a surface, the kernel's does at each start: nobody has to be warned of it. */
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
        g_info("a command of the guest is dropped: %s", error->message);
    else
        WARN_LIMITED("a command of the guest is dropped: %s", error ? error->message : "unknown reason");
}

static void handle_draw(Worker *worker, const QXLCommandExt *command)
{
    QXLReleaseInfoExt release = {0};
    g_autoptr(GError) error = NULL;
    DrawOp *op = qxl_parse_drawable(worker->slots, worker->loans, command, &release, &error);

    /* If everything was copied the guest has its memory back at once. */
    worker_release(worker, &release);
    if (!op || !display_channel_draw(worker->display, op, &error))
        warn_dropped(error);
    draw_op_unref(op);
}

static void handle_update(Worker *worker, const QXLCommandExt *command)
{
    QXLReleaseInfoExt release = {0};
    g_autoptr(GError) error = NULL;
    UpdateCommand update;

    if (!qxl_parse_update(worker->slots, command, &update, &release, &error)) {
        warn_dropped(error);
    } else if (display_channel_render(worker->display, update.surface_id, &update.area)) {
        worker->interface->notify_update(worker->qxl->instance, update.update_id);
    } else {
        WARN_LIMITED("an update of surface %u, which does not exist", update.surface_id);
    }
    worker_release(worker, &release);
}

static void handle_surface(Worker *worker, const QXLCommandExt *command, bool loaded)
{
    QXLReleaseInfoExt release = {0};
    g_autoptr(GError) error = NULL;
    SurfaceCommand surface;

    if (!qxl_parse_surface(worker->slots, command, &surface, &release, &error)) {
        warn_dropped(error);
        worker_release(worker, &release);
        return;
    }
    display_channel_surface_command(worker->display, &surface, &release, loaded);
}

void worker_handle_display_command(Worker *worker, const QXLCommandExt *command, bool loaded)
{
    QXLReleaseInfoExt release = {0};
    g_autoptr(GError) error = NULL;

    switch (command->cmd.type) {
    case QXL_CMD_DRAW:
        handle_draw(worker, command);
        break;
    case QXL_CMD_UPDATE:
        handle_update(worker, command);
        break;
    case QXL_CMD_SURFACE:
        handle_surface(worker, command, loaded);
        break;
    case QXL_CMD_MESSAGE:
        if (!qxl_parse_message(worker->slots, command, &release, &error))
            warn_dropped(error);
        worker_release(worker, &release);
        break;
    default:
        WARN_LIMITED("a display command of type %u, which does not exist, is ignored", command->cmd.type);
        break;
    }
}

void worker_handle_cursor_command(Worker *worker, const QXLCommandExt *command)
{
    QXLReleaseInfoExt release = {0};
    g_autoptr(GError) error = NULL;
    CursorCommand cursor;

    if (command->cmd.type != QXL_CMD_CURSOR) {
        WARN_LIMITED("a cursor command of type %u is ignored", command->cmd.type);
        return;
    }
    if (!qxl_parse_cursor(worker->slots, command, &cursor, &release, &error)) {
        warn_dropped(error);
        worker_release(worker, &release);
        return;
    }
    cursor_channel_command(worker->cursor, &cursor, &release);
}

static void handle_display(Worker *worker, const QXLCommandExt *command)
{
    worker_handle_display_command(worker, command, false);
}

/* --- rings --- */

typedef enum RingState {
    RING_EMPTY,   /* nothing more to fetch */
    RING_BLOCKED, /* a client has to take something first */
    RING_TIME,    /* the round is over, there may be more */
} RingState;

static RingState process_ring(Ring *ring, gint64 end)
{
    Worker *worker = ring->worker;
    QXLCommandExt command;

    worker->round++;
    while (!channel_is_full(ring->channel)) {
        if (!ring->get(worker->qxl->instance, &command)) {
            if (ring->empty_polls++ != 1 || ring->request(worker->qxl->instance))
                return RING_EMPTY;
            ring->empty_polls = 0; /* it became non empty meanwhile */
            continue;
        }
        ring->empty_polls = 0;
        ring->handle(worker, &command);
        if (g_get_monotonic_time() >= end)
            return RING_TIME;
    }
    return RING_BLOCKED;
}

static void pump_clients(Channel *channel)
{
    for (GList *l = channel->clients, *next; l; l = next) {
        next = l->next;
        channel_client_pump(l->data);
    }
}

static void drop_stuck(Channel *channel)
{
    for (GList *l = channel->clients, *next; l; l = next) {
        next = l->next;
        if (!channel_client_is_stuck(l->data, STUCK_MS))
            continue;
        g_warning("channel %u:%u: the client takes nothing while the guest waits for it; it is dropped", channel->type,
                  channel->id);
        channel_client_disconnect(l->data);
    }
}

/* There is more to fetch, and room for it now that the clients were served. */
static bool wants_more(const Ring *ring, RingState state)
{
    return state == RING_TIME || (state == RING_BLOCKED && !channel_is_full(ring->channel));
}

static void process_rings(Worker *worker)
{
    gint64 end = g_get_monotonic_time() + ROUND_US;
    RingState cursor = RING_EMPTY, display = RING_EMPTY;

    if (worker->running) {
        cursor = process_ring(&worker->cursor_ring, end);
        display = process_ring(&worker->display_ring, end);
    }
    /* Requests of the host may have queued something, even while the VM is stopped. */
    pump_clients(worker->cursor_ring.channel);
    pump_clients(worker->display_ring.channel);
    if (!worker->running)
        return;
    if (cursor == RING_BLOCKED || display == RING_BLOCKED) {
        drop_stuck(worker->cursor_ring.channel);
        drop_stuck(worker->display_ring.channel);
    }
    if (wants_more(&worker->cursor_ring, cursor) || wants_more(&worker->display_ring, display))
        worker_wake_rings(worker);
    else if (worker->cursor_ring.empty_polls == 1 || worker->display_ring.empty_polls == 1)
        loop_timer_start(worker->poll_timer, POLL_MS);
    else if (cursor == RING_BLOCKED || display == RING_BLOCKED)
        loop_timer_start(worker->poll_timer, STUCK_CHECK_MS);
}

void worker_wake_rings(Worker *worker)
{
    loop_timer_start(worker->poll_timer, 0);
}

static void flush_ring(Ring *ring)
{
    Worker *worker = ring->worker;
    gint64 end = g_get_monotonic_time() + (gint64)FLUSH_MS * 1000;

    worker_await_start(worker);
    if (!worker->running)
        return;
    ring->empty_polls = 0;
    while (process_ring(ring, end) != RING_EMPTY) {
        if (g_get_monotonic_time() >= end) {
            channel_flush(ring->channel, 0); /* those that hold up the guest are dropped */
            end = g_get_monotonic_time() + (gint64)FLUSH_MS * 1000;
        }
        for (GList *l = ring->channel->clients, *next; l; l = next) {
            next = l->next;
            if (channel_client_pipe_is_full(l->data))
                channel_client_step(l->data, POLL_MS);
        }
    }
    pump_clients(ring->channel);
}

void worker_flush_display_ring(Worker *worker)
{
    flush_ring(&worker->display_ring);
}

void worker_flush_cursor_ring(Worker *worker)
{
    flush_ring(&worker->cursor_ring);
}

/* --- start and stop --- */

static void finish_start(Worker *worker)
{
    worker->starting = false;
    display_channel_vm_started(worker->display);
    cursor_channel_vm_started(worker->cursor);
    worker->running = true;
    worker->display_ring.empty_polls = worker->cursor_ring.empty_polls = 0;
    display_channel_tell_capabilities(worker->display);
    worker_wake_rings(worker);
}

static void on_start_timeout(void *opaque)
{
    Worker *worker = opaque;

    display_channel_drop_late(worker->display);
    if (worker->starting)
        finish_start(worker);
}

void worker_start(Worker *worker)
{
    if (worker->running || worker->starting)
        return;
    worker->starting = true;
    worker->cache_deadline = g_get_monotonic_time() + (gint64)WAIT_CACHE_MS * 1000;
    loop_timer_start(worker->start_timer, WAIT_DATA_MS);
    worker_continue_start(worker);
}

void worker_continue_start(Worker *worker)
{
    if (display_channel_awaits_data(worker->display))
        return;
    if (worker->starting && g_get_monotonic_time() < worker->cache_deadline &&
        display_channel_awaits_cache(worker->display)) {
        loop_timer_start(worker->cache_timer, CACHE_CHECK_MS);
        return;
    }
    loop_timer_cancel(worker->start_timer);
    if (worker->starting)
        finish_start(worker);
}

static void on_cache_check(void *opaque)
{
    worker_continue_start(opaque);
}

void worker_await_start(Worker *worker)
{
    gint64 end = g_get_monotonic_time() + (gint64)HOLD_HOST_MS * 1000;
    ChannelClient *cc;

    while (worker->starting && g_get_monotonic_time() < end) {
        cc = display_channel_awaits_data(worker->display);
        if (cc)
            channel_client_step(cc, STEP_MS);
        else
            g_usleep(CACHE_CHECK_MS * 1000);
        worker_continue_start(worker);
    }
    if (worker->starting)
        finish_start(worker);
}

void worker_stop(Worker *worker)
{
    worker->starting = false;
    loop_timer_cancel(worker->start_timer);
    loop_timer_cancel(worker->cache_timer);
    if (!worker->running)
        return;
    worker->running = false;
    display_channel_stop_streams(worker->display);
    display_channel_render_all(worker->display);
    channel_flush(worker->display_ring.channel, FLUSH_MS);
    channel_flush(worker->cursor_ring.channel, FLUSH_MS);
    worker_return_loans(worker); /* the guest's memory must not change any more */
}

/* --- thread --- */

static gboolean task_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return !task_queue_is_empty(*(TaskQueue **)(source + 1));
}

static gboolean task_check(GSource *source)
{
    return !task_queue_is_empty(*(TaskQueue **)(source + 1));
}

static gboolean task_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    task_queue_run(*(TaskQueue **)(source + 1));
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs task_funcs = {task_prepare, task_check, task_dispatch, NULL, NULL, NULL};

static void wake_worker(void *opaque)
{
    g_main_context_wakeup(((Worker *)opaque)->context);
}

static void on_poll(void *opaque)
{
    /* That the loop woke up is all that is needed: the rings are looked at after every round. */
}

static void block_signals(void)
{
    sigset_t set;

    sigfillset(&set);
    sigdelset(&set, SIGILL);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static gpointer worker_main(gpointer data)
{
    Worker *worker = data;

    block_signals();
    g_main_context_acquire(worker->context); /* nobody else ever runs it */
    g_main_context_push_thread_default(worker->context);
    while (!worker->quit) {
        g_main_context_iteration(worker->context, TRUE);
        process_rings(worker);
    }
    g_main_context_release(worker->context);
    g_main_context_pop_thread_default(worker->context);
    return NULL;
}

Worker *worker_new(QXLState *qxl, GError **error)
{
    const QXLInterface *interface = qxl_interface(qxl->instance);
    QXLDevInitInfo info = {0};
    Worker *worker;
    MemSlots *slots;

    interface->get_init_info(qxl->instance, &info);
    slots = memslots_new(&info, error);
    if (!slots)
        return NULL;
    worker = g_new0(Worker, 1);
    worker->qxl = qxl;
    worker->interface = interface;
    worker->slots = slots;
    worker->loans = guest_loans_new(release_loan, worker, GUEST_PIXELS_MIN_BYTES, GUEST_LOANS_MAX_BYTES);
    worker->n_surfaces = CLAMP(info.n_surfaces, 1, STATE_MAX_SURFACES);
    worker->context = g_main_context_new();
    worker->loop = loop_new_context(worker->context);
    worker->tasks = task_queue_new(wake_worker, worker);
    worker->task_source = g_source_new(&task_funcs, sizeof(GSource) + sizeof(TaskQueue *));
    *(TaskQueue **)(worker->task_source + 1) = worker->tasks;
    g_source_attach(worker->task_source, worker->context);
    worker->poll_timer = loop_timer_new(worker->loop, on_poll, worker);
    worker->start_timer = loop_timer_new(worker->loop, on_start_timeout, worker);
    worker->cache_timer = loop_timer_new(worker->loop, on_cache_check, worker);
    worker->display = display_channel_new(worker);
    worker->cursor = cursor_channel_new(worker);
    worker->display_ring = (Ring){worker,         interface->get_command,     interface->req_cmd_notification,
                                  handle_display, (Channel *)worker->display, 0};
    worker->cursor_ring = (Ring){worker,
                                 interface->get_cursor_command,
                                 interface->req_cursor_notification,
                                 worker_handle_cursor_command,
                                 (Channel *)worker->cursor,
                                 0};
    worker->thread = g_thread_new("SPICE Worker", worker_main, worker);
    return worker;
}

static void do_quit(Worker *worker, void *data)
{
    worker->quit = true;
    worker->running = worker->starting = false;
    worker_return_loans(worker);
}

void worker_free(Worker *worker)
{
    /* The channels go first: they drop their connections in the thread that still runs. */
    channel_destroy((Channel *)worker->cursor);
    channel_destroy((Channel *)worker->display);
    worker_call(worker, do_quit, NULL);
    g_thread_join(worker->thread);
    cursor_channel_free(worker->cursor);
    display_channel_free(worker->display);
    loop_timer_free(worker->poll_timer);
    loop_timer_free(worker->start_timer);
    loop_timer_free(worker->cache_timer);
    task_queue_free(worker->tasks);
    g_source_destroy(worker->task_source);
    g_source_unref(worker->task_source);
    loop_free(worker->loop);
    g_main_context_unref(worker->context);
    guest_loans_free(worker->loans);
    memslots_free(worker->slots);
    g_free(worker);
}
