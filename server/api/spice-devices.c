/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices. */
#include "server/api/api.h"

#include "server/channels/char-device.h"
#include "server/channels/stream-device.h"
#include "server/channels/vmc-channel.h"

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
    if (!vmc_channel_port_event(sin, event) && !stream_device_port_event(sin, event))
        g_warning("spice_server_port_event: the %s device is no port that is added", sin->subtype);
}
