/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/codec-images.h"

#include <string.h>

unsigned codec_type_bits(LzType type)
{
    static const uint8_t bits[] = {0, 1, 1, 4, 4, 8, 16, 24, 32, 32, 32, 8};

    return bits[type];
}

size_t codec_image_bytes(LzType type, unsigned w, unsigned h)
{
    return ((size_t)w * codec_type_bits(type) + 7) / 8 * h;
}

uint8_t codec_random(uint32_t *s)
{
    *s = (*s * 1103515245u + 12345u) & 0x7fffffff;
    return (uint8_t)(*s >> 16);
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* One pixel (b, g, r, a) of a picture. */
static void make_pixel(const char *kind, unsigned x, unsigned y, unsigned w, uint32_t *s, uint8_t p[4])
{
    uint8_t n;

    if (is(kind, "flat")) {
        memcpy(p, (uint8_t[]){0x12, 0x34, 0x56, 0x78}, 4);
    } else if (is(kind, "grad")) {
        memcpy(p, (uint8_t[]){3 * x + y, x + 2 * y, x ^ y, x + y}, 4);
    } else if (is(kind, "noise")) {
        for (unsigned i = 0; i < 4; i++)
            p[i] = codec_random(s);
    } else if (is(kind, "soft")) {
        n = codec_random(s);
        memcpy(p, (uint8_t[]){x + (n & 3), y + (n >> 2 & 3), ((x + y) >> 1) + (n >> 4 & 3), 128 + (n >> 6)}, 4);
    } else if (is(kind, "text")) {
        if (((x / 3) * 7 + (y / 5) * 13 + (x / 11) * (y / 9)) % 5 == 0)
            memcpy(p, (uint8_t[]){0x10, 0x20, 0x30, 0xff}, 4);
        else
            memcpy(p, (uint8_t[]){0xee, 0xee, 0xee, x < w / 2 ? 0xff : 0x80}, 4);
    } else if (is(kind, "mix")) {
        n = codec_random(s);
        if (x < w / 3)
            memcpy(p, (y / 4) & 1 ? "\xee\xee\xee\xff" : "\x40\x30\x20\xff", 4);
        else if (x < 2 * w / 3)
            memcpy(p, (uint8_t[]){2 * x, 3 * y, x + y, 2 * y}, 4);
        else
            memcpy(p, (uint8_t[]){n, n, n, n & 0xf0}, 4);
    } else {
        g_assert_not_reached();
    }
}

static void store_pixel(LzType type, uint8_t *row, unsigned x, const uint8_t p[4])
{
    unsigned v = (unsigned)(p[2] >> 3) << 10 | (unsigned)(p[1] >> 3) << 5 | p[0] >> 3;

    switch (codec_type_bits(type)) {
    case 32:
        memcpy(row + 4 * x, p, 4);
        if (type == LZ_TYPE_RGB32)
            row[4 * x + 3] = 0;
        break;
    case 24:
        memcpy(row + 3 * x, p, 3);
        break;
    case 16:
        row[2 * x] = (uint8_t)v;
        row[2 * x + 1] = (uint8_t)(v >> 8);
        break;
    case 8:
        row[x] = p[1];
        break;
    case 4:
        row[x / 2] |= (uint8_t)((p[1] >> 4) << ((x & 1) == (type == LZ_TYPE_PLT4_BE) ? 0 : 4));
        break;
    default:
        row[x / 8] |= (uint8_t)((p[1] >> 7) << (type == LZ_TYPE_PLT1_BE ? 7 - x % 8 : x % 8));
    }
}

uint8_t *codec_image(LzType type, const char *kind, unsigned w, unsigned h, uint32_t seed)
{
    uint8_t *pixels = g_malloc0(codec_image_bytes(type, w, h)), p[4];

    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++) {
            make_pixel(kind, x, y, w, &seed, p);
            store_pixel(type, pixels + y * codec_image_bytes(type, w, 1), x, p);
        }
    return pixels;
}

void assert_sha256(const uint8_t *data, size_t size, const char *expected)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);

    g_assert_cmpstr(sum, ==, expected);
}

GBytes *from_hex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    uint8_t *data = g_malloc(n);

    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return g_bytes_new_take(data, n);
}
