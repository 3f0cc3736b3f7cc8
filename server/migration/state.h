/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plain state structs: what a channel hands over in a migration.
 *
 * A struct is the contract between a channel and the caravan: the channel fills it (save) or takes it over (load), the
 * formats encode and decode it, the inspector prints it, tests compare it. Pure data: no pointers to live objects.
 * `*_init` makes an empty struct, `*_clear` frees what it holds. Not thread safe.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Limits that decoders enforce before they allocate. */
#define STATE_MAX_CACHE_ENTRIES (1u << 20)
#define STATE_MAX_SURFACES 65536u
#define STATE_MAX_LOSSY_RECTS (1u << 20) /* of all surfaces of one channel */
#define STATE_MAX_PALETTES 128u
#define STATE_MAX_CHANNELS 256u
#define STATE_MAX_VIDEO_CODECS 32u
#define STATE_MAX_SERIAL (G_GUINT64_CONSTANT(1) << 56) /* no session lives that long; sums cannot overflow */
#define STATE_MAX_CACHE_PIXELS (G_GINT64_CONSTANT(1) << 31)
#define STATE_MAX_DICTIONARY_PIXELS (1u << 25)
#define STATE_MAX_COORDINATE 0x7fff
#define STATE_MAX_MOTIONS 1024u /* a client stops after a few unacknowledged bunches of 4 */
#define STATE_AGENT_WINDOW 10u  /* tokens that a client has for the agent */

/* "Display channel channel_id has sent its message number `serial`". */
typedef struct ChannelSerial {
    uint8_t channel_id;
    uint64_t serial;
} ChannelSerial;

typedef struct StateRect {
    int32_t left, top, right, bottom; /* half open, left < right, top < bottom */
} StateRect;

typedef struct CacheEntryState {
    uint64_t id;
    uint32_t pixels;
    bool lossy;
} CacheEntryState;

/* The image cache of a client. v1 carries everything but the entries, and the serials of channels 0..3 only. */
typedef struct CacheState {
    uint8_t id;         /* the client's cache id */
    int64_t size;       /* capacity in pixels */
    bool freezer;       /* this channel's data are the ones with the entries */
    bool has_entries;   /* `entries` is the complete content (an empty list is a fact); false: unknown */
    GArray *sync;       /* ChannelSerial, ascending distinct channel ids: last serial that used the cache, > 0 */
    GArray *entries;    /* CacheEntryState, most recently used first */
    GArray *entry_sync; /* uint64_t, entries->len rows of sync->len columns: last serial that used the entry, 0 = never;
                           column order is that of `sync` */
} CacheState;

void cache_state_init(CacheState *state);
void cache_state_clear(CacheState *state);
/* All of: size 1..2^31, entries distinct, pixels > 0, sum of pixels <= size, serials <= those in sync, dimensions fit.
 */
bool cache_state_validate(const CacheState *state, GError **error);

typedef struct DictionaryState {
    uint8_t id;
    uint32_t size; /* window in pixels */
    uint32_t max_encoders;
    uint64_t next_image_id; /* the id that the next encoded image gets */
} DictionaryState;

/* A surface that the client has. */
typedef struct SurfaceState {
    uint32_t id;
    uint32_t format;        /* SPICE_SURFACE_FMT_*, 0 = not known (v1) */
    uint32_t width, height; /* 0 = not known (v1) */
    GArray *lossy;          /* StateRect: the lossy region, in v1's lossy form its extents; NULL = nothing lossy */
    uint8_t leftovers;      /* SURFACE_LEFTOVERS_*: what an operation left set on it at the client */
} SurfaceState;

enum { SURFACE_LEFTOVERS_TRANSFORM = 1, SURFACE_LEFTOVERS_COMPONENT_ALPHA = 2, SURFACE_LEFTOVERS_ALL = 3 };

/* Which parts of a DisplayState are known. v1 alone gives V1; the extension adds the others. */
typedef enum DisplaySections {
    DISPLAY_SECTION_V1 = 1 << 0,
    DISPLAY_SECTION_SERIALS = 1 << 1,  /* next_serial is exact; sync of all channels */
    DISPLAY_SECTION_CACHE = 1 << 2,    /* cache.entries */
    DISPLAY_SECTION_SURFACES = 1 << 3, /* formats, sizes, full lossy regions */
    DISPLAY_SECTION_PALETTES = 1 << 4,
    DISPLAY_SECTION_PREFERENCES = 1 << 5,
    DISPLAY_SECTION_LEFTOVERS = 1 << 6, /* leftovers of the surfaces */
} DisplaySections;

typedef struct DisplayState {
    unsigned sections;    /* DisplaySections that are present */
    uint64_t next_serial; /* what the first message of the destination is counted as by the client */
    bool low_bandwidth;
    CacheState cache;
    DictionaryState dictionary;
    GArray *surfaces;              /* SurfaceState, ascending ids */
    bool surfaces_lossy_form;      /* v1's list has rectangles: JPEG is on for this client */
    GArray *palettes;              /* uint64_t keys, most recently used first */
    uint8_t preferred_compression; /* SPICE_IMAGE_COMPRESSION_*, 0 = the client named none */
    GByteArray *video_codecs;      /* SPICE_VIDEO_CODEC_TYPE_* in the client's order of preference */
} DisplayState;

void display_state_init(DisplayState *state);
void display_state_clear(DisplayState *state);
/* Everything that can be judged without the host: whoever applies the state still compares surface ids with the
 * device's limit, sync of the own channel with next_serial, and the ids and sizes of cache and dictionary with those of
 * the client's other displays. */
bool display_state_validate(const DisplayState *state, GError **error);
/* Smallest rectangle around all of `rects` (GArray of StateRect, may be NULL); all zero if there are none. */
StateRect state_rects_extents(const GArray *rects);

/* A character device with one client attached (agent, usbredir, port, webdav, smartcard). */
typedef struct CharDeviceState {
    bool connected;
    uint32_t num_client_tokens;
    uint32_t num_send_tokens;
    uint32_t write_num_client_tokens;
    GByteArray *write_data; /* bytes queued for the device; empty if none */
} CharDeviceState;

typedef struct MainState {
    CharDeviceState agent;
    bool client_agent_started;
    uint32_t a2c_chunk_header_size; /* 0..8 */
    uint8_t a2c_chunk_header[8];    /* port, size (little endian) */
    bool a2c_msg_header_done;
    GByteArray *a2c_msg_header_partial; /* < 20 bytes */
    uint32_t a2c_msg_remaining;
    uint8_t a2c_msg_filter_result; /* 0 forward, 1 discard, 3 monitors config */
    uint32_t c2a_msg_remaining;
    uint8_t c2a_msg_filter_result;
} MainState;

void main_state_init(MainState *state);
void main_state_clear(MainState *state);

typedef struct InputsState {
    uint16_t motion_count; /* motions received and not yet acknowledged */
} InputsState;

typedef struct VmcState {
    CharDeviceState device;
} VmcState;

void vmc_state_init(VmcState *state);
void vmc_state_clear(VmcState *state);

typedef struct SmartcardState {
    CharDeviceState device;
    bool reader_added;
    GByteArray *read_data; /* partial message read from the device */
} SmartcardState;

void smartcard_state_init(SmartcardState *state);
void smartcard_state_clear(SmartcardState *state);
