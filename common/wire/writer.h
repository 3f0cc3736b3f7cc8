/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * WireWriter: grows one message body, little endian and packed.
 *
 * Pointers on the wire are offsets from the start of the body. A writer reserves the pointer with
 * wire_write_pointer() and fills it with wire_set_pointer() when the pointee is about to be written. Not thread safe.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef struct WireWriter {
    uint8_t *data; /* owned; NULL while empty */
    size_t size;   /* bytes written */
    size_t capacity;
} WireWriter;

void wire_writer_init(WireWriter *w);
void wire_writer_clear(WireWriter *w); /* frees; the writer can be used again */
void wire_writer_reset(WireWriter *w); /* forgets the bytes, keeps the memory */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WireWriter, wire_writer_clear)

void wire_write_u8(WireWriter *w, uint8_t v);
void wire_write_u16(WireWriter *w, uint16_t v);
void wire_write_u32(WireWriter *w, uint32_t v);
void wire_write_u64(WireWriter *w, uint64_t v);
static inline void wire_write_i16(WireWriter *w, int16_t v)
{
    wire_write_u16(w, (uint16_t)v);
}
static inline void wire_write_i32(WireWriter *w, int32_t v)
{
    wire_write_u32(w, (uint32_t)v);
}
static inline void wire_write_i64(WireWriter *w, int64_t v)
{
    wire_write_u64(w, (uint64_t)v);
}
void wire_write_bytes(WireWriter *w, const void *bytes, size_t n);
void wire_write_zeros(WireWriter *w, size_t n);
void wire_write_varint(WireWriter *w, uint64_t v); /* unsigned LEB128 */

/* Room for n bytes that the caller fills at once: the pointer is valid until the next call on this writer. */
uint8_t *wire_write_space(WireWriter *w, size_t n);
/* Makes room for n more bytes without writing any. */
void wire_writer_reserve(WireWriter *w, size_t n);

/* Writes a null pointer and gives its place, for wire_set_pointer(). */
size_t wire_write_pointer(WireWriter *w);
/* Lets the pointer at `place` lead to the current end of the body. */
void wire_set_pointer(WireWriter *w, size_t place);
void wire_set_u32(WireWriter *w, size_t place, uint32_t v);
void wire_set_u16(WireWriter *w, size_t place, uint16_t v);

/* Takes the bytes out; the writer is empty afterwards. */
GBytes *wire_writer_take(WireWriter *w);
