/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a broken or malicious driver gives its device: a good command of each kind with one thing wrong in it. A bad
 * command must be dropped and nothing else; the host, its clients and what is drawn before and after do not notice.
 */
#include "guest.h"

#define SIDE 16 /* of the picture */
#define LEFT 0
#define TOP (SCREEN_HEIGHT - 64)
#define NOWHERE 0x7700000000000000ull /* a memory slot that does not exist */
#define IMAGE 0                       /* places behind a drawable */
#define CHUNK 256
#define OTHER 4096

typedef void Spoil(QXLDrawable *d);

static QXLImage *image_of(QXLDrawable *d)
{
    return behind(d, IMAGE);
}

static QXLDataChunk *chunk_of(QXLDrawable *d)
{
    return behind(d, CHUNK);
}

static QXLPHYSICAL other_address(QXLDrawable *d)
{
    return qxl_address(behind(d, OTHER));
}

static QXLPHYSICAL make_image(QXLDrawable *d)
{
    QXLImage *image = image_of(d);

    image->descriptor.id = 0x77000000u;
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.width = image->descriptor.height = SIDE;
    image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
    image->bitmap.flags = QXL_BITMAP_TOP_DOWN;
    image->bitmap.x = image->bitmap.y = SIDE;
    image->bitmap.stride = SIDE * 4;
    image->bitmap.data = qxl_address(chunk_of(d));
    chunk_of(d)->data_size = SIDE * SIDE * 4;
    return qxl_address(image);
}

/* A good COPY of a good picture; the unions of the other commands are filled by their spoilers. */
static QXLDrawable *good(uint8_t type)
{
    QXLDrawable *d = drawable(type, 0, LEFT, TOP, SIDE, SIDE);

    d->effect = QXL_EFFECT_BLEND;
    if (type == QXL_DRAW_COPY) {
        d->u.copy.src_bitmap = make_image(d);
        d->u.copy.src_area.right = d->u.copy.src_area.bottom = SIDE;
        d->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
    }
    return d;
}

/* --- the envelope --- */

static void type(QXLDrawable *d)
{
    d->type = 77;
}
static void effect(QXLDrawable *d)
{
    d->effect = 200;
}
static void surface_far(QXLDrawable *d)
{
    d->surface_id = 0xfffffff0u;
}
static void surface_none(QXLDrawable *d)
{
    d->surface_id = 900;
}
static void box_negative(QXLDrawable *d)
{
    d->bbox.left = -5;
}
static void box_large(QXLDrawable *d)
{
    d->bbox.right = 0x7fffffff;
}
static void box_inverted(QXLDrawable *d)
{
    d->bbox.right = d->bbox.left - 1;
}
static void depends_on_none(QXLDrawable *d)
{
    d->surfaces_dest[1] = 901;
}
static void depends_on_far(QXLDrawable *d)
{
    d->surfaces_dest[2] = 0x7fffffff;
}
static void self_bitmap(QXLDrawable *d)
{
    d->self_bitmap = 1;
    d->self_bitmap_area.left = -100;
    d->self_bitmap_area.right = 0x7fffffff;
    d->self_bitmap_area.bottom = 0x7fffffff;
}
static void clip_nowhere(QXLDrawable *d)
{
    d->clip.type = SPICE_CLIP_TYPE_RECTS;
    d->clip.data = NOWHERE;
}
static void clip_count(QXLDrawable *d)
{
    QXLClipRects *rects = behind(d, OTHER);

    d->clip.type = SPICE_CLIP_TYPE_RECTS;
    d->clip.data = other_address(d);
    rects->num_rects = 0x10000001u; /* times 16 it is one rectangle, in 32 bits */
    rects->chunk.data_size = 16;
}
static void clip_type(QXLDrawable *d)
{
    d->clip.type = 99;
}

/* --- images --- */

