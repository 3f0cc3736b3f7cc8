/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record channel: the microphone of the one client that has linked it, to the guest. Host context. */
#pragma once

#include "server/core/server.h"

/* The public headers give the struct its name. */
typedef struct SpiceRecordState RecordChannel;

RecordChannel *record_channel_new(RedsState *server);
/* The server forgets it too. */
void record_channel_free(RecordChannel *record);

/* Repeating them is harmless. A start forgets what was recorded before. */
void record_channel_start(RecordChannel *record);
void record_channel_stop(RecordChannel *record);
/* Gives at most `max` sample pairs; 0 if there is no client, or until it has sent enough to begin with. */
uint32_t record_channel_get_samples(RecordChannel *record, uint32_t *pairs, uint32_t max);

void record_channel_set_rate(RecordChannel *record, uint32_t hz);
void record_channel_set_volume(RecordChannel *record, uint8_t n, const uint16_t *volume);
void record_channel_set_mute(RecordChannel *record, bool mute);
