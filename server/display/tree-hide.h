/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of tree: which pixels of which drawables are dead. */
#pragma once

#include "server/display/tree.h"

static inline bool boxes_touch(const pixman_box32_t *a, const pixman_box32_t *b)
{
    return a->x1 < b->x2 && b->x1 < a->x2 && a->y1 < b->y2 && b->y1 < a->y2;
}

static inline bool region_is_empty(const pixman_region32_t *region)
{
    return region->extents.x1 >= region->extents.x2;
}

/*
 * A new opaque drawable hides older ones. hide_begin() gives the region that it hides directly (to be finished by the
 * caller); hide_step() is then called for each older pending drawable of the surface, newest first, until the region is
 * empty. It changes the region on the way. True if all of `older` is dead.
 *
 * It does nothing to a drawable whose outline the region does not touch.
 */
void hide_begin(Drawable *drawable, pixman_region32_t *hidden);
bool hide_step(Drawable *older, pixman_region32_t *hidden);
pixman_box32_t hide_outline(const Drawable *drawable);

/* The pending drawable, among `newest` and older ones, which `drawable` repeats in the sense of its *_ON_DUP or
 * OPAQUE_BRUSH effect; NULL if there is none. */
Drawable *duplicate_find(Drawable *newest, Drawable *drawable);
