/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/smartcard-channel.h"

#include "server/channels/char-device.h"
#include "server/channels/vsc-stream.h"
#include "server/core/channel-client.h"
#include "server/migration/format.h"
#include "server/migration/report.h"

#include <spice/enums.h>
#include <spice/protocol.h>
#include <string.h>

#define READER_ID 0 /* the one that there is */
#define READ_SIZE 4096
/* Messages and bytes on their way to the device at which the client's socket is no longer read. */
#define DEVICE_QUEUE_MESSAGES 128
#define DEVICE_QUEUE_BYTES (1024 * 1024)
/* A client that is about to migrate is read to the end of what it has sent, whatever the device takes. */
#define MIGRATION_QUEUE_BYTES (MIGRATION_MAX_SIZE / 2)
/* A client waits for each answer before it asks again; more than so many answers it need not get. */
#define PENDING_MAX 16

struct SmartcardChannel {
    Channel channel;
    CharDevice *device;    /* NULL: none is plugged in */
    ChannelClient *holder; /* whose reader it is, NULL = nobody's */
    CharClient *client;    /* the same for the device */
    bool reader_added;     /* the holder announced its reader */
    GBytes *atr;           /* what it last said of the card in there, NULL = no card, or not known */
    unsigned pending;      /* requests of the holder that the device has not answered */
    bool pending_unknown;  /* there may be more, from before a migration */
    bool replay;           /* migration: the device has to be told of the reader */
    VscStream input;
    bool congested; /* the device is not read until less is on its way to the client */
};

static SmartcardChannel *card_of(ChannelClient *cc)
{
    return (SmartcardChannel *)cc->channel;
}

static void set_state(CharDevice *device, int connected)
{
    SpiceCharDeviceInstance *instance = device ? char_device_instance(device) : NULL;
    const SpiceCharDeviceInterface *sif = instance ? (const SpiceCharDeviceInterface *)instance->base.sif : NULL;

    if (sif && sif->state)
        sif->state(instance, connected);
}

static void forget_card(SmartcardChannel *card)
{
    g_clear_pointer(&card->atr, g_bytes_unref);
}

/* --- device to client --- */

typedef struct DataItem {
    PipeItem item;
    SmartcardChannel *card;
    WireWriter body;
} DataItem;

static void data_item_send(ChannelClient *cc, PipeItem *item)
{
    channel_client_send(cc, SPICE_MSG_SMARTCARD_DATA, &((DataItem *)item)->body, 0);
}

static void data_item_free(PipeItem *item)
{
    DataItem *data = (DataItem *)item;
    SmartcardChannel *card = data->card;

    wire_writer_clear(&data->body);
    g_free(data);
    if (card->congested && card->device && card->holder && !channel_client_pipe_is_full(card->holder)) {
        card->congested = false;
        char_device_wakeup(card->device);
    }
}

static const PipeItemOps data_item_ops = {data_item_send, data_item_free};

static void push_data(ChannelClient *cc, const MsgSmartcardData *m)
{
    DataItem *data = g_new0(DataItem, 1);

    pipe_item_init(&data->item, &data_item_ops);
    data->card = card_of(cc);
    msg_smartcard_data_encode(&data->body, m);
    data->item.bytes = data->body.size;
    channel_client_push(cc, &data->item);
}

static void push_error(ChannelClient *cc, uint32_t reader_id, VscErrorCode code)
{
    const uint32_t payload = GUINT32_TO_LE(code);
    const MsgSmartcardData m = {SPICE_VSC_MESSAGE_TYPE_Error, reader_id, sizeof(payload), (const uint8_t *)&payload};

    push_data(cc, &m);
}

static GBytes *card_read(void *owner)
{
    SmartcardChannel *card = owner;
    CharDevice *device = card->device;
    uint8_t buffer[READ_SIZE];
    GBytes *message = NULL;

    while (device && !message) {
        size_t n;

        card->congested = card->holder && channel_client_pipe_is_full(card->holder);
        if (card->congested || (card->holder && !card->holder->connected))
            return NULL;
        message = vsc_stream_next(&card->input);
        if (message)
            break;
        n = char_device_read(device, buffer, MIN(READ_SIZE, vsc_stream_wanted(&card->input)));
        if (n == 0 || card->device != device) /* the host may have taken it away */
            return NULL;
        vsc_stream_add(&card->input, buffer, n);
        message = vsc_stream_next(&card->input);
    }
    return message;
}

