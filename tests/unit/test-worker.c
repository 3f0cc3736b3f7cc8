/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Workers under load: QXL devices with guests in threads, a client with all its channels in threads, and a host that
 * calls what hosts call meanwhile. Runs under TSan and ASan as well. */
#include "tests/unit/host-core.h"
#include "tests/unit/worker-client.h"
#include "tests/unit/worker-guest.h"

#include <spice/enums.h>
#include <spice/protocol.h>

#define CACHE_PIXELS 6000 /* about a quarter of all cacheable images */
#define ROUNDS 60
#define ROUND_MS 10

typedef struct World {
    SpiceServer *server;
    Guest *guests[MAX_DISPLAYS];
    unsigned n;
    bool running;
    pthread_t waker;
    gint quit;
} World;

static void world_start_vm(World *w)
{
    for (unsigned i = 0; i < w->n; i++)
        guest_set_stopped(w->guests[i], false);
    spice_server_vm_start(w->server);
    w->running = true;
}

static void world_stop_vm(World *w)
{
    spice_server_vm_stop(w->server);
    for (unsigned i = 0; i < w->n; i++)
        guest_set_stopped(w->guests[i], true);
    w->running = false;
}

/* Wakes all devices from a thread that has nothing else to do. */
static void *wake(void *data)
{
    World *w = data;

    while (!g_atomic_int_get(&w->quit)) {
        for (unsigned i = 0; i < w->n; i++)
            spice_qxl_wakeup(&w->guests[i]->qxl);
        g_usleep(3000);
    }
    return NULL;
}

static World *world_new(unsigned n)
{
    World *w = g_new0(World, 1);

    w->n = n;
    w->server = spice_server_new();
    spice_server_set_noauth(w->server);
    g_assert_cmpint(spice_server_init(w->server, host_core()), ==, 0);
    for (unsigned i = 0; i < n; i++)
        w->guests[i] = guest_new(w->server, i);
    g_assert_cmpint(pthread_create(&w->waker, NULL, wake, w), ==, 0);
    return w;
}

static void world_quiet(World *w)
{
    for (unsigned i = 0; i < w->n; i++)
        guest_stop(w->guests[i]);
    if (!g_atomic_int_get(&w->quit)) {
        g_atomic_int_set(&w->quit, 1);
        pthread_join(w->waker, NULL);
    }
}

static void world_free(World *w)
{
    world_quiet(w);
    for (unsigned i = 0; i < w->n; i++)
        guest_enter(w->guests[i]);
    spice_server_destroy(w->server);
    host_assert_clean();
    for (unsigned i = 0; i < w->n; i++)
        guest_free(w->guests[i]);
    g_free(w);
}

/* --- what hosts do --- */

static void update_area(World *w, Guest *guest)
{
    QXLRect area = {.bottom = GUEST_HEIGHT / 2, .right = GUEST_WIDTH}, dirty[4];

    spice_qxl_update_area(&guest->qxl, 0, &area, dirty, G_N_ELEMENTS(dirty), 1);
    spice_qxl_update_area(&guest->qxl, 0, &area, NULL, 0, 0);
}

static void update_area_async(World *w, Guest *guest)
{
    QXLRect area = {.bottom = GUEST_HEIGHT, .right = GUEST_WIDTH};

    spice_qxl_update_area_async(&guest->qxl, 0, &area, 1, guest_cookie(guest));
    spice_qxl_flush_surfaces_async(&guest->qxl, guest_cookie(guest));
}

static void recreate_primary(World *w, Guest *guest)
{
    bool async = guest->next_cookie % 2;

    guest_destroy_primary(guest, async);
    guest_create_primary(guest, !async);
}

static void destroy_surfaces(World *w, Guest *guest)
{
    guest_enter(guest);
    spice_qxl_destroy_surfaces(&guest->qxl);
    guest_leave(guest);
    guest_forget_primary(guest);
    guest_create_primary(guest, false);
}

static void finish_surfaces(World *w, Guest *guest)
{
    spice_qxl_destroy_surface_wait(&guest->qxl, 0);
    spice_qxl_destroy_surface_async(&guest->qxl, 1, guest_cookie(guest));
}

