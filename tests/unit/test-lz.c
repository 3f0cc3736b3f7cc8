/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The LZ codec against recorded streams, against itself, and against damaged input. */
#include "common/image/lz.h"
#include "tests/unit/codec-images.h"

#include <stdlib.h>
#include <string.h>

static const char *const format_names[] = {
    NULL, "plt1le", "plt1be", "plt4le", "plt4be", "gray", "rgb16", "rgb24", "rgb32", "rgba", "rgba", "gray",
};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* What must come out of the decoder for these pixels. */
static void mask_pixels(LzType type, uint8_t *pixels, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((type == LZ_TYPE_XXXA && i % 4 != 3) || (type == LZ_TYPE_RGB32 && i % 4 == 3))
            pixels[i] = 0;
        else if (type == LZ_TYPE_RGB16 && i % 2)
            pixels[i] &= 0x7f;
}

static void check_decode(const uint8_t *stream, size_t size, LzType type, unsigned w, unsigned h, bool top_down,
                         const uint8_t *pixels)
{
    g_autoptr(GError) error = NULL;
    LzInfo info;
    g_autoptr(GBytes) got = lz_decode(stream, size, &info, &error);
    size_t n = codec_image_bytes(type, w, h);
    g_autofree uint8_t *expected = g_memdup2(pixels, n);
    g_autofree uint8_t *actual = NULL;

    g_assert_no_error(error);
    g_assert_nonnull(got);
    g_assert_cmpuint(info.type, ==, type);
    g_assert_cmpuint(info.width, ==, w);
    g_assert_cmpuint(info.height, ==, h);
    g_assert_cmpuint(info.stride, ==, codec_image_bytes(type, w, 1));
    g_assert_cmpint(info.top_down, ==, top_down);
    g_assert_cmpuint(g_bytes_get_size(got), ==, n);
    actual = g_memdup2(g_bytes_get_data(got, NULL), n);
    mask_pixels(type, expected, n);
    if (type == LZ_TYPE_RGB16)
        mask_pixels(type, actual, n);
    g_assert_cmpmem(actual, n, expected, n);
}

static void check_round_trip(LzType type, unsigned w, unsigned h, bool top_down, const uint8_t *pixels)
{
    g_auto(WireWriter) out = {0};
    size_t size;

    wire_write_u16(&out, 0xabcd);
    size = lz_encode(type, w, h, top_down, pixels, &out, SIZE_MAX);
    g_assert_cmpuint(size, >, LZ_HEADER_SIZE);
    g_assert_cmpuint(out.size, ==, size + 2);
    g_assert_cmpmem(out.data, 2, "\xcd\xab", 2);
    check_decode(out.data + 2, size, type, w, h, top_down, pixels);

    wire_writer_reset(&out);
    g_assert_cmpuint(lz_encode(type, w, h, top_down, pixels, &out, size), ==, size);
    wire_writer_clear(&out);
    wire_write_u8(&out, 7);
    g_assert_cmpuint(lz_encode(type, w, h, top_down, pixels, &out, size - 1), ==, 0);
    g_assert_cmpuint(lz_encode(type, w, h, top_down, pixels, &out, size / 2), ==, 0);
    g_assert_cmpuint(out.size, ==, 1);
    g_assert_cmpuint(out.data[0], ==, 7);
}

static void check_encode_vector(char **f)
{
    LzType type = atoi(f[1]);
    unsigned w = atoi(f[4]), h = atoi(f[5]), top_down = atoi(f[7]);
    g_autofree uint8_t *pixels = codec_image(type, f[3], w, h, atoi(f[6]));
    g_auto(WireWriter) out = {0};
    size_t size;

    g_assert_cmpstr(f[2], ==, format_names[type]);
    assert_sha256(pixels, codec_image_bytes(type, w, h), f[8]);
    size = lz_encode(type, w, h, top_down, pixels, &out, SIZE_MAX);
    g_assert_cmpuint(size, <=, strtoul(f[9], NULL, 10));
    if (!is(f[10], "-"))
        assert_sha256(out.data, out.size, f[10]);
    check_decode(out.data, out.size, type, w, h, top_down, pixels);
}

