/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/vmc-channel.h"

#include "common/util/limited-warning.h"
#include "common/wire/msg-vmc.h"
#include "server/channels/char-device.h"
#include "server/core/channel-client.h"
#include "server/migration/format.h"
#include "server/migration/report.h"
#include "server/net/stream.h"

#include <lz4.h>
#include <spice/enums.h>
#include <spice/protocol.h>
#include <string.h>

#define STREAM_PORT "org.spice-space.stream.0" /* a display, not a port */
#define WEBDAV_PORT "org.spice-space.webdav.0"
#define READ_SIZE (64 * 1024 + 32)
#define COMPRESS_THRESHOLD 1000
/* Bytes on their way to the client, before compression, at which the device is no longer read. They are what a client
 * has to go through before it hears of a migration, and it goes on sending meanwhile. */
#define CLIENT_QUEUE_MAX (1024 * 1024)
#define CLIENT_QUEUE_MESSAGES 1024
/* Messages and bytes on their way to the device at which the client's socket is no longer read. */
#define DEVICE_QUEUE_MESSAGES 128
#define DEVICE_QUEUE_BYTES (4 * 1024 * 1024)
/* What clients send is 64 KiB at most. The limit leaves room for others and bounds memory. */
#define MESSAGE_MAX (8 * 1024 * 1024)
/* A client that is about to migrate is read to the end of what it has sent, whatever the device takes. */
#define MIGRATION_QUEUE_BYTES (MIGRATION_MAX_SIZE - (1u << 20))

typedef struct VmcChannel {
    Channel channel;
    CharDevice *device; /* NULL once the host has removed it */
    bool removed;
    bool is_port;       /* has a name and events */
    bool opened;        /* what the last event of the host said */
    bool signalled;     /* there was one */
    ChannelClient *cc;  /* the one connection, NULL = none */
    CharClient *client; /* the same for the device */
    size_t queued;      /* bytes on their way to the client */
    bool congested;     /* the device is not read until less is on its way */
    uint8_t *read_buffer;
} VmcChannel;

static VmcChannel *vmc_of(ChannelClient *cc)
{
    return (VmcChannel *)cc->channel;
}

static const SpiceCharDeviceInterface *interface_of(const VmcChannel *vmc, SpiceCharDeviceInstance **instance)
{
    *instance = vmc->device ? char_device_instance(vmc->device) : NULL;
    return *instance ? (const SpiceCharDeviceInterface *)(*instance)->base.sif : NULL;
}

static void set_state(VmcChannel *vmc, int connected)
{
    SpiceCharDeviceInstance *instance;
    const SpiceCharDeviceInterface *sif = interface_of(vmc, &instance);

    if (sif && sif->state)
        sif->state(instance, connected);
}

/* --- device to client --- */

typedef struct DataItem {
    PipeItem item;
    VmcChannel *vmc;
    uint16_t type;
    WireWriter body;
    size_t size; /* before compression */
} DataItem;

static bool client_is_full(const VmcChannel *vmc)
{
    return vmc->queued >= CLIENT_QUEUE_MAX || channel_client_pipe_length(vmc->cc) >= CLIENT_QUEUE_MESSAGES;
}

static void data_item_send(ChannelClient *cc, PipeItem *item)
{
    DataItem *data = (DataItem *)item;

    channel_client_send(cc, data->type, &data->body, 0);
}

static void data_item_free(PipeItem *item)
{
    DataItem *data = (DataItem *)item;
    VmcChannel *vmc = data->vmc;

    vmc->queued -= data->size;
    wire_writer_clear(&data->body);
    g_free(data);
    if (vmc->congested && vmc->cc && !client_is_full(vmc)) {
        vmc->congested = false;
        char_device_wakeup(vmc->device);
    }
}

static const PipeItemOps data_item_ops = {data_item_send, data_item_free};

static GBytes *vmc_read(void *owner)
{
    VmcChannel *vmc = owner;
    size_t n;

    if (!vmc->cc || !vmc->cc->connected)
        return NULL;
    vmc->congested = client_is_full(vmc);
    if (vmc->congested)
        return NULL;
    n = char_device_read(vmc->device, vmc->read_buffer, READ_SIZE);
    return n ? g_bytes_new(vmc->read_buffer, n) : NULL;
}

