/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a GlzDictionary, for the encoder. All of it under the dictionary's lock.
 *
 * Images live in a ring, their slot is id modulo its length. Four hash tables find earlier occurrences:
 *
 * - `recent`: of few cells, in the image being encoded only. Entries are `base` + cell number, with a base that grows
 *   from pass to pass, so that the table is not cleared for each of them.
 * - `lines`: of many cells, likewise. In text, where few cells occur everywhere, they lead to copies that are twice as
 *   long, so half as many have to be found and written.
 * - `distant`: of more cells, in all images of the window. Entries name image and cell and have some more bits of the
 *   hash, which spare a look at the pixels in most cases of a wrong guess.
 * - `anchors`: of some of those cells only, the same ones wherever they are. So they last for some large pictures, of
 *   which long parts are found again when `distant` has long been written over.
 *
 * Entries may be stale: whatever they name is looked up in the ring and compared before it is used.
 */
#pragma once

#include "common/image/glz.h"

#include <pthread.h>

#define GLZ_RECENT_BITS 13
#define GLZ_LINE_BITS 11
#define GLZ_DISTANT_BITS 17
#define GLZ_ANCHOR_BITS 16
#define GLZ_ANCHOR_RARITY 4 /* a power of two: so many entries of `distant` are made for one in `anchors` */

/* A distant entry: tag, low bits of the image id, cell. */
#define GLZ_CELL_BITS 25
#define GLZ_IMAGE_BITS 24
#define GLZ_TAG_BITS 15
#define GLZ_MAX_IMAGE_DISTANCE ((1u << GLZ_IMAGE_BITS) - 1)

#define GLZ_MAX_IMAGES (1u << 16) /* in the window; more would be tiny ones */

/* Cells first..end-1 of an image. */
typedef struct GlzPiece {
    const uint8_t *pixels; /* where cell 0 would be */
    uint32_t first, end;
} GlzPiece;

typedef struct GlzImage {
    GlzPiece piece; /* the first one; without pixels: they were let go */
    GlzPiece *more; /* those behind it, or NULL */
    GBytes *bytes;  /* what the pieces are in, or NULL: the caller's memory */
    uint32_t cells;
    LzType type;
} GlzImage;

struct GlzDictionary {
    gatomicrefcount refs;
    pthread_mutex_t lock; /* not a GMutex: thread sanitizers see this one */
    uint8_t id;
    bool frozen;
    uint32_t size;
    uint64_t next_id;
    uint64_t head;  /* id of the oldest image in the window; next_id if it is empty */
    uint64_t used;  /* pixels in the window */
    uint64_t bytes; /* held */

    GlzImage *images; /* ring */
    uint32_t capacity;

    uint32_t base; /* of the next pass in `recent` and `lines` */
    uint32_t *recent;
    uint32_t *lines;
    uint64_t *distant;
    uint64_t *anchors;
};

/* Takes the next id for an image (of legal size) in n pieces of whole cells, `bytes` or (NULL) memory of the caller,
 * after making room for it in the window. */
const GlzImage *glz_dictionary_add(GlzDictionary *d, LzType type, uint32_t cells, const PixelPiece *pieces, size_t n,
                                   GBytes *bytes);
/* The base of a pass over `cells` cells. */
uint32_t glz_dictionary_begin_pass(GlzDictionary *d, uint32_t cells);

static inline GlzImage *glz_dictionary_image(const GlzDictionary *d, uint64_t id)
{
    return &d->images[id & (d->capacity - 1)];
}

/* The piece with a cell of the image. */
static inline const GlzPiece *glz_image_piece(const GlzImage *image, uint32_t cell)
{
    const GlzPiece *piece = &image->piece;

    if (G_UNLIKELY(cell >= piece->end))
        for (piece = image->more; cell >= piece->end;)
            piece++;
    return piece;
}
