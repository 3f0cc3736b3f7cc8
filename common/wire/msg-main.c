/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-main.h"

#include "common/wire/msg-fields.h"

#include <string.h>

#define INIT(FIELD)                                                                                                    \
    FIELD(u32, session_id)                                                                                             \
    FIELD(u32, display_channels_hint)                                                                                  \
    FIELD(u32, supported_mouse_modes)                                                                                  \
    FIELD(u32, current_mouse_mode)                                                                                     \
    FIELD(u32, agent_connected)                                                                                        \
    FIELD(u32, agent_tokens)                                                                                           \
    FIELD(u32, multi_media_time)                                                                                       \
    FIELD(u32, ram_hint)
MSG_FIXED(MsgMainInit, msg_main_init, INIT)

#define MOUSE_MODE(FIELD) FIELD(u16, supported_modes) FIELD(u16, current_mode)
MSG_FIXED(MsgMainMouseMode, msg_main_mouse_mode, MOUSE_MODE)

#define MULTI_MEDIA_TIME(FIELD) FIELD(u32, time)
MSG_FIXED(MsgMainMultiMediaTime, msg_main_multi_media_time, MULTI_MEDIA_TIME)

#define AGENT_DISCONNECTED(FIELD) FIELD(u32, error_code)
MSG_FIXED(MsgMainAgentDisconnected, msg_main_agent_disconnected, AGENT_DISCONNECTED)

#define TOKENS(FIELD) FIELD(u32, num_tokens)
MSG_FIXED(MsgMainAgentToken, msg_main_agent_token, TOKENS)
MSG_FIXED(MsgMainAgentConnectedTokens, msg_main_agent_connected_tokens, TOKENS)
MSG_FIXED(MsgcMainAgentStart, msgc_main_agent_start, TOKENS)
MSG_FIXED(MsgcMainAgentToken, msgc_main_agent_token, TOKENS)

#define MOUSE_MODE_REQUEST(FIELD) FIELD(u16, mode)
MSG_FIXED(MsgcMainMouseModeRequest, msgc_main_mouse_mode_request, MOUSE_MODE_REQUEST)

#define MIGRATE_DST_DO_SEAMLESS(FIELD) FIELD(u32, src_version)
MSG_FIXED(MsgcMainMigrateDstDoSeamless, msgc_main_migrate_dst_do_seamless, MIGRATE_DST_DO_SEAMLESS)

/* Where the pointers of a DstInfo are, to be filled when the fixed part of the message is complete. */
typedef struct DstInfoPlaces {
    size_t host;
    size_t cert_subject;
} DstInfoPlaces;

static uint16_t port_to_wire(int32_t port)
{
    return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

static DstInfoPlaces dst_info_write(WireWriter *w, const DstInfo *d)
{
    DstInfoPlaces places;

    wire_write_u16(w, port_to_wire(d->port));
    wire_write_u16(w, port_to_wire(d->sport));
    wire_write_u32(w, (uint32_t)(d->host ? strlen(d->host) + 1 : 1));
    places.host = wire_write_pointer(w);
    wire_write_u32(w, (uint32_t)(d->cert_subject ? strlen(d->cert_subject) + 1 : 0));
    places.cert_subject = wire_write_pointer(w);
    return places;
}

static void dst_info_write_strings(WireWriter *w, const DstInfo *d, DstInfoPlaces places)
{
    const char *host = d->host ? d->host : "";

    wire_set_pointer(w, places.host);
    wire_write_bytes(w, host, strlen(host) + 1);
    if (!d->cert_subject)
        return;
    wire_set_pointer(w, places.cert_subject);
    wire_write_bytes(w, d->cert_subject, strlen(d->cert_subject) + 1);
}

/* A string of `size` bytes at `r`, in place; NULL and error unless it is terminated inside. */
static const char *string_read(WireReader *r, uint32_t size, const char *what, GError **error)
{
    const uint8_t *bytes = wire_read_bytes(r, size);

    if (!bytes) {
        wire_reader_check(r, what, error);
        return NULL;
    }
    if (!memchr(bytes, 0, size)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "%s: a string is not terminated", what);
        return NULL;
    }
    return (const char *)bytes;
}

static bool string_follow(const WireReader *r, uint32_t offset, uint32_t size, const char **string, GError **error)
{
    WireReader at = wire_reader_at(r, offset);

    if (!wire_reader_ok(&at)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "DstInfo: pointer %u is outside of %zu bytes", offset,
                    r->size);
        return false;
    }
    *string = string_read(&at, size, "DstInfo", error);
    return *string != NULL;
}

