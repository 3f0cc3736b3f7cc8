/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sound: what the playback channel plays is counted, summed and, if wanted, written to a file (S16, interleaved); the
 * record channel is fed by command. Says:
 *
 *     event playback-start (channels, rate), playback-stop (bytes and sha256 of all since the start)
 *     event playback-volume, record-volume (volume: numbers with spaces), playback-mute, record-mute (mute)
 *     event record-start (channels, rate), record-stop; record-end (bytes): the file was sent, or the channel is gone
 *     answer playback (bytes, sha256: since the start; total: bytes of all)
 */
#pragma once

#include <spice-client.h>

/* `path`: takes all samples, NULL for none. */
void sound_init(const char *path);
/* A new channel of the session: no matter of which type. */
void sound_add_channel(SpiceChannel *channel);

/* Commands: "playback"; "record FILE": sends the file's samples, 10 ms every 10 ms at 48 kHz. */
void sound_answer_playback(void);
void sound_record(const char *path);
