/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FILL, BLACKNESS, WHITENESS, INVERS. */
#include "common/draw/draw.h"
#include "common/draw/rop.h"

#include <string.h>

typedef struct FillJob {
    Canvas *canvas;
    BrushRows *brush;
    uint8_t code;
} FillJob;

static void fill_rect(const Rect *rect, void *data)
{
    FillJob *job = data;
    int32_t width = rect->right - rect->left;
    size_t n = (size_t)width * job->brush->bytes;

    for (int32_t y = rect->top; y < rect->bottom; y++) {
        uint8_t *dst = pixels_at(&job->canvas->px, rect->left, y);
        const uint8_t *row = brush_row(job->brush, rect->left, y, width);

        if (job->code == ROP_A)
            memcpy(dst, row, n);
        else
            rop_row(job->code, dst, row, dst, n);
    }
}

/* One colour, stored as it is. */
static void plain_rect(const Rect *rect, void *data)
{
    FillJob *job = data;
    const Pixels *px = &job->canvas->px;
    int width = rect->right - rect->left, height = rect->bottom - rect->top;

    /* pixman counts rows in words, and does not start outside of them. */
    if (!pixels_aligned(px) || !pixman_fill((uint32_t *)(px->data + rect->top * px->stride), (int)(px->stride / 4),
                                            (int)pixels_bits(px), rect->left, 0, width, height, job->brush->color))
        fill_rect(rect, data);
}

typedef struct BitFillJob {
    Canvas *canvas;
    bool value;
} BitFillJob;

static void bit_fill_rect(const Rect *rect, void *data)
{
    BitFillJob *job = data;
    const Pixels *px = &job->canvas->px;

    for (int32_t y = rect->top; y < rect->bottom; y++) {
        uint8_t *row = px->data + y * px->stride;

        for (int32_t x = rect->left; x < rect->right; x++) {
            if (job->value)
                row[x / 8] |= (uint8_t)(1 << x % 8);
            else
                row[x / 8] &= (uint8_t) ~(1 << x % 8);
        }
    }
}

/* 1 bit surfaces know plain colours only. */
static bool bit_fill_init(const Brush *brush, Fill *fill, GError **error)
{
    if (fill->code == ROP_A && brush->type == SPICE_BRUSH_TYPE_SOLID)
        fill->bit = brush->color & 1;
    else if (fill->code == ROP_SET)
        fill->bit = true;
    else if (fill->code != ROP_CLEAR && (fill->code != ROP_A || brush->type != SPICE_BRUSH_TYPE_NONE)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "1 bit surfaces can only be filled with a plain colour");
        return false;
    }
    return true;
}

bool fill_init(Draw *draw, const Brush *brush, uint8_t code, Fill *fill, GError **error)
{
    *fill = (Fill){.code = code};
    if (pixels_bits(&draw->canvas->px) < 8)
        return bit_fill_init(brush, fill, error);
    return brush_init(draw, brush, &fill->brush, error);
}

void fill_area(Draw *draw, Fill *fill)
{
    FillJob job = {draw->canvas, &fill->brush, fill->code};
    BitFillJob bit_job = {draw->canvas, fill->bit};

    if (pixels_bits(&draw->canvas->px) < 8)
        area_each(&draw->area, bit_fill_rect, &bit_job);
    else if (fill->code == ROP_A && !fill->brush.pattern)
        area_each(&draw->area, plain_rect, &job);
    else
        area_each(&draw->area, fill_rect, &job);
}

static bool fill(Draw *draw, const Brush *brush, uint8_t code, const Mask *mask, GError **error)
{
    g_auto(Fill) job = {0};

    if (!area_init(draw, mask, error) || !fill_init(draw, brush, code, &job, error))
        return false;
    fill_area(draw, &job);
    return true;
}

bool draw_fill(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    uint8_t code = ropd_reduce(op->u.fill.rop, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_DEST);

    /* Other operations, even those that give a plain colour, make clients write outside of the surface. */
    if (pixels_bits(&draw->canvas->px) < 8 && code != ROP_A) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "rop %#x on a 1 bit surface", op->u.fill.rop);
        return false;
    }
    return fill(draw, &op->u.fill.brush, code, &op->u.fill.mask, error);
}

bool draw_solid(Draw *draw, GError **error)
{
    static const Brush none = {.type = SPICE_BRUSH_TYPE_NONE};
    uint8_t code = draw->op->type == QXL_DRAW_BLACKNESS   ? ROP_CLEAR
                   : draw->op->type == QXL_DRAW_WHITENESS ? ROP_SET
                                                          : ROP_NOT_B;

    return fill(draw, &none, code, &draw->op->u.solid.mask, error);
}
