/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QUIC codec against recorded streams, against itself, and against damaged input. */
#include "tests/unit/quic-images.h"

#include <stdlib.h>

static const char *const format_names[] = {NULL, "gray", "rgb16", "rgb24", "rgb32", "rgba"};
static const char *const kinds[] = {"flat", "grad", "noise", "soft", "text", "mix", "stripe"};

static size_t image_bytes(QuicType type, unsigned w, unsigned h)
{
    return (size_t)w * h * quic_image_pixel_bytes(type);
}

static void assert_sha256(const uint8_t *data, size_t size, const char *expected)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);

    g_assert_cmpstr(sum, ==, expected);
}

static GBytes *from_hex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    uint8_t *data = g_malloc(n);

    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return g_bytes_new_take(data, n);
}

/* What must come out of the decoder for these pixels. */
static uint8_t *expected_pixels(QuicType type, unsigned w, unsigned h, bool top_down, const uint8_t *pixels)
{
    size_t row = image_bytes(type, w, 1), size = row * h;
    uint8_t *expected = g_malloc(size);

    for (unsigned y = 0; y < h; y++)
        memcpy(expected + row * y, pixels + row * (top_down ? y : h - 1 - y), row);
    for (size_t i = 0; i < size; i++) {
        if (type == QUIC_TYPE_RGB32 && i % 4 == 3)
            expected[i] = 0;
        if (type == QUIC_TYPE_RGB16 && i % 2 == 1)
            expected[i] &= 0x7f;
    }
    return expected;
}

static void check_decode(const uint8_t *stream, size_t size, QuicType type, unsigned w, unsigned h, bool top_down,
                         const uint8_t *pixels)
{
    g_autoptr(GError) error = NULL;
    QuicInfo info;
    g_autoptr(GBytes) got = quic_decode(stream, size, &info, &error);
    g_autofree uint8_t *expected = expected_pixels(type, w, h, top_down, pixels);

    g_assert_no_error(error);
    g_assert_nonnull(got);
    g_assert_cmpuint(info.type, ==, type);
    g_assert_cmpuint(info.width, ==, w);
    g_assert_cmpuint(info.height, ==, h);
    g_assert_cmpmem(g_bytes_get_data(got, NULL), g_bytes_get_size(got), expected, image_bytes(type, w, h));
}

static void check_round_trip(QuicType type, unsigned w, unsigned h, bool top_down, const uint8_t *pixels)
{
    g_auto(WireWriter) out = {0};
    size_t size;

    wire_write_u16(&out, 0xabcd);
    size = quic_encode(type, w, h, top_down, pixels, &out, SIZE_MAX);
    g_assert_cmpuint(size, >, QUIC_HEADER_SIZE);
    g_assert_cmpuint(size % 4, ==, 0);
    g_assert_cmpuint(out.size, ==, size + 2);
    g_assert_cmpmem(out.data, 2, "\xcd\xab", 2);
    g_assert_cmpmem(out.data + out.size - 4, 4, "\0\0\0", 4);
    check_decode(out.data + 2, size, type, w, h, top_down, pixels);
    check_decode(out.data + 2, size - 4, type, w, h, top_down, pixels); /* the word that is not needed */

    wire_writer_reset(&out);
    g_assert_cmpuint(quic_encode(type, w, h, top_down, pixels, &out, size), ==, size);
    wire_writer_clear(&out);
    wire_write_u8(&out, 7);
    g_assert_cmpuint(quic_encode(type, w, h, top_down, pixels, &out, size - 1), ==, 0);
    g_assert_cmpuint(quic_encode(type, w, h, top_down, pixels, &out, size / 2), ==, 0);
    g_assert_cmpuint(out.size, ==, 1);
    g_assert_cmpuint(out.data[0], ==, 7);
}

static void check_encode_vector(char **f)
{
    QuicType type = atoi(f[1]);
    unsigned w = atoi(f[4]), h = atoi(f[5]);
    g_autofree uint8_t *pixels = quic_image_new(type, f[3], w, h, atoi(f[6]));
    g_auto(WireWriter) out = {0};

    g_assert_cmpstr(f[2], ==, format_names[type]);
    assert_sha256(pixels, image_bytes(type, w, h), f[7]);
    g_assert_cmpuint(quic_encode(type, w, h, true, pixels, &out, SIZE_MAX), ==, strtoul(f[8], NULL, 10));
    assert_sha256(out.data, out.size, f[9]);
    check_decode(out.data, out.size, type, w, h, true, pixels);
}

