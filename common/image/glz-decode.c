/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GLZ decoder. Images of all types are kept with four bytes for each pixel, as clients do. Every token is checked
 * against the cells still to come, the cells that its source has and the bytes left before anything is copied.
 */
#include "common/image/glz.h"
#include "common/image/lz-cell.h"

typedef struct DecodedImage {
    uint32_t *pixels; /* B, G, R, A in memory */
    size_t cells;
} DecodedImage;

struct GlzDecoder {
    GQueue images; /* DecodedImage, oldest first: ids next_id - length .. next_id - 1 */
    uint64_t next_id;
    uint64_t pixels;
};

typedef struct Input {
    const uint8_t *p;
    const uint8_t *end;
} Input;

typedef struct Pass {
    GlzDecoder *decoder;
    DecodedImage *image; /* being decoded; its cells count those of the whole */
    uint32_t win_head_dist;
} Pass;

G_DEFINE_QUARK(glz - error - quark, glz_error)

GlzDecoder *glz_decoder_new(void)
{
    return g_new0(GlzDecoder, 1);
}

static void decoded_image_free(DecodedImage *image)
{
    g_free(image->pixels);
    g_free(image);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DecodedImage, decoded_image_free)

static void drop_oldest(GlzDecoder *decoder)
{
    DecodedImage *image = g_queue_pop_head(&decoder->images);

    decoder->pixels -= image->cells;
    decoded_image_free(image);
}

void glz_decoder_free(GlzDecoder *decoder)
{
    while (decoder->images.length)
        drop_oldest(decoder);
    g_free(decoder);
}

unsigned glz_decoder_get_window(const GlzDecoder *decoder, uint64_t *pixels)
{
    *pixels = decoder->pixels;
    return decoder->images.length;
}

LzType glz_type_for_format(uint8_t format)
{
    LzType type = lz_type_for_format(format);

    return type >= LZ_TYPE_RGB16 && type <= LZ_TYPE_RGBA ? type : 0;
}

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool glz_read_header(const uint8_t *data, size_t size, GlzInfo *info, GError **error)
{
    uint32_t stride;
    size_t cells;

    if (size < GLZ_HEADER_SIZE || read_be32(data) != LZ_MAGIC || read_be32(data + 4) != LZ_VERSION) {
        g_set_error(error, GLZ_ERROR, GLZ_ERROR_HEADER, "%zu bytes are not a GLZ stream", size);
        return false;
    }
    *info = (GlzInfo){
        .type = data[8] & 15,
        .top_down = (data[8] & 0x10) != 0,
        .width = read_be32(data + 9),
        .height = read_be32(data + 13),
        .stride = read_be32(data + 17),
        .id = (uint64_t)read_be32(data + 21) << 32 | read_be32(data + 25),
        .win_head_dist = read_be32(data + 29),
    };
    if (data[8] >> 5 || info->type < LZ_TYPE_RGB16 || info->type > LZ_TYPE_RGBA ||
        !lz_geometry(info->type, info->width, info->height, &stride, &cells) || info->stride != stride ||
        cells > GLZ_MAX_WINDOW || info->win_head_dist > info->id) {
        g_set_error(error, GLZ_ERROR, GLZ_ERROR_HEADER,
                    "bad GLZ image: type %u, %ux%u, stride %u, image distance %u of id %" G_GUINT64_FORMAT, data[8],
                    info->width, info->height, info->stride, info->win_head_dist, info->id);
        return false;
    }
    return true;
}

/* A component of 5 bits as one of 8. */
static uint32_t widen(uint32_t c)
{
    return c << 3 | c >> 2;
}

G_ALWAYS_INLINE static inline uint32_t read_literal(Cell cell, const uint8_t *p)
{
    if (cell == CELL_RGB16) {
        uint32_t v = (uint32_t)p[0] << 8 | p[1];

        return widen(v & 31) | widen(v >> 5 & 31) << 8 | widen(v >> 10 & 31) << 16;
    }
    return (uint32_t)(p[0] | p[1] << 8 | p[2] << 16);
}

typedef struct Copy {
    size_t length;
    size_t offset;
    uint32_t image;
} Copy;

static bool next_byte(Input *in, uint8_t *b)
{
    if (in->p == in->end)
        return false;
    *b = *in->p++;
    return true;
}

/* `n` bytes, the lowest first. */
static bool next_bytes(Input *in, unsigned n, uint32_t *v)
{
    uint8_t b;

    *v = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!next_byte(in, &b))
            return false;
        *v |= (uint32_t)b << 8 * i;
    }
    return true;
}

/* The copy that starts with `control`. False if the input ends. */
static bool read_copy(Input *in, uint8_t control, Copy *copy)
{
    uint32_t image, high;
    uint8_t b;

    copy->length = control >> 5;
    copy->offset = control & 15;
    if (copy->length == 7) {
        do {
            if (!next_byte(in, &b))
                return false;
            copy->length += b;
        } while (b == 255);
    }
    if (!next_byte(in, &b))
        return false;
    copy->offset |= (size_t)b << 4;
    if (!next_byte(in, &b) || !next_bytes(in, b >> 6, &image))
        return false;
    if (!(control & 0x10)) {
        copy->image = image << 6 | (b & 63);
        return true;
    }
    copy->image = image;
    copy->offset |= (size_t)(b & 31) << 12;
    if (b & 0x20) {
        if (!next_bytes(in, 1, &high))
            return false;
        copy->offset |= (size_t)high << 17;
    }
    return true;
}

