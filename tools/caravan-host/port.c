/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/port.h"

#include "tools/caravan-host/answer.h"

#include <glib.h>
#include <spice/protocol.h>
#include <string.h>

struct Port {
    SpiceCharDeviceInstance sin; /* first: the callbacks get this */
    char *name;
    GByteArray *input; /* written by the guest, not read yet */
    int64_t room;      /* -1: no limit */
};

static char *to_hex(const uint8_t *bytes, size_t size)
{
    GString *hex = g_string_sized_new(2 * size);
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(hex, "%02x", bytes[i]);
    return g_string_free(hex, FALSE);
}

static void set_state(SpiceCharDeviceInstance *sin, int connected)
{
    Answer *answer = answer_new("event", "port-state");
    answer_string(answer, "port", ((Port *)sin)->name);
    answer_bool(answer, "connected", connected != 0);
    answer_send(answer);
}

static int take(SpiceCharDeviceInstance *sin, const uint8_t *bytes, int size)
{
    Port *port = (Port *)sin;
    int n = port->room >= 0 ? (int)MIN(size, port->room) : size;
    if (n <= 0)
        return 0;
    if (port->room >= 0)
        port->room -= n;
    g_autofree char *hex = to_hex(bytes, n);
    Answer *answer = answer_new("event", "port-data");
    answer_string(answer, "port", port->name);
    answer_string(answer, "hex", hex);
    answer_send(answer);
    return n;
}

static int give(SpiceCharDeviceInstance *sin, uint8_t *bytes, int size)
{
    Port *port = (Port *)sin;
    int n = MIN(size, (int)port->input->len);
    if (n <= 0)
        return 0;
    memcpy(bytes, port->input->data, n);
    g_byte_array_remove_range(port->input, 0, n);
    return n;
}

static void client_event(SpiceCharDeviceInstance *sin, uint8_t event) {}

static const SpiceCharDeviceInterface port_interface = {
    .base = {SPICE_INTERFACE_CHAR_DEVICE, "port", SPICE_INTERFACE_CHAR_DEVICE_MAJOR, SPICE_INTERFACE_CHAR_DEVICE_MINOR},
    .state = set_state,
    .write = take,
    .read = give,
    .event = client_event,
    .flags = SPICE_CHAR_DEVICE_NOTIFY_WRITABLE,
};

Port *port_new(SpiceServer *server, const char *subtype, const char *name)
{
    Port *port = g_new0(Port, 1);
    port->name = g_strdup(name);
    port->sin.base.sif = &port_interface.base;
    port->sin.subtype = subtype;
    port->sin.portname = port->name;
    port->input = g_byte_array_new();
    port->room = -1;
    spice_server_add_interface(server, &port->sin.base);
    if (strcmp(subtype, "port") == 0)
        spice_server_port_event(&port->sin, SPICE_PORT_EVENT_OPENED);
    return port;
}

void port_remove(Port *port)
{
    if (port == NULL)
        return;
    spice_server_remove_interface(&port->sin.base);
    g_byte_array_unref(port->input);
    g_free(port->name);
    g_free(port);
}

const char *port_name(const Port *port)
{
    return port->name;
}

bool port_send(Port *port, const char *hex)
{
    size_t length = strlen(hex);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (size_t i = 0; i + 1 < length; i += 2) {
        int high = g_ascii_xdigit_value(hex[i]), low = g_ascii_xdigit_value(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        uint8_t byte = (uint8_t)(high << 4 | low);
        g_byte_array_append(bytes, &byte, 1);
    }
    if (length % 2 != 0)
        return false;
    g_byte_array_append(port->input, bytes->data, bytes->len);
    spice_server_char_device_wakeup(&port->sin);
    return true;
}

void port_set_room(Port *port, int64_t room)
{
    port->room = room;
    spice_server_char_device_wakeup(&port->sin);
}

char *port_take_rest(Port *port)
{
    char *hex = to_hex(port->input->data, port->input->len);
    g_byte_array_set_size(port->input, 0);
    return hex;
}
