/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Life and configuration of a server. */
#include "server/api/api.h"

#include "server/channels/agent.h"
#include "server/channels/main-channel.h"
#include "server/core/link.h"
#include "server/core/server.h"
#include "server/display/display-channel.h"
#include "server/display/qxl.h"
#include "server/display/video-codecs.h"
#include "server/display/worker.h"

#include <spice/protocol.h>
#include <string.h>

#define MAX_ADDR 255

SpiceServer *spice_server_new(void)
{
    return server_new();
}

int spice_server_init(SpiceServer *s, SpiceCoreInterface *core)
{
    g_autoptr(GError) error = NULL;

    if (server_init(s, core, &error))
        return 0;
    g_warning("spice_server_init: %s", error->message);
    return -1;
}

void spice_server_destroy(SpiceServer *s)
{
    while (s->qxls)
        qxl_remove(s->qxls->data);
    server_destroy(s);
}

spice_compat_version_t spice_get_current_compat_version(void)
{
    return SPICE_COMPAT_VERSION_CURRENT;
}

int spice_server_set_compat_version(SpiceServer *s, spice_compat_version_t version)
{
    return version == SPICE_COMPAT_VERSION_CURRENT ? 0 : -1;
}

/* --- sockets --- */

int spice_server_set_port(SpiceServer *s, int port)
{
    if (port < 0 || port > G_MAXUINT16)
        return -1;
    s->config.port = port;
    return 0;
}

void spice_server_set_addr(SpiceServer *s, const char *addr, int flags)
{
    g_free(s->config.addr);
    s->config.addr = g_strndup(addr ? addr : "", MAX_ADDR);
    switch (flags) {
    case 0:
        break;
    case SPICE_ADDR_FLAG_IPV4_ONLY:
    case SPICE_ADDR_FLAG_IPV6_ONLY:
    case SPICE_ADDR_FLAG_UNIX_ONLY:
        s->config.addr_flags = flags;
        break;
    default:
        g_warning("spice_server_set_addr: flags 0x%x mean nothing", (unsigned)flags);
        break;
    }
}

int spice_server_set_listen_socket_fd(SpiceServer *s, int listen_fd)
{
    s->config.listen_fd = listen_fd;
    return 0;
}

int spice_server_add_client(SpiceServer *s, int socket, int skip_auth)
{
    return link_stage_start(s, socket, skip_auth != 0, false) ? 0 : -1;
}

int spice_server_add_ssl_client(SpiceServer *s, int socket, int skip_auth)
{
    return s->tls && link_stage_start(s, socket, skip_auth != 0, true) ? 0 : -1;
}

int spice_server_set_tls(SpiceServer *s, int port, const char *ca_cert_file, const char *certs_file,
                         const char *private_key_file, const char *key_passwd, const char *dh_key_file,
                         const char *ciphersuite)
{
    if (port <= 0 || port > G_MAXUINT16 || !ca_cert_file || !certs_file || !private_key_file)
        return -1;
    tls_config_clear(&s->config.tls);
    s->config.tls = (TlsConfig){
        .port = port,
        .ca = g_strdup(ca_cert_file),
        .certs = g_strdup(certs_file),
        .key = g_strdup(private_key_file),
        .key_password = g_strdup(key_passwd),
        .dh = g_strdup(dh_key_file),
        .ciphers = g_strdup(ciphersuite),
    };
    return 0;
}

int spice_server_set_channel_security(SpiceServer *s, const char *channel, int security)
{
    static const struct {
        const char *name;
        uint8_t type;
    } channels[] = {
        {"main", SPICE_CHANNEL_MAIN},     {"display", SPICE_CHANNEL_DISPLAY},     {"inputs", SPICE_CHANNEL_INPUTS},
        {"cursor", SPICE_CHANNEL_CURSOR}, {"playback", SPICE_CHANNEL_PLAYBACK},   {"record", SPICE_CHANNEL_RECORD},
        {"tunnel", SPICE_CHANNEL_TUNNEL}, {"smartcard", SPICE_CHANNEL_SMARTCARD}, {"usbredir", SPICE_CHANNEL_USBREDIR},
        {"port", SPICE_CHANNEL_PORT},     {"webdav", SPICE_CHANNEL_WEBDAV},
    };

    if (!channel) {
        s->config.security = security;
        return 0;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(channels); i++) {
        if (strcmp(channels[i].name, channel) == 0) {
            /* No bit at all: nobody may, whatever the default is. */
            s->config.channel_security[channels[i].type] =
                security & (SPICE_CHANNEL_SECURITY_NONE | SPICE_CHANNEL_SECURITY_SSL);
            return 0;
        }
    }
    return -1;
}

