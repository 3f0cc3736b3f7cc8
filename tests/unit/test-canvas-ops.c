/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The canvas on its own: reading back, sources that are the destination, refusals, and random operations with hostile
 * values. The surfaces of the random part lie between pages without access.
 */
#include "common/draw/canvas.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint32_t formats[] = {SPICE_SURFACE_FMT_32_xRGB, SPICE_SURFACE_FMT_32_ARGB, SPICE_SURFACE_FMT_16_555,
                                   SPICE_SURFACE_FMT_16_565,  SPICE_SURFACE_FMT_8_A,     SPICE_SURFACE_FMT_1_A};

static uint32_t bitmap_u32(const Image *image, unsigned index)
{
    return ((const uint32_t *)g_bytes_get_data(bitmap_data(&image->bitmap), NULL))[index];
}

static void test_read_xrgb(void)
{
    uint32_t memory[4] = {0x00000001, 0x00000002, 0x00000003, 0x00000004};
    g_autoptr(Canvas) canvas = canvas_new(SPICE_SURFACE_FMT_32_xRGB, 2, 2, -8, memory);
    Rect all = {0, 0, 2, 2};
    g_autoptr(Image) none = canvas_read(canvas, &all, 7, true);
    g_autoptr(Image) full = NULL;
    g_autoptr(Image) mixed = NULL;
    g_autoptr(Image) dropped = NULL;

    g_assert_cmpuint(none->id, ==, 7);
    g_assert_cmpuint(none->bitmap.format, ==, SPICE_BITMAP_FMT_32BIT);
    g_assert_true(none->bitmap.top_down);
    g_assert_false(none->high_bits_set);
    g_assert_cmphex(bitmap_u32(none, 0), ==, 3); /* the last row in memory is the top one */
    g_assert_cmphex(bitmap_u32(none, 3), ==, 2);
    for (unsigned i = 0; i < 4; i++)
        memory[i] |= 0xff000000;
    full = canvas_read(canvas, &all, 0, true);
    g_assert_cmpuint(full->bitmap.format, ==, SPICE_BITMAP_FMT_32BIT);
    g_assert_true(full->high_bits_set);
    memory[1] &= 0xffffff;
    mixed = canvas_read(canvas, &all, 0, true);
    g_assert_cmpuint(mixed->bitmap.format, ==, SPICE_BITMAP_FMT_RGBA);
    g_assert_false(mixed->high_bits_set);
    g_assert_cmphex(bitmap_u32(mixed, 0), ==, 0xff000003);
    dropped = canvas_read(canvas, &all, 0, false);
    g_assert_cmpuint(dropped->bitmap.format, ==, SPICE_BITMAP_FMT_32BIT);
    g_assert_false(dropped->high_bits_set);
    g_assert_cmphex(bitmap_u32(dropped, 0), ==, 3);
}

static void test_read_formats(void)
{
    static const uint8_t expect[] = {SPICE_BITMAP_FMT_32BIT, SPICE_BITMAP_FMT_RGBA,   SPICE_BITMAP_FMT_16BIT,
                                     SPICE_BITMAP_FMT_32BIT, SPICE_BITMAP_FMT_8BIT_A, SPICE_BITMAP_FMT_8BIT_A};
    Rect part = {3, 1, 8, 3};

    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
        uint8_t memory[64 * 4];
        g_autoptr(Canvas) canvas = canvas_new(formats[i], 9, 4, 64, memory);
        g_autoptr(Image) image = NULL;
        const uint8_t *data;

        memset(memory, 0x5a, sizeof(memory));
        image = canvas_read(canvas, &part, 0, false);
        data = g_bytes_get_data(bitmap_data(&image->bitmap), NULL);
        g_assert_cmpuint(image->bitmap.format, ==, expect[i]);
        g_assert_cmpuint(image->width, ==, 5);
        g_assert_cmpuint(image->height, ==, 2);
        g_assert_cmpuint(g_bytes_get_size(bitmap_data(&image->bitmap)), ==, 2 * bitmap_row_bytes(expect[i], 5));
        if (formats[i] == SPICE_SURFACE_FMT_16_565)
            g_assert_cmphex(bitmap_u32(image, 0), ==, 0x5a49d6);
        else if (formats[i] == SPICE_SURFACE_FMT_1_A) /* bits 3..7 of 0x5a */
            g_assert_cmpmem(data, 5, "\xff\xff\x00\xff\x00", 5);
        else
            g_assert_cmphex(data[0], ==, 0x5a);
    }
}

