/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * StreamDevice: a port through which the guest itself sends its screen as a video. Clients get it as one more display
 * channel and cursor channel; see stream-display.h, stream-cursor.h, and for the guest's messages stream-reader.h.
 *
 * A guest that violates the protocol is told so (NOTIFY_ERROR); nothing more is taken from it until it has closed the
 * port and opened it again. Frames are read from the port only as fast as clients take them. Nothing of it is part of
 * a migration: at the destination the guest is asked to begin a new stream. Host context.
 */
#pragma once

#include "server/core/server.h"

bool stream_device_serves(const SpiceCharDeviceInstance *instance);
/* The channels come with the first client of the server, or when the guest opens the port: by then the ids of the QXL
 * devices are known. False with an error if the instance is added already. */
bool stream_device_add(RedsState *server, SpiceCharDeviceInstance *instance, GError **error);
void stream_device_remove(SpiceCharDeviceInstance *instance); /* it was added */
void stream_device_free_all(RedsState *server);

/* SPICE_PORT_EVENT_*. False if it is no added device of this kind. */
bool stream_device_port_event(SpiceCharDeviceInstance *instance, uint8_t event);

/* What the guest has said about the graphics device behind its stream; for the agent. */
typedef struct StreamDeviceInfo {
    uint8_t channel_id;
    uint32_t stream_id, display_id;
    const char *address;
} StreamDeviceInfo;

/* False: it is no such device, or has said nothing. */
bool stream_device_info(struct SpiceCharDeviceState *device, StreamDeviceInfo *info);
