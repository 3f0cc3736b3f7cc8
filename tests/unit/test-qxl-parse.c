/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/qxl-parse.h"

#include <string.h>

/* A guest with one memory slot, an exact heap block so that any overrun is seen. Address 0 is not used. */
#define RAM_SIZE 6000
#define BASE (G_GUINT64_CONSTANT(1) << 56)
#define GROUP 1

typedef struct Guest {
    MemSlots *slots;
    uint8_t *ram;
    size_t used;
} Guest;

static Guest *guest_new(void)
{
    QXLDevInitInfo info = {.num_memslots_groups = 2, .num_memslots = 2, .memslot_gen_bits = 8, .memslot_id_bits = 8};
    Guest *guest = g_new0(Guest, 1);
    QXLDevMemSlot slot = {.slot_group_id = GROUP, .slot_id = 1};

    guest->slots = memslots_new(&info, NULL);
    guest->ram = g_malloc0(RAM_SIZE);
    slot.virt_start = slot.addr_delta = (uintptr_t)guest->ram;
    slot.virt_end = slot.virt_start + RAM_SIZE;
    g_assert_true(memslots_add(guest->slots, &slot, NULL));
    guest->used = 7; /* nothing is aligned */
    return guest;
}

static void guest_free(Guest *guest)
{
    memslots_free(guest->slots);
    g_free(guest->ram);
    g_free(guest);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guest, guest_free)

static uint64_t put(Guest *guest, const void *data, size_t size)
{
    uint64_t address = BASE + guest->used;

    g_assert_cmpuint(guest->used + size, <=, RAM_SIZE);
    if (size)
        memcpy(guest->ram + guest->used, data, size);
    guest->used += size;
    return address;
}

static void *at(Guest *guest, uint64_t address)
{
    return guest->ram + (address - BASE);
}

static uint64_t put_chunk(Guest *guest, const void *data, uint32_t size, uint64_t next)
{
    QXLDataChunk header = {.data_size = size, .prev_chunk = 0xdead, .next_chunk = next};
    uint64_t address = put(guest, &header, sizeof(header));

    put(guest, data, size);
    return address;
}

/* `data` in chunks of at most `step` bytes, with an empty one in between. */
static uint64_t put_chunks(Guest *guest, const uint8_t *data, uint32_t size, uint32_t step)
{
    uint64_t next = 0;
    uint32_t n = (size + step - 1) / step;

    for (uint32_t i = n; i-- > 0;) {
        if (i == 1)
            next = put_chunk(guest, NULL, 0, next);
        next = put_chunk(guest, data + i * step, MIN(step, size - i * step), next);
    }
    return next;
}

static uint64_t put_palette(Guest *guest, uint16_t n)
{
    QXLPalette header = {.unique = 77, .num_ents = n};
    uint64_t address = put(guest, &header, sizeof(header));

    for (uint32_t i = 0; i < n; i++) {
        uint32_t color = 0x7c00 + i;

        put(guest, &color, sizeof(color));
    }
    return address;
}

static uint8_t pixel_byte(uint32_t i)
{
    return (uint8_t)(i * 37 + 11);
}

/* Bytes i are pixel_byte(i); chunks of `step` bytes, 0 = DIRECT. */
static uint64_t put_bitmap(Guest *guest, uint8_t format, uint32_t width, uint32_t height, uint32_t stride,
                           uint32_t step, uint64_t palette)
{
    uint32_t size = stride * height;
    g_autofree uint8_t *data = g_malloc(size);
    QXLImage image = {.descriptor = {.id = 0x1234, .type = SPICE_IMAGE_TYPE_BITMAP, .flags = 0xff}};

    for (uint32_t i = 0; i < size; i++)
        data[i] = pixel_byte(i);
    image.descriptor.width = width;
    image.descriptor.height = height;
    image.bitmap = (QXLBitmap){.format = format,
                               .flags = step ? QXL_BITMAP_TOP_DOWN : QXL_BITMAP_DIRECT,
                               .x = width,
                               .y = height,
                               .stride = stride,
                               .palette = palette};
    image.bitmap.data = step ? put_chunks(guest, data, size, step) : put(guest, data, size);
    return put(guest, &image, sizeof(image));
}

static uint64_t put_surface_image(Guest *guest, uint32_t id)
{
    QXLImage image;

    memset(&image, 0xee, sizeof(image));
    image.descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    image.surface_image.surface_id = id;
    return put(guest, &image, sizeof(image));
}

static QXLDrawable drawable(uint8_t type)
{
    return (QXLDrawable){
        .surface_id = 3,
        .effect = QXL_EFFECT_OPAQUE,
        .type = type,
        .bbox = {.left = 1, .top = 2, .right = 5, .bottom = 5},
        .surfaces_dest = {-1, -1, -1},
        .surfaces_rects = {{-1, -2, -3, -4}, {9, 9, 1, 1}, {0}},
    };
}

