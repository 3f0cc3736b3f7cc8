/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pictures that painter shows: the same pixels in every run, like photographs in that neighbouring pixels are alike
 * and hardly two are equal. One thread.
 */
#ifndef GUEST_PICTURE_H
#define GUEST_PICTURE_H

#include <stdint.h>

enum { PICTURE_WIDTH = 320, PICTURE_HEIGHT = 240, PICTURE_COUNT = 24 };

/* Fills width * height pixels 0x00RRGGBB with picture `number`, rows from the top without gaps. Any number and size. */
void picture_fill(uint32_t *pixels, int width, int height, unsigned number);

#endif
