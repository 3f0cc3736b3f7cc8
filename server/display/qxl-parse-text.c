/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TEXT: glyphs and what is behind them. */
#include "server/display/qxl-parse-private.h"

#include <stddef.h>

#define TEXT_ERROR(error, ...) g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, __VA_ARGS__)

/* As in guest memory; the rows follow. */
G_STATIC_ASSERT(sizeof(QXLRasterGlyph) == 20);

/* One depth only: the first. */
static uint8_t string_flags(uint16_t guest)
{
    static const uint8_t rasters[] = {SPICE_STRING_FLAGS_RASTER_A1, SPICE_STRING_FLAGS_RASTER_A4,
                                      SPICE_STRING_FLAGS_RASTER_A8};

    for (unsigned i = 0; i < G_N_ELEMENTS(rasters); i++)
        if (guest & rasters[i])
            return (uint8_t)(rasters[i] | (guest & SPICE_STRING_FLAGS_RASTER_TOP_DOWN));
    return 0;
}

static bool parse_glyphs(GlyphString *string, GError **error)
{
    unsigned bits = glyph_string_bits(string->flags);
    const uint8_t *at = string->data;
    size_t left = string->size;

    for (unsigned i = 0; i < string->n_glyphs; i++) {
        QXLRasterGlyph guest;
        size_t size;

        if (left < sizeof(guest)) {
            TEXT_ERROR(error, "a string of less than %u glyphs", string->n_glyphs);
            return false;
        }
        guest_copy(&guest, at, sizeof(guest));
        at += sizeof(guest);
        left -= sizeof(guest);
        size = glyph_row_bytes(bits, guest.width) * guest.height;
        if (size > left) {
            TEXT_ERROR(error, "a glyph of %ux%u is longer than its string", guest.width, guest.height);
            return false;
        }
        string->glyphs[i] = (Glyph){{guest.render_pos.x, guest.render_pos.y},
                                    {guest.glyph_origin.x, guest.glyph_origin.y},
                                    guest.width,
                                    guest.height,
                                    at};
        at += size;
        left -= size;
    }
    if (left) {
        TEXT_ERROR(error, "a string of more than %u glyphs", string->n_glyphs);
        return false;
    }
    return true;
}

static GlyphString *read_string(GuestReader *reader, QXLPHYSICAL address, GError **error)
{
    QXLPHYSICAL chunk = address + offsetof(QXLString, chunk);
    g_autoptr(GlyphString) string = NULL;
    QXLString guest;

    if (!address || !guest_read(reader, address, &guest, sizeof(guest), error)) {
        if (!address)
            TEXT_ERROR(error, "a text without its string");
        return NULL;
    }
    if (!string_flags(guest.flags) || guest.length == 0) {
        TEXT_ERROR(error, "a string of %u glyphs with flags %#x", guest.length, guest.flags);
        return NULL;
    }
    if (!guest_check_size(reader, chunk, guest.data_size, error) || !guest_charge(reader, guest.data_size, error))
        return NULL;
    string = glyph_string_new(guest.length, guest.data_size);
    if (!string) {
        TEXT_ERROR(error, "no memory for a string of %u bytes", guest.data_size);
        return NULL;
    }
    string->flags = string_flags(guest.flags);
    if (!guest_read_chunks(reader, chunk, string->data, string->size, error) || !parse_glyphs(string, error))
        return NULL;
    return g_steal_pointer(&string);
}

bool guest_read_text(GuestReader *reader, const QXLText *guest, DrawOp *op, GError **error)
{
    Rect back = {guest->back_area.left, guest->back_area.top, guest->back_area.right, guest->back_area.bottom};
    Rect visible = rect_intersect(&back, &op->box);

    op->u.text.fore_mode = guest->fore_mode & SPICE_ROPD_MASK;
    op->u.text.back_mode = guest->back_mode & SPICE_ROPD_MASK;
    op->u.text.string = read_string(reader, guest->str, error);
    if (!op->u.text.string || !guest_read_brush(reader, &guest->fore_brush, &op->u.text.fore_brush, error))
        return false;
    /* What would not be seen is left out. Clients take inverted areas for something. */
    if (rect_is_empty(&back) || rect_is_empty(&visible))
        return true;
    if (op->u.text.fore_mode != SPICE_ROPD_OP_PUT) {
        TEXT_ERROR(error, "a text with a background and rop %#x", op->u.text.fore_mode);
        return false;
    }
    op->u.text.back_area = back;
    return guest_read_brush(reader, &guest->back_brush, &op->u.text.back_brush, error);
}
