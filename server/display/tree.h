/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DrawTree: the pending drawables of all surfaces of one display channel, and the dropping of what is hidden.
 *
 * A drawable is *pending* from draw_tree_add() until it is rendered, dropped or discarded. Independently of that,
 * clients' pipes may hold it (by drawable_ref()). The two ways of leaving the tree differ in what they mean for the
 * pipes:
 *
 *   rendered  the server's canvas has it now; pipes keep it, since no client has seen it by that.
 *   dropped   newer opaque drawables cover every pixel of it, and nothing needs them: it is to be removed from every
 * pipe where it still waits, and is never rendered. Clients that already got it are fine.
 *
 * Pending drawables of a surface are rendered oldest first, and only when somebody asks for pixels, or when there are
 * too many of them. Drawables are rendered and sent whole: regions are for the bookkeeping only.
 *
 * Worker thread only. Callbacks must not call the tree; they may use drawable_ref() and drawable_unref().
 */
#pragma once

#include "common/draw/op.h"

#include <pixman.h>

/* Limits; beyond them the oldest are rendered. */
#define DRAW_TREE_MAX_PER_SURFACE 256
#define DRAW_TREE_MAX 1000
#define DRAW_TREE_MAX_BYTES (64 << 20) /* pixels of their images, and clips */

typedef struct DrawTree DrawTree;
typedef struct Drawable Drawable;
typedef struct DrawTreeSurface DrawTreeSurface;

typedef struct DrawTreeOps {
    /* Draws it on the server's canvas. What it reads was rendered before. */
    void (*render)(Drawable *drawable, void *opaque);
    /* It is hidden, or its surface is gone: to be removed from all pipes. */
    void (*dropped)(Drawable *drawable, void *opaque);
    /* `undo` draws the same as `old` again, and so undoes it. Both will not be rendered. Clients that got `old` must
     * get `undo`; from the pipes of all others `old` is to be removed. NULL: such pairs are treated like any other
     * drawables. */
    void (*reverted)(Drawable *old, Drawable *undo, void *opaque);
    /* The last reference is gone: frees owner_data, returns the guest's resources. The op is released after it. May be
     * NULL. */
    void (*free)(Drawable *drawable, void *opaque);
} DrawTreeOps;

typedef struct DrawableReader {
    Drawable *drawable;
    DrawTreeSurface *surface; /* the surface that it reads, NULL if this entry is not linked */
    struct DrawableReader *prev, *next;
} DrawableReader;

struct Drawable {
    DrawOp *op;       /* owned */
    void *owner_data; /* the owner's: its pipe items, the command's release information */
    uint64_t serial;  /* age: grows with each drawable of the tree */
    bool pending;

    /* The rest is the tree's. First what is looked at for each new drawable. */
    bool is_opaque; /* hides what is older */
    bool is_copy;   /* COPY_BITS */
    unsigned refs;
    pixman_region32_t visible; /* pixels not dead: what it draws and nothing newer covers, or what is read */
    Drawable *newer, *older;   /* pending ones of the surface */
    unsigned outline;          /* its number in those of the surface */
    const DrawTreeOps *ops;
    void *opaque;
    uint64_t bytes;
    pixman_region32_t hold; /* COPY_BITS: covered pixels of its source that older ones must still paint for it */
    DrawTreeSurface *surface;
    Drawable *newer_all, *older_all; /* pending ones of the tree */
    DrawableReader readers[DRAW_OP_MAX_DEPS];
};

Drawable *drawable_ref(Drawable *drawable);
void drawable_unref(Drawable *drawable);

/* `ops` must outlive the tree and all its drawables. */
DrawTree *draw_tree_new(const DrawTreeOps *ops, void *opaque);
/* Pending drawables are let go, neither rendered nor reported as dropped. */
void draw_tree_free(DrawTree *tree);

/*
 * Adds the newest drawable; its box lies in the surface, the surfaces it reads exist. Takes a reference of `op`.
 * Renders the pending drawables of other surfaces that read op's surface, drops what becomes hidden, and keeps the
 * limits.
 *
 * The result belongs to the tree while it is pending: who queues it takes a reference. NULL if there is nothing to be
 * queued or rendered: it draws nothing, repeats what is there (NOP_ON_DUP), or was handed to reverted().
 */
Drawable *draw_tree_add(DrawTree *tree, DrawOp *op);

/* Renders what has an effect on `area` of the surface: everything up to the newest pending drawable that touches it. */
void draw_tree_render_area(DrawTree *tree, uint32_t surface_id, const Rect *area);
/* The same of those that are older than this one, on its own surface. Nothing if it is not pending. */
void draw_tree_render_before(DrawTree *tree, Drawable *drawable, const Rect *area);
void draw_tree_render_surface(DrawTree *tree, uint32_t surface_id);
/* Renders all pending drawables of other surfaces that read this one. */
void draw_tree_render_readers(DrawTree *tree, uint32_t surface_id);
void draw_tree_render_all(DrawTree *tree);
/* Renders the `n` oldest ones (the guest has run out of memory). Gives how many there were. */
unsigned draw_tree_render_oldest(DrawTree *tree, unsigned n);
/* The surface is being destroyed: its readers are rendered, its own pending drawables are dropped. */
void draw_tree_discard_surface(DrawTree *tree, uint32_t surface_id);

/* Pending drawables of the surface, and in all. */
unsigned draw_tree_count(const DrawTree *tree, uint32_t surface_id);
unsigned draw_tree_count_all(const DrawTree *tree);
