/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/util/block-regions.h"

#include <glib.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE ((size_t)2 << 20) /* a huge page of x86 */
#define N_PAGES (BLOCK_REGION_SIZE / PAGE_SIZE)
/* A piece takes whole grains. */
#define GRAIN_SIZE ((size_t)1 << 10)
#define N_GRAINS (BLOCK_REGION_SIZE / GRAIN_SIZE)
#define PAGE_GRAINS (PAGE_SIZE / GRAIN_SIZE)
#define MAX_IDLE_PAGES (BLOCK_REGIONS_MAX_IDLE / PAGE_SIZE)

typedef struct Page {
    uint32_t used; /* grains */
    bool backed;   /* by memory, perhaps */
} Page;

struct BlockRegion {
    BlockRegion *next;
    uint8_t *data;
    size_t used; /* grains */
    size_t last; /* behind the last piece that was given out */
    size_t top;  /* behind all pieces */
    size_t idle; /* pages that are backed and not used */
    Page pages[N_PAGES];
    uint8_t taken[N_GRAINS];
};

static size_t grains(size_t size)
{
    return (size + GRAIN_SIZE - 1) / GRAIN_SIZE;
}

static BlockRegion *region_new(void)
{
    uint8_t *all = mmap(NULL, BLOCK_REGION_SIZE + PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;
    BlockRegion *region;

    if (all == MAP_FAILED)
        return NULL;
    before = (PAGE_SIZE - (uintptr_t)all % PAGE_SIZE) % PAGE_SIZE;
    if (before)
        munmap(all, before);
    munmap(all + before + BLOCK_REGION_SIZE, PAGE_SIZE - before);
    region = g_new0(BlockRegion, 1);
    region->data = all + before;
    madvise(region->data, BLOCK_REGION_SIZE, MADV_HUGEPAGE); /* if it fails it is only slower */
    ASAN_POISON_MEMORY_REGION(region->data, BLOCK_REGION_SIZE);
    return region;
}

static void region_free(BlockRegion *region)
{
    ASAN_UNPOISON_MEMORY_REGION(region->data, BLOCK_REGION_SIZE);
    munmap(region->data, BLOCK_REGION_SIZE);
    g_free(region);
}

/* The first of n free grains in a row within begin..end-1, or N_GRAINS. */
static size_t find_gap(const BlockRegion *region, size_t begin, size_t end, size_t n)
{
    while (begin + n <= end) {
        const uint8_t *free = memchr(region->taken + begin, 0, end - begin), *taken;

        if (!free)
            break;
        begin = (size_t)(free - region->taken);
        if (begin + n > end)
            break;
        taken = memchr(free, 1, n);
        if (!taken)
            return begin;
        begin = (size_t)(taken - region->taken);
    }
    return N_GRAINS;
}

static size_t find_place(const BlockRegion *region, size_t n)
{
    size_t first = find_gap(region, region->last, region->top, n);

    if (first == N_GRAINS)
        first = find_gap(region, 0, region->top, n);
    if (first == N_GRAINS && n <= N_GRAINS - region->top)
        first = region->top;
    return first;
}

/* Behind the grains of first..end-1 that are in the page of the first one. */
static size_t end_in_page(size_t first, size_t end)
{
    return MIN(end, (first / PAGE_GRAINS + 1) * PAGE_GRAINS);
}

static uint8_t *take(BlockRegion *region, size_t first, size_t size)
{
    size_t end = first + grains(size);
    uint8_t *data = region->data + first * GRAIN_SIZE;

    memset(region->taken + first, 1, end - first);
    for (size_t i = first; i < end;) {
        Page *page = &region->pages[i / PAGE_GRAINS];
        size_t page_end = end_in_page(i, end);

        if (page->backed && page->used == 0)
            region->idle--;
        page->backed = true;
        page->used += (uint32_t)(page_end - i);
        i = page_end;
    }
    region->used += end - first;
    region->last = end;
    region->top = MAX(region->top, end);
    ASAN_UNPOISON_MEMORY_REGION(data, size);
    return data;
}

uint8_t *block_regions_alloc(BlockRegions *regions, size_t size)
{
    size_t n = grains(size), first;
    BlockRegion **end = &regions->first;

    for (; *end; end = &(*end)->next) {
        if (n > N_GRAINS - (*end)->used)
            continue;
        first = find_place(*end, n);
        if (first < N_GRAINS)
            return take(*end, first, size);
    }
    *end = region_new();
    return *end ? take(*end, 0, size) : NULL;
}

/* A page of the region has become empty. */
static void page_idle(BlockRegion *region, size_t number)
{
    if (region->idle < MAX_IDLE_PAGES) {
        region->idle++;
        return;
    }
    madvise(region->data + number * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
    region->pages[number].backed = false;
}

static void give_back(BlockRegion *region, size_t first, size_t end)
{
    memset(region->taken + first, 0, end - first);
    for (size_t i = first; i < end;) {
        Page *page = &region->pages[i / PAGE_GRAINS];
        size_t page_end = end_in_page(i, end);

        page->used -= (uint32_t)(page_end - i);
        if (page->used == 0)
            page_idle(region, i / PAGE_GRAINS);
        i = page_end;
    }
    region->used -= end - first;
    if (end == region->top) {
        const uint8_t *highest = memrchr(region->taken, 1, end);

        region->top = highest ? (size_t)(highest - region->taken) + 1 : 0;
        region->last = MIN(region->last, region->top);
    }
}

void block_regions_free(BlockRegions *regions, uint8_t *data, size_t size)
{
    BlockRegion **link = &regions->first, *region;
    size_t first;

    while (data < (*link)->data || data >= (*link)->data + BLOCK_REGION_SIZE)
        link = &(*link)->next;
    region = *link;
    first = (size_t)(data - region->data) / GRAIN_SIZE;
    ASAN_POISON_MEMORY_REGION(data, grains(size) * GRAIN_SIZE);
    give_back(region, first, first + grains(size));
    /* The first region stays: one that is always on the point of being empty must not come and go. */
    if (region->used == 0 && link != &regions->first) {
        *link = region->next;
        region_free(region);
    }
}

void block_regions_clear(BlockRegions *regions)
{
    while (regions->first) {
        BlockRegion *region = regions->first;

        regions->first = region->next;
        region_free(region);
    }
}

size_t block_regions_backed(const BlockRegions *regions)
{
    size_t n = 0;

    for (const BlockRegion *region = regions->first; region; region = region->next)
        for (size_t i = 0; i < N_PAGES; i++)
            n += region->pages[i].backed;
    return n * PAGE_SIZE;
}

size_t block_regions_idle(const BlockRegions *regions)
{
    size_t n = 0;

    for (const BlockRegion *region = regions->first; region; region = region->next)
        n += region->idle;
    return n * PAGE_SIZE;
}