static void test_new_refuses(void)
{
    g_assert_null(canvas_new(33, 4, 4, 16, NULL));
    g_assert_null(canvas_new(SPICE_SURFACE_FMT_32_xRGB, 4, 4, 15, NULL));
    g_assert_null(canvas_new(SPICE_SURFACE_FMT_32_xRGB, 0, 4, 16, NULL));
    g_assert_null(canvas_new(SPICE_SURFACE_FMT_32_xRGB, 4, G_MAXUINT32, 16, NULL));
    g_assert_null(canvas_new(SPICE_SURFACE_FMT_8_A, G_MAXUINT32, 1, G_MININT32, NULL));
}

static Canvas *lookup_one(uint32_t id, void *opaque)
{
    return id == 0 ? opaque : NULL;
}

/* A copy whose source is the surface itself reads everything before it writes. */
static void test_copy_from_itself(void)
{
    uint32_t memory[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const uint32_t expect[8] = {0, 0, 1, 2, 3, 4, 5, 7};
    g_autoptr(Canvas) canvas = canvas_new(SPICE_SURFACE_FMT_32_xRGB, 8, 1, 32, memory);
    Rect box = {1, 0, 7, 1};
    g_autoptr(DrawOp) op = draw_op_new(QXL_DRAW_COPY, 0, &box);

    op->u.copy.src = image_new_surface(0);
    op->u.copy.src_area = (Rect){0, 0, 6, 1};
    op->u.copy.rop = SPICE_ROPD_OP_PUT;
    g_assert_true(canvas_draw(canvas, op, lookup_one, canvas, NULL));
    g_assert_cmpmem(memory, sizeof(memory), expect, sizeof(expect));
}

static void test_self_bitmap(void)
{
    uint32_t memory[4] = {0xff000010, 0x20, 0x30, 0x40};
    g_autoptr(Canvas) canvas = canvas_new(SPICE_SURFACE_FMT_32_ARGB, 4, 1, 16, memory);
    Rect box = {2, 0, 4, 1};
    g_autoptr(DrawOp) op = draw_op_new(QXL_DRAW_ALPHA_BLEND, 0, &box);
    g_autoptr(GError) error = NULL;

    op->u.alpha_blend.alpha = 255;
    op->u.alpha_blend.src_area = (Rect){0, 0, 2, 1};
    g_assert_false(canvas_draw(canvas, op, NULL, NULL, &error));
    g_assert_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE);
    op->self_bitmap = true;
    op->self_bitmap_area = (Rect){0, 0, 2, 1};
    g_assert_true(canvas_draw(canvas, op, NULL, NULL, NULL));
    g_assert_cmphex(memory[2], ==, 0xff000010);
    g_assert_cmphex(memory[3], ==, 0x60);
    op->self_bitmap_area.right = 5;
    g_assert_false(canvas_draw(canvas, op, NULL, NULL, NULL));
}

