/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the display channel, without the draws and COPY_BITS: those are in msg-draw.h. Without a body: MARK,
 * RESET, INVAL_ALL_PALETTES, STREAM_DESTROY_ALL, and the client's GL_DRAW_DONE.
 */
#pragma once

#include "common/wire/geometry.h"
#include "common/wire/msg-common.h"

typedef struct MsgDisplayMode {
    uint32_t x_res, y_res, bits;
} MsgDisplayMode;
MSG_DECLARE(MsgDisplayMode, msg_display_mode);

typedef struct ResourceId {
    uint8_t type; /* SPICE_RES_TYPE_PIXMAP */
    uint64_t id;
} ResourceId;

typedef struct MsgDisplayInvalList {
    uint16_t count;
    ResourceId *resources; /* owned after decode */
} MsgDisplayInvalList;
MSG_DECLARE_CLEAR(MsgDisplayInvalList, msg_display_inval_list);

typedef struct MsgDisplayInvalAllPixmaps {
    uint8_t wait_count;
    ChannelWait *wait_list; /* owned after decode */
} MsgDisplayInvalAllPixmaps;
MSG_DECLARE_CLEAR(MsgDisplayInvalAllPixmaps, msg_display_inval_all_pixmaps);

typedef struct MsgDisplayInvalPalette {
    uint64_t id;
} MsgDisplayInvalPalette;
MSG_DECLARE(MsgDisplayInvalPalette, msg_display_inval_palette);

/* SPICE_DISPLAY_CAP_* of a client that decodes SPICE_VIDEO_CODEC_TYPE_*; -1: no such codec. (Clients without
 * MULTI_CODEC say nothing: they decode MJPEG.) */
int msg_display_codec_cap(uint8_t codec_type);

typedef struct MsgDisplayStreamCreate {
    uint32_t surface_id;
    uint32_t id;
    uint8_t flags;      /* SPICE_STREAM_FLAGS_* */
    uint8_t codec_type; /* SPICE_VIDEO_CODEC_TYPE_* */
    uint64_t stamp;
    uint32_t stream_width, stream_height; /* encoded size */
    uint32_t src_width, src_height;
    Rect dest;
    WireClip clip;
} MsgDisplayStreamCreate;
MSG_DECLARE_CLEAR(MsgDisplayStreamCreate, msg_display_stream_create);

typedef struct MsgDisplayStreamData {
    uint32_t id;
    uint32_t multi_media_time; /* ms */
    uint32_t data_size;
    const uint8_t *data;
} MsgDisplayStreamData;
MSG_DECLARE(MsgDisplayStreamData, msg_display_stream_data);

typedef struct MsgDisplayStreamDataSized {
    uint32_t id;
    uint32_t multi_media_time;
    uint32_t width, height;
    Rect dest;
    uint32_t data_size;
    const uint8_t *data;
} MsgDisplayStreamDataSized;
MSG_DECLARE(MsgDisplayStreamDataSized, msg_display_stream_data_sized);

typedef struct MsgDisplayStreamClip {
    uint32_t id;
    WireClip clip;
} MsgDisplayStreamClip;
MSG_DECLARE_CLEAR(MsgDisplayStreamClip, msg_display_stream_clip);

typedef struct MsgDisplayStreamDestroy {
    uint32_t id;
} MsgDisplayStreamDestroy;
MSG_DECLARE(MsgDisplayStreamDestroy, msg_display_stream_destroy);

typedef struct MsgDisplaySurfaceCreate {
    uint32_t surface_id;
    uint32_t width, height;
    uint32_t format; /* SPICE_SURFACE_FMT_* */
    uint32_t flags;  /* SPICE_SURFACE_FLAGS_* */
} MsgDisplaySurfaceCreate;
MSG_DECLARE(MsgDisplaySurfaceCreate, msg_display_surface_create);

typedef struct MsgDisplaySurfaceDestroy {
    uint32_t surface_id;
} MsgDisplaySurfaceDestroy;
MSG_DECLARE(MsgDisplaySurfaceDestroy, msg_display_surface_destroy);

typedef struct WireHead {
    uint32_t monitor_id;
    uint32_t surface_id;
    uint32_t width, height;
    uint32_t x, y;
    uint32_t flags;
} WireHead;

typedef struct MsgDisplayMonitorsConfig {
    uint16_t count;
    uint16_t max_allowed;
    WireHead *heads; /* owned after decode */
} MsgDisplayMonitorsConfig;
MSG_DECLARE_CLEAR(MsgDisplayMonitorsConfig, msg_display_monitors_config);

typedef struct MsgDisplayStreamActivateReport {
    uint32_t stream_id;
    uint32_t unique_id;
    uint32_t max_window_size; /* frames */
    uint32_t timeout_ms;
} MsgDisplayStreamActivateReport;
MSG_DECLARE(MsgDisplayStreamActivateReport, msg_display_stream_activate_report);

/* The file descriptor travels outside the body. */
typedef struct MsgDisplayGlScanoutUnix {
    uint32_t width, height;
    uint32_t stride; /* bytes */
    uint32_t drm_fourcc_format;
    uint32_t flags; /* SPICE_GL_SCANOUT_FLAGS_* */
} MsgDisplayGlScanoutUnix;
MSG_DECLARE(MsgDisplayGlScanoutUnix, msg_display_gl_scanout_unix);

typedef struct MsgDisplayGlDraw {
    uint32_t x, y, w, h;
} MsgDisplayGlDraw;
MSG_DECLARE(MsgDisplayGlDraw, msg_display_gl_draw);

typedef struct MsgcDisplayInit {
    uint8_t pixmap_cache_id;
    int64_t pixmap_cache_size; /* pixels */
    uint8_t glz_dictionary_id;
    int32_t glz_dictionary_window_size; /* pixels */
} MsgcDisplayInit;
MSG_DECLARE(MsgcDisplayInit, msgc_display_init);

typedef struct MsgcDisplayStreamReport {
    uint32_t stream_id;
    uint32_t unique_id;
    uint32_t start_frame_mm_time, end_frame_mm_time;
    uint32_t num_frames;
    uint32_t num_drops;
    int32_t last_frame_delay; /* ms */
    uint32_t audio_delay;     /* ms */
} MsgcDisplayStreamReport;
MSG_DECLARE(MsgcDisplayStreamReport, msgc_display_stream_report);

typedef struct MsgcDisplayPreferredCompression {
    uint8_t image_compression; /* SPICE_IMAGE_COMPRESSION_* */
} MsgcDisplayPreferredCompression;
MSG_DECLARE(MsgcDisplayPreferredCompression, msgc_display_preferred_compression);

typedef struct MsgcDisplayPreferredVideoCodecType {
    uint8_t num_of_codecs;
    const uint8_t *codecs; /* SPICE_VIDEO_CODEC_TYPE_*, best first */
} MsgcDisplayPreferredVideoCodecType;
MSG_DECLARE(MsgcDisplayPreferredVideoCodecType, msgc_display_preferred_video_codec_type);
