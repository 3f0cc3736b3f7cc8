/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many items may wait for a client: the farther the guest is ahead, the more is drawn over before it is sent, but
 * what waits is also what the person at the screen still has to wait for. So a client may have as many waiting as it
 * took in the last while in PACE_AHEAD_US, within limits.
 *
 * Its speed is measured only while something waits: whoever has nothing to take is not slow. Times are monotonic, in
 * microseconds. Not locked.
 */
#pragma once

#include <glib.h>

#define PACE_MIN 50u
#define PACE_MAX 200u
#define PACE_AHEAD_US (250 * 1000)
#define PACE_MEASURE_US (50 * 1000)

typedef struct Pace {
    unsigned limit; /* items that may wait */
    unsigned sent;  /* while something waited, in `busy` */
    gint64 busy;
    gint64 since; /* not yet in `busy` */
} Pace;

static inline void pace_init(Pace *p)
{
    *p = (Pace){.limit = PACE_MIN};
}

/* Something waits, and nothing did before. */
static inline void pace_begin(Pace *p, gint64 now)
{
    p->since = now;
}

/* `items` that had waited were sent. */
static inline void pace_sent(Pace *p, unsigned items, gint64 now)
{
    p->sent += items;
    p->busy += now - p->since;
    p->since = now;
    if (p->busy < PACE_MEASURE_US)
        return;
    p->limit = (unsigned)CLAMP(p->sent * (gint64)PACE_AHEAD_US / p->busy, PACE_MIN, PACE_MAX);
    p->sent = 0;
    p->busy = 0;
}
