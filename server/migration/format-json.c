/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/migration/format-json.h"
#include "server/migration/extension.h"
#include "server/migration/format-v1.h"

#include <string.h>

static void add_string(JsonBuilder *b, const char *name, const char *value)
{
    json_builder_set_member_name(b, name);
    json_builder_add_string_value(b, value);
}

static void add_u64(JsonBuilder *b, const char *name, uint64_t value)
{
    json_builder_set_member_name(b, name);
    json_add_u64(b, value);
}

static void add_bool(JsonBuilder *b, const char *name, bool value)
{
    json_builder_set_member_name(b, name);
    json_builder_add_boolean_value(b, value);
}

static void add_id(JsonBuilder *b, uint64_t id)
{
    char hex[20];

    g_snprintf(hex, sizeof(hex), "%016" G_GINT64_MODIFIER "x", id);
    json_builder_add_string_value(b, hex);
}

/* --- display --- */

static void add_cache_entries(JsonBuilder *b, const CacheState *cache)
{
    unsigned n = cache->sync->len;

    json_builder_set_member_name(b, "entries");
    json_builder_begin_array(b);
    for (unsigned i = 0; i < cache->entries->len; i++) {
        const CacheEntryState *e = &g_array_index(cache->entries, CacheEntryState, i);

        json_builder_begin_array(b);
        add_id(b, e->id);
        json_builder_add_int_value(b, e->pixels);
        json_builder_add_boolean_value(b, e->lossy);
        json_builder_begin_array(b);
        for (unsigned c = 0; c < n; c++)
            json_add_u64(b, g_array_index(cache->entry_sync, uint64_t, i * n + c));
        json_builder_end_array(b);
        json_builder_end_array(b);
    }
    json_builder_end_array(b);
}

static void add_cache(JsonBuilder *b, const CacheState *cache, unsigned max_entries)
{
    g_autoptr(GChecksum) digest = g_checksum_new(G_CHECKSUM_SHA256);
    uint64_t pixels = 0, n_lossy = 0;

    json_builder_set_member_name(b, "cache");
    json_builder_begin_object(b);
    add_u64(b, "id", cache->id);
    add_u64(b, "size", (uint64_t)cache->size);
    add_bool(b, "freezer", cache->freezer);
    json_builder_set_member_name(b, "sync");
    json_builder_begin_array(b);
    for (unsigned i = 0; i < cache->sync->len; i++) {
        const ChannelSerial *s = &g_array_index(cache->sync, ChannelSerial, i);

        json_builder_begin_array(b);
        json_builder_add_int_value(b, s->channel_id);
        json_add_u64(b, s->serial);
        json_builder_end_array(b);
    }
    json_builder_end_array(b);
    add_bool(b, "known", cache->has_entries);
    for (unsigned i = 0; i < cache->entries->len; i++) {
        const CacheEntryState *e = &g_array_index(cache->entries, CacheEntryState, i);

        g_checksum_update(digest, (const guchar *)&e->id, sizeof(e->id)); /* little endian */
        pixels += e->pixels;
        n_lossy += e->lossy;
    }
    if (cache->has_entries) {
        add_u64(b, "count", cache->entries->len);
        add_u64(b, "pixels", pixels);
        add_u64(b, "lossy", n_lossy);
        add_string(b, "digest", g_checksum_get_string(digest));
        if (cache->entries->len <= max_entries)
            add_cache_entries(b, cache);
    }
    json_builder_end_object(b);
}

