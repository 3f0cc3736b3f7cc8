/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GlzDictionary: the window of images that the GLZ encoder and one client share, and what finds matches in it.
 *
 * All display channels of a client encode with the same dictionary, each in the thread of its worker: it has one lock,
 * which an encoding holds from the choice of the image's id to the end of its stream. Reference counted (atomic).
 *
 * It holds references on the pixels of the images in its window (bounded by the window's size, which the client
 * chooses), and no other memory of the callers. Oldest images leave first. Pixels whose memory must be given back
 * before are forgotten: they take their room in the window, but nothing refers to them any more.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define GLZ_MAX_WINDOW (1u << 25) /* pixels; also what offsets in the stream can reach */

typedef struct GlzDictionary GlzDictionary;

typedef struct GlzFigures {
    uint8_t id;
    uint32_t size;    /* of the window, in pixels */
    uint64_t next_id; /* that the next image will have: what a migration carries */
    uint32_t images;  /* in the window */
    uint64_t pixels;  /* of them */
    uint64_t bytes;   /* held by them */
    bool frozen;
} GlzFigures;

/* An empty window of 1..GLZ_MAX_WINDOW pixels. `next_id` is 0 for a new client, and what was carried if the session
 * comes from another host: the first image then tells the client to forget all earlier ones. */
GlzDictionary *glz_dictionary_new(uint8_t id, uint32_t size, uint64_t next_id);
GlzDictionary *glz_dictionary_ref(GlzDictionary *dictionary);
void glz_dictionary_unref(GlzDictionary *dictionary); /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GlzDictionary, glz_dictionary_unref)

/* Migration source: no image is encoded from now on, so that next_id stays what it is; waits for an encoder that is at
 * work. Thaw: the attempt has failed, the window is as it was. */
void glz_dictionary_freeze(GlzDictionary *dictionary);
void glz_dictionary_thaw(GlzDictionary *dictionary);

/* Lets go of all pixels. Ids and the client's window are unaffected. */
void glz_dictionary_forget(GlzDictionary *dictionary);

/* Lets go of those of one image, if it is still in the window; waits for an encoder that is at work. */
void glz_dictionary_forget_image(GlzDictionary *dictionary, uint64_t id);
/* The id of the oldest image in the window; the next id if there is none. */
uint64_t glz_dictionary_oldest(GlzDictionary *dictionary);

void glz_dictionary_get_figures(GlzDictionary *dictionary, GlzFigures *figures);
