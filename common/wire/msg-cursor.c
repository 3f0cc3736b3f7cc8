/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-cursor.h"

#include "common/wire/msg-fields.h"

/* The cursor is the last member, so its data reach to the end of the body. */
static void wire_write_cursor(WireWriter *w, WireCursor c)
{
    wire_write_u16(w, c.flags);
    if (c.flags & SPICE_CURSOR_FLAGS_NONE)
        return;
    wire_write_u64(w, c.unique);
    wire_write_u8(w, c.type);
    wire_write_u16(w, c.width);
    wire_write_u16(w, c.height);
    wire_write_u16(w, c.hot_spot_x);
    wire_write_u16(w, c.hot_spot_y);
    if (!(c.flags & SPICE_CURSOR_FLAGS_FROM_CACHE))
        wire_write_bytes(w, c.data, c.size);
}

static WireCursor wire_read_cursor(WireReader *r)
{
    WireCursor c = {.flags = wire_read_u16(r)};

    if (c.flags & SPICE_CURSOR_FLAGS_NONE)
        return c;
    c.unique = wire_read_u64(r);
    c.type = wire_read_u8(r);
    c.width = wire_read_u16(r);
    c.height = wire_read_u16(r);
    c.hot_spot_x = wire_read_u16(r);
    c.hot_spot_y = wire_read_u16(r);
    if (!(c.flags & SPICE_CURSOR_FLAGS_FROM_CACHE)) {
        c.size = wire_reader_left(r);
        c.data = wire_read_bytes(r, c.size);
    }
    return c;
}

#define INIT(FIELD)                                                                                                    \
    FIELD(point16, position)                                                                                           \
    FIELD(u16, trail_length)                                                                                           \
    FIELD(u16, trail_frequency)                                                                                        \
    FIELD(u8, visible)                                                                                                 \
    FIELD(cursor, cursor)
MSG_FIXED(MsgCursorInit, msg_cursor_init, INIT)

#define SET(FIELD) FIELD(point16, position) FIELD(u8, visible) FIELD(cursor, cursor)
MSG_FIXED(MsgCursorSet, msg_cursor_set, SET)

#define MOVE(FIELD) FIELD(point16, position)
MSG_FIXED(MsgCursorMove, msg_cursor_move, MOVE)

#define TRAIL(FIELD) FIELD(u16, length) FIELD(u16, frequency)
MSG_FIXED(MsgCursorTrail, msg_cursor_trail, TRAIL)

#define INVAL_ONE(FIELD) FIELD(u64, id)
MSG_FIXED(MsgCursorInvalOne, msg_cursor_inval_one, INVAL_ONE)
