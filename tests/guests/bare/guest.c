/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenes for a QXL device, drawn by a guest without an operating system.
 *
 * Each byte that comes on the serial line is a command; "k" and a line feed answer when the device has fetched all of
 * it. All state lies in the guest's memory, so scenes go on after a migration. The same commands in the same order
 * always give the same picture.
 *
 *   p  the pictures of the present set (24 of 128x96, cached)      n  go to the next set, and draw it
 *   s  create 8 surfaces and draw a picture on each                 d  copy them to the screen
 *   x  destroy them                                                 f  fill a rectangle with the next colour
 *   b  scroll the screen up by 16 lines                             c  next cursor shape       m  move the cursor
 *   ?  nothing: are you there                                       w  draw small things until the next byte
 *   e  commands that are errors, see bad.c
 *
 * Numbered streams through virtio-serial ports (streams.h) go on besides, also during w:
 *
 *   O  open the ports, listen   C  close them     T  talk     H  hush     D  be deaf    L  listen again
 *   r  report how far they are, a line for each
 */
#include "guest.h"
#include "streams.h"

#define PICTURES 24
#define PICTURE_WIDTH 128
#define PICTURE_HEIGHT 96
#define COLUMNS 8
#define GUEST_SURFACES 8

static uint32_t set, fills, shapes, moves;
static int have_surfaces;

QXLDrawable *drawable(uint8_t type, uint32_t surface, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    QXLDrawable *d = qxl_block();

    d->type = type;
    d->effect = QXL_EFFECT_OPAQUE;
    d->surface_id = surface;
    d->bbox.left = (int32_t)x;
    d->bbox.top = (int32_t)y;
    d->bbox.right = (int32_t)(x + width);
    d->bbox.bottom = (int32_t)(y + height);
    for (unsigned i = 0; i < 3; i++)
        d->surfaces_dest[i] = -1;
    return d;
}

void *behind(QXLDrawable *d, uint32_t offset)
{
    return (uint8_t *)d + 512 + offset;
}

static uint32_t pixel(uint32_t picture, uint32_t x, uint32_t y)
{
    uint32_t v = picture * 2654435761u + (x / 8) * 40503u + (y / 8) * 9973u;

    return (v ^ v >> 13 ^ x * y) & 0xffffff;
}

static void draw_picture(uint32_t surface, uint32_t number, uint32_t x, uint32_t y)
{
    QXLDrawable *d = drawable(QXL_DRAW_COPY, surface, x, y, PICTURE_WIDTH, PICTURE_HEIGHT);
    QXLImage *image = behind(d, 0);
    QXLDataChunk *chunk = behind(d, 256);
    uint32_t *p = (uint32_t *)(void *)chunk->data;

    image->descriptor.id = 0x10000 + number;
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.flags = QXL_IMAGE_CACHE;
    image->descriptor.width = PICTURE_WIDTH;
    image->descriptor.height = PICTURE_HEIGHT;
    image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
    image->bitmap.flags = QXL_BITMAP_TOP_DOWN;
    image->bitmap.x = PICTURE_WIDTH;
    image->bitmap.y = PICTURE_HEIGHT;
    image->bitmap.stride = PICTURE_WIDTH * 4;
    image->bitmap.data = qxl_address(chunk);
    chunk->data_size = PICTURE_WIDTH * PICTURE_HEIGHT * 4;
    for (uint32_t row = 0; row < PICTURE_HEIGHT; row++)
        for (uint32_t column = 0; column < PICTURE_WIDTH; column++)
            *p++ = pixel(number, column, row);
    d->u.copy.src_bitmap = qxl_address(image);
    d->u.copy.src_area.right = PICTURE_WIDTH;
    d->u.copy.src_area.bottom = PICTURE_HEIGHT;
    d->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
    qxl_push_command(QXL_CMD_DRAW, d);
}

static void draw_set(void)
{
    for (uint32_t i = 0; i < PICTURES; i++)
        draw_picture(0, set * PICTURES + i, i % COLUMNS * PICTURE_WIDTH, i / COLUMNS * PICTURE_HEIGHT);
}

static void fill(uint32_t surface, uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t color)
{
    QXLDrawable *d = drawable(QXL_DRAW_FILL, surface, x, y, width, height);

    d->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    d->u.fill.brush.u.color = color;
    d->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    qxl_push_command(QXL_CMD_DRAW, d);
}

static void scroll(void)
{
    QXLDrawable *d = drawable(QXL_COPY_BITS, 0, 0, 0, SCREEN_WIDTH, SCREEN_HEIGHT - 16);

    d->u.copy_bits.src_pos.y = 16;
    qxl_push_command(QXL_CMD_DRAW, d);
}

static void create_surfaces(void)
{
    for (uint32_t i = 0; i < GUEST_SURFACES && !have_surfaces; i++) {
        QXLSurfaceCmd *s = qxl_block();

        s->surface_id = i + 1;
        s->type = QXL_SURFACE_CMD_CREATE;
        s->u.surface_create.format = SPICE_SURFACE_FMT_32_xRGB;
        s->u.surface_create.width = PICTURE_WIDTH + 32;
        s->u.surface_create.height = PICTURE_HEIGHT + 32;
        s->u.surface_create.stride = (PICTURE_WIDTH + 32) * 4;
        s->u.surface_create.data = qxl_address(qxl_surface_memory(i));
        qxl_push_command(QXL_CMD_SURFACE, s);
        fill(i + 1, 0, 0, PICTURE_WIDTH + 32, PICTURE_HEIGHT + 32, 0x204060u * (i + 1));
        draw_picture(i + 1, 5000 + i, 16, 16);
    }
    have_surfaces = 1;
}

