/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Version 1 of the channels whose state struct is its layout. Display data: format-display.c. */
#include "server/migration/format-v1.h"

#include "common/wire/msg-smartcard.h"

#include <string.h>

G_DEFINE_QUARK(migration - error - quark, migration_error)

#define INVALID(...) (g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, __VA_ARGS__), false)

static const Field device_table[] = {
    {.name = "version", .kind = FIELD_VERSION, .max = 1},   FIELD(CharDeviceState, connected, FIELD_BOOL),
    FIELD(CharDeviceState, num_client_tokens, FIELD_U32),   FIELD(CharDeviceState, num_send_tokens, FIELD_U32),
    FIELD(CharDeviceState, write_data, FIELD_DATA_SIZE),    FIELD(CharDeviceState, write_num_client_tokens, FIELD_U32),
    FIELD(CharDeviceState, write_data, FIELD_DATA_POINTER), FIELD_END,
};

const Field main_table[] = {
    FIELD(MainState, agent, FIELD_STRUCT, .table = device_table),
    FIELD(MainState, client_agent_started, FIELD_BOOL),
    FIELD(MainState, a2c_chunk_header_size, FIELD_U32, .max = 8),
    FIELD(MainState, a2c_chunk_header, FIELD_BYTES),
    FIELD(MainState, a2c_msg_header_done, FIELD_BOOL),
    FIELD(MainState, a2c_msg_header_partial, FIELD_DATA_SIZE, .max = 19),
    FIELD(MainState, a2c_msg_header_partial, FIELD_DATA_POINTER),
    FIELD(MainState, a2c_msg_remaining, FIELD_U32),
    FIELD(MainState, a2c_msg_filter_result, FIELD_U8, .max = 3),
    FIELD(MainState, c2a_msg_remaining, FIELD_U32),
    FIELD(MainState, c2a_msg_filter_result, FIELD_U8, .max = 3),
    FIELD_END,
};

const Field inputs_table[] = {
    FIELD(InputsState, motion_count, FIELD_U16, .max = STATE_MAX_MOTIONS),
    FIELD_END,
};

const Field vmc_table[] = {
    FIELD(VmcState, device, FIELD_STRUCT, .table = device_table),
    FIELD_END,
};

const Field smartcard_table[] = {
    FIELD(SmartcardState, device, FIELD_STRUCT, .table = device_table),
    FIELD(SmartcardState, reader_added, FIELD_BOOL),
    FIELD(SmartcardState, read_data, FIELD_DATA_SIZE),
    FIELD(SmartcardState, read_data, FIELD_DATA_POINTER),
    FIELD_END,
};

void migration_header_encode(WireWriter *w, const char *magic)
{
    wire_write_bytes(w, magic, 4);
    wire_write_u32(w, MIGRATION_VERSION);
}

bool migration_header_decode(WireReader *r, const char *magic, GError **error)
{
    const uint8_t *bytes = wire_read_bytes(r, 4);
    uint32_t version = wire_read_u32(r);

    if (r->size > MIGRATION_MAX_SIZE)
        return INVALID("%zu bytes of migration data are too many", r->size);
    if (!wire_reader_ok(r)) {
        g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_SHORT, "%zu bytes are no migration data", r->size);
        return false;
    }
    if (memcmp(bytes, magic, 4) != 0) {
        g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_HEADER, "magic is %02x%02x%02x%02x, not %s", bytes[0],
                    bytes[1], bytes[2], bytes[3], magic);
        return false;
    }
    if (version > MIGRATION_VERSION) {
        g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_HEADER, "version %u is newer than %u", version,
                    MIGRATION_VERSION);
        return false;
    }
    return true;
}

static GBytes *encode(const char *magic, const Field *table, const void *state)
{
    g_auto(WireWriter) w = {0};

    migration_header_encode(&w, magic);
    table_encode(table, state, &w);
    return wire_writer_take(&w);
}