/* --- authentication --- */

int spice_server_set_noauth(SpiceServer *s)
{
    s->config.ticketing = false;
    g_clear_pointer(&s->config.password, g_free);
    return 0;
}

int spice_server_set_ticket(SpiceServer *s, const char *passwd, int lifetime, int fail_if_connected,
                            int disconnect_if_connected)
{
    ServerConfig *config = &s->config;
    gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;

    if (s->clients && fail_if_connected)
        return -1;
    if (s->clients && (disconnect_if_connected || !config->ticketing))
        server_disconnect_all(s);
    config->ticketing = true;
    config->password_expiry = lifetime == 0 ? G_MAXINT64 : now + lifetime;
    if (!passwd) {
        g_clear_pointer(&config->password, g_free);
        config->password_expiry = 0;
        return 0;
    }
    if (strlen(passwd) > SPICE_MAX_PASSWORD_LENGTH)
        return -1;
    g_free(config->password);
    config->password = g_strdup(passwd);
    return 0;
}

int spice_server_set_sasl(SpiceServer *s, int enabled)
{
    g_autoptr(GError) error = NULL;

    s->config.sasl = enabled != 0;
    /* Before spice_server_init() the name of the configuration may still come. */
    if (!s->core || server_prepare_sasl(s, &error))
        return 0;
    g_warning("spice_server_set_sasl: %s", error->message);
    s->config.sasl = false;
    return -1;
}

int spice_server_set_sasl_appname(SpiceServer *s, const char *appname)
{
    g_free(s->config.sasl_name);
    s->config.sasl_name = g_strdup(appname);
    return 0;
}

/* --- pictures and sound --- */

typedef struct CompressionTask {
    int compression;
} CompressionTask;

static void do_set_compression(Worker *worker, void *data)
{
    display_channel_set_compression(worker_display(worker), ((CompressionTask *)data)->compression);
}

int spice_server_set_image_compression(SpiceServer *s, SpiceImageCompression comp)
{
    if (comp < SPICE_IMAGE_COMPRESSION_OFF || comp > SPICE_IMAGE_COMPRESSION_LZ4) {
        g_warning("spice_server_set_image_compression: %u does not exist", comp);
        return 0;
    }
    if ((int)comp == s->config.image_compression)
        return 0;
    s->config.image_compression = (int)comp;
    for (GList *l = s->qxls; l; l = l->next) {
        CompressionTask *task = g_new(CompressionTask, 1);

        task->compression = (int)comp;
        worker_post(((QXLInstance *)l->data)->st->worker, do_set_compression, task);
    }
    return 0;
}

SpiceImageCompression spice_server_get_image_compression(SpiceServer *s)
{
    return (SpiceImageCompression)s->config.image_compression;
}

static int set_wan(int *setting, spice_wan_compression_t comp)
{
    if (comp < SPICE_WAN_COMPRESSION_AUTO || comp > SPICE_WAN_COMPRESSION_NEVER)
        return -1;
    g_atomic_int_set(setting, (int)comp); /* read by workers */
    return 0;
}

int spice_server_set_jpeg_compression(SpiceServer *s, spice_wan_compression_t comp)
{
    return set_wan(&s->config.jpeg, comp);
}

int spice_server_set_zlib_glz_compression(SpiceServer *s, spice_wan_compression_t comp)
{
    return set_wan(&s->config.zlib_glz, comp);
}

int spice_server_add_renderer(SpiceServer *s, const char *name)
{
    return name && strcmp(name, "sw") == 0 ? 0 : -1;
}

static void do_set_streaming(Worker *worker, void *data)
{
    display_channel_set_streaming(worker_display(worker), *(int *)data);
}