static void check_tiny_vector(char **f)
{
    QuicType type = atoi(f[1]);
    unsigned w = atoi(f[4]), h = atoi(f[5]);
    g_autoptr(GBytes) pixels = from_hex(f[6]), stream = from_hex(f[7]);
    g_autofree uint8_t *made = quic_image_new(type, f[3], w, h, 1);
    g_auto(WireWriter) out = {0};

    g_assert_cmpmem(made, image_bytes(type, w, h), g_bytes_get_data(pixels, NULL), g_bytes_get_size(pixels));
    quic_encode(type, w, h, true, made, &out, SIZE_MAX);
    g_assert_cmpmem(out.data, out.size, g_bytes_get_data(stream, NULL), g_bytes_get_size(stream));
    check_decode(g_bytes_get_data(stream, NULL), g_bytes_get_size(stream), type, w, h, true, made);
}

static void test_vectors(void)
{
    const char *top = g_getenv("CARAVAN_TOP");
    g_autofree char *path = g_build_filename(top ? top : ".", "tests/data/quic-vectors.tsv", NULL);
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
        if (!strcmp(f[0], "encode"))
            check_encode_vector(f);
        else
            check_tiny_vector(f);
        n++;
    }
    g_assert_cmpuint(n, ==, 29);
}

static void test_round_trips(void)
{
    static const uint16_t sizes[][2] = {{1, 1},   {1, 7},   {2, 1},   {3, 1},   {3, 3},  {4, 1},    {4, 9},    {5, 2},
                                        {6, 6},   {7, 1},   {8, 3},   {9, 1},   {15, 2}, {16, 5},   {17, 13},  {19, 4},
                                        {33, 31}, {63, 64}, {64, 20}, {65, 33}, {1, 64}, {127, 9},  {128, 17}, {129, 5},
                                        {1, 300}, {300, 1}, {31, 9},  {32, 8},  {34, 2}, {320, 200}};

    for (QuicType type = QUIC_TYPE_GRAY; type <= QUIC_TYPE_RGBA; type++)
        for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++)
            for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
                g_autofree uint8_t *pixels = quic_image_new(type, kinds[k], sizes[i][0], sizes[i][1], i + 1);

                check_round_trip(type, sizes[i][0], sizes[i][1], i & 1, pixels);
            }
}

/* Rectangles over each other, some noisy: runs of all lengths, alike in neighbouring rows, of all states of the model.
 * The bits that QUIC does not carry are noise, too. */
static void test_random_pictures(void)
{
    uint32_t seed = 7;

    for (unsigned round = 0; round < 400; round++) {
        QuicType type = QUIC_TYPE_GRAY + round % 5;
        unsigned w = 1 + quic_image_next(&seed) + (round % 16 ? 0 : 4 * quic_image_next(&seed));
        unsigned h = 1 + quic_image_next(&seed) % 60, bytes = quic_image_pixel_bytes(type);
        g_autofree uint8_t *pixels = g_malloc0(image_bytes(type, w, h));

        for (unsigned n = quic_image_next(&seed) % 20; n > 0; n--) {
            unsigned x0 = quic_image_next(&seed) * 4u % w, x1 = x0 + quic_image_next(&seed) * 2u;
            unsigned y0 = quic_image_next(&seed) % h, y1 = y0 + quic_image_next(&seed);
            uint8_t p[4], noise = n % 4 ? 0 : 0xff >> n % 8;

            for (unsigned i = 0; i < 4; i++)
                p[i] = quic_image_next(&seed);
            for (unsigned y = y0; y < MIN(y1, h); y++)
                for (unsigned x = x0; x < MIN(x1, w); x++)
                    for (unsigned i = 0; i < bytes; i++)
                        pixels[((size_t)y * w + x) * bytes + i] = p[i] + (noise & quic_image_next(&seed));
        }
        for (size_t i = bytes - 1; round % 3 == 0 && i < image_bytes(type, w, h); i += bytes)
            if (type == QUIC_TYPE_RGB32 || type == QUIC_TYPE_RGB16)
                pixels[i] ^= quic_image_next(&seed) & (type == QUIC_TYPE_RGB16 ? 0x80 : 0xff);
        check_round_trip(type, w, h, round & 1, pixels);
    }
}

