/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/stream-device.h"

#include "common/util/limited-warning.h"
#include "common/wire/writer.h"
#include "server/channels/agent.h"
#include "server/channels/char-device.h"
#include "server/channels/stream-cursor.h"
#include "server/channels/stream-display.h"
#include "server/channels/stream-reader.h"

#include <gio/gio.h>
#include <spice/protocol.h>
#include <spice/stream-device.h>
#include <string.h>

#define PORT_NAME "org.spice-space.stream.0"
#define DISCARD_SIZE 16384
#define UNWRITTEN_MAX 65536 /* bytes that a guest which does not read leaves queued, at most */

typedef struct StreamDevice {
    RedsState *server;
    CharDevice *device;     /* NULL once the host has removed it */
    StreamDisplay *display; /* both NULL: there are no channels yet */
    StreamCursor *cursor;
    bool open;   /* what the last event of the host said */
    bool failed; /* what the guest writes is thrown away */
    bool removed;
    LoopTimer *fail_timer;
    StreamReader reader;
    uint32_t stream_id, display_id; /* with the next one, what DEVICE_DISPLAY_INFO said */
    char *address;
} StreamDevice;

static void set_state(StreamDevice *stream, int connected)
{
    SpiceCharDeviceInstance *instance = stream->device ? char_device_instance(stream->device) : NULL;
    const SpiceCharDeviceInterface *sif = instance ? (const SpiceCharDeviceInterface *)instance->base.sif : NULL;

    if (sif && sif->state)
        sif->state(instance, connected);
}

/* --- server to guest --- */

static void write_message(StreamDevice *stream, uint16_t type, const WireWriter *body)
{
    g_auto(WireWriter) message = {0};

    if (!stream->device)
        return; /* the host has removed it from inside of an earlier write */
    if (char_device_queued_bytes(stream->device) > UNWRITTEN_MAX) {
        WARN_LIMITED("stream device: the guest does not read; message %u is dropped", type);
        return;
    }
    wire_write_u8(&message, STREAM_DEVICE_PROTOCOL);
    wire_write_u8(&message, 0);
    wire_write_u16(&message, type);
    wire_write_u32(&message, (uint32_t)body->size);
    wire_write_bytes(&message, body->data, body->size);
    char_device_write_server(stream->device, message.data, message.size, false);
}

static void write_capabilities(StreamDevice *stream)
{
    g_auto(WireWriter) body = {0};

    wire_write_u8(&body, 0); /* none */
    write_message(stream, STREAM_TYPE_CAPABILITIES, &body);
}

/* Which codecs the guest may use, and that it begins anew; or that nobody looks. */
static void write_start_stop(StreamDevice *stream)
{
    g_auto(WireWriter) body = {0};
    uint8_t codecs[STREAM_CODECS_MAX], n = 0;

    if (stream_display_has_clients(stream->display))
        n = stream_display_codecs(stream->display, codecs);
    wire_write_u8(&body, n);
    wire_write_bytes(&body, codecs, n);
    write_message(stream, STREAM_TYPE_START_STOP, &body);
}

/* Not from inside its read function: the host's device would be closed while it is read. */
static void close_port(void *opaque)
{
    StreamDevice *stream = opaque;

    if (stream->open && stream->failed)
        set_state(stream, 0);
}

static void fail(StreamDevice *stream, const char *text)
{
    g_auto(WireWriter) body = {0};

    WARN_LIMITED("stream device: %s; the guest's stream is ignored until it opens the port anew", text);
    stream->failed = true;
    wire_write_u32(&body, 0);
    wire_write_bytes(&body, text, strlen(text) + 1);
    write_message(stream, STREAM_TYPE_NOTIFY_ERROR, &body);
    if (!stream->removed) /* the host may have done that while it was written to */
        loop_timer_start(stream->fail_timer, 0);
}

/* --- guest to clients --- */

static void note_display_info(StreamDevice *stream)
{
    const StreamReader *reader = &stream->reader;

    if (!reader->address[0])
        return;
    stream->stream_id = reader->stream_id;
    stream->display_id = reader->display_id;
    g_free(stream->address);
    stream->address = g_strdup(reader->address);
    if (stream->server->agent)
        agent_update_device_info(stream->server->agent);
}

static void handle_message(StreamDevice *stream)
{
    StreamReader *reader = &stream->reader;

    switch (reader->type) {
    case STREAM_TYPE_FORMAT:
        stream_display_format(stream->display, reader->width, reader->height, reader->codec);
        break;
    case STREAM_TYPE_DATA:
        stream_display_frame(stream->display, reader->mm_time, reader->data);
        break;
    case STREAM_TYPE_CURSOR_SET:
        stream_cursor_set(stream->cursor, reader->shape);
        break;
    case STREAM_TYPE_CURSOR_MOVE:
        stream_cursor_move(stream->cursor, reader->x, reader->y);
        break;
    case STREAM_TYPE_DEVICE_DISPLAY_INFO:
        note_display_info(stream);
        break;
    default: /* CAPABILITIES: none is known yet */
        break;
    }
}

static size_t read_some(void *opaque, void *buf, size_t size)
{
    StreamDevice *stream = opaque;

    return stream->device ? char_device_read(stream->device, buf, size) : 0;
}

static void discard(StreamDevice *stream)
{
    uint8_t buf[DISCARD_SIZE];

    while (!stream->removed && stream->failed && read_some(stream, buf, sizeof(buf)) > 0)
        ;
}

