/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/util/limited-warning.h"
#include "server/net/layer.h"
#include "server/net/sasl-private.h"

#include <errno.h>
#include <string.h>

/* Read in one go, less than the negotiated maximum. */
#define READ_BYTES 4096
/* Encrypted in one go, if the client allows as much. */
#define WRITE_BYTES 4096

typedef struct SaslLayer {
    Layer layer;
    SaslSession *session;
    const char *decoded; /* the library's, until the next call */
    size_t decoded_size;
    const char *encoded; /* the same */
    size_t encoded_size;
    size_t held; /* bytes that `encoded` stands for */
    size_t max_write;
    uint8_t in[READ_BYTES], out[WRITE_BYTES];
} SaslLayer;

static ssize_t fail(int result, const char *what)
{
    WARN_LIMITED("SASL: %s: %s", what, sasl_errstring(result, NULL, NULL));
    errno = EPROTO;
    return -1;
}

static ssize_t layer_read(Layer *layer, void *buf, size_t size)
{
    SaslLayer *sasl = (SaslLayer *)layer;
    size_t given;

    while (!sasl->decoded_size) {
        ssize_t n = layer->below->ops->read(layer->below, sasl->in, sizeof(sasl->in));
        unsigned decoded = 0;
        int result;

        if (n <= 0)
            return n;
        result = sasl_decode(sasl_session_connection(sasl->session), (const char *)sasl->in, (unsigned)n,
                             &sasl->decoded, &decoded);
        if (result != SASL_OK)
            return fail(result, "what the client sent cannot be decrypted");
        sasl->decoded_size = sasl->decoded ? decoded : 0;
    }
    given = MIN(size, sasl->decoded_size);
    memcpy(buf, sasl->decoded, given);
    sasl->decoded += given;
    sasl->decoded_size -= given;
    return (ssize_t)given;
}

static ssize_t layer_writev(Layer *layer, const struct iovec *iov, int n)
{
    SaslLayer *sasl = (SaslLayer *)layer;
    size_t taken;

    if (!sasl->held) {
        unsigned encoded = 0;
        int result;

        sasl->held = iov_gather(sasl->out, sasl->max_write, iov, n);
        if (!sasl->held)
            return 0;
        result = sasl_encode(sasl_session_connection(sasl->session), (const char *)sasl->out, (unsigned)sasl->held,
                             &sasl->encoded, &encoded);
        if (result != SASL_OK)
            return fail(result, "cannot encrypt");
        sasl->encoded_size = encoded;
    }
    while (sasl->encoded_size) {
        struct iovec rest = {(void *)sasl->encoded, sasl->encoded_size};
        ssize_t written = layer->below->ops->writev(layer->below, &rest, 1);

        if (written < 0)
            return written;
        sasl->encoded += written;
        sasl->encoded_size -= (size_t)written;
    }
    taken = sasl->held;
    sasl->held = 0;
    return (ssize_t)taken;
}

static void layer_free(Layer *layer)
{
    SaslLayer *sasl = (SaslLayer *)layer;

    sasl_session_free(sasl->session);
    g_free(sasl);
}

static const LayerOps sasl_ops = {.read = layer_read, .writev = layer_writev, .free = layer_free};

void stream_push_sasl(Stream *stream, SaslSession *session)
{
    sasl_conn_t *connection = sasl_session_connection(session);
    const void *ssf = NULL, *max = NULL;
    SaslLayer *sasl;

    if (sasl_getprop(connection, SASL_SSF, &ssf) != SASL_OK || *(const sasl_ssf_t *)ssf == 0) {
        sasl_session_free(session);
        return;
    }
    sasl = g_new0(SaslLayer, 1);
    sasl->layer.ops = &sasl_ops;
    sasl->session = session;
    sasl->max_write = WRITE_BYTES;
    if (sasl_getprop(connection, SASL_MAXOUTBUF, &max) == SASL_OK && *(const unsigned *)max)
        sasl->max_write = MIN(sasl->max_write, *(const unsigned *)max);
    stream_push(stream, &sasl->layer);
}
