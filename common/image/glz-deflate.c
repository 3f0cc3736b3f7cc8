/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/glz-deflate.h"

#include <zlib.h>

#define LEVEL 3         /* what clients have always been sent */
#define MIN_BYTES 100u  /* fewer are not worth it */
#define MAX_RATIO 1032u /* bytes that one byte of deflate can stand for, at most */
#define MAX_BYTES (1u << 31)

G_DEFINE_QUARK(glz - deflate - error - quark, glz_deflate_error)

size_t glz_deflate(const uint8_t *stream, size_t size, WireWriter *out)
{
    z_stream z = {0};
    int status;

    if (size < MIN_BYTES || size >= MAX_BYTES || deflateInit(&z, LEVEL) != Z_OK)
        return 0;
    wire_writer_reserve(out, size - 1); /* as long is not shorter */
    z.next_in = (Bytef *)stream;
    z.avail_in = (uInt)size;
    z.next_out = out->data + out->size;
    z.avail_out = (uInt)size - 1;
    status = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    if (status != Z_STREAM_END)
        return 0;
    out->size += z.total_out;
    return z.total_out;
}

GBytes *glz_inflate(const uint8_t *data, size_t size, size_t glz_size, GError **error)
{
    g_autofree uint8_t *stream = NULL;
    z_stream z = {0};
    bool ok = size < MAX_BYTES && glz_size < MAX_BYTES && glz_size / MAX_RATIO <= size && inflateInit(&z) == Z_OK;

    if (ok) {
        stream = g_malloc(MAX(glz_size, 1));
        z.next_in = (Bytef *)data;
        z.avail_in = (uInt)size;
        z.next_out = stream;
        z.avail_out = (uInt)glz_size;
        ok = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == glz_size && z.total_in == size;
        inflateEnd(&z);
    }
    if (!ok) {
        g_set_error(error, GLZ_DEFLATE_ERROR, GLZ_DEFLATE_ERROR_STREAM, "%zu bytes do not inflate to %zu", size,
                    glz_size);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&stream), glz_size);
}
