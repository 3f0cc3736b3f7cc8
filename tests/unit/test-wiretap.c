/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reading half of the wiretap: frames, the model of the client's cache, the rules of a migration. No sockets. */
#include "common/wire/writer.h"
#include "tests/lib/tap/frames.h"
#include "tests/lib/tap/session.h"
#include "tests/lib/tap/stats.h"

#include <spice/enums.h>
#include <spice/protocol.h>
#include <string.h>

#define SESSION 77

typedef struct Fixture {
    Tap tap;
    TapRoute routes[2];
    GPtrArray *links;
} Fixture;

static void free_violation(gpointer data)
{
    TapViolation *v = data;

    g_free(v->kind);
    g_free(v->text);
    g_free(v);
}

static void free_saved(gpointer data)
{
    g_bytes_unref(((TapSaved *)data)->body);
    g_free(data);
}

static void free_tamper(gpointer data)
{
    if (((TapTamper *)data)->bytes)
        g_bytes_unref(((TapTamper *)data)->bytes);
    g_free(data);
}

static void setup(Fixture *f, gconstpointer data)
{
    f->tap.sessions = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
    f->tap.phases = g_ptr_array_new_with_free_func(g_free);
    f->tap.counters = g_ptr_array_new_with_free_func(g_free);
    f->tap.violations = g_ptr_array_new_with_free_func(free_violation);
    f->tap.kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    f->tap.tampers = g_ptr_array_new_with_free_func(free_tamper);
    f->tap.saved = g_ptr_array_new_with_free_func(free_saved);
    g_ptr_array_add(f->tap.phases, g_strdup("start"));
    f->routes[1].index = 1;
    f->tap.links = g_ptr_array_new();
    f->links = g_ptr_array_new();
}

static void link_end(TapLink *link)
{
    session_detach(link);
    frames_clear(&link->flow[TAP_CLIENT]);
    frames_clear(&link->flow[TAP_SERVER]);
    g_free(link);
}

static void teardown(Fixture *f, gconstpointer data)
{
    g_ptr_array_foreach(f->links, (GFunc)(void (*)(void))link_end, NULL);
    g_ptr_array_unref(f->links);
    g_ptr_array_unref(f->tap.links);
    g_ptr_array_unref(f->tap.sessions);
    g_ptr_array_unref(f->tap.phases);
    g_ptr_array_unref(f->tap.counters);
    g_ptr_array_unref(f->tap.violations);
    g_hash_table_unref(f->tap.kinds);
    g_ptr_array_unref(f->tap.tampers);
    g_ptr_array_unref(f->tap.saved);
    g_clear_pointer(&f->tap.made, g_array_unref);
}

/* ---- what peers send ---- */

/* Feeds bytes in pieces and checks that they were all passed on, unchanged. */
static void feed(TapLink *link, TapSide side, const WireWriter *w, gsize piece)
{
    Flow *flow = &link->flow[side];

    g_byte_array_set_size(flow->pending, 0);
    for (gsize at = 0; at < w->size; at += piece)
        frames_feed(flow, w->data + at, MIN(piece, w->size - at));
    g_assert_cmpmem(flow->pending->data, flow->pending->len, w->data, w->size);
}

static void link_header(WireWriter *w, guint32 size)
{
    wire_write_u32(w, SPICE_MAGIC);
    wire_write_u32(w, 2);
    wire_write_u32(w, 2);
    wire_write_u32(w, size);
}

static void link_stage(TapLink *link, guint8 type, guint8 id, guint32 caps, gsize piece)
{
    g_auto(WireWriter) c = {0}, s = {0}, auth = {0}, result = {0};

    link_header(&c, 22);
    wire_write_u32(&c, SESSION);
    wire_write_u8(&c, type);
    wire_write_u8(&c, id);
    wire_write_u32(&c, 1);
    wire_write_u32(&c, 0);
    wire_write_u32(&c, 18);
    wire_write_u32(&c, caps);
    feed(link, TAP_CLIENT, &c, piece);
    link_header(&s, 182);
    wire_write_zeros(&s, 166);
    wire_write_u32(&s, 1);
    wire_write_u32(&s, 0);
    wire_write_u32(&s, 178);
    wire_write_u32(&s, 0x0b);
    feed(link, TAP_SERVER, &s, piece);
    wire_write_u32(&auth, 1);
    wire_write_zeros(&auth, 128);
    feed(link, TAP_CLIENT, &auth, piece);
    wire_write_u32(&result, 0);
    feed(link, TAP_SERVER, &result, piece);
}

