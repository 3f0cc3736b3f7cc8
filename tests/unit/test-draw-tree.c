/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A model: small surfaces as plain arrays. Operations are played at once on the expected picture, when the tree renders
 * them on the server's, and when their turn comes in the pipe on each client's. In the end all must be equal.
 */
#include "server/display/tree.h"

#include <string.h>

#define WIDTH 24
#define HEIGHT 16
#define N_SURFACES 3
#define N_CLIENTS 2

typedef struct Picture {
    uint32_t pixels[N_SURFACES][HEIGHT][WIDTH];
} Picture;

typedef struct PipeItem {
    Drawable *drawable; /* NULL: the surface is cleared (destroyed and created again) */
    uint32_t surface;
} PipeItem;

typedef struct Client {
    Picture picture;
    GQueue pipe;
    unsigned sent;
} Client;

typedef struct World {
    DrawTree *tree;
    Picture expected, server;
    Client clients[N_CLIENTS];
    unsigned added, rendered, dropped, reverted, freed;
    uint64_t last_rendered[N_SURFACES];
} World;

static bool in_clip(const DrawOp *op, int x, int y)
{
    if (!op->has_clip)
        return true;
    for (uint32_t i = 0; i < op->n_clip_rects; i++) {
        const Rect *r = &op->clip_rects[i];

        if (x >= r->left && x < r->right && y >= r->top && y < r->bottom)
            return true;
    }
    return false;
}

static uint32_t source_pixel(const Picture *before, const DrawOp *op, int x, int y, uint32_t dest)
{
    const Image *src = op->u.copy.src;
    int sx, sy;
    uint32_t s = op->surface_id;

    switch (op->type) {
    case QXL_DRAW_FILL:
        return op->u.fill.rop == SPICE_ROPD_OP_XOR ? dest ^ op->u.fill.brush.color : op->u.fill.brush.color;
    case QXL_DRAW_STROKE: /* here it fills its box */
        return dest ^ op->u.stroke.brush.color;
    case QXL_COPY_BITS:
        sx = x - op->box.left + op->u.copy_bits.src_pos.x;
        sy = y - op->box.top + op->u.copy_bits.src_pos.y;
        break;
    default: /* COPY of a surface */
        sx = x - op->box.left + op->u.copy.src_area.left;
        sy = y - op->box.top + op->u.copy.src_area.top;
        s = src->surface_id;
        break;
    }
    g_assert_true(sx >= 0 && sy >= 0 && sx < WIDTH && sy < HEIGHT);
    return before->pixels[s][sy][sx];
}

static void play(Picture *picture, const DrawOp *op)
{
    Picture before = *picture;

    for (int y = op->box.top; y < op->box.bottom; y++)
        for (int x = op->box.left; x < op->box.right; x++) {
            uint32_t *pixel = &picture->pixels[op->surface_id][y][x];

            if (in_clip(op, x, y))
                *pixel = source_pixel(&before, op, x, y, *pixel);
        }
}

static void on_render(Drawable *drawable, void *opaque)
{
    World *world = opaque;
    uint64_t *last = &world->last_rendered[drawable->op->surface_id];

    g_assert_false(drawable->pending);
    g_assert_cmpuint(drawable->serial, >, *last);
    *last = drawable->serial;
    world->rendered++;
    play(&world->server, drawable->op);
}

static bool pipe_remove(Client *client, Drawable *drawable)
{
    for (GList *link = client->pipe.head; link; link = link->next) {
        PipeItem *item = link->data;

        if (item->drawable == drawable) {
            drawable_unref(drawable);
            g_free(item);
            g_queue_delete_link(&client->pipe, link);
            return true;
        }
    }
    return false;
}

static void on_dropped(Drawable *drawable, void *opaque)
{
    World *world = opaque;

    world->dropped++;
    for (unsigned i = 0; i < N_CLIENTS; i++)
        pipe_remove(&world->clients[i], drawable);
}

