/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Draw messages. Two ways round: operations made by hand against bytes written by hand, and bytes (many of them seen on
 * real links) decoded and encoded again.
 */
#include "common/wire/msg-draw.h"
#include "tests/unit/wire-check.h"

#define BASE "01000000 02000000 03000000 04000000 05000000 00 " /* surface 1, top 2, left 3, bottom 4, right 5 */
#define BASE_CLIP                                                                                                      \
    "01000000 02000000 03000000 04000000 05000000 01 02000000 06000000 07000000 08000000 09000000 "                    \
    "0a000000 0b000000 0c000000 0d000000 "
#define AREA "15000000 16000000 17000000 18000000 " /* top 21, left 22, bottom 23, right 24 */
#define NO_MASK "00 00000000 00000000 00000000 "
#define SURFACE_5 "0000000000000000 68 00 00000000 00000000 05000000 "
#define CACHED_7 "0700000000000000 67 00 10000000 11000000 "

static const Rect box = {.top = 2, .left = 3, .bottom = 4, .right = 5};
static const Rect area = {.top = 21, .left = 22, .bottom = 23, .right = 24};
static const WireImage surface_5 = {.type = SPICE_IMAGE_TYPE_SURFACE, .surface_id = 5};
static const WireImage cached_7 = {.id = 7, .type = SPICE_IMAGE_TYPE_FROM_CACHE, .width = 16, .height = 17};

static const uint16_t all_types[] = {
    SPICE_MSG_DISPLAY_COPY_BITS,        SPICE_MSG_DISPLAY_DRAW_FILL,        SPICE_MSG_DISPLAY_DRAW_OPAQUE,
    SPICE_MSG_DISPLAY_DRAW_COPY,        SPICE_MSG_DISPLAY_DRAW_BLEND,       SPICE_MSG_DISPLAY_DRAW_BLACKNESS,
    SPICE_MSG_DISPLAY_DRAW_WHITENESS,   SPICE_MSG_DISPLAY_DRAW_INVERS,      SPICE_MSG_DISPLAY_DRAW_ROP3,
    SPICE_MSG_DISPLAY_DRAW_TRANSPARENT, SPICE_MSG_DISPLAY_DRAW_ALPHA_BLEND, SPICE_MSG_DISPLAY_DRAW_COMPOSITE,
    SPICE_MSG_DISPLAY_DRAW_STROKE,      SPICE_MSG_DISPLAY_DRAW_TEXT};
static const uint8_t all_ops[] = {QXL_COPY_BITS,   QXL_DRAW_FILL,        QXL_DRAW_OPAQUE,      QXL_DRAW_COPY,
                                  QXL_DRAW_BLEND,  QXL_DRAW_BLACKNESS,   QXL_DRAW_WHITENESS,   QXL_DRAW_INVERS,
                                  QXL_DRAW_ROP3,   QXL_DRAW_TRANSPARENT, QXL_DRAW_ALPHA_BLEND, QXL_DRAW_COMPOSITE,
                                  QXL_DRAW_STROKE, QXL_DRAW_TEXT};

/* What the encoder writes is decided by WireImage; the op's own images only have to be there. */
static Image *stand_in(bool present)
{
    return present ? image_new_surface(0) : NULL;
}

static void op_set_brush(Brush *brush, const MsgDraw *m)
{
    *brush = (Brush){m->brush_type, m->brush_color, stand_in(m->has_pattern), m->brush_pos};
}

static void op_set_mask(Mask *mask, const MsgDraw *m)
{
    *mask = (Mask){m->mask_flags, m->mask_pos, stand_in(m->has_mask)};
}

static void op_set_copy(DrawOp *op, const MsgDraw *m)
{
    op->u.copy.src = stand_in(m->has_src);
    op->u.copy.src_area = m->src_area;
    op->u.copy.rop = m->rop;
    op->u.copy.scale_mode = m->scale_mode;
    op_set_mask(&op->u.copy.mask, m);
}

static void op_set_opaque(DrawOp *op, const MsgDraw *m)
{
    op->u.opaque.src = stand_in(m->has_src);
    op->u.opaque.src_area = m->src_area;
    op_set_brush(&op->u.opaque.brush, m);
    op->u.opaque.rop = m->rop;
    op->u.opaque.scale_mode = m->scale_mode;
    op_set_mask(&op->u.opaque.mask, m);
}

static void op_set_rop3(DrawOp *op, const MsgDraw *m)
{
    op->u.rop3.src = stand_in(m->has_src);
    op->u.rop3.src_area = m->src_area;
    op_set_brush(&op->u.rop3.brush, m);
    op->u.rop3.rop3 = (uint8_t)m->rop;
    op->u.rop3.scale_mode = m->scale_mode;
    op_set_mask(&op->u.rop3.mask, m);
}

