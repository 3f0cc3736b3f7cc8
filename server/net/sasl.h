/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SASL by Cyrus: the exchange of one link, and the layer that encrypts what follows where the mechanism brings that.
 *
 * Without TLS only mechanisms that bring it are offered; inside TLS all but anonymous ones. Which of them, and where
 * the secrets are, is the administrator's business (NAME.conf in Cyrus' directories).
 */
#pragma once

#include "server/net/stream.h"

typedef struct SaslSession SaslSession;

typedef enum SaslOutcome { SASL_SESSION_FAILED, SASL_SESSION_CONTINUES, SASL_SESSION_DONE } SaslOutcome;

/* Once for the process; later calls do nothing. `name`: of the configuration. Host context. */
bool sasl_session_init_library(const char *name, GError **error);

/* The addresses and the TLS of the stream are part of the exchange; the stream is not kept. */
SaslSession *sasl_session_new(Stream *stream, GError **error);
void sasl_session_free(SaslSession *session); /* NULL is allowed */
/* ",NAME,NAME,": what is offered. */
const char *sasl_session_mechanisms(const SaslSession *session);
bool sasl_session_offers(const SaslSession *session, const char *mechanism);
/* A step of the exchange. `mechanism`: the first one (NULL: a later one). `in` NULL: no data, which differs from empty
 * ones. `out` (may become NULL) belongs to the session until the next step. A failure was logged. */
SaslOutcome sasl_session_step(SaslSession *session, const char *mechanism, const uint8_t *in, size_t in_size,
                              const char **out, size_t *out_size);
/* After it is done: the client has a name, and what follows is encrypted well enough. If not, that was logged. */
bool sasl_session_is_good(SaslSession *session);
/* After that: what follows on the stream goes through the mechanism's layer, if it has one. Takes the session over. */
void stream_push_sasl(Stream *stream, SaslSession *session);
