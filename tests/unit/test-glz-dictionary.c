/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The window that GLZ encoders share: what leaves it, what it holds, migration, several threads. */
#include "common/image/glz.h"
#include "tests/unit/codec-images.h"

#include <string.h>

static GBytes *make_image(LzType type, const char *kind, unsigned w, unsigned h, uint32_t seed)
{
    return g_bytes_new_take(codec_image(type, kind, w, h, seed), codec_image_bytes(type, w, h));
}

/* Encodes a picture and gives the header of its stream. */
static GlzInfo encode(GlzDictionary *dictionary, unsigned w, unsigned h, uint32_t seed)
{
    g_autoptr(GBytes) pixels = make_image(LZ_TYPE_RGB32, "mix", w, h, seed);
    g_auto(WireWriter) out = {0};
    GlzInfo info;

    g_assert_cmpuint(glz_encode(dictionary, LZ_TYPE_RGB32, w, h, true, pixels, &out, NULL), >, 0);
    g_assert_true(glz_read_header(out.data, out.size, &info, NULL));
    return info;
}

static void test_eviction(void)
{
    static const struct {
        unsigned w, h;
        uint32_t dist;
    } images[] = {{100, 70, 0},  {100, 70, 1}, {100, 70, 1}, {100, 70, 1}, {135, 110, 0}, {10, 10, 1},
                  {100, 149, 1}, {1, 1, 1},    {99, 1, 2},   {1, 1, 2},    {149, 100, 2}};
    g_autoptr(GlzDictionary) d = glz_dictionary_new(1, 15000, 0);
    GlzFigures figures;

    for (unsigned i = 0; i < G_N_ELEMENTS(images); i++) {
        GlzInfo info = encode(d, images[i].w, images[i].h, i);

        g_test_message("image %u: window back to %u", i, info.win_head_dist);
        g_assert_cmpuint(info.id, ==, i);
        g_assert_cmpuint(info.win_head_dist, ==, images[i].dist);
        glz_dictionary_get_figures(d, &figures);
        g_assert_cmpuint(figures.images, ==, info.win_head_dist + 1);
        g_assert_cmpuint(figures.bytes, ==, figures.pixels * 4);
        g_assert_cmpuint(figures.pixels, <=, 15000);
    }
}

static void test_refusals(void)
{
    g_autoptr(GlzDictionary) d = glz_dictionary_new(3, 1000, 0);
    g_autoptr(GBytes) pixels = make_image(LZ_TYPE_RGB32, "mix", 100, 10, 1);
    g_auto(WireWriter) out = {0};
    GlzFigures figures;

    wire_write_u8(&out, 9);
    g_assert_cmpuint(glz_encode(d, LZ_TYPE_RGB32, 100, 10, true, pixels, &out, NULL), ==,
                     0); /* as large as the window */
    g_assert_cmpuint(glz_encode(d, LZ_TYPE_RGB32, 0, 10, true, pixels, &out, NULL), ==, 0);
    g_assert_cmpuint(glz_encode(d, LZ_TYPE_PLT8, 10, 10, true, pixels, &out, NULL), ==, 0);
    g_assert_cmpuint(glz_encode(d, LZ_TYPE_A8, 10, 10, true, pixels, &out, NULL), ==, 0);
    glz_dictionary_freeze(d);
    g_assert_cmpuint(glz_encode(d, LZ_TYPE_RGB32, 10, 10, true, pixels, &out, NULL), ==, 0);
    glz_dictionary_get_figures(d, &figures);
    g_assert_true(figures.frozen);
    g_assert_cmpuint(figures.id, ==, 3);
    g_assert_cmpuint(figures.next_id, ==, 0);
    g_assert_cmpuint(figures.images, ==, 0);
    g_assert_cmpuint(figures.bytes, ==, 0);
    g_assert_cmpuint(out.size, ==, 1);
    glz_dictionary_thaw(d);
    g_assert_cmpuint(encode(d, 10, 10, 1).id, ==, 0);
    g_assert_cmpuint(glz_type_for_format(SPICE_BITMAP_FMT_32BIT), ==, LZ_TYPE_RGB32);
    g_assert_cmpuint(glz_type_for_format(SPICE_BITMAP_FMT_16BIT), ==, LZ_TYPE_RGB16);
    g_assert_cmpuint(glz_type_for_format(SPICE_BITMAP_FMT_8BIT), ==, 0);
    g_assert_cmpuint(glz_type_for_format(SPICE_BITMAP_FMT_8BIT_A), ==, 0);
}

