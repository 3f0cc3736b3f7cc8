/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The counted list of ChannelWait that WAIT_FOR_CHANNELS and INVAL_ALL_PIXMAPS share. For the .c files of messages
 * only.
 */
#pragma once

#include "common/wire/msg-common.h"

#define CHANNEL_WAIT_WIRE_SIZE 10

void channel_waits_write(WireWriter *w, const ChannelWait *waits, uint8_t n);
/* Gives the count; `*waits` is owned by the caller, and NULL when the reader failed. */
uint8_t channel_waits_read(WireReader *r, ChannelWait **waits);
