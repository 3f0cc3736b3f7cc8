/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/image.h"

Palette *palette_new(uint64_t unique, uint16_t n)
{
    Palette *palette = g_malloc0(sizeof(Palette) + n * sizeof(uint32_t));

    g_atomic_ref_count_init(&palette->refs);
    palette->unique = unique;
    palette->n = n;
    return palette;
}

Palette *palette_ref(Palette *palette)
{
    g_atomic_ref_count_inc(&palette->refs);
    return palette;
}

void palette_unref(Palette *palette)
{
    if (palette && g_atomic_ref_count_dec(&palette->refs))
        g_free(palette);
}

static Image *image_new(uint8_t type)
{
    Image *image = g_slice_new0(Image);

    g_atomic_ref_count_init(&image->refs);
    image->type = type;
    return image;
}

static Image *new_bitmap(uint64_t id, uint8_t format, bool top_down, uint32_t width, uint32_t height)
{
    Image *image = image_new(SPICE_IMAGE_TYPE_BITMAP);

    image->id = id;
    image->width = width;
    image->height = height;
    image->bitmap = (Bitmap){
        .format = format,
        .top_down = top_down,
        .stride = (uint32_t)bitmap_row_bytes(format, width),
    };
    return image;
}

Image *image_new_bitmap(uint64_t id, uint8_t format, bool top_down, uint32_t width, uint32_t height, GBytes *data,
                        Palette *palette)
{
    Image *image = new_bitmap(id, format, top_down, width, height);

    image->bitmap.pixels = data;
    image->bitmap.palette = palette;
    g_assert(g_bytes_get_size(data) == image_byte_size(image));
    return image;
}

Image *image_new_from_source(uint64_t id, uint8_t format, bool top_down, uint32_t width, uint32_t height,
                             PixelSource *source)
{
    Image *image = new_bitmap(id, format, top_down, width, height);

    image->bitmap.source = source;
    return image;
}

GBytes *pixel_source_load(PixelSource *source)
{
    if (!source->data) {
        pixel_source_call_leave(source);
        source->data = source->load(source);
    }
    return source->data;
}

void pixel_source_call_leave(PixelSource *source)
{
    PixelWatch *watch = source->watches, *next;

    source->watches = NULL;
    for (; watch; watch = next) {
        next = watch->next;
        watch->leave(watch);
    }
}

const PixelPiece *bitmap_watch(const Bitmap *bitmap, PixelWatch *watch, size_t *n)
{
    PixelSource *source = bitmap->source;

    if (!source || source->data)
        return NULL;
    watch->next = source->watches;
    source->watches = watch;
    return source->pieces(source, n);
}

void bitmap_unwatch(const Bitmap *bitmap, PixelWatch *watch)
{
    PixelWatch **link = bitmap->source ? &bitmap->source->watches : NULL;

    while (link && *link && *link != watch)
        link = &(*link)->next;
    if (link && *link)
        *link = watch->next;
}

GBytes *bitmap_data(const Bitmap *bitmap)
{
    return bitmap->source ? pixel_source_load(bitmap->source) : bitmap->pixels;
}

const uint8_t *bitmap_peek(const Bitmap *bitmap)
{
    PixelSource *source = bitmap->source;

    if (source && !source->data) {
        size_t n;
        const PixelPiece *pieces = source->pieces(source, &n);

        if (n == 1)
            return pieces->data;
    }
    return g_bytes_get_data(bitmap_data(bitmap), NULL);
}

const uint8_t *bitmap_row(const Bitmap *bitmap, uint32_t row, uint8_t *buffer)
{
    PixelSource *source = bitmap->source;
    uint64_t offset = (uint64_t)bitmap->stride * row;

    if (source && !source->data)
        return source->part(source, offset, bitmap->stride, buffer);
    return (const uint8_t *)g_bytes_get_data(bitmap_data(bitmap), NULL) + offset;
}

uint64_t image_byte_size(const Image *image)
{
    return (uint64_t)image->bitmap.stride * image->height;
}

static void pixel_source_free(PixelSource *source)
{
    GBytes *data = source->data;

    source->free(source);
    g_bytes_unref(data);
}

Image *image_new_surface(uint32_t surface_id)
{
    Image *image = image_new(SPICE_IMAGE_TYPE_SURFACE);

    image->surface_id = surface_id;
    return image;
}

Image *image_ref(Image *image)
{
    g_atomic_ref_count_inc(&image->refs);
    return image;
}

void image_unref(Image *image)
{
    if (!image || !g_atomic_ref_count_dec(&image->refs))
        return;
    if (image->type == SPICE_IMAGE_TYPE_BITMAP) {
        g_bytes_unref(image->bitmap.pixels);
        g_clear_pointer(&image->bitmap.source, pixel_source_free);
        palette_unref(image->bitmap.palette);
        g_clear_pointer(&image->bitmap.quic, g_bytes_unref);
    }
    g_slice_free(Image, image);
}

static const uint8_t format_bits[] = {0, 1, 1, 4, 4, 8, 16, 24, 32, 32, 8};

bool bitmap_format_valid(uint8_t format)
{
    return format >= SPICE_BITMAP_FMT_1BIT_LE && format < G_N_ELEMENTS(format_bits);
}

bool bitmap_format_indexed(uint8_t format)
{
    return format >= SPICE_BITMAP_FMT_1BIT_LE && format <= SPICE_BITMAP_FMT_8BIT;
}

uint8_t bitmap_format_bits(uint8_t format)
{
    return bitmap_format_valid(format) ? format_bits[format] : 0;
}

uint64_t bitmap_row_bytes(uint8_t format, uint32_t width)
{
    return ((uint64_t)width * bitmap_format_bits(format) + 7) / 8;
}
