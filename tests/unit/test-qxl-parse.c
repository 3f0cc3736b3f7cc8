/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/qxl-guest.h"

static void test_fill(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autoptr(DrawOp) op = NULL, masked = NULL;
    QXLDrawable d = drawable(QXL_DRAW_FILL);

    d.u.fill = (QXLFill){.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0xff123456},
                         .rop_descriptor = SPICE_ROPD_OP_PUT,
                         .mask = {.flags = 1, .pos = {3, 4}}};
    op = parse(guest, &d);
    g_assert_cmpuint(op->type, ==, QXL_DRAW_FILL);
    g_assert_cmpuint(op->effect, ==, QXL_EFFECT_OPAQUE);
    g_assert_cmpuint(op->surface_id, ==, 3);
    g_assert_true(rect_equal(&op->box, &(Rect){1, 2, 5, 5}));
    g_assert_cmphex(op->u.fill.brush.color, ==, 0xff123456);
    g_assert_null(op->u.fill.mask.image);
    g_assert_cmpuint(op->u.fill.mask.flags, ==, 0);
    g_assert_cmpint(op->u.fill.mask.pos.x, ==, 0);
    for (int i = 0; i < DRAW_OP_MAX_DEPS; i++) {
        g_assert_cmpint(op->deps[i], ==, -1);
        g_assert_true(rect_equal(&op->dep_areas[i], &(Rect){0}));
    }
    g_assert_false(op->has_clip);

    d.u.fill.mask.bitmap = put_bitmap(guest, SPICE_BITMAP_FMT_1BIT_LE, 9, 3, 4, 5, 0);
    d.effect = 200;
    masked = parse(guest, &d);
    g_assert_cmpuint(masked->effect, ==, QXL_EFFECT_BLEND);
    g_assert_cmpuint(masked->u.fill.mask.flags, ==, SPICE_MASK_FLAGS_INVERS);
    g_assert_cmpint(masked->u.fill.mask.pos.y, ==, 4);
    g_assert_cmpuint(masked->u.fill.mask.image->bitmap.format, ==, SPICE_BITMAP_FMT_1BIT_LE);
    g_assert_cmpuint(masked->u.fill.mask.image->bitmap.stride, ==, 2);

    d.u.fill.mask.bitmap = put_bitmap(guest, SPICE_BITMAP_FMT_8BIT_A, 4, 3, 4, 0, 0);
    assert_invalid(guest, &d);
    d.u.fill.mask.bitmap = BASE + RAM_SIZE - 10;
    assert_invalid(guest, &d);
    d.u.fill.mask.bitmap = 0;
    d.u.fill.brush.type = 3;
    assert_invalid(guest, &d);
    d.u.fill.brush = (QXLBrush){.type = SPICE_BRUSH_TYPE_PATTERN};
    assert_invalid(guest, &d);
    d.type = 15;
    assert_invalid(guest, &d);
    d.type = QXL_DRAW_NOP;
    draw_op_unref(parse(guest, &d));
}

static void test_stroke(void)
{
    static const uint32_t path[] = {0x101 /* what is not a flag is dropped */,
                                    2,
                                    16,
                                    32,
                                    48,
                                    (uint32_t)-64,
                                    SPICE_PATH_END,
                                    1,
                                    5,
                                    6,
                                    0,
                                    0 /* what follows is too short */};
    static const int32_t dashes[] = {16, 32, 48};
    g_autoptr(Guest) guest = guest_new();
    QXLDrawable d = drawable(QXL_DRAW_STROKE);
    QXLStroke *s = &d.u.stroke;

    *s = (QXLStroke){.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 7}, .fore_mode = SPICE_ROPD_OP_XOR};
    assert_invalid(guest, &d);
    for (uint32_t step = 1; step < 50; step += 7)
        for (uint32_t tail = 0; tail < 2; tail++) {
            g_autoptr(DrawOp) op = NULL;
            QXLPath header = {.data_size = 99};
            size_t used = guest->used;

            s->attr = (QXLLineAttr){.flags = 0xff, .style_nseg = 3, .style = put(guest, dashes, sizeof(dashes))};
            header.chunk.next_chunk = put_chunks(guest, (const uint8_t *)path, 40 + 8 * tail, step);
            s->path = put(guest, &header, sizeof(header));
            op = parse(guest, &d);
            g_assert_cmpuint(op->u.stroke.path->n_segments, ==, 2);
            g_assert_cmpuint(op->u.stroke.path->n_points, ==, 3);
            g_assert_cmpuint(op->u.stroke.path->segments[0].flags, ==, SPICE_PATH_BEGIN);
            g_assert_cmpint(op->u.stroke.path->segments[0].points[1].y, ==, -64);
            g_assert_cmpuint(op->u.stroke.path->segments[1].flags, ==, SPICE_PATH_END);
            g_assert_cmpint(op->u.stroke.path->segments[1].points[0].x, ==, 5);
            g_assert_cmpuint(op->u.stroke.style.flags, ==, SPICE_LINE_FLAGS_MASK);
            g_assert_cmpuint(op->u.stroke.style.n_dashes, ==, 3);
            g_assert_cmpint(op->u.stroke.style.dashes[2], ==, 48);
            g_assert_cmpuint(op->u.stroke.fore_mode, ==, SPICE_ROPD_OP_XOR);
            if (step < 43)
                guest->used = used;
        }
    s->attr.style_nseg = 0;
    assert_invalid(guest, &d);
    s->attr.style_nseg = 3;
    s->attr.style = 0;
    assert_invalid(guest, &d);
    s->attr.style = BASE + RAM_SIZE - 11;
    assert_invalid(guest, &d);
    s->attr.flags = 0;
    draw_op_unref(parse(guest, &d));
    ((QXLPath *)at(guest, s->path))->chunk.next_chunk = put_chunk(guest, path, 36, 0);
    assert_invalid(guest, &d);
    s->path = BASE + RAM_SIZE - 8;
    assert_invalid(guest, &d);
}

