/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/image-cache.h"

#include "server/display/cache-store.h"

#include <pthread.h>
#include <string.h>

#define MAX_SIZE (G_GINT64_CONSTANT(1) << 31) /* pixels; what a client asks for beyond is not used */
#define MAX_EVICTED 65535u                    /* that one INVAL_LIST can name */

struct ImageCache {
    gint refs; /* atomic */
    uint8_t id;
    pthread_mutex_t lock; /* guards all below */

    int64_t size, used; /* pixels */
    bool awaiting;      /* on a destination: neither restored nor reset yet */
    bool claimed;       /* somebody has brought the content, or is about to reset it */
    bool frozen;        /* on a source: the content is on its way and must not change */
    CacheStore store;
    uint64_t message; /* messages begun so far, of all users */
    int64_t held;     /* pixels of entries that the message under way uses */

    /* By channel id. */
    uint64_t sync[256];         /* last serial that used or changed the cache */
    ImageCacheUser *owner[256]; /* the present connection */
    bool forgotten[256];        /* gone or begun anew here: serials in migration data are of an earlier connection */

    /* Goes up with each reset. Users of an older generation wait for the initiator's reset before they add. */
    uint64_t generation;
    ChannelSerial initiator;
    bool initiator_gone;
    bool knows_lossy;
};

struct ImageCacheUser {
    ImageCache *cache;
    uint8_t channel;
    uint64_t generation; /* guarded by the cache's lock */

    /* The message under way. */
    uint64_t serial;
    bool touched;          /* it used or changed the cache */
    GArray *evicted;       /* uint64_t ids */
    uint64_t pending[256]; /* by channel id: last serial that used what was evicted; all 0 if nothing was */
};

static ImageCache *cache_new(uint8_t id, int64_t size)
{
    ImageCache *cache = g_new0(ImageCache, 1);

    cache->refs = 1;
    pthread_mutex_init(&cache->lock, NULL);
    cache->id = id;
    cache->size = MIN(size, MAX_SIZE);
    cache_store_init(&cache->store);
    return cache;
}

ImageCache *image_cache_new(uint8_t id, int64_t size)
{
    return cache_new(id, size);
}

ImageCache *image_cache_new_frozen(uint8_t id)
{
    ImageCache *cache = cache_new(id, -1);

    cache->awaiting = true;
    return cache;
}

ImageCache *image_cache_ref(ImageCache *cache)
{
    g_atomic_int_inc(&cache->refs);
    return cache;
}

void image_cache_unref(ImageCache *cache)
{
    if (!g_atomic_int_dec_and_test(&cache->refs))
        return;
    cache_store_clear(&cache->store);
    pthread_mutex_destroy(&cache->lock);
    g_free(cache);
}

uint8_t image_cache_id(const ImageCache *cache)
{
    return cache->id;
}

static bool active(const ImageCache *cache)
{
    return !cache->awaiting && !cache->frozen;
}

bool image_cache_claim(ImageCache *cache)
{
    bool first;

    pthread_mutex_lock(&cache->lock);
    first = cache->awaiting && !cache->claimed;
    cache->claimed = cache->claimed || first;
    pthread_mutex_unlock(&cache->lock);
    return first;
}

void image_cache_get_figures(ImageCache *cache, uint32_t *n_entries, int64_t *used, int64_t *size, bool *frozen)
{
    pthread_mutex_lock(&cache->lock);
    if (n_entries)
        *n_entries = cache->store.n;
    if (used)
        *used = cache->used;
    if (size)
        *size = cache->size;
    if (frozen)
        *frozen = !active(cache);
    pthread_mutex_unlock(&cache->lock);
}

/* Nothing of the channel's connection so far can be waited for any more. */
static void forget_channel(ImageCache *cache, uint8_t channel)
{
    cache->sync[channel] = 0;
    cache->forgotten[channel] = true;
    cache_store_forget(&cache->store, channel);
    if (cache->initiator.channel_id == channel)
        cache->initiator_gone = true;
}

