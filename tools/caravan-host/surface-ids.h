/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SurfaceIds: surface ids that depend on the order of the commands only.
 *
 * The replay functions choose ids by the time at which the library released earlier commands, so two processes that
 * play one recording disagree. Here each command, in order, gets ids of our own: a new surface takes the lowest id that
 * was never used while there is one below the limit, then the one that was destroyed longest ago.
 * Belongs to the thread that feeds the commands.
 */
#pragma once

#include <spice.h>

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SURFACE_ID_LIMIT 1024 /* the stock library knows no more */
#define SURFACE_ID_NONE UINT32_MAX

typedef struct SurfaceIds {
    GArray *map;   /* uint32_t: the replayer's id -> own id, or SURFACE_ID_NONE */
    GQueue freed;  /* own ids, oldest first */
    uint32_t next; /* lowest id that was never used */
} SurfaceIds;

void surface_ids_init(SurfaceIds *ids);
void surface_ids_clear(SurfaceIds *ids);

/* A SURFACE command: sets its id. Returns the replayer's id, which must be put back before the command is freed. */
uint32_t surface_ids_command(SurfaceIds *ids, QXLSurfaceCmd *cmd);

/* All surfaces but the primary were destroyed: own ids `live`, ascending. */
void surface_ids_destroy_all(SurfaceIds *ids, const uint32_t *live, size_t n_live);

/* Rewrites all ids in a drawable, its images included, or in an UPDATE. */
void surface_ids_drawable(SurfaceIds *ids, QXLDrawable *drawable);
void surface_ids_update(SurfaceIds *ids, QXLUpdateCmd *update);
