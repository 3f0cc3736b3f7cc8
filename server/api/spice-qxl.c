/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of a host to the worker of a QXL device. */
#include "server/api/api.h"

#include "server/channels/agent.h"

#include "server/core/server.h"
#include "server/display/cursor-channel.h"
#include "server/display/display-channel.h"
#include "server/display/gl-scanout.h"
#include "server/display/memslot.h"
#include "server/display/qxl.h"
#include "server/display/worker.h"

#include <string.h>
#include <unistd.h>

#define MAX_MONITORS 16
#define MAX_DEVICE_ADDRESS 255

/* A device whose spice_server_add_interface() was refused has no worker: requests for it end here. */
static bool is_attached(const QXLInstance *instance)
{
    if (instance->st)
        return true;
    g_warning("a request for QXL device %d, which is not attached to a server, is ignored", instance->id);
    return false;
}

static void call(QXLInstance *instance, WorkerFunc func, void *data)
{
    if (is_attached(instance))
        worker_call(instance->st->worker, func, data);
}

/* Takes over `data`. */
static void post(QXLInstance *instance, WorkerFunc func, void *data)
{
    if (is_attached(instance))
        worker_post(instance->st->worker, func, data);
    else
        g_free(data);
}

static void complete(Worker *worker, uint64_t cookie)
{
    QXLInstance *qxl = worker_qxl(worker);

    qxl_interface(qxl)->async_complete(qxl, cookie);
}

/* --- rings --- */

static void do_wakeup(Worker *worker, void *data)
{
    g_atomic_int_set(&worker_qxl(worker)->st->wakeup_pending, 0);
    /* The rings are looked at after every request. */
}

void spice_qxl_wakeup(QXLInstance *instance)
{
    if (is_attached(instance) && g_atomic_int_compare_and_exchange(&instance->st->wakeup_pending, 0, 1))
        post(instance, do_wakeup, NULL);
}

static void do_oom(Worker *worker, void *data)
{
    QXLInstance *qxl = worker_qxl(worker);
    const QXLInterface *interface = qxl_interface(qxl);

    if (worker_is_running(worker)) {
        worker_flush_display_ring(worker);
        worker_out_of_memory(worker);
        interface->flush_resources(qxl); /* all that was released is handed back */
    }
    g_atomic_int_set(&qxl->st->oom_pending, 0);
}

void spice_qxl_oom(QXLInstance *instance)
{
    if (is_attached(instance) && g_atomic_int_compare_and_exchange(&instance->st->oom_pending, 0, 1))
        post(instance, do_oom, NULL);
}

static void do_start(Worker *worker, void *data)
{
    worker_start(worker);
}

static void do_stop(Worker *worker, void *data)
{
    worker_stop(worker);
}

void spice_qxl_start(QXLInstance *instance)
{
    post(instance, do_start, NULL);
}

void spice_qxl_stop(QXLInstance *instance)
{
    call(instance, do_stop, NULL);
}

/* --- memory slots --- */

typedef struct SlotTask {
    QXLDevMemSlot slot;
    uint64_t cookie;
} SlotTask;

static void warn(GError *error)
{
    g_warning("%s", error->message);
    g_error_free(error);
}

static void do_add_memslot(Worker *worker, void *data)
{
    GError *error = NULL;

    if (!memslots_add(worker_slots(worker), &((SlotTask *)data)->slot, &error))
        warn(error);
}

static void do_add_memslot_async(Worker *worker, void *data)
{
    do_add_memslot(worker, data);
    complete(worker, ((SlotTask *)data)->cookie);
}

void spice_qxl_add_memslot(QXLInstance *instance, QXLDevMemSlot *slot)
{
    SlotTask task = {.slot = *slot};

    call(instance, do_add_memslot, &task);
}

void spice_qxl_add_memslot_async(QXLInstance *instance, QXLDevMemSlot *slot, uint64_t cookie)
{
    SlotTask *task = g_new0(SlotTask, 1);

    task->slot = *slot;
    task->cookie = cookie;
    post(instance, do_add_memslot_async, task);
}

static void do_del_memslot(Worker *worker, void *data)
{
    const SlotTask *task = data;
    GError *error = NULL;

    worker_return_loans(worker);
    if (!memslots_del(worker_slots(worker), task->slot.slot_group_id, task->slot.slot_id, &error))
        warn(error);
}

void spice_qxl_del_memslot(QXLInstance *instance, uint32_t slot_group_id, uint32_t slot_id)
{
    SlotTask *task = g_new0(SlotTask, 1);

    task->slot.slot_group_id = slot_group_id;
    task->slot.slot_id = slot_id;
    post(instance, do_del_memslot, task);
}

