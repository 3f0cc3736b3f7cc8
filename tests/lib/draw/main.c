/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * draw-host: a host whose guest draws random commands, made of the public interface of the library only.
 *
 *     draw-host COMPRESSION [jpeg]        SPICE_IMAGE_COMPRESSION_*; jpeg: approximations always
 *
 * Says its port when it is ready. Commands on stdin, a line each; answers on stdout, a JSON object a line:
 *
 *     batch TYPE FORMAT SEED PIXELS OPS
 *         A primary surface of FORMAT with noise, and in each of its cells one random command of TYPE (QXL_DRAW_*).
 *         Then the pixels, as the library's own canvas has drawn them, go to the file PIXELS: rows from the top,
 *         packed. OPS tells of each command, a line each: left, top, right, bottom of its cell, 1 if the top byte
 *         counts, and what it does. The first cell is the mark: filled with the seed when everything else is drawn.
 *
 *     mix FORMAT SEED COUNT
 *         So many random commands of all types, anywhere and on top of each other, on a primary of FORMAT and its
 *         sources, which come and go.
 *
 *     seal MARK
 *         Commands that no approximation may be left by: a raster operation on the whole primary, and others that
 *         read the sources. Nobody has them rendered. Behind them the first cell is filled with the mark.
 *
 *     lesson MARK
 *         The row of commands of lesson.h.
 *
 *     pixels FILE
 *         What the library's own canvas has drawn on the primary.
 *
 *     quit
 */
#include "tests/lib/client/say.h"
#include "tests/lib/draw/any.h"
#include "tests/lib/draw/lesson.h"
#include "tools/caravan-host/event-loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <spice/enums.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CELL_WIDTH 64
#define CELL_HEIGHT 48
#define COLUMNS 20
#define ROWS 20

static Guest guest;
static GMainLoop *loop;

static QXLRect cell_at(int i)
{
    int x = i % COLUMNS * CELL_WIDTH, y = i / COLUMNS * CELL_HEIGHT;

    return (QXLRect){.left = x, .top = y, .right = x + CELL_WIDTH, .bottom = y + CELL_HEIGHT};
}

static QXLDrawable *drawable_on(uint32_t surface_id, uint8_t type, QXLRect box)
{
    QXLDrawable *d = guest_alloc(&guest, sizeof(*d));

    d->surface_id = surface_id;
    d->type = type;
    d->bbox = box;
    for (unsigned i = 0; i < G_N_ELEMENTS(d->surfaces_dest); i++)
        d->surfaces_dest[i] = -1;
    return d;
}

static void fill(uint32_t surface_id, QXLRect box, uint32_t color)
{
    QXLDrawable *d = drawable_on(surface_id, QXL_DRAW_FILL, box);

    d->u.fill =
        (QXLFill){.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = color}, .rop_descriptor = SPICE_ROPD_OP_PUT};
    guest_submit(&guest, QXL_CMD_DRAW, d);
}

/* 1 bit surfaces show no images, only plain rectangles. */
static void add_noise(Any *a, uint32_t surface_id, uint32_t format, int width, int height)
{
    QXLRect box = {.right = width, .bottom = height};
    QXLDrawable *d;

    if (format == SPICE_SURFACE_FMT_1_A) {
        for (int i = 0; i < width * height / 60; i++) {
            int x = any(a, 0, width), y = any(a, 0, height);

            fill(surface_id, (QXLRect){y, x, MIN(y + any(a, 1, 9), height), MIN(x + any(a, 1, 9), width)},
                 (uint32_t)i & 1);
        }
        return;
    }
    d = drawable_on(surface_id, QXL_DRAW_COPY, box);
    d->u.copy = (QXLCopy){.src_area = box, .rop_descriptor = SPICE_ROPD_OP_PUT};
    d->u.copy.src_bitmap =
        any_bitmap(a,
                   format == SPICE_SURFACE_FMT_16_555   ? SPICE_BITMAP_FMT_16BIT
                   : format == SPICE_SURFACE_FMT_16_565 ? SPICE_BITMAP_FMT_24BIT
                   : format == SPICE_SURFACE_FMT_8_A    ? SPICE_BITMAP_FMT_8BIT_A
                                                        : SPICE_BITMAP_FMT_RGBA /* its top byte survives compression */,
                   width, height);
    guest_submit(&guest, QXL_CMD_DRAW, d);
}

static gboolean write_pixels(const char *path, GError **error)
{
    size_t row = guest_row_bytes(&guest);
    g_autoptr(GByteArray) all = g_byte_array_new();

    for (uint32_t y = 0; y < guest.height; y++)
        g_byte_array_append(all, guest_row(&guest, y), (guint)row);
    return g_file_set_contents(path, (const char *)all->data, (gssize)all->len, error);
}

