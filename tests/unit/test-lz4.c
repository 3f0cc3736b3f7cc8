/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The LZ4 image codec against itself, against streams of several blocks, and against damaged input. */
#include "common/image/lz4.h"
#include "tests/unit/codec-images.h"

#include <lz4.h>
#include <string.h>

static const char *const kinds[] = {"flat", "grad", "noise", "soft", "text", "mix"};

static GBytes *decode(const uint8_t *stream, size_t size, unsigned w, unsigned h, uint8_t *format, bool *top_down)
{
    g_autofree uint8_t *copy = g_memdup2(stream, size);
    g_autoptr(GError) error = NULL;
    GBytes *got = lz4_decode(copy, size, w, h, format, top_down, &error);

    g_assert_true((got != NULL) == (error == NULL));
    return got;
}

static void test_round_trips(void)
{
    static const uint16_t sizes[][2] = {{1, 1}, {5, 1}, {3, 3}, {17, 13}, {33, 31}, {1, 300}, {300, 1}, {320, 200}};

    for (uint8_t f = SPICE_BITMAP_FMT_16BIT; f <= (uint8_t)SPICE_BITMAP_FMT_RGBA; f++)
        for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++)
            for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
                unsigned w = sizes[i][0], h = sizes[i][1];
                g_autofree uint8_t *pixels = codec_image((LzType)f, kinds[k], w, h, i + 1);
                size_t n = codec_image_bytes((LzType)f, w, h), size;
                g_auto(WireWriter) out = {0};
                g_autoptr(GBytes) got = NULL;
                uint8_t format;
                bool top_down;

                wire_write_u8(&out, 7);
                size = lz4_encode(f, w, h, i & 1, pixels, &out, SIZE_MAX);
                g_assert_cmpuint(out.size, ==, size + 1);
                got = decode(out.data + 1, size, w, h, &format, &top_down);
                g_assert_nonnull(got);
                g_assert_cmpuint(format, ==, f);
                g_assert_cmpint(top_down, ==, i & 1);
                g_assert_cmpmem(g_bytes_get_data(got, NULL), g_bytes_get_size(got), pixels, n);
                out.size = 1;
                g_assert_cmpuint(lz4_encode(f, w, h, i & 1, pixels, &out, size - 1), ==, 0);
                g_assert_cmpuint(lz4_encode(f, w, h, i & 1, pixels, &out, 6), ==, 0);
                g_assert_cmpuint(out.size, ==, 1);
                g_assert_cmpuint(lz4_encode(f, w, h, i & 1, pixels, &out, size), ==, size);
            }
}

static void test_refusals(void)
{
    static const uint8_t pixels[64];
    g_auto(WireWriter) out = {0};

    g_assert_cmpuint(lz4_encode(SPICE_BITMAP_FMT_8BIT, 8, 8, true, pixels, &out, 1000), ==, 0);
    g_assert_cmpuint(lz4_encode(SPICE_BITMAP_FMT_8BIT_A, 8, 8, true, pixels, &out, 1000), ==, 0);
    g_assert_cmpuint(lz4_encode(SPICE_BITMAP_FMT_32BIT, 0, 8, true, pixels, &out, 1000), ==, 0);
    g_assert_cmpuint(lz4_encode(SPICE_BITMAP_FMT_32BIT, 8, 0, true, pixels, &out, 1000), ==, 0);
    g_assert_cmpuint(lz4_encode(SPICE_BITMAP_FMT_32BIT, G_MAXUINT32, G_MAXUINT32, true, pixels, &out, 1000), ==, 0);
}

/* Other encoders make linked blocks, which may end within a row. */
static void test_linked_blocks(void)
{
    const unsigned w = 100, h = 60;
    g_autofree uint8_t *pixels = codec_image(LZ_TYPE_RGB32, "text", w, h, 1);
    LZ4_stream_t *stream = LZ4_createStream();
    g_auto(WireWriter) out = {0};
    g_autoptr(GBytes) got = NULL;
    size_t bytes = w * h * 4, part = 1234;
    uint8_t format;
    bool top_down;

    wire_write_u8(&out, 1);
    wire_write_u8(&out, SPICE_BITMAP_FMT_32BIT);
    for (size_t done = 0; done < bytes; done += part) {
        char block[4096];
        int n = LZ4_compress_fast_continue(stream, (const char *)pixels + done, block, (int)MIN(part, bytes - done),
                                           sizeof(block), 1);

        wire_write_u32(&out, GUINT32_SWAP_LE_BE((uint32_t)n));
        wire_write_bytes(&out, block, (size_t)n);
    }
    LZ4_freeStream(stream);
    got = decode(out.data, out.size, w, h, &format, &top_down);
    g_assert_nonnull(got);
    g_assert_cmpmem(g_bytes_get_data(got, NULL), g_bytes_get_size(got), pixels, bytes);
}

static void test_damaged_streams(void)
{
    g_autofree uint8_t *pixels = codec_image(LZ_TYPE_RGB32, "mix", 31, 9, 1);
    g_auto(WireWriter) out = {0};
    size_t size = lz4_encode(SPICE_BITMAP_FMT_32BIT, 31, 9, true, pixels, &out, SIZE_MAX);
    uint8_t format;
    bool top_down;

    for (size_t n = 0; n < size; n++)
        g_assert_null(decode(out.data, n, 31, 9, &format, &top_down));
    g_assert_null(decode(out.data, size, 31, 8, &format, &top_down));
    g_assert_null(decode(out.data, size, 31, 10, &format, &top_down));
    g_assert_null(decode(out.data, size, 0, 9, &format, &top_down));
    g_assert_null(decode(out.data, size, 20000, 20000, &format, &top_down));
    for (size_t bit = 0; bit < size * 8; bit++) {
        g_autoptr(GBytes) got = NULL;

        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        got = decode(out.data, size, 31, 9, &format, &top_down);
        out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lz4/round-trips", test_round_trips);
    g_test_add_func("/lz4/refusals", test_refusals);
    g_test_add_func("/lz4/linked-blocks", test_linked_blocks);
    g_test_add_func("/lz4/damaged-streams", test_damaged_streams);
    return g_test_run();
}
