/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * WebSocket (RFC 6455), the server's side: how clients in a browser connect. The request that asks for it, and the
 * layer that takes frames apart and makes them. What frames carry is a stream of bytes, however it is cut.
 */
#pragma once

#include "server/net/stream.h"

/* A request starts with these bytes and is at most that long. */
#define WEBSOCKET_GET "GET "
#define WEBSOCKET_MAX_REQUEST 4096

/* Where the request ends: its size with the empty line, 0 = it is not complete. */
size_t websocket_request_size(const char *request, size_t size);
/* The answer to a complete request; NULL with an error if it is none that can be granted. Freed by the caller. */
char *websocket_answer(const char *request, size_t size, GError **error);

/* From now on all bytes travel in frames: written ones in one binary frame for each write. */
void stream_push_websocket(Stream *stream);
