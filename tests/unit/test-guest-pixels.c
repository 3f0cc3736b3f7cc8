/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pixels that stay in guest memory, and when the guest gets its resources back. */
#include "common/image/graduality.h"
#include "common/image/quic.h"
#include "server/display/dictionary-loans.h"
#include "tests/unit/qxl-guest.h"

#define SIZE (8 * 8 * 4)

typedef struct Lender {
    GuestLoans *loans;
    uint8_t memory[4][SIZE];
    QXLReleaseInfo infos[4];
    GString *released; /* the numbers of the commands, in the order of their return */
} Lender;

static void on_release(void *opaque, const QXLReleaseInfoExt *resources)
{
    Lender *lender = opaque;
    char number = '?';

    for (unsigned i = 0; i < G_N_ELEMENTS(lender->infos); i++)
        if (resources->info == &lender->infos[i])
            number = (char)('0' + i);
    g_string_append_c(lender->released, number);
}

static void lender_init(Lender *lender, uint64_t max_bytes)
{
    *lender = (Lender){.loans = guest_loans_new(on_release, lender, 1, max_bytes), .released = g_string_new("")};
    for (unsigned i = 0; i < SIZE * G_N_ELEMENTS(lender->memory); i++)
        lender->memory[i / SIZE][i % SIZE] = pixel_byte(i);
}

static void lender_clear(Lender *lender)
{
    guest_loans_free(lender->loans);
    g_string_free(lender->released, TRUE);
}

/* Command `number` with `n_images` pictures of its memory, the second one in two pieces. */
static void lend(Lender *lender, unsigned number, unsigned n_images, Image **images)
{
    PixelPiece pieces[] = {{lender->memory[number], 100}, {lender->memory[number] + 100, SIZE - 100}};
    PixelPiece whole = {lender->memory[number], SIZE};
    GuestLoan *loan = guest_loan_new(lender->loans);
    QXLReleaseInfoExt resources = {.info = &lender->infos[number], .group_id = 1};

    for (unsigned i = 0; i < n_images; i++) {
        PixelSource *source = guest_pixels_new(loan, i ? pieces : &whole, i ? 2 : 1, SIZE);

        images[i] = image_new_from_source(number, SPICE_BITMAP_FMT_32BIT, true, 8, 8, source);
    }
    g_assert_cmpint(guest_loan_set(loan, &resources), ==, n_images > 0);
    guest_loan_unref(loan);
}

static void assert_pixels(Lender *lender, const Image *image)
{
    GBytes *data = bitmap_data(&image->bitmap);

    g_assert_cmpmem(g_bytes_get_data(data, NULL), g_bytes_get_size(data), lender->memory[image->id], SIZE);
    g_assert_true(bitmap_data(&image->bitmap) == data);
}

static void test_life(void)
{
    Lender lender;
    Image *a[2], *b[1];

    lender_init(&lender, SIZE * 10);
    lend(&lender, 0, 0, a); /* nothing on loan: the caller releases */
    g_assert_cmpstr(lender.released->str, ==, "");
    lend(&lender, 0, 2, a);
    lend(&lender, 1, 1, b);
    g_assert_true(bitmap_peek(&a[0]->bitmap) == lender.memory[0]);
    g_assert_cmpstr(lender.released->str, ==, "");
    image_unref(b[0]); /* drawn over: never copied */
    g_assert_cmpstr(lender.released->str, ==, "1");
    assert_pixels(&lender, a[0]);
    g_assert_true(bitmap_peek(&a[0]->bitmap) != lender.memory[0]);
    g_assert_cmpstr(lender.released->str, ==, "1");                /* the second picture needs it still */
    g_assert_true(bitmap_peek(&a[1]->bitmap) != lender.memory[0]); /* in two pieces: copied */
    g_assert_cmpstr(lender.released->str, ==, "10");
    assert_pixels(&lender, a[1]);
    image_unref(a[0]);
    image_unref(a[1]);
    g_assert_cmpstr(lender.released->str, ==, "10");
    lender_clear(&lender);
}

