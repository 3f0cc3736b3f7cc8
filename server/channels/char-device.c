/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/char-device.h"

#include "common/util/limited-warning.h"
#include "server/migration/format.h"

#include <limits.h>
#include <string.h>

#define RETRY_MS 100             /* of a write, for hosts that do not tell when there is room */
#define NO_TOKENS_MS (30 * 1000) /* a client that grants no tokens for so long is dropped */

struct CharClient {
    unsigned refs;
    CharDevice *device; /* NULL: removed */
    void *peer;
    uint32_t tokens;      /* messages that the client may still send */
    uint32_t consumed;    /* tokens that it has to get back */
    uint64_t send_tokens; /* messages that it may still be sent */
    GQueue send_queue;    /* GBytes that wait for tokens */
    LoopTimer *timer;     /* runs while some do */
};

typedef struct WriteBuffer {
    unsigned refs;
    CharClient *client; /* who gets the tokens back; NULL: the device, or nobody */
    uint32_t price;     /* of the client's tokens */
    bool costs_self;    /* one of the device's tokens */
    size_t size, done;
    uint8_t data[];
} WriteBuffer;

struct SpiceCharDeviceState {
    unsigned refs;
    Loop *loop;
    const CharDeviceOps *ops;
    void *owner; /* NULL: char_device_free() was called */
    CharDeviceConfig config;
    SpiceCharDeviceInstance *instance;
    bool running, waiting, frozen;
    bool reading, writing;        /* inside the loop of that name */
    bool read_again, write_again; /* a wakeup came meanwhile */
    GQueue queue;                 /* WriteBuffer */
    WriteBuffer *current;         /* taken from the queue, being written */
    size_t queued;                /* bytes of current and queue */
    uint32_t self_tokens;
    GList *clients; /* CharClient */
    LoopTimer *retry;
};

static const SpiceCharDeviceInterface *interface_of(const CharDevice *device)
{
    return (const SpiceCharDeviceInterface *)device->instance->base.sif;
}

static bool has_flow_control(const CharDevice *device)
{
    return device->config.client_window > 0;
}

static bool may_run(const CharDevice *device)
{
    return device->owner && device->running && !device->waiting && !device->frozen && device->instance;
}

/* --- references --- */

static CharDevice *device_ref(CharDevice *device)
{
    device->refs++;
    return device;
}

static void device_unref(CharDevice *device)
{
    if (--device->refs == 0)
        g_free(device);
}

static CharClient *client_ref(CharClient *client)
{
    client->refs++;
    return client;
}

static void client_unref(CharClient *client)
{
    if (--client->refs == 0)
        g_free(client);
}

static void buffer_unref(WriteBuffer *buffer)
{
    if (--buffer->refs)
        return;
    if (buffer->client)
        client_unref(buffer->client);
    g_free(buffer);
}

/* --- writing --- */

/* Consumed tokens go back to the client as soon as they are worth a message. After a freeze they stay: the
 * destination works out how many there are. */
static void return_tokens(CharDevice *device, CharClient *client)
{
    uint32_t n = client->consumed;

    if (!has_flow_control(device) || n < device->config.token_interval || device->frozen || device->waiting)
        return;
    client->consumed = 0;
    client->tokens += n;
    device->ops->send_tokens(device->owner, client->peer, n);
}

static void consume(CharClient *client, uint32_t n)
{
    CharDevice *device = client->device;

    if (!device || !device->owner)
        return;
    client->consumed += n;
    return_tokens(device, client);
}

/* The buffer has left the queue. */
static void release(CharDevice *device, WriteBuffer *buffer)
{
    device->queued -= buffer->size;
    if (buffer->client)
        consume(buffer->client, buffer->price);
    else if (buffer->costs_self)
        device->self_tokens++;
    buffer_unref(buffer);
    if (device->owner && device->ops->buffer_released)
        device->ops->buffer_released(device->owner);
}

/* One call of the host. False if the device takes nothing. */
static bool write_once(CharDevice *device)
{
    WriteBuffer *buffer = device->current;
    size_t left = buffer->size - buffer->done;
    int n;

    buffer->refs++; /* the host may reset the device from inside */
    n = interface_of(device)->write(device->instance, buffer->data + buffer->done, (int)MIN(left, INT_MAX));
    if (n > 0 && device->current == buffer) {
        buffer->done += MIN((size_t)n, left);
        if (buffer->done == buffer->size) {
            device->current = NULL;
            release(device, buffer);
        }
    }
    buffer_unref(buffer);
    return n > 0;
}

