/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a display connection hands over in a migration, and how it goes on with what another host handed over. */
#include "server/core/client.h"
#include "server/display/client-stream.h"
#include "server/display/display-client.h"
#include "server/migration/format.h"

#include <spice/protocol.h>

/* The entries of the shared cache come with the data of one display. If that one is lost, another resets the cache. */
#define FREEZER_LOST_MS (5 * 1000)
/* Between the displays of a client, so that one of them resets it, not all at once. */
#define FREEZER_LOST_STEP_MS 100
/* Of images sent until the dictionary, whose content does not move, is taken to be filled again: about a screen. */
#define COLD_PIXELS (1024 * 1024)

static void report_display(DisplayClient *dc, MigrationReport *report, const DisplayState *state,
                           const GArray *sections, size_t bytes)
{
    g_autofree char *name = g_strdup_printf("display-%u", dc->cc.channel->id);

    if (report)
        migration_report_display(report, name, bytes, state, sections);
}

/* --- source --- */

static gint compare_ids(gconstpointer a, gconstpointer b)
{
    uint32_t x = GPOINTER_TO_UINT(a), y = GPOINTER_TO_UINT(b);

    return x < y ? -1 : x > y;
}

/* Ids of the client's surfaces, ascending. Free with g_list_free(). */
static GList *surface_ids(DisplayClient *dc)
{
    return g_list_sort(g_hash_table_get_keys(dc->surfaces), compare_ids);
}

/* StateRects, NULL if all of the surface is exact. */
static GArray *save_lossy(DisplayClient *dc, uint32_t id)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
    GArray *lossy;

    if (!lossy_map_get_region(dc->lossy, id, areas))
        return NULL;
    lossy = g_array_new(FALSE, FALSE, sizeof(StateRect));
    for (guint i = 0; i < areas->len; i++) {
        const Rect *r = &g_array_index(areas, SurfaceArea, i).area;
        StateRect s = {r->left, r->top, r->right, r->bottom};

        g_array_append_val(lossy, s);
    }
    return lossy;
}

static void save_surfaces(DisplayClient *dc, DisplayState *state)
{
    GList *ids = surface_ids(dc);

    state->surfaces_lossy_form = dc->jpeg;
    for (GList *l = ids; l; l = l->next) {
        const ClientSurface *surface = g_hash_table_lookup(dc->surfaces, l->data);
        SurfaceState s = {
            .id = GPOINTER_TO_UINT(l->data),
            .format = surface->format,
            .width = surface->width,
            .height = surface->height,
            .lossy = save_lossy(dc, GPOINTER_TO_UINT(l->data)),
            .leftovers = (uint8_t)((surface->has_leftovers ? SURFACE_LEFTOVERS_TRANSFORM : 0) |
                                   (surface->has_component_alpha ? SURFACE_LEFTOVERS_COMPONENT_ALPHA : 0)),
        };

        state->surfaces_lossy_form = state->surfaces_lossy_form || s.lossy;
        g_array_append_val(state->surfaces, s);
    }
    g_list_free(ids);
}

/* Other displays of the client may go on for a moment: without the dictionary. */
static void save_dictionary(DisplayClient *dc, DisplayState *state)
{
    GlzFigures figures = {.size = 1}; /* 0 cannot be told, and nothing fits into 1 */

    if (dc->dictionary) {
        glz_dictionary_freeze(dc->dictionary);
        glz_dictionary_get_figures(dc->dictionary, &figures);
    }
    state->dictionary = (DictionaryState){
        .id = dc->dictionary_id,
        .size = figures.size,
        .max_encoders = 4,
        .next_image_id = figures.next_id,
    };
}

void display_client_freeze(void *self)
{
    client_streams_end(self);
}

GBytes *display_client_save(void *self, uint64_t serial, MigrationReport *report)
{
    DisplayClient *dc = self;
    DisplayState state;
    GBytes *data;

    display_state_init(&state);
    state.sections = DISPLAY_SECTION_V1 | DISPLAY_SECTION_SERIALS | DISPLAY_SECTION_SURFACES |
                     DISPLAY_SECTION_PALETTES | DISPLAY_SECTION_PREFERENCES | DISPLAY_SECTION_LEFTOVERS;
    state.next_serial = serial + 1;
    state.low_bandwidth = dc->cc.link.low_bandwidth;
    image_cache_freeze(dc->cache_user, &state.cache);
    if (state.cache.has_entries)
        state.sections |= DISPLAY_SECTION_CACHE;
    save_dictionary(dc, &state);
    save_surfaces(dc, &state);
    g_clear_pointer(&state.palettes, g_array_unref);
    state.palettes = key_cache_save(dc->palettes);
    state.preferred_compression = dc->preferred_compression;
    g_byte_array_append(state.video_codecs, dc->video_codecs->data, dc->video_codecs->len);
    data = display_state_encode(&state, true);
    report_display(dc, report, &state, NULL, g_bytes_get_size(data));
    display_state_clear(&state);
    return data;
}

