/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The content of an image cache on its way to another host. */
#include "tests/unit/image-cache-session.h"

static void assert_states_equal(const CacheState *a, const CacheState *b)
{
    g_assert_cmpuint(a->id, ==, b->id);
    g_assert_cmpint(a->size, ==, b->size);
    g_assert_cmpint(a->freezer, ==, b->freezer);
    g_assert_cmpint(a->has_entries, ==, b->has_entries);
    g_assert_cmpuint(a->sync->len, ==, b->sync->len);
    for (guint i = 0; i < a->sync->len; i++) {
        const ChannelSerial *x = &g_array_index(a->sync, ChannelSerial, i);
        const ChannelSerial *y = &g_array_index(b->sync, ChannelSerial, i);

        g_assert_cmpuint(x->channel_id, ==, y->channel_id);
        g_assert_cmpuint(x->serial, ==, y->serial);
    }
    g_assert_cmpuint(a->entries->len, ==, b->entries->len);
    for (guint i = 0; i < a->entries->len; i++) {
        const CacheEntryState *x = &g_array_index(a->entries, CacheEntryState, i);
        const CacheEntryState *y = &g_array_index(b->entries, CacheEntryState, i);

        g_assert_cmpuint(x->id, ==, y->id);
        g_assert_cmpuint(x->pixels, ==, y->pixels);
        g_assert_cmpint(x->lossy, ==, y->lossy);
    }
    g_assert_cmpmem(a->entry_sync->data, a->entry_sync->len * 8, b->entry_sync->data, b->entry_sync->len * 8);
}

static void test_freeze(void)
{
    Session s = session_new(100, 3);
    CacheState first, second, third;

    assert_add(&s, 2, 1, 30, "", "");
    assert_add(&s, 0, 2, 30, "", "");
    g_assert_true(hit(&s, 2, 2));
    g_assert_true(hit(&s, 2, 1));
    state_init(&first);
    state_init(&second);
    state_init(&third);
    image_cache_freeze(s.user[1], &first);
    image_cache_freeze(s.user[0], &second);
    g_assert_true(first.freezer && first.has_entries);
    g_assert_cmpuint(first.id, ==, 3);
    g_assert_cmpint(first.size, ==, 100);
    assert_wait_list((ChannelSerial *)(void *)first.sync->data, first.sync->len, "0:1 2:3");
    g_assert_cmpuint(first.entries->len, ==, 2);
    g_assert_cmpuint(g_array_index(first.entries, CacheEntryState, 0).id, ==, 1);
    g_assert_cmpuint(g_array_index(first.entries, CacheEntryState, 1).id, ==, 2);
    g_assert_cmpmem(first.entry_sync->data, first.entry_sync->len * 8, ((uint64_t[]){0, 3, 1, 2}), 32);
    g_assert_false(second.freezer || second.has_entries);
    g_assert_cmpint(second.size, ==, 100);
    assert_wait_list((ChannelSerial *)(void *)second.sync->data, second.sync->len, "0:1 2:3");
    g_assert_cmpuint(second.entries->len, ==, 0);
    g_assert_cmpuint(second.entry_sync->len, ==, 0);

    g_assert_false(hit(&s, 0, 1));
    g_assert_cmpint(add(&s, 0, 4, 10), ==, IMAGE_CACHE_NO_ROOM);
    assert_figures(&s, 2, 60, 100, true);
    g_assert_false(image_cache_restore(s.cache, &first));

    /* The attempt failed. */
    image_cache_thaw(s.user[0]);
    image_cache_thaw(s.user[1]);
    assert_figures(&s, 2, 60, 100, false);
    image_cache_freeze(s.user[2], &third);
    assert_states_equal(&first, &third);
    image_cache_thaw(s.user[2]);
    assert_add(&s, 0, 4, 50, "2", "2:2");
    state_clear(&first);
    state_clear(&second);
    state_clear(&third);
    session_end(&s);
}

