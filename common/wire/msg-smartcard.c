/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-smartcard.h"

#include <string.h>

void vsc_header_pack(uint8_t out[VSC_HEADER_SIZE], const VscHeader *header)
{
    const uint32_t words[] = {GUINT32_TO_BE(header->type), GUINT32_TO_BE(header->reader_id),
                              GUINT32_TO_BE(header->length)};

    memcpy(out, words, VSC_HEADER_SIZE);
}

void vsc_header_unpack(const uint8_t in[VSC_HEADER_SIZE], VscHeader *header)
{
    uint32_t words[3];

    memcpy(words, in, VSC_HEADER_SIZE);
    *header = (VscHeader){GUINT32_FROM_BE(words[0]), GUINT32_FROM_BE(words[1]), GUINT32_FROM_BE(words[2])};
}

void msg_smartcard_data_encode(WireWriter *w, const MsgSmartcardData *m)
{
    wire_write_u32(w, m->type);
    wire_write_u32(w, m->reader_id);
    wire_write_u32(w, m->length);
    wire_write_bytes(w, m->data, m->length);
}

bool msg_smartcard_data_decode(WireReader *r, MsgSmartcardData *m, GError **error)
{
    m->type = wire_read_u32(r);
    m->reader_id = wire_read_u32(r);
    m->length = wire_read_u32(r);
    m->data = wire_read_bytes(r, m->length);
    return wire_reader_check(r, "MsgSmartcardData", error);
}
