/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/wire-image.h"

#include "common/wire/msg-fields.h"

#define PALETTE_MAX_ENTRIES 256

/* Gives the place of the pointer if there is a palette to follow. */
static size_t palette_ref_write(WireWriter *w, const WireImage *image)
{
    size_t place;

    if (image->bitmap_flags & SPICE_BITMAP_FLAGS_PAL_FROM_CACHE) {
        wire_write_u64(w, image->palette_id);
        return 0;
    }
    place = wire_write_pointer(w);
    return image->palette ? place : 0;
}

static void data_write(WireWriter *w, const WireImage *image)
{
    wire_write_u32(w, (uint32_t)image->size);
    wire_write_bytes(w, image->data, image->size);
}

static size_t bitmap_write(WireWriter *w, const WireImage *image)
{
    size_t place;

    g_assert(image->size == (uint64_t)image->stride * image->height);
    wire_write_u8(w, image->format);
    wire_write_u8(w, image->bitmap_flags);
    wire_write_u32(w, image->width);
    wire_write_u32(w, image->height);
    wire_write_u32(w, image->stride);
    place = palette_ref_write(w, image);
    wire_write_bytes(w, image->data, image->size);
    return place;
}

static size_t lz_plt_write(WireWriter *w, const WireImage *image)
{
    size_t place;

    wire_write_u8(w, image->bitmap_flags);
    wire_write_u32(w, (uint32_t)image->size);
    place = palette_ref_write(w, image);
    wire_write_bytes(w, image->data, image->size);
    return place;
}

size_t wire_image_write(WireWriter *w, const WireImage *image)
{
    g_assert(image->size <= UINT32_MAX);
    wire_write_u64(w, image->id);
    wire_write_u8(w, image->type);
    wire_write_u8(w, image->flags);
    wire_write_u32(w, image->width);
    wire_write_u32(w, image->height);
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        return bitmap_write(w, image);
    case SPICE_IMAGE_TYPE_LZ_PLT:
        return lz_plt_write(w, image);
    case SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        wire_write_u32(w, image->glz_size);
        data_write(w, image);
        break;
    case SPICE_IMAGE_TYPE_JPEG_ALPHA:
        wire_write_u8(w, image->jpeg_alpha_flags);
        wire_write_u32(w, image->jpeg_size);
        data_write(w, image);
        break;
    case SPICE_IMAGE_TYPE_QUIC:
    case SPICE_IMAGE_TYPE_LZ_RGB:
    case SPICE_IMAGE_TYPE_GLZ_RGB:
    case SPICE_IMAGE_TYPE_JPEG:
    case SPICE_IMAGE_TYPE_LZ4:
        data_write(w, image);
        break;
    case SPICE_IMAGE_TYPE_SURFACE:
        wire_write_u32(w, image->surface_id);
        break;
    default: /* FROM_CACHE and FROM_CACHE_LOSSLESS are the descriptor alone */
        break;
    }
    return 0;
}

void wire_palette_write(WireWriter *w, const Palette *palette)
{
    wire_write_u64(w, palette->unique);
    wire_write_u16(w, palette->n);
    for (unsigned i = 0; i < palette->n; i++)
        wire_write_u32(w, palette->entries[i]);
}

/* Gives a reader that stands at the entries, all of which are inside. */
static bool palette_head_read(const WireReader *r, uint32_t offset, uint64_t *unique, uint16_t *n, WireReader *at,
                              GError **error)
{
    *at = wire_reader_at(r, offset);
    *unique = wire_read_u64(at);
    *n = wire_read_u16(at);
    if (!wire_reader_check(at, "palette", error))
        return false;
    if (*n == 0 || *n > PALETTE_MAX_ENTRIES) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "palette: %u entries", *n);
        return false;
    }
    msg_bounded_count(at, *n, 4);
    return wire_reader_check(at, "palette", error);
}

Palette *wire_palette_decode(const uint8_t *body, size_t size, uint32_t offset, GError **error)
{
    WireReader r = wire_reader(body, size), at;
    Palette *palette;
    uint64_t unique;
    uint16_t n;

    if (!palette_head_read(&r, offset, &unique, &n, &at, error))
        return NULL;
    palette = palette_new(unique, n);
    for (unsigned i = 0; i < n; i++)
        palette->entries[i] = wire_read_u32(&at);
    return palette;
}

