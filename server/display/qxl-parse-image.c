/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/qxl-parse-private.h"

#include "common/image/quic.h"
#include "common/util/block-store.h"

#include <string.h>

/* A short QUIC stream can stand for a large picture: what no guest needs is not decoded. */
#define MAX_QUIC_PIXELS (1u << 26)

#define IMAGE_ERROR(error, ...) g_set_error(error, QXL_PARSE_ERROR, QXL_PARSE_ERROR_INVALID, __VA_ARGS__)

/* Takes rows of `stride` bytes as they come in pieces, and stores the first `packed` bytes of each. */
typedef struct RowPacker {
    uint8_t *out;
    uint32_t packed;
    uint32_t stride;
    uint32_t at; /* position in the row */
} RowPacker;

static void row_packer_add(RowPacker *packer, const uint8_t *data, uint64_t size)
{
    if (packer->packed == packer->stride) {
        guest_copy(packer->out, data, size);
        packer->out += size;
        return;
    }
    while (size) {
        uint32_t n = (uint32_t)MIN(size, packer->stride - packer->at);

        if (packer->at < packer->packed) {
            uint32_t used = MIN(n, packer->packed - packer->at);

            guest_copy(packer->out, data, used);
            packer->out += used;
        }
        packer->at += n;
        if (packer->at == packer->stride)
            packer->at = 0;
        data += n;
        size -= n;
    }
}

/* The pixels of a bitmap that was checked, where they are; NULL if they are better copied at once. Only of rows that
 * are stored packed. */
static PixelSource *borrow_pixels(GuestReader *reader, const QXLBitmap *bitmap, uint32_t packed)
{
    uint64_t size = (uint64_t)packed * bitmap->y;
    PixelPiece pieces[GUEST_PIXELS_MAX_PIECES];
    ChunkWalk walk = {.next = bitmap->data};
    size_t n = 0;

    if (!reader->loans || packed != bitmap->stride || !guest_loans_take(reader->loans, size) || size > reader->budget)
        return NULL;
    if (!reader->loan)
        reader->loan = guest_loan_new(reader->loans);
    if (bitmap->flags & QXL_BITMAP_DIRECT) {
        pieces[n++] = (PixelPiece){memslots_get(reader->slots, reader->group, bitmap->data, size, NULL), size};
        return pieces[0].data && guest_charge(reader, size, NULL) ? guest_pixels_new(reader->loan, pieces, n, size)
                                                                  : NULL;
    }
    while (n < G_N_ELEMENTS(pieces)) {
        const uint8_t *data;
        uint32_t bytes;

        if (!chunk_walk_next(reader, &walk, &data, &bytes, NULL) || walk.total > size)
            return NULL;
        if (!data)
            return walk.total == size && guest_charge(reader, size, NULL)
                       ? guest_pixels_new(reader->loan, pieces, n, size)
                       : NULL;
        pieces[n++] = (PixelPiece){data, bytes};
    }
    return NULL;
}

static bool read_row_chunks(GuestReader *reader, QXLPHYSICAL first, RowPacker *packer, uint64_t size, GError **error)
{
    ChunkWalk walk = {.next = first};
    const uint8_t *data;
    uint32_t n;

    while (chunk_walk_next(reader, &walk, &data, &n, error)) {
        if (walk.total > size || (!data && walk.total != size)) {
            IMAGE_ERROR(error, "the data of a bitmap are not stride * height bytes");
            return false;
        }
        if (!data)
            return true;
        row_packer_add(packer, data, n);
    }
    return false;
}

static bool read_rows(GuestReader *reader, const QXLBitmap *bitmap, RowPacker *packer, uint64_t size, GError **error)
{
    const uint8_t *data;

    if (!(bitmap->flags & QXL_BITMAP_DIRECT))
        return read_row_chunks(reader, bitmap->data, packer, size, error);
    data = memslots_get(reader->slots, reader->group, bitmap->data, size, error);
    if (data)
        row_packer_add(packer, data, size);
    return data != NULL;
}

