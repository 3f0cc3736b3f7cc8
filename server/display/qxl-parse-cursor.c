/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/qxl-parse-private.h"

#include <stddef.h>

/* Pixels. Guests' own limits are far below. */
#define CURSOR_MAX_SIDE 1024

CursorShape *cursor_shape_ref(CursorShape *shape)
{
    g_atomic_ref_count_inc(&shape->refs);
    return shape;
}

void cursor_shape_unref(CursorShape *shape)
{
    if (!shape || !g_atomic_ref_count_dec(&shape->refs))
        return;
    g_bytes_unref(shape->data);
    g_free(shape);
}

/* Bytes that clients read for a shape without asking whether they are there: pixels, then palette and mask, if the type
 * has them. The mask has one bit a pixel, rows are not padded. 0 for an unknown type. */
static size_t shape_bytes(uint16_t type, size_t width, size_t height)
{
    size_t pixels = width * height, mask = (pixels + 7) / 8;

    switch (type) {
    case SPICE_CURSOR_TYPE_ALPHA:
        return pixels * 4;
    case SPICE_CURSOR_TYPE_MONO:
        return (width + 7) / 8 * height * 2;
    case SPICE_CURSOR_TYPE_COLOR4:
        return (width + 1) / 2 * height + 16 * sizeof(uint32_t) + mask;
    case SPICE_CURSOR_TYPE_COLOR8:
        return pixels + 256 * sizeof(uint32_t) + mask;
    case SPICE_CURSOR_TYPE_COLOR16:
        return pixels * 2 + mask;
    case SPICE_CURSOR_TYPE_COLOR24:
        return pixels * 3 + mask;
    case SPICE_CURSOR_TYPE_COLOR32:
        return pixels * 4 + mask;
    default:
        return 0;
    }
}

static CursorShape *read_shape(GuestReader *reader, QXLPHYSICAL address, GError **error)
{
    QXLCursor guest;
    g_autoptr(GBytes) data = NULL;
    CursorShape *shape;
    size_t needed;

    if (!guest_read(reader, address, &guest, sizeof(guest), error))
        return NULL;
    if (guest.header.type >= SPICE_CURSOR_TYPE_ENUM_END) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "unknown cursor shape type %u", guest.header.type);
        return NULL;
    }
    needed = shape_bytes(guest.header.type, guest.header.width, guest.header.height);
    if (!guest.header.width || !guest.header.height || MAX(guest.header.width, guest.header.height) > CURSOR_MAX_SIDE) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "a cursor shape of %u x %u pixels",
                    guest.header.width, guest.header.height);
        return NULL;
    }
    data = guest_read_chunks_limited(reader, address + offsetof(QXLCursor, chunk), guest.data_size, error);
    if (!data)
        return NULL;
    if (g_bytes_get_size(data) < needed) {
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID,
                    "a cursor shape of %u x %u pixels, type %u, with only %zu bytes", guest.header.width,
                    guest.header.height, guest.header.type, g_bytes_get_size(data));
        return NULL;
    }
    shape = g_new0(CursorShape, 1);
    g_atomic_ref_count_init(&shape->refs);
    shape->unique = guest.header.unique;
    shape->type = (uint8_t)guest.header.type;
    shape->width = guest.header.width;
    shape->height = guest.header.height;
    shape->hot_x = guest.header.hot_spot_x;
    shape->hot_y = guest.header.hot_spot_y;
    shape->data = g_steal_pointer(&data);
    return shape;
}

bool qxl_parse_cursor(const MemSlots *slots, const QXLCommandExt *command, CursorCommand *out,
                      QXLReleaseInfoExt *release, GError **error)
{
    GuestReader reader = guest_reader(slots, command->group_id);
    QXLCursorCmd guest;

    *out = (CursorCommand){0};
    if (!guest_read_command(&reader, command, &guest, sizeof(guest), release, error))
        return false;
    out->type = guest.type;
    switch (guest.type) {
    case QXL_CURSOR_SET:
        out->x = guest.u.set.position.x;
        out->y = guest.u.set.position.y;
        out->visible = guest.u.set.visible != 0;
        out->shape = read_shape(&reader, guest.u.set.shape, error);
        return out->shape != NULL;
    case QXL_CURSOR_MOVE:
        out->x = guest.u.position.x;
        out->y = guest.u.position.y;
        return true;
    case QXL_CURSOR_HIDE:
        return true;
    case QXL_CURSOR_TRAIL:
        out->trail_length = guest.u.trail.length;
        out->trail_frequency = guest.u.trail.frequency;
        return true;
    default:
        g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, "unknown cursor command %u", guest.type);
        return false;
    }
}
