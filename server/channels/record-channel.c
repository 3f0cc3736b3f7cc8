/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/record-channel.h"

#include "common/wire/msg-record.h"
#include "server/channels/sound-channel.h"
#include "server/channels/sound-codec.h"
#include "server/channels/sound-ring.h"

#include <spice/protocol.h>

/* A client sends frames of 10 ms, 2 kB; what does not fit into the ring is lost anyway. */
#define MESSAGE_MAX (256 * 1024)

struct SpiceRecordState {
    SoundChannel sound; /* first */
    SoundRing ring;
};

typedef struct RecordClient {
    SoundClient sound;     /* first */
    SoundDecoder *decoder; /* NULL: the mode is not known; what comes is dropped */
} RecordClient;

static void send_start(SoundClient *sound)
{
    g_auto(WireWriter) body = {0};
    MsgRecordStart m = {SOUND_CHANNELS, SPICE_AUDIO_FMT_S16, sound->frequency};

    msg_record_start_encode(&body, &m);
    channel_client_send(&sound->cc, SPICE_MSG_RECORD_START, &body, 0);
}

static void record_send(SoundClient *sound)
{
    bool active = ((SoundChannel *)sound->cc.channel)->active;

    if (active && !sound->started)
        send_start(sound);
    else if (!active && sound->started)
        sound_client_send_empty(sound, SPICE_MSG_RECORD_STOP);
    sound->started = active;
    sound_client_send_mixer(sound);
}

/* --- what the host does --- */

static void set_active(RecordChannel *record, bool active)
{
    SoundClient *client = sound_channel_client(&record->sound);

    record->sound.active = active;
    if (client)
        sound_client_wake(client);
}

void record_channel_start(RecordChannel *record)
{
    if (!record->sound.active)
        sound_ring_start(&record->ring);
    set_active(record, true);
}

void record_channel_stop(RecordChannel *record)
{
    set_active(record, false);
}

uint32_t record_channel_get_samples(RecordChannel *record, uint32_t *pairs, uint32_t max)
{
    if (!record->sound.active || !record->sound.channel.clients)
        return 0;
    return sound_ring_read(&record->ring, pairs, max);
}

void record_channel_set_rate(RecordChannel *record, uint32_t hz)
{
    sound_channel_set_rate(&record->sound, hz, SPICE_RECORD_CAP_OPUS);
}

void record_channel_set_volume(RecordChannel *record, uint8_t n, const uint16_t *volume)
{
    sound_channel_set_volume(&record->sound, n, volume);
}

void record_channel_set_mute(RecordChannel *record, bool mute)
{
    sound_channel_set_mute(&record->sound, mute);
}

/* --- what the client sends --- */

static bool handle_mode(RecordClient *client, WireReader *r, GError **error)
{
    SoundDecoder *decoder;
    MsgcRecordMode m;

    if (!msgc_record_mode_decode(r, &m, error))
        return false;
    decoder = sound_decoder_new(m.mode, client->sound.frequency, error);
    if (!decoder)
        return false;
    sound_decoder_free(client->decoder);
    client->decoder = decoder;
    return true;
}

static bool handle_data(RecordClient *client, WireReader *r, GError **error)
{
    RecordChannel *record = (RecordChannel *)client->sound.cc.channel;
    const uint8_t *pairs;
    size_t n;
    MsgcRecordData m;

    if (!msgc_record_data_decode(r, &m, error))
        return false;
    if (!client->decoder)
        return true;
    if (!sound_decoder_decode(client->decoder, m.data, m.data_size, &pairs, &n, error))
        return false;
    sound_ring_write(&record->ring, pairs, n);
    return true;
}

static bool record_handle(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    RecordClient *client = (RecordClient *)cc;
    WireReader r = wire_reader(body, size);
    MsgcRecordStartMark mark;

    switch (type) {
    case SPICE_MSGC_RECORD_DATA:
        return handle_data(client, &r, error);
    case SPICE_MSGC_RECORD_MODE:
        return handle_mode(client, &r, error);
    case SPICE_MSGC_RECORD_START_MARK:
        return msgc_record_start_mark_decode(&r, &mark, error); /* nobody wants the time */
    case SPICE_MSGC_PONG:
        return true;
    default:
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u is not known here", type);
        return false;
    }
}

/* --- life --- */

static void record_connected(ChannelClient *cc)
{
    RecordClient *client = (RecordClient *)cc;

    sound_client_init(&client->sound);
    sound_ring_start(&((RecordChannel *)cc->channel)->ring);
    /* Of what a client recorded for another host the mode is not known here. It says it anew after START. */
    if (!cc->link.migration)
        client->decoder = sound_decoder_new(SPICE_AUDIO_DATA_MODE_RAW, client->sound.frequency, NULL);
    sound_client_tell_mixer(&client->sound);
    sound_client_wake(&client->sound);
}

static void record_disconnected(ChannelClient *cc)
{
    g_clear_pointer(&((RecordClient *)cc)->decoder, sound_decoder_free);
}

static const ChannelOps record_ops = {
    .client_size = sizeof(RecordClient),
    .newest_only = true,
    .max_message = MESSAGE_MAX,
    .connected = record_connected,
    .disconnected = record_disconnected,
    .handle = record_handle,
    .participant = {.name = "record"},
};

RecordChannel *record_channel_new(RedsState *server)
{
    RecordChannel *record = g_new0(RecordChannel, 1);

    sound_channel_init(&record->sound, server, &record_ops, SPICE_CHANNEL_RECORD, record_send, SPICE_MSG_RECORD_VOLUME);
    return record;
}

void record_channel_free(RecordChannel *record)
{
    record->sound.channel.server->record = NULL;
    channel_destroy(&record->sound.channel);
    g_free(record);
}
