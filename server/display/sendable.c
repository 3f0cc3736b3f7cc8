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
    default:
        return true;
    }
}
