/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* COPY, BLEND, OPAQUE, TRANSPARENT, ROP3: raw pixels from an image. */
#include "common/draw/draw.h"
#include "common/draw/rop.h"

#include <math.h>
#include <string.h>

bool stretch_init(const Draw *draw, const Rect *src_area, uint8_t scale_mode, Stretch *stretch, GError **error)
{
    const Rect *box = &draw->op->box;
    int64_t box_width = (int64_t)box->right - box->left, box_height = (int64_t)box->bottom - box->top;
    int64_t width = (int64_t)src_area->right - src_area->left, height = (int64_t)src_area->bottom - src_area->top;

    if (scale_mode > SPICE_IMAGE_SCALE_MODE_NEAREST) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "scale mode %u is not known", scale_mode);
        return false;
    }
    if (box_width > G_MAXINT16 || box_height > G_MAXINT16 || ABS(width) > G_MAXINT16 || ABS(height) > G_MAXINT16 ||
        ABS((int64_t)src_area->left) > G_MAXINT16 || ABS((int64_t)src_area->top) > G_MAXINT16) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "cannot scale that far");
        return false;
    }
    *stretch =
        (Stretch){.scale_x = box_width > 0 ? (pixman_fixed_t)(width * 65536 / box_width) : 0,
                  .scale_y = box_height > 0 ? (pixman_fixed_t)(height * 65536 / box_height) : 0,
                  .move_x = src_area->left * 65536,
                  .move_y = src_area->top * 65536,
                  .filter = scale_mode == SPICE_IMAGE_SCALE_MODE_NEAREST ? PIXMAN_FILTER_NEAREST : PIXMAN_FILTER_GOOD};
    return true;
}

/* The extents of what is to be drawn, as offsets in the box. Only for boxes that stretch_init() has accepted. */
static Rect area_offsets(const Draw *draw)
{
    Rect r = area_extents(&draw->area);
    const Rect *box = &draw->op->box;

    if (rect_is_empty(&r))
        return (Rect){0};
    return (Rect){r.left - box->left, r.top - box->top, r.right - box->left, r.bottom - box->top};
}

static bool raw_source_check(const Draw *draw, const Pixels *pixels, GError **error)
{
    if (pixels_bits(pixels) == pixels_bits(&draw->canvas->px) && pixels_bits(pixels) >= 8)
        return true;
    g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_SURFACE, "source has another depth than the surface");
    return false;
}

static bool raw_source_stretch(Draw *draw, const Image *src, const Stretch *stretch, const Rect *offsets, bool convert,
                               RawSource *source, GError **error)
{
    const DrawOp *op = draw->op;
    g_auto(Pixels) fetched = {0};
    pixman_format_code_t format;

    if (!image_fetch(draw, src, FETCH_TARGET, NULL, &fetched, NULL, error))
        return false;
    format = convert ? draw->canvas->px.format : fetched.format;
    if (PIXMAN_FORMAT_BPP(format) != pixels_bits(&draw->canvas->px) || PIXMAN_FORMAT_BPP(format) < 8) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_SURFACE, "source has another depth than the surface");
        return false;
    }
    source->dx = -(int64_t)op->box.left;
    source->dy = -(int64_t)op->box.top;
    if (rect_is_empty(offsets)) {
        source->pixels = (Pixels){.format = format};
        return true;
    }
    return pixels_stretch(&source->pixels, &fetched, format, offsets, stretch, error);
}

static bool raw_source_plain(Draw *draw, const Image *src, const Rect *src_area, RawSource *source, GError **error)
{
    const Rect *box = &draw->op->box;
    Rect need = area_extents(&draw->area);

    source->dx = (int64_t)src_area->left - box->left;
    source->dy = (int64_t)src_area->top - box->top;
    if (rect_is_empty(&need))
        need = (Rect){0};
    else
        need = (Rect){(int32_t)CLAMP(need.left + source->dx, G_MININT32, G_MAXINT32),
                      (int32_t)CLAMP(need.top + source->dy, G_MININT32, G_MAXINT32),
                      (int32_t)CLAMP(need.right + source->dx, G_MININT32, G_MAXINT32),
                      (int32_t)CLAMP(need.bottom + source->dy, G_MININT32, G_MAXINT32)};
    return image_fetch(draw, src, FETCH_TARGET, &need, &source->pixels, NULL, error) &&
           raw_source_check(draw, &source->pixels, error);
}

bool raw_source_init(Draw *draw, const Image *src, const Rect *src_area, uint8_t scale_mode, bool convert,
                     RawSource *source, GError **error)
{
    Stretch stretch;
    Rect offsets;

    memset(source, 0, sizeof(*source));
    if (rect_same_size(src_area, &draw->op->box))
        return raw_source_plain(draw, src, src_area, source, error);
    if (!stretch_init(draw, src_area, scale_mode, &stretch, error))
        return false;
    offsets = area_offsets(draw);
    return raw_source_stretch(draw, src, &stretch, &offsets, convert, source, error);
}

