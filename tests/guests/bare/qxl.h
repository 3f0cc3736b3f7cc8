/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver of the QXL device for the bare guest: native mode, command and cursor rings, memory for commands in blocks.
 * What it draws arrives whole at the destination of a migration, also while it draws (see qxl.c).
 */
#pragma once

#include "machine.h"

#include <spice/enums.h>
#include <spice/qxl_dev.h>

#define SCREEN_WIDTH 1024
#define SCREEN_HEIGHT 768
#define QXL_BLOCK_SIZE (64 * 1024) /* one for each command and all that it refers to */

/* Finds and resets the device, makes memory slot and primary surface. 0 on success. */
int qxl_init(void);

/* A zeroed block, waiting for the device to release one if there is none left. To be pushed before the next one. */
void *qxl_block(void);
/* Address of something in the present block (or a surface's memory) for the device. */
QXLPHYSICAL qxl_address(const void *p);
/* Memory for surfaces: never given back, `index` is 0..63. */
void *qxl_surface_memory(unsigned index);

void qxl_push_command(uint32_t type, void *command);
void qxl_push_cursor(void *command);
/* Until the device has fetched everything. */
void qxl_drain(void);
/* Writes to one of the device's ports, QXL_IO_*. */
void qxl_io(uint8_t port, uint8_t value);
/* What the device and its driver share outside of the rings. */
QXLRam *qxl_ram(void);
