/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/migration/state.h"
#include "server/migration/format.h"

#include <spice/enums.h>
#include <string.h>

#define INVALID(...) (g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, __VA_ARGS__), false)

/* --- init, clear --- */

static void array_clear(GArray **array)
{
    if (*array)
        g_array_unref(*array);
    *array = NULL;
}

static void bytes_clear(GByteArray **bytes)
{
    if (*bytes)
        g_byte_array_unref(*bytes);
    *bytes = NULL;
}

void cache_state_init(CacheState *state)
{
    memset(state, 0, sizeof(*state));
    state->sync = g_array_new(FALSE, TRUE, sizeof(ChannelSerial));
    state->entries = g_array_new(FALSE, TRUE, sizeof(CacheEntryState));
    state->entry_sync = g_array_new(FALSE, TRUE, sizeof(uint64_t));
}

void cache_state_clear(CacheState *state)
{
    array_clear(&state->sync);
    array_clear(&state->entries);
    array_clear(&state->entry_sync);
    memset(state, 0, sizeof(*state));
}

static void surface_state_clear(void *surface)
{
    array_clear(&((SurfaceState *)surface)->lossy);
}

void display_state_init(DisplayState *state)
{
    memset(state, 0, sizeof(*state));
    cache_state_init(&state->cache);
    state->surfaces = g_array_new(FALSE, TRUE, sizeof(SurfaceState));
    g_array_set_clear_func(state->surfaces, surface_state_clear);
    state->palettes = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    state->video_codecs = g_byte_array_new();
}

void display_state_clear(DisplayState *state)
{
    cache_state_clear(&state->cache);
    array_clear(&state->surfaces);
    array_clear(&state->palettes);
    bytes_clear(&state->video_codecs);
    memset(state, 0, sizeof(*state));
}

void main_state_init(MainState *state)
{
    memset(state, 0, sizeof(*state));
    state->agent.write_data = g_byte_array_new();
    state->a2c_msg_header_partial = g_byte_array_new();
}

void main_state_clear(MainState *state)
{
    bytes_clear(&state->agent.write_data);
    bytes_clear(&state->a2c_msg_header_partial);
    memset(state, 0, sizeof(*state));
}

void vmc_state_init(VmcState *state)
{
    memset(state, 0, sizeof(*state));
    state->device.write_data = g_byte_array_new();
}

void vmc_state_clear(VmcState *state)
{
    bytes_clear(&state->device.write_data);
    memset(state, 0, sizeof(*state));
}

void smartcard_state_init(SmartcardState *state)
{
    memset(state, 0, sizeof(*state));
    state->device.write_data = g_byte_array_new();
    state->read_data = g_byte_array_new();
}

void smartcard_state_clear(SmartcardState *state)
{
    bytes_clear(&state->device.write_data);
    bytes_clear(&state->read_data);
    memset(state, 0, sizeof(*state));
}

/* --- validation --- */

static bool sync_validate(const GArray *sync, GError **error)
{
    for (unsigned i = 0; i < sync->len; i++) {
        const ChannelSerial *s = &g_array_index(sync, ChannelSerial, i);

        if (i > 0 && s->channel_id <= s[-1].channel_id)
            return INVALID("cache: channel %u in the sync list is not in ascending order", s->channel_id);
        if (s->serial < 1 || s->serial > STATE_MAX_SERIAL)
            return INVALID("cache: serial %" G_GUINT64_FORMAT " of channel %u is out of range", s->serial,
                           s->channel_id);
    }
    return true;
}

static bool entry_sync_validate(const CacheState *state, GError **error)
{
    if (state->entry_sync->len != (uint64_t)state->entries->len * state->sync->len)
        return INVALID("cache: %u serials for %u entries and %u channels", state->entry_sync->len, state->entries->len,
                       state->sync->len);
    for (unsigned i = 0; i < state->entry_sync->len; i++) {
        const ChannelSerial *s = &g_array_index(state->sync, ChannelSerial, i % state->sync->len);

        if (g_array_index(state->entry_sync, uint64_t, i) > s->serial)
            return INVALID(
                "cache: entry %u was used by message %" G_GUINT64_FORMAT " of channel %u, which is later than %" //
                G_GUINT64_FORMAT,
                i / state->sync->len, g_array_index(state->entry_sync, uint64_t, i), s->channel_id, s->serial);
    }
    return true;
}

/* Distinct ids: a sorted copy is quicker than a hash table, and no chosen ids make it slow. */
static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static bool ids_distinct(uint64_t *ids, unsigned n, const char *what, GError **error)
{
    if (n > 1)
        qsort(ids, n, sizeof(*ids), compare_ids);
    for (unsigned i = 1; i < n; i++) {
        if (ids[i] == ids[i - 1])
            return INVALID("%s: id 0x%" G_GINT64_MODIFIER "x occurs twice", what, ids[i]);
    }
    return true;
}

bool cache_state_validate(const CacheState *state, GError **error)
{
    g_autofree uint64_t *ids = NULL;
    int64_t used = 0;

    if (state->size < 1 || state->size > STATE_MAX_CACHE_PIXELS)
        return INVALID("cache: size %" G_GINT64_FORMAT " is out of range", state->size);
    if (!sync_validate(state->sync, error))
        return false;
    if (!state->has_entries)
        return state->entries->len + state->entry_sync->len == 0 || INVALID("cache: has entries that are not known");
    if (!state->freezer)
        return INVALID("cache: entries in the data of a channel that did not freeze the cache");
    if (state->entries->len > STATE_MAX_CACHE_ENTRIES)
        return INVALID("cache: %u entries are too many", state->entries->len);
    ids = g_new(uint64_t, state->entries->len);
    for (unsigned i = 0; i < state->entries->len; i++) {
        const CacheEntryState *e = &g_array_index(state->entries, CacheEntryState, i);

        if (e->pixels == 0)
            return INVALID("cache: entry %u has no pixels", i);
        used += e->pixels; /* at most 2^52 */
        ids[i] = e->id;
    }
    if (used > state->size)
        return INVALID("cache: entries of %" G_GINT64_FORMAT " pixels do not fit into %" G_GINT64_FORMAT, used,
                       state->size);
    return ids_distinct(ids, state->entries->len, "cache", error) && entry_sync_validate(state, error);
}

