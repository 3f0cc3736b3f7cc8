/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link stage: what client and server exchange before the first message, and the capability words.
 *
 * Server: read LINK_HEADER_SIZE bytes, link_header_decode(), link_header_check(), read header.size bytes,
 * link_mess_decode(); answer with link_reply_encode(). A refusal is a LinkReply with nothing but `error` set (194 bytes
 * in all). Client (tests, tools): the mirror image.
 */
#pragma once

#include "common/wire/reader.h"
#include "common/wire/writer.h"

#define LINK_HEADER_SIZE 16
#define LINK_MESS_SIZE 18 /* without capabilities */
#define LINK_MESS_MAX_SIZE 4096
#define LINK_MAX_CAPS 1024 /* words of one class */
#define LINK_REPLY_SIZE 178
#define LINK_PUB_KEY_SIZE 162

typedef struct LinkHeader {
    uint32_t magic; /* SPICE_MAGIC */
    uint32_t major;
    uint32_t minor;
    uint32_t size; /* bytes that follow the header */
} LinkHeader;

/* Capability n is bit n mod 32 of word n / 32; words that are missing are zero. */
typedef struct LinkMess {
    uint32_t connection_id; /* 0 = a new session */
    uint8_t channel_type;
    uint8_t channel_id;
    uint32_t n_common_caps; /* words */
    uint32_t n_channel_caps;
    uint32_t *common_caps; /* owned after decode */
    uint32_t *channel_caps;
} LinkMess;

typedef struct LinkReply {
    uint32_t error;                     /* SPICE_LINK_ERR_* */
    uint8_t pub_key[LINK_PUB_KEY_SIZE]; /* DER */
    uint32_t n_common_caps;
    uint32_t n_channel_caps;
    uint32_t *common_caps; /* owned after decode */
    uint32_t *channel_caps;
} LinkReply;

void link_header_encode(WireWriter *w, const LinkHeader *h);
bool link_header_decode(WireReader *r, LinkHeader *h, GError **error);
/* The link error (SPICE_LINK_ERR_*) that a client's header deserves: OK, INVALID_MAGIC, VERSION_MISMATCH, INVALID_DATA.
 * The magic alone can be checked as soon as 4 bytes are there. */
uint32_t link_header_check(const LinkHeader *h);

/* Encoders write the LinkHeader too; decoders read what follows it, and the body of the reader must be exactly the
 * `size` bytes that the header announced. Any decode error is SPICE_LINK_ERR_INVALID_DATA for the client. */
void link_mess_encode(WireWriter *w, const LinkMess *m);
bool link_mess_decode(WireReader *r, LinkMess *m, GError **error);
void link_mess_clear(LinkMess *m);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LinkMess, link_mess_clear)

void link_reply_encode(WireWriter *w, const LinkReply *m);
bool link_reply_decode(WireReader *r, LinkReply *m, GError **error);
void link_reply_clear(LinkReply *m);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LinkReply, link_reply_clear)

bool caps_test(const uint32_t *caps, unsigned n_words, unsigned bit); /* false for bits behind the words */
void caps_set(uint32_t *caps, unsigned n_words, unsigned bit);        /* the bit must be inside the words */
