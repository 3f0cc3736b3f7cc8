/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JPEG and JPEG_ALPHA: the form of the stream, how near the pixels are, the bound, damaged input. */
#include "common/image/jpeg.h"
#include "tests/unit/codec-images.h"

#include <stdlib.h>
#include <string.h>

static GBytes *decode(const uint8_t *stream, size_t size, uint32_t *w, uint32_t *h)
{
    g_autofree uint8_t *copy = g_memdup2(stream, size);
    g_autoptr(GError) error = NULL;
    GBytes *got = jpeg_decode(copy, size, w, h, &error);

    g_assert_true((got != NULL) == (error == NULL));
    return got;
}

static void component(uint8_t format, const uint8_t *p, unsigned x, unsigned c, int *v)
{
    if (format == SPICE_BITMAP_FMT_16BIT) {
        *v = ((p[2 * x] | p[2 * x + 1] << 8) >> 5 * c & 31) << 3;
        *v |= *v >> 5;
    } else {
        *v = p[x * (format == SPICE_BITMAP_FMT_24BIT ? 3 : 4) + c];
    }
}

/* The mean difference of the components of a smooth picture. */
static double difference(uint8_t format, unsigned w, unsigned h, bool top_down, const uint8_t *pixels, GBytes *got)
{
    const uint8_t *data = g_bytes_get_data(got, NULL);
    size_t stride = bitmap_row_bytes(format, w);
    uint64_t sum = 0;

    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++)
            for (unsigned c = 0; c < 3; c++) {
                int v;

                component(format, pixels + (top_down ? y : h - 1 - y) * stride, x, c, &v);
                sum += (uint64_t)abs(v - data[((size_t)y * w + x) * 4 + c]);
            }
    return (double)sum / (3.0 * w * h);
}

static void test_round_trips(void)
{
    static const uint16_t sizes[][2] = {{1, 1}, {3, 3}, {17, 13}, {100, 60}, {40, 33}, {1, 40}, {40, 1}};

    for (uint8_t f = SPICE_BITMAP_FMT_16BIT; f <= (uint8_t)SPICE_BITMAP_FMT_RGBA; f++)
        for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
            unsigned w = sizes[i][0], h = sizes[i][1];
            g_autofree uint8_t *pixels = codec_image((LzType)f, "soft", w, h, 1);
            g_auto(WireWriter) out = {0};
            g_autoptr(GBytes) got = NULL;
            uint32_t got_w, got_h;
            size_t size;

            wire_write_u8(&out, 7);
            size = jpeg_encode(f, w, h, i & 1, pixels, &out, SIZE_MAX);
            g_assert_cmpuint(size, >, 0);
            g_assert_cmpuint(out.size, ==, size + 1);
            got = decode(out.data + 1, size, &got_w, &got_h);
            g_assert_nonnull(got);
            g_assert_cmpuint(got_w, ==, w);
            g_assert_cmpuint(got_h, ==, h);
            g_assert_cmpfloat(difference(f, w, h, i & 1, pixels, got), <, 6);
            out.size = 1;
            g_assert_cmpuint(jpeg_encode(f, w, h, true, pixels, &out, size - 10), ==, 0);
            g_assert_cmpuint(jpeg_encode(f, w, h, true, pixels, &out, 0), ==, 0);
            g_assert_cmpuint(out.size, ==, 1);
            g_assert_cmpuint(out.data[0], ==, 7);
        }
}

/* Larger than the first room, and than the bound. */
static void test_bound(void)
{
    g_autofree uint8_t *pixels = codec_image(LZ_TYPE_RGB32, "noise", 200, 200, 1);
    g_auto(WireWriter) out = {0};
    size_t size = jpeg_encode(SPICE_BITMAP_FMT_32BIT, 200, 200, true, pixels, &out, SIZE_MAX);

    g_assert_cmpuint(size, >, 20000);
    for (size_t max = 0; max < size; max += 2000) {
        wire_writer_clear(&out);
        g_assert_cmpuint(jpeg_encode(SPICE_BITMAP_FMT_32BIT, 200, 200, true, pixels, &out, max), ==, 0);
        g_assert_cmpuint(out.size, ==, 0);
    }
    g_assert_cmpuint(jpeg_encode(SPICE_BITMAP_FMT_32BIT, 200, 200, true, pixels, &out, size), ==, size);
    g_assert_cmpuint(jpeg_encode(SPICE_BITMAP_FMT_8BIT, 8, 8, true, pixels, &out, size), ==, 0);
    g_assert_cmpuint(jpeg_encode(SPICE_BITMAP_FMT_32BIT, 0, 8, true, pixels, &out, size), ==, 0);
    g_assert_cmpuint(jpeg_encode(SPICE_BITMAP_FMT_32BIT, 70000, 1, true, pixels, &out, size), ==, 0);
}

