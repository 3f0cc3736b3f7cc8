/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/draw.h"

#include <string.h>

bool brush_init(Draw *draw, const Brush *brush, BrushRows *rows, GError **error)
{
    const Canvas *canvas = draw->canvas;
    Rect extents = area_extents(&draw->area);
    int32_t width = extents.right - extents.left;

    memset(rows, 0, sizeof(*rows));
    rows->bytes = pixels_bits(&canvas->px) / 8;
    switch (brush->type) {
    case SPICE_BRUSH_TYPE_NONE:
    case SPICE_BRUSH_TYPE_SOLID:
        rows->color = brush->type == SPICE_BRUSH_TYPE_SOLID ? brush->color : 0;
        rows->row = g_malloc((size_t)width * rows->bytes + 1);
        for (int32_t i = 0; i < width; i++)
            memcpy(rows->row + (size_t)i * rows->bytes, &rows->color, rows->bytes);
        return true;
    case SPICE_BRUSH_TYPE_PATTERN:
        rows->pattern = true;
        rows->pos = brush->pos;
        if (!image_fetch(draw, brush->pattern, FETCH_TARGET, NULL, &rows->tile, NULL, error))
            return false;
        if (pixels_bits(&rows->tile) != pixels_bits(&canvas->px)) {
            g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_SURFACE, "pattern has another depth than the surface");
            return false;
        }
        rows->row = g_malloc((size_t)width * rows->bytes + 1);
        return true;
    default:
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "brush type %u is not known", brush->type);
        return false;
    }
}

void brush_clear(BrushRows *rows)
{
    pixels_clear(&rows->tile);
    g_clear_pointer(&rows->row, g_free);
}

/* The remainder that is never negative. */
static int32_t wrap(int64_t value, int32_t size)
{
    int64_t r = value % size;

    return (int32_t)(r < 0 ? r + size : r);
}

const uint8_t *brush_row(BrushRows *rows, int32_t x, int32_t y, int32_t n)
{
    uint8_t *out = rows->row;
    int32_t tx;
    const uint8_t *tile;

    if (!rows->pattern)
        return rows->row;
    tx = wrap((int64_t)x - rows->pos.x, rows->tile.width);
    tile = rows->tile.data + wrap((int64_t)y - rows->pos.y, rows->tile.height) * rows->tile.stride;
    while (n > 0) {
        int32_t part = MIN(n, rows->tile.width - tx);

        memcpy(out, tile + (size_t)tx * rows->bytes, (size_t)part * rows->bytes);
        out += (size_t)part * rows->bytes;
        n -= part;
        tx = 0;
    }
    return rows->row;
}
