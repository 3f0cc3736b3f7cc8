/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The canvas against recorded results of a real client: every case of every *.json file in tests/data/rendering, and in
 * the directory named by CARAVAN_RENDERING_VECTORS. A case: surfaces with initial pixels, operations, expected pixels
 * of surface 0, and which of their bits count.
 */
#include "common/draw/canvas.h"
#include "common/draw/rop.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define N_SURFACES 3

static int64_t number(JsonObject *o, const char *name)
{
    return json_object_has_member(o, name) ? json_object_get_int_member(o, name) : 0;
}

static int32_t item(JsonArray *a, unsigned i)
{
    return (int32_t)json_array_get_int_element(a, i);
}

static Rect rect_parse(JsonArray *a)
{
    return (Rect){item(a, 0), item(a, 1), item(a, 2), item(a, 3)};
}

static Rect rect_member(JsonObject *o, const char *name)
{
    return rect_parse(json_object_get_array_member(o, name));
}

static Point point_member(JsonObject *o, const char *name)
{
    JsonArray *a = json_object_get_array_member(o, name);

    return (Point){item(a, 0), item(a, 1)};
}

static uint8_t *hex_parse(const char *hex, size_t *size)
{
    uint8_t *data = g_malloc(strlen(hex) / 2 + 1);

    for (*size = 0; hex[2 * *size]; ++*size)
        data[*size] = (uint8_t)(g_ascii_xdigit_value(hex[2 * *size]) << 4 | g_ascii_xdigit_value(hex[2 * *size + 1]));
    return data;
}

static Palette *palette_parse(JsonArray *entries)
{
    Palette *palette = palette_new(0, (uint16_t)json_array_get_length(entries));

    for (unsigned i = 0; i < palette->n; i++)
        palette->entries[i] = (uint32_t)json_array_get_int_element(entries, i);
    return palette;
}

/* NULL if the image has a type that the canvas does not get. */
static Image *image_parse(JsonObject *parent, const char *name)
{
    JsonObject *o = json_object_has_member(parent, name) ? json_object_get_object_member(parent, name) : NULL;
    const char *type = o ? json_object_get_string_member(o, "type") : "";
    uint32_t w, h, stride, row;
    size_t size;
    uint8_t *data;
    Palette *palette = NULL;
    Image *image;
    uint8_t format;

    if (g_str_equal(type, "surface"))
        return image_new_surface((uint32_t)number(o, "surface"));
    if (!g_str_equal(type, "bitmap"))
        return NULL;
    w = (uint32_t)number(o, "w");
    h = (uint32_t)number(o, "h");
    stride = (uint32_t)number(o, "stride");
    format = (uint8_t)number(o, "fmt");
    row = (uint32_t)bitmap_row_bytes(format, w);
    data = hex_parse(json_object_get_string_member(o, "data"), &size);
    g_assert_cmpuint(size, >=, stride * h);
    for (uint32_t y = 0; y < h; y++)
        memmove(data + y * row, data + y * stride, row);
    if (json_object_has_member(o, "palette") && !json_object_get_null_member(o, "palette"))
        palette = palette_parse(json_object_get_array_member(o, "palette"));
    image = image_new_bitmap((uint64_t)number(o, "id"), format, number(o, "bflags") & SPICE_BITMAP_FLAGS_TOP_DOWN, w, h,
                             g_bytes_new_take(data, row * h), palette);
    image->high_bits_set = number(o, "iflags") & SPICE_IMAGE_FLAGS_HIGH_BITS_SET;
    return image;
}

static void brush_parse_named(JsonObject *parent, const char *name, Brush *brush)
{
    JsonObject *o = json_object_get_object_member(parent, name);
    const char *type = json_object_get_string_member(o, "type");

    if (g_str_equal(type, "solid")) {
        brush->type = SPICE_BRUSH_TYPE_SOLID;
        brush->color = (uint32_t)number(o, "color");
    } else if (g_str_equal(type, "pattern")) {
        brush->type = SPICE_BRUSH_TYPE_PATTERN;
        brush->pattern = image_parse(o, "image");
        brush->pos = point_member(o, "pos");
    }
}

static void brush_parse(JsonObject *parent, Brush *brush)
{
    brush_parse_named(parent, "brush", brush);
}

static void mask_parse(JsonObject *parent, Mask *mask)
{
    JsonObject *o = json_object_has_member(parent, "mask") ? json_object_get_object_member(parent, "mask") : NULL;

    if (!o)
        return;
    mask->flags = (uint8_t)number(o, "flags");
    mask->pos = point_member(o, "pos");
    mask->image = image_parse(o, "image");
}

