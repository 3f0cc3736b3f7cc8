/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Playback and record messages; bytes of a running server where there are any. */
#include "common/wire/msg-playback.h"
#include "common/wire/msg-record.h"
#include "tests/unit/wire-check.h"

#include <spice/enums.h>

WIRE_PROBE(MsgPlaybackData, msg_playback_data)
WIRE_PROBE(MsgPlaybackMode, msg_playback_mode)
WIRE_PROBE(MsgPlaybackStart, msg_playback_start)
WIRE_PROBE(MsgAudioVolume, msg_audio_volume)
WIRE_PROBE(MsgAudioMute, msg_audio_mute)
WIRE_PROBE(MsgPlaybackLatency, msg_playback_latency)
WIRE_PROBE(MsgRecordStart, msg_record_start)
WIRE_PROBE(MsgcRecordData, msgc_record_data)
WIRE_PROBE(MsgcRecordMode, msgc_record_mode)
WIRE_PROBE(MsgcRecordStartMark, msgc_record_start_mark)

static void test_playback(void)
{
    static const uint8_t samples[] = {1, 2, 3, 4, 5, 6, 7, 8};

    WIRE_CASE(MsgPlaybackData, msg_playback_data, WIRE_CUT_TAIL, "04030201 0102030405060708", 0x01020304, 8, samples);
    WIRE_CASE(MsgPlaybackData, msg_playback_data, WIRE_CUT_TAIL, "04030201", 0x01020304, 0, samples);
    WIRE_CASE(MsgPlaybackMode, msg_playback_mode, WIRE_CUT_NEVER, "da3b2300 0300", 0x00233bda,
              SPICE_AUDIO_DATA_MODE_OPUS);
    WIRE_CASE(MsgPlaybackStart, msg_playback_start, WIRE_CUT_NEVER, "02000000 0100 80bb0000 3b3e2300", 2,
              SPICE_AUDIO_FMT_S16, 48000, 0x00233e3b);
    WIRE_CASE(MsgPlaybackLatency, msg_playback_latency, WIRE_CUT_NEVER, "90010000", 400);
}

static void test_volume(void)
{
    static MsgAudioVolume all = {.nchannels = UINT8_MAX};
    g_auto(WireWriter) w = {0};

    WIRE_CASE(MsgAudioVolume, msg_audio_volume, WIRE_CUT_NEVER, "02 3075 409c", 2, {30000, 40000});
    WIRE_CASE(MsgAudioVolume, msg_audio_volume, WIRE_CUT_NEVER, "00", 0);
    WIRE_CASE(MsgAudioMute, msg_audio_mute, WIRE_CUT_NEVER, "01", 1);
    for (unsigned i = 0; i < UINT8_MAX; i++)
        all.volume[i] = (uint16_t)(i * 257);
    msg_audio_volume_encode(&w, &all);
    g_assert_cmpuint(w.size, ==, 1 + 2 * UINT8_MAX);
    wire_check_body(probe_msg_audio_volume, w.data, w.size, WIRE_CUT_NEVER);
}

static void test_record(void)
{
    static const uint8_t packet[] = {0xfc, 0xff, 0xfe};

    WIRE_CASE(MsgRecordStart, msg_record_start, WIRE_CUT_NEVER, "02000000 0100 80bb0000", 2, SPICE_AUDIO_FMT_S16,
              48000);
    WIRE_CASE(MsgcRecordData, msgc_record_data, WIRE_CUT_TAIL, "78563412 fcfffe", 0x12345678, 3, packet);
    WIRE_CASE(MsgcRecordMode, msgc_record_mode, WIRE_CUT_NEVER, "78563412 0100", 0x12345678, SPICE_AUDIO_DATA_MODE_RAW);
    WIRE_CASE(MsgcRecordStartMark, msgc_record_start_mark, WIRE_CUT_NEVER, "78563412", 0x12345678);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wire/sound/playback", test_playback);
    g_test_add_func("/wire/sound/volume", test_volume);
    g_test_add_func("/wire/sound/record", test_record);
    return g_test_run();
}
