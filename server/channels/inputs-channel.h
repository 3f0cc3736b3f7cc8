/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inputs channel: keyboard and mouse of the clients to the host's interfaces. Host context. */
#pragma once

#include "server/core/server.h"

typedef struct InputsChannel InputsChannel;

InputsChannel *inputs_channel_new(RedsState *server);
void inputs_channel_free(InputsChannel *inputs);

/* The guest's keyboard leds changed: SPICE_KEYBOARD_MODIFIER_FLAGS_*. */
void inputs_channel_set_leds(InputsChannel *inputs, int leds);
