/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/canvas.h"
#include "common/draw/draw.h"
#include "common/util/block-store.h"

#include <string.h>

#define CANVAS_MAX_SIZE 65535 /* pixels in one direction */

G_DEFINE_QUARK(canvas - error - quark, canvas_error)

static pixman_format_code_t surface_format_pixman(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return PIXMAN_a1;
    case SPICE_SURFACE_FMT_8_A:
        return PIXMAN_a8;
    case SPICE_SURFACE_FMT_16_555:
        return PIXMAN_x1r5g5b5;
    case SPICE_SURFACE_FMT_16_565:
        return PIXMAN_r5g6b5;
    case SPICE_SURFACE_FMT_32_xRGB:
        return PIXMAN_x8r8g8b8;
    case SPICE_SURFACE_FMT_32_ARGB:
        return PIXMAN_a8r8g8b8;
    default:
        return 0;
    }
}

uint8_t surface_format_bits(uint32_t format)
{
    return PIXMAN_FORMAT_BPP(surface_format_pixman(format));
}

Canvas *canvas_new(uint32_t format, uint32_t width, uint32_t height, int32_t stride, void *memory)
{
    pixman_format_code_t code = surface_format_pixman(format);
    uint64_t row = ((uint64_t)width * PIXMAN_FORMAT_BPP(code) + 7) / 8;
    uint64_t pitch = (uint64_t)ABS((int64_t)stride);
    Canvas *canvas;

    if (code == 0 || width == 0 || height == 0 || width > CANVAS_MAX_SIZE || height > CANVAS_MAX_SIZE || pitch < row)
        return NULL;
    canvas = g_new0(Canvas, 1);
    canvas->format = format;
    canvas->px.format = code;
    canvas->px.width = (int32_t)width;
    canvas->px.height = (int32_t)height;
    canvas->px.stride = stride;
    canvas->px.data = memory;
    if (!memory) {
        canvas->px.owned = g_try_malloc0_n(height, pitch);
        canvas->px.data = canvas->px.owned;
        if (!canvas->px.owned) {
            g_free(canvas);
            return NULL;
        }
    }
    if (stride < 0)
        canvas->px.data += (height - 1) * pitch;
    return canvas;
}

void canvas_free(Canvas *canvas)
{
    if (!canvas)
        return;
    pixels_clear(&canvas->px);
    g_free(canvas);
}

uint32_t canvas_format(const Canvas *canvas)
{
    return canvas->format;
}

uint32_t canvas_width(const Canvas *canvas)
{
    return (uint32_t)canvas->px.width;
}

uint32_t canvas_height(const Canvas *canvas)
{
    return (uint32_t)canvas->px.height;
}

void canvas_clear(Canvas *canvas)
{
    size_t row = ((size_t)canvas->px.width * pixels_bits(&canvas->px) + 7) / 8;

    for (int32_t y = 0; y < canvas->px.height; y++)
        memset(canvas->px.data + y * canvas->px.stride, 0, row);
}

static bool draw_dispatch(Draw *draw, GError **error)
{
    switch (draw->op->type) {
    case QXL_DRAW_NOP:
        return true;
    case QXL_DRAW_FILL:
        return draw_fill(draw, error);
    case QXL_DRAW_OPAQUE:
        return draw_opaque(draw, error);
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return draw_copy(draw, error);
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return draw_solid(draw, error);
    case QXL_COPY_BITS:
        return draw_copy_bits(draw, error);
    case QXL_DRAW_ROP3:
        return draw_rop3(draw, error);
    case QXL_DRAW_STROKE:
        return draw_stroke(draw, error);
    case QXL_DRAW_TEXT:
        return draw_text(draw, error);
    case QXL_DRAW_TRANSPARENT:
        return draw_transparent(draw, error);
    case QXL_DRAW_ALPHA_BLEND:
        return draw_alpha_blend(draw, error);
    case QXL_DRAW_COMPOSITE:
        return draw_composite(draw, error);
    default:
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "operation %u is not known", draw->op->type);
        return false;
    }
}

static bool draw_run(Draw *draw, GError **error)
{
    bool ok;

    pixman_region32_init(&draw->area.region);
    ok = draw_dispatch(draw, error);
    area_clear(&draw->area);
    return ok;
}

