/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/worker-client.h"

#include "common/wire/header.h"
#include "common/wire/msg-cursor.h"
#include "common/wire/msg-display.h"
#include "common/wire/msg-draw.h"
#include "common/wire/msg-main.h"
#include "tests/unit/host-core.h"
#include "tests/unit/worker-guest.h"

#include <poll.h>
#include <spice/protocol.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define WAIT_S 60
/* Of displays and main channels; the others have none. */
#define CAPS (1u << SPICE_DISPLAY_CAP_MONITORS_CONFIG | 1u << SPICE_MAIN_CAP_SEAMLESS_MIGRATE)

/* --- waiting, with the viewer's lock held --- */

/* False when the connections end. */
static bool wait_changed(Viewer *v, const char *what, uint64_t value, gint64 end)
{
    struct timespec limit;

    if (v->closing)
        return false;
    if (g_get_monotonic_time() >= end)
        g_error("the client waits for ever: %s %#" G_GINT64_MODIFIER "x", what, value);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 1;
    pthread_cond_timedwait(&v->changed, &v->lock, &limit);
    return true;
}

static gint64 deadline(void)
{
    return g_get_monotonic_time() + WAIT_S * G_USEC_PER_SEC;
}

static void wait_for(ViewerChannel *c, const ChannelWait *waits, unsigned n)
{
    Viewer *v = c->viewer;

    pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; i < n; i++) {
        gint64 end = deadline();

        g_assert_cmpuint(waits[i].channel_type, ==, SPICE_CHANNEL_DISPLAY);
        g_assert_cmpuint(waits[i].channel_id, <, v->n_displays);
        g_assert_cmpuint(waits[i].channel_id, !=, c->id);
        v->n_waits++;
        while (v->displays[waits[i].channel_id].processed < waits[i].message_serial &&
               wait_changed(v, "for serial", waits[i].message_serial, end))
            ;
    }
    pthread_mutex_unlock(&v->lock);
}

/* --- images --- */

static unsigned count_of(Viewer *v, const uint64_t *id)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(v->images, id));
}

static void set_count(Viewer *v, uint64_t id, unsigned count)
{
    if (count)
        g_hash_table_insert(v->images, g_memdup2(&id, sizeof(id)), GUINT_TO_POINTER(count));
    else
        g_hash_table_remove(v->images, &id);
}

static void check_pixels(const Viewer *v, const WireImage *image)
{
    if (!guest_is_cacheable(image->id))
        return;
    g_assert_cmpuint(image->width, ==, guest_image_side(image->id));
    if (v->kind == VIEWER_TCP && image->type != SPICE_IMAGE_TYPE_BITMAP)
        return; /* the codecs have tests of their own */
    g_assert_cmpuint(image->type, ==, SPICE_IMAGE_TYPE_BITMAP);
    for (uint32_t i = 0; i < image->width * image->height; i += 7) {
        uint32_t pixel;

        memcpy(&pixel, image->data + i / image->width * image->stride + i % image->width * 4, 4);
        g_assert_cmphex(pixel & 0xffffff, ==,
                        guest_image_pixel(image->id, i % image->width, i / image->width) & 0xffffff);
    }
}

static void see_image(ViewerChannel *c, const WireImage *image)
{
    Viewer *v = c->viewer;

    if (image->type == SPICE_IMAGE_TYPE_SURFACE) {
        g_assert_cmpuint(image->surface_id, <, GUEST_SURFACES);
        g_assert_true(c->surfaces >> image->surface_id & 1);
        return;
    }
    g_assert_cmpuint(image->type, !=, SPICE_IMAGE_TYPE_FROM_CACHE_LOSSLESS);
    g_assert_false(image->flags & SPICE_IMAGE_FLAGS_CACHE_REPLACE_ME);
    pthread_mutex_lock(&v->lock);
    if (image->type == SPICE_IMAGE_TYPE_FROM_CACHE) {
        gint64 end = deadline();

        g_assert_true(guest_is_cacheable(image->id));
        v->n_hits++;
        while (!count_of(v, &image->id) && wait_changed(v, "for image", image->id, end))
            ;
    } else {
        check_pixels(v, image);
        if (image->flags & SPICE_IMAGE_FLAGS_CACHE_ME) {
            g_assert_true(guest_is_cacheable(image->id));
            v->n_adds++;
            set_count(v, image->id, count_of(v, &image->id) + 1);
            pthread_cond_broadcast(&v->changed);
        }
    }
    pthread_mutex_unlock(&v->lock);
}

