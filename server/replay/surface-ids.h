/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SurfaceIds: gives the surfaces of a recording ids from 0 to `limit` - 1. The order in which ids are used again is a
 * contract: two processes that replay one recording with different libraries have to agree on it, or a client could
 * not migrate between them.
 *
 * Thread safe. surface_ids_new_id() may wait for a surface_ids_free_id() by another thread.
 */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SURFACE_ID_NONE 0xffffffffu

typedef struct SurfaceIds {
    pthread_mutex_t mutex; /* not GMutex, which the thread sanitizer cannot see */
    pthread_cond_t freed;
    GHashTable *map;     /* recorded id -> id; an absent one below map_length was freed or never made */
    uint64_t map_length; /* highest recorded id ever made, plus one */
    GArray *inverse;     /* uint32_t, by id: recorded id or SURFACE_ID_NONE */
    GArray *unused;      /* uint32_t: freed ids */
    uint32_t limit;
} SurfaceIds;

void surface_ids_init(SurfaceIds *ids, uint32_t limit);
void surface_ids_clear(SurfaceIds *ids);

/* An id for a new surface; waits while all are in use. */
uint32_t surface_ids_new_id(SurfaceIds *ids, uint32_t recorded);
/* The id of a surface. SURFACE_ID_NONE stays what it is and is given for a freed one; 0 (with a warning) for a
 * recorded id beyond all that were made. */
uint32_t surface_ids_get(SurfaceIds *ids, uint32_t recorded);
/* The surface with this id is gone. Ids out of range are ignored. */
void surface_ids_free_id(SurfaceIds *ids, uint32_t id);
