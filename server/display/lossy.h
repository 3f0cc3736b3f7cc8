/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LossyMap: which pixels of its surfaces a client has only approximately, because they came as JPEG or were made of
 * such ones. It is always right about the others: those are what the server's canvas has.
 *
 * It follows what is sent: before an operation goes out, lossy_map_needs() says what the client must have exactly by
 * then, since the operation would turn small errors into large ones; afterwards lossy_map_apply() says what it did.
 * Regions may be larger than what is really approximate, never smaller. One connection's, in its thread.
 */
#pragma once

#include "common/draw/op.h"

typedef struct LossyMap LossyMap;

/* A part of a surface. */
typedef struct SurfaceArea {
    uint32_t surface_id;
    Rect area;
} SurfaceArea;

LossyMap *lossy_map_new(void);
void lossy_map_free(LossyMap *map);

/* The client has the surface from now on, all of it exactly. Size 0x0: not known. */
void lossy_map_add_surface(LossyMap *map, uint32_t surface_id, uint32_t width, uint32_t height);
/* The size of one that was not known; what lay outside is forgotten. */
void lossy_map_set_size(LossyMap *map, uint32_t surface_id, uint32_t width, uint32_t height);
/* It has it no more. Unknown ones are ignored, here and below: nothing of them is approximate. */
void lossy_map_remove_surface(LossyMap *map, uint32_t surface_id);

/* More of it is approximate. */
void lossy_map_add_area(LossyMap *map, uint32_t surface_id, const Rect *area);
/* The region as disjoint rectangles, appended to `areas` (GArray of SurfaceArea). Gives how many. */
unsigned lossy_map_get_region(const LossyMap *map, uint32_t surface_id, GArray *areas);
/* The same in fewer images' worth: rectangles that lie close together are one, and may overlap others. */
unsigned lossy_map_get_pieces(const LossyMap *map, uint32_t surface_id, GArray *areas);

/* Whether that image of the operation may be sent as an approximation. */
bool lossy_allows_image(const DrawOp *op, const Image *image);

/* What must be exact at the client before the operation is sent: GArray of SurfaceArea, NULL if nothing is missing. */
GArray *lossy_map_needs(const LossyMap *map, const DrawOp *op);
/* The operation was sent. `image_lossy`: its source image is an approximation at the client. */
void lossy_map_apply(LossyMap *map, const DrawOp *op, bool image_lossy);
/* The operation was sent although something that it needed was missing. What it has drawn is approximate, and may be
 * far off: from now on nothing may be made of the surface's approximate pixels. */
void lossy_map_spoil(LossyMap *map, const DrawOp *op);

/* Whether the result of the operation depends on what one of these areas shows (GArray of SurfaceArea). */
bool lossy_op_reads(const DrawOp *op, const GArray *areas);
