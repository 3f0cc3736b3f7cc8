/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/lossy.h"

#include "common/draw/rop.h"

#include <pixman.h>

/* A region of more rectangles becomes the box around it: operations cost time for each of them. */
#define MAX_RECTS 1024
/* Sending so many pixels more than needed costs less than one more image. */
#define PIECE_WASTE 512

/* Of a surface whose size is not known. */
#define MAX_SIZE 65536

/* A small difference of the input may become a large one of the result. */
#define ROPD_MIXES (SPICE_ROPD_OP_OR | SPICE_ROPD_OP_AND | SPICE_ROPD_OP_XOR)

typedef struct LossySurface {
    Rect bounds;
    pixman_region32_t region;
    bool spoiled; /* nothing may be made of what is approximate */
} LossySurface;

struct LossyMap {
    GHashTable *surfaces; /* id -> LossySurface */
};

/* --- the map --- */

static void surface_free(void *data)
{
    LossySurface *surface = data;

    pixman_region32_fini(&surface->region);
    g_free(surface);
}

LossyMap *lossy_map_new(void)
{
    LossyMap *map = g_new0(LossyMap, 1);

    map->surfaces = g_hash_table_new_full(NULL, NULL, NULL, surface_free);
    return map;
}

void lossy_map_free(LossyMap *map)
{
    g_hash_table_unref(map->surfaces);
    g_free(map);
}

static LossySurface *find(const LossyMap *map, uint32_t surface_id)
{
    return g_hash_table_lookup(map->surfaces, GUINT_TO_POINTER(surface_id));
}

static Rect size_bounds(uint32_t width, uint32_t height)
{
    return (Rect){0, 0, width ? (int32_t)width : MAX_SIZE, height ? (int32_t)height : MAX_SIZE};
}

void lossy_map_add_surface(LossyMap *map, uint32_t surface_id, uint32_t width, uint32_t height)
{
    LossySurface *surface = g_new0(LossySurface, 1);

    surface->bounds = size_bounds(width, height);
    pixman_region32_init(&surface->region);
    g_hash_table_insert(map->surfaces, GUINT_TO_POINTER(surface_id), surface);
}

void lossy_map_remove_surface(LossyMap *map, uint32_t surface_id)
{
    g_hash_table_remove(map->surfaces, GUINT_TO_POINTER(surface_id));
}

static void intersect_rect(pixman_region32_t *region, const Rect *r)
{
    pixman_region32_t box;

    if (rect_is_empty(r)) {
        pixman_region32_clear(region);
        return;
    }
    pixman_region32_init_with_extents(&box, &(pixman_box32_t){r->left, r->top, r->right, r->bottom});
    pixman_region32_intersect(region, region, &box);
    pixman_region32_fini(&box);
}

/* The region stays inside of its surface, and simple enough. */
static void settle(LossySurface *surface)
{
    intersect_rect(&surface->region, &surface->bounds);
    if (pixman_region32_n_rects(&surface->region) > MAX_RECTS) {
        pixman_box32_t extents = *pixman_region32_extents(&surface->region);

        pixman_region32_reset(&surface->region, &extents);
    }
    surface->spoiled = surface->spoiled && pixman_region32_not_empty(&surface->region);
}

void lossy_map_set_size(LossyMap *map, uint32_t surface_id, uint32_t width, uint32_t height)
{
    LossySurface *surface = find(map, surface_id);

    if (!surface)
        return;
    surface->bounds = size_bounds(width, height);
    settle(surface);
}

void lossy_map_add_area(LossyMap *map, uint32_t surface_id, const Rect *area)
{
    LossySurface *surface = find(map, surface_id);

    if (!surface || rect_is_empty(area))
        return;
    pixman_region32_union_rect(&surface->region, &surface->region, area->left, area->top,
                               (unsigned)area->right - (unsigned)area->left,
                               (unsigned)area->bottom - (unsigned)area->top);
    settle(surface);
}

