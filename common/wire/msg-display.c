/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-display.h"

#include <spice/protocol.h>

#include "common/wire/channel-wait.h"
#include "common/wire/msg-fields.h"

#define MODE(FIELD) FIELD(u32, x_res) FIELD(u32, y_res) FIELD(u32, bits)
MSG_FIXED(MsgDisplayMode, msg_display_mode, MODE)

#define INVAL_PALETTE(FIELD) FIELD(u64, id)
MSG_FIXED(MsgDisplayInvalPalette, msg_display_inval_palette, INVAL_PALETTE)

#define STREAM_DESTROY(FIELD) FIELD(u32, id)
MSG_FIXED(MsgDisplayStreamDestroy, msg_display_stream_destroy, STREAM_DESTROY)

#define SURFACE_CREATE(FIELD)                                                                                          \
    FIELD(u32, surface_id)                                                                                             \
    FIELD(u32, width)                                                                                                  \
    FIELD(u32, height)                                                                                                 \
    FIELD(u32, format)                                                                                                 \
    FIELD(u32, flags)
MSG_FIXED(MsgDisplaySurfaceCreate, msg_display_surface_create, SURFACE_CREATE)

#define SURFACE_DESTROY(FIELD) FIELD(u32, surface_id)
MSG_FIXED(MsgDisplaySurfaceDestroy, msg_display_surface_destroy, SURFACE_DESTROY)

#define STREAM_ACTIVATE_REPORT(FIELD)                                                                                  \
    FIELD(u32, stream_id)                                                                                              \
    FIELD(u32, unique_id)                                                                                              \
    FIELD(u32, max_window_size)                                                                                        \
    FIELD(u32, timeout_ms)
MSG_FIXED(MsgDisplayStreamActivateReport, msg_display_stream_activate_report, STREAM_ACTIVATE_REPORT)

#define GL_SCANOUT_UNIX(FIELD)                                                                                         \
    FIELD(u32, width)                                                                                                  \
    FIELD(u32, height)                                                                                                 \
    FIELD(u32, stride)                                                                                                 \
    FIELD(u32, drm_fourcc_format)                                                                                      \
    FIELD(u32, flags)
MSG_FIXED(MsgDisplayGlScanoutUnix, msg_display_gl_scanout_unix, GL_SCANOUT_UNIX)

#define GL_DRAW(FIELD) FIELD(u32, x) FIELD(u32, y) FIELD(u32, w) FIELD(u32, h)
MSG_FIXED(MsgDisplayGlDraw, msg_display_gl_draw, GL_DRAW)

#define INIT(FIELD)                                                                                                    \
    FIELD(u8, pixmap_cache_id)                                                                                         \
    FIELD(i64, pixmap_cache_size)                                                                                      \
    FIELD(u8, glz_dictionary_id)                                                                                       \
    FIELD(i32, glz_dictionary_window_size)
MSG_FIXED(MsgcDisplayInit, msgc_display_init, INIT)

#define STREAM_REPORT(FIELD)                                                                                           \
    FIELD(u32, stream_id)                                                                                              \
    FIELD(u32, unique_id)                                                                                              \
    FIELD(u32, start_frame_mm_time)                                                                                    \
    FIELD(u32, end_frame_mm_time)                                                                                      \
    FIELD(u32, num_frames)                                                                                             \
    FIELD(u32, num_drops)                                                                                              \
    FIELD(i32, last_frame_delay)                                                                                       \
    FIELD(u32, audio_delay)
MSG_FIXED(MsgcDisplayStreamReport, msgc_display_stream_report, STREAM_REPORT)

#define PREFERRED_COMPRESSION(FIELD) FIELD(u8, image_compression)
MSG_FIXED(MsgcDisplayPreferredCompression, msgc_display_preferred_compression, PREFERRED_COMPRESSION)

#define RESOURCE_ID_WIRE_SIZE 9

void msg_display_inval_list_encode(WireWriter *w, const MsgDisplayInvalList *m)
{
    wire_write_u16(w, m->count);
    for (unsigned i = 0; i < m->count; i++) {
        wire_write_u8(w, m->resources[i].type);
        wire_write_u64(w, m->resources[i].id);
    }
}

