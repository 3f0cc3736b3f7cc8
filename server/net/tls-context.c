/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/net/tls-context.h"

#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

struct TlsContext {
    SSL_CTX *ssl;
};

void tls_config_clear(TlsConfig *config)
{
    g_free(config->ca);
    g_free(config->certs);
    g_free(config->key);
    g_free(config->key_password);
    g_free(config->dh);
    g_free(config->ciphers);
    *config = (TlsConfig){0};
}

SSL_CTX *tls_context_ssl(TlsContext *context)
{
    return context->ssl;
}

static bool fail(GError **error, const char *what, const char *name)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(code) ? g_strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);

    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "TLS: %s '%s': %s", what, name,
                reason ? reason : "cannot be used");
    ERR_clear_error();
    return false;
}

static int give_password(char *buf, int size, int writing, void *data)
{
    const char *password = data;
    size_t length = password ? strlen(password) : 0;

    /* Without one the key cannot be read; OpenSSL would ask on the terminal. */
    if (!length || length > (size_t)size)
        return -1;
    memcpy(buf, password, length);
    return (int)length;
}

static bool load_dh(SSL_CTX *ssl, const char *name, GError **error)
{
    BIO *file = BIO_new_file(name, "r");
    EVP_PKEY *dh = file ? PEM_read_bio_Parameters(file, NULL) : NULL;
    bool ok = dh && EVP_PKEY_is_a(dh, "DH") && SSL_CTX_set0_tmp_dh_pkey(ssl, dh) == 1;

    if (!ok)
        EVP_PKEY_free(dh);
    BIO_free(file);
    return ok || fail(error, "DH parameters", name);
}

static bool load_files(SSL_CTX *ssl, const TlsConfig *config, GError **error)
{
    if (SSL_CTX_use_certificate_chain_file(ssl, config->certs) != 1)
        return fail(error, "certificates", config->certs);
    SSL_CTX_set_default_passwd_cb(ssl, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, config->key_password);
    if (SSL_CTX_use_PrivateKey_file(ssl, config->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ssl) != 1)
        return fail(error, "private key", config->key);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    if (SSL_CTX_load_verify_locations(ssl, config->ca, NULL) != 1)
        return fail(error, "CA certificates", config->ca);
    if (config->dh && !load_dh(ssl, config->dh, error))
        return false;
    if (!config->dh)
        SSL_CTX_set_dh_auto(ssl, 1);
    if (config->ciphers && SSL_CTX_set_cipher_list(ssl, config->ciphers) != 1)
        return fail(error, "cipher list", config->ciphers);
    return true;
}

TlsContext *tls_context_new(const TlsConfig *config, GError **error)
{
    static const unsigned char session_context[] = "SPICE";
    TlsContext *context = g_new0(TlsContext, 1);

    ERR_clear_error();
    context->ssl = SSL_CTX_new(TLS_server_method());
    if (!context->ssl) {
        fail(error, "library", "OpenSSL");
        tls_context_free(context);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
    /* Clients end a connection by closing it, without a TLS alert. */
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(context->ssl, session_context, sizeof(session_context) - 1);
    if (!load_files(context->ssl, config, error)) {
        tls_context_free(context);
        return NULL;
    }
    return context;
}

void tls_context_free(TlsContext *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    g_free(context);
}
