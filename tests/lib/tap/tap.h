/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the wiretap share. Everything runs in one thread.
 *
 *   TapRoute    a listening port and the server behind it
 *   TapLink     one accepted connection and its twin to the server               (link.h)
 *   TapSession  one client session: its channels and the client's image cache    (session.h)
 *   TapChannel  one (type, id) of a session; over a migration it lives on several links, one after the other
 *   TapCounters what was counted on one (phase, type, id, route)                 (stats.h)
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define TAP_TYPES 512 /* message types that are counted apart; larger ones share the last slot */
#define TAP_MAX_MADE 100000
#define TAP_UNKNOWN 255 /* channel type of a link whose link stage was not read yet */

typedef enum TapSide { TAP_CLIENT, TAP_SERVER } TapSide; /* the side that sends */

typedef struct Tap Tap;
typedef struct TapRoute TapRoute;
typedef struct TapLink TapLink;
typedef struct TapSession TapSession;
typedef struct TapChannel TapChannel;

typedef struct TapCount {
    guint64 messages, bytes; /* bytes with headers */
    gint64 first_us;         /* when the first one was complete, by the monotonic clock; 0: none was */
} TapCount;

typedef struct TapImages {
    guint64 count, bytes, pixels; /* bytes: descriptor, header and data, without palettes */
} TapImages;

typedef struct TapCounters {
    guint phase; /* index in Tap.phases */
    guint8 type, id;
    guint route;
    TapCount total[2], by_type[2][TAP_TYPES]; /* by TapSide */
    TapImages images[256];                    /* by image type */
    guint64 malformed;
    /* The image cache of the client, as this channel used it: */
    guint64 added, replaced;      /* images with data, CACHE_ME or CACHE_REPLACE_ME */
    guint64 hits;                 /* FROM_CACHE of an image that the client holds */
    guint64 missing;              /* FROM_CACHE of one that it does not hold: the channel stalls */
    guint64 late;                 /* such ones that another channel brought afterwards; not in `missing` any more */
    guint64 resent, resent_bytes; /* data of an image that the client holds */
    guint64 resent_plain; /* of `resent`: without CACHE_ME. With several displays these may be read out of order */
    guint64 crossed; /* such ones that another channel drops at once: read out of order; not in `resent` any more */
    guint64 resent_lost, resent_lost_bytes; /* data of an image that it held until the whole cache was cleared */
    guint64 evicted, unknown_evicted;       /* entries of INVAL_LIST */
    guint64 inval_all;
} TapCounters;

typedef struct TapTamper {
    guint8 type, id;
    enum { TAP_TRUNCATE, TAP_APPEND, TAP_REPLACE, TAP_DROP, TAP_HOLD } what;
    guint32 size;  /* TAP_TRUNCATE: the new size; TAP_HOLD: milliseconds */
    GBytes *bytes; /* TAP_APPEND, TAP_REPLACE */
} TapTamper;

typedef struct TapViolation {
    char *kind; /* a short word, for tests to filter by */
    char *text;
    guint phase;
    guint8 type, id;
    guint64 serial; /* of the message that the client would be handling */
} TapViolation;

typedef struct TapSaved {
    guint8 type, id;
    guint hop; /* counts the MIGRATE_DATA messages of this channel */
    GBytes *body;
} TapSaved;

/* An image that a server made of what a surface shows, drawn on it. */
typedef struct TapMade {
    guint phase;
    guint8 id, type; /* display channel, image type */
    guint route;
    guint32 surface;
    gint32 top, left, bottom, right;
} TapMade;

struct Tap {
    GMainLoop *loop;
    GPtrArray *routes;     /* TapRoute */
    GPtrArray *links;      /* TapLink: open ones */
    GPtrArray *sessions;   /* TapSession: all ever seen */
    GPtrArray *phases;     /* char*: names; the last one is the current phase */
    GPtrArray *counters;   /* TapCounters */
    GPtrArray *violations; /* TapViolation; the first TAP_MAX_VIOLATIONS of each kind, see stats.h */
    GHashTable *kinds;     /* char* -> count of violations, as pointer */
    GPtrArray *tampers;    /* TapTamper: not used yet */
    GPtrArray *saved;      /* TapSaved */
    GArray *made;          /* TapMade, the first TAP_MAX_MADE; NULL: there are none */
};
