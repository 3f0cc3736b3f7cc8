/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clipboard.h"

#include "machine.h"

#include <spice/vd_agent.h>

#define CHUNK_MAX 2048u
#define AHEAD 4 /* requests */
#define MESSAGE_HEADER 20u
#define SELECTION 4u /* bytes in front of what is said about a selection */
#define CAPABILITIES (1u << VD_AGENT_CAP_CLIPBOARD_BY_DEMAND | 1u << VD_AGENT_CAP_CLIPBOARD_SELECTION)

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* --- from the client --- */

static void message_begins(Clipboard *c, ClipboardReader *r)
{
    uint32_t type = get32(r->header + 4);

    r->left = get32(r->header + 16);
    r->done = 0;
    c->broken |= get32(r->header) != VD_AGENT_PROTOCOL;
    if (type == VD_AGENT_CLIPBOARD_GRAB)
        c->asks = AHEAD;
    else if (type == VD_AGENT_CLIPBOARD_REQUEST)
        c->wanted++;
}

static void message_ends(Clipboard *c, ClipboardReader *r)
{
    uint32_t type = get32(r->header + 4);

    if (type == VD_AGENT_CLIPBOARD) {
        c->broken |= !c->asked;
        c->asked--;
        c->asks++;
    } else if (type == VD_AGENT_ANNOUNCE_CAPABILITIES && r->done >= 4 && get32(r->head)) {
        c->announce = 1;
    }
    r->have = 0;
}

static uint32_t body(ClipboardReader *r, NumberedCheck *check, const uint8_t *bytes, uint32_t size)
{
    uint32_t n = r->done < sizeof(r->head) ? sizeof(r->head) - r->done : r->left;

    if (n > r->left)
        n = r->left;
    if (n > size)
        n = size;
    if (r->done < sizeof(r->head))
        memcpy(r->head + r->done, bytes, n);
    else if (get32(r->header + 4) == VD_AGENT_CLIPBOARD)
        numbered_check(check, bytes, n);
    r->done += n;
    r->left -= n;
    return n;
}

static void read_messages(Clipboard *c, ClipboardReader *r, NumberedCheck *check, const uint8_t *bytes, uint32_t size)
{
    while (size) {
        uint32_t n;

        if (r->have < MESSAGE_HEADER) {
            n = MESSAGE_HEADER - r->have < size ? MESSAGE_HEADER - r->have : size;
            memcpy(r->header + r->have, bytes, n);
            r->have += n;
            if (r->have == MESSAGE_HEADER)
                message_begins(c, r);
        } else {
            n = body(r, check, bytes, size);
        }
        bytes += n;
        size -= n;
        if (r->have == MESSAGE_HEADER && !r->left)
            message_ends(c, r);
    }
}

void clipboard_receive(Clipboard *c, NumberedCheck *check, const uint8_t *bytes, uint32_t size)
{
    while (size && !c->broken) {
        uint32_t n, port;

        if (c->chunk_have < sizeof(c->chunk)) {
            c->chunk[c->chunk_have++] = *bytes++;
            size--;
            c->chunk_left = get32(c->chunk + 4);
        } else {
            port = get32(c->chunk);
            n = c->chunk_left < size ? c->chunk_left : size;
            c->broken |= port != VDP_CLIENT_PORT && port != VDP_SERVER_PORT;
            if (c->broken)
                return;
            read_messages(c, &c->readers[port - 1], check, bytes, n);
            bytes += n;
            size -= n;
            c->chunk_left -= n;
        }
        if (c->chunk_have == sizeof(c->chunk) && !c->chunk_left)
            c->chunk_have = 0;
    }
}

/* --- to the client --- */

static void header(uint8_t *p, uint32_t type, uint32_t size)
{
    put32(p, VD_AGENT_PROTOCOL);
    put32(p + 4, type);
    put32(p + 8, 0);
    put32(p + 12, 0);
    put32(p + 16, size);
}

/* A chunk that holds a whole message, of one or two words. */
static void say(Clipboard *c, uint32_t type, uint32_t first, uint32_t second)
{
    uint8_t *p = c->out + c->out_size;

    put32(p, VDP_CLIENT_PORT);
    put32(p + 4, MESSAGE_HEADER + 8);
    header(p + 8, type, 8);
    put32(p + 28, first);
    put32(p + 32, second);
    c->out_size += 36;
}

static void say_data(Clipboard *c, uint64_t *written)
{
    uint32_t size = 1 + c->turn * 7919 % CLIPBOARD_DATA_MAX, left = MESSAGE_HEADER + SELECTION + 4 + size, have = 28;
    uint8_t *p = c->out + c->out_size;

    header(p + 8, VD_AGENT_CLIPBOARD, SELECTION + 4 + size);
    put32(p + 28, 0);
    put32(p + 32, VD_AGENT_CLIPBOARD_UTF8_TEXT);
    while (left) {
        uint32_t n = left < CHUNK_MAX ? left : CHUNK_MAX;

        put32(p, VDP_CLIENT_PORT);
        put32(p + 4, n);
        numbered_fill(written, p + 8 + have, n - have);
        p += 8 + n;
        left -= n;
        have = 0;
    }
    c->out_size = (uint32_t)(p - c->out);
    c->turn++;
}

static void compose(Clipboard *c, uint64_t *written, int talk)
{
    c->out_size = c->out_done = 0;
    if (c->announce) {
        say(c, VD_AGENT_ANNOUNCE_CAPABILITIES, 0, CAPABILITIES);
        say(c, VD_AGENT_CLIPBOARD_GRAB, 0, VD_AGENT_CLIPBOARD_UTF8_TEXT);
        c->announce = 0;
    }
    for (unsigned i = 0; c->asks && i < AHEAD; i++, c->asks--, c->asked++)
        say(c, VD_AGENT_CLIPBOARD_REQUEST, 0, VD_AGENT_CLIPBOARD_UTF8_TEXT);
    if (c->wanted && talk) {
        say_data(c, written);
        c->wanted--;
    }
}

uint32_t clipboard_send(Clipboard *c, uint64_t *written, int talk, uint8_t *to, uint32_t room)
{
    uint32_t n;

    if (c->out_done == c->out_size)
        compose(c, written, talk);
    n = c->out_size - c->out_done;
    if (n > room)
        n = room;
    memcpy(to, c->out + c->out_done, n);
    c->out_done += n;
    return n;
}
