/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/replay/blob.h"

#include "common/util/block-store.h"

#include <string.h>
#include <zlib.h>

/* A recording may promise 2 GiB in a line of 30 bytes: memory is taken in steps that start with this. Common blobs
 * are smaller, so they are read by one call into their final place. */
#define FIRST_PIECE ((size_t)16 << 20)
#define PACKED_PIECE ((size_t)64 << 10)

ReplayBlock *replay_block_new(size_t size)
{
    ReplayBlock *block = (ReplayBlock *)(void *)block_store_try_alloc(sizeof(ReplayBlock) + size);

    if (block) {
        *block = (ReplayBlock){NULL, size};
    }
    return block;
}

ReplayBlock *replay_block_resize(ReplayBlock *block, size_t size)
{
    ReplayBlock *resized = replay_block_new(size);

    if (block && resized) {
        resized->next = block->next;
        memcpy(resized->data, block->data, MIN(size, block->size));
        replay_block_free(block);
    }
    return resized;
}

void replay_block_free(ReplayBlock *block)
{
    if (block) {
        block_store_free((uint8_t *)block, sizeof(*block) + block->size);
    }
}

typedef struct Blob {
    ReplayBlock *block;
    uint8_t *bytes;
    size_t room; /* bytes of the blob for which there is memory */
} Blob;

/* Makes room for more, up to `plain` bytes. */
static bool blob_grow(Blob *b, ReplayText *t, const ReplayBlobShape *shape, size_t plain)
{
    size_t room = MIN(plain, b->block ? b->room * 2 : FIRST_PIECE);
    ReplayBlock *block = replay_block_resize(b->block, shape->head + room + shape->tail);

    if (!block) {
        replay_text_fail(t, REPLAY_ERROR_MEMORY, "no memory for a blob of %zu bytes", plain);
        return false;
    }
    b->block = block;
    b->bytes = block->data + shape->head;
    b->room = room;
    return true;
}

/* Zeroes what is around the blob, or frees it after a failure. */
static ReplayBlock *blob_finish(Blob *b, ReplayText *t, const ReplayBlobShape *shape, size_t plain)
{
    if (t->failed || !b->block) {
        replay_block_free(b->block);
        return NULL;
    }
    b->block->next = NULL;
    memset(b->block->data, 0, shape->head);
    memset(b->bytes + plain, 0, shape->tail);
    return b->block;
}

static void fail_short(ReplayText *t)
{
    replay_text_fail(t, REPLAY_ERROR_END, "the recording ends inside a blob");
}

ReplayBlock *replay_blob_copy(ReplayText *t, ReplayBlobShape shape, size_t plain)
{
    Blob b = {0};
    size_t have = 0;

    while (blob_grow(&b, t, &shape, plain) && have < plain) {
        size_t got = fread_unlocked(b.bytes + have, 1, b.room - have, t->file);

        have += got;
        if (have < b.room) {
            fail_short(t);
            break;
        }
        if (have == plain) {
            break;
        }
    }
    return blob_finish(&b, t, &shape, plain);
}

/* Inflates until the input piece is used up or the stream ends. */
static int inflate_piece(z_stream *z, Blob *b, ReplayText *t, const ReplayBlobShape *shape, size_t plain)
{
    int rc;

    do {
        if (z->total_out == b->room && b->room < plain && !blob_grow(b, t, shape, plain)) {
            return Z_MEM_ERROR;
        }
        z->next_out = b->bytes + z->total_out;
        z->avail_out = (uInt)(b->room - z->total_out);
        rc = inflate(z, Z_NO_FLUSH);
    } while (rc == Z_OK && (z->avail_in > 0 || (z->avail_out == 0 && b->room < plain)));
    return rc;
}

ReplayBlock *replay_blob_inflate(ReplayText *t, ReplayBlobShape shape, size_t plain, size_t packed)
{
    g_autofree uint8_t *in = g_malloc(PACKED_PIECE);
    z_stream z = {0};
    Blob b = {0};
    int rc = Z_OK;

    if (!blob_grow(&b, t, &shape, plain) || inflateInit(&z) != Z_OK) {
        replay_text_fail(t, REPLAY_ERROR_MEMORY, "no memory to inflate a blob");
        return blob_finish(&b, t, &shape, plain);
    }
    /* All of the packed bytes are consumed, whatever they hold: what follows starts after them. */
    while (packed > 0 && !t->failed) {
        size_t got = fread_unlocked(in, 1, MIN(packed, PACKED_PIECE), t->file);

        if (got == 0) {
            fail_short(t);
            break;
        }
        packed -= got;
        if (rc == Z_OK || rc == Z_BUF_ERROR) {
            z.next_in = in;
            z.avail_in = (uInt)got;
            rc = inflate_piece(&z, &b, t, &shape, plain);
        }
    }
    if (rc != Z_STREAM_END || z.total_out != plain) {
        replay_text_fail(t, REPLAY_ERROR_VALUE, "a blob does not inflate to %zu bytes", plain);
    }
    inflateEnd(&z);
    return blob_finish(&b, t, &shape, plain);
}