static TapLink *link_start(Fixture *f, guint route, guint8 type, guint8 id, guint32 caps)
{
    TapLink *link = g_new0(TapLink, 1);

    link->tap = &f->tap;
    link->route = &f->routes[route];
    link->type = TAP_UNKNOWN;
    g_queue_init(&link->steps);
    frames_init(&link->flow[TAP_CLIENT], link, TAP_CLIENT);
    frames_init(&link->flow[TAP_SERVER], link, TAP_SERVER);
    g_ptr_array_add(f->links, link);
    link_stage(link, type, id, caps, 7);
    g_assert_cmpint(link->type, ==, type);
    g_assert_cmpint(link->flow[TAP_SERVER].stage, ==, FLOW_DATA_HEADER);
    g_assert_cmpint(link->flow[TAP_CLIENT].stage, ==, FLOW_DATA_HEADER);
    return link;
}

static TapLink *display(Fixture *f, guint route, guint8 id)
{
    return link_start(f, route, SPICE_CHANNEL_DISPLAY, id, 0x0d);
}

/* Sends one message with a mini header, first in one piece. Clears the body. */
static void message(TapLink *link, TapSide side, guint16 type, WireWriter *body)
{
    g_auto(WireWriter) w = {0};

    wire_write_u16(&w, type);
    wire_write_u32(&w, (guint32)body->size);
    wire_write_bytes(&w, body->data, body->size);
    feed(link, side, &w, type % 2 ? 5 : 1 << 20);
    wire_writer_clear(body);
}

static void simple(TapLink *link, guint16 type, const char *format, ...)
{
    WireWriter w = {0};
    va_list ap;

    va_start(ap, format);
    for (; *format; format++) {
        if (*format == '1')
            wire_write_u8(&w, (guint8)va_arg(ap, int));
        else if (*format == '2')
            wire_write_u16(&w, (guint16)va_arg(ap, int));
        else if (*format == '4')
            wire_write_u32(&w, va_arg(ap, guint32));
        else
            wire_write_u64(&w, va_arg(ap, guint64));
    }
    va_end(ap);
    message(link, TAP_SERVER, type, &w);
}

static void surface(TapLink *link)
{
    simple(link, SPICE_MSG_DISPLAY_SURFACE_CREATE, "44444", 0, 640, 480, 32, 1);
}

/* DRAW_COPY of an image of 10x10 pixels. */
static void image(TapLink *link, guint64 id, guint8 type, guint8 flags)
{
    WireWriter w = {0};
    gsize place;

    wire_write_zeros(&w, 21);
    place = wire_write_pointer(&w);
    wire_write_zeros(&w, 16 + 3 + 13);
    wire_set_pointer(&w, place);
    wire_write_u64(&w, id);
    wire_write_u8(&w, type);
    wire_write_u8(&w, flags);
    wire_write_u32(&w, 10);
    wire_write_u32(&w, 10);
    if (type == SPICE_IMAGE_TYPE_LZ_RGB) {
        wire_write_u32(&w, 50);
        wire_write_zeros(&w, 50);
    }
    message(link, TAP_SERVER, SPICE_MSG_DISPLAY_DRAW_COPY, &w);
}

static void store(TapLink *link, guint64 id)
{
    image(link, id, SPICE_IMAGE_TYPE_LZ_RGB, SPICE_IMAGE_FLAGS_CACHE_ME);
}

static void refer(TapLink *link, guint64 id)
{
    image(link, id, SPICE_IMAGE_TYPE_FROM_CACHE, 0);
}

static void drop(TapLink *link, guint64 id)
{
    simple(link, SPICE_MSG_DISPLAY_INVAL_LIST, "218", 1, SPICE_RES_TYPE_PIXMAP, id);
}

