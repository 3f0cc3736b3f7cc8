/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/replay/command.h"

#include <string.h>

/* Memory of a surface whose contents are not recorded: nothing in the stream backs this size, so there is a limit
 * (a surface of 11000x11000 in 32 bits). */
#define BLANK_SURFACE_MAX ((uint64_t)512 << 20)

/* The parser maps a whole QXLImage, also for a QUIC image, whose inline data may be shorter. */
#define FIRST_CHUNK_TAIL (sizeof(QXLImage) - sizeof(QXLImageDescriptor) - sizeof(QXLQUICData) - sizeof(QXLDataChunk))

static void *keep(ReplayBuilder *b, ReplayBlock *block)
{
    block->next = b->command->blocks;
    b->command->blocks = block;
    return block->data;
}

void *replay_build_zeroed(ReplayBuilder *b, size_t size)
{
    ReplayBlock *block = replay_block_new(size);

    if (!block) {
        g_error("replay: no memory for a command");
    }
    memset(block->data, 0, size);
    return keep(b, block);
}

uint8_t *replay_build_blob(ReplayBuilder *b, const char *name, ReplayBlobShape shape, uint32_t *size)
{
    uint32_t ignored;
    ReplayBlock *block = replay_text_blob(b->text, name, shape, size ? size : &ignored);

    return block ? keep(b, block) : NULL;
}

uint8_t *replay_build_chunks(ReplayBuilder *b, const char *name, size_t head, uint64_t *total)
{
    uint8_t *first;
    QXLDataChunk *chunk, *next;
    uint32_t extra, size;
    ReplayBlobShape shape = {.head = head + sizeof(*chunk), .tail = FIRST_CHUNK_TAIL, .size = -1};
    uint64_t sum;

    extra = replay_text_field(b->text, "data_chunks");
    replay_text_u64(b->text); /* the sum of what follows: the blobs know better */
    first = replay_build_blob(b, name, shape, &size);
    if (!first) {
        return NULL;
    }
    chunk = (QXLDataChunk *)(first + head);
    chunk->data_size = size;
    sum = size;
    while (extra-- > 0) {
        next = (QXLDataChunk *)replay_build_blob(b, name, (ReplayBlobShape){.head = sizeof(*chunk), .size = -1}, &size);
        if (!next) {
            return NULL;
        }
        next->data_size = size;
        sum += size;
        next->prev_chunk = (uintptr_t)chunk;
        chunk->next_chunk = (uintptr_t)next;
        chunk = next;
    }
    if (total) {
        *total = sum;
    }
    return first;
}

static QXLPHYSICAL read_update(ReplayBuilder *b)
{
    QXLUpdateCmd *update = replay_build_zeroed(b, sizeof(*update));

    replay_text_words(b->text, "update");
    replay_text_rect(b->text, "area", &update->area);
    update->update_id = replay_text_field(b->text, "update_id");
    update->surface_id = surface_ids_get(b->ids, replay_text_field(b->text, "surface_id"));
    return (uintptr_t)update;
}

static QXLPHYSICAL read_message(ReplayBuilder *b)
{
    /* The server reads the text up to a zero byte, which is not recorded. */
    ReplayBlobShape shape = {.head = sizeof(QXLMessage), .tail = 1, .size = -1};

    return (uintptr_t)replay_build_blob(b, "message", shape, NULL);
}

static QXLPHYSICAL read_cursor(ReplayBuilder *b)
{
    QXLCursorHeader header;
    QXLCursor *cursor;
    uint32_t data_size;

    header.unique = replay_text_field64(b->text, "header.unique");
    header.type = (uint16_t)replay_text_field(b->text, "header.type");
    header.width = (uint16_t)replay_text_field(b->text, "header.width");
    header.height = (uint16_t)replay_text_field(b->text, "header.height");
    header.hot_spot_x = (uint16_t)replay_text_field(b->text, "header.hot_spot_x");
    header.hot_spot_y = (uint16_t)replay_text_field(b->text, "header.hot_spot_y");
    data_size = replay_text_field(b->text, "data_size");
    cursor = (QXLCursor *)replay_build_chunks(b, "cursor", offsetof(QXLCursor, chunk), NULL);
    if (cursor) {
        cursor->header = header;
        cursor->data_size = data_size;
    }
    return (uintptr_t)cursor;
}