static uint64_t put_string(Guest *guest, uint32_t size, uint16_t n, uint16_t flags, const uint8_t *data, uint32_t step)
{
    QXLString header = {.data_size = size, .length = n, .flags = flags};

    header.chunk.next_chunk = put_chunks(guest, data, size, step);
    return put(guest, &header, sizeof(header));
}

static void test_text(void)
{
    static const uint8_t glyphs[] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 255, 255, 255, 255, 9, 0, 2, 0, 1, 2,
                                     3, 4, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0,   0,   8,   0,   0, 0, 1, 0, 0, 0};
    g_autoptr(Guest) guest = guest_new();
    QXLDrawable d = drawable(QXL_DRAW_TEXT);
    QXLText *t = &d.u.text;

    *t = (QXLText){.fore_brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 7},
                   .back_brush = {.type = 99},
                   .back_area = {.left = 4, .right = 2, .top = 1, .bottom = 9},
                   .fore_mode = SPICE_ROPD_OP_OR};
    assert_invalid(guest, &d);
    for (uint32_t step = 1; step < 60; step += 9) {
        g_autoptr(DrawOp) op = NULL;
        size_t used = guest->used;

        t->str = put_string(guest, sizeof(glyphs), 2, 0xfffd, glyphs, step);
        op = parse(guest, &d);
        g_assert_cmpuint(op->u.text.string->n_glyphs, ==, 2);
        g_assert_cmpuint(op->u.text.string->flags, ==,
                         SPICE_STRING_FLAGS_RASTER_A1 | SPICE_STRING_FLAGS_RASTER_TOP_DOWN);
        g_assert_cmpint(op->u.text.string->glyphs[0].origin.y, ==, -1);
        g_assert_cmpuint(op->u.text.string->glyphs[0].width, ==, 9);
        g_assert_cmpuint(op->u.text.string->glyphs[0].data[3], ==, 4);
        g_assert_cmpint(op->u.text.string->glyphs[1].render_pos.x, ==, 5);
        g_assert_true(rect_is_empty(&op->u.text.back_area)); /* inverted */
        if (step < 55)
            guest->used = used;
    }
    t->back_area = (QXLRect){.left = 5, .top = 0, .right = 9, .bottom = 9}; /* beside the box */
    draw_op_unref(parse(guest, &d));
    t->back_area.left = 4;
    assert_invalid(guest, &d); /* its brush is unknown */
    t->back_brush.type = SPICE_BRUSH_TYPE_NONE;
    assert_invalid(guest, &d); /* its mode is not PUT */
    t->fore_mode = SPICE_ROPD_OP_PUT;
    draw_op_unref(parse(guest, &d));
    for (unsigned i = 0; i < 5; i++) {
        static const struct {
            uint32_t size;
            uint16_t n, flags;
        } bad[] = {{44, 1, 1}, {44, 3, 1}, {43, 2, 1}, {44, 2, 8}, {44, 2, 4}};

        t->str = put_string(guest, bad[i].size, bad[i].n, bad[i].flags, glyphs, 50);
        assert_invalid(guest, &d);
    }
    t->str = put_string(guest, 0, 0, 1, glyphs, 1);
    assert_invalid(guest, &d);
    t->str = put_string(guest, 44, 2, 1, glyphs, 50);
    ((QXLString *)at(guest, t->str))->data_size = 0xffffffff;
    assert_invalid(guest, &d);
}

