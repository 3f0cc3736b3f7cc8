/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/server.h"

#include "server/channels/agent.h"
#include "server/channels/char-device.h"
#include "server/channels/inputs-channel.h"
#include "server/channels/main-channel.h"
#include "server/channels/playback-channel.h"
#include "server/channels/record-channel.h"
#include "server/channels/smartcard-channel.h"
#include "server/channels/stream-device.h"
#include "server/channels/vmc-channel.h"
#include "server/core/caravan.h"
#include "server/core/link.h"
#include "server/core/listener.h"
#include "server/net/sasl.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

RedsState *server_new(void)
{
    RedsState *server = g_new0(RedsState, 1);
    ServerConfig *config = &server->config;

    config->port = -1;
    config->listen_fd = -1;
    config->ticketing = true;
    config->security = SPICE_CHANNEL_SECURITY_NONE | SPICE_CHANNEL_SECURITY_SSL;
    for (unsigned i = 0; i < G_N_ELEMENTS(config->channel_security); i++)
        config->channel_security[i] = -1;
    config->image_compression = SPICE_IMAGE_COMPRESSION_AUTO_GLZ;
    config->jpeg = config->zlib_glz = SPICE_WAN_COMPRESSION_AUTO;
    config->streaming_video = SPICE_STREAM_VIDEO_FILTER;
    config->agent_mouse = config->agent_copypaste = config->agent_file_xfer = true;
    config->playback_compression = true;
    server->task_fd = -1;
    server->listeners = g_ptr_array_new();
    g_queue_init(&server->links);
    return server;
}

static void wake_host(void *opaque)
{
    RedsState *server = opaque;

    if (eventfd_write(server->task_fd, 1) < 0)
        g_warning("eventfd: %s", g_strerror(errno));
}

static void on_tasks(int fd, int events, void *opaque)
{
    RedsState *server = opaque;
    eventfd_t n;

    (void)!eventfd_read(fd, &n);
    task_queue_run(server->tasks);
}

static bool open_tls(RedsState *server, GError **error)
{
    const ServerConfig *config = &server->config;
    Listener *listener;

    if (!config->tls.port)
        return true;
    if (config->addr_flags & SPICE_ADDR_FLAG_UNIX_ONLY) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "a TLS port needs an address, not the path of a socket");
        return false;
    }
    server->tls = tls_context_new(&config->tls, error);
    if (!server->tls)
        return false;
    listener = listener_open(server, config->addr, config->tls.port, config->addr_flags, error);
    if (!listener)
        return false;
    listener_set_tls(listener);
    g_ptr_array_add(server->listeners, listener);
    return true;
}

static bool open_listeners(RedsState *server, GError **error)
{
    const ServerConfig *config = &server->config;
    bool is_unix = config->addr_flags & SPICE_ADDR_FLAG_UNIX_ONLY;

    if (config->port >= 0 || is_unix) {
        Listener *listener = listener_open(server, config->addr, config->port, config->addr_flags, error);

        if (!listener)
            return false;
        g_ptr_array_add(server->listeners, listener);
    }
    if (!open_tls(server, error))
        return false;
    if (config->listen_fd >= 0)
        g_ptr_array_add(server->listeners, listener_adopt(server, config->listen_fd));
    return true;
}

static void close_listeners(RedsState *server)
{
    for (guint i = 0; i < server->listeners->len; i++)
        listener_free(g_ptr_array_index(server->listeners, i));
    g_ptr_array_set_size(server->listeners, 0);
}

bool server_prepare_sasl(RedsState *server, GError **error)
{
    const ServerConfig *config = &server->config;

    return !config->sasl || sasl_session_init_library(config->sasl_name ? config->sasl_name : "spice", error);
}

bool server_init(RedsState *server, SpiceCoreInterface *core, GError **error)
{
    if (core->base.major_version != SPICE_INTERFACE_CORE_MAJOR) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "core interface version %u is not supported",
                    core->base.major_version);
        return false;
    }
    server->core = core;
    server->thread = g_thread_self();
    server->loop = loop_new_host(core);
    server->task_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->tasks = task_queue_new(wake_host, server);
    server->task_watch = loop_watch_new(server->loop, server->task_fd, SPICE_WATCH_EVENT_READ, on_tasks, server);
    server->caravan = caravan_new(server);
    if (!server_prepare_sasl(server, error))
        return false;
    if (!open_listeners(server, error)) {
        close_listeners(server);
        return false;
    }
    server->config.allow_multiple_clients = g_getenv("SPICE_DEBUG_ALLOW_MC") != NULL;
    server->vm_running = true;
    server->agent = agent_new(server);
    server->main = main_channel_new(server);
    server->inputs = inputs_channel_new(server);
    return true;
}

void server_disconnect_all(RedsState *server)
{
    while (server->clients)
        client_disconnect(server->clients->data);
}

