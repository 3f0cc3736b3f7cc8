/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/tap/display.h"

#include "common/wire/reader.h"
#include "tests/lib/tap/session.h"

#include <spice/enums.h>

#define RED_GROUP 2

static void step(TapLink *link, ModelKind kind, guint64 id)
{
    session_step(link, &(ModelStep){.kind = kind, .id = id});
}

/* ---- images ---- */

/* Skips the part behind the descriptor; `r` stands behind it. */
static void skip_pixels(WireReader *r, guint8 type)
{
    guint8 flags;
    guint32 stride, rows, size;

    switch (type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        wire_read_u8(r);
        flags = wire_read_u8(r);
        wire_read_u32(r);
        rows = wire_read_u32(r);
        stride = wire_read_u32(r);
        wire_read_bytes(r, flags & SPICE_BITMAP_FLAGS_PAL_FROM_CACHE ? 8 : 4);
        wire_read_bytes(r, (guint64)stride * rows);
        break;
    case SPICE_IMAGE_TYPE_QUIC:
    case SPICE_IMAGE_TYPE_LZ_RGB:
    case SPICE_IMAGE_TYPE_GLZ_RGB:
    case SPICE_IMAGE_TYPE_JPEG:
    case SPICE_IMAGE_TYPE_LZ4:
        wire_read_bytes(r, wire_read_u32(r));
        break;
    case SPICE_IMAGE_TYPE_LZ_PLT:
        flags = wire_read_u8(r);
        size = wire_read_u32(r);
        wire_read_bytes(r, flags & SPICE_BITMAP_FLAGS_PAL_FROM_CACHE ? 8 : 4);
        wire_read_bytes(r, size);
        break;
    case SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        wire_read_u32(r);
        wire_read_bytes(r, wire_read_u32(r));
        break;
    case SPICE_IMAGE_TYPE_JPEG_ALPHA:
        wire_read_u8(r);
        wire_read_u32(r);
        wire_read_bytes(r, wire_read_u32(r));
        break;
    case SPICE_IMAGE_TYPE_FROM_CACHE:
    case SPICE_IMAGE_TYPE_FROM_CACHE_LOSSLESS:
    case SPICE_IMAGE_TYPE_SURFACE: /* read by the caller */
        break;
    default:
        r->failed = true;
        break;
    }
}

/* Reads a pointer and the image behind it. A failure there fails `r`. */
static void image_pointer(TapLink *link, WireReader *r)
{
    guint32 offset = wire_read_u32(r);
    WireReader at;
    ModelStep s = {.kind = MODEL_IMAGE};
    guint32 width, height;
    TapImages *images;

    if (!offset || !wire_reader_ok(r))
        return;
    at = wire_reader_at(r, offset);
    s.id = wire_read_u64(&at);
    s.type = wire_read_u8(&at);
    s.flags = wire_read_u8(&at);
    width = wire_read_u32(&at);
    height = wire_read_u32(&at);
    s.pixels = (guint64)width * height;
    skip_pixels(&at, s.type);
    if (s.type == SPICE_IMAGE_TYPE_SURFACE)
        step(link, MODEL_SURFACE_USE, wire_read_u32(&at));
    if (!wire_reader_ok(&at)) {
        r->failed = true;
        return;
    }
    s.bytes = (guint32)(at.pos - offset);
    images = &link_counters(link)->images[s.type];
    images->count++;
    images->bytes += s.bytes;
    images->pixels += s.pixels;
    if (s.type == SPICE_IMAGE_TYPE_SURFACE)
        return;
    if (s.type == SPICE_IMAGE_TYPE_FROM_CACHE || s.type == SPICE_IMAGE_TYPE_FROM_CACHE_LOSSLESS)
        s.kind = MODEL_REF;
    session_step(link, &s);
}

/* ---- drawing ---- */

static void brush(TapLink *link, WireReader *r)
{
    guint8 type = wire_read_u8(r);

    if (type == SPICE_BRUSH_TYPE_SOLID) {
        wire_read_u32(r);
    } else if (type == SPICE_BRUSH_TYPE_PATTERN) {
        image_pointer(link, r);
        wire_read_u64(r);
    }
}

static void mask(TapLink *link, WireReader *r)
{
    wire_read_bytes(r, 9);
    image_pointer(link, r);
}

/* Source image and its area. */
static void source(TapLink *link, WireReader *r)
{
    image_pointer(link, r);
    wire_read_bytes(r, 16);
}

static TapMade base(TapLink *link, WireReader *r)
{
    guint32 surface = wire_read_u32(r);
    TapMade made = {
        .phase = link->tap->phases->len - 1, .id = link->id, .route = link->route->index, .surface = surface};

    made.top = (gint32)wire_read_u32(r);
    made.left = (gint32)wire_read_u32(r);
    made.bottom = (gint32)wire_read_u32(r);
    made.right = (gint32)wire_read_u32(r);
    if (wire_read_u8(r) == SPICE_CLIP_TYPE_RECTS)
        wire_read_bytes(r, (guint64)wire_read_u32(r) * 16);
    if (wire_reader_ok(r))
        step(link, MODEL_SURFACE_USE, surface);
    return made;
}

