/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/playback-channel.h"

#include "server/channels/main-channel.h"
#include "server/channels/sound-channel.h"
#include "server/channels/sound-frames.h"

#include <spice/protocol.h>

/* Clients send common messages only. */
#define MESSAGE_MAX 1024
#define MODE_UNKNOWN 0

struct SpicePlaybackState {
    SoundChannel sound; /* first */
};

typedef struct PlaybackClient {
    SoundClient sound; /* first */
    FramePool *frames;
    uint16_t mode;         /* SPICE_AUDIO_DATA_MODE_* that the client was told */
    SoundEncoder *encoder; /* in Opus mode, from START on */
    bool greet;            /* the mode is to be told before there is anything to play */
    bool tell_latency;
    MsgPlaybackLatency latency;
} PlaybackClient;

static PlaybackClient *client_of(const PlaybackChannel *playback)
{
    return (PlaybackClient *)sound_channel_client(&playback->sound);
}

/* --- messages --- */

static uint16_t wanted_mode(const PlaybackClient *client)
{
    const ChannelClient *cc = &client->sound.cc;
    bool opus = cc->channel->server->config.playback_compression &&
                channel_client_has_cap(cc, SPICE_PLAYBACK_CAP_OPUS) && sound_rate_is_opus(client->sound.frequency);

    return opus ? SPICE_AUDIO_DATA_MODE_OPUS : SPICE_AUDIO_DATA_MODE_RAW;
}

static void send_mode(PlaybackClient *client)
{
    g_auto(WireWriter) body = {0};
    MsgPlaybackMode m = {server_mm_time(), wanted_mode(client)};

    if (client->mode == m.mode)
        return;
    client->mode = m.mode;
    msg_playback_mode_encode(&body, &m);
    channel_client_send(&client->sound.cc, SPICE_MSG_PLAYBACK_MODE, &body, 0);
}

/* The client makes its decoder at START, from the mode that it was told before. */
static void send_start(PlaybackClient *client)
{
    g_auto(WireWriter) body = {0};
    MsgPlaybackStart m = {SOUND_CHANNELS, SPICE_AUDIO_FMT_S16, client->sound.frequency, 0};

    send_mode(client);
    m.time = server_mm_time();
    msg_playback_start_encode(&body, &m);
    channel_client_send(&client->sound.cc, SPICE_MSG_PLAYBACK_START, &body, 0);
    client->sound.started = true;
    g_clear_pointer(&client->encoder, sound_encoder_free);
    if (client->mode == SPICE_AUDIO_DATA_MODE_OPUS)
        client->encoder = sound_encoder_new(client->sound.frequency);
}

static void send_stop(PlaybackClient *client)
{
    sound_client_send_empty(&client->sound, SPICE_MSG_PLAYBACK_STOP);
    client->sound.started = false;
}

static void send_frame(PlaybackClient *client, const uint32_t *samples, uint32_t time)
{
    uint8_t packet[SOUND_PACKET_MAX_BYTES];
    g_auto(WireWriter) body = {0};
    MsgPlaybackData m = {time, SOUND_FRAME_PAIRS * SOUND_PAIR_BYTES, (const uint8_t *)samples};

    if (client->mode != wanted_mode(client)) { /* the host has switched compression on or off */
        send_stop(client);
        send_start(client);
    }
    if (client->encoder) {
        m.data_size = (uint32_t)sound_encoder_encode(client->encoder, samples, packet);
        m.data = packet;
        if (m.data_size == 0)
            return;
    }
    msg_playback_data_encode(&body, &m);
    channel_client_send(&client->sound.cc, SPICE_MSG_PLAYBACK_DATA, &body, 0);
}

static void send_latency(PlaybackClient *client)
{
    g_auto(WireWriter) body = {0};

    msg_playback_latency_encode(&body, &client->latency);
    channel_client_send(&client->sound.cc, SPICE_MSG_PLAYBACK_LATENCY, &body, 0);
    client->tell_latency = false;
}

/* START before the first frame, STOP after the last one. */
static void playback_send(SoundClient *sound)
{
    PlaybackClient *client = (PlaybackClient *)sound;
    bool active = ((SoundChannel *)sound->cc.channel)->active;
    const uint32_t *samples;
    uint32_t time;

    if (client->greet)
        send_mode(client);
    client->greet = false;
    if (active && !sound->started)
        send_start(client);
    samples = frame_pool_pending(client->frames, &time);
    if (samples && sound->started)
        send_frame(client, samples, time);
    frame_pool_drop_pending(client->frames);
    if (!active && sound->started)
        send_stop(client);
    sound_client_send_mixer(sound);
    if (client->tell_latency)
        send_latency(client);
}

