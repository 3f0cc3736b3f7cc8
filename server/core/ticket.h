/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ticket: the password of the AUTH_SPICE mechanism. */
#pragma once

#include <glib.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#define TICKET_PUBKEY_SIZE 162 /* DER SubjectPublicKeyInfo of a 1024 bit key */
#define TICKET_SIZE 128        /* RSAES-OAEP ciphertext */

/* A fresh key for one link and its public half. NULL if the crypto library refuses. */
EVP_PKEY *ticket_key_new(uint8_t public_key[TICKET_PUBKEY_SIZE]);
/* Decrypts a ticket: the password, or NULL. Freed by the caller with g_free(). */
char *ticket_decrypt(EVP_PKEY *key, const uint8_t ciphertext[TICKET_SIZE]);
/* Compares in a time that does not depend on where they differ. */
bool ticket_equal(const char *a, const char *b);
