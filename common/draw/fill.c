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
static bool bit_fill(Draw *draw, const Brush *brush, uint8_t code, const Mask *mask, GError **error)
{
    BitFillJob job = {draw->canvas, false};

    if (code == ROP_A && brush->type == SPICE_BRUSH_TYPE_SOLID)
        job.value = brush->color & 1;
    else if (code == ROP_SET)
        job.value = true;
    else if (code != ROP_CLEAR && (code != ROP_A || brush->type != SPICE_BRUSH_TYPE_NONE)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "1 bit surfaces can only be filled with a plain colour");
        return false;
    }
    if (!area_init(draw, mask, error))
        return false;
    area_each(&draw->area, bit_fill_rect, &job);
    return true;
}

static bool fill(Draw *draw, const Brush *brush, uint8_t code, const Mask *mask, GError **error)
{
    g_auto(BrushRows) rows = {0};
    FillJob job = {draw->canvas, &rows, code};

    if (pixels_bits(&draw->canvas->px) < 8)
        return bit_fill(draw, brush, code, mask, error);
    if (!area_init(draw, mask, error) || !brush_init(draw, brush, &rows, error))
        return false;
    area_each(&draw->area, fill_rect, &job);
    return true;
}

bool draw_fill(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;

    return fill(draw, &op->u.fill.brush, ropd_reduce(op->u.fill.rop, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_DEST),
                &op->u.fill.mask, error);
}

bool draw_solid(Draw *draw, GError **error)
{
    static const Brush none = {.type = SPICE_BRUSH_TYPE_NONE};
    uint8_t code = draw->op->type == QXL_DRAW_BLACKNESS   ? ROP_CLEAR
                   : draw->op->type == QXL_DRAW_WHITENESS ? ROP_SET
                                                          : ROP_NOT_B;

    return fill(draw, &none, code, &draw->op->u.solid.mask, error);
}