/* --- what the host does --- */

static void update_clock(PlaybackChannel *playback)
{
    bool plays = playback->sound.active && playback->sound.channel.clients;

    main_channel_set_mm_time(playback->sound.channel.server->main, !plays);
}

void playback_channel_start(PlaybackChannel *playback)
{
    PlaybackClient *client = client_of(playback);

    playback->sound.active = true;
    update_clock(playback);
    if (client)
        sound_client_wake(&client->sound);
}

void playback_channel_stop(PlaybackChannel *playback)
{
    PlaybackClient *client = client_of(playback);

    playback->sound.active = false;
    update_clock(playback);
    if (!client)
        return;
    if (client->sound.started)
        sound_client_wake(&client->sound);
    else
        frame_pool_drop_pending(client->frames); /* nor will the START that was not sent */
}

uint32_t *playback_channel_get_buffer(PlaybackChannel *playback, uint32_t *n)
{
    PlaybackClient *client = client_of(playback);
    uint32_t *samples = client && playback->sound.active ? frame_pool_take(client->frames) : NULL;

    *n = samples ? SOUND_FRAME_PAIRS : 0;
    return samples;
}

void playback_channel_put_samples(PlaybackChannel *playback, uint32_t *samples)
{
    FramePool *pool = frame_pool_put(samples, server_mm_time());
    PlaybackClient *client = playback ? client_of(playback) : NULL;

    if (!pool)
        return;
    if (client && client->frames == pool && playback->sound.active)
        sound_client_wake(&client->sound);
    else
        frame_pool_drop_pending(pool);
}

void playback_channel_set_rate(PlaybackChannel *playback, uint32_t hz)
{
    sound_channel_set_rate(&playback->sound, hz, SPICE_PLAYBACK_CAP_OPUS);
}

void playback_channel_set_volume(PlaybackChannel *playback, uint8_t n, const uint16_t *volume)
{
    sound_channel_set_volume(&playback->sound, n, volume);
}

void playback_channel_set_mute(PlaybackChannel *playback, bool mute)
{
    sound_channel_set_mute(&playback->sound, mute);
}

void playback_channel_set_latency(PlaybackChannel *playback, uint32_t ms)
{
    PlaybackClient *client = client_of(playback);

    if (!client || !playback->sound.active || !channel_client_has_cap(&client->sound.cc, SPICE_PLAYBACK_CAP_LATENCY))
        return;
    client->latency.latency_ms = ms;
    client->tell_latency = true;
    sound_client_wake(&client->sound);
}

/* --- life --- */

static void playback_connected(ChannelClient *cc)
{
    PlaybackClient *client = (PlaybackClient *)cc;

    sound_client_init(&client->sound);
    client->frames = frame_pool_new();
    client->mode = MODE_UNKNOWN;
    update_clock((PlaybackChannel *)cc->channel);
    /* A client that comes from another host knows mode and volume from there. That host's settings may differ from
     * these: so it is told the mode once there is something to play. */
    if (!cc->link.migration) {
        client->greet = true;
        sound_client_tell_mixer(&client->sound);
    }
    sound_client_wake(&client->sound);
}

static void playback_disconnected(ChannelClient *cc)
{
    PlaybackClient *client = (PlaybackClient *)cc;

    g_clear_pointer(&client->frames, frame_pool_release);
    g_clear_pointer(&client->encoder, sound_encoder_free);
    update_clock((PlaybackChannel *)cc->channel);
}

static const ChannelOps playback_ops = {
    .client_size = sizeof(PlaybackClient),
    .newest_only = true,
    .max_message = MESSAGE_MAX,
    .connected = playback_connected,
    .disconnected = playback_disconnected,
    .participant = {.name = "playback"},
};

PlaybackChannel *playback_channel_new(RedsState *server)
{
    PlaybackChannel *playback = g_new0(PlaybackChannel, 1);

    sound_channel_init(&playback->sound, server, &playback_ops, SPICE_CHANNEL_PLAYBACK, playback_send,
                       SPICE_MSG_PLAYBACK_VOLUME);
    return playback;
}

void playback_channel_free(PlaybackChannel *playback)
{
    playback->sound.channel.server->playback = NULL;
    channel_destroy(&playback->sound.channel);
    g_free(playback);
}
