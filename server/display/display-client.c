/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/display-client.h"

#include "common/util/limited-warning.h"
#include "common/wire/msg-display.h"
#include "server/core/client.h"
#include "server/core/server.h"
#include "server/display/client-stream.h"
#include "server/display/gl-scanout.h"

#include <spice/protocol.h>

#define INIT_TIMEOUT_MS (30 * 1000)
#define MESSAGE_MAX 1024
#define MIGRATE_DATA_MAX (64 * 1024 * 1024)
#define MAX_CACHE_PIXELS (G_GINT64_CONSTANT(1) << 31)

static G_DEFINE_QUARK(spice_image_cache, image_cache_kind)
static G_DEFINE_QUARK(spice_glz_dictionary, glz_dictionary_kind)

DisplayChannel *display_client_channel(DisplayClient *dc)
{
    return (DisplayChannel *)dc->cc.channel;
}

/* --- surfaces at the client --- */

ClientSurface *display_client_surface(DisplayClient *dc, uint32_t id)
{
    return g_hash_table_lookup(dc->surfaces, GUINT_TO_POINTER(id));
}

void display_client_set_surface(DisplayClient *dc, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
    ClientSurface *surface = g_new0(ClientSurface, 1);

    surface->format = format;
    surface->width = width;
    surface->height = height;
    g_hash_table_insert(dc->surfaces, GUINT_TO_POINTER(id), surface);
    lossy_map_add_surface(dc->lossy, id, width, height);
}

void display_client_remove_surface(DisplayClient *dc, uint32_t id)
{
    g_hash_table_remove(dc->surfaces, GUINT_TO_POINTER(id));
    lossy_map_remove_surface(dc->lossy, id);
}

/* --- cache --- */

typedef struct CacheArg {
    uint8_t id;
    int64_t size;
} CacheArg;

static void *create_cache(void *data)
{
    const CacheArg *arg = data;

    return arg->size > 0 ? image_cache_new(arg->id, arg->size) : image_cache_new_frozen(arg->id);
}

void display_client_join_cache(DisplayClient *dc, uint8_t cache_id, int64_t size, bool restored)
{
    CacheArg arg = {cache_id, size};

    dc->cache = client_shared_object(dc->cc.client, image_cache_kind_quark(), cache_id, create_cache, &arg,
                                     (GDestroyNotify)image_cache_unref);
    dc->cache_user = image_cache_join(dc->cache, dc->cc.channel->id, restored);
}

void display_client_leave_cache(DisplayClient *dc)
{
    if (dc->cache_user)
        image_cache_leave(dc->cache_user);
    dc->cache_user = NULL;
    dc->cache = NULL;
}

/* --- dictionary --- */

typedef struct DictionaryArg {
    uint8_t id;
    uint32_t size;
    uint64_t next_id;
} DictionaryArg;

static void *create_dictionary(void *data)
{
    const DictionaryArg *arg = data;

    return glz_dictionary_new(arg->id, arg->size, arg->next_id);
}

void display_client_join_dictionary(DisplayClient *dc, uint8_t id, uint32_t size, uint64_t next_id)
{
    DictionaryArg arg = {id, size, next_id};

    dc->dictionary_id = id;
    if (size > 0)
        dc->dictionary = client_shared_object(dc->cc.client, glz_dictionary_kind_quark(), id, create_dictionary, &arg,
                                              (GDestroyNotify)glz_dictionary_unref);
}

/* The host may change it at any time, in its own thread. */
static bool wan_compression(const DisplayClient *dc, const int *setting)
{
    int value = g_atomic_int_get(setting);

    return value == SPICE_WAN_COMPRESSION_ALWAYS || (value == SPICE_WAN_COMPRESSION_AUTO && dc->cc.link.low_bandwidth);
}

void display_client_choose_wan(DisplayClient *dc)
{
    dc->jpeg = wan_compression(dc, &dc->cc.channel->server->config.jpeg);
    dc->deflate = wan_compression(dc, &dc->cc.channel->server->config.zlib_glz);
}

/* --- life --- */

static void on_init_timeout(void *opaque)
{
    DisplayClient *dc = opaque;

    g_warning("display %u: the client does not say what it has; it is dropped", dc->cc.channel->id);
    channel_client_disconnect(&dc->cc);
}

static void display_connected(ChannelClient *cc)
{
    DisplayClient *dc = (DisplayClient *)cc;

    dc->palettes = key_cache_new(PALETTE_CACHE_SIZE);
    dc->promised = g_hash_table_new(NULL, NULL);
    dc->surfaces = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    dc->lossy = lossy_map_new();
    dc->video_codecs = g_byte_array_new();
    dc->arriving = cc->link.migration;
    display_client_choose_wan(dc);
    /* Silent until the client has told its caches (INIT), or its data have come. */
    channel_client_close_window(cc);
    channel_client_push_set_ack(cc);
    if (!cc->link.migration) {
        dc->timer = loop_timer_new(cc->channel->loop, on_init_timeout, dc);
        loop_timer_start(dc->timer, INIT_TIMEOUT_MS);
    }
    display_channel_tell_capabilities(display_client_channel(dc));
}

