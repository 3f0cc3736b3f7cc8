/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver of the virtio-serial device for the bare guest: its ports by name, polled. Queues and buffers lie in the
 * guest's memory, so what is on its way migrates with it. (Virtual I/O Device specification 1.1, legacy
 * interface, 5.3.)
 */
#pragma once

#include "machine.h"

#define VIRTIO_PORTS 6                  /* with numbers below that */
#define VIRTIO_SEND_SIZE (80u * 1024)   /* of a buffer to be sent, bytes */
#define VIRTIO_RECEIVE_SIZE (4u * 1024) /* of one to be filled */

typedef struct VirtioPort VirtioPort;

/* Finds the device and tells it that there is a driver. 0 on success, also when it was done before. */
int virtio_serial_init(void);
/* Learns which ports there are, and their names. */
void virtio_serial_poll(void);
/* NULL: no such port, or its name did not come yet. */
VirtioPort *virtio_port(unsigned number);
const char *virtio_port_name(const VirtioPort *port);

/* The guest's side of the port is open from now on, or closed. */
void virtio_port_open(VirtioPort *port, int open);
/* VIRTIO_SEND_SIZE bytes to be filled; NULL: the device has not taken what was sent before. */
uint8_t *virtio_port_space(VirtioPort *port);
/* Sends the first bytes of that space, one at least. */
void virtio_port_send(VirtioPort *port, uint32_t size);
/* The next bytes that came; NULL: none. They stay until virtio_port_taken(). */
const uint8_t *virtio_port_bytes(VirtioPort *port, uint32_t *size);
void virtio_port_taken(VirtioPort *port);
