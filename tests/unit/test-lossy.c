/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lossy regions: a table of what each operation needs and leaves, and a model of server and client: two sets of
 * canvases on which the same random operations are drawn, one of them with sources that are slightly wrong. Where they
 * differ must be known, and small errors must stay small.
 */
#include "common/draw/canvas.h"
#include "server/display/lossy.h"

#include <string.h>

#define SIDE 64
#define BOX ((Rect){10, 10, 30, 30})

static Image *picture_new(uint8_t format)
{
    gsize size = bitmap_row_bytes(format, 20) * 20;

    return image_new_bitmap(1, format, true, 20, 20, g_bytes_new_take(g_malloc0(size), size), NULL);
}

static Brush pattern_of(uint32_t surface)
{
    return (Brush){.type = SPICE_BRUSH_TYPE_PATTERN, .pattern = image_new_surface(surface)};
}

static unsigned region_rects(LossyMap *map, uint32_t surface, Rect *first)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
    unsigned n = lossy_map_get_region(map, surface, areas);

    *first = (Rect){0};
    if (n)
        *first = g_array_index(areas, SurfaceArea, 0).area;
    return n;
}

/* Surfaces 0 and 1. */
static LossyMap *map_new(const Rect *dest, const Rect *source)
{
    LossyMap *map = lossy_map_new();

    for (uint32_t id = 0; id < 2; id++)
        lossy_map_add_surface(map, id, SIDE, SIDE);
    if (dest)
        lossy_map_add_area(map, 0, dest);
    if (source)
        lossy_map_add_area(map, 1, source);
    return map;
}

static unsigned count_needs(LossyMap *map, const DrawOp *op, uint32_t surface)
{
    g_autoptr(GArray) needs = lossy_map_needs(map, op);
    unsigned n = 0;

    for (guint i = 0; needs && i < needs->len; i++)
        n += g_array_index(needs, SurfaceArea, i).surface_id == surface;
    return n;
}

/* --- the table --- */

typedef enum After {
    AS_BEFORE,
    NOTHING_LEFT, /* of what was lossy in the box */
    LIKE_SOURCE,
    SOURCE_ADDED,
} After;

/* Needs and effects, as a surface (pattern, for FILL, STROKE, TEXT) is lossy, or the destination. */
static void check_rule(const char *what, DrawOp *op, bool needs_source, bool needs_dest, After after)
{
    static const Rect all = {0, 0, SIDE, SIDE}, box = BOX;
    LossyMap *map;
    Rect r;

    for (unsigned i = 0; i < 4; i++) {
        bool dest = i & 1, source = i & 2, left = false;

        map = map_new(dest ? &box : NULL, source ? &all : NULL);
        g_test_message("%s, lossy: dest %d, source %d", what, dest, source);
        g_assert_cmpuint(count_needs(map, op, 1), ==, source && needs_source);
        g_assert_cmpuint(count_needs(map, op, 0), ==, dest && needs_dest);
        if ((source && needs_source) || (dest && needs_dest)) {
            lossy_map_free(map);
            continue;
        }
        lossy_map_apply(map, op, false);
        switch (after) {
        case AS_BEFORE:
            left = dest;
            break;
        case NOTHING_LEFT:
            break;
        case LIKE_SOURCE:
            left = source;
            break;
        case SOURCE_ADDED:
            left = dest || source;
            break;
        }
        g_assert_cmpuint(region_rects(map, 0, &r), ==, left);
        if (left)
            g_assert_true(rect_equal(&r, &box));
        g_assert_cmpuint(region_rects(map, 1, &r), ==, source);
        lossy_map_free(map);
    }
    draw_op_unref(op);
}

static DrawOp *op_new(uint8_t type)
{
    return draw_op_new(type, 0, &BOX);
}

static DrawOp *fill_new(uint16_t rop)
{
    DrawOp *op = op_new(QXL_DRAW_FILL);

    op->u.fill.brush = pattern_of(1);
    op->u.fill.rop = rop;
    return op;
}

static DrawOp *opaque_new(uint16_t rop)
{
    DrawOp *op = op_new(QXL_DRAW_OPAQUE);

    op->u.opaque.src = image_new_surface(1);
    op->u.opaque.src_area = (Rect){0, 0, 20, 20};
    op->u.opaque.rop = rop;
    return op;
}

