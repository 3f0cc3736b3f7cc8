/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/runs.h"

#include "common/draw/rop.h"

#include <string.h>

static void clip_to_box(GArray *runs, const pixman_box32_t *box)
{
    unsigned n = 0;

    for (unsigned i = 0; i < runs->len; i++) {
        Run run = g_array_index(runs, Run, i);

        run.x1 = MAX(run.x1, box->x1);
        run.x2 = MIN(run.x2, box->x2);
        if (run.y >= box->y1 && run.y < box->y2 && run.x1 < run.x2)
            g_array_index(runs, Run, n++) = run;
    }
    g_array_set_size(runs, n);
}

/*
 * Clients write the clipped pieces to the start of the very array from which they read the runs. A run that is cut to
 * several pieces overwrites runs that were not read yet: these are lost, and the pieces are clipped once more. What
 * they show is reproduced.
 */
static void clip_to_bands(GArray *runs, const pixman_box32_t *boxes, unsigned n_boxes)
{
    unsigned read = 0, written = 0, n = runs->len, band = 0, next = 0;

    while (band < n_boxes) {
        for (next = band + 1; next < n_boxes && boxes[next].y1 == boxes[band].y1;)
            next++;
        while (read < n && g_array_index(runs, Run, read).y < boxes[band].y1)
            read++;
        for (; read < n && g_array_index(runs, Run, read).y < boxes[band].y2; read++) {
            Run run = g_array_index(runs, Run, read);

            for (unsigned i = band; i < next; i++) {
                Run piece = {run.y, MAX(run.x1, boxes[i].x1), MIN(run.x2, boxes[i].x2)};

                if (piece.x1 >= piece.x2)
                    continue;
                if (written == runs->len)
                    g_array_set_size(runs, runs->len + 1);
                g_array_index(runs, Run, written++) = piece;
            }
        }
        band = next;
    }
    g_array_set_size(runs, written);
}

void runs_clip(GArray *runs, const pixman_region32_t *region)
{
    int n;
    const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);

    if (n == 0)
        g_array_set_size(runs, 0);
    else if (n == 1)
        clip_to_box(runs, boxes);
    else
        clip_to_bands(runs, boxes, (unsigned)n);
}

void runs_fill(GArray *runs, const RunFill *fill)
{
    runs_clip(runs, fill->region);
    for (unsigned i = 0; i < runs->len; i++) {
        const Run *run = &g_array_index(runs, Run, i);
        uint8_t *dst = pixels_at(fill->dst, run->x1, run->y);
        const uint8_t *row = brush_row(fill->brush, run->x1, run->y, run->x2 - run->x1);
        size_t bytes = (size_t)(run->x2 - run->x1) * fill->brush->bytes;

        if (fill->code == ROP_A)
            memcpy(dst, row, bytes);
        else
            rop_row(fill->code, dst, row, dst, bytes);
    }
    g_array_set_size(runs, 0);
}