static void see_draw(ViewerChannel *c, uint16_t type, const uint8_t *body, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_auto(MsgDraw) m = {0};

    msg_draw_decode(type, body, size, &m, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(m.surface_id, <, GUEST_SURFACES);
    g_assert_true(c->surfaces >> m.surface_id & 1);
    if (m.has_src)
        see_image(c, &m.src);
    if (m.has_pattern)
        see_image(c, &m.pattern);
    if (m.has_mask)
        see_image(c, &m.mask);
}

static void see_inval_list(ViewerChannel *c, WireReader *r)
{
    Viewer *v = c->viewer;
    g_auto(MsgDisplayInvalList) m = {0};

    g_assert_true(msg_display_inval_list_decode(r, &m, NULL));
    pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; i < m.count; i++) {
        unsigned count = count_of(v, &m.resources[i].id);

        g_assert_cmpuint(m.resources[i].type, ==, SPICE_RES_TYPE_PIXMAP);
        if (v->closing) /* waits were broken off: the order is lost */
            continue;
        g_assert_cmpuint(count, >, 0); /* the server drops only what is there */
        set_count(v, m.resources[i].id, count - 1);
        v->n_invals++;
    }
    pthread_mutex_unlock(&v->lock);
}

static void see_inval_all(ViewerChannel *c, WireReader *r)
{
    Viewer *v = c->viewer;
    g_auto(MsgDisplayInvalAllPixmaps) m = {0};

    g_assert_true(msg_display_inval_all_pixmaps_decode(r, &m, NULL));
    wait_for(c, m.wait_list, m.wait_count);
    pthread_mutex_lock(&v->lock);
    g_hash_table_remove_all(v->images);
    v->n_resets++;
    pthread_mutex_unlock(&v->lock);
}

/* --- messages --- */

static void see_display(ViewerChannel *c, uint16_t type, const uint8_t *body, size_t size);

static void see_subs(ViewerChannel *c, const uint8_t *body, size_t size, uint32_t offset)
{
    SubMessageIter it;
    SubMessage sub;

    g_assert_true(sub_message_iter_init(&it, body, size, offset, NULL));
    while (sub_message_iter_next(&it, &sub, NULL))
        see_display(c, sub.type, sub.data, sub.size);
}

static void see_surface(ViewerChannel *c, uint16_t type, WireReader *r)
{
    MsgDisplaySurfaceCreate create;
    MsgDisplaySurfaceDestroy destroy;

    if (type == SPICE_MSG_DISPLAY_SURFACE_CREATE) {
        g_assert_true(msg_display_surface_create_decode(r, &create, NULL));
        g_assert_cmpuint(create.surface_id, <, GUEST_SURFACES);
        g_assert_false(c->surfaces >> create.surface_id & 1);
        c->surfaces |= 1u << create.surface_id;
    } else {
        g_assert_true(msg_display_surface_destroy_decode(r, &destroy, NULL));
        g_assert_cmpuint(destroy.surface_id, <, GUEST_SURFACES);
        g_assert_true(c->surfaces >> destroy.surface_id & 1);
        c->surfaces &= ~(UINT64_C(1) << destroy.surface_id);
    }
}

static void see_display(ViewerChannel *c, uint16_t type, const uint8_t *body, size_t size)
{
    WireReader r = wire_reader(body, size);

    switch (type) {
    case SPICE_MSG_LIST:
        see_subs(c, body, size, 0);
        break;
    case SPICE_MSG_WAIT_FOR_CHANNELS: {
        g_auto(MsgWaitForChannels) m = {0};

        g_assert_true(msg_wait_for_channels_decode(&r, &m, NULL));
        wait_for(c, m.wait_list, m.wait_count);
        break;
    }
    case SPICE_MSG_DISPLAY_INVAL_LIST:
        see_inval_list(c, &r);
        break;
    case SPICE_MSG_DISPLAY_INVAL_ALL_PIXMAPS:
        see_inval_all(c, &r);
        break;
    case SPICE_MSG_DISPLAY_SURFACE_CREATE:
    case SPICE_MSG_DISPLAY_SURFACE_DESTROY:
        see_surface(c, type, &r);
        break;
    case SPICE_MSG_DISPLAY_MARK:
    case SPICE_MSG_DISPLAY_MONITORS_CONFIG:
    case SPICE_MSG_DISPLAY_INVAL_PALETTE:
    case SPICE_MSG_DISPLAY_INVAL_ALL_PALETTES:
    case SPICE_MSG_DISPLAY_STREAM_DESTROY_ALL:
        break;
    default:
        see_draw(c, type, body, size);
        break;
    }
}

