/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/image-cache-session.h"

#include <pthread.h>

static void test_order(void)
{
    Session s = session_new(100, 1);

    g_assert_cmpuint(image_cache_id(s.cache), ==, 3);
    g_assert_false(hit(&s, 0, 1));
    assert_add(&s, 0, 1, 40, "", "");
    assert_add(&s, 0, 2, 30, "", "");
    assert_add(&s, 0, 3, 30, "", "");
    assert_figures(&s, 3, 100, 100, false);
    g_assert_true(hit(&s, 0, 1));
    assert_add(&s, 0, 4, 10, "2", "");
    g_assert_false(hit(&s, 0, 2));
    assert_add(&s, 0, 2, 50, "3", "");
    assert_add(&s, 0, 3, 100, "1 4 2", "");
    assert_figures(&s, 1, 100, 100, false);
    /* Evicted and added again in one message. */
    begin(&s, 0);
    g_assert_cmpint(image_cache_add(s.user[0], 5, 50, false), ==, IMAGE_CACHE_ADDED);
    g_assert_cmpint(image_cache_add(s.user[0], 3, 50, false), ==, IMAGE_CACHE_ADDED);
    assert_evicted(&s, 0, "3");
    end(&s, 0);
    g_assert_true(hit(&s, 0, 3));
    session_end(&s);
}

static void test_waits_two(void)
{
    Session s = session_new(100, 2);

    assert_add(&s, 0, 1, 50, "", "");
    assert_add(&s, 1, 2, 50, "", "");
    s.serial[0] = 8;
    g_assert_true(hit(&s, 0, 1)); /* serial 9 */
    g_assert_true(hit(&s, 1, 1));
    g_assert_true(hit(&s, 1, 2));
    assert_add(&s, 1, 3, 10, "1", "0:9");
    assert_add(&s, 1, 4, 80, "2", "");
    assert_add(&s, 0, 5, 100, "3 4", "1:5");
    session_end(&s);
}

static void test_waits_five(void)
{
    Session s = session_new(1000, 5);

    for (unsigned i = 0; i < 5; i++)
        s.serial[i] = 100 * i;
    for (unsigned i = 0; i < 10; i++)
        g_assert_cmpint(add(&s, i % 5, i, 100), ==, IMAGE_CACHE_ADDED);
    for (unsigned i = 0; i < 5; i++) /* image 0 is used by all, 5 by nobody else */
        g_assert_true(hit(&s, 4 - i, 0));
    assert_add(&s, 2, 20, 250, "1 2 3", "1:101 3:301");
    assert_add(&s, 2, 21, 550, "4 5 6 7 8", "0:2 1:102 3:302 4:401");
    assert_add(&s, 3, 22, 1000, "9 0 20 21", "0:3 1:103 2:205 4:403");
    session_end(&s);
}

static void test_own_entries(void)
{
    Session s = session_new(100, 1);

    assert_add(&s, 0, 1, 40, "", "");
    assert_add(&s, 0, 2, 40, "", "");
    begin(&s, 0);
    g_assert_true(image_cache_hit(s.user[0], 1, NULL));
    g_assert_true(image_cache_hit(s.user[0], 1, NULL));
    g_assert_cmpint(image_cache_add(s.user[0], 3, 61, false), ==, IMAGE_CACHE_NO_ROOM);
    assert_evicted(&s, 0, "");
    g_assert_cmpint(image_cache_add(s.user[0], 3, 60, false), ==, IMAGE_CACHE_ADDED);
    assert_evicted(&s, 0, "2");
    g_assert_cmpint(image_cache_add(s.user[0], 4, 1, false), ==, IMAGE_CACHE_NO_ROOM);
    assert_evicted(&s, 0, "2");
    end(&s, 0);
    assert_figures(&s, 2, 100, 100, false);
    /* The next message may drop them. */
    assert_add(&s, 0, 4, 1, "1", "");
    session_end(&s);
}

static void test_no_room(void)
{
    Session s = session_new(100, 1);

    assert_add(&s, 0, 1, 100, "", "");
    begin(&s, 0);
    g_assert_cmpint(image_cache_add(s.user[0], 2, 101, false), ==, IMAGE_CACHE_NO_ROOM);
    g_assert_cmpint(image_cache_add(s.user[0], 2, G_MAXUINT64, false), ==, IMAGE_CACHE_NO_ROOM);
    g_assert_cmpint(image_cache_add(s.user[0], 2, 0, false), ==, IMAGE_CACHE_NO_ROOM);
    assert_evicted(&s, 0, "");
    assert_waits(&s, 0, "");
    end(&s, 0);
    assert_figures(&s, 1, 100, 100, false);
    session_end(&s);

    s = session_new(0, 1);
    g_assert_cmpint(add(&s, 0, 1, 1), ==, IMAGE_CACHE_NO_ROOM);
    session_end(&s);
    s = session_new(G_MININT64, 1);
    g_assert_cmpint(add(&s, 0, 1, 1), ==, IMAGE_CACHE_NO_ROOM);
    session_end(&s);
    s = session_new(G_MAXINT64, 1);
    g_assert_cmpint(add(&s, 0, 1, G_MAXINT64), ==, IMAGE_CACHE_NO_ROOM);
    assert_add(&s, 0, 1, 1u << 31, "", "");
    session_end(&s);
}