static void op_set_composite(DrawOp *op, const MsgDraw *m)
{
    op->u.composite.flags = m->composite_flags;
    op->u.composite.src = stand_in(m->has_src);
    op->u.composite.mask = stand_in(m->has_mask);
    op->u.composite.src_transform = m->src_transform;
    op->u.composite.mask_transform = m->mask_transform;
    op->u.composite.src_x = m->src_origin.x;
    op->u.composite.src_y = m->src_origin.y;
    op->u.composite.mask_x = m->mask_origin.x;
    op->u.composite.mask_y = m->mask_origin.y;
}

/* Path, dashes and glyphs change hands. */
static void op_set_stroke(DrawOp *op, MsgDraw *m)
{
    op->u.stroke.path = g_steal_pointer(&m->path);
    op->u.stroke.style = m->style;
    m->style.dashes = NULL;
    op_set_brush(&op->u.stroke.brush, m);
    op->u.stroke.fore_mode = m->rop;
    op->u.stroke.back_mode = m->back_mode;
}

static void op_set_text(DrawOp *op, MsgDraw *m)
{
    op->u.text.string = g_steal_pointer(&m->string);
    op->u.text.back_area = m->back_area;
    op_set_brush(&op->u.text.fore_brush, m);
    op->u.text.back_brush = (Brush){m->back_type, m->back_color, stand_in(m->has_back_pattern), m->back_pos};
    op->u.text.fore_mode = m->rop;
    op->u.text.back_mode = m->back_mode;
}

static DrawOp *op_from_message(MsgDraw *m)
{
    unsigned i = 0;
    DrawOp *op;

    while (all_types[i] != m->type)
        i++;
    op = draw_op_new(all_ops[i], m->surface_id, &m->box);
    op->has_clip = m->clip.has_rects;
    op->n_clip_rects = m->clip.n_rects;
    op->clip_rects = g_memdup2(m->clip.rects, m->clip.n_rects * sizeof(Rect));
    switch (op->type) {
    case QXL_COPY_BITS:
        op->u.copy_bits.src_pos = m->src_pos;
        break;
    case QXL_DRAW_FILL:
        op_set_brush(&op->u.fill.brush, m);
        op->u.fill.rop = m->rop;
        op_set_mask(&op->u.fill.mask, m);
        break;
    case QXL_DRAW_OPAQUE:
        op_set_opaque(op, m);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        op_set_copy(op, m);
        break;
    case QXL_DRAW_ROP3:
        op_set_rop3(op, m);
        break;
    case QXL_DRAW_TRANSPARENT:
        op->u.transparent.src = stand_in(m->has_src);
        op->u.transparent.src_area = m->src_area;
        op->u.transparent.src_color = m->src_color;
        op->u.transparent.true_color = m->true_color;
        break;
    case QXL_DRAW_ALPHA_BLEND:
        op->u.alpha_blend.alpha_flags = m->alpha_flags;
        op->u.alpha_blend.alpha = m->alpha;
        op->u.alpha_blend.src = stand_in(m->has_src);
        op->u.alpha_blend.src_area = m->src_area;
        break;
    case QXL_DRAW_COMPOSITE:
        op_set_composite(op, m);
        break;
    case QXL_DRAW_STROKE:
        op_set_stroke(op, m);
        break;
    case QXL_DRAW_TEXT:
        op_set_text(op, m);
        break;
    default:
        op_set_mask(&op->u.solid.mask, m);
        break;
    }
    return op;
}

/* Collects the images of the message in the order of sending, each with its palette decoded. */
static unsigned images_from_message(const MsgDraw *m, const uint8_t *body, size_t size, WireImage *images)
{
    const WireImage *all[3] = {m->has_src ? &m->src : NULL, m->has_pattern ? &m->pattern : NULL,
                               m->has_back_pattern ? &m->back_pattern
                               : m->has_mask       ? &m->mask
                                                   : NULL};
    unsigned n = 0;

    for (unsigned i = 0; i < 3; i++) {
        if (!all[i])
            continue;
        images[n] = *all[i];
        if (images[n].palette_offset) {
            images[n].palette = wire_palette_decode(body, size, images[n].palette_offset, NULL);
            g_assert_nonnull(images[n].palette);
        }
        n++;
    }
    return n;
}

static uint16_t probe_type; /* of the body that probe_draw() is given */

