/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Picture: the pixels of a primary surface as RGB rows from the top, 3 bytes a pixel. */
#pragma once

#include "tools/caravan-host/recording.h"

typedef struct Picture {
    uint32_t width, height;
    uint8_t *rgb; /* NULL: no primary, or a format that has no RGB */
} Picture;

/* Free picture.rgb with g_free. NULL gives an empty picture. */
Picture picture_of_primary(const PrimarySpec *primary);

/* Hexadecimal SHA-256 of the RGB bytes; free with g_free. */
char *picture_sha256(const Picture *picture);

/* Binary PPM (P6). */
bool picture_write(const Picture *picture, const char *path, GError **error);