static DrawOp *copy_new(uint8_t type, uint16_t rop)
{
    DrawOp *op = op_new(type);

    op->u.copy.src = image_new_surface(1);
    op->u.copy.src_area = (Rect){0, 0, 20, 20};
    op->u.copy.rop = rop;
    return op;
}

static DrawOp *masked(DrawOp *op, Mask *mask)
{
    mask->image = picture_new(SPICE_BITMAP_FMT_1BIT_LE);
    return op;
}

static void test_fills(void)
{
    static const uint8_t solids[] = {QXL_DRAW_BLACKNESS, QXL_DRAW_WHITENESS};
    DrawOp *op;

    check_rule("FILL", fill_new(SPICE_ROPD_OP_PUT), true, false, NOTHING_LEFT);
    check_rule("FILL OR", fill_new(SPICE_ROPD_OP_OR), true, true, NOTHING_LEFT);
    check_rule("FILL AND", fill_new(SPICE_ROPD_OP_AND), true, true, NOTHING_LEFT);
    check_rule("FILL XOR", fill_new(SPICE_ROPD_OP_XOR), true, true, NOTHING_LEFT);
    check_rule("FILL INVERS", fill_new(SPICE_ROPD_OP_INVERS), true, false, AS_BEFORE);
    op = fill_new(SPICE_ROPD_OP_PUT);
    check_rule("FILL masked", masked(op, &op->u.fill.mask), true, false, AS_BEFORE);
    for (unsigned i = 0; i < G_N_ELEMENTS(solids); i++) {
        check_rule("BLACKNESS", op_new(solids[i]), false, false, NOTHING_LEFT);
        op = op_new(solids[i]);
        check_rule("BLACKNESS masked", masked(op, &op->u.solid.mask), false, false, AS_BEFORE);
    }
    check_rule("INVERS", op_new(QXL_DRAW_INVERS), false, false, AS_BEFORE);
}

static void test_copies(void)
{
    DrawOp *op;

    check_rule("COPY", copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT), false, false, LIKE_SOURCE);
    check_rule("COPY XOR", copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_XOR), true, true, NOTHING_LEFT);
    op = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT);
    check_rule("COPY masked", masked(op, &op->u.copy.mask), false, false, SOURCE_ADDED);
    op = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT);
    op->u.copy.src_area = (Rect){5, 5, 9, 9};
    check_rule("COPY scaled", op, false, false, LIKE_SOURCE);
    check_rule("BLEND", copy_new(QXL_DRAW_BLEND, SPICE_ROPD_OP_PUT), true, true, NOTHING_LEFT);
    check_rule("OPAQUE", opaque_new(SPICE_ROPD_OP_PUT), false, false, LIKE_SOURCE);
    check_rule("OPAQUE AND", opaque_new(SPICE_ROPD_OP_AND), true, false, NOTHING_LEFT);
    op = opaque_new(SPICE_ROPD_OP_AND);
    op->u.opaque.src_area = (Rect){SIDE - 19, 0, SIDE + 1, 20};
    check_rule("OPAQUE AND from outside of a surface", op, true, true, NOTHING_LEFT);
    op = opaque_new(SPICE_ROPD_OP_PUT);
    op->u.opaque.brush = pattern_of(1);
    check_rule("OPAQUE with a pattern", op, true, false, LIKE_SOURCE);
    op = opaque_new(SPICE_ROPD_OP_PUT);
    check_rule("OPAQUE masked", masked(op, &op->u.opaque.mask), false, false, SOURCE_ADDED);
}