static void pipe_add(Client *client, Drawable *drawable, uint32_t surface)
{
    PipeItem *item = g_new0(PipeItem, 1);

    item->drawable = drawable ? drawable_ref(drawable) : NULL;
    item->surface = surface;
    g_queue_push_tail(&client->pipe, item);
}

static void on_reverted(Drawable *old, Drawable *undo, void *opaque)
{
    World *world = opaque;

    world->reverted++;
    for (unsigned i = 0; i < N_CLIENTS; i++)
        if (!pipe_remove(&world->clients[i], old))
            pipe_add(&world->clients[i], undo, 0);
}

static void on_free(Drawable *drawable, void *opaque)
{
    ((World *)opaque)->freed++;
}

static const DrawTreeOps tree_ops = {
    .render = on_render, .dropped = on_dropped, .reverted = on_reverted, .free = on_free};

static World *world_new(void)
{
    World *world = g_new0(World, 1);

    world->tree = draw_tree_new(&tree_ops, world);
    for (unsigned i = 0; i < N_CLIENTS; i++)
        g_queue_init(&world->clients[i].pipe);
    return world;
}

/* Takes the reference of op. */
static Drawable *world_add(World *world, DrawOp *op)
{
    Drawable *drawable;

    play(&world->expected, op);
    drawable = draw_tree_add(world->tree, op);
    world->added++;
    if (drawable) {
        g_assert_true(drawable->pending);
        for (unsigned i = 0; i < N_CLIENTS; i++)
            pipe_add(&world->clients[i], drawable, 0);
    }
    draw_op_unref(op);
    return drawable;
}

static void world_send(World *world, Client *client, unsigned n)
{
    PipeItem *item;

    while (n-- && (item = g_queue_pop_head(&client->pipe))) {
        client->sent++;
        if (item->drawable) {
            play(&client->picture, item->drawable->op);
            drawable_unref(item->drawable);
        } else {
            memset(client->picture.pixels[item->surface], 0, sizeof(client->picture.pixels[0]));
        }
        g_free(item);
    }
}

static void world_reset_surface(World *world, uint32_t surface)
{
    draw_tree_discard_surface(world->tree, surface);
    g_assert_cmpuint(draw_tree_count(world->tree, surface), ==, 0);
    memset(world->expected.pixels[surface], 0, sizeof(world->expected.pixels[0]));
    memset(world->server.pixels[surface], 0, sizeof(world->server.pixels[0]));
    for (unsigned i = 0; i < N_CLIENTS; i++)
        pipe_add(&world->clients[i], NULL, surface);
}

static void assert_area(const World *world, uint32_t surface, const Rect *r)
{
    for (int y = r->top; y < r->bottom; y++)
        for (int x = r->left; x < r->right; x++)
            g_assert_cmphex(world->server.pixels[surface][y][x], ==, world->expected.pixels[surface][y][x]);
}

static void world_finish(World *world)
{
    draw_tree_render_all(world->tree);
    g_assert_cmpuint(draw_tree_count_all(world->tree), ==, 0);
    g_assert_cmpint(memcmp(&world->server, &world->expected, sizeof(Picture)), ==, 0);
    for (unsigned i = 0; i < N_CLIENTS; i++) {
        world_send(world, &world->clients[i], G_MAXUINT);
        g_assert_cmpint(memcmp(&world->clients[i].picture, &world->expected, sizeof(Picture)), ==, 0);
    }
    g_assert_cmpuint(world->freed, ==, world->added);
    draw_tree_free(world->tree);
    g_free(world);
}

/* ---- Operations ---- */

static DrawOp *fill(uint32_t surface, Rect box, uint32_t color)
{
    DrawOp *op = draw_op_new(QXL_DRAW_FILL, surface, &box);

    op->effect = QXL_EFFECT_OPAQUE;
    op->u.fill.brush = (Brush){.type = SPICE_BRUSH_TYPE_SOLID, .color = color};
    op->u.fill.rop = SPICE_ROPD_OP_PUT;
    return op;
}