StateRect state_rects_extents(const GArray *rects)
{
    StateRect all = {0};

    for (unsigned i = 0; rects && i < rects->len; i++) {
        const StateRect *r = &g_array_index(rects, StateRect, i);

        if (i == 0)
            all = *r;
        all.left = MIN(all.left, r->left);
        all.top = MIN(all.top, r->top);
        all.right = MAX(all.right, r->right);
        all.bottom = MAX(all.bottom, r->bottom);
    }
    return all;
}

static bool surface_validate(const SurfaceState *s, GError **error)
{
    int32_t right = s->width ? (int32_t)MIN(s->width, STATE_MAX_COORDINATE) : STATE_MAX_COORDINATE;
    int32_t bottom = s->height ? (int32_t)MIN(s->height, STATE_MAX_COORDINATE) : STATE_MAX_COORDINATE;

    switch (s->format) {
    case 0: /* not known */
    case SPICE_SURFACE_FMT_1_A:
    case SPICE_SURFACE_FMT_8_A:
    case SPICE_SURFACE_FMT_16_555:
    case SPICE_SURFACE_FMT_16_565:
    case SPICE_SURFACE_FMT_32_xRGB:
    case SPICE_SURFACE_FMT_32_ARGB:
        break;
    default:
        return INVALID("surface %u: format %u is not known", s->id, s->format);
    }
    if (s->width > STATE_MAX_COORDINATE || s->height > STATE_MAX_COORDINATE)
        return INVALID("surface %u: size %ux%u is out of range", s->id, s->width, s->height);
    for (unsigned i = 0; s->lossy && i < s->lossy->len; i++) {
        const StateRect *r = &g_array_index(s->lossy, StateRect, i);

        if (r->left < 0 || r->top < 0 || r->left >= r->right || r->top >= r->bottom || r->right > right ||
            r->bottom > bottom)
            return INVALID("surface %u: lossy rectangle %d,%d - %d,%d cannot be", s->id, r->left, r->top, r->right,
                           r->bottom);
    }
    return true;
}

static bool surfaces_validate(const GArray *surfaces, GError **error)
{
    uint64_t n_rects = 0;

    if (surfaces->len > STATE_MAX_SURFACES)
        return INVALID("%u surfaces are too many", surfaces->len);
    for (unsigned i = 0; i < surfaces->len; i++) {
        const SurfaceState *s = &g_array_index(surfaces, SurfaceState, i);

        if (s->id >= STATE_MAX_SURFACES)
            return INVALID("surface id %u is out of range", s->id);
        if (i > 0 && s->id <= s[-1].id)
            return INVALID("surface %u: ids are not in ascending order", s->id);
        if (!surface_validate(s, error))
            return false;
        n_rects += s->lossy ? s->lossy->len : 0;
    }
    return n_rects <= STATE_MAX_LOSSY_RECTS || INVALID("%" G_GUINT64_FORMAT " lossy rectangles are too many", n_rects);
}

static bool palettes_validate(const GArray *palettes, GError **error)
{
    uint64_t keys[STATE_MAX_PALETTES];

    if (palettes->len > STATE_MAX_PALETTES)
        return INVALID("%u palettes are too many", palettes->len);
    for (unsigned i = 0; i < palettes->len; i++) {
        keys[i] = g_array_index(palettes, uint64_t, i);
        if (keys[i] == 0)
            return INVALID("palettes: key 0 is never cached");
    }
    return ids_distinct(keys, palettes->len, "palettes", error);
}

static bool preferences_validate(const DisplayState *state, GError **error)
{
    uint32_t seen = 0;

    if (state->preferred_compression >= SPICE_IMAGE_COMPRESSION_ENUM_END)
        return INVALID("preferred compression %u is not known", state->preferred_compression);
    for (unsigned i = 0; i < state->video_codecs->len; i++) {
        uint8_t codec = state->video_codecs->data[i];

        if (codec < 1 || codec >= SPICE_VIDEO_CODEC_TYPE_ENUM_END || seen & 1u << codec)
            return INVALID("video codec %u is not known or occurs twice", codec);
        seen |= 1u << codec;
    }
    return true;
}

bool display_state_validate(const DisplayState *state, GError **error)
{
    if (state->next_serial < 1 || state->next_serial > STATE_MAX_SERIAL)
        return INVALID("serial %" G_GUINT64_FORMAT " is out of range", state->next_serial);
    if (state->dictionary.size < 1 || state->dictionary.size > STATE_MAX_DICTIONARY_PIXELS)
        return INVALID("dictionary: size %u is out of range", state->dictionary.size);
    if (state->dictionary.next_image_id > STATE_MAX_SERIAL)
        return INVALID("dictionary: image id %" G_GUINT64_FORMAT " is out of range", state->dictionary.next_image_id);
    return cache_state_validate(&state->cache, error) && surfaces_validate(state->surfaces, error) &&
           palettes_validate(state->palettes, error) && preferences_validate(state, error);
}