/* The numbering goes on where another host stopped; the window is empty, and the client is told so. */
static void test_migration(void)
{
    g_autoptr(GlzDictionary) source = glz_dictionary_new(1, 50000, 0);
    GlzDictionary *destination;
    GlzFigures figures;

    for (unsigned i = 0; i < 5; i++)
        encode(source, 50, 50, i);
    glz_dictionary_freeze(source);
    glz_dictionary_get_figures(source, &figures);
    g_assert_cmpuint(figures.next_id, ==, 5);
    destination = glz_dictionary_new(figures.id, figures.size, figures.next_id);
    for (unsigned i = 0; i < 5; i++) {
        GlzInfo info = encode(destination, 50, 50, i);

        g_assert_cmpuint(info.id, ==, 5 + i);
        g_assert_cmpuint(info.win_head_dist, ==, i);
    }
    glz_dictionary_unref(destination);
    /* Far beyond 32 bits. */
    destination = glz_dictionary_new(1, 50000, G_GUINT64_CONSTANT(0x100000000) - 3);
    for (unsigned i = 0; i < 200; i++) {
        GlzInfo info = encode(destination, 30, 30, i % 3);

        g_assert_cmpuint(info.id, ==, G_GUINT64_CONSTANT(0x100000000) - 3 + i);
        g_assert_cmpuint(info.win_head_dist, ==, MIN(i, 54));
    }
    glz_dictionary_unref(destination);
}

/* Pixels are held as long as the image is in the window, and can be let go earlier. */
static void test_pixels_held(void)
{
    g_autoptr(GlzDictionary) d = glz_dictionary_new(1, 50000, 0);
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    GlzFigures figures;

    for (unsigned i = 0; i < 40; i++) {
        g_autoptr(GBytes) pixels = make_image(LZ_TYPE_RGB32, "noise", 60, 60, 1);
        g_auto(WireWriter) out = {0};
        g_autoptr(GBytes) got = NULL;
        GlzInfo info;
        size_t size;

        if (i % 10 == 5) {
            glz_dictionary_forget(d);
            glz_dictionary_get_figures(d, &figures);
            g_assert_cmpuint(figures.bytes, ==, 0);
            g_assert_cmpuint(figures.images, ==, MIN(i, 13));
        }
        size = glz_encode(d, LZ_TYPE_RGB32, 60, 60, true, pixels, &out, NULL);
        if (i % 10 != 5 && i > 0)
            g_assert_cmpuint(size, <, 100);
        got = glz_decoder_decode(decoder, out.data, out.size, &info, NULL);
        g_assert_nonnull(got);
    }
}

/* --- several display channels --- */

#define N_THREADS 4
#define N_IMAGES 150

typedef struct Channel {
    GlzDictionary *dictionary;
    unsigned number;
    GBytes *pixels[N_IMAGES];
    GBytes *streams[N_IMAGES];
    GlzInfo info[N_IMAGES];
} Channel;

static gpointer encode_images(gpointer data)
{
    Channel *c = data;
    uint32_t seed = c->number + 1;

    for (unsigned i = 0; i < N_IMAGES; i++) {
        unsigned w = 1 + codec_random(&seed) % 90, h = 1 + codec_random(&seed) % 60;
        WireWriter out = {0};

        c->pixels[i] = make_image(LZ_TYPE_RGBA, i % 3 ? "text" : "mix", w, h, codec_random(&seed) % 4);
        g_assert_cmpuint(glz_encode(c->dictionary, LZ_TYPE_RGBA, w, h, true, c->pixels[i], &out, NULL), >, 0);
        c->streams[i] = wire_writer_take(&out);
    }
    return NULL;
}

/* The streams of all channels, in the order of their ids, are one legal sequence. */
static void test_threads(void)
{
    g_autoptr(GlzDictionary) d = glz_dictionary_new(1, 40000, 0);
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    g_autofree Channel *channels = g_new0(Channel, N_THREADS);
    GThread *threads[N_THREADS];
    unsigned next[N_THREADS] = {0};

    for (unsigned i = 0; i < N_THREADS; i++) {
        channels[i].dictionary = d;
        channels[i].number = i;
        threads[i] = g_thread_new("encoder", encode_images, &channels[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        GlzFigures figures;

        glz_dictionary_get_figures(d, &figures);
        g_assert_cmpuint(figures.pixels, <=, figures.size);
        if (i % 50 == 0)
            glz_dictionary_forget(d);
        g_usleep(100);
    }
    for (unsigned i = 0; i < N_THREADS; i++)
        g_thread_join(threads[i]);
    for (uint64_t id = 0; id < N_THREADS * N_IMAGES; id++) {
        bool found = false;

        for (unsigned i = 0; i < N_THREADS && !found; i++) {
            Channel *c = &channels[i];
            unsigned n = next[i];
            const uint8_t *data;
            size_t size;
            GlzInfo info;
            g_autoptr(GBytes) got = NULL;

            if (n == N_IMAGES)
                continue;
            data = g_bytes_get_data(c->streams[n], &size);
            g_assert_true(glz_read_header(data, size, &info, NULL));
            if (info.id != id)
                continue;
            found = true;
            got = glz_decoder_decode(decoder, data, size, &info, NULL);
            g_assert_nonnull(got);
            g_assert_true(g_bytes_equal(got, c->pixels[n]));
            g_bytes_unref(c->pixels[n]);
            g_bytes_unref(c->streams[n]);
            next[i]++;
        }
        g_assert_true(found);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/glz-dictionary/eviction", test_eviction);
    g_test_add_func("/glz-dictionary/refusals", test_refusals);
    g_test_add_func("/glz-dictionary/migration", test_migration);
    g_test_add_func("/glz-dictionary/pixels-held", test_pixels_held);
    g_test_add_func("/glz-dictionary/threads", test_threads);
    return g_test_run();
}
