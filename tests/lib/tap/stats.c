/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/tap/stats.h"

#include "tests/lib/tap/link.h"
#include "tests/lib/tap/session.h"

#include <json-glib/json-glib.h>
#include <spice/enums.h>
#include <stdarg.h>
#include <stdlib.h>

TapCounters *stats_counters(Tap *tap, guint8 type, guint8 id, guint route)
{
    guint phase = tap->phases->len - 1;
    TapCounters *c;

    for (guint i = tap->counters->len; i-- > 0;) {
        c = tap->counters->pdata[i];
        if (c->phase != phase)
            break;
        if (c->type == type && c->id == id && c->route == route)
            return c;
    }
    c = g_new0(TapCounters, 1);
    c->phase = phase;
    c->type = type;
    c->id = id;
    c->route = route;
    g_ptr_array_add(tap->counters, c);
    return c;
}

void stats_count(TapCounters *c, TapSide side, guint16 type, guint64 bytes)
{
    TapCount *t = &c->by_type[side][MIN(type, TAP_TYPES - 1)];

    if (!t->messages)
        t->first_us = g_get_monotonic_time();
    t->messages++;
    t->bytes += bytes;
    c->total[side].messages++;
    c->total[side].bytes += bytes;
}

void stats_violation(Tap *tap, const char *kind, guint8 type, guint8 id, guint64 serial, const char *format, ...)
{
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(tap->kinds, kind)) + 1;
    TapViolation *v;
    va_list ap;

    g_hash_table_insert(tap->kinds, g_strdup(kind), GUINT_TO_POINTER(count));
    if (count > TAP_MAX_VIOLATIONS)
        return;
    v = g_new0(TapViolation, 1);
    v->kind = g_strdup(kind);
    va_start(ap, format);
    v->text = g_strdup_vprintf(format, ap);
    va_end(ap);
    v->phase = tap->phases->len - 1;
    v->type = type;
    v->id = id;
    v->serial = serial;
    g_ptr_array_add(tap->violations, v);
}

/* ---- JSON ---- */

static void put(JsonBuilder *b, const char *name, guint64 value)
{
    json_builder_set_member_name(b, name);
    json_builder_add_int_value(b, (gint64)value);
}

static void put_string(JsonBuilder *b, const char *name, const char *value)
{
    json_builder_set_member_name(b, name);
    json_builder_add_string_value(b, value);
}

static void open_object(JsonBuilder *b, const char *name)
{
    if (name)
        json_builder_set_member_name(b, name);
    json_builder_begin_object(b);
}

static void open_array(JsonBuilder *b, const char *name)
{
    json_builder_set_member_name(b, name);
    json_builder_begin_array(b);
}

static const char *image_name(guint type)
{
    switch (type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        return "raw";
    case SPICE_IMAGE_TYPE_QUIC:
        return "quic";
    case SPICE_IMAGE_TYPE_LZ_PLT:
        return "lz_plt";
    case SPICE_IMAGE_TYPE_LZ_RGB:
        return "lz_rgb";
    case SPICE_IMAGE_TYPE_GLZ_RGB:
        return "glz_rgb";
    case SPICE_IMAGE_TYPE_FROM_CACHE:
        return "from_cache";
    case SPICE_IMAGE_TYPE_SURFACE:
        return "surface";
    case SPICE_IMAGE_TYPE_JPEG:
        return "jpeg";
    case SPICE_IMAGE_TYPE_FROM_CACHE_LOSSLESS:
        return "from_cache_lossless";
    case SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        return "zlib_glz_rgb";
    case SPICE_IMAGE_TYPE_JPEG_ALPHA:
        return "jpeg_alpha";
    case SPICE_IMAGE_TYPE_LZ4:
        return "lz4";
    default:
        return "unknown";
    }
}

/* Numbers of types mean something only on one channel. */
static void put_types(JsonBuilder *b, const TapCounters *c, TapSide side)
{
    open_object(b, "types");
    for (guint t = 0; t < TAP_TYPES; t++) {
        const TapCount *n = &c->by_type[side][t];
        char number[16];

        if (!n->messages)
            continue;
        g_snprintf(number, sizeof number, "%u", t);
        open_object(b, number);
        put(b, "messages", n->messages);
        put(b, "bytes", n->bytes);
        put(b, "first_us", (guint64)n->first_us);
        json_builder_end_object(b);
    }
    json_builder_end_object(b);
}

static void put_direction(JsonBuilder *b, const TapCounters *c, TapSide side, const char *name, bool types)
{
    open_object(b, name);
    put(b, "messages", c->total[side].messages);
    put(b, "bytes", c->total[side].bytes);
    if (types)
        put_types(b, c, side);
    json_builder_end_object(b);
}

static void put_images(JsonBuilder *b, const TapCounters *c)
{
    open_object(b, "images");
    for (guint t = 0; t < 256; t++) {
        if (!c->images[t].count)
            continue;
        open_object(b, image_name(t));
        put(b, "count", c->images[t].count);
        put(b, "bytes", c->images[t].bytes);
        put(b, "pixels", c->images[t].pixels);
        json_builder_end_object(b);
    }
    json_builder_end_object(b);
}

