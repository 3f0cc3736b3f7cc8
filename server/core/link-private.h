/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of the link stage, and by nobody else. */
#pragma once

#include "common/wire/link.h"
#include "server/core/link.h"
#include "server/net/stream.h"

#include <openssl/evp.h>

/* What the stage waits for. */
typedef enum LinkStep {
    STEP_HANDSHAKE, /* of TLS */
    STEP_MAGIC,
    STEP_REQUEST, /* for a WebSocket; ends with an empty line */
    STEP_HEADER,
    STEP_MESS,
    STEP_MECHANISM,
    STEP_TICKET,
    STEP_SASL_NAME_SIZE, /* of the mechanism's name */
    STEP_SASL_NAME,
    STEP_SASL_DATA_SIZE,
    STEP_SASL_DATA, /* or a part of them */
} LinkStep;

typedef struct LinkSasl LinkSasl;

struct LinkStage {
    RedsState *server;
    Stream *stream;
    LoopWatch *watch;
    LoopTimer *timer;
    bool skip_auth;
    bool upgraded; /* to a WebSocket, which happens once */
    LinkStep step;
    uint8_t buffer[LINK_MESS_MAX_SIZE];
    size_t have, want; /* bytes in the buffer; bytes that the present step needs */
    LinkHeader header;
    LinkMess mess;
    EVP_PKEY *key;  /* NULL: no ticket is asked for */
    LinkSasl *sasl; /* NULL: no such exchange */
};

/* The present step needs so many bytes. */
void link_stage_expect(LinkStage *stage, LinkStep step, size_t bytes);
/* Ends the stage with a reply that carries nothing but the error (SPICE_LINK_ERR_*). */
void link_stage_refuse(LinkStage *stage, uint32_t link_error);
/* The client is who it says: on with the channel. The stage is gone afterwards. */
void link_stage_authenticated(LinkStage *stage);

/* link-sasl.c: sends what is on offer; handles what a STEP_SASL_* has brought. False: the stage is gone. */
bool link_sasl_begin(LinkStage *stage);
bool link_sasl_handle(LinkStage *stage);
void link_sasl_free(LinkSasl *sasl); /* NULL is allowed */
