/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/key-cache.h"

#include <string.h>

/* So few keys that a plain array, most recent first, beats anything with pointers. */
struct KeyCache {
    size_t capacity, n;
    uint64_t keys[];
};

KeyCache *key_cache_new(unsigned capacity)
{
    KeyCache *cache = g_malloc0(sizeof(KeyCache) + capacity * sizeof(uint64_t));

    cache->capacity = capacity;
    return cache;
}

void key_cache_free(KeyCache *cache)
{
    g_free(cache);
}

void key_cache_clear(KeyCache *cache)
{
    cache->n = 0;
}

KeyCacheResult key_cache_use(KeyCache *cache, uint64_t key, uint64_t *evicted)
{
    size_t i = 0;
    bool hit;

    *evicted = 0;
    if (key == 0)
        return KEY_CACHE_OFF;
    while (i < cache->n && cache->keys[i] != key)
        i++;
    hit = i < cache->n;
    if (!hit && cache->n < cache->capacity) {
        cache->n++;
    } else if (!hit) {
        i--;
        *evicted = cache->keys[i];
    }
    memmove(&cache->keys[1], &cache->keys[0], i * sizeof(cache->keys[0]));
    cache->keys[0] = key;
    return hit ? KEY_CACHE_HIT : KEY_CACHE_ADDED;
}

GArray *key_cache_save(const KeyCache *cache)
{
    GArray *keys = g_array_sized_new(FALSE, FALSE, sizeof(uint64_t), (guint)cache->n);

    return g_array_append_vals(keys, cache->keys, (guint)cache->n);
}

void key_cache_restore(KeyCache *cache, const GArray *keys)
{
    g_assert(keys->len <= cache->capacity);
    cache->n = keys->len;
    if (keys->len)
        memcpy(cache->keys, keys->data, keys->len * sizeof(uint64_t));
}
