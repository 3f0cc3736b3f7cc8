/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The GLZ codec against recorded streams, against itself, and against damaged input. */
#include "common/image/glz.h"
#include "tests/unit/codec-images.h"

#include <stdlib.h>
#include <string.h>

/* What must come out of the decoder for these pixels. */
static void mask_pixels(LzType type, uint8_t *pixels, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (type == LZ_TYPE_RGB32 && i % 4 == 3)
            pixels[i] = 0;
        else if (type == LZ_TYPE_RGB16 && i % 2)
            pixels[i] &= 0x7f;
}

/* Encodes (in the n pieces, if there are some), decodes, compares; gives the length of the stream. */
static size_t round_trip_pieces(GlzDictionary *dictionary, GlzDecoder *decoder, LzType type, unsigned w, unsigned h,
                                bool top_down, GBytes *pixels, const PixelPiece *pieces, size_t n_pieces, GlzInfo *info)
{
    g_auto(WireWriter) out = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) got = NULL;
    g_autofree uint8_t *expected = g_memdup2(g_bytes_get_data(pixels, NULL), g_bytes_get_size(pixels));
    g_autofree uint8_t *stream = NULL;
    size_t size, n = codec_image_bytes(type, w, h);
    GlzFigures figures;
    uint64_t held;

    wire_write_u16(&out, 0xabcd);
    size = n_pieces ? glz_encode_pieces(dictionary, type, w, h, top_down, pieces, n_pieces, &out, NULL)
                    : glz_encode(dictionary, type, w, h, top_down, pixels, &out, NULL);
    g_assert_cmpuint(size, >, GLZ_HEADER_SIZE);
    g_assert_cmpuint(out.size, ==, size + 2);
    g_assert_cmpmem(out.data, 2, "\xcd\xab", 2);
    stream = g_memdup2(out.data + 2, size);
    got = glz_decoder_decode(decoder, stream, size, info, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(info->type, ==, type);
    g_assert_cmpuint(info->width, ==, w);
    g_assert_cmpuint(info->height, ==, h);
    g_assert_cmpuint(info->stride, ==, codec_image_bytes(type, w, 1));
    g_assert_cmpint(info->top_down, ==, top_down);
    g_assert_cmpuint(g_bytes_get_size(got), ==, n);
    mask_pixels(type, expected, n);
    g_assert_cmpmem(g_bytes_get_data(got, NULL), n, expected, n);

    glz_dictionary_get_figures(dictionary, &figures);
    g_assert_cmpuint(figures.images, ==, glz_decoder_get_window(decoder, &held));
    g_assert_cmpuint(figures.pixels, ==, held);
    g_assert_cmpuint(figures.pixels, <=, figures.size);
    g_assert_cmpuint(figures.next_id, ==, info->id + 1);
    return size;
}

static size_t round_trip(GlzDictionary *dictionary, GlzDecoder *decoder, LzType type, unsigned w, unsigned h,
                         bool top_down, GBytes *pixels, GlzInfo *info)
{
    return round_trip_pieces(dictionary, decoder, type, w, h, top_down, pixels, NULL, 0, info);
}

static GBytes *make_image(LzType type, const char *kind, unsigned w, unsigned h, uint32_t seed)
{
    return g_bytes_new_take(codec_image(type, kind, w, h, seed), codec_image_bytes(type, w, h));
}

