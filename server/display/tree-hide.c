/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pixel of a pending drawable is dead when a newer opaque drawable covers it, and no COPY_BITS between the two reads
 * it into a pixel that is itself alive. `visible` holds the live pixels of each drawable. For a COPY_BITS, the source
 * of its live pixels (visible, moved) must be painted by older ones: pixels of it that are covered by newer drawables
 * are put on `hold`, and hide nothing that is older until the copied pixels die.
 */
#include "server/display/tree-hide.h"

#include <string.h>

/* From a COPY_BITS' pixels to their source. */
static Point copy_shift(const DrawOp *op)
{
    return (Point){op->u.copy_bits.src_pos.x - op->box.left, op->u.copy_bits.src_pos.y - op->box.top};
}

static void copy_source(const Drawable *copy, pixman_region32_t *source)
{
    Point shift = copy_shift(copy->op);

    pixman_region32_init(source);
    pixman_region32_copy(source, &copy->visible);
    pixman_region32_translate(source, shift.x, shift.y);
}

/* Most drawables are far from each other: this is cheaper than any operation on regions. */
static bool regions_near(const pixman_region32_t *a, const pixman_region32_t *b)
{
    return boxes_touch(&a->extents, &b->extents);
}

static pixman_box32_t source_box(const Drawable *copy)
{
    const pixman_box32_t *e = &copy->visible.extents;
    Point shift = copy_shift(copy->op);

    return (pixman_box32_t){e->x1 + shift.x, e->y1 + shift.y, e->x2 + shift.x, e->y2 + shift.y};
}

static bool source_near(const Drawable *copy, const pixman_region32_t *region)
{
    pixman_box32_t box = source_box(copy);

    return boxes_touch(&box, &region->extents);
}

pixman_box32_t hide_outline(const Drawable *drawable)
{
    const pixman_box32_t *e = &drawable->visible.extents;
    pixman_box32_t source;

    if (!drawable->is_copy)
        return *e;
    source = source_box(drawable);
    return (pixman_box32_t){MIN(e->x1, source.x1), MIN(e->y1, source.y1), MAX(e->x2, source.x2), MAX(e->y2, source.y2)};
}

/* What of `region` the copy needs goes to its hold. */
static void copy_protect(Drawable *copy, pixman_region32_t *region)
{
    pixman_region32_t source;

    if (!source_near(copy, region))
        return;
    copy_source(copy, &source);
    pixman_region32_intersect(&source, &source, region);
    pixman_region32_union(&copy->hold, &copy->hold, &source);
    pixman_region32_subtract(region, region, &source);
    pixman_region32_fini(&source);
}

void hide_begin(Drawable *drawable, pixman_region32_t *hidden)
{
    pixman_region32_init(hidden);
    pixman_region32_copy(hidden, &drawable->visible);
    if (drawable->op->type == QXL_COPY_BITS)
        copy_protect(drawable, hidden);
}

static void hide_copy(Drawable *copy, pixman_region32_t *hidden)
{
    if (regions_near(&copy->visible, hidden)) {
        Point shift = copy_shift(copy->op);
        pixman_region32_t dead;

        pixman_region32_init(&dead);
        pixman_region32_intersect(&dead, &copy->visible, hidden);
        pixman_region32_subtract(&copy->visible, &copy->visible, &dead);
        /* Their source is needed no longer: what was on hold for them is hidden now. */
        pixman_region32_translate(&dead, shift.x, shift.y);
        pixman_region32_intersect(&dead, &dead, &copy->hold);
        pixman_region32_subtract(&copy->hold, &copy->hold, &dead);
        pixman_region32_union(hidden, hidden, &dead);
        pixman_region32_fini(&dead);
    }
    copy_protect(copy, hidden);
}

static void hide_plain(Drawable *older, pixman_region32_t *hidden)
{
    pixman_region32_t left;

    if (!regions_near(&older->visible, hidden))
        return;
    pixman_region32_init(&left);
    pixman_region32_subtract(&left, &older->visible, hidden);
    /* What it covers it has already hidden itself, or put on hold. */
    if (older->is_opaque)
        pixman_region32_subtract(hidden, hidden, &older->visible);
    pixman_region32_fini(&older->visible);
    older->visible = left;
}

bool hide_step(Drawable *older, pixman_region32_t *hidden)
{
    if (older->is_copy)
        hide_copy(older, hidden);
    else
        hide_plain(older, hidden);
    return region_is_empty(&older->visible);
}

static bool brushes_equal(const Brush *a, const Brush *b)
{
    return a->type == SPICE_BRUSH_TYPE_SOLID && b->type == SPICE_BRUSH_TYPE_SOLID && a->color == b->color;
}

static bool paths_equal(const Path *a, const Path *b)
{
    if (a->n_segments != b->n_segments || a->n_points != b->n_points)
        return false;
    for (uint32_t i = 0; i < a->n_segments; i++)
        if (a->segments[i].flags != b->segments[i].flags || a->segments[i].n_points != b->segments[i].n_points)
            return false;
    return memcmp(a->points, b->points, a->n_points * sizeof(Point)) == 0;
}

static bool strokes_equal(const DrawOp *a, const DrawOp *b)
{
    return a->u.stroke.fore_mode == b->u.stroke.fore_mode && a->u.stroke.style.flags == b->u.stroke.style.flags &&
           !(a->u.stroke.style.flags & SPICE_LINE_FLAGS_STYLED) && paths_equal(a->u.stroke.path, b->u.stroke.path);
}

/* True if both touch the same pixels in the same way, with the same colour if that counts. */
static bool ops_equal(const DrawOp *a, const DrawOp *b, bool any_color)
{
    if (a->type != b->type || a->effect != b->effect || !rect_equal(&a->box, &b->box))
        return false;
    switch (a->type) {
    case QXL_DRAW_FILL:
        return a->u.fill.rop == b->u.fill.rop && !a->u.fill.mask.image && !b->u.fill.mask.image &&
               (any_color || brushes_equal(&a->u.fill.brush, &b->u.fill.brush));
    case QXL_DRAW_STROKE:
        return strokes_equal(a, b) && (any_color || brushes_equal(&a->u.stroke.brush, &b->u.stroke.brush));
    default:
        return false;
    }
}

Drawable *duplicate_find(Drawable *newest, Drawable *drawable)
{
    uint8_t effect = drawable->op->effect;

    if (effect != QXL_EFFECT_REVERT_ON_DUP && effect != QXL_EFFECT_NOP_ON_DUP && effect != QXL_EFFECT_OPAQUE_BRUSH)
        return NULL;
    for (Drawable *old = newest; old; old = old->older) {
        if (regions_near(&old->visible, &drawable->visible))
            return ops_equal(old->op, drawable->op, effect == QXL_EFFECT_OPAQUE_BRUSH) &&
                           pixman_region32_equal(&old->visible, &drawable->visible)
                       ? old
                       : NULL;
        /* Somebody needs what was there in between. To repeat it does no harm. */
        if (effect != QXL_EFFECT_NOP_ON_DUP && old->op->type == QXL_COPY_BITS && source_near(old, &drawable->visible))
            return NULL;
    }
    return NULL;
}
