/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/leftovers.h"

#define FILTER_NEAREST 3u
#define OPERATOR_DST 2u /* keeps the destination */
#define SRC_REPEAT (3u << 14)
#define MASK_REPEAT (3u << 16)
#define UNITY 65536 /* 16.16 */

static const Transform identity = {{UNITY, 0, 0, 0, UNITY, 0}};

static ClientSurface *surface_of(DisplayClient *dc, const Image *image)
{
    return image && image->type == SPICE_IMAGE_TYPE_SURFACE ? display_client_surface(dc, image->surface_id) : NULL;
}

/* A composite that changes no pixel of the destination, but sets everything on the source. Component alpha is set only
 * on masks, so the source is the mask too. */
static void send_reset(DisplayClient *dc, uint32_t surface_id, uint32_t source_id)
{
    g_autoptr(DrawOp) op = draw_op_new(QXL_DRAW_COMPOSITE, surface_id, &(Rect){0, 0, 1, 1});
    ClientSurface *source = display_client_surface(dc, source_id);

    source->has_leftovers = source->has_component_alpha = false;
    op->u.composite.src = image_new_surface(source_id);
    op->u.composite.mask = image_new_surface(source_id);
    op->u.composite.flags = OPERATOR_DST | FILTER_NEAREST << 8 | FILTER_NEAREST << 11 | SPICE_COMPOSITE_HAS_MASK |
                            SPICE_COMPOSITE_HAS_SRC_TRANSFORM | SPICE_COMPOSITE_HAS_MASK_TRANSFORM;
    op->u.composite.src_transform = op->u.composite.mask_transform = identity;
    display_send_op(dc, op, true);
    source->has_leftovers = false;
}

static const DrawOp *before_composite(DisplayClient *dc, const DrawOp *op, DrawOp *changed)
{
    ClientSurface *src = surface_of(dc, op->u.composite.src), *mask = surface_of(dc, op->u.composite.mask);
    uint32_t flags = op->u.composite.flags;

    if (src && src->has_component_alpha)
        send_reset(dc, op->surface_id, op->u.composite.src->surface_id);

    bool src_lacks = src && src->has_leftovers && !(flags & SPICE_COMPOSITE_HAS_SRC_TRANSFORM);
    bool mask_lacks = mask && mask->has_leftovers && !(flags & SPICE_COMPOSITE_HAS_MASK_TRANSFORM);

    /* What is made opaque is another object at the client: nothing is put back on the surface itself. */
    if (src && !(flags & SPICE_COMPOSITE_SOURCE_OPAQUE))
        src->has_leftovers = false;
    if (src && flags & (SPICE_COMPOSITE_HAS_SRC_TRANSFORM | SRC_REPEAT))
        src->has_leftovers = true;
    if (mask) {
        mask->has_leftovers = flags & (SPICE_COMPOSITE_HAS_MASK_TRANSFORM | MASK_REPEAT);
        mask->has_component_alpha = flags & SPICE_COMPOSITE_COMPONENT_ALPHA;
    }
    if (!src_lacks && !mask_lacks)
        return op;
    *changed = *op;
    if (src_lacks) {
        changed->u.composite.flags |= SPICE_COMPOSITE_HAS_SRC_TRANSFORM;
        changed->u.composite.src_transform = identity;
    }
    if (mask_lacks) {
        changed->u.composite.flags |= SPICE_COMPOSITE_HAS_MASK_TRANSFORM;
        changed->u.composite.mask_transform = identity;
    }
    return changed;
}

const DrawOp *leftovers_before_op(DisplayClient *dc, const DrawOp *op, DrawOp *changed)
{
    Image *images[3];
    unsigned n = draw_op_images(op, images);

    if (op->type == QXL_DRAW_COMPOSITE)
        return before_composite(dc, op, changed);
    for (unsigned i = 0; i < n; i++) {
        ClientSurface *surface = surface_of(dc, images[i]);

        if (surface && (surface->has_leftovers || surface->has_component_alpha))
            send_reset(dc, op->surface_id, images[i]->surface_id);
        if (surface && op->type == QXL_DRAW_TEXT)
            surface->has_leftovers = true;
    }
    return op;
}