/* So wide that stretches are cut, so high that the model gets slow, and runs that are longer than any piece. */
static void test_large_pictures(void)
{
    for (QuicType type = QUIC_TYPE_GRAY; type <= QUIC_TYPE_RGBA; type++) {
        g_autofree uint8_t *wide = quic_image_new(type, "noise", 5000, 6, 1);
        g_autofree uint8_t *high = quic_image_new(type, "mix", 3, 7000, 1);
        g_autofree uint8_t *flat = quic_image_new(type, "flat", 70000, 40, 1);

        check_round_trip(type, 5000, 6, true, wide);
        check_round_trip(type, 3, 7000, true, high);
        check_round_trip(type, 70000, 40, true, flat);
    }
}

/* The bits that QUIC does not carry do not end runs. */
static void test_unused_bits(void)
{
    uint8_t pixels[4 * 400];
    g_auto(WireWriter) out = {0};
    uint32_t seed = 3;

    for (unsigned i = 0; i < sizeof(pixels); i++)
        pixels[i] = i % 4 == 3 ? quic_image_next(&seed) : 0;
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 100, 4, true, pixels, &out, 110), >, 0);
    for (unsigned i = 0; i < sizeof(pixels); i++)
        pixels[i] = i % 2 ? quic_image_next(&seed) & 0x80 : 0;
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB16, 200, 4, true, pixels, &out, 140), >, 0);
    g_assert_cmpuint(quic_encode(QUIC_TYPE_GRAY, 200, 4, true, pixels, &out, 140), ==, 0);
}

static void test_bad_geometry(void)
{
    static const uint8_t pixel[4];
    g_auto(WireWriter) out = {0};

    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 0, 1, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 1, 0, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 1 << 15, 1 << 14, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, G_MAXUINT32, G_MAXUINT32, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(quic_encode(0, 1, 1, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(quic_encode(6, 1, 1, true, pixel, &out, 100), ==, 0);
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 1, 1, true, pixel, &out, 27), ==, 0);
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 1, 1, true, pixel, &out, 0), ==, 0);
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 1, 1, true, pixel, &out, 28), ==, 28);
    g_assert_cmpuint(quic_type_for_format(SPICE_BITMAP_FMT_8BIT_A), ==, 0);
    g_assert_cmpuint(quic_type_for_format(SPICE_BITMAP_FMT_8BIT), ==, 0);
    g_assert_cmpuint(quic_type_for_format(0), ==, 0);
    g_assert_cmpuint(quic_type_for_format(11), ==, 0);
    for (uint8_t format = SPICE_BITMAP_FMT_16BIT; format <= (uint8_t)SPICE_BITMAP_FMT_RGBA; format++)
        g_assert_cmpuint(quic_format_of_type(quic_type_for_format(format)), ==, format);
    g_assert_cmpuint(quic_format_of_type(QUIC_TYPE_GRAY), ==, SPICE_BITMAP_FMT_8BIT_A);
    g_assert_cmpuint(quic_format_of_type(0), ==, 0);
}

static void assert_refused(const char *hex, int code)
{
    g_autoptr(GBytes) stream = from_hex(hex);
    g_autoptr(GError) error = NULL;
    QuicInfo info;

    g_assert_null(quic_decode(g_bytes_get_data(stream, NULL), g_bytes_get_size(stream), &info, &error));
    g_assert_error(error, QUIC_ERROR, code);
}

#define HEAD "5155494300000000"
#define MORE "0000000000000000"

