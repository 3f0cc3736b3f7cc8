/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walks a recording through spice_replay_* and prints what came out, with pointers replaced by what they point to, so
 * that two libraries can be compared.
 *
 *   replay-dump [--library FILE] [--text] [--surfaces N] [--late N] < recording
 *
 * --library: the functions of another libspice-server.so instead of those of this tree. --text: every line instead of
 * the SHA-256 of all. --late: how many commands are out before the oldest is freed (default 16). The last line is
 * "commands N calls N bytes N sha256 HEX".
 */
#include <dlfcn.h>
#include <glib.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The mocks below have to be visible to the other library. */
#pragma GCC visibility push(default)
#include <spice.h>
#include <spice/qxl_dev.h>
#pragma GCC visibility pop

static GChecksum *checksum;
static gboolean as_text;
static uint64_t bytes_seen;
static unsigned calls;

static void out(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void out(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (as_text) {
        fputs(text, stdout);
    } else {
        g_checksum_update(checksum, (const guchar *)text, (gssize)strlen(text));
    }
}

static void out_bytes(const char *name, const void *data, size_t size)
{
    bytes_seen += size;
    if (as_text) {
        g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
        out(" %s %zu %.16s", name, size, sum);
    } else {
        out(" %s %zu ", name, size);
        g_checksum_update(checksum, data, (gssize)size);
    }
}

void spice_qxl_create_primary_surface(QXLInstance *instance, uint32_t surface_id, QXLDevSurfaceCreate *s)
{
    calls++;
    out("create_primary %u: %u %u %d %u %u %u %u %u group %u", surface_id, s->width, s->height, s->stride, s->format,
        s->position, s->mouse_mode, s->flags, s->type, s->group_id);
    out_bytes("mem", (const void *)(uintptr_t)s->mem, (size_t)s->height * (size_t)ABS(s->stride));
    out("\n");
}

void spice_qxl_destroy_primary_surface(QXLInstance *instance, uint32_t surface_id)
{
    calls++;
    out("destroy_primary %u\n", surface_id);
}

void spice_qxl_destroy_surfaces(QXLInstance *instance)
{
    calls++;
    out("destroy_surfaces\n");
}

static void out_rect(const char *name, const QXLRect *r)
{
    out(" %s %d %d %d %d", name, r->top, r->left, r->bottom, r->right);
}

static void out_chunks(const char *name, const QXLDataChunk *chunk)
{
    out(" chunks %s", name);
    for (; chunk; chunk = (const QXLDataChunk *)(uintptr_t)chunk->next_chunk) {
        out_bytes("chunk", chunk->data, chunk->data_size);
    }
}

static void out_palette(QXLPHYSICAL address)
{
    const QXLPalette *p = (const QXLPalette *)(uintptr_t)address;

    if (!p) {
        return;
    }
    out(" palette %" G_GUINT64_FORMAT " %u", p->unique, p->num_ents);
    out_bytes("ents", p->ents, 4u * p->num_ents);
}

static void out_image(const char *name, QXLPHYSICAL address)
{
    const QXLImage *image = (const QXLImage *)(uintptr_t)address;

    if (!image) {
        out(" %s none", name);
        return;
    }
    out(" %s %" G_GUINT64_FORMAT " %u %u %u %u", name, image->descriptor.id, image->descriptor.type,
        image->descriptor.flags, image->descriptor.width, image->descriptor.height);
    if (image->descriptor.type == 0) {
        const QXLBitmap *b = &image->bitmap;
        out(" bitmap %u %u %u %u %u", b->format, b->flags, b->x, b->y, b->stride);
        out_palette(b->palette);
        if (b->flags & QXL_BITMAP_DIRECT) {
            out_bytes("flat", (const void *)(uintptr_t)b->data, (size_t)b->y * b->stride);
        } else {
            out_chunks("bitmap", (const QXLDataChunk *)(uintptr_t)b->data);
        }
    } else if (image->descriptor.type == 1) {
        out(" quic %u", image->quic.data_size);
        out_chunks("quic", (const QXLDataChunk *)image->quic.data);
    } else {
        out(" surface %u", image->surface_image.surface_id);
    }
}

static void out_brush(const QXLBrush *brush)
{
    out(" brush %u", brush->type);
    if (brush->type == 1) {
        out(" %u", brush->u.color);
    } else if (brush->type == 2) {
        out_image("pattern", brush->u.pattern.pat);
        out(" %d %d", brush->u.pattern.pos.x, brush->u.pattern.pos.y);
    }
}

static void out_mask(const QXLQMask *mask)
{
    out(" mask %u %d %d", mask->flags, mask->pos.x, mask->pos.y);
    out_image("bitmap", mask->bitmap);
}

static void out_transform(const char *name, QXLPHYSICAL address)
{
    if (address) {
        out_bytes(name, (const void *)(uintptr_t)address, sizeof(QXLTransform));
    }
}

static void out_stroke(const QXLStroke *s)
{
    const QXLPath *path = (const QXLPath *)(uintptr_t)s->path;

    out_chunks("path", &path->chunk);
    out(" attr %u", s->attr.flags);
    if (s->attr.flags & 8) {
        out_bytes("style", (const void *)(uintptr_t)s->attr.style, 4u * s->attr.style_nseg);
    }
    out_brush(&s->brush);
    out(" %u %u", s->fore_mode, s->back_mode);
}

static void out_string(const QXLText *t)
{
    const QXLString *string = (const QXLString *)(uintptr_t)t->str;

    out(" string %u %u %u", string->data_size, string->length, string->flags);
    out_chunks("string", &string->chunk);
    out_rect("back_area", &t->back_area);
    out_brush(&t->fore_brush);
    out_brush(&t->back_brush);
    out(" %u %u", t->fore_mode, t->back_mode);
}

static void out_composite(const QXLComposite *c)
{
    out(" composite %u", c->flags);
    out_image("src", c->src);
    out_transform("src_transform", c->src_transform);
    out_image("mask", c->mask);
    out_transform("mask_transform", c->mask_transform);
    out(" origins %d %d %d %d", c->src_origin.x, c->src_origin.y, c->mask_origin.x, c->mask_origin.y);
}

static void out_source(QXLPHYSICAL image, const QXLRect *area)
{
    out_image("src", image);
    out_rect("area", area);
}

static void out_drawing(const QXLDrawable *d)
{
    switch (d->type) {
    case QXL_DRAW_FILL:
        out_brush(&d->u.fill.brush);
        out(" %u", d->u.fill.rop_descriptor);
        out_mask(&d->u.fill.mask);
        break;
    case QXL_DRAW_OPAQUE:
        out_source(d->u.opaque.src_bitmap, &d->u.opaque.src_area);
        out_brush(&d->u.opaque.brush);
        out(" %u %u", d->u.opaque.rop_descriptor, d->u.opaque.scale_mode);
        out_mask(&d->u.opaque.mask);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        out_source(d->u.copy.src_bitmap, &d->u.copy.src_area);
        out(" %u %u", d->u.copy.rop_descriptor, d->u.copy.scale_mode);
        out_mask(&d->u.copy.mask);
        break;
    case QXL_COPY_BITS:
        out(" %d %d", d->u.copy_bits.src_pos.x, d->u.copy_bits.src_pos.y);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        out_mask(&d->u.invers.mask);
        break;
    case QXL_DRAW_ROP3:
        out_source(d->u.rop3.src_bitmap, &d->u.rop3.src_area);
        out_brush(&d->u.rop3.brush);
        out(" %u %u", d->u.rop3.rop3, d->u.rop3.scale_mode);
        out_mask(&d->u.rop3.mask);
        break;
    case QXL_DRAW_STROKE:
        out_stroke(&d->u.stroke);
        break;
    case QXL_DRAW_TEXT:
        out_string(&d->u.text);
        break;
    case QXL_DRAW_TRANSPARENT:
        out_source(d->u.transparent.src_bitmap, &d->u.transparent.src_area);
        out(" %u %u", d->u.transparent.src_color, d->u.transparent.true_color);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        out_source(d->u.alpha_blend.src_bitmap, &d->u.alpha_blend.src_area);
        out(" %u %u", d->u.alpha_blend.alpha_flags, d->u.alpha_blend.alpha);
        break;
    case QXL_DRAW_COMPOSITE:
        out_composite(&d->u.composite);
        break;
    default:
        break;
    }
}

static void out_drawable(const QXLDrawable *d)
{
    out(" draw %u on %u effect %u self %u time %u", d->type, d->surface_id, d->effect, d->self_bitmap, d->mm_time);
    out_rect("self_area", &d->self_bitmap_area);
    out_rect("bbox", &d->bbox);
    out(" clip %u", d->clip.type);
    if (d->clip.type == 1) {
        const QXLClipRects *rects = (const QXLClipRects *)(uintptr_t)d->clip.data;
        out(" %u", rects->num_rects);
        out_chunks("clip", &rects->chunk);
    }
    for (int i = 0; i < 3; i++) {
        out(" dest %d", d->surfaces_dest[i]);
        out_rect("rect", &d->surfaces_rects[i]);
    }
    out_drawing(d);
}

static void out_surface(const QXLSurfaceCmd *s)
{
    const QXLSurface *c = &s->u.surface_create;

    out(" surface %u %u %u", s->type, s->surface_id, s->flags);
    if (s->type != QXL_SURFACE_CMD_CREATE) {
        return;
    }
    out(" %u %u %u %d", c->format, c->width, c->height, c->stride);
    if (s->flags & QXL_SURF_FLAG_KEEP_DATA) {
        out_bytes("data", (const void *)(uintptr_t)c->data, (size_t)c->height * (size_t)ABS(c->stride));
    }
}

static void out_cursor(const QXLCursorCmd *c)
{
    const QXLCursor *shape;

    out(" cursor %u", c->type);
    switch (c->type) {
    case QXL_CURSOR_SET:
        shape = (const QXLCursor *)(uintptr_t)c->u.set.shape;
        out(" %d %d %u", c->u.set.position.x, c->u.set.position.y, c->u.set.visible);
        out(" %" G_GUINT64_FORMAT " %u %u %u %u %u %u", shape->header.unique, shape->header.type, shape->header.width,
            shape->header.height, shape->header.hot_spot_x, shape->header.hot_spot_y, shape->data_size);
        out_chunks("shape", &shape->chunk);
        break;
    case QXL_CURSOR_MOVE:
        out(" %d %d", c->u.position.x, c->u.position.y);
        break;
    case QXL_CURSOR_TRAIL:
        out(" %u %u", c->u.trail.length, c->u.trail.frequency);
        break;
    default:
        break;
    }
}

static void out_command(const QXLCommandExt *ext)
{
    const void *data = (const void *)(uintptr_t)ext->cmd.data;
    const QXLUpdateCmd *update = data;

    out("cmd %u %u %u %u", ext->cmd.type, ext->cmd.padding, ext->group_id, ext->flags);
    if (data && ext->cmd.type != QXL_CMD_MESSAGE) {
        out(" own %d", ((const QXLReleaseInfo *)data)->id == (uintptr_t)ext);
    }
    switch (data ? ext->cmd.type : QXL_CMD_NOP) {
    case QXL_CMD_DRAW:
        out_drawable(data);
        break;
    case QXL_CMD_UPDATE:
        out_rect("update", &update->area);
        out(" %u %u", update->update_id, update->surface_id);
        break;
    case QXL_CMD_SURFACE:
        out_surface(data);
        break;
    case QXL_CMD_CURSOR:
        out_cursor(data);
        break;
    case QXL_CMD_MESSAGE:
        break;
    default:
        out(" data %d", data != NULL);
        break;
    }
    out("\n");
}

typedef struct Library {
    SpiceReplay *(*replay_new)(FILE *, int);
    QXLCommandExt *(*next_cmd)(SpiceReplay *, QXLInstance *);
    void (*free_cmd)(SpiceReplay *, QXLCommandExt *);
    void (*replay_free)(SpiceReplay *);
} Library;

static Library library_open(const char *path)
{
    Library l = {spice_replay_new, spice_replay_next_cmd, spice_replay_free_cmd, spice_replay_free};
    void *handle;

    if (!path) {
        return l;
    }
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    *(void **)&l.replay_new = dlsym(handle, "spice_replay_new");
    *(void **)&l.next_cmd = dlsym(handle, "spice_replay_next_cmd");
    *(void **)&l.free_cmd = dlsym(handle, "spice_replay_free_cmd");
    *(void **)&l.replay_free = dlsym(handle, "spice_replay_free");
    return l;
}

static unsigned walk(const Library *l, SpiceReplay *replay, unsigned late)
{
    QXLInstance instance = {0};
    GQueue waiting = G_QUEUE_INIT;
    QXLCommandExt *cmd;
    unsigned commands = 0;

    while ((cmd = l->next_cmd(replay, &instance))) {
        commands++;
        out_command(cmd);
        g_queue_push_tail(&waiting, cmd);
        if (waiting.length > late) {
            l->free_cmd(replay, g_queue_pop_head(&waiting));
        }
    }
    if (l->next_cmd(replay, &instance)) {
        out("a command after the end\n");
    }
    while ((cmd = g_queue_pop_head(&waiting))) {
        l->free_cmd(replay, cmd);
    }
    l->replay_free(replay);
    return commands;
}

int main(int argc, char **argv)
{
    g_autofree char *path = NULL;
    int surfaces = 1024, late = 16;
    const GOptionEntry options[] = {{"library", 0, 0, G_OPTION_ARG_FILENAME, &path, NULL, NULL},
                                    {"text", 0, 0, G_OPTION_ARG_NONE, &as_text, NULL, NULL},
                                    {"surfaces", 0, 0, G_OPTION_ARG_INT, &surfaces, NULL, NULL},
                                    {"late", 0, 0, G_OPTION_ARG_INT, &late, NULL, NULL},
                                    G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    unsigned commands;
    SpiceReplay *replay;
    Library l;

    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL)) {
        return 2;
    }
    checksum = g_checksum_new(G_CHECKSUM_SHA256);
    l = library_open(path);
    replay = l.replay_new(stdin, surfaces);
    if (!replay) {
        printf("no recording\n");
        return 1;
    }
    commands = walk(&l, replay, (unsigned)late);
    printf("commands %u calls %u bytes %" G_GUINT64_FORMAT " sha256 %s\n", commands, calls, bytes_seen,
           g_checksum_get_string(checksum));
    g_checksum_free(checksum);
    return 0;
}
