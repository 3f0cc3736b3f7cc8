/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dashed polylines: each dash is a rectangle of one pixel's width along the ideal line, dashes that meet in a corner
 * are joined by a mitre.
 */
#include "common/draw/runs.h"

#include "common/draw/rop.h"

#include <math.h>

/* Corners of less than 11 degrees are cut off: the square of the mitre's length, in quarter pixels. */
#define MITER_LIMIT_SQUARE 108.856472512142

typedef struct PointF {
    double x, y;
} PointF;

/* The end of a segment, as a join sees it. */
typedef struct Face {
    Point at;
    double dx, dy; /* the way along the segment, whole numbers */
    double xa, ya; /* the corner of the line's edge */
    double k;
} Face;

typedef struct DashPen {
    const Dashes *dashes;
    const RunFill *fill;
    unsigned index; /* in the lengths; dashes with an even index are drawn */
    int offset;     /* pixels of it that are done */
    bool collect;   /* runs are united first: an inverting fill must not touch a pixel twice */
    unsigned n_polygons;
    GArray *runs;
} DashPen;

/* --- the pattern --- */

static unsigned dash_next(const DashPen *pen)
{
    return pen->index + 1 < pen->dashes->n ? pen->index + 1 : 0;
}

static bool dash_drawn(const DashPen *pen)
{
    return pen->index % 2 == 0;
}

static void dash_start(DashPen *pen)
{
    const Dashes *dashes = pen->dashes;
    int left = (int)dashes->start, total = 0;

    pen->index = 0;
    pen->offset = left;
    if (left < dashes->length[0])
        return;
    for (unsigned i = 0; i < dashes->n; i++)
        total += dashes->length[i];
    left -= dashes->length[0];
    pen->index = dash_next(pen);
    if (total > 0 && total <= left)
        left %= total;
    while (left >= dashes->length[pen->index]) {
        left -= dashes->length[pen->index];
        pen->index = dash_next(pen);
    }
    pen->offset = left;
}

/* --- polygons --- */

static void pen_fill(DashPen *pen, const Polygon *polygon)
{
    polygon_runs(polygon, pen->runs);
    pen->n_polygons++;
    if (!pen->collect)
        runs_fill(pen->runs, pen->fill);
}

static void polygon_edge(Polygon *polygon, unsigned i, double ex, double ey, double k)
{
    polygon->edge[i].ex = (int64_t)ex;
    polygon->edge[i].ey = (int64_t)ey;
    polygon->edge[i].k = k;
}

/* One dash; the corners are top left, top right, bottom right, bottom left if the line leads to the right. */
typedef struct DashBox {
    PointF lt, rt, rb, lb;
    double k_right, k_left;
} DashBox;

static void pen_fill_box(DashPen *pen, const DashBox *box, Point d, double k, Point origin)
{
    Polygon polygon = {.n = 4, .y = {box->lt.y, box->rt.y, box->rb.y, box->lb.y}, .origin = origin};

    polygon_edge(&polygon, 0, d.x, d.y, k);
    polygon_edge(&polygon, 1, -(double)d.y, d.x, box->k_right);
    polygon_edge(&polygon, 2, -(double)d.x, -(double)d.y, k);
    polygon_edge(&polygon, 3, d.y, -(double)d.x, box->k_left);
    pen_fill(pen, &polygon);
}

/* --- segments --- */

static void pen_segment(DashPen *pen, Point from, Point to, Face *first, Face *last)
{
    const Point d = {to.x - from.x, to.y - from.y};
    double dx = d.x, dy = d.y, length = dx == 0 ? fabs(dy) : dy == 0 ? fabs(dx) : hypot(dx, dy);
    double q = 0.5 / length, k = 0.5 * length, left = length;
    PointF r = {dx == 0 ? 0 : dy == 0 ? copysign(0.5, dx) : q * dx, dy == 0 ? 0 : dx == 0 ? copysign(0.5, dy) : q * dy};
    DashBox box = {{r.y, -r.x}, {r.y, -r.x}, {-r.y, r.x}, {-r.y, r.x}, 0, 0};
    double rem = pen->dashes->length[pen->index] - pen->offset;

    *first = (Face){from, dx, dy, r.y, -r.x, k};
    *last = (Face){to, -dx, -dy, -r.y, r.x, k};
    while (left > rem) {
        PointF s = {rem * dx / length, rem * dy / length};

        box.rt.x += s.x;
        box.rt.y += s.y;
        box.rb.x += s.x;
        box.rb.y += s.y;
        box.k_right = box.rt.x * dx + box.rt.y * dy;
        if (dash_drawn(pen))
            pen_fill_box(pen, &box, d, k, from);
        left -= rem;
        pen->index = dash_next(pen);
        rem = pen->dashes->length[pen->index];
        box.lt = box.rt;
        box.lb = box.rb;
        box.k_left = -box.k_right;
    }
    if (dash_drawn(pen)) {
        DashBox end = {{box.lt.x - dx, box.lt.y - dy}, {r.y, -r.x}, {-r.y, r.x}, {box.lb.x - dx, box.lb.y - dy}, 0, 0};

        end.k_left = box.k_left + dx * dx + dy * dy;
        pen_fill_box(pen, &end, d, k, to);
    }
    int whole = (int)(rem - left); /* the pattern goes on in whole pixels */

    if (whole == 0) {
        pen->index = dash_next(pen);
        whole = pen->dashes->length[pen->index];
    }
    pen->offset = pen->dashes->length[pen->index] - whole;
}

