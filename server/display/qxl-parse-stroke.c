/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* STROKE: path and line style. Whether the path can be drawn is found out by who draws it. */
#include "server/display/qxl-parse-private.h"

#include <stddef.h>

#define STROKE_ERROR(error, ...) g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, __VA_ARGS__)
/* Far more than the canvas draws. */
#define MAX_PATH_BYTES (4 << 20)
/* A rest that is no longer than the header of a segment is padding. */
#define SEGMENT_MIN_BYTES (sizeof(QXLPathSeg) + 1)

G_STATIC_ASSERT(offsetof(QXLPathSeg, points) == 8);
G_STATIC_ASSERT(sizeof(QXLPointFix) == sizeof(Point));

/* Moves over one segment. */
static bool next_segment(const uint8_t **data, size_t *left, QXLPathSeg *segment, const uint8_t **points,
                         GError **error)
{
    uint64_t size;

    guest_copy(segment, *data, sizeof(*segment));
    size = (uint64_t)segment->count * sizeof(QXLPointFix);
    if (size > *left - sizeof(*segment)) {
        STROKE_ERROR(error, "a path segment of %u points is longer than its path", segment->count);
        return false;
    }
    *points = *data + sizeof(*segment);
    *data = *points + size;
    *left -= sizeof(*segment) + size;
    return true;
}

static Path *parse_path(const uint8_t *data, size_t size, GError **error)
{
    const uint8_t *at = data, *points;
    uint32_t n_segments = 0, n_points = 0;
    g_autoptr(Path) path = NULL;
    QXLPathSeg segment;
    size_t left = size;

    while (left >= SEGMENT_MIN_BYTES) {
        if (!next_segment(&at, &left, &segment, &points, error))
            return NULL;
        n_segments++;
        n_points += segment.count;
    }
    path = path_new(n_segments, n_points);
    if (!path) {
        STROKE_ERROR(error, "no memory for a path of %u points", n_points);
        return NULL;
    }
    at = data;
    left = size;
    n_points = 0;
    for (uint32_t i = 0; i < n_segments; i++) {
        next_segment(&at, &left, &segment, &points, NULL);
        path->segments[i] =
            (PathSegment){(uint8_t)(segment.flags & SPICE_PATH_FLAGS_MASK), segment.count, path->points + n_points};
        guest_copy(path->points + n_points, points, segment.count * sizeof(Point));
        n_points += segment.count;
    }
    return g_steal_pointer(&path);
}

static Path *read_path(GuestReader *reader, QXLPHYSICAL address, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    const uint8_t *data;
    gsize size;

    if (!address) {
        STROKE_ERROR(error, "a stroke without its path");
        return NULL;
    }
    bytes = guest_read_chunks_limited(reader, address + offsetof(QXLPath, chunk), MAX_PATH_BYTES + 1, error);
    if (!bytes)
        return NULL;
    data = g_bytes_get_data(bytes, &size);
    if (size > MAX_PATH_BYTES) {
        STROKE_ERROR(error, "a path of more than %d bytes", MAX_PATH_BYTES);
        return NULL;
    }
    return parse_path(data, size, error);
}

static bool read_style(GuestReader *reader, const QXLLineAttr *guest, LineStyle *style, GError **error)
{
    style->flags = guest->flags & SPICE_LINE_FLAGS_MASK;
    if (!(style->flags & SPICE_LINE_FLAGS_STYLED))
        return true;
    if (!guest->style || !guest->style_nseg) {
        STROKE_ERROR(error, "a dashed stroke without dashes");
        return false;
    }
    style->n_dashes = guest->style_nseg;
    style->dashes = g_new(int32_t, style->n_dashes);
    return guest_read(reader, guest->style, style->dashes, style->n_dashes * sizeof(int32_t), error);
}

bool guest_read_stroke(GuestReader *reader, const QXLStroke *guest, DrawOp *op, GError **error)
{
    op->u.stroke.fore_mode = guest->fore_mode & SPICE_ROPD_MASK;
    op->u.stroke.back_mode = guest->back_mode & SPICE_ROPD_MASK;
    op->u.stroke.path = read_path(reader, guest->path, error);
    return op->u.stroke.path && read_style(reader, &guest->attr, &op->u.stroke.style, error) &&
           guest_read_brush(reader, &guest->brush, &op->u.stroke.brush, error);
}