static void test_restore(void)
{
    Session s = session_new(100, 3), d;
    CacheState state, other, again;
    ChannelSerial wait;

    assert_add(&s, 2, 1, 30, "", "");
    assert_add(&s, 0, 2, 30, "", "");
    begin(&s, 1);
    g_assert_cmpint(image_cache_add(s.user[1], 3, 30, true), ==, IMAGE_CACHE_ADDED);
    end(&s, 1);
    g_assert_true(hit(&s, 2, 2));
    d = session_arrive(&s);
    state_init(&state);
    state_init(&other);
    state_init(&again);
    image_cache_freeze(s.user[0], &state);
    image_cache_freeze(s.user[1], &other);

    assert_figures(&d, 0, 0, -1, true);
    g_assert_cmpint(add(&d, 1, 9, 1), ==, IMAGE_CACHE_NO_ROOM);
    g_assert_false(hit(&d, 1, 1));
    d.serial[1] = s.serial[1];
    image_cache_merge_sync(d.cache, &other);
    g_assert_false(image_cache_restore(d.cache, &other));
    image_cache_thaw(d.user[1]); /* of no effect on this side */
    assert_figures(&d, 0, 0, 100, true);
    g_assert_true(image_cache_restore(d.cache, &state));
    g_assert_false(image_cache_restore(d.cache, &state));
    assert_figures(&d, 3, 90, 100, false);
    g_assert_false(image_cache_sync(d.user[1], &wait));
    image_cache_freeze(d.user[1], &again);
    assert_states_equal(&state, &again);
    image_cache_thaw(d.user[1]);
    assert_add(&d, 1, 4, 90, "1 3 2", "0:1 2:2");
    state_clear(&state);
    state_clear(&other);
    state_clear(&again);
    session_end(&s);
    session_end(&d);
}

/* A channel that left the destination before the data came: nobody waits for it. */
static void test_restore_without_channel(void)
{
    Session s = session_new(100, 3), d;
    CacheState state;

    for (unsigned i = 0; i < 3; i++)
        assert_add(&s, i, i, 30, "", "");
    d = session_arrive(&s);
    state_init(&state);
    image_cache_freeze(s.user[0], &state);
    image_cache_leave(d.user[1]);
    g_assert_true(image_cache_restore(d.cache, &state));
    d.user[1] = image_cache_join(d.cache, 1, false);
    assert_add(&d, 0, 9, 100, "0 1 2", "2:1");
    state_clear(&state);
    session_end(&s);
    session_end(&d);
}

/* The freezer's data never came, or could not be used. */
static void test_fallback(void)
{
    Session s = session_new(100, 2), d;
    CacheState state;
    ChannelSerial waits[255], wait;
    size_t n;

    assert_add(&s, 0, 1, 30, "", "");
    assert_add(&s, 1, 1000, 30, "", "");
    d = session_arrive(&s);
    state_init(&state);
    /* A host that is left before it got the content knows nothing of it. */
    image_cache_freeze(d.user[0], &state);
    g_assert_true(state.freezer);
    g_assert_false(state.has_entries);
    image_cache_thaw(d.user[0]);
    image_cache_freeze(s.user[0], &state);
    image_cache_merge_sync(d.cache, &state);
    n = image_cache_reset(d.user[1], ++d.serial[1], 0, waits);
    assert_wait_list(waits, n, "0:1");
    assert_figures(&d, 0, 0, 100, false);
    g_assert_false(image_cache_restore(d.cache, &state));
    g_assert_cmpint(add(&d, 0, 5, 10), ==, IMAGE_CACHE_NEEDS_SYNC);
    g_assert_true(image_cache_sync(d.user[0], &wait));
    g_assert_cmpuint(wait.channel_id, ==, 1);
    g_assert_cmpuint(wait.serial, ==, 2);
    g_assert_cmpint(add(&d, 0, 5, 10), ==, IMAGE_CACHE_ADDED);
    state_clear(&state);
    session_end(&s);
    session_end(&d);
}

