/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sections of display data: their tables, and what is checked before one is taken. */
#include "server/migration/extension.h"

#include <string.h>

#define INVALID(...) (g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_SECTION, __VA_ARGS__), false)
#define V1_CHANNELS 4u

static void swap_arrays(GArray **a, GArray **b)
{
    GArray *t = *a;

    *a = *b;
    *b = t;
}

/* --- sync: in SERL and CACH --- */

static const Field sync_table[] = {
    FIELD(ChannelSerial, channel_id, COLUMN_ASCENDING, .max = STATE_MAX_CHANNELS - 1),
    FIELD(ChannelSerial, serial, COLUMN_VARINT, .min = 1, .max = STATE_MAX_SERIAL),
    FIELD_END,
};

#define FIELD_SYNC FIELD(SectionObject, state.cache.sync, FIELD_ROWS, .table = sync_table, .max = STATE_MAX_CHANNELS)

/* The same as in the other section, or else as in v1, which has fewer channels. */
static bool sync_agrees(const GArray *sync, const DisplayState *out, GError **error)
{
    bool complete = out->sections & (DISPLAY_SECTION_SERIALS | DISPLAY_SECTION_CACHE);
    const GArray *known = out->cache.sync;
    unsigned n = sync->len;

    while (!complete && n > 0 && g_array_index(sync, ChannelSerial, n - 1).channel_id >= V1_CHANNELS)
        n--;
    for (unsigned i = 0; i < n && n == known->len; i++) {
        const ChannelSerial *a = &g_array_index(sync, ChannelSerial, i), *b = &g_array_index(known, ChannelSerial, i);

        if (a->channel_id != b->channel_id || a->serial != b->serial)
            return INVALID("serials of channel %u differ from the other ones", a->channel_id);
    }
    return n == known->len || INVALID("serials of %u channels, not of %u", n, known->len);
}

/* --- SERL --- */

static const Field serials_table[] = {
    FIELD(SectionObject, state.next_serial, FIELD_VARINT, .min = 1, .max = STATE_MAX_SERIAL),
    FIELD_SYNC,
    FIELD_END,
};

static bool serials_load(SectionObject *object, DisplayState *out, GError **error)
{
    if (object->state.next_serial != out->next_serial)
        return INVALID("next serial %" G_GUINT64_FORMAT " differs from version 1's", object->state.next_serial);
    if (!sync_agrees(object->state.cache.sync, out, error))
        return false;
    swap_arrays(&out->cache.sync, &object->state.cache.sync);
    return true;
}

/* --- CACH --- */

static const Field entry_table[] = {
    FIELD(CacheEntryState, id, COLUMN_ID),
    FIELD(CacheEntryState, pixels, COLUMN_VARINT, .min = 1, .max = G_MAXUINT32),
    FIELD(CacheEntryState, lossy, COLUMN_RUNS),
    FIELD_END,
};

static const Field cache_table[] = {
    FIELD_SYNC,
    FIELD(SectionObject, state.cache.entries, FIELD_ROWS, .table = entry_table, .max = STATE_MAX_CACHE_ENTRIES),
    FIELD(SectionObject, state.cache.entry_sync, FIELD_MATRIX, .max = STATE_MAX_SERIAL,
          .rows = offsetof(SectionObject, state.cache.entries), .columns = offsetof(SectionObject, state.cache.sync)),
    FIELD_END,
};

static bool cache_load(SectionObject *object, DisplayState *out, GError **error)
{
    CacheState *cache = &object->state.cache;

    cache->id = out->cache.id;
    cache->size = out->cache.size;
    cache->freezer = out->cache.freezer;
    cache->has_entries = true;
    if (!sync_agrees(cache->sync, out, error) || !cache_state_validate(cache, error))
        return false;
    swap_arrays(&out->cache.sync, &cache->sync);
    swap_arrays(&out->cache.entries, &cache->entries);
    swap_arrays(&out->cache.entry_sync, &cache->entry_sync);
    out->cache.has_entries = true;
    return true;
}

/* --- SURF --- */

typedef struct SurfaceRow {
    uint32_t id, format, width, height;
    uint32_t n_rects;
} SurfaceRow;

typedef struct RectRow {
    uint32_t left, top, width, height;
} RectRow;

static const Field surface_row_table[] = {
    FIELD(SurfaceRow, id, COLUMN_ASCENDING, .max = STATE_MAX_SURFACES - 1),
    FIELD(SurfaceRow, format, COLUMN_VARINT),
    FIELD(SurfaceRow, width, COLUMN_VARINT, .max = STATE_MAX_COORDINATE),
    FIELD(SurfaceRow, height, COLUMN_VARINT, .max = STATE_MAX_COORDINATE),
    FIELD(SurfaceRow, n_rects, COLUMN_VARINT, .max = STATE_MAX_LOSSY_RECTS),
    FIELD_END,
};

