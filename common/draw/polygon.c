/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fills small convex polygons: the pieces of dashed lines. */
#include "common/draw/runs.h"

#include <math.h>

/* One of the two sides of a polygon, from the top to the bottom: its edges, and how many rows each covers. */
typedef struct Side {
    unsigned n;
    int64_t first_row; /* of its first edge */
    struct {
        int64_t ex, ey, k; /* ey > 0 */
        int64_t rows;
    } edge[POLYGON_MAX_VERTICES];
} Side;

static void side_append(Side *side, const Polygon *polygon, unsigned edge, unsigned from, int64_t *last_row)
{
    int64_t ex = polygon->edge[edge].ex, ey = polygon->edge[edge].ey, row = (int64_t)ceil(polygon->y[from]);
    double k = polygon->edge[edge].k;

    if (ey == 0)
        return;
    if (side->n > 0)
        side->edge[side->n - 1].rows = row - *last_row;
    else
        side->first_row = row;
    *last_row = row;
    side->edge[side->n].ex = ey < 0 ? -ex : ex;
    side->edge[side->n].ey = ABS(ey);
    side->edge[side->n].k = (int64_t)ceil(ey < 0 ? -k : k);
    side->n++;
}

/* forward: along the edges; else against them. */
static Side side_make(const Polygon *polygon, unsigned top, unsigned bottom, bool forward)
{
    Side side = {0};
    int64_t last_row = 0, end = (int64_t)ceil(polygon->y[bottom]);
    unsigned n = polygon->n;

    for (unsigned v = top; v != bottom; v = (forward ? v + 1 : v + n - 1) % n)
        side_append(&side, polygon, forward ? v : (v + n - 1) % n, v, &last_row);
    if (side.n > 0)
        side.edge[side.n - 1].rows = end - last_row;
    return side;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}

static bool right_is_forward(const Polygon *polygon, unsigned top)
{
    unsigned j = (top + polygon->n - 1) % polygon->n;

    return polygon->edge[j].ey * polygon->edge[top].ex <= polygon->edge[top].ey * polygon->edge[j].ex;
}

void polygon_runs(const Polygon *polygon, GArray *runs)
{
    unsigned top = 0, bottom = 0, r = 0, l = 0;
    Side right, left;
    bool forward;
    int64_t y;

    for (unsigned i = 1; i < polygon->n; i++) {
        if (polygon->y[i] < polygon->y[top])
            top = i;
        if (polygon->y[i] >= polygon->y[bottom])
            bottom = i;
    }
    forward = right_is_forward(polygon, top);
    right = side_make(polygon, top, bottom, forward);
    left = side_make(polygon, top, bottom, !forward);
    y = right.first_row;
    while (r < right.n && l < left.n) {
        int64_t rows = MIN(right.edge[r].rows, left.edge[l].rows);

        for (int64_t end = y + rows; y < end; y++) {
            int64_t x2 = divide_up(right.edge[r].k + y * right.edge[r].ex, right.edge[r].ey);
            int64_t x1 = divide_up(left.edge[l].k + y * left.edge[l].ex, left.edge[l].ey);

            if (x1 < x2)
                run_append(runs, (int32_t)(polygon->origin.y + y), (int32_t)(polygon->origin.x + x1),
                           (int32_t)(polygon->origin.x + x2));
        }
        right.edge[r].rows -= rows;
        left.edge[l].rows -= rows;
        r += right.edge[r].rows <= 0;
        l += left.edge[l].rows <= 0;
    }
}
