/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs: horizontal rows of pixels that a stroke consists of, and how they get onto the canvas. Internal to common/draw.
 *
 * A batch of runs is what is filled together: it is sorted by y, and it is clipped as a whole.
 */
#pragma once

#include "common/draw/draw.h"

typedef struct Run {
    int32_t y;
    int32_t x1, x2; /* half open */
} Run;

static inline void run_append(GArray *runs, int32_t y, int32_t x1, int32_t x2)
{
    g_array_append_val(runs, ((Run){y, x1, x2}));
}

/* Clips the batch to the region, in place and exactly as clients do: under a region of several rectangles that is not
 * the intersection, see the comment in runs.c. */
void runs_clip(GArray *runs, const pixman_region32_t *region);

/* The fill of a stroke: the canvas gets code(brush, canvas). */
typedef struct RunFill {
    const Pixels *dst;
    const pixman_region32_t *region;
    BrushRows *brush;
    uint8_t code;
} RunFill;

/* Clips and fills a batch. It is empty afterwards. */
void runs_fill(GArray *runs, const RunFill *fill);

/* Appends the pixels of the line from `from` to `to`, without its last one, as far as they lie in `bounds`. */
void line_runs(Point from, Point to, const Rect *bounds, GArray *runs);

#define POLYGON_MAX_VERTICES 4

/* Edge n leads from vertex n to the next one; the points (x, y) of its line have x * ey - y * ex = k. */
typedef struct Polygon {
    unsigned n;
    double y[POLYGON_MAX_VERTICES]; /* of the vertices */
    struct {
        int64_t ex, ey;
        double k;
    } edge[POLYGON_MAX_VERTICES];
    Point origin; /* what the coordinates count from */
} Polygon;

/* Appends the pixels whose centre is inside (on a left or top edge too), one run a row at most. */
void polygon_runs(const Polygon *polygon, GArray *runs);

/* Fills a polyline of at least one point, dashed. The lengths are whole pixels, not all of them 0. */
typedef struct Dashes {
    unsigned n;
    uint8_t length[UINT8_MAX];
    unsigned start; /* pixels of the pattern that are skipped at the start of each polyline */
} Dashes;

void dashes_fill(const Dashes *dashes, const Point *points, unsigned n, const RunFill *fill);