static void migrate(TapLink *link, guint32 flags)
{
    simple(link, SPICE_MSG_MIGRATE, "4", flags);
}

static guint violations(Fixture *f, const char *kind)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(f->tap.kinds, kind));
}

static guint all_violations(Fixture *f)
{
    return g_hash_table_size(f->tap.kinds);
}

static ImageCache *cache(TapLink *link)
{
    return &link->channel->session->cache;
}

/* ---- tests ---- */

static void test_cache(Fixture *f, gconstpointer data)
{
    TapLink *d = display(f, 0, 0);
    TapCounters *c = link_counters(d);

    surface(d);
    store(d, 1);
    store(d, 2);
    refer(d, 1);
    g_assert_cmpuint(c->added, ==, 2);
    g_assert_cmpuint(c->hits, ==, 1);
    g_assert_cmpuint(cache(d)->pixels, ==, 200);
    store(d, 1); /* twice: two references */
    g_assert_cmpuint(c->resent, ==, 1);
    g_assert_cmpuint(c->resent_bytes, ==, 18 + 4 + 50);
    drop(d, 1);
    refer(d, 1);
    drop(d, 1);
    g_assert_cmpuint(c->evicted, ==, 2);
    refer(d, 1);
    g_assert_cmpuint(c->missing, ==, 1);
    drop(d, 99);
    g_assert_cmpuint(c->unknown_evicted, ==, 1);
    image(d, 2, SPICE_IMAGE_TYPE_LZ_RGB, SPICE_IMAGE_FLAGS_CACHE_REPLACE_ME);
    g_assert_cmpuint(c->replaced, ==, 1);
    g_assert_cmpuint(c->resent, ==, 1);
    simple(d, SPICE_MSG_DISPLAY_INVAL_ALL_PIXMAPS, "1", 0);
    g_assert_cmpuint(c->inval_all, ==, 1);
    g_assert_cmpuint(cache(d)->pixels, ==, 0);
    store(d, 2);
    g_assert_cmpuint(c->resent_lost, ==, 1);
    g_assert_cmpuint(c->images[SPICE_IMAGE_TYPE_FROM_CACHE].count, ==, 3);
    g_assert_cmpuint(c->malformed, ==, 0);
    g_assert_cmpuint(all_violations(f), ==, 0);
}

static void test_full_header(Fixture *f, gconstpointer data)
{
    TapLink *d = link_start(f, 0, SPICE_CHANNEL_DISPLAY, 0, 0x05);
    g_auto(WireWriter) w = {0};

    g_assert_false(d->mini);
    wire_write_u64(&w, 41);
    wire_write_u16(&w, SPICE_MSG_DISPLAY_MARK);
    wire_write_u32(&w, 6 + 6 + 11);
    wire_write_u32(&w, 17);                             /* the list is behind the sub-message */
    wire_write_u16(&w, SPICE_MSG_DISPLAY_INVAL_LIST);   /* 0 */
    wire_write_u32(&w, 24);                             /* too large */
    wire_write_bytes(&w, "\1\0\1\7\0\0\0\0\0\0\0", 11); /* one image, id 7 */
    wire_write_u16(&w, 1);                              /* 17 */
    wire_write_u32(&w, 0);
    feed(d, TAP_SERVER, &w, 3);
    g_assert_cmpuint(d->channel->done, ==, 41);
    g_assert_cmpuint(violations(f, "sub-size"), ==, 1);
    g_assert_cmpuint(link_counters(d)->unknown_evicted, ==, 1);
}