static const uint8_t *row_of(const void *bitmap, uint32_t number, uint8_t *buffer)
{
    return bitmap_row(bitmap, number, buffer);
}

/* Rows are where they are, but for one that is cut; nothing is copied for good, and QUIC makes the same of them. */
static void test_rows(void)
{
    Lender lender;
    Image *images[2];
    uint8_t buffer[32];
    g_auto(WireWriter) wanted = {0}, got = {0};

    lender_init(&lender, SIZE * 10);
    lend(&lender, 0, 2, images);
    for (uint32_t y = 0; y < 8; y++) {
        const uint8_t *whole = bitmap_row(&images[0]->bitmap, y, buffer);
        const uint8_t *cut = bitmap_row(&images[1]->bitmap, y, buffer);

        g_assert_true(whole == lender.memory[0] + 32 * y);
        g_assert_true(cut == (y == 3 ? buffer : whole)); /* bytes 96 to 127: the second piece starts with 100 */
        g_assert_cmpmem(cut, 32, whole, 32);
    }
    g_assert_cmpint(graduality_of_image(images[1]), ==, graduality_of_image(images[0]));
    g_assert_cmpuint(quic_encode(QUIC_TYPE_RGB32, 8, 8, false, lender.memory[0], &wanted, SIZE_MAX), >, 0);
    quic_encode_rows(QUIC_TYPE_RGB32, 8, 8, false, row_of, &images[1]->bitmap, &got, SIZE_MAX);
    g_assert_cmpmem(got.data, got.size, wanted.data, wanted.size);
    g_assert_null(images[1]->bitmap.source->data);
    image_unref(images[0]);
    image_unref(images[1]);
    g_assert_cmpstr(lender.released->str, ==, "0");
    lender_clear(&lender);
}

static void test_call_in(void)
{
    Lender lender;
    Image *images[3];

    lender_init(&lender, SIZE * 10);
    for (unsigned i = 0; i < 3; i++)
        lend(&lender, i, 1, &images[i]);
    guest_loans_call_in(lender.loans);
    g_assert_cmpstr(lender.released->str, ==, "012");
    guest_loans_call_in(lender.loans);
    image_unref(images[0]);
    lend(&lender, 3, 1, &images[0]);
    guest_loans_free(lender.loans); /* images outlive it */
    g_assert_cmpstr(lender.released->str, ==, "0123");
    lender.loans = NULL;
    for (unsigned i = 0; i < 3; i++) {
        assert_pixels(&lender, images[i]);
        image_unref(images[i]);
    }
    lender_clear(&lender);
}

static void test_limit(void)
{
    Lender lender;
    Image *images[4];

    lender_init(&lender, SIZE * 2 + 1);
    for (unsigned i = 0; i < 4; i++)
        lend(&lender, i, 1, &images[i]);
    g_assert_cmpstr(lender.released->str, ==, "01");
    for (unsigned i = 0; i < 4; i++) {
        assert_pixels(&lender, images[i]);
        image_unref(images[i]);
    }
    g_assert_cmpstr(lender.released->str, ==, "0123");
    g_assert_false(guest_loans_take(lender.loans, SIZE * 2 + 2));
    g_assert_false(guest_loans_take(lender.loans, 0));
    lender_clear(&lender);
}

/* A command is read: what its picture holds is seen to be the guest's present memory, and the copy its last. */
static void test_command(void)
{
    g_autoptr(Guest) guest = guest_new();
    Lender lender;
    QXLDrawable d = drawable(QXL_DRAW_COPY);
    QXLReleaseInfoExt release = {0};
    QXLCommandExt command;
    DrawOp *op;
    Image *image;
    size_t pixels = guest->used;

    lender_init(&lender, SIZE);
    d.u.copy = (QXLCopy){.src_bitmap = put_bitmap(guest, SPICE_BITMAP_FMT_32BIT, 4, 3, 16, 0, 0), .src_area = SRC_AREA};
    command = command_at(put(guest, &d, sizeof(d)), 0);
    op = qxl_parse_drawable(guest->slots, lender.loans, &command, &release, NULL);
    g_assert_nonnull(op);
    g_assert_null(release.info); /* it is the loan's */
    image = op->u.copy.src;
    guest->ram[pixels] = 99;
    g_assert_cmpuint(bitmap_peek(&image->bitmap)[0], ==, 99);
    bitmap_data(&image->bitmap);
    guest->ram[pixels] = 98;
    g_assert_cmpuint(bitmap_peek(&image->bitmap)[0], ==, 99);
    g_assert_cmpuint(lender.released->len, ==, 1);
    draw_op_unref(op);
    lender_clear(&lender);
}

