/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/image/glz-window.h"
#include "common/image/lz-cell.h"

#include <string.h>

#define FIRST_CAPACITY 64u

GlzDictionary *glz_dictionary_new(uint8_t id, uint32_t size, uint64_t next_id)
{
    GlzDictionary *d;

    g_return_val_if_fail(size > 0 && size <= GLZ_MAX_WINDOW, NULL);
    d = g_new0(GlzDictionary, 1);
    g_atomic_ref_count_init(&d->refs);
    pthread_mutex_init(&d->lock, NULL);
    d->id = id;
    d->size = size;
    d->next_id = d->head = next_id;
    d->capacity = FIRST_CAPACITY;
    d->images = g_new0(GlzImage, d->capacity);
    d->base = 1;
    return d;
}

GlzDictionary *glz_dictionary_ref(GlzDictionary *d)
{
    g_atomic_ref_count_inc(&d->refs);
    return d;
}

static uint64_t image_bytes(const GlzImage *image)
{
    return image->cells * (uint64_t)cell_step(lz_type_cell(image->type));
}

static void forget_image(GlzDictionary *d, GlzImage *image)
{
    if (!image->piece.pixels)
        return;
    d->bytes -= image_bytes(image);
    g_clear_pointer(&image->bytes, g_bytes_unref);
    g_clear_pointer(&image->more, g_free);
    image->piece.pixels = NULL;
}

void glz_dictionary_unref(GlzDictionary *d)
{
    if (!d || !g_atomic_ref_count_dec(&d->refs))
        return;
    for (uint64_t id = d->head; id != d->next_id; id++)
        forget_image(d, glz_dictionary_image(d, id));
    pthread_mutex_destroy(&d->lock);
    g_free(d->images);
    g_free(d->recent);
    g_free(d->lines);
    g_free(d->distant);
    g_free(d->anchors);
    g_free(d);
}

void glz_dictionary_freeze(GlzDictionary *d)
{
    pthread_mutex_lock(&d->lock);
    d->frozen = true;
    pthread_mutex_unlock(&d->lock);
}

void glz_dictionary_thaw(GlzDictionary *d)
{
    pthread_mutex_lock(&d->lock);
    d->frozen = false;
    pthread_mutex_unlock(&d->lock);
}

void glz_dictionary_forget(GlzDictionary *d)
{
    pthread_mutex_lock(&d->lock);
    for (uint64_t id = d->head; id != d->next_id; id++)
        forget_image(d, glz_dictionary_image(d, id));
    g_clear_pointer(&d->recent, g_free);
    g_clear_pointer(&d->lines, g_free);
    g_clear_pointer(&d->distant, g_free);
    g_clear_pointer(&d->anchors, g_free);
    pthread_mutex_unlock(&d->lock);
}

void glz_dictionary_forget_image(GlzDictionary *d, uint64_t id)
{
    pthread_mutex_lock(&d->lock);
    if (id >= d->head && id < d->next_id)
        forget_image(d, glz_dictionary_image(d, id));
    pthread_mutex_unlock(&d->lock);
}

uint64_t glz_dictionary_oldest(GlzDictionary *d)
{
    uint64_t id;

    pthread_mutex_lock(&d->lock);
    id = d->head;
    pthread_mutex_unlock(&d->lock);
    return id;
}

void glz_dictionary_get_figures(GlzDictionary *d, GlzFigures *figures)
{
    pthread_mutex_lock(&d->lock);
    *figures = (GlzFigures){
        .id = d->id,
        .size = d->size,
        .next_id = d->next_id,
        .images = (uint32_t)(d->next_id - d->head),
        .pixels = d->used,
        .bytes = d->bytes,
        .frozen = d->frozen,
    };
    pthread_mutex_unlock(&d->lock);
}

static void grow(GlzDictionary *d)
{
    uint32_t capacity = d->capacity * 2;
    GlzImage *images = g_new0(GlzImage, capacity);

    for (uint64_t id = d->head; id != d->next_id; id++)
        images[id & (capacity - 1)] = *glz_dictionary_image(d, id);
    g_free(d->images);
    d->images = images;
    d->capacity = capacity;
}

static void drop_oldest(GlzDictionary *d)
{
    GlzImage *image = glz_dictionary_image(d, d->head);

    forget_image(d, image);
    d->used -= image->cells;
    d->head++;
}

static void set_pieces(GlzImage *image, const PixelPiece *pieces, size_t n)
{
    size_t step = cell_step(lz_type_cell(image->type));
    uint32_t first = 0;

    if (n > 1)
        image->more = g_new(GlzPiece, n - 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t end = first + (uint32_t)(pieces[i].size / step);

        *(i ? &image->more[i - 1] : &image->piece) = (GlzPiece){pieces[i].data - first * step, first, end};
        first = end;
    }
}

const GlzImage *glz_dictionary_add(GlzDictionary *d, LzType type, uint32_t cells, const PixelPiece *pieces, size_t n,
                                   GBytes *bytes)
{
    GlzImage *image;

    while (d->head != d->next_id && (d->used + cells > d->size || d->next_id - d->head >= GLZ_MAX_IMAGES - 1))
        drop_oldest(d);
    if (d->next_id - d->head == d->capacity)
        grow(d);
    image = glz_dictionary_image(d, d->next_id++);
    *image = (GlzImage){.bytes = bytes ? g_bytes_ref(bytes) : NULL, .cells = cells, .type = type};
    set_pieces(image, pieces, n);
    d->used += cells;
    d->bytes += image_bytes(image);
    /* What was never used costs nothing, not even for a client that turns to another codec. */
    if (!d->recent)
        d->recent = g_new0(uint32_t, 1u << GLZ_RECENT_BITS);
    if (!d->lines)
        d->lines = g_new0(uint32_t, 1u << GLZ_LINE_BITS);
    if (!d->distant)
        d->distant = g_new0(uint64_t, 1u << GLZ_DISTANT_BITS);
    if (!d->anchors)
        d->anchors = g_new0(uint64_t, 1u << GLZ_ANCHOR_BITS);
    return image;
}

uint32_t glz_dictionary_begin_pass(GlzDictionary *d, uint32_t cells)
{
    uint32_t base = d->base;

    if (cells > G_MAXUINT32 - base) {
        memset(d->recent, 0, sizeof(*d->recent) << GLZ_RECENT_BITS);
        memset(d->lines, 0, sizeof(*d->lines) << GLZ_LINE_BITS);
        base = 1;
    }
    d->base = base + cells;
    return base;
}
