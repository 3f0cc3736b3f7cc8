/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/lz4.h"

#include <lz4.h>
#include <string.h>

#define HEADER_SIZE 2u
#define BLOCK_HEADER_SIZE 4u /* length of the block, big endian */

G_DEFINE_QUARK(lz4 - image - error - quark, lz4_image_error)

bool lz4_takes_format(uint8_t format)
{
    return format >= SPICE_BITMAP_FMT_16BIT && format <= SPICE_BITMAP_FMT_RGBA;
}

static bool image_bytes(uint8_t format, uint32_t width, uint32_t height, size_t *bytes)
{
    uint64_t row = bitmap_row_bytes(format, width);

    if (!lz4_takes_format(format) || row == 0 || height == 0 || row > LZ4_MAX_INPUT_SIZE / height)
        return false;
    *bytes = (size_t)row * height;
    return true;
}

/* One block: its matches then reach as far as those of linked blocks would. */
size_t lz4_encode(uint8_t format, uint32_t width, uint32_t height, bool top_down, const uint8_t *pixels,
                  WireWriter *out, size_t max_size)
{
    size_t bytes, room, start = out->size;
    uint32_t be;
    int n;

    if (max_size <= HEADER_SIZE + BLOCK_HEADER_SIZE || !image_bytes(format, width, height, &bytes))
        return 0;
    room = MIN(max_size - HEADER_SIZE - BLOCK_HEADER_SIZE, (size_t)LZ4_compressBound((int)bytes));
    wire_write_u8(out, top_down);
    wire_write_u8(out, format);
    wire_writer_reserve(out, BLOCK_HEADER_SIZE + room);
    n = LZ4_compress_default((const char *)pixels, (char *)out->data + out->size + BLOCK_HEADER_SIZE, (int)bytes,
                             (int)room);
    if (n <= 0) {
        out->size = start;
        return 0;
    }
    be = GUINT32_TO_BE((uint32_t)n);
    memcpy(out->data + out->size, &be, sizeof(be));
    out->size += BLOCK_HEADER_SIZE + (size_t)n;
    return out->size - start;
}

static bool decode_blocks(const uint8_t *data, size_t size, uint8_t *pixels, size_t bytes)
{
    LZ4_streamDecode_t stream;
    size_t done = 0;

    LZ4_setStreamDecode(&stream, NULL, 0);
    while (size) {
        uint32_t block;
        int n;

        if (size < BLOCK_HEADER_SIZE)
            return false;
        memcpy(&block, data, sizeof(block));
        block = GUINT32_FROM_BE(block);
        data += BLOCK_HEADER_SIZE;
        size -= BLOCK_HEADER_SIZE;
        if (block > size || block > LZ4_MAX_INPUT_SIZE)
            return false;
        n = LZ4_decompress_safe_continue(&stream, (const char *)data, (char *)pixels + done, (int)block,
                                         (int)(bytes - done));
        if (n <= 0)
            return false;
        done += (size_t)n;
        data += block;
        size -= block;
    }
    return done == bytes;
}

GBytes *lz4_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height, uint8_t *format, bool *top_down,
                   GError **error)
{
    g_autofree uint8_t *pixels = NULL;
    size_t bytes = 0;
    bool ok = size > HEADER_SIZE && image_bytes(data[1], width, height, &bytes);

    /* No byte of LZ4 stands for more than 255: a short stream cannot make us allocate a large image. */
    if (ok && bytes / 255 <= size) {
        *top_down = data[0] != 0;
        *format = data[1];
        pixels = g_malloc(bytes);
        ok = decode_blocks(data + HEADER_SIZE, size - HEADER_SIZE, pixels, bytes);
    } else {
        ok = false;
    }
    if (!ok) {
        g_set_error(error, LZ4_IMAGE_ERROR, LZ4_IMAGE_ERROR_STREAM,
                    "LZ4 stream of %zu bytes does not hold a %ux%u image", size, width, height);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&pixels), bytes);
}
