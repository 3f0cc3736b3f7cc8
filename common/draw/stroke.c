/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* STROKE: lines of one pixel along a path. */
#include "common/draw/rop.h"
#include "common/draw/runs.h"

/* Pixels that one stroke may be long: many times what a screen shows, and soon done. */
#define STROKE_MAX_LENGTH (G_GINT64_CONSTANT(1) << 25)
#define DASHES_MAX_LENGTH (G_GINT64_CONSTANT(1) << 23)
/* Clients count that far, and no farther. */
#define STROKE_MAX_COORD 32767

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "a stroke %s", why);
    return false;
}

static bool lines_check(const Polylines *lines, int64_t max_length, GError **error)
{
    int64_t length = 0;
    unsigned start = 0;

    for (unsigned i = 0; i < lines->points->len; i++) {
        Point p = g_array_index(lines->points, Point, i);

        if (ABS((int64_t)p.x) > STROKE_MAX_COORD || ABS((int64_t)p.y) > STROKE_MAX_COORD)
            return refuse(error, "goes too far");
    }
    for (unsigned line = 0; line < lines->ends->len; line++) {
        unsigned end = g_array_index(lines->ends, unsigned, line);

        for (unsigned i = start + 1; i < end; i++) {
            Point a = g_array_index(lines->points, Point, i - 1), b = g_array_index(lines->points, Point, i);

            length += MAX(ABS(b.x - a.x), ABS(b.y - a.y));
        }
        start = end;
    }
    return length <= max_length || refuse(error, "is too long");
}

/* The lengths in whole pixels. A style that begins with a gap begins at its second entry. */
static bool dashes_init(const LineStyle *style, Dashes *dashes, GError **error)
{
    bool gap = style->flags & SPICE_LINE_FLAGS_START_WITH_GAP;
    unsigned total = 0;

    *dashes = (Dashes){.n = style->n_dashes};
    for (unsigned i = 0; i < dashes->n; i++) {
        dashes->length[i] = (uint8_t)(fixed_round(style->dashes[(i + gap) % dashes->n]) & 255);
        total += dashes->length[i];
    }
    dashes->start = gap ? dashes->length[0] : 0;
    return total > 0 || refuse(error, "has dashes without length");
}

static void stroke_solid(const Polylines *lines, const Rect *bounds, const RunFill *fill)
{
    g_autoptr(GArray) runs = g_array_new(false, false, sizeof(Run));
    unsigned start = 0;

    for (unsigned line = 0; line < lines->ends->len; line++) {
        unsigned end = g_array_index(lines->ends, unsigned, line);

        for (unsigned i = start + 1; i < end; i++) {
            line_runs(g_array_index(lines->points, Point, i - 1), g_array_index(lines->points, Point, i), bounds, runs);
            runs_fill(runs, fill);
        }
        start = end;
    }
}

static void stroke_dashed(const Polylines *lines, const Dashes *dashes, const RunFill *fill)
{
    unsigned start = 0;

    for (unsigned line = 0; line < lines->ends->len; line++) {
        unsigned end = g_array_index(lines->ends, unsigned, line);

        dashes_fill(dashes, &g_array_index(lines->points, Point, start), end - start, fill);
        start = end;
    }
}

bool draw_stroke(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    bool styled = op->u.stroke.style.flags & SPICE_LINE_FLAGS_STYLED;
    g_auto(BrushRows) brush = {0};
    g_auto(Polylines) lines = {0};
    RunFill fill = {.dst = &draw->canvas->px, .region = &draw->area.region, .brush = &brush};
    Rect bounds = pixels_rect(&draw->canvas->px);
    Dashes dashes;

    fill.code = ropd_reduce(op->u.stroke.fore_mode, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_DEST);
    if (pixels_bits(&draw->canvas->px) < 8)
        return refuse(error, "on a 1 bit surface");
    if (!path_flatten(op->u.stroke.path, &lines, error) ||
        !lines_check(&lines, styled ? DASHES_MAX_LENGTH : STROKE_MAX_LENGTH, error) ||
        (styled && !dashes_init(&op->u.stroke.style, &dashes, error)) || !area_init(draw, NULL, error) ||
        !brush_init(draw, &op->u.stroke.brush, &brush, error))
        return false;
    if (!pixman_region32_not_empty(&draw->area.region))
        return true;
    if (styled)
        stroke_dashed(&lines, &dashes, &fill);
    else
        stroke_solid(&lines, &bounds, &fill);
    return true;
}