static void check_tiny_vector(char **f)
{
    LzType type = atoi(f[1]);
    unsigned w = atoi(f[4]), h = atoi(f[5]);
    g_autoptr(GBytes) pixels = from_hex(f[6]), stream = from_hex(f[7]);
    g_autofree uint8_t *made = codec_image(type, f[3], w, h, 1);
    g_auto(WireWriter) out = {0};

    g_assert_cmpmem(made, codec_image_bytes(type, w, h), g_bytes_get_data(pixels, NULL), g_bytes_get_size(pixels));
    lz_encode(type, w, h, true, made, &out, SIZE_MAX);
    g_assert_cmpmem(out.data, out.size, g_bytes_get_data(stream, NULL), g_bytes_get_size(stream));
    check_decode(out.data, out.size, type, w, h, true, made);
}

static void check_decode_vector(char **f)
{
    g_autoptr(GBytes) stream = from_hex(f[1]), expected = NULL, got = NULL;
    LzInfo info;

    got = lz_decode(g_bytes_get_data(stream, NULL), g_bytes_get_size(stream), &info, NULL);
    g_assert_nonnull(got);
    if (g_str_has_prefix(f[2], "sha256:")) {
        assert_sha256(g_bytes_get_data(got, NULL), g_bytes_get_size(got), f[2] + 7);
    } else {
        expected = from_hex(f[2]);
        g_assert_true(g_bytes_equal(got, expected));
    }
}

static void test_vectors(void)
{
    const char *top = g_getenv("CARAVAN_TOP");
    g_autofree char *path = g_build_filename(top ? top : ".", "tests/data/lz-vectors.tsv", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) error = NULL;
    unsigned n = 0;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) f = g_strsplit(*line, "\t", -1);

        if (**line == '\0' || **line == '#')
            continue;
        if (is(f[0], "encode"))
            check_encode_vector(f);
        else if (is(f[0], "tiny"))
            check_tiny_vector(f);
        else
            check_decode_vector(f);
        n++;
    }
    g_assert_cmpuint(n, >=, 40);
}

static void test_round_trips(void)
{
    static const char *const kinds[] = {"flat", "grad", "noise", "soft", "text", "mix"};
    static const uint16_t sizes[][2] = {{1, 1},   {1, 7},   {2, 1},   {3, 1},  {4, 1},   {5, 1},   {7, 1},
                                        {8, 1},   {9, 1},   {3, 3},   {15, 2}, {17, 13}, {33, 31}, {63, 64},
                                        {1, 300}, {300, 1}, {129, 5}, {31, 9}, {32, 8},  {34, 2},  {320, 200}};

    for (LzType type = LZ_TYPE_PLT1_LE; type <= LZ_TYPE_A8; type++)
        for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++)
            for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
                g_autofree uint8_t *pixels = codec_image(type, kinds[k], sizes[i][0], sizes[i][1], i + 1);

                check_round_trip(type, sizes[i][0], sizes[i][1], i & 1, pixels);
            }
}

/* Copies from all distances, among them the two around the step from the short to the long form, and too far. */
static void test_distances(void)
{
    static const uint32_t distances[] = {1, 2, 3, 8190, 8191, 8192, 8193, 65536, 73723, 73724, 73725, 73727, 73728};

    for (LzType type = LZ_TYPE_PLT8; type <= LZ_TYPE_A8; type++)
        for (unsigned i = 0; i < G_N_ELEMENTS(distances); i++) {
            size_t cell = codec_type_bits(type) / 8, d = distances[i] * cell, n = d + 700 * cell;
            g_autofree uint8_t *pixels = g_malloc0(n);
            uint32_t seed = i + 1;

            for (size_t j = 0; j < n; j++)
                pixels[j] = j < d || (type == LZ_TYPE_XXXA && j % 4 != 3) ? codec_random(&seed) : pixels[j - d];
            check_round_trip(type, distances[i] + 700, 1, true, pixels);
        }
}

/* The bits that LZ does not carry do not disturb matches. */
static void test_unused_bits(void)
{
    uint8_t pixels[4 * 400] = {0};
    g_auto(WireWriter) out = {0};
    uint32_t seed = 3;

    for (unsigned i = 3; i < sizeof(pixels); i += 4)
        pixels[i] = codec_random(&seed);
    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB32, 400, 1, true, pixels, &out, 60), >, 0);
    wire_writer_reset(&out);
    for (unsigned i = 0; i < sizeof(pixels); i++)
        pixels[i] = i % 2 ? codec_random(&seed) & 0x80 : 0;
    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB16, 800, 1, true, pixels, &out, 60), >, 0);
    g_assert_cmpuint(lz_encode(LZ_TYPE_A8, 800, 1, true, pixels, &out, 60), ==, 0);
}