static void reset_image_cache(World *w, Guest *guest)
{
    spice_qxl_reset_image_cache(&guest->qxl);
}

static void reset_all_image_caches(World *w, Guest *guest)
{
    for (unsigned i = 0; i < w->n; i++)
        spice_qxl_reset_image_cache(&w->guests[i]->qxl);
}

static void reset_cursor(World *w, Guest *guest)
{
    guest_enter(guest);
    spice_qxl_reset_cursor(&guest->qxl);
    guest_leave(guest);
}

static void oom(World *w, Guest *guest)
{
    spice_qxl_oom(&guest->qxl);
    spice_qxl_oom(&guest->qxl);
}

static void monitors(World *w, Guest *guest)
{
    static QXLMonitorsConfig none; /* refused: no monitor; completed all the same */

    spice_qxl_monitors_config_async(&guest->qxl, (uintptr_t)&none, 1, guest_cookie(guest));
    spice_qxl_driver_unload(&guest->qxl);
}

static void change_compression(World *w, Guest *guest)
{
    static const SpiceImageCompression all[] = {SPICE_IMAGE_COMPRESSION_OFF, SPICE_IMAGE_COMPRESSION_LZ,
                                                SPICE_IMAGE_COMPRESSION_AUTO_GLZ};

    spice_server_set_image_compression(w->server, all[g_test_rand_int_range(0, G_N_ELEMENTS(all))]);
}

static void stop_and_start(World *w, Guest *guest)
{
    world_stop_vm(w);
    reset_image_cache(w, guest);
    update_area(w, guest); /* ignored, but completed */
    update_area_async(w, guest);
    oom(w, guest);
    for (unsigned i = 0; i < 5; i++)
        host_iterate(1);
    world_start_vm(w);
}

/* As a hard reset and the load of a migrated device. */
static void reset_and_load(World *w, Guest *guest)
{
    world_stop_vm(w);
    reset_cursor(w, guest);
    reset_image_cache(w, guest);
    destroy_surfaces(w, guest);
    guest_enter(guest);
    guest_load(guest);
    guest_leave(guest);
    world_start_vm(w);
}

typedef void (*Action)(World *w, Guest *guest);
static const Action actions[] = {
    update_area,        update_area_async,      recreate_primary,
    destroy_surfaces,   finish_surfaces,        reset_image_cache,
    reset_cursor,       reset_all_image_caches, oom,
    monitors,           stop_and_start,         reset_and_load,
    change_compression,
};

static void round_of(World *w, Action action)
{
    gint64 end = g_get_monotonic_time() + ROUND_MS * 1000;

    action(w, w->guests[g_test_rand_int_range(0, (gint32)w->n)]);
    while (g_get_monotonic_time() < end)
        host_iterate(1);
}

/* Stops the VM and checks that the client is where the server believes it to be. */
static void settle(World *w, Viewer *viewer)
{
    world_stop_vm(w);
    viewer_settle(viewer);
    world_start_vm(w);
}

static void check_load(unsigned n, ViewerKind kind)
{
    World *w = world_new(n);
    Viewer *viewer = viewer_new(w->server, n, CACHE_PIXELS, kind);

    world_start_vm(w);
    for (unsigned i = 0; i < n; i++)
        guest_start(w->guests[i]);
    for (unsigned i = 0; i < 3; i++)
        round_of(w, update_area);
    for (unsigned i = 0; i < ROUNDS; i++) {
        /* Each one at least once, then as it comes. */
        unsigned pick = i < G_N_ELEMENTS(actions) ? i : (unsigned)g_test_rand_int_range(0, G_N_ELEMENTS(actions));

        if (g_test_verbose())
            g_test_message("round %u: action %u", i, pick);
        round_of(w, actions[pick]);
        if (i % 15 == 14)
            settle(w, viewer);
    }
    world_quiet(w);
    settle(w, viewer);
    world_stop_vm(w);
    viewer_settle(viewer);
    g_test_message("%u hits, %u adds, %u invalidated, %u resets, %u waits", viewer->n_hits, viewer->n_adds,
                   viewer->n_invals, viewer->n_resets, viewer->n_waits);
    g_assert_cmpuint(viewer->n_hits, >, 0);
    g_assert_cmpuint(viewer->n_adds, >, 0);
    g_assert_cmpuint(viewer->n_invals, >, 0);
    g_assert_cmpuint(viewer->n_resets, >, 0);
    if (n > 1)
        g_assert_cmpuint(viewer->n_waits, >, 0);
    for (unsigned i = 0; i < n; i++)
        g_assert_cmpuint(w->guests[i]->n_flushes, <=, w->guests[i]->n_fetched);
    viewer_expect_close(viewer);
    world_free(w);
    viewer_free(viewer);
}

