/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands for the QXL device, made in blocks that the device gives back. */
#pragma once

#include "qxl.h"

/* An opaque drawing command of that type with this box, and nothing else in it; the caller fills it in and pushes it.
 */
QXLDrawable *drawable(uint8_t type, uint32_t surface, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
/* What stands `offset` bytes behind the drawable in its block. */
void *behind(QXLDrawable *d, uint32_t offset);

/* bad.c: pushes every bad command that it knows, and pokes the device's ports while there is work. None may change
 * anything but what lies in the lower left corner of the screen, 64x64. */
void push_bad_commands(void);