/* One message of random images; what it evicts and waits for is appended to `log`. Gives the number evicted. */
static unsigned random_message(Session *s, GRand *rand, GString *log)
{
    unsigned channel = (unsigned)g_rand_int_range(rand, 0, (int)s->n);
    unsigned images = (unsigned)g_rand_int_range(rand, 1, 4);
    ChannelSerial waits[255];
    const uint64_t *ids;
    size_t n, n_evicted;

    begin(s, channel);
    for (unsigned i = 0; i < images; i++) {
        uint64_t id = (uint64_t)g_rand_int_range(rand, 0, 3000) << 32;
        uint64_t pixels = (uint64_t)g_rand_int_range(rand, 1, 5000);
        bool lossy;

        if (image_cache_hit(s->user[channel], id, &lossy))
            g_string_append_printf(log, lossy ? "h" : "H");
        else
            g_string_append_printf(log, "a%d", image_cache_add(s->user[channel], id, pixels, pixels & 1));
    }
    ids = image_cache_evicted(s->user[channel], &n_evicted);
    for (size_t i = 0; i < n_evicted; i++)
        g_string_append_printf(log, " %" G_GUINT64_FORMAT, ids[i]);
    n = image_cache_waits(s->user[channel], waits);
    for (size_t i = 0; i < n; i++)
        g_string_append_printf(log, " %u:%" G_GUINT64_FORMAT, waits[i].channel_id, waits[i].serial);
    if (n_evicted)
        image_cache_restamp(s->user[channel], ++s->serial[channel]);
    end(s, channel);
    return (unsigned)n_evicted;
}

/* Whoever was moved behaves as one who stayed. */
static void test_twin(void)
{
    for (unsigned channels = 1; channels <= 5; channels += 2) {
        Session stays = session_new(1000000, channels), goes = session_new(1000000, channels), arrived;
        g_autoptr(GRand) rand = g_rand_new_with_seed(channels), twin = g_rand_new_with_seed(channels);
        g_autoptr(GString) log = g_string_new(NULL), twin_log = g_string_new(NULL);
        CacheState state;
        unsigned evictions = 0;

        for (unsigned i = 0; i < 2000; i++) {
            random_message(&stays, rand, log);
            random_message(&goes, twin, twin_log);
        }
        g_assert_cmpstr(log->str, ==, twin_log->str);
        arrived = session_arrive(&goes);
        state_init(&state);
        image_cache_freeze(goes.user[channels - 1], &state);
        g_assert_true(image_cache_restore(arrived.cache, &state));
        while (evictions < 1000) {
            g_string_truncate(log, 0);
            g_string_truncate(twin_log, 0);
            evictions += random_message(&stays, rand, log);
            random_message(&arrived, twin, twin_log);
            g_assert_cmpstr(log->str, ==, twin_log->str);
        }
        state_clear(&state);
        session_end(&stays);
        session_end(&goes);
        session_end(&arrived);
    }
}

static void test_large(void)
{
    const unsigned n = 20000;
    Session s = session_new(1 << 30, 4), d;
    CacheState state, again;
    int64_t start, frozen, restored;

    for (unsigned i = 0; i < n; i++)
        g_assert_cmpint(add(&s, i % 4, (uint64_t)i << 32, 1 + i % 5000), ==, IMAGE_CACHE_ADDED);
    for (unsigned i = 0; i < n; i += 7)
        g_assert_true(hit(&s, i % 3, (uint64_t)i << 32));
    d = session_arrive(&s);
    state_init(&state);
    state_init(&again);
    start = g_get_monotonic_time();
    image_cache_freeze(s.user[0], &state);
    frozen = g_get_monotonic_time();
    g_assert_true(image_cache_restore(d.cache, &state));
    restored = g_get_monotonic_time();
    g_test_message("%u entries, 4 channels: freeze %d us, restore %d us", n, (int)(frozen - start),
                   (int)(restored - frozen));
    image_cache_freeze(d.user[2], &again);
    assert_states_equal(&state, &again);
    state_clear(&state);
    state_clear(&again);
    session_end(&s);
    session_end(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image-cache-migration/freeze", test_freeze);
    g_test_add_func("/image-cache-migration/restore", test_restore);
    g_test_add_func("/image-cache-migration/restore-without-channel", test_restore_without_channel);
    g_test_add_func("/image-cache-migration/fallback", test_fallback);
    g_test_add_func("/image-cache-migration/twin", test_twin);
    g_test_add_func("/image-cache-migration/large", test_large);
    return g_test_run();
}
