/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest in a heap block, and builders of the structures that QXL commands consist of. For the tests of qxl-parse. */
#pragma once

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

static inline Guest *guest_new(void)
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

static inline void guest_free(Guest *guest)
{
    memslots_free(guest->slots);
    g_free(guest->ram);
    g_free(guest);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guest, guest_free)

static inline uint64_t put(Guest *guest, const void *data, size_t size)
{
    uint64_t address = BASE + guest->used;

    g_assert_cmpuint(guest->used + size, <=, RAM_SIZE);
    if (size)
        memcpy(guest->ram + guest->used, data, size);
    guest->used += size;
    return address;
}

static inline void *at(Guest *guest, uint64_t address)
{
    return guest->ram + (address - BASE);
}

static inline uint64_t put_chunk(Guest *guest, const void *data, uint32_t size, uint64_t next)
{
    QXLDataChunk header = {.data_size = size, .prev_chunk = 0xdead, .next_chunk = next};
    uint64_t address = put(guest, &header, sizeof(header));

    put(guest, data, size);
    return address;
}

/* `data` in chunks of at most `step` bytes, with an empty one in between. */
static inline uint64_t put_chunks(Guest *guest, const uint8_t *data, uint32_t size, uint32_t step)
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

static inline uint64_t put_palette(Guest *guest, uint16_t n)
{
    QXLPalette header = {.unique = 77, .num_ents = n};
    uint64_t address = put(guest, &header, sizeof(header));

    for (uint32_t i = 0; i < n; i++) {
        uint32_t color = 0x7c00 + i;

        put(guest, &color, sizeof(color));
    }
    return address;
}

static inline uint8_t pixel_byte(uint32_t i)
{
    return (uint8_t)(i * 37 + 11);
}

/* Bytes i are pixel_byte(i); chunks of `step` bytes, 0 = DIRECT. */
static inline uint64_t put_bitmap(Guest *guest, uint8_t format, uint32_t width, uint32_t height, uint32_t stride,
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

static inline uint64_t put_surface_image(Guest *guest, uint32_t id)
{
    QXLImage image;

    memset(&image, 0xee, sizeof(image));
    image.descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    image.surface_image.surface_id = id;
    return put(guest, &image, sizeof(image));
}

static inline QXLDrawable drawable(uint8_t type)
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

static inline QXLCommandExt command_at(uint64_t address, uint32_t flags)
{
    return (QXLCommandExt){.cmd = {.data = address, .type = QXL_CMD_DRAW}, .group_id = GROUP, .flags = flags};
}

static inline DrawOp *parse_at(Guest *guest, uint64_t address, uint32_t flags, GError **error)
{
    QXLCommandExt command = command_at(address, flags);
    QXLReleaseInfoExt release = {.info = (void *)1, .group_id = 99};
    DrawOp *op = qxl_parse_drawable(guest->slots, NULL, &command, &release, error);

    g_assert_true((void *)release.info == at(guest, address));
    g_assert_cmpuint(release.group_id, ==, GROUP);
    return op;
}

static inline DrawOp *parse(Guest *guest, const QXLDrawable *d)
{
    g_autoptr(GError) error = NULL;
    DrawOp *op = parse_at(guest, put(guest, d, sizeof(*d)), 0, &error);

    g_assert_no_error(error);
    return op;
}

static inline void assert_refused(Guest *guest, const QXLDrawable *d, QxlParseError code)
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

static inline QXLDrawable copy_of(uint64_t image)
{
    QXLDrawable d = drawable(QXL_DRAW_COPY);

    d.u.copy = (QXLCopy){.src_bitmap = image, .src_area = SRC_AREA, .rop_descriptor = SPICE_ROPD_OP_PUT};
    return d;
}

static inline uint64_t put_cursor(Guest *guest, uint32_t data_size, uint32_t chunk_size)
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
