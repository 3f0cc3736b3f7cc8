/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The layer. The request before it: websocket-request.c. */
#include "server/net/websocket.h"

#include "common/util/limited-warning.h"
#include "server/net/layer.h"

#include <errno.h>
#include <string.h>

enum { OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127
#define MAX_CONTROL 125
#define MAX_HEADER 14
/* Read in one go from below. */
#define READ_BYTES 4096
#define MAX_PIECES 128

typedef struct WebSocket {
    Layer layer;

    /* from the client */
    uint8_t in[READ_BYTES];
    size_t in_at, in_size;
    uint8_t header[MAX_HEADER]; /* of the present frame */
    unsigned header_size;
    bool in_frame;     /* the header is complete */
    bool fragmented;   /* a message has begun that is not at its end */
    uint64_t left;     /* bytes of the frame's payload that are still to come */
    uint64_t position; /* in the payload, for the mask */
    uint8_t mask[4];
    uint8_t control[MAX_CONTROL]; /* payload of a control frame */
    unsigned control_size;
    bool closed;

    /* to the client */
    uint8_t out[2 * (2 + MAX_CONTROL) + MAX_HEADER]; /* headers and control frames: goes before everything else */
    size_t out_size;
    uint64_t frame_left; /* bytes of the announced frame that are still to be written */
    bool has_pong;
    uint8_t pong[MAX_CONTROL];
    unsigned pong_size;
} WebSocket;

/* --- to the client --- */

static void out_header(WebSocket *ws, unsigned opcode, uint64_t length)
{
    uint8_t *p = ws->out + ws->out_size;

    *p++ = (uint8_t)(FIN | opcode);
    if (length <= MAX_CONTROL) {
        *p++ = (uint8_t)length;
    } else {
        unsigned bytes = length <= G_MAXUINT16 ? 2 : 8;

        *p++ = bytes == 2 ? LENGTH_16 : LENGTH_64;
        for (unsigned i = bytes; i-- > 0;)
            *p++ = (uint8_t)(length >> (8 * i));
    }
    ws->out_size = (size_t)(p - ws->out);
}

static void out_control(WebSocket *ws, unsigned opcode, const uint8_t *payload, unsigned size)
{
    out_header(ws, opcode, size);
    if (size)
        memcpy(ws->out + ws->out_size, payload, size);
    ws->out_size += size;
}

/* Control frames stand between data frames only; `out` has room for one of each kind and a header. */
static void out_pong(WebSocket *ws)
{
    if (ws->has_pong && ws->out_size <= 2 + MAX_CONTROL)
        out_control(ws, OP_PONG, ws->pong, ws->pong_size);
    else
        return;
    ws->has_pong = false;
}

static void out_consume(WebSocket *ws, size_t size)
{
    ws->out_size -= size;
    memmove(ws->out, ws->out + size, ws->out_size);
}

/* Writes what is the layer's own, if no data frame is under way; what the socket does not take waits. */
static void flush(WebSocket *ws)
{
    Layer *below = ws->layer.below;

    if (ws->frame_left)
        return;
    out_pong(ws);
    while (ws->out_size) {
        struct iovec iov = {ws->out, ws->out_size};
        ssize_t n = below->ops->writev(below, &iov, 1);

        if (n < 0)
            return;
        out_consume(ws, (size_t)n);
        out_pong(ws);
    }
}

static ssize_t ws_writev(Layer *layer, const struct iovec *iov, int n)
{
    WebSocket *ws = (WebSocket *)layer;
    size_t total = iov_bytes(iov, n);

    if (!total)
        return 0;
    if (!ws->frame_left) {
        out_pong(ws);
        out_header(ws, OP_BINARY, total);
        ws->frame_left = total;
    }
    for (;;) {
        struct iovec pieces[MAX_PIECES + 1] = {{ws->out, ws->out_size}};
        int first = ws->out_size ? 1 : 0;
        int used = first + iov_limit(pieces + first, MAX_PIECES, iov, n, (size_t)MIN(ws->frame_left, SIZE_MAX));
        ssize_t written = layer->below->ops->writev(layer->below, pieces, used);

        if (written < 0)
            return written;
        if ((size_t)written <= ws->out_size) {
            out_consume(ws, (size_t)written);
            continue;
        }
        written -= (ssize_t)ws->out_size;
        ws->out_size = 0;
        ws->frame_left -= (uint64_t)written;
        flush(ws);
        return written;
    }
}

/* --- from the client --- */

static ssize_t fail(const char *why)
{
    WARN_LIMITED("WebSocket: %s", why);
    errno = EPROTO;
    return -1;
}

/* Up to `size` bytes of what the client sent. */
static ssize_t take(WebSocket *ws, void *buf, size_t size)
{
    Layer *below = ws->layer.below;

    if (ws->in_at == ws->in_size) {
        ssize_t n;

        if (size >= sizeof(ws->in))
            return below->ops->read(below, buf, size);
        n = below->ops->read(below, ws->in, sizeof(ws->in));
        if (n <= 0)
            return n;
        ws->in_at = 0;
        ws->in_size = (size_t)n;
    }
    size = MIN(size, ws->in_size - ws->in_at);
    memcpy(buf, ws->in + ws->in_at, size);
    ws->in_at += size;
    return (ssize_t)size;
}

static void unmask(WebSocket *ws, uint8_t *bytes, size_t size)
{
    if (ws->header[1] & MASKED) {
        for (size_t i = 0; i < size; i++)
            bytes[i] ^= ws->mask[(ws->position + i) & 3];
    }
    ws->position += size;
    ws->left -= size;
}

static unsigned opcode_of(const WebSocket *ws)
{
    return ws->header[0] & OPCODE;
}

static bool is_control(const WebSocket *ws)
{
    return opcode_of(ws) & OP_CLOSE;
}

/* What is wrong with the frame, by the first two bytes; NULL = nothing. */
static const char *check_header(const WebSocket *ws)
{
    bool fin = ws->header[0] & FIN;
    unsigned opcode = opcode_of(ws);

    if (ws->header[0] & RESERVED)
        return "reserved bits are set";
    if ((opcode > OP_BINARY && opcode < OP_CLOSE) || opcode > OP_PONG)
        return "unknown kind of frame";
    if (is_control(ws))
        return !fin || (ws->header[1] & LENGTH) > MAX_CONTROL ? "a control frame in pieces, or too long" : NULL;
    if ((opcode == OP_CONTINUATION) != ws->fragmented)
        return ws->fragmented ? "a message begins inside of another one" : "the rest of a message that did not begin";
    return NULL;
}

/* The header's size, as far as its first two bytes tell. */
static unsigned wanted_header(const WebSocket *ws)
{
    unsigned size = 2;

    if (ws->header_size < 2)
        return size;
    switch (ws->header[1] & LENGTH) {
    case LENGTH_16:
        size += 2;
        break;
    case LENGTH_64:
        size += 8;
        break;
    default:
        break;
    }
    return size + (ws->header[1] & MASKED ? (unsigned)sizeof(ws->mask) : 0);
}

static bool begin_frame(WebSocket *ws)
{
    unsigned code = ws->header[1] & LENGTH, bytes = code == LENGTH_16 ? 2 : code == LENGTH_64 ? 8 : 0;

    ws->left = bytes ? 0 : code;
    for (unsigned i = 0; i < bytes; i++)
        ws->left = ws->left << 8 | ws->header[2 + i];
    if (ws->left > G_MAXINT64)
        return false;
    memcpy(ws->mask, ws->header + 2 + bytes, ws->header[1] & MASKED ? sizeof(ws->mask) : 0);
    ws->position = 0;
    ws->control_size = 0;
    ws->in_frame = true;
    if (!is_control(ws))
        ws->fragmented = !(ws->header[0] & FIN);
    return true;
}

/* 1 when the header is complete; else as read(2). */
static ssize_t read_header(WebSocket *ws)
{
    while (ws->header_size < wanted_header(ws)) {
        ssize_t n = take(ws, ws->header + ws->header_size, wanted_header(ws) - ws->header_size);
        const char *wrong;

        if (n <= 0)
            return n;
        ws->header_size += (unsigned)n;
        wrong = ws->header_size >= 2 ? check_header(ws) : NULL;
        if (wrong)
            return fail(wrong);
    }
    return begin_frame(ws) ? 1 : fail("a frame of impossible length");
}

/* The frame's payload was read. */
static void end_frame(WebSocket *ws)
{
    ws->in_frame = false;
    ws->header_size = 0;
    switch (opcode_of(ws)) {
    case OP_PING: /* the newest counts */
        ws->has_pong = true;
        ws->pong_size = ws->control_size;
        memcpy(ws->pong, ws->control, ws->control_size);
        flush(ws);
        break;
    case OP_CLOSE:
        ws->closed = true;
        if (!ws->frame_left && ws->out_size <= 2 + MAX_CONTROL)
            out_control(ws, OP_CLOSE, NULL, 0);
        flush(ws);
        break;
    default:
        break;
    }
}

/* Reads on in a control frame. 1 when that is done; else as read(2). */
static ssize_t read_control(WebSocket *ws)
{
    while (ws->left) {
        uint8_t *bytes = ws->control + ws->control_size;
        ssize_t n = take(ws, bytes, (size_t)ws->left);

        if (n <= 0)
            return n;
        unmask(ws, bytes, (size_t)n);
        ws->control_size += (unsigned)n;
    }
    end_frame(ws);
    return 1;
}

static ssize_t ws_read(Layer *layer, void *buf, size_t size)
{
    WebSocket *ws = (WebSocket *)layer;
    ssize_t n;

    flush(ws);
    while (!ws->closed) {
        if (!ws->in_frame) {
            n = read_header(ws);
            if (n <= 0)
                return n;
        }
        if (is_control(ws)) {
            n = read_control(ws);
            if (n <= 0)
                return n;
        } else if (!ws->left) {
            end_frame(ws);
        } else {
            n = take(ws, buf, (size_t)MIN(ws->left, size));
            if (n <= 0)
                return n;
            unmask(ws, buf, (size_t)n);
            if (!ws->left)
                end_frame(ws);
            return n;
        }
    }
    return 0;
}

static bool ws_wants_write(const Layer *layer)
{
    const WebSocket *ws = (const WebSocket *)layer;

    /* Inside of a frame the writer has more to write anyway. */
    return !ws->frame_left && (ws->out_size || ws->has_pong);
}

static void ws_free(Layer *layer)
{
    WebSocket *ws = (WebSocket *)layer;

    if (!ws->closed && !ws->frame_left && !ws->out_size) {
        out_control(ws, OP_CLOSE, NULL, 0);
        flush(ws);
    }
    g_free(ws);
}

static const LayerOps ws_ops = {.read = ws_read, .writev = ws_writev, .wants_write = ws_wants_write, .free = ws_free};

void stream_push_websocket(Stream *stream)
{
    WebSocket *ws = g_new0(WebSocket, 1);

    ws->layer.ops = &ws_ops;
    stream_push(stream, &ws->layer);
}