static unsigned append_region(pixman_region32_t *region, uint32_t surface_id, GArray *areas)
{
    int n;
    const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);

    for (int i = 0; i < n; i++) {
        SurfaceArea area = {surface_id, {boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2}};

        g_array_append_val(areas, area);
    }
    return (unsigned)n;
}

unsigned lossy_map_get_region(const LossyMap *map, uint32_t surface_id, GArray *areas)
{
    LossySurface *surface = find(map, surface_id);

    return surface ? append_region(&surface->region, surface_id, areas) : 0;
}

static int64_t rect_pixels(const Rect *r)
{
    return rect_is_empty(r) ? 0 : ((int64_t)r->right - r->left) * ((int64_t)r->bottom - r->top);
}

static Rect rect_around(const Rect *a, const Rect *b)
{
    return (Rect){MIN(a->left, b->left), MIN(a->top, b->top), MAX(a->right, b->right), MAX(a->bottom, b->bottom)};
}

/* Joins the last of `areas` with those from `first` on that are near, until there are none. */
static void join_last(GArray *areas, guint first)
{
    for (guint i = first; i + 1 < areas->len;) {
        Rect *last = &g_array_index(areas, SurfaceArea, areas->len - 1).area;
        const Rect *other = &g_array_index(areas, SurfaceArea, i).area;
        Rect both = rect_around(last, other), common = rect_intersect(last, other);

        if (rect_pixels(&both) - rect_pixels(last) - rect_pixels(other) + rect_pixels(&common) > PIECE_WASTE) {
            i++;
            continue;
        }
        *last = both;
        g_array_remove_index(areas, i);
        i = first; /* it has grown: others may be near now */
    }
}

static unsigned append_pieces(pixman_region32_t *region, uint32_t surface_id, GArray *areas)
{
    guint first = areas->len;
    int n;
    const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);

    for (int i = 0; i < n; i++) {
        SurfaceArea area = {surface_id, {boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2}};

        g_array_append_val(areas, area);
        join_last(areas, first);
    }
    return areas->len - first;
}

unsigned lossy_map_get_pieces(const LossyMap *map, uint32_t surface_id, GArray *areas)
{
    LossySurface *surface = find(map, surface_id);

    return surface ? append_pieces(&surface->region, surface_id, areas) : 0;
}

/* --- what an operation reads --- */

typedef struct SourceArea {
    uint32_t surface_id;
    Rect area;  /* what it uses at most; may be larger than the surface */
    bool exact; /* must not be approximate */
} SourceArea;

#define MAX_SOURCES 3 /* source, patterns, mask: draw_op_images() */

static bool rop_uses_b(uint8_t code)
{
    return (code >> 1 ^ code) & 0x5;
}

/* A is the source, B the destination. */
static uint8_t copy_code(const DrawOp *op)
{
    return ropd_reduce(op->u.copy.rop, SPICE_ROPD_INVERS_SRC, SPICE_ROPD_INVERS_DEST);
}

/* A is the brush, B the destination. */
static uint8_t fill_code(const DrawOp *op)
{
    return ropd_reduce(op->u.fill.rop, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_DEST);
}

static bool copy_mixes(const DrawOp *op)
{
    return op->type == QXL_DRAW_BLEND || op->u.copy.rop & ROPD_MIXES;
}

static bool brush_mixes(const Brush *brush, uint16_t mode)
{
    return brush->type == SPICE_BRUSH_TYPE_PATTERN && mode & ROPD_MIXES;
}

static const Image *source_of(const DrawOp *op, Rect *area, bool *exact)
{
    *exact = true;
    switch (op->type) {
    case QXL_DRAW_OPAQUE:
        *area = op->u.opaque.src_area;
        *exact = op->u.opaque.rop & ROPD_MIXES;
        return op->u.opaque.src;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        *area = op->u.copy.src_area;
        *exact = copy_mixes(op);
        return op->u.copy.src;
    case QXL_DRAW_ROP3:
        *area = op->u.rop3.src_area;
        return op->u.rop3.src;
    case QXL_DRAW_TRANSPARENT:
        *area = op->u.transparent.src_area;
        return op->u.transparent.src;
    case QXL_DRAW_ALPHA_BLEND:
        *area = op->u.alpha_blend.src_area;
        *exact = false;
        return op->u.alpha_blend.src;
    default: /* a composite takes its pixels from anywhere */
        return NULL;
    }
}

