/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/qxl-guest.h"

static void check_path(const Path *path)
{
    int64_t sum = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < path->n_segments; i++)
        for (uint32_t k = 0; k < path->segments[i].n_points; k++, n++)
            sum += path->segments[i].points[k].x;
    g_assert_cmpuint(n, ==, path->n_points);
    for (uint32_t k = 0; k < n; k++)
        sum -= path->points[k].x;
    g_assert_cmpint(sum, ==, 0);
}

static void check_string(const GlyphString *string)
{
    unsigned bits = glyph_string_bits(string->flags);

    g_assert_cmpuint(bits, >, 0);
    g_assert_cmpuint(string->n_glyphs, >, 0);
    for (unsigned i = 0; i < string->n_glyphs; i++) {
        const Glyph *glyph = &string->glyphs[i];
        size_t size = glyph_row_bytes(bits, glyph->width) * glyph->height;

        g_assert_true(glyph->data >= string->data && glyph->data + size <= string->data + string->size);
    }
}

/* Everything that the parser promises about what it let through. */
static void check_op(const DrawOp *op)
{
    Image *images[3];
    unsigned n = draw_op_images(op, images);

    g_assert_false(rect_is_empty(&op->box));
    if (op->type == QXL_DRAW_STROKE)
        check_path(op->u.stroke.path);
    if (op->type == QXL_DRAW_TEXT)
        check_string(op->u.text.string);
    for (unsigned i = 0; i < n; i++) {
        const Bitmap *bitmap = &images[i]->bitmap;
        const uint8_t *data;
        gsize size;

        if (images[i]->type != SPICE_IMAGE_TYPE_BITMAP)
            continue;
        data = g_bytes_get_data(bitmap_data(bitmap), &size);
        g_assert_cmpuint(size, ==, (uint64_t)bitmap->stride * images[i]->height);
        if (bitmap->palette && bitmap->format == SPICE_BITMAP_FMT_8BIT)
            for (gsize k = 0; k < size; k++)
                g_assert_cmpuint(data[k], <, bitmap->palette->n);
    }
}

static void build_drawables(Guest *guest, uint64_t *addresses, unsigned *n)
{
    uint64_t images[] = {put_bitmap(guest, SPICE_BITMAP_FMT_32BIT, 4, 3, 16, 20, 0),
                         put_bitmap(guest, SPICE_BITMAP_FMT_8BIT_A, 5, 3, 8, 8, 0),
                         put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, put_palette(guest, 250)),
                         put_bitmap(guest, SPICE_BITMAP_FMT_4BIT_LE, 4, 3, 4, 5, put_palette(guest, 9)),
                         put_surface_image(guest, 3)};
    uint64_t mask = put_bitmap(guest, SPICE_BITMAP_FMT_1BIT_BE, 9, 3, 4, 5, 0);
    QXLRect rects[2] = {{0, 0, 9, 8}, {1, 2, 5, 6}};
    uint32_t count = 2;
    uint64_t clip = put(guest, &count, 4), dashes, path, string;
    uint32_t points[] = {3, 2, 16, 32, 48, 64, 1, 1, 5, 6};
    struct {
        QXLRasterGlyph glyph;
        uint8_t rows[4];
    } glyph = {{.width = 9, .height = 2}, {1, 2, 3, 4}};

    put_chunk(guest, rects, 32, 0);
    dashes = put(guest, points, 8);
    path = put(guest, &count, 4);
    put_chunk(guest, points, sizeof(points), 0);
    string = put(guest, &(uint32_t[]){24, 1 | SPICE_STRING_FLAGS_RASTER_A1 << 16}, 8);
    put_chunk(guest, &glyph, sizeof(glyph), 0);
    *n = 0;
    for (unsigned type = 0; type <= QXL_DRAW_COMPOSITE; type++) {
        QXLDrawable d = drawable((uint8_t)type);
        uint64_t image = images[type % G_N_ELEMENTS(images)];

        if (type % 2)
            d.clip = (QXLClip){SPICE_CLIP_TYPE_RECTS, clip};
        switch (type) {
        case QXL_DRAW_FILL:
            d.u.fill = (QXLFill){.brush = {.type = 2, .u.pattern.pat = image}, .mask.bitmap = mask};
            break;
        case QXL_DRAW_COPY:
        case QXL_DRAW_BLEND:
            d.u.copy = (QXLCopy){.src_bitmap = image, .src_area = SRC_AREA, .mask.bitmap = mask};
            break;
        case QXL_DRAW_OPAQUE:
            d.u.opaque = (QXLOpaque){.src_bitmap = image, .src_area = SRC_AREA, .mask.bitmap = mask};
            break;
        case QXL_DRAW_ROP3:
            d.u.rop3 = (QXLRop3){
                .src_bitmap = image, .src_area = SRC_AREA, .rop3 = 0x1e, .brush = {.type = 2, .u.pattern.pat = image}};
            break;
        case QXL_DRAW_STROKE:
            d.u.stroke = (QXLStroke){.path = path,
                                     .attr = {.flags = 8, .style_nseg = 2, .style = dashes},
                                     .brush = {.type = 2, .u.pattern.pat = image}};
            break;
        case QXL_DRAW_TEXT:
            d.u.text = (QXLText){.str = string,
                                 .back_area = SRC_AREA,
                                 .fore_brush = {.type = 2, .u.pattern.pat = image},
                                 .fore_mode = SPICE_ROPD_OP_PUT};
            break;
        case QXL_DRAW_TRANSPARENT:
            d.u.transparent = (QXLTransparent){.src_bitmap = image, .src_area = SRC_AREA};
            break;
        case QXL_DRAW_ALPHA_BLEND:
            d.u.alpha_blend = (QXLAlphaBlend){.src_bitmap = image, .src_area = SRC_AREA};
            break;
        case QXL_DRAW_COMPOSITE:
            d.u.composite = (QXLComposite){.src = image, .mask = images[4]};
            break;
        default:
            break;
        }
        addresses[(*n)++] = put(guest, &d, sizeof(d));
    }
}

