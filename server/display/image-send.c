/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sends drawing operations: their images go through the client's image cache, palette cache and the codecs. */
#include "common/wire/header.h"
#include "common/wire/msg-common.h"
#include "common/wire/msg-display.h"
#include "server/core/client.h"
#include "server/display/codec-choice.h"
#include "server/display/display-client.h"
#include "server/display/image-encode.h"
#include "server/display/leftovers.h"
#include "server/display/sendable.h"
#include "server/net/stream.h"

#include <spice/protocol.h>

/* Ids in one INVAL_LIST, whose count has 16 bits. */
#define MAX_INVAL_IDS 60000
/* What a client keeps of the memory for an encoded image. */
#define KEEP_ENCODED_BYTES ((size_t)1 << 20)

typedef struct SendContext {
    DisplayClient *dc;
    const DrawOp *op;
    bool exact;        /* nothing of it may be sent as an approximation */
    bool source_lossy; /* the source image is one at the client now */
    WireImage images[3];
    uint64_t evicted_palettes[3];
    unsigned n_evicted_palettes;
} SendContext;

static Codec choose_codec(DisplayClient *dc, const Image *image, bool lossy)
{
    CodecPolicy policy = {
        .compression = dc->preferred_compression ? dc->preferred_compression : display_client_channel(dc)->compression,
        .lossy = lossy,
        .lz4 = channel_client_has_cap(&dc->cc, SPICE_DISPLAY_CAP_LZ4_COMPRESSION),
        .dictionary = dc->dictionary != NULL,
        /* On this machine bandwidth costs nothing. What the server makes itself is compressed all the same. */
        .never_encode = image->cacheable && stream_is_unix(dc->cc.link.stream),
    };

    return codec_choose(&policy, image);
}

static void use_palette(SendContext *ctx, const Bitmap *bitmap, WireImage *out)
{
    uint64_t evicted = 0;

    if (!bitmap->palette)
        return;
    out->palette = bitmap->palette;
    switch (key_cache_use(ctx->dc->palettes, bitmap->palette->unique, &evicted)) {
    case KEY_CACHE_HIT:
        out->bitmap_flags |= SPICE_BITMAP_FLAGS_PAL_FROM_CACHE;
        out->palette_id = bitmap->palette->unique;
        break;
    case KEY_CACHE_ADDED:
        out->bitmap_flags |= SPICE_BITMAP_FLAGS_PAL_CACHE_ME;
        break;
    case KEY_CACHE_OFF:
        break;
    }
    if (evicted)
        ctx->evicted_palettes[ctx->n_evicted_palettes++] = evicted;
}

/* The pixels, compressed if that is wanted and makes them smaller. */
static void fill_bitmap(SendContext *ctx, const Image *image, bool compress, bool lossy, unsigned index, WireImage *out)
{
    const Bitmap *bitmap = &image->bitmap;
    Codec codec = compress ? choose_codec(ctx->dc, image, lossy) : CODEC_NONE;
    gsize size;

    if (bitmap->quic && compress) { /* the guest has done the work */
        out->type = SPICE_IMAGE_TYPE_QUIC;
        out->data = g_bytes_get_data(bitmap->quic, &size);
        out->size = size;
        return;
    }
    out->bitmap_flags = bitmap->top_down ? SPICE_BITMAP_FLAGS_TOP_DOWN : 0;
    use_palette(ctx, bitmap, out);
    if (image_encode(ctx->dc, image, codec, &ctx->dc->encoded[index], out))
        return;
    out->type = SPICE_IMAGE_TYPE_BITMAP;
    out->format = bitmap->format;
    out->stride = bitmap->stride;
    out->data = g_bytes_get_data(bitmap_data(bitmap), &size);
    out->size = size;
}

static void fill_surface_image(SendContext *ctx, const Image *image, WireImage *out)
{
    const ClientSurface *surface = display_client_surface(ctx->dc, image->surface_id);

    out->type = SPICE_IMAGE_TYPE_SURFACE;
    out->surface_id = image->surface_id;
    out->width = surface ? surface->width : 0;
    out->height = surface ? surface->height : 0;
}

static void queue_sync(DisplayClient *dc);

/* The image is in the client's cache, as far as this message may use it. Else `replace` says whether what is there is
 * an approximation, which this message replaces. */
