/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DisplayClient: the connection of one client to one display channel. Private to server/display. Worker thread.
 *
 * Two views of the client's surfaces are kept. `promised`: the surfaces that it will have when everything queued has
 * been processed; decisions at queue time go by it. `surfaces`: those that it has after the last message that was sent;
 * messages are built from it, and it is what a migration hands over.
 */
#pragma once

#include "common/draw/canvas.h"
#include "common/image/glz-dictionary.h"
#include "common/wire/msg-draw.h"
#include "server/core/channel-client.h"
#include "server/display/dictionary-loans.h"
#include "server/display/display-channel.h"
#include "server/display/image-cache.h"
#include "server/display/key-cache.h"
#include "server/display/lossy.h"
#include "server/display/tree.h"
#include "server/display/video-stream.h"
#include "server/migration/report.h"

typedef struct ClientStream ClientStream;

typedef struct Surface {
    uint32_t id;
    uint32_t format;
    uint32_t width, height;
    Canvas *canvas;
    QXLReleaseInfoExt release; /* of the command that created it; info == NULL for the primary */
    pixman_region32_t dirty;   /* rendered since the host last asked */
} Surface;

struct DisplayChannel {
    Channel channel;
    Worker *worker;
    uint32_t n_surfaces;
    Surface **surfaces; /* by id, NULL = does not exist */
    DrawTree *tree;
    VideoStreams *videos;
    uint32_t next_image_id; /* of images that the server makes */
    MonitorsConfig *monitors;
    uint16_t max_monitors;
    bool driver_sets_monitors;
    int compression; /* SPICE_IMAGE_COMPRESSION_*, for clients that name no preference */
};

/* A surface as the client has it. */
typedef struct ClientSurface {
    uint32_t format, width, height; /* format 0: not known (it came with v1 migration data) */
    /* Reading it may be disturbed by what an earlier operation has set, see leftovers.h. */
    bool has_leftovers, has_component_alpha;
} ClientSurface;

typedef struct DisplayClient {
    ChannelClient cc;
    bool started;      /* INIT or migration data have come: drawables may be queued */
    bool arriving;     /* came by migration, and the VM does not run yet: nothing is told that it knows */
    LoopTimer *timer;  /* waits for INIT; at a migration destination for the cache content of another display */
    ImageCache *cache; /* borrowed from the client */
    ImageCacheUser *cache_user;
    bool sync_queued; /* a PIXMAP_SYNC waits in the queue */
    KeyCache *palettes;
    GlzDictionary *dictionary; /* borrowed from the client; NULL: it wants none */
    DictionaryLoans dictionary_loans;
    uint8_t dictionary_id;
    bool jpeg;            /* photographs may be sent as JPEG */
    bool deflate;         /* GLZ streams are wrapped by zlib */
    uint32_t cold_pixels; /* ... also as long as so many have not gone through a dictionary that a migration emptied */
    uint32_t gl_generation;             /* of the scanout that it was sent last, 0 = none */
    bool owes_gl_draw;                  /* GL_DRAW is queued or was sent, and not answered */
    uint8_t preferred_compression;      /* 0 = the client named none */
    GByteArray *video_codecs;           /* SPICE_VIDEO_CODEC_TYPE_* as it prefers them; empty = it has named none */
    ClientStream *streams[MAX_STREAMS]; /* by id; made when the first frame is queued */
    uint64_t video_bit_rate;            /* that earlier streams have reached */
    GHashTable *promised;               /* set of surface ids */
    GHashTable *surfaces;               /* surface id -> ClientSurface */
    LossyMap *lossy;                    /* which of their pixels are approximate */
    WireWriter encoded[3];              /* the images of the operation that is being sent */
} DisplayClient;

extern const ChannelOps display_ops;

DisplayChannel *display_client_channel(DisplayClient *dc);
ClientSurface *display_client_surface(DisplayClient *dc, uint32_t id);
void display_client_set_surface(DisplayClient *dc, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
void display_client_remove_surface(DisplayClient *dc, uint32_t id);

/* display-client.c */
void display_client_start(DisplayClient *dc); /* first content for a new client */
void display_client_leave_cache(DisplayClient *dc);
/* The cache of the client with this id, made with `size` pixels (0 = frozen, for a restore) if it is new. */
void display_client_join_cache(DisplayClient *dc, uint8_t cache_id, int64_t size, bool restored);

/* The dictionary of the client with this id, made with a window of `size` pixels (0: it gets none) if it is new. */
void display_client_join_dictionary(DisplayClient *dc, uint8_t id, uint32_t size, uint64_t next_id);
/* The client's bandwidth is known: decides what depends on it. */
void display_client_choose_wan(DisplayClient *dc);

/* display-draws.c: drawing operations in the queue (channel_client_queue; the caller pumps) */
void display_queue_drawable(DisplayClient *dc, Drawable *drawable);
/* The drawable is a frame of the stream. `place`: in the queue, as display_hold_frame() gave it; NULL = the end. */
void display_queue_frame(DisplayClient *dc, Drawable *drawable, ClientStream *stream, bool sized, PipeItem *place);
/* The frame's place in the queue, NULL if it is not there. It is no longer the frame's: to be given to another one. */
PipeItem *display_hold_frame(Drawable *frame, const ClientStream *stream);
/* Takes all frames of the stream out of the queue. */
void display_unqueue_frames(DisplayClient *dc, const ClientStream *stream);
/* One that the server made: no approximation of it is sent. Takes a reference of its own. */
void display_queue_op(DisplayClient *dc, DrawOp *op);
void display_queue_surface_image(DisplayClient *dc, Surface *surface, const Rect *area);
/* The drawable is hidden: its items are taken out of all queues. */
void display_unqueue_drawable(Drawable *drawable);
/* Takes out what was queued for a surface that is being destroyed, as far back as nothing reads the surface. */
void display_unqueue_surface(DisplayClient *dc, uint32_t id);

/* display-items.c: what else is put into the queue */
/* The surface is made known to the client with its present pixels, if it is not yet. */
void display_queue_surface(DisplayClient *dc, Surface *surface);
void display_queue_surface_create(DisplayClient *dc, const Surface *surface);
void display_queue_surface_destroy(DisplayClient *dc, uint32_t id);
void display_queue_monitors(DisplayClient *dc);
void display_queue_inval_all_palettes(DisplayClient *dc);
void display_queue_cache_reset(DisplayClient *dc, int64_t size);
/* image-send.c: sends an operation with its images, through cache and codecs. `exact`: none of them as an
 * approximation. What the operation needs exactly, the client has. */
void display_send_op(DisplayClient *dc, const DrawOp *op, bool exact);

/* display-migration.c: the channel's part in a migration (see Participant) */
void display_client_freeze(void *self);
GBytes *display_client_save(void *self, uint64_t serial, MigrationReport *report);
bool display_client_load(void *self, const uint8_t *data, size_t size, MigrationReport *report, GError **error);
void display_client_activate(void *self);
/* What is known of an arrived client meets what exists here. */
void display_client_reconcile(DisplayClient *dc);
