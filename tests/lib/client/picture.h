/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Picture: the primary surface of one display channel, as the client library holds it. The pixels are not owned. */
#pragma once

#include <glib.h>

typedef struct Picture {
    int format; /* SPICE_SURFACE_FMT_* */
    int width, height;
    int stride;           /* bytes */
    const guint8 *pixels; /* NULL: no primary */
} Picture;

/* The rows top-down, 3 bytes R, G, B a pixel, without padding. NULL if there is no primary or its format is unknown. */
guint8 *picture_rgb(const Picture *p, gsize *size);

/* SHA-256, in hex, of picture_rgb(). NULL as above. */
char *picture_sum(const Picture *p);

/* Writes a 24 bit RGB PNG. */
gboolean picture_write_png(const Picture *p, const char *path, GError **error);
/* The pixels as they are: rows from the top, packed. */
gboolean picture_write_raw(const Picture *p, const char *path, GError **error);
