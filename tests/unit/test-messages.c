/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Common, main and inputs messages: every one with distinct values in every field. */
#include "common/wire/msg-common.h"
#include "common/wire/msg-inputs.h"
#include "common/wire/msg-main.h"
#include "common/wire/msg-vmc.h"
#include "tests/unit/wire-check.h"

#include <spice/enums.h>

WIRE_PROBE(MsgMigrate, msg_migrate)
WIRE_PROBE(MsgSetAck, msg_set_ack)
WIRE_PROBE(MsgPing, msg_ping)
WIRE_PROBE_CLEAR(MsgWaitForChannels, msg_wait_for_channels)
WIRE_PROBE(MsgNotify, msg_notify)
WIRE_PROBE(MsgcAckSync, msgc_ack_sync)
WIRE_PROBE(MsgcPong, msgc_pong)

static void test_common(void)
{
    static ChannelWait waits[] = {{2, 0, 9}, {4, 1, G_GUINT64_CONSTANT(0x0807060504030201)}};

    WIRE_CASE(MsgMigrate, msg_migrate, WIRE_CUT_NEVER, "03000000", 3);
    WIRE_CASE(MsgSetAck, msg_set_ack, WIRE_CUT_NEVER, "01000000 14000000", 1, 20);
    WIRE_CASE(MsgPing, msg_ping, WIRE_CUT_TAIL, "01000000 6ae84d7e00000000", 1, 0x7e4de86a, 0);
    WIRE_CASE(MsgPing, msg_ping, WIRE_CUT_TAIL, "01000000 6ae84d7e00000000 000000", 1, 0x7e4de86a, 3);
    WIRE_CASE(MsgWaitForChannels, msg_wait_for_channels, WIRE_CUT_NEVER, "00", 0, NULL);
    WIRE_CASE(MsgWaitForChannels, msg_wait_for_channels, WIRE_CUT_NEVER,
              "02 02 00 0900000000000000 04 01 0102030405060708", 2, waits);
    WIRE_CASE(MsgNotify, msg_notify, WIRE_CUT_TAIL,
              "26f260fdfa010000 01000000 02000000 00000000 1c000000 \"keyboard channel is insecure\" 00",
              G_GUINT64_CONSTANT(0x1fafd60f226), SPICE_NOTIFY_SEVERITY_WARN, SPICE_NOTIFY_VISIBILITY_HIGH, 0, 28,
              "keyboard channel is insecure");
    WIRE_CASE(MsgcAckSync, msgc_ack_sync, WIRE_CUT_NEVER, "01000000", 1);
    WIRE_CASE(MsgcPong, msgc_pong, WIRE_CUT_NEVER, "01000000 6ae84d7e00000000", 1, 0x7e4de86a);
}

static void test_disconnecting(void)
{
    static const uint8_t body[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0};
    WireReader r = wire_reader(body, sizeof(body));
    g_autoptr(GError) error = NULL;
    MsgDisconnecting m;

    g_assert_true(msg_disconnecting_decode(&r, &m, &error));
    g_assert_cmpuint(m.time_stamp, ==, G_GUINT64_CONSTANT(0x0807060504030201));
    g_assert_cmpuint(m.reason, ==, SPICE_LINK_ERR_CHANNEL_NOT_AVAILABLE);
    r = wire_reader(body, sizeof(body) - 1);
    g_assert_false(msg_disconnecting_decode(&r, &m, &error));
    g_assert_error(error, WIRE_ERROR, WIRE_ERROR_SHORT);
}

WIRE_PROBE(MsgMainInit, msg_main_init)
WIRE_PROBE_CLEAR(MsgMainChannelsList, msg_main_channels_list)
WIRE_PROBE(MsgMainMouseMode, msg_main_mouse_mode)
WIRE_PROBE(MsgMainMultiMediaTime, msg_main_multi_media_time)
WIRE_PROBE(MsgMainAgentDisconnected, msg_main_agent_disconnected)
WIRE_PROBE(MsgMainAgentToken, msg_main_agent_token)
WIRE_PROBE(MsgMainAgentConnectedTokens, msg_main_agent_connected_tokens)
WIRE_PROBE(MsgMainName, msg_main_name)
WIRE_PROBE(MsgMainUuid, msg_main_uuid)
WIRE_PROBE(MsgcMainMouseModeRequest, msgc_main_mouse_mode_request)
WIRE_PROBE(MsgcMainAgentStart, msgc_main_agent_start)
WIRE_PROBE(MsgcMainAgentToken, msgc_main_agent_token)
WIRE_PROBE(MsgcMainMigrateDstDoSeamless, msgc_main_migrate_dst_do_seamless)

