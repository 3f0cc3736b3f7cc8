/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exported functions: walks the events of a recording, calls the server for some, hands out the commands. */
#include "server/replay/command.h"

#pragma GCC visibility push(default)
#include <spice.h>
#pragma GCC visibility pop

enum {
    EVENT_COMMAND = 0,
    EVENT_MESSAGE = 1, /* to the worker */
};

/* The worker messages that are repeated. */
enum {
    MESSAGE_DESTROY_SURFACES = 19,
    MESSAGE_CREATE_PRIMARY = 20,
    MESSAGE_DESTROY_PRIMARY = 21,
    MESSAGE_CREATE_PRIMARY_ASYNC = 29,
};

struct SpiceReplay {
    ReplayText text;
    SurfaceIds ids; /* the only part that spice_replay_free_cmd touches */
    ReplayBlock *primary;
    bool created; /* a primary surface exists */
    bool ended;
};

SpiceReplay *spice_replay_new(FILE *file, int nsurfaces)
{
    SpiceReplay *replay;
    ReplayText text = {.file = file};
    uint32_t version;

    g_return_val_if_fail(file != NULL, NULL);
    if (nsurfaces < 1) {
        g_warning("replay: there must be at least one surface");
        return NULL;
    }
    version = replay_text_field(&text, "SPICE_REPLAY");
    if (!text.failed && version != 1) {
        replay_text_fail(&text, REPLAY_ERROR_VALUE, "unsupported version %u", version);
    }
    if (text.failed) {
        g_warning("replay: not a recording: %s", text.error->message);
        g_clear_error(&text.error);
        return NULL;
    }
    replay = g_new0(SpiceReplay, 1);
    replay->text = text;
    surface_ids_init(&replay->ids, (uint32_t)nsurfaces);
    surface_ids_new_id(&replay->ids, 0);
    return replay;
}

static void destroy_primary(SpiceReplay *replay, QXLInstance *instance)
{
    replay->created = false;
    spice_qxl_destroy_primary_surface(instance, 0);
    g_clear_pointer(&replay->primary, replay_block_free);
}

static void create_primary(SpiceReplay *replay, QXLInstance *instance)
{
    ReplayText *t = &replay->text;
    QXLDevSurfaceCreate surface = {0};
    int64_t size;
    uint32_t got;

    if (replay->created) {
        g_warning("replay: a primary surface is created while there is one");
        spice_qxl_destroy_primary_surface(instance, 0);
    }
    replay->created = true;
    surface.width = replay_text_u32(t);
    surface.height = replay_text_u32(t);
    surface.stride = (int32_t)replay_text_u32(t);
    surface.format = replay_text_u32(t);
    surface.position = replay_text_u32(t);
    surface.mouse_mode = replay_text_u32(t);
    surface.flags = replay_text_u32(t);
    surface.type = replay_text_u32(t);
    size = (int64_t)surface.height * ABS((int64_t)surface.stride);
    g_clear_pointer(&replay->primary, replay_block_free);
    replay->primary = replay_text_blob(t, "data", (ReplayBlobShape){.size = size}, &got);
    if (replay->primary) {
        surface.mem = (uintptr_t)replay->primary->data;
        spice_qxl_create_primary_surface(instance, 0, &surface);
    }
}

static void perform_message(SpiceReplay *replay, QXLInstance *instance, uint32_t message)
{
    switch (message) {
    case MESSAGE_CREATE_PRIMARY:
    case MESSAGE_CREATE_PRIMARY_ASYNC:
        create_primary(replay, instance);
        break;
    case MESSAGE_DESTROY_PRIMARY:
        destroy_primary(replay, instance);
        break;
    case MESSAGE_DESTROY_SURFACES:
        replay->created = false;
        spice_qxl_destroy_surfaces(instance);
        break;
    default:
        break;
    }
}

QXLCommandExt *spice_replay_next_cmd(SpiceReplay *replay, QXLInstance *instance)
{
    ReplayText *t = &replay->text;
    ReplayCommand *command = NULL;
    uint32_t what, type;

    while (!command && !replay->ended) {
        if (replay_text_ended(t)) {
            replay->ended = true;
            break;
        }
        replay_text_field(t, "event"); /* a counter */
        what = replay_text_u32(t);
        type = replay_text_u32(t);
        replay_text_u64(t); /* the time */
        if (t->failed) {
            break;
        }
        if (what == EVENT_COMMAND) {
            command = replay_command_read(t, &replay->ids, type);
        } else if (what == EVENT_MESSAGE) {
            perform_message(replay, instance, type);
        } /* other kinds have no body */
        replay->ended = t->failed;
    }
    if (t->error) {
        g_warning("replay: stopped: %s", t->error->message);
        g_clear_error(&t->error);
        replay->ended = true;
    }
    return command ? &command->ext : NULL;
}

/* By way of void: the packed structure is the first member of one that is aligned. */
static ReplayCommand *command_of(void *ext)
{
    return ext;
}

void spice_replay_free_cmd(SpiceReplay *replay, QXLCommandExt *cmd)
{
    ReplayCommand *command = command_of(cmd);
    uint32_t destroyed = command->destroyed;

    replay_command_free(command);
    if (destroyed != SURFACE_ID_NONE) {
        surface_ids_free_id(&replay->ids, destroyed);
    }
}

void spice_replay_free(SpiceReplay *replay)
{
    fclose(replay->text.file);
    replay_block_free(replay->primary);
    surface_ids_clear(&replay->ids);
    g_free(replay);
}