/* The image's stored bytes are the guest's, without the padding. */
static void assert_pixels(const Image *image, uint32_t guest_stride)
{
    const uint8_t *data = g_bytes_get_data(bitmap_data(&image->bitmap), NULL);
    uint32_t stride = image->bitmap.stride;

    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < stride; x++)
            g_assert_cmphex(data[y * stride + x], ==, pixel_byte(y * guest_stride + x));
}

static void test_bitmaps(void)
{
    static const uint8_t formats[] = {SPICE_BITMAP_FMT_16BIT, SPICE_BITMAP_FMT_24BIT, SPICE_BITMAP_FMT_32BIT,
                                      SPICE_BITMAP_FMT_RGBA, SPICE_BITMAP_FMT_8BIT_A};
    static const uint32_t steps[] = {0, 1, 3, 7, 16, 1000};

    for (size_t f = 0; f < G_N_ELEMENTS(formats); f++)
        for (size_t s = 0; s < G_N_ELEMENTS(steps); s++)
            for (uint32_t pad = 0; pad < 5; pad += 3) {
                g_autoptr(Guest) guest = guest_new();
                uint32_t stride = (uint32_t)bitmap_row_bytes(formats[f], 4) + pad;
                uint64_t image = put_bitmap(guest, formats[f], 4, 3, stride, steps[s], 0);
                QXLDrawable d = copy_of(image);
                g_autoptr(DrawOp) op = parse(guest, &d);
                const Image *src = op->u.copy.src;

                g_assert_cmpuint(src->bitmap.format, ==, formats[f]);
                g_assert_cmpuint(src->id, ==, 0x1234);
                g_assert_true(src->cacheable);
                g_assert_cmpint(src->high_bits_set, ==, formats[f] != SPICE_BITMAP_FMT_8BIT_A);
                g_assert_cmpint(src->bitmap.top_down, ==, steps[s] != 0);
                g_assert_null(src->bitmap.palette);
                assert_pixels(src, stride);
            }
}

static void test_palettes(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autoptr(DrawOp) be = NULL, le = NULL, le4 = NULL, p8 = NULL, big = NULL;
    const uint8_t *a, *b;
    QXLDrawable d;

    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_1BIT_BE, 12, 3, 2, 0, put_palette(guest, 2)));
    be = parse(guest, &d);
    assert_pixels(be->u.copy.src, 2);
    g_assert_cmpuint(be->u.copy.src->bitmap.palette->n, ==, 2);
    g_assert_cmpuint(be->u.copy.src->bitmap.palette->unique, ==, 77);
    g_assert_cmphex(be->u.copy.src->bitmap.palette->entries[1], ==, 0x7c01);

    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_1BIT_LE, 12, 3, 2, 0, put_palette(guest, 2)));
    le = parse(guest, &d);
    g_assert_cmpuint(le->u.copy.src->bitmap.format, ==, SPICE_BITMAP_FMT_1BIT_BE);
    a = g_bytes_get_data(bitmap_data(&le->u.copy.src->bitmap), NULL);
    for (unsigned i = 0; i < 6; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            g_assert_cmpuint(a[i] >> bit & 1, ==, pixel_byte(i) >> (7 - bit) & 1);

    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_4BIT_LE, 5, 3, 4, 0, put_palette(guest, 16)));
    le4 = parse(guest, &d);
    g_assert_cmpuint(le4->u.copy.src->bitmap.format, ==, SPICE_BITMAP_FMT_4BIT_BE);
    b = g_bytes_get_data(bitmap_data(&le4->u.copy.src->bitmap), NULL);
    g_assert_cmphex(b[0], ==, (pixel_byte(0) >> 4 | pixel_byte(0) << 4) & 0xff);

    /* indices beyond the palette */
    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, put_palette(guest, 100)));
    p8 = parse(guest, &d);
    b = g_bytes_get_data(bitmap_data(&p8->u.copy.src->bitmap), NULL);
    for (unsigned i = 0; i < 12; i++)
        g_assert_cmphex(b[i], ==, pixel_byte(i) < 100 ? pixel_byte(i) : 0);

    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, put_palette(guest, 300)));
    big = parse(guest, &d);
    g_assert_cmpuint(big->u.copy.src->bitmap.palette->n, ==, 256);

    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, 0));
    assert_invalid(guest, &d);
    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, put_palette(guest, 0)));
    assert_invalid(guest, &d);
    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, BASE + RAM_SIZE - 12));
    assert_invalid(guest, &d);
}

