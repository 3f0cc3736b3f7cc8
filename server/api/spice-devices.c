/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sound and character devices. Sound: hosts load and run, the devices are not there yet. */
#include "server/api/api.h"

#include "server/channels/char-device.h"
#include "server/channels/vmc-channel.h"

#define BEST_RATE 48000

/* --- character devices --- */

const char **spice_server_char_device_recognized_subtypes(void)
{
    static const char *subtypes[] = {"vdagent", "smartcard", "usbredir", NULL};

    return subtypes;
}

void spice_server_char_device_wakeup(SpiceCharDeviceInstance *sin)
{
    if (sin->st)
        char_device_wakeup(sin->st);
    else
        g_warning("spice_server_char_device_wakeup: the %s device is not added", sin->subtype);
}

void spice_server_port_event(SpiceCharDeviceInstance *sin, uint8_t event)
{
    if (!vmc_channel_port_event(sin, event))
        g_warning("spice_server_port_event: the %s device is no port that is added", sin->subtype);
}

/* --- playback --- */

void spice_server_playback_start(SpicePlaybackInstance *sin)
{
    API_NOT_IMPLEMENTED();
}

void spice_server_playback_stop(SpicePlaybackInstance *sin)
{
    API_NOT_IMPLEMENTED();
}

void spice_server_playback_get_buffer(SpicePlaybackInstance *sin, uint32_t **samples, uint32_t *num_samples)
{
    *samples = NULL; /* what it gives while nobody listens */
    *num_samples = 0;
}

void spice_server_playback_put_samples(SpicePlaybackInstance *sin, uint32_t *samples)
{
    API_NOT_IMPLEMENTED();
}

void spice_server_playback_set_volume(SpicePlaybackInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    API_NOT_IMPLEMENTED();
}

void spice_server_playback_set_mute(SpicePlaybackInstance *sin, uint8_t mute)
{
    API_NOT_IMPLEMENTED();
}

uint32_t spice_server_get_best_playback_rate(SpicePlaybackInstance *sin)
{
    return BEST_RATE;
}

void spice_server_set_playback_rate(SpicePlaybackInstance *sin, uint32_t frequency)
{
    API_NOT_IMPLEMENTED();
}

/* --- record --- */

void spice_server_record_start(SpiceRecordInstance *sin)
{
    API_NOT_IMPLEMENTED();
}

void spice_server_record_stop(SpiceRecordInstance *sin)
{
    API_NOT_IMPLEMENTED();
}

uint32_t spice_server_record_get_samples(SpiceRecordInstance *sin, uint32_t *samples, uint32_t bufsize)
{
    return 0;
}

void spice_server_record_set_volume(SpiceRecordInstance *sin, uint8_t nchannels, uint16_t *volume)
{
    API_NOT_IMPLEMENTED();
}

void spice_server_record_set_mute(SpiceRecordInstance *sin, uint8_t mute)
{
    API_NOT_IMPLEMENTED();
}

uint32_t spice_server_get_best_record_rate(SpiceRecordInstance *sin)
{
    return BEST_RATE;
}

void spice_server_set_record_rate(SpiceRecordInstance *sin, uint32_t frequency)
{
    API_NOT_IMPLEMENTED();
}
