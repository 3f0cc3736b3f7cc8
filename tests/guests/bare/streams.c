/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "streams.h"

#include "clipboard.h"
#include "virtio-serial.h"

#define AGENT "com.redhat.spice.0"
#define PIECES_AT_ONCE 4 /* that are read in one step */

typedef struct Stream {
    int open, is_agent;
    uint64_t written;
    NumberedCheck check;
    uint32_t turn;
} Stream;

static Stream streams[VIRTIO_PORTS];
static Clipboard clipboard; /* there is one agent's port */
static int opens, talks, deaf;

static int equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

int streams_open(void)
{
    opens = virtio_serial_init() == 0;
    return opens ? 0 : -1;
}

static void open_ports(void)
{
    virtio_serial_poll();
    for (unsigned i = 0; i < VIRTIO_PORTS; i++) {
        VirtioPort *port = virtio_port(i);

        if (!port || streams[i].open)
            continue;
        streams[i].is_agent = equal(virtio_port_name(port), AGENT);
        streams[i].open = 1;
        virtio_port_open(port, 1);
    }
}

void streams_close(void)
{
    opens = 0;
    for (unsigned i = 0; i < VIRTIO_PORTS; i++)
        if (streams[i].open)
            virtio_port_open(virtio_port(i), 0);
    memset(streams, 0, sizeof(streams));
    memset(&clipboard, 0, sizeof(clipboard));
}

void streams_talk(int yes)
{
    talks = yes;
}

void streams_listen(int yes)
{
    deaf = !yes;
}

/* Pieces of all sizes; now and then one that fills the buffer. */
static uint32_t piece_size(Stream *s)
{
    uint32_t turn = s->turn++;

    return turn % 64 == 63 ? VIRTIO_SEND_SIZE : 1 + turn * 7919 % 6000;
}

static void write_some(Stream *s, VirtioPort *port)
{
    uint8_t *space = virtio_port_space(port);
    uint32_t n;

    if (!space)
        return;
    n = piece_size(s);
    if (s->is_agent)
        n = clipboard_send(&clipboard, &s->written, talks, space, n);
    else if (talks)
        numbered_fill(&s->written, space, n);
    else
        n = 0;
    if (n)
        virtio_port_send(port, n);
}

static void read_some(Stream *s, VirtioPort *port)
{
    const uint8_t *bytes;
    uint32_t size;

    for (unsigned i = 0; i < PIECES_AT_ONCE && (bytes = virtio_port_bytes(port, &size)); i++) {
        if (s->is_agent)
            clipboard_receive(&clipboard, &s->check, bytes, size);
        else
            numbered_check(&s->check, bytes, size);
        virtio_port_taken(port);
    }
}

void streams_step(void)
{
    if (opens)
        open_ports();
    for (unsigned i = 0; i < VIRTIO_PORTS; i++) {
        if (!streams[i].open)
            continue;
        write_some(&streams[i], virtio_port(i));
        if (!deaf)
            read_some(&streams[i], virtio_port(i));
    }
}

static void print_number(uint64_t v)
{
    char text[17];
    unsigned i = 16;

    text[i] = 0;
    do {
        text[--i] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v);
    serial_print(text + i);
}

static void print_bytes(const uint8_t *bytes, uint32_t n)
{
    serial_print(" ");
    for (uint32_t i = 0; i < n; i++) {
        serial_put("0123456789abcdef"[bytes[i] >> 4]);
        serial_put("0123456789abcdef"[bytes[i] & 15]);
    }
}

static void print_check(const NumberedCheck *check)
{
    print_number(check->read);
    serial_print(" ");
    if (!check->wrong) {
        serial_print("-");
        return;
    }
    print_number(check->wrong_at);
    print_bytes(check->kept, check->wrong);
}

void streams_report(void)
{
    for (unsigned i = 0; i < VIRTIO_PORTS; i++) {
        if (!streams[i].open)
            continue;
        serial_print(virtio_port_name(virtio_port(i)));
        serial_print(" ");
        print_number(streams[i].written);
        serial_print(" ");
        print_check(&streams[i].check);
        if (streams[i].is_agent && clipboard.broken) {
            serial_print(" broken");
            print_bytes(clipboard.chunk, sizeof(clipboard.chunk));
            for (unsigned k = 0; k < 2; k++)
                print_bytes(clipboard.readers[k].header, sizeof(clipboard.readers[k].header));
        }
        serial_print("\n");
    }
}
