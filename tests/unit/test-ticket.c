/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/ticket.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define OAEP_MAX 86 /* bytes that a 1024 bit key takes with SHA-1 */

/* What a client does with the key that it gets in the link reply. */
static bool encrypt(const uint8_t public_key[TICKET_PUBKEY_SIZE], const void *plain, size_t size,
                    uint8_t ciphertext[TICKET_SIZE])
{
    const unsigned char *der = public_key;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &der, TICKET_PUBKEY_SIZE);
    EVP_PKEY_CTX *ctx;
    size_t out = TICKET_SIZE;
    bool ok;

    g_assert_nonnull(key);
    g_assert_true(der == public_key + TICKET_PUBKEY_SIZE);
    g_assert_cmpint(EVP_PKEY_get_bits(key), ==, 1024);
    ctx = EVP_PKEY_CTX_new(key, NULL);
    g_assert_cmpint(EVP_PKEY_encrypt_init(ctx), >, 0);
    g_assert_cmpint(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), >, 0);
    ok = EVP_PKEY_encrypt(ctx, ciphertext, &out, plain, size) > 0;
    g_assert_true(!ok || out == TICKET_SIZE);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}

static void check_round_trip(EVP_PKEY *key, const uint8_t *public_key, const char *plain, size_t size)
{
    uint8_t ciphertext[TICKET_SIZE];
    g_autofree char *password = NULL;
    g_autofree char *expected = g_strndup(plain, size);

    g_assert_true(encrypt(public_key, plain, size, ciphertext));
    password = ticket_decrypt(key, ciphertext);
    g_assert_cmpstr(password, ==, expected);
}

static void test_round_trip(void)
{
    uint8_t public_key[TICKET_PUBKEY_SIZE], other_public[TICKET_PUBKEY_SIZE], ciphertext[TICKET_SIZE];
    EVP_PKEY *key = ticket_key_new(public_key), *other = ticket_key_new(other_public);
    char longest[OAEP_MAX + 1];

    g_assert_nonnull(key);
    g_assert_nonnull(other);
    g_assert_cmpint(memcmp(public_key, other_public, TICKET_PUBKEY_SIZE), !=, 0);
    check_round_trip(key, public_key, "secret", 6); /* with and without the NUL that real clients add */
    check_round_trip(key, public_key, "secret", 7);
    check_round_trip(key, public_key, "", 0);
    check_round_trip(key, public_key, "", 1);
    check_round_trip(key, public_key, "a\0hidden", 8);
    check_round_trip(key, public_key, "\xff\xfe\x80", 4);
    memset(longest, 'x', sizeof(longest));
    check_round_trip(key, public_key, longest, OAEP_MAX);
    g_assert_false(encrypt(public_key, longest, OAEP_MAX + 1, ciphertext));

    g_assert_true(encrypt(public_key, "secret", 7, ciphertext));
    g_assert_null(ticket_decrypt(other, ciphertext));
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void test_garbage(void)
{
    uint8_t public_key[TICKET_PUBKEY_SIZE], ciphertext[TICKET_SIZE];
    EVP_PKEY *key = ticket_key_new(public_key);

    memset(ciphertext, 0, sizeof(ciphertext));
    g_assert_null(ticket_decrypt(key, ciphertext));
    memset(ciphertext, 0xff, sizeof(ciphertext)); /* larger than the modulus */
    g_assert_null(ticket_decrypt(key, ciphertext));
    for (unsigned i = 0; i < 50; i++) {
        for (unsigned j = 0; j < sizeof(ciphertext); j++)
            ciphertext[j] = (uint8_t)g_test_rand_int();
        g_assert_null(ticket_decrypt(key, ciphertext));
    }
    for (unsigned i = 0; i < 50; i++) {
        g_assert_true(encrypt(public_key, "secret", 7, ciphertext));
        ciphertext[g_test_rand_int_range(0, TICKET_SIZE)] ^= (uint8_t)(1u << g_test_rand_int_range(0, 8));
        g_assert_null(ticket_decrypt(key, ciphertext));
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void test_equal(void)
{
    g_assert_true(ticket_equal("", ""));
    g_assert_true(ticket_equal("abc", "abc"));
    g_assert_false(ticket_equal("abc", "abd"));
    g_assert_false(ticket_equal("abc", "ab"));
    g_assert_false(ticket_equal("ab", "abc"));
    g_assert_false(ticket_equal("", "a"));
    g_assert_false(ticket_equal("a", ""));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ticket/round-trip", test_round_trip);
    g_test_add_func("/ticket/garbage", test_garbage);
    g_test_add_func("/ticket/equal", test_equal);
    return g_test_run();
}