static void mutate(Guest *guest, GRand *rand, uint64_t command)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      BASE,
                                      BASE + RAM_SIZE,
                                      BASE + RAM_SIZE - 20,
                                      BASE + RAM_SIZE - 48,
                                      G_MAXUINT64};
    unsigned n = (unsigned)g_rand_int_range(rand, 1, 4);

    while (n--) {
        /* most of the time the command itself, else whatever it points to */
        size_t where = g_rand_boolean(rand) ? (size_t)(command - BASE) + (size_t)g_rand_int_range(rand, 8, 191)
                                            : (size_t)g_rand_int_range(rand, 0, (int)guest->used);
        uint64_t value = values[g_rand_int_range(rand, 0, G_N_ELEMENTS(values))];
        size_t size = (size_t)1 << g_rand_int_range(rand, 0, 4);

        if (g_rand_int_range(rand, 0, 3) == 0)
            value = BASE + (uint64_t)g_rand_int_range(rand, 0, RAM_SIZE + 20);
        if (g_rand_int_range(rand, 0, 3) == 0)
            value = g_rand_int(rand);
        where = MIN(where, RAM_SIZE - size);
        memcpy(guest->ram + where, &value, size);
    }
}

static void count_release(void *opaque, const QXLReleaseInfoExt *resources)
{
    g_assert_nonnull(resources->info);
    ++*(unsigned *)opaque;
}

/* The same command with pixels that stay in the guest is accepted or refused alike, has the same pixels, and its
 * resources come back once. */
static void check_loan(Guest *guest, QXLCommandExt command, const DrawOp *copied)
{
    unsigned released = 0;
    GuestLoans *loans = guest_loans_new(count_release, &released, 1, 50);
    QXLReleaseInfoExt release = {0};
    g_autoptr(GError) error = NULL;
    DrawOp *op = qxl_parse_drawable(guest->slots, loans, &command, &release, &error);
    Image *images[3], *expected[3];
    unsigned n = op ? draw_op_images(op, images) : 0;

    g_assert_true((op == NULL) == (copied == NULL));
    if (op) {
        g_assert_cmpuint(n, ==, draw_op_images(copied, expected));
        check_op(op);
    }
    for (unsigned i = 0; i < n; i++)
        if (images[i]->type == SPICE_IMAGE_TYPE_BITMAP)
            g_assert_true(g_bytes_equal(bitmap_data(&images[i]->bitmap), bitmap_data(&expected[i]->bitmap)));
    draw_op_unref(op);
    g_assert_cmpuint(released, ==, release.info ? 0 : 1);
    guest_loans_free(loans);
    g_assert_cmpuint(released, ==, release.info ? 0 : 1);
}