void server_destroy(RedsState *server)
{
    close_listeners(server);
    if (server->core) {
        while (server->links.length)
            link_stage_cancel(server->links.head->data);
        server_disconnect_all(server);
        task_queue_run(server->tasks); /* what workers still had to tell, while all that it concerns exists */
        g_warn_if_fail(!server->qxls);
        if (server->playback)
            playback_channel_free(server->playback);
        if (server->record)
            record_channel_free(server->record);
        vmc_channel_free_all(server);
        stream_device_free_all(server);
        if (server->smartcard)
            smartcard_channel_free(server->smartcard);
        task_queue_run(server->tasks); /* what the connections left behind concerns channels and caravan */
        if (server->inputs)
            inputs_channel_free(server->inputs);
        if (server->main)
            main_channel_free(server->main);
        server->main = NULL;
        if (server->agent)
            agent_free(server->agent);
        caravan_free(server->caravan);
        loop_watch_free(server->task_watch);
        task_queue_free(server->tasks);
        close(server->task_fd);
        loop_free(server->loop);
    }
    tls_context_free(server->tls);
    tls_config_clear(&server->config.tls);
    g_ptr_array_unref(server->listeners);
    g_free(server->config.addr);
    g_free(server->config.password);
    g_free(server->config.sasl_name);
    g_free(server->config.name);
    g_free(server->config.video_codecs);
    g_free(server);
}

void server_post(RedsState *server, TaskFunc func, void *data)
{
    task_queue_post(server->tasks, func, data);
}

typedef struct EventTask {
    RedsState *server;
    int event;
    SpiceChannelEventInfo *info;
} EventTask;

static void deliver_event(void *data)
{
    EventTask *task = data;
    const SpiceCoreInterface *core = task->server->core;

    if (core->base.minor_version >= 3 && core->channel_event)
        core->channel_event(task->event, task->info);
    if (task->event == SPICE_CHANNEL_EVENT_DISCONNECTED)
        g_free(task->info);
    g_free(task);
}

void server_channel_event(RedsState *server, int event, SpiceChannelEventInfo *info)
{
    EventTask *task = g_new(EventTask, 1);

    *task = (EventTask){server, event, info};
    if (g_thread_self() == server->thread)
        deliver_event(task);
    else
        server_post(server, deliver_event, task);
}

int server_channel_security(const RedsState *server, uint8_t type)
{
    int own = server->config.channel_security[type];

    return own >= 0 ? own : server->config.security;
}

void server_channel_added(RedsState *server, Channel *channel)
{
    server->channels = g_list_prepend(server->channels, channel);
    if (server->main && channel->type != SPICE_CHANNEL_MAIN)
        main_channel_announce(server->main, channel);
}

void server_channel_removed(RedsState *server, Channel *channel)
{
    server->channels = g_list_remove(server->channels, channel);
}

Channel *server_find_channel(RedsState *server, uint8_t type, uint8_t id)
{
    for (GList *l = server->channels; l; l = l->next) {
        Channel *channel = l->data;

        if (channel->type == type && channel->id == id)
            return channel;
    }
    return NULL;
}

Client *server_find_client(RedsState *server, uint32_t connection_id)
{
    for (GList *l = server->clients; l; l = l->next) {
        Client *client = l->data;

        if (client->connection_id == connection_id)
            return client;
    }
    return NULL;
}

unsigned server_count_channels(RedsState *server, uint8_t type)
{
    unsigned n = 0;

    for (GList *l = server->channels; l; l = l->next)
        n += ((Channel *)l->data)->type == type;
    return n;
}

void server_add_char_device(RedsState *server, struct SpiceCharDeviceState *device)
{
    server->char_devices = g_list_prepend(server->char_devices, device);
    if (server->vm_running)
        char_device_start(device);
}

void server_remove_char_device(RedsState *server, struct SpiceCharDeviceState *device)
{
    server->char_devices = g_list_remove(server->char_devices, device);
}

void server_run_char_devices(RedsState *server, bool running)
{
    GList *devices = g_list_copy(server->char_devices);

    for (GList *l = devices; l; l = l->next) {
        if (!g_list_find(server->char_devices, l->data))
            continue; /* the host removed it meanwhile */
        if (running)
            char_device_start(l->data);
        else
            char_device_stop(l->data);
    }
    g_list_free(devices);
}

uint32_t server_mm_time(void)
{
    return (uint32_t)(g_get_monotonic_time() / 1000);
}

typedef struct LatencyTask {
    RedsState *server;
    uint32_t ms;
} LatencyTask;

static void raise_latency(void *data)
{
    LatencyTask *task = data;
    RedsState *server = task->server;

    if (server->main && !main_channel_need_latency(server->main, task->ms) && server->playback)
        playback_channel_set_latency(server->playback, task->ms);
    g_free(task);
}

void server_need_latency(RedsState *server, uint32_t ms)
{
    LatencyTask *task = g_new(LatencyTask, 1);

    *task = (LatencyTask){server, ms};
    server_post(server, raise_latency, task);
}