static void image_none(QXLDrawable *d)
{
    d->u.copy.src_bitmap = 0;
}
static void image_nowhere(QXLDrawable *d)
{
    d->u.copy.src_bitmap = NOWHERE;
}
static void image_type(QXLDrawable *d)
{
    image_of(d)->descriptor.type = 55;
}
static void image_from_cache(QXLDrawable *d)
{
    image_of(d)->descriptor.type = SPICE_IMAGE_TYPE_FROM_CACHE;
}
static void image_surface(QXLDrawable *d)
{
    image_of(d)->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    image_of(d)->surface_image.surface_id = 77777;
}
static void image_quic(QXLDrawable *d)
{
    image_of(d)->descriptor.type = SPICE_IMAGE_TYPE_QUIC;
    image_of(d)->quic.data_size = 0xfffffff0u;
}
static void image_huge(QXLDrawable *d)
{
    image_of(d)->descriptor.width = image_of(d)->descriptor.height = 0xffffffffu;
}
static void bitmap_huge(QXLDrawable *d)
{
    image_of(d)->bitmap.x = image_of(d)->bitmap.y = 0xffffffffu;
}
static void bitmap_empty(QXLDrawable *d)
{
    image_of(d)->bitmap.x = 0;
}
static void bitmap_format(QXLDrawable *d)
{
    image_of(d)->bitmap.format = 11;
}
static void bitmap_format_0(QXLDrawable *d)
{
    image_of(d)->bitmap.format = 0;
}
static void bitmap_stride(QXLDrawable *d)
{
    image_of(d)->bitmap.stride = 3;
}
static void bitmap_stride_huge(QXLDrawable *d)
{
    image_of(d)->bitmap.stride = 0x80000000u;
}
static void bitmap_data(QXLDrawable *d)
{
    image_of(d)->bitmap.data = NOWHERE;
}
static void bitmap_direct(QXLDrawable *d)
{
    image_of(d)->bitmap.flags |= QXL_BITMAP_DIRECT;
    image_of(d)->bitmap.y = 0x100000;
}
static void palette_none(QXLDrawable *d)
{
    image_of(d)->bitmap.format = SPICE_BITMAP_FMT_8BIT;
}
static void palette_nowhere(QXLDrawable *d)
{
    image_of(d)->bitmap.format = SPICE_BITMAP_FMT_8BIT;
    image_of(d)->bitmap.palette = NOWHERE;
}
static void palette_short(QXLDrawable *d)
{
    QXLPalette *palette = behind(d, OTHER);
    QXLImage *image = image_of(d);

    image->bitmap.format = SPICE_BITMAP_FMT_8BIT;
    image->bitmap.palette = other_address(d);
    palette->unique = 1;
    palette->num_ents = 1; /* the pixels say more */
    image->bitmap.stride = SIDE;
    chunk_of(d)->data_size = SIDE * SIDE;
    memset(chunk_of(d)->data, 0xee, SIDE * SIDE);
}
static void chunk_short(QXLDrawable *d)
{
    chunk_of(d)->data_size = 8;
}
static void chunk_long(QXLDrawable *d)
{
    chunk_of(d)->data_size = 0xffffffffu;
}
static void chunk_circle(QXLDrawable *d)
{
    chunk_of(d)->data_size = 0;
    chunk_of(d)->next_chunk = qxl_address(chunk_of(d));
}
static void chunk_next(QXLDrawable *d)
{
    chunk_of(d)->next_chunk = NOWHERE;
}
static void area_outside(QXLDrawable *d)
{
    d->u.copy.src_area.right = SIDE + 1;
}
static void area_negative(QXLDrawable *d)
{
    d->u.copy.src_area.top = -1;
}
static void area_inverted(QXLDrawable *d)
{
    d->u.copy.src_area.left = SIDE + 5;
}
static void area_empty(QXLDrawable *d)
{
    d->u.copy.src_area.right = 0;
}
static void scale_mode(QXLDrawable *d)
{
    d->u.copy.scale_mode = 200;
}
static void mask_nowhere(QXLDrawable *d)
{
    d->u.copy.mask.bitmap = NOWHERE;
}
static void mask_position(QXLDrawable *d)
{
    d->u.copy.mask.bitmap = d->u.copy.src_bitmap;
    d->u.copy.mask.pos.x = 0x7ffffff0;
    d->u.copy.mask.pos.y = -0x7ffffff0;
}

static Spoil *const copies[] = {
    type,
    effect,
    surface_far,
    surface_none,
    box_negative,
    box_large,
    box_inverted,
    depends_on_none,
    depends_on_far,
    self_bitmap,
    clip_nowhere,
    clip_count,
    clip_type,
    image_none,
    image_nowhere,
    image_type,
    image_from_cache,
    image_surface,
    image_quic,
    image_huge,
    bitmap_huge,
    bitmap_empty,
    bitmap_format,
    bitmap_format_0,
    bitmap_stride,
    bitmap_stride_huge,
    bitmap_data,
    bitmap_direct,
    palette_none,
    palette_nowhere,
    palette_short,
    chunk_short,
    chunk_long,
    chunk_circle,
    chunk_next,
    area_outside,
    area_negative,
    area_inverted,
    area_empty,
    scale_mode,
    mask_nowhere,
    mask_position,
};