ImageCacheUser *image_cache_join(ImageCache *cache, uint8_t channel_id, bool restored)
{
    ImageCacheUser *user = g_new0(ImageCacheUser, 1);

    user->cache = image_cache_ref(cache);
    user->channel = channel_id;
    user->evicted = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    pthread_mutex_lock(&cache->lock);
    if (restored)
        cache->forgotten[channel_id] = false;
    else
        forget_channel(cache, channel_id);
    cache->owner[channel_id] = user;
    user->generation = cache->generation;
    pthread_mutex_unlock(&cache->lock);
    return user;
}

void image_cache_leave(ImageCacheUser *user)
{
    ImageCache *cache = user->cache;

    pthread_mutex_lock(&cache->lock);
    /* Else the channel is connected again already, and the serials are the new connection's. */
    if (cache->owner[user->channel] == user) {
        cache->owner[user->channel] = NULL;
        forget_channel(cache, user->channel);
    }
    pthread_mutex_unlock(&cache->lock);
    g_array_unref(user->evicted);
    g_free(user);
    image_cache_unref(cache);
}

void image_cache_begin(ImageCacheUser *user, uint64_t serial)
{
    pthread_mutex_lock(&user->cache->lock);
    user->serial = serial;
    user->cache->message++;
    user->cache->held = 0;
}

void image_cache_end(ImageCacheUser *user)
{
    if (user->evicted->len) {
        g_array_set_size(user->evicted, 0);
        memset(user->pending, 0, sizeof(user->pending));
    }
    user->touched = false;
    pthread_mutex_unlock(&user->cache->lock);
}

/* The message under way changes or uses the cache. */
static void stamp_cache(ImageCacheUser *user)
{
    user->cache->sync[user->channel] = user->serial;
    user->touched = true;
}

/* The message under way uses the entry, which is the newest. */
static void stamp_entry(ImageCacheUser *user, uint32_t index)
{
    ImageCache *cache = user->cache;
    CacheEntry *entry = &cache->store.entries[index];

    if (entry->message != cache->message) {
        entry->message = cache->message;
        cache->held += entry->pixels;
    }
    cache_store_stamp(&cache->store, index, user->channel, user->serial);
    stamp_cache(user);
}

bool image_cache_hit(ImageCacheUser *user, uint64_t id, bool *lossy)
{
    ImageCache *cache = user->cache;
    uint32_t index = active(cache) ? cache_store_find(&cache->store, id) : CACHE_STORE_NONE;

    if (index == CACHE_STORE_NONE)
        return false;
    cache_store_touch(&cache->store, index);
    stamp_entry(user, index);
    if (lossy)
        *lossy = cache->store.entries[index].lossy;
    return true;
}

bool image_cache_knows_lossy(const ImageCacheUser *user)
{
    return user->cache->knows_lossy;
}

void image_cache_set_lossless(ImageCacheUser *user, uint64_t id)
{
    ImageCache *cache = user->cache;
    uint32_t index = active(cache) ? cache_store_find(&cache->store, id) : CACHE_STORE_NONE;

    if (index != CACHE_STORE_NONE && cache->store.entries[index].message == cache->message)
        cache->store.entries[index].lossy = false;
}

static void evict_oldest(ImageCacheUser *user)
{
    ImageCache *cache = user->cache;
    CacheStore *store = &cache->store;
    uint32_t index = store->oldest;

    g_array_append_val(user->evicted, store->entries[index].id);
    for (uint32_t i = 0; i < store->n_channels; i++) {
        uint8_t channel = store->channels[i];

        user->pending[channel] = MAX(user->pending[channel], store->serials[channel][index]);
    }
    cache->used -= store->entries[index].pixels;
    cache_store_remove(store, index);
    stamp_cache(user);
}

/* False while the user has to wait for another channel's reset before it adds. */
static bool generation_current(ImageCacheUser *user)
{
    const ImageCache *cache = user->cache;

    /* Of a channel that is gone nothing can be waited for. */
    if (cache->initiator_gone || cache->initiator.channel_id == user->channel)
        user->generation = cache->generation;
    return user->generation == cache->generation;
}