static DrawOp *xor_fill(uint32_t surface, Rect box, uint32_t color, uint8_t effect)
{
    DrawOp *op = fill(surface, box, color);

    op->effect = effect;
    op->u.fill.rop = SPICE_ROPD_OP_XOR;
    return op;
}

static DrawOp *copy_bits(uint32_t surface, Rect box, int x, int y)
{
    DrawOp *op = draw_op_new(QXL_COPY_BITS, surface, &box);

    op->effect = QXL_EFFECT_OPAQUE;
    op->u.copy_bits.src_pos = (Point){x, y};
    return op;
}

static DrawOp *copy_surface(uint32_t surface, Rect box, uint32_t from, int x, int y)
{
    DrawOp *op = draw_op_new(QXL_DRAW_COPY, surface, &box);

    op->effect = QXL_EFFECT_OPAQUE;
    op->u.copy.src = image_new_surface(from);
    op->u.copy.src_area = (Rect){x, y, x + box.right - box.left, y + box.bottom - box.top};
    op->u.copy.rop = SPICE_ROPD_OP_PUT;
    if (from != surface) {
        op->deps[1] = (int32_t)from;
        op->dep_areas[1] = op->u.copy.src_area;
    }
    return op;
}

/* ---- Known cases ---- */

#define A ((Rect){0, 0, 4, 4})
#define B ((Rect){8, 8, 12, 12})

/* Sends everything to client 0 and tells how many items that were. */
static unsigned sent(World *world)
{
    unsigned before = world->clients[0].sent;

    world_send(world, &world->clients[0], G_MAXUINT);
    return world->clients[0].sent - before;
}

static void test_same_rectangle(void)
{
    World *world = world_new();

    for (uint32_t i = 0; i < 10; i++)
        world_add(world, fill(0, A, i));
    g_assert_cmpuint(world->freed, ==, 9);
    g_assert_cmpuint(sent(world), ==, 1);
    world_finish(world);
}

static void test_union_and_blend(void)
{
    World *world = world_new();

    world_add(world, fill(0, (Rect){0, 0, 10, 10}, 1));
    world_add(world, fill(0, (Rect){0, 0, 5, 10}, 2));
    world_add(world, xor_fill(0, (Rect){2, 2, 4, 4}, 7, QXL_EFFECT_BLEND));
    g_assert_cmpuint(world->dropped, ==, 0);
    world_add(world, fill(0, (Rect){5, 0, 10, 10}, 3));
    g_assert_cmpuint(world->dropped, ==, 1);
    world_add(world, fill(0, (Rect){0, 0, 10, 10}, 4));
    g_assert_cmpuint(world->dropped, ==, 4);
    g_assert_cmpuint(sent(world), ==, 1);
    world_finish(world);
}

static void test_copy_holds_source(void)
{
    World *world = world_new();

    world_add(world, fill(0, A, 0xffffff));
    world_add(world, copy_bits(0, B, 0, 0));
    world_add(world, fill(0, A, 0xff));
    world_add(world, fill(0, A, 0xff00));
    g_assert_cmpuint(world->dropped, ==, 1);
    g_assert_cmpuint(sent(world), ==, 3);
    world_finish(world);
}

static void test_copy_releases_source(void)
{
    World *world = world_new();

    world_add(world, fill(0, A, 1));
    world_add(world, copy_bits(0, B, 0, 0));
    world_add(world, fill(0, A, 2));
    world_add(world, fill(0, B, 3));
    g_assert_cmpuint(sent(world), ==, 2);
    world_finish(world);
}

static void test_scroll(void)
{
    World *world = world_new();

    world_add(world, fill(0, (Rect){0, 0, 20, 10}, 1));
    world_add(world, copy_bits(0, (Rect){0, 0, 20, 9}, 0, 1));
    world_add(world, fill(0, (Rect){0, 9, 20, 10}, 2));
    g_assert_cmpuint(sent(world), ==, 3);
    world_finish(world);
}

