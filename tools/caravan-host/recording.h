/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recording: the file (plain or .zst) as a stdio stream for spice_replay_new(), with a scanner in between that
 *
 *  - notes the time stamp of each command, which the replay functions keep to themselves, and
 *  - takes the device events (primary and all surfaces made or destroyed) out of the stream and hands them to this
 *    program instead, which thus owns the primary's memory. In the stream a wakeup event, which the replay functions
 *    ignore, takes their place.
 *
 * A device event is handed out when the reader asks for the first bytes after it, that is, while
 * spice_replay_next_cmd() looks for the next command; all commands before it have been returned by then.
 * One thread reads the stream; the callbacks run in it, without any lock of this program held.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Recording Recording;

/* A primary surface as recorded; `data` holds |stride| * height bytes. */
typedef struct PrimarySpec {
    uint32_t width, height;
    int32_t stride; /* bytes; negative: the first line is the last in memory */
    uint32_t format, position, mouse_mode, flags, type;
    uint8_t *data;
    size_t size;
} PrimarySpec;

typedef struct RecordingEvents {
    /* Takes spec->data (free it with g_free). */
    void (*create_primary)(void *opaque, const PrimarySpec *spec);
    void (*destroy_primary)(void *opaque);
    void (*destroy_surfaces)(void *opaque);
    /* Called before each of the above: false ends the stream there. */
    bool (*before)(void *opaque);
} RecordingEvents;

/*
 * Opens `path`; NULL and an error if it or its decompressor cannot be started. The stream owns the recording: fclose()
 * it (spice_replay_free() does).
 */
FILE *recording_open(const char *path, const RecordingEvents *events, void *opaque, Recording **recording,
                     GError **error);

/* Time stamp (ns) of the next command that was not asked for yet: call once after each returned command. 0: unknown. */
uint64_t recording_pop_time(Recording *recording);
