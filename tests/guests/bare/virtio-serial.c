/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virtio-serial.h"

#define VENDOR 0x1af4
#define DEVICE 0x1003 /* the transitional one */

/* I/O registers of the legacy interface */
#define GUEST_FEATURES 4
#define QUEUE_ADDRESS 8 /* in pages */
#define QUEUE_SIZE 12
#define QUEUE_SELECT 14
#define QUEUE_NOTIFY 16
#define STATUS 18
#define STATUS_DRIVER_OK 7 /* with all that comes before it */
#define FEATURE_MULTIPORT 2

#define PAGE 4096u
#define QUEUE_LENGTH_MAX 128
#define QUEUE_BYTES (3 * PAGE)
#define NO_INTERRUPT 1
#define DEVICE_WRITES 2

#define SEND_BUFFERS 4
#define RECEIVE_BUFFERS 8
#define CONTROL_BUFFERS 8
#define CONTROL_SIZE 128
#define NAME_SIZE 64

enum { DEVICE_READY, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };

typedef struct Control {
    uint32_t port;
    uint16_t event, value;
} Control;

typedef struct Descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
} Descriptor;

typedef struct Available {
    uint16_t flags, index, ring[];
} Available;

typedef struct UsedItem {
    uint32_t descriptor, size;
} UsedItem;

typedef volatile struct Used {
    uint16_t flags, index;
    UsedItem ring[];
} Used;

/* Buffers are used in the order in which they were given: a descriptor each, one after the other. */
typedef struct Queue {
    uint16_t number, length; /* length: 0 = not there */
    uint16_t buffers;        /* of them this many are in turn */
    uint16_t given, taken;   /* count up */
    Descriptor *descriptors;
    Available *available;
    Used *used;
} Queue;

struct VirtioPort {
    int there, named;
    char name[NAME_SIZE];
    Queue receive, send;
};

static uint16_t io;
static Queue control_receive, control_send;
static VirtioPort ports[VIRTIO_PORTS];
static uint8_t queue_memory[2 * VIRTIO_PORTS + 2][QUEUE_BYTES] __attribute__((aligned(4096)));
static uint8_t send_buffers[VIRTIO_PORTS][SEND_BUFFERS][VIRTIO_SEND_SIZE];
static uint8_t receive_buffers[VIRTIO_PORTS][RECEIVE_BUFFERS][VIRTIO_RECEIVE_SIZE];
static uint8_t control_in[CONTROL_BUFFERS][CONTROL_SIZE], control_out[CONTROL_BUFFERS][sizeof(Control)];

static void barrier(void)
{
    __asm__ volatile("lock; addl $0, (%%esp)" : : : "memory");
}

static void queue_init(Queue *q, uint16_t number, uint16_t buffers)
{
    uint8_t *memory = queue_memory[number];
    uint32_t rings;

    out16(io + QUEUE_SELECT, number);
    q->length = in16(io + QUEUE_SIZE);
    if (q->length > QUEUE_LENGTH_MAX)
        q->length = 0;
    if (!q->length)
        return;
    q->number = number;
    q->buffers = buffers < q->length ? buffers : q->length;
    rings = q->length * sizeof(Descriptor) + sizeof(Available) + q->length * sizeof(uint16_t) + sizeof(uint16_t);
    q->descriptors = (Descriptor *)(void *)memory;
    q->available = (Available *)(void *)(memory + q->length * sizeof(Descriptor));
    q->used = (Used *)(void *)(memory + ((rings + PAGE - 1) & ~(PAGE - 1)));
    q->available->flags = NO_INTERRUPT;
    out32(io + QUEUE_ADDRESS, (uint32_t)memory / PAGE);
}

static void queue_give(Queue *q, void *buffer, uint32_t size, uint16_t flags)
{
    uint16_t d = q->given % q->buffers;

    q->descriptors[d] = (Descriptor){.address = (uint32_t)buffer, .size = size, .flags = flags};
    q->available->ring[q->given % q->length] = d;
    barrier();
    q->available->index = ++q->given;
    barrier();
    out16(io + QUEUE_NOTIFY, q->number);
}

static int queue_has_room(Queue *q)
{
    return q->length && (uint16_t)(q->given - q->used->index) < q->buffers;
}

