/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Points and rectangles in pixels. Rectangles are half open; one with left >= right or top >= bottom is empty.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Point {
    int32_t x, y;
} Point;

typedef struct Rect {
    int32_t left, top, right, bottom;
} Rect;

static inline bool rect_is_empty(const Rect *r)
{
    return r->left >= r->right || r->top >= r->bottom;
}
static inline bool rect_equal(const Rect *a, const Rect *b)
{
    return a->left == b->left && a->top == b->top && a->right == b->right && a->bottom == b->bottom;
}
static inline Rect rect_intersect(const Rect *a, const Rect *b)
{
    return (Rect){MAX(a->left, b->left), MAX(a->top, b->top), MIN(a->right, b->right), MIN(a->bottom, b->bottom)};
}