static QXLPHYSICAL read_cursor_command(ReplayBuilder *b)
{
    QXLCursorCmd *cmd = replay_build_zeroed(b, sizeof(*cmd));

    replay_text_words(b->text, "cursor_cmd");
    cmd->type = (uint8_t)replay_text_field(b->text, "type");
    switch (cmd->type) {
    case QXL_CURSOR_SET:
        replay_text_point16(b->text, &cmd->u.set.position);
        cmd->u.set.visible = (uint8_t)replay_text_field(b->text, "u.set.visible");
        cmd->u.set.shape = read_cursor(b);
        break;
    case QXL_CURSOR_MOVE:
        replay_text_point16(b->text, &cmd->u.position);
        break;
    case QXL_CURSOR_TRAIL:
        cmd->u.trail.length = (uint16_t)replay_text_field(b->text, "u.trail.length");
        cmd->u.trail.frequency = (uint16_t)replay_text_field(b->text, "u.trail.frequency");
        break;
    default:
        break;
    }
    return (uintptr_t)cmd;
}

/* Memory of a new surface, with its recorded contents if there are. */
static QXLPHYSICAL read_surface_memory(ReplayBuilder *b, const QXLSurface *surface, bool recorded)
{
    uint64_t rows = surface->height;
    uint64_t row_size = (uint64_t)ABS((int64_t)surface->stride);
    uint64_t size = rows * row_size; /* < 2^63 */
    ReplayBlock *block;

    if (b->text->failed) {
        return 0;
    }
    if (size > (recorded ? REPLAY_BLOB_MAX : BLANK_SURFACE_MAX)) {
        replay_text_fail(b->text, REPLAY_ERROR_VALUE, "a surface of %" G_GUINT64_FORMAT " bytes", size);
        return 0;
    }
    if (recorded) {
        return (uintptr_t)replay_build_blob(b, "data", (ReplayBlobShape){.size = (int64_t)size}, NULL);
    }
    block = replay_block_new(size);
    if (!block) {
        replay_text_fail(b->text, REPLAY_ERROR_MEMORY, "no memory for a surface of %" G_GUINT64_FORMAT " bytes", size);
        return 0;
    }
    return (uintptr_t)keep(b, block);
}

static QXLPHYSICAL read_surface_command(ReplayBuilder *b)
{
    QXLSurfaceCmd *cmd = replay_build_zeroed(b, sizeof(*cmd));
    QXLSurface *surface = &cmd->u.surface_create;
    uint32_t recorded;

    replay_text_words(b->text, "surface_cmd");
    recorded = replay_text_field(b->text, "surface_id");
    cmd->type = (uint8_t)replay_text_field(b->text, "type");
    cmd->flags = replay_text_field(b->text, "flags");
    if (b->text->failed) {
        return 0;
    }
    if (cmd->type == QXL_SURFACE_CMD_DESTROY) {
        cmd->surface_id = surface_ids_get(b->ids, recorded);
        b->command->destroyed = cmd->surface_id;
        return (uintptr_t)cmd;
    }
    if (cmd->type != QXL_SURFACE_CMD_CREATE) {
        cmd->surface_id = recorded;
        return (uintptr_t)cmd;
    }
    cmd->surface_id = surface_ids_new_id(b->ids, recorded);
    surface->format = replay_text_field(b->text, "u.surface_create.format");
    surface->width = replay_text_field(b->text, "u.surface_create.width");
    surface->height = replay_text_field(b->text, "u.surface_create.height");
    surface->stride = (int32_t)replay_text_field(b->text, "u.surface_create.stride");
    surface->data = read_surface_memory(b, surface, cmd->flags & QXL_SURF_FLAG_KEEP_DATA);
    return (uintptr_t)cmd;
}

static QXLPHYSICAL read_body(ReplayBuilder *b, uint32_t type)
{
    switch (type) {
    case QXL_CMD_DRAW:
        return replay_build_drawable(b);
    case QXL_CMD_UPDATE:
        return read_update(b);
    case QXL_CMD_CURSOR:
        return read_cursor_command(b);
    case QXL_CMD_MESSAGE:
        return read_message(b);
    case QXL_CMD_SURFACE:
        return read_surface_command(b);
    default:
        return 0;
    }
}

ReplayCommand *replay_command_read(ReplayText *t, SurfaceIds *ids, uint32_t type)
{
    ReplayCommand *command = g_new0(ReplayCommand, 1);
    ReplayBuilder b = {t, ids, command};
    QXLPHYSICAL data;

    command->destroyed = SURFACE_ID_NONE;
    data = read_body(&b, type);
    if (t->failed) {
        replay_command_free(command);
        return NULL;
    }
    command->ext.cmd.type = type;
    command->ext.cmd.data = data;
    if (data) {
        /* All commands start with it: how a host finds the command again when the server releases it. */
        ((QXLReleaseInfo *)(uintptr_t)data)->id = (uintptr_t)command;
    }
    return command;
}

void replay_command_free(ReplayCommand *command)
{
    ReplayBlock *next;

    for (ReplayBlock *block = command->blocks; block; block = next) {
        next = block->next;
        replay_block_free(block);
    }
    g_free(command);
}