/* The oldest buffer that the device is done with: its index, -1 = none. */
static int queue_used(const Queue *q, uint32_t *size)
{
    uint16_t slot;

    if (!q->length || q->used->index == q->taken)
        return -1;
    barrier();
    slot = q->taken % q->length;
    *size = q->used->ring[slot].size;
    return (int)q->used->ring[slot].descriptor;
}

static void tell(uint32_t port, uint16_t event, uint16_t value)
{
    Control *c;

    while (!queue_has_room(&control_send))
        ;
    c = (Control *)(void *)control_out[control_send.given % control_send.buffers];
    *c = (Control){port, event, value};
    queue_give(&control_send, c, sizeof(*c), 0);
}

static void add_port(uint32_t number)
{
    VirtioPort *port = &ports[number];
    uint16_t first = number ? (uint16_t)(2 * number + 2) : 0; /* the control queues stand behind port 0's */

    if (port->there)
        return;
    port->there = 1;
    queue_init(&port->receive, first, RECEIVE_BUFFERS);
    queue_init(&port->send, first + 1, SEND_BUFFERS);
    for (unsigned i = 0; i < port->receive.buffers; i++)
        queue_give(&port->receive, receive_buffers[number][i], VIRTIO_RECEIVE_SIZE, DEVICE_WRITES);
    tell(number, PORT_READY, 1);
}

static void handle(const Control *c, const uint8_t *rest, uint32_t size)
{
    VirtioPort *port = c->port < VIRTIO_PORTS ? &ports[c->port] : 0;

    if (!port)
        return;
    if (c->event == PORT_ADD) {
        add_port(c->port);
    } else if (c->event == PORT_NAME && size < NAME_SIZE) {
        memcpy(port->name, rest, size);
        port->name[size] = 0;
        port->named = 1;
    }
}

void virtio_serial_poll(void)
{
    uint32_t size;
    int i;

    while ((i = queue_used(&control_receive, &size)) >= 0) {
        uint8_t *message = control_in[i];

        if (size >= sizeof(Control))
            handle((Control *)(void *)message, message + sizeof(Control), size - sizeof(Control));
        control_receive.taken++;
        queue_give(&control_receive, message, CONTROL_SIZE, DEVICE_WRITES);
    }
}

int virtio_serial_init(void)
{
    int device = pci_find(VENDOR, DEVICE);

    if (io)
        return 0;
    if (device < 0)
        return -1;
    pci_write((unsigned)device, 4, pci_read((unsigned)device, 4) | 5);
    io = (uint16_t)(pci_read((unsigned)device, 0x10) & ~3u);
    out8(io + STATUS, 0);
    out8(io + STATUS, 3);
    out32(io + GUEST_FEATURES, FEATURE_MULTIPORT);
    queue_init(&control_receive, 2, CONTROL_BUFFERS);
    queue_init(&control_send, 3, CONTROL_BUFFERS);
    out8(io + STATUS, STATUS_DRIVER_OK);
    for (unsigned i = 0; i < control_receive.buffers; i++)
        queue_give(&control_receive, control_in[i], CONTROL_SIZE, DEVICE_WRITES);
    tell(0, DEVICE_READY, 1);
    return 0;
}

VirtioPort *virtio_port(unsigned number)
{
    return number < VIRTIO_PORTS && ports[number].named ? &ports[number] : 0;
}

const char *virtio_port_name(const VirtioPort *port)
{
    return port->name;
}

void virtio_port_open(VirtioPort *port, int open)
{
    tell((uint32_t)(port - ports), PORT_OPEN, (uint16_t)open);
}

uint8_t *virtio_port_space(VirtioPort *port)
{
    Queue *q = &port->send;

    return queue_has_room(q) ? send_buffers[port - ports][q->given % q->buffers] : 0;
}

void virtio_port_send(VirtioPort *port, uint32_t size)
{
    queue_give(&port->send, virtio_port_space(port), size, 0);
}

const uint8_t *virtio_port_bytes(VirtioPort *port, uint32_t *size)
{
    int i = queue_used(&port->receive, size);

    return i < 0 ? 0 : receive_buffers[port - ports][i];
}

void virtio_port_taken(VirtioPort *port)
{
    uint32_t size;
    int i = queue_used(&port->receive, &size);

    if (i < 0)
        return;
    port->receive.taken++;
    queue_give(&port->receive, receive_buffers[port - ports][i], VIRTIO_RECEIVE_SIZE, DEVICE_WRITES);
}
