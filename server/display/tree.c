/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/tree.h"

#include "server/display/tree-hide.h"

/* Where a new drawable may change an older one. All of them side by side: each new one looks at many. */
typedef struct Outline {
    pixman_box32_t box; /* empty: the drawable has gone */
    Drawable *drawable;
} Outline;

struct DrawTreeSurface {
    uint32_t id;
    unsigned count;
    Drawable *newest, *oldest;
    DrawableReader *readers; /* of pending drawables on other surfaces */
    Outline *outlines;       /* [n_outlines], oldest first */
    unsigned n_outlines, max_outlines;
};

struct DrawTree {
    const DrawTreeOps *ops;
    void *opaque;
    GHashTable *surfaces; /* id -> DrawTreeSurface, only those with anything in them */
    Drawable *newest, *oldest;
    unsigned count;
    uint64_t bytes;
    uint64_t serial;
};

Drawable *drawable_ref(Drawable *drawable)
{
    drawable->refs++;
    return drawable;
}

void drawable_unref(Drawable *drawable)
{
    if (--drawable->refs)
        return;
    if (drawable->ops->free)
        drawable->ops->free(drawable, drawable->opaque);
    pixman_region32_fini(&drawable->visible);
    pixman_region32_fini(&drawable->hold);
    draw_op_unref(drawable->op);
    g_slice_free(Drawable, drawable);
}

/* True if it reads pixels of its own destination, other than the one it writes (COPY_BITS is known for that). */
static bool op_reads_itself(const DrawOp *op)
{
    Image *images[3];
    unsigned n = draw_op_images(op, images);

    for (unsigned i = 0; i < n; i++)
        if (images[i]->type == SPICE_IMAGE_TYPE_SURFACE && images[i]->surface_id == op->surface_id)
            return true;
    return op->self_bitmap;
}

static Drawable *drawable_new(DrawTree *tree, DrawOp *op)
{
    Drawable *drawable = g_slice_new0(Drawable);

    drawable->op = draw_op_ref(op);
    drawable->refs = 1;
    drawable->ops = tree->ops;
    drawable->opaque = tree->opaque;
    drawable->serial = ++tree->serial;
    drawable->bytes = draw_op_bytes(op);
    drawable->is_opaque = op->effect == QXL_EFFECT_OPAQUE;
    drawable->is_copy = op->type == QXL_COPY_BITS;
    draw_op_region(op, &drawable->visible);
    pixman_region32_init(&drawable->hold);
    return drawable;
}

/* ---- Links ---- */

static DrawTreeSurface *surface_find(const DrawTree *tree, uint32_t id)
{
    return g_hash_table_lookup(tree->surfaces, GUINT_TO_POINTER(id));
}

static DrawTreeSurface *surface_get(DrawTree *tree, uint32_t id)
{
    DrawTreeSurface *surface = surface_find(tree, id);

    if (!surface) {
        surface = g_new0(DrawTreeSurface, 1);
        surface->id = id;
        g_hash_table_insert(tree->surfaces, GUINT_TO_POINTER(id), surface);
    }
    return surface;
}

static void surface_free(gpointer opaque)
{
    DrawTreeSurface *surface = opaque;

    g_free(surface->outlines);
    g_free(surface);
}

static void surface_put(DrawTree *tree, DrawTreeSurface *surface)
{
    if (!surface->newest && !surface->readers)
        g_hash_table_remove(tree->surfaces, GUINT_TO_POINTER(surface->id));
}

static void reader_link(DrawTree *tree, Drawable *drawable, unsigned i)
{
    DrawableReader *reader = &drawable->readers[i];
    int32_t id = drawable->op->deps[i];

    /* An entry that names the destination itself says nothing that is not known otherwise. */
    if (id < 0 || (uint32_t)id == drawable->op->surface_id)
        return;
    reader->drawable = drawable;
    reader->surface = surface_get(tree, (uint32_t)id);
    reader->prev = NULL;
    reader->next = reader->surface->readers;
    if (reader->next)
        reader->next->prev = reader;
    reader->surface->readers = reader;
}

static void reader_unlink(DrawTree *tree, DrawableReader *reader)
{
    if (!reader->surface)
        return;
    if (reader->prev)
        reader->prev->next = reader->next;
    else
        reader->surface->readers = reader->next;
    if (reader->next)
        reader->next->prev = reader->prev;
    surface_put(tree, reader->surface);
    reader->surface = NULL;
}

/* Closes the gaps, or makes more room if there are few. */
static void outlines_make_room(DrawTreeSurface *surface)
{
    unsigned n = 0;

    for (unsigned i = 0; i < surface->n_outlines; i++) {
        Outline outline = surface->outlines[i];

        if (!outline.drawable)
            continue;
        outline.drawable->outline = n;
        surface->outlines[n++] = outline;
    }
    surface->n_outlines = n;
    if (n < surface->max_outlines / 2)
        return;
    surface->max_outlines = MAX(2 * surface->max_outlines, 16);
    surface->outlines = g_renew(Outline, surface->outlines, surface->max_outlines);
}

