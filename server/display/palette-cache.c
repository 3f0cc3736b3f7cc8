/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/palette-cache.h"

#include <string.h>

/* So few keys that a plain array, most recent first, beats anything with pointers. */
struct PaletteCache {
    uint64_t keys[PALETTE_CACHE_SIZE];
    size_t n;
};

PaletteCache *palette_cache_new(void)
{
    return g_new0(PaletteCache, 1);
}

void palette_cache_free(PaletteCache *cache)
{
    g_free(cache);
}

void palette_cache_clear(PaletteCache *cache)
{
    cache->n = 0;
}

PaletteCacheResult palette_cache_use(PaletteCache *cache, uint64_t unique, uint64_t *evicted)
{
    size_t i = 0;
    bool hit;

    *evicted = 0;
    if (unique == 0)
        return PALETTE_CACHE_OFF;
    while (i < cache->n && cache->keys[i] != unique)
        i++;
    hit = i < cache->n;
    if (!hit && cache->n < PALETTE_CACHE_SIZE) {
        cache->n++;
    } else if (!hit) {
        i--;
        *evicted = cache->keys[i];
    }
    memmove(&cache->keys[1], &cache->keys[0], i * sizeof(cache->keys[0]));
    cache->keys[0] = unique;
    return hit ? PALETTE_CACHE_HIT : PALETTE_CACHE_ADDED;
}

GArray *palette_cache_save(const PaletteCache *cache)
{
    GArray *keys = g_array_sized_new(FALSE, FALSE, sizeof(uint64_t), PALETTE_CACHE_SIZE);

    return g_array_append_vals(keys, cache->keys, (guint)cache->n);
}

void palette_cache_restore(PaletteCache *cache, const GArray *keys)
{
    g_assert(keys->len <= PALETTE_CACHE_SIZE);
    cache->n = keys->len;
    if (keys->len)
        memcpy(cache->keys, keys->data, keys->len * sizeof(uint64_t));
}
