/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for large blocks, see block-store.h: regions of huge pages. A piece takes the next gap behind the last one,
 * up to the end of what is in use; there it begins anew, and goes farther only if nothing before is large enough. So
 * what a dictionary lets go of in order is used again in order, already backed by memory, and a piece that stays for
 * long keeps nothing but itself. Huge pages that become empty are given back, but for a few.
 *
 * Not locked: the caller does that.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BLOCK_REGION_SIZE ((size_t)64 << 20)
/* Memory that a region keeps though nothing is in it: for the next few blocks. */
#define BLOCK_REGIONS_MAX_IDLE ((size_t)16 << 20)

typedef struct BlockRegion BlockRegion;

typedef struct BlockRegions {
    BlockRegion *first; /* oldest region first */
} BlockRegions;

/* Space for `size` bytes, 1..BLOCK_REGION_SIZE, not initialised; NULL if there is no memory. */
uint8_t *block_regions_alloc(BlockRegions *regions, size_t size);
/* `size` as it was given to block_regions_alloc(). */
void block_regions_free(BlockRegions *regions, uint8_t *data, size_t size);
/* Gives back the memory of all regions; nothing may be in them. */
void block_regions_clear(BlockRegions *regions);

/* Bytes that are backed by memory, whole huge pages, and how many of them are in pages with nothing in them. */
size_t block_regions_backed(const BlockRegions *regions);
size_t block_regions_idle(const BlockRegions *regions);
