/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which operations and images go to clients as they are: a case for each thing that clients do otherwise. */
#include "server/display/sendable.h"

#define BOX ((Rect){10, 10, 30, 30})
#define HERE 0u  /* the surface that is drawn on */
#define THERE 1u /* another */

static Brush solid(void)
{
    return (Brush){.type = SPICE_BRUSH_TYPE_SOLID, .color = 0x123456};
}

static Brush pattern(Image *image, int32_t x, int32_t y)
{
    return (Brush){.type = SPICE_BRUSH_TYPE_PATTERN, .pattern = image, .pos = {x, y}};
}

static Image *bitmap(uint8_t format, bool with_palette)
{
    gsize size = bitmap_row_bytes(format, 20) * 20;
    Palette *palette = with_palette ? palette_new(1, 1) : NULL;
    Image *image = image_new_bitmap(1, format, true, 20, 20, g_bytes_new_take(g_malloc0(size), size), palette);

    if (palette)
        palette->entries[0] = 0;
    return image;
}

static DrawOp *copy(Image *src)
{
    DrawOp *op = draw_op_new(QXL_DRAW_COPY, HERE, &BOX);

    op->u.copy.src = src;
    op->u.copy.src_area = (Rect){0, 0, 20, 20};
    return op;
}

static bool is_sent(DrawOp *op)
{
    bool sendable = op_is_sendable(op);

    draw_op_unref(op);
    return sendable;
}

static void test_reads_itself(void)
{
    DrawOp *masked = copy(bitmap(SPICE_BITMAP_FMT_32BIT, false));
    DrawOp *fill = draw_op_new(QXL_DRAW_FILL, HERE, &BOX);
    DrawOp *composite = draw_op_new(QXL_DRAW_COMPOSITE, HERE, &BOX);

    masked->u.copy.mask.image = image_new_surface(HERE);
    fill->u.fill.brush = pattern(image_new_surface(HERE), 0, 0);
    composite->u.composite.src = image_new_surface(HERE);
    g_assert_true(is_sent(copy(bitmap(SPICE_BITMAP_FMT_32BIT, false))));
    g_assert_true(is_sent(copy(image_new_surface(THERE))));
    g_assert_false(is_sent(copy(image_new_surface(HERE))));
    g_assert_false(is_sent(masked));
    g_assert_false(is_sent(fill));
    g_assert_true(is_sent(composite));
}

static DrawOp *stroke(Brush brush)
{
    DrawOp *op = draw_op_new(QXL_DRAW_STROKE, HERE, &BOX);

    op->u.stroke.path = path_new(0, 0);
    op->u.stroke.brush = brush;
    return op;
}

static void test_stroke(void)
{
    g_assert_true(is_sent(stroke(solid())));
    g_assert_true(is_sent(stroke(pattern(bitmap(SPICE_BITMAP_FMT_32BIT, false), 0, 0))));
    g_assert_false(is_sent(stroke(pattern(image_new_surface(THERE), 0, 0))));
}

static DrawOp *text(uint8_t flags)
{
    DrawOp *op = draw_op_new(QXL_DRAW_TEXT, HERE, &BOX);

    op->u.text.string = glyph_string_new(0, 0);
    op->u.text.string->flags = flags;
    op->u.text.fore_brush = solid();
    return op;
}

static void test_text(void)
{
    g_assert_true(is_sent(text(SPICE_STRING_FLAGS_RASTER_A1)));
    g_assert_true(is_sent(text(SPICE_STRING_FLAGS_RASTER_A4)));
    g_assert_false(is_sent(text(SPICE_STRING_FLAGS_RASTER_A8)));
    /* The first one counts. */
    g_assert_true(is_sent(text(SPICE_STRING_FLAGS_RASTER_A4 | SPICE_STRING_FLAGS_RASTER_A8)));
}

static DrawOp *rop3(Brush brush)
{
    DrawOp *op = draw_op_new(QXL_DRAW_ROP3, HERE, &BOX);

    op->u.rop3.src = bitmap(SPICE_BITMAP_FMT_32BIT, false);
    op->u.rop3.src_area = (Rect){0, 0, 20, 20};
    op->u.rop3.brush = brush;
    op->u.rop3.rop3 = 0xca;
    return op;
}

