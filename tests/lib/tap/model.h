/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's image cache, shared by all display channels of a session: ids with reference counts, no size limit.
 *
 * The messages of servers are turned into steps (display.h), which the session runs in the order of the client.
 */
#pragma once

#include "tests/lib/tap/tap.h"

typedef enum ModelKind {
    MODEL_DONE,           /* end of a message. id: its serial, or 0 to count on */
    MODEL_FINISH,         /* the client leaves this link */
    MODEL_WAIT,           /* type, channel, id: wait until that channel has handled serial `id` */
    MODEL_IMAGE,          /* image with data: id, flags, pixels, bytes, type: image type */
    MODEL_REF,            /* FROM_CACHE: id */
    MODEL_DROP,           /* an entry of an INVAL_LIST: id */
    MODEL_DROP_ALL,       /* INVAL_ALL_PIXMAPS */
    MODEL_SURFACE_CREATE, /* id */
    MODEL_SURFACE_DESTROY,
    MODEL_SURFACE_USE,
} ModelKind;

typedef struct ModelStep {
    ModelKind kind;
    guint8 type, channel, flags;
    guint32 bytes;
    guint64 id, pixels;
} ModelStep;

typedef struct ImageCache {
    GHashTable *entries; /* id -> ModelEntry */
    GHashTable *lost;    /* ids that a clear took from the client, as keys */
    guint64 pixels;
} ImageCache;

typedef struct ModelEntry {
    guint64 id, pixels;
    guint refs;
    bool lossy;
    TapCounters *resent; /* of the channel that sent it again, or NULL */
    gint64 resent_time;
    guint32 resent_bytes;
} ModelEntry;

void image_cache_init(ImageCache *cache);

/* INVAL_ALL_PIXMAPS, or a migration that starts anew: the ids are remembered as lost. */
void image_cache_clear(ImageCache *cache);
void image_cache_free(ImageCache *cache);

bool image_cache_holds(const ImageCache *cache, guint64 id);

/* Applies MODEL_IMAGE, MODEL_REF, MODEL_DROP or MODEL_DROP_ALL and counts it. */
void image_cache_step(ImageCache *cache, const ModelStep *step, TapCounters *counters);