/* The pixels of a bitmap that was checked, rows packed, from the block store. NULL if they cannot be read. */
static uint8_t *read_pixels(GuestReader *reader, const QXLBitmap *bitmap, uint32_t packed, GError **error)
{
    uint64_t size = (uint64_t)bitmap->stride * bitmap->y;
    size_t packed_size = (size_t)packed * bitmap->y;
    uint8_t *pixels;
    RowPacker packer = {.packed = packed, .stride = bitmap->stride};

    if (!guest_check_size(reader, bitmap->data, size, error) || !guest_charge(reader, size, error))
        return NULL;
    packer.out = pixels = block_store_try_alloc(packed_size);
    if (!pixels) {
        IMAGE_ERROR(error, "no memory for a bitmap of %" G_GUINT64_FORMAT " bytes", size);
    } else if (!read_rows(reader, bitmap, &packer, size, error)) {
        block_store_free(pixels, packed_size);
        pixels = NULL;
    }
    return pixels;
}

uint32_t guest_color(const GuestReader *reader, uint32_t color)
{
    uint32_t result = 0;

    if (!reader->expand_16bpp)
        return color;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t c = color >> (5 * i) & 0x1f;

        result |= (c << 3 | c >> 2) << (8 * i);
    }
    return result;
}

static Palette *read_palette(GuestReader *reader, QXLPHYSICAL address, GError **error)
{
    g_autoptr(Palette) palette = NULL;
    QXLPalette header;
    const void *entries;

    if (!address) {
        IMAGE_ERROR(error, "an indexed bitmap without palette");
        return NULL;
    }
    if (!guest_read(reader, address, &header, sizeof(header), error))
        return NULL;
    if (header.num_ents == 0) {
        IMAGE_ERROR(error, "a palette without colours");
        return NULL;
    }
    entries = memslots_get_same(reader->slots, reader->group, address, address + sizeof(header),
                                header.num_ents * sizeof(uint32_t), error);
    if (!entries || !guest_charge(reader, header.num_ents * sizeof(uint32_t), error))
        return NULL;
    /* No index reaches beyond 255. */
    palette = palette_new(header.unique, MIN(header.num_ents, 256));
    guest_copy(palette->entries, entries, palette->n * sizeof(uint32_t));
    for (unsigned i = 0; i < palette->n; i++)
        palette->entries[i] = guest_color(reader, palette->entries[i]);
    return g_steal_pointer(&palette);
}

static uint8_t reverse_bits(uint8_t v)
{
    v = (uint8_t)(v >> 4 | v << 4);
    v = (uint8_t)((v & 0xcc) >> 2 | (v & 0x33) << 2);
    return (uint8_t)((v & 0xaa) >> 1 | (v & 0x55) << 1);
}

/* Clients only draw the big endian order of small pixels: converts, and gives the new format. */
static uint8_t pixels_to_be(uint8_t format, uint8_t *pixels, size_t size)
{
    if (format == SPICE_BITMAP_FMT_1BIT_LE) {
        for (size_t i = 0; i < size; i++)
            pixels[i] = reverse_bits(pixels[i]);
        return SPICE_BITMAP_FMT_1BIT_BE;
    }
    if (format == SPICE_BITMAP_FMT_4BIT_LE) {
        for (size_t i = 0; i < size; i++)
            pixels[i] = (uint8_t)(pixels[i] >> 4 | pixels[i] << 4);
        return SPICE_BITMAP_FMT_4BIT_BE;
    }
    return format;
}

/* Indices beyond the palette make clients read beyond it: they become colour 0. Spare bits at the end of a row may
 * change as well. */
static void limit_indices(uint8_t format, uint8_t *pixels, size_t size, unsigned n)
{
    unsigned bits = bitmap_format_bits(format);
    unsigned mask = (1u << bits) - 1;

    if (n > mask)
        return;
    for (size_t i = 0; i < size; i++)
        for (unsigned shift = 0; shift < 8; shift += bits)
            if ((pixels[i] >> shift & mask) >= n)
                pixels[i] &= (uint8_t) ~(mask << shift);
}

