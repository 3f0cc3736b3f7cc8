/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FramePool: the few frames of samples that the host fills for one connection.
 *
 * The host holds bare pointers to the samples of frames, and may keep one after the connection, or even the device, is
 * gone: the memory lives until the pool was released and every frame has come back. Host context.
 */
#pragma once

#include "server/channels/sound-codec.h"

#define SOUND_FRAMES 3

typedef struct FramePool FramePool;

FramePool *frame_pool_new(void);
/* The connection is gone. NULL is allowed. */
void frame_pool_release(FramePool *pool);

/* Gives a frame's samples to the host: SOUND_FRAME_PAIRS pairs, NULL if all frames are in use. */
uint32_t *frame_pool_take(FramePool *pool);
/* The host gives samples back that some pool gave it. They become the pending frame of their pool, in place of an older
 * one. The pool, or NULL if there is nothing to send: the pool was released, or the host did not have this frame. */
FramePool *frame_pool_put(uint32_t *samples, uint32_t time);

/* The pending frame, NULL if there is none. It stays pending until frame_pool_drop_pending(). */
const uint32_t *frame_pool_pending(const FramePool *pool, uint32_t *time);
/* The pending frame, if there is one, can be taken again. */
void frame_pool_drop_pending(FramePool *pool);