static void copy_surfaces(void)
{
    for (uint32_t i = 0; i < GUEST_SURFACES && have_surfaces; i++) {
        QXLDrawable *d = drawable(QXL_DRAW_COPY, 0, i * (PICTURE_WIDTH), 400, PICTURE_WIDTH, PICTURE_HEIGHT + 32);
        QXLImage *image = behind(d, 0);

        image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
        image->surface_image.surface_id = i + 1;
        d->surfaces_dest[0] = (int32_t)(i + 1);
        d->surfaces_rects[0].right = PICTURE_WIDTH + 32;
        d->surfaces_rects[0].bottom = PICTURE_HEIGHT + 32;
        d->u.copy.src_bitmap = qxl_address(image);
        d->u.copy.src_area.right = PICTURE_WIDTH;
        d->u.copy.src_area.bottom = PICTURE_HEIGHT + 32;
        d->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
        qxl_push_command(QXL_CMD_DRAW, d);
    }
}

static void destroy_surfaces(void)
{
    for (uint32_t i = 0; i < GUEST_SURFACES && have_surfaces; i++) {
        QXLSurfaceCmd *s = qxl_block();

        s->surface_id = i + 1;
        s->type = QXL_SURFACE_CMD_DESTROY;
        qxl_push_command(QXL_CMD_SURFACE, s);
    }
    have_surfaces = 0;
}

static void set_cursor(void)
{
    QXLCursorCmd *c = qxl_block();
    QXLCursor *cursor = (QXLCursor *)((uint8_t *)c + 512);
    uint32_t *p = (uint32_t *)(void *)cursor->chunk.data;

    c->type = QXL_CURSOR_SET;
    c->u.set.position.x = 100;
    c->u.set.position.y = 100;
    c->u.set.visible = 1;
    c->u.set.shape = qxl_address(cursor);
    cursor->header.unique = 1 + shapes % 4;
    cursor->header.type = SPICE_CURSOR_TYPE_ALPHA;
    cursor->header.width = cursor->header.height = 32;
    cursor->data_size = cursor->chunk.data_size = 32 * 32 * 4;
    for (uint32_t i = 0; i < 32 * 32; i++)
        *p++ = 0xff000000u | pixel(9000 + shapes % 4, i % 32, i / 32);
    shapes++;
    qxl_push_cursor(c);
}

static void move_cursor(void)
{
    QXLCursorCmd *c = qxl_block();

    c->type = QXL_CURSOR_MOVE;
    c->u.position.x = (int16_t)(moves * 37 % SCREEN_WIDTH);
    c->u.position.y = (int16_t)(moves * 23 % SCREEN_HEIGHT);
    moves++;
    qxl_push_cursor(c);
}

static void fill_next(void)
{
    fill(0, 700 + fills * 13 % 200, 300 + fills * 7 % 90, 24, 8, fills * 0x010f07u & 0xffffff);
    fills++;
}

static void draw_until_told(void)
{
    int c;

    serial_print("k\n");
    while ((c = serial_get()) < 0) {
        fill_next();
        draw_picture(0, set * PICTURES + fills % PICTURES, fills % COLUMNS * PICTURE_WIDTH, 600);
        qxl_drain();
        streams_step();
    }
}

/* False: no command for the streams. */
static int handle_streams(char c)
{
    switch (c) {
    case 'O':
        if (streams_open() < 0)
            serial_print("no virtio-serial device\n");
        break;
    case 'C':
        streams_close();
        break;
    case 'T':
    case 'H':
        streams_talk(c == 'T');
        break;
    case 'D':
    case 'L':
        streams_listen(c == 'L');
        break;
    case 'r':
        streams_report();
        break;
    default:
        return 0;
    }
    return 1;
}

static void handle(char c)
{
    switch (c) {
    case '?':
        break;
    case 'n':
        set++;
        /* fall through */
    case 'p':
        draw_set();
        break;
    case 's':
        create_surfaces();
        break;
    case 'd':
        copy_surfaces();
        break;
    case 'x':
        destroy_surfaces();
        break;
    case 'f':
        fill_next();
        break;
    case 'b':
        scroll();
        break;
    case 'c':
        set_cursor();
        break;
    case 'm':
        move_cursor();
        break;
    case 'w':
        draw_until_told();
        break;
    case 'e':
        push_bad_commands();
        break;
    default:
        if (!handle_streams(c))
            return;
    }
    qxl_drain();
    serial_print("k\n");
}

void guest_main(void);

void guest_main(void)
{
    serial_init();
    if (qxl_init() < 0) {
        serial_print("no qxl device\n");
        return;
    }
    fill(0, 0, 0, SCREEN_WIDTH, SCREEN_HEIGHT, 0x336699);
    qxl_drain();
    for (;;) {
        int c = serial_get();

        if (c >= 0)
            handle((char)c);
        streams_step();
    }
}
