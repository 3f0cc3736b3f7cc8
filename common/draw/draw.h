/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the canvas share: one Draw is one canvas_draw() in progress. Internal to common/draw.
 *
 * Each operation first fetches and checks everything that it needs, and only then writes pixels, so that a refused
 * operation leaves nothing behind.
 */
#pragma once

#include "common/draw/pixels.h"

struct Canvas {
    uint32_t format; /* SPICE_SURFACE_FMT_* */
    Pixels px;
};

/* The pixels that an operation may touch: box, surface, clip; and a mask whose bits select among them. */
typedef struct Area {
    pixman_region32_t region;
    bool masked;
    Pixels mask; /* 1 bit; covers at least the region */
    bool mask_msb_first;
    bool mask_invers;
    int64_t mask_dx, mask_dy; /* mask position = surface position + this */
} Area;

typedef struct Draw {
    Canvas *canvas;
    const DrawOp *op;
    CanvasLookup lookup;
    void *opaque;
    bool dry; /* only to find out whether it can be drawn: the area stays empty, images come without pixels */
    Area area;
} Draw;

/* Fills draw->area; mask may be NULL. After it, also if it fails, area_clear() is due. */
bool area_init(Draw *draw, const Mask *mask, GError **error);
void area_clear(Area *area);
Rect area_extents(const Area *area); /* empty if nothing is to be drawn */

/* Calls func for rectangles that make up the area, each pixel once, in no particular order. */
typedef void (*AreaFunc)(const Rect *rect, void *data);
void area_each(const Area *area, AreaFunc func, void *data);

typedef enum FetchMode {
    FETCH_TARGET,   /* as the depth of the canvas needs it */
    FETCH_ORIGINAL, /* in the format of the image itself */
} FetchMode;

/*
 * The pixels of an image. A NULL image means the snapshot of the operation's self_bitmap_area, else an error. `area`:
 * only these pixels are needed (the result may cover less if the image is smaller, or more); NULL: all. Never memory of
 * draw->canvas itself. The result may be empty (width 0). `surface` (may be NULL) receives the source canvas, if it is
 * one.
 */
bool image_fetch(Draw *draw, const Image *image, FetchMode mode, const Rect *area, Pixels *pixels,
                 const Canvas **surface, GError **error);

/* A brush made ready: gives rows of raw pixels of the depth of the canvas. */
typedef struct BrushRows {
    Pixels tile; /* PATTERN */
    Point pos;   /* PATTERN */
    uint32_t color;
    bool pattern;
    unsigned bytes; /* per pixel */
    uint8_t *row;   /* owned buffer of one row of the area */
} BrushRows;

bool brush_init(Draw *draw, const Brush *brush, BrushRows *rows, GError **error);
void brush_clear(BrushRows *rows);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BrushRows, brush_clear)
/* `n` pixels (at most the width of the area) from (x, y); valid until the next call. */
const uint8_t *brush_row(BrushRows *rows, int32_t x, int32_t y, int32_t n);

/* A fill of the area: code(brush, canvas). */
typedef struct Fill {
    BrushRows brush; /* 8 bit and more */
    bool bit;        /* the colour on 1 bit surfaces */
    uint8_t code;
} Fill;

bool fill_init(Draw *draw, const Brush *brush, uint8_t code, Fill *fill, GError **error);
void fill_area(Draw *draw, Fill *fill);
static inline void fill_clear(Fill *fill)
{
    brush_clear(&fill->brush);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fill, fill_clear)

/* A source made ready for raw operations: the pixel for (x, y) of the canvas is (x + dx, y + dy) of pixels. */
typedef struct RawSource {
    Pixels pixels;
    int64_t dx, dy;
} RawSource;

static inline void raw_source_clear(RawSource *source)
{
    pixels_clear(&source->pixels);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RawSource, raw_source_clear)

/* `convert`: a stretched source gets the format of the canvas, else it keeps its own (and needs the depth of the
 * canvas). */
bool raw_source_init(Draw *draw, const Image *src, const Rect *src_area, uint8_t scale_mode, bool convert,
                     RawSource *source, GError **error);
/* The part of rect for which the source has pixels; may be empty. */
Rect raw_source_clip(const RawSource *source, const Rect *rect);
/* canvas = f(source, canvas) where the source has pixels. */
void raw_source_copy(Draw *draw, const RawSource *source, uint8_t code);

/* Geometry of a stretched source: 16.16 scale factors; an error if pixman cannot count that far. */
bool stretch_init(const Draw *draw, const Rect *src_area, uint8_t scale_mode, Stretch *stretch, GError **error);
static inline bool rect_same_size(const Rect *a, const Rect *b)
{
    return (int64_t)a->right - a->left == (int64_t)b->right - b->left &&
           (int64_t)a->bottom - a->top == (int64_t)b->bottom - b->top;
}

bool draw_fill(Draw *draw, GError **error);
bool draw_solid(Draw *draw, GError **error); /* BLACKNESS, WHITENESS, INVERS */
bool draw_copy(Draw *draw, GError **error);  /* and BLEND */
bool draw_opaque(Draw *draw, GError **error);
bool draw_copy_bits(Draw *draw, GError **error);
bool draw_stroke(Draw *draw, GError **error);
bool draw_text(Draw *draw, GError **error);
bool draw_transparent(Draw *draw, GError **error);
bool draw_rop3(Draw *draw, GError **error);
bool draw_alpha_blend(Draw *draw, GError **error);
bool draw_composite(Draw *draw, GError **error);