static gboolean run_batch(uint8_t type, uint32_t format, uint32_t seed, const char *pixels, const char *ops,
                          GError **error)
{
    Any a = {.guest = &guest, .rand = g_rand_new_with_seed(seed), .words = g_string_new(NULL), .next_id = seed << 12};
    g_autoptr(GString) told = g_string_new(NULL);

    guest_begin(&guest, format, COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT, seed & 1);
    for (uint32_t id = 1; id < GUEST_SURFACES; id++)
        add_noise(&a, id, guest_source_formats[id], SOURCE_WIDTH, SOURCE_HEIGHT);
    add_noise(&a, 0, format, COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT);
    for (int i = 1; i < COLUMNS * ROWS; i++) {
        QXLRect cell = cell_at(i);

        guest_submit(&guest, QXL_CMD_DRAW, any_drawable(&a, type, &cell));
        g_string_append_printf(told, "%d %d %d %d %d %s\n", cell.left, cell.top, cell.right, cell.bottom,
                               a.top_byte_counts, a.words->str);
    }
    fill(0, cell_at(0), seed);
    guest_finish(&guest);
    g_rand_free(a.rand);
    g_string_free(a.words, TRUE);
    return write_pixels(pixels, error) && g_file_set_contents(ops, told->str, (gssize)told->len, error);
}

/* --- everything on top of everything --- */

static QXLRect any_rect(Any *a, int max_width, int max_height)
{
    int width = any(a, 1, max_width + 1), height = any(a, 1, max_height + 1);
    int left = any(a, 0, (int)a->guest->width - width + 1), top = any(a, 0, (int)a->guest->height - height + 1);

    return (QXLRect){.left = left, .top = top, .right = left + width, .bottom = top + height};
}

static void move_rect(Any *a)
{
    QXLRect to = any_rect(a, 200, 150);
    QXLDrawable *d = drawable_on(0, QXL_COPY_BITS, to);

    d->u.copy_bits.src_pos.x = any(a, 0, (int)a->guest->width - (to.right - to.left) + 1);
    d->u.copy_bits.src_pos.y = any(a, 0, (int)a->guest->height - (to.bottom - to.top) + 1);
    guest_submit(a->guest, QXL_CMD_DRAW, d);
}

/* A picture of its own. */
static void put_picture(Any *a)
{
    QXLRect box = any_rect(a, 120, 90);
    int width = box.right - box.left, height = box.bottom - box.top;
    QXLDrawable *d = drawable_on(0, QXL_DRAW_COPY, box);

    d->effect = QXL_EFFECT_OPAQUE;
    d->u.copy = (QXLCopy){.src_area = {.right = width, .bottom = height}, .rop_descriptor = SPICE_ROPD_OP_PUT};
    d->u.copy.src_bitmap =
        any_bitmap(a, (uint32_t)any(a, SPICE_BITMAP_FMT_16BIT, SPICE_BITMAP_FMT_RGBA + 1), width, height);
    guest_submit(a->guest, QXL_CMD_DRAW, d);
}

static void invert_source(uint32_t id)
{
    QXLRect box = {.right = SOURCE_WIDTH, .bottom = SOURCE_HEIGHT};
    QXLDrawable *d = drawable_on(id, QXL_DRAW_FILL, box);

    d->u.fill =
        (QXLFill){.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0xffffff}, .rop_descriptor = SPICE_ROPD_OP_XOR};
    guest_submit(&guest, QXL_CMD_DRAW, d);
}

/* TRANSPARENT compares all bits of a pixel, but in the top one of 555 is what nobody has said. */
static uint8_t any_type(Any *a)
{
    uint8_t type;

    do
        type = (uint8_t)any(a, QXL_DRAW_FILL, QXL_DRAW_COMPOSITE + 1);
    while (type == QXL_DRAW_TRANSPARENT && a->guest->format == SPICE_SURFACE_FMT_16_555);
    return type;
}

static void mix_one(Any *a)
{
    uint32_t id = (uint32_t)any(a, 1, GUEST_SURFACES);
    int what = any(a, 0, 100);
    QXLRect rect;

    if (what < 60) {
        rect = any_rect(a, CELL_WIDTH, CELL_HEIGHT);
        guest_submit(a->guest, QXL_CMD_DRAW, any_drawable(a, any_type(a), &rect));
    } else if (what < 70) {
        move_rect(a);
    } else if (what < 80) {
        put_picture(a);
    } else if (what < 88) {
        add_noise(a, id, guest_source_formats[id], SOURCE_WIDTH, SOURCE_HEIGHT);
    } else if (what < 92) {
        if (guest_format_bits(guest_source_formats[id]) > 8)
            invert_source(id);
    } else if (what < 96) {
        rect = any_rect(a, 300, 200);
        guest_update(a->guest, &rect);
    } else {
        guest_renew_source(a->guest, id);
        add_noise(a, id, guest_source_formats[id], SOURCE_WIDTH, SOURCE_HEIGHT);
    }
    g_string_truncate(a->words, 0);
}

