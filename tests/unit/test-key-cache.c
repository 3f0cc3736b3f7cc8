/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/key-cache.h"

static void assert_use(KeyCache *cache, uint64_t unique, KeyCacheResult expected, uint64_t expected_evicted)
{
    uint64_t evicted = 99;

    g_assert_cmpint(key_cache_use(cache, unique, &evicted), ==, expected);
    g_assert_cmpuint(evicted, ==, expected_evicted);
}

static void test_order(void)
{
    KeyCache *cache = key_cache_new(PALETTE_CACHE_SIZE);

    assert_use(cache, 0, KEY_CACHE_OFF, 0);
    for (uint64_t i = 1; i <= PALETTE_CACHE_SIZE; i++)
        assert_use(cache, i, KEY_CACHE_ADDED, 0);
    assert_use(cache, 1, KEY_CACHE_HIT, 0);
    assert_use(cache, 129, KEY_CACHE_ADDED, 2);
    assert_use(cache, 64, KEY_CACHE_HIT, 0);
    for (uint64_t i = 3; i <= 128; i++)
        if (i != 64)
            assert_use(cache, i, KEY_CACHE_HIT, 0);
    assert_use(cache, 2, KEY_CACHE_ADDED, 1);
    assert_use(cache, 1, KEY_CACHE_ADDED, 129);
    assert_use(cache, 2, KEY_CACHE_HIT, 0);
    assert_use(cache, 2, KEY_CACHE_HIT, 0);
    key_cache_clear(cache);
    assert_use(cache, 2, KEY_CACHE_ADDED, 0);
    key_cache_free(cache);
}

/* The plain restatement of the rule. */
static void test_model(void)
{
    KeyCache *cache = key_cache_new(PALETTE_CACHE_SIZE);
    g_autoptr(GArray) model = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    for (unsigned round = 0; round < 20000; round++) {
        uint64_t unique = (uint64_t)g_rand_int_range(rand, 1, 180), expected = 0;
        KeyCacheResult result = KEY_CACHE_ADDED;

        for (guint i = 0; i < model->len; i++)
            if (g_array_index(model, uint64_t, i) == unique) {
                g_array_remove_index(model, i);
                result = KEY_CACHE_HIT;
                break;
            }
        g_array_prepend_val(model, unique);
        if (model->len > PALETTE_CACHE_SIZE) {
            expected = g_array_index(model, uint64_t, PALETTE_CACHE_SIZE);
            g_array_set_size(model, PALETTE_CACHE_SIZE);
        }
        assert_use(cache, unique, result, expected);
        if (round % 1000 == 0) { /* a move to another host changes nothing */
            g_autoptr(GArray) keys = key_cache_save(cache);

            g_assert_cmpmem(keys->data, keys->len * sizeof(uint64_t), model->data, model->len * sizeof(uint64_t));
            key_cache_free(cache);
            cache = key_cache_new(PALETTE_CACHE_SIZE);
            assert_use(cache, 7, KEY_CACHE_ADDED, 0);
            key_cache_restore(cache, keys);
        }
    }
    key_cache_free(cache);
}

static void test_empty(void)
{
    KeyCache *cache = key_cache_new(PALETTE_CACHE_SIZE);
    g_autoptr(GArray) keys = key_cache_save(cache);

    g_assert_cmpuint(keys->len, ==, 0);
    assert_use(cache, 7, KEY_CACHE_ADDED, 0);
    key_cache_restore(cache, keys);
    assert_use(cache, 7, KEY_CACHE_ADDED, 0);
    key_cache_free(cache);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/key-cache/order", test_order);
    g_test_add_func("/key-cache/model", test_model);
    g_test_add_func("/key-cache/empty", test_empty);
    return g_test_run();
}