Rect raw_source_clip(const RawSource *source, const Rect *rect)
{
    Rect have = pixels_rect(&source->pixels);

    return (Rect){(int32_t)CLAMP(have.left - source->dx, rect->left, rect->right),
                  (int32_t)CLAMP(have.top - source->dy, rect->top, rect->bottom),
                  (int32_t)CLAMP(have.right - source->dx, rect->left, rect->right),
                  (int32_t)CLAMP(have.bottom - source->dy, rect->top, rect->bottom)};
}

typedef struct CopyJob {
    const Pixels *dst;
    const RawSource *source;
    uint8_t code;
    uint32_t key, key_mask; /* TRANSPARENT */
} CopyJob;

static void copy_rect(const Rect *rect, void *data)
{
    CopyJob *job = data;
    Rect r = raw_source_clip(job->source, rect);
    size_t n;

    if (rect_is_empty(&r))
        return;
    n = (size_t)(r.right - r.left) * (pixels_bits(job->dst) / 8);
    for (int32_t y = r.top; y < r.bottom; y++) {
        uint8_t *dst = pixels_at(job->dst, r.left, y);
        const uint8_t *src = pixels_at(&job->source->pixels, r.left + job->source->dx, y + job->source->dy);

        /* Two surfaces may lie in the same guest memory. */
        if (job->code == ROP_A)
            memmove(dst, src, n);
        else
            rop_row(job->code, dst, src, dst, n);
    }
}

void raw_source_copy(Draw *draw, const RawSource *source, uint8_t code)
{
    CopyJob job = {.dst = &draw->canvas->px, .source = source, .code = code};

    area_each(&draw->area, copy_rect, &job);
}

bool draw_copy(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    uint8_t code = ropd_reduce(op->u.copy.rop, SPICE_ROPD_INVERS_SRC, SPICE_ROPD_INVERS_DEST);
    g_auto(RawSource) source = {0};

    if (!area_init(draw, &op->u.copy.mask, error) ||
        !raw_source_init(draw, op->u.copy.src, &op->u.copy.src_area, op->u.copy.scale_mode, code == ROP_A, &source,
                         error))
        return false;
    raw_source_copy(draw, &source, code);
    return true;
}

typedef struct BrushJob {
    const Pixels *dst;
    BrushRows *brush;
    const RawSource *source; /* ROP3 */
    uint8_t code;
} BrushJob;

static void opaque_rect(const Rect *rect, void *data)
{
    BrushJob *job = data;
    int32_t width = rect->right - rect->left;

    for (int32_t y = rect->top; y < rect->bottom; y++) {
        uint8_t *dst = pixels_at(job->dst, rect->left, y);

        rop_row(job->code, dst, brush_row(job->brush, rect->left, y, width), dst, (size_t)width * job->brush->bytes);
    }
}

bool draw_opaque(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    g_auto(RawSource) source = {0};
    g_auto(BrushRows) brush = {0};
    BrushJob job = {.dst = &draw->canvas->px, .brush = &brush};

    job.code = ropd_reduce(op->u.opaque.rop, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_SRC);
    if (!area_init(draw, &op->u.opaque.mask, error) ||
        !raw_source_init(draw, op->u.opaque.src, &op->u.opaque.src_area, op->u.opaque.scale_mode, true, &source,
                         error) ||
        !brush_init(draw, &op->u.opaque.brush, &brush, error))
        return false;
    raw_source_copy(draw, &source, ROP_A);
    area_each(&draw->area, opaque_rect, &job);
    return true;
}

/* The key in the format of the surface, and which bits of a pixel count. */
static uint32_t transparent_key(const Canvas *canvas, uint32_t color, uint32_t *mask)
{
    switch (canvas->px.format) {
    case PIXMAN_x1r5g5b5:
        *mask = 0xffff;
        return (color >> 3 & 0x1f) | (color >> 6 & 0x3e0) | (color >> 9 & 0x7c00);
    case PIXMAN_r5g6b5:
        *mask = 0xffff;
        return (color >> 3 & 0x1f) | (color >> 5 & 0x7e0) | (color >> 8 & 0xf800);
    case PIXMAN_a8:
        *mask = 0xff;
        return 0;
    default:
        *mask = 0xffffff;
        return color & 0xffffff;
    }
}

static void transparent_rect(const Rect *rect, void *data)
{
    CopyJob *job = data;
    Rect r = raw_source_clip(job->source, rect);
    unsigned bytes = pixels_bits(job->dst) / 8;

    for (int32_t y = r.top; y < r.bottom; y++) {
        uint8_t *dst = pixels_at(job->dst, r.left, y);
        const uint8_t *src = pixels_at(&job->source->pixels, r.left + job->source->dx, y + job->source->dy);

        for (int32_t x = r.left; x < r.right; x++, dst += bytes, src += bytes) {
            uint32_t pixel = 0;

            memcpy(&pixel, src, bytes);
            if ((pixel & job->key_mask) != job->key)
                memcpy(dst, &pixel, bytes);
        }
    }
}

