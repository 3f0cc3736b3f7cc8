/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The LZ decoder. Every token is checked against the cells still to come, the cells already there and the bytes left
 * before anything is copied.
 */
#include "common/image/lz-cell.h"

/* One pass over the stream. */
typedef struct Input {
    const uint8_t *p;
    const uint8_t *end;
} Input;

G_ALWAYS_INLINE static inline void copy_literals(Cell cell, uint8_t *dst, const uint8_t *src, size_t n)
{
    if (cell == CELL_BYTE || cell == CELL_RGB24) {
        memcpy(dst, src, n * cell_step(cell));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t *c = dst + i * cell_step(cell);

        if (cell == CELL_ALPHA) {
            c[3] = src[i];
        } else if (cell == CELL_RGB16) {
            c[0] = src[2 * i + 1];
            c[1] = src[2 * i];
        } else {
            uint8_t rgb[4] = {src[3 * i], src[3 * i + 1], src[3 * i + 2], 0};

            memcpy(c, rgb, sizeof(rgb));
        }
    }
}

/* Copies n cells from `distance` cells before dst, which may overlap: then what was just written is repeated. */
G_ALWAYS_INLINE static inline void copy_match(Cell cell, uint8_t *dst, size_t n, size_t distance)
{
    const uint8_t *src = dst - distance * cell_step(cell);
    size_t have = distance * cell_step(cell), left = n * cell_step(cell);

    if (cell == CELL_ALPHA) {
        for (size_t i = 0; i < left; i += 4)
            dst[i + 3] = src[i + 3];
        return;
    }
    /* From src on, the bytes repeat with period `have`; each copy doubles what there is to copy from. */
    while (left > have) {
        memcpy(dst, src, have);
        dst += have;
        left -= have;
        have *= 2;
    }
    memcpy(dst, src, left);
}

/* The length and distance of the match that starts with `control`. False if the input ends. */
G_ALWAYS_INLINE static inline bool read_match(Input *in, uint8_t control, size_t *length, size_t *distance)
{
    size_t n = control >> 5, d = (size_t)(control & 31) << 8;
    uint8_t b;

    if (n == 7) {
        do {
            if (in->p == in->end)
                return false;
            b = *in->p++;
            n += b;
        } while (b == 255);
    }
    if (in->p == in->end)
        return false;
    d |= *in->p++;
    if (d == LZ_ESCAPE) {
        if (in->end - in->p < 2)
            return false;
        d += (size_t)in->p[0] << 8 | in->p[1];
        in->p += 2;
    }
    *length = n;
    *distance = d + 1;
    return true;
}

G_ALWAYS_INLINE static inline bool decode_pass(Cell cell, Input *in, uint8_t *pixels, size_t cells)
{
    size_t done = 0;

    while (done < cells) {
        uint8_t *dst = pixels + done * cell_step(cell);
        size_t n, distance;
        uint8_t control;

        if (in->p == in->end)
            return false;
        control = *in->p++;
        if (control < 32) {
            n = (size_t)control + 1;
            if (n > cells - done || n * cell_literal_bytes(cell) > (size_t)(in->end - in->p))
                return false;
            copy_literals(cell, dst, in->p, n);
            in->p += n * cell_literal_bytes(cell);
        } else {
            if (!read_match(in, control, &n, &distance))
                return false;
            n += cell_length_bias(cell);
            if (n > cells - done || distance > done)
                return false;
            copy_match(cell, dst, n, distance);
        }
        done += n;
    }
    return true;
}

/* One copy of the loops for each kind of cell. */
static bool decode_bytes(Input *in, uint8_t *pixels, size_t n)
{
    return decode_pass(CELL_BYTE, in, pixels, n);
}
static bool decode_alpha(Input *in, uint8_t *pixels, size_t n)
{
    return decode_pass(CELL_ALPHA, in, pixels, n);
}
static bool decode_rgb16(Input *in, uint8_t *pixels, size_t n)
{
    return decode_pass(CELL_RGB16, in, pixels, n);
}
static bool decode_rgb24(Input *in, uint8_t *pixels, size_t n)
{
    return decode_pass(CELL_RGB24, in, pixels, n);
}
static bool decode_rgb32(Input *in, uint8_t *pixels, size_t n)
{
    return decode_pass(CELL_RGB32, in, pixels, n);
}

static bool (*const decoders[])(Input *, uint8_t *, size_t) = {
    [CELL_BYTE] = decode_bytes,  [CELL_ALPHA] = decode_alpha, [CELL_RGB16] = decode_rgb16,
    [CELL_RGB24] = decode_rgb24, [CELL_RGB32] = decode_rgb32,
};

GBytes *lz_decode(const uint8_t *data, size_t size, LzInfo *info, GError **error)
{
    g_autofree uint8_t *pixels = NULL;
    Input in = {.p = data, .end = data + size};
    uint32_t stride = 0;
    size_t cells = 0, bytes;
    bool ok;

    if (!lz_read_header(data, size, info, error))
        return NULL;
    in.p += LZ_HEADER_SIZE;
    lz_geometry(info->type, info->width, info->height, &stride, &cells);
    bytes = (size_t)stride * info->height;
    /* No byte of input stands for more than 255 cells: a short stream cannot make us allocate a large image. */
    ok = cells / 255 <= size - LZ_HEADER_SIZE;
    if (ok) {
        pixels = info->type == LZ_TYPE_XXXA ? g_try_malloc0(bytes) : g_try_malloc(bytes);
        ok = pixels && decoders[lz_type_cell(info->type)](&in, pixels, cells) &&
             (info->type != LZ_TYPE_RGBA || decode_alpha(&in, pixels, cells)) && in.p == in.end;
    }
    if (!ok) {
        g_set_error(error, LZ_ERROR, LZ_ERROR_STREAM, "LZ stream of %zu bytes does not hold a %ux%u image of type %u",
                    size, info->width, info->height, info->type);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&pixels), bytes);
}