/* A pattern from a surface may begin at the box or before it, but not behind. */
static void test_rop3(void)
{
    g_assert_true(is_sent(rop3(solid())));
    g_assert_true(is_sent(rop3(pattern(image_new_surface(THERE), BOX.left, BOX.top))));
    g_assert_true(is_sent(rop3(pattern(image_new_surface(THERE), -5, 3))));
    g_assert_false(is_sent(rop3(pattern(image_new_surface(THERE), BOX.left + 1, BOX.top))));
    g_assert_false(is_sent(rop3(pattern(image_new_surface(THERE), BOX.left, BOX.top + 1))));
    g_assert_true(is_sent(rop3(pattern(bitmap(SPICE_BITMAP_FMT_32BIT, false), BOX.left + 1, BOX.top))));
}

static DrawOp *composite(uint32_t flags, Image *src, Image *mask)
{
    DrawOp *op = draw_op_new(QXL_DRAW_COMPOSITE, HERE, &BOX);

    op->u.composite.flags = flags | (mask ? SPICE_COMPOSITE_HAS_MASK : 0);
    op->u.composite.src = src;
    op->u.composite.mask = mask;
    return op;
}

/* One surface for source and mask: what is said of it must be the same both times. */
static void test_composite(void)
{
    static const struct {
        uint32_t flags;
        bool sendable;
    } same[] = {
        {0, true},
        {1u << 8 | 1u << 11, true}, /* filters */
        {1u << 8, false},
        {2u << 14 | 2u << 16, true}, /* repeats */
        {2u << 16, false},
        {SPICE_COMPOSITE_HAS_SRC_TRANSFORM, false},
        {SPICE_COMPOSITE_HAS_MASK_TRANSFORM, false},
        {SPICE_COMPOSITE_COMPONENT_ALPHA, true},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(same); i++) {
        g_assert_cmpint(is_sent(composite(same[i].flags, image_new_surface(2), image_new_surface(2))), ==,
                        same[i].sendable);
        g_assert_true(is_sent(composite(same[i].flags, image_new_surface(2), image_new_surface(3))));
        g_assert_true(is_sent(composite(same[i].flags, image_new_surface(2), NULL)));
        g_assert_true(is_sent(composite(same[i].flags, bitmap(SPICE_BITMAP_FMT_32BIT, false), image_new_surface(2))));
    }
}

static DrawOp *blend(Image *src)
{
    DrawOp *op = draw_op_new(QXL_DRAW_ALPHA_BLEND, HERE, &BOX);

    op->u.alpha_blend.src = src;
    op->u.alpha_blend.src_area = (Rect){0, 0, 20, 20};
    return op;
}

static void check_image(DrawOp *op, Image *image, uint32_t surface_format, bool cacheable, bool compressible)
{
    g_assert_cmpint(op_image_is_cacheable(op, image, surface_format), ==, cacheable);
    g_assert_cmpint(op_image_is_compressible(op, image, surface_format), ==, compressible);
    draw_op_unref(op);
}

static void test_images(void)
{
    const uint32_t argb = SPICE_SURFACE_FMT_32_ARGB, xrgb = SPICE_SURFACE_FMT_32_xRGB;
    Image *indexed = bitmap(SPICE_BITMAP_FMT_8BIT, true), *plain = bitmap(SPICE_BITMAP_FMT_32BIT, false);
    DrawOp *written = text(SPICE_STRING_FLAGS_RASTER_A1);

    check_image(copy(image_ref(plain)), plain, argb, true, true);
    check_image(copy(image_ref(indexed)), indexed, xrgb, true, true);
    check_image(copy(image_ref(indexed)), indexed, argb, false, true);
    check_image(blend(image_ref(plain)), plain, argb, true, true);
    check_image(blend(image_ref(indexed)), indexed, xrgb, true, true);
    check_image(blend(image_ref(indexed)), indexed, argb, false, false);
    check_image(composite(0, image_ref(plain), NULL), plain, xrgb, false, true);
    written->u.text.fore_brush = pattern(image_ref(plain), 0, 0);
    check_image(written, plain, xrgb, false, true);
    image_unref(indexed);
    image_unref(plain);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sendable/reads-itself", test_reads_itself);
    g_test_add_func("/sendable/stroke", test_stroke);
    g_test_add_func("/sendable/text", test_text);
    g_test_add_func("/sendable/rop3", test_rop3);
    g_test_add_func("/sendable/composite", test_composite);
    g_test_add_func("/sendable/images", test_images);
    return g_test_run();
}