static void transform_parse(JsonObject *o, const char *name, Transform *transform)
{
    JsonArray *a = json_object_has_member(o, name) ? json_object_get_array_member(o, name) : NULL;

    for (unsigned i = 0; a && i < 6; i++)
        transform->t[i] = (uint32_t)json_array_get_int_element(a, i);
}

static const struct {
    const char *name;
    uint8_t type;
} op_types[] = {
    {"fill", QXL_DRAW_FILL},           {"copy", QXL_DRAW_COPY},
    {"blend", QXL_DRAW_BLEND},         {"opaque", QXL_DRAW_OPAQUE},
    {"blackness", QXL_DRAW_BLACKNESS}, {"whiteness", QXL_DRAW_WHITENESS},
    {"invers", QXL_DRAW_INVERS},       {"rop3", QXL_DRAW_ROP3},
    {"copy_bits", QXL_COPY_BITS},      {"transparent", QXL_DRAW_TRANSPARENT},
    {"composite", QXL_DRAW_COMPOSITE}, {"alpha_blend", QXL_DRAW_ALPHA_BLEND},
    {"stroke", QXL_DRAW_STROKE},       {"text", QXL_DRAW_TEXT},
};

static void parse_source_ops(DrawOp *op, JsonObject *o)
{
    switch (op->type) {
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        op->u.copy.src = image_parse(o, "src");
        op->u.copy.src_area = rect_member(o, "src_area");
        op->u.copy.rop = (uint16_t)number(o, "rop");
        op->u.copy.scale_mode = (uint8_t)number(o, "scale_mode");
        mask_parse(o, &op->u.copy.mask);
        break;
    case QXL_DRAW_OPAQUE:
        op->u.opaque.src = image_parse(o, "src");
        op->u.opaque.src_area = rect_member(o, "src_area");
        brush_parse(o, &op->u.opaque.brush);
        op->u.opaque.rop = (uint16_t)number(o, "rop");
        op->u.opaque.scale_mode = (uint8_t)number(o, "scale_mode");
        mask_parse(o, &op->u.opaque.mask);
        break;
    case QXL_DRAW_ROP3:
        op->u.rop3.src = image_parse(o, "src");
        op->u.rop3.src_area = rect_member(o, "src_area");
        brush_parse(o, &op->u.rop3.brush);
        op->u.rop3.rop3 = (uint8_t)number(o, "rop3");
        op->u.rop3.scale_mode = (uint8_t)number(o, "scale_mode");
        mask_parse(o, &op->u.rop3.mask);
        break;
    case QXL_DRAW_TRANSPARENT:
        op->u.transparent.src = image_parse(o, "src");
        op->u.transparent.src_area = rect_member(o, "src_area");
        op->u.transparent.src_color = (uint32_t)number(o, "src_color");
        op->u.transparent.true_color = (uint32_t)number(o, "true_color");
        break;
    case QXL_DRAW_ALPHA_BLEND:
        op->u.alpha_blend.src = image_parse(o, "src");
        op->u.alpha_blend.src_area = rect_member(o, "src_area");
        op->u.alpha_blend.alpha_flags = (uint8_t)number(o, "flags");
        op->u.alpha_blend.alpha = (uint8_t)number(o, "alpha");
        break;
    default:
        g_assert_not_reached();
    }
}

static void parse_composite(DrawOp *op, JsonObject *o)
{
    Point src = point_member(o, "src_origin"), mask = point_member(o, "mask_origin");

    op->u.composite.flags = (uint32_t)number(o, "flags");
    op->u.composite.src = image_parse(o, "src");
    if (op->u.composite.flags & SPICE_COMPOSITE_HAS_MASK)
        op->u.composite.mask = image_parse(o, "mask_image");
    transform_parse(o, "src_transform", &op->u.composite.src_transform);
    transform_parse(o, "mask_transform", &op->u.composite.mask_transform);
    op->u.composite.src_x = (int16_t)src.x;
    op->u.composite.src_y = (int16_t)src.y;
    op->u.composite.mask_x = (int16_t)mask.x;
    op->u.composite.mask_y = (int16_t)mask.y;
}

