/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QUIC images that a guest submits: decoded for drawing, kept for clients, refused if anything about them is wrong. */
#include "tests/unit/quic-images.h"
#include "tests/unit/qxl-guest.h"

#define W 6
#define H 5

/* An image as guests write them: the first chunk of the stream follows its header. */
typedef struct GuestQuic {
    QXLImageDescriptor descriptor;
    QXLQUICData data;
    QXLDataChunk chunk;
} __attribute__((packed)) GuestQuic;

static uint64_t put_quic(Guest *guest, const uint8_t *stream, uint32_t size, uint32_t step)
{
    uint32_t first = MIN(step, size);
    uint64_t next = size > first ? put_chunks(guest, stream + first, size - first, step) : 0, address;
    GuestQuic image = {
        .descriptor = {.id = 0x1234, .type = SPICE_IMAGE_TYPE_QUIC, .flags = 0xff, .width = W, .height = H},
        .data = {.data_size = size},
        .chunk = {.data_size = first, .next_chunk = next},
    };

    address = put(guest, &image, sizeof(image));
    put(guest, stream, first);
    return address;
}

static size_t make_stream(QuicType type, WireWriter *stream)
{
    g_autofree uint8_t *pixels = quic_image_new(type, "mix", W, H, 1);

    return quic_encode(type, W, H, true, pixels, stream, SIZE_MAX);
}

static void test_good(void)
{
    static const uint32_t steps[] = {4, 7, 20, 24, 1000};

    for (QuicType type = QUIC_TYPE_RGB16; type <= QUIC_TYPE_RGBA; type++)
        for (unsigned s = 0; s < G_N_ELEMENTS(steps); s++) {
            g_autoptr(Guest) guest = guest_new();
            g_auto(WireWriter) stream = {0};
            g_autofree uint8_t *pixels = quic_image_new(type, "mix", W, H, 1);
            size_t size = make_stream(type, &stream);
            QXLDrawable d = copy_of(put_quic(guest, stream.data, (uint32_t)size, steps[s]));
            g_autoptr(DrawOp) op = parse(guest, &d);
            const Image *src = op->u.copy.src;

            g_assert_cmpuint(src->type, ==, SPICE_IMAGE_TYPE_BITMAP);
            g_assert_cmpuint(src->bitmap.format, ==, quic_format_of_type(type));
            g_assert_true(src->bitmap.top_down && src->cacheable && src->high_bits_set);
            g_assert_cmpuint(src->id, ==, 0x1234);
            g_assert_cmpuint(src->width, ==, W);
            g_assert_cmpuint(src->height, ==, H);
            g_assert_cmpmem(g_bytes_get_data(bitmap_data(&src->bitmap), NULL),
                            g_bytes_get_size(bitmap_data(&src->bitmap)), pixels,
                            (size_t)W * H * quic_image_pixel_bytes(type));
            g_assert_cmpmem(g_bytes_get_data(src->bitmap.quic, NULL), g_bytes_get_size(src->bitmap.quic), stream.data,
                            size);
        }
}

#define BAD(change)                                                                                                    \
    do {                                                                                                               \
        change;                                                                                                        \
        assert_invalid(guest, &d);                                                                                     \
        memcpy(image, &good, sizeof(good));                                                                            \
        memcpy(data, stream.data, size);                                                                               \
    } while (0)

static void test_bad(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_auto(WireWriter) stream = {0};
    uint32_t size = (uint32_t)make_stream(QUIC_TYPE_RGB32, &stream);
    uint64_t address = put_quic(guest, stream.data, size, 1000);
    GuestQuic good, *image = at(guest, address);
    uint8_t *data = (uint8_t *)(image + 1);
    QXLDrawable d = copy_of(address), fill = drawable(QXL_DRAW_FILL);

    memcpy(&good, image, sizeof(good));
    draw_op_unref(parse(guest, &d));
    BAD(image->descriptor.width = W + 1);
    BAD(image->descriptor.height = H - 1);
    BAD(image->data.data_size = size - 1);
    BAD(image->data.data_size = size + 4);
    BAD(image->data.data_size = 0);
    BAD(image->data.data_size = 0xffffffff);
    BAD(image->data.data_size = image->chunk.data_size = 0);
    BAD(image->data.data_size = image->chunk.data_size = 19);
    BAD(image->data.data_size = image->chunk.data_size = size / 2);
    BAD(image->chunk.data_size = RAM_SIZE);
    BAD(image->chunk.next_chunk = address + G_STRUCT_OFFSET(GuestQuic, chunk));
    BAD(data[0] ^= 1);
    BAD(data[4] = 1);
    BAD(data[8] = QUIC_TYPE_GRAY);
    BAD(data[8] = 6);
    BAD(data[12] = 0; image->descriptor.width = 0);
    BAD(data[14] = 0xff; image->descriptor.width |= 0xff0000); /* more than the stream can hold */
    draw_op_unref(parse(guest, &d));

    fill.u.fill = (QXLFill){
        .brush = {.type = SPICE_BRUSH_TYPE_SOLID}, .rop_descriptor = SPICE_ROPD_OP_PUT, .mask = {.bitmap = address}};
    assert_invalid(guest, &fill);
    d = copy_of(BASE + RAM_SIZE - sizeof(GuestQuic));
    memcpy(guest->ram + RAM_SIZE - sizeof(GuestQuic), &good, sizeof(good));
    assert_invalid(guest, &d);
}

/* Any bit of it: the command is taken or refused. */
static void test_damaged(void)
{
    g_autoptr(Guest) guest = guest_new();
    g_auto(WireWriter) stream = {0};
    uint32_t size = (uint32_t)make_stream(QUIC_TYPE_RGBA, &stream);
    uint64_t address = put_quic(guest, stream.data, size, 1000);
    QXLDrawable d = copy_of(address);
    uint64_t command = put(guest, &d, sizeof(d));
    uint8_t *bytes = at(guest, address);
    unsigned taken = 0, refused = 0;

    for (size_t bit = 0; bit < 8 * (sizeof(GuestQuic) + size); bit++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DrawOp) op = NULL;

        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        op = parse_at(guest, command, 0, &error);
        g_assert_true((op != NULL) == (error == NULL));
        *(op ? &taken : &refused) += 1;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    g_assert_cmpuint(taken, >, 100);
    g_assert_cmpuint(refused, >, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qxl-quic/good", test_good);
    g_test_add_func("/qxl-quic/bad", test_bad);
    g_test_add_func("/qxl-quic/damaged", test_damaged);
    return g_test_run();
}
