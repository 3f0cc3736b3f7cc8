/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/memslot.h"

static MemSlots *slots_new(uint32_t groups, uint32_t n, uint8_t generation_bits, uint8_t id_bits)
{
    QXLDevInitInfo info = {.num_memslots_groups = groups,
                           .num_memslots = n,
                           .memslot_gen_bits = generation_bits,
                           .memslot_id_bits = id_bits};
    return memslots_new(&info, NULL);
}

static void add(MemSlots *slots, uint32_t group, uint32_t id, uint32_t generation, uintptr_t start, uintptr_t end,
                uint64_t delta)
{
    QXLDevMemSlot slot = {.slot_group_id = group,
                          .slot_id = id,
                          .generation = generation,
                          .virt_start = start,
                          .virt_end = end,
                          .addr_delta = delta};
    g_assert_true(memslots_add(slots, &slot, NULL));
}

static uintptr_t get(const MemSlots *slots, uint32_t group, uint64_t address, uint64_t size)
{
    g_autoptr(GError) error = NULL;
    uintptr_t p = (uintptr_t)memslots_get(slots, group, address, size, &error);

    g_assert_true((p == 0) == (error != NULL));
    return p;
}

#define ADDRESS(slot, generation, offset) ((uint64_t)(slot) << 56 | (uint64_t)(generation) << 48 | (uint64_t)(offset))

static void test_ranges(void)
{
    MemSlots *slots = slots_new(2, 8, 8, 8);

    add(slots, 1, 1, 0, 0x10000, 0x20000, 0x10000);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0), 1), ==, 0x10000);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0), 0x10000), ==, 0x10000);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0xffff), 1), ==, 0x1ffff);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0), 0x10001), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0xffff), 2), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0x10000), 1), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 1), G_MAXUINT64), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0), 0), ==, 0);
    /* wrong group, slot, generation */
    g_assert_cmphex(get(slots, 0, ADDRESS(1, 0, 0), 1), ==, 0);
    g_assert_cmphex(get(slots, 2, ADDRESS(1, 0, 0), 1), ==, 0);
    g_assert_cmphex(get(slots, G_MAXUINT32, ADDRESS(1, 0, 0), 1), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(2, 0, 0), 1), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(255, 0, 0), 1), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 1, 0), 1), ==, 0);
    /* an offset below the slot: delta is smaller than its start */
    add(slots, 1, 2, 3, 0x10000, 0x20000, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(2, 3, 0xffff), 1), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(2, 3, 0x10000), 1), ==, 0x10000);
    g_assert_cmphex(get(slots, 1, ADDRESS(2, 0, 0x10000), 1), ==, 0);
    memslots_free(slots);
}

static void test_host_slot(void)
{
    MemSlots *slots = slots_new(1, 8, 8, 1);

    /* Host pointers as addresses: everything below the identifier's bits. */
    add(slots, 0, 0, 0, 0, UINTPTR_MAX, 0);
    g_assert_cmphex(get(slots, 0, 0x7fff12345678, 0x1000), ==, 0x7fff12345678);
    g_assert_cmphex(get(slots, 0, 0x1000, G_MAXUINT64 - 0x1001), ==, 0x1000);
    g_assert_cmphex(get(slots, 0, 0x1000, G_MAXUINT64 - 0x1000 + 1), ==, 0);
    g_assert_cmphex(get(slots, 0, 0, 1), ==, 0);
    /* arithmetic wraps */
    add(slots, 0, 1, 0, 0x1000, 0x2000, G_MAXUINT64);
    g_assert_cmphex(get(slots, 0, G_GUINT64_CONSTANT(1) << 63 | 0x1001, 1), ==, 0x1000);
    memslots_free(slots);
}

static void test_bits(void)
{
    static const struct {
        uint8_t generation_bits, id_bits;
    } widths[] = {{0, 0}, {0, 8}, {8, 0}, {64, 0}, {0, 64}, {32, 32}};

    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++) {
        MemSlots *slots = slots_new(1, 1, widths[i].generation_bits, widths[i].id_bits);

        add(slots, 0, 0, 0, 0x1000, 0x2000, 0x1000);
        g_assert_cmphex(get(slots, 0, 0, 0x1000), ==, 0x1000);
        g_assert_cmphex(get(slots, 0, 0, 0x1001), ==, 0);
        for (unsigned bit = 0; bit < 64; bit++)
            get(slots, 0, G_GUINT64_CONSTANT(1) << bit, 8);
        memslots_free(slots);
    }
    g_assert_null(slots_new(1, 1, 33, 32));
    g_assert_null(slots_new(1, 1, 255, 255));
    g_assert_null(slots_new(65536, 65536, 8, 8));
    g_assert_null(slots_new(1, 65537, 8, 8));
    memslots_free(slots_new(0, 0, 8, 8));
    memslots_free(slots_new(2, 32768, 8, 16));
}

static void test_life(void)
{
    MemSlots *slots = slots_new(2, 2, 8, 8);
    QXLDevMemSlot bad_group = {.slot_group_id = 2}, bad_id = {.slot_id = 2};
    uint64_t before, after;

    g_assert_false(memslots_add(slots, &bad_group, NULL));
    g_assert_false(memslots_add(slots, &bad_id, NULL));
    g_assert_false(memslots_del(slots, 2, 0, NULL));
    g_assert_false(memslots_del(slots, 0, 2, NULL));
    add(slots, 0, 1, 0, 0x1000, 0x2000, 0x1000);
    add(slots, 1, 1, 0, 0x3000, 0x4000, 0x3000);
    g_assert_nonnull(memslots_get_same(slots, 1, ADDRESS(1, 0, 0), ADDRESS(1, 0, 8), 8, NULL));
    g_assert_null(memslots_get_same(slots, 1, ADDRESS(0, 0, 0), ADDRESS(1, 0, 8), 8, NULL));
    g_assert_true(memslots_get_room(slots, 1, ADDRESS(1, 0, 0x10), &before, &after, NULL));
    g_assert_cmpuint(before, ==, 0x10);
    g_assert_cmpuint(after, ==, 0xff0);
    g_assert_false(memslots_get_room(slots, 1, ADDRESS(1, 0, 0x1000), &before, &after, NULL));
    g_assert_true(memslots_del(slots, 0, 1, NULL));
    g_assert_cmphex(get(slots, 0, ADDRESS(1, 0, 0), 1), ==, 0);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0), 1), ==, 0x3000);
    memslots_reset(slots);
    g_assert_cmphex(get(slots, 1, ADDRESS(1, 0, 0), 1), ==, 0);
    memslots_free(slots);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memslot/ranges", test_ranges);
    g_test_add_func("/memslot/host-slot", test_host_slot);
    g_test_add_func("/memslot/bits", test_bits);
    g_test_add_func("/memslot/life", test_life);
    return g_test_run();
}
