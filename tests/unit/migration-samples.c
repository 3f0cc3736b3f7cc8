/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/migration-samples.h"

GBytes *sample_bytes(const char *hex)
{
    GByteArray *bytes = g_byte_array_new();

    for (; *hex; hex++) {
        if (g_ascii_isxdigit(*hex)) {
            guint8 byte = (guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));

            g_assert_true(g_ascii_isxdigit(hex[1]));
            g_byte_array_append(bytes, &byte, 1);
            hex++;
        }
    }
    return g_byte_array_free_to_bytes(bytes);
}

void assert_bytes(GBytes *got, const char *hex)
{
    g_autoptr(GBytes) want = sample_bytes(hex);

    g_assert_cmpmem(g_bytes_get_data(got, NULL), g_bytes_get_size(got), g_bytes_get_data(want, NULL),
                    g_bytes_get_size(want));
}

static void add_sync(DisplayState *s, uint8_t channel, uint64_t serial)
{
    ChannelSerial sync = {channel, serial};

    g_array_append_val(s->cache.sync, sync);
}

static void add_entry(DisplayState *s, uint64_t id, uint32_t pixels, bool lossy)
{
    CacheEntryState entry = {id, pixels, lossy};

    g_array_append_val(s->cache.entries, entry);
}

static void add_lossy(SurfaceState *s, int left, int top, int right, int bottom)
{
    StateRect r = {left, top, right, bottom};

    if (!s->lossy)
        s->lossy = g_array_new(FALSE, FALSE, sizeof(StateRect));
    g_array_append_val(s->lossy, r);
}

static void init(DisplayState *s)
{
    display_state_init(s);
    s->sections = DISPLAY_SECTION_V1 | DISPLAY_SECTION_SERIALS | DISPLAY_SECTION_CACHE | DISPLAY_SECTION_SURFACES |
                  DISPLAY_SECTION_PALETTES | DISPLAY_SECTION_PREFERENCES | DISPLAY_SECTION_LEFTOVERS;
    s->cache.id = 1;
    s->cache.size = 20971520;
    s->cache.freezer = true;
    s->cache.has_entries = true;
    s->dictionary = (DictionaryState){1, 3145728, 4, 16};
}

void sample_display_small(DisplayState *s)
{
    static const uint64_t serials[] = {20, 0, 18, 9, 18, 0}, palettes[] = {0x1234, 0x99};
    static const uint8_t codecs[] = {2, 1};
    SurfaceState surfaces[2] = {{.id = 0, .format = 32, .width = 1024, .height = 768},
                                {.id = 5, .format = 96, .width = 64, .height = 64, .leftovers = 1}};

    init(s);
    s->next_serial = 27;
    add_sync(s, 0, 20);
    add_sync(s, 5, 9);
    add_entry(s, 0xdeadbeef, 96, false);
    add_entry(s, 0x12345678, 120000, true);
    add_entry(s, 0x00000007, 4096, false);
    g_array_append_vals(s->cache.entry_sync, serials, G_N_ELEMENTS(serials));
    add_lossy(&surfaces[0], 0, 0, 400, 300);
    add_lossy(&surfaces[0], 100, 300, 200, 310);
    g_array_append_vals(s->surfaces, surfaces, 2);
    g_array_append_vals(s->palettes, palettes, 2);
    s->preferred_compression = 5;
    g_byte_array_append(s->video_codecs, codecs, 2);
}

