/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/wire-glyphs.h"

#include "common/wire/geometry.h"

#include <string.h>

#define GLYPH_HEADER 20 /* bytes: two points, width, height */

static size_t glyph_bytes(const GlyphString *string, const Glyph *glyph)
{
    return glyph_row_bytes(glyph_string_bits(string->flags), glyph->width) * glyph->height;
}

void wire_glyphs_write(WireWriter *w, const GlyphString *string)
{
    wire_write_u16(w, string->n_glyphs);
    wire_write_u8(w, string->flags);
    for (unsigned i = 0; i < string->n_glyphs; i++) {
        const Glyph *glyph = &string->glyphs[i];

        wire_write_point(w, glyph->render_pos);
        wire_write_point(w, glyph->origin);
        wire_write_u16(w, glyph->width);
        wire_write_u16(w, glyph->height);
        wire_write_bytes(w, glyph->data, glyph_bytes(string, glyph));
    }
}

GlyphString *wire_glyphs_read(const WireReader *r, uint32_t offset, GError **error)
{
    WireReader at = wire_reader_at(r, offset);
    uint16_t n = wire_read_u16(&at);
    uint8_t flags = wire_read_u8(&at);
    size_t left = wire_reader_left(&at), done = 0;
    g_autoptr(GlyphString) string = NULL;

    /* Without a known depth there are no glyphs, whatever their number. */
    if (glyph_string_bits(flags) == 0)
        n = 0;
    if (wire_reader_ok(&at) && left / GLYPH_HEADER >= n)
        string = glyph_string_new(n, left);
    for (unsigned i = 0; string && i < n; i++) {
        Glyph *glyph = &string->glyphs[i];
        const uint8_t *data;
        size_t size;

        string->flags = flags;
        glyph->render_pos = wire_read_point(&at);
        glyph->origin = wire_read_point(&at);
        glyph->width = wire_read_u16(&at);
        glyph->height = wire_read_u16(&at);
        size = glyph_bytes(string, glyph);
        data = wire_read_bytes(&at, size);
        if (!data)
            break;
        glyph->data = memcpy(string->data + done, data, size);
        done += size;
    }
    if (!string || !wire_reader_ok(&at)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_SHORT, "glyphs are not inside of their message");
        return NULL;
    }
    string->flags = flags;
    return g_steal_pointer(&string);
}