static void check_decode_vector(GlzDecoder *decoder, char **f)
{
    g_autoptr(GBytes) stream = from_hex(f[2]), expected = from_hex(f[3]), got = NULL;
    g_autoptr(GError) error = NULL;
    const uint8_t *want = g_bytes_get_data(expected, NULL);
    GlzInfo info;

    got = glz_decoder_decode(decoder, g_bytes_get_data(stream, NULL), g_bytes_get_size(stream), &info, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(info.id, ==, strtoul(f[1], NULL, 10));
    g_assert_cmpuint(g_bytes_get_size(got), ==, (size_t)info.height * info.stride);
    for (unsigned y = 0; y < info.height; y++) {
        unsigned from = info.top_down ? y : info.height - 1 - y;

        g_assert_cmpmem((const uint8_t *)g_bytes_get_data(got, NULL) + from * info.stride, info.stride,
                        want + y * info.stride, info.stride);
    }
}

/* Not byte for byte: other choices are as good, if they are not longer in the end. */
static void test_vectors(void)
{
    const char *top = g_getenv("CARAVAN_TOP");
    g_autofree char *path = g_build_filename(top ? top : ".", "tests/data/glz-vectors.tsv", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 40000, 0);
    g_autoptr(GlzDecoder) decoder = glz_decoder_new(), forms = glz_decoder_new();
    size_t total = 0, limit = 0;
    unsigned n = 0;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) f = g_strsplit(*line, "\t", -1);

        if (**line == '\0' || **line == '#')
            continue;
        if (strcmp(f[0], "encode") == 0) {
            LzType type = atoi(f[1]);
            unsigned w = atoi(f[4]), h = atoi(f[5]);
            g_autoptr(GBytes) pixels = make_image(type, f[3], w, h, atoi(f[6]));
            GlzInfo info;
            size_t size;

            assert_sha256(g_bytes_get_data(pixels, NULL), g_bytes_get_size(pixels), f[10]);
            size = round_trip(dictionary, decoder, type, w, h, f[7][0] == '1', pixels, &info);
            g_test_message("%s %s: %zu bytes, recorded %s", f[2], f[3], size, f[11]);
            g_assert_cmpuint(info.id, ==, strtoul(f[8], NULL, 10));
            g_assert_cmpuint(info.win_head_dist, ==, strtoul(f[9], NULL, 10));
            total += size;
            limit += strtoul(f[11], NULL, 10);
        } else {
            check_decode_vector(forms, f);
        }
        n++;
    }
    g_assert_cmpuint(n, ==, 17);
    g_assert_cmpuint(total, <=, limit);
}

static const char *const kinds[] = {"flat", "grad", "noise", "soft", "text", "mix"};

/* All formats and odd sizes through one small window, so that images leave it all the time. */
static void test_round_trips(void)
{
    static const uint16_t sizes[][2] = {{1, 1},   {1, 7},   {2, 1},   {3, 1},  {4, 1},   {5, 1},   {7, 1},
                                        {8, 1},   {9, 1},   {3, 3},   {15, 2}, {17, 13}, {33, 31}, {63, 64},
                                        {1, 300}, {300, 1}, {129, 5}, {31, 9}, {32, 8},  {34, 2},  {320, 200}};
    static const uint32_t windows[] = {64001, 100000, GLZ_MAX_WINDOW};

    for (unsigned window = 0; window < G_N_ELEMENTS(windows); window++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, windows[window], 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        GlzInfo info;

        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
            for (LzType type = LZ_TYPE_RGB16; type <= LZ_TYPE_RGBA; type++)
                for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
                    unsigned w = sizes[i][0], h = sizes[i][1];
                    g_autoptr(GBytes) pixels = make_image(type, kinds[k], w, h, i / 2 + 1);

                    round_trip(dictionary, decoder, type, w, h, i & 1, pixels, &info);
                }
    }
}

/* Parts of one large picture, moved about and painted upon: what a desktop does. */
static void test_moving_parts(void)
{
    for (LzType type = LZ_TYPE_RGB16; type <= LZ_TYPE_RGBA; type++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 30000, 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        const unsigned W = 300, H = 200;
        g_autofree uint8_t *screen = codec_image(type, "mix", W, H, 1);
        size_t step = codec_type_bits(type) / 8;
        uint32_t seed = type;
        GlzInfo info;

        for (unsigned round = 0; round < 1500; round++) {
            unsigned w = 1 + codec_random(&seed) % 150, h = 1 + codec_random(&seed) % 100;
            unsigned x = codec_random(&seed) % (W - w + 1), y = codec_random(&seed) % (H - h + 1);
            uint8_t *part = g_malloc(w * h * step);
            g_autoptr(GBytes) pixels = NULL;

            for (unsigned i = 0; i < 5; i++)
                screen[(codec_random(&seed) << 8 | codec_random(&seed)) % (W * H * step)] = codec_random(&seed);
            for (unsigned row = 0; row < h; row++)
                memcpy(part + row * w * step, screen + ((y + row) * W + x) * step, w * step);
            pixels = g_bytes_new_take(part, w * h * step);
            round_trip(dictionary, decoder, type, w, h, true, pixels, &info);
        }
        g_assert_cmpuint(info.win_head_dist, >, 0);
    }
}

#define MAX_PIECES 6u