bool draw_transparent(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    g_auto(RawSource) source = {0};
    CopyJob job = {.dst = &draw->canvas->px, .source = &source};

    if (!area_init(draw, NULL, error) || !raw_source_init(draw, op->u.transparent.src, &op->u.transparent.src_area,
                                                          SPICE_IMAGE_SCALE_MODE_NEAREST, false, &source, error))
        return false;
    job.key = transparent_key(draw->canvas, op->u.transparent.true_color, &job.key_mask);
    area_each(&draw->area, transparent_rect, &job);
    return true;
}

/*
 * The stretched source of ROP3: the origin of src_area counts in destination pixels, rounded; all other operations add
 * it after scaling.
 */
static bool rop3_stretch(Draw *draw, RawSource *source, GError **error)
{
    const DrawOp *op = draw->op;
    const Rect *area = &op->u.rop3.src_area, *box = &op->box;
    double factor_x = ((double)area->right - area->left) / ((double)box->right - box->left);
    double factor_y = ((double)area->bottom - area->top) / ((double)box->bottom - box->top);
    double x = floor(area->left / factor_x + 0.5), y = floor(area->top / factor_y + 0.5);
    Stretch stretch;
    Rect offsets;

    if (!stretch_init(draw, area, op->u.rop3.scale_mode, &stretch, error))
        return false;
    if (!(fabs(x) <= G_MAXINT16 && fabs(y) <= G_MAXINT16)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "cannot scale that far");
        return false;
    }
    offsets = area_offsets(draw);
    if (!rect_is_empty(&offsets)) {
        offsets = (Rect){offsets.left + (int32_t)x, offsets.top + (int32_t)y, offsets.right + (int32_t)x,
                         offsets.bottom + (int32_t)y};
    }
    stretch.move_x = stretch.move_y = 0;
    if (!raw_source_stretch(draw, op->u.rop3.src, &stretch, &offsets, false, source, error))
        return false;
    source->dx += (int32_t)x;
    source->dy += (int32_t)y;
    return true;
}

static void rop3_rect(const Rect *rect, void *data)
{
    BrushJob *job = data;
    Rect r = raw_source_clip(job->source, rect);
    int32_t width = r.right - r.left;

    for (int32_t y = r.top; y < r.bottom && width > 0; y++)
        rop3_row(job->code, pixels_at(job->dst, r.left, y), brush_row(job->brush, r.left, y, width),
                 pixels_at(&job->source->pixels, r.left + job->source->dx, y + job->source->dy),
                 (size_t)width * job->brush->bytes);
}

/* An unscaled source must have every pixel of its area, also of what is clipped away. */
static bool rop3_plain(Draw *draw, RawSource *source, GError **error)
{
    const DrawOp *op = draw->op;
    const Image *src = op->u.rop3.src;
    const Rect *area = &op->u.rop3.src_area;
    const Canvas *surface = NULL;
    int64_t width = 0, height = 0;

    if (src && src->type == SPICE_IMAGE_TYPE_SURFACE) {
        surface = draw->lookup ? draw->lookup(src->surface_id, draw->opaque) : NULL;
        width = surface ? surface->px.width : 0;
        height = surface ? surface->px.height : 0;
    } else if (src) {
        width = src->width;
        height = src->height;
    } else {
        width = (int64_t)op->self_bitmap_area.right - op->self_bitmap_area.left;
        height = (int64_t)op->self_bitmap_area.bottom - op->self_bitmap_area.top;
    }
    if (!raw_source_plain(draw, src, area, source, error))
        return false;
    if (!rect_is_empty(area) && (area->left < 0 || area->top < 0 || area->right > width || area->bottom > height)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "source is smaller than its area");
        return false;
    }
    return true;
}

bool draw_rop3(Draw *draw, GError **error)
{
    const DrawOp *op = draw->op;
    g_auto(RawSource) source = {0};
    g_auto(BrushRows) brush = {0};
    BrushJob job = {.dst = &draw->canvas->px, .brush = &brush, .source = &source, .code = op->u.rop3.rop3};

    if (pixels_bits(&draw->canvas->px) < 16) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_IMAGE, "ROP3 needs a surface of 16 or 32 bit");
        return false;
    }
    if (op->u.rop3.brush.type == SPICE_BRUSH_TYPE_NONE && rop3_uses(job.code, 4)) {
        g_set_error(error, CANVAS_ERROR, CANVAS_ERROR_VALUE, "ROP3 needs a brush");
        return false;
    }
    if (!area_init(draw, &op->u.rop3.mask, error) ||
        !(rect_same_size(&op->u.rop3.src_area, &op->box) ? rop3_plain(draw, &source, error)
                                                         : rop3_stretch(draw, &source, error)) ||
        !brush_init(draw, &op->u.rop3.brush, &brush, error))
        return false;
    area_each(&draw->area, rop3_rect, &job);
    return true;
}