/* --- joins --- */

static bool face_covers_pixel(const Face *face)
{
    return face->dx > 0 || (face->dx == 0 && face->dy > 0);
}

static void face_negate(Face *face)
{
    face->xa = -face->xa;
    face->ya = -face->ya;
    face->dx = -face->dx;
    face->dy = -face->dy;
}

static void join_bevel(Polygon *polygon, const Face *l, const Face *r)
{
    double dx = r->xa - l->xa, dy = r->ya - l->ya, scale = fabs(dx) > fabs(dy) ? fabs(dx) : fabs(dy);
    double ex = trunc(dx * 65536 / scale), ey = trunc(dy * 65536 / scale);

    polygon->n = 3;
    polygon_edge(polygon, 2, ex, ey, ((l->xa + r->xa) * ey - (l->ya + r->ya) * ex) / 2);
}

static void pen_join(DashPen *pen, const Face *left, const Face *right)
{
    Face l = *left, r = *right;
    double den = -l.dx * r.dy + r.dx * l.dy, sign = 1, mx, my;
    Polygon polygon = {.n = 4, .origin = l.at};

    if (!pen->collect && (face_covers_pixel(&l) || face_covers_pixel(&r)))
        return;
    if (den == 0)
        return;
    if (den > 0) {
        face_negate(&l);
    } else {
        face_negate(&r);
        sign = -1;
    }
    my = (l.dy * (r.xa * r.dy - r.ya * r.dx) - r.dy * (l.xa * l.dy - l.ya * l.dx)) / den;
    mx = l.dy != 0 ? l.xa + (my - l.ya) * l.dx / l.dy : r.xa + (my - r.ya) * r.dx / r.dy;
    polygon.y[0] = r.ya;
    polygon.y[1] = 0;
    polygon.y[2] = l.ya;
    polygon_edge(&polygon, 0, -r.dy, r.dx, 0);
    polygon_edge(&polygon, 1, l.dy, -l.dx, 0);
    if (4 * (mx * mx + my * my) > MITER_LIMIT_SQUARE) {
        join_bevel(&polygon, &l, &r);
    } else {
        polygon.y[3] = my;
        polygon_edge(&polygon, 2, sign * l.dx, sign * l.dy, sign * l.k);
        polygon_edge(&polygon, 3, sign * r.dx, sign * r.dy, sign * r.k);
    }
    pen_fill(pen, &polygon);
}

/* --- polylines --- */

static int run_compare(const void *a, const void *b)
{
    const Run *l = a, *r = b;

    if (l->y != r->y)
        return l->y < r->y ? -1 : 1;
    return l->x1 < r->x1 ? -1 : l->x1 > r->x1;
}

static void runs_unite(GArray *runs)
{
    unsigned n = 0;

    g_array_sort(runs, run_compare);
    for (unsigned i = 0; i < runs->len; i++) {
        Run run = g_array_index(runs, Run, i), *last = n ? &g_array_index(runs, Run, n - 1) : NULL;

        if (last && last->y == run.y && run.x1 <= last->x2)
            last->x2 = MAX(last->x2, run.x2);
        else
            g_array_index(runs, Run, n++) = run;
    }
    g_array_set_size(runs, n);
}

static void pen_polyline(DashPen *pen, const Point *points, unsigned n)
{
    bool closed = points[0].x == points[n - 1].x && points[0].y == points[n - 1].y;
    bool any = false, last_drawn = false, join_start = false;
    Face start = {0}, first, last = {0};

    for (unsigned i = 1; i < n; i++) {
        bool drawn = dash_drawn(pen);
        Face before = last;

        if (points[i].x == points[i - 1].x && points[i].y == points[i - 1].y)
            continue;
        pen_segment(pen, points[i - 1], points[i], &first, &last);
        if (drawn && any && last_drawn)
            pen_join(pen, &first, &before);
        if (drawn && !any && closed) {
            start = first;
            join_start = true;
        }
        any = true;
        last_drawn = !dash_drawn(pen) != (pen->offset != 0);
    }
    if (join_start && last_drawn)
        pen_join(pen, &start, &last);
}

/* True if the destination is inverted where the brush has some bit value. */
static bool rop_inverts(uint8_t code)
{
    return (code & 3) == (ROP_NOT_B & 3) || code >> 2 == ROP_NOT_B >> 2;
}

void dashes_fill(const Dashes *dashes, const Point *points, unsigned n, const RunFill *fill)
{
    g_autoptr(GArray) runs = g_array_new(false, false, sizeof(Run));
    DashPen pen = {.dashes = dashes, .fill = fill, .collect = n >= 3 && rop_inverts(fill->code), .runs = runs};

    dash_start(&pen);
    pen_polyline(&pen, points, n);
    if (pen.n_polygons > 1)
        runs_unite(runs);
    runs_fill(runs, fill);
}