static void test_others(void)
{
    DrawOp *op = op_new(QXL_DRAW_TRANSPARENT);

    op->u.transparent.src = image_new_surface(1);
    op->u.transparent.src_area = (Rect){0, 0, 20, 20};
    check_rule("TRANSPARENT", op, true, false, AS_BEFORE);
    op = op_new(QXL_DRAW_ALPHA_BLEND);
    op->u.alpha_blend.src = image_new_surface(1);
    op->u.alpha_blend.src_area = (Rect){0, 0, 20, 20};
    check_rule("ALPHA_BLEND", op, false, false, SOURCE_ADDED);
    op = op_new(QXL_DRAW_ROP3);
    op->u.rop3.src = image_new_surface(1);
    op->u.rop3.src_area = (Rect){0, 0, 20, 20};
    check_rule("ROP3", op, true, true, NOTHING_LEFT);
    op = op_new(QXL_DRAW_COMPOSITE);
    op->u.composite.src = image_new_surface(1);
    check_rule("COMPOSITE", op, true, true, NOTHING_LEFT);
    op = op_new(QXL_DRAW_STROKE);
    op->u.stroke.brush = pattern_of(1);
    op->u.stroke.fore_mode = SPICE_ROPD_OP_PUT;
    check_rule("STROKE", op, true, false, AS_BEFORE);
    op = op_new(QXL_DRAW_STROKE);
    op->u.stroke.brush = pattern_of(1);
    op->u.stroke.fore_mode = SPICE_ROPD_OP_XOR;
    check_rule("STROKE XOR", op, true, true, AS_BEFORE);
    op = op_new(QXL_DRAW_STROKE);
    op->u.stroke.brush.type = SPICE_BRUSH_TYPE_SOLID;
    op->u.stroke.fore_mode = SPICE_ROPD_OP_XOR;
    check_rule("STROKE XOR of a plain colour", op, false, false, AS_BEFORE);
    op = op_new(QXL_DRAW_TEXT);
    op->u.text.back_brush = pattern_of(1);
    op->u.text.back_mode = SPICE_ROPD_OP_PUT;
    check_rule("TEXT", op, true, false, AS_BEFORE);
    op = op_new(QXL_DRAW_TEXT);
    op->u.text.fore_brush = pattern_of(1);
    op->u.text.fore_mode = SPICE_ROPD_OP_OR;
    check_rule("TEXT OR", op, true, true, AS_BEFORE);
}

static bool image_may_be_lossy(DrawOp *op, Image **place)
{
    bool result;

    image_unref(*place);
    *place = picture_new(SPICE_BITMAP_FMT_32BIT);
    result = lossy_allows_image(op, *place);
    draw_op_unref(op);
    return result;
}

static void test_images(void)
{
    DrawOp *op;

    op = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT);
    g_assert_true(image_may_be_lossy(op, &op->u.copy.src));
    op = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_XOR);
    g_assert_false(image_may_be_lossy(op, &op->u.copy.src));
    op = copy_new(QXL_DRAW_BLEND, SPICE_ROPD_OP_PUT);
    g_assert_false(image_may_be_lossy(op, &op->u.copy.src));
    op = opaque_new(SPICE_ROPD_OP_PUT);
    g_assert_true(image_may_be_lossy(op, &op->u.opaque.src));
    op = opaque_new(SPICE_ROPD_OP_PUT);
    g_assert_false(image_may_be_lossy(op, &op->u.opaque.brush.pattern));
    op = opaque_new(SPICE_ROPD_OP_OR);
    g_assert_false(image_may_be_lossy(op, &op->u.opaque.src));
    op = op_new(QXL_DRAW_ALPHA_BLEND);
    g_assert_true(image_may_be_lossy(op, &op->u.alpha_blend.src));
    op = op_new(QXL_DRAW_TRANSPARENT);
    g_assert_false(image_may_be_lossy(op, &op->u.transparent.src));
    op = op_new(QXL_DRAW_ROP3);
    g_assert_false(image_may_be_lossy(op, &op->u.rop3.src));
    op = op_new(QXL_DRAW_COMPOSITE);
    g_assert_false(image_may_be_lossy(op, &op->u.composite.src));
    op = fill_new(SPICE_ROPD_OP_PUT);
    g_assert_false(image_may_be_lossy(op, &op->u.fill.brush.pattern));
}

/* --- regions --- */

