/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Image: a picture that a drawing operation uses, in host memory, validated and immutable after it was made.
 *
 * Images are shared between the server's canvas and the queues of all clients, possibly in several threads: the
 * reference count is atomic, everything else is never written after construction. (Pixels that are still to be copied
 * are the exception: such an image stays in one thread, see PixelSource.)
 */
#pragma once

#include <glib.h>
#include <spice/enums.h>
#include <stdbool.h>
#include <stdint.h>

/* Colours of an indexed bitmap. Immutable, atomically reference counted. Entries are 0x00RRGGBB (or 555 values on 16
 * bit surfaces); n is 1..256. `unique` is the guest's cache key, 0 = never cached. */
typedef struct Palette {
    gatomicrefcount refs;
    uint64_t unique;
    uint16_t n;
    uint32_t entries[];
} Palette;

Palette *palette_new(uint64_t unique, uint16_t n); /* entries are to be filled by the caller before sharing */
Palette *palette_ref(Palette *palette);
void palette_unref(Palette *palette); /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Palette, palette_unref)

/* Packed pixels, or some of them, where they are. */
typedef struct PixelPiece {
    const uint8_t *data;
    uint64_t size; /* bytes, at least 1 */
} PixelPiece;

/*
 * Pixels that are still where they came from, to be copied when somebody needs them: most are drawn over before that.
 * Belongs to one image and is used in one thread, the one that made it, until `data` is there.
 */
typedef struct PixelSource PixelSource;
/* Somebody who reads them where they are and goes on doing so. `leave` is called once, before they may not be read
 * there any more; the watch is not the source's any more then. It may let go of the image. */
typedef struct PixelWatch PixelWatch;
struct PixelWatch {
    void (*leave)(PixelWatch *watch);
    PixelWatch *next;
};
struct PixelSource {
    GBytes *data;        /* once they were copied, else NULL */
    PixelWatch *watches; /* those who watch them have a reference of the image */
    /* Gives the copy, stride * height bytes; called once at most. pieces() is not called after it. Must not fail. */
    GBytes *(*load)(PixelSource *source);
    /* Where the packed pixels are now, n pieces in their order. Their values may change while they are read. */
    const PixelPiece *(*pieces)(PixelSource *source, size_t *n);
    /* `size` of the packed bytes from `offset` on: where they are, or copied to `buffer`. The same holds for them. */
    const uint8_t *(*part)(PixelSource *source, uint64_t offset, uint64_t size, uint8_t *buffer);
    void (*free)(PixelSource *source); /* not what `data` has */
};

/* Pixels of type BITMAP. Rows are always packed: stride = bitmap_row_bytes(format, width). */
typedef struct Bitmap {
    uint8_t format;      /* SPICE_BITMAP_FMT_* */
    bool top_down;       /* first stored row is the top row */
    uint32_t stride;     /* bytes */
    GBytes *pixels;      /* stride * height bytes, or NULL: they are in `source`. See bitmap_data() */
    PixelSource *source; /* or NULL */
    Palette *palette;    /* NULL unless indexed; NULL also for a mask */
    GBytes *quic;        /* the QUIC stream of these pixels if the guest gave one: it is sent as it is. Else NULL */
} Bitmap;

typedef struct Image {
    gatomicrefcount refs;
    uint64_t id;        /* as the guest gave it, opaque; meaningless for SURFACE */
    uint8_t type;       /* SPICE_IMAGE_TYPE_BITMAP or SPICE_IMAGE_TYPE_SURFACE */
    bool cacheable;     /* the guest allows caching under `id` */
    bool high_bits_set; /* top byte of 32 bit pixels is to be taken as 0xff */
    uint32_t width;     /* pixels; 0 for SURFACE (the surface's own size counts) */
    uint32_t height;
    union {
        Bitmap bitmap;
        uint32_t surface_id;
    };
} Image;

/* Takes ownership of `data` and `palette`. data holds bitmap_row_bytes(format, width) * height bytes. */
Image *image_new_bitmap(uint64_t id, uint8_t format, bool top_down, uint32_t width, uint32_t height, GBytes *data,
                        Palette *palette);
/* The same of pixels that are copied later. Takes ownership of `source`. */
Image *image_new_from_source(uint64_t id, uint8_t format, bool top_down, uint32_t width, uint32_t height,
                             PixelSource *source);
Image *image_new_surface(uint32_t surface_id);
Image *image_ref(Image *image);
void image_unref(Image *image); /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Image, image_unref)

/* The pixels, copied now if they were not yet. They stay with the bitmap. */
GBytes *bitmap_data(const Bitmap *bitmap);
/* The same for one look at them, which may save the copy; valid until the next call for this bitmap. */
const uint8_t *bitmap_peek(const Bitmap *bitmap);
/* One row as it is stored, for one look at it, without having all copied: where it is, or in `buffer` (`stride` bytes).
 * Nobody knows whether two looks show the same. */
const uint8_t *bitmap_row(const Bitmap *bitmap, uint32_t row, uint8_t *buffer);
/* stride * height of an image of type BITMAP. */
uint64_t image_byte_size(const Image *image);

/* Has the pixels copied, if they were not yet. The caller has a reference of the image. */
GBytes *pixel_source_load(PixelSource *source);
/* All who watch the pixels leave them, with which the source itself may go. */
void pixel_source_call_leave(PixelSource *source);

/* For who holds a reference of the image: where the pixels are, n pieces, if they can be watched there; NULL if not. */
const PixelPiece *bitmap_watch(const Bitmap *bitmap, PixelWatch *watch, size_t *n);
/* No more; nothing if it was left. */
void bitmap_unwatch(const Bitmap *bitmap, PixelWatch *watch);

bool bitmap_format_valid(uint8_t format);   /* 1..10 */
bool bitmap_format_indexed(uint8_t format); /* 1BIT, 4BIT, 8BIT */
uint8_t bitmap_format_bits(uint8_t format); /* bits per pixel */
/* Bytes of one packed row. Never overflows 64 bit. */
uint64_t bitmap_row_bytes(uint8_t format, uint32_t width);