static void parse_stroke(DrawOp *op, JsonObject *o)
{
    JsonArray *segments = json_object_get_array_member(o, "path"), *points, *style;
    uint32_t n = json_array_get_length(segments), total = 0;
    Path *path;

    for (uint32_t i = 0; i < n; i++)
        total +=
            json_array_get_length(json_object_get_array_member(json_array_get_object_element(segments, i), "points"));
    path = path_new(n, total);
    total = 0;
    for (uint32_t i = 0; i < n; i++) {
        JsonObject *segment = json_array_get_object_element(segments, i);

        points = json_object_get_array_member(segment, "points");
        path->segments[i] =
            (PathSegment){(uint8_t)number(segment, "flags"), json_array_get_length(points), path->points + total};
        for (uint32_t j = 0; j < json_array_get_length(points); j++) {
            JsonArray *point = json_array_get_array_element(points, j);

            path->points[total++] = (Point){item(point, 0), item(point, 1)};
        }
    }
    op->u.stroke.path = path;
    op->u.stroke.style.flags = (uint8_t)number(o, "attr");
    if (json_object_has_member(o, "style") && !json_object_get_null_member(o, "style")) {
        style = json_object_get_array_member(o, "style");
        op->u.stroke.style.n_dashes = (uint8_t)json_array_get_length(style);
        op->u.stroke.style.dashes = g_new(int32_t, op->u.stroke.style.n_dashes);
        for (unsigned i = 0; i < op->u.stroke.style.n_dashes; i++)
            op->u.stroke.style.dashes[i] = item(style, i);
    }
    brush_parse(o, &op->u.stroke.brush);
    op->u.stroke.fore_mode = (uint16_t)number(o, "fore_mode");
}

static void parse_text(DrawOp *op, JsonObject *o)
{
    JsonArray *glyphs = json_object_get_array_member(o, "glyphs");
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    unsigned n = json_array_get_length(glyphs);
    g_autofree size_t *starts = g_new(size_t, n);
    GlyphString *string;

    for (unsigned i = 0; i < n; i++) {
        size_t size;
        g_autofree uint8_t *data =
            hex_parse(json_object_get_string_member(json_array_get_object_element(glyphs, i), "data"), &size);

        starts[i] = bytes->len;
        g_byte_array_append(bytes, data, (unsigned)size);
    }
    string = glyph_string_new((uint16_t)n, bytes->len);
    string->flags = (uint8_t)number(o, "flags");
    if (bytes->len)
        memcpy(string->data, bytes->data, bytes->len);
    for (unsigned i = 0; i < n; i++) {
        JsonObject *glyph = json_array_get_object_element(glyphs, i);

        string->glyphs[i] =
            (Glyph){point_member(glyph, "render_pos"), point_member(glyph, "origin"), (uint16_t)number(glyph, "w"),
                    (uint16_t)number(glyph, "h"), string->data + starts[i]};
    }
    op->u.text.string = string;
    op->u.text.back_area = rect_member(o, "back_area");
    brush_parse_named(o, "fore_brush", &op->u.text.fore_brush);
    brush_parse_named(o, "back_brush", &op->u.text.back_brush);
    op->u.text.fore_mode = (uint16_t)number(o, "fore_mode");
}

/* NULL if the canvas cannot do such operations. */
static DrawOp *op_parse(JsonObject *o)
{
    const char *name = json_object_get_string_member(o, "op");
    Rect box = rect_member(o, "box");
    uint8_t type = 0;
    DrawOp *op;

    for (unsigned i = 0; i < G_N_ELEMENTS(op_types); i++)
        if (g_str_equal(op_types[i].name, name))
            type = op_types[i].type;
    if (type == 0)
        return NULL;
    op = draw_op_new(type, (uint32_t)number(o, "surface"), &box);
    if (json_object_has_member(o, "clip")) {
        JsonArray *clip = json_object_get_array_member(o, "clip");

        op->has_clip = true;
        op->n_clip_rects = json_array_get_length(clip);
        op->clip_rects = g_new(Rect, op->n_clip_rects);
        for (unsigned i = 0; i < op->n_clip_rects; i++)
            op->clip_rects[i] = rect_parse(json_array_get_array_element(clip, i));
    }
    switch (type) {
    case QXL_DRAW_FILL:
        brush_parse(o, &op->u.fill.brush);
        op->u.fill.rop = (uint16_t)number(o, "rop");
        mask_parse(o, &op->u.fill.mask);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        mask_parse(o, &op->u.solid.mask);
        break;
    case QXL_COPY_BITS:
        op->u.copy_bits.src_pos = point_member(o, "src_pos");
        break;
    case QXL_DRAW_COMPOSITE:
        parse_composite(op, o);
        break;
    case QXL_DRAW_STROKE:
        parse_stroke(op, o);
        break;
    case QXL_DRAW_TEXT:
        parse_text(op, o);
        break;
    default:
        parse_source_ops(op, o);
        break;
    }
    return op;
}

