/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A character device of a host for tests: keeps what is written, gives what the test put in. */
#pragma once

#include <glib.h>
#include <spice.h>
#include <string.h>

typedef struct FakeCharDevice {
    SpiceCharDeviceInstance sin; /* first: the callbacks get this */
    SpiceCharDeviceInterface sif;
    GByteArray *written;
    size_t room; /* bytes that it takes before it is full */
    GByteArray *input;
    size_t taken; /* bytes of input that were read */
    int state;
    unsigned n_reads, n_writes;
    void (*inside_write)(struct FakeCharDevice *device); /* called in the middle of a callback */
    void (*inside_read)(struct FakeCharDevice *device);
    void *opaque;
} FakeCharDevice;

static inline void fake_state(SpiceCharDeviceInstance *sin, int connected)
{
    ((FakeCharDevice *)sin)->state = connected;
}

static inline int fake_write(SpiceCharDeviceInstance *sin, const uint8_t *buf, int len)
{
    FakeCharDevice *device = (FakeCharDevice *)sin;
    size_t n = MIN((size_t)len, device->room);

    device->n_writes++;
    g_byte_array_append(device->written, buf, (guint)n);
    device->room -= n;
    if (device->inside_write)
        device->inside_write(device);
    return (int)n;
}

static inline int fake_read(SpiceCharDeviceInstance *sin, uint8_t *buf, int len)
{
    FakeCharDevice *device = (FakeCharDevice *)sin;
    size_t n = MIN((size_t)len, device->input->len - device->taken);

    device->n_reads++;
    if (n)
        memcpy(buf, device->input->data + device->taken, n);
    device->taken += n;
    if (device->inside_read)
        device->inside_read(device);
    return (int)n;
}

/* Takes everything and tells when it is writable. */
static inline void fake_char_device_init(FakeCharDevice *device, const char *subtype)
{
    *device = (FakeCharDevice){.room = G_MAXINT};
    device->sif = (SpiceCharDeviceInterface){
        .base = {SPICE_INTERFACE_CHAR_DEVICE, "fake", SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
                 SPICE_INTERFACE_CHAR_DEVICE_MINOR},
        .state = fake_state,
        .write = fake_write,
        .read = fake_read,
        .flags = SPICE_CHAR_DEVICE_NOTIFY_WRITABLE,
    };
    device->sin.base.sif = &device->sif.base;
    device->sin.subtype = subtype;
    device->written = g_byte_array_new();
    device->input = g_byte_array_new();
}

static inline void fake_char_device_clear(FakeCharDevice *device)
{
    g_byte_array_unref(device->written);
    g_byte_array_unref(device->input);
}

/* The guest writes. */
static inline void fake_char_device_put(FakeCharDevice *device, const void *data, size_t size)
{
    g_byte_array_append(device->input, data, (guint)size);
}
