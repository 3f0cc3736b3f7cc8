/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/dictionary-loans.h"

/* Of the pieces (but the last one) of pictures that are encoded where they are. */
#define MIN_PIECE_BYTES 4096

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

/* No copy goes over the end of a piece, so there must not be too many of them; and they must have whole pixels. */
static bool is_worth_it(const PixelPiece *pieces, size_t n, uint32_t pixel_bytes)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (pieces[i].size < MIN_PIECE_BYTES || pieces[i].size % pixel_bytes)
            return false;
    return true;
}

size_t dictionary_loans_encode(DictionaryLoans *loans, GlzDictionary *dictionary, const Image *image, WireWriter *out)
{
    const Bitmap *bitmap = &image->bitmap;
    LzType type = glz_type_for_format(bitmap->format);
    DictionaryLoan *loan;
    const PixelPiece *pieces;
    size_t n = 0, size;

    if (!type)
        return 0;
    loan = g_new0(DictionaryLoan, 1);
    pieces = bitmap_watch(bitmap, &loan->watch, &n);
    if (pieces && !is_worth_it(pieces, n, bitmap_format_bits(bitmap->format) / 8)) {
        bitmap_unwatch(bitmap, &loan->watch);
        pieces = NULL;
    }
    if (!pieces) {
        g_free(loan);
        return glz_encode(dictionary, type, image->width, image->height, bitmap->top_down, bitmap_data(bitmap), out,
                          NULL);
    }
    loan->watch.leave = leave;
    loan->owner = loans;
    loan->dictionary = dictionary;
    loan->image = image_ref((Image *)image);
    loan->link.data = loan;
    g_queue_push_tail_link(&loans->loans, &loan->link);
    size =
        glz_encode_pieces(dictionary, type, image->width, image->height, bitmap->top_down, pieces, n, out, &loan->id);
    if (!size) {
        loan->id = G_MAXUINT64;
        loan_end(loan);
    }
    end_old(loans, dictionary);
    return size;
}
