/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which codec an image gets, and what tells photographs from drawings. */
#include "common/image/graduality.h"
#include "server/display/codec-choice.h"
#include "tests/unit/quic-images.h"

typedef struct Sample {
    const char *kind;
    uint8_t format;
    uint16_t width, height;
} Sample;

static Image *make_image(const Sample *sample)
{
    QuicType type = quic_type_for_format(sample->format);
    size_t size = bitmap_row_bytes(sample->format, sample->width) * sample->height;
    uint8_t *pixels =
        type ? quic_image_new(type, sample->kind, sample->width, sample->height, 1) : (uint8_t *)g_malloc0(size);

    return image_new_bitmap(1, sample->format, true, sample->width, sample->height, g_bytes_new_take(pixels, size),
                            NULL);
}

static const Sample photo = {"soft", SPICE_BITMAP_FMT_32BIT, 200, 100};
static const Sample photo16 = {"grad", SPICE_BITMAP_FMT_16BIT, 200, 100};
static const Sample photo_alpha = {"soft", SPICE_BITMAP_FMT_RGBA, 200, 100};
static const Sample text = {"text", SPICE_BITMAP_FMT_32BIT, 200, 100};
static const Sample narrow = {"soft", SPICE_BITMAP_FMT_32BIT, 2, 100};
static const Sample low = {"soft", SPICE_BITMAP_FMT_32BIT, 100, 2};
static const Sample small = {"soft", SPICE_BITMAP_FMT_24BIT, 4, 4}; /* 48 bytes */
static const Sample indexed = {NULL, SPICE_BITMAP_FMT_8BIT, 200, 100};
static const Sample alpha_only = {NULL, SPICE_BITMAP_FMT_8BIT_A, 200, 100};

static void check(const CodecPolicy *policy, const Sample *sample, Codec expected)
{
    g_autoptr(Image) image = make_image(sample);

    g_assert_cmpint(codec_choose(policy, image), ==, expected);
}

static void test_quic(void)
{
    CodecPolicy policy = {.compression = SPICE_IMAGE_COMPRESSION_QUIC, .dictionary = true, .lz4 = true};

    check(&policy, &photo, CODEC_QUIC);
    check(&policy, &photo16, CODEC_QUIC);
    check(&policy, &photo_alpha, CODEC_QUIC);
    check(&policy, &text, CODEC_QUIC);
    check(&policy, &narrow, CODEC_LZ);
    check(&policy, &low, CODEC_LZ);
    check(&policy, &small, CODEC_NONE);
    check(&policy, &indexed, CODEC_LZ);
    check(&policy, &alpha_only, CODEC_LZ);
    policy.lossy = true;
    check(&policy, &photo, CODEC_JPEG);
    check(&policy, &photo_alpha, CODEC_JPEG_ALPHA);
    check(&policy, &indexed, CODEC_LZ);
}

static void test_auto(void)
{
    CodecPolicy policy = {.compression = SPICE_IMAGE_COMPRESSION_AUTO_LZ, .dictionary = true};

    check(&policy, &photo, CODEC_QUIC);
    check(&policy, &photo16, CODEC_QUIC);
    check(&policy, &text, CODEC_LZ);
    check(&policy, &narrow, CODEC_LZ);
    check(&policy, &indexed, CODEC_LZ);
    check(&policy, &alpha_only, CODEC_LZ);
    policy.compression = SPICE_IMAGE_COMPRESSION_AUTO_GLZ;
    check(&policy, &photo, CODEC_QUIC);
    check(&policy, &text, CODEC_GLZ);
    check(&policy, &narrow, CODEC_GLZ);
    check(&policy, &indexed, CODEC_LZ);
    check(&policy, &alpha_only, CODEC_LZ);
    policy.lossy = true;
    check(&policy, &photo, CODEC_JPEG);
    check(&policy, &text, CODEC_GLZ);
    policy.dictionary = false;
    check(&policy, &text, CODEC_LZ);
}

static void test_others(void)
{
    CodecPolicy policy = {.compression = SPICE_IMAGE_COMPRESSION_OFF, .dictionary = true, .lz4 = true};

    check(&policy, &photo, CODEC_NONE);
    policy.compression = SPICE_IMAGE_COMPRESSION_GLZ;
    check(&policy, &photo, CODEC_GLZ);
    check(&policy, &indexed, CODEC_LZ);
    policy.compression = SPICE_IMAGE_COMPRESSION_LZ;
    check(&policy, &photo, CODEC_LZ);
    policy.compression = SPICE_IMAGE_COMPRESSION_LZ4;
    check(&policy, &photo, CODEC_LZ4);
    check(&policy, &narrow, CODEC_LZ4);
    check(&policy, &indexed, CODEC_LZ);
    check(&policy, &alpha_only, CODEC_LZ);
    policy.lz4 = false;
    check(&policy, &photo, CODEC_LZ);
    policy.compression = 99;
    check(&policy, &photo, CODEC_LZ);
    policy.never_encode = true;
    check(&policy, &photo, CODEC_NONE);
}

static Graduality graduality(QuicType type, const char *kind, unsigned w, unsigned h)
{
    uint8_t *pixels = quic_image_new(type, kind, w, h, 1);
    size_t size = (size_t)w * h * quic_image_pixel_bytes(type);
    g_autoptr(Image) image =
        image_new_bitmap(1, quic_format_of_type(type), true, w, h, g_bytes_new_take(pixels, size), NULL);

    return graduality_of_image(image);
}

static void test_graduality(void)
{
    for (QuicType type = QUIC_TYPE_RGB16; type <= QUIC_TYPE_RGBA; type++) {
        g_assert_cmpint(graduality(type, "grad", 100, 100), ==, GRADUALITY_HIGH);
        g_assert_cmpint(graduality(type, "text", 100, 100), ==, GRADUALITY_LOW);
        g_assert_cmpint(graduality(type, "noise", 100, 100), ==, GRADUALITY_LOW);
        /* All alike says nothing: neither above nor below. */
        g_assert_cmpint(graduality(type, "flat", 100, 100), ==, GRADUALITY_MEDIUM);
        /* Of large ones a few rows say the same. */
        g_assert_cmpint(graduality(type, "grad", 100, 700), ==, GRADUALITY_HIGH);
        g_assert_cmpint(graduality(type, "text", 300, 300), ==, GRADUALITY_LOW);
        g_assert_cmpint(graduality(type, "noise", 300, 300), ==, GRADUALITY_LOW);
        g_assert_cmpint(graduality(type, "flat", 300, 300), ==, GRADUALITY_MEDIUM);
        g_assert_cmpint(graduality(type, "soft", 1, 100), ==, GRADUALITY_LOW);
        g_assert_cmpint(graduality(type, "soft", 100, 1), ==, GRADUALITY_LOW);
        /* Every width, to its last pixel: the address sanitizer looks. */
        for (unsigned w = 1; w < 40; w++)
            for (unsigned h = 1; h < 5; h++)
                graduality(type, "soft", w, h);
    }
    g_assert_cmpint(graduality(QUIC_TYPE_GRAY, "soft", 100, 100), ==, GRADUALITY_LOW);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec-choice/quic", test_quic);
    g_test_add_func("/codec-choice/auto", test_auto);
    g_test_add_func("/codec-choice/others", test_others);
    g_test_add_func("/codec-choice/graduality", test_graduality);
    return g_test_run();
}
