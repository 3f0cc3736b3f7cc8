/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/sound-channel.h"

#include "server/channels/sound-codec.h"
#include "server/net/stream.h"

#include <spice/protocol.h>

G_STATIC_ASSERT((int)SPICE_PLAYBACK_CAP_VOLUME == (int)SPICE_RECORD_CAP_VOLUME);
#define CAP_VOLUME SPICE_PLAYBACK_CAP_VOLUME

typedef struct WakeItem {
    PipeItem item;
    SoundClient *client; /* outlives its queue */
} WakeItem;

void sound_channel_init(SoundChannel *sound, RedsState *server, const ChannelOps *ops, uint8_t type,
                        void (*send)(SoundClient *client), uint16_t volume_type)
{
    sound->send = send;
    sound->volume_type = volume_type;
    sound->frequency = SOUND_BEST_RATE;
    sound->channel.caps = 1u << CAP_VOLUME;
    channel_init(&sound->channel, server, ops, type, 0, server->loop, NULL);
}

SoundClient *sound_channel_client(const SoundChannel *sound)
{
    SoundClient *client = sound->channel.clients ? sound->channel.clients->data : NULL;

    return client && !client->cc.migrating ? client : NULL;
}

void sound_channel_set_rate(SoundChannel *sound, uint32_t hz, unsigned opus_cap)
{
    if (hz == 0) {
        g_warning("a sample rate of 0 Hz is ignored");
        return;
    }
    sound->frequency = hz;
    sound->channel.caps = 1u << CAP_VOLUME | (sound_rate_is_opus(hz) ? 1u << opus_cap : 0);
}

void sound_channel_set_volume(SoundChannel *sound, uint8_t n, const uint16_t *volume)
{
    SoundClient *client = sound_channel_client(sound);

    sound->volume.nchannels = n;
    for (unsigned i = 0; i < n; i++)
        sound->volume.volume[i] = volume[i];
    sound->volume_set = true;
    if (client) {
        client->tell_volume = true;
        sound_client_wake(client);
    }
}

void sound_channel_set_mute(SoundChannel *sound, bool mute)
{
    SoundClient *client = sound_channel_client(sound);

    sound->mute.mute = mute;
    sound->mute_set = true;
    if (client) {
        client->tell_mute = true;
        sound_client_wake(client);
    }
}

void sound_client_init(SoundClient *client)
{
    const SoundChannel *sound = (SoundChannel *)client->cc.channel;

    client->frequency = sound->frequency;
    stream_set_low_latency(client->cc.link.stream, !client->cc.link.low_bandwidth);
}

void sound_client_tell_mixer(SoundClient *client)
{
    const SoundChannel *sound = (SoundChannel *)client->cc.channel;

    client->tell_volume = sound->volume_set;
    client->tell_mute = sound->volume_set || sound->mute_set;
}

static void wake_item_send(ChannelClient *cc, PipeItem *item)
{
    ((SoundChannel *)cc->channel)->send((SoundClient *)cc);
}

static void wake_item_free(PipeItem *item)
{
    ((WakeItem *)item)->client->awake = false;
    g_free(item);
}

static const PipeItemOps wake_item_ops = {wake_item_send, wake_item_free};

void sound_client_wake(SoundClient *client)
{
    WakeItem *wake;

    if (client->awake)
        return;
    client->awake = true;
    wake = g_new0(WakeItem, 1);
    pipe_item_init(&wake->item, &wake_item_ops);
    wake->client = client;
    channel_client_push(&client->cc, &wake->item);
}

void sound_client_send_mixer(SoundClient *client)
{
    const SoundChannel *sound = (SoundChannel *)client->cc.channel;
    bool can = channel_client_has_cap(&client->cc, CAP_VOLUME);
    g_auto(WireWriter) body = {0};

    if (client->tell_volume && can && sound->volume.nchannels) {
        msg_audio_volume_encode(&body, &sound->volume);
        channel_client_send(&client->cc, sound->volume_type, &body, 0);
    }
    if (client->tell_mute && can) {
        msg_audio_mute_encode(&body, &sound->mute);
        channel_client_send(&client->cc, (uint16_t)(sound->volume_type + 1), &body, 0);
    }
    client->tell_volume = client->tell_mute = false;
}

void sound_client_send_empty(SoundClient *client, uint16_t type)
{
    g_auto(WireWriter) body = {0};

    channel_client_send(&client->cc, type, &body, 0);
}