static void outline_add(DrawTreeSurface *surface, Drawable *drawable)
{
    if (surface->n_outlines == surface->max_outlines)
        outlines_make_room(surface);
    drawable->outline = surface->n_outlines++;
    surface->outlines[drawable->outline] = (Outline){hide_outline(drawable), drawable};
}

static void outline_remove(DrawTreeSurface *surface, const Drawable *drawable)
{
    surface->outlines[drawable->outline] = (Outline){0};
    while (surface->n_outlines > 0 && !surface->outlines[surface->n_outlines - 1].drawable)
        surface->n_outlines--;
}

static void drawable_link(DrawTree *tree, Drawable *drawable)
{
    DrawTreeSurface *surface = surface_get(tree, drawable->op->surface_id);

    drawable->pending = true;
    drawable->surface = surface;
    drawable->older = surface->newest;
    if (drawable->older)
        drawable->older->newer = drawable;
    else
        surface->oldest = drawable;
    surface->newest = drawable;
    surface->count++;
    outline_add(surface, drawable);

    drawable->older_all = tree->newest;
    if (drawable->older_all)
        drawable->older_all->newer_all = drawable;
    else
        tree->oldest = drawable;
    tree->newest = drawable;
    tree->count++;
    tree->bytes += drawable->bytes;
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
        reader_link(tree, drawable, i);
}

/* The caller takes over the tree's reference. */
static void drawable_unlink(DrawTree *tree, Drawable *drawable)
{
    DrawTreeSurface *surface = drawable->surface;

    *(drawable->newer ? &drawable->newer->older : &surface->newest) = drawable->older;
    *(drawable->older ? &drawable->older->newer : &surface->oldest) = drawable->newer;
    *(drawable->newer_all ? &drawable->newer_all->older_all : &tree->newest) = drawable->older_all;
    *(drawable->older_all ? &drawable->older_all->newer_all : &tree->oldest) = drawable->newer_all;
    drawable->newer = drawable->older = drawable->newer_all = drawable->older_all = NULL;
    drawable->surface = NULL;
    drawable->pending = false;
    surface->count--;
    outline_remove(surface, drawable);
    tree->count--;
    tree->bytes -= drawable->bytes;
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
        reader_unlink(tree, &drawable->readers[i]);
    surface_put(tree, surface);
}

static void drawable_drop(DrawTree *tree, Drawable *drawable)
{
    drawable_unlink(tree, drawable);
    tree->ops->dropped(drawable, tree->opaque);
    drawable_unref(drawable);
}

DrawTree *draw_tree_new(const DrawTreeOps *ops, void *opaque)
{
    DrawTree *tree = g_new0(DrawTree, 1);

    tree->ops = ops;
    tree->opaque = opaque;
    tree->surfaces = g_hash_table_new_full(NULL, NULL, NULL, surface_free);
    return tree;
}

void draw_tree_free(DrawTree *tree)
{
    while (tree->oldest) {
        Drawable *drawable = tree->oldest;

        drawable_unlink(tree, drawable);
        drawable_unref(drawable);
    }
    g_hash_table_unref(tree->surfaces);
    g_free(tree);
}

/* ---- Rendering ---- */

/*
 * Renders all of the drawable's surface up to and including it. Recursion (by way of the surfaces that are read) ends:
 * adding to a surface renders its readers, so that what a drawable reads is never newer than itself.
 */
static void render_up_to(DrawTree *tree, Drawable *last)
{
    DrawTreeSurface *surface = last->surface;

    drawable_ref(last);
    while (last->pending) {
        Drawable *drawable = surface->oldest;
        const DrawOp *op = drawable->op;

        for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
            if (drawable->readers[i].surface)
                draw_tree_render_area(tree, (uint32_t)op->deps[i], &op->dep_areas[i]);
        drawable_unlink(tree, drawable);
        tree->ops->render(drawable, tree->opaque);
        drawable_unref(drawable);
    }
    drawable_unref(last);
}

static bool region_touches(pixman_region32_t *region, const Rect *r)
{
    pixman_box32_t box = {r->left, r->top, r->right, r->bottom};
    const pixman_box32_t *e = &region->extents;

    if (e->x1 >= box.x2 || e->x2 <= box.x1 || e->y1 >= box.y2 || e->y2 <= box.y1)
        return false;
    return pixman_region32_contains_rectangle(region, &box) != PIXMAN_REGION_OUT;
}

/* What has an effect on the area, from `newest` on. */
static void render_touching(DrawTree *tree, Drawable *newest, const Rect *area)
{
    for (Drawable *drawable = newest; drawable; drawable = drawable->older) {
        if (region_touches(&drawable->visible, area)) {
            render_up_to(tree, drawable);
            return;
        }
    }
}

void draw_tree_render_area(DrawTree *tree, uint32_t surface_id, const Rect *area)
{
    DrawTreeSurface *surface = surface_find(tree, surface_id);

    if (!surface || rect_is_empty(area))
        return;
    render_touching(tree, surface->newest, area);
}

