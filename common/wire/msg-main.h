/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the main channel. AGENT_DATA is plain bytes in both directions. Without a body: MIGRATE_CANCEL,
 * MIGRATE_END, AGENT_CONNECTED, MIGRATE_DST_SEAMLESS_ACK and _NACK; from the client ATTACH_CHANNELS, MIGRATE_CONNECTED,
 * MIGRATE_CONNECT_ERROR, MIGRATE_END, MIGRATE_CONNECTED_SEAMLESS.
 */
#pragma once

#include "common/wire/msg.h"

/* Where a client is to go. */
typedef struct DstInfo {
    int32_t port;             /* 0 = none; what is not 1..65535 is written as 0 */
    int32_t sport;            /* TLS */
    const char *host;         /* NUL terminated; NULL is written as "" */
    const char *cert_subject; /* NUL terminated, or NULL */
} DstInfo;

typedef struct MsgMainMigrateBegin {
    DstInfo dst_info;
} MsgMainMigrateBegin;
MSG_DECLARE(MsgMainMigrateBegin, msg_main_migrate_begin);

typedef struct MsgMainMigrateBeginSeamless {
    DstInfo dst_info;
    uint32_t src_mig_version;
} MsgMainMigrateBeginSeamless;
MSG_DECLARE(MsgMainMigrateBeginSeamless, msg_main_migrate_begin_seamless);

typedef struct MsgMainMigrateSwitchHost {
    DstInfo dst_info; /* host may be NULL when decoded */
} MsgMainMigrateSwitchHost;
MSG_DECLARE(MsgMainMigrateSwitchHost, msg_main_migrate_switch_host);

typedef struct MsgMainInit {
    uint32_t session_id;
    uint32_t display_channels_hint;
    uint32_t supported_mouse_modes; /* SPICE_MOUSE_MODE_* */
    uint32_t current_mouse_mode;
    uint32_t agent_connected;
    uint32_t agent_tokens;
    uint32_t multi_media_time; /* ms */
    uint32_t ram_hint;         /* bytes */
} MsgMainInit;
MSG_DECLARE(MsgMainInit, msg_main_init);

typedef struct ChannelId {
    uint8_t type;
    uint8_t id;
} ChannelId;

typedef struct MsgMainChannelsList {
    uint32_t num_of_channels;
    ChannelId *channels; /* owned after decode */
} MsgMainChannelsList;
MSG_DECLARE_CLEAR(MsgMainChannelsList, msg_main_channels_list);

typedef struct MsgMainMouseMode {
    uint16_t supported_modes;
    uint16_t current_mode;
} MsgMainMouseMode;
MSG_DECLARE(MsgMainMouseMode, msg_main_mouse_mode);

typedef struct MsgMainMultiMediaTime {
    uint32_t time; /* ms */
} MsgMainMultiMediaTime;
MSG_DECLARE(MsgMainMultiMediaTime, msg_main_multi_media_time);

typedef struct MsgMainAgentDisconnected {
    uint32_t error_code; /* SPICE_LINK_ERR_* */
} MsgMainAgentDisconnected;
MSG_DECLARE(MsgMainAgentDisconnected, msg_main_agent_disconnected);

typedef struct MsgMainAgentToken {
    uint32_t num_tokens;
} MsgMainAgentToken;
MSG_DECLARE(MsgMainAgentToken, msg_main_agent_token);

typedef struct MsgMainAgentConnectedTokens {
    uint32_t num_tokens;
} MsgMainAgentConnectedTokens;
MSG_DECLARE(MsgMainAgentConnectedTokens, msg_main_agent_connected_tokens);

typedef struct MsgMainName {
    const char *name; /* NUL terminated */
} MsgMainName;
MSG_DECLARE(MsgMainName, msg_main_name);

typedef struct MsgMainUuid {
    uint8_t uuid[16]; /* in text order */
} MsgMainUuid;
MSG_DECLARE(MsgMainUuid, msg_main_uuid);

typedef struct MsgcMainMouseModeRequest {
    uint16_t mode;
} MsgcMainMouseModeRequest;
MSG_DECLARE(MsgcMainMouseModeRequest, msgc_main_mouse_mode_request);

typedef struct MsgcMainAgentStart {
    uint32_t num_tokens;
} MsgcMainAgentStart;
MSG_DECLARE(MsgcMainAgentStart, msgc_main_agent_start);

typedef struct MsgcMainAgentToken {
    uint32_t num_tokens;
} MsgcMainAgentToken;
MSG_DECLARE(MsgcMainAgentToken, msgc_main_agent_token);

typedef struct MsgcMainMigrateDstDoSeamless {
    uint32_t src_version;
} MsgcMainMigrateDstDoSeamless;
MSG_DECLARE(MsgcMainMigrateDstDoSeamless, msgc_main_migrate_dst_do_seamless);
