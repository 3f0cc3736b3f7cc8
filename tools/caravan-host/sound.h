/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sound: the playback and record devices of one machine. As in QEMU a stopped machine neither plays nor records; what
 * it was at goes on when it starts. Main loop only.
 */
#pragma once

#include <spice.h>
#include <stdbool.h>

typedef struct Sound Sound;

/* Adds both devices. */
Sound *sound_new(SpiceServer *server, int rate);
/* Removes them; before the server is destroyed. NULL is fine. */
void sound_free(Sound *sound);
void sound_set_running(Sound *sound, bool running);

/* The commands of control.c; they need a machine. */
void tone_command(char **words);
void volume_command(char **words);
void mute_command(char **words);
void playback_compression_command(char **words);
void record_start_command(char **words);
void record_stop_command(char **words);
void record_read_command(char **words);