static void test_lossy(void)
{
    Session s = session_new(100, 1);
    bool lossy = false;

    begin(&s, 0);
    g_assert_cmpint(image_cache_add(s.user[0], 1, 10, true), ==, IMAGE_CACHE_ADDED);
    end(&s, 0);
    begin(&s, 0);
    image_cache_set_lossless(s.user[0], 1); /* not of this message */
    image_cache_set_lossless(s.user[0], 2);
    g_assert_true(image_cache_hit(s.user[0], 1, &lossy));
    g_assert_true(lossy);
    image_cache_set_lossless(s.user[0], 1);
    g_assert_true(image_cache_hit(s.user[0], 1, &lossy));
    g_assert_false(lossy);
    end(&s, 0);
    session_end(&s);
}

static void test_restamp(void)
{
    Session s = session_new(100, 2);

    assert_add(&s, 0, 1, 40, "", "");
    assert_add(&s, 0, 2, 40, "", "");
    begin(&s, 0); /* serial 3 goes to the INVAL_LIST */
    g_assert_true(image_cache_hit(s.user[0], 2, NULL));
    g_assert_cmpint(image_cache_add(s.user[0], 3, 60, false), ==, IMAGE_CACHE_ADDED);
    assert_evicted(&s, 0, "1");
    image_cache_restamp(s.user[0], ++s.serial[0]);
    end(&s, 0);
    begin(&s, 0); /* touches nothing */
    image_cache_restamp(s.user[0], 77);
    end(&s, 0);
    begin(&s, 1);
    g_assert_cmpint(image_cache_add(s.user[1], 4, 40, false), ==, IMAGE_CACHE_ADDED);
    assert_evicted(&s, 1, "2");
    assert_waits(&s, 1, "0:4");
    image_cache_restamp(s.user[1], ++s.serial[1]);
    end(&s, 1);
    assert_add(&s, 0, 5, 100, "3 4", "1:2");
    session_end(&s);
}

static void test_reset(void)
{
    Session s = session_new(100, 3);
    ChannelSerial waits[255], wait;
    size_t n;

    assert_add(&s, 0, 1, 40, "", "");
    assert_add(&s, 1, 2, 40, "", "");
    g_assert_true(hit(&s, 1, 1));
    n = image_cache_reset(s.user[0], ++s.serial[0], 200, waits);
    assert_wait_list(waits, n, "1:2");
    assert_figures(&s, 0, 0, 200, false);
    g_assert_false(hit(&s, 0, 1));
    assert_add(&s, 0, 1, 40, "", "");
    g_assert_true(hit(&s, 1, 1)); /* the client waits for the image */
    g_assert_cmpint(add(&s, 1, 3, 201), ==, IMAGE_CACHE_NO_ROOM);
    g_assert_cmpint(add(&s, 1, 3, 10), ==, IMAGE_CACHE_NEEDS_SYNC);
    g_assert_cmpint(add(&s, 1, 3, 10), ==, IMAGE_CACHE_NEEDS_SYNC);
    g_assert_true(image_cache_sync(s.user[1], &wait));
    g_assert_cmpuint(wait.channel_id, ==, 0);
    g_assert_cmpuint(wait.serial, ==, 3 - 1);
    g_assert_false(image_cache_sync(s.user[1], &wait));
    g_assert_cmpint(add(&s, 1, 3, 10), ==, IMAGE_CACHE_ADDED);
    g_assert_false(image_cache_sync(s.user[0], &wait));

    /* Channel 2 waits for the reset of a channel that is gone: there is nothing to wait for. */
    g_assert_cmpint(add(&s, 2, 4, 10), ==, IMAGE_CACHE_NEEDS_SYNC);
    image_cache_leave(s.user[0]);
    g_assert_cmpint(add(&s, 2, 4, 10), ==, IMAGE_CACHE_ADDED);
    g_assert_false(image_cache_sync(s.user[2], &wait));
    /* A newcomer has the present generation. */
    s.user[0] = image_cache_join(s.cache, 0, false);
    s.serial[0] = 0;
    g_assert_cmpint(add(&s, 0, 5, 10), ==, IMAGE_CACHE_ADDED);
    n = image_cache_reset(s.user[0], ++s.serial[0], 0, waits);
    assert_wait_list(waits, n, "1:7 2:2");
    assert_figures(&s, 0, 0, 200, false);
    session_end(&s);
}

