/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One solid line of one pixel, as the X11 protocol's zero width lines are drawn. */
#include "common/draw/runs.h"

/*
 * Both directions of a line cover the same pixels: on a tie the step in the minor direction is taken late in one and
 * early in the other. After `i` steps of the longer direction as many of the shorter were made as minor_steps() says,
 * which is what an error term would have counted; so a line can begin anywhere.
 */
typedef struct Slope {
    int64_t major, minor; /* lengths */
    int64_t bias;
} Slope;

static int64_t minor_steps(const Slope *slope, int64_t i)
{
    return (2 * slope->minor * i + slope->major - slope->bias) / (2 * slope->major);
}

/* The steps of a direction that lead from `start` to pixels in [low, high), as a part of [*first, *end). */
static void clip_steps(int64_t start, int sign, int64_t low, int64_t high, int64_t *first, int64_t *end)
{
    if (sign > 0) {
        *first = MAX(*first, low - start);
        *end = MIN(*end, high - start);
    } else {
        *first = MAX(*first, start - high + 1);
        *end = MIN(*end, start - low + 1);
    }
}

static void flat_runs(Point from, const Slope *slope, int sx, int sy, const Rect *bounds, GArray *runs)
{
    int64_t i = 0, end = slope->major;

    clip_steps(from.x, sx, bounds->left, bounds->right, &i, &end);
    while (i < end) {
        int64_t minor = minor_steps(slope, i), next, y = from.y + sy * minor, x = from.x + sx * i, last;

        /* The first step at which the next row is reached. */
        next = slope->minor ? ((2 * minor + 1) * slope->major + slope->bias + 2 * slope->minor - 1) / (2 * slope->minor)
                            : end;
        next = CLAMP(next, i + 1, end);
        last = from.x + sx * (next - 1);
        if (y >= bounds->top && y < bounds->bottom)
            run_append(runs, (int32_t)y, (int32_t)MIN(x, last), (int32_t)MAX(x, last) + 1);
        i = next;
    }
}

static void steep_runs(Point from, const Slope *slope, int sx, int sy, const Rect *bounds, GArray *runs)
{
    int64_t i = 0, end = slope->major;

    clip_steps(from.y, sy, bounds->top, bounds->bottom, &i, &end);
    for (; i < end; i++) {
        int64_t x = from.x + sx * minor_steps(slope, i);

        if (x >= bounds->left && x < bounds->right)
            run_append(runs, (int32_t)(from.y + sy * i), (int32_t)x, (int32_t)x + 1);
    }
}

static void runs_reverse(GArray *runs, unsigned first)
{
    for (unsigned last = runs->len; first + 1 < last; first++, last--) {
        Run run = g_array_index(runs, Run, first);

        g_array_index(runs, Run, first) = g_array_index(runs, Run, last - 1);
        g_array_index(runs, Run, last - 1) = run;
    }
}

void line_runs(Point from, Point to, const Rect *bounds, GArray *runs)
{
    int64_t dx = (int64_t)to.x - from.x, dy = (int64_t)to.y - from.y;
    int sx = dx < 0 ? -1 : 1, sy = dy < 0 ? -1 : 1;
    unsigned first = runs->len;

    if (ABS(dx) > ABS(dy))
        flat_runs(from, &(Slope){ABS(dx), ABS(dy), dx < 0}, sx, sy, bounds, runs);
    else
        steep_runs(from, &(Slope){ABS(dy), ABS(dx), dy < 0}, sx, sy, bounds, runs);
    if (dy < 0)
        runs_reverse(runs, first);
}
