/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/reader.h"
#include "common/wire/writer.h"

static void test_round_trip(void)
{
    g_auto(WireWriter) w = {0};
    WireReader r;
    size_t place;

    wire_write_u8(&w, 0x12);
    wire_write_u16(&w, 0x3456);
    wire_write_u32(&w, 0x789abcde);
    wire_write_u64(&w, G_GUINT64_CONSTANT(0x0123456789abcdef));
    wire_write_i32(&w, -5);
    wire_write_varint(&w, 300);
    wire_write_varint(&w, G_MAXUINT64);
    place = wire_write_pointer(&w);
    wire_set_pointer(&w, place);
    wire_write_bytes(&w, "xyz", 3);

    r = wire_reader(w.data, w.size);
    g_assert_cmpuint(wire_read_u8(&r), ==, 0x12);
    g_assert_cmpuint(wire_read_u16(&r), ==, 0x3456);
    g_assert_cmpuint(wire_read_u32(&r), ==, 0x789abcde);
    g_assert_cmpuint(wire_read_u64(&r), ==, G_GUINT64_CONSTANT(0x0123456789abcdef));
    g_assert_cmpint(wire_read_i32(&r), ==, -5);
    g_assert_cmpuint(wire_read_varint(&r), ==, 300);
    g_assert_cmpuint(wire_read_varint(&r), ==, G_MAXUINT64);
    WireReader at = wire_reader_at(&r, wire_read_u32(&r));
    g_assert_cmpmem(wire_read_bytes(&at, 3), 3, "xyz", 3);
    g_assert_true(wire_reader_ok(&at));
    g_assert_cmpuint(wire_reader_left(&at), ==, 0);
}

static void test_bounds(void)
{
    static const uint8_t bytes[] = {1, 2, 3};
    WireReader r = wire_reader(bytes, sizeof(bytes));
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(wire_read_u32(&r), ==, 0);
    g_assert_false(wire_reader_ok(&r));
    g_assert_cmpuint(wire_read_u8(&r), ==, 0);
    g_assert_null(wire_read_bytes(&r, 0));
    g_assert_false(wire_reader_check(&r, "thing", &error));
    g_assert_error(error, WIRE_ERROR, WIRE_ERROR_SHORT);

    r = wire_reader(bytes, sizeof(bytes));
    g_assert_null(wire_read_bytes(&r, SIZE_MAX));
    r = wire_reader(bytes, sizeof(bytes));
    WireReader at = wire_reader_at(&r, 3);
    g_assert_false(wire_reader_ok(&at));
    r = wire_reader(NULL, 0);
    g_assert_nonnull(wire_read_bytes(&r, 0));
}

static void test_varint_too_long(void)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    WireReader r = wire_reader(bytes, sizeof(bytes));

    wire_read_varint(&r);
    g_assert_false(wire_reader_ok(&r));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wire/round-trip", test_round_trip);
    g_test_add_func("/wire/bounds", test_bounds);
    g_test_add_func("/wire/varint-too-long", test_varint_too_long);
    return g_test_run();
}