static void test_one(void)
{
    check_load(1, VIEWER_LOCAL);
}

static void test_two(void)
{
    check_load(2, VIEWER_LOCAL);
}

static void test_two_full_header(void)
{
    check_load(2, VIEWER_FULL_HEADER);
}

static void test_two_tcp(void)
{
    check_load(2, VIEWER_TCP);
}

static void test_five(void)
{
    check_load(5, VIEWER_LOCAL);
}

/* --- ends --- */

static void iterate(unsigned n)
{
    while (n--)
        host_iterate(2);
}

static void test_no_client(void)
{
    World *w = world_new(2);

    world_start_vm(w);
    guest_start(w->guests[0]);
    guest_start(w->guests[1]);
    iterate(20);
    for (unsigned i = 0; i < G_N_ELEMENTS(actions); i++)
        round_of(w, actions[i]);
    world_free(w); /* while the VM runs */
}

static void test_never_started(void)
{
    World *w = world_new(2);

    guest_start(w->guests[0]);
    iterate(10);
    world_free(w);
}

/* The server goes while it serves. */
static void test_destroy_connected(void)
{
    World *w = world_new(2);
    Viewer *viewer = viewer_new(w->server, 2, CACHE_PIXELS, VIEWER_LOCAL);

    world_start_vm(w);
    guest_start(w->guests[0]);
    guest_start(w->guests[1]);
    iterate(20);
    viewer_expect_close(viewer);
    world_free(w);
    viewer_free(viewer);
}

/* The client goes, and comes again; the guest does not wait. */
static void test_reconnect(void)
{
    World *w = world_new(2);

    world_start_vm(w);
    guest_start(w->guests[0]);
    guest_start(w->guests[1]);
    for (unsigned i = 0; i < 6; i++) {
        Viewer *viewer = viewer_new(w->server, 2, CACHE_PIXELS, (ViewerKind)(i % 3));

        iterate(10);
        if (i == 4)
            world_stop_vm(w);
        viewer_free(viewer);
        if (i % 3)
            iterate(10);
        if (i == 4)
            world_start_vm(w);
    }
    world_free(w);
}

/* A new client takes the place of the present one. */
static void test_replace(void)
{
    World *w = world_new(2);
    Viewer *first = viewer_new(w->server, 2, CACHE_PIXELS, VIEWER_LOCAL), *second;

    world_start_vm(w);
    guest_start(w->guests[0]);
    guest_start(w->guests[1]);
    iterate(10);
    viewer_expect_close(first);
    second = viewer_new(w->server, 2, CACHE_PIXELS, VIEWER_LOCAL);
    iterate(10);
    viewer_free(first);
    g_assert_cmpint(spice_server_get_num_clients(w->server), ==, 1);
    settle(w, second);
    viewer_expect_close(second);
    world_free(w);
    viewer_free(second);
}