static bool take_from_cache(SendContext *ctx, const Image *image, bool may_be_lossy, WireImage *out, bool *replace)
{
    ImageCacheUser *user = ctx->dc->cache_user;
    bool lossy = false;

    if (!image_cache_hit(user, image->id, &lossy))
        return false;
    if (lossy && !may_be_lossy) {
        image_cache_set_lossless(user, image->id);
        out->flags |= SPICE_IMAGE_FLAGS_CACHE_REPLACE_ME;
        *replace = true;
        return false;
    }
    ctx->source_lossy = ctx->source_lossy || lossy;
    /* Another channel may have replaced an approximation, by a message that the client has not seen yet. */
    out->type = !lossy && (ctx->dc->jpeg || image_cache_knows_lossy(user)) ? SPICE_IMAGE_TYPE_FROM_CACHE_LOSSLESS
                                                                           : SPICE_IMAGE_TYPE_FROM_CACHE;
    return true;
}

static bool is_lossy_type(uint8_t type)
{
    return type == SPICE_IMAGE_TYPE_JPEG || type == SPICE_IMAGE_TYPE_JPEG_ALPHA;
}

static void fill_image(SendContext *ctx, const Image *image, bool is_mask, unsigned index)
{
    const ClientSurface *dest = display_client_surface(ctx->dc, ctx->op->surface_id);
    uint32_t format = dest ? dest->format : 0;
    bool cacheable = image->cacheable && op_image_is_cacheable(ctx->op, image, format);
    bool may_be_lossy = ctx->dc->jpeg && !ctx->exact && lossy_allows_image(ctx->op, image), lossy, replace = false;
    WireImage *out = &ctx->images[index];

    *out = (WireImage){.id = image->id, .width = image->width, .height = image->height};
    if (image->type == SPICE_IMAGE_TYPE_SURFACE) {
        fill_surface_image(ctx, image, out);
        return;
    }
    out->flags = image->high_bits_set ? SPICE_IMAGE_FLAGS_HIGH_BITS_SET : 0;
    if (cacheable && take_from_cache(ctx, image, may_be_lossy, out, &replace))
        return;
    fill_bitmap(ctx, image, !is_mask && op_image_is_compressible(ctx->op, image, format), may_be_lossy && ctx->dc->jpeg,
                index, out);
    lossy = is_lossy_type(out->type);
    ctx->source_lossy = ctx->source_lossy || lossy;
    if (!cacheable || replace)
        return;
    switch (image_cache_add(ctx->dc->cache_user, image->id, (uint64_t)image->width * image->height, lossy)) {
    case IMAGE_CACHE_ADDED:
        out->flags |= SPICE_IMAGE_FLAGS_CACHE_ME;
        break;
    case IMAGE_CACHE_NEEDS_SYNC:
        queue_sync(ctx->dc);
        break;
    case IMAGE_CACHE_NO_ROOM:
        break;
    }
}

/* --- a cache that another channel has reset --- */

static void sync_send(ChannelClient *cc, PipeItem *item)
{
    DisplayClient *dc = (DisplayClient *)cc;
    g_auto(WireWriter) body = {0};
    ChannelSerial serial;
    ChannelWait wait;
    MsgWaitForChannels m = {1, &wait};

    dc->sync_queued = false;
    if (!image_cache_sync(dc->cache_user, &serial) ||
        !client_has_channel(cc->client, SPICE_CHANNEL_DISPLAY, serial.channel_id))
        return;
    wait = (ChannelWait){SPICE_CHANNEL_DISPLAY, serial.channel_id, serial.serial};
    msg_wait_for_channels_encode(&body, &m);
    channel_client_send(cc, SPICE_MSG_WAIT_FOR_CHANNELS, &body, 0);
}

static const PipeItemOps sync_ops = {sync_send, NULL};

static void queue_sync(DisplayClient *dc)
{
    PipeItem *item;

    if (dc->sync_queued)
        return;
    dc->sync_queued = true;
    item = g_new0(PipeItem, 1);
    pipe_item_init(item, &sync_ops);
    channel_client_queue(&dc->cc, item);
}

/* --- what was evicted --- */

static void encode_inval_list(WireWriter *w, const uint64_t *ids, size_t n)
{
    g_autofree ResourceId *resources = g_new(ResourceId, n);
    MsgDisplayInvalList m = {(uint16_t)n, resources};

    for (size_t i = 0; i < n; i++)
        resources[i] = (ResourceId){SPICE_RES_TYPE_PIXMAP, ids[i]};
    msg_display_inval_list_encode(w, &m);
}

/* The other channels that used what goes: the client must not drop it before they are done with it. */
static bool encode_waits(DisplayClient *dc, WireWriter *w)
{
    ChannelSerial serials[255];
    ChannelWait waits[255];
    MsgWaitForChannels m = {.wait_list = waits};
    size_t n = image_cache_waits(dc->cache_user, serials);

    for (size_t i = 0; i < n; i++)
        if (client_has_channel(dc->cc.client, SPICE_CHANNEL_DISPLAY, serials[i].channel_id))
            waits[m.wait_count++] = (ChannelWait){SPICE_CHANNEL_DISPLAY, serials[i].channel_id, serials[i].serial};
    if (m.wait_count)
        msg_wait_for_channels_encode(w, &m);
    return m.wait_count > 0;
}

