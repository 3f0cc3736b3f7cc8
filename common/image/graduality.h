/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Graduality: whether a picture is a photograph, whose neighbouring pixels differ a little, or a drawing, whose
 * neighbours are equal or differ much. Looks at a sample of the pixels. Reentrant.
 */
#pragma once

#include "common/image/image.h"

typedef enum Graduality {
    GRADUALITY_LOW,    /* a drawing, or it cannot be told */
    GRADUALITY_MEDIUM, /* not clearly a photograph */
    GRADUALITY_HIGH,   /* a photograph */
} Graduality;

/* Of a BITMAP. Formats other than 16BIT, 24BIT, 32BIT and RGBA give LOW; byte 3 and bit 15 do not count. Looks at rows
 * where they are. */
Graduality graduality_of_image(const Image *image);