#define SRC_AREA ((QXLRect){.left = 0, .top = 0, .right = 4, .bottom = 3})

static QXLCommandExt command_at(uint64_t address, uint32_t flags)
{
    return (QXLCommandExt){.cmd = {.data = address, .type = QXL_CMD_DRAW}, .group_id = GROUP, .flags = flags};
}

static DrawOp *parse_at(Guest *guest, uint64_t address, uint32_t flags, GError **error)
{
    QXLCommandExt command = command_at(address, flags);
    QXLReleaseInfoExt release = {.info = (void *)1, .group_id = 99};
    DrawOp *op = qxl_parse_drawable(guest->slots, &command, &release, error);

    g_assert_true((void *)release.info == at(guest, address));
    g_assert_cmpuint(release.group_id, ==, GROUP);
    return op;
}

static DrawOp *parse(Guest *guest, const QXLDrawable *d)
{
    g_autoptr(GError) error = NULL;
    DrawOp *op = parse_at(guest, put(guest, d, sizeof(*d)), 0, &error);

    g_assert_no_error(error);
    return op;
}

static void assert_refused(Guest *guest, const QXLDrawable *d, QxlParseError code)
{
    g_autoptr(GError) error = NULL;
    size_t used = guest->used;
    uint64_t address = put(guest, d, sizeof(*d));

    g_assert_null(parse_at(guest, address, 0, &error));
    g_assert_nonnull(error);
    if (error->domain == QXL_PARSE_ERROR)
        g_assert_cmpint(error->code, ==, code);
    else
        g_assert_true(error->domain == MEMSLOT_ERROR && code == QXL_PARSE_ERROR_INVALID);
    guest->used = used;
}

#define assert_invalid(guest, d) assert_refused(guest, d, QXL_PARSE_ERROR_INVALID)

static QXLDrawable copy_of(uint64_t image)
{
    QXLDrawable d = drawable(QXL_DRAW_COPY);

    d.u.copy = (QXLCopy){.src_bitmap = image, .src_area = SRC_AREA, .rop_descriptor = SPICE_ROPD_OP_PUT};
    return d;
}

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
    d.type = QXL_DRAW_STROKE;
    assert_refused(guest, &d, QXL_PARSE_ERROR_UNSUPPORTED);
    d.type = QXL_DRAW_TEXT;
    assert_refused(guest, &d, QXL_PARSE_ERROR_UNSUPPORTED);
    d.type = 15;
    assert_invalid(guest, &d);
    d.type = QXL_DRAW_NOP;
    draw_op_unref(parse(guest, &d));
}

/* The image's stored bytes are the guest's, without the padding. */
static void assert_pixels(const Image *image, uint32_t guest_stride)
{
    const uint8_t *data = g_bytes_get_data(image->bitmap.data, NULL);
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
                g_assert_true(src->cacheable && src->high_bits_set);
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
    a = g_bytes_get_data(le->u.copy.src->bitmap.data, NULL);
    for (unsigned i = 0; i < 6; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            g_assert_cmpuint(a[i] >> bit & 1, ==, pixel_byte(i) >> (7 - bit) & 1);

    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_4BIT_LE, 5, 3, 4, 0, put_palette(guest, 16)));
    le4 = parse(guest, &d);
    g_assert_cmpuint(le4->u.copy.src->bitmap.format, ==, SPICE_BITMAP_FMT_4BIT_BE);
    b = g_bytes_get_data(le4->u.copy.src->bitmap.data, NULL);
    g_assert_cmphex(b[0], ==, (pixel_byte(0) >> 4 | pixel_byte(0) << 4) & 0xff);

    /* indices beyond the palette */
    d = copy_of(put_bitmap(guest, SPICE_BITMAP_FMT_8BIT, 4, 3, 4, 0, put_palette(guest, 100)));
    p8 = parse(guest, &d);
    b = g_bytes_get_data(p8->u.copy.src->bitmap.data, NULL);
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

