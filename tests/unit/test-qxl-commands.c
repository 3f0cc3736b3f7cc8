/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/qxl-guest.h"

static void test_surfaces(void)
{
    static const uint32_t formats[] = {1, 8, 16, 80, 32, 96};
    g_autoptr(Guest) guest = guest_new();
    QXLSurfaceCmd cmd = {.surface_id = 5, .type = QXL_SURFACE_CMD_CREATE, .flags = QXL_SURF_FLAG_KEEP_DATA};
    QXLReleaseInfoExt release;
    SurfaceCommand out;
    QXLCommandExt command = command_at(put(guest, &cmd, sizeof(cmd)), 0);
    QXLSurfaceCmd *live = at(guest, command.cmd.data);

#define PARSE() qxl_parse_surface(guest->slots, &command, &out, &release, NULL)
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        uint32_t row = (10 * (formats[i] & 0x3f ? formats[i] & 0x3f : 32) + 7) / 8;

        if (formats[i] == 80)
            row = 20;
        if (formats[i] == 96)
            row = 40;
        live->u.surface_create = (QXLSurface){formats[i], 10, 4, -(int32_t)row, BASE + 16};
        g_assert_true(PARSE());
        g_assert_true(out.memory == guest->ram + 16 && out.keep_data && out.stride == -(int32_t)row);
        live->u.surface_create.stride = (int32_t)row - 1;
        g_assert_false(PARSE());
        live->u.surface_create.stride = (int32_t)row;
        live->u.surface_create.data = BASE + RAM_SIZE - 4 * row;
        g_assert_true(PARSE());
        live->u.surface_create.data++;
        g_assert_false(PARSE());
        g_assert_nonnull(release.info);
    }
    live->u.surface_create.format = 33;
    g_assert_false(PARSE());
    live->type = QXL_SURFACE_CMD_DESTROY;
    g_assert_true(PARSE());
    g_assert_cmpuint(out.surface_id, ==, 5);
    live->type = 2;
    g_assert_false(PARSE());
    command.cmd.data = BASE + RAM_SIZE - 40;
    g_assert_false(PARSE());
    g_assert_null(release.info);
#undef PARSE
    g_assert_false(qxl_check_surface(32, 0, 1, 4, NULL));
    g_assert_false(qxl_check_surface(32, 1, 0, 4, NULL));
    g_assert_false(qxl_check_surface(32, 1, 1, G_MININT32, NULL));
    g_assert_false(qxl_check_surface(32, 1, 0x20000000, 4, NULL));
    g_assert_true(qxl_check_surface(32, 1, 0x1fffffff, 4, NULL));
    g_assert_false(qxl_check_surface(32, 0x40000001, 1, 4, NULL));
    g_assert_false(qxl_check_surface(1, 0xffffffff, 1, 0x7fffffff, NULL));
}

static void test_update_and_message(void)
{
    g_autoptr(Guest) guest = guest_new();
    QXLUpdateCmd update = {.area = {.left = 1, .top = 2, .right = 3, .bottom = 4}, .update_id = 6, .surface_id = 7};
    QXLCommandExt command = command_at(put(guest, &update, sizeof(update)), 0);
    QXLReleaseInfoExt release;
    UpdateCommand out;

    g_assert_true(qxl_parse_update(guest->slots, &command, &out, &release, NULL));
    g_assert_true(rect_equal(&out.area, &(Rect){1, 2, 3, 4}));
    g_assert_cmpuint(out.update_id, ==, 6);
    g_assert_cmpuint(out.surface_id, ==, 7);
    command.flags = QXL_COMMAND_FLAG_COMPAT;
    g_assert_true(qxl_parse_update(guest->slots, &command, &out, &release, NULL));
    g_assert_cmpuint(out.surface_id, ==, 0);
    command.cmd.data = BASE + RAM_SIZE - 27;
    g_assert_false(qxl_parse_update(guest->slots, &command, &out, &release, NULL));
    g_assert_null(release.info);

    command = command_at(put(guest, "12345678hello\n", 15), 0);
    g_assert_true(qxl_parse_message(guest->slots, &command, &release, NULL));
    memset(guest->ram + guest->used - 1, 'x', RAM_SIZE - guest->used + 1);
    g_assert_false(qxl_parse_message(guest->slots, &command, &release, NULL));
    g_assert_nonnull(release.info);
    command.cmd.data = BASE + RAM_SIZE - 8;
    g_assert_false(qxl_parse_message(guest->slots, &command, &release, NULL));
    g_assert_nonnull(release.info);
    command.cmd.data++;
    g_assert_false(qxl_parse_message(guest->slots, &command, &release, NULL));
    g_assert_null(release.info);
}