static bool probe_draw(const uint8_t *body, size_t size, WireWriter *again, GError **error)
{
    g_auto(MsgDraw) m = {0};
    g_autoptr(DrawOp) op = NULL;
    WireImage images[3];
    uint64_t total = 0;
    unsigned n;

    if (!msg_draw_decode(probe_type, body, size, &m, error))
        return false;
    op = op_from_message(&m);
    n = images_from_message(&m, body, size, images);
    for (unsigned i = 0; i < n; i++)
        total += images[i].size;
    g_assert_cmpuint(total, <=, 3 * size);
    g_assert_cmpuint(msg_draw_type(op), ==, probe_type);
    msg_draw_encode(again, op, images, n);
    for (unsigned i = 0; i < n; i++)
        palette_unref((Palette *)images[i].palette);
    return true;
}

static void check_draw(uint16_t type, const char *text)
{
    probe_type = type;
    wire_check(probe_draw, text, WIRE_CUT_NEVER);
}

/* The bytes of an operation made by hand, which is consumed; then the decoder with the same bytes. */
static void check_op(DrawOp *op, const WireImage *images, unsigned n, const char *text)
{
    g_auto(WireWriter) w = {0};

    msg_draw_encode(&w, op, images, n);
    wire_assert_hex(w.data, w.size, text);
    check_draw(msg_draw_type(op), text);
    draw_op_unref(op);
}

static void test_types(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(all_ops); i++) {
        g_autoptr(DrawOp) op = draw_op_new(all_ops[i], 0, &box);

        g_assert_cmpuint(msg_draw_type(op), ==, all_types[i]);
    }
    g_autoptr(DrawOp) nop = draw_op_new(QXL_DRAW_NOP, 0, &box);
    g_assert_cmpuint(msg_draw_type(nop), ==, 0);
}

static void test_fill(void)
{
    DrawOp *op = draw_op_new(QXL_DRAW_FILL, 1, &box);
    const WireImage images[] = {surface_5, cached_7};

    op->u.fill.brush = (Brush){.type = SPICE_BRUSH_TYPE_SOLID, .color = 0x04030201};
    op->u.fill.rop = 0x0605;
    op->u.fill.mask = (Mask){1, {-2, 3}, NULL};
    check_op(op, NULL, 0, BASE "01 01020304 0506 01 feffffff 03000000 00000000");

    op = draw_op_new(QXL_DRAW_FILL, 1, &box);
    op->u.fill.brush.type = SPICE_BRUSH_TYPE_NONE;
    op->u.fill.rop = SPICE_ROPD_OP_INVERS;
    check_op(op, NULL, 0, BASE "00 0002 " NO_MASK);

    op = draw_op_new(QXL_DRAW_FILL, 1, &box);
    op->has_clip = true;
    op->n_clip_rects = 2;
    op->clip_rects = g_new(Rect, 2);
    op->clip_rects[0] = (Rect){.top = 6, .left = 7, .bottom = 8, .right = 9};
    op->clip_rects[1] = (Rect){.top = 10, .left = 11, .bottom = 12, .right = 13};
    op->u.fill.brush = (Brush){SPICE_BRUSH_TYPE_PATTERN, 0, stand_in(true), {14, 15}};
    op->u.fill.rop = 8;
    op->u.fill.mask = (Mask){0, {16, 17}, stand_in(true)};
    check_op(op, images, 2,
             BASE_CLIP "02 55000000 0e000000 0f000000 0800 00 10000000 11000000 6b000000 " SURFACE_5 CACHED_7);

    op = draw_op_new(QXL_DRAW_FILL, 1, &box); /* a clip of nothing */
    op->has_clip = true;
    check_op(op, NULL, 0, "01000000 02000000 03000000 04000000 05000000 01 00000000 00 0000 " NO_MASK);
}

static void test_same_image_twice(void)
{
    DrawOp *op = draw_op_new(QXL_DRAW_OPAQUE, 1, &box);
    const WireImage images[] = {surface_5, cached_7};

    op->u.opaque.src = stand_in(true);
    op->u.opaque.src_area = area;
    op->u.opaque.brush = (Brush){SPICE_BRUSH_TYPE_PATTERN, 0, image_ref(op->u.opaque.src), {14, 15}};
    op->u.opaque.rop = 8;
    check_op(op, images, 2, BASE "46000000 " AREA "02 5c000000 0e000000 0f000000 0800 00 " NO_MASK SURFACE_5 CACHED_7);
}

