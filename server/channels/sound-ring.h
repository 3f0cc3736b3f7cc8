/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SoundRing: sample pairs that a client recorded and the host has not fetched. When it is full the oldest give way.
 * Host context.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SOUND_RING_PAIRS 8192
/* The host gets nothing until this many have come since the start: later on the client may be that late. */
#define SOUND_RING_START_PAIRS 4096

typedef struct SoundRing {
    uint32_t pairs[SOUND_RING_PAIRS];
    uint64_t written, read; /* since the start; the ring holds what is between them */
} SoundRing;

/* A new recording: empty. */
void sound_ring_start(SoundRing *ring);
/* `pairs`: n times 4 bytes, not aligned. More than the ring holds are not taken. */
void sound_ring_write(SoundRing *ring, const uint8_t *pairs, size_t n);
/* The number of pairs given, at most `max`. */
uint32_t sound_ring_read(SoundRing *ring, uint32_t *pairs, uint32_t max);