/* For an `image` that is restored from `good`, and a drawable `d` that uses it. */
#define BAD(change)                                                                                                    \
    do {                                                                                                               \
        change;                                                                                                        \
        assert_invalid(guest, &d);                                                                                     \
        *image = good;                                                                                                 \
    } while (0)

static void test_bad_bitmaps(void)
{
    g_autoptr(Guest) guest = guest_new();
    uint64_t address = put_bitmap(guest, SPICE_BITMAP_FMT_32BIT, 4, 3, 16, 20, 0);
    QXLImage good, *image = at(guest, address);
    QXLDrawable d = copy_of(address);

    good = *image;
    draw_op_unref(parse(guest, &d));
    BAD(image->bitmap.format = 0);
    BAD(image->bitmap.format = 11);
    BAD(image->bitmap.format = 255);
    BAD(image->bitmap.x = 0);
    BAD(image->bitmap.y = 0);
    BAD(image->bitmap.x = 0xffffffff);
    BAD(image->bitmap.y = image->descriptor.height = 0x08000000); /* 2 GiB exactly */
    BAD(image->bitmap.y = image->descriptor.height = 0x07ffffff);
    BAD(image->bitmap.stride = 15);
    BAD(image->bitmap.stride = 17);
    BAD(image->bitmap.stride = 0x80000000);
    BAD(image->bitmap.data = 0);
    BAD(image->bitmap.data = BASE + RAM_SIZE - 1);
    BAD(image->bitmap.flags |= QXL_BITMAP_DIRECT; image->bitmap.data = BASE + RAM_SIZE - 47);
    BAD(image->descriptor.width = 5);
    BAD(image->descriptor.height = 2);
    BAD(image->descriptor.type = 1; d = copy_of(address); d.type = 99);
    d = copy_of(address);
    BAD(image->descriptor.type = 2);
    BAD(image->descriptor.type = 101);
    BAD(image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE; image->surface_image.surface_id = 0x80000000);
    BAD(image->descriptor.type = SPICE_IMAGE_TYPE_QUIC);
    *image = good;
}

static void test_bad_chunks(void)
{
    g_autoptr(Guest) guest = guest_new();
    uint64_t address = put_bitmap(guest, SPICE_BITMAP_FMT_32BIT, 4, 3, 16, 20, 0);
    QXLImage good, *image = at(guest, address);
    QXLDrawable d = copy_of(address);
    QXLDataChunk *chunk = at(guest, image->bitmap.data), saved = *chunk;

    good = *image;
    /* chunk lists: too short, too long, circular, out of the slot, into another slot */
    BAD(chunk->data_size = 19;);
    BAD(chunk->data_size = 21;);
    BAD(chunk->data_size = 0xffffffff;);
    *chunk = saved;
    BAD(chunk->next_chunk = 0);
    BAD(chunk->next_chunk = image->bitmap.data);
    BAD(chunk->next_chunk = image->bitmap.data; chunk->data_size = 0);
    *chunk = saved;
    BAD(chunk->next_chunk = BASE + RAM_SIZE - 19);
    BAD(chunk->next_chunk = 5);
    *chunk = saved;
}

static void test_bad_copies(void)
{
    g_autoptr(Guest) guest = guest_new();
    uint64_t address = put_bitmap(guest, SPICE_BITMAP_FMT_32BIT, 4, 3, 16, 20, 0);
    QXLImage good, *image = at(guest, address);
    QXLDrawable d = copy_of(address);

    good = *image;
    BAD(d.u.copy.src_bitmap = 0);
    d = copy_of(address);
    BAD(d.u.copy.src_bitmap = 0; d.self_bitmap = 1; d.self_bitmap_area = SRC_AREA);
    d = copy_of(address);
    BAD(d.u.copy.src_bitmap = BASE + RAM_SIZE - 47);
    d = copy_of(address);
    BAD(d.u.copy.src_area.left = -1);
    d = copy_of(address);
    BAD(d.u.copy.src_area.left = 5);
    d = copy_of(address);
    BAD(d.u.copy.src_area.right = 5);
    d = copy_of(address);
    BAD(d.u.copy.src_area.bottom = 4);
    d = copy_of(address);
    BAD(d.u.copy.src_area.top = 2; d.u.copy.src_area.bottom = 1);
    d = copy_of(address);
    BAD(d.u.copy.scale_mode = 2; d.u.copy.src_area.right = 3);
    d = copy_of(address);
    d.u.copy.scale_mode = 2; /* of no importance without scaling */
    draw_op_unref(parse(guest, &d));
}

