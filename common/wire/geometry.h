/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Points, rectangles and clips on the wire. A wire Rect is top, left, bottom, right. Readers fail like WireReader does.
 */
#pragma once

#include "common/draw/op.h"
#include "common/wire/reader.h"
#include "common/wire/writer.h"

typedef struct Point16 {
    int16_t x, y;
} Point16;

/* SpiceClip. Without has_rects the whole box is drawn; with it only the union of the rectangles. */
typedef struct WireClip {
    bool has_rects;
    uint32_t n_rects;
    Rect *rects; /* owned after wire_read_clip() */
} WireClip;

void wire_write_point(WireWriter *w, Point p);
void wire_write_point16(WireWriter *w, Point16 p);
void wire_write_rect(WireWriter *w, Rect r);
void wire_write_clip(WireWriter *w, const WireClip *clip);

Point wire_read_point(WireReader *r);
Point16 wire_read_point16(WireReader *r);
Rect wire_read_rect(WireReader *r);
/* Allocates only what the body really holds; an unknown clip type is read as "no clip", as clients do. */
WireClip wire_read_clip(WireReader *r);
void wire_clip_clear(WireClip *clip);