static void test_moves(void)
{
    g_autoptr(DrawOp) op = op_new(QXL_COPY_BITS);
    LossyMap *map = map_new(&(Rect){40, 40, 44, 42}, NULL);
    Rect r;

    op->u.copy_bits.src_pos = (Point){35, 36};
    g_assert_cmpuint(count_needs(map, op, 0), ==, 0);
    lossy_map_apply(map, op, false);
    g_assert_cmpuint(region_rects(map, 0, &r), ==, 2);
    g_assert_true(rect_equal(&r, &((Rect){15, 14, 19, 16})));
    /* The source is exact now, and so is what it covers. */
    op->u.copy_bits.src_pos = (Point){0, 40};
    lossy_map_apply(map, op, false);
    g_assert_cmpuint(region_rects(map, 0, &r), ==, 1);
    g_assert_true(rect_equal(&r, &((Rect){40, 40, 44, 42})));
    /* What comes from outside of the surface overwrites nothing. */
    lossy_map_add_area(map, 0, &BOX);
    op->u.copy_bits.src_pos = (Point){-10, 0};
    lossy_map_apply(map, op, false);
    g_assert_cmpuint(region_rects(map, 0, &r), >=, 2);
    g_assert_true(rect_equal(&r, &((Rect){10, 10, 20, 30})));
    lossy_map_free(map);
}

static void test_clip(void)
{
    g_autoptr(DrawOp) op = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT);
    LossyMap *map = map_new(NULL, NULL);
    Rect r;

    image_unref(op->u.copy.src);
    op->u.copy.src = picture_new(SPICE_BITMAP_FMT_32BIT);
    op->has_clip = true;
    op->n_clip_rects = 1;
    op->clip_rects = g_new(Rect, 1);
    op->clip_rects[0] = (Rect){20, 20, 99, 99};
    lossy_map_apply(map, op, true);
    g_assert_cmpuint(region_rects(map, 0, &r), ==, 1);
    g_assert_true(rect_equal(&r, &((Rect){20, 20, 30, 30})));
    lossy_map_apply(map, op, false);
    g_assert_cmpuint(region_rects(map, 0, &r), ==, 0);
    lossy_map_free(map);
}

static void test_surfaces(void)
{
    g_autoptr(DrawOp) op = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT);
    LossyMap *map = map_new(&BOX, &BOX);
    Rect r;

    lossy_map_add_surface(map, 0, SIDE, SIDE); /* created anew */
    g_assert_cmpuint(region_rects(map, 0, &r), ==, 0);
    lossy_map_remove_surface(map, 1);
    g_assert_cmpuint(region_rects(map, 1, &r), ==, 0);
    lossy_map_apply(map, op, false);
    g_assert_cmpuint(region_rects(map, 0, &r), ==, 0);
    lossy_map_add_area(map, 7, &BOX); /* unknown */
    g_assert_cmpuint(region_rects(map, 7, &r), ==, 0);
    lossy_map_add_surface(map, 2, 0, 0);
    lossy_map_add_area(map, 2, &((Rect){10, 10, 500, 500}));
    lossy_map_set_size(map, 2, 100, 50);
    g_assert_cmpuint(region_rects(map, 2, &r), ==, 1);
    g_assert_true(rect_equal(&r, &((Rect){10, 10, 100, 50})));
    lossy_map_free(map);
}

/* A surface that something wrong was drawn on: what would be allowed otherwise is not. */
static void test_spoiled(void)
{
    g_autoptr(DrawOp) spoiler = draw_op_new(QXL_DRAW_INVERS, 1, &BOX);
    g_autoptr(DrawOp) copy = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT);
    g_autoptr(DrawOp) invers = draw_op_new(QXL_DRAW_INVERS, 1, &BOX);
    g_autoptr(DrawOp) black = draw_op_new(QXL_DRAW_BLACKNESS, 1, &BOX);
    LossyMap *map = map_new(NULL, NULL);

    lossy_map_spoil(map, spoiler);
    g_assert_cmpuint(count_needs(map, copy, 1), ==, 1);
    g_assert_cmpuint(count_needs(map, invers, 1), ==, 1);
    g_assert_cmpuint(count_needs(map, black, 1), ==, 0);
    lossy_map_apply(map, black, false);
    lossy_map_add_area(map, 1, &BOX);
    g_assert_cmpuint(count_needs(map, copy, 1), ==, 0);
    lossy_map_free(map);
}

