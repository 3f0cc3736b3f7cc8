/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The unit in which LZ counts: a "cell". Private to common/image/lz*.c.
 *
 * The coders are written once, as functions with a constant Cell argument that are always inlined: the compiler makes
 * one specialised loop for each kind of cell.
 */
#pragma once

#include "common/image/lz.h"

#include <string.h>

typedef enum Cell {
    CELL_BYTE,  /* PLT*, A8: one byte */
    CELL_ALPHA, /* byte 3 of 4: XXXA and the second pass of RGBA */
    CELL_RGB16, /* 15 bits count, on the wire the high byte goes first */
    CELL_RGB24,
    CELL_RGB32, /* bytes 0..2 of 4: RGB32 and the first pass of RGBA */
} Cell;

/* Header fields as numbers, after the checks. */
#define LZ_MAGIC 0x20205a4cu
#define LZ_VERSION 0x00010001u
#define LZ_MAX_BYTES ((1u << 30) - 1) /* of the unpacked image */

/* Distance in cells of a match: short form 1..8191 (13 bits less one), long form up to 65535 more. */
#define LZ_ESCAPE 8191u

/* The geometry is legal and not empty: gives the bytes of a row and the number of cells of one pass. */
bool lz_geometry(LzType type, uint32_t width, uint32_t height, uint32_t *stride, size_t *cells);
/* How the first (for all types but RGBA: only) pass of a type is coded. */
Cell lz_type_cell(LzType type);

/* Bytes from one cell to the next in the unpacked image. */
G_ALWAYS_INLINE static inline size_t cell_step(Cell cell)
{
    return cell == CELL_BYTE ? 1 : cell == CELL_RGB16 ? 2 : cell == CELL_RGB24 ? 3 : 4;
}

/* Bytes of a literal in the stream. */
G_ALWAYS_INLINE static inline size_t cell_literal_bytes(Cell cell)
{
    return cell == CELL_RGB16 ? 2 : cell == CELL_RGB24 || cell == CELL_RGB32 ? 3 : 1;
}

/* What is added to the length field of a match: short matches that save nothing have no code. */
G_ALWAYS_INLINE static inline unsigned cell_length_bias(Cell cell)
{
    return cell == CELL_RGB16 ? 1 : cell == CELL_RGB24 || cell == CELL_RGB32 ? 0 : 2;
}