static void test_duplicates(void)
{
    World *world = world_new();
    DrawOp *op;

    world_add(world, xor_fill(0, A, 5, QXL_EFFECT_REVERT_ON_DUP));
    g_assert_null(world_add(world, xor_fill(0, A, 5, QXL_EFFECT_REVERT_ON_DUP)));
    g_assert_cmpuint(world->reverted, ==, 1);
    g_assert_cmpuint(sent(world), ==, 0);
    world_add(world, xor_fill(0, A, 5, QXL_EFFECT_REVERT_ON_DUP));
    g_assert_cmpuint(sent(world), ==, 1);
    world_add(world, xor_fill(0, A, 5, QXL_EFFECT_REVERT_ON_DUP));
    g_assert_cmpuint(sent(world), ==, 1);
    g_assert_cmpuint(world->clients[1].pipe.length, ==, 0);

    for (unsigned i = 0; i < 2; i++) {
        op = fill(0, A, 6);
        op->effect = QXL_EFFECT_NOP_ON_DUP;
        g_assert_true((world_add(world, op) == NULL) == (i == 1));
    }
    g_assert_cmpuint(sent(world), ==, 1);
    for (uint32_t i = 0; i < 2; i++) {
        op = fill(0, B, i);
        op->effect = QXL_EFFECT_OPAQUE_BRUSH;
        g_assert_nonnull(world_add(world, op));
    }
    g_assert_cmpuint(sent(world), ==, 1);
    world_finish(world);
}

static DrawOp *xor_stroke(Point to, uint8_t line_flags)
{
    DrawOp *op = draw_op_new(QXL_DRAW_STROKE, 0, &A);
    Path *path = path_new(1, 2);

    path->points[1] = to;
    path->segments[0] = (PathSegment){SPICE_PATH_BEGIN | SPICE_PATH_END, 2, path->points};
    op->u.stroke.path = path;
    op->u.stroke.style.flags = line_flags;
    op->u.stroke.brush = (Brush){.type = SPICE_BRUSH_TYPE_SOLID, .color = 5};
    op->u.stroke.fore_mode = SPICE_ROPD_OP_XOR;
    op->effect = QXL_EFFECT_REVERT_ON_DUP;
    return op;
}

/* Equal strokes undo each other too, but not any two. */
static void test_duplicate_strokes(void)
{
    World *world = world_new();

    world_add(world, xor_stroke((Point){160, 80}, 0));
    g_assert_null(world_add(world, xor_stroke((Point){160, 80}, 0)));
    g_assert_cmpuint(world->reverted, ==, 1);
    world_add(world, xor_stroke((Point){160, 80}, 0));
    g_assert_nonnull(world_add(world, xor_stroke((Point){160, 81}, 0)));
    g_assert_nonnull(world_add(world, xor_stroke((Point){160, 82}, SPICE_LINE_FLAGS_STYLED)));
    g_assert_nonnull(world_add(world, xor_stroke((Point){160, 82}, SPICE_LINE_FLAGS_STYLED)));
    g_assert_cmpuint(world->reverted, ==, 1);
    world_finish(world);
}

static void test_rendered_is_kept(void)
{
    World *world = world_new();

    world_add(world, fill(0, A, 1));
    draw_tree_render_area(world->tree, 0, &B);
    g_assert_cmpuint(world->rendered, ==, 0);
    draw_tree_render_area(world->tree, 0, &A);
    g_assert_cmpuint(world->rendered, ==, 1);
    world_add(world, fill(0, A, 2));
    g_assert_cmpuint(world->dropped, ==, 0);
    g_assert_cmpuint(sent(world), ==, 2);
    world_finish(world);
}