/* COPY_BITS with clips against the simple way: a copy of everything first. */
static void test_copy_bits_clips(void)
{
    enum { SIZE = 24 };
    uint8_t memory[SIZE * SIZE], before[SIZE * SIZE], expect[SIZE * SIZE];
    g_autoptr(Canvas) canvas = canvas_new(SPICE_SURFACE_FMT_8_A, SIZE, SIZE, SIZE, memory);

    for (unsigned round = 0; round < 2000; round++) {
        Rect box = {g_test_rand_int_range(0, SIZE), g_test_rand_int_range(0, SIZE), SIZE, SIZE};
        g_autoptr(DrawOp) op = draw_op_new(QXL_COPY_BITS, 0, &box);
        int dx, dy;

        op->has_clip = true;
        op->n_clip_rects = (uint32_t)g_test_rand_int_range(1, 8);
        op->clip_rects = g_new(Rect, op->n_clip_rects);
        for (unsigned i = 0; i < op->n_clip_rects; i++) {
            int x = g_test_rand_int_range(0, SIZE), y = g_test_rand_int_range(0, SIZE);

            op->clip_rects[i] = (Rect){x, y, x + g_test_rand_int_range(0, 12), y + g_test_rand_int_range(0, 12)};
        }
        dx = g_test_rand_int_range(-5, 6);
        dy = g_test_rand_int_range(-5, 6);
        op->u.copy_bits.src_pos = (Point){box.left - dx, box.top - dy};
        for (unsigned i = 0; i < sizeof(memory); i++)
            before[i] = memory[i] = expect[i] = (uint8_t)g_test_rand_int();
        for (int y = box.top; y < SIZE; y++)
            for (int x = box.left; x < SIZE; x++)
                for (unsigned i = 0; i < op->n_clip_rects; i++) {
                    Rect *r = &op->clip_rects[i];
                    bool there = x - dx >= 0 && x - dx < SIZE && y - dy >= 0 && y - dy < SIZE;

                    if (there && x >= r->left && x < r->right && y >= r->top && y < r->bottom)
                        expect[y * SIZE + x] = before[(y - dy) * SIZE + x - dx];
                }
        g_assert_true(canvas_draw(canvas, op, NULL, NULL, NULL));
        g_assert_cmpmem(memory, sizeof(memory), expect, sizeof(expect));
    }
}

/* A surface in memory that ends (or starts) at a page without access. */
typedef struct Guarded {
    Canvas *canvas;
    uint8_t *map, *memory;
    size_t map_size, size;
} Guarded;