typedef struct Screen {
    Canvas *canvas[N_SURFACES];
    uint8_t *memory[N_SURFACES];
    int32_t stride[N_SURFACES];
} Screen;

static Canvas *screen_lookup(uint32_t id, void *opaque)
{
    return id < N_SURFACES ? ((Screen *)opaque)->canvas[id] : NULL;
}

static uint8_t *screen_row(const Screen *screen, unsigned id, uint32_t y)
{
    int32_t stride = screen->stride[id];

    return stride < 0 ? screen->memory[id] + (canvas_height(screen->canvas[id]) - 1 - y) * (size_t)-stride
                      : screen->memory[id] + y * (size_t)stride;
}

static uint32_t pixel_get(const uint8_t *row, unsigned x, unsigned bits)
{
    uint32_t value = 0;

    if (bits == 1)
        return row[x / 8] >> x % 8 & 1;
    memcpy(&value, row + x * bits / 8, bits / 8);
    return value;
}

static void pixel_set(uint8_t *row, unsigned x, unsigned bits, uint32_t value)
{
    if (bits == 1)
        row[x / 8] = (uint8_t)((row[x / 8] & ~(1U << x % 8)) | (value & 1) << x % 8);
    else
        memcpy(row + x * bits / 8, &value, bits / 8);
}

/* How surfaces lie in memory: a negative stride, or one that pixman cannot use, must not change anything. */
typedef enum Layout { LAYOUT_PLAIN, LAYOUT_BOTTOM_UP, LAYOUT_UNALIGNED, N_LAYOUTS } Layout;

static void screen_add(Screen *screen, JsonObject *o, Layout layout)
{
    unsigned id = (unsigned)number(o, "id"), w = (unsigned)number(o, "w"), h = (unsigned)number(o, "h");
    uint32_t format = (uint32_t)number(o, "fmt");
    unsigned bits = surface_format_bits(format);
    int32_t stride = (int32_t)((w * bits + 31) / 32 * 4);
    JsonArray *init = json_object_has_member(o, "init") ? json_object_get_array_member(o, "init") : NULL;

    g_assert_cmpuint(id, <, N_SURFACES);
    if (layout == LAYOUT_UNALIGNED)
        stride = (int32_t)((w * bits + 7) / 8 + 1);
    screen->memory[id] = g_malloc0((size_t)stride * h);
    screen->stride[id] = layout == LAYOUT_BOTTOM_UP ? -stride : stride;
    screen->canvas[id] = canvas_new(format, w, h, screen->stride[id], screen->memory[id]);
    g_assert_nonnull(screen->canvas[id]);
    for (unsigned y = 0; init && y < h; y++) {
        const char *text = json_array_get_string_element(init, y);

        for (unsigned x = 0; x < w; x++) {
            char *end;

            pixel_set(screen_row(screen, id, y), x, bits, (uint32_t)g_ascii_strtoull(text, &end, 16));
            text = end;
        }
    }
}

static void screen_clear(Screen *screen)
{
    for (unsigned i = 0; i < N_SURFACES; i++) {
        canvas_free(screen->canvas[i]);
        g_free(screen->memory[i]);
    }
}

/* The cases that show how the recorded client leaks state between operations. */
static bool is_leak(const char *name)
{
    return g_str_has_prefix(name, "transform left") || g_str_has_suffix(name, "persists") ||
           strstr(name, "... persists") || g_str_has_prefix(name, "translation left") ||
           g_str_has_prefix(name, "same with a cached image");
}

static bool has_cached_image(JsonObject *op)
{
    static const char *const names[] = {"src", "mask_image", "mask", "brush", "fore_brush", "back_brush", "image"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        JsonObject *o = json_object_has_member(op, names[i]) ? json_object_get_object_member(op, names[i]) : NULL;

        if (o && json_object_has_member(o, "type") && g_str_equal(json_object_get_string_member(o, "type"), "cached"))
            return true;
        if (o && has_cached_image(o))
            return true;
    }
    return false;
}

