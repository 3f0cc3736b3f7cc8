/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * WireImage: an image as it travels inside a draw message, with its palette. Used in any thread.
 */
#pragma once

#include "common/image/image.h"
#include "common/wire/reader.h"
#include "common/wire/writer.h"

typedef struct WireImage {
    uint64_t id;
    uint8_t type;  /* SPICE_IMAGE_TYPE_*: says which members below are used */
    uint8_t flags; /* SPICE_IMAGE_FLAGS_* */
    uint32_t width, height;

    /* BITMAP; bitmap_flags and the palette also LZ_PLT. bitmap_flags: SPICE_BITMAP_FLAGS_*. With PAL_FROM_CACHE only
     * palette_id is sent, else the palette (NULL = none; LZ_PLT must have one). */
    uint8_t format; /* SPICE_BITMAP_FMT_* */
    uint8_t bitmap_flags;
    uint32_t stride; /* bytes; data holds stride * height */
    uint64_t palette_id;
    const Palette *palette;  /* encode only, borrowed */
    uint32_t palette_offset; /* decode only: place of the palette in the body, 0 = none; see wire_palette_decode() */

    const uint8_t *data; /* pixels or compressed stream; borrowed. Not for FROM_CACHE* and SURFACE */
    size_t size;         /* bytes, less than 4 GiB */

    uint32_t surface_id;      /* SURFACE */
    uint32_t glz_size;        /* ZLIB_GLZ_RGB: bytes after inflating */
    uint8_t jpeg_alpha_flags; /* JPEG_ALPHA: SPICE_JPEG_ALPHA_FLAGS_* */
    uint32_t jpeg_size;       /* JPEG_ALPHA: bytes of the JPEG at the start of data */
} WireImage;

/* Appends image and pixels. Gives the place of its palette pointer if a palette is still to be written, else 0. */
size_t wire_image_write(WireWriter *w, const WireImage *image);
void wire_palette_write(WireWriter *w, const Palette *palette);

/* Reads the image at `offset` of the body of `r`, which itself does not move; a palette is checked too. */
bool wire_image_read(const WireReader *r, uint32_t offset, WireImage *image, GError **error);
/* The palette at `offset` of a body, as a new reference; NULL and error if it is not inside. */
Palette *wire_palette_decode(const uint8_t *body, size_t size, uint32_t offset, GError **error);