/* Servers number the images that they make themselves in a group of their own. `r` stands at the pointer. */
static void note_made(TapLink *link, const WireReader *r, TapMade *made)
{
    WireReader peek = *r, at;
    guint32 offset = wire_read_u32(&peek);

    if (!offset || !wire_reader_ok(&peek))
        return;
    at = wire_reader_at(&peek, offset);
    if ((guint32)wire_read_u64(&at) != RED_GROUP)
        return;
    made->type = wire_read_u8(&at);
    if (!wire_reader_ok(&at) || made->type == SPICE_IMAGE_TYPE_SURFACE)
        return;
    if (!link->tap->made)
        link->tap->made = g_array_new(FALSE, FALSE, sizeof(TapMade));
    if (link->tap->made->len < TAP_MAX_MADE)
        g_array_append_vals(link->tap->made, made, 1);
}

static void stroke(TapLink *link, WireReader *r)
{
    wire_read_u32(r);
    if (wire_read_u8(r) & SPICE_LINE_FLAGS_STYLED)
        wire_read_bytes(r, 5);
    brush(link, r);
}

static void draw_message(TapLink *link, guint16 type, WireReader *r)
{
    TapMade made = base(link, r);

    switch (type) {
    case SPICE_MSG_DISPLAY_DRAW_FILL:
        brush(link, r);
        wire_read_u16(r);
        mask(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_OPAQUE:
    case SPICE_MSG_DISPLAY_DRAW_ROP3:
        source(link, r);
        brush(link, r);
        wire_read_bytes(r, type == SPICE_MSG_DISPLAY_DRAW_ROP3 ? 2 : 3);
        mask(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_COPY:
        note_made(link, r, &made);
        /* fallthrough */
    case SPICE_MSG_DISPLAY_DRAW_BLEND:
        source(link, r);
        wire_read_bytes(r, 3);
        mask(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_BLACKNESS:
    case SPICE_MSG_DISPLAY_DRAW_WHITENESS:
    case SPICE_MSG_DISPLAY_DRAW_INVERS:
        mask(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_STROKE:
        stroke(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_TEXT:
        wire_read_bytes(r, 20);
        brush(link, r);
        brush(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_TRANSPARENT:
        source(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_ALPHA_BLEND:
        wire_read_u16(r);
        source(link, r);
        break;
    case SPICE_MSG_DISPLAY_DRAW_COMPOSITE:
        if (wire_read_u32(r) & SPICE_COMPOSITE_HAS_MASK) {
            image_pointer(link, r);
            image_pointer(link, r);
        } else {
            image_pointer(link, r);
        }
        break;
    default: /* COPY_BITS */
        break;
    }
}

/* ---- caches and surfaces ---- */

static void inval_list(TapLink *link, WireReader *r)
{
    guint16 count = wire_read_u16(r);

    for (guint i = 0; i < count && wire_reader_ok(r); i++) {
        guint8 type = wire_read_u8(r);
        guint64 id = wire_read_u64(r);

        if (wire_reader_ok(r) && type == SPICE_RES_TYPE_PIXMAP)
            step(link, MODEL_DROP, id);
        else
            r->failed = true;
    }
}

static void waits(TapLink *link, WireReader *r)
{
    guint8 count = wire_read_u8(r);

    for (guint i = 0; i < count && wire_reader_ok(r); i++) {
        ModelStep s = {.kind = MODEL_WAIT};

        s.type = wire_read_u8(r);
        s.channel = wire_read_u8(r);
        s.id = wire_read_u64(r);
        if (wire_reader_ok(r))
            session_step(link, &s);
    }
}

bool display_waits(TapLink *link, const guint8 *body, gsize size)
{
    WireReader r = wire_reader(body, size);

    waits(link, &r);
    return wire_reader_ok(&r);
}

static void surface_create(TapLink *link, WireReader *r)
{
    guint32 id = wire_read_u32(r);

    wire_read_bytes(r, 16);
    if (wire_reader_ok(r))
        step(link, MODEL_SURFACE_CREATE, id);
}

bool display_message(TapLink *link, guint16 type, const guint8 *body, gsize size)
{
    WireReader r = wire_reader(body, size);
    guint32 id;

    if (type == SPICE_MSG_DISPLAY_COPY_BITS ||
        (type >= SPICE_MSG_DISPLAY_DRAW_FILL && type <= SPICE_MSG_DISPLAY_DRAW_ALPHA_BLEND) ||
        type == SPICE_MSG_DISPLAY_DRAW_COMPOSITE) {
        draw_message(link, type, &r);
    } else if (type == SPICE_MSG_DISPLAY_INVAL_LIST) {
        inval_list(link, &r);
    } else if (type == SPICE_MSG_DISPLAY_INVAL_ALL_PIXMAPS) {
        waits(link, &r);
        step(link, MODEL_DROP_ALL, 0);
    } else if (type == SPICE_MSG_DISPLAY_SURFACE_CREATE) {
        surface_create(link, &r);
    } else if (type == SPICE_MSG_DISPLAY_SURFACE_DESTROY || type == SPICE_MSG_DISPLAY_STREAM_CREATE) {
        id = wire_read_u32(&r);
        if (wire_reader_ok(&r))
            step(link, type == SPICE_MSG_DISPLAY_STREAM_CREATE ? MODEL_SURFACE_USE : MODEL_SURFACE_DESTROY, id);
    }
    return wire_reader_ok(&r);
}
