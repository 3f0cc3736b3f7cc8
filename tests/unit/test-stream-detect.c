/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which rows of pictures become a video stream. */
#include "common/image/image.h"
#include "server/display/stream-detect.h"
#include "tests/unit/quic-images.h"

#include <spice.h>

#define MS 1000

typedef struct Player {
    StreamDetector detector;
    gint64 now;
    Rect box;
    Image *photo, *noise;
} Player;

static Image *make_image(const char *kind, uint32_t width, uint32_t height)
{
    size_t size = (size_t)width * height * 4;

    return image_new_bitmap(1, SPICE_BITMAP_FMT_32BIT, true, width, height,
                            g_bytes_new_take(quic_image_new(QUIC_TYPE_RGB32, kind, width, height, 1), size), NULL);
}

static void player_init(Player *p, int mode)
{
    *p = (Player){.detector.mode = mode, .now = 1, .box = {10, 20, 10 + 120, 20 + 100}};
    p->photo = make_image("soft", 120, 100);
    p->noise = make_image("noise", 120, 100);
}

static void player_clear(Player *p)
{
    image_unref(p->photo);
    image_unref(p->noise);
}

static DrawOp *copy_new(const Rect *box, Image *image)
{
    DrawOp *op = draw_op_new(QXL_DRAW_COPY, 0, box);

    op->effect = QXL_EFFECT_OPAQUE;
    op->u.copy.rop = SPICE_ROPD_OP_PUT;
    op->u.copy.src = image_ref(image);
    op->u.copy.src_area = (Rect){0, 0, (int32_t)image->width, (int32_t)image->height};
    return op;
}

/* True if a stream begins with this picture. */
static bool show(Player *p, Image *image, unsigned ms, unsigned *fps)
{
    g_autoptr(DrawOp) op = copy_new(&p->box, image);
    StreamShape shape;
    unsigned ignored;
    bool begins;

    begins = stream_detector_takes(&p->detector, op, &shape) &&
             stream_detector_add(&p->detector, op, &shape, p->now, fps ? fps : &ignored);
    p->now += (gint64)ms * MS;
    return begins;
}

/* How many of up to `max` pictures until a stream begins, that one counted; 0: none does. */
static unsigned show_many(Player *p, Image *image, unsigned ms, unsigned max)
{
    for (unsigned n = 1; n <= max; n++)
        if (show(p, image, ms, NULL))
            return n;
    return 0;
}

static void test_begins(void)
{
    Player p;
    unsigned fps = 0;

    player_init(&p, SPICE_STREAM_VIDEO_FILTER);
    for (unsigned i = 1; i <= 20; i++)
        g_assert_false(show(&p, p.photo, 40, NULL));
    g_assert_true(show(&p, p.photo, 40, &fps));
    g_assert_cmpuint(fps, ==, 25);
    /* What began is forgotten. */
    g_assert_cmpuint(show_many(&p, p.photo, 5, 30), ==, 21);
    player_clear(&p);
}

static void test_fast_and_slow(void)
{
    Player p;
    unsigned fps = 0;

    player_init(&p, SPICE_STREAM_VIDEO_ALL);
    g_assert_cmpuint(show_many(&p, p.photo, 1, 20), ==, 0);
    g_assert_true(show(&p, p.photo, 1, &fps));
    g_assert_cmpuint(fps, ==, 30);
    g_assert_cmpuint(show_many(&p, p.photo, 200, 20), ==, 0);
    g_assert_true(show(&p, p.photo, 1, &fps));
    g_assert_cmpuint(fps, ==, 5);
    player_clear(&p);
}

static void test_gaps(void)
{
    Player p;

    player_init(&p, SPICE_STREAM_VIDEO_ALL);
    g_assert_cmpuint(show_many(&p, p.photo, 250, 100), ==, 0);
    /* A pause in the middle begins the count anew. */
    g_assert_cmpuint(show_many(&p, p.photo, 30, 15), ==, 0);
    p.now += 250 * MS;
    g_assert_cmpuint(show_many(&p, p.photo, 30, 100), ==, 21);
    player_clear(&p);
}

static void test_noise(void)
{
    Player p;

    player_init(&p, SPICE_STREAM_VIDEO_FILTER);
    g_assert_cmpuint(show_many(&p, p.noise, 30, 500), ==, 0);
    p.detector = (StreamDetector){.mode = SPICE_STREAM_VIDEO_ALL};
    g_assert_cmpuint(show_many(&p, p.noise, 30, 100), ==, 21);
    player_clear(&p);
}