/* --- other drawing commands --- */

static void brush_type(QXLDrawable *d)
{
    d->type = QXL_DRAW_FILL;
    d->u.fill.brush.type = 9;
    d->u.fill.rop_descriptor = 0xffff;
}
static void brush_pattern(QXLDrawable *d)
{
    d->type = QXL_DRAW_FILL;
    d->u.fill.brush.type = SPICE_BRUSH_TYPE_PATTERN;
    d->u.fill.brush.u.pattern.pat = NOWHERE;
    d->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
}
static void copy_bits(QXLDrawable *d)
{
    d->type = QXL_COPY_BITS;
    d->u.copy_bits.src_pos.x = -0x7fffffff;
    d->u.copy_bits.src_pos.y = 0x7fffffff;
}
static void opaque(QXLDrawable *d)
{
    d->type = QXL_DRAW_OPAQUE;
    d->u.opaque.src_bitmap = NOWHERE;
    d->u.opaque.brush.type = SPICE_BRUSH_TYPE_PATTERN;
}
static void transparent(QXLDrawable *d)
{
    d->type = QXL_DRAW_TRANSPARENT;
    d->u.transparent.src_bitmap = make_image(d);
    d->u.transparent.src_area.right = 0x7fffffff;
    d->u.transparent.src_area.bottom = 0x7fffffff;
}
static void alpha_blend(QXLDrawable *d)
{
    d->type = QXL_DRAW_ALPHA_BLEND;
    d->u.alpha_blend.alpha = 99;
    d->u.alpha_blend.src_bitmap = make_image(d);
    d->u.alpha_blend.src_area.left = -0x7fffffff;
}
static void rop3(QXLDrawable *d)
{
    d->type = QXL_DRAW_ROP3;
    d->u.rop3.src_bitmap = NOWHERE;
    d->u.rop3.brush.type = 77;
    d->u.rop3.rop3 = 0xe7;
}
static void composite_source(QXLDrawable *d)
{
    d->type = QXL_DRAW_COMPOSITE;
    d->u.composite.flags = 0xffffffffu;
    d->u.composite.src = NOWHERE;
}
static void composite_transform(QXLDrawable *d)
{
    d->type = QXL_DRAW_COMPOSITE;
    d->u.composite.flags = 0xfff80003u;
    d->u.composite.src = make_image(d);
    d->u.composite.src_transform = other_address(d); /* of zeros: nothing can be mapped back */
    d->u.composite.mask = NOWHERE;
    d->u.composite.mask_transform = NOWHERE;
    d->u.composite.src_origin.x = -32768;
}
static void stroke_path(QXLDrawable *d)
{
    d->type = QXL_DRAW_STROKE;
    d->u.stroke.path = NOWHERE;
}
static void stroke_points(QXLDrawable *d)
{
    QXLPath *path = behind(d, OTHER);
    QXLPathSeg *segment = (QXLPathSeg *)(void *)path->chunk.data;

    d->type = QXL_DRAW_STROKE;
    d->u.stroke.path = other_address(d);
    d->u.stroke.brush.type = SPICE_BRUSH_TYPE_SOLID;
    d->u.stroke.fore_mode = SPICE_ROPD_OP_PUT;
    path->data_size = path->chunk.data_size = 40;
    segment->flags = QXL_PATH_BEGIN | QXL_PATH_END;
    segment->count = 0x20000001u;
}
static void stroke_far(QXLDrawable *d)
{
    QXLPath *path = behind(d, OTHER);
    QXLPathSeg *segment = (QXLPathSeg *)(void *)path->chunk.data;

    stroke_points(d);
    segment->count = 4;
    segment->flags |= QXL_PATH_BEZIER;
    for (unsigned i = 0; i < 4; i++) {
        segment->points[i].x = i & 1 ? (QXLFIXED)0x80000000u : 0x7fffffff;
        segment->points[i].y = i & 2 ? (QXLFIXED)0x80000000u : 0x7fffffff;
    }
}
static void stroke_style(QXLDrawable *d)
{
    stroke_points(d);
    ((QXLPathSeg *)(void *)((QXLPath *)behind(d, OTHER))->chunk.data)->count = 4;
    d->u.stroke.attr.flags = SPICE_LINE_FLAGS_STYLED;
    d->u.stroke.attr.style_nseg = 255;
    d->u.stroke.attr.style = NOWHERE;
}
static void text_nowhere(QXLDrawable *d)
{
    d->type = QXL_DRAW_TEXT;
    d->u.text.str = NOWHERE;
}
static void text_length(QXLDrawable *d)
{
    QXLString *string = behind(d, OTHER);

    d->type = QXL_DRAW_TEXT;
    d->u.text.str = other_address(d);
    string->data_size = string->chunk.data_size = 40;
    string->length = 0xffff;
    string->flags = SPICE_STRING_FLAGS_RASTER_A8;
}
static void text_glyph(QXLDrawable *d)
{
    QXLString *string = behind(d, OTHER);
    QXLRasterGlyph *glyph = (QXLRasterGlyph *)(void *)string->chunk.data;

    text_length(d);
    string->length = 1;
    glyph->width = glyph->height = 0xffff;
}