static void put_cache_counters(JsonBuilder *b, const TapCounters *c)
{
    open_object(b, "cache");
    put(b, "added", c->added);
    put(b, "replaced", c->replaced);
    put(b, "hits", c->hits);
    put(b, "missing", c->missing);
    put(b, "late", c->late);
    put(b, "resent", c->resent);
    put(b, "resent_bytes", c->resent_bytes);
    put(b, "resent_plain", c->resent_plain);
    put(b, "crossed", c->crossed);
    put(b, "resent_lost", c->resent_lost);
    put(b, "resent_lost_bytes", c->resent_lost_bytes);
    put(b, "evicted", c->evicted);
    put(b, "unknown_evicted", c->unknown_evicted);
    put(b, "inval_all", c->inval_all);
    json_builder_end_object(b);
}

static void put_counters(JsonBuilder *b, const TapCounters *c, bool types)
{
    put_direction(b, c, TAP_SERVER, "from_server", types);
    put_direction(b, c, TAP_CLIENT, "from_client", types);
    put(b, "malformed", c->malformed);
    if (c->type == SPICE_CHANNEL_DISPLAY) {
        put_images(b, c);
        put_cache_counters(b, c);
    }
}

static void add_counters(TapCounters *sum, const TapCounters *c)
{
    for (int side = 0; side < 2; side++) {
        sum->total[side].messages += c->total[side].messages;
        sum->total[side].bytes += c->total[side].bytes;
    }
    for (guint t = 0; t < 256; t++) {
        sum->images[t].count += c->images[t].count;
        sum->images[t].bytes += c->images[t].bytes;
        sum->images[t].pixels += c->images[t].pixels;
    }
    sum->malformed += c->malformed;
    sum->added += c->added;
    sum->replaced += c->replaced;
    sum->hits += c->hits;
    sum->missing += c->missing;
    sum->late += c->late;
    sum->resent += c->resent;
    sum->resent_bytes += c->resent_bytes;
    sum->resent_plain += c->resent_plain;
    sum->crossed += c->crossed;
    sum->resent_lost += c->resent_lost;
    sum->resent_lost_bytes += c->resent_lost_bytes;
    sum->evicted += c->evicted;
    sum->unknown_evicted += c->unknown_evicted;
    sum->inval_all += c->inval_all;
}

/* All channels together, of one phase or (G_MAXUINT) of all. */
static void put_totals(JsonBuilder *b, Tap *tap, const char *name, guint phase)
{
    TapCounters *sum = g_new0(TapCounters, 1);

    sum->type = SPICE_CHANNEL_DISPLAY;
    for (guint i = 0; i < tap->counters->len; i++) {
        const TapCounters *c = tap->counters->pdata[i];

        if (phase == G_MAXUINT || c->phase == phase)
            add_counters(sum, c);
    }
    open_object(b, name);
    put_counters(b, sum, false);
    json_builder_end_object(b);
    g_free(sum);
}

