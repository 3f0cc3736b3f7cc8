/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GLZ beside LZ: MB of pixels in a second of the thread's own time, and bytes in percent of the pixels.
 *
 *     bench-glz [--window PIXELS] [--rounds N] [RECORDING...]
 *
 * Without recordings: pictures made by formulas. With them (.rec or .rec.zst; $CARAVAN_WORKLOADS is a directory of
 * such): the images of their drawables in order, each id once, as a client with a large image cache would get them.
 * What comes out is checked by the decoder once, outside of the time.
 */
#include "common/image/glz.h"
#include "server/display/qxl-parse.h"
#include "tests/unit/codec-images.h"

#include <spice-replay.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW (16u << 20) /* pixels: what spice-gtk asks for if the host has much memory for it */
#define MAX_SAMPLE (400u << 20)

/* Pictures in the order in which they are encoded. */
typedef struct Sample {
    GPtrArray *images; /* Image */
    uint64_t bytes;
} Sample;

static uint32_t window = WINDOW;

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- what spice_replay_* calls --- */

void spice_qxl_create_primary_surface(QXLInstance *instance, uint32_t surface_id, QXLDevSurfaceCreate *surface) {}

void spice_qxl_destroy_primary_surface(QXLInstance *instance, uint32_t surface_id) {}

void spice_qxl_destroy_surfaces(QXLInstance *instance) {}

/* --- samples --- */

static void sample_add(Sample *s, const Image *image)
{
    if (image->type != SPICE_IMAGE_TYPE_BITMAP || !glz_type_for_format(image->bitmap.format) ||
        g_bytes_get_size(bitmap_data(&image->bitmap)) < 54)
        return;
    g_ptr_array_add(s->images, image_ref((Image *)image));
    s->bytes += g_bytes_get_size(bitmap_data(&image->bitmap));
}

static void add_drawable(Sample *s, const MemSlots *slots, const QXLCommandExt *command, GHashTable *seen)
{
    QXLReleaseInfoExt release = {0};
    DrawOp *op = qxl_parse_drawable(slots, NULL, command, &release, NULL);
    Image *images[3];
    unsigned n;

    if (!op)
        return;
    n = draw_op_images(op, images);
    for (unsigned i = 0; i < n; i++) {
        uint64_t id = images[i]->id;

        if (!images[i]->cacheable || g_hash_table_add(seen, g_memdup2(&id, sizeof(id))))
            sample_add(s, images[i]);
    }
    draw_op_unref(op);
}