/* Where a copy comes from: NULL if there is no such image or it has not so many cells. */
static const uint32_t *find_source(const Pass *pass, const Copy *copy, size_t done)
{
    const GQueue *images = &pass->decoder->images;
    const DecodedImage *source;

    if (copy->image == 0)
        return copy->offset < done ? pass->image->pixels + done - copy->offset - 1 : NULL;
    if (copy->image > pass->win_head_dist || copy->image > images->length)
        return NULL;
    source = g_queue_peek_nth((GQueue *)images, images->length - copy->image);
    if (copy->offset > source->cells || copy->length > source->cells - copy->offset)
        return NULL;
    return source->pixels + copy->offset;
}

G_ALWAYS_INLINE static inline bool decode_pass(Cell cell, const Pass *pass, Input *in)
{
    uint32_t *pixels = pass->image->pixels;
    size_t cells = pass->image->cells, done = 0;

    while (done < cells) {
        const uint32_t *source = NULL;
        uint8_t control;
        Copy copy;

        if (!next_byte(in, &control))
            return false;
        if (control < 32) {
            copy.length = (size_t)control + 1;
            if (copy.length * cell_literal_bytes(cell) > (size_t)(in->end - in->p))
                return false;
        } else {
            if (!read_copy(in, control, &copy))
                return false;
            copy.length += cell_length_bias(cell);
        }
        if (copy.length > cells - done || (control >= 32 && !(source = find_source(pass, &copy, done))))
            return false;
        for (size_t i = 0; i < copy.length; i++, done++) {
            if (cell == CELL_ALPHA)
                pixels[done] = (pixels[done] & 0xffffff) | (source ? source[i] & 0xff000000 : (uint32_t)*in->p++ << 24);
            else if (source)
                pixels[done] = source[i] & 0xffffff;
            else
                pixels[done] = read_literal(cell, in->p + i * cell_literal_bytes(cell));
        }
        if (!source && cell != CELL_ALPHA)
            in->p += copy.length * cell_literal_bytes(cell);
    }
    return true;
}

static bool decode_alpha(const Pass *pass, Input *in)
{
    return decode_pass(CELL_ALPHA, pass, in);
}
static bool decode_rgb16(const Pass *pass, Input *in)
{
    return decode_pass(CELL_RGB16, pass, in);
}
static bool decode_rgb32(const Pass *pass, Input *in)
{
    return decode_pass(CELL_RGB32, pass, in);
}

static bool decode_stream(const Pass *pass, LzType type, Input in)
{
    bool ok = type == LZ_TYPE_RGB16 ? decode_rgb16(pass, &in) : decode_rgb32(pass, &in);

    return ok && (type != LZ_TYPE_RGBA || decode_alpha(pass, &in)) && in.p == in.end;
}

static GBytes *pack_pixels(LzType type, const uint32_t *pixels, size_t cells)
{
    size_t step = cell_step(lz_type_cell(type));
    uint8_t *out = g_malloc(cells * step);

    for (size_t i = 0; i < cells; i++) {
        uint32_t v = pixels[i];

        if (type == LZ_TYPE_RGB16)
            v = (v >> 3 & 31) | (v >> 11 & 31) << 5 | (v >> 19 & 31) << 10;
        v = GUINT32_TO_LE(v);
        memcpy(out + i * step, &v, step);
    }
    return g_bytes_new_take(out, cells * step);
}

GBytes *glz_decoder_decode(GlzDecoder *decoder, const uint8_t *data, size_t size, GlzInfo *info, GError **error)
{
    g_autoptr(DecodedImage) image = NULL;
    Pass pass;
    bool ok;

    if (!glz_read_header(data, size, info, error))
        return NULL;
    if (info->id != decoder->next_id || info->win_head_dist > decoder->images.length) {
        g_set_error(error, GLZ_ERROR, GLZ_ERROR_WINDOW,
                    "GLZ image %" G_GUINT64_FORMAT " with a window back to %u does not follow %" G_GUINT64_FORMAT
                    " and its window",
                    info->id, info->win_head_dist, decoder->next_id);
        return NULL;
    }
    image = g_new0(DecodedImage, 1);
    image->cells = (size_t)info->width * info->height;
    pass = (Pass){decoder, image, info->win_head_dist};
    /* No byte of input stands for more than 257 cells: a short stream cannot make us allocate a large image. */
    ok = image->cells / 257 <= size;
    if (ok) {
        image->pixels = g_new(uint32_t, image->cells);
        ok = decode_stream(&pass, info->type, (Input){data + GLZ_HEADER_SIZE, data + size});
    }
    if (!ok) {
        g_set_error(error, GLZ_ERROR, GLZ_ERROR_STREAM,
                    "GLZ stream of %zu bytes does not hold a %ux%u image of type %u", size, info->width, info->height,
                    info->type);
        return NULL;
    }
    while (decoder->images.length > info->win_head_dist)
        drop_oldest(decoder);
    decoder->next_id++;
    decoder->pixels += image->cells;
    g_queue_push_tail(&decoder->images, image);
    return pack_pixels(info->type, g_steal_pointer(&image)->pixels, (size_t)info->width * info->height);
}
