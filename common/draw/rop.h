/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Raster operations on rows of raw pixels. They are bitwise, thus depth does not matter and rows are counted in bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Truth table of a binary function of A and B: bit 3 = f(1,1), bit 2 = f(1,0), bit 1 = f(0,1), bit 0 = f(0,0). */
#define ROP_A 0xc
#define ROP_CLEAR 0x0
#define ROP_SET 0xf
#define ROP_NOT_B 0x5

/* The function of a rop descriptor (SPICE_ROPD_*); the invert bits that matter depend on the operation. */
uint8_t ropd_reduce(uint16_t rop, uint16_t invers_a, uint16_t invers_b);

/* dst = f(a, b); dst may be the same as a or b, but not overlap otherwise. */
void rop_row(uint8_t code, uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t n);

/* dst = f(pattern, src, dst) with bit 4P + 2S + D of the code. */
void rop3_row(uint8_t code, uint8_t *dst, const uint8_t *pattern, const uint8_t *src, size_t n);

/* True if the ternary function uses its input: 4 pattern, 2 source, 1 destination. */
int rop3_uses(uint8_t code, unsigned input);