void draw_tree_render_before(DrawTree *tree, Drawable *drawable, const Rect *area)
{
    if (drawable->pending && !rect_is_empty(area))
        render_touching(tree, drawable->older, area);
}

void draw_tree_render_surface(DrawTree *tree, uint32_t surface_id)
{
    DrawTreeSurface *surface = surface_find(tree, surface_id);

    if (surface && surface->newest)
        render_up_to(tree, surface->newest);
}

void draw_tree_render_readers(DrawTree *tree, uint32_t surface_id)
{
    DrawTreeSurface *surface;

    /* The surface's entry goes away with the last reader. */
    while ((surface = surface_find(tree, surface_id)) && surface->readers)
        render_up_to(tree, surface->readers->drawable);
}

void draw_tree_render_all(DrawTree *tree)
{
    while (tree->oldest)
        render_up_to(tree, tree->oldest);
}

unsigned draw_tree_render_oldest(DrawTree *tree, unsigned n)
{
    unsigned before = tree->count;

    while (tree->oldest && before - tree->count < n)
        render_up_to(tree, tree->oldest);
    return before - tree->count;
}

void draw_tree_discard_surface(DrawTree *tree, uint32_t surface_id)
{
    DrawTreeSurface *surface;

    draw_tree_render_readers(tree, surface_id);
    while ((surface = surface_find(tree, surface_id)) && surface->oldest)
        drawable_drop(tree, surface->oldest);
}

/* ---- Adding ---- */

/* Drops what the new drawable (not linked yet) hides. */
static void hide_older(DrawTree *tree, Drawable *drawable)
{
    DrawTreeSurface *surface = surface_find(tree, drawable->op->surface_id);
    pixman_region32_t hidden;

    if (!surface)
        return;
    hide_begin(drawable, &hidden);
    for (unsigned i = surface->n_outlines; i > 0 && !region_is_empty(&hidden); i--) {
        Outline *outline = &surface->outlines[i - 1];

        if (!boxes_touch(&outline->box, &hidden.extents))
            continue;
        if (!hide_step(outline->drawable, &hidden)) {
            outline->box = hide_outline(outline->drawable);
            continue;
        }
        drawable_drop(tree, outline->drawable);
        /* The surface's entry goes away with the last of them. */
        surface = surface_find(tree, drawable->op->surface_id);
        if (!surface)
            break;
        i = MIN(i, surface->n_outlines + 1);
    }
    pixman_region32_fini(&hidden);
}

/* True if the new drawable need not be added, because of an equal one. */
static bool merge_duplicate(DrawTree *tree, Drawable *drawable)
{
    DrawTreeSurface *surface = surface_find(tree, drawable->op->surface_id);
    Drawable *old = surface ? duplicate_find(surface->newest, drawable) : NULL;

    if (!old)
        return false;
    switch (drawable->op->effect) {
    case QXL_EFFECT_NOP_ON_DUP:
        return true;
    case QXL_EFFECT_OPAQUE_BRUSH:
        drawable_drop(tree, old);
        return false;
    default: /* REVERT_ON_DUP */
        if (!tree->ops->reverted)
            return false;
        drawable_unlink(tree, old);
        tree->ops->reverted(old, drawable, tree->opaque);
        drawable_unref(old);
        return true;
    }
}

static void keep_limits(DrawTree *tree, const Drawable *drawable)
{
    DrawTreeSurface *surface;

    while ((surface = surface_find(tree, drawable->op->surface_id)) && surface->count >= DRAW_TREE_MAX_PER_SURFACE)
        render_up_to(tree, surface->oldest);
    while (tree->oldest && (tree->count >= DRAW_TREE_MAX || tree->bytes + drawable->bytes > DRAW_TREE_MAX_BYTES))
        render_up_to(tree, tree->oldest);
}

Drawable *draw_tree_add(DrawTree *tree, DrawOp *op)
{
    Drawable *drawable = drawable_new(tree, op);

    if (op->type == QXL_DRAW_NOP || region_is_empty(&drawable->visible))
        goto nothing;
    draw_tree_render_readers(tree, op->surface_id);
    /* Afterwards nothing that it may read can be hidden any more. */
    if (op_reads_itself(op))
        draw_tree_render_surface(tree, op->surface_id);
    if (merge_duplicate(tree, drawable))
        goto nothing;
    if (drawable->is_opaque)
        hide_older(tree, drawable);
    keep_limits(tree, drawable);
    drawable_link(tree, drawable);
    return drawable;

nothing:
    drawable_unref(drawable);
    return NULL;
}

unsigned draw_tree_count(const DrawTree *tree, uint32_t surface_id)
{
    const DrawTreeSurface *surface = surface_find(tree, surface_id);

    return surface ? surface->count : 0;
}

unsigned draw_tree_count_all(const DrawTree *tree)
{
    return tree->count;
}
