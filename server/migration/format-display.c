/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Display data: the v1 part, and behind it the extension. */
#include "server/migration/extension.h"
#include "server/migration/format-v1.h"

#include <string.h>

#define INVALID(...) (g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, __VA_ARGS__), false)
#define V1_CHANNELS 4u

/* The fixed part as it stands on the wire. */
typedef struct DisplayV1 {
    uint64_t message_serial;
    bool low_bandwidth;
    uint8_t cache_id;
    int64_t cache_size;
    bool cache_freezer;
    uint64_t cache_sync[V1_CHANNELS];
    uint8_t dictionary_id;
    uint32_t dictionary_size, dictionary_max_encoders;
    uint64_t dictionary_next_image_id;
    uint32_t surfaces_pointer;
} DisplayV1;

/* The bounds leave room for the next message: serials of a valid state are at most STATE_MAX_SERIAL. */
static const Field v1_table[] = {
    FIELD(DisplayV1, message_serial, FIELD_U64, .min = 1, .max = STATE_MAX_SERIAL - 1),
    FIELD(DisplayV1, low_bandwidth, FIELD_BOOL),
    FIELD(DisplayV1, cache_id, FIELD_U8),
    FIELD(DisplayV1, cache_size, FIELD_I64, .min = 1, .max = STATE_MAX_CACHE_PIXELS),
    FIELD(DisplayV1, cache_freezer, FIELD_BOOL),
    {.name = "cache_sync",
     .kind = FIELD_U64,
     .offset = offsetof(DisplayV1, cache_sync),
     .size = 8,
     .count = V1_CHANNELS,
     .max = STATE_MAX_SERIAL},
    FIELD(DisplayV1, dictionary_id, FIELD_U8),
    FIELD(DisplayV1, dictionary_size, FIELD_U32, .min = 1, .max = STATE_MAX_DICTIONARY_PIXELS),
    FIELD(DisplayV1, dictionary_max_encoders, FIELD_U32),
    FIELD(DisplayV1, dictionary_next_image_id, FIELD_U64, .max = STATE_MAX_SERIAL),
    FIELD(DisplayV1, surfaces_pointer, FIELD_U32),
    FIELD_END,
};

/* One element of the surface list; the short form has the id only. */
typedef struct SurfaceV1 {
    uint32_t id;
    StateRect lossy;
} SurfaceV1;

static const Field rect_table[] = {
    FIELD(StateRect, left, FIELD_I32, .max = STATE_MAX_COORDINATE),
    FIELD(StateRect, top, FIELD_I32, .max = STATE_MAX_COORDINATE),
    FIELD(StateRect, right, FIELD_I32, .max = STATE_MAX_COORDINATE),
    FIELD(StateRect, bottom, FIELD_I32, .max = STATE_MAX_COORDINATE),
    FIELD_END,
};

static const Field surface_table[] = {
    FIELD(SurfaceV1, id, FIELD_U32, .max = STATE_MAX_SURFACES - 1),
    FIELD_END,
};

static const Field lossy_surface_table[] = {
    FIELD(SurfaceV1, id, FIELD_U32, .max = STATE_MAX_SURFACES - 1),
    FIELD(SurfaceV1, lossy, FIELD_STRUCT, .table = rect_table),
    FIELD_END,
};

#define ID_SIZE 4u
#define LOSSY_SIZE 20u

/* --- encode --- */

void display_v1_encode(const DisplayState *state, WireWriter *w)
{
    DisplayV1 v1 = {
        .message_serial = state->next_serial,
        .low_bandwidth = state->low_bandwidth,
        .cache_id = state->cache.id,
        .cache_size = state->cache.size,
        .cache_freezer = state->cache.freezer,
        .dictionary_id = state->dictionary.id,
        .dictionary_size = state->dictionary.size,
        .dictionary_max_encoders = state->dictionary.max_encoders,
        .dictionary_next_image_id = state->dictionary.next_image_id,
        .surfaces_pointer = MIGRATION_HEADER_SIZE + (uint32_t)table_fixed_size(v1_table),
    };

    for (unsigned i = 0; i < state->cache.sync->len; i++) {
        const ChannelSerial *s = &g_array_index(state->cache.sync, ChannelSerial, i);

        if (s->channel_id < V1_CHANNELS)
            v1.cache_sync[s->channel_id] = s->serial;
    }
    migration_header_encode(w, MAGIC_DISPLAY);
    table_encode(v1_table, &v1, w);
    wire_write_u32(w, state->surfaces->len);
    for (unsigned i = 0; i < state->surfaces->len; i++) {
        const SurfaceState *s = &g_array_index(state->surfaces, SurfaceState, i);
        SurfaceV1 surface = {.id = s->id, .lossy = state_rects_extents(s->lossy)};

        table_encode(state->surfaces_lossy_form ? lossy_surface_table : surface_table, &surface, w);
    }
}

GBytes *display_state_encode(const DisplayState *state, bool extension)
{
    g_auto(WireWriter) w = {0};

    display_v1_encode(state, &w);
    if (extension)
        extension_encode(state, &w);
    return wire_writer_take(&w);
}

/* --- decode --- */

