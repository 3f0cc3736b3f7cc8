/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QXL device: the host's QXLInstance, its worker thread, and what host context knows of its primary surface.
 * (The public headers give the struct its name.) Host context, unless stated otherwise.
 */
#pragma once

#include "server/core/server.h"
#include "server/display/gl-buffer.h"

typedef struct Worker Worker;

typedef struct QXLState {
    RedsState *server;
    QXLInstance *instance;
    Worker *worker;
    int wakeup_pending; /* atomic: a wakeup is on its way to the worker */
    int oom_pending;
    /* The primary surface as the host asked for it, whether or not the worker accepted it. */
    bool primary_active;
    uint32_t primary_mouse_mode;
    uint32_t primary_width, primary_height;
    char *device_address; /* in the guest, NULL = not known */
    uint32_t device_display_start, device_displays;
    GlScanout gl;          /* what the graphics card draws */
    unsigned max_monitors; /* G_MAXUINT = no limit known */
} QXLState;

/* Adds the device: worker started, channels registered. False with an error if that cannot be. */
bool qxl_add(RedsState *server, QXLInstance *instance, GError **error);
void qxl_remove(QXLInstance *instance);

/* Calls into the host's interface. */
const QXLInterface *qxl_interface(const QXLInstance *instance);
uint32_t qxl_ram_size(QXLInstance *instance);
void qxl_set_mouse_mode(QXLInstance *instance, uint32_t mode);

/* The size of what is shown by a GL scanout counts for the pointer now, or does not any more. Any thread. */
void qxl_scanout_changed(QXLInstance *instance);

/* The host created (or destroyed: NULL) the primary surface. Any thread: the consequences follow in host context. */
void qxl_primary_changed(QXLInstance *instance, const QXLDevSurfaceCreate *surface);
