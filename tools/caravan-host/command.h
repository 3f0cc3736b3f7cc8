/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command: one command of the recording as the library sees it, with its reference count.
 *
 * The library holds one reference from the moment it takes the command until it releases it; the player holds one for
 * each live surface's CREATE and for the current cursor shape. Counting is thread safe.
 */
#pragma once

#include "tools/caravan-host/surface-ids.h"

#include <spice.h>

typedef enum CommandKind {
    COMMAND_OTHER,
    COMMAND_CREATE,
    COMMAND_DESTROY,
    COMMAND_CURSOR_SET,
} CommandKind;

typedef struct Command {
    uint32_t magic;
    int refs;
    CommandKind kind;
    uint32_t surface_id; /* of CREATE and DESTROY */
    QXLCommandExt ext;
    int released; /* how often the library released it */

    /* One of these two: */
    struct Command *original; /* a copy for loading a device; shares the original's pixels */
    QXLCommandExt *replay_ext;
    SpiceReplay *replay;
    uint32_t replay_id; /* what the replayer called the surface */
} Command;

/* Wraps a command of the replayer, with own surface ids. One reference. Call in command order. */
Command *command_new(SpiceReplay *replay, QXLCommandExt *ext, SurfaceIds *ids);

/* A copy of a CREATE or a cursor SET that can be given to the library besides the original. One reference. */
Command *command_copy(Command *original);

Command *command_ref(Command *command);
void command_unref(void *command); /* NULL is fine */

/* The command that the library releases; NULL after a complaint if it's none of ours or released already. */
Command *command_from_release(QXLReleaseInfoExt info);