static void test_bad_geometry(void)
{
    static const uint8_t pixel[4];
    g_auto(WireWriter) out = {0};

    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB32, 0, 1, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB32, 1, 0, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB32, 1 << 14, 1 << 14, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB32, G_MAXUINT32, G_MAXUINT32, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(lz_encode(0, 1, 1, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(lz_encode(12, 1, 1, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB32, 1, 1, true, pixel, &out, 31), ==, 0);
    g_assert_cmpuint(lz_encode(LZ_TYPE_RGB32, 1, 1, true, pixel, &out, 32), ==, 32);
    g_assert_cmpuint(lz_type_for_format(SPICE_BITMAP_FMT_8BIT_A), ==, LZ_TYPE_A8);
    g_assert_cmpuint(lz_type_for_format(SPICE_BITMAP_FMT_RGBA), ==, LZ_TYPE_RGBA);
    g_assert_cmpuint(lz_type_for_format(SPICE_BITMAP_FMT_1BIT_LE), ==, LZ_TYPE_PLT1_LE);
    g_assert_cmpuint(lz_type_for_format(0), ==, 0);
    g_assert_cmpuint(lz_type_for_format(11), ==, 0);
}

static void assert_refused(const char *hex, int code)
{
    g_autoptr(GBytes) stream = from_hex(hex);
    g_autoptr(GError) error = NULL;
    LzInfo info;

    g_assert_null(lz_decode(g_bytes_get_data(stream, NULL), g_bytes_get_size(stream), &info, &error));
    g_assert_error(error, LZ_ERROR, code);
}

#define HEAD "20205a4c00010001"
#define RGB32_4X1 HEAD "00000008000000040000000100000010"

static void test_bad_streams(void)
{
    g_autoptr(GError) error = NULL;
    LzInfo info;

    g_assert_null(lz_decode(NULL, 0, &info, &error));
    g_assert_error(error, LZ_ERROR, LZ_ERROR_HEADER);
    assert_refused("20205a4d00010001"
                   "00000008000000040000000100000010"
                   "00000001"
                   "00010203",
                   LZ_ERROR_HEADER);
    assert_refused("20205a4c00010002"
                   "00000008000000040000000100000010"
                   "00000001"
                   "00010203",
                   LZ_ERROR_HEADER);
    assert_refused(HEAD "00000000000000040000000100000010"
                        "00000001"
                        "00010203",
                   LZ_ERROR_HEADER);
    assert_refused(HEAD "0000000c000000040000000100000010"
                        "00000001"
                        "00010203",
                   LZ_ERROR_HEADER);
    assert_refused(HEAD "ffffffff000000040000000100000010"
                        "00000001"
                        "00010203",
                   LZ_ERROR_HEADER);
    assert_refused(HEAD "00000008000000040000000100000011"
                        "00000001"
                        "00010203",
                   LZ_ERROR_HEADER); /* stride */
    assert_refused(HEAD "00000008ffffffff00000001fffffffc"
                        "00000001"
                        "00010203",
                   LZ_ERROR_HEADER);
    assert_refused(HEAD "000000080fffffff000000043ffffffc"
                        "00000001"
                        "00010203",
                   LZ_ERROR_HEADER); /* size */
    assert_refused(RGB32_4X1 "00000002"
                             "00010203",
                   LZ_ERROR_HEADER);
    /* One gigabyte promised by a few bytes. */
    assert_refused(HEAD "000000080fffffff000000013ffffffc"
                        "00000001"
                        "000102036000",
                   LZ_ERROR_STREAM);

    assert_refused(RGB32_4X1 "00000001", LZ_ERROR_STREAM);
    assert_refused(RGB32_4X1 "00000001"
                             "00010203",
                   LZ_ERROR_STREAM); /* ends early */
    assert_refused(RGB32_4X1 "00000001"
                             "000102036000"
                             "00",
                   LZ_ERROR_STREAM); /* something follows */
    assert_refused(RGB32_4X1 "00000001"
                             "000102036001",
                   LZ_ERROR_STREAM); /* before the first cell */
    assert_refused(RGB32_4X1 "00000001"
                             "6000"
                             "00010203",
                   LZ_ERROR_STREAM);
    assert_refused(RGB32_4X1 "00000001"
                             "000102038000",
                   LZ_ERROR_STREAM); /* past the last cell */
    assert_refused(RGB32_4X1 "00000001"
                             "04010203010203010203010203010203",
                   LZ_ERROR_STREAM);
    assert_refused(RGB32_4X1 "00000001"
                             "00010203e0ffffff",
                   LZ_ERROR_STREAM);
    assert_refused(RGB32_4X1 "00000001"
                             "000102037fff",
                   LZ_ERROR_STREAM);
    assert_refused(RGB32_4X1 "00000001"
                             "000102037fffff",
                   LZ_ERROR_STREAM);
    assert_refused(RGB32_4X1 "00000001"
                             "000102037fffffff",
                   LZ_ERROR_STREAM);
    assert_refused(RGB32_4X1 "00000001"
                             "0001020360",
                   LZ_ERROR_STREAM);
}

/* Exact copies in memory of their own, so that the address sanitizer sees one byte too many. */
static void decode_copy(const uint8_t *stream, size_t size)
{
    g_autofree uint8_t *copy = g_memdup2(stream, size);
    g_autoptr(GError) error = NULL;
    LzInfo info;
    g_autoptr(GBytes) got = lz_decode(copy, size, &info, &error);

    g_assert_true((got != NULL) == (error == NULL));
}

static void test_damaged_streams(void)
{
    for (LzType type = LZ_TYPE_PLT1_LE; type <= LZ_TYPE_A8; type++) {
        g_autofree uint8_t *pixels = codec_image(type, "mix", 45, 21, 1);
        g_auto(WireWriter) out = {0};
        size_t size = lz_encode(type, 45, 21, true, pixels, &out, SIZE_MAX);
        uint32_t seed = type;

        for (size_t n = 0; n < size; n++) {
            g_autofree uint8_t *copy = g_memdup2(out.data, n);
            LzInfo info;

            g_assert_null(lz_decode(copy, n, &info, NULL));
        }
        for (size_t bit = 0; bit < size * 8; bit++) {
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            decode_copy(out.data, size);
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (unsigned round = 0; round < 2000; round++) {
            size_t n = LZ_HEADER_SIZE + codec_random(&seed);
            g_autofree uint8_t *noise = g_malloc(n);

            memcpy(noise, out.data, LZ_HEADER_SIZE);
            for (size_t i = LZ_HEADER_SIZE; i < n; i++)
                noise[i] = codec_random(&seed);
            decode_copy(noise, n);
        }
    }
}

/* Text on a flat ground, the common case: prints the speed, asserts nothing about it. */
static void test_speed(void)
{
    const unsigned w = 1920, h = 1080;
    static const char *const kinds[] = {"text", "mix", "soft", "flat"};

    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autofree uint8_t *pixels = codec_image(LZ_TYPE_RGB32, kinds[k], w, h, 1);
        g_auto(WireWriter) out = {0};
        const unsigned rounds = 5;
        int64_t start = g_get_monotonic_time(), middle, end;

        for (unsigned i = 0; i < rounds; i++) {
            wire_writer_reset(&out);
            lz_encode(LZ_TYPE_RGB32, w, h, true, pixels, &out, SIZE_MAX);
        }
        middle = g_get_monotonic_time();
        for (unsigned i = 0; i < rounds; i++) {
            LzInfo info;

            g_bytes_unref(lz_decode(out.data, out.size, &info, NULL));
        }
        end = g_get_monotonic_time();
        g_test_message("%s: %.1f%%, encode %.0f MB/s, decode %.0f MB/s", kinds[k], out.size * 100.0 / (w * h * 4),
                       (double)w * h * 4 * rounds / (middle - start), (double)w * h * 4 * rounds / (end - middle));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lz/vectors", test_vectors);
    g_test_add_func("/lz/round-trips", test_round_trips);
    g_test_add_func("/lz/distances", test_distances);
    g_test_add_func("/lz/unused-bits", test_unused_bits);
    g_test_add_func("/lz/bad-geometry", test_bad_geometry);
    g_test_add_func("/lz/bad-streams", test_bad_streams);
    g_test_add_func("/lz/damaged-streams", test_damaged_streams);
    g_test_add_func("/lz/speed", test_speed);
    return g_test_run();
}