/* Cuts the pixels: each piece is a block of its own, so that no read behind its end is missed. */
static size_t cut(GBytes *pixels, size_t step, uint32_t *seed, PixelPiece *pieces)
{
    const uint8_t *data = g_bytes_get_data(pixels, NULL);
    size_t rest = g_bytes_get_size(pixels) / step, n = 0;

    while (rest) {
        uint32_t r = codec_random(seed) << 8 | codec_random(seed);
        size_t cells = n == MAX_PIECES - 1 ? rest : 1 + (r & 1 ? r >> 1 & 7 : r >> 1) % rest;

        pieces[n++] = (PixelPiece){g_memdup2(data, cells * step), cells * step};
        data += cells * step;
        rest -= cells;
    }
    return n;
}

static void free_pieces(PixelPiece *pieces)
{
    for (unsigned i = 0; i < MAX_PIECES; i++) {
        g_free((void *)pieces[i].data);
        pieces[i] = (PixelPiece){0};
    }
}

/* Pictures in pieces among others, which copy from each other, come and go. */
static void test_pieces(void)
{
    for (LzType type = LZ_TYPE_RGB16; type <= LZ_TYPE_RGBA; type++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 30000, 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        PixelPiece pieces[8][MAX_PIECES] = {0};
        uint32_t seed = type;
        GlzInfo info;

        for (unsigned round = 0; round < 800; round++) {
            PixelPiece *mine = pieces[round % 8];
            unsigned h = 1 + codec_random(&seed) % 50;
            g_autoptr(GBytes) pixels = make_image(type, kinds[codec_random(&seed) % 6], 131, h, 1 + round % 3);
            size_t n = 0;

            if (round >= 8)
                glz_dictionary_forget_image(dictionary, round - 8);
            free_pieces(mine);
            if (round % 4)
                n = cut(pixels, codec_type_bits(type) / 8, &seed, mine);
            round_trip_pieces(dictionary, decoder, type, 131, h, true, pixels, mine, n, &info);
        }
        glz_dictionary_forget(dictionary);
        for (unsigned i = 0; i < G_N_ELEMENTS(pieces); i++)
            free_pieces(pieces[i]);
    }
}

/* A cut costs no more than a copy that is begun anew, be it where the copy goes or where it comes from. */
static void test_same_in_pieces(void)
{
    for (LzType type = LZ_TYPE_RGB16; type <= LZ_TYPE_RGBA; type++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 1000000, 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        g_autoptr(GBytes) pixels = make_image(type, "soft", 200, 100, 1);
        PixelPiece pieces[5][MAX_PIECES] = {0};
        uint32_t seed = type;
        GlzInfo info;

        round_trip(dictionary, decoder, type, 200, 100, true, pixels, &info);
        for (unsigned i = 0; i < G_N_ELEMENTS(pieces); i++) {
            size_t n = cut(pixels, codec_type_bits(type) / 8, &seed, pieces[i]);
            size_t size = round_trip_pieces(dictionary, decoder, type, 200, 100, true, pixels, pieces[i], n, &info);

            g_assert_cmpuint(size, <, GLZ_HEADER_SIZE + 400);
        }
        glz_dictionary_forget(dictionary);
        for (unsigned i = 0; i < G_N_ELEMENTS(pieces); i++)
            free_pieces(pieces[i]);
    }
}

static void test_bad_pieces(void)
{
    g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 1000, 0);
    const uint8_t data[64] = {0};
    static const uint64_t sizes[][2] = {{30, 34}, {32, 28}, {32, 36}, {64, 0}, {0, 64}};
    g_auto(WireWriter) out = {0};
    GlzFigures figures;

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        PixelPiece pieces[] = {{data, sizes[i][0]}, {data, sizes[i][1]}};

        g_assert_cmpuint(glz_encode_pieces(dictionary, LZ_TYPE_RGB32, 16, 1, true, pieces, 2, &out, NULL), ==, 0);
    }
    g_assert_cmpuint(glz_encode_pieces(dictionary, LZ_TYPE_RGB32, 16, 1, true, NULL, 0, &out, NULL), ==, 0);
    glz_dictionary_get_figures(dictionary, &figures);
    g_assert_cmpuint(figures.next_id, ==, 0);
    g_assert_cmpuint(out.size, ==, 0);
}