static Spoil *const others[] = {
    brush_type,   brush_pattern,    copy_bits,           opaque,      transparent,   alpha_blend,
    rop3,         composite_source, composite_transform, stroke_path, stroke_points, stroke_far,
    stroke_style, text_nowhere,     text_length,         text_glyph,
};

static void push_bad_drawables(void)
{
    for (unsigned i = 0; i < sizeof copies / sizeof *copies; i++) {
        QXLDrawable *d = good(QXL_DRAW_COPY);

        copies[i](d);
        qxl_push_command(QXL_CMD_DRAW, d);
        qxl_drain();
    }
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        QXLDrawable *d = good(QXL_DRAW_NOP);

        others[i](d);
        qxl_push_command(QXL_CMD_DRAW, d);
        qxl_drain();
    }
}

/* --- commands that draw nothing --- */

static void push_surface_destroy(uint32_t id)
{
    QXLSurfaceCmd *s = qxl_block();

    s->surface_id = id;
    s->type = QXL_SURFACE_CMD_DESTROY;
    qxl_push_command(QXL_CMD_SURFACE, s);
}

/* QEMU remembers for itself what was created, unchecked, and ends the process at a migration when it finds such a
 * surface in its list: each is destroyed again. */
static void push_bad_surface(uint32_t format, uint32_t width, uint32_t height, int32_t stride, QXLPHYSICAL data)
{
    QXLSurfaceCmd *s = qxl_block();

    s->surface_id = 500;
    s->type = QXL_SURFACE_CMD_CREATE;
    s->u.surface_create.format = format;
    s->u.surface_create.width = width;
    s->u.surface_create.height = height;
    s->u.surface_create.stride = stride;
    s->u.surface_create.data = data;
    qxl_push_command(QXL_CMD_SURFACE, s);
    push_surface_destroy(500);
}

static void push_bad_surfaces(void)
{
    QXLPHYSICAL memory = qxl_address(qxl_surface_memory(40));

    push_bad_surface(7, 16, 16, 64, memory);
    push_bad_surface(SPICE_SURFACE_FMT_32_xRGB, 0, 16, 64, memory);
    push_bad_surface(SPICE_SURFACE_FMT_32_xRGB, 16, 0, 64, memory);
    push_bad_surface(SPICE_SURFACE_FMT_32_xRGB, 16, 16, 4, memory);
    push_bad_surface(SPICE_SURFACE_FMT_32_xRGB, 16, 16, (int32_t)0x80000000u, memory);
    push_bad_surface(SPICE_SURFACE_FMT_32_xRGB, 0x40000001u, 16, 4, memory);
    push_bad_surface(SPICE_SURFACE_FMT_32_xRGB, 16, 0x7fffffffu, 64, memory);
    push_bad_surface(SPICE_SURFACE_FMT_32_xRGB, 16, 16, 64, NOWHERE);
    push_bad_surface(SPICE_SURFACE_FMT_1_A, 0xffffffffu, 1, 4, memory);
    qxl_drain();
}

