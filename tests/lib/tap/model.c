/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/tap/model.h"

#include <spice/enums.h>

#define CROSSING_TIME (2 * G_USEC_PER_SEC) /* by which one channel may be read later than another */

void image_cache_init(ImageCache *cache)
{
    cache->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    cache->lost = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    cache->pixels = 0;
}

void image_cache_clear(ImageCache *cache)
{
    GHashTableIter it;
    gpointer id;

    g_hash_table_iter_init(&it, cache->entries);
    while (g_hash_table_iter_next(&it, &id, NULL))
        g_hash_table_add(cache->lost, g_memdup2(id, sizeof(guint64)));
    g_hash_table_remove_all(cache->entries);
    cache->pixels = 0;
}

void image_cache_free(ImageCache *cache)
{
    g_hash_table_destroy(cache->entries);
    g_hash_table_destroy(cache->lost);
}

static void store(ImageCache *cache, const ModelStep *step, TapCounters *counters)
{
    ModelEntry *e = g_hash_table_lookup(cache->entries, &step->id);
    bool replace = step->flags & SPICE_IMAGE_FLAGS_CACHE_REPLACE_ME;

    if (e && !replace) {
        counters->resent++;
        counters->resent_plain += !(step->flags & SPICE_IMAGE_FLAGS_CACHE_ME);
        counters->resent_bytes += step->bytes;
        e->resent = counters;
        e->resent_time = g_get_monotonic_time();
        e->resent_bytes = step->bytes;
    }
    if (g_hash_table_remove(cache->lost, &step->id)) {
        counters->resent_lost++;
        counters->resent_lost_bytes += step->bytes;
    }
    if (!(step->flags & (SPICE_IMAGE_FLAGS_CACHE_ME | SPICE_IMAGE_FLAGS_CACHE_REPLACE_ME)))
        return;
    if (replace)
        counters->replaced++;
    else
        counters->added++;
    if (!e) {
        e = g_new0(ModelEntry, 1);
        e->id = step->id;
        g_hash_table_insert(cache->entries, &e->id, e);
    }
    cache->pixels = cache->pixels - e->pixels + step->pixels;
    e->pixels = step->pixels;
    e->lossy = step->type == SPICE_IMAGE_TYPE_JPEG || step->type == SPICE_IMAGE_TYPE_JPEG_ALPHA;
    if (!replace || e->refs == 0)
        e->refs++;
}

static void drop(ImageCache *cache, guint64 id, TapCounters *counters)
{
    ModelEntry *e = g_hash_table_lookup(cache->entries, &id);

    if (!e) {
        counters->unknown_evicted++;
        return;
    }
    counters->evicted++;
    if (--e->refs == 0) {
        cache->pixels -= e->pixels;
        g_hash_table_remove(cache->entries, &id);
    } else if (e->resent && e->resent->id != counters->id && g_get_monotonic_time() - e->resent_time < CROSSING_TIME) {
        e->resent->resent--;
        e->resent->resent_bytes -= e->resent_bytes;
        e->resent->crossed++;
        e->resent = NULL;
    }
}

bool image_cache_holds(const ImageCache *cache, guint64 id)
{
    return g_hash_table_contains(cache->entries, &id);
}

static void refer(ImageCache *cache, guint64 id, TapCounters *counters)
{
    if (g_hash_table_contains(cache->entries, &id)) {
        counters->hits++;
        return;
    }
    counters->missing++;
}

void image_cache_step(ImageCache *cache, const ModelStep *step, TapCounters *counters)
{
    if (step->kind == MODEL_IMAGE) {
        store(cache, step, counters);
    } else if (step->kind == MODEL_REF) {
        refer(cache, step->id, counters);
    } else if (step->kind == MODEL_DROP) {
        drop(cache, step->id, counters);
    } else if (step->kind == MODEL_DROP_ALL) {
        counters->inval_all++;
        image_cache_clear(cache);
    }
}
