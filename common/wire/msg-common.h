/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages that every channel has. MIGRATE_DATA and LIST are plain bytes here (header.h reads lists); ACK and
 * MIGRATE_FLUSH_MARK have no body.
 */
#pragma once

#include "common/wire/msg.h"

typedef struct MsgMigrate {
    uint32_t flags; /* SPICE_MIGRATE_* */
} MsgMigrate;
MSG_DECLARE(MsgMigrate, msg_migrate);

typedef struct MsgSetAck {
    uint32_t generation;
    uint32_t window; /* messages per ACK, 0 = no acks */
} MsgSetAck;
MSG_DECLARE(MsgSetAck, msg_set_ack);

typedef struct MsgPing {
    uint32_t id;
    uint64_t timestamp; /* echoed by PONG */
    uint32_t padding;   /* zero bytes behind the rest */
} MsgPing;
MSG_DECLARE(MsgPing, msg_ping);

typedef struct ChannelWait {
    uint8_t channel_type;
    uint8_t channel_id;
    uint64_t message_serial;
} ChannelWait;

typedef struct MsgWaitForChannels {
    uint8_t wait_count;
    ChannelWait *wait_list; /* owned after decode */
} MsgWaitForChannels;
MSG_DECLARE_CLEAR(MsgWaitForChannels, msg_wait_for_channels);

typedef struct MsgNotify {
    uint64_t time_stamp; /* monotonic ns */
    uint32_t severity;   /* SPICE_NOTIFY_SEVERITY_* */
    uint32_t visibility; /* SPICE_NOTIFY_VISIBILITY_* */
    uint32_t what;
    uint32_t message_len;
    const char *message; /* not NUL terminated when decoded; the encoder appends one NUL that is not counted */
} MsgNotify;
MSG_DECLARE(MsgNotify, msg_notify);

typedef struct MsgDisconnecting {
    uint64_t time_stamp; /* ns */
    uint32_t reason;     /* SPICE_LINK_ERR_* */
} MsgDisconnecting;      /* both directions */
bool msg_disconnecting_decode(WireReader *r, MsgDisconnecting *m, GError **error);

typedef struct MsgcAckSync {
    uint32_t generation;
} MsgcAckSync;
MSG_DECLARE(MsgcAckSync, msgc_ack_sync);

typedef struct MsgcPong {
    uint32_t id;
    uint64_t timestamp;
} MsgcPong;
MSG_DECLARE(MsgcPong, msgc_pong);