/* True if the device took something. */
static bool write_loop(CharDevice *device)
{
    bool progress = false;

    if (device->writing) {
        device->write_again = true;
        return false;
    }
    if (!may_run(device))
        return false;
    device->writing = true;
    loop_timer_cancel(device->retry);
    while (may_run(device)) {
        if (!device->current)
            device->current = g_queue_pop_head(&device->queue);
        if (!device->current)
            break;
        device->write_again = false;
        if (write_once(device))
            progress = true;
        else if (!device->write_again)
            break;
    }
    device->writing = false;
    if (may_run(device) && (device->current || device->queue.length)) {
        const SpiceCharDeviceInterface *sif = interface_of(device);

        if (sif->base.minor_version < 3 || !(sif->flags & SPICE_CHAR_DEVICE_NOTIFY_WRITABLE))
            loop_timer_start(device->retry, RETRY_MS);
    }
    return progress;
}

static WriteBuffer *buffer_new(const void *data, size_t size)
{
    WriteBuffer *buffer = g_malloc(sizeof(WriteBuffer) + size);

    g_assert(size > 0); /* a device could never take it */
    *buffer = (WriteBuffer){.refs = 1, .size = size};
    memcpy(buffer->data, data, size);
    return buffer;
}

static void queue_buffer(CharDevice *device, WriteBuffer *buffer)
{
    device->queued += buffer->size;
    g_queue_push_tail(&device->queue, buffer);
    device_ref(device);
    write_loop(device);
    device_unref(device);
}

bool char_device_take_token(CharDevice *device, CharClient *client)
{
    if (!has_flow_control(device))
        return true;
    if (client->tokens == 0)
        return false;
    client->tokens--;
    return true;
}

void char_device_return_token(CharDevice *device, CharClient *client)
{
    consume(client, 1);
}

void char_device_write_client(CharDevice *device, CharClient *client, const void *data, size_t size)
{
    WriteBuffer *buffer = buffer_new(data, size);

    buffer->client = client_ref(client);
    buffer->price = 1;
    queue_buffer(device, buffer);
}

void char_device_write_server(CharDevice *device, const void *data, size_t size, bool costs)
{
    WriteBuffer *buffer = buffer_new(data, size);

    if (costs) {
        g_assert(device->self_tokens > 0);
        device->self_tokens--;
        buffer->costs_self = true;
    }
    queue_buffer(device, buffer);
}

uint32_t char_device_self_tokens(const CharDevice *device)
{
    return device->self_tokens;
}

size_t char_device_queued_bytes(const CharDevice *device)
{
    return device->queued;
}

/* --- reading --- */

size_t char_device_read(CharDevice *device, void *buf, size_t size)
{
    int n;

    if (!may_run(device))
        return 0;
    n = interface_of(device)->read(device->instance, buf, (int)MIN(size, INT_MAX));
    return n > 0 ? MIN((size_t)n, size) : 0;
}

static void on_no_tokens(void *opaque)
{
    CharClient *client = opaque;
    CharDevice *device = client->device;

    WARN_LIMITED("character device: a client grants no tokens");
    device->ops->drop_client(device->owner, client->peer);
}

static bool can_send(const CharDevice *device, const CharClient *client)
{
    return !has_flow_control(device) || client->send_tokens > 0;
}

static void send_now(CharDevice *device, CharClient *client, GBytes *message)
{
    if (has_flow_control(device) && client->send_tokens)
        client->send_tokens--;
    device->ops->deliver(device->owner, client->peer, message);
}

static void send_or_queue(CharDevice *device, CharClient *client, GBytes *message)
{
    if (can_send(device, client)) {
        send_now(device, client, message);
    } else if (client->send_queue.length >= device->config.send_queue) {
        WARN_LIMITED("character device: too much waits for tokens of a client");
        device->ops->drop_client(device->owner, client->peer);
    } else {
        if (client->send_queue.length == 0)
            loop_timer_start(client->timer, NO_TOKENS_MS);
        g_queue_push_tail(&client->send_queue, g_bytes_ref(message));
    }
}

static void send_to_all(CharDevice *device, GBytes *message)
{
    GList *clients = g_list_copy(device->clients);

    for (GList *l = clients; l; l = l->next)
        client_ref(l->data);
    for (GList *l = clients; l; l = l->next) {
        CharClient *client = l->data;

        if (client->device && device->owner)
            send_or_queue(device, client, message);
        client_unref(client);
    }
    g_list_free(clients);
}

