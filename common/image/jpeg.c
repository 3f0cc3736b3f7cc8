/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libjpeg reports errors by a function that must not return: it jumps back here. So nothing that needs cleaning up may
 * be made in between, but by libjpeg itself.
 */
#include "common/image/jpeg.h"

#include "common/image/lz.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#define QUALITY 85 /* what clients have always been sent */
#define FIRST_ROOM 4096u
#define MAX_DECODED_PIXELS (1u << 26)

typedef struct ErrorExit {
    struct jpeg_error_mgr base; /* first: libjpeg knows only this */
    jmp_buf jump;
} ErrorExit;

typedef struct WriterDestination {
    struct jpeg_destination_mgr base; /* first: libjpeg knows only this */
    WireWriter *writer;
    size_t start; /* the writer's size before the stream */
    size_t max_size;
} WriterDestination;

G_DEFINE_QUARK(jpeg - image - error - quark, jpeg_image_error)

static void exit_by_jump(j_common_ptr info)
{
    longjmp(((ErrorExit *)info->err)->jump, 1);
}

static void say_nothing(j_common_ptr info) {}

static struct jpeg_error_mgr *quiet_errors(ErrorExit *errors)
{
    jpeg_std_error(&errors->base);
    errors->base.error_exit = exit_by_jump;
    errors->base.output_message = say_nothing;
    return &errors->base;
}

bool jpeg_takes_format(uint8_t format)
{
    return format >= SPICE_BITMAP_FMT_16BIT && format <= SPICE_BITMAP_FMT_RGBA;
}

/* Gives libjpeg what the writer has room for; the writer's size then is what is known to be written. */
static void offer_room(WriterDestination *d, size_t n)
{
    wire_writer_reserve(d->writer, n);
    d->base.next_output_byte = d->writer->data + d->writer->size;
    d->base.free_in_buffer = d->writer->capacity - d->writer->size;
}

static void destination_init(j_compress_ptr info)
{
    offer_room((WriterDestination *)info->dest, FIRST_ROOM);
}

static boolean destination_full(j_compress_ptr info)
{
    WriterDestination *d = (WriterDestination *)info->dest;

    d->writer->size = d->writer->capacity;
    if (d->writer->size - d->start > d->max_size)
        exit_by_jump((j_common_ptr)info);
    offer_room(d, FIRST_ROOM);
    return TRUE;
}

static void destination_finish(j_compress_ptr info)
{
    WriterDestination *d = (WriterDestination *)info->dest;

    d->writer->size = d->writer->capacity - d->base.free_in_buffer;
}

/* x1r5g5b5 as B, G, R bytes. */
static void widen_row(const uint8_t *src, uint8_t *dst, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, src += 2) {
        unsigned v = (unsigned)(src[0] | src[1] << 8);

        for (unsigned c = 0; c < 3; c++, v >>= 5)
            *dst++ = (uint8_t)((v & 31) << 3 | (v & 31) >> 2);
    }
}

typedef struct Task {
    const JpegRows *rows;
    uint8_t *line; /* room for a widened row; NULL: libjpeg reads the format itself */
    int quality;
    J_DCT_METHOD transform;
    WriterDestination destination;
} Task;

static void compress(struct jpeg_compress_struct *info, const Task *task)
{
    const JpegRows *rows = task->rows;

    info->input_components = task->line || rows->format == SPICE_BITMAP_FMT_24BIT ? 3 : 4;
    info->in_color_space = info->input_components == 3 ? JCS_EXT_BGR : JCS_EXT_BGRX;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, task->quality, TRUE);
    info->dct_method = task->transform;
    jpeg_start_compress(info, TRUE);
    while (info->next_scanline < info->image_height) {
        JSAMPROW line = (JSAMPROW)(rows->top + (ptrdiff_t)info->next_scanline * rows->stride);

        if (task->line) {
            widen_row(line, task->line, info->image_width);
            line = task->line;
        }
        jpeg_write_scanlines(info, &line, 1);
    }
    jpeg_finish_compress(info);
}

