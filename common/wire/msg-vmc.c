/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-vmc.h"

#include "common/wire/msg-fields.h"

#include <spice/enums.h>
#include <string.h>

#define PORT_EVENT(FIELD) FIELD(u8, event)
MSG_FIXED(MsgPortEvent, msg_port_event, PORT_EVENT)
MSG_FIXED(MsgcPortEvent, msgc_port_event, PORT_EVENT)

void msg_spicevmc_compressed_data_encode(WireWriter *w, const MsgSpicevmcCompressedData *m)
{
    wire_write_u8(w, m->type);
    if (m->type != SPICE_DATA_COMPRESSION_TYPE_NONE)
        wire_write_u32(w, m->uncompressed_size);
    wire_write_bytes(w, m->data, m->size);
}

bool msg_spicevmc_compressed_data_decode(WireReader *r, MsgSpicevmcCompressedData *m, GError **error)
{
    *m = (MsgSpicevmcCompressedData){.type = wire_read_u8(r)};
    if (m->type != SPICE_DATA_COMPRESSION_TYPE_NONE)
        m->uncompressed_size = wire_read_u32(r);
    m->size = (uint32_t)wire_reader_left(r);
    m->data = wire_read_bytes(r, m->size);
    return wire_reader_check(r, "MsgSpicevmcCompressedData", error);
}

void msg_port_init_encode(WireWriter *w, const MsgPortInit *m)
{
    uint32_t size = (uint32_t)strlen(m->name) + 1;
    size_t place;

    wire_write_u32(w, size);
    place = wire_write_pointer(w);
    wire_write_u8(w, m->opened);
    wire_set_pointer(w, place);
    wire_write_bytes(w, m->name, size);
}

bool msg_port_init_decode(WireReader *r, MsgPortInit *m, GError **error)
{
    uint32_t size = wire_read_u32(r), offset = wire_read_u32(r);
    WireReader name;

    *m = (MsgPortInit){.opened = wire_read_u8(r)};
    if (!wire_reader_check(r, "MsgPortInit", error))
        return false;
    name = wire_reader_at(r, offset);
    m->name = (const char *)wire_read_bytes(&name, size);
    if (wire_reader_ok(&name) && offset && size && !m->name[size - 1])
        return true;
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "MsgPortInit: a name of %u bytes at %u", size, offset);
    return false;
}
