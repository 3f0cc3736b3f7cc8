/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/path.h"

#include "common/draw/canvas.h"

/* More than any program draws in one operation. */
#define PATH_MAX_POINTS (1 << 17)
/* A curve that needs more halvings than coordinates have bits does not come to an end. */
#define CURVE_MAX_DEPTH 40

Path *path_new(uint32_t n_segments, uint32_t n_points)
{
    Path *path = g_new0(Path, 1);

    path->segments = g_try_new0(PathSegment, MAX(n_segments, 1));
    path->points = g_try_new0(Point, MAX(n_points, 1));
    path->n_segments = n_segments;
    path->n_points = n_points;
    if (path->segments && path->points)
        return path;
    path_free(path);
    return NULL;
}

void path_free(Path *path)
{
    if (!path)
        return;
    g_free(path->segments);
    g_free(path->points);
    g_free(path);
}

void polylines_clear(Polylines *lines)
{
    g_clear_pointer(&lines->points, g_array_unref);
    g_clear_pointer(&lines->ends, g_array_unref);
}

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "a path %s", why);
    return false;
}

/* Where the polyline that is being built begins. */
static unsigned line_start(const Polylines *lines)
{
    return lines->ends->len ? g_array_index(lines->ends, unsigned, lines->ends->len - 1) : 0;
}

static void line_end(Polylines *lines)
{
    if (lines->points->len > line_start(lines))
        g_array_append_val(lines->ends, lines->points->len);
}

static bool line_append(Polylines *lines, Point p, GError **error)
{
    if (lines->points->len >= PATH_MAX_POINTS)
        return refuse(error, "has too many points");
    g_array_append_val(lines->points, p);
    return true;
}

static Point point_round(Point p)
{
    return (Point){fixed_round(p.x), fixed_round(p.y)};
}

static Point point_middle(Point u, Point v)
{
    return (Point){(int32_t)(((int64_t)u.x + v.x) / 2), (int32_t)(((int64_t)u.y + v.y) / 2)};
}

typedef struct Vector {
    int64_t x, y;
} Vector;

static Vector vector(Point from, Point to)
{
    return (Vector){(int64_t)to.x - from.x, (int64_t)to.y - from.y};
}

/* Products wrap round for curves of enormous size, as they do in clients. */
static int64_t product(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t dot(Vector u, Vector v)
{
    return (int64_t)((uint64_t)product(u.x, v.x) + (uint64_t)product(u.y, v.y)) >> 4;
}

static bool curve_is_flat(const Point p[4])
{
    Vector a = vector(p[0], p[1]), b = vector(p[0], p[3]), c = vector(p[3], p[2]), back = vector(p[3], p[0]);
    int64_t a2 = dot(a, a), b2 = dot(b, b), c2 = dot(c, c), ab = dot(a, b), cb = dot(c, back);

    return difference(product(a2, b2), product(ab, ab)) >> 3 < b2 &&
           difference(product(c2, b2), product(cb, cb)) >> 3 < b2;
}

static bool curve_flatten(Polylines *lines, const Point p[4], unsigned depth, GError **error)
{
    if (curve_is_flat(p))
        return line_append(lines, point_round(p[3]), error);
    if (depth == CURVE_MAX_DEPTH)
        return refuse(error, "has a curve without extent");

    Point p01 = point_middle(p[0], p[1]), p12 = point_middle(p[1], p[2]), p23 = point_middle(p[2], p[3]);
    Point p012 = point_middle(p01, p12), p123 = point_middle(p12, p23), middle = point_middle(p012, p123);

    return curve_flatten(lines, (Point[]){p[0], p01, p012, middle}, depth + 1, error) &&
           curve_flatten(lines, (Point[]){middle, p123, p23, p[3]}, depth + 1, error);
}

static bool curves_append(Polylines *lines, const Point *points, uint32_t n, GError **error)
{
    if (n % 3)
        return refuse(error, "has a curve without its end");
    if (lines->points->len == line_start(lines))
        return refuse(error, "has a curve without a beginning");
    for (uint32_t i = 0; i < n; i += 3) {
        /* The curve goes on where the last one was rounded to. */
        Point last = g_array_index(lines->points, Point, lines->points->len - 1);
        Point p[4] = {{(int32_t)((uint32_t)last.x << 4), (int32_t)((uint32_t)last.y << 4)},
                      points[i],
                      points[i + 1],
                      points[i + 2]};

        if (!curve_flatten(lines, p, 0, error))
            return false;
    }
    return true;
}

static bool segment_append(Polylines *lines, const PathSegment *segment, GError **error)
{
    const Point *points = segment->points;
    uint32_t n = segment->n_points;

    if (segment->flags & SPICE_PATH_BEGIN) {
        line_end(lines);
        if (n == 0)
            return refuse(error, "begins without a point");
        if (!line_append(lines, point_round(points[0]), error))
            return false;
        points++;
        n--;
    }
    if (segment->flags & SPICE_PATH_BEZIER) {
        if (!curves_append(lines, points, n, error))
            return false;
    } else {
        for (uint32_t i = 0; i < n; i++)
            if (!line_append(lines, point_round(points[i]), error))
                return false;
    }
    if (!(segment->flags & SPICE_PATH_END))
        return true;
    if (segment->flags & SPICE_PATH_CLOSE) {
        if (lines->points->len == line_start(lines))
            return refuse(error, "is closed before it begins");
        if (!line_append(lines, g_array_index(lines->points, Point, line_start(lines)), error))
            return false;
    }
    line_end(lines);
    return true;
}

bool path_flatten(const Path *path, Polylines *lines, GError **error)
{
    lines->points = g_array_new(false, false, sizeof(Point));
    lines->ends = g_array_new(false, false, sizeof(unsigned));
    for (uint32_t i = 0; i < path->n_segments; i++)
        if (!segment_append(lines, &path->segments[i], error)) {
            polylines_clear(lines);
            return false;
        }
    line_end(lines);
    return true;
}