/* Encodes the picture and lets go of it. Gives the size of the stream, which the client's side understands. */
static size_t encode(DictionaryLoans *loans, GlzDictionary *dictionary, GlzDecoder *decoder, Image *image)
{
    g_auto(WireWriter) out = {0};
    GlzInfo info;
    g_autoptr(GBytes) got = NULL;

    g_assert_cmpuint(dictionary_loans_encode(loans, dictionary, image, &out), ==, out.size);
    image_unref(image);
    got = glz_decoder_decode(decoder, out.data, out.size, &info, NULL);
    g_assert_nonnull(got);
    return out.size;
}

/* A dictionary has pictures on loan until the guest needs its memory, the window has moved on, or the end. */
static void test_dictionary(void)
{
    g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 8 * 8 * 2, 0);
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    DictionaryLoans loans = {0};
    GlzFigures figures;
    Lender lender;
    Image *images[2];
    size_t first;

    lender_init(&lender, SIZE * 10);
    lend(&lender, 0, 1, images);
    first = encode(&loans, dictionary, decoder, images[0]);
    lend(&lender, 0, 1, images);
    g_assert_cmpuint(encode(&loans, dictionary, decoder, images[0]), <, first / 2);
    g_assert_cmpstr(lender.released->str, ==, "");
    lend(&lender, 1, 1, images);
    encode(&loans, dictionary, decoder, images[0]); /* there is room for two */
    g_assert_cmpstr(lender.released->str, ==, "0");
    guest_loans_call_in(lender.loans);
    g_assert_cmpstr(lender.released->str, ==, "001");
    glz_dictionary_get_figures(dictionary, &figures);
    g_assert_cmpuint(figures.images, ==, 2);
    g_assert_cmpuint(figures.bytes, ==, 0);
    lend(&lender, 0, 1, images);
    g_assert_cmpuint(encode(&loans, dictionary, decoder, images[0]), ==, first);
    /* Of a picture in small pieces it takes a copy. */
    lend(&lender, 2, 2, images);
    image_unref(images[0]);
    encode(&loans, dictionary, decoder, images[1]);
    g_assert_cmpstr(lender.released->str, ==, "0012");
    /* What others still need is copied for them when it is called in. */
    lend(&lender, 3, 1, images);
    encode(&loans, dictionary, decoder, image_ref(images[0]));
    guest_loans_call_in(lender.loans);
    g_assert_cmpstr(lender.released->str, ==, "001203");
    assert_pixels(&lender, images[0]);
    image_unref(images[0]);
    lend(&lender, 1, 1, images);
    encode(&loans, dictionary, decoder, images[0]);
    dictionary_loans_end(&loans);
    g_assert_cmpstr(lender.released->str, ==, "0012031");
    /* Nothing is kept of what was not encoded. */
    glz_dictionary_freeze(dictionary);
    lend(&lender, 1, 1, images);
    g_assert_cmpuint(dictionary_loans_encode(&loans, dictionary, images[0], &(WireWriter){0}), ==, 0);
    image_unref(images[0]);
    g_assert_cmpstr(lender.released->str, ==, "00120311");
    lender_clear(&lender);
}

