/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GLZ image codec: LZ whose matches may also refer to earlier images, of a window that server and client share.
 *
 * Cells, literals and the kinds of images are those of LZ; only RGB16, RGB24, RGB32 and RGBA have a place in it, since
 * clients give its decoder no palettes.
 *
 * Encoder: any thread, one at a time for each dictionary (it takes the dictionary's lock). Decoder: one thread.
 */
#pragma once

#include "common/image/glz-dictionary.h"
#include "common/image/image.h"
#include "common/image/lz.h"
#include "common/wire/writer.h"

#define GLZ_HEADER_SIZE 33

typedef struct GlzInfo {
    LzType type;
    uint32_t width;
    uint32_t height;
    uint32_t stride;
    bool top_down;
    uint64_t id;
    uint32_t win_head_dist; /* the oldest image still in the window is id - win_head_dist */
} GlzInfo;

#define GLZ_ERROR (glz_error_quark())
typedef enum GlzError { GLZ_ERROR_HEADER, GLZ_ERROR_STREAM, GLZ_ERROR_WINDOW } GlzError;
GQuark glz_error_quark(void);

/* The stream type for a SPICE_BITMAP_FMT_*; 0 if GLZ has none. */
LzType glz_type_for_format(uint8_t format);

/*
 * Appends the stream (header included) of `height` packed rows to `out`, and puts the image into the window: the
 * dictionary takes a reference on `pixels`, which must not change as long as it has it (or the client shows something
 * else; the stream is well formed in any case).
 *
 * Gives the bytes appended. They can be more than the pixels have, and must be sent and nothing in their place: the
 * client waits for each id; `id` (or NULL) gets it. 0 with nothing changed if the image is of a kind or size for which
 * the dictionary is not, or the dictionary is frozen.
 */
size_t glz_encode(GlzDictionary *dictionary, LzType type, uint32_t width, uint32_t height, bool top_down,
                  GBytes *pixels, WireWriter *out, uint64_t *id);

/* The same of pixels in n pieces, each of whole cells: they stay where they are, and there must be no change until the
 * dictionary forgets the image. */
size_t glz_encode_pieces(GlzDictionary *dictionary, LzType type, uint32_t width, uint32_t height, bool top_down,
                         const PixelPiece *pieces, size_t n, WireWriter *out, uint64_t *id);

/* Reads and checks the header only. */
bool glz_read_header(const uint8_t *data, size_t size, GlzInfo *info, GError **error);

/* The client's side: a window of decoded images. Stricter than clients are: ids must follow one another, and a
 * reference to what has left the window is an error. */
typedef struct GlzDecoder GlzDecoder;

GlzDecoder *glz_decoder_new(void);
void glz_decoder_free(GlzDecoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GlzDecoder, glz_decoder_free)

/*
 * Decodes a whole stream into packed rows in the order of the stream, in the source format of its type (RGB32: byte 3
 * is 0; RGB16: bit 15 is 0), and puts the image into the window. All input must be consumed. Any input is safe: NULL
 * and an error, with the window as it was.
 */
GBytes *glz_decoder_decode(GlzDecoder *decoder, const uint8_t *data, size_t size, GlzInfo *info, GError **error);
/* The images in the window, and their pixels in all. */
unsigned glz_decoder_get_window(const GlzDecoder *decoder, uint64_t *pixels);
