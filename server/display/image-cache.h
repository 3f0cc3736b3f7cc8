/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ImageCache: the server's mirror of a client's image cache, shared by all display channels of that client.
 *
 * The client obeys: it stores what is sent with CACHE_ME and drops what an INVAL_LIST names; only this object keeps it
 * within its size. Sizes are in pixels (width * height of the image's descriptor). The order is least recently used.
 *
 * Thread safe: display channels live in different threads. A channel works on the cache through its ImageCacheUser,
 * between image_cache_begin() and image_cache_end(), once per message; the lock is held all the while, so that
 * lookups, encodings and additions of all channels form one total order (the deadlock rule of cross-channel caching).
 */
#pragma once

#include "server/migration/state.h"

typedef struct ImageCache ImageCache;
typedef struct ImageCacheUser ImageCacheUser;

/* An empty cache of `size` pixels. */
ImageCache *image_cache_new(uint8_t id, int64_t size);
/* A cache on a migration destination: inactive (nothing hits, nothing is added) until it is restored or reset. */
ImageCache *image_cache_new_frozen(uint8_t id);
ImageCache *image_cache_ref(ImageCache *cache);
void image_cache_unref(ImageCache *cache);

uint8_t image_cache_id(const ImageCache *cache);
/* Figures for reports and tests; takes the lock. */
void image_cache_get_figures(ImageCache *cache, uint32_t *n_entries, int64_t *used, int64_t *size, bool *frozen);

/* True for the first who asks for a cache whose content is to come: it brings it, or resets the cache. Any thread. */
bool image_cache_claim(ImageCache *cache);

/* Display channel `channel_id` takes part. Serials that an earlier connection of it left behind are forgotten. The user
 * adopts the cache's present generation. `restored`: the channel continues a migrated connection: its serials stay. */
ImageCacheUser *image_cache_join(ImageCache *cache, uint8_t channel_id, bool restored);
/* The channel is gone: nothing of it is left to wait for. Frees the user. */
void image_cache_leave(ImageCacheUser *user);

/* Starts the message whose serial will be `serial` if nothing is evicted. Takes the lock. */
void image_cache_begin(ImageCacheUser *user, uint64_t serial);
/* The image is in the client's cache: makes it the most recent. */
bool image_cache_hit(ImageCacheUser *user, uint64_t id, bool *lossy);
/* An entry is, or was, lossy: clients that are told of a lossless one must wait for it. Within a message. */
bool image_cache_knows_lossy(const ImageCacheUser *user);
/* The entry (which was hit in this message) is now lossless at the client. */
void image_cache_set_lossless(ImageCacheUser *user, uint64_t id);

typedef enum ImageCacheAdd {
    IMAGE_CACHE_ADDED,      /* send with CACHE_ME */
    IMAGE_CACHE_NO_ROOM,    /* larger than the cache, empty, frozen, or only entries of this message are left */
    IMAGE_CACHE_NEEDS_SYNC, /* another channel reset the cache: send PIXMAP_SYNC first (image_cache_sync) */
} ImageCacheAdd;
/* Must not be called for an id that is present. An image larger than the whole cache evicts nothing. */
ImageCacheAdd image_cache_add(ImageCacheUser *user, uint64_t id, uint64_t pixels, bool lossy);

/* What the message evicted so far: ids to name in INVAL_LIST, NULL/0 if nothing. Valid until image_cache_end(). */
const uint64_t *image_cache_evicted(ImageCacheUser *user, size_t *n);
/* The last serials of the other channels that used what was evicted: to be waited for. At most 255. */
size_t image_cache_waits(ImageCacheUser *user, ChannelSerial waits[255]);
/* The message got this serial instead (an INVAL_LIST goes before it): what it touched is stamped anew. */
void image_cache_restamp(ImageCacheUser *user, uint64_t serial);
/* Ends the message; releases the lock. */
void image_cache_end(ImageCacheUser *user);

/* INVAL_ALL_PIXMAPS with this serial is being written on the user's channel: everything is forgotten, a frozen cache
 * becomes active with `size` pixels (size <= 0: keeps its own size). Gives the wait list. Takes the lock itself. */
size_t image_cache_reset(ImageCacheUser *user, uint64_t serial, int64_t size, ChannelSerial waits[255]);
/* PIXMAP_SYNC: the channel and serial to wait for before adding again; false if the generations are equal. */
bool image_cache_sync(ImageCacheUser *user, ChannelSerial *wait);

/*
 * Migration source: freezes the cache (nothing hits or is added from then on) and fills `state`. The first user to do
 * so is the freezer: it alone gets the entries. Later ones get size, id and the serials with freezer = false.
 */
void image_cache_freeze(ImageCacheUser *user, CacheState *state);
/* Migration source, attempt failed after the freeze: the content is put back as if nothing had been frozen. */
void image_cache_thaw(ImageCacheUser *user);

/* Destination: the per channel serials of any display channel's data (the maximum per channel counts). */
void image_cache_merge_sync(ImageCache *cache, const CacheState *state);
/* Destination: the freezer's entries become the content, the cache becomes active. `state` was validated
 * (cache_state_validate): cannot fail, except that a cache that is not frozen is left alone (false). */
bool image_cache_restore(ImageCache *cache, const CacheState *state);