/* Copies whose code has each possible form: offsets and image distances around all steps. */
static void test_distances(void)
{
    static const uint32_t offsets[] = {1, 4095, 4096, 4097, 131071, 131072, 131073, 140000};
    static const uint32_t images[] = {0, 1, 63, 64, 255, 256, 257, 16383, 16384, 16385};
    const LzType type = LZ_TYPE_RGB32;
    g_autofree uint8_t *noise = codec_image(type, "noise", 150000, 1, 7);

    for (unsigned i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 1000000, 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        g_autoptr(GBytes) first = g_bytes_new(noise, 600000), small = g_bytes_new(noise, 20);
        g_autofree uint8_t *pixels = g_malloc(640000);
        GlzInfo info;

        round_trip(dictionary, decoder, type, 150000, 1, true, first, &info);
        for (unsigned j = 1; j < images[i]; j++) {
            g_auto(WireWriter) out = {0};
            size_t size = glz_encode(dictionary, type, 5, 1, true, small, &out, NULL);
            g_autoptr(GBytes) got = glz_decoder_decode(decoder, out.data, size, &info, NULL);

            g_assert_nonnull(got);
        }
        for (unsigned j = 0; j < G_N_ELEMENTS(offsets); j++) {
            GBytes *bytes;

            if (images[i] == 0) {
                memcpy(pixels, noise, 600000);
                memcpy(pixels + 600000, noise + 600000 - 4 * offsets[j], MIN(offsets[j] * 4, 40000));
                if (offsets[j] < 10000)
                    memset(pixels + 600000 + 4 * offsets[j], 1, 40000 - 4 * offsets[j]);
                bytes = g_bytes_new(pixels, 640000);
            } else {
                bytes = g_bytes_new(noise + 4 * (offsets[j] - 1), 4 * 4000);
            }
            round_trip(dictionary, decoder, type, (unsigned)(g_bytes_get_size(bytes) / 4), 1, true, bytes, &info);
            g_bytes_unref(bytes);
        }
    }
}

static void test_same_again(void)
{
    for (LzType type = LZ_TYPE_RGB16; type <= LZ_TYPE_RGBA; type++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 200000, 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        GlzInfo info;

        /* Longer than the window lasts: what is copied must be found again in the copy. */
        for (unsigned i = 0; i < 30; i++) {
            g_autoptr(GBytes) pixels = make_image(type, "soft", 200, 190, 5);
            g_autoptr(GBytes) other = make_image(type, "noise", 200, 90, i);
            size_t size = round_trip(dictionary, decoder, type, 200, 190, true, pixels, &info);

            if (i > 0)
                g_assert_cmpuint(size, <, 700);
            round_trip(dictionary, decoder, type, 200, 90, true, other, &info);
        }
    }
}

#define GLYPHS 16
#define GLYPH_CELLS 12
#define TEXT_GLYPHS 4000

/* Two colours: any few cells have been there just before, so only longer ones lead to a glyph's last occurrence. */
static void test_glyphs(void)
{
    g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 200000, 0);
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    uint32_t glyphs[GLYPHS][GLYPH_CELLS], *cells = g_new(uint32_t, TEXT_GLYPHS * GLYPH_CELLS);
    g_autoptr(GBytes) pixels = g_bytes_new_take(cells, sizeof(*cells) * TEXT_GLYPHS * GLYPH_CELLS);
    GlzInfo info;
    size_t size;

    for (unsigned i = 0; i < GLYPHS; i++)
        for (unsigned j = 0; j < GLYPH_CELLS; j++)
            glyphs[i][j] = g_rand_boolean(rand) ? 0xf4f4f4 : 0x202020;
    for (unsigned i = 0; i < TEXT_GLYPHS; i++)
        memcpy(cells + (size_t)i * GLYPH_CELLS, glyphs[g_rand_int_range(rand, 0, GLYPHS)], sizeof(*glyphs));
    size = round_trip(dictionary, decoder, LZ_TYPE_RGB32, GLYPH_CELLS, TEXT_GLYPHS, true, pixels, &info);
    g_assert_cmpuint(size, <, TEXT_GLYPHS * 9 / 2);
}

/* --- damaged input --- */

static void assert_refused(GlzDecoder *decoder, const char *hex, int code)
{
    g_autoptr(GBytes) stream = from_hex(hex);
    g_autoptr(GError) error = NULL;
    GlzInfo info;

    g_assert_null(glz_decoder_decode(decoder, g_bytes_get_data(stream, NULL), g_bytes_get_size(stream), &info, &error));
    g_assert_error(error, GLZ_ERROR, code);
}

#define HEAD "20205a4c00010001"
#define RGB32_4X1 HEAD "18000000040000000100000010"
#define ID0 "000000000000000000000000"
#define ID1 "000000000000000100000001"

