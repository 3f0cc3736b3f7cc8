/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client with a thread for each channel that models what a real one keeps: the image cache that its displays share
 * (counted entries), what each display has processed, surfaces, cursors. It waits as a real client does: FROM_CACHE
 * until some display brings the image, waits until the other display is there. What cannot be ends the test.
 */
#pragma once

#include "tests/unit/raw-client.h"

#include <pthread.h>
#include <spice.h>

#define MAX_DISPLAYS 5

struct Viewer;

typedef enum ViewerKind {
    VIEWER_LOCAL,       /* UNIX sockets: the guest's pictures come as they are */
    VIEWER_FULL_HEADER, /* the same with full headers, whose messages carry their invalidations */
    VIEWER_TCP,         /* compressed pictures */
} ViewerKind;

typedef struct ViewerChannel {
    struct Viewer *viewer;
    RawClient raw;
    uint8_t type, id;
    pthread_t thread;
    bool running;
    uint64_t processed; /* serial; viewer's lock */
    bool idle;          /* all that came was processed; viewer's lock */
    uint64_t surfaces;  /* bit set, the display's thread only */
    GHashTable *shapes; /* cursor keys, the cursor's thread only */
} ViewerChannel;

typedef struct Viewer {
    ViewerKind kind;
    unsigned n_displays;
    uint64_t cache_pixels;
    uint32_t connection_id;
    ViewerChannel main, displays[MAX_DISPLAYS], cursors[MAX_DISPLAYS];

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    GHashTable *images; /* id -> count */
    bool closing;       /* connections end now: nobody waits any more */
    unsigned n_hits, n_adds, n_invals, n_resets, n_waits;
} Viewer;

/* Links main and the display and cursor channels 0..n-1 to a server of this thread, and starts reading. */
Viewer *viewer_new(SpiceServer *server, unsigned n_displays, uint64_t cache_pixels, ViewerKind kind);
/* The server sends nothing more for now: waits until all was processed, and checks that the cache is what it may be. */
void viewer_settle(Viewer *viewer);
/* From now on the server may close connections. */
void viewer_expect_close(Viewer *viewer);
/* Closes what is still open, ends the threads. */
void viewer_free(Viewer *viewer);

/* Links one channel and stops there; nothing is read. */
void viewer_link(SpiceServer *server, RawClient *raw, uint32_t connection_id, uint8_t type, uint8_t id);
/* Sends INIT of a display. */
void viewer_send_init(RawClient *raw, uint64_t cache_pixels);
