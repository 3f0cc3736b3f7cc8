/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ZLIB_GLZ: a GLZ stream inside a zlib stream of its own, for networks where bytes cost more than time.
 *
 * Reentrant. What ids and windows mean is the GLZ stream's: wrapping can be decided anew for each image.
 */
#pragma once

#include "common/wire/writer.h"

#include <stdbool.h>

#define GLZ_DEFLATE_ERROR (glz_deflate_error_quark())
typedef enum GlzDeflateError { GLZ_DEFLATE_ERROR_STREAM } GlzDeflateError;
GQuark glz_deflate_error_quark(void);

/* Appends the zlib stream of `size` bytes to `out`; 0 with `out` unchanged if that would not make them fewer. */
size_t glz_deflate(const uint8_t *stream, size_t size, WireWriter *out);

/* The `glz_size` bytes that are in a zlib stream; NULL and an error if it has more or less, or is damaged. */
GBytes *glz_inflate(const uint8_t *data, size_t size, size_t glz_size, GError **error);
