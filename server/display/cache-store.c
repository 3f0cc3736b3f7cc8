/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/cache-store.h"

#include <string.h>

#define FIRST_CAPACITY 64u

void cache_store_init(CacheStore *store)
{
    *store = (CacheStore){
        .free = CACHE_STORE_NONE,
        .newest = CACHE_STORE_NONE,
        .oldest = CACHE_STORE_NONE,
        .key = (uint64_t)g_random_int() << 32 | g_random_int(),
    };
}

void cache_store_clear(CacheStore *store)
{
    for (uint32_t i = 0; i < store->n_channels; i++)
        g_free(store->serials[store->channels[i]]);
    g_free(store->entries);
    g_free(store->buckets);
    cache_store_init(store);
}

static uint32_t *bucket_of(const CacheStore *store, uint64_t id)
{
    uint64_t h = id ^ store->key;

    h = (h ^ h >> 32) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    h = (h ^ h >> 29) * (store->key | 1);
    return &store->buckets[(h >> 32) & (store->capacity - 1)];
}

static void grow(CacheStore *store)
{
    uint32_t capacity = MAX(store->capacity * 2, FIRST_CAPACITY);

    store->entries = g_renew(CacheEntry, store->entries, capacity);
    for (uint32_t i = 0; i < store->n_channels; i++) {
        uint64_t **column = &store->serials[store->channels[i]];

        *column = g_renew(uint64_t, *column, capacity);
    }
    store->buckets = g_renew(uint32_t, store->buckets, capacity);
    store->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        store->buckets[i] = CACHE_STORE_NONE;
    for (uint32_t i = store->newest; i != CACHE_STORE_NONE; i = store->entries[i].older) {
        uint32_t *bucket = bucket_of(store, store->entries[i].id);

        store->entries[i].chain = *bucket;
        *bucket = i;
    }
}

uint32_t cache_store_find(const CacheStore *store, uint64_t id)
{
    uint32_t index;

    if (store->n == 0)
        return CACHE_STORE_NONE;
    index = *bucket_of(store, id);
    while (index != CACHE_STORE_NONE && store->entries[index].id != id)
        index = store->entries[index].chain;
    return index;
}

static void link_newest(CacheStore *store, uint32_t index)
{
    store->entries[index].newer = CACHE_STORE_NONE;
    store->entries[index].older = store->newest;
    if (store->newest != CACHE_STORE_NONE)
        store->entries[store->newest].newer = index;
    else
        store->oldest = index;
    store->newest = index;
}

static void unlink_entry(CacheStore *store, uint32_t index)
{
    const CacheEntry *entry = &store->entries[index];

    if (entry->newer != CACHE_STORE_NONE)
        store->entries[entry->newer].older = entry->older;
    else
        store->newest = entry->older;
    if (entry->older != CACHE_STORE_NONE)
        store->entries[entry->older].newer = entry->newer;
    else
        store->oldest = entry->newer;
}

uint32_t cache_store_insert(CacheStore *store, uint64_t id, uint32_t pixels, bool lossy)
{
    uint32_t index = store->free, *bucket;

    if (index != CACHE_STORE_NONE) {
        store->free = store->entries[index].chain;
    } else {
        if (store->used == store->capacity)
            grow(store);
        index = store->used++;
    }
    bucket = bucket_of(store, id);
    store->entries[index] = (CacheEntry){.id = id, .pixels = pixels, .lossy = lossy, .chain = *bucket};
    *bucket = index;
    link_newest(store, index);
    for (uint32_t i = 0; i < store->n_channels; i++)
        store->serials[store->channels[i]][index] = 0;
    store->n++;
    return index;
}

void cache_store_remove(CacheStore *store, uint32_t index)
{
    uint32_t *link = bucket_of(store, store->entries[index].id);

    while (*link != index)
        link = &store->entries[*link].chain;
    *link = store->entries[index].chain;
    unlink_entry(store, index);
    store->entries[index].chain = store->free;
    store->free = index;
    store->n--;
}

void cache_store_touch(CacheStore *store, uint32_t index)
{
    if (store->newest == index)
        return;
    unlink_entry(store, index);
    link_newest(store, index);
}

static void add_column(CacheStore *store, uint8_t channel)
{
    uint32_t i = store->n_channels++;

    store->serials[channel] = g_new0(uint64_t, store->capacity);
    for (; i > 0 && store->channels[i - 1] > channel; i--)
        store->channels[i] = store->channels[i - 1];
    store->channels[i] = channel;
}

void cache_store_stamp(CacheStore *store, uint32_t index, uint8_t channel, uint64_t serial)
{
    if (!store->serials[channel])
        add_column(store, channel);
    store->serials[channel][index] = serial;
}

void cache_store_forget(CacheStore *store, uint8_t channel)
{
    uint32_t i = 0;

    if (!store->serials[channel])
        return;
    g_clear_pointer(&store->serials[channel], g_free);
    while (store->channels[i] != channel)
        i++;
    store->n_channels--;
    memmove(&store->channels[i], &store->channels[i + 1], store->n_channels - i);
}
