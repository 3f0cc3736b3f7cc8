/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* COPY_BITS: moves pixels within the surface. */
#include "common/draw/draw.h"

#include <string.h>

static void move_box(const Pixels *px, const pixman_box32_t *box, int64_t dx, int64_t dy)
{
    int32_t height = box->y2 - box->y1;
    size_t n = (size_t)(box->x2 - box->x1) * (pixels_bits(px) / 8);

    for (int32_t i = 0; i < height; i++) {
        int32_t y = dy > 0 ? box->y2 - 1 - i : box->y1 + i;

        memmove(pixels_at(px, box->x1, y), pixels_at(px, box->x1 - dx, y - dy), n);
    }
}

/*
 * Moves all boxes so that no pixel is overwritten before it was read: bands (boxes with the same rows) and the boxes in
 * a band in the order that is against the move.
 */
static void move_region(const Pixels *px, const pixman_box32_t *boxes, int n, int64_t dx, int64_t dy)
{
    int start = dy > 0 ? n : 0;

    while (dy > 0 ? start > 0 : start < n) {
        int first = start, end;

        if (dy > 0) {
            end = start;
            for (first = end - 1; first > 0 && boxes[first - 1].y1 == boxes[end - 1].y1;)
                first--;
            start = first;
        } else {
            for (end = first + 1; end < n && boxes[end].y1 == boxes[first].y1;)
                end++;
            start = end;
        }
        for (int i = 0; i < end - first; i++)
            move_box(px, &boxes[dx > 0 ? end - 1 - i : first + i], dx, dy);
    }
}

bool draw_copy_bits(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    const Pixels *px = &draw->canvas->px;
    int64_t dx = (int64_t)op->box.left - op->u.copy_bits.src_pos.x;
    int64_t dy = (int64_t)op->box.top - op->u.copy_bits.src_pos.y;
    const pixman_box32_t *boxes;
    int64_t left = MAX(dx, 0), top = MAX(dy, 0);
    int64_t right = MIN(px->width + dx, px->width), bottom = MIN(px->height + dy, px->height);
    int n;

    if (!area_init(draw, NULL, error))
        return false;
    if ((dx == 0 && dy == 0) || pixels_bits(px) < 8 || left >= right || top >= bottom)
        return true;
    pixman_region32_intersect_rect(&draw->area.region, &draw->area.region, (int)left, (int)top,
                                   (unsigned)(right - left), (unsigned)(bottom - top));
    boxes = pixman_region32_rectangles(&draw->area.region, &n);
    move_region(px, boxes, n, dx, dy);
    return true;
}