bool lossy_allows_image(const DrawOp *op, const Image *image)
{
    Rect area;
    bool exact;

    return source_of(op, &area, &exact) == image && !exact;
}

static bool is_scaled(const DrawOp *op, const Rect *area)
{
    return area->right - area->left != op->box.right - op->box.left ||
           area->bottom - area->top != op->box.bottom - op->box.top;
}

/* What scaling it may read: filters look around, and even an area without pixels gives some. */
static Rect scaled_area(const Rect *area)
{
    return (Rect){MAX(area->left, 1) - 1, MAX(area->top, 1) - 1, MIN(area->right, G_MAXINT32 - 1) + 1,
                  MIN(area->bottom, G_MAXINT32 - 1) + 1};
}

static Rect copy_bits_area(const DrawOp *op)
{
    Point p = op->u.copy_bits.src_pos;

    return (Rect){p.x, p.y, p.x + (op->box.right - op->box.left), p.y + (op->box.bottom - op->box.top)};
}

/* The surfaces that the operation reads, other than its destination in place. */
static unsigned list_sources(const DrawOp *op, SourceArea sources[MAX_SOURCES])
{
    Image *images[MAX_SOURCES];
    unsigned n_images = draw_op_images(op, images), n = 0;
    Rect area;
    bool exact;
    const Image *source = source_of(op, &area, &exact);

    if (op->type == QXL_COPY_BITS)
        sources[n++] = (SourceArea){op->surface_id, copy_bits_area(op), false};
    for (unsigned i = 0; i < n_images; i++) {
        SourceArea *s = &sources[n];

        if (images[i]->type != SPICE_IMAGE_TYPE_SURFACE)
            continue;
        *s = (SourceArea){images[i]->surface_id, {G_MININT32, G_MININT32, G_MAXINT32, G_MAXINT32}, true};
        if (images[i] == source) {
            s->area = area;
            s->exact = exact;
            if (is_scaled(op, &area))
                s->area = scaled_area(&area);
        }
        n++;
    }
    return n;
}

/* The destination's old pixels must be exact. */
static bool needs_destination(const DrawOp *op)
{
    switch (op->type) {
    case QXL_DRAW_FILL:
        return op->u.fill.rop & ROPD_MIXES;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return copy_mixes(op);
    case QXL_DRAW_ROP3:
    case QXL_DRAW_COMPOSITE:
        return true;
    case QXL_DRAW_STROKE:
        return brush_mixes(&op->u.stroke.brush, op->u.stroke.fore_mode);
    case QXL_DRAW_TEXT:
        return brush_mixes(&op->u.text.fore_brush, op->u.text.fore_mode) ||
               brush_mixes(&op->u.text.back_brush, op->u.text.back_mode);
    default:
        return false;
    }
}

static bool image_is_surface(const Image *image)
{
    return image && image->type == SPICE_IMAGE_TYPE_SURFACE;
}

/* Where its source surface has no pixels, OPAQUE mixes the brush with what is there. */
static bool opaque_lacks_source(const LossyMap *map, const DrawOp *op)
{
    const Rect *area = &op->u.opaque.src_area;
    const LossySurface *source;
    Rect inside;

    if (op->type != QXL_DRAW_OPAQUE || !(op->u.opaque.rop & ROPD_MIXES) || !image_is_surface(op->u.opaque.src))
        return false;
    source = find(map, op->u.opaque.src->surface_id);
    inside = source ? rect_intersect(area, &source->bounds) : (Rect){0};
    return !rect_equal(&inside, area);
}