static SubMessage sub_message(uint16_t type, const WireWriter *w)
{
    return (SubMessage){type, w->data, w->size};
}

/* Sends the invalidations before the message itself (mini header), or packs them into its body (full header, the
 * offset of the list is returned). */
static uint32_t send_evictions(DisplayClient *dc, WireWriter *body)
{
    size_t n;
    const uint64_t *ids = image_cache_evicted(dc->cache_user, &n);
    g_auto(WireWriter) wait = {0};
    bool separate = dc->cc.link.mini_header || n > MAX_INVAL_IDS; /* messages of their own */
    bool has_wait;
    uint32_t sub_list = 0;

    if (!n)
        return 0;
    has_wait = encode_waits(dc, &wait);
    if (separate)
        image_cache_restamp(dc->cache_user,
                            channel_client_next_serial(&dc->cc) + (n + MAX_INVAL_IDS - 1) / MAX_INVAL_IDS);
    for (size_t done = 0; done < n;) {
        g_auto(WireWriter) inval = {0};
        g_auto(WireWriter) message = {0};
        size_t part = MIN(n - done, MAX_INVAL_IDS);
        SubMessage subs[2];
        uint16_t n_subs = 0;

        encode_inval_list(&inval, ids + done, part);
        done += part;
        if (has_wait)
            subs[n_subs++] = sub_message(SPICE_MSG_WAIT_FOR_CHANNELS, &wait);
        subs[n_subs++] = sub_message(SPICE_MSG_DISPLAY_INVAL_LIST, &inval);
        has_wait = false;
        if (!separate) {
            sub_list = wire_write_sub_list(body, subs, n_subs);
        } else if (n_subs > 1) {
            wire_write_list(&message, subs, n_subs);
            channel_client_send(&dc->cc, SPICE_MSG_LIST, &message, 0);
        } else {
            channel_client_send(&dc->cc, SPICE_MSG_DISPLAY_INVAL_LIST, &inval, 0);
        }
    }
    return sub_list;
}

/* Eviction is told by the very next message: only then may the key be used again. */
static void send_evicted_palettes(SendContext *ctx)
{
    for (unsigned i = 0; i < ctx->n_evicted_palettes; i++) {
        g_auto(WireWriter) body = {0};
        MsgDisplayInvalPalette m = {ctx->evicted_palettes[i]};

        msg_display_inval_palette_encode(&body, &m);
        channel_client_send(&ctx->dc->cc, SPICE_MSG_DISPLAY_INVAL_PALETTE, &body, 0);
    }
}

static const Image *mask_of(const DrawOp *op)
{
    switch (op->type) {
    case QXL_DRAW_FILL:
        return op->u.fill.mask.image;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return op->u.copy.mask.image;
    case QXL_DRAW_OPAQUE:
        return op->u.opaque.mask.image;
    case QXL_DRAW_ROP3:
        return op->u.rop3.mask.image;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return op->u.solid.mask.image;
    default:
        return NULL; /* a composite's mask is a picture like others */
    }
}

/* For the next image; what a very large one has taken is given back. */
static void reset_encoded(WireWriter *encoded)
{
    if (encoded->capacity > KEEP_ENCODED_BYTES)
        wire_writer_clear(encoded);
    else
        wire_writer_reset(encoded);
}

void display_send_op(DisplayClient *dc, const DrawOp *original, bool exact)
{
    DrawOp changed;
    const DrawOp *op = leftovers_before_op(dc, original, &changed);
    SendContext ctx = {.dc = dc, .op = op, .exact = exact};
    g_auto(WireWriter) body = {0};
    const Image *mask = mask_of(op);
    Image *images[3];
    unsigned n = draw_op_images(op, images);
    uint16_t type = msg_draw_type(op);
    uint32_t sub_list;

    if (!type)
        return;
    image_cache_begin(dc->cache_user, channel_client_next_serial(&dc->cc));
    for (unsigned i = 0; i < n; i++)
        fill_image(&ctx, images[i], mask && images[i] == mask, i);
    msg_draw_encode(&body, op, ctx.images, n);
    sub_list = send_evictions(dc, &body);
    channel_client_send(&dc->cc, type, &body, sub_list);
    image_cache_end(dc->cache_user);
    lossy_map_apply(dc->lossy, op, ctx.source_lossy);
    send_evicted_palettes(&ctx);
    for (unsigned i = 0; i < n; i++)
        reset_encoded(&dc->encoded[i]);
}