/* A fifth of the pictures suffices, if they come often enough. */
static void test_mixed(void)
{
    Player p;

    player_init(&p, SPICE_STREAM_VIDEO_FILTER);
    g_assert_cmpuint(show_many(&p, p.noise, 30, 17), ==, 0); /* followers 0 to 16 */
    for (unsigned i = 17; i < 20; i++)
        g_assert_false(show(&p, p.photo, 30, NULL));
    g_assert_true(show(&p, p.photo, 30, NULL)); /* 4 of 20 */

    p.detector = (StreamDetector){.mode = SPICE_STREAM_VIDEO_FILTER};
    g_assert_cmpuint(show_many(&p, p.noise, 30, 120), ==, 0);
    /* So long ago that these count for nothing: the next photograph is the first one. */
    g_assert_cmpuint(show_many(&p, p.photo, 30, 100), ==, 20);
    player_clear(&p);
}

static void test_places(void)
{
    Player p;
    Rect here = {0, 0, 120, 100}, there = {200, 0, 320, 100};

    /* Pictures at many places, in turns, do not disturb each other. */
    player_init(&p, SPICE_STREAM_VIDEO_FILTER);
    for (unsigned i = 0; i < 40; i++) {
        p.box = i % 2 ? here : there;
        g_assert_false(show(&p, p.photo, 15, NULL));
    }
    p.box = here;
    g_assert_true(show(&p, p.photo, 15, NULL));
    p.box = there;
    g_assert_true(show(&p, p.photo, 15, NULL));
    /* One that never comes twice to the same place is none. */
    for (int32_t i = 0; i < 200; i++) {
        p.box = (Rect){i, 0, i + 120, 100};
        g_assert_false(show(&p, p.photo, 5, NULL));
    }
    player_clear(&p);
}

static void test_candidates(void)
{
    StreamDetector filter = {.mode = SPICE_STREAM_VIDEO_FILTER}, all = {.mode = SPICE_STREAM_VIDEO_ALL};
    StreamDetector off = {.mode = SPICE_STREAM_VIDEO_OFF};
    g_autoptr(Image) large = make_image("soft", 96, 96);
    g_autoptr(Image) small = make_image("soft", 96, 95);
    Rect box = {0, 0, 96, 96};
    g_autoptr(DrawOp) op = copy_new(&box, large);
    g_autoptr(DrawOp) little = copy_new(&box, small);
    StreamShape shape;

    g_assert_true(stream_detector_takes(&filter, op, &shape));
    g_assert_cmpuint(shape.width, ==, 96);
    g_assert_false(stream_detector_takes(&off, op, &shape));
    g_assert_false(stream_detector_takes(&filter, little, &shape));
    g_assert_true(stream_detector_takes(&all, little, &shape));

    op->effect = QXL_EFFECT_BLEND;
    g_assert_false(stream_detector_takes(&all, op, &shape));
    op->effect = QXL_EFFECT_OPAQUE;
    op->surface_id = 1;
    g_assert_false(stream_detector_takes(&all, op, &shape));
    op->surface_id = 0;
    op->u.copy.rop = SPICE_ROPD_OP_XOR;
    g_assert_false(stream_detector_takes(&all, op, &shape));
    op->u.copy.rop = SPICE_ROPD_OP_PUT;
    op->u.copy.src_area = (Rect){0, 0, 97, 96}; /* more than there is */
    g_assert_false(stream_detector_takes(&all, op, &shape));
    op->u.copy.src_area = (Rect){0, 0, 96, 96};
    g_assert_true(stream_detector_takes(&all, op, &shape));
    op->type = QXL_DRAW_BLEND;
    g_assert_false(stream_detector_takes(&all, op, &shape));
}

static void test_continues(void)
{
    StreamShape stream = {{10, 10, 110, 110}, 100, 100, true}, frame = stream;

    g_assert_true(stream_shape_continues(&stream, &frame));
    frame.width = 50;
    frame.box = (Rect){0, 0, 141, 141}; /* 19881 pixels, not quite twice as many */
    g_assert_true(stream_shape_continues(&stream, &frame));
    frame.box = (Rect){0, 0, 142, 141};
    g_assert_false(stream_shape_continues(&stream, &frame));
    frame.box = (Rect){11, 10, 111, 110};
    g_assert_false(stream_shape_continues(&stream, &frame));
    frame = stream;
    frame.top_down = false;
    g_assert_false(stream_shape_continues(&stream, &frame));
}

static void test_fps(void)
{
    g_assert_cmpuint(stream_fps(125, 5000 * MS), ==, 25);
    g_assert_cmpuint(stream_fps(600, 5000 * MS), ==, 30);
    g_assert_cmpuint(stream_fps(1, 5000 * MS), ==, 1);
    g_assert_cmpuint(stream_fps(20, 0), ==, 30);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-detect/begins", test_begins);
    g_test_add_func("/stream-detect/fast-and-slow", test_fast_and_slow);
    g_test_add_func("/stream-detect/gaps", test_gaps);
    g_test_add_func("/stream-detect/noise", test_noise);
    g_test_add_func("/stream-detect/mixed", test_mixed);
    g_test_add_func("/stream-detect/places", test_places);
    g_test_add_func("/stream-detect/candidates", test_candidates);
    g_test_add_func("/stream-detect/continues", test_continues);
    g_test_add_func("/stream-detect/fps", test_fps);
    return g_test_run();
}