static void test_readers(void)
{
    World *world = world_new();

    world_add(world, fill(1, A, 1));
    world_add(world, fill(1, B, 2));
    world_add(world, copy_surface(0, A, 1, 0, 0));
    g_assert_cmpuint(world->rendered, ==, 0);
    world_add(world, fill(1, (Rect){0, 0, 20, 16}, 3));
    /* the copy, and what it reads; B is hidden */
    g_assert_cmpuint(world->rendered, ==, 2);
    g_assert_cmpuint(world->dropped, ==, 1);
    world_add(world, copy_surface(0, B, 1, 0, 0));
    world_reset_surface(world, 1);
    g_assert_cmpuint(world->rendered, ==, 4);
    world_finish(world);
}

static void test_nothing(void)
{
    World *world = world_new();
    DrawOp *op = fill(0, A, 1);

    op->has_clip = true;
    g_assert_null(world_add(world, op));
    op = draw_op_new(QXL_DRAW_NOP, 0, &A);
    op->effect = QXL_EFFECT_OPAQUE;
    g_assert_null(draw_tree_add(world->tree, op));
    world->added++;
    draw_op_unref(op);
    world_finish(world);
}

static void test_limits(void)
{
    World *world = world_new();
    GBytes *data = g_bytes_new_take(g_malloc0(1 << 20), 1 << 20);

    for (uint32_t i = 0; i < 300; i++)
        world_add(world, xor_fill(0, (Rect){(int)i % 20, 0, (int)i % 20 + 1, 1}, i, QXL_EFFECT_BLEND));
    g_assert_cmpuint(draw_tree_count(world->tree, 0), ==, DRAW_TREE_MAX_PER_SURFACE);
    g_assert_cmpuint(world->rendered, ==, 300 - DRAW_TREE_MAX_PER_SURFACE);
    g_assert_cmpuint(draw_tree_render_oldest(world->tree, 20), ==, 20);
    world_finish(world);

    world = world_new();
    for (uint32_t i = 0; i < 100; i++) {
        Rect box = {(int)i % WIDTH, (int)i / WIDTH, (int)i % WIDTH + 1, (int)i / WIDTH + 1};
        DrawOp *op = draw_op_new(QXL_DRAW_FILL, 0, &box);

        op->u.fill.brush.pattern = image_new_bitmap(i, SPICE_BITMAP_FMT_32BIT, true, 512, 512, g_bytes_ref(data), NULL);
        draw_tree_add(world->tree, op);
        draw_op_unref(op);
        g_assert_cmpuint(draw_tree_count_all(world->tree), ==, MIN(i + 1, 64));
    }
    draw_tree_free(world->tree);
    g_bytes_unref(data);
    g_free(world);
}

/* ---- Anything ---- */

static Rect random_box(GRand *rand, bool small)
{
    int w = g_rand_int_range(rand, 1, small ? 7 : WIDTH), h = g_rand_int_range(rand, 1, small ? 6 : HEIGHT);
    int x = g_rand_int_range(rand, 0, WIDTH - w + 1), y = g_rand_int_range(rand, 0, HEIGHT - h + 1);

    return (Rect){x, y, x + w, y + h};
}

