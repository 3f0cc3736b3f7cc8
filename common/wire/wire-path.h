/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Path and line style as they travel in a DRAW_STROKE: segments one after the other, in place. Any thread.
 */
#pragma once

#include "common/draw/path.h"
#include "common/wire/reader.h"
#include "common/wire/writer.h"

void wire_path_write(WireWriter *w, const Path *path);
/* The path at `offset` of the body of `r`, which itself does not move. NULL with an error; it is not checked that the
 * path can be drawn. */
Path *wire_path_read(const WireReader *r, uint32_t offset, GError **error);

/* The attributes of the line: gives the place of the pointer to its dashes if these are still to be written, else 0. */
size_t wire_line_write(WireWriter *w, const LineStyle *style);
void wire_dashes_write(WireWriter *w, const LineStyle *style);
/* The reader moves over the attributes. On success style->dashes is the caller's. */
bool wire_line_read(WireReader *r, LineStyle *style, GError **error);