static void test_main_channel(void)
{
    static ChannelId channels[] = {{6, 0}, {5, 0}, {8, 0}, {11, 0}, {10, 0}, {9, 0}, {3, 7}};

    WIRE_CASE(MsgMainInit, msg_main_init, WIRE_CUT_NEVER,
              "c01c8983 01000000 03000000 02000000 01000000 0a000000 26cb1a00 00e0ff02", 0x83891cc0, 1, 3, 2, 1, 10,
              0x1acb26, 0x2ffe000);
    WIRE_CASE(MsgMainChannelsList, msg_main_channels_list, WIRE_CUT_NEVER,
              "07000000 0600 0500 0800 0b00 0a00 0900 0307", 7, channels);
    WIRE_CASE(MsgMainMouseMode, msg_main_mouse_mode, WIRE_CUT_NEVER, "0300 0200", 3, 2);
    WIRE_CASE(MsgMainMultiMediaTime, msg_main_multi_media_time, WIRE_CUT_NEVER, "04030201", 0x01020304);
    WIRE_CASE(MsgMainAgentDisconnected, msg_main_agent_disconnected, WIRE_CUT_NEVER, "01000000", 1);
    WIRE_CASE(MsgMainAgentToken, msg_main_agent_token, WIRE_CUT_NEVER, "05000000", 5);
    WIRE_CASE(MsgMainAgentConnectedTokens, msg_main_agent_connected_tokens, WIRE_CUT_NEVER, "0a000000", 10);
    WIRE_CASE(MsgMainName, msg_main_name, WIRE_CUT_NEVER, "0a000000 6368616e2d7465737400", "chan-test");
    WIRE_CASE(MsgMainUuid, msg_main_uuid, WIRE_CUT_NEVER, "000102030405060708090a0b0c0d0e0f",
              {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    WIRE_CASE(MsgcMainMouseModeRequest, msgc_main_mouse_mode_request, WIRE_CUT_NEVER, "0201", 0x102);
    WIRE_CASE(MsgcMainAgentStart, msgc_main_agent_start, WIRE_CUT_NEVER, "ffffffff", UINT32_MAX);
    WIRE_CASE(MsgcMainAgentToken, msgc_main_agent_token, WIRE_CUT_NEVER, "01000000", 1);
    WIRE_CASE(MsgcMainMigrateDstDoSeamless, msgc_main_migrate_dst_do_seamless, WIRE_CUT_NEVER, "01000000", 1);
}

WIRE_PROBE(MsgMainMigrateBegin, msg_main_migrate_begin)
WIRE_PROBE(MsgMainMigrateBeginSeamless, msg_main_migrate_begin_seamless)
WIRE_PROBE(MsgMainMigrateSwitchHost, msg_main_migrate_switch_host)

static void test_migrate(void)
{
    /* The stock library writes a port of -1 as ffff here, which clients take for a port: we write 0. */
    WIRE_CASE(MsgMainMigrateBegin, msg_main_migrate_begin, WIRE_CUT_NEVER,
              "df17 0000 0a000000 14000000 00000000 00000000 3132372e302e302e3100", {6111, -1, "127.0.0.1", NULL});
    WIRE_CASE(MsgMainMigrateSwitchHost, msg_main_migrate_switch_host, WIRE_CUT_NEVER,
              "f317 0000 0a000000 14000000 00000000 00000000 3132372e302e302e3100", {6131, 65536, "127.0.0.1", NULL});
    WIRE_CASE(MsgMainMigrateBeginSeamless, msg_main_migrate_begin_seamless, WIRE_CUT_NEVER,
              "7b17 0000 0a000000 18000000 00000000 00000000 01000000 3132372e302e302e3100",
              {6011, 0, "127.0.0.1", NULL}, 1);
    WIRE_CASE(MsgMainMigrateBeginSeamless, msg_main_migrate_begin_seamless, WIRE_CUT_NEVER,
              "0100 1317 0a000000 18000000 0c000000 22000000 01000000 3132372e302e302e3100 433d58582c434e3d64737400",
              {1, 5907, "127.0.0.1", "C=XX,CN=dst"}, 1);
    WIRE_CASE(MsgMainMigrateBegin, msg_main_migrate_begin, WIRE_CUT_NEVER,
              "0000 ffff 01000000 14000000 00000000 00000000 00", {0, 65535, NULL, NULL});
}

static void refused(WireProbe probe, const char *text, int code)
{
    g_autoptr(GByteArray) body = wire_hex(text);
    g_auto(WireWriter) w = {0};
    g_autoptr(GError) error = NULL;

    g_assert_false(probe(body->data, body->len, &w, &error));
    g_assert_error(error, WIRE_ERROR, code);
}

static void test_refused(void)
{
    /* no host; pointer at the end; string not terminated; string longer than the body */
    refused(probe_msg_main_migrate_begin, "0100 0000 00000000 00000000 00000000 00000000", WIRE_ERROR_POINTER);
    refused(probe_msg_main_migrate_begin, "0100 0000 02000000 16000000 00000000 00000000 6100", WIRE_ERROR_POINTER);
    refused(probe_msg_main_migrate_begin, "0100 0000 01000000 14000000 00000000 00000000 6100", WIRE_ERROR_VALUE);
    refused(probe_msg_main_migrate_begin, "0100 0000 00000000 14000000 00000000 00000000 6100", WIRE_ERROR_VALUE);
    refused(probe_msg_main_migrate_begin, "0100 0000 ffffffff 14000000 00000000 00000000 6100", WIRE_ERROR_SHORT);
    refused(probe_msg_main_name, "02000000 6161", WIRE_ERROR_VALUE);
    refused(probe_msg_main_name, "ffffffff 6100", WIRE_ERROR_SHORT);
    refused(probe_msg_main_channels_list, "ffffffff 0100", WIRE_ERROR_SHORT);
    refused(probe_msg_main_channels_list, "00000080 0100", WIRE_ERROR_SHORT);
}

WIRE_PROBE(MsgInputsInit, msg_inputs_init)
WIRE_PROBE(MsgInputsKeyModifiers, msg_inputs_key_modifiers)
WIRE_PROBE(MsgcInputsKeyDown, msgc_inputs_key_down)
WIRE_PROBE(MsgcInputsKeyUp, msgc_inputs_key_up)
WIRE_PROBE(MsgcInputsKeyModifiers, msgc_inputs_key_modifiers)
WIRE_PROBE(MsgcInputsMouseMotion, msgc_inputs_mouse_motion)
WIRE_PROBE(MsgcInputsMousePosition, msgc_inputs_mouse_position)
WIRE_PROBE(MsgcInputsMousePress, msgc_inputs_mouse_press)
WIRE_PROBE(MsgcInputsMouseRelease, msgc_inputs_mouse_release)

static void test_inputs(void)
{
    WIRE_CASE(MsgInputsInit, msg_inputs_init, WIRE_CUT_NEVER, "0201", 0x102);
    WIRE_CASE(MsgInputsKeyModifiers, msg_inputs_key_modifiers, WIRE_CUT_NEVER, "0400", 4);
    WIRE_CASE(MsgcInputsKeyDown, msgc_inputs_key_down, WIRE_CUT_NEVER, "e01d0000", 0x1de0);
    WIRE_CASE(MsgcInputsKeyUp, msgc_inputs_key_up, WIRE_CUT_NEVER, "e09d0000", 0x9de0);
    WIRE_CASE(MsgcInputsKeyModifiers, msgc_inputs_key_modifiers, WIRE_CUT_NEVER, "0700", 7);
    WIRE_CASE(MsgcInputsMouseMotion, msgc_inputs_mouse_motion, WIRE_CUT_NEVER, "ffffffff 02000000 0304", -1, 2, 0x403);
    WIRE_CASE(MsgcInputsMousePosition, msgc_inputs_mouse_position, WIRE_CUT_NEVER, "ffffffff 02000000 0304 05",
              UINT32_MAX, 2, 0x403, 5);
    WIRE_CASE(MsgcInputsMousePress, msgc_inputs_mouse_press, WIRE_CUT_NEVER, "01 0203", 1, 0x302);
    WIRE_CASE(MsgcInputsMouseRelease, msgc_inputs_mouse_release, WIRE_CUT_NEVER, "04 0203", 4, 0x302);
}

WIRE_PROBE(MsgSpicevmcCompressedData, msg_spicevmc_compressed_data)
WIRE_PROBE(MsgPortInit, msg_port_init)
WIRE_PROBE(MsgPortEvent, msg_port_event)
WIRE_PROBE(MsgcPortEvent, msgc_port_event)

static void test_vmc(void)
{
    static const uint8_t data[] = {0x1f, 0, 1, 0, 0xff, 0xff, 0xff, 0xd3, 0x50, 0, 0, 0, 0, 0};

    WIRE_CASE(MsgSpicevmcCompressedData, msg_spicevmc_compressed_data, WIRE_CUT_TAIL,
              "01 e9030000 1f000100ffffffd3500000000000", SPICE_DATA_COMPRESSION_TYPE_LZ4, 1001, data, sizeof(data));
    WIRE_CASE(MsgSpicevmcCompressedData, msg_spicevmc_compressed_data, WIRE_CUT_TAIL, "00 1f00",
              SPICE_DATA_COMPRESSION_TYPE_NONE, 0, data, 2);
    WIRE_CASE(MsgPortInit, msg_port_init, WIRE_CUT_NEVER, "10000000 09000000 00 6f72672e746573742e706f72742e3000",
              "org.test.port.0", 0);
    WIRE_CASE(MsgPortEvent, msg_port_event, WIRE_CUT_NEVER, "02", 2);
    WIRE_CASE(MsgcPortEvent, msgc_port_event, WIRE_CUT_NEVER, "01", 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/messages/common", test_common);
    g_test_add_func("/messages/disconnecting", test_disconnecting);
    g_test_add_func("/messages/main", test_main_channel);
    g_test_add_func("/messages/migrate", test_migrate);
    g_test_add_func("/messages/refused", test_refused);
    g_test_add_func("/messages/inputs", test_inputs);
    g_test_add_func("/messages/vmc", test_vmc);
    return g_test_run();
}