static DrawOp *random_op(GRand *rand, unsigned colors)
{
    static const Rect usual[] = {A, B, {4, 0, 10, 6}, {0, 0, WIDTH, HEIGHT}};
    uint32_t surface = (uint32_t)g_rand_int_range(rand, 0, N_SURFACES);
    Rect box = g_rand_int_range(rand, 0, 3) ? random_box(rand, g_rand_boolean(rand))
                                            : usual[g_rand_int_range(rand, 0, G_N_ELEMENTS(usual))];
    int w = box.right - box.left, h = box.bottom - box.top;
    int x = g_rand_int_range(rand, 0, WIDTH - w + 1), y = g_rand_int_range(rand, 0, HEIGHT - h + 1);
    uint32_t color = (uint32_t)g_rand_int_range(rand, 1, (int)colors);
    DrawOp *op;

    switch (g_rand_int_range(rand, 0, 10)) {
    case 0:
    case 1:
    case 2:
        op = fill(surface, box, color);
        break;
    case 3:
        op = xor_fill(surface, box, color, QXL_EFFECT_BLEND);
        break;
    case 4:
        op = xor_fill(surface, box, color, QXL_EFFECT_REVERT_ON_DUP);
        break;
    case 5:
        op = fill(surface, box, color);
        op->effect = g_rand_boolean(rand) ? QXL_EFFECT_NOP_ON_DUP : QXL_EFFECT_OPAQUE_BRUSH;
        break;
    case 6:
    case 7:
    case 8:
        op = copy_bits(surface, box, x, y);
        if (g_rand_int_range(rand, 0, 5) == 0)
            op->effect = QXL_EFFECT_BLEND;
        break;
    default:
        op = copy_surface(surface, box, (uint32_t)g_rand_int_range(rand, 0, N_SURFACES), x, y);
        break;
    }
    if (g_rand_int_range(rand, 0, 4) == 0) {
        op->has_clip = true;
        op->n_clip_rects = (uint32_t)g_rand_int_range(rand, 0, 4);
        op->clip_rects = g_new0(Rect, op->n_clip_rects + 1);
        for (uint32_t i = 0; i < op->n_clip_rects; i++)
            op->clip_rects[i] = random_box(rand, true);
    }
    return op;
}

static void random_trigger(World *world, GRand *rand)
{
    uint32_t surface = (uint32_t)g_rand_int_range(rand, 0, N_SURFACES);
    Rect area = random_box(rand, g_rand_boolean(rand));

    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
        draw_tree_render_surface(world->tree, surface);
        assert_area(world, surface, &(Rect){0, 0, WIDTH, HEIGHT});
        break;
    case 1:
        draw_tree_render_readers(world->tree, surface);
        break;
    case 2:
        draw_tree_render_oldest(world->tree, 3);
        break;
    case 3:
        world_reset_surface(world, surface);
        break;
    default:
        draw_tree_render_area(world->tree, surface, &area);
        assert_area(world, surface, &area);
        break;
    }
}

static void test_random(void)
{
    unsigned rounds = g_test_slow() ? 30000 : 1500, dropped = 0, added = 0, reverted = 0;

    for (unsigned round = 0; round < rounds; round++) {
        GRand *rand = g_rand_new_with_seed(round);
        World *world = world_new();
        /* from never to often */
        int sends = g_rand_int_range(rand, 0, 30), triggers = g_rand_int_range(rand, 0, 20);
        unsigned n = (unsigned)g_rand_int_range(rand, 1, 120), colors = g_rand_boolean(rand) ? 4 : 1000;

        for (unsigned i = 0; i < n; i++) {
            world_add(world, random_op(rand, colors));
            for (unsigned c = 0; c < N_CLIENTS; c++)
                if (g_rand_int_range(rand, 0, 100) < sends)
                    world_send(world, &world->clients[c], (unsigned)g_rand_int_range(rand, 1, 8));
            if (g_rand_int_range(rand, 0, 100) < triggers)
                random_trigger(world, rand);
        }
        dropped += world->dropped;
        added += world->added;
        reverted += world->reverted;
        world_finish(world);
        g_rand_free(rand);
    }
    g_test_message("%u of %u were dropped, %u pairs undone", dropped, added, reverted);
    g_assert_cmpuint(dropped, >, added / 10);
    g_assert_cmpuint(reverted, >, 0);
}

/* All drawables of a round, oldest first, and which of their pixels are alive by the definition (see tree-hide.c). */
typedef struct History {
    DrawOp *op;
    Drawable *drawable;
    bool live[HEIGHT][WIDTH];
} History;

static bool op_covers(const DrawOp *op, int x, int y)
{
    return x >= op->box.left && x < op->box.right && y >= op->box.top && y < op->box.bottom && in_clip(op, x, y);
}

