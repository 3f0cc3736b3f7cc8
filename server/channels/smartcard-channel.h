/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SmartcardChannel: one smartcard reader of the client as the card device of the host.
 *
 * There is one channel with one reader, number 0. The client that came first holds it until it leaves. The host may
 * take its device away and plug it in again: the channel stays, the client does not notice, and the new device is told
 * what the client had said of reader and card. Host context.
 */
#pragma once

#include "server/core/server.h"

typedef struct SmartcardChannel SmartcardChannel;

/* Is this a card device (added or not)? */
bool smartcard_channel_serves(const SpiceCharDeviceInstance *instance);
/* Adds the device; the first one makes the channel. False with an error if there is one, or it is added already. */
bool smartcard_channel_add(RedsState *server, SpiceCharDeviceInstance *instance, GError **error);
/* The instance was added. */
void smartcard_channel_remove(SpiceCharDeviceInstance *instance);
void smartcard_channel_free(SmartcardChannel *card);
