/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/reader.h"

G_DEFINE_QUARK(wire - error - quark, wire_error)

WireReader wire_reader(const void *data, size_t size)
{
    return (WireReader){.data = data, .size = size};
}

WireReader wire_reader_at(const WireReader *r, uint32_t offset)
{
    WireReader at = {.data = r->data, .size = r->size, .pos = offset, .failed = r->failed};

    if (offset >= r->size) {
        at.pos = r->size;
        at.failed = true;
    }
    return at;
}

static const uint8_t *take(WireReader *r, size_t n)
{
    const uint8_t *p;

    if (r->failed || n > r->size - r->pos) {
        r->failed = true;
        return NULL;
    }
    p = r->data + r->pos;
    r->pos += n;
    return p;
}

uint8_t wire_read_u8(WireReader *r)
{
    const uint8_t *p = take(r, 1);

    return p ? p[0] : 0;
}

uint16_t wire_read_u16(WireReader *r)
{
    const uint8_t *p = take(r, 2);

    return p ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

uint32_t wire_read_u32(WireReader *r)
{
    const uint8_t *p = take(r, 4);

    return p ? p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : 0;
}

uint64_t wire_read_u64(WireReader *r)
{
    const uint8_t *p = take(r, 8);
    uint64_t v = 0;

    for (int i = 7; p && i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

const uint8_t *wire_read_bytes(WireReader *r, size_t n)
{
    static const uint8_t nothing[1];
    const uint8_t *p = take(r, n);

    return p || r->failed ? p : nothing;
}

uint64_t wire_read_varint(WireReader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = wire_read_u8(r);

        if (shift == 63 && b > 1)
            break;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return r->failed ? 0 : v;
    }
    r->failed = true;
    return 0;
}

bool wire_reader_check(const WireReader *r, const char *what, GError **error)
{
    if (!r->failed)
        return true;
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_SHORT, "%s: ends too early (%zu bytes)", what, r->size);
    return false;
}
