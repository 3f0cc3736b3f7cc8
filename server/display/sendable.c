/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/sendable.h"

static bool brush_is_surface(const Brush *brush)
{
    return brush->type == SPICE_BRUSH_TYPE_PATTERN && brush->pattern->type == SPICE_IMAGE_TYPE_SURFACE;
}

/* Clients write while they still read. (A composite is put together elsewhere.) */
static bool reads_itself(const DrawOp *op)
{
    Image *images[3];
    unsigned n = op->type == QXL_DRAW_COMPOSITE ? 0 : draw_op_images(op, images);

    for (unsigned i = 0; i < n; i++)
        if (images[i]->type == SPICE_IMAGE_TYPE_SURFACE && images[i]->surface_id == op->surface_id)
            return true;
    return false;
}

/* Clients set filter, repeat and transform of both on one object if they are the same surface. */
static bool composite_is_ambiguous(const DrawOp *op)
{
    const Image *src = op->u.composite.src, *mask = op->u.composite.mask;
    uint32_t flags = op->u.composite.flags;
    bool src_moved = flags & SPICE_COMPOSITE_HAS_SRC_TRANSFORM, mask_moved = flags & SPICE_COMPOSITE_HAS_MASK_TRANSFORM;

    if (!mask || mask->type != SPICE_IMAGE_TYPE_SURFACE || src->type != SPICE_IMAGE_TYPE_SURFACE ||
        mask->surface_id != src->surface_id)
        return false;
    return (flags >> 8 & 7) != (flags >> 11 & 7) || (flags >> 14 & 3) != (flags >> 16 & 3) || src_moved || mask_moved;
}

bool op_is_sendable(const DrawOp *op)
{
    if (reads_itself(op))
        return false;
    switch (op->type) {
    case QXL_DRAW_STROKE:
        return !brush_is_surface(&op->u.stroke.brush); /* they end */
    case QXL_DRAW_TEXT:
        return glyph_string_bits(op->u.text.string->flags) != 8; /* they take the rows from one too far */
    case QXL_DRAW_ROP3:
        /* They read in front of a pattern that begins right of the box or below. Of bitmaps the parser moves it. */
        return !brush_is_surface(&op->u.rop3.brush) ||
               (op->u.rop3.brush.pos.x <= op->box.left && op->u.rop3.brush.pos.y <= op->box.top);
    case QXL_DRAW_COMPOSITE:
        return !composite_is_ambiguous(op);
    default:
        return true;
    }
}

static bool image_is_indexed(const Image *image)
{
    return image->type == SPICE_IMAGE_TYPE_BITMAP && bitmap_format_indexed(image->bitmap.format) &&
           image->bitmap.palette;
}

bool op_image_is_cacheable(const DrawOp *op, const Image *image, uint32_t surface_format)
{
    /* What these set on an image, clients leave there. */
    if (op->type == QXL_DRAW_COMPOSITE || op->type == QXL_DRAW_TEXT)
        return false;
    /* Clients give cached ones the format of the first surface, and take a palette's top bytes for alpha. */
    return surface_format != SPICE_SURFACE_FMT_32_ARGB || !image_is_indexed(image);
}

bool op_image_is_compressible(const DrawOp *op, const Image *image, uint32_t surface_format)
{
    /* Here clients take the palette's top bytes for alpha, but compressed colours have none. */
    return op->type != QXL_DRAW_ALPHA_BLEND || surface_format != SPICE_SURFACE_FMT_32_ARGB || !image_is_indexed(image);
}