static void put_phases(JsonBuilder *b, Tap *tap)
{
    open_array(b, "phases");
    for (guint p = 0; p < tap->phases->len; p++) {
        open_object(b, NULL);
        put_string(b, "name", tap->phases->pdata[p]);
        put_totals(b, tap, "total", p);
        open_array(b, "channels");
        for (guint i = 0; i < tap->counters->len; i++) {
            const TapCounters *c = tap->counters->pdata[i];

            if (c->phase != p)
                continue;
            open_object(b, NULL);
            put(b, "type", c->type);
            put(b, "id", c->id);
            put(b, "route", c->route);
            put_counters(b, c, true);
            json_builder_end_object(b);
        }
        json_builder_end_array(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static int by_number(gconstpointer a, gconstpointer b)
{
    guint x = GPOINTER_TO_UINT(a), y = GPOINTER_TO_UINT(b);

    return x < y ? -1 : x > y;
}

static void put_channel(JsonBuilder *b, TapChannel *ch)
{
    TapLink *link = g_queue_peek_head(&ch->links);

    open_object(b, NULL);
    put(b, "type", ch->type);
    put(b, "id", ch->id);
    put(b, "serial", ch->done);
    put(b, "hops", ch->hops);
    put(b, "links", ch->links.length);
    put(b, "surfaces", g_hash_table_size(ch->surfaces));
    if (link) {
        put(b, "route", link->route->index);
        put(b, "mini", link->mini);
    }
    if (link && link->blocked) {
        const ModelStep *w = g_queue_peek_head(&link->steps);

        if (w->kind == MODEL_REF) {
            put(b, "waits_for_image", w->id);
        } else {
            open_object(b, "waits_for");
            put(b, "type", w->type);
            put(b, "id", w->channel);
            put(b, "serial", w->id);
            json_builder_end_object(b);
        }
    }
    json_builder_end_object(b);
}

static void put_sessions(JsonBuilder *b, Tap *tap)
{
    open_array(b, "sessions");
    for (guint i = 0; i < tap->sessions->len; i++) {
        TapSession *s = tap->sessions->pdata[i];
        GList *keys = g_list_sort(g_hash_table_get_keys(s->channels), by_number);

        open_object(b, NULL);
        put(b, "id", s->id);
        put(b, "cached", g_hash_table_size(s->cache.entries));
        put(b, "cached_pixels", s->cache.pixels);
        put(b, "peak_pixels", s->cache_peak);
        put(b, "cache_size", s->cache_size);
        put(b, "glz_window", (guint64)s->glz_window);
        put(b, "semi_switches", s->switches);
        open_array(b, "channels");
        for (GList *l = keys; l; l = l->next)
            put_channel(b, g_hash_table_lookup(s->channels, l->data));
        g_list_free(keys);
        json_builder_end_array(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static void put_violations(JsonBuilder *b, Tap *tap)
{
    GHashTableIter it;
    gpointer kind, count;

    open_object(b, "violation_counts");
    g_hash_table_iter_init(&it, tap->kinds);
    while (g_hash_table_iter_next(&it, &kind, &count))
        put(b, kind, GPOINTER_TO_UINT(count));
    json_builder_end_object(b);
    open_array(b, "violations");
    for (guint i = 0; i < tap->violations->len; i++) {
        const TapViolation *v = tap->violations->pdata[i];

        open_object(b, NULL);
        put_string(b, "kind", v->kind);
        put_string(b, "text", v->text);
        put_string(b, "phase", tap->phases->pdata[v->phase]);
        put(b, "type", v->type);
        put(b, "id", v->id);
        put(b, "serial", v->serial);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static void put_links(JsonBuilder *b, Tap *tap)
{
    open_array(b, "links");
    for (guint i = 0; i < tap->links->len; i++) {
        const TapLink *link = tap->links->pdata[i];

        open_object(b, NULL);
        put(b, "route", link->route->index);
        put(b, "type", link->type);
        put(b, "id", link->id);
        put(b, "link_bytes_from_client", link->link_bytes[TAP_CLIENT]);
        put(b, "link_bytes_from_server", link->link_bytes[TAP_SERVER]);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static char *finish(JsonBuilder *b)
{
    g_autoptr(JsonNode) root = NULL;

    json_builder_end_object(b);
    root = json_builder_get_root(b);
    return json_to_string(root, FALSE);
}

char *stats_json(Tap *tap)
{
    g_autoptr(JsonBuilder) b = json_builder_new();

    for (guint i = 0; i < tap->sessions->len; i++)
        session_settle(tap->sessions->pdata[i]);
    open_object(b, NULL);
    put_string(b, "answer", "stats");
    put_totals(b, tap, "total", G_MAXUINT);
    put_phases(b, tap);
    put_sessions(b, tap);
    put_links(b, tap);
    put_violations(b, tap);
    return finish(b);
}

static int by_value(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

    return x < y ? -1 : x > y;
}

char *stats_cache_ids_json(Tap *tap)
{
    g_autoptr(JsonBuilder) b = json_builder_new();

    open_object(b, NULL);
    put_string(b, "answer", "cache-ids");
    open_array(b, "sessions");
    for (guint i = 0; i < tap->sessions->len; i++) {
        TapSession *s = session_settle(tap->sessions->pdata[i]);
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint64));
        GHashTableIter it;
        gpointer id;

        g_hash_table_iter_init(&it, s->cache.entries);
        while (g_hash_table_iter_next(&it, &id, NULL))
            g_array_append_vals(ids, id, 1);
        g_array_sort(ids, by_value);
        open_object(b, NULL);
        put(b, "id", s->id);
        open_array(b, "ids");
        for (guint k = 0; k < ids->len; k++) {
            /* As text: many readers of JSON have no 64 bit numbers. */
            g_autofree char *text = g_strdup_printf("%016" G_GINT64_MODIFIER "x", g_array_index(ids, guint64, k));

            json_builder_add_string_value(b, text);
        }
        json_builder_end_array(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    return finish(b);
}

char *stats_made_json(Tap *tap)
{
    g_autoptr(JsonBuilder) b = json_builder_new();

    open_object(b, NULL);
    put_string(b, "answer", "made");
    json_builder_set_member_name(b, "ok");
    json_builder_add_boolean_value(b, TRUE);
    open_array(b, "images");
    for (guint i = 0; tap->made && i < tap->made->len; i++) {
        const TapMade *m = &g_array_index(tap->made, TapMade, i);
        const gint32 box[4] = {m->left, m->top, m->right, m->bottom};

        open_object(b, NULL);
        put_string(b, "phase", tap->phases->pdata[m->phase]);
        put(b, "route", m->route);
        put(b, "id", m->id);
        put(b, "surface", m->surface);
        put_string(b, "type", image_name(m->type));
        open_array(b, "box");
        for (guint k = 0; k < G_N_ELEMENTS(box); k++)
            json_builder_add_int_value(b, box[k]);
        json_builder_end_array(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    return finish(b);
}
