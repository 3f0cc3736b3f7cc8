/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/wire-path.h"

#include "common/wire/geometry.h"

#include <spice/enums.h>

#define SEGMENT_HEADER 5 /* bytes: flags, count */
#define POINT_BYTES 8

void wire_path_write(WireWriter *w, const Path *path)
{
    wire_write_u32(w, path->n_segments);
    for (uint32_t i = 0; i < path->n_segments; i++) {
        const PathSegment *segment = &path->segments[i];

        wire_write_u8(w, segment->flags);
        wire_write_u32(w, segment->n_points);
        for (uint32_t j = 0; j < segment->n_points; j++)
            wire_write_point(w, segment->points[j]);
    }
}

static bool path_count(WireReader r, uint32_t *n_segments, uint32_t *n_points)
{
    uint64_t total = 0;

    *n_segments = wire_read_u32(&r);
    if (*n_segments > wire_reader_left(&r) / SEGMENT_HEADER)
        return false;
    for (uint32_t i = 0; i < *n_segments; i++) {
        uint32_t n;

        wire_read_u8(&r);
        n = wire_read_u32(&r);
        if (!wire_read_bytes(&r, (size_t)n * POINT_BYTES))
            return false;
        total += n;
    }
    *n_points = (uint32_t)total;
    return wire_reader_ok(&r) && total <= G_MAXUINT32;
}

Path *wire_path_read(const WireReader *r, uint32_t offset, GError **error)
{
    WireReader at = wire_reader_at(r, offset);
    uint32_t n_segments, n_points, next = 0;
    Path *path;

    if (!path_count(at, &n_segments, &n_points)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_SHORT, "a path is not inside of its message");
        return NULL;
    }
    path = path_new(n_segments, n_points);
    if (!path) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "no memory for a path of %u points", n_points);
        return NULL;
    }
    wire_read_u32(&at);
    for (uint32_t i = 0; i < n_segments; i++) {
        PathSegment *segment = &path->segments[i];

        segment->flags = wire_read_u8(&at);
        segment->n_points = wire_read_u32(&at);
        segment->points = path->points + next;
        for (uint32_t j = 0; j < segment->n_points; j++)
            path->points[next++] = wire_read_point(&at);
    }
    return path;
}

size_t wire_line_write(WireWriter *w, const LineStyle *style)
{
    size_t place;

    wire_write_u8(w, style->flags);
    if (!(style->flags & SPICE_LINE_FLAGS_STYLED))
        return 0;
    wire_write_u8(w, style->n_dashes);
    place = wire_write_pointer(w);
    return style->n_dashes ? place : 0;
}

void wire_dashes_write(WireWriter *w, const LineStyle *style)
{
    for (unsigned i = 0; i < style->n_dashes; i++)
        wire_write_i32(w, style->dashes[i]);
}

bool wire_line_read(WireReader *r, LineStyle *style, GError **error)
{
    WireReader at;
    uint32_t offset;

    *style = (LineStyle){.flags = wire_read_u8(r)};
    if (!(style->flags & SPICE_LINE_FLAGS_STYLED))
        return true;
    style->n_dashes = wire_read_u8(r);
    offset = wire_read_u32(r);
    if (!wire_reader_ok(r) || style->n_dashes == 0) {
        style->n_dashes = 0;
        return true;
    }
    at = wire_reader_at(r, offset);
    if (offset == 0 || wire_reader_left(&at) < (size_t)style->n_dashes * 4) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "dashes are not inside of their message");
        *style = (LineStyle){0};
        return false;
    }
    style->dashes = g_new(int32_t, style->n_dashes);
    for (unsigned i = 0; i < style->n_dashes; i++)
        style->dashes[i] = wire_read_i32(&at);
    return true;
}
