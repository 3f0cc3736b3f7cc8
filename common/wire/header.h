/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header in front of each message, mini or full (one kind per link, both directions), and lists of sub-messages.
 */
#pragma once

#include "common/wire/reader.h"
#include "common/wire/writer.h"

#define DATA_HEADER_MINI_SIZE 6
#define DATA_HEADER_FULL_SIZE 18

typedef struct DataHeader {
    uint64_t serial; /* full only; 0 when read from a mini header */
    uint16_t type;
    uint32_t size;     /* bytes of the body, sub-messages included */
    uint32_t sub_list; /* full only: offset of a sub-message list in the body, 0 = none */
} DataHeader;

static inline size_t data_header_size(bool mini)
{
    return mini ? DATA_HEADER_MINI_SIZE : DATA_HEADER_FULL_SIZE;
}
void data_header_encode(WireWriter *w, const DataHeader *h, bool mini);
/* As data_header_encode(), to a buffer of data_header_size() bytes; gives that size. */
size_t data_header_pack(uint8_t *out, const DataHeader *h, bool mini);
bool data_header_decode(WireReader *r, DataHeader *h, bool mini, GError **error);

/* One message inside the body of another; its pointers count from its own first byte. */
typedef struct SubMessage {
    uint16_t type;
    const uint8_t *data;
    size_t size;
} SubMessage;

/* Clients handle sub-messages in list order, before the message that carries them.
 *
 * Mini header: the whole body of a SPICE_MSG_LIST; the writer must be empty. */
void wire_write_list(WireWriter *w, const SubMessage *subs, uint16_t n);
/* Full header: appends sub-messages and list behind a finished body; gives the value of the header's sub_list. The
 * header's size then is the size of the writer. */
uint32_t wire_write_sub_list(WireWriter *w, const SubMessage *subs, uint16_t n);

/* Reads both kinds:
 *     SubMessageIter it;
 *     SubMessage sub;
 *     if (sub_message_iter_init(&it, body, size, offset, &error))
 *         while (sub_message_iter_next(&it, &sub, &error)) ...
 * A sub-message that claims more bytes than the body has left is cut there: older servers announce too many. */
typedef struct SubMessageIter {
    WireReader list;
    unsigned left; /* sub-messages to come */
} SubMessageIter;

/* `offset`: 0 for LIST, else sub_list of the full header. False and error if the list is not inside the body. */
bool sub_message_iter_init(SubMessageIter *it, const void *body, size_t size, uint32_t offset, GError **error);
/* False at the end, or with an error set where a sub-message is outside the body. */
bool sub_message_iter_next(SubMessageIter *it, SubMessage *sub, GError **error);