static void v1_apply(const DisplayV1 *v1, DisplayState *out)
{
    out->sections = DISPLAY_SECTION_V1;
    out->next_serial = v1->message_serial + 1;
    out->low_bandwidth = v1->low_bandwidth;
    out->cache.id = v1->cache_id;
    out->cache.size = v1->cache_size;
    out->cache.freezer = v1->cache_freezer;
    for (unsigned i = 0; i < V1_CHANNELS; i++) {
        ChannelSerial s = {.channel_id = (uint8_t)i, .serial = v1->cache_sync[i]};

        if (s.serial)
            g_array_append_val(out->cache.sync, s);
    }
    out->dictionary.id = v1->dictionary_id;
    out->dictionary.size = v1->dictionary_size;
    out->dictionary.max_encoders = v1->dictionary_max_encoders;
    out->dictionary.next_image_id = v1->dictionary_next_image_id;
}

static bool surface_append(const SurfaceV1 *v1, GArray *surfaces, GError **error)
{
    const StateRect *r = &v1->lossy;
    bool lossy = r->left != r->right || r->top != r->bottom; /* other servers leave an empty one anywhere */
    SurfaceState surface = {.id = v1->id};

    if (surfaces->len && v1->id <= g_array_index(surfaces, SurfaceState, surfaces->len - 1).id)
        return INVALID("surface %u: ids are not in ascending order", v1->id);
    if (lossy && (r->left >= r->right || r->top >= r->bottom))
        return INVALID("surface %u: lossy rectangle %d,%d - %d,%d cannot be", v1->id, r->left, r->top, r->right,
                       r->bottom);
    if (lossy) {
        surface.lossy = g_array_new(FALSE, FALSE, sizeof(StateRect));
        g_array_append_val(surface.lossy, *r);
    }
    g_array_append_val(surfaces, surface);
    return true;
}

static bool surfaces_read(const uint8_t *data, size_t size, uint32_t count, bool lossy, GArray *surfaces,
                          GError **error)
{
    WireReader r = wire_reader(data, size);

    g_array_set_size(surfaces, 0);
    for (uint32_t i = 0; i < count; i++) {
        SurfaceV1 surface = {0};

        if (!table_decode(lossy ? lossy_surface_table : surface_table, &r, &surface, error) ||
            !surface_append(&surface, surfaces, error))
            return false;
    }
    return true;
}

/* The list does not say which form it has. Its length does if nothing stands behind it, or if an extension does. */
static int form_by_length(const uint8_t *list, size_t size, uint32_t count)
{
    if (extension_is_at(list, size, (size_t)count * LOSSY_SIZE))
        return 1;
    if (extension_is_at(list, size, (size_t)count * ID_SIZE))
        return 0;
    if (size < (size_t)count * LOSSY_SIZE || size == (size_t)count * ID_SIZE)
        return 0;
    return -1;
}

/* `list` is what stands behind the count. */
static bool surfaces_decode(const uint8_t *list, size_t size, uint32_t count, int form, DisplayState *out,
                            GError **error)
{
    int known = form_by_length(list, size, count);

    if (count > STATE_MAX_SURFACES)
        return INVALID("%u surfaces are too many", count);
    if (count > size / ID_SIZE) {
        g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_SHORT, "%u surfaces lie outside the data", count);
        return false;
    }
    if (known < 0) {
        /* The caller knows, or the length is just that of rectangles, or what looks like rectangles is taken for them.
         */
        bool exact = size == (size_t)count * LOSSY_SIZE;

        known = form > 0 || (form < 0 && exact) ||
                ((form < 0 || exact) && surfaces_read(list, size, count, true, out->surfaces, NULL));
    }
    out->surfaces_lossy_form = known;
    return surfaces_read(list, size, count, known, out->surfaces, error);
}

bool display_v1_decode(const uint8_t *data, size_t size, int lossy_form, DisplayState *out, size_t *list_end,
                       GError **error)
{
    WireReader r = wire_reader(data, size), at;
    DisplayV1 v1 = {0};
    uint32_t count;

    if (!migration_header_decode(&r, MAGIC_DISPLAY, error) || !table_decode(v1_table, &r, &v1, error))
        return false;
    if (v1.surfaces_pointer < r.pos)
        return INVALID("surface list at %u lies inside the fixed part", v1.surfaces_pointer);
    at = wire_reader_at(&r, v1.surfaces_pointer);
    count = wire_read_u32(&at);
    if (!wire_reader_ok(&at)) {
        g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_SHORT, "surface list at %u lies outside the data",
                    v1.surfaces_pointer);
        return false;
    }
    v1_apply(&v1, out);
    if (!surfaces_decode(data + at.pos, size - at.pos, count, lossy_form, out, error))
        return false;
    *list_end = at.pos + (size_t)count * (out->surfaces_lossy_form ? LOSSY_SIZE : ID_SIZE);
    return true;
}

bool display_state_decode(const uint8_t *data, size_t size, int lossy_form, DisplayState *out, GArray **reports,
                          GError **error)
{
    g_autoptr(GArray) list = section_reports_new();
    size_t end = 0;

    if (reports)
        *reports = NULL;
    display_state_init(out);
    if (!display_v1_decode(data, size, lossy_form, out, &end, error)) {
        display_state_clear(out);
        return false;
    }
    if (extension_is_at(data, size, end))
        extension_decode(data + end, size - end, out, list);
    /* Every section was judged before it was taken: what is left to find is a mistake of ours, which must not reach a
     * channel. */
    if (!display_state_validate(out, error)) {
        display_state_clear(out);
        return false;
    }
    if (reports)
        *reports = g_steal_pointer(&list);
    return true;
}