static void test_clip(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autoptr(DrawOp) op = NULL, none = NULL, other = NULL;
    QXLDrawable d = drawable(QXL_DRAW_BLACKNESS);
    QXLRect rects[3] = {
        {.left = 1, .top = 2, .right = 3, .bottom = 4}, {.left = 5, .right = 5, .bottom = 9}, {0, 0, 9, 8}};
    uint64_t rest = put_chunk(guest, (uint8_t *)rects + 20, 28, 0);
    uint32_t n = 3;
    uint64_t clip = put(guest, &n, sizeof(n));
    uint64_t chunk = put_chunk(guest, rects, 20, rest);

    g_assert_cmpuint(chunk, ==, clip + 4);
    d.clip = (QXLClip){.type = SPICE_CLIP_TYPE_RECTS, .data = clip};
    op = parse(guest, &d);
    g_assert_true(op->has_clip);
    g_assert_cmpuint(op->n_clip_rects, ==, 2);
    g_assert_true(rect_equal(&op->clip_rects[0], &(Rect){1, 2, 3, 4}));
    g_assert_true(rect_equal(&op->clip_rects[1], &(Rect){0, 0, 8, 9}));

    d.clip.type = 2;
    other = parse(guest, &d);
    g_assert_false(other->has_clip);
    d.clip.type = SPICE_CLIP_TYPE_RECTS;
    for (n = 0; n < 6; n++) {
        memcpy(at(guest, clip), &n, sizeof(n));
        if (n != 3)
            assert_invalid(guest, &d);
    }
    n = 0x10000003; /* times 16: 48 in 32 bit */
    memcpy(at(guest, clip), &n, sizeof(n));
    assert_invalid(guest, &d);
    d.clip.data = 0;
    assert_invalid(guest, &d);
    d.clip.data = BASE + RAM_SIZE - 5;
    assert_invalid(guest, &d);
    n = 0;
    d.clip.data = put(guest, &n, sizeof(n));
    put_chunk(guest, NULL, 0, 0);
    none = parse(guest, &d);
    g_assert_true(none->has_clip);
    g_assert_cmpuint(none->n_clip_rects, ==, 0);
}

static void test_envelope(void)
{
    g_autoptr(Guest) guest = guest_new();
    QXLDrawable d = drawable(QXL_DRAW_INVERS), good = d;
    QXLReleaseInfoExt release = {.info = (void *)1};
    QXLCommandExt command;

    d.bbox.right = 1;
    assert_refused(guest, &d, QXL_PARSE_ERROR_EMPTY);
    d = good;
    d.bbox.bottom = -5;
    assert_refused(guest, &d, QXL_PARSE_ERROR_EMPTY);
    d = good;
    d.bbox.left = -1;
    assert_invalid(guest, &d);
    d = good;
    d.bbox.top = -1;
    assert_invalid(guest, &d);
    d = good;
    d.surface_id = 0xffffffff;
    assert_invalid(guest, &d);
    d = good;
    d.surfaces_dest[2] = -2;
    assert_invalid(guest, &d);

    /* one byte too close to the slot's end; other slots, groups and generations: nothing to be released */
    command = command_at(BASE + RAM_SIZE - sizeof(QXLDrawable) + 1, 0);
    g_assert_null(qxl_parse_drawable(guest->slots, NULL, &command, &release, NULL));
    g_assert_null(release.info);
    command = command_at(BASE + RAM_SIZE - sizeof(QXLDrawable), 0);
    g_assert_null(qxl_parse_drawable(guest->slots, NULL, &command, &release, NULL));
    g_assert_nonnull(release.info);
    command = command_at(RAM_SIZE / 2, 0);
    g_assert_null(qxl_parse_drawable(guest->slots, NULL, &command, &release, NULL));
    g_assert_null(release.info);
    command = command_at(BASE, 0);
    command.group_id = 7;
    g_assert_null(qxl_parse_drawable(guest->slots, NULL, &command, &release, NULL));
    g_assert_null(release.info);
}

