/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The zlib wrapping of GLZ streams. */
#include "common/image/glz-deflate.h"
#include "tests/unit/codec-images.h"

#include <string.h>

static GBytes *inflate_copy(const uint8_t *data, size_t size, size_t glz_size)
{
    g_autofree uint8_t *copy = g_memdup2(data, size);
    g_autoptr(GError) error = NULL;
    GBytes *got = glz_inflate(copy, size, glz_size, &error);

    g_assert_true((got != NULL) == (error == NULL));
    return got;
}

static void test_round_trip(void)
{
    g_autofree uint8_t *text = codec_image(LZ_TYPE_A8, "text", 300, 20, 1);
    g_autofree uint8_t *noise = codec_image(LZ_TYPE_A8, "noise", 300, 20, 1);
    g_auto(WireWriter) out = {0};
    g_autoptr(GBytes) got = NULL;
    size_t n;

    wire_write_u8(&out, 1);
    g_assert_cmpuint(glz_deflate(text, 99, &out), ==, 0);    /* too short */
    g_assert_cmpuint(glz_deflate(noise, 6000, &out), ==, 0); /* not made shorter */
    g_assert_cmpuint(out.size, ==, 1);
    n = glz_deflate(text, 6000, &out);
    g_assert_cmpuint(n, >, 0);
    g_assert_cmpuint(n, <, 6000);
    g_assert_cmpuint(out.size, ==, 1 + n);
    g_assert_cmpmem(out.data + 1, 2, "\x78\x5e", 2);
    got = inflate_copy(out.data + 1, n, 6000);
    g_assert_nonnull(got);
    g_assert_cmpmem(g_bytes_get_data(got, NULL), 6000, text, 6000);
    g_assert_null(inflate_copy(out.data + 1, n, 5999));
    g_assert_null(inflate_copy(out.data + 1, n, 6001));
    g_assert_null(inflate_copy(out.data + 1, n, 1u << 30));
    for (size_t i = 0; i < n; i++)
        g_assert_null(inflate_copy(out.data + 1, i, 6000));
    for (size_t bit = 0; bit < n * 8; bit++) {
        g_autoptr(GBytes) damaged = NULL;

        out.data[1 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        damaged = inflate_copy(out.data + 1, n, 6000);
        out.data[1 + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/glz-deflate/round-trip", test_round_trip);
    return g_test_run();
}