/* Display connections in each state before they are served: linked, told their cache, not reading. */
static void test_half_open(void)
{
    for (unsigned step = 0; step < 4; step++) {
        World *w = world_new(2);
        Viewer *viewer = viewer_new(w->server, 1, CACHE_PIXELS, VIEWER_LOCAL);
        RawClient raw = {.fd = -1};
        int fds[2];

        world_start_vm(w);
        guest_start(w->guests[1]);
        if (step == 0) {
            raw_pair(false, fds);
            g_assert_cmpint(spice_server_add_client(w->server, fds[0], 0), ==, 0);
            raw_client_link_part(&raw, fds[1], SPICE_CHANNEL_DISPLAY, 30);
        } else {
            viewer_link(w->server, &raw, viewer->connection_id, SPICE_CHANNEL_DISPLAY, 1);
        }
        if (step > 1)
            viewer_send_init(&raw, CACHE_PIXELS);
        iterate(10);
        if (step > 2) {
            raw_client_close(&raw); /* unread messages */
            iterate(5);
        }
        viewer_expect_close(viewer);
        world_free(w);
        viewer_free(viewer);
        raw_client_close(&raw);
    }
}

/* Clients that arrive by migration, and whose displays never get their data. */
static void test_arriving(void)
{
    for (unsigned step = 0; step < 5; step++) {
        World *w = world_new(2);
        RawClient raw[3];
        g_auto(WireWriter) version = {0};

        viewer_link(w->server, &raw[0], 99, SPICE_CHANNEL_MAIN, 0);
        wire_write_u32(&version, 1);
        if (step != 1) /* else the displays are parked */
            raw_client_send(&raw[0], SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS, &version);
        viewer_link(w->server, &raw[1], 99, SPICE_CHANNEL_DISPLAY, 0);
        viewer_link(w->server, &raw[2], 99, SPICE_CHANNEL_DISPLAY, 1);
        iterate(5);
        if (step >= 2)
            raw_client_close(&raw[4 - step]);
        iterate(step == 2 ? 0 : 5);
        world_free(w);
        for (unsigned i = 0; i < 3; i++)
            raw_client_close(&raw[i]);
    }
}

/* A device is unplugged under the client's eyes. */
static void test_remove(void)
{
    World *w = world_new(2);
    Viewer *viewer = viewer_new(w->server, 2, CACHE_PIXELS, VIEWER_LOCAL);

    world_start_vm(w);
    guest_start(w->guests[0]);
    guest_start(w->guests[1]);
    iterate(20);
    world_quiet(w);
    viewer_expect_close(viewer);
    g_assert_cmpint(spice_server_remove_interface(&w->guests[1]->qxl.base), ==, 0);
    g_assert_cmpint(spice_server_remove_interface(&w->guests[1]->qxl.base), ==, -1);
    guest_free(w->guests[1]);
    w->n = 1;
    iterate(10);
    g_assert_cmpint(spice_server_get_num_clients(w->server), ==, 1);
    world_free(w);
    viewer_free(viewer);
}

/* A second connection of the same display is closed; the first one goes on. */
static void test_second_link(void)
{
    World *w = world_new(1);
    Viewer *viewer = viewer_new(w->server, 1, CACHE_PIXELS, VIEWER_LOCAL);
    RawClient raw;

    world_start_vm(w);
    guest_start(w->guests[0]);
    viewer_link(w->server, &raw, viewer->connection_id, SPICE_CHANNEL_DISPLAY, 0);
    g_assert_false(raw_client_read(&raw));
    iterate(5);
    world_quiet(w);
    settle(w, viewer);
    viewer_expect_close(viewer);
    world_free(w);
    viewer_free(viewer);
    raw_client_close(&raw);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    host_quiet();
    g_test_add_func("/worker/load/one", test_one);
    g_test_add_func("/worker/load/two", test_two);
    g_test_add_func("/worker/load/two-full-header", test_two_full_header);
    g_test_add_func("/worker/load/two-tcp", test_two_tcp);
    g_test_add_func("/worker/load/five", test_five);
    g_test_add_func("/worker/end/no-client", test_no_client);
    g_test_add_func("/worker/end/never-started", test_never_started);
    g_test_add_func("/worker/end/connected", test_destroy_connected);
    g_test_add_func("/worker/end/reconnect", test_reconnect);
    g_test_add_func("/worker/end/replace", test_replace);
    g_test_add_func("/worker/end/half-open", test_half_open);
    g_test_add_func("/worker/end/arriving", test_arriving);
    g_test_add_func("/worker/end/remove", test_remove);
    g_test_add_func("/worker/end/second-link", test_second_link);
    return g_test_run();
}
