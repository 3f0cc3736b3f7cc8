/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-record.h"

#include "common/wire/msg-fields.h"

#define START(FIELD) FIELD(u32, channels) FIELD(u16, format) FIELD(u32, frequency)
MSG_FIXED(MsgRecordStart, msg_record_start, START)

void msgc_record_data_encode(WireWriter *w, const MsgcRecordData *m)
{
    wire_write_u32(w, m->time);
    wire_write_bytes(w, m->data, m->data_size);
}

bool msgc_record_data_decode(WireReader *r, MsgcRecordData *m, GError **error)
{
    m->time = wire_read_u32(r);
    m->data_size = (uint32_t)wire_reader_left(r);
    m->data = wire_read_bytes(r, m->data_size);
    return wire_reader_check(r, "MsgcRecordData", error);
}

#define MODE(FIELD) FIELD(u32, time) FIELD(u16, mode)
MSG_FIXED(MsgcRecordMode, msgc_record_mode, MODE)

#define START_MARK(FIELD) FIELD(u32, time)
MSG_FIXED(MsgcRecordStartMark, msgc_record_start_mark, START_MARK)
