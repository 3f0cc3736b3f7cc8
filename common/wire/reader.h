/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * WireReader: bounded little endian reader of one message body.
 *
 * A reader never reads outside [data, data + size). The first read that would do so marks the reader as failed;
 * every later read then gives zeros, so that a decoder may read a whole structure and ask once, with
 * wire_reader_ok(), whether it was there. Not thread safe; does not own the bytes.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct WireReader {
    const uint8_t *data; /* the whole body: pointers on the wire count from here */
    size_t size;         /* bytes */
    size_t pos;          /* bytes consumed, <= size */
    bool failed;
} WireReader;

#define WIRE_ERROR (wire_error_quark())
typedef enum WireError {
    WIRE_ERROR_SHORT,   /* the body ends before the structure does */
    WIRE_ERROR_POINTER, /* a pointer leads outside the body, or is null where it must not be */
    WIRE_ERROR_VALUE,   /* a value that the structure cannot have */
    WIRE_ERROR_TYPE,    /* a message type that this channel does not know */
} WireError;
GQuark wire_error_quark(void);

WireReader wire_reader(const void *data, size_t size);

/* A reader over the same body that stands at byte `offset` of it: follows a wire pointer. Failed if outside. */
WireReader wire_reader_at(const WireReader *r, uint32_t offset);

uint8_t wire_read_u8(WireReader *r);
uint16_t wire_read_u16(WireReader *r);
uint32_t wire_read_u32(WireReader *r);
uint64_t wire_read_u64(WireReader *r);
static inline int16_t wire_read_i16(WireReader *r)
{
    return (int16_t)wire_read_u16(r);
}
static inline int32_t wire_read_i32(WireReader *r)
{
    return (int32_t)wire_read_u32(r);
}
static inline int64_t wire_read_i64(WireReader *r)
{
    return (int64_t)wire_read_u64(r);
}

/* `n` bytes in place (valid as long as the body is), or NULL and a failed reader. n = 0 gives a non null pointer. */
const uint8_t *wire_read_bytes(WireReader *r, size_t n);

/* Unsigned LEB128, at most 10 bytes; a longer or truncated one fails the reader. */
uint64_t wire_read_varint(WireReader *r);

static inline size_t wire_reader_left(const WireReader *r)
{
    return r->failed ? 0 : r->size - r->pos;
}
static inline bool wire_reader_ok(const WireReader *r)
{
    return !r->failed;
}

/* True if nothing failed; else sets WIRE_ERROR_SHORT naming `what`. */
bool wire_reader_check(const WireReader *r, const char *what, GError **error);