static void test_waits(Fixture *f, gconstpointer data)
{
    TapLink *a = display(f, 0, 0), *b = display(f, 0, 1);

    surface(a);
    surface(b);
    store(a, 5); /* serial 2 of channel 0 */
    simple(b, SPICE_MSG_WAIT_FOR_CHANNELS, "1118", 1, SPICE_CHANNEL_DISPLAY, 0, (guint64)3);
    drop(b, 5);
    g_assert_true(b->blocked);
    g_assert_cmpuint(b->channel->done, ==, 1);
    refer(a, 5); /* serial 3: now the other one may go on */
    g_assert_false(b->blocked);
    g_assert_cmpuint(b->channel->done, ==, 3);
    g_assert_cmpuint(link_counters(a)->missing, ==, 0);
    g_assert_cmpuint(link_counters(b)->evicted, ==, 1);
    refer(b, 6); /* comes on the other channel later */
    g_assert_cmpuint(link_counters(b)->missing, ==, 1);
    store(a, 6);
    g_assert_cmpuint(link_counters(b)->missing, ==, 0);
    g_assert_cmpuint(link_counters(b)->late, ==, 1);
    g_assert_cmpuint(all_violations(f), ==, 0);
    simple(b, SPICE_MSG_WAIT_FOR_CHANNELS, "1118", 1, SPICE_CHANNEL_DISPLAY, 7, (guint64)3);
    simple(b, SPICE_MSG_WAIT_FOR_CHANNELS, "1118", 1, SPICE_CHANNEL_DISPLAY, 1, (guint64)100);
    simple(b, SPICE_MSG_WAIT_FOR_CHANNELS, "1118", 1, SPICE_CHANNEL_DISPLAY, 0, (guint64)100);
    g_assert_cmpuint(violations(f, "wait-channel"), ==, 1);
    g_assert_cmpuint(violations(f, "wait-self"), ==, 1);
    g_assert_true(b->blocked);
    session_detach(b);
    g_assert_cmpuint(violations(f, "wait-unfulfilled"), ==, 1);
}

static void test_seamless(Fixture *f, gconstpointer data)
{
    TapLink *d = display(f, 0, 0), *t;
    WireWriter w = {0};

    surface(d);
    store(d, 1);
    t = display(f, 1, 0);
    g_assert_true(t->target);
    migrate(d, 3);
    wire_write_u32(&w, 0xfeed);
    message(d, TAP_SERVER, SPICE_MSG_MIGRATE_DATA, &w);
    g_assert_null(d->channel);
    g_assert_cmpuint(t->channel->done, ==, 4);
    wire_write_u32(&w, 0xfeed);
    message(t, TAP_CLIENT, SPICE_MSGC_MIGRATE_DATA, &w);
    refer(t, 1);
    g_assert_cmpuint(t->channel->done, ==, 5); /* serials go on */
    g_assert_cmpuint(link_counters(t)->hits, ==, 1);
    g_assert_cmpuint(f->tap.saved->len, ==, 1);
    g_assert_cmpuint(all_violations(f), ==, 0);
    g_assert_cmpuint(t->channel->hops, ==, 1);
}

static void test_bad_migration(Fixture *f, gconstpointer data)
{
    TapLink *d = display(f, 0, 0), *t;
    WireWriter w = {0};

    refer(d, 9); /* without a surface */
    g_assert_cmpuint(violations(f, "surface-unknown"), ==, 1);
    t = display(f, 1, 0);
    store(t, 1);
    g_assert_cmpuint(violations(f, "early-display"), ==, 1);
    g_assert_cmpuint(link_counters(t)->added, ==, 0); /* the client does not read it yet */
    migrate(d, 3);
    simple(d, SPICE_MSG_DISPLAY_MARK, "");
    g_assert_cmpuint(violations(f, "after-migrate"), ==, 1);
    wire_write_u32(&w, 0xfeed);
    message(d, TAP_SERVER, SPICE_MSG_MIGRATE_DATA, &w);
    g_assert_cmpuint(link_counters(t)->added, ==, 1);
    wire_write_u32(&w, 0xbeef);
    message(t, TAP_CLIENT, SPICE_MSGC_MIGRATE_DATA, &w);
    g_assert_cmpuint(violations(f, "echo"), ==, 1);
    simple(d, SPICE_MSG_DISPLAY_MARK, "");
    g_assert_cmpuint(violations(f, "after-migrate"), ==, 2);
}

static void test_semi(Fixture *f, gconstpointer data)
{
    TapLink *m = link_start(f, 0, SPICE_CHANNEL_MAIN, 0, 0x0d), *d = display(f, 0, 0), *m2, *d2;

    surface(d);
    store(d, 1);
    m2 = link_start(f, 1, SPICE_CHANNEL_MAIN, 0, 0x0d);
    d2 = display(f, 1, 0);
    simple(m, SPICE_MSG_MAIN_MIGRATE_END, "");
    g_assert_null(m->channel);
    g_assert_null(d->channel);
    g_assert_cmpuint(d2->channel->done, ==, 0);
    g_assert_cmpuint(m2->channel->session->switches, ==, 1);
    surface(d2);
    store(d2, 1);
    g_assert_cmpuint(link_counters(d2)->resent_lost, ==, 1);
    g_assert_cmpuint(all_violations(f), ==, 0);
}

