/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent of the bare guest: capabilities and a clipboard, the content of whose messages is a numbered stream.
 *
 * Each side says that it has something, the other asks for it a few times ahead, and again whenever some has come.
 * Messages are larger than one chunk, and chunks are cut anywhere when they are sent.
 */
#pragma once

#include "tests/lib/numbered.h"

#define CLIPBOARD_DATA_MAX 20000u
#define CLIPBOARD_OUT_SIZE 24576u /* the largest message in its chunks, and small ones behind it */

/* Messages of one chunk port, as they come. */
typedef struct ClipboardReader {
    uint8_t header[20];
    uint32_t have;   /* bytes of the header */
    uint32_t left;   /* of the body */
    uint32_t done;   /* of the body */
    uint8_t head[8]; /* of the body */
} ClipboardReader;

/* Zeroed at first. */
typedef struct Clipboard {
    uint8_t chunk[8];
    uint32_t chunk_have, chunk_left;
    ClipboardReader readers[2];
    uint32_t broken;   /* what came is no stream of messages, or an answer too many */
    uint32_t wanted;   /* pieces that the client has asked for */
    uint32_t announce; /* it wants to know the capabilities */
    uint32_t asks;     /* requests that have to be sent */
    uint32_t asked;    /* requests that have been sent, and not been answered */
    uint8_t out[CLIPBOARD_OUT_SIZE];
    uint32_t out_size, out_done;
    uint32_t turn;
} Clipboard;

/* Bytes came. Content is checked by `check`. */
void clipboard_receive(Clipboard *c, NumberedCheck *check, const uint8_t *bytes, uint32_t size);
/* Up to `room` bytes to be sent; content is made from *written on, if `talk`. 0: nothing to say. */
uint32_t clipboard_send(Clipboard *c, uint64_t *written, int talk, uint8_t *to, uint32_t room);
