/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * StreamReader: cuts the bytes of a guest's stream device (<spice/stream-device.h>) into messages and checks them.
 *
 * Nothing is reserved for bytes that the guest only announces, and each kind of message has its limit. Pure data, one
 * thread at a time.
 */
#pragma once

#include "server/display/qxl-parse.h"

#define STREAM_DATA_MAX (32u << 20) /* bytes of a frame */
#define STREAM_SIDE_MAX 16384u      /* pixels; with the next one what a client is asked to allocate for the picture */
#define STREAM_PIXELS_MAX (1u << 26)
#define STREAM_ADDRESS_MAX 256u /* bytes of a device's address, with the 0 at the end */

typedef size_t (*StreamReadFunc)(void *opaque, void *buf, size_t size); /* 0 = nothing now */

typedef enum StreamReadResult {
    STREAM_READ_NOTHING, /* for now */
    STREAM_READ_MESSAGE,
    STREAM_READ_BROKEN, /* the guest violates the protocol: reader->error; to be reset before it is used again */
} StreamReadResult;

typedef struct StreamReader {
    uint8_t header[8];
    unsigned header_size; /* bytes of it that were read */
    uint32_t size;        /* of the body; header complete */
    GByteArray *body;
    const char *error; /* static text */
    unsigned resets;

    /* The message. Valid until the next call. */
    uint16_t type;    /* STREAM_TYPE_* */
    uint32_t mm_time; /* DATA: when it began */
    uint32_t width, height;
    uint8_t codec;      /* FORMAT: SPICE_VIDEO_CODEC_TYPE_* */
    GBytes *data;       /* DATA: a reference that the caller may take (and set to NULL) */
    CursorShape *shape; /* CURSOR_SET: the same; NULL = a shape without pixels */
    int32_t x, y;       /* CURSOR_MOVE */
    uint32_t stream_id, display_id;
    char address[STREAM_ADDRESS_MAX]; /* DEVICE_DISPLAY_INFO: terminated; empty = to be ignored */
} StreamReader;

void stream_reader_init(StreamReader *reader);
void stream_reader_clear(StreamReader *reader);
void stream_reader_reset(StreamReader *reader); /* the next byte begins a message */

/* `now`: of the multimedia clock, ms. */
StreamReadResult stream_reader_read(StreamReader *reader, StreamReadFunc read, void *opaque, uint32_t now);