/* The segments, sampling and first quantisers that clients know. */
static void test_form(void)
{
    static const uint8_t markers[] = {0xe0, 0xdb, 0xdb, 0xc0, 0xc4, 0xc4, 0xc4, 0xc4, 0xda};
    g_autofree uint8_t *pixels = codec_image(LZ_TYPE_RGB32, "soft", 40, 30, 1);
    g_auto(WireWriter) out = {0};
    size_t pos = 2;

    jpeg_encode(SPICE_BITMAP_FMT_32BIT, 40, 30, true, pixels, &out, SIZE_MAX);
    g_assert_cmpmem(out.data, 2, "\xff\xd8", 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(markers); i++) {
        g_assert_cmpuint(out.data[pos], ==, 0xff);
        g_assert_cmpuint(out.data[pos + 1], ==, markers[i]);
        if (i == 1)
            g_assert_cmpmem(out.data + pos + 5, 7, "\5\3\4\4\4\3\5", 7);
        if (markers[i] == 0xc0)
            g_assert_cmpmem(out.data + pos + 9, 10, "\3\1\x22\0\2\x11\1\3\x11\1", 10);
        pos += 2 + (size_t)(out.data[pos + 2] << 8 | out.data[pos + 3]);
    }
    g_assert_cmpmem(out.data + out.size - 2, 2, "\xff\xd9", 2);
}

static void test_alpha(void)
{
    const unsigned w = 45, h = 30;
    g_autofree uint8_t *pixels = codec_image(LZ_TYPE_RGBA, "soft", w, h, 1);
    g_auto(WireWriter) out = {0};
    size_t jpeg_size, size = jpeg_alpha_encode(w, h, false, pixels, &out, SIZE_MAX, &jpeg_size);
    uint32_t got_w, got_h;
    LzInfo info;
    g_autoptr(GBytes) colours = decode(out.data, jpeg_size, &got_w, &got_h), alpha = NULL;
    const uint8_t *a;

    g_assert_nonnull(colours);
    alpha = lz_decode(out.data + jpeg_size, size - jpeg_size, &info, NULL);
    g_assert_nonnull(alpha);
    g_assert_cmpuint(info.type, ==, LZ_TYPE_XXXA);
    g_assert_cmpuint(info.width, ==, w);
    g_assert_cmpuint(info.height, ==, h);
    g_assert_false(info.top_down);
    a = g_bytes_get_data(alpha, NULL);
    for (size_t i = 3; i < (size_t)w * h * 4; i += 4)
        g_assert_cmpuint(a[i], ==, pixels[i]);
    wire_writer_reset(&out);
    g_assert_cmpuint(jpeg_alpha_encode(w, h, false, pixels, &out, size, &jpeg_size), ==, size);
    wire_writer_reset(&out);
    g_assert_cmpuint(jpeg_alpha_encode(w, h, false, pixels, &out, size - 1, &jpeg_size), ==, 0);
    g_assert_cmpuint(jpeg_alpha_encode(w, h, false, pixels, &out, 30, &jpeg_size), ==, 0);
    g_assert_cmpuint(out.size, ==, 0);
}

static void test_damaged_streams(void)
{
    g_autofree uint8_t *pixels = codec_image(LZ_TYPE_RGB32, "soft", 17, 9, 1);
    g_auto(WireWriter) out = {0};
    size_t size = jpeg_encode(SPICE_BITMAP_FMT_32BIT, 17, 9, true, pixels, &out, SIZE_MAX);
    uint32_t w, h;

    for (size_t n = 0; n + 2 < size; n++)
        g_assert_null(decode(out.data, n, &w, &h));
    for (size_t bit = 0; bit < size * 8; bit++) {
        g_autoptr(GBytes) got = NULL;

        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        got = decode(out.data, size, &w, &h);
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jpeg/round-trips", test_round_trips);
    g_test_add_func("/jpeg/bound", test_bound);
    g_test_add_func("/jpeg/form", test_form);
    g_test_add_func("/jpeg/alpha", test_alpha);
    g_test_add_func("/jpeg/damaged-streams", test_damaged_streams);
    return g_test_run();
}
