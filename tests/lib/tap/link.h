/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Routes and links: sockets, forwarding with back pressure, and the state of the parser of each direction.
 *
 * Bytes go on as they come. Only an incomplete header, and the body of a MIGRATE_DATA that is to be tampered with, are
 * held back.
 */
#pragma once

#include "tests/lib/tap/tap.h"

typedef enum FlowStage {
    FLOW_LINK_HEADER, /* 16 bytes */
    FLOW_LINK_BODY,   /* the link message, or the reply */
    FLOW_AUTH,        /* from the client: the u32 mechanism, and the ticket */
    FLOW_RESULT,      /* from the server: the u32 result */
    FLOW_DATA_HEADER,
    FLOW_DATA_BODY,
    FLOW_OPAQUE, /* not understood (TLS, SASL, refused): only forwarded */
} FlowStage;

/* One direction of a link. */
typedef struct Flow {
    TapLink *link;
    TapSide side; /* who sends */
    int in, out;  /* file descriptors, the link's */
    bool eof;     /* no more input */
    bool shut;    /* the end was passed on */
    GByteArray *pending;
    gsize sent; /* bytes of pending that were written */

    FlowStage stage;
    GByteArray *part; /* header or body so far */
    gsize want;       /* bytes of this stage that are still to come */
    bool keep;        /* the body is collected in part */
    bool hold;        /* the body is held back */
    gsize held_at;    /* where in pending the message stands with which the delay began */
    guint delay;      /* id of the timer until whose end nothing is written, or 0 */
    guint8 header[18];
    gsize header_size;
    guint64 serial; /* of the message in work: the header's field, 0 with mini headers */
    guint16 type;
    guint32 size, sub_list;
} Flow;

struct TapLink {
    Tap *tap;
    TapRoute *route;
    int fd[2]; /* by TapSide: the socket to that peer */
    GSource *source;
    gpointer tag[2];
    bool connecting;
    Flow flow[2]; /* by sender */

    guint8 type, id;                  /* channel; TAP_UNKNOWN before the link message */
    guint32 client_caps, server_caps; /* first word of the common capabilities */
    bool mini;
    guint64 link_bytes[2];
    TapCounters *counters; /* of the current phase, see link_counters() */
    TapChannel *channel;   /* NULL before the link message, and when detached */
    GQueue steps;          /* ModelStep: not handled yet */
    bool target;           /* linked while an older link of the channel was alive */
    bool blocked;          /* its first step is a wait, or an image to come, that is not fulfilled yet */
    gint64 blocked_since;
    TapCounters *missed;                   /* where the image that is waited for was counted as missing, or NULL */
    bool migrate_seen, data_seen, data_in; /* MIGRATE, MIGRATE_DATA from the server; MIGRATE_DATA from the client */
    guint32 migrate_flags;
};

struct TapRoute {
    Tap *tap;
    guint index;
    int fd;
    guint16 port; /* where it listens */
    char *host;   /* the server */
    guint16 host_port;
    struct addrinfo *address;
    guint watch;
};

/* Listens on 127.0.0.1:port (0: any) and forwards to host:host_port. NULL and an error if that is not possible. */
TapRoute *route_new(Tap *tap, guint16 port, const char *host, guint16 host_port, GError **error);
void route_free(TapRoute *route);

TapCounters *link_counters(TapLink *link);

/* Bytes to pass on; called by the parser. */
void flow_emit(Flow *flow, const void *data, gsize size);

/* Replaces the body of the message with which the delay began. False: there is none, or it is not whole yet. */
bool flow_replace_held(Flow *flow, GBytes *body);
/* Passes nothing on for so long; then a MIGRATE_DATA in it counts as arrived. */
void flow_delay(Flow *flow, guint ms);
/* Ends that at once. The link may be freed by it. */
void flow_release(Flow *flow);

/* Closes both sockets. The link is freed. */
void link_close(TapLink *link);