ImageCacheAdd image_cache_add(ImageCacheUser *user, uint64_t id, uint64_t pixels, bool lossy)
{
    ImageCache *cache = user->cache;
    int64_t room = cache->size - cache->held; /* the message under way keeps the rest */

    if (!active(cache) || pixels == 0 || room < 0 || pixels > (uint64_t)room ||
        cache_store_find(&cache->store, id) != CACHE_STORE_NONE)
        return IMAGE_CACHE_NO_ROOM;
    if (!generation_current(user))
        return IMAGE_CACHE_NEEDS_SYNC;
    while (cache->used + (int64_t)pixels > cache->size || cache->store.n >= STATE_MAX_CACHE_ENTRIES) {
        if (user->evicted->len >= MAX_EVICTED || cache->store.entries[cache->store.oldest].message == cache->message)
            return IMAGE_CACHE_NO_ROOM;
        evict_oldest(user);
    }
    cache->used += (int64_t)pixels;
    cache->knows_lossy = cache->knows_lossy || lossy;
    stamp_entry(user, cache_store_insert(&cache->store, id, (uint32_t)pixels, lossy));
    return IMAGE_CACHE_ADDED;
}

const uint64_t *image_cache_evicted(ImageCacheUser *user, size_t *n)
{
    *n = user->evicted->len;
    return user->evicted->len ? (const uint64_t *)(void *)user->evicted->data : NULL;
}

static size_t list_waits(const uint64_t serials[256], uint8_t own, ChannelSerial waits[255])
{
    size_t n = 0;

    for (unsigned channel = 0; channel < 256; channel++)
        if (channel != own && serials[channel])
            waits[n++] = (ChannelSerial){.channel_id = (uint8_t)channel, .serial = serials[channel]};
    return n;
}

size_t image_cache_waits(ImageCacheUser *user, ChannelSerial waits[255])
{
    return user->evicted->len ? list_waits(user->pending, user->channel, waits) : 0;
}

void image_cache_restamp(ImageCacheUser *user, uint64_t serial)
{
    ImageCache *cache = user->cache;
    const CacheStore *store = &cache->store;

    user->serial = serial;
    if (!user->touched)
        return;
    stamp_cache(user);
    /* What the message used is the newest. */
    for (uint32_t i = store->newest; i != CACHE_STORE_NONE && store->entries[i].message == cache->message;
         i = store->entries[i].older)
        cache_store_stamp(&cache->store, i, user->channel, serial);
}

size_t image_cache_reset(ImageCacheUser *user, uint64_t serial, int64_t size, ChannelSerial waits[255])
{
    ImageCache *cache = user->cache;
    size_t n;

    pthread_mutex_lock(&cache->lock);
    n = list_waits(cache->sync, user->channel, waits);
    cache_store_clear(&cache->store);
    cache->used = 0;
    if (size > 0)
        cache->size = MIN(size, MAX_SIZE);
    cache->awaiting = cache->frozen = false;
    cache->sync[user->channel] = serial;
    cache->initiator = (ChannelSerial){.channel_id = user->channel, .serial = serial};
    cache->initiator_gone = false;
    user->generation = ++cache->generation;
    pthread_mutex_unlock(&cache->lock);
    return n;
}

bool image_cache_sync(ImageCacheUser *user, ChannelSerial *wait)
{
    ImageCache *cache = user->cache;
    bool needed;

    pthread_mutex_lock(&cache->lock);
    needed = !generation_current(user);
    if (needed)
        *wait = cache->initiator;
    user->generation = cache->generation;
    pthread_mutex_unlock(&cache->lock);
    return needed;
}

static GArray *emptied(GArray **array, size_t element)
{
    if (!*array)
        *array = g_array_new(FALSE, FALSE, (guint)element);
    g_array_set_size(*array, 0);
    return *array;
}