static void test_bad_bitmaps(void)
{
    g_autoptr(Guest) guest = guest_new();
    uint64_t address = put_bitmap(guest, SPICE_BITMAP_FMT_32BIT, 4, 3, 16, 20, 0);
    QXLImage good, *image = at(guest, address);
    QXLDrawable d = copy_of(address);
    QXLDataChunk *chunk, saved;

    good = *image;
    draw_op_unref(parse(guest, &d));
#define BAD(change)                                                                                                    \
    do {                                                                                                               \
        change;                                                                                                        \
        assert_invalid(guest, &d);                                                                                     \
        *image = good;                                                                                                 \
    } while (0)
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
    image->descriptor.type = SPICE_IMAGE_TYPE_QUIC;
    assert_refused(guest, &d, QXL_PARSE_ERROR_UNSUPPORTED);
    *image = good;

    /* chunk lists: too short, too long, circular, out of the slot, into another slot */
    chunk = at(guest, image->bitmap.data);
    saved = *chunk;
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
#undef BAD
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
    g_assert_null(qxl_parse_drawable(guest->slots, &command, &release, NULL));
    g_assert_null(release.info);
    command = command_at(BASE + RAM_SIZE - sizeof(QXLDrawable), 0);
    g_assert_null(qxl_parse_drawable(guest->slots, &command, &release, NULL));
    g_assert_nonnull(release.info);
    command = command_at(RAM_SIZE / 2, 0);
    g_assert_null(qxl_parse_drawable(guest->slots, &command, &release, NULL));
    g_assert_null(release.info);
    command = command_at(BASE, 0);
    command.group_id = 7;
    g_assert_null(qxl_parse_drawable(guest->slots, &command, &release, NULL));
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

static uint64_t put_cursor(Guest *guest, uint32_t data_size, uint32_t chunk_size)
{
    QXLCursor shape = {.header = {.unique = 5, .type = 0, .width = 2, .height = 2, .hot_spot_x = 1},
                       .data_size = data_size};
    uint64_t second = put_chunk(guest, "ABCDEFGH", 8, 0), address;
    QXLCursorCmd cmd = {.type = QXL_CURSOR_SET};

    shape.chunk = (QXLDataChunk){.data_size = chunk_size, .next_chunk = second};
    address = put(guest, &shape, sizeof(shape));
    put(guest, "abcdefgh", chunk_size);
    cmd.u.set.position = (QXLPoint16){-1, 2};
    cmd.u.set.visible = 1;
    cmd.u.set.shape = address;
    return put(guest, &cmd, sizeof(cmd));
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
    g_assert_cmpuint(out->max_allowed, ==, 4);
    g_assert_cmpuint(out->heads[1].width, ==, 800);
    g_free(out);
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, address, 1, NULL));
    ((QXLMonitorsConfig *)at(guest, address))->count = 0;
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, address, 1, NULL));
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, 0, 1, NULL));
    memcpy(guest->ram + RAM_SIZE - 59, &config, sizeof(config));
    g_assert_null(qxl_parse_monitors(guest->slots, GROUP, BASE + RAM_SIZE - 59, 2, NULL));
}

/* Everything that the parser promises about what it let through. */
static void check_op(const DrawOp *op)
{
    Image *images[3];
    unsigned n = draw_op_images(op, images);

    g_assert_false(rect_is_empty(&op->box));
    for (unsigned i = 0; i < n; i++) {
        const Bitmap *bitmap = &images[i]->bitmap;
        const uint8_t *data;
        gsize size;

        if (images[i]->type != SPICE_IMAGE_TYPE_BITMAP)
            continue;
        data = g_bytes_get_data(bitmap->data, &size);
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
    uint64_t clip = put(guest, &count, 4);

    put_chunk(guest, rects, 32, 0);
    *n = 0;
    for (uint8_t type = 0; type <= QXL_DRAW_COMPOSITE; type++) {
        QXLDrawable d = drawable(type);
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
        op = parse_at(guest, address, flags == 7 ? 3 : flags == 6 ? 1 : 0, &error);
        g_assert_true((op == NULL) == (error != NULL));
        if (op) {
            accepted++;
            check_op(op);
        }
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

static void drop_log(const char *domain, GLogLevelFlags level, const char *message, void *opaque) {}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_handler("Spice", G_LOG_LEVEL_DEBUG, drop_log, NULL);
    g_test_add_func("/qxl-parse/fill", test_fill);
    g_test_add_func("/qxl-parse/bitmaps", test_bitmaps);
    g_test_add_func("/qxl-parse/palettes", test_palettes);
    g_test_add_func("/qxl-parse/bad-bitmaps", test_bad_bitmaps);
    g_test_add_func("/qxl-parse/clip", test_clip);
    g_test_add_func("/qxl-parse/envelope", test_envelope);
    g_test_add_func("/qxl-parse/deps", test_deps);
    g_test_add_func("/qxl-parse/sources", test_sources);
    g_test_add_func("/qxl-parse/copy-bits", test_copy_bits);
    g_test_add_func("/qxl-parse/composite", test_composite);
    g_test_add_func("/qxl-parse/rop3", test_rop3);
    g_test_add_func("/qxl-parse/compat", test_compat);
    g_test_add_func("/qxl-parse/surfaces", test_surfaces);
    g_test_add_func("/qxl-parse/update-and-message", test_update_and_message);
    g_test_add_func("/qxl-parse/cursor", test_cursor);
    g_test_add_func("/qxl-parse/monitors", test_monitors);
    g_test_add_func("/qxl-parse/fuzz/drawables", test_fuzz_drawables);
    g_test_add_func("/qxl-parse/fuzz/others", test_fuzz_others);
    return g_test_run();
}
