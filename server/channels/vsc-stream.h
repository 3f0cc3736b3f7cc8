/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VscStream: cuts the bytes that a smartcard device writes into its messages (header in network byte order, then as
 * many bytes as it says).
 *
 * A message that is longer than any sensible one is skipped to its end. A migration may find it anywhere: what was read
 * of a message is handed over. Pure data, not thread safe.
 */
#pragma once

#include "common/wire/msg-smartcard.h"

/* Header included. Cards use 270 bytes as a rule. QEMU's card device holds so many bytes and waits for ever for the
 * rest of a longer message. */
#define VSC_MESSAGE_MAX (64u * 1024)

typedef struct VscStream {
    GByteArray *partial; /* the message that is being read, from its header on */
    uint32_t skip;       /* bytes that still have to come of one that is skipped; nothing else is kept then */
} VscStream;

void vsc_stream_init(VscStream *stream);
void vsc_stream_clear(VscStream *stream); /* frees */
void vsc_stream_reset(VscStream *stream); /* stands at the beginning of a message */

/* The message that is complete, a new reference, and on to the next one. NULL: first more bytes have to come. */
GBytes *vsc_stream_next(VscStream *stream);
/* After vsc_stream_next() gave NULL: how many bytes may be added, at least one. They belong to one message. */
size_t vsc_stream_wanted(const VscStream *stream);
void vsc_stream_add(VscStream *stream, const uint8_t *bytes, size_t size);

/* What a destination has to know: bytes of a message from its header on, none at the beginning of a message. */
void vsc_stream_save(const VscStream *stream, GByteArray *out);
void vsc_stream_load(VscStream *stream, const GByteArray *bytes);