static void test_bad_streams(void)
{
    g_autoptr(GError) error = NULL;
    QuicInfo info;

    g_assert_null(quic_decode(NULL, 0, &info, &error));
    g_assert_error(error, QUIC_ERROR, QUIC_ERROR_HEADER);
    assert_refused("5155494400000000040000000100000001000000" MORE, QUIC_ERROR_HEADER);
    assert_refused("5155494301000000040000000100000001000000" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "000000000100000001000000" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "060000000100000001000000" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "ffffffff0100000001000000" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "040000000000000001000000" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "040000000100000000000000" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "0400000000800000ffffffff" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "040000000000002001000000" MORE, QUIC_ERROR_HEADER);
    assert_refused(HEAD "0400000001000000", QUIC_ERROR_HEADER);
    assert_refused(HEAD "040000000100000001000000", QUIC_ERROR_STREAM);
    /* Half a billion pixels promised by a few bytes. */
    assert_refused(HEAD "04000000ffffff1f01000000" MORE, QUIC_ERROR_STREAM);
    assert_refused(HEAD "0400000001000000ffffff1f" MORE, QUIC_ERROR_STREAM);
    assert_refused(HEAD "0100000000040000ffff0700" MORE, QUIC_ERROR_STREAM);
    /* Three components of 8 bits in a word are enough for a pixel, but not for two. */
    assert_refused(HEAD "04000000020000000100000000000000", QUIC_ERROR_STREAM);
}

/* Exact copies in memory of their own, so that the address sanitizer sees one byte too many. */
static bool decode_copy(const uint8_t *stream, size_t size)
{
    g_autofree uint8_t *copy = g_memdup2(stream, size);
    g_autoptr(GError) error = NULL;
    QuicInfo info;
    g_autoptr(GBytes) got = quic_decode(copy, size, &info, &error);

    g_assert_true((got != NULL) == (error == NULL));
    return got != NULL;
}

static void test_damaged_streams(void)
{
    for (QuicType type = QUIC_TYPE_GRAY; type <= QUIC_TYPE_RGBA; type++) {
        g_autofree uint8_t *pixels = quic_image_new(type, "mix", 45, 21, 1);
        g_auto(WireWriter) out = {0};
        size_t size = quic_encode(type, 45, 21, true, pixels, &out, SIZE_MAX);
        uint32_t seed = type;

        for (size_t n = 0; n < size - 4; n++)
            g_assert_false(decode_copy(out.data, n));
        for (size_t bit = 0; bit < size * 8; bit++) {
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            decode_copy(out.data, size);
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (unsigned round = 0; round < 3000; round++) {
            size_t n = QUIC_HEADER_SIZE + 16u * quic_image_next(&seed);
            g_autofree uint8_t *noise = g_malloc(n);
            uint8_t sparse = 0xff >> round % 8;

            memcpy(noise, out.data, QUIC_HEADER_SIZE);
            for (size_t i = QUIC_HEADER_SIZE; i < n; i++)
                noise[i] = round % 3 ? quic_image_next(&seed) & sparse : quic_image_next(&seed) | sparse;
            decode_copy(noise, n);
        }
    }
}

/* Prints the speed, asserts nothing about it. */
static void test_speed(void)
{
    const unsigned w = 1280, h = 720, rounds = 5;

    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autofree uint8_t *pixels = quic_image_new(QUIC_TYPE_RGB32, kinds[k], w, h, 1);
        g_auto(WireWriter) out = {0};
        int64_t start = g_get_monotonic_time(), middle, end;

        for (unsigned i = 0; i < rounds; i++) {
            wire_writer_reset(&out);
            quic_encode(QUIC_TYPE_RGB32, w, h, true, pixels, &out, SIZE_MAX);
        }
        middle = g_get_monotonic_time();
        for (unsigned i = 0; i < rounds; i++) {
            QuicInfo info;

            g_bytes_unref(quic_decode(out.data, out.size, &info, NULL));
        }
        end = g_get_monotonic_time();
        g_test_message("%s: %.1f%%, encode %.0f MB/s, decode %.0f MB/s", kinds[k], out.size * 100.0 / (w * h * 4),
                       (double)w * h * 4 * rounds / (middle - start), (double)w * h * 4 * rounds / (end - middle));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quic/vectors", test_vectors);
    g_test_add_func("/quic/round-trips", test_round_trips);
    g_test_add_func("/quic/random-pictures", test_random_pictures);
    g_test_add_func("/quic/large-pictures", test_large_pictures);
    g_test_add_func("/quic/unused-bits", test_unused_bits);
    g_test_add_func("/quic/bad-geometry", test_bad_geometry);
    g_test_add_func("/quic/bad-streams", test_bad_streams);
    g_test_add_func("/quic/damaged-streams", test_damaged_streams);
    g_test_add_func("/quic/speed", test_speed);
    return g_test_run();
}