bool msg_display_inval_list_decode(WireReader *r, MsgDisplayInvalList *m, GError **error)
{
    m->count = (uint16_t)msg_bounded_count(r, wire_read_u16(r), RESOURCE_ID_WIRE_SIZE);
    m->resources = g_new(ResourceId, m->count);
    for (unsigned i = 0; i < m->count; i++) {
        m->resources[i].type = wire_read_u8(r);
        m->resources[i].id = wire_read_u64(r);
    }
    return wire_reader_check(r, "MsgDisplayInvalList", error);
}

void msg_display_inval_list_clear(MsgDisplayInvalList *m)
{
    g_free(m->resources);
    *m = (MsgDisplayInvalList){0};
}

void msg_display_inval_all_pixmaps_encode(WireWriter *w, const MsgDisplayInvalAllPixmaps *m)
{
    channel_waits_write(w, m->wait_list, m->wait_count);
}

bool msg_display_inval_all_pixmaps_decode(WireReader *r, MsgDisplayInvalAllPixmaps *m, GError **error)
{
    m->wait_count = channel_waits_read(r, &m->wait_list);
    return wire_reader_check(r, "MsgDisplayInvalAllPixmaps", error);
}

void msg_display_inval_all_pixmaps_clear(MsgDisplayInvalAllPixmaps *m)
{
    g_free(m->wait_list);
    *m = (MsgDisplayInvalAllPixmaps){0};
}

#define STREAM_CREATE_HEAD(FIELD)                                                                                      \
    FIELD(u32, surface_id)                                                                                             \
    FIELD(u32, id)                                                                                                     \
    FIELD(u8, flags)                                                                                                   \
    FIELD(u8, codec_type)                                                                                              \
    FIELD(u64, stamp)                                                                                                  \
    FIELD(u32, stream_width)                                                                                           \
    FIELD(u32, stream_height)                                                                                          \
    FIELD(u32, src_width)                                                                                              \
    FIELD(u32, src_height)                                                                                             \
    FIELD(rect, dest)

void msg_display_stream_create_encode(WireWriter *w, const MsgDisplayStreamCreate *m)
{
    STREAM_CREATE_HEAD(MSG_WRITE_FIELD)
    wire_write_clip(w, &m->clip);
}

bool msg_display_stream_create_decode(WireReader *r, MsgDisplayStreamCreate *m, GError **error)
{
    STREAM_CREATE_HEAD(MSG_READ_FIELD)
    m->clip = wire_read_clip(r);
    if (!wire_reader_ok(r))
        msg_display_stream_create_clear(m);
    return wire_reader_check(r, "MsgDisplayStreamCreate", error);
}

void msg_display_stream_create_clear(MsgDisplayStreamCreate *m)
{
    wire_clip_clear(&m->clip);
}

void msg_display_stream_clip_encode(WireWriter *w, const MsgDisplayStreamClip *m)
{
    wire_write_u32(w, m->id);
    wire_write_clip(w, &m->clip);
}

bool msg_display_stream_clip_decode(WireReader *r, MsgDisplayStreamClip *m, GError **error)
{
    m->id = wire_read_u32(r);
    m->clip = wire_read_clip(r);
    if (!wire_reader_ok(r))
        msg_display_stream_clip_clear(m);
    return wire_reader_check(r, "MsgDisplayStreamClip", error);
}

void msg_display_stream_clip_clear(MsgDisplayStreamClip *m)
{
    wire_clip_clear(&m->clip);
}

void msg_display_stream_data_encode(WireWriter *w, const MsgDisplayStreamData *m)
{
    wire_write_u32(w, m->id);
    wire_write_u32(w, m->multi_media_time);
    wire_write_u32(w, m->data_size);
    wire_write_bytes(w, m->data, m->data_size);
}

bool msg_display_stream_data_decode(WireReader *r, MsgDisplayStreamData *m, GError **error)
{
    m->id = wire_read_u32(r);
    m->multi_media_time = wire_read_u32(r);
    m->data_size = wire_read_u32(r);
    m->data = wire_read_bytes(r, m->data_size);
    return wire_reader_check(r, "MsgDisplayStreamData", error);
}

