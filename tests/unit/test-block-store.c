/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/util/block-regions.h"
#include "common/util/block-store.h"

#include <string.h>

#define N_HELD 200

static GBytes *make(size_t size, uint8_t value)
{
    uint8_t *data = block_store_alloc(size);

    if (size)
        memset(data, value, size);
    return block_store_bytes(data, size);
}

static void check(GBytes *bytes, uint8_t value)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);

    for (gsize i = 0; i < size; i++)
        g_assert_cmpuint(data[i], ==, value);
}

/* Pieces of all sizes, held for as long as chance has it, keep what was written to them. */
static gpointer hold_and_drop(gpointer seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(GPOINTER_TO_UINT(seed));
    GBytes *held[N_HELD] = {NULL};
    uint8_t values[N_HELD] = {0};

    for (unsigned i = 0; i < 3000; i++) {
        unsigned at = (unsigned)g_rand_int_range(rand, 0, N_HELD);
        size_t size = (size_t)g_rand_int_range(rand, 0, g_rand_int_range(rand, 0, 30) == 0 ? 1500000 : 60000);

        if (held[at]) {
            check(held[at], values[at]);
            g_bytes_unref(held[at]);
        }
        values[at] = (uint8_t)g_rand_int(rand);
        held[at] = make(size, values[at]);
        g_assert_cmpuint(g_bytes_get_size(held[at]), ==, size);
    }
    for (unsigned at = 0; at < N_HELD; at++) {
        if (!held[at])
            continue;
        check(held[at], values[at]);
        g_bytes_unref(held[at]);
    }
    return NULL;
}

static void test_random(void)
{
    hold_and_drop(GUINT_TO_POINTER(1));
}

static void test_threads(void)
{
    GThread *threads[3];

    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("pixels", hold_and_drop, GUINT_TO_POINTER(i + 2));
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

/* In the order in which they came, as a dictionary drops them: memory is used again. */
static void test_row(void)
{
    GQueue row = G_QUEUE_INIT;
    GHashTable *pages = g_hash_table_new(NULL, NULL);

    for (unsigned i = 0; i < 4000; i++) {
        GBytes *bytes = make(50000, (uint8_t)i);

        g_hash_table_add(pages, GSIZE_TO_POINTER((uintptr_t)g_bytes_get_data(bytes, NULL) >> 20));
        g_queue_push_tail(&row, bytes);
        if (row.length > 300)
            g_bytes_unref(g_queue_pop_head(&row));
    }
    g_queue_clear_full(&row, (GDestroyNotify)g_bytes_unref);
    /* 15 MB are held at a time. Without use again it would be 200. */
    g_assert_cmpuint(g_hash_table_size(pages), <, 40);
    g_hash_table_unref(pages);
}

#define PICTURE ((size_t)3700000)

/* The place of a picture that a dictionary lets go of is that of the next one. */
static void test_regions_row(void)
{
    BlockRegions regions = {NULL};
    uint8_t *row[8], *lowest, *highest;

    for (unsigned i = 0; i < G_N_ELEMENTS(row); i++)
        row[i] = block_regions_alloc(&regions, PICTURE);
    lowest = row[0];
    highest = row[7];
    for (unsigned i = 0; i < 100; i++) {
        uint8_t **oldest = &row[i % G_N_ELEMENTS(row)];

        memset(*oldest, (int)i, PICTURE);
        block_regions_free(&regions, *oldest, PICTURE);
        *oldest = block_regions_alloc(&regions, PICTURE);
        g_assert_true(*oldest >= lowest && *oldest <= highest);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(row); i++)
        block_regions_free(&regions, row[i], PICTURE);
    g_assert_cmpuint(block_regions_idle(&regions), <=, BLOCK_REGIONS_MAX_IDLE);
    block_regions_clear(&regions);
}

/* More than a region has room for: another is made, and goes when it is empty. */
static void test_regions_full(void)
{
    BlockRegions regions = {NULL};
    uint8_t *large[3];

    for (unsigned i = 0; i < G_N_ELEMENTS(large); i++) {
        large[i] = block_regions_alloc(&regions, BLOCK_REGION_SIZE / 2 + i);
        memset(large[i], (int)i, BLOCK_REGION_SIZE / 2 + i);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(large); i++) {
        g_assert_cmpuint(large[i][0], ==, i);
        g_assert_cmpuint(large[i][BLOCK_REGION_SIZE / 2 + i - 1], ==, i);
        block_regions_free(&regions, large[i], BLOCK_REGION_SIZE / 2 + i);
    }
    g_assert_cmpuint(block_regions_idle(&regions), <=, BLOCK_REGIONS_MAX_IDLE);
    block_regions_clear(&regions);
    large[0] = block_regions_alloc(&regions, BLOCK_REGION_SIZE);
    memset(large[0], 1, BLOCK_REGION_SIZE);
    block_regions_free(&regions, large[0], BLOCK_REGION_SIZE);
    block_regions_clear(&regions);
}

#define SMALL ((size_t)20000)

/* Pieces that stay for long, many others between them, keep no more than themselves. */
static void test_regions_pinned(void)
{
    BlockRegions regions = {NULL};
    uint8_t *row[300] = {NULL}, *pinned[100];

    for (unsigned i = 0; i < 20000; i++) {
        uint8_t **oldest = &row[i % G_N_ELEMENTS(row)];

        if (*oldest)
            block_regions_free(&regions, *oldest, SMALL);
        *oldest = block_regions_alloc(&regions, SMALL);
        if (i % 200 == 0) {
            pinned[i / 200] = block_regions_alloc(&regions, SMALL);
            memset(pinned[i / 200], (int)(i / 200), SMALL);
        }
    }
    /* 8 MB. */
    g_assert_cmpuint(block_regions_backed(&regions) - block_regions_idle(&regions), <, 16 << 20);
    for (unsigned i = 0; i < G_N_ELEMENTS(pinned); i++) {
        for (size_t k = 0; k < SMALL; k++)
            g_assert_cmpuint(pinned[i][k], ==, i);
        block_regions_free(&regions, pinned[i], SMALL);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(row); i++)
        block_regions_free(&regions, row[i], SMALL);
    g_assert_cmpuint(block_regions_idle(&regions), ==, block_regions_backed(&regions));
    block_regions_clear(&regions);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block-store/random", test_random);
    g_test_add_func("/block-store/threads", test_threads);
    g_test_add_func("/block-store/row", test_row);
    g_test_add_func("/block-store/regions/row", test_regions_row);
    g_test_add_func("/block-store/regions/full", test_regions_full);
    g_test_add_func("/block-store/regions/pinned", test_regions_pinned);
    return g_test_run();
}