/* --- destination --- */

static bool refuse(GError **error, const char *what)
{
    g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, "display: %s", what);
    return false;
}

/* What the data alone cannot tell: whether they fit this host and the client's other displays. */
static bool check_state(DisplayClient *dc, const DisplayState *state, GError **error)
{
    DisplayChannel *display = display_client_channel(dc);

    for (guint i = 0; i < state->surfaces->len; i++)
        if (g_array_index(state->surfaces, SurfaceState, i).id >= display->n_surfaces)
            return refuse(error, "a surface id that this device does not have");
    for (guint i = 0; i < state->cache.sync->len; i++) {
        const ChannelSerial *s = &g_array_index(state->cache.sync, ChannelSerial, i);

        if (s->channel_id == display->channel.id && s->serial >= state->next_serial)
            return refuse(error, "the cache was used by a message that was never sent");
    }
    if (!client_agrees_on_ids(dc->cc.client, state->cache.id, state->dictionary.id))
        return refuse(error, "another cache or dictionary id than on the client's other displays");
    return true;
}

static void reset_if_freezer_is_lost(void *opaque)
{
    DisplayClient *dc = opaque;
    bool frozen = false;

    image_cache_get_figures(dc->cache, NULL, NULL, NULL, &frozen);
    if (!frozen)
        return;
    g_warning("display %u: the display that has the cache's content did not arrive; the cache is reset",
              dc->cc.channel->id);
    display_queue_cache_reset(dc, 0);
    channel_client_pump(&dc->cc);
}

static void restore_cache(DisplayClient *dc, const DisplayState *state)
{
    bool frozen = false;

    image_cache_merge_sync(dc->cache, &state->cache);
    image_cache_get_figures(dc->cache, NULL, NULL, NULL, &frozen);
    if (state->cache.freezer && image_cache_claim(dc->cache)) {
        if (!(state->sections & DISPLAY_SECTION_CACHE) || !image_cache_restore(dc->cache, &state->cache))
            display_queue_cache_reset(dc, state->cache.size);
        return;
    }
    if (state->cache.freezer)
        g_warning("display %u: the cache's content comes twice, or after it was reset; it is ignored",
                  dc->cc.channel->id);
    if (frozen) {
        dc->timer = loop_timer_new(dc->cc.channel->loop, reset_if_freezer_is_lost, dc);
        loop_timer_start(dc->timer, FREEZER_LOST_MS + FREEZER_LOST_STEP_MS * dc->cc.channel->id);
    }
}

static void restore_surfaces(DisplayClient *dc, const DisplayState *state)
{
    for (guint i = 0; i < state->surfaces->len; i++) {
        const SurfaceState *s = &g_array_index(state->surfaces, SurfaceState, i);

        uint8_t leftovers = state->sections & DISPLAY_SECTION_LEFTOVERS ? s->leftovers : SURFACE_LEFTOVERS_ALL;
        ClientSurface *surface;

        display_client_set_surface(dc, s->id, s->format, s->width, s->height);
        surface = display_client_surface(dc, s->id);
        surface->has_leftovers = leftovers & SURFACE_LEFTOVERS_TRANSFORM;
        surface->has_component_alpha = leftovers & SURFACE_LEFTOVERS_COMPONENT_ALPHA;
        for (guint j = 0; s->lossy && j < s->lossy->len; j++) {
            const StateRect *r = &g_array_index(s->lossy, StateRect, j);

            lossy_map_add_area(dc->lossy, s->id, &(Rect){r->left, r->top, r->right, r->bottom});
        }
        g_hash_table_add(dc->promised, GUINT_TO_POINTER(s->id));
    }
}