#define STREAM_DATA_SIZED_HEAD(FIELD)                                                                                  \
    FIELD(u32, id)                                                                                                     \
    FIELD(u32, multi_media_time)                                                                                       \
    FIELD(u32, width)                                                                                                  \
    FIELD(u32, height)                                                                                                 \
    FIELD(rect, dest)                                                                                                  \
    FIELD(u32, data_size)

void msg_display_stream_data_sized_encode(WireWriter *w, const MsgDisplayStreamDataSized *m)
{
    STREAM_DATA_SIZED_HEAD(MSG_WRITE_FIELD)
    wire_write_bytes(w, m->data, m->data_size);
}

bool msg_display_stream_data_sized_decode(WireReader *r, MsgDisplayStreamDataSized *m, GError **error)
{
    STREAM_DATA_SIZED_HEAD(MSG_READ_FIELD)
    m->data = wire_read_bytes(r, m->data_size);
    return wire_reader_check(r, "MsgDisplayStreamDataSized", error);
}

#define HEAD_WIRE_SIZE 28

void msg_display_monitors_config_encode(WireWriter *w, const MsgDisplayMonitorsConfig *m)
{
    wire_write_u16(w, m->count);
    wire_write_u16(w, m->max_allowed);
    for (unsigned i = 0; i < m->count; i++) {
        const WireHead *h = &m->heads[i];
        const uint32_t words[] = {h->monitor_id, h->surface_id, h->width, h->height, h->x, h->y, h->flags};

        for (unsigned k = 0; k < G_N_ELEMENTS(words); k++)
            wire_write_u32(w, words[k]);
    }
}

bool msg_display_monitors_config_decode(WireReader *r, MsgDisplayMonitorsConfig *m, GError **error)
{
    uint16_t count = wire_read_u16(r);

    m->max_allowed = wire_read_u16(r);
    m->count = (uint16_t)msg_bounded_count(r, count, HEAD_WIRE_SIZE);
    m->heads = g_new(WireHead, m->count);
    for (unsigned i = 0; i < m->count; i++) {
        m->heads[i].monitor_id = wire_read_u32(r);
        m->heads[i].surface_id = wire_read_u32(r);
        m->heads[i].width = wire_read_u32(r);
        m->heads[i].height = wire_read_u32(r);
        m->heads[i].x = wire_read_u32(r);
        m->heads[i].y = wire_read_u32(r);
        m->heads[i].flags = wire_read_u32(r);
    }
    return wire_reader_check(r, "MsgDisplayMonitorsConfig", error);
}

void msg_display_monitors_config_clear(MsgDisplayMonitorsConfig *m)
{
    g_free(m->heads);
    *m = (MsgDisplayMonitorsConfig){0};
}

void msgc_display_preferred_video_codec_type_encode(WireWriter *w, const MsgcDisplayPreferredVideoCodecType *m)
{
    wire_write_u8(w, m->num_of_codecs);
    wire_write_bytes(w, m->codecs, m->num_of_codecs);
}

bool msgc_display_preferred_video_codec_type_decode(WireReader *r, MsgcDisplayPreferredVideoCodecType *m,
                                                    GError **error)
{
    m->num_of_codecs = wire_read_u8(r);
    m->codecs = wire_read_bytes(r, m->num_of_codecs);
    return wire_reader_check(r, "MsgcDisplayPreferredVideoCodecType", error);
}

int msg_display_codec_cap(uint8_t codec_type)
{
    switch (codec_type) {
    case SPICE_VIDEO_CODEC_TYPE_MJPEG:
        return SPICE_DISPLAY_CAP_CODEC_MJPEG;
    case SPICE_VIDEO_CODEC_TYPE_VP8:
        return SPICE_DISPLAY_CAP_CODEC_VP8;
    case SPICE_VIDEO_CODEC_TYPE_H264:
        return SPICE_DISPLAY_CAP_CODEC_H264;
    case SPICE_VIDEO_CODEC_TYPE_VP9:
        return SPICE_DISPLAY_CAP_CODEC_VP9;
    case SPICE_VIDEO_CODEC_TYPE_H265:
        return SPICE_DISPLAY_CAP_CODEC_H265;
    default:
        return -1;
    }
}