static void card_deliver(void *owner, void *peer, GBytes *message)
{
    SmartcardChannel *card = owner;
    const uint8_t *bytes = g_bytes_get_data(message, NULL);
    VscHeader header;

    vsc_header_unpack(bytes, &header);
    if (header.type == SPICE_VSC_MESSAGE_TYPE_Init)
        return;
    if (header.type == SPICE_VSC_MESSAGE_TYPE_Error) {
        if (card->pending)
            card->pending--;
        else if (!card->pending_unknown)
            return; /* answers what the client knows nothing of */
    }
    push_data(peer, &(MsgSmartcardData){header.type, READER_ID, header.length, bytes + VSC_HEADER_SIZE});
}

static void card_drop_client(void *owner, void *peer)
{
    channel_client_disconnect(peer);
}

/* --- client to device --- */

static bool device_is_full(const SmartcardChannel *card)
{
    return card->device &&
           (char_device_self_tokens(card->device) == 0 || char_device_queued_bytes(card->device) >= DEVICE_QUEUE_BYTES);
}

static void card_buffer_released(void *owner)
{
    SmartcardChannel *card = owner;

    if (card->holder && !device_is_full(card))
        channel_client_resume_reading(card->holder);
}

static void pause_if_full(SmartcardChannel *card)
{
    if (card->holder && !card->holder->migrating && device_is_full(card))
        channel_client_pause_reading(card->holder);
}

/* There is a device. It may be gone afterwards. */
static void write_message(SmartcardChannel *card, uint32_t type, const uint8_t *payload, uint32_t length)
{
    const VscHeader header = {type, READER_ID, length};
    g_autofree uint8_t *message = g_malloc(VSC_HEADER_SIZE + (size_t)length);

    vsc_header_pack(message, &header);
    if (length)
        memcpy(message + VSC_HEADER_SIZE, payload, length);
    char_device_write_server(card->device, message, VSC_HEADER_SIZE + (size_t)length,
                             char_device_self_tokens(card->device) > 0);
    pause_if_full(card);
}

/* What the device answers with an Error message. Without a device it is done when it is remembered. */
static void request(SmartcardChannel *card, uint32_t type, const uint8_t *payload, uint32_t length)
{
    if (!card->device) {
        push_error(card->holder, READER_ID, VSC_ERROR_SUCCESS);
        return;
    }
    card->pending = MIN(card->pending + 1, PENDING_MAX);
    write_message(card, type, payload, length);
}

/* Tells a device that has just come what the client had said earlier. */
static void replay_reader(SmartcardChannel *card)
{
    CharDevice *device = card->device;
    g_autoptr(GBytes) atr = card->atr ? g_bytes_ref(card->atr) : NULL;
    size_t size;
    const uint8_t *bytes;

    card->replay = false;
    if (!device || !card->reader_added)
        return;
    write_message(card, SPICE_VSC_MESSAGE_TYPE_ReaderAdd, NULL, 0);
    if (!atr || card->device != device || card->atr != atr)
        return;
    bytes = g_bytes_get_data(atr, &size);
    write_message(card, SPICE_VSC_MESSAGE_TYPE_ATR, bytes, (uint32_t)size);
}

/* Brings holder and device together. */
static void attach_device(SmartcardChannel *card)
{
    ChannelClient *holder = card->holder;
    CharDevice *device = card->device;

    if (!holder || !device)
        return;
    card->client = char_device_add_client(device, holder, 0, holder->wait_data);
    char_device_wakeup(device);
    if (card->device == device && card->holder == holder)
        set_state(device, 1);
    if (card->device == device && card->holder == holder && !holder->wait_data)
        replay_reader(card);
    pause_if_full(card);
}

static void hold_reader(SmartcardChannel *card, ChannelClient *cc)
{
    card->holder = cc;
    card->pending = 0;
    card->pending_unknown = card->replay = false;
    attach_device(card);
}

static void add_reader(ChannelClient *cc)
{
    SmartcardChannel *card = card_of(cc);

    if (!card->holder)
        hold_reader(card, cc);
    if (card->holder != cc || card->reader_added) {
        push_error(cc, VSC_UNDEFINED_READER, VSC_ERROR_CANNOT_ADD_MORE_READERS);
        return;
    }
    card->reader_added = true;
    forget_card(card);
    request(card, SPICE_VSC_MESSAGE_TYPE_ReaderAdd, NULL, 0);
}

