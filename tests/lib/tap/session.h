/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sessions and channels: which links belong together, in which order the client reads them, and the rules of serials.
 *
 * A channel reads one link at a time, the head of its `links`. A second link of the same channel is the next hop of a
 * migration: what its server sends is queued and handled when the client has swapped, as in the client.
 */
#pragma once

#include "tests/lib/tap/model.h"
#include "tests/lib/tap/tap.h"

struct TapChannel {
    TapSession *session;
    guint8 type, id;
    GQueue links;         /* TapLink; the head is the one that the client reads */
    guint64 done;         /* serial of the last message that the client has handled */
    guint hops;           /* links that the client has left */
    guint migrate_datas;  /* MIGRATE_DATA messages seen from servers */
    GHashTable *surfaces; /* ids; only display */
    GBytes *blob;         /* body of the last MIGRATE_DATA from a server, to compare with the echo; or NULL */
};

struct TapSession {
    Tap *tap;
    guint32 id;           /* connection id, 0 until the server told it */
    GHashTable *channels; /* (type << 8 | id) -> TapChannel */
    ImageCache cache;
    guint64 cache_size,
        cache_peak; /* pixels: the size that the client told in its INIT, and the most that the model ever held */
    gint32 glz_window;
    guint switches; /* semi-seamless switches */
};

/* The session and channel that a link belongs to; called when its link message is complete. Sets link->channel. */
void session_attach(Tap *tap, TapLink *link, guint32 connection_id);

/* The server told the id of a new session. */
void session_set_id(TapSession *session, guint32 id);

/* The client drops what it has and goes on with the new links (MIGRATE_END on main). */
void session_semi_switch(TapSession *session);

/* Takes a link out of its channel, for good. Its queued steps are dropped. */
void session_detach(TapLink *link);

/* Adds one step of a server's message on `link`; a message ends with MODEL_DONE. */
void session_step(TapLink *link, const ModelStep *step);

/* The server sent its last message on this link: the client reads the next one after the queued steps. */
void session_link_finished(TapLink *link);

/* Gives up waits for images that last too long; returns the session. Call it before reading the model. */
TapSession *session_settle(TapSession *session);

TapChannel *session_channel(TapSession *session, guint8 type, guint8 id);
void session_free(TapSession *session);
