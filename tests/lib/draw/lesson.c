/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/draw/lesson.h"

#include <spice/enums.h>

#define CELL_WIDTH 80
#define CELL_HEIGHT 60
#define COLUMNS 8
#define PICTURE_WIDTH 60
#define PICTURE_HEIGHT 40

static QXLRect rect(int left, int top, int width, int height)
{
    return (QXLRect){.left = left, .top = top, .right = left + width, .bottom = top + height};
}

/* The place of a picture; number 0 is the mark's. */
static QXLRect cell(int number)
{
    return rect(number % COLUMNS * CELL_WIDTH, number / COLUMNS * CELL_HEIGHT, PICTURE_WIDTH, PICTURE_HEIGHT);
}

static QXLDrawable *drawable(Guest *guest, uint32_t surface, uint8_t type, QXLRect box)
{
    QXLDrawable *d = guest_alloc(guest, sizeof(*d));

    d->surface_id = surface;
    d->type = type;
    d->bbox = box;
    for (unsigned i = 0; i < G_N_ELEMENTS(d->surfaces_dest); i++)
        d->surfaces_dest[i] = -1;
    return d;
}

/* A picture that is worth a JPEG: noise. */
static QXLPHYSICAL picture(Guest *guest, uint32_t id, uint32_t format, bool cached, int width, int height)
{
    size_t stride = (size_t)width * 4;
    QXLImage *image = guest_alloc(guest, sizeof(*image));
    uint8_t *data = guest_alloc(guest, stride * (size_t)height);
    uint32_t state = id * 7919;

    for (size_t i = 0; i < stride * (size_t)height; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = (uint8_t)(state >> 24);
    }
    image->descriptor = (QXLImageDescriptor){.id = (uint64_t)id << 32,
                                             .type = SPICE_IMAGE_TYPE_BITMAP,
                                             .flags = cached ? QXL_IMAGE_CACHE : 0,
                                             .width = (uint32_t)width,
                                             .height = (uint32_t)height};
    image->bitmap = (QXLBitmap){.format = (uint8_t)format,
                                .flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN,
                                .x = (uint32_t)width,
                                .y = (uint32_t)height,
                                .stride = (uint32_t)stride,
                                .data = (uintptr_t)data};
    return (uintptr_t)image;
}

static QXLPHYSICAL plain(Guest *guest, uint32_t id)
{
    return picture(guest, id, SPICE_BITMAP_FMT_32BIT, false, PICTURE_WIDTH, PICTURE_HEIGHT);
}

static QXLPHYSICAL surface_image(Guest *guest, QXLDrawable *d, uint32_t id)
{
    QXLImage *image = guest_alloc(guest, sizeof(*image));

    image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    image->surface_image.surface_id = id;
    d->surfaces_dest[0] = (int32_t)id;
    d->surfaces_rects[0] = rect(0, 0, SOURCE_WIDTH, SOURCE_HEIGHT);
    return (uintptr_t)image;
}

static void submit(Guest *guest, QXLDrawable *d)
{
    guest_submit(guest, QXL_CMD_DRAW, d);
}

static void fill(Guest *guest, QXLRect box, uint32_t color, uint16_t rop)
{
    QXLDrawable *d = drawable(guest, 0, QXL_DRAW_FILL, box);

    d->u.fill = (QXLFill){.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = color}, .rop_descriptor = rop};
    submit(guest, d);
}

/* Asks for exact pixels. */
static void mix(Guest *guest, QXLRect box)
{
    fill(guest, box, 0xffffff, SPICE_ROPD_OP_XOR);
}

static void copy(Guest *guest, uint32_t surface, QXLRect box, QXLPHYSICAL image)
{
    QXLDrawable *d = drawable(guest, surface, QXL_DRAW_COPY, box);

    d->u.copy = (QXLCopy){.src_bitmap = image,
                          .src_area = rect(0, 0, box.right - box.left, box.bottom - box.top),
                          .rop_descriptor = SPICE_ROPD_OP_PUT};
    submit(guest, d);
}

static void simple(Guest *guest, uint8_t type, QXLRect box)
{
    submit(guest, drawable(guest, 0, type, box));
}

/* An approximation in the cache, and who takes it. */
static void teach_cache(Guest *guest)
{
    QXLDrawable *d = drawable(guest, 0, QXL_DRAW_FILL, cell(3));
    QXLPHYSICAL image = picture(guest, 1, SPICE_BITMAP_FMT_32BIT, true, PICTURE_WIDTH, PICTURE_HEIGHT);

    copy(guest, 0, cell(1), image);
    copy(guest, 0, cell(2), image);
    d->u.fill = (QXLFill){.brush = {.type = SPICE_BRUSH_TYPE_PATTERN, .u.pattern.pat = image},
                          .rop_descriptor = SPICE_ROPD_OP_PUT};
    submit(guest, d);
    copy(guest, 0, cell(4), image);
    mix(guest, cell(4)); /* which is exact */
    mix(guest, rect(cell(1).left + 10, cell(1).top + 5, 20, 20));
    simple(guest, QXL_DRAW_INVERS, cell(2));
}

