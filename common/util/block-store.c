/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/util/block-store.h"

#include "common/util/block-regions.h"

#include <pthread.h>
#include <stdbool.h>

/* Smaller pieces would waste too much of a region. */
#define MIN_PIECE 512u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static BlockRegions regions;

/* Others are left to the C library. */
static bool in_regions(size_t size)
{
    return size >= MIN_PIECE && size <= BLOCK_REGION_SIZE;
}

uint8_t *block_store_try_alloc(size_t size)
{
    uint8_t *data;

    if (!in_regions(size))
        return g_try_malloc(MAX(size, 1));
    pthread_mutex_lock(&lock);
    data = block_regions_alloc(&regions, size);
    pthread_mutex_unlock(&lock);
    return data;
}

uint8_t *block_store_alloc(size_t size)
{
    uint8_t *data = block_store_try_alloc(size);

    if (!data)
        g_error("no memory for %" G_GSIZE_FORMAT " bytes", size);
    return data;
}

void block_store_free(uint8_t *data, size_t size)
{
    if (!data || !in_regions(size)) {
        g_free(data);
        return;
    }
    pthread_mutex_lock(&lock);
    block_regions_free(&regions, data, size);
    pthread_mutex_unlock(&lock);
}

typedef struct Piece {
    uint8_t *data;
    size_t size;
} Piece;

static void free_piece(gpointer opaque)
{
    Piece *piece = opaque;

    block_store_free(piece->data, piece->size);
    g_free(piece);
}

GBytes *block_store_bytes(uint8_t *data, size_t size)
{
    Piece *piece;

    if (!in_regions(size))
        return g_bytes_new_take(data, size);
    piece = g_new(Piece, 1);
    *piece = (Piece){data, size};
    return g_bytes_new_with_free_func(data, size, free_piece, piece);
}