static void test_bad_streams(void)
{
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    g_autoptr(GBytes) good = from_hex(RGB32_4X1 ID0 "03010203010203010203010203"), got = NULL;
    GlzInfo info;

    assert_refused(decoder, "", GLZ_ERROR_HEADER);
    assert_refused(decoder, HEAD "18", GLZ_ERROR_HEADER);
    assert_refused(decoder, "20205a4d0001000118000000040000000100000010" ID0 "03", GLZ_ERROR_HEADER);
    assert_refused(decoder, HEAD "15000000040000000100000004" ID0 "03", GLZ_ERROR_HEADER); /* indexed */
    assert_refused(decoder, HEAD "38000000040000000100000010" ID0 "03", GLZ_ERROR_HEADER); /* flags */
    assert_refused(decoder, HEAD "18000000040000000100000011" ID0 "03", GLZ_ERROR_HEADER); /* stride */
    assert_refused(decoder, HEAD "180fffffff000000013ffffffc" ID0 "03", GLZ_ERROR_HEADER); /* size */
    assert_refused(decoder,
                   RGB32_4X1 "000000000000000000000001"
                             "03",
                   GLZ_ERROR_HEADER); /* window before id 0 */
    assert_refused(decoder, RGB32_4X1 ID1 "03010203010203010203010203", GLZ_ERROR_WINDOW);
    assert_refused(decoder, HEAD "1801fffffe0000000107fffff8" ID0 "00010203e0ff000000", GLZ_ERROR_STREAM);

    assert_refused(decoder, RGB32_4X1 ID0, GLZ_ERROR_STREAM);
    assert_refused(decoder, RGB32_4X1 ID0 "00010203", GLZ_ERROR_STREAM);
    assert_refused(decoder,
                   RGB32_4X1 ID0 "03010203010203010203010203"
                                 "00",
                   GLZ_ERROR_STREAM);
    assert_refused(decoder, RGB32_4X1 ID0 "04010203010203010203010203010203", GLZ_ERROR_STREAM);
    assert_refused(decoder,
                   RGB32_4X1 ID0 "00010203"
                                 "610000",
                   GLZ_ERROR_STREAM); /* before the first cell */
    assert_refused(decoder,
                   RGB32_4X1 ID0 "00010203"
                                 "800000",
                   GLZ_ERROR_STREAM); /* past the last cell */
    assert_refused(decoder,
                   RGB32_4X1 ID0 "00010203"
                                 "600001",
                   GLZ_ERROR_STREAM); /* no such image */
    assert_refused(decoder,
                   RGB32_4X1 ID0 "00010203"
                                 "6000",
                   GLZ_ERROR_STREAM);
    assert_refused(decoder,
                   RGB32_4X1 ID0 "00010203"
                                 "6000c0",
                   GLZ_ERROR_STREAM);
    assert_refused(decoder,
                   RGB32_4X1 ID0 "00010203"
                                 "700020",
                   GLZ_ERROR_STREAM);
    assert_refused(decoder,
                   RGB32_4X1 ID0 "00010203"
                                 "e0ffff",
                   GLZ_ERROR_STREAM);

    got = glz_decoder_decode(decoder, g_bytes_get_data(good, NULL), g_bytes_get_size(good), &info, NULL);
    g_assert_nonnull(got);
    assert_refused(decoder, RGB32_4X1 ID1 "810001", GLZ_ERROR_STREAM); /* past its last cell */
    assert_refused(decoder,
                   RGB32_4X1 "0000000000000001"
                             "00000000"
                             "800001",
                   GLZ_ERROR_STREAM); /* it has left */
    assert_refused(decoder, RGB32_4X1 ID1 "800002", GLZ_ERROR_STREAM);
    g_assert_cmpuint(glz_decoder_get_window(decoder, &info.id), ==, 1);
}

/* Exact copies in memory of their own, so that the address sanitizer sees one byte too many. */
static void decode_copy(GlzDecoder *decoder, const uint8_t *stream, size_t size)
{
    g_autofree uint8_t *copy = g_memdup2(stream, size);
    g_autoptr(GError) error = NULL;
    GlzInfo info;
    g_autoptr(GBytes) got = glz_decoder_decode(decoder, copy, size, &info, &error);

    g_assert_true((got != NULL) == (error == NULL));
}

/* A decoder that holds what came before the damaged stream. */
static GlzDecoder *decoder_with(const WireWriter *first)
{
    GlzDecoder *decoder = glz_decoder_new();
    GlzInfo info;
    g_autoptr(GBytes) got = glz_decoder_decode(decoder, first->data, first->size, &info, NULL);

    g_assert_nonnull(got);
    return decoder;
}

