/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CharDevice: the bytes between one character device of the host and the clients of a channel.
 *
 * Towards the device there is a queue of writes; each costs a token of the client that caused it or one of the device
 * itself, which comes back when the device took the bytes. From the device, messages are read while a client may be
 * sent some. Nothing is read or written while the machine is stopped, while no instance is attached, while migration
 * data are awaited, or after the device was frozen for a migration.
 *
 * The host may call back into the library from inside any call that is made here, and may even remove the device.
 * Host context. (The public headers give the struct its name.)
 */
#pragma once

#include "server/core/loop.h"
#include "server/migration/state.h"

typedef struct SpiceCharDeviceState CharDevice;
typedef struct CharClient CharClient; /* one client of the device */

typedef struct CharDeviceOps {
    /* One message read from the device with char_device_read(), a new reference; NULL: nothing complete for now. */
    GBytes *(*read)(void *owner);
    /* Sends it to the client. May remove clients. */
    void (*deliver)(void *owner, void *peer, GBytes *message);
    /* The client may send n more messages. NULL without flow control. */
    void (*send_tokens)(void *owner, void *peer, uint32_t n);
    /* The device took bytes (or they were dropped): there is room in its queue. May be NULL. */
    void (*buffer_released)(void *owner);
    /* The client takes nothing: it is to be disconnected (which ends in char_device_remove_client()). */
    void (*drop_client)(void *owner, void *peer);
} CharDeviceOps;

typedef struct CharDeviceConfig {
    uint32_t client_window;  /* tokens that a client begins with, 0 = no flow control with clients */
    uint32_t token_interval; /* consumed tokens are returned in portions of at least so many */
    uint32_t self_tokens;    /* of the server's own writes */
    unsigned send_queue;     /* messages that may wait for tokens of one client */
} CharDeviceConfig;

/* `owner` goes to the ops. Without an instance, not running. One reference. */
CharDevice *char_device_new(Loop *loop, const CharDeviceOps *ops, void *owner, const CharDeviceConfig *config);
/* The owner is done with it: its ops are not called again. Clients were removed before. */
void char_device_free(CharDevice *device);

/* Binds the host's instance (sin->st becomes the device), or none. Does not read or write. */
void char_device_set_instance(CharDevice *device, SpiceCharDeviceInstance *instance);
SpiceCharDeviceInstance *char_device_instance(const CharDevice *device);
void *char_device_owner(const CharDevice *device);

/* The machine runs: writes and reads. */
void char_device_start(CharDevice *device);
void char_device_stop(CharDevice *device);
/* Something may be possible that was not: writes, then reads. */
void char_device_wakeup(CharDevice *device);
/* The device is detached: what is queued is dropped, clients have their tokens back. */
void char_device_reset(CharDevice *device);

/* For CharDeviceOps.read: up to `size` bytes from the instance. 0: nothing now, or the device has gone. */
size_t char_device_read(CharDevice *device, void *buf, size_t size);

/* A client with send_tokens (ignored without flow control). `wait_data`: nothing is read or written until
 * char_device_activate(). NULL if that is asked for, and there is another client. char_device_wakeup() follows. */
CharClient *char_device_add_client(CharDevice *device, void *peer, uint32_t send_tokens, bool wait_data);
/* What it has not sent completely yet is dropped. */
void char_device_remove_client(CharDevice *device, CharClient *client);
bool char_device_has_clients(const CharDevice *device);
void char_device_add_send_tokens(CharDevice *device, CharClient *client, uint32_t n);
void char_device_set_send_tokens(CharDevice *device, CharClient *client, uint32_t n);

/* A message of the client came: false if it had no token for it. Then either char_device_write_client() or
 * char_device_return_token() follows. */
bool char_device_take_token(CharDevice *device, CharClient *client);
void char_device_return_token(CharDevice *device, CharClient *client);
/* Queue a copy of the bytes, one at least, and write. */
void char_device_write_client(CharDevice *device, CharClient *client, const void *data, size_t size);
/* `costs`: takes a token of the device, of which one has to be left. */
void char_device_write_server(CharDevice *device, const void *data, size_t size, bool costs);
uint32_t char_device_self_tokens(const CharDevice *device);
size_t char_device_queued_bytes(const CharDevice *device);

/* Sends a message to all clients as if it had just been read. */
void char_device_deliver(CharDevice *device, GBytes *message);

/* Source of a migration: from now on nothing is read or written; until the client is removed. */
void char_device_freeze(CharDevice *device);
/* Hands over what the client's data are to say. The queued bytes move: they will not be written here. */
void char_device_save(CharDevice *device, CharClient *client, CharDeviceState *state);
/* Destination: takes over, for a client that waits for its data. Tokens beyond the window are refused. */
bool char_device_load(CharDevice *device, CharClient *client, const CharDeviceState *state, GError **error);
/* Ends the waiting: returns tokens, writes, reads. */
void char_device_activate(CharDevice *device);
