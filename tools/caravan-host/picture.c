/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/picture.h"

#include <spice.h>

#include <stdlib.h>
#include <string.h>

static uint8_t widen(unsigned value, int bits)
{
    return (value << (8 - bits)) | (value >> (2 * bits - 8));
}

static bool convert_row(const uint8_t *in, uint8_t *out, uint32_t width, uint32_t format)
{
    for (uint32_t x = 0; x < width; x++, out += 3) {
        unsigned v;
        switch (format) {
        case SPICE_SURFACE_FMT_32_xRGB:
        case SPICE_SURFACE_FMT_32_ARGB:
            out[0] = in[4 * x + 2];
            out[1] = in[4 * x + 1];
            out[2] = in[4 * x];
            break;
        case SPICE_SURFACE_FMT_16_555:
            v = in[2 * x] | in[2 * x + 1] << 8;
            out[0] = widen(v >> 10 & 31, 5);
            out[1] = widen(v >> 5 & 31, 5);
            out[2] = widen(v & 31, 5);
            break;
        case SPICE_SURFACE_FMT_16_565:
            v = in[2 * x] | in[2 * x + 1] << 8;
            out[0] = widen(v >> 11 & 31, 5);
            out[1] = widen(v >> 5 & 63, 6);
            out[2] = widen(v & 31, 5);
            break;
        default:
            return false;
        }
    }
    return true;
}

Picture picture_of_primary(const PrimarySpec *primary)
{
    Picture picture = {0};
    if (primary == NULL)
        return picture;
    picture.width = primary->width;
    picture.height = primary->height;
    picture.rgb = g_malloc0((size_t)primary->width * primary->height * 3 + 1);
    size_t stride = llabs(primary->stride);
    for (uint32_t y = 0; y < primary->height; y++) {
        size_t line = primary->stride < 0 ? primary->height - 1 - y : y;
        if (!convert_row(primary->data + line * stride, picture.rgb + (size_t)y * primary->width * 3, primary->width,
                         primary->format)) {
            g_clear_pointer(&picture.rgb, g_free);
            break;
        }
    }
    return picture;
}

char *picture_sha256(const Picture *picture)
{
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, picture->rgb, (size_t)picture->width * picture->height * 3);
}

bool picture_write(const Picture *picture, const char *path, GError **error)
{
    g_autoptr(GString) file = g_string_new(NULL);
    g_string_printf(file, "P6\n%u %u\n255\n", picture->width, picture->height);
    g_string_append_len(file, (const char *)picture->rgb, (gssize)picture->width * picture->height * 3);
    return g_file_set_contents(path, file->str, (gssize)file->len, error);
}
