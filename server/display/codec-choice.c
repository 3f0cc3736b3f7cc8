/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/codec-choice.h"

#include "common/image/graduality.h"
#include "common/image/quic.h"

/* Images of fewer bytes are not worth a codec. */
#define MIN_BYTES 54

/* 16BIT, 24BIT, 32BIT, RGBA: indices and 8BIT_A are something else. */
static bool has_colors(uint8_t format)
{
    return quic_type_for_format(format) != 0;
}

/* Clients have never been sent smaller QUIC images. */
static bool quic_possible(const Image *image)
{
    return has_colors(image->bitmap.format) && image->width >= 3 && image->height >= 3;
}

static bool is_photograph(const Image *image)
{
    return graduality_of_image(image) == GRADUALITY_HIGH;
}

static Codec photograph_codec(const CodecPolicy *policy, const Image *image)
{
    if (!policy->lossy)
        return CODEC_QUIC;
    return image->bitmap.format == SPICE_BITMAP_FMT_RGBA ? CODEC_JPEG_ALPHA : CODEC_JPEG;
}

static Codec dictionary_codec(const CodecPolicy *policy, const Image *image)
{
    return policy->dictionary && has_colors(image->bitmap.format) ? CODEC_GLZ : CODEC_LZ;
}

Codec codec_choose(const CodecPolicy *policy, const Image *image)
{
    if (policy->never_encode || policy->compression == SPICE_IMAGE_COMPRESSION_OFF ||
        image_byte_size(image) < MIN_BYTES)
        return CODEC_NONE;
    switch (policy->compression) {
    case SPICE_IMAGE_COMPRESSION_QUIC:
        return quic_possible(image) ? photograph_codec(policy, image) : CODEC_LZ;
    case SPICE_IMAGE_COMPRESSION_AUTO_LZ:
        return quic_possible(image) && is_photograph(image) ? photograph_codec(policy, image) : CODEC_LZ;
    case SPICE_IMAGE_COMPRESSION_AUTO_GLZ:
        return quic_possible(image) && is_photograph(image) ? photograph_codec(policy, image)
                                                            : dictionary_codec(policy, image);
    case SPICE_IMAGE_COMPRESSION_GLZ:
        return dictionary_codec(policy, image);
    case SPICE_IMAGE_COMPRESSION_LZ4:
        return policy->lz4 && has_colors(image->bitmap.format) ? CODEC_LZ4 : CODEC_LZ;
    default:
        return CODEC_LZ;
    }
}
