/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Path and style of a stroke, and what it comes down to: polylines of whole pixels.
 *
 * Coordinates and dash lengths are 28.4 fixed point. Immutable once shared. Nothing in a Path needs to be sensible:
 * path_flatten() finds out.
 */
#pragma once

#include "common/draw/rect.h"

typedef struct PathSegment {
    uint8_t flags; /* SPICE_PATH_* */
    uint32_t n_points;
    const Point *points; /* in the path's memory */
} PathSegment;

typedef struct Path {
    uint32_t n_segments;
    PathSegment *segments; /* owned */
    uint32_t n_points;     /* of all segments */
    Point *points;         /* owned */
} Path;

/* Room for that much, to be filled by the caller; NULL if memory is short. */
Path *path_new(uint32_t n_segments, uint32_t n_points);
void path_free(Path *path); /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Path, path_free)

typedef struct LineStyle {
    uint8_t flags;    /* SPICE_LINE_FLAGS_* */
    uint8_t n_dashes; /* STYLED only */
    int32_t *dashes;  /* owned by whoever owns the struct; NULL if there are none */
} LineStyle;

/* 28.4 to whole pixels: half goes down. */
static inline int32_t fixed_round(int32_t v)
{
    return (v >> 4) + ((v & 15) > 8);
}

/* Polylines in whole pixels, behind each other. */
typedef struct Polylines {
    GArray *points; /* of Point */
    GArray *ends;   /* of unsigned: where in points each of them ends */
} Polylines;

void polylines_clear(Polylines *lines);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Polylines, polylines_clear)

/* An error for what cannot be drawn: curves that do not end, segments that lack what they need, and more lines than
 * anybody would wait for. */
bool path_flatten(const Path *path, Polylines *lines, GError **error);