static void test_pieces(void)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
    LossyMap *map = lossy_map_new();

    lossy_map_add_surface(map, 0, 4000, 4000);
    lossy_map_add_area(map, 0, &((Rect){0, 0, 10, 10}));
    lossy_map_add_area(map, 0, &((Rect){12, 0, 22, 12})); /* near */
    lossy_map_add_area(map, 0, &((Rect){1000, 1000, 1100, 1100}));
    g_assert_cmpuint(lossy_map_get_pieces(map, 0, areas), ==, 2);
    g_assert_true(rect_equal(&g_array_index(areas, SurfaceArea, 0).area, &((Rect){0, 0, 22, 12})));
    g_assert_true(rect_equal(&g_array_index(areas, SurfaceArea, 1).area, &((Rect){1000, 1000, 1100, 1100})));
    /* A chessboard is too much to keep. */
    for (int32_t i = 0; i < 1200; i++)
        lossy_map_add_area(map, 0, &((Rect){i % 40 * 100, i / 40 * 100 + i % 2, i % 40 * 100 + 1, i / 40 * 100 + 2}));
    g_array_set_size(areas, 0);
    g_assert_cmpuint(lossy_map_get_region(map, 0, areas), <=, 1024);
    lossy_map_free(map);
}

static void test_reads(void)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
    g_autoptr(DrawOp) copy = copy_new(QXL_DRAW_COPY, SPICE_ROPD_OP_PUT);
    g_autoptr(DrawOp) invers = op_new(QXL_DRAW_INVERS);
    g_autoptr(DrawOp) black = op_new(QXL_DRAW_BLACKNESS);
    g_autoptr(DrawOp) move = op_new(QXL_COPY_BITS);
    SurfaceArea area = {1, {0, 0, 5, 5}};

    move->u.copy_bits.src_pos = (Point){30, 30};
    g_array_append_val(areas, area);
    g_assert_true(lossy_op_reads(copy, areas));
    g_assert_false(lossy_op_reads(invers, areas));
    area = (SurfaceArea){0, {25, 25, 26, 26}};
    g_array_insert_val(areas, 0, area);
    g_array_set_size(areas, 1);
    g_assert_false(lossy_op_reads(copy, areas)); /* it overwrites them */
    g_assert_true(lossy_op_reads(invers, areas));
    g_assert_false(lossy_op_reads(black, areas));
    g_assert_false(lossy_op_reads(move, areas));
    g_array_index(areas, SurfaceArea, 0).area = (Rect){49, 49, 99, 99};
    g_assert_true(lossy_op_reads(move, areas));
}

/* --- server and client --- */

#define SURFACES 3
#define NEAR 12 /* errors may add up a little */

typedef struct World {
    GRand *rand;
    Canvas *server[SURFACES], *client[SURFACES];
    uint32_t server_pixels[SURFACES][SIDE * SIDE], client_pixels[SURFACES][SIDE * SIDE];
    LossyMap *map;
} World;

static Canvas *find_canvas(uint32_t id, void *opaque)
{
    return id < SURFACES ? ((Canvas **)opaque)[id] : NULL;
}

static Rect any_rect(World *w)
{
    int32_t left = g_rand_int_range(w->rand, 0, SIDE), top = g_rand_int_range(w->rand, 0, SIDE);

    return (Rect){left, top, g_rand_int_range(w->rand, left + 1, SIDE + 1),
                  g_rand_int_range(w->rand, top + 1, SIDE + 1)};
}

static Image *any_image(World *w, uint32_t width, uint32_t height)
{
    gsize n = (gsize)width * height;
    uint32_t *pixels = g_new(uint32_t, n);

    for (gsize i = 0; i < n; i++)
        pixels[i] = g_rand_int(w->rand) & 0xffffff;
    return image_new_bitmap(1, SPICE_BITMAP_FMT_32BIT, true, width, height, g_bytes_new_take(pixels, n * 4), NULL);
}

static Image *any_mask(World *w)
{
    gsize size = bitmap_row_bytes(SPICE_BITMAP_FMT_1BIT_LE, SIDE) * SIDE;
    uint8_t *bits = g_malloc(size);

    for (gsize i = 0; i < size; i++)
        bits[i] = (uint8_t)g_rand_int(w->rand);
    return image_new_bitmap(1, SPICE_BITMAP_FMT_1BIT_LE, true, SIDE, SIDE, g_bytes_new_take(bits, size), NULL);
}