void sample_display(DisplayState *s, GRand *rand, unsigned n_entries, unsigned n_channels, bool wide_ids)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    uint64_t serial = 1000000, top[256] = {0};

    init(s);
    s->next_serial = serial + 10;
    s->cache.size = STATE_MAX_CACHE_PIXELS;
    s->surfaces_lossy_form = g_rand_boolean(rand);
    for (unsigned i = 0; i < n_entries; i++) {
        uint32_t id = g_rand_int(rand);

        if (!g_hash_table_add(seen, GUINT_TO_POINTER(id)))
            continue;
        add_entry(s, wide_ids ? 1 | (uint64_t)id << 32 : id,
                  (uint32_t)(g_rand_int_range(rand, 8, 401) * g_rand_int_range(rand, 12, 301)), false);
        for (unsigned c = 0; c < n_channels; c++) {
            uint64_t used = c > 0 && g_rand_boolean(rand) ? 0 : serial - c;

            top[c] = MAX(top[c], used);
            g_array_append_val(s->cache.entry_sync, used);
        }
        serial -= (uint64_t)g_rand_int_range(rand, 0, 40);
    }
    for (unsigned c = 0; c < n_channels; c++)
        add_sync(s, (uint8_t)c, MAX(top[c], 1));
    for (unsigned i = 0; i < 8; i++) {
        SurfaceState surface = {.id = i * 3, .format = 32, .width = 1920, .height = 1200};

        for (unsigned j = 0; j < i * 5; j++)
            add_lossy(&surface, 10 * (int)j, 20 + (int)j, 10 * (int)j + 8, 40 + (int)j);
        g_array_append_val(s->surfaces, surface);
    }
}

static void assert_arrays_equal(GArray *a, GArray *b)
{
    size_t stride = g_array_get_element_size(a);

    g_assert_cmpmem(a->data, a->len * stride, b->data, b->len * stride);
}

void assert_display_equal(const DisplayState *a, const DisplayState *b)
{
    g_assert_cmpuint(a->sections, ==, b->sections);
    g_assert_cmpuint(a->next_serial, ==, b->next_serial);
    g_assert_cmpuint(a->low_bandwidth, ==, b->low_bandwidth);
    g_assert_cmpuint(a->cache.id, ==, b->cache.id);
    g_assert_cmpint(a->cache.size, ==, b->cache.size);
    g_assert_cmpuint(a->cache.freezer, ==, b->cache.freezer);
    g_assert_cmpuint(a->cache.has_entries, ==, b->cache.has_entries);
    g_assert_cmpuint(a->cache.sync->len, ==, b->cache.sync->len);
    for (unsigned i = 0; i < a->cache.sync->len; i++) {
        const ChannelSerial *x = &g_array_index(a->cache.sync, ChannelSerial, i);
        const ChannelSerial *y = &g_array_index(b->cache.sync, ChannelSerial, i);

        g_assert_true(x->channel_id == y->channel_id && x->serial == y->serial);
    }
    g_assert_cmpuint(a->cache.entries->len, ==, b->cache.entries->len);
    for (unsigned i = 0; i < a->cache.entries->len; i++) {
        const CacheEntryState *x = &g_array_index(a->cache.entries, CacheEntryState, i);
        const CacheEntryState *y = &g_array_index(b->cache.entries, CacheEntryState, i);

        g_assert_true(x->id == y->id && x->pixels == y->pixels && x->lossy == y->lossy);
    }
    assert_arrays_equal(a->cache.entry_sync, b->cache.entry_sync);
    g_assert_cmpmem(&a->dictionary, sizeof(a->dictionary), &b->dictionary, sizeof(b->dictionary));
    g_assert_cmpuint(a->surfaces_lossy_form, ==, b->surfaces_lossy_form);
    g_assert_cmpuint(a->surfaces->len, ==, b->surfaces->len);
    for (unsigned i = 0; i < a->surfaces->len; i++) {
        const SurfaceState *x = &g_array_index(a->surfaces, SurfaceState, i);
        const SurfaceState *y = &g_array_index(b->surfaces, SurfaceState, i);

        g_assert_true(x->id == y->id && x->format == y->format && x->width == y->width && x->height == y->height);
        g_assert_true(!x->lossy == !y->lossy);
        g_assert_cmpuint(x->leftovers, ==, y->leftovers);
        if (x->lossy)
            assert_arrays_equal(x->lossy, y->lossy);
    }
    assert_arrays_equal(a->palettes, b->palettes);
    g_assert_cmpuint(a->preferred_compression, ==, b->preferred_compression);
    g_assert_cmpmem(a->video_codecs->data, a->video_codecs->len, b->video_codecs->data, b->video_codecs->len);
}
