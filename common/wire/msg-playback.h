/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the playback channel, all from the server. STOP has no body. Times are milliseconds of the multimedia
 * clock. VOLUME and MUTE have the same layout on the record channel.
 */
#pragma once

#include "common/wire/msg.h"

/* RAW: interleaved 16 bit samples, little endian. OPUS: one packet. */
typedef struct MsgPlaybackData {
    uint32_t time; /* of the first sample */
    uint32_t data_size;
    const uint8_t *data;
} MsgPlaybackData;
MSG_DECLARE(MsgPlaybackData, msg_playback_data);

typedef struct MsgPlaybackMode {
    uint32_t time;
    uint16_t mode; /* SPICE_AUDIO_DATA_MODE_*; bytes behind it belonged to a codec of the past */
} MsgPlaybackMode;
MSG_DECLARE(MsgPlaybackMode, msg_playback_mode);

typedef struct MsgPlaybackStart {
    uint32_t channels;
    uint16_t format; /* SPICE_AUDIO_FMT_* */
    uint32_t frequency;
    uint32_t time;
} MsgPlaybackStart;
MSG_DECLARE(MsgPlaybackStart, msg_playback_start);

typedef struct MsgAudioVolume {
    uint8_t nchannels;
    uint16_t volume[UINT8_MAX]; /* 0..65535, of each channel */
} MsgAudioVolume;
MSG_DECLARE(MsgAudioVolume, msg_audio_volume);

typedef struct MsgAudioMute {
    uint8_t mute; /* 0 or 1 */
} MsgAudioMute;
MSG_DECLARE(MsgAudioMute, msg_audio_mute);

typedef struct MsgPlaybackLatency {
    uint32_t latency_ms; /* that the client shall buffer at least */
} MsgPlaybackLatency;
MSG_DECLARE(MsgPlaybackLatency, msg_playback_latency);
