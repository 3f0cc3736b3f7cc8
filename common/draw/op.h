/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DrawOp: one drawing operation on one surface, in host memory, validated.
 *
 * Made by server/display/qxl-parse from guest memory (or by the server itself), rendered by Canvas, sent by the display
 * channel. Immutable once shared; the reference count is atomic. Rectangles are half open, in surface coordinates.
 */
#pragma once

#include "common/draw/glyphs.h"
#include "common/draw/path.h"
#include "common/image/image.h"

#include <pixman.h>
#include <spice/qxl_dev.h>

typedef struct Brush {
    uint32_t type;  /* SPICE_BRUSH_TYPE_* */
    uint32_t color; /* SOLID: raw pixel value */
    Image *pattern; /* PATTERN: owned */
    Point pos;      /* PATTERN: tile origin on the surface */
} Brush;

typedef struct Mask {
    uint8_t flags; /* SPICE_MASK_FLAGS_* */
    Point pos;     /* offset in the mask image of the box's top left */
    Image *image;  /* NULL = no mask; owned. BITMAP of 1BIT_* or SURFACE */
} Mask;

/* Rows (t00 t01 t02)(t10 t11 t12), 16.16 fixed point, destination to source. */
typedef struct Transform {
    uint32_t t[6];
} Transform;

#define DRAW_OP_MAX_DEPS 3

typedef struct DrawOp {
    gatomicrefcount refs;
    uint8_t type;   /* QXL_DRAW_* */
    uint8_t effect; /* QXL_EFFECT_* */
    uint32_t surface_id;
    Rect box;
    bool has_clip; /* then only the union of clip_rects is drawn; none of them = nothing */
    uint32_t n_clip_rects;
    Rect *clip_rects;               /* owned */
    int32_t deps[DRAW_OP_MAX_DEPS]; /* surfaces read, -1 = none */
    Rect dep_areas[DRAW_OP_MAX_DEPS];
    bool self_bitmap; /* the source is a snapshot of self_bitmap_area of the destination, taken when processed */
    Rect self_bitmap_area;

    union {
        struct {
            Brush brush;
            uint16_t rop; /* SPICE_ROPD_* */
            Mask mask;
        } fill;
        struct { /* COPY and BLEND */
            Image *src;
            Rect src_area;
            uint16_t rop;
            uint8_t scale_mode; /* SPICE_IMAGE_SCALE_MODE_* */
            Mask mask;
        } copy;
        struct {
            Image *src;
            Rect src_area;
            Brush brush;
            uint16_t rop;
            uint8_t scale_mode;
            Mask mask;
        } opaque;
        struct {
            Point src_pos;
        } copy_bits;
        struct { /* BLACKNESS, WHITENESS, INVERS */
            Mask mask;
        } solid;
        struct {
            Image *src;
            Rect src_area;
            Brush brush;
            uint8_t rop3;
            uint8_t scale_mode;
            Mask mask;
        } rop3;
        struct {
            Path *path;      /* owned, not NULL */
            LineStyle style; /* owns its dashes */
            Brush brush;
            uint16_t fore_mode; /* SPICE_ROPD_* */
            uint16_t back_mode; /* nobody looks at it */
        } stroke;
        struct {
            GlyphString *string; /* owned, not NULL */
            Rect back_area;      /* empty: nothing behind the glyphs */
            Brush fore_brush, back_brush;
            uint16_t fore_mode; /* OP_PUT if there is a back area */
            uint16_t back_mode; /* nobody looks at it */
        } text;
        struct {
            Image *src;
            Rect src_area;
            uint32_t src_color;
            uint32_t true_color;
        } transparent;
        struct {
            uint8_t alpha_flags; /* SPICE_ALPHA_FLAGS_* */
            uint8_t alpha;
            Image *src;
            Rect src_area;
        } alpha_blend;
        struct {
            uint32_t flags; /* SPICE_COMPOSITE_*: HAS_* bits are true facts */
            Image *src;
            Image *mask; /* NULL = none */
            Transform src_transform;
            Transform mask_transform;
            int16_t src_x, src_y;
            int16_t mask_x, mask_y;
        } composite;
    } u;
} DrawOp;

DrawOp *draw_op_new(uint8_t type, uint32_t surface_id, const Rect *box); /* zeroed, no clip, no deps, one reference */
DrawOp *draw_op_ref(DrawOp *op);
void draw_op_unref(DrawOp *op); /* frees everything it owns; NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrawOp, draw_op_unref)

/* The images of the operation in the order in which they are sent: source, pattern, mask (or a composite's mask);
 * of a text its foreground pattern, its background pattern.
 * Gives how many; images[] has room for 3. SURFACE images included. */
unsigned draw_op_images(const DrawOp *op, Image *images[3]);
/* Memory that the operation keeps: its images' pixels, its clip, path and glyphs. */
uint64_t draw_op_bytes(const DrawOp *op);
/* The pixels that the operation may change: its box within its clip. Initialises `region`. */
void draw_op_region(const DrawOp *op, pixman_region32_t *region);
