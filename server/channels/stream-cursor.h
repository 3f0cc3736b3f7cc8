/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * StreamCursor: the cursor channel beside a StreamDisplay: the pointer as the guest's stream device describes it.
 *
 * Owned by its StreamDevice. Host context.
 */
#pragma once

#include "server/core/server.h"
#include "server/display/qxl-parse.h"

typedef struct StreamCursor StreamCursor;

StreamCursor *stream_cursor_new(RedsState *server, uint8_t id);
/* Drops the clients. Memory goes later: one of the channel's functions may be running. */
void stream_cursor_free(StreamCursor *cursor);

/* NULL: nothing is shown. A reference is taken. */
void stream_cursor_set(StreamCursor *cursor, CursorShape *shape);
void stream_cursor_move(StreamCursor *cursor, int32_t x, int32_t y);
/* The guest has gone. */
void stream_cursor_reset(StreamCursor *cursor);
