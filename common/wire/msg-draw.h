/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * COPY_BITS and the DRAW_* messages, and images as they travel.
 *
 * To send an operation: draw_op_images() tells which images it needs; make one WireImage for each, in that order
 * (compressed, from the cache, ...), and call msg_draw_encode(). Any thread.
 */
#pragma once

#include "common/draw/op.h"
#include "common/wire/geometry.h"
#include "common/wire/wire-image.h"

/* SPICE_MSG_DISPLAY_* of an operation, 0 for a type that is never sent. */
uint16_t msg_draw_type(const DrawOp *op);

/* Writes the body of an operation; the writer must be empty. `images` are in the order of draw_op_images() and n_images
 * is what that gave. The op must have a type for which msg_draw_type() is not 0. The HAS_* bits of a composite decide
 * about its transforms and mask pointer. Placement is the customary one: body, path, dashes or glyphs,
 * images in order, then their palettes. */
void msg_draw_encode(WireWriter *w, const DrawOp *op, const WireImage *images, unsigned n_images);

/* A decoded draw. Members that the message does not have are zero. The data of images lie in the body. */
typedef struct MsgDraw {
    uint16_t type;
    uint32_t surface_id;
    Rect box;
    WireClip clip; /* owned */

    bool has_src, has_pattern, has_mask; /* which images are there */
    WireImage src, pattern, mask;
    Rect src_area;

    uint8_t brush_type;   /* SPICE_BRUSH_TYPE_* */
    uint32_t brush_color; /* SOLID */
    Point brush_pos;      /* PATTERN */
    uint16_t rop;         /* SPICE_ROPD_*, or the code of a ROP3, or the foreground's mode */
    uint8_t scale_mode;
    uint8_t mask_flags;
    Point mask_pos;
    Point src_pos;       /* COPY_BITS */
    uint32_t src_color;  /* TRANSPARENT */
    uint32_t true_color; /* TRANSPARENT */
    uint8_t alpha_flags; /* ALPHA_BLEND */
    uint8_t alpha;       /* ALPHA_BLEND */

    uint16_t back_mode; /* STROKE, TEXT */
    Path *path;         /* STROKE: owned */
    LineStyle style;    /* STROKE: its dashes are owned */

    GlyphString *string; /* TEXT from here; owned */
    Rect back_area;
    uint8_t back_type; /* the second brush */
    uint32_t back_color;
    Point back_pos;
    bool has_back_pattern;
    WireImage back_pattern;

    uint32_t composite_flags; /* COMPOSITE from here */
    Transform src_transform, mask_transform;
    Point16 src_origin, mask_origin;
} MsgDraw;

/* `type`: SPICE_MSG_DISPLAY_COPY_BITS or _DRAW_*. All or nothing: on false there is nothing to clear. */
bool msg_draw_decode(uint16_t type, const uint8_t *body, size_t size, MsgDraw *out, GError **error);
void msg_draw_clear(MsgDraw *m);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MsgDraw, msg_draw_clear)