static void test_leave(void)
{
    Session s = session_new(100, 3);
    ImageCacheUser *second;

    assert_add(&s, 0, 1, 30, "", "");
    assert_add(&s, 1, 2, 30, "", "");
    assert_add(&s, 2, 3, 30, "", "");
    g_assert_true(hit(&s, 1, 1));
    image_cache_leave(s.user[1]);
    s.user[1] = image_cache_join(s.cache, 1, false);
    s.serial[1] = 0;
    assert_add(&s, 0, 4, 70, "2 3", "2:1");
    g_assert_true(hit(&s, 1, 1));
    /* The new connection of a channel comes before the old one is gone: the old one takes nothing away. */
    second = image_cache_join(s.cache, 1, false);
    image_cache_begin(second, 5);
    g_assert_true(image_cache_hit(second, 4, NULL));
    image_cache_end(second);
    image_cache_leave(s.user[1]);
    s.user[1] = second;
    assert_add(&s, 0, 5, 100, "1 4", "1:5");
    session_end(&s);
}

/* No message evicts more than its INVAL_LIST can name. */
static void test_many_evictions(void)
{
    Session s = session_new(70000, 1);
    size_t n;

    for (unsigned i = 0; i < 70000; i++)
        g_assert_cmpint(add(&s, 0, i, 1), ==, IMAGE_CACHE_ADDED);
    begin(&s, 0);
    g_assert_cmpint(image_cache_add(s.user[0], 70000, 70000, false), ==, IMAGE_CACHE_NO_ROOM);
    g_assert_nonnull(image_cache_evicted(s.user[0], &n));
    g_assert_cmpuint(n, ==, 65535);
    end(&s, 0);
    assert_figures(&s, 70000 - 65535, 70000 - 65535, 70000, false);
    session_end(&s);
}

static void test_all_channels(void)
{
    ImageCache *cache = image_cache_new(0, 1000);
    ImageCacheUser *users[256];
    ChannelSerial waits[255];
    size_t n;

    for (unsigned i = 0; i < 256; i++) {
        users[i] = image_cache_join(cache, (uint8_t)i, false);
        image_cache_begin(users[i], i + 1);
        if (i == 0)
            g_assert_cmpint(image_cache_add(users[i], 0, 1, false), ==, IMAGE_CACHE_ADDED);
        else
            g_assert_true(image_cache_hit(users[i], 0, NULL));
        image_cache_end(users[i]);
    }
    image_cache_begin(users[7], 999);
    g_assert_cmpint(image_cache_add(users[7], 1, 1000, false), ==, IMAGE_CACHE_ADDED);
    n = image_cache_waits(users[7], waits);
    g_assert_cmpuint(n, ==, 255);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpuint(waits[i].channel_id, ==, i < 7 ? i : i + 1);
        g_assert_cmpuint(waits[i].serial, ==, waits[i].channel_id + 1u);
    }
    image_cache_end(users[7]);
    g_assert_cmpuint(image_cache_reset(users[255], 1000, 10, waits), ==, 255);
    for (unsigned i = 0; i < 256; i++)
        image_cache_leave(users[i]);
    image_cache_unref(cache);
}

static void *run_channel(void *data)
{
    ImageCacheUser *user = data;
    uint64_t serial = 0, adds = 0;
    /* Not GRand or other GLib locks: their inside is invisible to the thread sanitizer. */
    uint32_t random = (uint32_t)(uintptr_t)data | 1;

    for (unsigned i = 0; i < 20000; i++) {
        uint64_t id;
        size_t n;

        random = random * 1103515245u + 12345u;
        id = random >> 16 & 1023;
        image_cache_begin(user, ++serial);
        if (!image_cache_hit(user, id, NULL) &&
            image_cache_add(user, id, 1 + (random >> 8 & 63), false) == IMAGE_CACHE_ADDED)
            adds++;
        if (image_cache_evicted(user, &n)) {
            ChannelSerial waits[255];

            image_cache_waits(user, waits);
            image_cache_restamp(user, ++serial);
        }
        image_cache_end(user);
        if (i % 1000 == 999) {
            CacheState state = {0};

            image_cache_freeze(user, &state);
            image_cache_thaw(user);
            state_clear(&state);
        }
    }
    return GUINT_TO_POINTER(adds > 0);
}

static void test_threads(void)
{
    Session s = session_new(8000, 4);
    pthread_t threads[4];
    int64_t used, size;

    for (unsigned i = 0; i < 4; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, run_channel, s.user[i]), ==, 0);
    for (unsigned i = 0; i < 4; i++) {
        void *added;

        pthread_join(threads[i], &added);
        g_assert_nonnull(added);
    }
    image_cache_get_figures(s.cache, NULL, &used, &size, NULL);
    g_assert_cmpint(used, <=, size);
    session_end(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image-cache/order", test_order);
    g_test_add_func("/image-cache/waits-two", test_waits_two);
    g_test_add_func("/image-cache/waits-five", test_waits_five);
    g_test_add_func("/image-cache/own-entries", test_own_entries);
    g_test_add_func("/image-cache/no-room", test_no_room);
    g_test_add_func("/image-cache/lossy", test_lossy);
    g_test_add_func("/image-cache/restamp", test_restamp);
    g_test_add_func("/image-cache/reset", test_reset);
    g_test_add_func("/image-cache/leave", test_leave);
    g_test_add_func("/image-cache/many-evictions", test_many_evictions);
    g_test_add_func("/image-cache/all-channels", test_all_channels);
    g_test_add_func("/image-cache/threads", test_threads);
    return g_test_run();
}