static void do_reset_memslots(Worker *worker, void *data)
{
    worker_return_loans(worker);
    memslots_reset(worker_slots(worker));
}

void spice_qxl_reset_memslots(QXLInstance *instance)
{
    post(instance, do_reset_memslots, NULL);
}

/* --- pixels for the host --- */

typedef struct UpdateTask {
    uint32_t surface_id;
    Rect area;
    QXLRect *dirty;
    uint32_t n_dirty;
    bool clear;
    uint64_t cookie;
} UpdateTask;

static UpdateTask update_task(uint32_t surface_id, const QXLRect *area, uint32_t clear)
{
    return (UpdateTask){
        .surface_id = surface_id,
        .area = {area->left, area->top, area->right, area->bottom},
        .clear = clear != 0,
    };
}

/* False if there is nothing to tell: stopped, or no such surface. */
static bool update(Worker *worker, const UpdateTask *task)
{
    worker_await_start(worker);
    if (!worker_is_running(worker)) {
        g_warning("an update of surface %u while the VM is stopped is ignored", task->surface_id);
        return false;
    }
    worker_flush_display_ring(worker);
    if (!display_channel_render(worker_display(worker), task->surface_id, &task->area)) {
        g_warning("an update of surface %u, which does not exist", task->surface_id);
        return false;
    }
    return true;
}

static void do_update(Worker *worker, void *data)
{
    const UpdateTask *task = data;

    if (update(worker, task))
        display_channel_dirty(worker_display(worker), task->surface_id, task->dirty, task->n_dirty, task->clear);
}

static void do_update_async(Worker *worker, void *data)
{
    const UpdateTask *task = data;
    QXLInstance *qxl = worker_qxl(worker);
    const QXLInterface *interface = qxl_interface(qxl);
    g_autofree QXLRect *rects = NULL;
    uint32_t n = 0;

    if (update(worker, task)) {
        n = display_channel_dirty(worker_display(worker), task->surface_id, NULL, 0, false);
        rects = g_new0(QXLRect, MAX(n, 1));
        display_channel_dirty(worker_display(worker), task->surface_id, rects, n, task->clear);
    }
    if (interface->update_area_complete)
        interface->update_area_complete(qxl, task->surface_id, rects, n);
    complete(worker, task->cookie);
}

void spice_qxl_update_area(QXLInstance *instance, uint32_t surface_id, struct QXLRect *area,
                           struct QXLRect *dirty_rects, uint32_t num_dirty_rects, uint32_t clear_dirty_region)
{
    UpdateTask task = update_task(surface_id, area, clear_dirty_region);

    task.dirty = dirty_rects;
    task.n_dirty = dirty_rects ? num_dirty_rects : 0;
    call(instance, do_update, &task);
}

void spice_qxl_update_area_async(QXLInstance *instance, uint32_t surface_id, QXLRect *qxl_area,
                                 uint32_t clear_dirty_region, uint64_t cookie)
{
    UpdateTask task = update_task(surface_id, qxl_area, clear_dirty_region);

    task.cookie = cookie;
    post(instance, do_update_async, g_memdup2(&task, sizeof(task)));
}

/* --- surfaces --- */

typedef struct SurfaceTask {
    uint32_t surface_id;
    QXLDevSurfaceCreate surface;
    uint64_t cookie;
} SurfaceTask;

static void do_create_primary(Worker *worker, void *data)
{
    display_channel_create_primary(worker_display(worker), &((SurfaceTask *)data)->surface);
    cursor_channel_greet(worker_cursor(worker));
}

static void do_destroy_primary(Worker *worker, void *data)
{
    worker_flush_display_ring(worker);
    worker_flush_cursor_ring(worker);
    display_channel_destroy_primary(worker_display(worker));
    worker_return_loans(worker);
    cursor_channel_reset(worker_cursor(worker));
}

static void do_create_primary_async(Worker *worker, void *data)
{
    do_create_primary(worker, data);
    complete(worker, ((SurfaceTask *)data)->cookie);
}

static void do_destroy_primary_async(Worker *worker, void *data)
{
    do_destroy_primary(worker, data);
    complete(worker, ((SurfaceTask *)data)->cookie);
}

static bool is_primary(uint32_t surface_id, const char *function)
{
    if (surface_id == 0)
        return true;
    g_warning("%s: the primary surface has id 0, not %u", function, surface_id);
    return false;
}

