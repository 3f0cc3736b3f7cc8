/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the record channel. STOP has no body; VOLUME and MUTE are those of msg-playback.h.
 */
#pragma once

#include "common/wire/msg.h"

typedef struct MsgRecordStart {
    uint32_t channels;
    uint16_t format; /* SPICE_AUDIO_FMT_* */
    uint32_t frequency;
} MsgRecordStart;
MSG_DECLARE(MsgRecordStart, msg_record_start);

/* RAW: interleaved 16 bit samples, little endian. OPUS: one packet. Times are of the client's clock. */
typedef struct MsgcRecordData {
    uint32_t time;
    uint32_t data_size;
    const uint8_t *data;
} MsgcRecordData;
MSG_DECLARE(MsgcRecordData, msgc_record_data);

typedef struct MsgcRecordMode {
    uint32_t time;
    uint16_t mode; /* SPICE_AUDIO_DATA_MODE_*; bytes behind it are ignored */
} MsgcRecordMode;
MSG_DECLARE(MsgcRecordMode, msgc_record_mode);

typedef struct MsgcRecordStartMark {
    uint32_t time;
} MsgcRecordStartMark;
MSG_DECLARE(MsgcRecordStartMark, msgc_record_start_mark);
