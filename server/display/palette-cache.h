/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PaletteCache: the server's mirror of one display channel's palette cache at the client: 128 palettes, least recently
 * used first to go. Used in the worker's thread only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define PALETTE_CACHE_SIZE 128

typedef struct PaletteCache PaletteCache;

PaletteCache *palette_cache_new(void);
void palette_cache_free(PaletteCache *cache);
void palette_cache_clear(PaletteCache *cache);

typedef enum PaletteCacheResult {
    PALETTE_CACHE_OFF,   /* unique == 0: send the palette without flags */
    PALETTE_CACHE_HIT,   /* PAL_FROM_CACHE */
    PALETTE_CACHE_ADDED, /* PAL_CACHE_ME */
} PaletteCacheResult;
/* `*evicted` = key to be dropped by an INVAL_PALETTE right after this message, 0 if none. */
PaletteCacheResult palette_cache_use(PaletteCache *cache, uint64_t unique, uint64_t *evicted);

/* Keys, most recent first: a new GArray of uint64_t. */
GArray *palette_cache_save(const PaletteCache *cache);
/* Replaces the content. Keys are distinct, not 0, and at most PALETTE_CACHE_SIZE (the caller validated them). */
void palette_cache_restore(PaletteCache *cache, const GArray *keys);