static Sample read_recording(const char *path)
{
    Sample s = {.images = g_ptr_array_new_with_free_func((GDestroyNotify)image_unref)};
    g_autofree char *command_line = g_strdup_printf("zstd -dcf '%s'", path);
    QXLDevInitInfo info = {.num_memslots_groups = 1, .num_memslots = 8, .memslot_gen_bits = 8, .memslot_id_bits = 1};
    QXLDevMemSlot slot = {.virt_end = ~(uintptr_t)0};
    MemSlots *slots = memslots_new(&info, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    FILE *file = popen(command_line, "r");
    SpiceReplay *replay = file ? spice_replay_new(file, 1024) : NULL;
    QXLCommandExt *command;

    memslots_add(slots, &slot, NULL);
    if (!replay) {
        fprintf(stderr, "%s: not a recording\n", path);
        exit(1);
    }
    while (s.bytes < MAX_SAMPLE && (command = spice_replay_next_cmd(replay, NULL))) {
        if (command->cmd.type == QXL_CMD_DRAW)
            add_drawable(&s, slots, command, seen);
        spice_replay_free_cmd(replay, command);
    }
    spice_replay_free(replay);
    memslots_free(slots);
    return s;
}

static Sample make_sample(const char *kind, unsigned w, unsigned h, unsigned n)
{
    Sample s = {.images = g_ptr_array_new_with_free_func((GDestroyNotify)image_unref)};

    for (unsigned i = 0; i < n; i++) {
        size_t size = (size_t)w * h * 4;
        GBytes *pixels = g_bytes_new_take(codec_image(LZ_TYPE_RGB32, kind, w, h, i + 1), size);
        Image *image = image_new_bitmap(i, SPICE_BITMAP_FMT_32BIT, true, w, h, pixels, NULL);

        sample_add(&s, image);
        image_unref(image);
    }
    return s;
}

static void sample_clear(Sample *s)
{
    g_ptr_array_unref(s->images);
}

/* --- runs --- */

static uint64_t run_lz(const Sample *s)
{
    g_auto(WireWriter) out = {0};
    uint64_t bytes = 0;

    for (guint i = 0; i < s->images->len; i++) {
        const Image *image = s->images->pdata[i];

        wire_writer_reset(&out);
        bytes += lz_encode(lz_type_for_format(image->bitmap.format), image->width, image->height, true,
                           g_bytes_get_data(bitmap_data(&image->bitmap), NULL), &out, SIZE_MAX);
    }
    return bytes;
}

static uint64_t run_glz(const Sample *s, bool check)
{
    g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, window, 0);
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    g_auto(WireWriter) out = {0};
    uint64_t bytes = 0;

    for (guint i = 0; i < s->images->len; i++) {
        const Image *image = s->images->pdata[i];
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) got = NULL;
        GlzInfo info;

        wire_writer_reset(&out);
        bytes += glz_encode(dictionary, glz_type_for_format(image->bitmap.format), image->width, image->height, true,
                            bitmap_data(&image->bitmap), &out, NULL);
        if (!check || !out.size)
            continue;
        got = glz_decoder_decode(decoder, out.data, out.size, &info, &error);
        if (!got ||
            (image->bitmap.format == SPICE_BITMAP_FMT_RGBA && !g_bytes_equal(got, bitmap_data(&image->bitmap)))) {
            fprintf(stderr, "image %u does not come back: %s\n", i, error ? error->message : "other pixels");
            exit(1);
        }
    }
    return bytes;
}

static void bench(const char *name, Sample s, unsigned rounds)
{
    double lz = 1e9, glz = 1e9;
    uint64_t lz_bytes = 0, glz_bytes = 0;

    for (unsigned i = 0; i < rounds; i++) {
        double start = seconds(), middle;

        lz_bytes = run_lz(&s);
        middle = seconds();
        glz_bytes = run_glz(&s, false);
        lz = MIN(lz, middle - start);
        glz = MIN(glz, seconds() - middle);
    }
    if (!g_getenv("BENCH_NO_CHECK"))
        run_glz(&s, true);
    printf("%-24s %6u images %7.1f MB   LZ %6.0f MB/s %6.2f%%   GLZ %6.0f MB/s %6.2f%%\n", name, s.images->len,
           (double)s.bytes / 1e6, (double)s.bytes / 1e6 / lz, (double)lz_bytes * 100 / (double)MAX(s.bytes, 1),
           (double)s.bytes / 1e6 / glz, (double)glz_bytes * 100 / (double)MAX(s.bytes, 1));
    fflush(stdout);
    sample_clear(&s);
}

int main(int argc, char **argv)
{
    const char *workloads = g_getenv("CARAVAN_WORKLOADS");
    unsigned rounds = 3, recordings = 0;

    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--window") == 0) {
            window = (uint32_t)atoi(argv[++i]);
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds = (unsigned)atoi(argv[++i]);
        } else {
            g_autofree char *name = g_path_get_basename(argv[i]);

            bench(name, read_recording(argv[i]), rounds);
            recordings++;
        }
    }
    if (recordings)
        return 0;
    bench("text", make_sample("text", 1920, 1080, 4), rounds);
    bench("mix", make_sample("mix", 1920, 1080, 4), rounds);
    bench("soft (photograph)", make_sample("soft", 1920, 1080, 4), rounds);
    bench("flat", make_sample("flat", 1920, 1080, 4), rounds);
    bench("noise", make_sample("noise", 1920, 1080, 2), rounds);
    bench("text, small", make_sample("text", 32, 16, 2000), rounds);
    if (workloads) {
        g_autoptr(GDir) dir = g_dir_open(workloads, 0, NULL);

        for (const char *name; dir && (name = g_dir_read_name(dir));) {
            g_autofree char *path = g_build_filename(workloads, name, NULL);

            if (g_str_has_suffix(name, ".rec.zst"))
                bench(name, read_recording(path), rounds);
        }
    }
    return 0;
}
