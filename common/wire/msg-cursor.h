/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the cursor channel. RESET, HIDE and INVAL_ALL have no body.
 */
#pragma once

#include "common/wire/geometry.h"
#include "common/wire/msg.h"

/* A shape as it is sent. With SPICE_CURSOR_FLAGS_NONE nothing but the flags is on the wire; with FROM_CACHE no data. */
typedef struct WireCursor {
    uint16_t flags;  /* SPICE_CURSOR_FLAGS_* */
    uint64_t unique; /* cache key, 0 = not cached */
    uint8_t type;    /* SPICE_CURSOR_TYPE_* */
    uint16_t width, height;
    uint16_t hot_spot_x, hot_spot_y;
    const uint8_t *data;
    size_t size;
} WireCursor;

typedef struct MsgCursorInit {
    Point16 position;
    uint16_t trail_length;
    uint16_t trail_frequency;
    uint8_t visible;
    WireCursor cursor;
} MsgCursorInit;
MSG_DECLARE(MsgCursorInit, msg_cursor_init);

typedef struct MsgCursorSet {
    Point16 position;
    uint8_t visible;
    WireCursor cursor;
} MsgCursorSet;
MSG_DECLARE(MsgCursorSet, msg_cursor_set);

typedef struct MsgCursorMove {
    Point16 position;
} MsgCursorMove;
MSG_DECLARE(MsgCursorMove, msg_cursor_move);

typedef struct MsgCursorTrail {
    uint16_t length;
    uint16_t frequency;
} MsgCursorTrail;
MSG_DECLARE(MsgCursorTrail, msg_cursor_trail);

typedef struct MsgCursorInvalOne {
    uint64_t id;
} MsgCursorInvalOne;
MSG_DECLARE(MsgCursorInvalOne, msg_cursor_inval_one);