static void see_shape(ViewerChannel *c, const WireCursor *cursor)
{
    uint64_t key = cursor->unique;

    if (cursor->flags & SPICE_CURSOR_FLAGS_FROM_CACHE)
        g_assert_true(g_hash_table_contains(c->shapes, &key));
    else if (cursor->flags & SPICE_CURSOR_FLAGS_CACHE_ME)
        g_hash_table_add(c->shapes, g_memdup2(&key, sizeof(key)));
    g_assert_cmpuint(g_hash_table_size(c->shapes), <=, 257); /* an eviction is told right after */
}

static void see_cursor(ViewerChannel *c, uint16_t type, WireReader *r)
{
    MsgCursorInit init;
    MsgCursorSet set;
    MsgCursorInvalOne one;

    switch (type) {
    case SPICE_MSG_CURSOR_INIT:
        g_hash_table_remove_all(c->shapes);
        g_assert_true(msg_cursor_init_decode(r, &init, NULL));
        see_shape(c, &init.cursor);
        break;
    case SPICE_MSG_CURSOR_SET:
        g_assert_true(msg_cursor_set_decode(r, &set, NULL));
        see_shape(c, &set.cursor);
        break;
    case SPICE_MSG_CURSOR_INVAL_ONE:
        g_assert_true(msg_cursor_inval_one_decode(r, &one, NULL));
        g_assert_true(g_hash_table_remove(c->shapes, &one.id));
        break;
    case SPICE_MSG_CURSOR_INVAL_ALL:
        g_hash_table_remove_all(c->shapes);
        break;
    default:
        break;
    }
}

/* --- threads --- */

static bool nothing_to_read(const ViewerChannel *c)
{
    struct pollfd pfd = {.fd = c->raw.fd, .events = POLLIN};

    return poll(&pfd, 1, 0) == 0;
}

static void *read_channel(void *data)
{
    ViewerChannel *c = data;
    Viewer *v = c->viewer;

    for (;;) {
        const RawMessage *m = &c->raw.message;
        bool closing;

        pthread_mutex_lock(&v->lock);
        c->processed = c->raw.last_serial;
        c->idle = nothing_to_read(c);
        pthread_cond_broadcast(&v->changed);
        pthread_mutex_unlock(&v->lock);
        if (!raw_client_read(&c->raw)) {
            pthread_mutex_lock(&v->lock);
            closing = v->closing;
            pthread_mutex_unlock(&v->lock);
            if (!closing)
                g_error("the server dropped channel %u:%u", c->type, c->id);
            return NULL;
        }
        if (c->type == SPICE_CHANNEL_DISPLAY) {
            if (m->sub_list)
                see_subs(c, m->body, m->size, m->sub_list);
            see_display(c, m->type, m->body, m->size);
        } else if (c->type == SPICE_CHANNEL_CURSOR) {
            WireReader r = wire_reader(m->body, m->size);

            see_cursor(c, m->type, &r);
        }
    }
}

static void idle(void)
{
    host_iterate(1);
}

static void link_channel(SpiceServer *server, RawClient *raw, bool tcp, uint8_t type, uint8_t id)
{
    int fds[2];

    raw->idle = idle;
    raw_pair(tcp, fds);
    g_assert_cmpint(spice_server_add_client(server, fds[0], 1), ==, 0);
    g_assert_cmpuint(raw_client_link(raw, fds[1], type, id, CAPS), ==, SPICE_LINK_ERR_OK);
}

void viewer_link(SpiceServer *server, RawClient *raw, uint32_t connection_id, uint8_t type, uint8_t id)
{
    *raw = (RawClient){.fd = -1, .connection_id = connection_id};
    link_channel(server, raw, false, type, id);
}