static unsigned screen_compare(const Screen *screen, JsonObject *o, const char *where)
{
    JsonArray *expect = json_object_get_array_member(o, "expect");
    uint32_t mask = (uint32_t)g_ascii_strtoull(json_object_get_string_member(o, "mask"), NULL, 16);
    unsigned bits = surface_format_bits(canvas_format(screen->canvas[0])), bad = 0;

    for (unsigned y = 0; y < canvas_height(screen->canvas[0]); y++) {
        const char *text = json_array_get_string_element(expect, y);

        for (unsigned x = 0; x < canvas_width(screen->canvas[0]); x++) {
            char *end;
            uint32_t want = (uint32_t)g_ascii_strtoull(text, &end, 16);
            uint32_t got = pixel_get(screen_row(screen, 0, y), x, bits);

            text = end;
            if ((want ^ got) & mask && bad++ < 3)
                g_printerr("%s: (%u,%u) is %08x, not %08x\n", where, x, y, got, want);
        }
    }
    return bad;
}

/* False if the case cannot be run here. */
static bool case_run(JsonObject *o, Layout layout, const char *file, unsigned *bad)
{
    Screen screen = {0};
    JsonArray *surfaces = json_object_get_array_member(o, "surfaces"), *ops = json_object_get_array_member(o, "ops");
    const char *name = json_object_get_string_member(o, "name");
    g_autofree char *where = g_strdup_printf("%s: %s (layout %d)", file, name, layout);
    bool run = !is_leak(name);

    for (unsigned i = 0; i < json_array_get_length(surfaces); i++)
        screen_add(&screen, json_array_get_object_element(surfaces, i), layout);
    for (unsigned i = 0; run && i < json_array_get_length(ops); i++) {
        JsonObject *op_object = json_array_get_object_element(ops, i);
        g_autoptr(DrawOp) op = has_cached_image(op_object) ? NULL : op_parse(op_object);
        g_autoptr(GError) error = NULL;

        run = op != NULL;
        if (run && !canvas_draw(screen.canvas[op->surface_id], op, screen_lookup, &screen, &error)) {
            g_printerr("%s: %s\n", where, error->message);
            ++*bad;
            break;
        }
    }
    if (run && screen_compare(&screen, o, where) > 0)
        ++*bad;
    screen_clear(&screen);
    return run;
}

static void vectors_run_file(const char *path)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    JsonObject *root;
    JsonArray *cases;
    unsigned bad = 0, run = 0;

    json_parser_load_from_file(parser, path, &error);
    g_assert_no_error(error);
    root = json_node_get_object(json_parser_get_root(parser));
    if (!json_object_has_member(root, "cases"))
        return;
    cases = json_object_get_array_member(root, "cases");
    for (Layout layout = LAYOUT_PLAIN; layout < N_LAYOUTS; layout++)
        for (unsigned i = 0; i < json_array_get_length(cases); i++)
            run += case_run(json_array_get_object_element(cases, i), layout, path, &bad);
    g_test_message("%s: %u cases, %u run, %u wrong", path, json_array_get_length(cases), run / N_LAYOUTS, bad);
    g_assert_cmpuint(bad, ==, 0);
}

static unsigned vectors_run_dir(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
    const char *name;
    unsigned n = 0;

    g_assert_no_error(error);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        if (g_str_has_suffix(name, ".json")) {
            vectors_run_file(file);
            n++;
        }
    }
    return n;
}

static void test_vectors(void)
{
    const char *more = g_getenv("CARAVAN_RENDERING_VECTORS");

    g_assert_cmpuint(vectors_run_dir(CARAVAN_TEST_DATA "/rendering"), >, 0);
    if (more)
        vectors_run_dir(more);
}

/* The truth tables of all rop descriptors for the three uses. */
static void test_ropd_table(void)
{
    static const struct {
        const char *name;
        uint16_t invers_a, invers_b;
    } uses[] = {{"fill", SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_DEST},
                {"copy", SPICE_ROPD_INVERS_SRC, SPICE_ROPD_INVERS_DEST},
                {"opaque", SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_SRC}};
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;

    json_parser_load_from_file(parser, CARAVAN_TEST_DATA "/rendering/ropd_table.json", &error);
    g_assert_no_error(error);
    for (unsigned u = 0; u < G_N_ELEMENTS(uses); u++) {
        const char *digits =
            json_object_get_string_member(json_node_get_object(json_parser_get_root(parser)), uses[u].name);

        for (unsigned rop = 0; rop < 2048; rop++)
            g_assert_cmpuint(ropd_reduce((uint16_t)rop, uses[u].invers_a, uses[u].invers_b), ==,
                             (unsigned)g_ascii_xdigit_value(digits[rop]));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/canvas/ropd-table", test_ropd_table);
    g_test_add_func("/canvas/vectors", test_vectors);
    return g_test_run();
}
