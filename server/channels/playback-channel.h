/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The playback channel: what the guest plays, to the one client that listens. Nothing is ever queued but one frame of
 * 10 ms (at 48 kHz): a newer one replaces it. Host context.
 */
#pragma once

#include "server/core/server.h"

/* The public headers give the struct its name. */
typedef struct SpicePlaybackState PlaybackChannel;

PlaybackChannel *playback_channel_new(RedsState *server);
/* The server forgets it too. */
void playback_channel_free(PlaybackChannel *playback);

/* Repeating them is harmless. While a client listens, its clock is driven by the sound, not by the main channel. */
void playback_channel_start(PlaybackChannel *playback);
void playback_channel_stop(PlaybackChannel *playback);

/* A frame to be filled, *n pairs; NULL and 0 if nobody listens, playback is stopped, or all frames are in use. */
uint32_t *playback_channel_get_buffer(PlaybackChannel *playback, uint32_t *n);
/* Sends a filled frame. `playback` may be NULL, or another device than the one the frame is from: it is freed then. */
void playback_channel_put_samples(PlaybackChannel *playback, uint32_t *samples);

void playback_channel_set_rate(PlaybackChannel *playback, uint32_t hz);
void playback_channel_set_volume(PlaybackChannel *playback, uint8_t n, const uint16_t *volume);
void playback_channel_set_mute(PlaybackChannel *playback, bool mute);

/* A video stream wants the client to buffer that much sound. Only while it plays. */
void playback_channel_set_latency(PlaybackChannel *playback, uint32_t ms);
