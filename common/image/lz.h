/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The LZ image codec: LZ_RGB, LZ_PLT and the alpha plane of JPEG_ALPHA ("XXXA").
 *
 * Reentrant: no state outside the arguments.
 */
#pragma once

#include "common/image/image.h"
#include "common/wire/writer.h"

/* Image type inside an LZ (and GLZ) stream. */
typedef enum LzType {
    LZ_TYPE_PLT1_LE = 1,
    LZ_TYPE_PLT1_BE = 2,
    LZ_TYPE_PLT4_LE = 3,
    LZ_TYPE_PLT4_BE = 4,
    LZ_TYPE_PLT8 = 5,
    LZ_TYPE_RGB16 = 6,
    LZ_TYPE_RGB24 = 7,
    LZ_TYPE_RGB32 = 8,
    LZ_TYPE_RGBA = 9,
    LZ_TYPE_XXXA = 10,
    LZ_TYPE_A8 = 11,
} LzType;

#define LZ_HEADER_SIZE 28

typedef struct LzInfo {
    LzType type;
    uint32_t width;
    uint32_t height;
    uint32_t stride;
    bool top_down;
} LzInfo;

#define LZ_ERROR (lz_error_quark())
typedef enum LzError { LZ_ERROR_HEADER, LZ_ERROR_STREAM } LzError;
GQuark lz_error_quark(void);

/* The stream type for a SPICE_BITMAP_FMT_*; 0 if LZ has none. */
LzType lz_type_for_format(uint8_t format);

/*
 * Appends the stream (header included) of `height` packed rows at `pixels` to `out`.
 * Gives the bytes appended, or 0 with `out` unchanged if the stream would be longer than `max_size` bytes or the
 * geometry is not legal for LZ.
 */
size_t lz_encode(LzType type, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels, WireWriter *out,
                 size_t max_size);

/* Reads and checks the header only. */
bool lz_read_header(const uint8_t *data, size_t size, LzInfo *info, GError **error);

/*
 * Decodes a whole stream into packed rows in the order of the stream, in the source format of its type (PLT: the packed
 * indices; RGB32: byte 3 is 0; XXXA: 4 bytes per pixel, only byte 3 is set). All input must be consumed. Any input is
 * safe: NULL and an error, never a read or write outside.
 */
GBytes *lz_decode(const uint8_t *data, size_t size, LzInfo *info, GError **error);