void char_device_deliver(CharDevice *device, GBytes *message)
{
    device_ref(device);
    send_to_all(device, message);
    device_unref(device);
}

/* Somebody could be sent a message now; without clients the device is emptied. */
static bool has_reader(const CharDevice *device)
{
    for (GList *l = device->clients; l; l = l->next)
        if (can_send(device, l->data))
            return true;
    return !device->clients;
}

static bool read_loop(CharDevice *device)
{
    bool progress = false;

    if (device->reading) {
        device->read_again = true;
        return false;
    }
    device->reading = true;
    while (may_run(device) && has_reader(device)) {
        g_autoptr(GBytes) message = NULL;

        device->read_again = false;
        message = device->ops->read(device->owner);
        if (message) {
            progress = true;
            if (device->owner)
                send_to_all(device, message);
        } else if (!device->read_again) {
            break;
        }
    }
    device->reading = false;
    return progress;
}

void char_device_wakeup(CharDevice *device)
{
    device_ref(device);
    write_loop(device);
    read_loop(device);
    device_unref(device);
}

static void on_retry(void *opaque)
{
    CharDevice *device = opaque;

    device_ref(device);
    write_loop(device);
    device_unref(device);
}

static void flush_send_queue(CharDevice *device, CharClient *client)
{
    client_ref(client);
    while (client->device && client->send_queue.length && can_send(device, client)) {
        g_autoptr(GBytes) message = g_queue_pop_head(&client->send_queue);

        send_now(device, client, message);
    }
    if (client->device && can_send(device, client))
        loop_timer_cancel(client->timer);
    client_unref(client);
}

void char_device_set_send_tokens(CharDevice *device, CharClient *client, uint32_t n)
{
    device_ref(device);
    client->send_tokens = n;
    flush_send_queue(device, client);
    read_loop(device);
    device_unref(device);
}

void char_device_add_send_tokens(CharDevice *device, CharClient *client, uint32_t n)
{
    device_ref(device);
    client->send_tokens = MIN(client->send_tokens + n, UINT32_MAX);
    flush_send_queue(device, client);
    read_loop(device);
    device_unref(device);
}

/* --- life --- */

CharDevice *char_device_new(Loop *loop, const CharDeviceOps *ops, void *owner, const CharDeviceConfig *config)
{
    CharDevice *device = g_new0(CharDevice, 1);

    device->refs = 1;
    device->loop = loop;
    device->ops = ops;
    device->owner = owner;
    device->config = *config;
    device->self_tokens = config->self_tokens;
    device->retry = loop_timer_new(loop, on_retry, device);
    g_queue_init(&device->queue);
    return device;
}

/* Forgets what is queued and tells nobody. */
static void drop_writes(CharDevice *device)
{
    WriteBuffer *buffer;

    if (device->current)
        g_queue_push_head(&device->queue, device->current);
    device->current = NULL;
    while ((buffer = g_queue_pop_head(&device->queue))) {
        device->queued -= buffer->size;
        device->self_tokens += buffer->costs_self;
        buffer_unref(buffer);
    }
}

void char_device_free(CharDevice *device)
{
    while (device->clients)
        char_device_remove_client(device, device->clients->data);
    char_device_set_instance(device, NULL);
    device->owner = NULL;
    drop_writes(device);
    loop_timer_free(device->retry);
    device->retry = NULL;
    device_unref(device);
}

void char_device_set_instance(CharDevice *device, SpiceCharDeviceInstance *instance)
{
    if (device->instance)
        device->instance->st = NULL;
    device->instance = instance;
    if (instance)
        instance->st = device;
}

SpiceCharDeviceInstance *char_device_instance(const CharDevice *device)
{
    return device->instance;
}

void *char_device_owner(const CharDevice *device)
{
    return device->owner;
}

void char_device_start(CharDevice *device)
{
    bool wrote, read;

    device_ref(device);
    device->running = true;
    do {
        wrote = write_loop(device);
        read = read_loop(device);
    } while (wrote || read);
    device_unref(device);
}

void char_device_stop(CharDevice *device)
{
    device->running = false;
    loop_timer_cancel(device->retry);
}

