/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-common.h"

#include "common/wire/channel-wait.h"
#include "common/wire/msg-fields.h"

#define MIGRATE(FIELD) FIELD(u32, flags)
MSG_FIXED(MsgMigrate, msg_migrate, MIGRATE)

#define SET_ACK(FIELD) FIELD(u32, generation) FIELD(u32, window)
MSG_FIXED(MsgSetAck, msg_set_ack, SET_ACK)

#define DISCONNECTING(FIELD) FIELD(u64, time_stamp) FIELD(u32, reason)
MSG_FIXED_DECODE(MsgDisconnecting, msg_disconnecting, DISCONNECTING)

#define ACK_SYNC(FIELD) FIELD(u32, generation)
MSG_FIXED(MsgcAckSync, msgc_ack_sync, ACK_SYNC)

#define PONG(FIELD) FIELD(u32, id) FIELD(u64, timestamp)
MSG_FIXED(MsgcPong, msgc_pong, PONG)

void msg_ping_encode(WireWriter *w, const MsgPing *m)
{
    wire_write_u32(w, m->id);
    wire_write_u64(w, m->timestamp);
    wire_write_zeros(w, m->padding);
}

bool msg_ping_decode(WireReader *r, MsgPing *m, GError **error)
{
    m->id = wire_read_u32(r);
    m->timestamp = wire_read_u64(r);
    m->padding = (uint32_t)wire_reader_left(r);
    return wire_reader_check(r, "MsgPing", error);
}

void channel_waits_write(WireWriter *w, const ChannelWait *waits, uint8_t n)
{
    wire_write_u8(w, n);
    for (unsigned i = 0; i < n; i++) {
        wire_write_u8(w, waits[i].channel_type);
        wire_write_u8(w, waits[i].channel_id);
        wire_write_u64(w, waits[i].message_serial);
    }
}

uint8_t channel_waits_read(WireReader *r, ChannelWait **waits)
{
    uint8_t n = (uint8_t)msg_bounded_count(r, wire_read_u8(r), CHANNEL_WAIT_WIRE_SIZE);

    *waits = g_new(ChannelWait, n);
    for (unsigned i = 0; i < n; i++) {
        (*waits)[i].channel_type = wire_read_u8(r);
        (*waits)[i].channel_id = wire_read_u8(r);
        (*waits)[i].message_serial = wire_read_u64(r);
    }
    return n;
}

void msg_wait_for_channels_encode(WireWriter *w, const MsgWaitForChannels *m)
{
    channel_waits_write(w, m->wait_list, m->wait_count);
}

bool msg_wait_for_channels_decode(WireReader *r, MsgWaitForChannels *m, GError **error)
{
    m->wait_count = channel_waits_read(r, &m->wait_list);
    return wire_reader_check(r, "MsgWaitForChannels", error);
}

void msg_wait_for_channels_clear(MsgWaitForChannels *m)
{
    g_free(m->wait_list);
    *m = (MsgWaitForChannels){0};
}

void msg_notify_encode(WireWriter *w, const MsgNotify *m)
{
    wire_write_u64(w, m->time_stamp);
    wire_write_u32(w, m->severity);
    wire_write_u32(w, m->visibility);
    wire_write_u32(w, m->what);
    wire_write_u32(w, m->message_len);
    wire_write_bytes(w, m->message, m->message_len);
    wire_write_u8(w, 0);
}

bool msg_notify_decode(WireReader *r, MsgNotify *m, GError **error)
{
    m->time_stamp = wire_read_u64(r);
    m->severity = wire_read_u32(r);
    m->visibility = wire_read_u32(r);
    m->what = wire_read_u32(r);
    m->message_len = wire_read_u32(r);
    m->message = (const char *)wire_read_bytes(r, m->message_len);
    return wire_reader_check(r, "MsgNotify", error);
}