static Guarded guarded_new(uint32_t format, uint32_t width, uint32_t height, bool bottom_up, bool at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int32_t stride = (int32_t)((width * surface_format_bits(format) + 31) / 32 * 4);
    Guarded g = {.size = (size_t)stride * height};

    g.map_size = (g.size + page - 1) / page * page + 2 * page;
    g.map = mmap(NULL, g.map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(g.map != MAP_FAILED);
    g_assert_cmpint(mprotect(g.map + page, g.map_size - 2 * page, PROT_READ | PROT_WRITE), ==, 0);
    g.memory = at_end ? g.map + g.map_size - page - g.size : g.map + page;
    for (size_t i = 0; i < g.size; i++)
        g.memory[i] = (uint8_t)g_test_rand_int();
    g.canvas = canvas_new(format, width, height, bottom_up ? -stride : stride, g.memory);
    g_assert_nonnull(g.canvas);
    return g;
}

static void guarded_free(Guarded *g)
{
    canvas_free(g->canvas);
    munmap(g->map, g->map_size);
}

static int32_t any_int(void)
{
    static const int32_t special[] = {G_MININT32, G_MININT32 + 1, -65536, -32769,     -32768, 32767,
                                      32768,      65535,          65536,  G_MAXINT32, 0,      1};

    if (g_test_rand_int_range(0, 16) == 0)
        return special[g_test_rand_int_range(0, G_N_ELEMENTS(special))];
    if (g_test_rand_int_range(0, 32) == 0)
        return g_test_rand_int();
    return g_test_rand_int_range(-12, 60);
}

static Rect any_rect(void)
{
    Rect r = {any_int(), any_int(), any_int(), any_int()};

    if (g_test_rand_bit()) {
        r.left = g_test_rand_int_range(0, 30);
        r.top = g_test_rand_int_range(0, 30);
        r.right = r.left + g_test_rand_int_range(1, 20);
        r.bottom = r.top + g_test_rand_int_range(1, 20);
    }
    return r;
}

static Image *any_image(bool mask)
{
    int kind = g_test_rand_int_range(0, 12);
    uint8_t format = mask ? (uint8_t)g_test_rand_int_range(1, 3) : (uint8_t)g_test_rand_int_range(0, 13);
    uint32_t w = (uint32_t)g_test_rand_int_range(1, 40), h = (uint32_t)g_test_rand_int_range(1, 40);
    uint64_t size = bitmap_row_bytes(format, w) * h;
    uint8_t *data;
    Palette *palette = NULL;
    Image *image;

    if (kind == 0)
        return NULL;
    if (kind < 5)
        return image_new_surface((uint32_t)g_test_rand_int_range(0, 8));
    data = g_malloc(size + 1);
    for (uint64_t i = 0; i < size; i++)
        data[i] = (uint8_t)g_test_rand_int();
    if (!mask && bitmap_format_indexed(format) && g_test_rand_int_range(0, 8) > 0) {
        palette = palette_new(0, (uint16_t)g_test_rand_int_range(1, 257));
        for (unsigned i = 0; i < palette->n; i++)
            palette->entries[i] = (uint32_t)g_test_rand_int();
    }
    image = image_new_bitmap(1, format, g_test_rand_bit(), w, h, g_bytes_new_take(data, size), palette);
    image->high_bits_set = g_test_rand_bit();
    return image;
}

static void any_mask(Mask *mask)
{
    if (g_test_rand_bit())
        return;
    mask->flags = (uint8_t)g_test_rand_int();
    mask->pos = (Point){any_int(), any_int()};
    mask->image = any_image(true);
}

static void any_brush(Brush *brush)
{
    brush->type = (uint32_t)g_test_rand_int_range(0, 4);
    brush->color = (uint32_t)g_test_rand_int();
    brush->pos = (Point){any_int(), any_int()};
    if (brush->type == SPICE_BRUSH_TYPE_PATTERN)
        brush->pattern = any_image(false);
}

/* Mostly near the identity, else anything. */
static void any_transform(Transform *t)
{
    for (unsigned i = 0; i < 6; i++) {
        t->t[i] = i == 0 || i == 4 ? 65536 : 0;
        if (g_test_rand_int_range(0, 3) == 0)
            t->t[i] = (uint32_t)g_test_rand_int_range(-4 * 65536, 4 * 65536);
        if (g_test_rand_int_range(0, 20) == 0)
            t->t[i] = (uint32_t)g_test_rand_int();
    }
}

static void any_composite(DrawOp *op)
{
    uint32_t flags = (uint32_t)g_test_rand_int();

    if (g_test_rand_int_range(0, 4))
        flags = (flags & ~0x3fffU) | (uint32_t)g_test_rand_int_range(0, 0x40) |
                (uint32_t)g_test_rand_int_range(0, 5) << 8 | (uint32_t)g_test_rand_int_range(0, 5) << 11;
    op->u.composite.flags = flags;
    op->u.composite.src = any_image(false);
    op->u.composite.mask = g_test_rand_bit() ? any_image(false) : NULL;
    any_transform(&op->u.composite.src_transform);
    any_transform(&op->u.composite.mask_transform);
    op->u.composite.src_x = (int16_t)any_int();
    op->u.composite.src_y = (int16_t)any_int();
    op->u.composite.mask_x = (int16_t)any_int();
    op->u.composite.mask_y = (int16_t)any_int();
}

static void any_source_op(DrawOp *op)
{
    Rect area = any_rect();
    uint8_t scale_mode = g_test_rand_int_range(0, 10) ? (uint8_t)g_test_rand_bit() : (uint8_t)g_test_rand_int();

    if (g_test_rand_bit()) { /* of the same size as the box */
        area.right = (int32_t)((uint32_t)area.left + (uint32_t)op->box.right - (uint32_t)op->box.left);
        area.bottom = (int32_t)((uint32_t)area.top + (uint32_t)op->box.bottom - (uint32_t)op->box.top);
    }
    switch (op->type) {
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        op->u.copy.src = any_image(false);
        op->u.copy.src_area = area;
        op->u.copy.rop = (uint16_t)g_test_rand_int();
        op->u.copy.scale_mode = scale_mode;
        any_mask(&op->u.copy.mask);
        break;
    case QXL_DRAW_OPAQUE:
        op->u.opaque.src = any_image(false);
        op->u.opaque.src_area = area;
        any_brush(&op->u.opaque.brush);
        op->u.opaque.rop = (uint16_t)g_test_rand_int();
        op->u.opaque.scale_mode = scale_mode;
        any_mask(&op->u.opaque.mask);
        break;
    case QXL_DRAW_ROP3:
        op->u.rop3.src = any_image(false);
        op->u.rop3.src_area = area;
        any_brush(&op->u.rop3.brush);
        op->u.rop3.rop3 = (uint8_t)g_test_rand_int();
        op->u.rop3.scale_mode = scale_mode;
        any_mask(&op->u.rop3.mask);
        break;
    case QXL_DRAW_TRANSPARENT:
        op->u.transparent.src = any_image(false);
        op->u.transparent.src_area = area;
        op->u.transparent.true_color = (uint32_t)g_test_rand_int();
        break;
    default:
        op->u.alpha_blend.src = any_image(false);
        op->u.alpha_blend.src_area = area;
        op->u.alpha_blend.alpha = (uint8_t)g_test_rand_int();
        op->u.alpha_blend.alpha_flags = (uint8_t)g_test_rand_int();
        break;
    }
}

static Point any_fixed(void)
{
    if (g_test_rand_int_range(0, 50) == 0)
        return (Point){any_int(), any_int()};
    return (Point){g_test_rand_int_range(-500, 1500), g_test_rand_int_range(-500, 1500)};
}

static void any_stroke(DrawOp *op)
{
    uint32_t n = (uint32_t)g_test_rand_int_range(0, 5), points = (uint32_t)g_test_rand_int_range(0, 20), next = 0;
    Path *path = path_new(n, points);

    for (uint32_t i = 0; i < points; i++)
        path->points[i] = any_fixed();
    for (uint32_t i = 0; i < n; i++) {
        path->segments[i].flags = (uint8_t)(g_test_rand_int_range(0, 32) & SPICE_PATH_FLAGS_MASK);
        path->segments[i].n_points = (uint32_t)g_test_rand_int_range(0, (int)(points - next) + 1);
        path->segments[i].points = path->points + next;
        next += path->segments[i].n_points;
    }
    op->u.stroke.path = path;
    op->u.stroke.style.flags = (uint8_t)(g_test_rand_int_range(0, 16) & SPICE_LINE_FLAGS_MASK);
    op->u.stroke.style.n_dashes = (uint8_t)g_test_rand_int_range(0, 5);
    op->u.stroke.style.dashes = g_new(int32_t, op->u.stroke.style.n_dashes);
    for (unsigned i = 0; i < op->u.stroke.style.n_dashes; i++)
        op->u.stroke.style.dashes[i] = any_fixed().x;
    any_brush(&op->u.stroke.brush);
    op->u.stroke.fore_mode = (uint16_t)g_test_rand_int();
}

static void any_text(DrawOp *op)
{
    uint16_t n = (uint16_t)g_test_rand_int_range(0, 5);
    size_t size = 40 * 40;
    GlyphString *string = glyph_string_new(n, size);

    memset(string->data, g_test_rand_int(), size);
    string->flags = (uint8_t)g_test_rand_int_range(0, 16);
    for (unsigned i = 0; i < n; i++)
        string->glyphs[i] = (Glyph){.render_pos = {g_test_rand_int_range(-20, 70), g_test_rand_int_range(-20, 70)},
                                    .origin = {g_test_rand_bit() ? 3 : any_int(), g_test_rand_bit() ? 3 : any_int()},
                                    .width = (uint16_t)g_test_rand_int_range(0, 41),
                                    .height = (uint16_t)g_test_rand_int_range(0, 41),
                                    .data = string->data};
    op->u.text.string = string;
    op->u.text.back_area = any_rect();
    any_brush(&op->u.text.fore_brush);
    any_brush(&op->u.text.back_brush);
    op->u.text.fore_mode = g_test_rand_bit() ? SPICE_ROPD_OP_PUT : (uint16_t)g_test_rand_int();
}

static DrawOp *any_op(void)
{
    static const uint8_t types[] = {QXL_DRAW_FILL,      QXL_DRAW_OPAQUE,    QXL_DRAW_COPY,        QXL_DRAW_BLEND,
                                    QXL_DRAW_BLACKNESS, QXL_DRAW_WHITENESS, QXL_DRAW_INVERS,      QXL_DRAW_ROP3,
                                    QXL_COPY_BITS,      QXL_DRAW_COMPOSITE, QXL_DRAW_ALPHA_BLEND, QXL_DRAW_TRANSPARENT,
                                    QXL_DRAW_STROKE,    QXL_DRAW_TEXT,      QXL_DRAW_NOP};
    Rect box = any_rect();
    DrawOp *op = draw_op_new(types[g_test_rand_int_range(0, G_N_ELEMENTS(types))], 0, &box);

    op->has_clip = g_test_rand_int_range(0, 3) == 0;
    op->n_clip_rects = op->has_clip ? (uint32_t)g_test_rand_int_range(0, 6) : 0;
    op->clip_rects = g_new(Rect, op->n_clip_rects);
    for (unsigned i = 0; i < op->n_clip_rects; i++)
        op->clip_rects[i] = any_rect();
    op->self_bitmap = g_test_rand_int_range(0, 4) == 0;
    op->self_bitmap_area = any_rect();
    switch (op->type) {
    case QXL_DRAW_FILL:
        any_brush(&op->u.fill.brush);
        op->u.fill.rop = (uint16_t)g_test_rand_int();
        any_mask(&op->u.fill.mask);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        any_mask(&op->u.solid.mask);
        break;
    case QXL_COPY_BITS:
        op->u.copy_bits.src_pos = (Point){any_int(), any_int()};
        break;
    case QXL_DRAW_COMPOSITE:
        any_composite(op);
        break;
    case QXL_DRAW_STROKE:
        any_stroke(op);
        break;
    case QXL_DRAW_TEXT:
        any_text(op);
        break;
    case QXL_DRAW_NOP:
        break;
    default:
        any_source_op(op);
        break;
    }
    return op;
}

static Canvas *lookup_guarded(uint32_t id, void *opaque)
{
    return id < G_N_ELEMENTS(formats) ? ((Guarded *)opaque)[id].canvas : NULL;
}

/* A refused operation draws nothing; no operation leaves its surface. */
static void test_random(void)
{
    Guarded surfaces[G_N_ELEMENTS(formats)];
    unsigned drawn = 0, rounds = g_test_slow() ? 1000000 : 20000;

    for (unsigned i = 0; i < rounds; i++) {
        g_autoptr(DrawOp) op = any_op();
        g_autoptr(GError) error = NULL;
        g_autoptr(GError) refused = NULL;
        g_autofree uint8_t *before = NULL;
        bool accepted;
        Guarded *to;

        if (i % 500 == 0)
            for (unsigned s = 0; s < G_N_ELEMENTS(formats); s++) {
                if (i > 0)
                    guarded_free(&surfaces[s]);
                surfaces[s] = guarded_new(formats[s], (uint32_t)g_test_rand_int_range(1, 70),
                                          (uint32_t)g_test_rand_int_range(1, 50), g_test_rand_bit(), g_test_rand_bit());
            }
        to = &surfaces[g_test_rand_int_range(0, G_N_ELEMENTS(formats))];
        before = g_memdup2(to->memory, to->size);
        accepted = canvas_check(to->canvas, op, lookup_guarded, surfaces, &refused);
        g_assert_true(accepted == (refused == NULL));
        g_assert_cmpmem(before, to->size, to->memory, to->size);
        if (canvas_draw(to->canvas, op, lookup_guarded, surfaces, &error)) {
            g_assert_no_error(error);
            g_assert_no_error(refused);
            drawn++;
        } else {
            g_assert_nonnull(error);
            g_assert_true(error->domain == CANVAS_ERROR);
            if (accepted && op->box.left >= 0 && op->box.top >= 0 &&
                op->box.right <= (int32_t)canvas_width(to->canvas) &&
                op->box.bottom <= (int32_t)canvas_height(to->canvas))
                g_error("operation %u: accepted, but %s", op->type, error->message);
            g_assert_cmpmem(before, to->size, to->memory, to->size);
        }
    }
    for (unsigned s = 0; s < G_N_ELEMENTS(formats); s++)
        guarded_free(&surfaces[s]);
    g_test_message("%u of %u operations drawn", drawn, rounds);
    g_assert_cmpuint(drawn, >, rounds / 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/canvas/read-xrgb", test_read_xrgb);
    g_test_add_func("/canvas/read-formats", test_read_formats);
    g_test_add_func("/canvas/new-refuses", test_new_refuses);
    g_test_add_func("/canvas/copy-from-itself", test_copy_from_itself);
    g_test_add_func("/canvas/self-bitmap", test_self_bitmap);
    g_test_add_func("/canvas/copy-bits-clips", test_copy_bits_clips);
    g_test_add_func("/canvas/random", test_random);
    return g_test_run();
}