void viewer_send_init(RawClient *raw, uint64_t cache_pixels)
{
    MsgcDisplayInit m = {.pixmap_cache_id = 1,
                         .pixmap_cache_size = (int64_t)cache_pixels,
                         .glz_dictionary_id = 1,
                         .glz_dictionary_window_size = 1 << 20};
    g_auto(WireWriter) body = {0};

    msgc_display_init_encode(&body, &m);
    raw_client_send(raw, SPICE_MSGC_DISPLAY_INIT, &body);
}

static void start_channel(Viewer *v, SpiceServer *server, ViewerChannel *c, uint8_t type, uint8_t id)
{
    c->viewer = v;
    c->type = type;
    c->id = id;
    c->raw.connection_id = v->connection_id;
    c->shapes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    c->raw.full_header = v->kind == VIEWER_FULL_HEADER;
    link_channel(server, &c->raw, v->kind == VIEWER_TCP, type, id);
    if (type == SPICE_CHANNEL_MAIN) {
        WireReader r;
        MsgMainInit init;

        g_assert_true(raw_client_read_type(&c->raw, SPICE_MSG_MAIN_INIT));
        r = wire_reader(c->raw.message.body, c->raw.message.size);
        g_assert_true(msg_main_init_decode(&r, &init, NULL));
        v->connection_id = init.session_id;
    } else if (type == SPICE_CHANNEL_DISPLAY) {
        viewer_send_init(&c->raw, v->cache_pixels);
    }
    c->raw.idle = NULL;
    c->raw.patient = true;
    c->running = true;
    g_assert_cmpint(pthread_create(&c->thread, NULL, read_channel, c), ==, 0);
}

Viewer *viewer_new(SpiceServer *server, unsigned n_displays, uint64_t cache_pixels, ViewerKind kind)
{
    Viewer *v = g_new0(Viewer, 1);

    g_assert_cmpuint(n_displays, <=, MAX_DISPLAYS);
    v->kind = kind;
    v->n_displays = n_displays;
    v->cache_pixels = cache_pixels;
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->changed, NULL);
    v->images = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    start_channel(v, server, &v->main, SPICE_CHANNEL_MAIN, 0);
    for (unsigned i = 0; i < n_displays; i++) {
        start_channel(v, server, &v->displays[i], SPICE_CHANNEL_DISPLAY, (uint8_t)i);
        start_channel(v, server, &v->cursors[i], SPICE_CHANNEL_CURSOR, (uint8_t)i);
    }
    return v;
}

/* With the lock held. */
static bool is_settled(Viewer *v)
{
    for (unsigned i = 0; i < v->n_displays; i++)
        if (!v->displays[i].idle || !nothing_to_read(&v->displays[i]) || !v->cursors[i].idle)
            return false;
    return true;
}

void viewer_settle(Viewer *v)
{
    gint64 end = deadline();
    GHashTableIter it;
    gpointer id, count;
    uint64_t pixels = 0;

    pthread_mutex_lock(&v->lock);
    while (!is_settled(v))
        g_assert_true(wait_changed(v, "to settle", 0, end));
    g_hash_table_iter_init(&it, v->images);
    while (g_hash_table_iter_next(&it, &id, &count)) {
        uint64_t side = guest_image_side(*(uint64_t *)id);

        g_assert_cmpuint(GPOINTER_TO_UINT(count), ==, 1); /* nothing was added twice, or it would stay for ever */
        pixels += side * side;
    }
    g_assert_cmpuint(pixels, <=, v->cache_pixels);
    pthread_mutex_unlock(&v->lock);
}

void viewer_expect_close(Viewer *v)
{
    pthread_mutex_lock(&v->lock);
    v->closing = true;
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
}

static void end_channel(ViewerChannel *c)
{
    if (!c->running)
        return;
    shutdown(c->raw.fd, SHUT_RDWR);
    pthread_join(c->thread, NULL);
    raw_client_close(&c->raw);
    g_hash_table_unref(c->shapes);
}

void viewer_free(Viewer *v)
{
    viewer_expect_close(v);
    end_channel(&v->main);
    for (unsigned i = 0; i < v->n_displays; i++) {
        end_channel(&v->displays[i]);
        end_channel(&v->cursors[i]);
    }
    g_hash_table_unref(v->images);
    pthread_cond_destroy(&v->changed);
    pthread_mutex_destroy(&v->lock);
    g_free(v);
}