bool canvas_draw(Canvas *canvas, const DrawOp *op, CanvasLookup lookup, void *opaque, GError **error)
{
    Draw draw = {.canvas = canvas, .op = op, .lookup = lookup, .opaque = opaque};

    return draw_run(&draw, error);
}

bool canvas_check(Canvas *canvas, const DrawOp *op, CanvasLookup lookup, void *opaque, GError **error)
{
    Draw draw = {.canvas = canvas, .op = op, .lookup = lookup, .opaque = opaque, .dry = true};

    return draw_run(&draw, error);
}

/* Row `y` of the canvas in the format that a client gets; ORs all top bytes into or, ANDs them into and. */
static void canvas_read_row(const Canvas *canvas, int32_t x, int32_t y, int32_t n, bool keep, uint8_t *out,
                            uint32_t * or, uint32_t *and)
{
    const uint8_t *row = canvas->px.data + y * canvas->px.stride;
    uint32_t *out32 = (uint32_t *)out;
    uint16_t pixel;

    switch (canvas->format) {
    case SPICE_SURFACE_FMT_32_xRGB:
        memcpy(out, row + (size_t)x * 4, (size_t)n * 4);
        for (int32_t i = 0; keep && i < n; i++) {
            * or |= out32[i];
            *and &= out32[i];
        }
        for (int32_t i = 0; !keep && i < n; i++)
            out32[i] &= 0xffffff;
        break;
    case SPICE_SURFACE_FMT_16_565:
        for (int32_t i = 0; i < n; i++) {
            memcpy(&pixel, row + (size_t)(x + i) * 2, 2);
            unsigned r = pixel >> 11, g = pixel >> 5 & 63, b = pixel & 31;
            out32[i] = (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
        }
        break;
    case SPICE_SURFACE_FMT_1_A:
        for (int32_t i = 0; i < n; i++)
            out[i] = row[(x + i) / 8] >> (x + i) % 8 & 1 ? 0xff : 0;
        break;
    default:
        memcpy(out, pixels_at(&canvas->px, x, y), (size_t)n * (pixels_bits(&canvas->px) / 8));
        break;
    }
}

static uint8_t canvas_read_format(const Canvas *canvas)
{
    switch (canvas->format) {
    case SPICE_SURFACE_FMT_16_555:
        return SPICE_BITMAP_FMT_16BIT;
    case SPICE_SURFACE_FMT_32_ARGB:
        return SPICE_BITMAP_FMT_RGBA;
    case SPICE_SURFACE_FMT_8_A:
    case SPICE_SURFACE_FMT_1_A:
        return SPICE_BITMAP_FMT_8BIT_A;
    default:
        return SPICE_BITMAP_FMT_32BIT;
    }
}

Image *canvas_read(const Canvas *canvas, const Rect *area, uint64_t id, bool keep_high_byte)
{
    int32_t width = area->right - area->left, height = area->bottom - area->top;
    uint8_t format = canvas_read_format(canvas);
    size_t stride = bitmap_row_bytes(format, (uint32_t)width);
    uint8_t *data;
    uint32_t or = 0, and = UINT32_MAX;
    Image *image;

    g_return_val_if_fail(width > 0 && height > 0 && area->left >= 0 && area->top >= 0 &&
                             area->right <= canvas->px.width && area->bottom <= canvas->px.height,
                         NULL);
    data = block_store_alloc(stride * (size_t)height);
    for (int32_t y = 0; y < height; y++)
        canvas_read_row(canvas, area->left, area->top + y, width, keep_high_byte, data + (size_t)y * stride, & or,
                        &and);
    if (canvas->format == SPICE_SURFACE_FMT_32_xRGB && or >> 24 && and >> 24 != 0xff)
        format = SPICE_BITMAP_FMT_RGBA;
    image = image_new_bitmap(id, format, true, (uint32_t)width, (uint32_t)height,
                             block_store_bytes(data, stride * (size_t)height), NULL);
    image->high_bits_set = canvas->format == SPICE_SURFACE_FMT_32_xRGB && keep_high_byte && and >> 24 == 0xff;
    return image;
}
