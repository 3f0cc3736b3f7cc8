/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of a GlScanout; what is done with it: gl-scanout.h. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct GlBuffer {
    int fd; /* -1 = no scanout */
    uint32_t width, height;
    uint32_t stride; /* bytes */
    uint32_t fourcc;
    bool y0_top;
} GlBuffer;

typedef struct GlScanout {
    GMutex lock;
    GlBuffer buffer;     /* under the lock; the fd is owned */
    uint32_t generation; /* under the lock: of the buffer, from 1 */
    bool drawing;        /* under the lock: a draw of the host is not complete */

    /* worker's thread */
    uint64_t cookie;  /* of the draw */
    unsigned waiting; /* clients that have not answered it, and the worker itself while it hands it out */
} GlScanout;
