/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KeyCache: the server's mirror of a small cache at the client that holds things by 64 bit keys, least recently used
 * first to go: palettes of a display channel, shapes of a cursor channel. Used in the worker's thread only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define PALETTE_CACHE_SIZE 128
#define CURSOR_CACHE_SIZE 256

typedef struct KeyCache KeyCache;

KeyCache *key_cache_new(unsigned capacity);
void key_cache_free(KeyCache *cache);
void key_cache_clear(KeyCache *cache);

typedef enum KeyCacheResult {
    KEY_CACHE_OFF,   /* the key is 0: not to be cached */
    KEY_CACHE_HIT,   /* the client has it: ..._FROM_CACHE */
    KEY_CACHE_ADDED, /* the client is to keep it: ..._CACHE_ME */
} KeyCacheResult;
/* `*evicted` = key that the client has to be told to drop right after this message, 0 if none. */
KeyCacheResult key_cache_use(KeyCache *cache, uint64_t key, uint64_t *evicted);

/* Keys, most recent first: a new GArray of uint64_t. */
GArray *key_cache_save(const KeyCache *cache);
/* Replaces the content. Keys are distinct, not 0, and at most `capacity` (the caller validated them). */
void key_cache_restore(KeyCache *cache, const GArray *keys);
