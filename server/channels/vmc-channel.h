/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VmcChannel: the bytes of a character device as a channel of its own: usbredir, webdav, and ports.
 *
 * Each added device is a channel with the lowest free id of its type; one client at a time. Host context.
 */
#pragma once

#include "server/core/server.h"

/* Is this device a channel of this family (added or not)? */
bool vmc_channel_serves(const SpiceCharDeviceInstance *instance);
/* Makes the channel. False with an error if all ids are taken, or the instance is added already. */
bool vmc_channel_add(RedsState *server, SpiceCharDeviceInstance *instance, GError **error);
/* Drops the client and the channel. The instance was added. */
void vmc_channel_remove(SpiceCharDeviceInstance *instance);
void vmc_channel_free_all(RedsState *server);

/* The guest opened or closed the port, or sent a break: SPICE_PORT_EVENT_*. False if it is no added port. */
bool vmc_channel_port_event(SpiceCharDeviceInstance *instance, uint8_t event);
