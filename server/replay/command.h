/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ReplayCommand: one QXL command of a recording with all the memory that hangs on it. Its structures are those of
 * <spice/qxl_dev.h> with host pointers as addresses: valid for a memory slot that covers the whole address space.
 *
 * A command owns its memory; it can be freed in any thread, whatever a host or a server wrote into the structures.
 */
#pragma once

#include "server/replay/surface-ids.h"
#include "server/replay/text.h"

typedef struct ReplayCommand {
    QXLCommandExt ext; /* first: the host's pointer to it is the pointer to the command */
    ReplayBlock *blocks;
    uint32_t destroyed; /* id that goes back when the command is freed, or SURFACE_ID_NONE */
} ReplayCommand;

/* What the readers of the parts share while one command is read. */
typedef struct ReplayBuilder {
    ReplayText *text;
    SurfaceIds *ids;
    ReplayCommand *command;
} ReplayBuilder;

/* Reads the body of a command event of this type. NULL: the reader has failed, nothing is left allocated. Waits while
 * a new surface finds no free id. */
ReplayCommand *replay_command_read(ReplayText *t, SurfaceIds *ids, uint32_t type);
void replay_command_free(ReplayCommand *command);

/* For the readers of the parts: memory that the command owns. Results are NULL (or 0) only after the reader failed. */

/* Zeroes. */
void *replay_build_zeroed(ReplayBuilder *b, size_t size);
/* A blob; `size` may be NULL. */
uint8_t *replay_build_blob(ReplayBuilder *b, const char *name, ReplayBlobShape shape, uint32_t *size);
/* A list of data chunks. The header of the first stands `head` bytes (zeroes) into the memory that is returned.
 * `total`: bytes of all, may be NULL. */
uint8_t *replay_build_chunks(ReplayBuilder *b, const char *name, size_t head, uint64_t *total);

/* image.c: address of a QXLImage; 0 also for "no image". */
QXLPHYSICAL replay_build_image(ReplayBuilder *b);
/* drawable.c: address of a QXLDrawable. */
QXLPHYSICAL replay_build_drawable(ReplayBuilder *b);
