/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/writer.h"

#include "common/util/block-store.h"

#include <string.h>

/* Larger ones come from the block store: a long message is fresh memory otherwise. */
#define LARGE_BODY ((size_t)32 << 10)

void wire_writer_init(WireWriter *w)
{
    *w = (WireWriter){0};
}

void wire_writer_clear(WireWriter *w)
{
    if (w->capacity > LARGE_BODY)
        block_store_free(w->data, w->capacity);
    else
        g_free(w->data);
    wire_writer_init(w);
}

void wire_writer_reset(WireWriter *w)
{
    w->size = 0;
}

static void grow_large(WireWriter *w, size_t capacity)
{
    WireWriter grown = {block_store_alloc(capacity), w->size, capacity};

    if (w->size)
        memcpy(grown.data, w->data, w->size);
    wire_writer_clear(w);
    *w = grown;
}

void wire_writer_reserve(WireWriter *w, size_t n)
{
    size_t capacity;

    if (n <= w->capacity - w->size)
        return;
    capacity = MAX(w->capacity, 64);
    while (capacity - w->size < n)
        capacity *= 2;
    if (capacity > LARGE_BODY) {
        grow_large(w, capacity);
    } else {
        w->data = g_realloc(w->data, capacity);
        w->capacity = capacity;
    }
}

uint8_t *wire_write_space(WireWriter *w, size_t n)
{
    uint8_t *p;

    wire_writer_reserve(w, n);
    p = w->data + w->size;
    w->size += n;
    return p;
}

void wire_write_u8(WireWriter *w, uint8_t v)
{
    wire_write_space(w, 1)[0] = v;
}

static void put(uint8_t *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void wire_write_u16(WireWriter *w, uint16_t v)
{
    put(wire_write_space(w, 2), v, 2);
}

void wire_write_u32(WireWriter *w, uint32_t v)
{
    put(wire_write_space(w, 4), v, 4);
}

void wire_write_u64(WireWriter *w, uint64_t v)
{
    put(wire_write_space(w, 8), v, 8);
}

void wire_write_bytes(WireWriter *w, const void *bytes, size_t n)
{
    if (n)
        memcpy(wire_write_space(w, n), bytes, n);
}

void wire_write_zeros(WireWriter *w, size_t n)
{
    if (n)
        memset(wire_write_space(w, n), 0, n);
}

void wire_write_varint(WireWriter *w, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        wire_write_u8(w, (uint8_t)(v | 0x80));
    wire_write_u8(w, (uint8_t)v);
}

size_t wire_write_pointer(WireWriter *w)
{
    wire_write_u32(w, 0);
    return w->size - 4;
}

void wire_set_pointer(WireWriter *w, size_t place)
{
    wire_set_u32(w, place, (uint32_t)w->size);
}

void wire_set_u32(WireWriter *w, size_t place, uint32_t v)
{
    g_assert(place + 4 <= w->size);
    put(w->data + place, v, 4);
}

void wire_set_u16(WireWriter *w, size_t place, uint16_t v)
{
    g_assert(place + 2 <= w->size);
    put(w->data + place, v, 2);
}

GBytes *wire_writer_take(WireWriter *w)
{
    GBytes *bytes;

    if (w->capacity > LARGE_BODY) {
        bytes = g_bytes_new(w->data, w->size);
        wire_writer_clear(w);
    } else {
        bytes = g_bytes_new_take(w->data, w->size);
        wire_writer_init(w);
    }
    return bytes;
}
