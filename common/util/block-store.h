/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for large blocks: copied pixels, long messages, the pictures of a replay. They come as fast as a guest draws;
 * many stay until a client's dictionary has moved on, in the order in which they came. From the C library much of it
 * would be fresh memory, whose page faults cost more than the copy, and what stays for long would hold up what was
 * around it: see block-regions.h.
 *
 * Any thread; one store for the process.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

/* Space for `size` bytes, not initialised. Never NULL; for block_store_bytes() or block_store_free(). */
uint8_t *block_store_alloc(size_t size);
uint8_t *block_store_try_alloc(size_t size); /* the same; NULL if there is no memory */
/* The bytes, now that they are there: `data` is from block_store_alloc(size). */
GBytes *block_store_bytes(uint8_t *data, size_t size);
void block_store_free(uint8_t *data, size_t size); /* data may be NULL */
