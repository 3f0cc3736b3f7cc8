/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server: configuration, sockets, channels, clients. One per spice_server_new(). Host context, but for the
 * functions that say otherwise. (The public headers give the struct its name.)
 */
#pragma once

#include "server/core/channel.h"
#include "server/core/client.h"

#include "server/net/tls.h"

struct MainChannel;
struct InputsChannel;
struct Caravan;
struct Agent;
struct SmartcardChannel;
struct SpiceCharDeviceState;

#define SERVER_MM_LATENCY_MS 400

typedef struct ServerConfig {
    int port; /* -1 = none */
    char *addr;
    int addr_flags;
    int listen_fd; /* -1 = none */
    TlsConfig tls;
    int security;              /* SPICE_CHANNEL_SECURITY_* that channels have unless it says otherwise here: */
    int channel_security[256]; /* by type; -1 = nothing said */
    bool sasl;
    char *sasl_name; /* of the configuration that Cyrus SASL reads; NULL = "spice" */
    bool ticketing;
    char *password;
    int64_t password_expiry; /* monotonic seconds, G_MAXINT64 = never */
    int image_compression;   /* SPICE_IMAGE_COMPRESSION_* */
    int jpeg, zlib_glz;      /* SPICE_WAN_COMPRESSION_* */
    int streaming_video;     /* SPICE_STREAM_VIDEO_* */
    char *video_codecs;      /* as video_codecs_print() gives them, NULL = the default */
    bool agent_mouse, agent_copypaste, agent_file_xfer;
    bool playback_compression;
    bool seamless;
    bool exit_on_disconnect;
    bool allow_multiple_clients;
    char *name;
    uint8_t uuid[16];
    bool uuid_set;
} ServerConfig;

typedef struct RedsState {
    ServerConfig config;
    SpiceCoreInterface *core;
    Loop *loop;
    TaskQueue *tasks; /* from workers */
    int task_fd;
    LoopWatch *task_watch;
    GThread *thread; /* that called spice_server_init */

    GPtrArray *listeners; /* Listener */
    TlsContext *tls;      /* NULL = no TLS */
    GQueue links;         /* LinkStage: connections that are not authenticated yet */
    GList *channels;      /* Channel, newest first */
    GList *clients;       /* Client, newest first */

    struct MainChannel *main;
    struct InputsChannel *inputs;
    struct Caravan *caravan;
    struct Agent *agent;

    GList *qxls; /* QXLInstance, newest first */
    SpiceKbdInstance *keyboard;
    SpiceMouseInstance *mouse;
    SpiceTabletInstance *tablet;
    SpiceMigrateInstance *migrate_interface;
    SpicePlaybackState *playback; /* NULL: no such device */
    SpiceRecordState *record;
    struct SmartcardChannel *smartcard; /* NULL: there was no such device yet */
    GList *char_devices;                /* CharDevice, newest first */
    bool vm_running;
    bool had_client;                                       /* there was one, ever */
    void (*before_first_client)(struct RedsState *server); /* makes channels that wait for it; may be NULL */
} RedsState;

RedsState *server_new(void);
bool server_init(RedsState *server, SpiceCoreInterface *core, GError **error);
void server_destroy(RedsState *server);

/* SASL was switched on: false if the library for it refuses. */
bool server_prepare_sasl(RedsState *server, GError **error);

/* Runs func(data) soon in host context. Any thread. */
void server_post(RedsState *server, TaskFunc func, void *data);

/* Tells the host about a connection. Any thread: from another one it is passed on. DISCONNECTED frees `info`. */
void server_channel_event(RedsState *server, int event, SpiceChannelEventInfo *info);

/* SPICE_CHANNEL_SECURITY_* that links to channels of this type may have. */
int server_channel_security(const RedsState *server, uint8_t type);

/* The list of channels: clients are told of new ones. */
void server_channel_added(RedsState *server, Channel *channel);
void server_channel_removed(RedsState *server, Channel *channel);
Channel *server_find_channel(RedsState *server, uint8_t type, uint8_t id);
Client *server_find_client(RedsState *server, uint32_t connection_id);
unsigned server_count_channels(RedsState *server, uint8_t type);
void server_disconnect_all(RedsState *server);

/* Character devices run while the machine does. Adding starts the device if it runs: it is written and read at once. */
void server_add_char_device(RedsState *server, struct SpiceCharDeviceState *device);
void server_remove_char_device(RedsState *server, struct SpiceCharDeviceState *device);
void server_run_char_devices(RedsState *server, bool running);

/* Clients should play what they get at least so late, for a video's frames to come in time. Any thread. */
void server_need_latency(RedsState *server, uint32_t ms);

/* Monotonic milliseconds, the multimedia clock of the protocol. */
uint32_t server_mm_time(void);
