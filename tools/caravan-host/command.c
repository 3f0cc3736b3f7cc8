/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/command.h"

#include "tools/caravan-host/answer.h"

#include <string.h>

#define COMMAND_MAGIC 0x43617261

static void *body(const QXLCommandExt *ext)
{
    return (void *)(uintptr_t)ext->cmd.data;
}

Command *command_new(SpiceReplay *replay, QXLCommandExt *ext, SurfaceIds *ids)
{
    Command *command = g_new0(Command, 1);
    command->magic = COMMAND_MAGIC;
    command->refs = 1;
    command->ext = *ext;
    command->replay_ext = ext;
    command->replay = replay;
    if (ext->cmd.data == 0)
        return command;
    switch (ext->cmd.type) {
    case QXL_CMD_DRAW:
        surface_ids_drawable(ids, body(ext));
        break;
    case QXL_CMD_UPDATE:
        surface_ids_update(ids, body(ext));
        break;
    case QXL_CMD_SURFACE: {
        QXLSurfaceCmd *surface = body(ext);
        command->kind = surface->type == QXL_SURFACE_CMD_CREATE ? COMMAND_CREATE : COMMAND_DESTROY;
        command->replay_id = surface_ids_command(ids, surface);
        command->surface_id = surface->surface_id;
        break;
    }
    case QXL_CMD_CURSOR:
        if (((QXLCursorCmd *)body(ext))->type == QXL_CURSOR_SET)
            command->kind = COMMAND_CURSOR_SET;
        break;
    default:
        break;
    }
    ((QXLReleaseInfo *)body(ext))->id = (uintptr_t)command;
    return command;
}

Command *command_copy(Command *original)
{
    bool surface = original->kind == COMMAND_CREATE;
    Command *command = g_new0(Command, 1);
    command->magic = COMMAND_MAGIC;
    command->refs = 1;
    command->kind = COMMAND_OTHER;
    command->surface_id = original->surface_id;
    command->original = command_ref(original);
    command->ext = original->ext;
    void *data = g_memdup2(body(&original->ext), surface ? sizeof(QXLSurfaceCmd) : sizeof(QXLCursorCmd));
    ((QXLReleaseInfo *)data)->id = (uintptr_t)command;
    command->ext.cmd.data = (uintptr_t)data;
    return command;
}

Command *command_ref(Command *command)
{
    g_atomic_int_inc(&command->refs);
    return command;
}

void command_unref(void *opaque)
{
    Command *command = opaque;
    if (command == NULL || !g_atomic_int_dec_and_test(&command->refs))
        return;
    if (command->original != NULL) {
        g_free(body(&command->ext));
        command_unref(command->original);
    } else {
        /* The replayer takes the id that the command carries back into its own pool. */
        if (command->kind == COMMAND_CREATE || command->kind == COMMAND_DESTROY)
            ((QXLSurfaceCmd *)body(&command->ext))->surface_id = command->replay_id;
        spice_replay_free_cmd(command->replay, command->replay_ext);
    }
    command->magic = 0;
    g_free(command);
}

Command *command_from_release(QXLReleaseInfoExt info)
{
    Command *command = info.info != NULL ? (Command *)(uintptr_t)info.info->id : NULL;
    if (command != NULL && command->magic == COMMAND_MAGIC && g_atomic_int_add(&command->released, 1) == 0)
        return command;
    answer_send(answer_new("event", "bad-release"));
    g_warning("the library released something that it does not hold");
    return NULL;
}