static void test_deps(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autoptr(DrawOp) op = NULL, added = NULL, own = NULL;
    QXLDrawable d = copy_of(put_surface_image(guest, 9));

    d.surfaces_dest[1] = 9;
    d.surfaces_rects[1] = (QXLRect){.left = 1, .top = 2, .right = 3, .bottom = 4};
    op = parse(guest, &d);
    g_assert_cmpuint(op->u.copy.src->type, ==, SPICE_IMAGE_TYPE_SURFACE);
    g_assert_false(op->u.copy.src->cacheable);
    g_assert_cmpuint(op->u.copy.src->width, ==, 0);
    g_assert_cmpint(op->deps[0], ==, -1);
    g_assert_cmpint(op->deps[1], ==, 9);
    g_assert_true(rect_equal(&op->dep_areas[1], &(Rect){1, 2, 3, 4}));

    d.surfaces_dest[1] = 4;
    added = parse(guest, &d);
    g_assert_cmpint(added->deps[0], ==, 9);
    g_assert_true(rect_equal(&added->dep_areas[0], &(Rect){0, 0, G_MAXINT32, G_MAXINT32}));
    g_assert_cmpint(added->deps[1], ==, 4);
    d.surfaces_dest[0] = 1;
    d.surfaces_dest[2] = 2;
    assert_invalid(guest, &d);
    d.surface_id = 9;
    own = parse(guest, &d);
    g_assert_cmpint(own->deps[0], ==, 1);
}

static void test_sources(void)
{
    static const uint8_t types[] = {QXL_DRAW_OPAQUE, QXL_DRAW_ROP3, QXL_DRAW_TRANSPARENT, QXL_DRAW_ALPHA_BLEND};
    g_autoptr(Guest) guest = guest_new();
    uint64_t image = put_bitmap(guest, SPICE_BITMAP_FMT_RGBA, 4, 3, 16, 16, 0);

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        QXLDrawable d = drawable(types[i]);
        QXLRect *area = types[i] == QXL_DRAW_ALPHA_BLEND ? &d.u.alpha_blend.src_area : &d.u.opaque.src_area;
        QXLPHYSICAL *src = (void *)(types[i] == QXL_DRAW_ALPHA_BLEND ? (char *)&d.u + 3 : (char *)&d.u);
        g_autoptr(DrawOp) op = NULL, self = NULL;
        Image *images[3];
        uint64_t none = 0;

        d.u.rop3.rop3 = 0x1e; /* depends on everything */
        if (types[i] == QXL_DRAW_OPAQUE)
            d.u.opaque.rop_descriptor = SPICE_ROPD_OP_XOR;
        if (types[i] == QXL_DRAW_ALPHA_BLEND)
            d.u.alpha_blend = (QXLAlphaBlend){.alpha_flags = 0xff03, .alpha = 128};
        memcpy(src, &image, sizeof(image));
        memcpy(area, &SRC_AREA, sizeof(*area));
        op = parse(guest, &d);
        g_assert_cmpuint(op->type, ==, types[i]);
        g_assert_cmpuint(draw_op_images(op, images), ==, 1);
        if (types[i] == QXL_DRAW_ALPHA_BLEND)
            g_assert_cmpuint(op->u.alpha_blend.alpha_flags, ==, 3);
        area->right = 5;
        assert_invalid(guest, &d);
        area->right = 4;
        area->top = -1;
        assert_invalid(guest, &d);
        area->top = 0;
        memcpy(src, &none, sizeof(none));
        assert_invalid(guest, &d);
        d.self_bitmap = 1;
        d.self_bitmap_area = SRC_AREA;
        self = parse(guest, &d);
        g_assert_true(self->self_bitmap);
        g_assert_cmpuint(draw_op_images(self, images), ==, 0);
        d.self_bitmap_area.right = 3;
        assert_invalid(guest, &d);
        d.self_bitmap_area.right = -3;
        assert_invalid(guest, &d);
    }
}

static void test_copy_bits(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autoptr(DrawOp) op = NULL;
    QXLDrawable d = drawable(QXL_COPY_BITS);

    d.u.copy_bits.src_pos = (QXLPoint){10, -20};
    op = parse(guest, &d);
    g_assert_cmpint(op->u.copy_bits.src_pos.y, ==, -20);
    d.u.copy_bits.src_pos = (QXLPoint){1, 2};
    assert_refused(guest, &d, QXL_PARSE_ERROR_EMPTY);
    d.u.copy_bits.src_pos.x = G_MAXINT32;
    assert_invalid(guest, &d);
    d.u.copy_bits.src_pos = (QXLPoint){1, G_MININT32};
    assert_invalid(guest, &d);
}

