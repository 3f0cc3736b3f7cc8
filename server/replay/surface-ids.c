/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/replay/surface-ids.h"

void surface_ids_init(SurfaceIds *ids, uint32_t limit)
{
    pthread_mutex_init(&ids->mutex, NULL);
    pthread_cond_init(&ids->freed, NULL);
    /* A table with holes: a hostile recorded id must not cost memory. */
    ids->map = g_hash_table_new(NULL, NULL);
    ids->map_length = 0;
    ids->inverse = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    ids->unused = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    ids->limit = limit;
}

void surface_ids_clear(SurfaceIds *ids)
{
    pthread_mutex_destroy(&ids->mutex);
    pthread_cond_destroy(&ids->freed);
    g_hash_table_unref(ids->map);
    g_array_unref(ids->inverse);
    g_array_unref(ids->unused);
}

/* Called with the mutex. */
static uint32_t lookup(SurfaceIds *ids, uint32_t recorded)
{
    void *value;

    if (!g_hash_table_lookup_extended(ids->map, GUINT_TO_POINTER(recorded), NULL, &value)) {
        return SURFACE_ID_NONE;
    }
    return GPOINTER_TO_UINT(value);
}

uint32_t surface_ids_new_id(SurfaceIds *ids, uint32_t recorded)
{
    uint32_t id;

    pthread_mutex_lock(&ids->mutex);
    while (ids->unused->len == 0 && ids->inverse->len >= ids->limit) {
        pthread_cond_wait(&ids->freed, &ids->mutex);
    }
    if (ids->unused->len > 0) {
        id = g_array_index(ids->unused, uint32_t, 0);
        g_array_remove_index_fast(ids->unused, 0); /* the last one takes the first place */
    } else {
        id = ids->inverse->len;
        g_array_set_size(ids->inverse, id + 1);
    }
    g_array_index(ids->inverse, uint32_t, id) = recorded;
    g_hash_table_insert(ids->map, GUINT_TO_POINTER(recorded), GUINT_TO_POINTER(id));
    ids->map_length = MAX(ids->map_length, (uint64_t)recorded + 1);
    pthread_mutex_unlock(&ids->mutex);
    return id;
}

uint32_t surface_ids_get(SurfaceIds *ids, uint32_t recorded)
{
    uint32_t id;
    bool known;

    if (recorded == SURFACE_ID_NONE) {
        return SURFACE_ID_NONE;
    }
    pthread_mutex_lock(&ids->mutex);
    known = recorded < ids->map_length;
    id = known ? lookup(ids, recorded) : 0;
    pthread_mutex_unlock(&ids->mutex);
    if (!known) {
        g_warning("replay: surface %u is used before it is created", recorded);
    }
    return id;
}

void surface_ids_free_id(SurfaceIds *ids, uint32_t id)
{
    uint32_t recorded;

    pthread_mutex_lock(&ids->mutex);
    if (id < ids->inverse->len) {
        recorded = g_array_index(ids->inverse, uint32_t, id);
        g_array_index(ids->inverse, uint32_t, id) = SURFACE_ID_NONE;
        if (recorded != SURFACE_ID_NONE) {
            if (lookup(ids, recorded) == id) {
                g_hash_table_remove(ids->map, GUINT_TO_POINTER(recorded));
            }
            g_array_append_val(ids->unused, id);
        }
        pthread_cond_signal(&ids->freed);
    }
    pthread_mutex_unlock(&ids->mutex);
}
