/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Port: a character device of subtype "port", the guest agent's ("vdagent"), or a smartcard reader's ("smartcard"),
 * with the test driver as its guest. What the guest gets is printed as events. Main loop only.
 */
#pragma once

#include <spice.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Port Port;

/* Adds it to the server; a port is opened by the guest. */
Port *port_new(SpiceServer *server, const char *subtype, const char *name);
void port_remove(Port *port); /* NULL is allowed */
const char *port_name(const Port *port);

/* The guest writes these bytes; false if they are no hex digits. */
bool port_send(Port *port, const char *hex);
/* The guest takes so many more bytes, -1: any number. */
void port_set_room(Port *port, int64_t room);
/* What the guest wrote and the library has not read, in hex; it is gone from here. */
char *port_take_rest(Port *port);