/* False if that would save nothing. */
static bool compress(ChannelClient *cc, const uint8_t *bytes, size_t size, WireWriter *body)
{
    g_autofree char *out = NULL;
    MsgSpicevmcCompressedData m = {SPICE_DATA_COMPRESSION_TYPE_LZ4, .uncompressed_size = (uint32_t)size};
    int n;

    if (size <= COMPRESS_THRESHOLD || stream_is_unix(cc->link.stream) ||
        !channel_client_has_cap(cc, SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4))
        return false;
    out = g_malloc(size);
    n = LZ4_compress_default((const char *)bytes, out, (int)size, (int)size);
    if (n <= 0 || (size_t)n >= size)
        return false;
    m.data = (const uint8_t *)out;
    m.size = (uint32_t)n;
    msg_spicevmc_compressed_data_encode(body, &m);
    return true;
}

static void vmc_deliver(void *owner, void *peer, GBytes *message)
{
    VmcChannel *vmc = owner;
    ChannelClient *cc = peer;
    DataItem *data = g_new0(DataItem, 1);
    size_t size;
    const uint8_t *bytes = g_bytes_get_data(message, &size);

    pipe_item_init(&data->item, &data_item_ops);
    data->vmc = vmc;
    data->type = SPICE_MSG_SPICEVMC_COMPRESSED_DATA;
    if (!compress(cc, bytes, size, &data->body)) {
        data->type = SPICE_MSG_SPICEVMC_DATA;
        wire_write_bytes(&data->body, bytes, size);
    }
    data->size = size;
    data->item.bytes = data->body.size;
    vmc->queued += data->size;
    channel_client_push(cc, &data->item);
}

/* --- client to device --- */

static bool device_is_full(const VmcChannel *vmc)
{
    return char_device_self_tokens(vmc->device) == 0 || char_device_queued_bytes(vmc->device) >= DEVICE_QUEUE_BYTES;
}

static void vmc_buffer_released(void *owner)
{
    VmcChannel *vmc = owner;

    if (vmc->cc && !device_is_full(vmc))
        channel_client_resume_reading(vmc->cc);
}

static void vmc_drop_client(void *owner, void *peer)
{
    channel_client_disconnect(peer);
}

static bool write_to_device(ChannelClient *cc, const uint8_t *data, size_t size, GError **error)
{
    VmcChannel *vmc = vmc_of(cc);

    if (cc->migrating && char_device_queued_bytes(vmc->device) + size > MIGRATION_QUEUE_BYTES) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "the client sends too much to migrate");
        return false;
    }
    if (size == 0)
        return true;
    char_device_write_server(vmc->device, data, size, char_device_self_tokens(vmc->device) > 0);
    if (vmc->cc == cc && !cc->migrating && device_is_full(vmc))
        channel_client_pause_reading(cc);
    return true;
}

static bool handle_compressed(ChannelClient *cc, WireReader *r, GError **error)
{
    MsgSpicevmcCompressedData m;
    g_autofree char *out = NULL;
    int n;

    if (!msg_spicevmc_compressed_data_decode(r, &m, error))
        return false;
    /* A byte of a LZ4 block stands for 255 bytes at most: memory follows what was really sent. */
    if (m.type != SPICE_DATA_COMPRESSION_TYPE_LZ4 || m.uncompressed_size > MESSAGE_MAX ||
        m.uncompressed_size > (uint64_t)m.size * 255) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "%u bytes, compressed as type %u to %u", m.uncompressed_size,
                    m.type, m.size);
        return false;
    }
    out = g_malloc(MAX(m.uncompressed_size, 1));
    n = LZ4_decompress_safe((const char *)m.data, out, (int)m.size, (int)m.uncompressed_size);
    if (n < 0 || (uint32_t)n != m.uncompressed_size) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "broken LZ4 data");
        return false;
    }
    return write_to_device(cc, (const uint8_t *)out, m.uncompressed_size, error);
}

static bool handle_event(VmcChannel *vmc, WireReader *r, GError **error)
{
    SpiceCharDeviceInstance *instance;
    const SpiceCharDeviceInterface *sif = interface_of(vmc, &instance);
    MsgcPortEvent m;

    if (!msgc_port_event_decode(r, &m, error))
        return false;
    if (sif && sif->base.minor_version >= 2 && sif->event)
        sif->event(instance, m.event);
    return true;
}