static const Field rect_row_table[] = {
    FIELD(RectRow, left, COLUMN_DELTA, .max = STATE_MAX_COORDINATE),
    FIELD(RectRow, top, COLUMN_DELTA, .max = STATE_MAX_COORDINATE),
    FIELD(RectRow, width, COLUMN_VARINT, .min = 1, .max = STATE_MAX_COORDINATE),
    FIELD(RectRow, height, COLUMN_VARINT, .min = 1, .max = STATE_MAX_COORDINATE),
    FIELD_END,
};

static const Field surfaces_table[] = {
    FIELD(SectionObject, surfaces, FIELD_ROWS, .table = surface_row_table, .max = STATE_MAX_SURFACES),
    FIELD(SectionObject, rects, FIELD_ROWS, .table = rect_row_table, .max = STATE_MAX_LOSSY_RECTS),
    FIELD_END,
};

static void surfaces_save(SectionObject *object)
{
    object->surfaces = g_array_new(FALSE, TRUE, sizeof(SurfaceRow));
    object->rects = g_array_new(FALSE, TRUE, sizeof(RectRow));
    for (unsigned i = 0; i < object->state.surfaces->len; i++) {
        const SurfaceState *s = &g_array_index(object->state.surfaces, SurfaceState, i);
        SurfaceRow row = {s->id, s->format, s->width, s->height, s->lossy ? s->lossy->len : 0};

        g_array_append_val(object->surfaces, row);
        for (unsigned j = 0; j < row.n_rects; j++) {
            const StateRect *r = &g_array_index(s->lossy, StateRect, j);
            RectRow rect = {(uint32_t)r->left, (uint32_t)r->top, (uint32_t)(r->right - r->left),
                            (uint32_t)(r->bottom - r->top)};

            g_array_append_val(object->rects, rect);
        }
    }
}

/* Rows back to surfaces; bounds of the rectangles are left to display_state_validate(). */
static bool surfaces_unpack(SectionObject *object, GError **error)
{
    unsigned at = 0;

    for (unsigned i = 0; i < object->surfaces->len; i++) {
        const SurfaceRow *row = &g_array_index(object->surfaces, SurfaceRow, i);
        SurfaceState s = {.id = row->id, .format = row->format, .width = row->width, .height = row->height};

        if (row->n_rects > object->rects->len - at)
            return INVALID("surface %u: %u lossy rectangles, %u are there", row->id, row->n_rects,
                           object->rects->len - at);
        if (row->n_rects)
            s.lossy = g_array_sized_new(FALSE, FALSE, sizeof(StateRect), row->n_rects);
        for (unsigned j = 0; j < row->n_rects; j++, at++) {
            const RectRow *r = &g_array_index(object->rects, RectRow, at);
            StateRect rect = {(int32_t)r->left, (int32_t)r->top, (int32_t)(r->left + r->width),
                              (int32_t)(r->top + r->height)};

            g_array_append_val(s.lossy, rect);
        }
        g_array_append_val(object->state.surfaces, s);
    }
    return at == object->rects->len || INVALID("%u lossy rectangles of no surface", object->rects->len - at);
}

/* A part of `object->state` is judged as if it stood in the state that is there: takes the rest from `out`. */
static bool judge(const SectionObject *object, DisplaySections part, const DisplayState *out, GError **error)
{
    DisplayState whole = *out;

    if (part == DISPLAY_SECTION_SURFACES)
        whole.surfaces = object->state.surfaces;
    if (part == DISPLAY_SECTION_PALETTES)
        whole.palettes = object->state.palettes;
    if (part == DISPLAY_SECTION_PREFERENCES) {
        whole.preferred_compression = object->state.preferred_compression;
        whole.video_codecs = object->state.video_codecs;
    }
    /* The cache was judged when it was taken, and may be large. */
    whole.cache.has_entries = false;
    whole.cache.entries = object->state.cache.entries;
    whole.cache.entry_sync = object->state.cache.entry_sync;
    return display_state_validate(&whole, error);
}

static bool surfaces_load(SectionObject *object, DisplayState *out, GError **error)
{
    const GArray *surfaces = object->state.surfaces;

    if (out->sections & DISPLAY_SECTION_LEFTOVERS)
        return INVALID("it stands behind LEFT, which adds to it");
    if (!surfaces_unpack(object, error) || !judge(object, DISPLAY_SECTION_SURFACES, out, error))
        return false;
    if (surfaces->len != out->surfaces->len)
        return INVALID("%u surfaces, version 1 has %u", surfaces->len, out->surfaces->len);
    for (unsigned i = 0; i < surfaces->len; i++) {
        uint32_t id = g_array_index(surfaces, SurfaceState, i).id;

        if (id != g_array_index(out->surfaces, SurfaceState, i).id)
            return INVALID("surface %u is not in the list of version 1", id);
    }
    swap_arrays(&out->surfaces, &object->state.surfaces);
    return true;
}

/* --- LEFT --- */

typedef struct LeftoversRow {
    uint32_t id;
    uint8_t what; /* SURFACE_LEFTOVERS_* */
} LeftoversRow;