static bool decode(const char *magic, const Field *table, const uint8_t *data, size_t size, void *out, GError **error)
{
    WireReader r = wire_reader(data, size);

    return migration_header_decode(&r, magic, error) && table_decode(table, &r, out, error);
}

static bool device_validate(const CharDeviceState *device, GError **error)
{
    if (!device->connected && device->write_data->len)
        return INVALID("device: %u queued bytes, but no device", device->write_data->len);
    return true;
}

/* --- main --- */

GBytes *main_state_encode(const MainState *state)
{
    return encode(MAGIC_MAIN, main_table, state);
}

static bool main_validate(const MainState *s, GError **error)
{
    if (!device_validate(&s->agent, error))
        return false;
    if (s->agent.connected &&
        (uint64_t)s->agent.num_client_tokens + s->agent.write_num_client_tokens > STATE_AGENT_WINDOW)
        return INVALID("agent: %u + %u tokens are more than %u", s->agent.num_client_tokens,
                       s->agent.write_num_client_tokens, STATE_AGENT_WINDOW);
    if (s->a2c_msg_filter_result == 2 || s->c2a_msg_filter_result == 2)
        return INVALID("agent: a protocol error cannot migrate");
    if (s->a2c_chunk_header_size < 8 && (s->a2c_msg_header_done || s->a2c_msg_header_partial->len))
        return INVALID("agent: message header before the end of the chunk header (%u bytes of 8)",
                       s->a2c_chunk_header_size);
    if (s->a2c_msg_header_done && s->a2c_msg_header_partial->len)
        return INVALID("agent: message header is complete and partial");
    return true;
}

bool main_state_decode(const uint8_t *data, size_t size, MainState *out, GError **error)
{
    main_state_init(out);
    if (decode(MAGIC_MAIN, main_table, data, size, out, error) && main_validate(out, error))
        return true;
    main_state_clear(out);
    return false;
}

/* --- inputs --- */

GBytes *inputs_state_encode(const InputsState *state)
{
    return encode(MAGIC_INPUTS, inputs_table, state);
}

bool inputs_state_decode(const uint8_t *data, size_t size, InputsState *out, GError **error)
{
    memset(out, 0, sizeof(*out));
    return decode(MAGIC_INPUTS, inputs_table, data, size, out, error);
}

/* --- usbredir, port, webdav --- */

GBytes *vmc_state_encode(const VmcState *state)
{
    return encode(MAGIC_VMC, vmc_table, state);
}

bool vmc_state_decode(const uint8_t *data, size_t size, VmcState *out, GError **error)
{
    vmc_state_init(out);
    if (decode(MAGIC_VMC, vmc_table, data, size, out, error) && device_validate(&out->device, error))
        return true;
    vmc_state_clear(out);
    return false;
}

/* --- smartcard --- */

GBytes *smartcard_state_encode(const SmartcardState *state)
{
    return encode(MAGIC_SMARTCARD, smartcard_table, state);
}

/* What was read from the device is less than a message, whose header (big endian type, reader, length) says how long it
 * is. */
static bool smartcard_validate(const SmartcardState *s, GError **error)
{
    if (!device_validate(&s->device, error))
        return false;
    if (!s->device.connected && s->read_data->len)
        return INVALID("smartcard: %u bytes read, but no device", s->read_data->len);
    if (s->read_data->len >= VSC_HEADER_SIZE) {
        VscHeader header;

        vsc_header_unpack(s->read_data->data, &header);
        if (s->read_data->len - VSC_HEADER_SIZE > header.length)
            return INVALID("smartcard: %u bytes read of a message of %u", s->read_data->len - VSC_HEADER_SIZE,
                           header.length);
    }
    return true;
}

bool smartcard_state_decode(const uint8_t *data, size_t size, SmartcardState *out, GError **error)
{
    smartcard_state_init(out);
    if (decode(MAGIC_SMARTCARD, smartcard_table, data, size, out, error) && smartcard_validate(out, error))
        return true;
    smartcard_state_clear(out);
    return false;
}