static void test_composite(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autoptr(DrawOp) op = NULL, plain = NULL;
    QXLDrawable d = drawable(QXL_DRAW_COMPOSITE);
    QXLTransform transform = {1, 2, 3, 4, 5, 6};
    const uint32_t has =
        SPICE_COMPOSITE_HAS_MASK | SPICE_COMPOSITE_HAS_SRC_TRANSFORM | SPICE_COMPOSITE_HAS_MASK_TRANSFORM;

    d.u.composite = (QXLComposite){.flags = 0x01410003,
                                   .src = put_surface_image(guest, 5),
                                   .src_transform = put(guest, &transform, sizeof(transform)),
                                   .mask = put_surface_image(guest, 6),
                                   .mask_transform = BASE + RAM_SIZE - 5,
                                   .src_origin = {-1, 2},
                                   .mask_origin = {3, -4}};
    op = parse(guest, &d);
    g_assert_cmphex(op->u.composite.flags, ==,
                    0x01410003 | SPICE_COMPOSITE_HAS_MASK | SPICE_COMPOSITE_HAS_SRC_TRANSFORM);
    g_assert_cmpuint(op->u.composite.src_transform.t[5], ==, 6);
    g_assert_cmpint(op->u.composite.mask_y, ==, -4);
    g_assert_cmpint(op->deps[0], ==, 5);
    g_assert_cmpint(op->deps[1], ==, 6);

    d.u.composite.mask = d.u.composite.src_transform = 0;
    d.u.composite.flags |= has | 0xfe000000;
    plain = parse(guest, &d);
    g_assert_cmphex(plain->u.composite.flags, ==, 0x01400003);
    g_assert_null(plain->u.composite.mask);
    d.u.composite.flags = 0x0e;
    assert_invalid(guest, &d);
    d.u.composite.flags = 3 | 5 << 8;
    assert_invalid(guest, &d);
    d.u.composite.flags = 3;
    d.u.composite.src = 0;
    assert_invalid(guest, &d);
    d.u.composite.src = BASE + RAM_SIZE;
    assert_invalid(guest, &d);
}

/* What an operation makes of single bits, by the rules of the rop descriptors. */
static unsigned ropd_bit(uint16_t rop, unsigned a, unsigned b, uint16_t invers_a, uint16_t invers_b)
{
    unsigned r;

    a ^= !!(rop & invers_a);
    b ^= !!(rop & invers_b);
    r = rop & SPICE_ROPD_OP_PUT ? a : rop & SPICE_ROPD_OP_OR ? a | b : rop & SPICE_ROPD_OP_AND ? a & b : a ^ b;
    return r ^ !!(rop & SPICE_ROPD_INVERS_RES);
}

static unsigned op_bit(const DrawOp *op, unsigned p, unsigned s, unsigned d)
{
    switch (op->type) {
    case QXL_DRAW_BLACKNESS:
        return 0;
    case QXL_DRAW_WHITENESS:
        return 1;
    case QXL_DRAW_INVERS:
        return !d;
    case QXL_DRAW_FILL:
        return ropd_bit(op->u.fill.rop, p, d, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_DEST);
    case QXL_DRAW_COPY:
        return ropd_bit(op->u.copy.rop, s, d, SPICE_ROPD_INVERS_SRC, SPICE_ROPD_INVERS_DEST);
    case QXL_DRAW_OPAQUE:
        return ropd_bit(op->u.opaque.rop, p, s, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_SRC);
    default:
        g_assert_cmpuint(op->type, ==, QXL_DRAW_ROP3);
        return op->u.rop3.rop3 >> (4 * p + 2 * s + d) & 1;
    }
}

static void test_rop3(void)
{
    g_autoptr(Guest) guest = guest_new();
    uint64_t image = put_bitmap(guest, SPICE_BITMAP_FMT_32BIT, 4, 3, 16, 16, 0);
    uint64_t mask = put_bitmap(guest, SPICE_BITMAP_FMT_1BIT_BE, 4, 3, 1, 0, 0);
    unsigned kept = 0;

    for (unsigned code = 0; code < 256; code++) {
        QXLDrawable d = drawable(QXL_DRAW_ROP3);
        size_t used = guest->used;
        g_autoptr(DrawOp) op = NULL;

        d.u.rop3 = (QXLRop3){.src_bitmap = image, .src_area = SRC_AREA, .rop3 = (uint8_t)code};
        d.u.rop3.brush = (QXLBrush){.type = SPICE_BRUSH_TYPE_PATTERN, .u.pattern = {.pat = image, .pos = {100, 3}}};
        d.u.rop3.mask.bitmap = mask;
        if (code == 0xaa) {
            assert_refused(guest, &d, QXL_PARSE_ERROR_EMPTY);
            continue;
        }
        op = parse(guest, &d);
        guest->used = used;
        if (op->type == QXL_DRAW_ROP3) {
            kept++;
            g_assert_cmpint(op->u.rop3.brush.pos.x, ==, 0);
            g_assert_cmpint(op->u.rop3.brush.pos.y, ==, 0);
        }
        for (unsigned n = 0; n < 8; n++)
            g_assert_cmpuint(op_bit(op, n >> 2, n >> 1 & 1, n & 1), ==, code >> n & 1);
    }
    g_assert_cmpuint(kept, ==, 218);
}