static void remove_reader(ChannelClient *cc, uint32_t reader_id)
{
    SmartcardChannel *card = card_of(cc);

    if (card->holder != cc || reader_id != READER_ID || !card->reader_added) {
        push_error(cc, reader_id, VSC_ERROR_GENERAL);
        return;
    }
    card->reader_added = false;
    forget_card(card);
    request(card, SPICE_VSC_MESSAGE_TYPE_ReaderRemove, NULL, 0);
}

static bool forward(ChannelClient *cc, const MsgSmartcardData *m, GError **error)
{
    SmartcardChannel *card = card_of(cc);

    if (m->reader_id != READER_ID || card->holder != cc) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "message %u of reader %u, which is not known", m->type,
                    m->reader_id);
        return false;
    }
    if (m->type == SPICE_VSC_MESSAGE_TYPE_ATR || m->type == SPICE_VSC_MESSAGE_TYPE_CardRemove) {
        forget_card(card);
        if (m->type == SPICE_VSC_MESSAGE_TYPE_ATR)
            card->atr = g_bytes_new(m->data, m->length);
        request(card, m->type, m->data, m->length);
    } else if (card->device) {
        write_message(card, m->type, m->data, m->length);
    }
    return true;
}

static bool handle_data(ChannelClient *cc, const MsgSmartcardData *m, GError **error)
{
    SmartcardChannel *card = card_of(cc);

    if (cc->migrating && card->device && char_device_queued_bytes(card->device) + m->length > MIGRATION_QUEUE_BYTES) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "the client sends too much to migrate");
        return false;
    }
    switch (m->type) {
    case SPICE_VSC_MESSAGE_TYPE_Init:
        return true;
    case SPICE_VSC_MESSAGE_TYPE_ReaderAdd:
        add_reader(cc);
        return true;
    case SPICE_VSC_MESSAGE_TYPE_ReaderRemove:
        remove_reader(cc, m->reader_id);
        return true;
    case SPICE_VSC_MESSAGE_TYPE_Error:
    case SPICE_VSC_MESSAGE_TYPE_ATR:
    case SPICE_VSC_MESSAGE_TYPE_CardRemove:
    case SPICE_VSC_MESSAGE_TYPE_APDU:
        return forward(cc, m, error);
    default:
        g_info("smartcard: message %u of the client is ignored", m->type);
        return true;
    }
}

static bool card_handle(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    WireReader r = wire_reader(body, size);
    MsgSmartcardData m;

    if (type == SPICE_MSGC_PONG)
        return true;
    if (cc->wait_data || type != SPICE_MSGC_SMARTCARD_DATA) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u %s", type,
                    cc->wait_data ? "before the migration data" : "is not known here");
        return false;
    }
    return msg_smartcard_data_decode(&r, &m, error) && handle_data(cc, &m, error);
}

/* --- connections --- */

static void card_connected(ChannelClient *cc)
{
    if (!card_of(cc)->holder)
        hold_reader(card_of(cc), cc);
}

static void card_disconnected(ChannelClient *cc)
{
    SmartcardChannel *card = card_of(cc);
    CharDevice *device = card->device;
    CharClient *client = card->client;
    bool added = card->reader_added;

    if (card->holder != cc)
        return;
    card->holder = NULL;
    card->client = NULL;
    card->reader_added = false;
    forget_card(card);
    if (client)
        char_device_remove_client(device, client);
    set_state(card->device, 0);
    if (added && device && card->device == device && !card->reader_added)
        write_message(card, SPICE_VSC_MESSAGE_TYPE_ReaderRemove, NULL, 0);
}

/* --- migration --- */

static void card_freeze(void *self)
{
    ChannelClient *cc = self;
    SmartcardChannel *card = card_of(cc);

    if (card->holder == cc && card->device)
        char_device_freeze(card->device);
    channel_client_resume_reading(cc); /* its flush mark is behind what it has sent */
}

static GBytes *card_save(void *self, uint64_t serial, MigrationReport *report)
{
    ChannelClient *cc = self;
    SmartcardChannel *card = card_of(cc);
    SmartcardState state;
    GBytes *data;

    smartcard_state_init(&state);
    if (card->holder == cc) {
        state.reader_added = card->reader_added;
        if (card->device) {
            char_device_save(card->device, card->client, &state.device);
            vsc_stream_save(&card->input, state.read_data);
        }
    }
    data = smartcard_state_encode(&state);
    if (report)
        migration_report_channel(report, "smartcard", g_bytes_get_size(data));
    smartcard_state_clear(&state);
    return data;
}