/* A bitmap, or another surface than the destination. */
static Image *any_source(World *w, const DrawOp *op, Rect *area)
{
    bool scaled = g_rand_int_range(w->rand, 0, 4) == 0;

    *area = (Rect){0, 0, op->box.right - op->box.left, op->box.bottom - op->box.top};
    if (scaled)
        *area = (Rect){0, 0, g_rand_int_range(w->rand, 1, SIDE / 2), g_rand_int_range(w->rand, 1, SIDE / 2)};
    if (g_rand_boolean(w->rand))
        return any_image(w, (uint32_t)area->right, (uint32_t)area->bottom);

    int32_t dx = g_rand_int_range(w->rand, 0, SIDE - area->right + 1),
            dy = g_rand_int_range(w->rand, 0, SIDE - area->bottom + 1);

    *area = (Rect){dx, dy, area->right + dx, area->bottom + dy};
    return image_new_surface((op->surface_id + 1 + (uint32_t)g_rand_int_range(w->rand, 0, SURFACES - 1)) % SURFACES);
}

static Brush any_brush(World *w, const DrawOp *op)
{
    Rect area;

    if (g_rand_boolean(w->rand))
        return (Brush){.type = SPICE_BRUSH_TYPE_SOLID, .color = g_rand_int(w->rand) & 0xffffff};
    return (Brush){.type = SPICE_BRUSH_TYPE_PATTERN, .pattern = any_source(w, op, &area)};
}

static uint16_t any_rop(World *w)
{
    static const uint16_t rops[] = {SPICE_ROPD_OP_PUT,       SPICE_ROPD_OP_PUT,   SPICE_ROPD_OP_OR,
                                    SPICE_ROPD_OP_AND,       SPICE_ROPD_OP_XOR,   SPICE_ROPD_OP_BLACKNESS,
                                    SPICE_ROPD_OP_WHITENESS, SPICE_ROPD_OP_INVERS};

    return (uint16_t)(rops[g_rand_int_range(w->rand, 0, G_N_ELEMENTS(rops))] | g_rand_int_range(w->rand, 0, 8));
}

static void set_mask(World *w, Mask *mask)
{
    if (g_rand_int_range(w->rand, 0, 4) == 0)
        mask->image = any_mask(w);
}

static void any_parts(World *w, DrawOp *op)
{
    switch (op->type) {
    case QXL_DRAW_FILL:
        op->u.fill.brush = any_brush(w, op);
        op->u.fill.rop = any_rop(w);
        set_mask(w, &op->u.fill.mask);
        break;
    case QXL_DRAW_OPAQUE:
        op->u.opaque.src = any_source(w, op, &op->u.opaque.src_area);
        op->u.opaque.brush = any_brush(w, op);
        op->u.opaque.rop = any_rop(w);
        set_mask(w, &op->u.opaque.mask);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        op->u.copy.src = any_source(w, op, &op->u.copy.src_area);
        op->u.copy.rop = op->type == QXL_DRAW_COPY && g_rand_boolean(w->rand) ? SPICE_ROPD_OP_PUT : any_rop(w);
        set_mask(w, &op->u.copy.mask);
        break;
    case QXL_COPY_BITS:
        op->u.copy_bits.src_pos =
            (Point){g_rand_int_range(w->rand, -5, SIDE + 5), g_rand_int_range(w->rand, -5, SIDE + 5)};
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        set_mask(w, &op->u.solid.mask);
        break;
    case QXL_DRAW_ROP3:
        op->u.rop3.src = any_source(w, op, &op->u.rop3.src_area);
        op->u.rop3.brush = any_brush(w, op);
        op->u.rop3.rop3 = (uint8_t)g_rand_int(w->rand);
        set_mask(w, &op->u.rop3.mask);
        break;
    case QXL_DRAW_TRANSPARENT:
        op->u.transparent.src = any_source(w, op, &op->u.transparent.src_area);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        op->u.alpha_blend.src = any_source(w, op, &op->u.alpha_blend.src_area);
        op->u.alpha_blend.alpha = (uint8_t)g_rand_int(w->rand);
        break;
    case QXL_DRAW_COMPOSITE: {
        Rect area;

        op->u.composite.src = any_source(w, op, &area);
        op->u.composite.flags = 12u | (uint32_t)g_rand_int_range(w->rand, 0, 4) << 14; /* ADD, with any repeat */
        break;
    }
    }
}