static void test_compat(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_autoptr(DrawOp) fill = NULL, alpha = NULL, bits = NULL, copy = NULL;
    QXLCompatDrawable d = {.effect = QXL_EFFECT_OPAQUE, .type = QXL_DRAW_FILL, .bbox = {.right = 4, .bottom = 3}};
    uint32_t flags = QXL_COMMAND_FLAG_COMPAT;

    d.u.fill = (QXLFill){.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0x7c21}, .rop_descriptor = 8};
    fill = parse_at(guest, put(guest, &d, sizeof(d)), flags | QXL_COMMAND_FLAG_COMPAT_16BPP, NULL);
    g_assert_cmphex(fill->u.fill.brush.color, ==, 0xff0808);
    g_assert_cmpuint(fill->surface_id, ==, 0);

    d.type = QXL_DRAW_ALPHA_BLEND;
    d.u.alpha_blend = (QXLCompatAlphaBlend){
        .alpha = 200, .src_bitmap = put_bitmap(guest, SPICE_BITMAP_FMT_RGBA, 4, 3, 16, 7, 0), .src_area = SRC_AREA};
    alpha = parse_at(guest, put(guest, &d, sizeof(d)), flags, NULL);
    g_assert_cmpuint(alpha->u.alpha_blend.alpha, ==, 200);
    g_assert_cmpuint(alpha->u.alpha_blend.alpha_flags, ==, 0);
    assert_pixels(alpha->u.alpha_blend.src, 16);

    d.type = QXL_COPY_BITS;
    d.u.copy_bits.src_pos = (QXLPoint){10, 20};
    bits = parse_at(guest, put(guest, &d, sizeof(d)), flags, NULL);
    g_assert_cmpint(bits->deps[0], ==, 0);
    g_assert_true(rect_equal(&bits->dep_areas[0], &(Rect){10, 20, 14, 23}));

    d.type = QXL_DRAW_COPY;
    d.u.copy = (QXLCopy){.src_bitmap = put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, put_palette(guest, 256)),
                         .src_area = SRC_AREA,
                         .rop_descriptor = 8};
    copy = parse_at(guest, put(guest, &d, sizeof(d)), flags | QXL_COMMAND_FLAG_COMPAT_16BPP, NULL);
    g_assert_cmphex(copy->u.copy.src->bitmap.palette->entries[31], ==, 0xff00ff);

    d.type = QXL_DRAW_COMPOSITE;
    g_assert_null(parse_at(guest, put(guest, &d, sizeof(d)), flags, NULL));
    /* 128 bytes are enough at the end of the slot */
    d.type = QXL_DRAW_NOP;
    memcpy(guest->ram + RAM_SIZE - sizeof(d), &d, sizeof(d));
    draw_op_unref(parse_at(guest, BASE + RAM_SIZE - sizeof(d), flags, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qxl-parse/fill", test_fill);
    g_test_add_func("/qxl-parse/stroke", test_stroke);
    g_test_add_func("/qxl-parse/text", test_text);
    g_test_add_func("/qxl-parse/bitmaps", test_bitmaps);
    g_test_add_func("/qxl-parse/palettes", test_palettes);
    g_test_add_func("/qxl-parse/bad-bitmaps", test_bad_bitmaps);
    g_test_add_func("/qxl-parse/bad-chunks", test_bad_chunks);
    g_test_add_func("/qxl-parse/bad-copies", test_bad_copies);
    g_test_add_func("/qxl-parse/clip", test_clip);
    g_test_add_func("/qxl-parse/envelope", test_envelope);
    g_test_add_func("/qxl-parse/deps", test_deps);
    g_test_add_func("/qxl-parse/sources", test_sources);
    g_test_add_func("/qxl-parse/copy-bits", test_copy_bits);
    g_test_add_func("/qxl-parse/composite", test_composite);
    g_test_add_func("/qxl-parse/rop3", test_rop3);
    g_test_add_func("/qxl-parse/compat", test_compat);
    return g_test_run();
}
