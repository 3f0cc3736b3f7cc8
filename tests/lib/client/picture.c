/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/picture.h"

#include <gio/gio.h>
#include <png.h>
#include <spice/enums.h>
#include <string.h>

static guint8 scale5(unsigned v)
{
    return (guint8)(v << 3 | v >> 2);
}

static guint8 scale6(unsigned v)
{
    return (guint8)(v << 2 | v >> 4);
}

static void row_rgb(int format, const guint8 *in, guint8 *out, int width)
{
    for (int x = 0; x < width; x++, out += 3) {
        if (format == SPICE_SURFACE_FMT_32_xRGB || format == SPICE_SURFACE_FMT_32_ARGB) {
            out[0] = in[4 * x + 2];
            out[1] = in[4 * x + 1];
            out[2] = in[4 * x];
        } else {
            unsigned v = in[2 * x] | (unsigned)in[2 * x + 1] << 8;
            gboolean is565 = format == SPICE_SURFACE_FMT_16_565;

            out[0] = scale5(is565 ? v >> 11 : v >> 10 & 31);
            out[1] = is565 ? scale6(v >> 5 & 63) : scale5(v >> 5 & 31);
            out[2] = scale5(v & 31);
        }
    }
}

guint8 *picture_rgb(const Picture *p, gsize *size)
{
    guint8 *rgb;

    if (!p->pixels || p->width <= 0 || p->height <= 0 ||
        (p->format != SPICE_SURFACE_FMT_32_xRGB && p->format != SPICE_SURFACE_FMT_32_ARGB &&
         p->format != SPICE_SURFACE_FMT_16_555 && p->format != SPICE_SURFACE_FMT_16_565))
        return NULL;
    *size = (gsize)p->width * p->height * 3;
    rgb = g_malloc(*size);
    for (int y = 0; y < p->height; y++)
        row_rgb(p->format, p->pixels + (gssize)y * p->stride, rgb + (gsize)y * p->width * 3, p->width);
    return rgb;
}

gboolean picture_write_raw(const Picture *p, const char *path, GError **error)
{
    int bits = p->format == SPICE_SURFACE_FMT_1_A                                               ? 1
               : p->format == SPICE_SURFACE_FMT_8_A                                             ? 8
               : p->format == SPICE_SURFACE_FMT_16_555 || p->format == SPICE_SURFACE_FMT_16_565 ? 16
                                                                                                : 32;
    size_t row = ((size_t)p->width * (size_t)bits + 7) / 8;
    g_autoptr(GByteArray) all = g_byte_array_new();

    if (!p->pixels) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no primary surface");
        return FALSE;
    }
    for (int y = 0; y < p->height; y++)
        g_byte_array_append(all, p->pixels + (gssize)y * p->stride, (guint)row);
    return g_file_set_contents(path, (const char *)all->data, (gssize)all->len, error);
}

char *picture_sum(const Picture *p)
{
    gsize size = 0;
    g_autofree guint8 *rgb = picture_rgb(p, &size);

    return rgb ? g_compute_checksum_for_data(G_CHECKSUM_SHA256, rgb, size) : NULL;
}

gboolean picture_write_png(const Picture *p, const char *path, GError **error)
{
    gsize size = 0;
    g_autofree guint8 *rgb = picture_rgb(p, &size);
    png_image image;

    if (!rgb) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no primary surface");
        return FALSE;
    }
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = (png_uint_32)p->width;
    image.height = (png_uint_32)p->height;
    image.format = PNG_FORMAT_RGB;
    image.flags = PNG_IMAGE_FLAG_FAST;
    if (!png_image_write_to_file(&image, path, 0, rgb, 0, NULL)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", path, image.message);
        return FALSE;
    }
    return TRUE;
}
