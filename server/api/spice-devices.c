/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices: hosts load and run, the devices are not there yet. */
#include "server/api/api.h"

const char **spice_server_char_device_recognized_subtypes(void)
{
    static const char *subtypes[] = {"vdagent", "smartcard", "usbredir", NULL};

    return subtypes;
}

void spice_server_char_device_wakeup(SpiceCharDeviceInstance *sin)
{
    API_NOT_IMPLEMENTED();
}

void spice_server_port_event(SpiceCharDeviceInstance *sin, uint8_t event)
{
    API_NOT_IMPLEMENTED();
}