static void test_copy(void)
{
    static const uint8_t types[] = {QXL_DRAW_COPY, QXL_DRAW_BLEND};

    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        DrawOp *op = draw_op_new(types[i], 1, &box);
        const WireImage images[] = {cached_7, surface_5};

        op->u.copy.src = stand_in(true);
        op->u.copy.src_area = area;
        op->u.copy.rop = 0x0605;
        op->u.copy.scale_mode = 1;
        op->u.copy.mask = (Mask){1, {2, -3}, stand_in(true)};
        check_op(op, images, 2, BASE "39000000 " AREA "0506 01 01 02000000 fdffffff 4b000000 " CACHED_7 SURFACE_5);
    }
}

static void test_rop3(void)
{
    DrawOp *op = draw_op_new(QXL_DRAW_ROP3, 1, &box);

    op->u.rop3.src = stand_in(true);
    op->u.rop3.src_area = area;
    op->u.rop3.brush = (Brush){.type = SPICE_BRUSH_TYPE_SOLID, .color = 0x04030201};
    op->u.rop3.rop3 = 0xca;
    op->u.rop3.scale_mode = 1;
    check_op(op, &surface_5, 1, BASE "3d000000 " AREA "01 01020304 ca 01 " NO_MASK SURFACE_5);
}

static void test_solid(void)
{
    static const uint8_t types[] = {QXL_DRAW_BLACKNESS, QXL_DRAW_WHITENESS, QXL_DRAW_INVERS};

    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        DrawOp *op = draw_op_new(types[i], 1, &box);

        check_op(op, NULL, 0, BASE NO_MASK);
        op = draw_op_new(types[i], 1, &box);
        op->u.solid.mask = (Mask){1, {2, 3}, stand_in(true)};
        check_op(op, &surface_5, 1, BASE "01 02000000 03000000 22000000 " SURFACE_5);
    }
}

static void test_blends(void)
{
    DrawOp *op = draw_op_new(QXL_DRAW_TRANSPARENT, 1, &box);

    op->u.transparent.src = stand_in(true);
    op->u.transparent.src_area = area;
    op->u.transparent.src_color = 0x04030201;
    op->u.transparent.true_color = 0x08070605;
    check_op(op, &surface_5, 1, BASE "31000000 " AREA "01020304 05060708 " SURFACE_5);

    op = draw_op_new(QXL_DRAW_ALPHA_BLEND, 1, &box);
    op->u.alpha_blend.src = stand_in(true);
    op->u.alpha_blend.src_area = area;
    op->u.alpha_blend.alpha_flags = 2;
    op->u.alpha_blend.alpha = 0x80;
    check_op(op, &surface_5, 1, BASE "02 80 2b000000 " AREA SURFACE_5);
}

static void test_copy_bits(void)
{
    DrawOp *op = draw_op_new(QXL_COPY_BITS, 1, &box);

    op->u.copy_bits.src_pos = (Point){-1, 2};
    check_op(op, NULL, 0, BASE "ffffffff 02000000");
}

static void test_composite(void)
{
    const WireImage images[] = {surface_5, cached_7};
    DrawOp *op = draw_op_new(QXL_DRAW_COMPOSITE, 1, &box);

    op->u.composite.flags = 3;
    op->u.composite.src = stand_in(true);
    op->u.composite.src_x = -1;
    op->u.composite.src_y = 2;
    op->u.composite.mask_x = 3;
    op->u.composite.mask_y = 4;
    check_op(op, images, 1, BASE "03000000 25000000 ffff 0200 0300 0400 " SURFACE_5);

    op = draw_op_new(QXL_DRAW_COMPOSITE, 1, &box);
    op->u.composite.flags = 3 | SPICE_COMPOSITE_HAS_MASK | SPICE_COMPOSITE_HAS_MASK_TRANSFORM;
    op->u.composite.src = stand_in(true);
    op->u.composite.mask = stand_in(true);
    op->u.composite.mask_transform = (Transform){{1, 2, 3, 4, 5, 6}};
    check_op(op, images, 2,
             BASE "03002800 41000000 57000000 01000000 02000000 03000000 04000000 05000000 06000000 "
                  "0000 0000 0000 0000 " SURFACE_5 CACHED_7);

    op = draw_op_new(QXL_DRAW_COMPOSITE, 1, &box);
    op->u.composite.flags = SPICE_COMPOSITE_HAS_SRC_TRANSFORM | SPICE_COMPOSITE_HAS_MASK_TRANSFORM;
    op->u.composite.src = stand_in(true);
    op->u.composite.src_transform = (Transform){{1, 2, 3, 4, 5, 6}};
    op->u.composite.mask_transform = (Transform){{7, 8, 9, 10, 11, 12}};
    check_op(op, images, 1,
             BASE "00003000 55000000 01000000 02000000 03000000 04000000 05000000 06000000 07000000 08000000 "
                  "09000000 0a000000 0b000000 0c000000 0000 0000 0000 0000 " SURFACE_5);
}