static bool palette_ref_read(WireReader *r, WireImage *image, GError **error)
{
    WireReader at;
    uint64_t unique;
    uint16_t n;

    if (image->bitmap_flags & SPICE_BITMAP_FLAGS_PAL_FROM_CACHE) {
        image->palette_id = wire_read_u64(r);
        return true;
    }
    image->palette_offset = wire_read_u32(r);
    if (image->palette_offset)
        return palette_head_read(r, image->palette_offset, &unique, &n, &at, error);
    if (image->type == SPICE_IMAGE_TYPE_LZ_PLT && wire_reader_ok(r)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "image: LZ_PLT without a palette");
        return false;
    }
    return true;
}

static void data_read(WireReader *r, WireImage *image, uint64_t size)
{
    if (size > wire_reader_left(r))
        r->failed = true;
    image->size = wire_reader_ok(r) ? (size_t)size : 0;
    image->data = wire_read_bytes(r, image->size);
}

static bool bitmap_read(WireReader *r, WireImage *image, GError **error)
{
    uint32_t x, y;

    image->format = wire_read_u8(r);
    image->bitmap_flags = wire_read_u8(r);
    x = wire_read_u32(r);
    y = wire_read_u32(r);
    image->stride = wire_read_u32(r);
    if (!palette_ref_read(r, image, error))
        return false;
    if (wire_reader_ok(r) && (x != image->width || y != image->height)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "image: %ux%u has a bitmap of %ux%u", image->width,
                    image->height, x, y);
        return false;
    }
    data_read(r, image, (uint64_t)image->stride * y);
    return true;
}

static bool lz_plt_read(WireReader *r, WireImage *image, GError **error)
{
    uint32_t size;

    image->bitmap_flags = wire_read_u8(r);
    size = wire_read_u32(r);
    if (!palette_ref_read(r, image, error))
        return false;
    data_read(r, image, size);
    return true;
}

static bool tail_read(WireReader *r, WireImage *image, GError **error)
{
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        return bitmap_read(r, image, error);
    case SPICE_IMAGE_TYPE_LZ_PLT:
        return lz_plt_read(r, image, error);
    case SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        image->glz_size = wire_read_u32(r);
        data_read(r, image, wire_read_u32(r));
        return true;
    case SPICE_IMAGE_TYPE_JPEG_ALPHA:
        image->jpeg_alpha_flags = wire_read_u8(r);
        image->jpeg_size = wire_read_u32(r);
        data_read(r, image, wire_read_u32(r));
        if (!wire_reader_ok(r) || image->jpeg_size <= image->size)
            return true;
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "image: JPEG of %u bytes in %zu", image->jpeg_size,
                    image->size);
        return false;
    case SPICE_IMAGE_TYPE_QUIC:
    case SPICE_IMAGE_TYPE_LZ_RGB:
    case SPICE_IMAGE_TYPE_GLZ_RGB:
    case SPICE_IMAGE_TYPE_JPEG:
    case SPICE_IMAGE_TYPE_LZ4:
        data_read(r, image, wire_read_u32(r));
        return true;
    case SPICE_IMAGE_TYPE_SURFACE:
        image->surface_id = wire_read_u32(r);
        return true;
    default:
        return true;
    }
}

bool wire_image_read(const WireReader *r, uint32_t offset, WireImage *image, GError **error)
{
    WireReader at = wire_reader_at(r, offset);

    *image = (WireImage){0};
    if (!wire_reader_ok(&at)) {
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_POINTER, "image: pointer %u is outside of %zu bytes", offset,
                    r->size);
        return false;
    }
    image->id = wire_read_u64(&at);
    image->type = wire_read_u8(&at);
    image->flags = wire_read_u8(&at);
    image->width = wire_read_u32(&at);
    image->height = wire_read_u32(&at);
    return tail_read(&at, image, error) && wire_reader_check(&at, "image", error);
}
