/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QUIC image codec: lossless, predicts each component from its neighbours above and to the left and writes what is
 * left in Golomb-Rice codes that adapt to the picture. Good for photographs, where LZ finds nothing.
 *
 * A picture has exactly one stream. Reentrant: no state outside the arguments; tables are made once, at first use.
 */
#pragma once

#include "common/image/image.h"
#include "common/wire/writer.h"

/* Image type inside a QUIC stream. Clients take all but GRAY. */
typedef enum QuicType {
    QUIC_TYPE_GRAY = 1,  /* 1 byte a pixel */
    QUIC_TYPE_RGB16 = 2, /* as SPICE_BITMAP_FMT_16BIT; bit 15 is not carried */
    QUIC_TYPE_RGB24 = 3,
    QUIC_TYPE_RGB32 = 4, /* byte 3 is not carried */
    QUIC_TYPE_RGBA = 5,
} QuicType;

#define QUIC_HEADER_SIZE 20

typedef struct QuicInfo {
    QuicType type;
    uint32_t width;  /* pixels, at least 1 */
    uint32_t height; /* rows, at least 1 */
} QuicInfo;

#define QUIC_ERROR (quic_error_quark())
typedef enum QuicError { QUIC_ERROR_HEADER, QUIC_ERROR_STREAM } QuicError;
GQuark quic_error_quark(void);

/* The stream type for a SPICE_BITMAP_FMT_*; 0 if QUIC has none. */
QuicType quic_type_for_format(uint8_t format);
/* The other way round: GRAY gives 8BIT_A, whose pixels look the same. */
uint8_t quic_format_of_type(QuicType type);

/*
 * Appends the stream (header included) of `height` packed rows at `pixels` to `out`. The stream always starts with the
 * top row; `top_down` says whether `pixels` do too. Each pixel is read once: a guest may change them meanwhile.
 * Gives the bytes appended, or 0 with `out` unchanged if the stream would be longer than `max_size` bytes or the
 * geometry is not legal for QUIC.
 */
size_t quic_encode(QuicType type, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels,
                   WireWriter *out, size_t max_size);
/* The same of rows that row(opaque, number as stored, buffer of one packed row) gives: where they are, or in the
 * buffer. Asks once for each, in the order of the stream. */
typedef const uint8_t *(*QuicRow)(const void *opaque, uint32_t number, uint8_t *buffer);
size_t quic_encode_rows(QuicType type, uint32_t width, uint32_t height, bool top_down, QuicRow row, const void *opaque,
                        WireWriter *out, size_t max_size);

/* Reads and checks the header only. */
bool quic_read_header(const uint8_t *data, size_t size, QuicInfo *info, GError **error);

/*
 * Decodes a stream into packed rows, top row first, in the format of its type (RGB32: byte 3 is 0; RGB16: bit 15 is 0).
 * What follows the stream is ignored. Any input is safe: NULL and an error, never a read or write outside. The memory
 * taken is that of the picture, which the header announces: whoever has a limit reads the header first.
 */
GBytes *quic_decode(const uint8_t *data, size_t size, QuicInfo *info, GError **error);
