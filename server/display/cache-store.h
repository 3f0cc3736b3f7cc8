/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CacheStore: the entries of an image cache, by id and by age, with the message serials that used them.
 *
 * Private to the image cache, which holds its lock around every call. Entries live in one array and are named by their
 * index, valid until the entry is removed; pointers into the array are valid until the next insertion. Serials are kept
 * in one column per display channel that ever used an entry: a client with one display pays for one.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CACHE_STORE_NONE G_MAXUINT32

typedef struct CacheEntry {
    uint64_t id;
    uint64_t message; /* the image cache's count of messages when the entry was used last */
    uint32_t pixels;
    uint32_t newer, older; /* neighbours in age; CACHE_STORE_NONE at the ends */
    uint32_t chain;        /* next of the same bucket, or next free one */
    bool lossy;
} CacheEntry;

typedef struct CacheStore {
    CacheEntry *entries;
    uint32_t *buckets;      /* as many as there is room for entries: a power of two */
    uint64_t *serials[256]; /* by channel id: a column, NULL for channels that used nothing */
    uint8_t channels[256];  /* the channels that have a column, ascending */
    uint32_t n_channels;
    uint32_t capacity, n, used; /* room; entries; indices ever given out */
    uint32_t free;              /* first free index below `used` */
    uint32_t newest, oldest;
    uint64_t key; /* random: guests choose the ids, they shall not choose the buckets */
} CacheStore;

void cache_store_init(CacheStore *store);
/* Drops all entries and columns and frees their memory; the store is empty and can be used again. */
void cache_store_clear(CacheStore *store);

uint32_t cache_store_find(const CacheStore *store, uint64_t id);
/* A new entry, the newest. The id must not be present. */
uint32_t cache_store_insert(CacheStore *store, uint64_t id, uint32_t pixels, bool lossy);
void cache_store_remove(CacheStore *store, uint32_t index);
/* Makes it the newest. */
void cache_store_touch(CacheStore *store, uint32_t index);

void cache_store_stamp(CacheStore *store, uint32_t index, uint8_t channel, uint64_t serial);
/* The last serial of the channel that used the entry; 0 if none. */
static inline uint64_t cache_store_serial(const CacheStore *store, uint32_t index, uint8_t channel)
{
    return store->serials[channel] ? store->serials[channel][index] : 0;
}
/* All serials of the channel become 0. */
void cache_store_forget(CacheStore *store, uint8_t channel);