void char_device_reset(CharDevice *device)
{
    WriteBuffer *buffer;

    device_ref(device);
    device->waiting = false;
    if (device->current)
        g_queue_push_head(&device->queue, device->current);
    device->current = NULL;
    while ((buffer = g_queue_pop_head(&device->queue)))
        release(device, buffer);
    for (GList *l = device->clients; l; l = l->next) {
        CharClient *client = l->data;

        client->send_tokens = MIN(client->send_tokens + client->send_queue.length, UINT32_MAX);
        g_queue_clear_full(&client->send_queue, (GDestroyNotify)g_bytes_unref);
        loop_timer_cancel(client->timer);
        client->tokens += client->consumed;
        client->consumed = 0;
    }
    device_unref(device);
}

CharClient *char_device_add_client(CharDevice *device, void *peer, uint32_t send_tokens, bool wait_data)
{
    CharClient *client;

    if (wait_data && device->clients)
        return NULL;
    client = g_new0(CharClient, 1);
    client->refs = 1;
    client->device = device;
    client->peer = peer;
    client->tokens = device->config.client_window;
    client->send_tokens = send_tokens;
    client->timer = loop_timer_new(device->loop, on_no_tokens, client);
    g_queue_init(&client->send_queue);
    device->waiting |= wait_data;
    device->clients = g_list_prepend(device->clients, client);
    return client;
}

void char_device_remove_client(CharDevice *device, CharClient *client)
{
    bool held = device->waiting || device->frozen;

    device->clients = g_list_remove(device->clients, client);
    client->device = NULL; /* a write that is under way is completed; its tokens go nowhere */
    g_queue_clear_full(&client->send_queue, (GDestroyNotify)g_bytes_unref);
    loop_timer_free(client->timer);
    client->timer = NULL;
    for (GList *l = device->queue.head, *next; l; l = next) {
        WriteBuffer *buffer = l->data;

        next = l->next;
        if (buffer->client == client) {
            device->queued -= buffer->size;
            g_queue_delete_link(&device->queue, l);
            buffer_unref(buffer);
        }
    }
    client_unref(client);
    device->waiting = device->frozen = false;
    if (held)
        char_device_wakeup(device);
}

bool char_device_has_clients(const CharDevice *device)
{
    return device->clients != NULL;
}

/* --- migration --- */

void char_device_freeze(CharDevice *device)
{
    device->frozen = true;
    loop_timer_cancel(device->retry);
}

static void append_rest(CharDeviceState *state, const WriteBuffer *buffer)
{
    g_byte_array_append(state->write_data, buffer->data + buffer->done, (guint)(buffer->size - buffer->done));
    state->write_num_client_tokens += buffer->price;
}

void char_device_save(CharDevice *device, CharClient *client, CharDeviceState *state)
{
    bool flow = has_flow_control(device);

    state->connected = true;
    state->num_client_tokens = flow && client ? client->tokens : flow ? device->config.client_window : UINT32_MAX;
    state->num_send_tokens = flow && client ? (uint32_t)client->send_tokens : flow ? 0 : UINT32_MAX;
    state->write_num_client_tokens = 0;
    g_byte_array_set_size(state->write_data, 0);
    if (device->current)
        append_rest(state, device->current);
    for (GList *l = device->queue.head; l; l = l->next)
        append_rest(state, l->data);
    drop_writes(device);
}

bool char_device_load(CharDevice *device, CharClient *client, const CharDeviceState *state, GError **error)
{
    uint32_t window = device->config.client_window, price = 0;

    if (has_flow_control(device)) {
        price = state->write_num_client_tokens;
        if ((uint64_t)state->num_client_tokens + price > window) {
            g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, "character device: %u + %u tokens, more than %u",
                        state->num_client_tokens, price, window);
            return false;
        }
        client->tokens = state->num_client_tokens;
        client->consumed = window - state->num_client_tokens - price;
        client->send_tokens = state->num_send_tokens;
    }
    if (state->write_data->len) {
        WriteBuffer *buffer = buffer_new(state->write_data->data, state->write_data->len);

        if (price) {
            buffer->client = client_ref(client);
            buffer->price = price;
        } else if (device->self_tokens) {
            device->self_tokens--;
            buffer->costs_self = true;
        }
        device->queued += buffer->size;
        if (device->current)
            g_queue_push_head(&device->queue, buffer); /* before what came up here while the data were awaited */
        else
            device->current = buffer; /* it begins anywhere: it has to be completed, even when the client leaves */
    } else if (price) {
        client->consumed += price;
    }
    return true;
}

void char_device_activate(CharDevice *device)
{
    device_ref(device);
    device->waiting = false;
    for (GList *l = device->clients; l; l = l->next)
        return_tokens(device, l->data); /* the other host may have had no more opportunity for it */
    char_device_wakeup(device);
    device_unref(device);
}
