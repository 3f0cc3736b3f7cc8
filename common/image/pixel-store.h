/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for copied pixels. They come as fast as a guest draws and most stay until a client's dictionary has moved on,
 * in the order in which they came: so they are put one behind the other into large blocks, and a block is used again
 * when nothing in it is left. From the C library each would be fresh memory, whose page faults cost more than the copy.
 *
 * Any thread; one store for the process.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

/* Space for `size` bytes, not initialised. Never NULL; for pixel_store_bytes(). */
uint8_t *pixel_store_alloc(size_t size);
/* The bytes, now that they are there: `data` is from pixel_store_alloc(size). */
GBytes *pixel_store_bytes(uint8_t *data, size_t size);