/* Pictures that would be too many on loan are forgotten, without a copy. */
static void test_dictionary_limit(void)
{
    g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 10000, 0);
    g_autoptr(GlzDecoder) decoder = glz_decoder_new();
    DictionaryLoans loans = {0};
    GlzFigures figures;
    Lender lender;
    Image *images[1];

    lender_init(&lender, SIZE * 2 + 1);
    for (unsigned i = 0; i < 4; i++) {
        lend(&lender, i, 1, images);
        encode(&loans, dictionary, decoder, images[0]);
    }
    g_assert_cmpstr(lender.released->str, ==, "01");
    glz_dictionary_get_figures(dictionary, &figures);
    g_assert_cmpuint(figures.images, ==, 4);
    g_assert_cmpuint(figures.bytes, ==, 2 * SIZE);
    dictionary_loans_end(&loans);
    g_assert_cmpstr(lender.released->str, ==, "0123");
    lender_clear(&lender);
}

/* A picture in large pieces stays where it is too, if no pixel is cut. */
static void test_dictionary_pieces(void)
{
    const size_t size = 64 * 64 * 4;

    for (unsigned cut = 8190; cut <= 8192; cut++) {
        g_autoptr(GlzDictionary) dictionary = glz_dictionary_new(1, 10000, 0);
        g_autoptr(GlzDecoder) decoder = glz_decoder_new();
        g_autofree uint8_t *memory = g_malloc0(size);
        const PixelPiece pieces[] = {{memory, cut}, {memory + cut, size - cut}};
        DictionaryLoans loans = {0};
        Lender lender;
        GuestLoan *loan;
        QXLReleaseInfoExt resources;

        lender_init(&lender, size);
        loan = guest_loan_new(lender.loans);
        resources = (QXLReleaseInfoExt){.info = &lender.infos[0]};
        encode(&loans, dictionary, decoder,
               image_new_from_source(0, SPICE_BITMAP_FMT_32BIT, true, 64, 64, guest_pixels_new(loan, pieces, 2, size)));
        guest_loan_set(loan, &resources);
        guest_loan_unref(loan);
        g_assert_cmpuint(loans.loans.length, ==, cut == 8192);
        guest_loans_call_in(lender.loans);
        g_assert_cmpuint(loans.loans.length, ==, 0);
        lender_clear(&lender);
    }
}

static Image *lend_megabytes(GuestLoans *loans, const uint8_t *memory, uint32_t n)
{
    GuestLoan *loan = guest_loan_new(loans);
    const PixelPiece piece = {memory, (uint64_t)n << 20};
    PixelSource *source = guest_pixels_new(loan, &piece, 1, piece.size);

    guest_loan_unref(loan);
    return image_new_from_source(0, SPICE_BITMAP_FMT_32BIT, true, 1 << 18, n, source);
}

/* A guest that was out of memory lends half as much from then on, but never less than a little. */
static void test_out_of_memory(void)
{
    g_autofree uint8_t *memory = g_malloc0(48 << 20);
    GuestLoans *loans = guest_loans_new(NULL, NULL, 1, GUEST_LOANS_MAX_BYTES);
    Image *image = lend_megabytes(loans, memory, 48);

    g_assert_true(guest_loans_take(loans, 64 << 20));
    guest_loans_out_of_memory(loans);
    g_assert_nonnull(image->bitmap.source->data);
    image_unref(image);
    g_assert_true(guest_loans_take(loans, 24 << 20));
    g_assert_false(guest_loans_take(loans, (24 << 20) + 1));
    for (unsigned i = 0; i < 2; i++) {
        guest_loans_out_of_memory(loans);
        g_assert_true(guest_loans_take(loans, GUEST_LOANS_LITTLE_BYTES));
        g_assert_false(guest_loans_take(loans, GUEST_LOANS_LITTLE_BYTES + 1));
    }
    guest_loans_free(loans);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guest-pixels/life", test_life);
    g_test_add_func("/guest-pixels/rows", test_rows);
    g_test_add_func("/guest-pixels/call-in", test_call_in);
    g_test_add_func("/guest-pixels/limit", test_limit);
    g_test_add_func("/guest-pixels/command", test_command);
    g_test_add_func("/guest-pixels/dictionary", test_dictionary);
    g_test_add_func("/guest-pixels/dictionary-limit", test_dictionary_limit);
    g_test_add_func("/guest-pixels/dictionary-pieces", test_dictionary_pieces);
    g_test_add_func("/guest-pixels/out-of-memory", test_out_of_memory);
    return g_test_run();
}
