/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CursorChannel: the pointer of one QXL device. Worker thread, unless stated otherwise. */
#pragma once

#include "server/display/qxl-parse.h"
#include "server/display/worker.h"

typedef struct CursorChannel CursorChannel;

CursorChannel *cursor_channel_new(Worker *worker); /* host context */
void cursor_channel_free(CursorChannel *cursor);   /* host context, after the worker's thread has ended */

/* Takes over the shape of a SET and `release`: the command of the present shape is kept until the next one, so that the
 * device can hand it to a migration destination. */
void cursor_channel_command(CursorChannel *cursor, CursorCommand *command, const QXLReleaseInfoExt *release);
/* No shape, at 0,0, visible. Waits until the clients have been told. */
void cursor_channel_reset(CursorChannel *cursor);
/* A primary surface was created: the clients get the state anew. */
void cursor_channel_greet(CursorChannel *cursor);
void cursor_channel_set_mouse_mode(CursorChannel *cursor, uint32_t mode);
void cursor_channel_vm_started(CursorChannel *cursor);