/* What is drawn depends on what was there before. */
static bool reads_destination(const DrawOp *op)
{
    switch (op->type) {
    case QXL_DRAW_FILL:
        return rop_uses_b(fill_code(op));
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return rop_uses_b(copy_code(op));
    case QXL_DRAW_OPAQUE: /* perhaps; see opaque_lacks_source() */
        return op->u.opaque.rop & ROPD_MIXES && image_is_surface(op->u.opaque.src);
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_TRANSPARENT:
    case QXL_COPY_BITS:
        return false;
    default:
        return true;
    }
}

bool lossy_op_reads(const DrawOp *op, const GArray *areas)
{
    SourceArea sources[MAX_SOURCES];
    unsigned n = list_sources(op, sources);
    bool reads_dest = reads_destination(op);

    for (guint i = 0; i < areas->len; i++) {
        const SurfaceArea *a = &g_array_index(areas, SurfaceArea, i);
        Rect common = rect_intersect(&op->box, &a->area);

        if (reads_dest && a->surface_id == op->surface_id && !rect_is_empty(&common))
            return true;
        for (unsigned j = 0; j < n; j++) {
            common = rect_intersect(&sources[j].area, &a->area);
            if (sources[j].surface_id == a->surface_id && !rect_is_empty(&common))
                return true;
        }
    }
    return false;
}

/* --- before an operation --- */

static GArray *append_needs(GArray *needs, const LossySurface *surface, uint32_t surface_id, pixman_region32_t *within)
{
    pixman_region32_t missing;

    pixman_region32_init(&missing);
    pixman_region32_intersect(&missing, within, (pixman_region32_t *)&surface->region);
    if (pixman_region32_not_empty(&missing)) {
        if (!needs)
            needs = g_array_new(FALSE, FALSE, sizeof(SurfaceArea));
        append_pieces(&missing, surface_id, needs);
    }
    pixman_region32_fini(&missing);
    return needs;
}

GArray *lossy_map_needs(const LossyMap *map, const DrawOp *op)
{
    SourceArea sources[MAX_SOURCES];
    unsigned n = list_sources(op, sources);
    LossySurface *dest = find(map, op->surface_id);
    pixman_region32_t within;
    GArray *needs = NULL;

    for (unsigned i = 0; i < n; i++) {
        LossySurface *source = find(map, sources[i].surface_id);
        const Rect *r = &sources[i].area;

        if (!source || !(sources[i].exact || source->spoiled) || rect_is_empty(r))
            continue;
        pixman_region32_init_with_extents(&within, &(pixman_box32_t){r->left, r->top, r->right, r->bottom});
        needs = append_needs(needs, source, sources[i].surface_id, &within);
        pixman_region32_fini(&within);
    }
    if (dest && (needs_destination(op) || opaque_lacks_source(map, op) || (dest->spoiled && reads_destination(op)))) {
        draw_op_region(op, &within);
        needs = append_needs(needs, dest, op->surface_id, &within);
        pixman_region32_fini(&within);
    }
    return needs;
}

/* --- after it --- */

typedef enum Outcome {
    OUTCOME_SAME,   /* exact where it was, and only there */
    OUTCOME_EXACT,  /* what is drawn is exact */
    OUTCOME_SOURCE, /* ... as far as the source is */
    OUTCOME_MIX,    /* the source's errors are added to those that are there */
} Outcome;

static Outcome masked(Outcome outcome, const Mask *mask)
{
    if (!mask->image)
        return outcome;
    return outcome == OUTCOME_EXACT ? OUTCOME_SAME : OUTCOME_MIX;
}

