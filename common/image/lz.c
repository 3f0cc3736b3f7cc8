/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/lz-cell.h"

G_DEFINE_QUARK(lz - error - quark, lz_error)

LzType lz_type_for_format(uint8_t format)
{
    if (format == SPICE_BITMAP_FMT_8BIT_A)
        return LZ_TYPE_A8;
    return bitmap_format_valid(format) ? (LzType)format : 0; /* the others have the same numbers */
}

static unsigned type_bits(LzType type)
{
    static const uint8_t bits[] = {0, 1, 1, 4, 4, 8, 16, 24, 32, 32, 32, 8};

    return (unsigned)type < G_N_ELEMENTS(bits) ? bits[type] : 0;
}

Cell lz_type_cell(LzType type)
{
    switch (type) {
    case LZ_TYPE_RGB16:
        return CELL_RGB16;
    case LZ_TYPE_RGB24:
        return CELL_RGB24;
    case LZ_TYPE_RGB32:
    case LZ_TYPE_RGBA:
        return CELL_RGB32;
    case LZ_TYPE_XXXA:
        return CELL_ALPHA;
    default:
        return CELL_BYTE;
    }
}

bool lz_geometry(LzType type, uint32_t width, uint32_t height, uint32_t *stride, size_t *cells)
{
    uint64_t row = ((uint64_t)width * type_bits(type) + 7) / 8;

    if (row == 0 || height == 0 || row > LZ_MAX_BYTES || height > LZ_MAX_BYTES || row * height > LZ_MAX_BYTES)
        return false;
    *stride = (uint32_t)row;
    *cells = row * height / cell_step(lz_type_cell(type));
    return true;
}

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool lz_read_header(const uint8_t *data, size_t size, LzInfo *info, GError **error)
{
    uint32_t field[LZ_HEADER_SIZE / 4], stride;
    size_t cells;

    if (size < LZ_HEADER_SIZE) {
        g_set_error(error, LZ_ERROR, LZ_ERROR_HEADER, "LZ stream of %zu bytes is shorter than its header", size);
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(field); i++)
        field[i] = read_be32(data + 4 * i);
    if (field[0] != LZ_MAGIC || field[1] != LZ_VERSION) {
        g_set_error(error, LZ_ERROR, LZ_ERROR_HEADER, "not an LZ stream: magic %08x version %08x", field[0], field[1]);
        return false;
    }
    if (field[2] > LZ_TYPE_A8 || !lz_geometry(field[2], field[3], field[4], &stride, &cells) || field[5] != stride ||
        field[6] > 1) {
        g_set_error(error, LZ_ERROR, LZ_ERROR_HEADER, "bad LZ image: type %u, %ux%u, stride %u, top down %u", field[2],
                    field[3], field[4], field[5], field[6]);
        return false;
    }
    *info = (LzInfo){
        .type = field[2], .width = field[3], .height = field[4], .stride = field[5], .top_down = field[6] != 0};
    return true;
}
