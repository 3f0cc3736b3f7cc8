/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for copied pixels, see pixel-store.h: regions of huge pages. A piece takes the next gap behind the last one,
 * up to the end of what is in use; there it begins anew, and goes farther only if nothing before is large enough. So
 * what a dictionary lets go of in order is used again in order, already backed by memory, and a piece that stays for
 * long keeps nothing but itself. Huge pages that become empty are given back, but for a few.
 *
 * Not locked: the caller does that.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PIXEL_REGION_SIZE ((size_t)64 << 20)
/* Memory that a region keeps though nothing is in it: for the next few pictures. */
#define PIXEL_REGIONS_MAX_IDLE ((size_t)16 << 20)

typedef struct PixelRegion PixelRegion;

typedef struct PixelRegions {
    PixelRegion *first; /* oldest region first */
} PixelRegions;

/* Space for `size` bytes, 1..PIXEL_REGION_SIZE, not initialised; NULL if there is no memory. */
uint8_t *pixel_regions_alloc(PixelRegions *regions, size_t size);
/* `size` as it was given to pixel_regions_alloc(). */
void pixel_regions_free(PixelRegions *regions, uint8_t *data, size_t size);
/* Gives back the memory of all regions; nothing may be in them. */
void pixel_regions_clear(PixelRegions *regions);

/* Bytes that are backed by memory, whole huge pages, and how many of them are in pages with nothing in them. */
size_t pixel_regions_backed(const PixelRegions *regions);
size_t pixel_regions_idle(const PixelRegions *regions);