static void tamper(Fixture *f, TapLink *link, int what, guint32 size, GBytes *bytes, const char *wanted,
                   gsize wanted_size)
{
    TapTamper *t = g_new0(TapTamper, 1);
    Flow *flow = &link->flow[TAP_CLIENT];

    t->type = link->type;
    t->id = link->id;
    t->what = what;
    t->size = size;
    t->bytes = bytes;
    g_ptr_array_add(f->tap.tampers, t);
    g_byte_array_set_size(flow->pending, 0);
    frames_feed(flow, (const guint8 *)"\5\0\4", 3);
    frames_feed(flow, (const guint8 *)"\0\0\0ab", 5);
    frames_feed(flow, (const guint8 *)"cd\2\0\0\0\0\0", 8); /* and an ACK */
    g_assert_cmpmem(flow->pending->data, flow->pending->len, wanted, wanted_size);
    g_assert_cmpuint(f->tap.tampers->len, ==, 0);
}

static void test_tamper(Fixture *f, gconstpointer data)
{
    TapLink *d = display(f, 0, 0);

    tamper(f, d, TAP_TRUNCATE, 1, NULL, "\5\0\1\0\0\0a\2\0\0\0\0\0", 13);
    tamper(f, d, TAP_APPEND, 0, g_bytes_new_static("xy", 2), "\5\0\6\0\0\0abcdxy\2\0\0\0\0\0", 18);
    tamper(f, d, TAP_REPLACE, 0, g_bytes_new_static("z", 1), "\5\0\1\0\0\0z\2\0\0\0\0\0", 13);
    tamper(f, d, TAP_DROP, 0, NULL, "\2\0\0\0\0\0", 6);
}

/* Any bytes may come: bodies of noise under every type, and noise instead of a link stage. */
static void test_noise(Fixture *f, gconstpointer data)
{
    TapLink *d = display(f, 0, 0), *cursor = link_start(f, 0, SPICE_CHANNEL_CURSOR, 0, 0x0d);
    char *json;

    for (guint i = 0; i < 60000; i++) {
        WireWriter w = {0};
        guint size = (guint)g_test_rand_int_range(0, 120);
        guint16 type = (guint16)(i % 340);
        bool small = i % 2;

        if (type == SPICE_MSG_MIGRATE || type == SPICE_MSG_MIGRATE_DATA || type == SPICE_MSG_WAIT_FOR_CHANNELS)
            continue;
        while (w.size < size) /* mostly small numbers reach further */
            wire_write_u32(&w, small ? (guint32)g_test_rand_int_range(0, 100) : (guint32)g_test_rand_int());
        message(i % 8 ? d : cursor, TAP_SERVER, type, &w);
    }
    g_assert_cmpuint(link_counters(d)->malformed, >, 0);
    json = stats_json(&f->tap);
    g_assert_nonnull(json);
    g_free(json);
    for (guint i = 0; i < 2000; i++) {
        Flow flow = {0};
        guint8 noise[64];

        for (guint k = 0; k < sizeof noise; k++)
            noise[k] = (guint8)g_test_rand_int();
        memcpy(noise, "REDQ", 4);
        memset(noise + 13, 0, 3);
        frames_init(&flow, d, TAP_SERVER);
        frames_feed(&flow, noise, sizeof noise);
        frames_end(&flow);
        g_assert_cmpmem(flow.pending->data, flow.pending->len, noise, sizeof noise);
        frames_clear(&flow);
    }
}

#define ADD(name) g_test_add("/wiretap/" #name, Fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(cache);
    ADD(full_header);
    ADD(waits);
    ADD(seamless);
    ADD(bad_migration);
    ADD(semi);
    ADD(tamper);
    ADD(noise);
    return g_test_run();
}