static void test_fuzz_drawables(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autofree uint8_t *saved = NULL;
    GRand *rand = g_rand_new_with_seed(20);
    uint64_t addresses[16];
    unsigned n, accepted = 0, rounds = g_test_slow() ? 2000000 : 200000;

    build_drawables(guest, addresses, &n);
    saved = g_memdup2(guest->ram, RAM_SIZE);
    for (unsigned i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;

        draw_op_unref(parse_at(guest, addresses[i], 0, &error));
        if (error)
            g_assert_cmpint(error->code, ==, QXL_PARSE_ERROR_UNSUPPORTED);
    }
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t address = addresses[g_rand_int_range(rand, 0, (int)n)];
        uint32_t flags = (uint32_t)g_rand_int_range(rand, 0, 8);
        g_autoptr(DrawOp) op = NULL;
        g_autoptr(GError) error = NULL;

        mutate(guest, rand, address);
        flags = flags == 7 ? 3 : flags == 6 ? 1 : 0;
        op = parse_at(guest, address, flags, &error);
        g_assert_true((op == NULL) == (error != NULL));
        if (op) {
            accepted++;
            check_op(op);
        }
        check_loan(guest, command_at(address, flags), op);
        memcpy(guest->ram, saved, RAM_SIZE);
    }
    g_test_message("%u of %u were accepted", accepted, rounds);
    g_assert_cmpuint(accepted, >, rounds / 10);
    g_rand_free(rand);
}

static void test_fuzz_others(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autofree uint8_t *saved = NULL;
    GRand *rand = g_rand_new_with_seed(21);
    QXLSurfaceCmd surface = {.u.surface_create = {32, 10, 4, 40, BASE + 16}};
    uint64_t cursor = put_cursor(guest, 12, 8);
    uint64_t create = put(guest, &surface, sizeof(surface));
    uint64_t message = put(guest, "12345678hello\n", 15);

    saved = g_memdup2(guest->ram, RAM_SIZE);
    for (unsigned i = 0; i < 100000; i++) {
        QXLReleaseInfoExt release;
        QXLCommandExt command = command_at(cursor, 0);
        CursorCommand cursor_out;
        SurfaceCommand surface_out;
        UpdateCommand update_out;

        mutate(guest, rand, cursor);
        if (qxl_parse_cursor(guest->slots, &command, &cursor_out, &release, NULL))
            cursor_shape_unref(cursor_out.shape);
        mutate(guest, rand, create);
        command.cmd.data = create;
        if (qxl_parse_surface(guest->slots, &command, &surface_out, &release, NULL) &&
            surface_out.type == QXL_SURFACE_CMD_CREATE)
            memset(surface_out.memory, 1, (size_t)ABS(surface_out.stride) * surface_out.height);
        command.cmd.data = i % 2 ? message : BASE + RAM_SIZE - (uint64_t)g_rand_int_range(rand, 0, 40);
        qxl_parse_message(guest->slots, &command, &release, NULL);
        qxl_parse_update(guest->slots, &command, &update_out, &release, NULL);
        g_free(qxl_parse_monitors(guest->slots, GROUP, command.cmd.data, 256, NULL));
        memcpy(guest->ram, saved, RAM_SIZE);
    }
    g_rand_free(rand);
}

/* A guest that changes its memory while it is read. The race is meant, so that there is no point in looking for it. */
#ifndef __SANITIZE_THREAD__
typedef struct Scribbler {
    Guest *guest;
    gint stop;
} Scribbler;

static gpointer scribble(gpointer opaque)
{
    Scribbler *scribbler = opaque;
    Guest *guest = scribbler->guest;
    g_autofree uint8_t *saved = g_memdup2(guest->ram, RAM_SIZE);
    GRand *rand = g_rand_new_with_seed(22);

    while (!g_atomic_int_get(&scribbler->stop)) {
        mutate(guest, rand, BASE + (uint64_t)g_rand_int_range(rand, 0, RAM_SIZE - 200));
        if (g_rand_int_range(rand, 0, 4) == 0)
            memcpy(guest->ram, saved, RAM_SIZE);
    }
    g_rand_free(rand);
    return NULL;
}

static void test_fuzz_race(void)
{
    g_autoptr(Guest) guest = guest_new();
    Scribbler scribbler = {.guest = guest};
    uint64_t addresses[16];
    unsigned n, accepted = 0;
    GThread *thread;

    build_drawables(guest, addresses, &n);
    thread = g_thread_new("guest", scribble, &scribbler);
    for (unsigned i = 0; i < 50000; i++) {
        g_autoptr(DrawOp) op = parse_at(guest, addresses[i % n], 0, NULL);

        if (op) {
            accepted++;
            check_op(op);
        }
    }
    g_atomic_int_set(&scribbler.stop, 1);
    g_thread_join(thread);
    g_test_message("%u were accepted", accepted);
}
#endif

static void drop_log(const char *domain, GLogLevelFlags level, const char *message, void *opaque) {}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_handler("Spice", G_LOG_LEVEL_DEBUG, drop_log, NULL);
    g_test_add_func("/qxl-parse/fuzz-drawables", test_fuzz_drawables);
    g_test_add_func("/qxl-parse/fuzz-others", test_fuzz_others);
#ifndef __SANITIZE_THREAD__
    g_test_add_func("/qxl-parse/fuzz-race", test_fuzz_race);
#endif
    return g_test_run();
}
