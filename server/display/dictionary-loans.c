/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/dictionary-loans.h"

typedef struct DictionaryLoan {
    PixelWatch watch; /* first */
    DictionaryLoans *owner;
    GlzDictionary *dictionary; /* borrowed: the loan ends before the connection lets go of it */
    Image *image;
    uint64_t id; /* in the dictionary */
    GList link;
} DictionaryLoan;

static void loan_free(DictionaryLoan *loan)
{
    g_queue_unlink(&loan->owner->loans, &loan->link);
    image_unref(loan->image);
    g_free(loan);
}

static void leave(PixelWatch *watch)
{
    DictionaryLoan *loan = (DictionaryLoan *)watch;

    glz_dictionary_forget_image(loan->dictionary, loan->id);
    loan_free(loan);
}

static void loan_end(DictionaryLoan *loan)
{
    bitmap_unwatch(&loan->image->bitmap, &loan->watch);
    leave(&loan->watch);
}

void dictionary_loans_end(DictionaryLoans *loans)
{
    while (loans->loans.head)
        loan_end(loans->loans.head->data);
}

/* What has left the window is of no more use. */
static void end_old(DictionaryLoans *loans, GlzDictionary *dictionary)
{
    uint64_t oldest = glz_dictionary_oldest(dictionary);

    while (loans->loans.head && ((DictionaryLoan *)loans->loans.head->data)->id < oldest)
        loan_end(loans->loans.head->data);
}

static size_t encode(GlzDictionary *dictionary, const Image *image, GBytes *pixels, WireWriter *out, uint64_t *id)
{
    const Bitmap *bitmap = &image->bitmap;

    return glz_encode(dictionary, glz_type_for_format(bitmap->format), image->width, image->height, bitmap->top_down,
                      pixels, out, id);
}

size_t dictionary_loans_encode(DictionaryLoans *loans, GlzDictionary *dictionary, const Image *image, WireWriter *out)
{
    DictionaryLoan *loan = g_new0(DictionaryLoan, 1);
    const uint8_t *pixels = bitmap_watch(&image->bitmap, &loan->watch);
    g_autoptr(GBytes) borrowed = NULL;
    size_t size;

    if (!pixels) {
        g_free(loan);
        return encode(dictionary, image, bitmap_data(&image->bitmap), out, NULL);
    }
    loan->watch.leave = leave;
    loan->owner = loans;
    loan->dictionary = dictionary;
    loan->image = image_ref((Image *)image);
    loan->link.data = loan;
    g_queue_push_tail_link(&loans->loans, &loan->link);
    borrowed = g_bytes_new_static(pixels, image_byte_size(image));
    size = encode(dictionary, image, borrowed, out, &loan->id);
    if (!size) {
        loan->id = G_MAXUINT64;
        loan_end(loan);
    }
    end_old(loans, dictionary);
    return size;
}
