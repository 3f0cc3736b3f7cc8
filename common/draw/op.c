/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/draw/op.h"

DrawOp *draw_op_new(uint8_t type, uint32_t surface_id, const Rect *box)
{
    DrawOp *op = g_slice_new0(DrawOp);

    g_atomic_ref_count_init(&op->refs);
    op->type = type;
    op->surface_id = surface_id;
    op->box = *box;
    for (unsigned i = 0; i < DRAW_OP_MAX_DEPS; i++)
        op->deps[i] = -1;
    return op;
}

DrawOp *draw_op_ref(DrawOp *op)
{
    g_atomic_ref_count_inc(&op->refs);
    return op;
}

unsigned draw_op_images(const DrawOp *op, Image *images[3])
{
    Image *all[3] = {NULL};
    unsigned n = 0;

    switch (op->type) {
    case QXL_DRAW_FILL:
        all[1] = op->u.fill.brush.pattern;
        all[2] = op->u.fill.mask.image;
        break;
    case QXL_DRAW_OPAQUE:
        all[0] = op->u.opaque.src;
        all[1] = op->u.opaque.brush.pattern;
        all[2] = op->u.opaque.mask.image;
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        all[0] = op->u.copy.src;
        all[2] = op->u.copy.mask.image;
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        all[2] = op->u.solid.mask.image;
        break;
    case QXL_DRAW_ROP3:
        all[0] = op->u.rop3.src;
        all[1] = op->u.rop3.brush.pattern;
        all[2] = op->u.rop3.mask.image;
        break;
    case QXL_DRAW_STROKE:
        all[1] = op->u.stroke.brush.pattern;
        break;
    case QXL_DRAW_TEXT:
        all[1] = op->u.text.fore_brush.pattern;
        all[2] = op->u.text.back_brush.pattern;
        break;
    case QXL_DRAW_TRANSPARENT:
        all[0] = op->u.transparent.src;
        break;
    case QXL_DRAW_ALPHA_BLEND:
        all[0] = op->u.alpha_blend.src;
        break;
    case QXL_DRAW_COMPOSITE:
        all[0] = op->u.composite.src;
        all[2] = op->u.composite.mask;
        break;
    default:
        break;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i])
            images[n++] = all[i];
    return n;
}

uint64_t draw_op_bytes(const DrawOp *op)
{
    Image *images[3];
    unsigned n = draw_op_images(op, images);
    uint64_t bytes = (uint64_t)op->n_clip_rects * sizeof(Rect);

    for (unsigned i = 0; i < n; i++)
        if (images[i]->type == SPICE_IMAGE_TYPE_BITMAP)
            bytes += image_byte_size(images[i]);
    if (op->type == QXL_DRAW_STROKE && op->u.stroke.path)
        bytes += (uint64_t)op->u.stroke.path->n_points * sizeof(Point) +
                 (uint64_t)op->u.stroke.path->n_segments * sizeof(PathSegment);
    if (op->type == QXL_DRAW_TEXT && op->u.text.string)
        bytes += op->u.text.string->size + (uint64_t)op->u.text.string->n_glyphs * sizeof(Glyph);
    return bytes;
}

void draw_op_unref(DrawOp *op)
{
    Image *images[3];
    unsigned n;

    if (!op || !g_atomic_ref_count_dec(&op->refs))
        return;
    n = draw_op_images(op, images);
    for (unsigned i = 0; i < n; i++)
        image_unref(images[i]);
    if (op->type == QXL_DRAW_STROKE) {
        path_free(op->u.stroke.path);
        g_free(op->u.stroke.style.dashes);
    } else if (op->type == QXL_DRAW_TEXT) {
        glyph_string_free(op->u.text.string);
    }
    g_free(op->clip_rects);
    g_slice_free(DrawOp, op);
}

void draw_op_region(const DrawOp *op, pixman_region32_t *region)
{
    const Rect *box = &op->box;

    if (rect_is_empty(box)) {
        pixman_region32_init(region);
        return;
    }
    if (!op->has_clip) {
        pixman_region32_init_with_extents(region, &(pixman_box32_t){box->left, box->top, box->right, box->bottom});
        return;
    }
    /* Only what lies in the box, so that no region is larger than it must be. */
    g_autofree pixman_box32_t *boxes = g_new(pixman_box32_t, MAX(op->n_clip_rects, 1));
    int n = 0;

    for (uint32_t i = 0; i < op->n_clip_rects; i++) {
        Rect r = rect_intersect(box, &op->clip_rects[i]);

        if (!rect_is_empty(&r))
            boxes[n++] = (pixman_box32_t){r.left, r.top, r.right, r.bottom};
    }
    if (n == 0)
        pixman_region32_init(region);
    else
        pixman_region32_init_rects(region, boxes, n);
}