static bool pixel_live(const History *history, unsigned n, unsigned e, int x, int y)
{
    if (!op_covers(history[e].op, x, y))
        return false;
    for (unsigned i = e + 1; i < n; i++) {
        const DrawOp *op = history[i].op;

        /* an opaque COPY_BITS first reads, then covers */
        if (op->type == QXL_COPY_BITS) {
            int dx = x - op->u.copy_bits.src_pos.x + op->box.left, dy = y - op->u.copy_bits.src_pos.y + op->box.top;

            if (dx >= 0 && dy >= 0 && dx < WIDTH && dy < HEIGHT && history[i].live[dy][dx])
                return true;
        }
        if (op->effect == QXL_EFFECT_OPAQUE && op_covers(op, x, y))
            return false;
    }
    return true;
}

static void assert_history(History *history, unsigned n)
{
    for (unsigned e = n; e-- > 0;) {
        Drawable *drawable = history[e].drawable;
        bool any = false;

        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                bool live = history[e].live[y][x] = pixel_live(history, n, e, x, y);

                any = any || live;
                g_assert_cmpint(live, ==,
                                drawable && pixman_region32_contains_point(&drawable->visible, x, y, NULL) != 0);
            }
        g_assert_cmpint(any, ==, drawable && drawable->pending);
    }
}

/* Exactly the dead are dropped, not only some of them. */
static void test_exact(void)
{
    unsigned rounds = g_test_slow() ? 3000 : 150;

    for (unsigned round = 0; round < rounds; round++) {
        GRand *rand = g_rand_new_with_seed(round);
        World *world = world_new();
        History *history = g_new0(History, 30);
        unsigned n = 0;

        while (n < 30) {
            DrawOp *op = random_op(rand, 1000);

            op->surface_id = 0;
            if (op->type == QXL_DRAW_COPY || op->effect > QXL_EFFECT_OPAQUE) {
                draw_op_unref(op);
                continue;
            }
            history[n].op = draw_op_ref(op);
            history[n].drawable = world_add(world, op);
            if (history[n].drawable)
                drawable_ref(history[n].drawable);
            n++;
            assert_history(history, n);
        }
        for (unsigned i = 0; i < n; i++) {
            draw_op_unref(history[i].op);
            if (history[i].drawable)
                drawable_unref(history[i].drawable);
        }
        g_free(history);
        world_finish(world);
        g_rand_free(rand);
    }
}

/* Many small rectangles, as a terminal or a video draws them. */
static void test_speed(void)
{
    World *world = world_new();
    unsigned n = 200000;
    double seconds;

    g_test_timer_start();
    for (unsigned i = 0; i < n; i++) {
        int x = (int)(i * 7 % 23), y = (int)(i * 5 % 15);
        DrawOp *op = fill(0, (Rect){x, y, x + 1, y + 1}, i);

        draw_tree_add(world->tree, op);
        draw_op_unref(op);
    }
    seconds = g_test_timer_elapsed();
    g_test_message("%.0f ns per drawable", seconds * 1e9 / n);
    draw_tree_free(world->tree);
    g_free(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/draw-tree/same-rectangle", test_same_rectangle);
    g_test_add_func("/draw-tree/union-and-blend", test_union_and_blend);
    g_test_add_func("/draw-tree/copy-holds-source", test_copy_holds_source);
    g_test_add_func("/draw-tree/copy-releases-source", test_copy_releases_source);
    g_test_add_func("/draw-tree/scroll", test_scroll);
    g_test_add_func("/draw-tree/duplicates", test_duplicates);
    g_test_add_func("/draw-tree/duplicate-strokes", test_duplicate_strokes);
    g_test_add_func("/draw-tree/rendered-is-kept", test_rendered_is_kept);
    g_test_add_func("/draw-tree/readers", test_readers);
    g_test_add_func("/draw-tree/nothing", test_nothing);
    g_test_add_func("/draw-tree/limits", test_limits);
    g_test_add_func("/draw-tree/random", test_random);
    g_test_add_func("/draw-tree/exact", test_exact);
    g_test_add_func("/draw-tree/speed", test_speed);
    return g_test_run();
}