static Outcome outcome_of(const DrawOp *op)
{
    switch (op->type) {
    case QXL_DRAW_FILL:
        return fill_code(op) == ROP_NOT_B ? OUTCOME_SAME : masked(OUTCOME_EXACT, &op->u.fill.mask);
    case QXL_DRAW_OPAQUE:
        return masked(op->u.opaque.rop & ROPD_MIXES ? OUTCOME_EXACT : OUTCOME_SOURCE, &op->u.opaque.mask);
    case QXL_DRAW_COPY:
        if (copy_mixes(op) || copy_code(op) == ROP_NOT_B)
            return OUTCOME_SAME;
        return masked(OUTCOME_SOURCE, &op->u.copy.mask);
    case QXL_COPY_BITS:
        return OUTCOME_SOURCE;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
        return masked(OUTCOME_EXACT, &op->u.solid.mask);
    case QXL_DRAW_ALPHA_BLEND:
        return OUTCOME_MIX;
    default: /* either what was there before was needed, or its errors stay as small as they are */
        return OUTCOME_SAME;
    }
}

/* Given the pixels that it may change (drawn, and the same in `written`): which of them the source surface makes
 * approximate, and which of them it writes at all. */
static void map_source(const DrawOp *op, LossySurface *source, const Rect *area, pixman_region32_t *drawn,
                       pixman_region32_t *inexact, pixman_region32_t *written)
{
    Rect used = rect_intersect(area, &source->bounds);
    int dx, dy;

    pixman_region32_copy(inexact, &source->region);
    if (is_scaled(op, area)) {
        if (rect_is_empty(&used) || !rect_equal(&used, area)) /* who knows what becomes of the rest */
            pixman_region32_clear(written);
        used = scaled_area(area);
        intersect_rect(inexact, &used);
        if (pixman_region32_not_empty(inexact))
            pixman_region32_copy(inexact, drawn);
        return;
    }
    if (rect_is_empty(&used)) {
        pixman_region32_clear(inexact);
        pixman_region32_clear(written);
        return;
    }
    dx = op->box.left - area->left;
    dy = op->box.top - area->top;
    intersect_rect(inexact, &used);
    pixman_region32_translate(inexact, dx, dy);
    pixman_region32_intersect(inexact, inexact, drawn);
    used = (Rect){used.left + dx, used.top + dy, used.right + dx, used.bottom + dy};
    intersect_rect(written, &used);
}

/* The surface whose pixels it takes, with those that it takes; NULL if its source is a bitmap, or none. */
static LossySurface *source_surface(const LossyMap *map, const DrawOp *op, Rect *area)
{
    bool exact;
    const Image *image = source_of(op, area, &exact);

    if (op->type == QXL_COPY_BITS) {
        *area = copy_bits_area(op);
        return find(map, op->surface_id);
    }
    return image_is_surface(image) ? find(map, image->surface_id) : NULL;
}

void lossy_map_apply(LossyMap *map, const DrawOp *op, bool image_lossy)
{
    LossySurface *dest = find(map, op->surface_id), *source;
    Outcome outcome = outcome_of(op);
    pixman_region32_t drawn, inexact, written;
    Rect area;

    if (!dest || outcome == OUTCOME_SAME)
        return;
    source = outcome == OUTCOME_EXACT ? NULL : source_surface(map, op, &area);
    if (!image_lossy && !pixman_region32_not_empty(&dest->region) &&
        (!source || !pixman_region32_not_empty(&source->region)))
        return;
    draw_op_region(op, &drawn);
    pixman_region32_init(&inexact);
    pixman_region32_init(&written);
    pixman_region32_copy(&written, &drawn);
    if (source)
        map_source(op, source, &area, &drawn, &inexact, &written);
    else if (image_lossy && outcome != OUTCOME_EXACT)
        pixman_region32_copy(&inexact, &drawn);
    if (outcome != OUTCOME_MIX)
        pixman_region32_subtract(&dest->region, &dest->region, &written);
    pixman_region32_union(&dest->region, &dest->region, &inexact);
    settle(dest);
    pixman_region32_fini(&written);
    pixman_region32_fini(&inexact);
    pixman_region32_fini(&drawn);
}

void lossy_map_spoil(LossyMap *map, const DrawOp *op)
{
    LossySurface *dest = find(map, op->surface_id);

    if (!dest)
        return;
    lossy_map_add_area(map, op->surface_id, &op->box);
    dest->spoiled = pixman_region32_not_empty(&dest->region);
}