static void save_entries(const ImageCache *cache, CacheState *state)
{
    const CacheStore *store = &cache->store;
    size_t columns = state->sync->len;
    CacheEntryState *entry;
    uint64_t *row;

    g_array_set_size(state->entries, store->n);
    g_array_set_size(state->entry_sync, (guint)(store->n * columns));
    entry = (CacheEntryState *)(void *)state->entries->data;
    row = (uint64_t *)(void *)state->entry_sync->data;
    for (uint32_t i = store->newest; i != CACHE_STORE_NONE; i = store->entries[i].older) {
        const CacheEntry *from = &store->entries[i];

        *entry++ = (CacheEntryState){.id = from->id, .pixels = from->pixels, .lossy = from->lossy};
        for (size_t c = 0; c < columns; c++)
            *row++ = cache_store_serial(store, i, g_array_index(state->sync, ChannelSerial, c).channel_id);
    }
}

void image_cache_freeze(ImageCacheUser *user, CacheState *state)
{
    ImageCache *cache = user->cache;

    emptied(&state->sync, sizeof(ChannelSerial));
    emptied(&state->entries, sizeof(CacheEntryState));
    emptied(&state->entry_sync, sizeof(uint64_t));

    pthread_mutex_lock(&cache->lock);
    state->id = cache->id;
    state->size = cache->size;
    state->freezer = !cache->frozen;
    /* A cache that was not restored yet holds nothing that is known: the next host has to reset it. */
    state->has_entries = state->freezer && !cache->awaiting;
    for (unsigned channel = 0; channel < 256; channel++) {
        ChannelSerial sync = {.channel_id = (uint8_t)channel, .serial = cache->sync[channel]};

        if (sync.serial)
            g_array_append_val(state->sync, sync);
    }
    if (state->has_entries)
        save_entries(cache, state);
    cache->frozen = true;
    pthread_mutex_unlock(&cache->lock);
}

void image_cache_thaw(ImageCacheUser *user)
{
    pthread_mutex_lock(&user->cache->lock);
    user->cache->frozen = false;
    pthread_mutex_unlock(&user->cache->lock);
}

static void merge_sync(ImageCache *cache, const CacheState *state)
{
    for (guint i = 0; state->sync && i < state->sync->len; i++) {
        const ChannelSerial *sync = &g_array_index(state->sync, ChannelSerial, i);

        if (!cache->forgotten[sync->channel_id])
            cache->sync[sync->channel_id] = MAX(cache->sync[sync->channel_id], sync->serial);
    }
}

void image_cache_merge_sync(ImageCache *cache, const CacheState *state)
{
    pthread_mutex_lock(&cache->lock);
    merge_sync(cache, state);
    /* In case the freezer's data never come: the size for the reset that must follow then. */
    if (cache->awaiting && cache->size <= 0)
        cache->size = MIN(state->size, MAX_SIZE);
    pthread_mutex_unlock(&cache->lock);
}

static void load_entries(ImageCache *cache, const CacheState *state)
{
    size_t columns = state->sync ? state->sync->len : 0;

    for (guint i = state->entries ? state->entries->len : 0; i-- > 0;) {
        const CacheEntryState *entry = &g_array_index(state->entries, CacheEntryState, i);
        uint32_t index = cache_store_insert(&cache->store, entry->id, entry->pixels, entry->lossy);

        cache->used += entry->pixels;
        cache->knows_lossy = cache->knows_lossy || entry->lossy;
        for (size_t c = 0; c < columns; c++) {
            uint8_t channel = g_array_index(state->sync, ChannelSerial, c).channel_id;
            uint64_t serial = g_array_index(state->entry_sync, uint64_t, i * columns + c);

            if (serial && !cache->forgotten[channel])
                cache_store_stamp(&cache->store, index, channel, serial);
        }
    }
}

bool image_cache_restore(ImageCache *cache, const CacheState *state)
{
    bool ok;

    pthread_mutex_lock(&cache->lock);
    ok = cache->awaiting && !cache->frozen && state->has_entries;
    if (ok) {
        merge_sync(cache, state);
        cache->size = state->size;
        load_entries(cache, state);
        cache->awaiting = false;
    }
    pthread_mutex_unlock(&cache->lock);
    return ok;
}
