/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/inputs-channel.h"

#include "server/core/channel-client.h"

#include <spice/protocol.h>

struct InputsChannel {
    Channel channel;
};

static const ChannelOps inputs_ops = {
    .client_size = sizeof(ChannelClient),
    .max_message = 2048,
};

InputsChannel *inputs_channel_new(RedsState *server)
{
    InputsChannel *inputs = g_new0(InputsChannel, 1);

    channel_init(&inputs->channel, server, &inputs_ops, SPICE_CHANNEL_INPUTS, 0, server->loop, NULL);
    return inputs;
}

void inputs_channel_free(InputsChannel *inputs)
{
    channel_destroy(&inputs->channel);
    g_free(inputs);
}

void inputs_channel_set_leds(InputsChannel *inputs, int leds)
{
}