static void run_seal(uint32_t mark)
{
    QXLRect whole = {.right = (int32_t)guest.width, .bottom = (int32_t)guest.height};
    Any a = {.guest = &guest, .words = g_string_new(NULL)};
    QXLDrawable *d = drawable_on(0, QXL_DRAW_FILL, whole);

    d->u.fill =
        (QXLFill){.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0xffffff}, .rop_descriptor = SPICE_ROPD_OP_XOR};
    guest_submit(&guest, QXL_CMD_DRAW, d);
    for (uint32_t id = 1; id < GUEST_SURFACES; id++) {
        if (guest_source_formats[id] != guest.format)
            continue;
        QXLRect box = {
            .top = 10, .left = 100 * (int)id, .bottom = 10 + SOURCE_HEIGHT, .right = 100 * (int)id + SOURCE_WIDTH};
        d = drawable_on(0, QXL_DRAW_BLEND, box);
        d->u.blend = (QXLBlend){.src_area = {.right = SOURCE_WIDTH, .bottom = SOURCE_HEIGHT},
                                .rop_descriptor = SPICE_ROPD_OP_XOR};
        d->u.blend.src_bitmap = any_surface_image(&a, d, id);
        guest_submit(&guest, QXL_CMD_DRAW, d);
    }
    fill(0, cell_at(0), mark);
    g_string_free(a.words, TRUE);
}

static void run_mix(uint32_t format, uint32_t seed, int count)
{
    Any a = {.guest = &guest, .rand = g_rand_new_with_seed(seed), .words = g_string_new(NULL), .next_id = seed << 12};

    guest_begin(&guest, format, 640, 480, seed & 1);
    for (uint32_t id = 1; id < GUEST_SURFACES; id++)
        add_noise(&a, id, guest_source_formats[id], SOURCE_WIDTH, SOURCE_HEIGHT);
    for (int i = 0; i < count; i++)
        mix_one(&a);
    g_rand_free(a.rand);
    g_string_free(a.words, TRUE);
}

static void run_command(char *line)
{
    g_auto(GStrv) w = g_strsplit(g_strstrip(line), " ", -1);
    g_autoptr(GError) error = NULL;

    if (g_strv_length(w) == 6 && !strcmp(w[0], "batch")) {
        gboolean ok =
            run_batch((uint8_t)atoi(w[1]), (uint32_t)atoi(w[2]), (uint32_t)strtoul(w[3], NULL, 0), w[4], w[5], &error);

        say("answer", "batch", "ok", 'b', ok, "error", 's', ok ? NULL : error->message, NULL);
    } else if (g_strv_length(w) == 4 && !strcmp(w[0], "mix")) {
        run_mix((uint32_t)atoi(w[1]), (uint32_t)strtoul(w[2], NULL, 0), atoi(w[3]));
        say("answer", "mix", "ok", 'b', TRUE, NULL);
    } else if (g_strv_length(w) == 2 && !strcmp(w[0], "seal")) {
        run_seal((uint32_t)strtoul(w[1], NULL, 0));
        say("answer", "seal", "ok", 'b', TRUE, NULL);
    } else if (g_strv_length(w) == 2 && !strcmp(w[0], "lesson")) {
        lesson_submit(&guest, (uint32_t)strtoul(w[1], NULL, 0));
        say("answer", "lesson", "ok", 'b', TRUE, NULL);
    } else if (g_strv_length(w) == 2 && !strcmp(w[0], "pixels")) {
        gboolean ok;

        guest_finish(&guest);
        ok = write_pixels(w[1], &error);
        say("answer", "pixels", "ok", 'b', ok, "error", 's', ok ? NULL : error->message, NULL);
    } else {
        if (w[0] && !strcmp(w[0], "quit"))
            g_main_loop_quit(loop);
        say("answer", w[0] ? w[0] : "", "ok", 'b', w[0] && !strcmp(w[0], "quit"), NULL);
    }
}

static gboolean on_stdin(GIOChannel *io, GIOCondition condition, gpointer data)
{
    g_autofree char *line = NULL;

    if (g_io_channel_read_line(io, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(loop);
        return G_SOURCE_REMOVE;
    }
    run_command(line);
    return G_SOURCE_CONTINUE;
}

static void channel_event(int event, SpiceChannelEventInfo *info) {}

static int listen_locally(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    SpiceServer *server = spice_server_new();
    int port, fd = listen_locally(&port);
    GIOChannel *io;

    if (fd < 0 || argc < 2 || argc > 3)
        return 2;
    spice_server_set_noauth(server);
    spice_server_set_image_compression(server, (SpiceImageCompression)atoi(argv[1]));
    spice_server_set_jpeg_compression(server, argc == 3 ? SPICE_WAN_COMPRESSION_ALWAYS : SPICE_WAN_COMPRESSION_NEVER);
    spice_server_set_streaming_video(server, SPICE_STREAM_VIDEO_OFF);
    spice_server_set_listen_socket_fd(server, fd);
    if (spice_server_init(server, event_loop_core(channel_event)) != 0)
        return 2;
    guest_init(&guest, server);
    spice_server_vm_start(server);
    loop = g_main_loop_new(NULL, FALSE);
    io = g_io_channel_unix_new(STDIN_FILENO);
    g_io_add_watch(io, G_IO_IN | G_IO_HUP, on_stdin, NULL);
    say("event", "ready", "port", 'i', port, NULL);
    g_main_loop_run(loop);
    spice_server_vm_stop(server);
    spice_server_destroy(server);
    g_ptr_array_unref(guest.memory);
    g_io_channel_unref(io);
    g_main_loop_unref(loop);
    return 0;
}