static bool vmc_handle(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    VmcChannel *vmc = vmc_of(cc);
    WireReader r = wire_reader(body, size);

    if (type == SPICE_MSGC_PONG)
        return true;
    if (cc->wait_data) { /* it would overtake what the other host has still to hand over */
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u before the migration data", type);
        return false;
    }
    if (type == SPICE_MSGC_SPICEVMC_DATA)
        return write_to_device(cc, body, size, error);
    if (type == SPICE_MSGC_SPICEVMC_COMPRESSED_DATA)
        return handle_compressed(cc, &r, error);
    if (type == SPICE_MSGC_PORT_EVENT && vmc->is_port)
        return handle_event(vmc, &r, error);
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u is not known here", type);
    return false;
}

/* --- connections --- */

static void push_port_init(VmcChannel *vmc)
{
    const SpiceCharDeviceInstance *instance = char_device_instance(vmc->device);
    g_auto(WireWriter) body = {0};
    MsgPortInit m = {instance->portname ? instance->portname : "", vmc->opened};

    msg_port_init_encode(&body, &m);
    channel_client_push_body(vmc->cc, SPICE_MSG_PORT_INIT, &body);
}

static void push_port_event(VmcChannel *vmc, uint8_t event)
{
    g_auto(WireWriter) body = {0};
    MsgPortEvent m = {event};

    msg_port_event_encode(&body, &m);
    channel_client_push_body(vmc->cc, SPICE_MSG_PORT_EVENT, &body);
}

static void vmc_connected(ChannelClient *cc)
{
    VmcChannel *vmc = vmc_of(cc);

    if (vmc->cc) {
        WARN_LIMITED("channel %u:%u has a client already; a second connection is closed", cc->channel->type,
                     cc->channel->id);
        channel_client_disconnect(cc);
        return;
    }
    vmc->cc = cc;
    /* One that arrives by a migration knows the port; it would complain about a second introduction. */
    if (vmc->is_port && !cc->link.migration)
        push_port_init(vmc);
    vmc->client = char_device_add_client(vmc->device, cc, 0, cc->wait_data);
    char_device_wakeup(vmc->device);
    if (vmc->cc == cc)
        set_state(vmc, 1);
}

static void vmc_disconnected(ChannelClient *cc)
{
    VmcChannel *vmc = vmc_of(cc);

    if (vmc->cc != cc)
        return;
    vmc->cc = NULL;
    if (vmc->client)
        char_device_remove_client(vmc->device, vmc->client);
    vmc->client = NULL;
    set_state(vmc, 0);
}

/* --- migration --- */

static void vmc_freeze(void *self)
{
    ChannelClient *cc = self;

    char_device_freeze(vmc_of(cc)->device);
    channel_client_resume_reading(cc); /* its flush mark is behind what it has sent */
}

static GBytes *vmc_save(void *self, uint64_t serial, MigrationReport *report)
{
    VmcChannel *vmc = vmc_of(self);
    VmcState state;
    GBytes *data;

    vmc_state_init(&state);
    char_device_save(vmc->device, vmc->client, &state.device);
    data = vmc_state_encode(&state);
    if (report)
        migration_report_channel(report, "vmc", g_bytes_get_size(data));
    vmc_state_clear(&state);
    return data;
}

static bool vmc_load(void *self, const uint8_t *data, size_t size, MigrationReport *report, GError **error)
{
    VmcChannel *vmc = vmc_of(self);
    VmcState state;
    bool ok;

    if (!vmc_state_decode(data, size, &state, error))
        return false;
    ok = char_device_load(vmc->device, vmc->client, &state.device, error);
    vmc_state_clear(&state);
    if (ok && report)
        migration_report_channel(report, "vmc", size);
    return ok;
}

static void vmc_activate(void *self)
{
    ChannelClient *cc = self;
    VmcChannel *vmc = vmc_of(cc);

    /* The data do not say what the client was told of the port. Hearing it twice does no harm. */
    if (vmc->is_port && vmc->signalled)
        push_port_event(vmc, vmc->opened ? SPICE_PORT_EVENT_OPENED : SPICE_PORT_EVENT_CLOSED);
    char_device_activate(vmc->device);
    if (vmc->cc == cc && device_is_full(vmc))
        channel_client_pause_reading(cc);
}

