/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DictionaryLoans: pixels that a client's dictionary keeps where the guest has them, instead of copies.
 *
 * A large picture is encoded from guest memory and stays there as long as the loan lasts (guest-pixels.h) and the
 * picture is in the dictionary's window. When the guest needs its memory the dictionary forgets the picture. A guest
 * that changes pixels which it has lent spoils what its own client shows, and nothing else.
 *
 * One for each display connection, in the worker's thread; the dictionary may be used by other workers at the same
 * time.
 */
#pragma once

#include "common/image/glz.h"
#include "common/image/image.h"

typedef struct DictionaryLoans {
    GQueue loans; /* DictionaryLoan, oldest first */
} DictionaryLoans;

/* As glz_encode(), without a copy of the pixels if they can stay where they are. */
size_t dictionary_loans_encode(DictionaryLoans *loans, GlzDictionary *dictionary, const Image *image, WireWriter *out);
/* The dictionary forgets all pictures that are on loan, before the connection lets go of it. */
void dictionary_loans_end(DictionaryLoans *loans);