static DrawOp *any_op(World *w)
{
    /* Most of them exact pixels, or ask for such: there must be enough of the others. */
    static const uint8_t types[] = {QXL_DRAW_FILL,      QXL_DRAW_OPAQUE, QXL_DRAW_BLEND,       QXL_DRAW_BLACKNESS,
                                    QXL_DRAW_WHITENESS, QXL_DRAW_INVERS, QXL_DRAW_ROP3,        QXL_DRAW_TRANSPARENT,
                                    QXL_DRAW_COMPOSITE, QXL_COPY_BITS,   QXL_DRAW_ALPHA_BLEND, QXL_DRAW_COPY,
                                    QXL_DRAW_COPY,      QXL_DRAW_COPY,   QXL_DRAW_COPY,        QXL_DRAW_COPY,
                                    QXL_DRAW_COPY,      QXL_DRAW_COPY,   QXL_COPY_BITS,        QXL_DRAW_COPY};
    Rect box = any_rect(w);
    DrawOp *op = draw_op_new(types[g_rand_int_range(w->rand, 0, G_N_ELEMENTS(types))],
                             (uint32_t)g_rand_int_range(w->rand, 0, SURFACES), &box);

    if (g_rand_int_range(w->rand, 0, 3) == 0) {
        op->has_clip = true;
        op->n_clip_rects = (uint32_t)g_rand_int_range(w->rand, 0, 4);
        op->clip_rects = g_new(Rect, op->n_clip_rects);
        for (uint32_t i = 0; i < op->n_clip_rects; i++)
            op->clip_rects[i] = any_rect(w);
    }
    any_parts(w, op);
    return op;
}

/* The same with errors of 1, as if it had been compressed. */
static Image *approximation(World *w, const Image *image)
{
    gsize size = g_bytes_get_size(bitmap_data(&image->bitmap));
    uint32_t *pixels = g_memdup2(g_bytes_get_data(bitmap_data(&image->bitmap), NULL), size);

    for (gsize i = 0; i < size / 4; i++)
        for (unsigned shift = 0; shift < 24; shift += 8) {
            uint32_t c = pixels[i] >> shift & 0xff;

            pixels[i] = (pixels[i] & ~(0xffu << shift)) | (c == 0xff ? c - 1 : c + 1) << shift;
        }
    return image_new_bitmap(2, SPICE_BITMAP_FMT_32BIT, true, image->width, image->height,
                            g_bytes_new_take(pixels, size), NULL);
}

static Image **source_place(DrawOp *op)
{
    switch (op->type) {
    case QXL_DRAW_OPAQUE:
        return &op->u.opaque.src;
    case QXL_DRAW_COPY:
        return &op->u.copy.src;
    case QXL_DRAW_ALPHA_BLEND:
        return &op->u.alpha_blend.src;
    default:
        return NULL;
    }
}

static void restore(World *w, const DrawOp *op)
{
    g_autoptr(GArray) needs = lossy_map_needs(w->map, op);

    for (guint i = 0; needs && i < needs->len; i++) {
        const SurfaceArea *a = &g_array_index(needs, SurfaceArea, i);
        g_autoptr(DrawOp) image = draw_op_new(QXL_DRAW_COPY, a->surface_id, &a->area);

        for (int32_t y = a->area.top; y < a->area.bottom; y++)
            memcpy(&w->client_pixels[a->surface_id][y * SIDE + a->area.left],
                   &w->server_pixels[a->surface_id][y * SIDE + a->area.left],
                   (size_t)(a->area.right - a->area.left) * 4);
        image->u.copy.rop = SPICE_ROPD_OP_PUT;
        image->u.copy.src_area = (Rect){0, 0, a->area.right - a->area.left, a->area.bottom - a->area.top};
        image->u.copy.src = any_image(w, 1, 1);
        lossy_map_apply(w->map, image, false);
    }
}