void spice_qxl_create_primary_surface(QXLInstance *instance, uint32_t surface_id, QXLDevSurfaceCreate *surface)
{
    SurfaceTask task = {.surface = *surface};

    if (!is_primary(surface_id, __func__))
        return;
    call(instance, do_create_primary, &task);
    qxl_primary_changed(instance, surface);
}

void spice_qxl_create_primary_surface_async(QXLInstance *instance, uint32_t surface_id, QXLDevSurfaceCreate *surface,
                                            uint64_t cookie)
{
    SurfaceTask task = {.surface = *surface, .cookie = cookie};

    is_primary(surface_id, __func__); /* the completion is owed in any case */
    post(instance, do_create_primary_async, g_memdup2(&task, sizeof(task)));
    qxl_primary_changed(instance, surface);
}

void spice_qxl_destroy_primary_surface(QXLInstance *instance, uint32_t surface_id)
{
    SurfaceTask task = {0};

    if (!is_primary(surface_id, __func__))
        return;
    call(instance, do_destroy_primary, &task);
    qxl_primary_changed(instance, NULL);
}

void spice_qxl_destroy_primary_surface_async(QXLInstance *instance, uint32_t surface_id, uint64_t cookie)
{
    SurfaceTask task = {.cookie = cookie};

    is_primary(surface_id, __func__);
    post(instance, do_destroy_primary_async, g_memdup2(&task, sizeof(task)));
    qxl_primary_changed(instance, NULL);
}

static void do_destroy_surfaces(Worker *worker, void *data)
{
    worker_flush_display_ring(worker);
    worker_flush_cursor_ring(worker);
    display_channel_destroy_surfaces(worker_display(worker));
    worker_return_loans(worker);
    cursor_channel_reset(worker_cursor(worker));
}

static void do_destroy_surfaces_async(Worker *worker, void *data)
{
    do_destroy_surfaces(worker, data);
    complete(worker, ((SurfaceTask *)data)->cookie);
}

void spice_qxl_destroy_surfaces(QXLInstance *instance)
{
    call(instance, do_destroy_surfaces, NULL);
}

void spice_qxl_destroy_surfaces_async(QXLInstance *instance, uint64_t cookie)
{
    SurfaceTask task = {.cookie = cookie};

    post(instance, do_destroy_surfaces_async, g_memdup2(&task, sizeof(task)));
}

static void do_finish_surface(Worker *worker, void *data)
{
    worker_flush_display_ring(worker);
    worker_flush_cursor_ring(worker);
    display_channel_finish_surface(worker_display(worker), ((SurfaceTask *)data)->surface_id);
}

static void do_finish_surface_async(Worker *worker, void *data)
{
    display_channel_finish_surface(worker_display(worker), ((SurfaceTask *)data)->surface_id);
    complete(worker, ((SurfaceTask *)data)->cookie);
}

void spice_qxl_destroy_surface_wait(QXLInstance *instance, uint32_t surface_id)
{
    SurfaceTask task = {.surface_id = surface_id};

    call(instance, do_finish_surface, &task);
}

void spice_qxl_destroy_surface_async(QXLInstance *instance, uint32_t surface_id, uint64_t cookie)
{
    SurfaceTask task = {.surface_id = surface_id, .cookie = cookie};

    post(instance, do_finish_surface_async, g_memdup2(&task, sizeof(task)));
}

static void do_flush_surfaces_async(Worker *worker, void *data)
{
    worker_flush_display_ring(worker);
    worker_flush_cursor_ring(worker);
    display_channel_render_all(worker_display(worker));
    worker_return_loans(worker);
    complete(worker, ((SurfaceTask *)data)->cookie);
}

void spice_qxl_flush_surfaces_async(QXLInstance *instance, uint64_t cookie)
{
    SurfaceTask task = {.cookie = cookie};

    post(instance, do_flush_surfaces_async, g_memdup2(&task, sizeof(task)));
}

/* --- reset, load --- */

static void do_reset_image_cache(Worker *worker, void *data)
{
    display_channel_reset_image_cache(worker_display(worker));
}

void spice_qxl_reset_image_cache(QXLInstance *instance)
{
    call(instance, do_reset_image_cache, NULL);
}

static void do_reset_cursor(Worker *worker, void *data)
{
    cursor_channel_reset(worker_cursor(worker));
}

void spice_qxl_reset_cursor(QXLInstance *instance)
{
    call(instance, do_reset_cursor, NULL);
}

typedef struct LoadTask {
    const QXLCommandExt *commands;
    uint32_t count;
} LoadTask;

