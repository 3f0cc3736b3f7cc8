/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GlyphString: the pictures of letters that a TEXT operation draws. Immutable once shared.
 *
 * The rows of a glyph are packed to bytes: 1 bit (most significant first), 4 bits (high half first) or a byte a pixel;
 * the last row is the top one, whatever the flags say.
 */
#pragma once

#include "common/draw/rect.h"

typedef struct Glyph {
    Point render_pos, origin; /* their sum is the top left corner on the surface */
    uint16_t width, height;
    const uint8_t *data; /* height * glyph_row_bytes(), in the string's memory */
} Glyph;

typedef struct GlyphString {
    uint8_t flags; /* SPICE_STRING_FLAGS_*; the first of RASTER_A1, A4, A8 that is set counts */
    uint16_t n_glyphs;
    Glyph *glyphs; /* owned */
    size_t size;
    uint8_t *data; /* owned */
} GlyphString;

GlyphString *glyph_string_new(uint16_t n_glyphs, size_t size); /* to be filled by the caller; NULL: no memory */
void glyph_string_free(GlyphString *string);                   /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GlyphString, glyph_string_free)

/* Bits of a glyph's pixel: 1, 4 or 8; 0 if the flags name none. */
unsigned glyph_string_bits(uint8_t flags);
static inline size_t glyph_row_bytes(unsigned bits, uint16_t width)
{
    return ((size_t)width * bits + 7) / 8;
}