/* Handles what there is. No message is passed on: the device has no clients of its own. */
static GBytes *device_read(void *owner)
{
    StreamDevice *stream = owner;

    /* The host may reset or remove the device from inside of whatever is called here. */
    while (!stream->removed && !stream->failed && stream->display && !stream_display_is_busy(stream->display)) {
        switch (stream_reader_read(&stream->reader, read_some, stream, server_mm_time())) {
        case STREAM_READ_NOTHING:
            return NULL;
        case STREAM_READ_MESSAGE:
            if (!stream->removed)
                handle_message(stream);
            break;
        case STREAM_READ_BROKEN:
            fail(stream, stream->reader.error);
            break;
        }
    }
    if (stream->failed)
        discard(stream);
    return NULL;
}

static void device_deliver(void *owner, void *peer, GBytes *message) {}

static const CharDeviceOps device_ops = {.read = device_read, .deliver = device_deliver};

/* --- channels --- */

static void on_clients_changed(void *owner)
{
    StreamDevice *stream = owner;

    if (stream->open && stream->device)
        write_start_stop(stream);
}

static void on_sent(void *owner)
{
    StreamDevice *stream = owner;

    if (stream->device)
        char_device_wakeup(stream->device);
}

static const StreamDisplayOps display_ops = {on_clients_changed, on_sent};

static void make_channels(StreamDevice *stream)
{
    RedsState *server = stream->server;
    unsigned id = 0;

    if (stream->display)
        return;
    while (id <= UINT8_MAX && (server_find_channel(server, SPICE_CHANNEL_DISPLAY, (uint8_t)id) ||
                               server_find_channel(server, SPICE_CHANNEL_CURSOR, (uint8_t)id)))
        id++;
    if (id > UINT8_MAX) {
        WARN_LIMITED("stream device: no channel id is free");
        return;
    }
    stream->display = stream_display_new(server, (uint8_t)id, &display_ops, stream);
    stream->cursor = stream_cursor_new(server, (uint8_t)id);
}

static void make_all_channels(RedsState *server)
{
    /* Newest first: the oldest device gets the lowest id. */
    for (GList *l = g_list_last(server->char_devices); l; l = l->prev) {
        SpiceCharDeviceInstance *instance = char_device_instance(l->data);

        if (instance && stream_device_serves(instance))
            make_channels(char_device_owner(l->data));
    }
}

static void reset(StreamDevice *stream)
{
    stream_reader_reset(&stream->reader);
    stream->failed = false;
    loop_timer_cancel(stream->fail_timer);
    char_device_reset(stream->device);
    if (stream->display)
        stream_display_reset(stream->display);
    if (stream->cursor)
        stream_cursor_reset(stream->cursor);
}

/* --- life --- */

bool stream_device_serves(const SpiceCharDeviceInstance *instance)
{
    return g_strcmp0(instance->subtype, "port") == 0 && g_strcmp0(instance->portname, PORT_NAME) == 0;
}

bool stream_device_add(RedsState *server, SpiceCharDeviceInstance *instance, GError **error)
{
    static const CharDeviceConfig config = {0};
    StreamDevice *stream;

    if (instance->st) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS, "added already");
        return false;
    }
    stream = g_new0(StreamDevice, 1);
    stream->server = server;
    stream_reader_init(&stream->reader);
    stream->fail_timer = loop_timer_new(server->loop, close_port, stream);
    stream->device = char_device_new(server->loop, &device_ops, stream, &config);
    char_device_set_instance(stream->device, instance);
    server->before_first_client = make_all_channels;
    server_add_char_device(server, stream->device);
    set_state(stream, 1);
    return true;
}

static void device_free(void *data)
{
    StreamDevice *stream = data;

    stream_reader_clear(&stream->reader);
    g_free(stream->address);
    g_free(stream);
}

void stream_device_remove(SpiceCharDeviceInstance *instance)
{
    StreamDevice *stream = char_device_owner(instance->st);
    RedsState *server = stream->server;
    CharDevice *device = stream->device;

    if (stream->removed)
        return; /* called again by the host, from inside */
    stream->removed = true;
    server_remove_char_device(server, device);
    stream->device = NULL;
    g_clear_pointer(&stream->display, stream_display_free);
    g_clear_pointer(&stream->cursor, stream_cursor_free);
    g_clear_pointer(&stream->fail_timer, loop_timer_free);
    char_device_free(device);
    server_post(server, device_free, stream); /* the host may have called from inside of one of its functions */
}

void stream_device_free_all(RedsState *server)
{
    for (GList *l = server->char_devices; l;) {
        SpiceCharDeviceInstance *instance = char_device_instance(l->data);

        if (instance && stream_device_serves(instance)) {
            stream_device_remove(instance);
            l = server->char_devices;
        } else {
            l = l->next;
        }
    }
}

bool stream_device_port_event(SpiceCharDeviceInstance *instance, uint8_t event)
{
    StreamDevice *stream;

    if (!instance->st || !stream_device_serves(instance))
        return false;
    stream = char_device_owner(instance->st);
    if (event != SPICE_PORT_EVENT_OPENED && event != SPICE_PORT_EVENT_CLOSED)
        return true;
    stream->open = event == SPICE_PORT_EVENT_OPENED;
    reset(stream);
    if (stream->open) {
        make_channels(stream);
        write_capabilities(stream);
        if (stream->display && stream_display_has_clients(stream->display))
            write_start_stop(stream);
    }
    set_state(stream, 1);
    if (!stream->removed)
        char_device_wakeup(stream->device);
    return true;
}

bool stream_device_info(struct SpiceCharDeviceState *device, StreamDeviceInfo *info)
{
    SpiceCharDeviceInstance *instance = char_device_instance(device);
    const StreamDevice *stream;

    if (!instance || !stream_device_serves(instance))
        return false;
    stream = char_device_owner(device);
    if (!stream->address || !stream->display)
        return false;
    *info =
        (StreamDeviceInfo){stream_display_id(stream->display), stream->stream_id, stream->display_id, stream->address};
    return true;
}
