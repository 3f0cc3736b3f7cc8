/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer: a pixman image with the memory that it needs, for operations that pixman computes. Internal to common/draw.
 */
#pragma once

#include "common/draw/draw.h"

typedef struct Layer {
    Pixels pixels, copy;
    pixman_image_t *image;
} Layer;

void layer_clear(Layer *layer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Layer, layer_clear)

/* The canvas as a pixman image that is clipped to the area, without its mask. The format may be another view of it. */
pixman_image_t *canvas_layer(Draw *draw, pixman_format_code_t format, Layer *layer, GError **error);
/* Brings home what was drawn on an aligned copy of the canvas. */
void canvas_layer_finish(Draw *draw, const Layer *layer);
/* After blending on an xRGB surface, where the top byte means nothing: as the clients leave it. */
void canvas_drop_alpha(Draw *draw, const Rect *drawn);
