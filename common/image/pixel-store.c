/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/pixel-store.h"

#include "common/image/pixel-regions.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

/* Two huge pages of x86: a page fault for each, where the kernel has such. */
#define BLOCK_SIZE (4u << 20)
/* Larger pictures go into regions: few of them would fill a block, and keep all of it for long. */
#define MAX_PIECE (BLOCK_SIZE / 8)
#define ALIGN 64u
/* Empty blocks that are kept. */
#define MAX_SPARE 1u

/* At the beginning of a block, which is aligned to its size: so a piece's address tells its block. */
typedef struct Block {
    size_t used;    /* bytes from the block's beginning */
    unsigned users; /* pieces, and one for being the one that is filled */
    struct Block *next_spare;
} Block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Block *current; /* is being filled */
static Block *spare;
static unsigned n_spare;
static PixelRegions regions;

static Block *block_new(void)
{
    uint8_t *all = mmap(NULL, 2 * (size_t)BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;

    if (all == MAP_FAILED)
        return NULL;
    before = (BLOCK_SIZE - (uintptr_t)all % BLOCK_SIZE) % BLOCK_SIZE;
    if (before)
        munmap(all, before);
    munmap(all + before + BLOCK_SIZE, BLOCK_SIZE - before);
    madvise(all + before, BLOCK_SIZE, MADV_HUGEPAGE); /* if it fails it is only slower */
    return (Block *)(void *)(all + before);
}

static void block_unref(Block *block)
{
    if (--block->users)
        return;
    ASAN_UNPOISON_MEMORY_REGION(block, BLOCK_SIZE);
    if (n_spare == MAX_SPARE) {
        munmap(block, BLOCK_SIZE);
        return;
    }
    block->next_spare = spare;
    spare = block;
    n_spare++;
}

static bool begin_block(void)
{
    Block *block = spare;

    if (block) {
        spare = block->next_spare;
        n_spare--;
    } else {
        block = block_new();
    }
    if (!block)
        return false;
    block->used = (sizeof(Block) + ALIGN - 1) / ALIGN * ALIGN;
    ASAN_POISON_MEMORY_REGION((uint8_t *)block + block->used, BLOCK_SIZE - block->used);
    block->users = 1;
    if (current)
        block_unref(current);
    current = block;
    return true;
}

/* Beyond any picture that guests have: left to the C library. */
static bool is_huge(size_t size)
{
    return size == 0 || size > PIXEL_REGION_SIZE;
}

static void no_memory(void)
{
    g_error("no memory for pixels");
}

static uint8_t *alloc_large(size_t size)
{
    uint8_t *data;

    pthread_mutex_lock(&lock);
    data = pixel_regions_alloc(&regions, size);
    pthread_mutex_unlock(&lock);
    if (!data)
        no_memory();
    return data;
}

uint8_t *pixel_store_alloc(size_t size)
{
    size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;
    uint8_t *data;

    if (is_huge(size))
        return g_malloc(size);
    if (size > MAX_PIECE)
        return alloc_large(size);
    pthread_mutex_lock(&lock);
    if ((!current || BLOCK_SIZE - current->used < need) && !begin_block())
        no_memory();
    data = (uint8_t *)current + current->used;
    current->used += need;
    current->users++;
    ASAN_UNPOISON_MEMORY_REGION(data, size);
    pthread_mutex_unlock(&lock);
    return data;
}

typedef struct Piece {
    uint8_t *data;
    size_t size;
} Piece;

static void free_piece(gpointer opaque)
{
    Piece *piece = opaque;

    pthread_mutex_lock(&lock);
    if (piece->size > MAX_PIECE) {
        pixel_regions_free(&regions, piece->data, piece->size);
    } else {
        ASAN_POISON_MEMORY_REGION(piece->data, piece->size);
        block_unref((Block *)((uintptr_t)piece->data & ~(uintptr_t)(BLOCK_SIZE - 1)));
    }
    pthread_mutex_unlock(&lock);
    g_free(piece);
}

GBytes *pixel_store_bytes(uint8_t *data, size_t size)
{
    Piece *piece;

    if (is_huge(size))
        return g_bytes_new_take(data, size);
    piece = g_new(Piece, 1);
    *piece = (Piece){data, size};
    return g_bytes_new_with_free_func(data, size, free_piece, piece);
}
