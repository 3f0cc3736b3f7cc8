/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The layer of one connection. The context: tls-context.c. */
#include "server/net/tls.h"

#include "common/util/limited-warning.h"
#include "server/net/layer.h"
#include "server/net/tls-context.h"

#include <errno.h>
#include <gio/gio.h>
#include <openssl/err.h>
#include <string.h>

/* The largest record: more never goes into one write. */
#define RECORD_BYTES 16384

typedef struct TlsLayer {
    Layer layer;
    SSL *ssl;
    bool wants_write, established, broken;
    size_t held; /* bytes of `out` in a write that has not come to its end */
    uint8_t out[RECORD_BYTES];
} TlsLayer;

/* --- what OpenSSL takes for its socket --- */

static int below_read(BIO *bio, char *buf, int size)
{
    Layer *below = ((Layer *)BIO_get_data(bio))->below;
    ssize_t n = below->ops->read(below, buf, (size_t)size);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_read(bio);
    return (int)n;
}

static int below_write(BIO *bio, const char *buf, int size)
{
    Layer *below = ((Layer *)BIO_get_data(bio))->below;
    struct iovec iov = {(char *)buf, (size_t)size};
    ssize_t n = below->ops->writev(below, &iov, 1);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_write(bio);
    return (int)n;
}

static long below_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static int below_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static gpointer make_method(gpointer unused)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "layer");

    g_assert(method);
    BIO_meth_set_read(method, below_read);
    BIO_meth_set_write(method, below_write);
    BIO_meth_set_ctrl(method, below_control);
    BIO_meth_set_create(method, below_create);
    return method;
}

/* --- the layer --- */

/* What came out of an operation of OpenSSL's: the errno for it, 0 = the end of the stream. `saved`: errno right after.
 */
static int outcome(TlsLayer *tls, int result, int saved, const char *what)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        tls->broken = true;
        return saved == EAGAIN ? EPIPE : saved;
    default: {
        unsigned long code = ERR_peek_error();
        const char *reason = ERR_reason_error_string(code);

        tls->broken = true;
        WARN_LIMITED("TLS: %s: %s", what, reason ? reason : "failed");
        return EPROTO;
    }
    }
}

static int tls_handshake(Layer *layer)
{
    TlsLayer *tls = (TlsLayer *)layer;
    int result, error;

    ERR_clear_error();
    errno = 0;
    result = SSL_accept(tls->ssl);
    error = errno;
    tls->wants_write = result <= 0 && SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_WRITE;
    if (result == 1) {
        tls->established = true;
        return 1;
    }
    return outcome(tls, result, error, "handshake") == EAGAIN ? 0 : -1;
}

static ssize_t tls_read(Layer *layer, void *buf, size_t size)
{
    TlsLayer *tls = (TlsLayer *)layer;
    int result, error;

    ERR_clear_error();
    errno = 0;
    result = SSL_read(tls->ssl, buf, (int)MIN(size, G_MAXINT));
    error = errno;
    tls->wants_write = result <= 0 && SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_WRITE;
    if (result > 0)
        return result;
    errno = outcome(tls, result, error, "read");
    return errno ? -1 : 0;
}

static ssize_t tls_writev(Layer *layer, const struct iovec *iov, int n)
{
    TlsLayer *tls = (TlsLayer *)layer;
    int result, error;

    if (!tls->held)
        tls->held = iov_gather(tls->out, sizeof(tls->out), iov, n);
    if (!tls->held)
        return 0;
    ERR_clear_error();
    errno = 0;
    result = SSL_write(tls->ssl, tls->out, (int)tls->held);
    error = errno;
    if (result > 0) {
        tls->held = 0;
        return result;
    }
    error = outcome(tls, result, error, "write");
    errno = error ? error : EPIPE;
    return -1;
}

static bool tls_wants_write(const Layer *layer)
{
    return ((const TlsLayer *)layer)->wants_write;
}

static void tls_free(Layer *layer)
{
    TlsLayer *tls = (TlsLayer *)layer;

    ERR_clear_error();
    if (tls->established && !tls->broken && !tls->held)
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
    SSL_free(tls->ssl);
    g_free(tls);
}

static const LayerOps tls_ops = {tls_read, tls_writev, tls_handshake, tls_wants_write, tls_free};

bool stream_push_tls(Stream *stream, TlsContext *context, GError **error)
{
    static GOnce method = G_ONCE_INIT;
    TlsLayer *tls = g_new0(TlsLayer, 1);
    BIO *bio;

    g_once(&method, make_method, NULL);
    tls->layer.ops = &tls_ops;
    tls->ssl = SSL_new(tls_context_ssl(context));
    bio = tls->ssl ? BIO_new(method.retval) : NULL;
    if (!bio) {
        SSL_free(tls->ssl);
        g_free(tls);
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "no TLS connection to be had");
        return false;
    }
    BIO_set_data(bio, tls);
    SSL_set_bio(tls->ssl, bio, bio);
    stream_push(stream, &tls->layer);
    return true;
}

int tls_cipher_bits(const Layer *top)
{
    for (const Layer *layer = top; layer; layer = layer->below) {
        if (layer->ops == &tls_ops)
            return SSL_get_cipher_bits(((const TlsLayer *)layer)->ssl, NULL);
    }
    return -1;
}
