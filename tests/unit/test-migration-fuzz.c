/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random changes of good bodies through all decoders: what is taken must be valid and survive another round. */
#include "tests/unit/migration-samples.h"

#include <string.h>

#define ROUNDS 200000
#define MAX_SIZE 4096

static GPtrArray *corpus; /* GBytes */
static unsigned n_taken[5], n_sections;

static void corpus_add_display(DisplayState *s)
{
    g_ptr_array_add(corpus, display_state_encode(s, true));
    g_ptr_array_add(corpus, display_state_encode(s, false));
    s->surfaces_lossy_form = !s->surfaces_lossy_form;
    g_ptr_array_add(corpus, display_state_encode(s, true));
    display_state_clear(s);
}

static void corpus_make(GRand *rand)
{
    static const char *const others[] = {
        "49434d44 01000000 0300",
        "53564d44 01000000 | 01000000 01 ffffffff ffffffff 05000000 00000000 21000000 | 6465666768",
        "53434d44 01000000 01000000 01 ffffffff ffffffff 05000000 00000000 2a000000 01 0d000000 2f000000"
        "6465666768 00000007 00000000 00000002 55",
        "4d4e4d44 01000000 | 01000000 01 08000000 05000000 03000000 02000000 41000000 | 01 |"
        "08000000 01000000 00000000 00 0a000000 44000000 00000000 00 | 00000000 00 | aabbcc b0b1b2b3b4b5b6b7b8b9",
        "4d4e4d44 01000000 | 01000000 01 08000000 05000000 00000000 02000000 00000000 | 01 |"
        "08000000 01000000 00000000 01 00000000 00000000 ffff0000 03 | 12000000 01",
    };
    DisplayState s;

    corpus = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    sample_display_small(&s);
    corpus_add_display(&s);
    for (unsigned i = 0; i < 4; i++) {
        sample_display(&s, rand, i * 20, 1 + i, i & 1);
        corpus_add_display(&s);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++)
        g_ptr_array_add(corpus, sample_bytes(others[i]));
}

/* --- one body through one decoder --- */

static void try_display(const uint8_t *data, size_t size, int form)
{
    g_autoptr(GError) error = NULL;
    GArray *reports = NULL;
    DisplayState s, again;

    if (!display_state_decode(data, size, form, &s, &reports, &error)) {
        g_assert_nonnull(error);
        g_assert_null(reports);
        return;
    }
    g_assert_true(display_state_validate(&s, &error));
    n_taken[0]++;
    n_sections += (unsigned)__builtin_popcount(s.sections) - 1;
    g_autoptr(GBytes) bytes = display_state_encode(&s, true);
    g_assert_true(
        display_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), -1, &again, NULL, &error));
    assert_display_equal(&s, &again);
    section_reports_free(reports);
    display_state_clear(&again);
    display_state_clear(&s);
}

static void assert_same(GBytes *a, GBytes *b)
{
    g_assert_true(g_bytes_equal(a, b));
    g_bytes_unref(a);
    g_bytes_unref(b);
}

static void try_main(const uint8_t *data, size_t size)
{
    MainState s, again;
    GBytes *bytes;

    if (!main_state_decode(data, size, &s, NULL))
        return;
    bytes = main_state_encode(&s);
    g_assert_true(main_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &again, NULL));
    assert_same(bytes, main_state_encode(&again));
    main_state_clear(&again);
    main_state_clear(&s);
    n_taken[1]++;
}

static void try_vmc(const uint8_t *data, size_t size)
{
    VmcState s, again;
    GBytes *bytes;

    if (!vmc_state_decode(data, size, &s, NULL))
        return;
    bytes = vmc_state_encode(&s);
    g_assert_true(vmc_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &again, NULL));
    assert_same(bytes, vmc_state_encode(&again));
    vmc_state_clear(&again);
    vmc_state_clear(&s);
    n_taken[2]++;
}

static void try_smartcard(const uint8_t *data, size_t size)
{
    SmartcardState s, again;
    GBytes *bytes;

    if (!smartcard_state_decode(data, size, &s, NULL))
        return;
    bytes = smartcard_state_encode(&s);
    g_assert_true(smartcard_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &again, NULL));
    assert_same(bytes, smartcard_state_encode(&again));
    smartcard_state_clear(&again);
    smartcard_state_clear(&s);
    n_taken[3]++;
}

