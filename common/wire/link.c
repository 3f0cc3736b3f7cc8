/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/link.h"

#include <spice/enums.h>
#include <spice/protocol.h>
#include <string.h>

/* SPICE_MAGIC is in host order; the wire is not. */
#define LINK_MAGIC GUINT32_FROM_LE(SPICE_MAGIC)

void link_header_encode(WireWriter *w, const LinkHeader *h)
{
    wire_write_u32(w, h->magic);
    wire_write_u32(w, h->major);
    wire_write_u32(w, h->minor);
    wire_write_u32(w, h->size);
}

bool link_header_decode(WireReader *r, LinkHeader *h, GError **error)
{
    h->magic = wire_read_u32(r);
    h->major = wire_read_u32(r);
    h->minor = wire_read_u32(r);
    h->size = wire_read_u32(r);
    return wire_reader_check(r, "link header", error);
}

uint32_t link_header_check(const LinkHeader *h)
{
    if (h->magic != LINK_MAGIC)
        return SPICE_LINK_ERR_INVALID_MAGIC;
    if (h->major != SPICE_VERSION_MAJOR)
        return SPICE_LINK_ERR_VERSION_MISMATCH;
    if (h->size < LINK_MESS_SIZE || h->size > LINK_MESS_MAX_SIZE)
        return SPICE_LINK_ERR_INVALID_DATA;
    return SPICE_LINK_ERR_OK;
}

static void our_header_write(WireWriter *w, size_t fixed_size, uint64_t n_words)
{
    LinkHeader h = {LINK_MAGIC, SPICE_VERSION_MAJOR, SPICE_VERSION_MINOR, (uint32_t)(fixed_size + 4 * n_words)};

    link_header_encode(w, &h);
}

static void caps_write(WireWriter *w, const uint32_t *caps, uint32_t n_words)
{
    for (uint32_t i = 0; i < n_words; i++)
        wire_write_u32(w, caps[i]);
}

static uint32_t *caps_read(WireReader *r, uint32_t n_words)
{
    uint32_t *caps = g_new(uint32_t, n_words);

    for (uint32_t i = 0; i < n_words; i++)
        caps[i] = wire_read_u32(r);
    return caps;
}

/* The checks of both kinds of link message: counts first, then that all words are inside; `fixed_size` is where they
 * may start at the earliest. Gives a reader that stands at the common words. */
static bool caps_locate(const WireReader *r, uint32_t n_common, uint32_t n_channel, uint32_t offset, size_t fixed_size,
                        WireReader *caps, GError **error)
{
    uint64_t bytes = 4 * ((uint64_t)n_common + n_channel);

    *caps = *r;
    if (n_common > LINK_MAX_CAPS || n_channel > LINK_MAX_CAPS) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "link: %u and %u capability words", n_common, n_channel);
        return false;
    }
    if (bytes == 0)
        return true;
    if (offset < fixed_size || offset + bytes > r->size) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "link: capabilities at %u are not inside %zu bytes", offset,
                    r->size);
        return false;
    }
    *caps = wire_reader_at(r, offset);
    return true;
}

void link_mess_encode(WireWriter *w, const LinkMess *m)
{
    our_header_write(w, LINK_MESS_SIZE, (uint64_t)m->n_common_caps + m->n_channel_caps);
    wire_write_u32(w, m->connection_id);
    wire_write_u8(w, m->channel_type);
    wire_write_u8(w, m->channel_id);
    wire_write_u32(w, m->n_common_caps);
    wire_write_u32(w, m->n_channel_caps);
    wire_write_u32(w, LINK_MESS_SIZE);
    caps_write(w, m->common_caps, m->n_common_caps);
    caps_write(w, m->channel_caps, m->n_channel_caps);
}

bool link_mess_decode(WireReader *r, LinkMess *m, GError **error)
{
    WireReader caps;
    uint32_t offset;

    *m = (LinkMess){0};
    if (r->size > LINK_MESS_MAX_SIZE) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "link: message of %zu bytes", r->size);
        return false;
    }
    m->connection_id = wire_read_u32(r);
    m->channel_type = wire_read_u8(r);
    m->channel_id = wire_read_u8(r);
    m->n_common_caps = wire_read_u32(r);
    m->n_channel_caps = wire_read_u32(r);
    offset = wire_read_u32(r);
    if (!wire_reader_check(r, "link message", error) ||
        !caps_locate(r, m->n_common_caps, m->n_channel_caps, offset, LINK_MESS_SIZE, &caps, error))
        return false;
    m->common_caps = caps_read(&caps, m->n_common_caps);
    m->channel_caps = caps_read(&caps, m->n_channel_caps);
    return true;
}

void link_mess_clear(LinkMess *m)
{
    g_free(m->common_caps);
    g_free(m->channel_caps);
    *m = (LinkMess){0};
}

void link_reply_encode(WireWriter *w, const LinkReply *m)
{
    /* An error reply has zeros behind the error, the offset too. */
    uint32_t offset = m->error == SPICE_LINK_ERR_OK ? LINK_REPLY_SIZE : 0;

    our_header_write(w, LINK_REPLY_SIZE, (uint64_t)m->n_common_caps + m->n_channel_caps);
    wire_write_u32(w, m->error);
    wire_write_bytes(w, m->pub_key, sizeof(m->pub_key));
    wire_write_u32(w, m->n_common_caps);
    wire_write_u32(w, m->n_channel_caps);
    wire_write_u32(w, offset);
    caps_write(w, m->common_caps, m->n_common_caps);
    caps_write(w, m->channel_caps, m->n_channel_caps);
}

bool link_reply_decode(WireReader *r, LinkReply *m, GError **error)
{
    WireReader caps;
    const uint8_t *key;
    uint32_t offset;

    *m = (LinkReply){0};
    m->error = wire_read_u32(r);
    key = wire_read_bytes(r, sizeof(m->pub_key));
    if (key)
        memcpy(m->pub_key, key, sizeof(m->pub_key));
    m->n_common_caps = wire_read_u32(r);
    m->n_channel_caps = wire_read_u32(r);
    offset = wire_read_u32(r);
    if (!wire_reader_check(r, "link reply", error) ||
        !caps_locate(r, m->n_common_caps, m->n_channel_caps, offset, LINK_REPLY_SIZE, &caps, error))
        return false;
    m->common_caps = caps_read(&caps, m->n_common_caps);
    m->channel_caps = caps_read(&caps, m->n_channel_caps);
    return true;
}

void link_reply_clear(LinkReply *m)
{
    g_free(m->common_caps);
    g_free(m->channel_caps);
    *m = (LinkReply){0};
}

bool caps_test(const uint32_t *caps, unsigned n_words, unsigned bit)
{
    return bit / 32 < n_words && (caps[bit / 32] >> (bit % 32) & 1);
}

void caps_set(uint32_t *caps, unsigned n_words, unsigned bit)
{
    g_assert(bit / 32 < n_words);
    caps[bit / 32] |= 1u << (bit % 32);
}