static bool dst_info_read(WireReader *r, DstInfo *d, bool host_required, GError **error)
{
    uint32_t host_size, host, subject_size, subject;

    *d = (DstInfo){0};
    d->port = wire_read_u16(r);
    d->sport = wire_read_u16(r);
    host_size = wire_read_u32(r);
    host = wire_read_u32(r);
    subject_size = wire_read_u32(r);
    subject = wire_read_u32(r);
    if (!wire_reader_check(r, "DstInfo", error))
        return false;
    if (host == 0 && host_required) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "DstInfo: no host");
        return false;
    }
    return (host == 0 || string_follow(r, host, host_size, &d->host, error)) &&
           (subject == 0 || subject_size == 0 || string_follow(r, subject, subject_size, &d->cert_subject, error));
}

void msg_main_migrate_begin_encode(WireWriter *w, const MsgMainMigrateBegin *m)
{
    DstInfoPlaces places = dst_info_write(w, &m->dst_info);

    dst_info_write_strings(w, &m->dst_info, places);
}

bool msg_main_migrate_begin_decode(WireReader *r, MsgMainMigrateBegin *m, GError **error)
{
    return dst_info_read(r, &m->dst_info, true, error);
}

void msg_main_migrate_begin_seamless_encode(WireWriter *w, const MsgMainMigrateBeginSeamless *m)
{
    DstInfoPlaces places = dst_info_write(w, &m->dst_info);

    wire_write_u32(w, m->src_mig_version);
    dst_info_write_strings(w, &m->dst_info, places);
}

bool msg_main_migrate_begin_seamless_decode(WireReader *r, MsgMainMigrateBeginSeamless *m, GError **error)
{
    if (!dst_info_read(r, &m->dst_info, true, error))
        return false;
    m->src_mig_version = wire_read_u32(r);
    return wire_reader_check(r, "MsgMainMigrateBeginSeamless", error);
}

void msg_main_migrate_switch_host_encode(WireWriter *w, const MsgMainMigrateSwitchHost *m)
{
    DstInfoPlaces places = dst_info_write(w, &m->dst_info);

    dst_info_write_strings(w, &m->dst_info, places);
}

bool msg_main_migrate_switch_host_decode(WireReader *r, MsgMainMigrateSwitchHost *m, GError **error)
{
    return dst_info_read(r, &m->dst_info, false, error);
}

#define CHANNEL_ID_WIRE_SIZE 2

void msg_main_channels_list_encode(WireWriter *w, const MsgMainChannelsList *m)
{
    wire_write_u32(w, m->num_of_channels);
    for (uint32_t i = 0; i < m->num_of_channels; i++) {
        wire_write_u8(w, m->channels[i].type);
        wire_write_u8(w, m->channels[i].id);
    }
}

bool msg_main_channels_list_decode(WireReader *r, MsgMainChannelsList *m, GError **error)
{
    m->num_of_channels = msg_bounded_count(r, wire_read_u32(r), CHANNEL_ID_WIRE_SIZE);
    m->channels = g_new(ChannelId, m->num_of_channels);
    for (uint32_t i = 0; i < m->num_of_channels; i++) {
        m->channels[i].type = wire_read_u8(r);
        m->channels[i].id = wire_read_u8(r);
    }
    return wire_reader_check(r, "MsgMainChannelsList", error);
}

void msg_main_channels_list_clear(MsgMainChannelsList *m)
{
    g_free(m->channels);
    *m = (MsgMainChannelsList){0};
}

void msg_main_name_encode(WireWriter *w, const MsgMainName *m)
{
    size_t size = strlen(m->name) + 1;

    wire_write_u32(w, (uint32_t)size);
    wire_write_bytes(w, m->name, size);
}

bool msg_main_name_decode(WireReader *r, MsgMainName *m, GError **error)
{
    uint32_t size = wire_read_u32(r);

    m->name = string_read(r, size, "MsgMainName", error);
    return m->name != NULL;
}

void msg_main_uuid_encode(WireWriter *w, const MsgMainUuid *m)
{
    wire_write_bytes(w, m->uuid, sizeof(m->uuid));
}

bool msg_main_uuid_decode(WireReader *r, MsgMainUuid *m, GError **error)
{
    const uint8_t *uuid = wire_read_bytes(r, sizeof(m->uuid));

    if (uuid)
        memcpy(m->uuid, uuid, sizeof(m->uuid));
    return wire_reader_check(r, "MsgMainUuid", error);
}