static void try_all(const uint8_t *data, size_t size, GRand *rand)
{
    InputsState inputs;

    try_display(data, size, g_rand_int_range(rand, -1, 2));
    try_main(data, size);
    try_vmc(data, size);
    try_smartcard(data, size);
    n_taken[4] += inputs_state_decode(data, size, &inputs, NULL);
}

/* --- changes --- */

/* Random bytes hardly get past a checksum: the sections are signed again, as a hostile client would. */
static void sign(uint8_t *data, size_t size)
{
    uint8_t *head = memmem(data, size, EXTENSION_MAGIC, 8);
    size_t at = head ? (size_t)(head - data) + EXTENSION_HEADER_SIZE : size;

    while (at <= size && size - at >= SECTION_HEADER_SIZE) {
        uint32_t stored, crc;

        memcpy(&stored, data + at + 8, 4);
        if (stored > size - at - SECTION_HEADER_SIZE)
            return;
        crc = crc32_update(crc32_update(0, data + at, 16), data + at + SECTION_HEADER_SIZE, stored);
        memcpy(data + at + 16, &crc, 4);
        at += SECTION_HEADER_SIZE + stored;
    }
}

static size_t splice(uint8_t *data, size_t size, GRand *rand)
{
    GBytes *other = g_ptr_array_index(corpus, (unsigned)g_rand_int_range(rand, 0, (int)corpus->len));
    size_t n = g_bytes_get_size(other), from, to, length;

    from = (size_t)g_rand_int_range(rand, 0, (int)n);
    to = (size_t)g_rand_int_range(rand, 0, (int)size + 1);
    length = (size_t)g_rand_int_range(rand, 0, (int)MIN(n - from, MAX_SIZE - to) + 1);
    memcpy(data + to, (const uint8_t *)g_bytes_get_data(other, NULL) + from, length);
    return MAX(size, to + length);
}

static size_t mutate(uint8_t *data, size_t size, GRand *rand)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    for (int n = g_rand_int_range(rand, 1, 5); n > 0 && size > 0; n--) {
        size_t at = (size_t)g_rand_int_range(rand, 0, (int)size);

        switch (g_rand_int_range(rand, 0, 12)) {
        case 0:
            size = at;
            break;
        case 1:
            size = splice(data, size, rand);
            break;
        case 2: /* an extreme number */
            memset(data + at, edges[g_rand_int_range(rand, 0, 5)], MIN(size - at, 4));
            break;
        case 3:
        case 4:
            data[at] = edges[g_rand_int_range(rand, 0, 5)];
            break;
        case 5:
            data[at] = (uint8_t)(data[at] + g_rand_int_range(rand, -2, 3));
            break;
        default:
            data[at] ^= (uint8_t)(1 << g_rand_int_range(rand, 0, 8));
        }
    }
    return size;
}

static void test_mutations(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261121);
    uint8_t data[MAX_SIZE];
    gint64 begin = g_get_monotonic_time();

    corpus_make(rand);
    for (unsigned i = 0; i < ROUNDS; i++) {
        GBytes *seed = g_ptr_array_index(corpus, i % corpus->len);
        size_t size = g_bytes_get_size(seed);

        g_assert_cmpuint(size, <=, MAX_SIZE);
        memcpy(data, g_bytes_get_data(seed, NULL), size);
        size = mutate(data, size, rand);
        if (i & 1)
            sign(data, size);
        /* An exact copy: the sanitizer sees the byte behind. */
        g_autofree uint8_t *exact = g_memdup2(data, size);
        try_all(exact, size, rand);
        if (i % 64 == 0) {
            bool ok;

            g_free(migration_data_to_json(exact, size, &ok));
        }
    }
    g_test_message("%u bodies in %.1f s; taken: display %u (%u sections), main %u, vmc %u, smartcard %u, inputs %u",
                   ROUNDS, (double)(g_get_monotonic_time() - begin) / 1e6, n_taken[0], n_sections, n_taken[1],
                   n_taken[2], n_taken[3], n_taken[4]);
    /* The test is worth something only if it gets past the first check. */
    for (unsigned i = 0; i < G_N_ELEMENTS(n_taken); i++)
        g_assert_cmpuint(n_taken[i], >, ROUNDS / 500);
    g_assert_cmpuint(n_sections, >, ROUNDS / 10);
    g_ptr_array_unref(corpus);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/fuzz/mutations", test_mutations);
    return g_test_run();
}