static void test_damaged_streams(void)
{
    for (LzType type = LZ_TYPE_RGB16; type <= LZ_TYPE_RGBA; type++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 100000, 0);
        g_autoptr(GBytes) pixels = make_image(type, "mix", 29, 11, 1), again = make_image(type, "mix", 29, 11, 2);
        g_auto(WireWriter) first = {0};
        g_auto(WireWriter) out = {0};
        uint32_t seed = type;
        size_t size;

        glz_encode(dictionary, type, 29, 11, true, pixels, &first, NULL);
        size = glz_encode(dictionary, type, 29, 11, true, again, &out, NULL);
        for (size_t n = 0; n < size; n++) {
            g_autoptr(GlzDecoder) decoder = decoder_with(&first);
            g_autofree uint8_t *copy = g_memdup2(out.data, n);
            GlzInfo info;

            g_assert_null(glz_decoder_decode(decoder, copy, n, &info, NULL));
        }
        for (size_t bit = 0; bit < size * 8; bit++) {
            g_autoptr(GlzDecoder) decoder = decoder_with(&first);

            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            decode_copy(decoder, out.data, size);
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (unsigned round = 0; round < 2000; round++) {
            g_autoptr(GlzDecoder) decoder = decoder_with(&first);
            size_t n = GLZ_HEADER_SIZE + codec_random(&seed);
            g_autofree uint8_t *noise = g_malloc(n);

            memcpy(noise, out.data, GLZ_HEADER_SIZE);
            for (size_t i = GLZ_HEADER_SIZE; i < n; i++)
                noise[i] = codec_random(&seed);
            decode_copy(decoder, noise, n);
        }
    }
}

typedef struct Painter {
    volatile uint8_t *pixels;
    size_t size;
    int stop;
} Painter;

/* Repeats what is elsewhere in the picture, so that copies are found and broken. */
static gpointer paint(gpointer opaque)
{
    Painter *p = opaque;
    uint32_t r = 1;

    while (!g_atomic_int_get(&p->stop)) {
        r = r * 1664525 + 1013904223;
        p->pixels[(r >> 4) % p->size] = r % 3 ? (uint8_t)(r >> 28) : p->pixels[(r >> 9) % p->size];
    }
    return NULL;
}

/* Guest memory may change while it is encoded, and while the dictionary has it: what comes out shows something else,
 * but clients understand it. */
static void test_unsteady_pixels(void)
{
    static const LzType types[] = {LZ_TYPE_RGB16, LZ_TYPE_RGB24, LZ_TYPE_RGB32, LZ_TYPE_RGBA};

    for (unsigned t = 0; t < G_N_ELEMENTS(types); t++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 100000, 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        size_t size = codec_image_bytes(types[t], 200, 100);
        g_autofree uint8_t *pixels = codec_image(types[t], "mix", 200, 100, 1);
        Painter painter = {pixels, size, 0};
        GThread *thread = g_thread_new("painter", paint, &painter);

        for (unsigned i = 0; i < 100; i++) {
            g_autoptr(GBytes) bytes = g_bytes_new_static(pixels, size);
            g_auto(WireWriter) out = {0};
            g_autoptr(GError) error = NULL;
            g_autoptr(GBytes) got = NULL;
            GlzInfo info;

            g_assert_cmpuint(glz_encode(dictionary, types[t], 200, 100, true, bytes, &out, NULL), >, 0);
            got = glz_decoder_decode(decoder, out.data, out.size, &info, &error);
            g_assert_no_error(error);
        }
        g_atomic_int_set(&painter.stop, 1);
        g_thread_join(thread);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/glz/vectors", test_vectors);
    g_test_add_func("/glz/round-trips", test_round_trips);
    g_test_add_func("/glz/moving-parts", test_moving_parts);
    g_test_add_func("/glz/distances", test_distances);
    g_test_add_func("/glz/same-again", test_same_again);
    g_test_add_func("/glz/pieces", test_pieces);
    g_test_add_func("/glz/same-in-pieces", test_same_in_pieces);
    g_test_add_func("/glz/bad-pieces", test_bad_pieces);
    g_test_add_func("/glz/unsteady-pixels", test_unsteady_pixels);
    g_test_add_func("/glz/glyphs", test_glyphs);
    g_test_add_func("/glz/bad-streams", test_bad_streams);
    g_test_add_func("/glz/damaged-streams", test_damaged_streams);
    return g_test_run();
}