static void add_surfaces(JsonBuilder *b, const GArray *surfaces)
{
    json_builder_set_member_name(b, "surfaces");
    json_builder_begin_array(b);
    for (unsigned i = 0; i < surfaces->len; i++) {
        const SurfaceState *s = &g_array_index(surfaces, SurfaceState, i);

        json_builder_begin_object(b);
        add_u64(b, "id", s->id);
        add_u64(b, "format", s->format);
        add_u64(b, "width", s->width);
        add_u64(b, "height", s->height);
        json_builder_set_member_name(b, "lossy");
        json_builder_begin_array(b);
        for (unsigned j = 0; s->lossy && j < s->lossy->len; j++) {
            const StateRect *r = &g_array_index(s->lossy, StateRect, j);

            json_builder_begin_array(b);
            json_builder_add_int_value(b, r->left);
            json_builder_add_int_value(b, r->top);
            json_builder_add_int_value(b, r->right);
            json_builder_add_int_value(b, r->bottom);
            json_builder_end_array(b);
        }
        json_builder_end_array(b);
        add_u64(b, "leftovers", s->leftovers);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static void add_sections(JsonBuilder *b, const GArray *reports)
{
    json_builder_set_member_name(b, "sections");
    json_builder_begin_array(b);
    for (unsigned i = 0; i < reports->len; i++) {
        const SectionReport *report = &g_array_index(reports, SectionReport, i);
        const Section *kind = display_section_find(report->tag);

        json_builder_begin_object(b);
        add_string(b, "tag", report->tag);
        add_u64(b, "version", report->version);
        add_u64(b, "size", report->size);
        add_bool(b, "accepted", report->accepted);
        if (report->reason)
            add_string(b, "reason", report->reason);
        if (report->reason && kind)
            add_string(b, "fallback", kind->fallback);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static bool add_display(JsonBuilder *b, const uint8_t *data, size_t size, unsigned max_entries, GError **error)
{
    DisplayState s;
    GArray *reports = NULL;

    if (!display_state_decode(data, size, -1, &s, &reports, error))
        return false;
    add_u64(b, "next_serial", s.next_serial);
    add_bool(b, "low_bandwidth", s.low_bandwidth);
    add_cache(b, &s.cache, max_entries);
    json_builder_set_member_name(b, "dictionary");
    json_builder_begin_object(b);
    add_u64(b, "id", s.dictionary.id);
    add_u64(b, "size", s.dictionary.size);
    add_u64(b, "max_encoders", s.dictionary.max_encoders);
    add_u64(b, "next_image_id", s.dictionary.next_image_id);
    json_builder_end_object(b);
    add_bool(b, "surfaces_lossy_form", s.surfaces_lossy_form);
    add_surfaces(b, s.surfaces);
    if (s.sections & DISPLAY_SECTION_PALETTES) {
        json_builder_set_member_name(b, "palettes");
        json_builder_begin_array(b);
        for (unsigned i = 0; i < s.palettes->len; i++)
            add_id(b, g_array_index(s.palettes, uint64_t, i));
        json_builder_end_array(b);
    }
    if (s.sections & DISPLAY_SECTION_PREFERENCES) {
        add_u64(b, "preferred_compression", s.preferred_compression);
        json_builder_set_member_name(b, "video_codecs");
        json_builder_begin_array(b);
        for (unsigned i = 0; i < s.video_codecs->len; i++)
            json_builder_add_int_value(b, s.video_codecs->data[i]);
        json_builder_end_array(b);
    }
    add_sections(b, reports);
    section_reports_free(reports);
    display_state_clear(&s);
    return true;
}

/* --- the others: their tables say it all --- */

static bool add_main(JsonBuilder *b, const uint8_t *data, size_t size, GError **error)
{
    MainState s;

    if (!main_state_decode(data, size, &s, error))
        return false;
    table_to_json(main_table, &s, b);
    main_state_clear(&s);
    return true;
}

static bool add_inputs(JsonBuilder *b, const uint8_t *data, size_t size, GError **error)
{
    InputsState s;

    if (!inputs_state_decode(data, size, &s, error))
        return false;
    table_to_json(inputs_table, &s, b);
    return true;
}

static bool add_vmc(JsonBuilder *b, const uint8_t *data, size_t size, GError **error)
{
    VmcState s;

    if (!vmc_state_decode(data, size, &s, error))
        return false;
    table_to_json(vmc_table, &s, b);
    vmc_state_clear(&s);
    return true;
}

static bool add_smartcard(JsonBuilder *b, const uint8_t *data, size_t size, GError **error)
{
    SmartcardState s;

    if (!smartcard_state_decode(data, size, &s, error))
        return false;
    table_to_json(smartcard_table, &s, b);
    smartcard_state_clear(&s);
    return true;
}

static const struct {
    const char *magic, *channel;
    bool (*add)(JsonBuilder *b, const uint8_t *data, size_t size, GError **error); /* NULL: display */
} families[] = {
    {MAGIC_MAIN, "main", add_main},
    {MAGIC_DISPLAY, "display", NULL},
    {MAGIC_INPUTS, "inputs", add_inputs},
    {MAGIC_VMC, "spicevmc", add_vmc},
    {MAGIC_SMARTCARD, "smartcard", add_smartcard},
};

static bool add_any(JsonBuilder *b, const uint8_t *data, size_t size, unsigned max_entries, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(families); i++) {
        if (size < 4 || memcmp(data, families[i].magic, 4) != 0)
            continue;
        add_string(b, "channel", families[i].channel);
        return families[i].add ? families[i].add(b, data, size, error) : add_display(b, data, size, max_entries, error);
    }
    add_string(b, "channel", "unknown");
    g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_HEADER, "no magic of any channel");
    return false;
}

char *migration_data_describe(const uint8_t *data, size_t size, unsigned max_entries, bool *ok)
{
    g_autoptr(JsonBuilder) b = json_builder_new();
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(GError) error = NULL;
    JsonNode *root;
    char *text;
    bool good;

    json_builder_begin_object(b);
    add_u64(b, "size", size);
    good = add_any(b, data, size, max_entries, &error);
    add_bool(b, "ok", good);
    json_builder_set_member_name(b, "errors");
    json_builder_begin_array(b);
    if (!good)
        json_builder_add_string_value(b, error->message);
    json_builder_end_array(b);
    json_builder_end_object(b);

    root = json_builder_get_root(b);
    json_generator_set_root(generator, root);
    json_generator_set_pretty(generator, TRUE);
    text = json_generator_to_data(generator, NULL);
    json_node_unref(root);
    if (ok)
        *ok = good;
    return text;
}

char *migration_data_to_json(const uint8_t *data, size_t size, bool *ok)
{
    return migration_data_describe(data, size, JSON_MAX_ENTRIES, ok);
}