static bool check_bitmap(const QXLImageDescriptor *descriptor, const QXLBitmap *bitmap, bool mask, GError **error)
{
    if (!bitmap_format_valid(bitmap->format)) {
        IMAGE_ERROR(error, "unknown bitmap format %u", bitmap->format);
        return false;
    }
    if (mask && bitmap_format_bits(bitmap->format) != 1) {
        IMAGE_ERROR(error, "a mask of bitmap format %u", bitmap->format);
        return false;
    }
    if (bitmap->x == 0 || bitmap->y == 0 || bitmap->x > G_MAXINT32 || bitmap->y > G_MAXINT32) {
        IMAGE_ERROR(error, "a bitmap of %u x %u pixels", bitmap->x, bitmap->y);
        return false;
    }
    if (bitmap->stride < bitmap_row_bytes(bitmap->format, bitmap->x)) {
        IMAGE_ERROR(error, "bitmap stride %u is too small for %u pixels", bitmap->stride, bitmap->x);
        return false;
    }
    if ((uint64_t)bitmap->y * bitmap->stride > QXL_MAX_BYTES) {
        IMAGE_ERROR(error, "a bitmap of %u rows of %u bytes is too large", bitmap->y, bitmap->stride);
        return false;
    }
    if (descriptor->width != bitmap->x || descriptor->height != bitmap->y) {
        IMAGE_ERROR(error, "an image of %u x %u pixels with a bitmap of %u x %u", descriptor->width, descriptor->height,
                    bitmap->x, bitmap->y);
        return false;
    }
    return true;
}

static Image *read_bitmap(GuestReader *reader, const QXLImage *guest, bool mask, GError **error)
{
    /* The union is not aligned. */
    QXLBitmap bitmap = guest->bitmap;
    g_autoptr(Palette) palette = NULL;
    bool top_down = bitmap.flags & QXL_BITMAP_TOP_DOWN;
    uint8_t format = bitmap.format;
    uint32_t packed;
    PixelSource *source;
    Image *image;

    if (!check_bitmap(&guest->descriptor, &bitmap, mask, error))
        return NULL;
    if (!mask && bitmap_format_indexed(format)) {
        palette = read_palette(reader, bitmap.palette, error);
        if (!palette)
            return NULL;
    }
    packed = (uint32_t)bitmap_row_bytes(format, bitmap.x);
    source = mask || palette ? NULL : borrow_pixels(reader, &bitmap, packed);
    if (source) {
        image = image_new_from_source(guest->descriptor.id, format, top_down, bitmap.x, bitmap.y, source);
    } else {
        size_t size = (size_t)packed * bitmap.y;
        uint8_t *pixels = read_pixels(reader, &bitmap, packed, error);

        if (!pixels)
            return NULL;
        if (palette) {
            format = pixels_to_be(format, pixels, size);
            limit_indices(format, pixels, size, palette->n);
        }
        image = image_new_bitmap(guest->descriptor.id, format, top_down, bitmap.x, bitmap.y,
                                 block_store_bytes(pixels, size), g_steal_pointer(&palette));
    }
    image->cacheable = guest->descriptor.flags & QXL_IMAGE_CACHE;
    /* Of what is no colour it means nothing; clients obey it if they do not cache the image. */
    image->high_bits_set = (guest->descriptor.flags & QXL_IMAGE_HIGH_BITS_SET) && format != SPICE_BITMAP_FMT_8BIT_A;
    return image;
}

/* The stream's own header is believed where it says no more than the descriptor. */
static bool check_quic(const QXLImageDescriptor *descriptor, const QuicInfo *info, GError **error)
{
    if (info->type == QUIC_TYPE_GRAY) {
        IMAGE_ERROR(error, "a gray QUIC image, which no client draws");
        return false;
    }
    if (descriptor->width != info->width || descriptor->height != info->height) {
        IMAGE_ERROR(error, "an image of %u x %u pixels with a QUIC stream of %u x %u", descriptor->width,
                    descriptor->height, info->width, info->height);
        return false;
    }
    if ((uint64_t)info->width * info->height > MAX_QUIC_PIXELS) {
        IMAGE_ERROR(error, "a QUIC image of %u x %u pixels is too large", info->width, info->height);
        return false;
    }
    return true;
}