static void apply_state(DisplayClient *dc, const DisplayState *state)
{
    channel_client_set_next_serial(&dc->cc, state->next_serial);
    if (state->low_bandwidth)
        channel_client_set_low_bandwidth(&dc->cc);
    display_client_choose_wan(dc);
    display_client_join_dictionary(dc, state->dictionary.id, state->dictionary.size, state->dictionary.next_image_id);
    dc->cold_pixels = state->dictionary.next_image_id ? COLD_PIXELS : 0;
    display_client_join_cache(dc, state->cache.id, 0, true);
    restore_cache(dc, state);
    if (state->sections & DISPLAY_SECTION_PALETTES)
        key_cache_restore(dc->palettes, state->palettes);
    else
        display_queue_inval_all_palettes(dc);
    restore_surfaces(dc, state);
    dc->preferred_compression = state->preferred_compression;
    g_byte_array_append(dc->video_codecs, state->video_codecs->data, state->video_codecs->len);
}

bool display_client_load(void *self, const uint8_t *data, size_t size, MigrationReport *report, GError **error)
{
    DisplayClient *dc = self;
    DisplayState state;
    GArray *sections = NULL;

    if (!display_state_decode(data, size, -1, &state, &sections, error))
        return false;
    if (!check_state(dc, &state, error)) {
        display_state_clear(&state);
        section_reports_free(sections);
        return false;
    }
    for (guint i = 0; i < sections->len; i++) {
        const SectionReport *s = &g_array_index(sections, SectionReport, i);

        if (!s->accepted)
            g_warning("display %u: section %s of the migration data is refused: %s", dc->cc.channel->id, s->tag,
                      s->reason);
    }
    apply_state(dc, &state);
    report_display(dc, report, &state, sections, size);
    display_state_clear(&state);
    section_reports_free(sections);
    return true;
}

/* Surfaces that the client has, and that exist here as it has them, are sent again. */
static void refresh_surfaces(DisplayClient *dc)
{
    GList *ids = surface_ids(dc);

    for (GList *l = ids; l; l = l->next) {
        Surface *surface = display_client_channel(dc)->surfaces[GPOINTER_TO_UINT(l->data)];

        if (surface && g_hash_table_contains(dc->promised, l->data)) {
            Rect whole = {0, 0, (int32_t)surface->width, (int32_t)surface->height};

            display_queue_surface_image(dc, surface, &whole);
        }
    }
    g_list_free(ids);
}

void display_client_activate(void *self)
{
    DisplayClient *dc = self;

    dc->started = true;
    if (worker_is_running(display_client_channel(dc)->worker)) {
        dc->arriving = false;
        display_client_reconcile(dc);
        /* It linked when the VM ran already: what was drawn since then has passed it by. */
        refresh_surfaces(dc);
    }
    channel_client_open_window(&dc->cc);
    worker_continue_start(display_client_channel(dc)->worker);
}

/* The true pixels of what the client shows only approximately. */
static void refresh_lossy(DisplayClient *dc, Surface *surface)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
    unsigned n = lossy_map_get_pieces(dc->lossy, surface->id, areas);

    for (unsigned i = 0; i < n; i++)
        display_queue_surface_image(dc, surface, &g_array_index(areas, SurfaceArea, i).area);
}

static void reconcile_surface(DisplayClient *dc, uint32_t id)
{
    Surface *surface = display_client_channel(dc)->surfaces[id];
    ClientSurface *at_client = display_client_surface(dc, id);

    if (!surface) {
        display_queue_surface_destroy(dc, id);
        return;
    }
    if (at_client->format == 0) { /* v1 names the id only; the guest's surfaces are what they were */
        at_client->format = surface->format;
        at_client->width = surface->width;
        at_client->height = surface->height;
        lossy_map_set_size(dc->lossy, id, surface->width, surface->height);
    }
    if (at_client->format != surface->format || at_client->width != surface->width ||
        at_client->height != surface->height)
        display_queue_surface_destroy(dc, id); /* it comes anew when it is used */
    else
        refresh_lossy(dc, surface);
}

void display_client_reconcile(DisplayClient *dc)
{
    DisplayChannel *display = display_client_channel(dc);
    GList *ids = surface_ids(dc);
    Surface *primary = display->surfaces[0];

    for (GList *l = ids; l; l = l->next)
        reconcile_surface(dc, GPOINTER_TO_UINT(l->data));
    g_list_free(ids);
    if (primary && !g_hash_table_contains(dc->promised, GUINT_TO_POINTER(0))) {
        display_queue_surface(dc, primary);
        display_queue_monitors(dc);
        channel_client_push_empty(&dc->cc, SPICE_MSG_DISPLAY_MARK);
    } else if (display->driver_sets_monitors) {
        display_queue_monitors(dc);
    }
    channel_client_pump(&dc->cc);
}
