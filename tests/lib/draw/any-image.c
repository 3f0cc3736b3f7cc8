/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/draw/any.h"

#include <spice/enums.h>
#include <string.h>

void any_say(Any *a, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(a->words, format, args);
    va_end(args);
}

static unsigned bitmap_bits(uint32_t format)
{
    static const uint8_t bits[] = {0, 1, 1, 4, 4, 8, 16, 24, 32, 32, 8};

    return bits[format];
}

/* Noise, or few colours: so that keys and masks hit something. */
static void fill_pixels(Any *a, uint8_t *data, size_t size)
{
    bool noise = any_chance(a, 60);
    uint8_t few[4] = {0, 0xff, (uint8_t)any(a, 0, 256), (uint8_t)any(a, 0, 256)};
    uint64_t state = (uint64_t)g_rand_int(a->rand) << 1 | 1; /* a large picture must be made soon */

    for (size_t i = 0; i < size; i++) {
        state = state * G_GUINT64_CONSTANT(6364136223846793005) + G_GUINT64_CONSTANT(1442695040888963407);
        data[i] = noise ? (uint8_t)(state >> 56) : few[state >> 62];
    }
}

static void limit_indices(uint32_t format, uint8_t *data, size_t size, int n)
{
    if (format == SPICE_BITMAP_FMT_8BIT)
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(data[i] % n);
}

static QXLPHYSICAL any_palette(Any *a, int n)
{
    QXLPalette *palette = guest_alloc(a->guest, sizeof(*palette) + (size_t)n * 4);

    palette->unique = any_chance(a, 50) ? 1 + a->next_id++ : 0;
    palette->num_ents = (uint16_t)n;
    for (int i = 0; i < n; i++)
        palette->ents[i] = g_rand_int(a->rand) & (a->guest->format == SPICE_SURFACE_FMT_16_555 ? 0x7fff : 0xffffffff);
    return (uintptr_t)palette;
}

QXLPHYSICAL any_bitmap(Any *a, uint32_t format, int width, int height)
{
    QXLImage *image = guest_alloc(a->guest, sizeof(*image));
    size_t stride = ((size_t)width * bitmap_bits(format) + 7) / 8 + (any_chance(a, 30) ? (size_t)any(a, 0, 5) : 0);
    uint8_t *data = guest_alloc(a->guest, stride * (size_t)height);
    int n = format == SPICE_BITMAP_FMT_8BIT ? any(a, 1, 257) : 1 << MIN(bitmap_bits(format), 8);
    bool top_down = any_chance(a, 50), high = any_chance(a, 20);

    fill_pixels(a, data, stride * (size_t)height);
    limit_indices(format, data, stride * (size_t)height, n);
    image->descriptor.id = (uint64_t)++a->next_id << 32;
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.flags =
        (uint8_t)((any_chance(a, 30) ? QXL_IMAGE_CACHE : 0) | (high ? QXL_IMAGE_HIGH_BITS_SET : 0));
    image->descriptor.width = (uint32_t)width;
    image->descriptor.height = (uint32_t)height;
    image->bitmap = (QXLBitmap){.format = (uint8_t)format,
                                .flags = (uint8_t)(QXL_BITMAP_DIRECT | (top_down ? QXL_BITMAP_TOP_DOWN : 0)),
                                .x = (uint32_t)width,
                                .y = (uint32_t)height,
                                .stride = (uint32_t)stride,
                                .palette = format <= SPICE_BITMAP_FMT_8BIT ? any_palette(a, n) : 0,
                                .data = (uintptr_t)data};
    any_say(a, " bitmap(format %u, %dx%d%s%s)", format, width, height, high ? ", high bits" : "",
            top_down ? ", top down" : "");
    return (uintptr_t)image;
}

QXLPHYSICAL any_surface_image(Any *a, QXLDrawable *d, uint32_t id)
{
    QXLImage *image = guest_alloc(a->guest, sizeof(*image));

    image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    image->surface_image.surface_id = id;
    for (unsigned i = 0; i < G_N_ELEMENTS(d->surfaces_dest); i++) {
        if (d->surfaces_dest[i] != -1 && d->surfaces_dest[i] != (int32_t)id)
            continue;
        d->surfaces_dest[i] = (int32_t)id;
        d->surfaces_rects[i] = (QXLRect){.right = SOURCE_WIDTH, .bottom = SOURCE_HEIGHT};
        break;
    }
    any_say(a, " surface(%u, format %u)", id, guest_source_formats[id]);
    return (uintptr_t)image;
}

/* Palettes need a surface that shows their colours. */
static uint32_t any_bitmap_format(Any *a)
{
    uint32_t format = a->guest->format;
    bool palettes = format != SPICE_SURFACE_FMT_16_565 && guest_format_bits(format) > 8;

    return (uint32_t)any(a, palettes ? SPICE_BITMAP_FMT_1BIT_LE : SPICE_BITMAP_FMT_16BIT, SPICE_BITMAP_FMT_8BIT_A + 1);
}

/* One with the depth of the primary, now and then any. */
static uint32_t any_source(Any *a)
{
    uint32_t id;

    do
        id = (uint32_t)any(a, 1, GUEST_SURFACES - 1);
    while (guest_format_bits(guest_source_formats[id]) != guest_format_bits(a->guest->format) && !any_chance(a, 3));
    return id;
}

QXLPHYSICAL any_image(Any *a, QXLDrawable *d, int *width, int *height)
{
    if (guest_format_bits(a->guest->format) == 1 || any_chance(a, 70))
        return any_bitmap(a, any_bitmap_format(a), *width, *height);
    *width = SOURCE_WIDTH;
    *height = SOURCE_HEIGHT;
    return any_surface_image(a, d, any_source(a));
}

QXLBrush any_brush(Any *a, QXLDrawable *d)
{
    QXLBrush brush = {.type = SPICE_BRUSH_TYPE_SOLID};
    int width = any(a, 1, 20), height = any(a, 1, 20);

    if (any_chance(a, 5)) {
        brush.type = SPICE_BRUSH_TYPE_NONE;
        any_say(a, " no brush");
    } else if (any_chance(a, 50)) {
        brush.u.color = g_rand_int(a->rand);
        any_say(a, " brush %08x", brush.u.color);
    } else {
        brush.type = SPICE_BRUSH_TYPE_PATTERN;
        brush.u.pattern.pos = (QXLPoint){.x = any(a, -30, 2000), .y = any(a, -30, 2000)};
        any_say(a, " pattern at %d,%d", brush.u.pattern.pos.x, brush.u.pattern.pos.y);
        brush.u.pattern.pat = any_image(a, d, &width, &height);
    }
    return brush;
}

QXLQMask any_mask(Any *a, QXLDrawable *d)
{
    QXLQMask mask = {0};

    if (!any_chance(a, 25))
        return mask;
    mask.flags = any_chance(a, 50) ? SPICE_MASK_FLAGS_INVERS : 0;
    mask.pos = (QXLPoint){.x = any(a, -5, 10), .y = any(a, -5, 10)};
    any_say(a, " mask flags %u at %d,%d", mask.flags, mask.pos.x, mask.pos.y);
    if (any_chance(a, 25))
        mask.bitmap = any_surface_image(a, d, GUEST_SURFACES - 1);
    else
        mask.bitmap = any_bitmap(a, any_chance(a, 50) ? SPICE_BITMAP_FMT_1BIT_LE : SPICE_BITMAP_FMT_1BIT_BE,
                                 any(a, 1, 80), any(a, 1, 60));
    return mask;
}
