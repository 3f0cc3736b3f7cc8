/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer: one coat of a byte stream. The lowest one is the socket; TLS, WebSocket frames and SASL's security layer lie
 * on it in this order, as far as a connection has them. Each talks only to the one below. Non blocking, the thread of
 * the stream.
 *
 * Private to server/net. Everybody else sees stream.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct Layer Layer;
typedef struct LayerOps {
    /* As read(2): 0 = end, -1 with errno. EAGAIN: all that has come so far was handed out, also what was buffered. */
    ssize_t (*read)(Layer *layer, void *buf, size_t size);
    /* As writev(2), but after EAGAIN the layer may hold on to bytes that it was given: the next call has to begin with
     * the same bytes (more may follow). What it returns was passed on completely. */
    ssize_t (*writev)(Layer *layer, const struct iovec *iov, int n);
    /* Optional. Before the first byte: 1 = done, 0 = waits for the socket, -1 = failed (it was logged). */
    int (*handshake)(Layer *layer);
    /* Optional. True if the layer waits for the socket to be writable, for bytes of its own. The next read (or
     * handshake) goes on with them. */
    bool (*wants_write)(const Layer *layer);
    /* Optional. Says goodbye if that costs no waiting, and frees the layer, not those below. */
    void (*free)(Layer *layer);
} LayerOps;

struct Layer {
    const LayerOps *ops;
    Layer *below; /* NULL: the socket */
};

/* Copies up to `max` pieces of `iov`, but no more than `limit` bytes. Gives the number of pieces. */
int iov_limit(struct iovec *out, int max, const struct iovec *iov, int n, size_t limit);
/* Copies bytes out of `iov`; gives how many. */
size_t iov_gather(void *buf, size_t size, const struct iovec *iov, int n);
size_t iov_bytes(const struct iovec *iov, int n);