int spice_server_set_streaming_video(SpiceServer *s, int value)
{
    if (value < SPICE_STREAM_VIDEO_OFF || value > SPICE_STREAM_VIDEO_FILTER)
        return -1;
    s->config.streaming_video = value;
    for (GList *l = s->qxls; l; l = l->next)
        worker_post(((QXLInstance *)l->data)->st->worker, do_set_streaming, g_memdup2(&value, sizeof(value)));
    return 0;
}

static void do_set_video_codecs(Worker *worker, void *data)
{
    display_channel_set_video_codecs(worker_display(worker), data);
}

int spice_server_set_video_codecs(SpiceServer *s, const char *video_codecs)
{
    g_autoptr(GArray) codecs = NULL;

    if (!video_codecs) {
        g_critical("spice_server_set_video_codecs: no codecs are given");
        return -1;
    }
    codecs = video_codecs_parse(video_codecs);
    if (!codecs)
        return -1;
    g_free(s->config.video_codecs);
    s->config.video_codecs = video_codecs_print(codecs);
    for (GList *l = s->qxls; l; l = l->next)
        worker_post(((QXLInstance *)l->data)->st->worker, do_set_video_codecs, g_strdup(s->config.video_codecs));
    return 0;
}

const char *spice_server_get_video_codecs(SpiceServer *s)
{
    g_autoptr(GArray) codecs = NULL;

    if (s->config.video_codecs)
        return g_strdup(s->config.video_codecs);
    codecs = video_codecs_default();
    return video_codecs_print(codecs);
}

void spice_server_free_video_codecs(SpiceServer *s, const char *video_codecs)
{
    g_free((char *)video_codecs);
}

int spice_server_set_playback_compression(SpiceServer *s, int enable)
{
    s->config.playback_compression = enable != 0;
    return 0;
}

/* --- agent --- */

int spice_server_set_agent_mouse(SpiceServer *s, int enable)
{
    s->config.agent_mouse = enable != 0;
    if (s->main)
        main_channel_update_mouse(s->main);
    return 0;
}

int spice_server_set_agent_copypaste(SpiceServer *s, int enable)
{
    s->config.agent_copypaste = enable != 0;
    if (s->agent)
        agent_update_settings(s->agent);
    return 0;
}

int spice_server_set_agent_file_xfer(SpiceServer *s, int enable)
{
    s->config.agent_file_xfer = enable != 0;
    if (s->agent)
        agent_update_settings(s->agent);
    return 0;
}

/* --- identity, state --- */

void spice_server_set_name(SpiceServer *s, const char *name)
{
    g_free(s->config.name);
    s->config.name = g_strdup(name);
}

void spice_server_set_uuid(SpiceServer *s, const uint8_t uuid[16])
{
    memcpy(s->config.uuid, uuid, sizeof(s->config.uuid));
    s->config.uuid_set = true;
}

int spice_server_set_exit_on_disconnect(SpiceServer *s, int flag)
{
    s->config.exit_on_disconnect = flag != 0;
    return 0;
}

int spice_server_is_server_mouse(SpiceServer *s)
{
    return s->main && main_channel_mouse_mode(s->main) == SPICE_MOUSE_MODE_SERVER;
}

int spice_server_get_num_clients(SpiceServer *s)
{
    return (int)g_list_length(s->clients);
}

int spice_server_get_sock_info(SpiceServer *s, struct sockaddr *sa, socklen_t *salen)
{
    return -1; /* obsolete: one server has many connections */
}

int spice_server_get_peer_info(SpiceServer *s, struct sockaddr *sa, socklen_t *salen)
{
    return -1;
}

static void do_start(Worker *worker, void *data)
{
    worker_start(worker);
}

static void do_stop(Worker *worker, void *data)
{
    worker_stop(worker);
}

void spice_server_vm_start(SpiceServer *s)
{
    s->vm_running = true;
    for (GList *l = s->qxls; l; l = l->next)
        worker_post(((QXLInstance *)l->data)->st->worker, do_start, NULL);
    server_run_char_devices(s, true);
}

void spice_server_vm_stop(SpiceServer *s)
{
    s->vm_running = false;
    for (GList *l = s->qxls; l; l = l->next)
        worker_call(((QXLInstance *)l->data)->st->worker, do_stop, NULL);
    server_run_char_devices(s, false);
}
