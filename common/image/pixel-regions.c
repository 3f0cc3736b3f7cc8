/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/pixel-regions.h"

#include <glib.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE ((size_t)2 << 20) /* a huge page of x86 */
#define N_PAGES (PIXEL_REGION_SIZE / PAGE_SIZE)
/* A piece takes whole grains. */
#define GRAIN_SIZE ((size_t)16 << 10)
#define N_GRAINS (PIXEL_REGION_SIZE / GRAIN_SIZE)
#define PAGE_GRAINS (PAGE_SIZE / GRAIN_SIZE)
#define MAX_IDLE_PAGES (PIXEL_REGIONS_MAX_IDLE / PAGE_SIZE)

struct PixelRegion {
    PixelRegion *next;
    uint8_t *data;
    size_t used; /* grains */
    /* From each grain on, whether it is taken; and of each page whether it may be backed by memory. */
    uint8_t taken[N_GRAINS];
    bool backed[N_PAGES];
};

static size_t grains(size_t size)
{
    return (size + GRAIN_SIZE - 1) / GRAIN_SIZE;
}

static PixelRegion *region_new(void)
{
    uint8_t *all = mmap(NULL, PIXEL_REGION_SIZE + PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;
    PixelRegion *region;

    if (all == MAP_FAILED)
        return NULL;
    before = (PAGE_SIZE - (uintptr_t)all % PAGE_SIZE) % PAGE_SIZE;
    if (before)
        munmap(all, before);
    if (before < PAGE_SIZE)
        munmap(all + before + PIXEL_REGION_SIZE, PAGE_SIZE - before);
    region = g_new0(PixelRegion, 1);
    region->data = all + before;
    madvise(region->data, PIXEL_REGION_SIZE, MADV_HUGEPAGE); /* if it fails it is only slower */
    ASAN_POISON_MEMORY_REGION(region->data, PIXEL_REGION_SIZE);
    return region;
}

static void region_free(PixelRegion *region)
{
    ASAN_UNPOISON_MEMORY_REGION(region->data, PIXEL_REGION_SIZE);
    munmap(region->data, PIXEL_REGION_SIZE);
    g_free(region);
}

/* The first of n free grains in a row, or N_GRAINS. */
static size_t find_gap(const PixelRegion *region, size_t n)
{
    size_t first = 0;

    while (first + n <= N_GRAINS) {
        size_t free = 0;

        while (free < n && !region->taken[first + free])
            free++;
        if (free == n)
            return first;
        first += free + 1;
    }
    return N_GRAINS;
}

static uint8_t *take(PixelRegion *region, size_t first, size_t size)
{
    size_t n = grains(size);
    uint8_t *data = region->data + first * GRAIN_SIZE;

    memset(region->taken + first, 1, n);
    memset(region->backed + first / PAGE_GRAINS, 1, (first + n - 1) / PAGE_GRAINS - first / PAGE_GRAINS + 1);
    region->used += n;
    ASAN_UNPOISON_MEMORY_REGION(data, size);
    return data;
}

uint8_t *pixel_regions_alloc(PixelRegions *regions, size_t size)
{
    size_t n = grains(size), first;
    PixelRegion **end = &regions->first;

    for (; *end; end = &(*end)->next) {
        if (n > N_GRAINS - (*end)->used)
            continue;
        first = find_gap(*end, n);
        if (first < N_GRAINS)
            return take(*end, first, size);
    }
    *end = region_new();
    return *end ? take(*end, 0, size) : NULL;
}

static bool page_is_idle(const PixelRegion *region, size_t page)
{
    return region->backed[page] && !memchr(region->taken + page * PAGE_GRAINS, 1, PAGE_GRAINS);
}

/* Gives idle pages back, the first MAX_IDLE_PAGES excepted. */
static void trim(PixelRegion *region)
{
    size_t idle = 0;

    for (size_t page = 0; page < N_PAGES; page++) {
        if (!page_is_idle(region, page) || ++idle <= MAX_IDLE_PAGES)
            continue;
        madvise(region->data + page * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
        region->backed[page] = false;
    }
}

void pixel_regions_free(PixelRegions *regions, uint8_t *data, size_t size)
{
    PixelRegion **link = &regions->first, *region;
    size_t n = grains(size);

    while (data < (*link)->data || data >= (*link)->data + PIXEL_REGION_SIZE)
        link = &(*link)->next;
    region = *link;
    ASAN_POISON_MEMORY_REGION(data, n * GRAIN_SIZE);
    memset(region->taken + (size_t)(data - region->data) / GRAIN_SIZE, 0, n);
    region->used -= n;
    /* The first region stays: one that is always on the point of being empty must not come and go. */
    if (region->used == 0 && link != &regions->first) {
        *link = region->next;
        region_free(region);
        return;
    }
    trim(region);
}

void pixel_regions_clear(PixelRegions *regions)
{
    while (regions->first) {
        PixelRegion *region = regions->first;

        regions->first = region->next;
        region_free(region);
    }
}

size_t pixel_regions_idle(const PixelRegions *regions)
{
    size_t bytes = 0;

    for (const PixelRegion *region = regions->first; region; region = region->next)
        for (size_t page = 0; page < N_PAGES; page++)
            bytes += page_is_idle(region, page) ? PAGE_SIZE : 0;
    return bytes;
}
