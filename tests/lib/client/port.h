/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ports of the client: tells as events what comes ("port-data": port, hex) and whether they are open ("port": port,
 * opened), and writes in order.
 */
#pragma once

#include <spice-client.h>

/* A port (or webdav) channel has come up. */
void port_watch(SpiceChannel *channel);
/* Writes to the port of that name as soon as it is open and what was written before is out. False: no such port, or no
 * hex digits. */
gboolean port_write(SpiceSession *session, const char *name, const char *hex);
/* How a numbered stream is written: not at all; with a rest after each piece, so that little of it is under way; as
 * fast as it goes, which fills all buffers from here to the device. */
typedef enum PortSpeed { PORT_SILENT, PORT_PACED, PORT_FULL } PortSpeed;

/* From now on what comes is checked as a numbered stream instead of told as events, and another one is written. False:
 * no such port. */
gboolean port_stream(SpiceSession *session, const char *name, PortSpeed speed);
/* Answers port-counts, see numbers.h. False: the port is none with a numbered stream. */
gboolean port_answer_counts(SpiceSession *session, const char *name);
