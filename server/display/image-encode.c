/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/image-encode.h"

#include "common/image/glz-deflate.h"
#include "common/image/glz.h"
#include "common/image/jpeg.h"
#include "common/image/lz.h"
#include "common/image/lz4.h"
#include "common/image/quic.h"

static bool encode_lz(const Image *image, WireWriter *stream, WireImage *out)
{
    const Bitmap *bitmap = &image->bitmap;
    gsize size;
    const uint8_t *pixels = g_bytes_get_data(bitmap_data(bitmap), &size);

    out->type = bitmap_format_indexed(bitmap->format) ? SPICE_IMAGE_TYPE_LZ_PLT : SPICE_IMAGE_TYPE_LZ_RGB;
    return lz_encode(lz_type_for_format(bitmap->format), image->width, image->height, bitmap->top_down, pixels, stream,
                     size) > 0;
}

/* The stream becomes the zlib stream of what it was, if that is shorter. */
static void deflate_stream(WireWriter *stream, WireImage *out)
{
    g_auto(WireWriter) deflated = {0};
    WireWriter glz;

    if (!glz_deflate(stream->data, stream->size, &deflated))
        return;
    out->type = SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB;
    out->glz_size = (uint32_t)stream->size;
    glz = *stream;
    *stream = deflated;
    deflated = glz;
}

/* Whether this image's stream is to be wrapped. A dictionary that has just been emptied by a migration finds little to
 * refer to: a few images long zlib makes good for it. */
static bool is_to_be_deflated(DisplayClient *dc, const Image *image)
{
    bool cold = dc->cold_pixels > 0;

    dc->cold_pixels -= (uint32_t)MIN((uint64_t)image->width * image->height, dc->cold_pixels);
    return dc->deflate || cold;
}

static bool encode_glz(DisplayClient *dc, const Image *image, WireWriter *stream, WireImage *out)
{
    if (!dc->dictionary || !dictionary_loans_encode(&dc->dictionary_loans, dc->dictionary, image, stream))
        return encode_lz(image, stream, out); /* frozen, or not for this image */
    out->type = SPICE_IMAGE_TYPE_GLZ_RGB;
    if (is_to_be_deflated(dc, image))
        deflate_stream(stream, out);
    return true;
}

static bool encode_lz4(const Image *image, WireWriter *stream, WireImage *out)
{
    const Bitmap *bitmap = &image->bitmap;
    gsize size;
    const uint8_t *pixels = g_bytes_get_data(bitmap_data(bitmap), &size);

    out->type = SPICE_IMAGE_TYPE_LZ4;
    return lz4_encode(bitmap->format, image->width, image->height, bitmap->top_down, pixels, stream, size) > 0;
}

static const uint8_t *row_of_bitmap(const void *bitmap, uint32_t number, uint8_t *buffer)
{
    return bitmap_row(bitmap, number, buffer);
}

/* Straight from guest memory, if the pixels are still there. */
static bool encode_quic(const Image *image, WireWriter *stream, WireImage *out)
{
    const Bitmap *bitmap = &image->bitmap;

    out->type = SPICE_IMAGE_TYPE_QUIC;
    return quic_encode_rows(quic_type_for_format(bitmap->format), image->width, image->height, bitmap->top_down,
                            row_of_bitmap, bitmap, stream, (size_t)image_byte_size(image)) > 0;
}

static bool encode_jpeg(const Image *image, WireWriter *stream, WireImage *out)
{
    const Bitmap *bitmap = &image->bitmap;
    gsize size;
    const uint8_t *pixels = g_bytes_get_data(bitmap_data(bitmap), &size);

    out->type = SPICE_IMAGE_TYPE_JPEG;
    return jpeg_encode(bitmap->format, image->width, image->height, bitmap->top_down, pixels, stream, size) > 0;
}

static bool encode_jpeg_alpha(const Image *image, WireWriter *stream, WireImage *out)
{
    const Bitmap *bitmap = &image->bitmap;
    gsize size;
    const uint8_t *pixels = g_bytes_get_data(bitmap_data(bitmap), &size);
    size_t jpeg_size = 0, n;

    n = jpeg_alpha_encode(image->width, image->height, bitmap->top_down, pixels, stream, size, &jpeg_size);
    out->type = SPICE_IMAGE_TYPE_JPEG_ALPHA;
    out->jpeg_alpha_flags = bitmap->top_down ? SPICE_JPEG_ALPHA_FLAGS_TOP_DOWN : 0;
    out->jpeg_size = (uint32_t)jpeg_size;
    return n > 0;
}

bool image_encode(DisplayClient *dc, const Image *image, Codec codec, WireWriter *stream, WireImage *out)
{
    bool ok = false;

    switch (codec) {
    case CODEC_NONE:
        break;
    case CODEC_LZ:
        ok = encode_lz(image, stream, out);
        break;
    case CODEC_GLZ:
        ok = encode_glz(dc, image, stream, out);
        break;
    case CODEC_LZ4:
        ok = encode_lz4(image, stream, out);
        break;
    case CODEC_QUIC:
        ok = encode_quic(image, stream, out);
        break;
    case CODEC_JPEG:
        ok = encode_jpeg(image, stream, out);
        break;
    case CODEC_JPEG_ALPHA:
        ok = encode_jpeg_alpha(image, stream, out);
        break;
    }
    out->data = stream->data;
    out->size = stream->size;
    return ok;
}
