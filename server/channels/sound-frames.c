/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/sound-frames.h"

typedef struct SoundFrame {
    uint32_t samples[SOUND_FRAME_PAIRS]; /* first: all that the host knows of the frame */
    FramePool *pool;
    bool with_host;
    uint32_t time;
} SoundFrame;

struct FramePool {
    SoundFrame frames[SOUND_FRAMES];
    SoundFrame *pending;
    unsigned with_host; /* frames */
    bool released;
};

FramePool *frame_pool_new(void)
{
    FramePool *pool = g_new0(FramePool, 1);

    for (unsigned i = 0; i < SOUND_FRAMES; i++)
        pool->frames[i].pool = pool;
    return pool;
}

static void free_when_unused(FramePool *pool)
{
    if (pool->released && !pool->with_host)
        g_free(pool);
}

void frame_pool_release(FramePool *pool)
{
    if (!pool)
        return;
    pool->released = true;
    free_when_unused(pool);
}

uint32_t *frame_pool_take(FramePool *pool)
{
    for (unsigned i = 0; i < SOUND_FRAMES; i++) {
        SoundFrame *frame = &pool->frames[i];

        if (frame->with_host || frame == pool->pending)
            continue;
        frame->with_host = true;
        pool->with_host++;
        return frame->samples;
    }
    return NULL;
}

FramePool *frame_pool_put(uint32_t *samples, uint32_t time)
{
    SoundFrame *frame = (SoundFrame *)(void *)samples;
    FramePool *pool = frame->pool;

    if (!frame->with_host) {
        g_warning("playback: samples that were not handed out are put");
        return NULL;
    }
    frame->with_host = false;
    pool->with_host--;
    if (pool->released) {
        free_when_unused(pool);
        return NULL;
    }
    frame->time = time;
    pool->pending = frame;
    return pool;
}

const uint32_t *frame_pool_pending(const FramePool *pool, uint32_t *time)
{
    if (!pool->pending)
        return NULL;
    *time = pool->pending->time;
    return pool->pending->samples;
}

void frame_pool_drop_pending(FramePool *pool)
{
    pool->pending = NULL;
}