static void display_disconnected(ChannelClient *cc)
{
    DisplayClient *dc = (DisplayClient *)cc;

    gl_scanout_leave(dc);
    loop_timer_free(dc->timer);
    client_streams_free(dc);
    display_client_leave_cache(dc);
    dictionary_loans_end(&dc->dictionary_loans);
    key_cache_free(dc->palettes);
    g_hash_table_unref(dc->promised);
    g_hash_table_unref(dc->surfaces);
    lossy_map_free(dc->lossy);
    for (unsigned i = 0; i < G_N_ELEMENTS(dc->encoded); i++)
        wire_writer_clear(&dc->encoded[i]);
    g_byte_array_unref(dc->video_codecs);
    dc->started = false;
    display_channel_tell_capabilities(display_client_channel(dc));
    worker_continue_start(display_client_channel(dc)->worker);
}

void display_client_start(DisplayClient *dc)
{
    DisplayChannel *display = display_client_channel(dc);
    Surface *primary = display->surfaces[0];

    dc->started = true;
    if (primary) {
        display_queue_inval_all_palettes(dc);
        display_queue_surface(dc, primary);
        display_queue_monitors(dc);
        channel_client_push_empty(&dc->cc, SPICE_MSG_DISPLAY_MARK);
    }
    gl_scanout_greet(dc);
    channel_client_open_window(&dc->cc);
}

/* --- messages --- */

static bool refuse(GError **error, const char *what)
{
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "%s", what);
    return false;
}

static bool handle_init(DisplayClient *dc, WireReader *r, GError **error)
{
    MsgcDisplayInit m;

    if (!msgc_display_init_decode(r, &m, error))
        return false;
    if (dc->started || dc->cc.link.migration)
        return refuse(error, "INIT, but the channel is initialised already");
    if (m.glz_dictionary_window_size < 0 || m.glz_dictionary_window_size > (int32_t)GLZ_MAX_WINDOW)
        return refuse(error, "INIT with a dictionary window that cannot be");
    if (!client_agrees_on_ids(dc->cc.client, m.pixmap_cache_id, m.glz_dictionary_id))
        return refuse(error, "INIT with another cache or dictionary id than on the client's other displays");
    loop_timer_free(dc->timer);
    dc->timer = NULL;
    display_client_join_dictionary(dc, m.glz_dictionary_id, (uint32_t)m.glz_dictionary_window_size, 0);
    /* A client that wants no cache gets one in which nothing fits. */
    display_client_join_cache(dc, m.pixmap_cache_id, CLAMP(m.pixmap_cache_size, 1, MAX_CACHE_PIXELS), false);
    display_client_start(dc);
    return true;
}

static bool handle_preferred_compression(DisplayClient *dc, WireReader *r, GError **error)
{
    MsgcDisplayPreferredCompression m;

    if (!msgc_display_preferred_compression_decode(r, &m, error))
        return false;
    if (m.image_compression < SPICE_IMAGE_COMPRESSION_OFF || m.image_compression > SPICE_IMAGE_COMPRESSION_LZ4)
        WARN_LIMITED("display: the client prefers compression %u, which does not exist", m.image_compression);
    else
        dc->preferred_compression = m.image_compression;
    return true;
}

static bool handle_video_codecs(DisplayClient *dc, WireReader *r, GError **error)
{
    MsgcDisplayPreferredVideoCodecType m;

    if (!msgc_display_preferred_video_codec_type_decode(r, &m, error))
        return false;
    g_byte_array_set_size(dc->video_codecs, 0);
    g_byte_array_append(dc->video_codecs, m.codecs, m.num_of_codecs);
    /* They begin anew, with another codec if it is so. */
    display_channel_stop_streams(display_client_channel(dc));
    return true;
}

static bool handle_stream_report(DisplayClient *dc, WireReader *r, GError **error)
{
    MsgcDisplayStreamReport m;
    VideoReport report;

    if (!msgc_display_stream_report_decode(r, &m, error))
        return false;
    if (m.stream_id >= MAX_STREAMS)
        return refuse(error, "STREAM_REPORT of a stream that cannot be");
    report = (VideoReport){m.start_frame_mm_time, m.end_frame_mm_time, m.num_frames,
                           m.num_drops,           m.last_frame_delay,  m.audio_delay};
    client_streams_report(dc, m.stream_id, m.unique_id, &report);
    return true;
}

static bool display_handle(ChannelClient *cc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    DisplayClient *dc = (DisplayClient *)cc;
    WireReader r = wire_reader(body, size);

    switch (type) {
    case SPICE_MSGC_DISPLAY_INIT:
        return handle_init(dc, &r, error);
    case SPICE_MSGC_DISPLAY_PREFERRED_COMPRESSION:
        return handle_preferred_compression(dc, &r, error);
    case SPICE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE:
        return handle_video_codecs(dc, &r, error);
    case SPICE_MSGC_DISPLAY_STREAM_REPORT:
        return handle_stream_report(dc, &r, error);
    case SPICE_MSGC_DISPLAY_GL_DRAW_DONE:
        return gl_scanout_done(dc) || refuse(error, "GL_DRAW_DONE, but nothing was drawn");
    case SPICE_MSGC_PONG:
        return true;
    default:
        g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "message type %u is not known here", type);
        return false;
    }
}

const ChannelOps display_ops = {
    .client_size = sizeof(DisplayClient),
    .migrate_flags = SPICE_MIGRATE_NEED_FLUSH | SPICE_MIGRATE_NEED_DATA_TRANSFER,
    .acks = true,
    .max_message = MESSAGE_MAX,
    .max_migrate_data = MIGRATE_DATA_MAX,
    .connected = display_connected,
    .disconnected = display_disconnected,
    .handle = display_handle,
    .participant =
        {
            .name = "display",
            .freeze = display_client_freeze,
            .save = display_client_save,
            .load = display_client_load,
            .activate = display_client_activate,
        },
};
