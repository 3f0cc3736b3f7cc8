/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/sound-ring.h"

#include <glib.h>
#include <string.h>

void sound_ring_start(SoundRing *ring)
{
    ring->written = ring->read = 0;
}

void sound_ring_write(SoundRing *ring, const uint8_t *pairs, size_t n)
{
    size_t at = ring->written % SOUND_RING_PAIRS;
    size_t first;

    n = MIN(n, SOUND_RING_PAIRS);
    first = MIN(n, SOUND_RING_PAIRS - at);
    if (n == 0)
        return;
    memcpy(ring->pairs + at, pairs, first * sizeof(uint32_t));
    memcpy(ring->pairs, pairs + first * sizeof(uint32_t), (n - first) * sizeof(uint32_t));
    ring->written += n;
    if (ring->written - ring->read > SOUND_RING_PAIRS)
        ring->read = ring->written - SOUND_RING_PAIRS;
}

uint32_t sound_ring_read(SoundRing *ring, uint32_t *pairs, uint32_t max)
{
    uint32_t at = ring->read % SOUND_RING_PAIRS;
    uint32_t n, first;

    if (ring->written < SOUND_RING_START_PAIRS)
        return 0;
    n = (uint32_t)MIN(max, ring->written - ring->read);
    if (n == 0)
        return 0;
    first = MIN(n, SOUND_RING_PAIRS - at);
    memcpy(pairs, ring->pairs + at, first * sizeof(uint32_t));
    memcpy(pairs + first, ring->pairs, (n - first) * sizeof(uint32_t));
    ring->read += n;
    return n;
}