/* A COPY of one image: the image starts at 57. */
static void check_image(const WireImage *image, const char *image_text)
{
    g_autofree char *text = g_strconcat(BASE "39000000 " AREA "0800 00 " NO_MASK, image_text, NULL);
    DrawOp *op = draw_op_new(QXL_DRAW_COPY, 1, &box);

    op->u.copy.src = stand_in(true);
    op->u.copy.src_area = area;
    op->u.copy.rop = 8;
    check_op(op, image, 1, text);
}

static void test_images(void)
{
    static const uint8_t streams[] = {SPICE_IMAGE_TYPE_QUIC, SPICE_IMAGE_TYPE_LZ_RGB, SPICE_IMAGE_TYPE_GLZ_RGB,
                                      SPICE_IMAGE_TYPE_JPEG, SPICE_IMAGE_TYPE_LZ4};
    static const uint8_t data[] = {0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5};
    WireImage image = {.id = G_GUINT64_CONSTANT(0x0807060504030201), .flags = 5, .width = 3, .height = 2};
    g_autoptr(Palette) palette = palette_new(77, 2);

    palette->entries[0] = 0x030201;
    palette->entries[1] = 0x060504;
    image.data = data;
    image.size = sizeof(data);
    for (unsigned i = 0; i < G_N_ELEMENTS(streams); i++) {
        g_autofree char *text =
            g_strdup_printf("0102030405060708 %02x 05 03000000 02000000 06000000 d0d1d2d3d4d5", streams[i]);

        image.type = streams[i];
        check_image(&image, text);
    }
    image.type = SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB;
    image.glz_size = 0x0201;
    check_image(&image, "0102030405060708 6b 05 03000000 02000000 01020000 06000000 d0d1d2d3d4d5");
    image.type = SPICE_IMAGE_TYPE_JPEG_ALPHA;
    image.jpeg_alpha_flags = 1;
    image.jpeg_size = 4;
    check_image(&image, "0102030405060708 6c 05 03000000 02000000 01 04000000 06000000 d0d1d2d3d4d5");
    image.type = SPICE_IMAGE_TYPE_LZ_PLT;
    image.bitmap_flags = SPICE_BITMAP_FLAGS_PAL_FROM_CACHE | SPICE_BITMAP_FLAGS_TOP_DOWN;
    image.palette_id = 77;
    check_image(&image, "0102030405060708 64 05 03000000 02000000 06 06000000 4d00000000000000 d0d1d2d3d4d5");
    image.bitmap_flags = SPICE_BITMAP_FLAGS_PAL_CACHE_ME;
    image.palette = palette;
    check_image(&image, "0102030405060708 64 05 03000000 02000000 01 06000000 5a000000 d0d1d2d3d4d5 "
                        "4d00000000000000 0200 01020300 04050600");
    image.type = SPICE_IMAGE_TYPE_BITMAP;
    image.format = SPICE_BITMAP_FMT_8BIT;
    image.stride = 3;
    check_image(&image,
                "0102030405060708 00 05 03000000 02000000 05 01 03000000 02000000 03000000 63000000 d0d1d2d3d4d5 "
                "4d00000000000000 0200 01020300 04050600");
    image.bitmap_flags = SPICE_BITMAP_FLAGS_PAL_FROM_CACHE;
    check_image(&image, "0102030405060708 00 05 03000000 02000000 05 02 03000000 02000000 03000000 4d00000000000000 "
                        "d0d1d2d3d4d5");
    image.type = SPICE_IMAGE_TYPE_FROM_CACHE_LOSSLESS;
    image.flags = 0;
    check_image(&image, "0102030405060708 6a 00 03000000 02000000");
}

/* Palettes stand behind all images, in the order of the images. */
static void test_palettes_last(void)
{
    static const uint8_t data[] = {0xd0, 0xd1};
    g_autoptr(Palette) one = palette_new(1, 1), two = palette_new(2, 1);
    const WireImage images[] = {
        {.width = 1,
         .height = 2,
         .format = SPICE_BITMAP_FMT_8BIT,
         .stride = 1,
         .palette = one,
         .data = data,
         .size = 2},
        {.width = 2,
         .height = 1,
         .format = SPICE_BITMAP_FMT_8BIT,
         .stride = 2,
         .palette = two,
         .data = data,
         .size = 2},
        surface_5,
    };
    DrawOp *op = draw_op_new(QXL_DRAW_ROP3, 1, &box);

    one->entries[0] = 0x11;
    two->entries[0] = 0x22;
    op->u.rop3.src = stand_in(true);
    op->u.rop3.src_area = area;
    op->u.rop3.brush = (Brush){SPICE_BRUSH_TYPE_PATTERN, 0, stand_in(true), {0, 0}};
    op->u.rop3.mask.image = stand_in(true);
    check_op(op, images, 3,
             BASE "45000000 " AREA "02 6b000000 00000000 00000000 00 00 00 00000000 00000000 91000000 "
                  "0000000000000000 00 00 01000000 02000000 05 00 01000000 02000000 01000000 a7000000 d0d1 "
                  "0000000000000000 00 00 02000000 01000000 05 00 02000000 01000000 02000000 b5000000 d0d1 " SURFACE_5
                  "0100000000000000 0100 11000000 0200000000000000 0100 22000000");
}