static bool take_over(ChannelClient *cc, const SmartcardState *state, GError **error)
{
    SmartcardChannel *card = card_of(cc);

    if (card->holder != cc) {
        if (!state->device.connected && !state->reader_added)
            return true;
        g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, "smartcard: another client has the reader");
        return false;
    }
    if (card->device && state->device.connected) {
        if (!char_device_load(card->device, card->client, &state->device, error))
            return false;
        vsc_stream_load(&card->input, state->read_data);
        card->pending_unknown = true;
    }
    card->reader_added = state->reader_added;
    card->replay = !state->device.connected; /* the machine that arrives here had no such device */
    return true;
}

static bool card_load(void *self, const uint8_t *data, size_t size, MigrationReport *report, GError **error)
{
    SmartcardState state;
    bool ok;

    if (!smartcard_state_decode(data, size, &state, error))
        return false;
    ok = take_over(self, &state, error);
    smartcard_state_clear(&state);
    if (ok && report)
        migration_report_channel(report, "smartcard", size);
    return ok;
}

static void card_activate(void *self)
{
    ChannelClient *cc = self;
    SmartcardChannel *card = card_of(cc);

    if (card->holder != cc || !card->device)
        return;
    char_device_activate(card->device);
    if (card->holder == cc && card->replay)
        replay_reader(card);
    pause_if_full(card);
}

static const ChannelOps card_ops = {
    .client_size = sizeof(ChannelClient),
    .migrate_flags = SPICE_MIGRATE_NEED_FLUSH | SPICE_MIGRATE_NEED_DATA_TRANSFER,
    .max_message = VSC_MESSAGE_MAX,
    .max_migrate_data = MIGRATION_MAX_SIZE,
    .connected = card_connected,
    .disconnected = card_disconnected,
    .handle = card_handle,
    .participant =
        {.name = "smartcard", .freeze = card_freeze, .save = card_save, .load = card_load, .activate = card_activate},
};

/* --- life --- */

static const CharDeviceOps device_ops = {
    .read = card_read,
    .deliver = card_deliver,
    .buffer_released = card_buffer_released,
    .drop_client = card_drop_client,
};

static const CharDeviceConfig device_config = {.self_tokens = DEVICE_QUEUE_MESSAGES};

bool smartcard_channel_serves(const SpiceCharDeviceInstance *instance)
{
    return g_strcmp0(instance->subtype, "smartcard") == 0;
}

static SmartcardChannel *card_new(RedsState *server)
{
    SmartcardChannel *card = g_new0(SmartcardChannel, 1);

    vsc_stream_init(&card->input);
    channel_init(&card->channel, server, &card_ops, SPICE_CHANNEL_SMARTCARD, 0, server->loop, NULL);
    return card;
}

bool smartcard_channel_add(RedsState *server, SpiceCharDeviceInstance *instance, GError **error)
{
    SmartcardChannel *card = server->smartcard;
    CharDevice *device;

    if (instance->st || (card && card->device)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "%s",
                    instance->st ? "added already" : "there is one, and more readers are not possible");
        return false;
    }
    if (!card)
        card = server->smartcard = card_new(server);
    card->device = device = char_device_new(server->loop, &device_ops, card, &device_config);
    char_device_set_instance(device, instance);
    server_add_char_device(server, device);
    if (card->device == device)
        attach_device(card);
    return true;
}

void smartcard_channel_remove(SpiceCharDeviceInstance *instance)
{
    SmartcardChannel *card = char_device_owner(instance->st);
    CharDevice *device = card->device;
    CharClient *client = card->client;
    unsigned pending = card->pending;

    if (!device || char_device_instance(device) != instance)
        return; /* called again by the host, from state(0) */
    card->device = NULL;
    card->client = NULL;
    card->pending = 0;
    card->pending_unknown = card->congested = false;
    vsc_stream_reset(&card->input);
    if (card->holder)
        set_state(device, 0);
    server_remove_char_device(card->channel.server, device);
    if (client)
        char_device_remove_client(device, client);
    char_device_free(device);
    if (!card->holder)
        return;
    channel_client_resume_reading(card->holder);
    while (pending-- && card->holder) /* the client would wait for them */
        push_error(card->holder, READER_ID, VSC_ERROR_SUCCESS);
}

void smartcard_channel_free(SmartcardChannel *card)
{
    if (card->device)
        smartcard_channel_remove(char_device_instance(card->device));
    channel_destroy(&card->channel);
    vsc_stream_clear(&card->input);
    forget_card(card);
    g_free(card);
}
