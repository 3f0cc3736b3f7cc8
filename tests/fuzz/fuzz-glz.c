/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decoders of image codecs. The first byte chooses one. GLZ: the rest is cut into streams (two bytes of length each)
 * for one window, in which a few pictures already are. Encoder: the rest are pixels, which must come back.
 */
#include "common/image/glz-deflate.h"
#include "common/image/glz.h"
#include "common/image/jpeg.h"
#include "common/image/lz4.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_STREAMS 20

/* In two pieces, unless `cut` is where there is no piece before or behind it. */
static void add_picture(GlzDictionary *dictionary, GlzDecoder *decoder, LzType type, const uint8_t *data, size_t size,
                        size_t cut)
{
    g_auto(WireWriter) out = {0};
    g_autoptr(GBytes) got = NULL;
    GlzInfo info;
    g_autoptr(GBytes) pixels = g_bytes_new(data, size);
    size_t step = type == LZ_TYPE_RGB16 ? 2 : type == LZ_TYPE_RGB24 ? 3 : 4;
    PixelPiece pieces[] = {{data, cut}, {data + cut, size - cut}};

    if (!(cut > 0 && cut < size
              ? glz_encode_pieces(dictionary, type, (uint32_t)(size / step), 1, true, pieces, 2, &out, NULL)
              : glz_encode(dictionary, type, (uint32_t)(size / step), 1, true, pixels, &out, NULL)))
        return;
    got = glz_decoder_decode(decoder, out.data, out.size, &info, NULL);
    g_assert(got);
    if (type == LZ_TYPE_RGB24 || type == LZ_TYPE_RGBA)
        g_assert(memcmp(g_bytes_get_data(got, NULL), data, g_bytes_get_size(got)) == 0);
}

/* Streams of two pictures, made once. */
static const WireWriter *first_streams(void)
{
    static WireWriter streams[2];
    g_autoptr(GlzDictionary) dictionary = NULL;
    g_autoptr(GBytes) bytes = NULL;
    uint8_t pixels[240];

    if (streams[0].size)
        return streams;
    for (unsigned i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * i >> 3);
    bytes = g_bytes_new(pixels, sizeof(pixels));
    dictionary = glz_dictionary_new(1, 10000, 0);
    glz_encode(dictionary, LZ_TYPE_RGB32, 60, 1, true, bytes, &streams[0], NULL);
    glz_encode(dictionary, LZ_TYPE_RGBA, 60, 1, true, bytes, &streams[1], NULL);
    return streams;
}

static void fuzz_glz(const uint8_t *data, size_t size)
{
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    const WireWriter *first = first_streams();
    GlzInfo info;

    for (unsigned i = 0; i < 2; i++)
        g_bytes_unref(glz_decoder_decode(decoder, first[i].data, first[i].size, &info, NULL));
    for (unsigned i = 0; i < MAX_STREAMS && size >= 2; i++) {
        size_t n = MIN((size_t)(data[0] | data[1] << 8), size - 2);
        g_autoptr(GBytes) got = glz_decoder_decode(decoder, data + 2, n, &info, NULL);

        data += 2 + n;
        size -= 2 + n;
    }
}

static void fuzz_encoder(const uint8_t *data, size_t size)
{
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 1000, 0);

    for (unsigned i = 0; i < MAX_STREAMS && size >= 2; i++) {
        size_t n = MIN((size_t)(data[0] % 64) * 12, (size - 2) / 12 * 12);

        if (n)
            add_picture(dictionary, decoder, LZ_TYPE_RGB16 + data[1] % 4, data + 2, n,
                        MIN((size_t)(data[1] / 4) * 12, n));
        data += 2 + n;
        size -= 2 + n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) got = NULL;
    uint32_t width, height;
    uint8_t format;
    bool top_down;

    if (size < 5)
        return 0;
    switch (data[0] % 5) {
    case 0:
        fuzz_glz(data + 1, size - 1);
        break;
    case 1:
        fuzz_encoder(data + 1, size - 1);
        break;
    case 2:
        got = lz4_decode(data + 3, size - 3, data[1], data[2], &format, &top_down, NULL);
        break;
    case 3:
        got = glz_inflate(data + 3, size - 3, data[1] | (size_t)data[2] << 8, NULL);
        break;
    default:
        got = jpeg_decode(data + 1, size - 1, &width, &height, NULL);
    }
    return 0;
}