static void test_seen_on_links(void)
{
    static const struct {
        uint16_t type;
        const char *text;
    } seen[] = {
        {302, "000000000000000000000000100000001000000000014080ff00080000000000000000000000000000"},
        {302, "000000000000000000000000100000001000000000023100000001000000020000004000010000000000000000950000"
              "0000000000010000000000040000000400000008040400000004000000100000000000000003040503070809030b0c0d"
              "030f10110313141503171819031b1c1d031f20210323242503272829032b2c2d032f30310333343503373839033b3c3d"
              "033f404103000000000200000000001000000010000000020410000000100000000400000000000000aaabacaaaeafb0"
              "aab2b3b4aab6b7b8aababbbcaabebfc0aac2c3c4aac6c7c8aacacbccaacecfd0aad2d3d4aad6d7d8aadadbdcaadedfe0"
              "aae2e3e4aae6e7e8aa"},
        {304, "000000000300000002000000070000000a00000001020000000300000002000000050000000400000007000000060000"
              "0009000000080000005d0000000000000000000000040000000800000008000000000000000000000000000000000000"
              "000500000000000800000004000000080408000000040000002000000000000000070809070b0c0d070f101107131415"
              "07171819071b1c1d071f20210723242507272829072b2c2d072f30310733343507373839073b3c3d073f404107434445"
              "07474849074b4c4d074f50510753545507575859075b5c5d075f60610763646507676869076b6c6d076f707107737475"
              "07777879077b7c7d077f80810783848507"},
        {304, "00000000030000000c000000070000001400000000390000000000000000000000040000000800000008000000000000"
              "00000000000000000000000000070000000000080000000400000005060800000004000000080000004d000000000000"
              "000102030405060701090a0b010d0e0f011112130115161701191a1b011d1e1f01"},
        {304, "000000000d00000002000000110000001200000000390000000000000000000000040000001000000008000000000000"
              "00000000000000000000000000080000000000100000000400000002051000000004000000040000006d0000005a5b5c"
              "5a5e5f605a6263645a6667685a4e0000000000000002000000000003020100"},
        {304, "0000000005000000050000000f00000019000000003900000000000000000000000a0000001400000008000000000000"
              "00000000000000000000000000100000006700140000000a000000"},
        {304, "000000000000000000000000100000002000000000390000000000000000000000100000002000000008000000000000"
              "00000000000000000000000000260000006800200000001000000001000000"},
        {308, "000000000000000000000000080000000800000000000000000000000000220000000000000020000000000008000000"
              "08000000020408000000080000000400000000000000aaabacaaaeafb0aab2b3b4aab6b7b8aababbbcaabebfc0aac2c3"
              "c4aac6c7c8aa"},
        {104, "000000000a0000000a0000001400000014000000000100000002000000"},
        {304, "00000000 00000000 00000000 64000000 64000000 00 39000000 00000000 00000000 64000000 64000000 0800 00 "
              "00 00000000 00000000 00000000 0000000001000000 67 00 64000000 64000000"},
        {304, "00000000 2c010000 2c010000 4c010000 4c010000 00 39000000 04000000 04000000 24000000 24000000 0800 00 "
              "00 00000000 00000000 00000000 0300000005000000 68 00 40000000 40000000 05000000"},
        {104, "00000000 32000000 32000000 5a000000 5a000000 00 3c000000 3c000000"},
        {302, "00000000 6e000000 6e000000 78000000 78000000 00 01 ff000000 0800 00 00000000 00000000 00000000"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(seen); i++)
        check_draw(seen[i].type, seen[i].text);
}

static void test_decoded_fields(void)
{
    g_autoptr(GByteArray) body = wire_hex(BASE_CLIP "5d000000 " AREA "0506 01 01 02000000 fdffffff 6f000000 " CACHED_7
                                                    "0900000000000000 00 01 08000000 01000000 02 04 08000000 01000000 "
                                                    "01000000 00000000 aa");
    g_auto(MsgDraw) m = {0};
    g_autoptr(GError) error = NULL;

    g_assert_true(msg_draw_decode(SPICE_MSG_DISPLAY_DRAW_BLEND, body->data, body->len, &m, &error));
    g_assert_cmpuint(m.surface_id, ==, 1);
    g_assert_true(rect_equal(&m.box, &box) && rect_equal(&m.src_area, &area));
    g_assert_true(m.clip.has_rects);
    g_assert_cmpuint(m.clip.n_rects, ==, 2);
    g_assert_true(rect_equal(&m.clip.rects[1], &(Rect){.top = 10, .left = 11, .bottom = 12, .right = 13}));
    g_assert_true(m.has_src && m.has_mask && !m.has_pattern);
    g_assert_cmpuint(m.src.id, ==, 7);
    g_assert_cmpuint(m.src.type, ==, SPICE_IMAGE_TYPE_FROM_CACHE);
    g_assert_cmpuint(m.src.width, ==, 16);
    g_assert_cmpuint(m.src.height, ==, 17);
    g_assert_cmpuint(m.rop, ==, 0x605);
    g_assert_cmpuint(m.scale_mode, ==, 1);
    g_assert_cmpuint(m.mask_flags, ==, 1);
    g_assert_cmpint(m.mask_pos.x, ==, 2);
    g_assert_cmpint(m.mask_pos.y, ==, -3);
    g_assert_cmpuint(m.mask.format, ==, SPICE_BITMAP_FMT_1BIT_BE);
    g_assert_cmpuint(m.mask.bitmap_flags, ==, SPICE_BITMAP_FLAGS_TOP_DOWN);
    g_assert_cmpuint(m.mask.size, ==, 1);
    g_assert_true(m.mask.data == body->data + body->len - 1);
}

static void refused(uint16_t type, const char *text, int code)
{
    g_autoptr(GByteArray) body = wire_hex(text);
    g_autoptr(GError) error = NULL;
    MsgDraw m;

    g_assert_false(msg_draw_decode(type, body->data, body->len, &m, &error));
    g_assert_error(error, WIRE_ERROR, code);
    g_assert_null(m.clip.rects);
}

static void test_refused(void)
{
    static const char *head = BASE "39000000 " AREA "0800 00 " NO_MASK;
    static const struct {
        const char *image;
        int code;
    } images[] = {
        {"", WIRE_ERROR_POINTER},
        {"0102030405060708 00 00 03000000 02000000 05 00 03000000 03000000 02000000 00000000 d0d1d2d3d4d5",
         WIRE_ERROR_VALUE}, /* another height */
        {"0102030405060708 00 00 03000000 ffffffff 05 00 03000000 ffffffff ffffffff 00000000 d0", WIRE_ERROR_SHORT},
        {"0102030405060708 00 00 03000000 02000000 05 00 03000000 02000000 03000000 63000000 d0d1d2d3d4d5 "
         "4d00000000000000 0000",
         WIRE_ERROR_VALUE}, /* palette of nothing */
        {"0102030405060708 00 00 03000000 02000000 05 00 03000000 02000000 03000000 63000000 d0d1d2d3d4d5 "
         "4d00000000000000 0200 01020300",
         WIRE_ERROR_SHORT},
        {"0102030405060708 00 00 03000000 02000000 05 00 03000000 02000000 03000000 ff000000 d0d1d2d3d4d5",
         WIRE_ERROR_SHORT},
        {"0102030405060708 64 00 03000000 02000000 00 01000000 00000000 d0", WIRE_ERROR_POINTER}, /* no palette */
        {"0102030405060708 6c 00 03000000 02000000 00 02000000 01000000 d0", WIRE_ERROR_VALUE},   /* JPEG too long */
        {"0102030405060708 65 00 03000000 02000000 ffffffff d0", WIRE_ERROR_SHORT},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autofree char *text = g_strconcat(head, images[i].image, NULL);

        refused(SPICE_MSG_DISPLAY_DRAW_COPY, text, images[i].code);
    }
    refused(SPICE_MSG_DISPLAY_DRAW_FILL, BASE "02 00000000 00000000 00000000 0800 " NO_MASK, WIRE_ERROR_POINTER);
    refused(SPICE_MSG_DISPLAY_DRAW_FILL, BASE_CLIP, WIRE_ERROR_SHORT);
    refused(SPICE_MSG_DISPLAY_DRAW_FILL, "01000000 02000000 03000000 04000000 05000000 01 ffffffff 00",
            WIRE_ERROR_SHORT);
    refused(SPICE_MSG_DISPLAY_DRAW_STROKE, BASE, WIRE_ERROR_SHORT);
    refused(SPICE_MSG_DISPLAY_DRAW_STROKE, BASE "00000000 00 00 08000800", WIRE_ERROR_POINTER);
    refused(SPICE_MSG_DISPLAY_DRAW_STROKE, BASE "ff000000 00 00 08000800", WIRE_ERROR_SHORT);
    refused(SPICE_MSG_DISPLAY_DRAW_STROKE, BASE "1f000000 00 00 08000800 ffffffff", WIRE_ERROR_SHORT);
    refused(SPICE_MSG_DISPLAY_DRAW_STROKE, BASE "1f000000 00 00 08000800 01000000 01 ffffff3f 00000000 00000000",
            WIRE_ERROR_SHORT);
    refused(SPICE_MSG_DISPLAY_DRAW_STROKE, BASE "24000000 08 04 24000000 00 08000800 00000000", WIRE_ERROR_POINTER);
    refused(SPICE_MSG_DISPLAY_DRAW_TEXT, BASE, WIRE_ERROR_SHORT);
    refused(SPICE_MSG_DISPLAY_DRAW_TEXT, BASE "00000000 " AREA "00 00 08000800", WIRE_ERROR_POINTER);
    refused(SPICE_MSG_DISPLAY_DRAW_TEXT,
            BASE "2f000000 " AREA "00 00 08000800 0100 01 00000000 00000000 00000000 00000000 0900 0200 ffffff",
            WIRE_ERROR_SHORT);
    refused(0, BASE, WIRE_ERROR_TYPE);
}

/* Seen on real links: with and without dashes, and glyphs with one brush or two. */
static void test_strokes(void)
{
    check_draw(SPICE_MSG_DISPLAY_DRAW_STROKE,
               "000000000000000000000000100000001000000000230000000001ccbbaa000800080002000000010200000010000000"
               "20000000a0000000a00000000a010000003000000040000000");
    check_draw(SPICE_MSG_DISPLAY_DRAW_STROKE,
               "000000000000000000000000100000001000000000 28000000 08 03 4e000000 01ccbbaa00 0800 0800"
               "02000000 01 02000000 10000000 20000000 a0000000 a0000000 0a 01000000 30000000 40000000"
               "100000002000000030000000");
}

static void test_texts(void)
{
    check_draw(SPICE_MSG_DISPLAY_DRAW_TEXT,
               "000000000000000000000000100000001400000000330000000000000000000000000000000000000001563412000008"
               "000800020001030000000900000000000000f9ffffff05000300f0f1f20b0000000900000000000000f9ffffff050003"
               "00f1f2f3");
    check_draw(SPICE_MSG_DISPLAY_DRAW_TEXT,
               "000000000000000000000000100000001400000000 3f000000 00000000000000000a0000000a000000 0156341200"
               "02 88000000 0000000000000000 0800 0800"
               "0200 04 030000000900000000000000f9ffffff05000300f0f1f2f3f4f5f6f7f8f9fafbfcfdfe"
               "0b0000000900000000000000f9ffffff05000300f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
               "0000000023000000 00 00 04000000 04000000 08 04 04000000 04000000 10000000 00000000"
               "03040503070809030b0c0d030f10110313141503171819031b1c1d031f202103232425032728290"
               "32b2c2d032f30310333343503373839033b3c3d033f404103");
    /* both brushes are patterns */
    check_draw(SPICE_MSG_DISPLAY_DRAW_TEXT,
               BASE "47000000 " AREA "02 4a000000 0100000002000000 02 60000000 0300000004000000 0800 0000"
                    "0000 01 " SURFACE_5 CACHED_7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/draw-messages/types", test_types);
    g_test_add_func("/draw-messages/fill", test_fill);
    g_test_add_func("/draw-messages/same-image-twice", test_same_image_twice);
    g_test_add_func("/draw-messages/copy", test_copy);
    g_test_add_func("/draw-messages/rop3", test_rop3);
    g_test_add_func("/draw-messages/solid", test_solid);
    g_test_add_func("/draw-messages/blends", test_blends);
    g_test_add_func("/draw-messages/copy-bits", test_copy_bits);
    g_test_add_func("/draw-messages/composite", test_composite);
    g_test_add_func("/draw-messages/strokes", test_strokes);
    g_test_add_func("/draw-messages/texts", test_texts);
    g_test_add_func("/draw-messages/images", test_images);
    g_test_add_func("/draw-messages/palettes-last", test_palettes_last);
    g_test_add_func("/draw-messages/seen-on-links", test_seen_on_links);
    g_test_add_func("/draw-messages/decoded-fields", test_decoded_fields);
    g_test_add_func("/draw-messages/refused", test_refused);
    return g_test_run();
}
