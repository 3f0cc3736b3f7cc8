/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SoundChannel: what playback and record have in common: one connection for the whole server (a new one takes over), a
 * rate, a volume, and messages that stand for a state rather than wait in line: of several changes that could not be
 * sent yet the client hears only the outcome. Host context.
 */
#pragma once

#include "common/wire/msg-playback.h"
#include "server/core/channel-client.h"
#include "server/core/server.h"

typedef struct SoundClient SoundClient;

typedef struct SoundChannel {
    Channel channel; /* first */
    /* Called when the line is free after sound_client_wake(): sends whatever the client does not know yet. */
    void (*send)(SoundClient *client);
    uint16_t volume_type; /* message number of VOLUME; MUTE is the next one */
    bool active;          /* the host has started it */
    uint32_t frequency;   /* Hz; for connections to come */
    MsgAudioVolume volume;
    MsgAudioMute mute;
    bool volume_set, mute_set;
} SoundChannel;

struct SoundClient {
    ChannelClient cc; /* first */
    uint32_t frequency;
    bool started; /* START was sent, STOP was not */
    bool tell_volume, tell_mute;
    bool awake; /* waits in the queue to be called */
};

void sound_channel_init(SoundChannel *sound, RedsState *server, const ChannelOps *ops, uint8_t type,
                        void (*send)(SoundClient *client), uint16_t volume_type);
/* The connection, NULL if there is none or it is on its way to another host. */
SoundClient *sound_channel_client(const SoundChannel *sound);
void sound_channel_set_volume(SoundChannel *sound, uint8_t n, const uint16_t *volume);
void sound_channel_set_mute(SoundChannel *sound, bool mute);
/* The capability word: VOLUME, and `opus_cap` if the channel's rate allows it. */
void sound_channel_set_rate(SoundChannel *sound, uint32_t hz, unsigned opus_cap);

/* For ChannelOps.connected: socket options and rate. */
void sound_client_init(SoundClient *client);
/* Volume and mute are to be told, as far as the host has ever set them. */
void sound_client_tell_mixer(SoundClient *client);
/* Has the channel's send() called as soon as the line is free: perhaps at once. */
void sound_client_wake(SoundClient *client);
/* From send(): VOLUME and MUTE, if they are to be told. */
void sound_client_send_mixer(SoundClient *client);
/* From send(). */
void sound_client_send_empty(SoundClient *client, uint16_t type);