static GBytes *read_quic_stream(GuestReader *reader, QXLPHYSICAL address, GError **error)
{
    const QXLPHYSICAL first = address + sizeof(QXLImageDescriptor) + sizeof(QXLQUICData);
    QXLQUICData quic;
    g_autofree uint8_t *stream = NULL;

    if (!guest_read(reader, address + sizeof(QXLImageDescriptor), &quic, sizeof(quic), error) ||
        !guest_check_size(reader, first, quic.data_size, error) || !guest_charge(reader, quic.data_size, error))
        return NULL;
    stream = g_try_malloc(MAX(quic.data_size, 1));
    if (!stream) {
        IMAGE_ERROR(error, "no memory for a QUIC stream of %u bytes", quic.data_size);
        return NULL;
    }
    if (!guest_read_chunks(reader, first, stream, quic.data_size, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&stream), quic.data_size);
}

/* Becomes a bitmap, which is what everything here draws with, that remembers its stream. */
static Image *read_quic(GuestReader *reader, QXLPHYSICAL address, const QXLImageDescriptor *descriptor, GError **error)
{
    g_autoptr(GBytes) stream = read_quic_stream(reader, address, error);
    g_autoptr(GError) reason = NULL;
    GBytes *pixels = NULL;
    QuicInfo info;
    uint8_t format = 0;
    Image *image;
    gsize size;
    const uint8_t *data;

    if (!stream)
        return NULL;
    data = g_bytes_get_data(stream, &size);
    if (quic_read_header(data, size, &info, &reason)) {
        format = quic_format_of_type(info.type);
        if (!check_quic(descriptor, &info, error) ||
            !guest_charge(reader, bitmap_row_bytes(format, info.width) * info.height, error))
            return NULL;
        pixels = quic_decode(data, size, &info, &reason);
    }
    if (!pixels) {
        IMAGE_ERROR(error, "%s", reason->message);
        return NULL;
    }
    image = image_new_bitmap(descriptor->id, format, true, info.width, info.height, pixels, NULL);
    image->bitmap.quic = g_steal_pointer(&stream);
    image->cacheable = descriptor->flags & QXL_IMAGE_CACHE;
    image->high_bits_set = descriptor->flags & QXL_IMAGE_HIGH_BITS_SET;
    return image;
}

static Image *read_any_image(GuestReader *reader, QXLPHYSICAL address, bool mask, GError **error)
{
    QXLImage guest;

    if (!guest_read(reader, address, &guest, sizeof(guest), error))
        return NULL;
    switch (guest.descriptor.type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        return read_bitmap(reader, &guest, mask, error);
    case SPICE_IMAGE_TYPE_SURFACE: /* everything else in it is garbage */
        if (guest.surface_image.surface_id > G_MAXINT32) {
            IMAGE_ERROR(error, "an image of surface %u", guest.surface_image.surface_id);
            return NULL;
        }
        return image_new_surface(guest.surface_image.surface_id);
    case SPICE_IMAGE_TYPE_QUIC:
        if (!mask)
            return read_quic(reader, address, &guest.descriptor, error);
        IMAGE_ERROR(error, "a mask that is a QUIC image");
        return NULL;
    default:
        IMAGE_ERROR(error, "unknown image type %u", guest.descriptor.type);
        return NULL;
    }
}

Image *guest_read_image(GuestReader *reader, QXLPHYSICAL address, GError **error)
{
    return read_any_image(reader, address, false, error);
}

Image *guest_read_mask_image(GuestReader *reader, QXLPHYSICAL address, GError **error)
{
    return read_any_image(reader, address, true, error);
}
