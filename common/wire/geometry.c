/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/geometry.h"

#include "common/wire/msg-fields.h"

#define RECT_WIRE_SIZE 16

void wire_write_point(WireWriter *w, Point p)
{
    wire_write_i32(w, p.x);
    wire_write_i32(w, p.y);
}

Point wire_read_point(WireReader *r)
{
    Point p;

    p.x = wire_read_i32(r);
    p.y = wire_read_i32(r);
    return p;
}

void wire_write_point16(WireWriter *w, Point16 p)
{
    wire_write_i16(w, p.x);
    wire_write_i16(w, p.y);
}

Point16 wire_read_point16(WireReader *r)
{
    Point16 p;

    p.x = wire_read_i16(r);
    p.y = wire_read_i16(r);
    return p;
}

void wire_write_rect(WireWriter *w, Rect rect)
{
    wire_write_i32(w, rect.top);
    wire_write_i32(w, rect.left);
    wire_write_i32(w, rect.bottom);
    wire_write_i32(w, rect.right);
}

Rect wire_read_rect(WireReader *r)
{
    Rect rect;

    rect.top = wire_read_i32(r);
    rect.left = wire_read_i32(r);
    rect.bottom = wire_read_i32(r);
    rect.right = wire_read_i32(r);
    return rect;
}

void wire_write_clip(WireWriter *w, const WireClip *clip)
{
    wire_write_u8(w, clip->has_rects ? SPICE_CLIP_TYPE_RECTS : SPICE_CLIP_TYPE_NONE);
    if (!clip->has_rects)
        return;
    wire_write_u32(w, clip->n_rects);
    for (uint32_t i = 0; i < clip->n_rects; i++)
        wire_write_rect(w, clip->rects[i]);
}

WireClip wire_read_clip(WireReader *r)
{
    WireClip clip = {0};

    if (wire_read_u8(r) != SPICE_CLIP_TYPE_RECTS)
        return clip;
    clip.has_rects = true;
    clip.n_rects = msg_bounded_count(r, wire_read_u32(r), RECT_WIRE_SIZE);
    clip.rects = g_new(Rect, clip.n_rects);
    for (uint32_t i = 0; i < clip.n_rects; i++)
        clip.rects[i] = wire_read_rect(r);
    return clip;
}

void wire_clip_clear(WireClip *clip)
{
    g_free(clip->rects);
    *clip = (WireClip){0};
}
