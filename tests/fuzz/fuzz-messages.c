/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of clients and servers: the first two bytes choose which decoder reads the rest. */
#include "common/image/lz.h"
#include "common/wire/header.h"
#include "common/wire/link.h"
#include "common/wire/msg-common.h"
#include "common/wire/msg-cursor.h"
#include "common/wire/msg-display.h"
#include "common/wire/msg-draw.h"
#include "common/wire/msg-inputs.h"
#include "common/wire/msg-main.h"
#include "common/wire/msg-vmc.h"

#include <spice/enums.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DECODE(Type, name)                                                                                             \
    {                                                                                                                  \
        Type m;                                                                                                        \
        name##_decode(r, &m, NULL);                                                                                    \
        break;                                                                                                         \
    }
#define DECODE_CLEAR(Type, name)                                                                                       \
    {                                                                                                                  \
        Type m;                                                                                                        \
        if (name##_decode(r, &m, NULL))                                                                                \
            name##_clear(&m);                                                                                          \
        break;                                                                                                         \
    }

static void decode_client(unsigned choice, WireReader *r)
{
    switch (choice % 9) {
    case 0:
        DECODE_CLEAR(LinkMess, link_mess)
    case 1:
        DECODE(MsgcDisplayInit, msgc_display_init)
    case 2:
        DECODE(MsgcDisplayStreamReport, msgc_display_stream_report)
    case 3:
        DECODE(MsgcDisplayPreferredVideoCodecType, msgc_display_preferred_video_codec_type)
    case 4:
        DECODE(MsgcInputsMousePosition, msgc_inputs_mouse_position)
    case 5:
        DECODE(MsgcMainMigrateDstDoSeamless, msgc_main_migrate_dst_do_seamless)
    case 6:
        DECODE(MsgcPong, msgc_pong)
    case 7:
        DECODE(MsgSpicevmcCompressedData, msg_spicevmc_compressed_data)
    default:
        DECODE(MsgcInputsMouseMotion, msgc_inputs_mouse_motion)
    }
}

static void decode_server(unsigned choice, WireReader *r)
{
    switch (choice % 8) {
    case 0:
        DECODE_CLEAR(LinkReply, link_reply)
    case 1:
        DECODE_CLEAR(MsgWaitForChannels, msg_wait_for_channels)
    case 2:
        DECODE_CLEAR(MsgDisplayInvalList, msg_display_inval_list)
    case 3:
        DECODE_CLEAR(MsgDisplayMonitorsConfig, msg_display_monitors_config)
    case 4:
        DECODE(MsgCursorSet, msg_cursor_set)
    case 5:
        DECODE(MsgMainMigrateBeginSeamless, msg_main_migrate_begin_seamless)
    case 6:
        DECODE_CLEAR(MsgMainChannelsList, msg_main_channels_list)
    default:
        DECODE_CLEAR(MsgDisplayStreamClip, msg_display_stream_clip)
    }
}

static void decode_list(const uint8_t *data, size_t size)
{
    SubMessageIter it;
    SubMessage sub;

    if (sub_message_iter_init(&it, data, size, 0, NULL))
        while (sub_message_iter_next(&it, &sub, NULL))
            ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WireReader r;

    if (size < 2)
        return 0;
    r = wire_reader(data + 2, size - 2);
    switch (data[0] % 5) {
    case 0:
        decode_client(data[1], &r);
        break;
    case 1:
        decode_server(data[1], &r);
        break;
    case 2: {
        MsgDraw draw;

        if (msg_draw_decode((uint16_t)(SPICE_MSG_DISPLAY_DRAW_FILL + data[1] % 17), data + 2, size - 2, &draw, NULL))
            msg_draw_clear(&draw);
        break;
    }
    case 3: {
        LzInfo info;
        GBytes *pixels = lz_decode(data + 2, size - 2, &info, NULL);

        g_clear_pointer(&pixels, g_bytes_unref);
        break;
    }
    default:
        decode_list(data + 2, size - 2);
        break;
    }
    return 0;
}
