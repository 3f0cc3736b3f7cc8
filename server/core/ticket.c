/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/ticket.h"

#include <openssl/crypto.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define TICKET_KEY_BITS 1024 /* fixed by the protocol */

EVP_PKEY *ticket_key_new(uint8_t public_key[TICKET_PUBKEY_SIZE])
{
    EVP_PKEY *key = EVP_RSA_gen(TICKET_KEY_BITS);
    unsigned char *der = public_key;

    if (!key)
        return NULL;
    if (i2d_PUBKEY(key, NULL) != TICKET_PUBKEY_SIZE || i2d_PUBKEY(key, &der) != TICKET_PUBKEY_SIZE) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

char *ticket_decrypt(EVP_PKEY *key, const uint8_t ciphertext[TICKET_SIZE])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    unsigned char plain[TICKET_SIZE];
    size_t size = sizeof(plain);
    char *password = NULL;

    /* OAEP with SHA-1 and an empty label are the library's defaults. */
    if (ctx && EVP_PKEY_decrypt_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
        EVP_PKEY_decrypt(ctx, plain, &size, ciphertext, TICKET_SIZE) > 0)
        password = g_strndup((const char *)plain, size);
    OPENSSL_cleanse(plain, sizeof(plain));
    EVP_PKEY_CTX_free(ctx);
    return password;
}

bool ticket_equal(const char *a, const char *b)
{
    size_t n = strlen(b);

    return strlen(a) == n && CRYPTO_memcmp(a, b, n) == 0;
}