static void do_loadvm(Worker *worker, void *data)
{
    const LoadTask *task = data;

    for (uint32_t i = 0; i < task->count; i++) {
        const QXLCommandExt *command = &task->commands[i];

        if (command->cmd.type == QXL_CMD_CURSOR)
            worker_handle_cursor_command(worker, command);
        else if (command->cmd.type == QXL_CMD_SURFACE)
            worker_handle_display_command(worker, command, true);
        else
            g_warning("a command of type %u cannot be loaded", command->cmd.type);
    }
}

void spice_qxl_loadvm_commands(QXLInstance *instance, struct QXLCommandExt *ext, uint32_t count)
{
    LoadTask task = {ext, count};

    call(instance, do_loadvm, &task);
}

/* --- monitors --- */

typedef struct MonitorsTask {
    QXLPHYSICAL address;
    int group;
    unsigned max_monitors;
    uint64_t cookie;
} MonitorsTask;

static void do_monitors(Worker *worker, void *data)
{
    const MonitorsTask *task = data;
    g_autoptr(GError) error = NULL;
    MonitorsConfig *monitors = qxl_parse_monitors(worker_slots(worker), (uint32_t)task->group, task->address,
                                                  (uint16_t)MIN(task->max_monitors, 256), &error);

    if (!monitors)
        g_warning("a monitors config is ignored: %s", error ? error->message : "no monitor");
    display_channel_set_monitors(worker_display(worker), monitors);
    complete(worker, task->cookie);
}

void spice_qxl_monitors_config_async(QXLInstance *instance, QXLPHYSICAL monitors_config, int group_id, uint64_t cookie)
{
    MonitorsTask task = {monitors_config, group_id, 0, cookie};

    if (!is_attached(instance))
        return;
    task.max_monitors = instance->st->max_monitors;
    post(instance, do_monitors, g_memdup2(&task, sizeof(task)));
}

static void do_driver_unload(Worker *worker, void *data)
{
    display_channel_driver_unloaded(worker_display(worker));
}

void spice_qxl_driver_unload(QXLInstance *instance)
{
    post(instance, do_driver_unload, NULL);
}

void spice_qxl_set_max_monitors(QXLInstance *instance, unsigned int max_monitors)
{
    if (is_attached(instance))
        instance->st->max_monitors = MAX(max_monitors, 1u);
}

void spice_qxl_set_device_info(QXLInstance *instance, const char *device_address, uint32_t device_display_id_start,
                               uint32_t device_display_id_count)
{
    if (!device_address || strlen(device_address) > MAX_DEVICE_ADDRESS || device_display_id_count > MAX_MONITORS) {
        g_warning("spice_qxl_set_device_info: ignored, the address or the number of monitors cannot be");
        return;
    }
    if (!is_attached(instance))
        return;
    instance->st->max_monitors = MAX(device_display_id_count, 1u);
    g_free(instance->st->device_address);
    instance->st->device_address = g_strdup(device_address);
    instance->st->device_display_start = device_display_id_start;
    instance->st->device_displays = device_display_id_count;
    agent_update_device_info(instance->st->server->agent);
}

/* --- GL --- */

static void do_gl_scanout(Worker *worker, void *data)
{
    gl_scanout_tell(worker);
}

void spice_qxl_gl_scanout(QXLInstance *instance, int fd, uint32_t width, uint32_t height, uint32_t stride,
                          uint32_t format, int y_0_top)
{
    GlBuffer buffer = {fd, width, height, stride, format, y_0_top != 0};

    if (!is_attached(instance)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (!gl_scanout_set(&instance->st->gl, &buffer)) {
        g_warning("spice_qxl_gl_scanout: ignored, a draw is not complete");
        return;
    }
    worker_post(instance->st->worker, do_gl_scanout, NULL);
    qxl_scanout_changed(instance);
}

typedef struct GlDrawTask {
    Rect area;
    uint64_t cookie;
} GlDrawTask;

static void do_gl_draw(Worker *worker, void *data)
{
    const GlDrawTask *task = data;

    gl_scanout_draw(worker, &task->area, task->cookie);
}

void spice_qxl_gl_draw_async(QXLInstance *instance, uint32_t x, uint32_t y, uint32_t w, uint32_t h, uint64_t cookie)
{
    GlDrawTask task = {{(int32_t)x, (int32_t)y, (int32_t)(x + w), (int32_t)(y + h)}, cookie};

    if (!is_attached(instance))
        return;
    if (!gl_scanout_begin_draw(&instance->st->gl)) {
        g_warning("spice_qxl_gl_draw_async: there is no scanout, or the last draw is not complete");
        qxl_interface(instance)->async_complete(instance, cookie);
        return;
    }
    worker_post(instance->st->worker, do_gl_draw, g_memdup2(&task, sizeof(task)));
}
