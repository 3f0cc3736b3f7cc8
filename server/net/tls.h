/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS: the context of a server, and the layer of one connection. TLS 1.2 and later by OpenSSL; no compression, no
 * renegotiation; clients show no certificate. A record has nothing but what was given to one write.
 */
#pragma once

#include "server/net/stream.h"

/* What a host sets for its TLS port. All strings owned, those that were not given NULL. */
typedef struct TlsConfig {
    int port;               /* 0 = none */
    char *ca, *certs, *key; /* names of PEM files; certs: the chain, the server's own first */
    char *key_password;
    char *dh;      /* PEM file with DH parameters */
    char *ciphers; /* for TLS 1.2 */
} TlsConfig;

void tls_config_clear(TlsConfig *config);

typedef struct TlsContext TlsContext;

/* Reads the files. Used for connections of any thread; connections keep what they need of it. */
TlsContext *tls_context_new(const TlsConfig *config, GError **error);
void tls_context_free(TlsContext *context); /* NULL is allowed */

/* Puts TLS on the stream, as the server. stream_handshake() comes next, until it is done. */
bool stream_push_tls(Stream *stream, TlsContext *context, GError **error);

/* Bits of the cipher's key if one of the layers, from `top` down, is TLS; else -1. */
int tls_cipher_bits(const struct Layer *top);