static const ChannelOps vmc_ops = {
    .client_size = sizeof(ChannelClient),
    .migrate_flags = SPICE_MIGRATE_NEED_FLUSH | SPICE_MIGRATE_NEED_DATA_TRANSFER,
    .max_message = MESSAGE_MAX,
    .max_migrate_data = MIGRATION_MAX_SIZE,
    .connected = vmc_connected,
    .disconnected = vmc_disconnected,
    .handle = vmc_handle,
    .participant = {.name = "vmc", .freeze = vmc_freeze, .save = vmc_save, .load = vmc_load, .activate = vmc_activate},
};

/* --- life --- */

static const CharDeviceOps device_ops = {
    .read = vmc_read,
    .deliver = vmc_deliver,
    .buffer_released = vmc_buffer_released,
    .drop_client = vmc_drop_client,
};

static const CharDeviceConfig device_config = {.self_tokens = DEVICE_QUEUE_MESSAGES};

/* 0 = none of this family */
static uint8_t channel_type(const SpiceCharDeviceInstance *instance)
{
    if (g_strcmp0(instance->subtype, "usbredir") == 0)
        return SPICE_CHANNEL_USBREDIR;
    if (g_strcmp0(instance->subtype, "port") != 0)
        return 0;
    if (g_strcmp0(instance->portname, WEBDAV_PORT) == 0)
        return SPICE_CHANNEL_WEBDAV;
    return g_strcmp0(instance->portname, STREAM_PORT) == 0 ? 0 : SPICE_CHANNEL_PORT;
}

bool vmc_channel_serves(const SpiceCharDeviceInstance *instance)
{
    return channel_type(instance) != 0;
}

bool vmc_channel_add(RedsState *server, SpiceCharDeviceInstance *instance, GError **error)
{
    uint8_t type = channel_type(instance);
    VmcChannel *vmc;
    unsigned id = 0;

    while (id <= UINT8_MAX && server_find_channel(server, type, (uint8_t)id))
        id++;
    if (id > UINT8_MAX || instance->st) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "%s", instance->st ? "added already" : "no id is free");
        return false;
    }
    vmc = g_new0(VmcChannel, 1);
    vmc->is_port = type != SPICE_CHANNEL_USBREDIR;
    vmc->read_buffer = g_malloc(READ_SIZE);
    vmc->device = char_device_new(server->loop, &device_ops, vmc, &device_config);
    char_device_set_instance(vmc->device, instance);
    vmc->channel.caps = 1u << SPICE_SPICEVMC_CAP_DATA_COMPRESS_LZ4;
    channel_init(&vmc->channel, server, &vmc_ops, type, (uint8_t)id, server->loop, NULL);
    server_add_char_device(server, vmc->device);
    return true;
}

static void vmc_free(void *data)
{
    VmcChannel *vmc = data;

    g_free(vmc->read_buffer);
    g_free(vmc);
}

void vmc_channel_remove(SpiceCharDeviceInstance *instance)
{
    VmcChannel *vmc = char_device_owner(instance->st);
    RedsState *server = vmc->channel.server;

    if (vmc->removed)
        return; /* called again by the host, from state(0) */
    vmc->removed = true;
    server_remove_char_device(server, vmc->device);
    channel_destroy(&vmc->channel);
    char_device_free(vmc->device);
    vmc->device = NULL;
    server_post(server, vmc_free, vmc); /* the host may have called from inside one of the channel's functions */
}

static SpiceCharDeviceInstance *first_of_family(RedsState *server)
{
    for (GList *l = server->char_devices; l; l = l->next) {
        SpiceCharDeviceInstance *instance = char_device_instance(l->data);

        if (instance && vmc_channel_serves(instance))
            return instance;
    }
    return NULL;
}

void vmc_channel_free_all(RedsState *server)
{
    SpiceCharDeviceInstance *instance;

    while ((instance = first_of_family(server)))
        vmc_channel_remove(instance);
}

bool vmc_channel_port_event(SpiceCharDeviceInstance *instance, uint8_t event)
{
    VmcChannel *vmc;

    if (!instance->st || !vmc_channel_serves(instance))
        return false;
    vmc = char_device_owner(instance->st);
    if (event == SPICE_PORT_EVENT_OPENED || event == SPICE_PORT_EVENT_CLOSED) {
        vmc->opened = event == SPICE_PORT_EVENT_OPENED;
        vmc->signalled = true;
    }
    if (vmc->cc && vmc->is_port && !vmc->cc->wait_data)
        push_port_event(vmc, event);
    return true;
}
