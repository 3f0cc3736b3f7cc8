/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random drawing commands: every option of every operation, mostly of the kinds that draw something. What was chosen is
 * also told in words.
 */
#pragma once

#include "tests/lib/draw/guest.h"

typedef struct Any {
    Guest *guest;
    GRand *rand;
    GString *words;       /* about the present command */
    bool top_byte_counts; /* false: what the command leaves in the top byte (or bit) is not defined */
    uint32_t next_id;
} Any;

static inline int any(Any *a, int begin, int end) /* end is excluded */
{
    return g_rand_int_range(a->rand, begin, end);
}
static inline bool any_chance(Any *a, int percent)
{
    return any(a, 0, 100) < percent;
}
void any_say(Any *a, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* any-image.c */
QXLPHYSICAL any_bitmap(Any *a, uint32_t format, int width, int height);
/* For use on the primary surface as it is; mostly a bitmap of that size, sometimes a surface (then the size is told).
 */
QXLPHYSICAL any_image(Any *a, QXLDrawable *d, int *width, int *height);
QXLBrush any_brush(Any *a, QXLDrawable *d);
QXLQMask any_mask(Any *a, QXLDrawable *d);
QXLPHYSICAL any_surface_image(Any *a, QXLDrawable *d, uint32_t id);

/* any-op.c */
uint16_t any_rop(Any *a);
/* A command of this QXL_DRAW_* type in the cell; it does not touch anything outside of it. */
QXLDrawable *any_drawable(Any *a, uint8_t type, const QXLRect *cell);

/* any-shape.c */
void any_stroke(Any *a, QXLDrawable *d, const QXLRect *cell, bool dashed);
void any_text(Any *a, QXLDrawable *d, const QXLRect *cell);