static const Field leftovers_row_table[] = {
    FIELD(LeftoversRow, id, COLUMN_ASCENDING, .max = STATE_MAX_SURFACES - 1),
    FIELD(LeftoversRow, what, COLUMN_VARINT, .min = 1, .max = SURFACE_LEFTOVERS_ALL),
    FIELD_END,
};

static const Field leftovers_table[] = {
    FIELD(SectionObject, leftovers, FIELD_ROWS, .table = leftovers_row_table, .max = STATE_MAX_SURFACES),
    FIELD_END,
};

static void leftovers_save(SectionObject *object)
{
    object->leftovers = g_array_new(FALSE, TRUE, sizeof(LeftoversRow));
    for (unsigned i = 0; i < object->state.surfaces->len; i++) {
        const SurfaceState *s = &g_array_index(object->state.surfaces, SurfaceState, i);
        LeftoversRow row = {s->id, s->leftovers};

        if (row.what)
            g_array_append_val(object->leftovers, row);
    }
}

/* Both lists ascend. */
static bool leftovers_load(SectionObject *object, DisplayState *out, GError **error)
{
    unsigned at = 0;

    for (unsigned i = 0; i < out->surfaces->len && at < object->leftovers->len; i++)
        at += g_array_index(out->surfaces, SurfaceState, i).id == g_array_index(object->leftovers, LeftoversRow, at).id;
    if (at < object->leftovers->len)
        return INVALID("leftovers on surface %u, which the client does not have",
                       g_array_index(object->leftovers, LeftoversRow, at).id);
    for (unsigned i = at = 0; i < out->surfaces->len && at < object->leftovers->len; i++) {
        SurfaceState *s = &g_array_index(out->surfaces, SurfaceState, i);

        if (s->id == g_array_index(object->leftovers, LeftoversRow, at).id)
            s->leftovers = g_array_index(object->leftovers, LeftoversRow, at++).what;
    }
    return true;
}

/* --- PALS --- */

static const Field palette_table[] = {
    {.name = "key", .kind = COLUMN_ID, .offset = 0, .size = 8},
    FIELD_END,
};

static const Field palettes_table[] = {
    FIELD(SectionObject, state.palettes, FIELD_ROWS, .table = palette_table, .max = STATE_MAX_PALETTES),
    FIELD_END,
};

static bool palettes_load(SectionObject *object, DisplayState *out, GError **error)
{
    if (!judge(object, DISPLAY_SECTION_PALETTES, out, error))
        return false;
    swap_arrays(&out->palettes, &object->state.palettes);
    return true;
}

/* --- PREF --- */

static const Field preferences_table[] = {
    FIELD(SectionObject, state.preferred_compression, FIELD_U8),
    FIELD(SectionObject, state.video_codecs, FIELD_BLOB, .max = STATE_MAX_VIDEO_CODECS),
    FIELD_END,
};

static bool preferences_load(SectionObject *object, DisplayState *out, GError **error)
{
    GByteArray *codecs = out->video_codecs;

    if (!judge(object, DISPLAY_SECTION_PREFERENCES, out, error))
        return false;
    out->preferred_compression = object->state.preferred_compression;
    out->video_codecs = object->state.video_codecs;
    object->state.video_codecs = codecs;
    return true;
}

/* Sizes: what the largest allowed counts can need. */
const Section display_section_list[] = {
    {"SERL", 1, 0, DISPLAY_SECTION_SERIALS, 4096, serials_table, NULL, serials_load, "sync of channels 0..3 only"},
    {"CACH", 1, 0, DISPLAY_SECTION_CACHE, MIGRATION_MAX_SIZE, cache_table, NULL, cache_load,
     "reset the cache, INVAL_ALL_PIXMAPS with its wait list"},
    {"SURF", 1, 0, DISPLAY_SECTION_SURFACES, STATE_MAX_SURFACES * 20 + STATE_MAX_LOSSY_RECTS * 12, surfaces_table,
     surfaces_save, surfaces_load, "surfaces of version 1, the extents of their lossy regions"},
    {"PALS", 1, 0, DISPLAY_SECTION_PALETTES, 4 + 8 * STATE_MAX_PALETTES, palettes_table, NULL, palettes_load,
     "INVAL_ALL_PALETTES"},
    {"PREF", 1, 0, DISPLAY_SECTION_PREFERENCES, 16 + STATE_MAX_VIDEO_CODECS, preferences_table, NULL, preferences_load,
     "the host's own choice of compression and codecs"},
    {"LEFT", 1, 0, DISPLAY_SECTION_LEFTOVERS, 4 + STATE_MAX_SURFACES * 8, leftovers_table, leftovers_save,
     leftovers_load, "everything is put back on each surface before it is read"},
};
const unsigned n_display_sections = G_N_ELEMENTS(display_section_list);

const Section *display_section_find(const char *tag)
{
    for (unsigned i = 0; i < n_display_sections; i++) {
        if (memcmp(tag, display_section_list[i].tag, 4) == 0)
            return &display_section_list[i];
    }
    return NULL;
}
