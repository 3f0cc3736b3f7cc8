/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stream: the bytes of one client connection, whatever they are wrapped in on their way (TLS, WebSocket frames, a SASL
 * security layer).
 *
 * Owned by whoever serves the connection at the moment (link stage, then the channel), in that thread. Non blocking.
 *
 * Who reads must know: layers buffer. Bytes can be there although the socket is not readable, so read until EAGAIN; who
 * stops earlier looks at stream_pending() and reads again without waiting for the socket. Who writes must know: after
 * EAGAIN the next write has to begin with the same bytes.
 */
#pragma once

#include <glib.h>
#include <spice.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct Stream Stream;
struct Layer;

/* Prepares the socket: non blocking, no delay, keep-alive. NULL (the fd stays the caller's) if that fails. */
Stream *stream_new(int fd);
/* Closes the socket. The event info is not freed: take it out before. NULL is allowed. */
void stream_free(Stream *stream);

int stream_fd(const Stream *stream);
bool stream_is_unix(const Stream *stream);
/* A UNIX socket whose bytes nothing is wrapped around: file descriptors can be sent between them. */
bool stream_is_plain_unix(const Stream *stream);
/* Something is wrapped around the bytes. */
bool stream_is_wrapped(const Stream *stream);
bool stream_is_tls(const Stream *stream);
/* Addresses and, once they are known, ids of the connection: one heap object for the life of the connection. */
SpiceChannelEventInfo *stream_info(Stream *stream);

/* For sound: priority in the kernel and on the way; `no_delay`: small messages do not wait for each other. Sockets that
 * cannot do that stay as they are. */
void stream_set_low_latency(Stream *stream, bool no_delay);

/* Of the connection, as the kernel measures it; 0: on this machine, or not known. */
uint32_t stream_round_trip_ms(const Stream *stream);

/* As read(2): 0 = end, -1 with errno (EAGAIN: later). */
ssize_t stream_read(Stream *stream, void *buf, size_t size);
/* There may be more to read than the socket knows of. False after EAGAIN. */
bool stream_pending(const Stream *stream);
/* A layer waits for the socket to be writable, for bytes of its own: the next read then sends them. */
bool stream_wants_write(const Stream *stream);
ssize_t stream_writev(Stream *stream, const struct iovec *iov, int n);
/* Writes a few hundred bytes of the link stage at once; false if the socket would not take them. */
bool stream_write_all(Stream *stream, const void *buf, size_t size);
/* One byte, '@', with a duplicate of `fd`; as write(2). For stream_is_plain_unix(). */
ssize_t stream_send_fd(Stream *stream, int fd);
/* Ends the connection in both directions; the next read gives 0 when what was buffered is through. */
void stream_shutdown(Stream *stream);

/* Puts a layer on top; the stream owns it. (tls.h, websocket.h and sasl.h make them.) */
void stream_push(Stream *stream, struct Layer *layer);
struct Layer *stream_top(Stream *stream);
/* The top layer's: 1 = done, 0 = waits for the socket (stream_wants_write() says for what), -1 = failed. */
int stream_handshake(Stream *stream);
