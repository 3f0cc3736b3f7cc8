/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/guest-pixels.h"

#include "common/util/block-store.h"
#include "server/display/qxl-parse-private.h"

typedef struct GuestPixels {
    PixelSource base;
    GuestLoan *loan; /* NULL: called in */
    GList link;      /* in loans->pixels */
    uint64_t bytes;
    size_t n;
    PixelPiece pieces[];
} GuestPixels;

struct GuestLoan {
    GuestLoans *loans;
    unsigned refs;
    QXLReleaseInfoExt resources;
};

struct GuestLoans {
    void (*release)(void *opaque, const QXLReleaseInfoExt *resources);
    void *opaque;
    uint64_t min_bytes, max_bytes;
    GQueue pixels; /* of GuestPixels, oldest first */
    uint64_t bytes;
};

GuestLoans *guest_loans_new(void (*release)(void *opaque, const QXLReleaseInfoExt *resources), void *opaque,
                            uint64_t min_bytes, uint64_t max_bytes)
{
    GuestLoans *loans = g_new0(GuestLoans, 1);

    loans->release = release;
    loans->opaque = opaque;
    loans->min_bytes = min_bytes;
    loans->max_bytes = max_bytes;
    return loans;
}

/* What nobody needs but who watches it, is not copied. */
static void call_in_oldest(GuestLoans *loans)
{
    GuestPixels *oldest = g_queue_peek_head(&loans->pixels);

    pixel_source_call_leave(&oldest->base);
    if (g_queue_peek_head(&loans->pixels) == oldest)
        pixel_source_load(&oldest->base);
}

void guest_loans_call_in(GuestLoans *loans)
{
    while (!g_queue_is_empty(&loans->pixels))
        call_in_oldest(loans);
}

void guest_loans_out_of_memory(GuestLoans *loans)
{
    loans->max_bytes = MIN(loans->max_bytes, MAX(loans->bytes / 2, GUEST_LOANS_LITTLE_BYTES));
    guest_loans_call_in(loans);
}

void guest_loans_free(GuestLoans *loans)
{
    if (!loans)
        return;
    guest_loans_call_in(loans);
    g_free(loans);
}

bool guest_loans_take(const GuestLoans *loans, uint64_t bytes)
{
    return bytes >= loans->min_bytes && bytes <= loans->max_bytes;
}

GuestLoan *guest_loan_new(GuestLoans *loans)
{
    GuestLoan *loan = g_new0(GuestLoan, 1);

    loan->loans = loans;
    loan->refs = 1;
    return loan;
}

void guest_loan_unref(GuestLoan *loan)
{
    if (!loan || --loan->refs)
        return;
    if (loan->resources.info)
        loan->loans->release(loan->loans->opaque, &loan->resources);
    g_free(loan);
}

bool guest_loan_set(GuestLoan *loan, const QXLReleaseInfoExt *resources)
{
    if (loan->refs == 1)
        return false;
    loan->resources = *resources;
    return true;
}

static void end_loan(GuestPixels *pixels)
{
    if (!pixels->loan)
        return;
    g_queue_unlink(&pixels->loan->loans->pixels, &pixels->link);
    pixels->loan->loans->bytes -= pixels->bytes;
    g_clear_pointer(&pixels->loan, guest_loan_unref);
}

static GBytes *guest_pixels_load(PixelSource *source)
{
    GuestPixels *pixels = (GuestPixels *)source;
    uint8_t *copy = block_store_alloc(pixels->bytes), *out = copy;

    for (size_t i = 0; i < pixels->n; i++) {
        guest_copy(out, pixels->pieces[i].data, pixels->pieces[i].size);
        out += pixels->pieces[i].size;
    }
    end_loan(pixels);
    return block_store_bytes(copy, pixels->bytes);
}

static const PixelPiece *guest_pixels_pieces(PixelSource *source, size_t *n)
{
    const GuestPixels *pixels = (const GuestPixels *)source;

    *n = pixels->n;
    return pixels->pieces;
}

static const uint8_t *guest_pixels_part(PixelSource *source, uint64_t offset, uint64_t size, uint8_t *buffer)
{
    const PixelPiece *piece = ((GuestPixels *)source)->pieces;
    uint8_t *out = buffer;

    for (; offset >= piece->size; piece++)
        offset -= piece->size;
    if (size <= piece->size - offset)
        return piece->data + offset;
    for (; size > 0; piece++, offset = 0) {
        uint64_t n = MIN(size, piece->size - offset);

        guest_copy(out, piece->data + offset, n);
        out += n;
        size -= n;
    }
    return buffer;
}

static void guest_pixels_free(PixelSource *source)
{
    end_loan((GuestPixels *)source);
    g_free(source);
}

PixelSource *guest_pixels_new(GuestLoan *loan, const PixelPiece *pieces, size_t n, uint64_t bytes)
{
    GuestLoans *loans = loan->loans;
    GuestPixels *pixels = g_malloc0(sizeof(GuestPixels) + n * sizeof(PixelPiece));

    pixels->base.load = guest_pixels_load;
    pixels->base.pieces = guest_pixels_pieces;
    pixels->base.part = guest_pixels_part;
    pixels->base.free = guest_pixels_free;
    pixels->bytes = bytes;
    pixels->n = n;
    for (size_t i = 0; i < n; i++)
        pixels->pieces[i] = pieces[i];
    while (loans->bytes + bytes > loans->max_bytes && !g_queue_is_empty(&loans->pixels))
        call_in_oldest(loans);
    loan->refs++;
    pixels->loan = loan;
    pixels->link.data = pixels;
    g_queue_push_tail_link(&loans->pixels, &pixels->link);
    loans->bytes += bytes;
    return &pixels->base;
}
