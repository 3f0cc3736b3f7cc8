/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/qxl.h"

#include "server/channels/main-channel.h"
#include "server/display/cursor-channel.h"
#include "server/display/gl-scanout.h"
#include "server/display/worker.h"

#include <gio/gio.h>
#include <spice/protocol.h>

const QXLInterface *qxl_interface(const QXLInstance *instance)
{
    return (const QXLInterface *)instance->base.sif;
}

uint32_t qxl_ram_size(QXLInstance *instance)
{
    QXLDevInitInfo info = {0};

    qxl_interface(instance)->get_init_info(instance, &info);
    return info.qxl_ram_size;
}

bool qxl_add(RedsState *server, QXLInstance *instance, GError **error)
{
    const QXLInterface *interface = qxl_interface(instance);
    QXLState *qxl;

    if (instance->id < 0 || instance->id > G_MAXUINT8 ||
        server_find_channel(server, SPICE_CHANNEL_DISPLAY, (uint8_t)instance->id)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS, "QXL id %d cannot be used", instance->id);
        return false;
    }
    qxl = g_new0(QXLState, 1);
    qxl->server = server;
    qxl->instance = instance;
    qxl->max_monitors = G_MAXUINT;
    gl_scanout_init(&qxl->gl);
    qxl->worker = worker_new(qxl, error);
    if (!qxl->worker) {
        gl_scanout_clear(&qxl->gl);
        g_free(qxl);
        return false;
    }
    instance->st = qxl;
    server->qxls = g_list_prepend(server->qxls, instance);
    /* Hosts of old kept the worker that they were given here: they get something that leads back to the instance. */
    if (interface->attache_worker)
        interface->attache_worker(instance, (QXLWorker *)instance);
    if (interface->set_compression_level)
        interface->set_compression_level(instance, 0);
    main_channel_update_mouse(server->main);
    return true;
}

void qxl_remove(QXLInstance *instance)
{
    QXLState *qxl = instance->st;
    RedsState *server = qxl->server;

    server->qxls = g_list_remove(server->qxls, instance);
    worker_free(qxl->worker);
    instance->st = NULL;
    gl_scanout_clear(&qxl->gl);
    g_free(qxl->device_address);
    g_free(qxl);
    if (server->main)
        main_channel_update_mouse(server->main);
}

static void do_set_mouse_mode(Worker *worker, void *data)
{
    cursor_channel_set_mouse_mode(worker_cursor(worker), *(uint32_t *)data);
}

void qxl_set_mouse_mode(QXLInstance *instance, uint32_t mode)
{
    worker_post(instance->st->worker, do_set_mouse_mode, g_memdup2(&mode, sizeof(mode)));
}

typedef struct PrimaryTask {
    RedsState *server;
    QXLInstance *instance;
    bool active;
    QXLDevSurfaceCreate surface;
} PrimaryTask;

static void apply_primary(void *data)
{
    PrimaryTask *task = data;

    if (g_list_find(task->server->qxls, task->instance)) {
        QXLState *qxl = task->instance->st;

        qxl->primary_active = task->active;
        qxl->primary_mouse_mode = task->surface.mouse_mode;
        qxl->primary_width = task->surface.width;
        qxl->primary_height = task->surface.height;
        main_channel_update_mouse(task->server->main);
    }
    g_free(task);
}

void qxl_primary_changed(QXLInstance *instance, const QXLDevSurfaceCreate *surface)
{
    PrimaryTask *task;

    if (!instance->st)
        return;
    task = g_new0(PrimaryTask, 1);
    task->server = instance->st->server;
    task->instance = instance;
    task->active = surface != NULL;
    if (surface)
        task->surface = *surface;
    /* Hosts may create surfaces in a thread of their own, beside the one that runs their loop: what such a thread said
     * earlier comes first. */
    if (g_thread_self() == task->server->thread && task_queue_is_empty(task->server->tasks))
        apply_primary(task);
    else
        server_post(task->server, apply_primary, task);
}

static void update_mouse(void *data)
{
    RedsState *server = data;

    if (server->main)
        main_channel_update_mouse(server->main);
}

void qxl_scanout_changed(QXLInstance *instance)
{
    server_post(instance->st->server, update_mouse, instance->st->server);
}
