/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/surface-ids.h"

void surface_ids_init(SurfaceIds *ids)
{
    ids->map = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t primary = 0;
    g_array_append_val(ids->map, primary);
    g_queue_init(&ids->freed);
    ids->next = 1;
}

void surface_ids_clear(SurfaceIds *ids)
{
    g_array_free(ids->map, TRUE);
    g_queue_clear(&ids->freed);
}

static uint32_t look_up(const SurfaceIds *ids, uint32_t replay_id)
{
    return replay_id < ids->map->len ? g_array_index(ids->map, uint32_t, replay_id) : SURFACE_ID_NONE;
}

static void set(SurfaceIds *ids, uint32_t replay_id, uint32_t own_id)
{
    while (ids->map->len <= replay_id) {
        uint32_t none = SURFACE_ID_NONE;
        g_array_append_val(ids->map, none);
    }
    g_array_index(ids->map, uint32_t, replay_id) = own_id;
}

static uint32_t choose(SurfaceIds *ids)
{
    if (ids->next >= SURFACE_ID_LIMIT && !g_queue_is_empty(&ids->freed))
        return GPOINTER_TO_UINT(g_queue_pop_head(&ids->freed));
    if (ids->next == SURFACE_ID_LIMIT)
        g_warning("more than %u surfaces are alive: those above may not be drawn", SURFACE_ID_LIMIT);
    return ids->next++;
}

uint32_t surface_ids_command(SurfaceIds *ids, QXLSurfaceCmd *cmd)
{
    uint32_t replay_id = cmd->surface_id;
    if (cmd->type == QXL_SURFACE_CMD_CREATE) {
        cmd->surface_id = choose(ids);
        if (replay_id <= INT32_MAX)
            set(ids, replay_id, cmd->surface_id);
    } else {
        cmd->surface_id = look_up(ids, replay_id);
        if (cmd->surface_id != SURFACE_ID_NONE && cmd->surface_id != 0) {
            g_queue_push_tail(&ids->freed, GUINT_TO_POINTER(cmd->surface_id));
            set(ids, replay_id, SURFACE_ID_NONE);
        }
    }
    return replay_id;
}

void surface_ids_destroy_all(SurfaceIds *ids, const uint32_t *live, size_t n_live)
{
    for (size_t i = 0; i < n_live; i++)
        g_queue_push_tail(&ids->freed, GUINT_TO_POINTER(live[i]));
    for (unsigned i = 1; i < ids->map->len; i++)
        g_array_index(ids->map, uint32_t, i) = SURFACE_ID_NONE;
}

static void rewrite_image(SurfaceIds *ids, QXLPHYSICAL address)
{
    QXLImage *image = (QXLImage *)(uintptr_t)address;
    if (image != NULL && image->descriptor.type == SPICE_IMAGE_TYPE_SURFACE)
        image->surface_image.surface_id = look_up(ids, image->surface_image.surface_id);
}

static void rewrite_brush(SurfaceIds *ids, const QXLBrush *brush)
{
    if (brush->type == SPICE_BRUSH_TYPE_PATTERN)
        rewrite_image(ids, brush->u.pattern.pat);
}

/* No image is named twice in one command: each part has an image of its own. */
static void rewrite_parts(SurfaceIds *ids, QXLDrawable *d)
{
    switch (d->type) {
    case QXL_DRAW_FILL:
        rewrite_brush(ids, &d->u.fill.brush);
        rewrite_image(ids, d->u.fill.mask.bitmap);
        break;
    case QXL_DRAW_OPAQUE:
        rewrite_image(ids, d->u.opaque.src_bitmap);
        rewrite_brush(ids, &d->u.opaque.brush);
        rewrite_image(ids, d->u.opaque.mask.bitmap);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        rewrite_image(ids, d->u.copy.src_bitmap);
        rewrite_image(ids, d->u.copy.mask.bitmap);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        rewrite_image(ids, d->u.blackness.mask.bitmap);
        break;
    case QXL_DRAW_ROP3:
        rewrite_image(ids, d->u.rop3.src_bitmap);
        rewrite_brush(ids, &d->u.rop3.brush);
        rewrite_image(ids, d->u.rop3.mask.bitmap);
        break;
    case QXL_DRAW_STROKE:
        rewrite_brush(ids, &d->u.stroke.brush);
        break;
    case QXL_DRAW_TEXT:
        rewrite_brush(ids, &d->u.text.fore_brush);
        rewrite_brush(ids, &d->u.text.back_brush);
        break;
    case QXL_DRAW_TRANSPARENT:
        rewrite_image(ids, d->u.transparent.src_bitmap);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        rewrite_image(ids, d->u.alpha_blend.src_bitmap);
        break;
    case QXL_DRAW_COMPOSITE:
        rewrite_image(ids, d->u.composite.src);
        rewrite_image(ids, d->u.composite.mask);
        break;
    default:
        break;
    }
}

void surface_ids_drawable(SurfaceIds *ids, QXLDrawable *drawable)
{
    drawable->surface_id = look_up(ids, drawable->surface_id);
    for (int i = 0; i < 3; i++) {
        if (drawable->surfaces_dest[i] != -1)
            drawable->surfaces_dest[i] = (int32_t)look_up(ids, (uint32_t)drawable->surfaces_dest[i]);
    }
    rewrite_parts(ids, drawable);
}

void surface_ids_update(SurfaceIds *ids, QXLUpdateCmd *update)
{
    update->surface_id = look_up(ids, update->surface_id);
}
