/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/draw/any.h"

#include <spice/enums.h>
#include <string.h>

#define MAX_PATH_BYTES 4096

/* In the cell mostly, beside it often, far away sometimes; on half pixels and in between. */
static int32_t any_fixed(Any *a, int32_t low, int32_t high)
{
    int32_t margin = any_chance(a, 60) ? 2 : any_chance(a, 90) ? 100 : 20000, v = any(a, low - margin, high + margin);

    return v * 16 + (any_chance(a, 50) ? 0 : any_chance(a, 30) ? 8 : any(a, 0, 16));
}

static size_t any_segment(Any *a, uint8_t *out, const QXLRect *cell, bool first, bool last)
{
    QXLPathSeg *segment = (QXLPathSeg *)out;
    bool curve = any_chance(a, 25);

    segment->flags = first || any_chance(a, 40) ? SPICE_PATH_BEGIN : 0;
    if (last || any_chance(a, 40))
        segment->flags |= SPICE_PATH_END | (any_chance(a, 40) ? SPICE_PATH_CLOSE : 0);
    segment->count = curve ? (uint32_t)any(a, 1, 4) * 3 : (uint32_t)any(a, 1, 6);
    if (curve) {
        segment->flags |= SPICE_PATH_BEZIER;
        segment->count += segment->flags & SPICE_PATH_BEGIN ? 1 : 0;
    }
    any_say(a, " [%x", segment->flags);
    for (uint32_t i = 0; i < segment->count; i++) {
        QXLPointFix p = {any_fixed(a, cell->left, cell->right), any_fixed(a, cell->top, cell->bottom)};

        memcpy(&segment->points[i], &p, sizeof(p));
        any_say(a, " %d,%d", p.x, p.y);
    }
    any_say(a, "]");
    /* A segment after the end of a line must not continue it with a curve. */
    if (!(segment->flags & SPICE_PATH_BEGIN) && curve)
        segment->flags |= first ? SPICE_PATH_BEGIN : 0;
    return sizeof(*segment) + segment->count * sizeof(QXLPointFix);
}

static void any_style(Any *a, QXLLineAttr *attr)
{
    uint8_t n = (uint8_t)(any_chance(a, 70) ? any(a, 1, 3) * 2 : any(a, 1, 8));
    int32_t *dashes = guest_alloc(a->guest, n * sizeof(int32_t));

    attr->flags = SPICE_LINE_FLAGS_STYLED | (any_chance(a, 40) ? SPICE_LINE_FLAGS_START_WITH_GAP : 0);
    attr->style_nseg = n;
    attr->style = (uintptr_t)dashes;
    any_say(a, " dashes %x:", attr->flags);
    for (int i = 0; i < n; i++) {
        dashes[i] = any_chance(a, 90) ? any(a, 0, 12) * 16 : any(a, 0, 400);
        any_say(a, " %d", dashes[i]);
    }
}

void any_stroke(Any *a, QXLDrawable *d, const QXLRect *cell, bool dashed)
{
    QXLStroke *stroke = &d->u.stroke;
    uint8_t *data = guest_alloc(a->guest, sizeof(QXLPath) + MAX_PATH_BYTES);
    QXLPath *path = (QXLPath *)data;
    int n = any_chance(a, 70) ? 1 : any(a, 2, 5);
    size_t size = 0;

    for (int i = 0; i < n; i++)
        size += any_segment(a, path->chunk.data + size, cell, i == 0, i == n - 1);
    path->data_size = path->chunk.data_size = (uint32_t)size;
    stroke->path = (uintptr_t)path;
    if (dashed)
        any_style(a, &stroke->attr);
    stroke->brush = any_brush(a, d);
    stroke->fore_mode = any_rop(a);
    stroke->back_mode = SPICE_ROPD_OP_PUT;
}

void any_text(Any *a, QXLDrawable *d, const QXLRect *cell)
{
    static const uint8_t rasters[] = {SPICE_STRING_FLAGS_RASTER_A1, SPICE_STRING_FLAGS_RASTER_A4,
                                      SPICE_STRING_FLAGS_RASTER_A8};
    static const uint8_t bits[] = {1, 4, 8};
    QXLText *text = &d->u.text;
    int kind = any_chance(a, 10) ? 2 : any(a, 0, 2), n = any(a, 1, 8);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QXLString *string;

    any_say(a, " %u bit glyphs:", bits[kind]);
    for (int i = 0; i < n; i++) {
        QXLRasterGlyph glyph = {
            .render_pos = {any(a, cell->left - 10, cell->right), any(a, cell->top - 10, cell->bottom)},
            .glyph_origin = {any(a, -5, 5), any(a, -5, 5)},
            .width = (uint16_t)any(a, 0, 20),
            .height = (uint16_t)any(a, 0, 20)};
        size_t size = ((size_t)glyph.width * bits[kind] + 7) / 8 * glyph.height;

        any_say(a, " %ux%u at %d,%d", glyph.width, glyph.height, glyph.render_pos.x + glyph.glyph_origin.x,
                glyph.render_pos.y + glyph.glyph_origin.y);
        g_byte_array_append(bytes, (uint8_t *)&glyph, sizeof(glyph));
        for (size_t k = 0; k < size; k++)
            g_byte_array_append(bytes, &(uint8_t){(uint8_t)(any_chance(a, 30) ? 0xff : any(a, 0, 256))}, 1);
    }
    string = guest_alloc(a->guest, sizeof(*string) + bytes->len);
    *string = (QXLString){.data_size = bytes->len,
                          .length = (uint16_t)n,
                          .flags = rasters[kind] | (any_chance(a, 50) ? SPICE_STRING_FLAGS_RASTER_TOP_DOWN : 0),
                          .chunk.data_size = bytes->len};
    memcpy(string->chunk.data, bytes->data, bytes->len);
    text->str = (uintptr_t)string;
    if (any_chance(a, 40))
        text->back_area = (QXLRect){.left = any(a, cell->left - 5, cell->right),
                                    .top = any(a, cell->top - 5, cell->bottom),
                                    .right = any(a, cell->left, cell->right + 5),
                                    .bottom = any(a, cell->top, cell->bottom + 5)};
    any_say(a, ", background %d,%d-%d,%d:", text->back_area.left, text->back_area.top, text->back_area.right,
            text->back_area.bottom);
    text->fore_brush = any_brush(a, d);
    text->back_brush = any_brush(a, d);
    text->fore_mode = text->back_mode = SPICE_ROPD_OP_PUT;
}