static void test_cursor(void)
{
    g_autoptr(Guest) guest = guest_new();
    QXLCommandExt command = command_at(put_cursor(guest, 12, 8), 0);
    QXLReleaseInfoExt release;
    QXLCursorCmd *live = at(guest, command.cmd.data);
    QXLCursor *shape = at(guest, live->u.set.shape);
    CursorCommand out;
    gsize size;

    shape->header.width = 3;
    shape->header.height = 1;
#define PARSE() qxl_parse_cursor(guest->slots, &command, &out, &release, NULL)
    g_assert_true(PARSE());
    g_assert_cmpint(out.x, ==, -1);
    g_assert_true(out.visible);
    g_assert_cmpuint(out.shape->unique, ==, 5);
    g_assert_cmpuint(out.shape->hot_x, ==, 1);
    g_assert_cmpmem(g_bytes_get_data(out.shape->data, &size), 12, "abcdefghABCD", 12);
    g_assert_cmpuint(size, ==, 12);
    cursor_shape_unref(out.shape);
    shape->data_size = 1000;
    g_assert_true(PARSE());
    g_assert_cmpuint(g_bytes_get_size(out.shape->data), ==, 16);
    cursor_shape_unref(out.shape);
    shape->header.height = 2; /* clients read as many bytes as the size says */
    g_assert_false(PARSE());
    shape->header.width = 0;
    g_assert_false(PARSE());
    shape->header.width = shape->header.height = 0xffff;
    g_assert_false(PARSE());
    shape->header.width = 3;
    shape->header.height = 1;
    for (unsigned type = SPICE_CURSOR_TYPE_MONO; type < SPICE_CURSOR_TYPE_ENUM_END; type++) {
        static const unsigned enough[] = {0, 2, 2 + 64 + 1, 3 + 1024 + 1, 6 + 1, 9 + 1, 12 + 1};

        shape->header.type = (uint16_t)type;
        g_assert_true(PARSE() == (enough[type] <= 16));
        cursor_shape_unref(out.shape);
        shape->data_size = enough[type] - 1;
        g_assert_false(PARSE());
        shape->data_size = 1000;
    }
    shape->header.type = SPICE_CURSOR_TYPE_ALPHA;
    shape->data_size = 0xffffffff;
    shape->chunk.next_chunk = live->u.set.shape + offsetof(QXLCursor, chunk);
    g_assert_false(PARSE());
    g_assert_null(out.shape);
    shape->chunk.next_chunk = 0;
    shape->header.type = 7;
    g_assert_false(PARSE());
    live->u.set.shape = 0;
    g_assert_false(PARSE());
    live->type = QXL_CURSOR_TRAIL;
    live->u.trail.length = 3;
    live->u.trail.frequency = 4;
    g_assert_true(PARSE());
    g_assert_cmpuint(out.trail_frequency, ==, 4);
    live->type = QXL_CURSOR_MOVE;
    live->u.position.y = -7;
    g_assert_true(PARSE());
    g_assert_cmpint(out.y, ==, -7);
    live->type = QXL_CURSOR_HIDE;
    g_assert_true(PARSE());
    live->type = 4;
    g_assert_false(PARSE());
    g_assert_nonnull(release.info);
#undef PARSE
}

static void test_monitors(void)
{
    g_autoptr(Guest) guest = guest_new();
    QXLMonitorsConfig config = {.count = 2, .max_allowed = 4};
    QXLHead heads[2] = {{.id = 0, .width = 640}, {.id = 1, .width = 800}};
    uint64_t address = put(guest, &config, sizeof(config));
    MonitorsConfig *out;

    put(guest, heads, sizeof(heads));
    out = qxl_parse_monitors(guest->slots, GROUP, address, 2, NULL);
    g_assert_cmpuint(out->count, ==, 2);
    g_assert_cmpuint(out->max_allowed, ==, 2);
    g_assert_cmpuint(out->heads[1].width, ==, 800);
    g_free(out);
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, address, 1, NULL));
    ((QXLMonitorsConfig *)at(guest, address))->count = 0;
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, address, 1, NULL));
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, 0, 1, NULL));
    memcpy(guest->ram + RAM_SIZE - 59, &config, sizeof(config));
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, BASE + RAM_SIZE - 59, 2, NULL));
}

static void drop_log(const char *domain, GLogLevelFlags level, const char *message, void *opaque) {}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_handler("Spice", G_LOG_LEVEL_DEBUG, drop_log, NULL);
    g_test_add_func("/qxl-parse/surfaces", test_surfaces);
    g_test_add_func("/qxl-parse/update-and-message", test_update_and_message);
    g_test_add_func("/qxl-parse/cursor", test_cursor);
    g_test_add_func("/qxl-parse/monitors", test_monitors);
    return g_test_run();
}
