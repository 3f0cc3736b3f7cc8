/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the .c files of the messages only: a message of fixed size is one list of fields, from which both its encoder and
 * its decoder are made.
 *
 *     #define PONG(FIELD) FIELD(u32, id) FIELD(u64, timestamp)
 *     MSG_FIXED(MsgcPong, msgc_pong, PONG)
 *
 * A kind K of field is anything that has wire_write_K() and wire_read_K().
 */
#pragma once

#include "common/wire/msg.h"

#define MSG_WRITE_FIELD(kind, member) wire_write_##kind(w, m->member);
#define MSG_READ_FIELD(kind, member) m->member = wire_read_##kind(r);

#define MSG_FIXED(Type, name, FIELDS)                                                                                  \
    void name##_encode(WireWriter *w, const Type *m){FIELDS(MSG_WRITE_FIELD)} MSG_FIXED_DECODE(Type, name, FIELDS)

#define MSG_FIXED_DECODE(Type, name, FIELDS)                                                                           \
    bool name##_decode(WireReader *r, Type *m, GError **error)                                                         \
    {                                                                                                                  \
        *m = (Type){0};                                                                                                \
        FIELDS(MSG_READ_FIELD)                                                                                         \
        return wire_reader_check(r, #Type, error);                                                                     \
    }

/* Called before memory for `n` elements is allocated: fails the reader, and gives 0, if the body cannot hold them. */
static inline uint32_t msg_bounded_count(WireReader *r, uint32_t n, size_t wire_size)
{
    if ((uint64_t)n * wire_size <= wire_reader_left(r))
        return n;
    r->failed = true;
    return 0;
}
