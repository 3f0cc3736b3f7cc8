/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/certificate.h"

#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

static void write_key(const char *name, EVP_PKEY *key, const char *password)
{
    FILE *file = fopen(name, "w");

    g_assert_nonnull(file);
    g_assert_cmpint(PEM_write_PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL,
                                         (const unsigned char *)password, password ? (int)strlen(password) : 0, NULL,
                                         NULL),
                    ==, 1);
    fclose(file);
}

static void write_certificate(const char *name, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    FILE *file = fopen(name, "w");

    g_assert_nonnull(file);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600L);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    g_assert_cmpint(X509_sign(certificate, key, EVP_sha256()), >, 0);
    g_assert_cmpint(PEM_write_X509(file, certificate), ==, 1);
    fclose(file);
    X509_free(certificate);
}

void certificate_write(const char *directory, const char *password, TlsConfig *config)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);

    g_assert_nonnull(key);
    config->port = 1;
    config->certs = g_build_filename(directory, "cert.pem", NULL);
    config->ca = g_strdup(config->certs);
    config->key = g_build_filename(directory, "key.pem", NULL);
    config->key_password = g_strdup(password);
    write_key(config->key, key, password);
    write_certificate(config->certs, key);
    EVP_PKEY_free(key);
}

void certificate_remove(const char *directory)
{
    static const char *const names[] = {"cert.pem", "key.pem"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);

        g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}
