/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What it costs to carry a large image cache: 20,000 entries as a desktop leaves them, saved at the source and restored
 * at the destination. Prints the median of 20 rounds in ms and the bytes that a cached image takes, for people; with
 * --json as one JSON object, for bench.py.
 */
#include "server/display/image-cache.h"
#include "server/migration/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 20000
#define ROUNDS 20
#define CACHE_PIXELS (128 << 20)

typedef struct Figures {
    double save_ms[ROUNDS], load_ms[ROUNDS];
    size_t v1_bytes, bytes;
} Figures;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return (values[ROUNDS / 2 - 1] + values[ROUNDS / 2]) / 2;
}

/*
 * Ids as the QXL driver makes them: in `random_ids` hashes of the pixels (high half) with a generation, which do not
 * compress; else the numbers of a counter. Widths and heights are those of small parts of windows. A third of the
 * images is used again, so the order is not that of the additions.
 */
static uint64_t fill(ImageCacheUser *user, GRand *random, bool random_ids)
{
    g_autofree uint64_t *ids = g_new(uint64_t, ENTRIES);
    uint64_t serial = 0;
    bool lossy;

    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t pixels = (uint64_t)g_rand_int_range(random, 8, 100) * (uint64_t)g_rand_int_range(random, 8, 100);

        ids[i] = random_ids ? (uint64_t)g_rand_int(random) << 32 | 1 : (uint64_t)i << 32 | 1;
        image_cache_begin(user, ++serial);
        if (!image_cache_hit(user, ids[i], &lossy))
            image_cache_add(user, ids[i], pixels, false);
        image_cache_end(user);
        if (i % 3 == 0) {
            image_cache_begin(user, ++serial);
            image_cache_hit(user, ids[g_rand_int_range(random, 0, (gint32)i + 1)], &lossy);
            image_cache_end(user);
        }
    }
    return serial;
}

/* Everything but the cache is as small as it can be. The GBytes are what a MIGRATE_DATA message would carry. */
static GBytes *save(ImageCacheUser *user, uint64_t serial, bool extension)
{
    DisplayState state;
    GBytes *data;

    display_state_init(&state);
    state.sections = DISPLAY_SECTION_V1 | DISPLAY_SECTION_SERIALS | DISPLAY_SECTION_CACHE;
    state.next_serial = serial + 2;
    image_cache_freeze(user, &state.cache);
    state.dictionary = (DictionaryState){.id = 1, .size = 1 << 20, .max_encoders = 4, .next_image_id = 0};
    data = display_state_encode(&state, extension);
    display_state_clear(&state);
    return data;
}

static void load(GBytes *data, uint32_t expected)
{
    ImageCache *cache = image_cache_new_frozen(1);
    g_autoptr(GError) error = NULL;
    DisplayState state;
    gsize size;
    const uint8_t *bytes = g_bytes_get_data(data, &size);
    uint32_t n = 0;

    if (!display_state_decode(bytes, size, -1, &state, NULL, &error))
        g_error("the data are refused: %s", error->message);
    image_cache_merge_sync(cache, &state.cache);
    if (!(state.sections & DISPLAY_SECTION_CACHE) || !image_cache_restore(cache, &state.cache))
        g_error("the cache is refused");
    display_state_clear(&state);
    image_cache_get_figures(cache, &n, NULL, NULL, NULL);
    if (n != expected)
        g_error("%u of %u entries are restored", n, expected);
    image_cache_unref(cache);
}

static double ms_since(gint64 begin)
{
    return (double)(g_get_monotonic_time() - begin) / 1000;
}

static void run(bool random_ids, Figures *figures)
{
    ImageCache *cache = image_cache_new(1, CACHE_PIXELS);
    ImageCacheUser *user = image_cache_join(cache, 0, false);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    uint64_t serial = fill(user, random, random_ids);
    uint32_t entries = 0;

    image_cache_get_figures(cache, &entries, NULL, NULL, NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        gint64 begin = g_get_monotonic_time();
        g_autoptr(GBytes) data = save(user, serial, true);

        figures->save_ms[round] = ms_since(begin);
        begin = g_get_monotonic_time();
        load(data, entries);
        figures->load_ms[round] = ms_since(begin);
        figures->bytes = g_bytes_get_size(data);
        image_cache_thaw(user);
    }
    g_autoptr(GBytes) v1 = save(user, serial, false);
    figures->v1_bytes = g_bytes_get_size(v1);
    image_cache_leave(user);
    image_cache_unref(cache);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    static const char *const names[] = {"counted ids", "hashed ids"};

    for (unsigned i = 0; i < 2; i++) {
        Figures figures = {0};
        double save_ms, load_ms, each;

        run(i == 1, &figures);
        save_ms = median(figures.save_ms);
        load_ms = median(figures.load_ms);
        each = (double)(figures.bytes - figures.v1_bytes) / ENTRIES;
        if (json)
            printf("{\"ids\": \"%s\", \"entries\": %d, \"save_ms\": %.3f, \"load_ms\": %.3f, \"bytes_each\": %.2f}\n",
                   names[i], ENTRIES, save_ms, load_ms, each);
        else
            printf("%d cached images, %s: save %.2f ms, restore %.2f ms, %.2f bytes each\n", ENTRIES, names[i], save_ms,
                   load_ms, each);
    }
    return 0;
}
