/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session with an image cache, for the tests of the cache: short forms of what its channels do, and checks. */
#pragma once

#include "server/display/image-cache.h"

#include <string.h>

/* A client with some display channels; each message has the next serial of its channel. */
typedef struct Session {
    ImageCache *cache;
    ImageCacheUser *user[8];
    uint64_t serial[8]; /* of the last message */
    unsigned n;
} Session;

static inline void state_init(CacheState *state)
{
    *state = (CacheState){0};
}

static inline void state_clear(CacheState *state)
{
    g_clear_pointer(&state->sync, g_array_unref);
    g_clear_pointer(&state->entries, g_array_unref);
    g_clear_pointer(&state->entry_sync, g_array_unref);
}

static inline Session session_new(int64_t size, unsigned n)
{
    Session s = {.cache = image_cache_new(3, size), .n = n};

    for (unsigned i = 0; i < n; i++)
        s.user[i] = image_cache_join(s.cache, (uint8_t)i, false);
    return s;
}

/* The session on the other host: nothing restored yet. */
static inline Session session_arrive(const Session *from)
{
    Session s = {.cache = image_cache_new_frozen(3), .n = from->n};

    for (unsigned i = 0; i < s.n; i++)
        s.user[i] = image_cache_join(s.cache, (uint8_t)i, true);
    memcpy(s.serial, from->serial, sizeof(s.serial));
    return s;
}

static inline void session_end(Session *s)
{
    for (unsigned i = 0; i < s->n; i++)
        image_cache_leave(s->user[i]);
    image_cache_unref(s->cache);
}

static inline void begin(Session *s, unsigned channel)
{
    image_cache_begin(s->user[channel], ++s->serial[channel]);
}

static inline void end(Session *s, unsigned channel)
{
    image_cache_end(s->user[channel]);
}

/* One message with one image. */
static inline ImageCacheAdd add(Session *s, unsigned channel, uint64_t id, uint64_t pixels)
{
    ImageCacheAdd result;

    begin(s, channel);
    result = image_cache_add(s->user[channel], id, pixels, false);
    end(s, channel);
    return result;
}

static inline bool hit(Session *s, unsigned channel, uint64_t id)
{
    bool lossy, result;

    begin(s, channel);
    result = image_cache_hit(s->user[channel], id, &lossy);
    end(s, channel);
    return result;
}

static inline void assert_evicted(Session *s, unsigned channel, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const uint64_t *ids;
    size_t n;

    ids = image_cache_evicted(s->user[channel], &n);
    g_assert_true((ids == NULL) == (n == 0));
    for (size_t i = 0; i < n; i++)
        g_string_append_printf(text, i ? " %" G_GUINT64_FORMAT : "%" G_GUINT64_FORMAT, ids[i]);
    g_assert_cmpstr(text->str, ==, expected);
}

static inline void assert_wait_list(const ChannelSerial *waits, size_t n, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < n; i++)
        g_string_append_printf(text, "%s%u:%" G_GUINT64_FORMAT, i ? " " : "", waits[i].channel_id, waits[i].serial);
    g_assert_cmpstr(text->str, ==, expected);
}

static inline void assert_waits(Session *s, unsigned channel, const char *expected)
{
    ChannelSerial waits[255];
    size_t n = image_cache_waits(s->user[channel], waits);

    assert_wait_list(waits, n, expected);
}

static inline void assert_add(Session *s, unsigned channel, uint64_t id, uint64_t pixels, const char *evicted,
                              const char *waits)
{
    begin(s, channel);
    g_assert_cmpint(image_cache_add(s->user[channel], id, pixels, false), ==, IMAGE_CACHE_ADDED);
    assert_evicted(s, channel, evicted);
    assert_waits(s, channel, waits);
    end(s, channel);
}

static inline void assert_figures(Session *s, uint32_t n, int64_t used, int64_t size, bool frozen)
{
    uint32_t got_n;
    int64_t got_used, got_size;
    bool got_frozen;

    image_cache_get_figures(s->cache, &got_n, &got_used, &got_size, &got_frozen);
    g_assert_cmpuint(got_n, ==, n);
    g_assert_cmpint(got_used, ==, used);
    g_assert_cmpint(got_size, ==, size);
    g_assert_cmpint(got_frozen, ==, frozen);
}
