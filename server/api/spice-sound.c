/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sound devices. Without a state (never added, refused, removed) they are silent. */
#include "server/api/api.h"

#include "server/channels/playback-channel.h"
#include "server/channels/record-channel.h"
#include "server/channels/sound-codec.h"

/* --- playback --- */

void spice_server_playback_start(SpicePlaybackInstance *sin)
{
    if (sin->st)
        playback_channel_start(sin->st);
}

void spice_server_playback_stop(SpicePlaybackInstance *sin)
{
    if (sin->st)
        playback_channel_stop(sin->st);
}

void spice_server_playback_get_buffer(SpicePlaybackInstance *sin, uint32_t **samples, uint32_t *num_samples)
{
    *samples = NULL;
    *num_samples = 0;
    if (sin->st)
        *samples = playback_channel_get_buffer(sin->st, num_samples);
}

void spice_server_playback_put_samples(SpicePlaybackInstance *sin, uint32_t *samples)
{
    if (samples)
        playback_channel_put_samples(sin->st, samples);
}

void spice_server_playback_set_volume(SpicePlaybackInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    if (sin->st)
        playback_channel_set_volume(sin->st, nchannels, volume);
}

void spice_server_playback_set_mute(SpicePlaybackInstance *sin, uint8_t mute)
{
    if (sin->st)
        playback_channel_set_mute(sin->st, mute != 0);
}

/* Hosts ask before they have a device: `sin` may be NULL. */
uint32_t spice_server_get_best_playback_rate(SpicePlaybackInstance *sin)
{
    return SOUND_BEST_RATE;
}

void spice_server_set_playback_rate(SpicePlaybackInstance *sin, uint32_t frequency)
{
    if (sin->st)
        playback_channel_set_rate(sin->st, frequency);
}

/* --- record --- */

void spice_server_record_start(SpiceRecordInstance *sin)
{
    if (sin->st)
        record_channel_start(sin->st);
}

void spice_server_record_stop(SpiceRecordInstance *sin)
{
    if (sin->st)
        record_channel_stop(sin->st);
}

uint32_t spice_server_record_get_samples(SpiceRecordInstance *sin, uint32_t *samples, uint32_t bufsize)
{
    return sin->st ? record_channel_get_samples(sin->st, samples, bufsize) : 0;
}

void spice_server_record_set_volume(SpiceRecordInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    if (sin->st)
        record_channel_set_volume(sin->st, nchannels, volume);
}

void spice_server_record_set_mute(SpiceRecordInstance *sin, uint8_t mute)
{
    if (sin->st)
        record_channel_set_mute(sin->st, mute != 0);
}

uint32_t spice_server_get_best_record_rate(SpiceRecordInstance *sin)
{
    return SOUND_BEST_RATE;
}

void spice_server_set_record_rate(SpiceRecordInstance *sin, uint32_t frequency)
{
    if (sin->st)
        record_channel_set_rate(sin->st, frequency);
}
