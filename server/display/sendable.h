/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which drawing operations clients perform like the server's canvas does. Any thread.
 */
#pragma once

#include "common/draw/op.h"

/* False if clients draw something else, or end themselves: they must get the result as an image. */
bool op_is_sendable(const DrawOp *op);

/* False if clients must not put this image of the operation into their cache, or take it from there, although the guest
 * allows it: they would draw something else. surface_format: of the destination. */
bool op_image_is_cacheable(const DrawOp *op, const Image *image, uint32_t surface_format);
/* False if clients draw something else once the image has gone through a codec. */
bool op_image_is_compressible(const DrawOp *op, const Image *image, uint32_t surface_format);
