/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-playback.h"

#include "common/wire/msg-fields.h"

void msg_playback_data_encode(WireWriter *w, const MsgPlaybackData *m)
{
    wire_write_u32(w, m->time);
    wire_write_bytes(w, m->data, m->data_size);
}

bool msg_playback_data_decode(WireReader *r, MsgPlaybackData *m, GError **error)
{
    m->time = wire_read_u32(r);
    m->data_size = (uint32_t)wire_reader_left(r);
    m->data = wire_read_bytes(r, m->data_size);
    return wire_reader_check(r, "MsgPlaybackData", error);
}

#define MODE(FIELD) FIELD(u32, time) FIELD(u16, mode)
MSG_FIXED(MsgPlaybackMode, msg_playback_mode, MODE)

#define START(FIELD) FIELD(u32, channels) FIELD(u16, format) FIELD(u32, frequency) FIELD(u32, time)
MSG_FIXED(MsgPlaybackStart, msg_playback_start, START)

void msg_audio_volume_encode(WireWriter *w, const MsgAudioVolume *m)
{
    wire_write_u8(w, m->nchannels);
    for (unsigned i = 0; i < m->nchannels; i++)
        wire_write_u16(w, m->volume[i]);
}

bool msg_audio_volume_decode(WireReader *r, MsgAudioVolume *m, GError **error)
{
    *m = (MsgAudioVolume){.nchannels = wire_read_u8(r)};
    for (unsigned i = 0; i < m->nchannels; i++)
        m->volume[i] = wire_read_u16(r);
    return wire_reader_check(r, "MsgAudioVolume", error);
}

#define MUTE(FIELD) FIELD(u8, mute)
MSG_FIXED(MsgAudioMute, msg_audio_mute, MUTE)

#define LATENCY(FIELD) FIELD(u32, latency_ms)
MSG_FIXED(MsgPlaybackLatency, msg_playback_latency, LATENCY)