/* False if libjpeg fails, or is stopped since the stream grows too long. */
static bool try_compress(Task *task)
{
    struct jpeg_compress_struct info = {0};
    ErrorExit errors;

    info.err = quiet_errors(&errors);
    if (setjmp(errors.jump)) {
        jpeg_destroy_compress(&info);
        return false;
    }
    jpeg_create_compress(&info);
    info.dest = &task->destination.base;
    info.image_width = task->rows->width;
    info.image_height = task->rows->height;
    compress(&info, task);
    jpeg_destroy_compress(&info);
    return true;
}

static size_t encode_rows(const JpegRows *rows, unsigned quality, J_DCT_METHOD transform, WireWriter *out,
                          size_t max_size)
{
    g_autofree uint8_t *line = NULL;
    Task task = {
        .rows = rows,
        .quality = (int)quality,
        .transform = transform,
        .destination = {.base = {.init_destination = destination_init,
                                 .empty_output_buffer = destination_full,
                                 .term_destination = destination_finish},
                        .writer = out,
                        .start = out->size,
                        .max_size = max_size},
    };
    size_t start = out->size;

    if (!jpeg_takes_format(rows->format) || rows->width == 0 || rows->height == 0 || rows->width > JPEG_MAX_DIMENSION ||
        rows->height > JPEG_MAX_DIMENSION)
        return 0;
    if (rows->format == SPICE_BITMAP_FMT_16BIT)
        line = g_malloc(3 * (size_t)rows->width);
    task.line = line;
    if (!try_compress(&task) || out->size - start > max_size) {
        out->size = start;
        return 0;
    }
    return out->size - start;
}

size_t jpeg_encode(uint8_t format, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels,
                   WireWriter *out, size_t max_size)
{
    ptrdiff_t stride = (ptrdiff_t)bitmap_row_bytes(format, width);
    JpegRows rows = {.format = format, .width = width, .height = height, .top = pixels, .stride = stride};

    if (!top_down && height > 0) {
        rows.top = pixels + (size_t)stride * (height - 1);
        rows.stride = -stride;
    }
    return encode_rows(&rows, QUALITY, JDCT_ISLOW, out, max_size);
}

size_t jpeg_encode_frame(const JpegRows *rows, unsigned quality, WireWriter *out)
{
    return encode_rows(rows, CLAMP(quality, 1, 100), JDCT_IFAST, out, SIZE_MAX);
}

size_t jpeg_alpha_encode(uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels, WireWriter *out,
                         size_t max_size, size_t *jpeg_size)
{
    size_t start = out->size;

    *jpeg_size = jpeg_encode(SPICE_BITMAP_FMT_RGBA, width, height, top_down, pixels, out, max_size);
    if (!*jpeg_size)
        return 0;
    if (!lz_encode(LZ_TYPE_XXXA, width, height, top_down, pixels, out, max_size - *jpeg_size)) {
        out->size = start;
        return 0;
    }
    return out->size - start;
}

static void decompress(struct jpeg_decompress_struct *info, uint8_t *pixels)
{
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        JSAMPROW line = pixels + (size_t)info->output_scanline * info->output_width * 4;

        jpeg_read_scanlines(info, &line, 1);
    }
    jpeg_finish_decompress(info);
}

GBytes *jpeg_decode(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height, GError **error)
{
    struct jpeg_decompress_struct info = {0};
    ErrorExit errors;
    uint8_t *volatile pixels = NULL;
    size_t bytes;

    info.err = quiet_errors(&errors);
    if (setjmp(errors.jump) || size == 0) {
        jpeg_destroy_decompress(&info);
        g_free(pixels);
        g_set_error(error, JPEG_IMAGE_ERROR, JPEG_IMAGE_ERROR_STREAM, "%zu bytes are not a JPEG", size);
        return NULL;
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, data, size);
    jpeg_read_header(&info, TRUE);
    if ((uint64_t)info.image_width * info.image_height > MAX_DECODED_PIXELS)
        exit_by_jump((j_common_ptr)&info);
    info.out_color_space = JCS_EXT_BGRX;
    bytes = (size_t)info.image_width * info.image_height * 4;
    pixels = g_malloc0(bytes);
    decompress(&info, pixels);
    if (errors.base.num_warnings) /* it would have made up what is missing */
        exit_by_jump((j_common_ptr)&info);
    *width = info.image_width;
    *height = info.image_height;
    jpeg_destroy_decompress(&info);
    for (size_t i = 3; i < bytes; i += 4)
        pixels[i] = 0;
    return g_bytes_new_take(pixels, bytes);
}
