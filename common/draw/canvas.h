/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Canvas: the pixels of one surface, and the exact result of every drawing operation on them.
 *
 * The pixels usually are guest memory that the canvas does not own; a negative stride means that the first row in
 * memory is the bottom row. Used in one thread. A canvas never reads or writes outside its surface.
 */
#pragma once

#include "common/draw/op.h"

typedef struct Canvas Canvas;

#define CANVAS_ERROR (canvas_error_quark())
typedef enum CanvasError {
    CANVAS_ERROR_SURFACE, /* a source surface does not exist or has another depth */
    CANVAS_ERROR_IMAGE,   /* an image cannot be used in this way */
    CANVAS_ERROR_VALUE,   /* an option has a value that does not exist */
} CanvasError;
GQuark canvas_error_quark(void);

/*
 * format: SPICE_SURFACE_FMT_*; stride in bytes, |stride| >= width * bytes per pixel; `memory`: start of the memory area
 * (height * |stride| bytes, whatever the sign of stride), which must outlive the canvas; NULL: the canvas owns zeroed
 * memory. NULL result if the format is unknown, the geometry impossible (width and height are 1..65535), or memory
 * short.
 */
Canvas *canvas_new(uint32_t format, uint32_t width, uint32_t height, int32_t stride, void *memory);
void canvas_free(Canvas *canvas); /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Canvas, canvas_free)

uint32_t canvas_format(const Canvas *canvas);
uint32_t canvas_width(const Canvas *canvas);
uint32_t canvas_height(const Canvas *canvas);
void canvas_clear(Canvas *canvas); /* all zero */

/* Bits per pixel of a SPICE_SURFACE_FMT_*: 1, 8, 16, 32; 0 if unknown. */
uint8_t surface_format_bits(uint32_t format);

/* Finds the canvas of a source surface; NULL if there is none. */
typedef Canvas *(*CanvasLookup)(uint32_t surface_id, void *opaque);

/*
 * Performs op on the canvas. The box should lie inside the surface; what is outside is not drawn. False with an error,
 * and nothing drawn, if the operation cannot be performed; never a crash, whatever the operation says. A missing source
 * of an operation with self_bitmap is read from the canvas here. The result of a source surface that is the canvas
 * itself is as if it had been read before anything is drawn.
 */
bool canvas_draw(Canvas *canvas, const DrawOp *op, CanvasLookup lookup, void *opaque, GError **error);

/* Whether canvas_draw() would perform op, as far as op, the formats of the surfaces and their sizes decide about it: a
 * cheap test before others are asked to draw it, for boxes inside of the surface. What fails it would make clients
 * crash. */
bool canvas_check(Canvas *canvas, const DrawOp *op, CanvasLookup lookup, void *opaque, GError **error);

/*
 * A copy of `area` (inside the surface, not empty) as BITMAP image with id `id`, top down, in the format that shows the
 * surface at a client: 16_555 -> 16BIT, 16_565 -> 32BIT (expanded), 32_xRGB -> 32BIT, 32_ARGB -> RGBA, 8_A and 1_A ->
 * 8BIT_A. With `keep_high_byte` the top byte of 32_xRGB is kept: all 0xff -> 32BIT with high_bits_set, all 0 -> 32BIT,
 * mixed -> RGBA.
 */
Image *canvas_read(const Canvas *canvas, const Rect *area, uint64_t id, bool keep_high_byte);