/* Both draw it, the client perhaps with an approximation. */
static void draw(World *w, DrawOp *op)
{
    Image **place = source_place(op), *exact, *lossy;

    if (!canvas_check(w->server[op->surface_id], op, find_canvas, w->server, NULL))
        return;
    restore(w, op);
    g_assert_null(lossy_map_needs(w->map, op));
    g_assert_true(canvas_draw(w->server[op->surface_id], op, find_canvas, w->server, NULL));
    if (place && (*place)->type == SPICE_IMAGE_TYPE_BITMAP && lossy_allows_image(op, *place) &&
        g_rand_int_range(w->rand, 0, 4) > 0) {
        exact = *place;
        *place = lossy = approximation(w, exact);
        g_assert_true(canvas_draw(w->client[op->surface_id], op, find_canvas, w->client, NULL));
        lossy_map_apply(w->map, op, true);
        *place = exact;
        image_unref(lossy);
        return;
    }
    g_assert_true(canvas_draw(w->client[op->surface_id], op, find_canvas, w->client, NULL));
    lossy_map_apply(w->map, op, false);
}

static void check_pixels(World *w, const DrawOp *op, unsigned *n_lossy)
{
    for (uint32_t id = 0; id < SURFACES; id++) {
        g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
        uint8_t known[SIDE * SIDE] = {0};

        lossy_map_get_region(w->map, id, areas);
        for (guint i = 0; i < areas->len; i++) {
            const Rect *r = &g_array_index(areas, SurfaceArea, i).area;

            for (int32_t y = r->top; y < r->bottom; y++)
                memset(&known[y * SIDE + r->left], 1, (size_t)(r->right - r->left));
        }
        for (unsigned i = 0; i < SIDE * SIDE; i++) {
            uint32_t a = w->server_pixels[id][i] & 0xffffff, b = w->client_pixels[id][i] & 0xffffff;

            *n_lossy += known[i];
            if (a == b)
                continue;
            if (!known[i])
                g_error("operation %u: pixel %u,%u of surface %u is %06x, %06x at the client, which nobody knows",
                        op->type, i % SIDE, i / SIDE, id, a, b);
            for (unsigned shift = 0; shift < 24; shift += 8)
                g_assert_cmpint(ABS((int)(a >> shift & 0xff) - (int)(b >> shift & 0xff)), <=, NEAR);
        }
    }
}

static void test_world(void)
{
    World *w = g_new0(World, 1);
    unsigned n_lossy = 0;

    w->rand = g_rand_new_with_seed(20);
    w->map = lossy_map_new();
    for (uint32_t id = 0; id < SURFACES; id++) {
        w->server[id] = canvas_new(SPICE_SURFACE_FMT_32_xRGB, SIDE, SIDE, SIDE * 4, w->server_pixels[id]);
        w->client[id] = canvas_new(SPICE_SURFACE_FMT_32_xRGB, SIDE, SIDE, SIDE * 4, w->client_pixels[id]);
        lossy_map_add_surface(w->map, id, SIDE, SIDE);
    }
    for (unsigned i = 0; i < 20000; i++) {
        g_autoptr(DrawOp) op = any_op(w);

        draw(w, op);
        check_pixels(w, op, &n_lossy);
    }
    g_test_message("%u of %u pixels lossy on average", n_lossy / 20000, SURFACES * SIDE * SIDE);
    g_assert_cmpuint(n_lossy / 20000, >, SURFACES * SIDE * SIDE / 20);
    g_assert_cmpuint(n_lossy / 20000, <, SURFACES * SIDE * SIDE * 9 / 10);
    for (uint32_t id = 0; id < SURFACES; id++) {
        canvas_free(w->server[id]);
        canvas_free(w->client[id]);
    }
    lossy_map_free(w->map);
    g_rand_free(w->rand);
    g_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lossy/rules/fills", test_fills);
    g_test_add_func("/lossy/rules/copies", test_copies);
    g_test_add_func("/lossy/rules/others", test_others);
    g_test_add_func("/lossy/rules/images", test_images);
    g_test_add_func("/lossy/region/moves", test_moves);
    g_test_add_func("/lossy/region/clip", test_clip);
    g_test_add_func("/lossy/region/surfaces", test_surfaces);
    g_test_add_func("/lossy/region/spoiled", test_spoiled);
    g_test_add_func("/lossy/region/pieces", test_pieces);
    g_test_add_func("/lossy/reads", test_reads);
    g_test_add_func("/lossy/world", test_world);
    return g_test_run();
}
