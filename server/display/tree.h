/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DrawTree: the drawables of one display channel that are not rendered yet, and the dropping of what is hidden.
 *
 * A drawable has two independent fates: it is rendered on the server's surface, lazily, when somebody needs the pixels;
 * and it is sent to each client when its turn comes. A drawable that is completely covered by newer opaque ones before
 * it was rendered needs neither: it is dropped. Worker thread only.
 *
 * The tree does not know surfaces or clients; its owner tells it about both through DrawTreeOps.
 */
#pragma once

#include "common/draw/op.h"

#include <pixman.h>

typedef struct DrawTree DrawTree;

typedef struct Drawable {
    DrawOp *op;               /* a reference */
    void *owner_data;         /* the owner's: where it is queued. Starts as NULL */
    pixman_region32_t visible; /* R: what newer drawables have not covered yet */
    pixman_region32_t hold;   /* COPY_BITS: covered pixels that it still needs as its source */
    pixman_region32_t source; /* COPY_BITS: S, the source pixels that are still needed */
    /* private to the tree */
    GList by_surface; /* place among the pending drawables of its destination, oldest first */
    GList by_age;     /* place among all pending drawables, oldest first */
    size_t bytes;     /* of image data */
} Drawable;

typedef struct DrawTreeOps {
    /* Perform the operation on the server's canvas. The tree has rendered before whatever it depends on. */
    void (*render)(const DrawOp *op, void *opaque);
    /* The drawable is hidden: nobody needs it any more; take it out of all queues. */
    void (*dropped)(Drawable *drawable, void *opaque);
    /* The drawable leaves the tree and is freed after this call (rendered or dropped): forget the pointer. */
    void (*gone)(Drawable *drawable, void *opaque);
} DrawTreeOps;

DrawTree *draw_tree_new(const DrawTreeOps *ops, void *opaque);
void draw_tree_free(DrawTree *tree); /* what is pending goes without being rendered or dropped */

/*
 * Adds an operation as the newest one. Before that, pending drawables of other surfaces that read its destination are
 * rendered; then it hides what it covers. Gives the pending drawable, or NULL if the operation itself is not needed
 * (region empty, or a duplicate that its effect says to drop). Its surfaces exist and contain its box.
 * May render the oldest pending drawables to stay within the limits (per surface, in all, bytes of images).
 */
Drawable *draw_tree_add(DrawTree *tree, DrawOp *op);

/* Renders the pending drawables of the surface, oldest first, up to and including the newest that touches `area`. */
void draw_tree_render_area(DrawTree *tree, uint32_t surface_id, const Rect *area);
void draw_tree_render_surface(DrawTree *tree, uint32_t surface_id);
/* Renders the pending drawables of other surfaces that read this one. */
void draw_tree_render_readers(DrawTree *tree, uint32_t surface_id);
void draw_tree_render_all(DrawTree *tree);
/* The surface is being destroyed: its own pending drawables are dropped (its readers were rendered before). */
void draw_tree_discard_surface(DrawTree *tree, uint32_t surface_id);

unsigned draw_tree_pending(const DrawTree *tree);
