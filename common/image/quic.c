/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/quic-model.h"

G_DEFINE_QUARK(quic - error - quark, quic_error)

QuicType quic_type_for_format(uint8_t format)
{
    switch (format) {
    case SPICE_BITMAP_FMT_16BIT:
        return QUIC_TYPE_RGB16;
    case SPICE_BITMAP_FMT_24BIT:
        return QUIC_TYPE_RGB24;
    case SPICE_BITMAP_FMT_32BIT:
        return QUIC_TYPE_RGB32;
    case SPICE_BITMAP_FMT_RGBA:
        return QUIC_TYPE_RGBA;
    default:
        return 0;
    }
}

uint8_t quic_format_of_type(QuicType type)
{
    switch (type) {
    case QUIC_TYPE_GRAY:
        return SPICE_BITMAP_FMT_8BIT_A;
    case QUIC_TYPE_RGB16:
        return SPICE_BITMAP_FMT_16BIT;
    case QUIC_TYPE_RGB24:
        return SPICE_BITMAP_FMT_24BIT;
    case QUIC_TYPE_RGB32:
        return SPICE_BITMAP_FMT_32BIT;
    case QUIC_TYPE_RGBA:
        return SPICE_BITMAP_FMT_RGBA;
    default:
        return 0;
    }
}

bool quic_geometry(QuicType type, uint32_t width, uint32_t height)
{
    return type >= QUIC_TYPE_GRAY && type <= QUIC_TYPE_RGBA && width > 0 && height > 0 &&
           (uint64_t)width * height <= QUIC_MAX_PIXELS;
}

bool quic_read_header(const uint8_t *data, size_t size, QuicInfo *info, GError **error)
{
    uint32_t field[QUIC_HEADER_SIZE / 4];

    if (size < QUIC_HEADER_SIZE) {
        g_set_error(error, QUIC_ERROR, QUIC_ERROR_HEADER, "QUIC stream of %zu bytes is shorter than its header", size);
        return false;
    }
    memcpy(field, data, sizeof(field));
    for (unsigned i = 0; i < G_N_ELEMENTS(field); i++)
        field[i] = GUINT32_FROM_LE(field[i]);
    if (field[0] != QUIC_MAGIC || field[1] != QUIC_VERSION) {
        g_set_error(error, QUIC_ERROR, QUIC_ERROR_HEADER, "not a QUIC stream: magic %08x version %08x", field[0],
                    field[1]);
        return false;
    }
    if (!quic_geometry(field[2], field[3], field[4])) {
        g_set_error(error, QUIC_ERROR, QUIC_ERROR_HEADER, "bad QUIC image: type %u, %ux%u", field[2], field[3],
                    field[4]);
        return false;
    }
    *info = (QuicInfo){.type = field[2], .width = field[3], .height = field[4]};
    return true;
}
