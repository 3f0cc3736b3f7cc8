/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/glyphs.h"

#include <spice/enums.h>

GlyphString *glyph_string_new(uint16_t n_glyphs, size_t size)
{
    GlyphString *string = g_new0(GlyphString, 1);

    string->glyphs = g_new0(Glyph, MAX(n_glyphs, 1));
    string->data = g_try_malloc(MAX(size, 1));
    string->n_glyphs = n_glyphs;
    string->size = size;
    if (string->data)
        return string;
    glyph_string_free(string);
    return NULL;
}

void glyph_string_free(GlyphString *string)
{
    if (!string)
        return;
    g_free(string->glyphs);
    g_free(string->data);
    g_free(string);
}

unsigned glyph_string_bits(uint8_t flags)
{
    if (flags & SPICE_STRING_FLAGS_RASTER_A1)
        return 1;
    if (flags & SPICE_STRING_FLAGS_RASTER_A4)
        return 4;
    return flags & SPICE_STRING_FLAGS_RASTER_A8 ? 8 : 0;
}