static void push_bad_cursor(uint16_t cursor_type, uint16_t width, uint16_t height, uint32_t size, uint32_t chunk)
{
    QXLCursorCmd *c = qxl_block();
    QXLCursor *cursor = (QXLCursor *)((uint8_t *)c + 512);

    c->type = QXL_CURSOR_SET;
    c->u.set.visible = 1;
    c->u.set.shape = qxl_address(cursor);
    cursor->header.unique = 0;
    cursor->header.type = cursor_type;
    cursor->header.width = width;
    cursor->header.height = height;
    cursor->header.hot_spot_x = 0xffff;
    cursor->data_size = size;
    cursor->chunk.data_size = chunk;
    qxl_push_cursor(c);
}

static void push_bad_cursors(void)
{
    QXLCursorCmd *c;

    push_bad_cursor(99, 16, 16, 1024, 1024);
    push_bad_cursor(SPICE_CURSOR_TYPE_ALPHA, 0xffff, 0xffff, 1024, 1024);
    push_bad_cursor(SPICE_CURSOR_TYPE_ALPHA, 16, 16, 8, 8);
    push_bad_cursor(SPICE_CURSOR_TYPE_ALPHA, 16, 16, 0xffffffffu, 0xffffffffu);
    push_bad_cursor(SPICE_CURSOR_TYPE_MONO, 0, 0, 0, 0);
    c = qxl_block();
    c->type = 77;
    qxl_push_cursor(c);
    c = qxl_block();
    c->type = QXL_CURSOR_TRAIL;
    c->u.trail.length = c->u.trail.frequency = 0xffff;
    qxl_push_cursor(c);
    c = qxl_block();
    c->type = QXL_CURSOR_HIDE;
    qxl_push_cursor(c);
    qxl_drain();
}

static void push_bad_messages(void)
{
    QXLMessage *message = qxl_block();
    QXLUpdateCmd *update;

    memset(message->data, 'x', QXL_BLOCK_SIZE - sizeof *message); /* no end */
    qxl_push_command(QXL_CMD_MESSAGE, message);
    update = qxl_block();
    update->surface_id = 902;
    update->area.right = update->area.bottom = 0x7fffffff;
    qxl_push_command(QXL_CMD_UPDATE, update);
    qxl_push_command(QXL_CMD_NOP, qxl_block());
    qxl_push_command(99, qxl_block());
    qxl_drain();
}

/* --- the ports, with work waiting --- */

static void ask_for_area(uint32_t surface, uint32_t right, uint32_t bottom)
{
    QXLRam *ram = qxl_ram();

    qxl_push_command(QXL_CMD_DRAW, good(QXL_DRAW_COPY));
    ram->update_surface = surface;
    memset(&ram->update_area, 0, sizeof ram->update_area);
    ram->update_area.right = (int32_t)right;
    ram->update_area.bottom = (int32_t)bottom;
    qxl_io(QXL_IO_UPDATE_AREA, 0);
}

/* An asynchronous request; the device takes one at a time. */
static void ask(uint8_t port)
{
    volatile uint32_t *pending = &qxl_ram()->int_pending;

    *pending = 0;
    qxl_io(port, 0);
    while (!(*pending & QXL_INTERRUPT_IO_CMD))
        qxl_io(QXL_IO_UPDATE_IRQ, 0);
}

static void poke_ports(void)
{
    QXLMonitorsConfig *monitors = (QXLMonitorsConfig *)qxl_surface_memory(41);

    ask_for_area(0, SCREEN_WIDTH + 1000, SCREEN_HEIGHT + 1000);
    ask_for_area(503, 10, 10);
    qxl_io(QXL_IO_DESTROY_SURFACE_WAIT, 200);
    qxl_io(QXL_IO_NOTIFY_OOM, 0);
    ask(QXL_IO_FLUSH_SURFACES_ASYNC);
    qxl_io(QXL_IO_FLUSH_RELEASE, 0);
    qxl_ram()->monitors_config = qxl_address(monitors);
    memset(monitors, 0, sizeof *monitors);
    ask(QXL_IO_MONITORS_CONFIG_ASYNC);
    monitors->count = monitors->max_allowed = 0xffff;
    ask(QXL_IO_MONITORS_CONFIG_ASYNC);
    qxl_drain();
}

void push_bad_commands(void)
{
    push_bad_drawables();
    push_bad_surfaces();
    push_bad_cursors();
    push_bad_messages();
    poke_ports();
}
