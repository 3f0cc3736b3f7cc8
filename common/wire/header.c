/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/header.h"

static uint8_t *pack(uint8_t *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

size_t data_header_pack(uint8_t *out, const DataHeader *h, bool mini)
{
    uint8_t *p = out;

    if (!mini)
        p = pack(p, h->serial, 8);
    p = pack(p, h->type, 2);
    p = pack(p, h->size, 4);
    if (!mini)
        p = pack(p, h->sub_list, 4);
    return (size_t)(p - out);
}

void data_header_encode(WireWriter *w, const DataHeader *h, bool mini)
{
    data_header_pack(wire_write_space(w, data_header_size(mini)), h, mini);
}

bool data_header_decode(WireReader *r, DataHeader *h, bool mini, GError **error)
{
    h->serial = mini ? 0 : wire_read_u64(r);
    h->type = wire_read_u16(r);
    h->size = wire_read_u32(r);
    h->sub_list = mini ? 0 : wire_read_u32(r);
    return wire_reader_check(r, "data header", error);
}

/* Writes the bodies, last one first (the customary placement), and fills offsets[] in list order. */
static void bodies_write(WireWriter *w, const SubMessage *subs, uint16_t n, uint32_t *offsets)
{
    for (unsigned i = n; i-- > 0;) {
        offsets[i] = (uint32_t)w->size;
        wire_write_u16(w, subs[i].type);
        wire_write_u32(w, (uint32_t)subs[i].size);
        wire_write_bytes(w, subs[i].data, subs[i].size);
    }
}

void wire_write_list(WireWriter *w, const SubMessage *subs, uint16_t n)
{
    g_autofree uint32_t *offsets = g_new(uint32_t, n);
    size_t places = w->size + 2;

    g_assert(w->size == 0);
    wire_write_u16(w, n);
    wire_write_zeros(w, 4 * (size_t)n);
    bodies_write(w, subs, n, offsets);
    for (unsigned i = 0; i < n; i++)
        wire_set_u32(w, places + 4 * i, offsets[i]);
}

uint32_t wire_write_sub_list(WireWriter *w, const SubMessage *subs, uint16_t n)
{
    g_autofree uint32_t *offsets = g_new(uint32_t, n);
    uint32_t list;

    bodies_write(w, subs, n, offsets);
    list = (uint32_t)w->size;
    wire_write_u16(w, n);
    for (unsigned i = 0; i < n; i++)
        wire_write_u32(w, offsets[i]);
    return list;
}

bool sub_message_iter_init(SubMessageIter *it, const void *body, size_t size, uint32_t offset, GError **error)
{
    WireReader r = wire_reader(body, size);

    it->list = wire_reader_at(&r, offset);
    it->left = wire_read_u16(&it->list);
    if (wire_reader_left(&it->list) < 4 * (size_t)it->left)
        it->list.failed = true;
    if (!wire_reader_ok(&it->list))
        it->left = 0;
    return wire_reader_check(&it->list, "list of sub-messages", error);
}

bool sub_message_iter_next(SubMessageIter *it, SubMessage *sub, GError **error)
{
    WireReader r;
    uint32_t size;

    if (it->left == 0)
        return false;
    it->left--;
    r = wire_reader_at(&it->list, wire_read_u32(&it->list));
    sub->type = wire_read_u16(&r);
    size = wire_read_u32(&r);
    sub->size = MIN(size, wire_reader_left(&r));
    sub->data = wire_read_bytes(&r, sub->size);
    if (!wire_reader_ok(&r))
        it->left = 0;
    return wire_reader_check(&r, "sub-message", error);
}