static void teach_moves(Guest *guest)
{
    QXLDrawable *d = drawable(guest, 0, QXL_COPY_BITS, cell(6));

    copy(guest, 0, cell(5), plain(guest, 2));
    d->u.copy_bits.src_pos = (QXLPoint){.x = cell(5).left, .y = cell(5).top};
    submit(guest, d);
    mix(guest, cell(6));
    simple(guest, QXL_DRAW_BLACKNESS, cell(5));
    mix(guest, cell(5));
    copy(guest, 0, cell(7), plain(guest, 3));
    fill(guest, cell(7), 0x123456, SPICE_ROPD_OP_PUT);
    mix(guest, cell(7));
}

static void teach_operations(Guest *guest)
{
    QXLRect area = rect(0, 0, PICTURE_WIDTH, PICTURE_HEIGHT);
    QXLDrawable *d = drawable(guest, 0, QXL_DRAW_OPAQUE, cell(9));

    d->u.opaque = (QXLOpaque){.src_bitmap = plain(guest, 4),
                              .src_area = area,
                              .brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0x808080},
                              .rop_descriptor = SPICE_ROPD_OP_AND};
    submit(guest, d);
    mix(guest, cell(9));
    d = drawable(guest, 0, QXL_DRAW_ALPHA_BLEND, cell(10));
    d->u.alpha_blend =
        (QXLAlphaBlend){.src_bitmap = picture(guest, 5, SPICE_BITMAP_FMT_RGBA, false, PICTURE_WIDTH, PICTURE_HEIGHT),
                        .src_area = area,
                        .alpha = 200};
    submit(guest, d);
    mix(guest, cell(10));
    d = drawable(guest, 0, QXL_DRAW_TRANSPARENT, cell(11));
    d->u.transparent = (QXLTransparent){.src_bitmap = plain(guest, 6), .src_area = area};
    submit(guest, d);
    mix(guest, cell(11));
    copy(guest, 0, cell(12), plain(guest, 7));
    d = drawable(guest, 0, QXL_DRAW_BLEND, cell(12));
    d->u.blend = (QXLBlend){.src_bitmap = plain(guest, 8), .src_area = area, .rop_descriptor = SPICE_ROPD_OP_AND};
    submit(guest, d);
    copy(guest, 0, cell(13), plain(guest, 9));
    d = drawable(guest, 0, QXL_DRAW_ROP3, cell(13));
    d->u.rop3 = (QXLRop3){.src_bitmap = plain(guest, 10),
                          .src_area = area,
                          .brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0x336699},
                          .rop3 = 0x96};
    submit(guest, d);
}

/* An approximation on a surface that is not shown, and who reads it. */
static void teach_surfaces(Guest *guest)
{
    QXLRect area = rect(0, 0, SOURCE_WIDTH, SOURCE_HEIGHT), box = cell(14);
    QXLDrawable *d;

    copy(guest, 1, area, picture(guest, 11, SPICE_BITMAP_FMT_32BIT, false, SOURCE_WIDTH, SOURCE_HEIGHT));
    box = rect(box.left, box.top, SOURCE_WIDTH, SOURCE_HEIGHT);
    d = drawable(guest, 0, QXL_DRAW_COPY, box);
    d->u.copy =
        (QXLCopy){.src_bitmap = surface_image(guest, d, 1), .src_area = area, .rop_descriptor = SPICE_ROPD_OP_PUT};
    submit(guest, d);
    mix(guest, box);
    box = rect(cell(15).left, cell(15).top, SOURCE_WIDTH, SOURCE_HEIGHT);
    d = drawable(guest, 0, QXL_DRAW_TRANSPARENT, box);
    d->u.transparent = (QXLTransparent){.src_bitmap = surface_image(guest, d, 1), .src_area = area};
    submit(guest, d);
    box = rect(cell(17).left, cell(17).top, SOURCE_WIDTH, SOURCE_HEIGHT);
    d = drawable(guest, 0, QXL_DRAW_COPY, box);
    d->u.copy =
        (QXLCopy){.src_bitmap = surface_image(guest, d, 1), .src_area = area, .rop_descriptor = SPICE_ROPD_OP_PUT};
    submit(guest, d);
    mix(guest, box); /* the surface has become exact, and so is this */
}

void lesson_submit(Guest *guest, uint32_t mark)
{
    guest_begin(guest, SPICE_SURFACE_FMT_32_xRGB, COLUMNS * CELL_WIDTH, 8 * CELL_HEIGHT, false);
    teach_cache(guest);
    teach_moves(guest);
    teach_operations(guest);
    teach_surfaces(guest);
    fill(guest, cell(0), mark, SPICE_ROPD_OP_PUT);
}
