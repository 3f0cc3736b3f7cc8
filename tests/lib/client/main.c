/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gtk-client: a headless SPICE client for tests, the client library without a window.
 *
 *     gtk-client --host HOST --port PORT [--password P] [--cache-size BYTES] [--glz-window-size BYTES]
 *                [--audio [--audio-file FILE]] [--usb] [--smartcard-db DIR]
 *                [--tls-port PORT] [--ca-file FILE] [--cert-subject DN] [--secure CHANNEL,...] [--username NAME]
 *     gtk-client --uri spice://HOST:PORT
 *
 * Commands on stdin, a line each; answers and events on stdout, a JSON object a line:
 *
 *     shot FILE [ID]      PNG of the primary of display channel ID (default 0)
 *     raw FILE [ID]       its pixels as they are
 *     pixel [ID]          its format, and the value of the first pixel
 *     sum [ID]            width, height and SHA-256 of its pixels (R, G, B bytes, top-down)
 *     state               connected channels, migration state
 *     key CODE            press and release a PC/AT scan code
 *     port-write NAME HEX  bytes for a port, as soon as it is open; what comes from there are events
 *     port-stream NAME on|paced|off  writes a numbered stream to it (paced: with rests), checks what comes as one; or
 *                         stops to write
 *     port-counts NAME    how much of these was written and read, and whether it was right
 *     clipboard-stream on|off  the same through the clipboard, with an agent that asks and answers; off: pauses
 *     clipboard-counts
 *     motion DX DY        relative motion of the mouse
 *     position X Y [ID]   absolute position on display ID, in mouse mode client
 *     button N            press and release: 1 left, 2 middle, 3 right, 4 and 5 the wheel
 *     modifiers           the guest's keyboard lights, bits SPICE_INPUTS_*_LOCK
 *     mouse-mode MODE     asks for it: 1 server, 2 client
 *     monitors            "CHANNEL:ID=WIDTHxHEIGHT+X+Y ..." of all display channels
 *     resize ID W H [X Y] monitor ID should become that big
 *     clipboard-offer B64 the client owns the clipboard; the guest gets this text when it asks
 *     clipboard-ask       asks for the guest's text, which comes as an event
 *     copy-files PATH...  to the guest
 *     playback            bytes and SHA-256 of what was played
 *     record FILE         records the samples of a file
 *     card insert|remove  the software smartcard
 *     quit
 *
 * Answers carry "answer", events "event". Exit code: 0 after quit or end of input, 1 if the main channel fails or ends,
 * 2 for wrong arguments.
 */
#include "tests/lib/client/agent.h"
#include "tests/lib/client/card.h"
#include "tests/lib/client/clipboard.h"
#include "tests/lib/client/inputs.h"
#include "tests/lib/client/picture.h"
#include "tests/lib/client/port.h"
#include "tests/lib/client/say.h"
#include "tests/lib/client/sound.h"

#include <spice-client.h>
#include <spice/enums.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DISPLAYS 256
#define LINKING "linking" /* set on a channel from the call to connect it to its first event */

typedef struct Client {
    GMainLoop *loop;
    SpiceSession *session;
    Picture pictures[MAX_DISPLAYS];
    gboolean marked[MAX_DISPLAYS];
    gboolean audio, usb;
    gboolean quitting;
    int code;
} Client;

static void channel_key(SpiceChannel *channel, int *type, int *id)
{
    g_object_get(channel, "channel-type", type, "channel-id", id, NULL);
}

static const char *enum_nick(GType type, int value)
{
    GEnumClass *klass = g_type_class_ref(type);
    GEnumValue *v = g_enum_get_value(klass, value);
    const char *nick = v ? v->value_nick : "unknown"; /* static in the type */

    g_type_class_unref(klass);
    return nick;
}

static int migration_state(Client *c)
{
    SpiceSessionMigration state = SPICE_SESSION_MIGRATION_NONE;

    g_object_get(c->session, "migration-state", &state, NULL);
    return (int)state;
}

static void fail(Client *c)
{
    if (!c->quitting) {
        c->code = 1;
        g_main_loop_quit(c->loop);
    }
}

static void on_channel_event(SpiceChannel *channel, SpiceChannelEvent event, Client *c)
{
    int type, id;
    const GError *error = spice_channel_get_error(channel);

    channel_key(channel, &type, &id);
    g_object_set_data(G_OBJECT(channel), LINKING, NULL);
    g_object_set_data(G_OBJECT(channel), "last-event",
                      (gpointer)(guintptr)enum_nick(SPICE_TYPE_CHANNEL_EVENT, (int)event));
    say("event", "channel", "type", 'i', type, "id", 'i', id, "what", 's',
        enum_nick(SPICE_TYPE_CHANNEL_EVENT, (int)event), "migration", 's',
        enum_nick(SPICE_TYPE_SESSION_MIGRATION, migration_state(c)), "error", 's', error ? error->message : NULL, NULL);
    if (type != SPICE_CHANNEL_MAIN)
        return;
    if (event >= SPICE_CHANNEL_ERROR_CONNECT ||
        (event == SPICE_CHANNEL_CLOSED && migration_state(c) == SPICE_SESSION_MIGRATION_NONE))
        fail(c);
}

static void on_primary_create(SpiceChannel *channel, int format, int width, int height, int stride, int shmid,
                              gpointer pixels, Client *c)
{
    int type, id;

    channel_key(channel, &type, &id);
    c->pictures[id & 255] = (Picture){format, width, height, stride, pixels};
    say("event", "primary-create", "id", 'i', id, "width", 'i', width, "height", 'i', height, "format", 'i', format,
        NULL);
}

static void on_primary_destroy(SpiceChannel *channel, Client *c)
{
    int type, id;

    channel_key(channel, &type, &id);
    c->pictures[id & 255] = (Picture){0};
    c->marked[id & 255] = FALSE;
    say("event", "primary-destroy", "id", 'i', id, NULL);
}

static void on_mark(SpiceChannel *channel, int mark, Client *c)
{
    int type, id;

    channel_key(channel, &type, &id);
    c->marked[id & 255] = mark != 0;
    say("event", "mark", "id", 'i', id, "mark", 'b', mark != 0, NULL);
}

static void on_migration_started(SpiceMainChannel *channel, GObject *session, Client *c)
{
    say("event", "migration-started", NULL);
}

static void on_migration_state(SpiceSession *session, GParamSpec *spec, Client *c)
{
    say("event", "migration-state", "state", 's', enum_nick(SPICE_TYPE_SESSION_MIGRATION, migration_state(c)), NULL);
}

static void on_channel_new(SpiceSession *session, SpiceChannel *channel, Client *c)
{
    int type, id;

    channel_key(channel, &type, &id);
    say("event", "channel-new", "type", 'i', type, "id", 'i', id, NULL);
    g_signal_connect(channel, "channel-event", G_CALLBACK(on_channel_event), c);
    sound_add_channel(channel);
    if (type == SPICE_CHANNEL_DISPLAY) {
        g_signal_connect(channel, "display-primary-create", G_CALLBACK(on_primary_create), c);
        g_signal_connect(channel, "display-primary-destroy", G_CALLBACK(on_primary_destroy), c);
        g_signal_connect(channel, "display-mark", G_CALLBACK(on_mark), c);
    } else if (type == SPICE_CHANNEL_MAIN) {
        agent_watch(SPICE_MAIN_CHANNEL(channel));
        g_signal_connect(channel, "migration-started", G_CALLBACK(on_migration_started), c);
        clipboard_watch(SPICE_MAIN_CHANNEL(channel));
        return; /* the session connects it */
    } else if (type == SPICE_CHANNEL_PORT) {
        port_watch(channel);
    } else if (((type == SPICE_CHANNEL_PLAYBACK || type == SPICE_CHANNEL_RECORD) && !c->audio) ||
               (type == SPICE_CHANNEL_USBREDIR && !c->usb)) {
        return;
    }
    g_object_set_data(G_OBJECT(channel), LINKING, c);
    spice_channel_connect(channel);
}

static void on_channel_destroy(SpiceSession *session, SpiceChannel *channel, Client *c)
{
    int type, id;

    channel_key(channel, &type, &id);
    if (type == SPICE_CHANNEL_DISPLAY)
        c->pictures[id & 255] = (Picture){0};
    say("event", "channel-destroy", "type", 'i', type, "id", 'i', id, NULL);
}

static void on_disconnected(SpiceSession *session, Client *c)
{
    say("event", "disconnected", NULL);
    fail(c);
}

static void answer_state(Client *c)
{
    GList *channels = spice_session_get_channels(c->session);
    g_autoptr(GString) list = g_string_new(NULL);
    int mode = 0;
    gboolean agent = FALSE;

    for (GList *l = channels; l; l = l->next) {
        int type, id;
        const char *last = g_object_get_data(l->data, "last-event");

        channel_key(l->data, &type, &id);
        g_string_append_printf(list, "%s%s:%d=%s", list->len ? " " : "", spice_channel_type_to_string(type), id,
                               last ? last : "new");
        if (type == SPICE_CHANNEL_MAIN)
            g_object_get(l->data, "mouse-mode", &mode, "agent-connected", &agent, NULL);
    }
    g_list_free(channels);
    say("answer", "state", "migration", 's', enum_nick(SPICE_TYPE_SESSION_MIGRATION, migration_state(c)), "channels",
        's', list->str, "mouse-mode", 'i', mode, "agent", 'b', agent, NULL);
}

static void answer_sum(Client *c, int id)
{
    const Picture *p = &c->pictures[id & 255];
    g_autofree char *sum = picture_sum(p);

    say("answer", "sum", "ok", 'b', sum != NULL, "id", 'i', id, "width", 'i', p->width, "height", 'i', p->height,
        "marked", 'b', c->marked[id & 255], "sha256", 's', sum, NULL);
}

static void answer_shot(Client *c, const char *path, int id)
{
    const Picture *p = &c->pictures[id & 255];
    g_autoptr(GError) error = NULL;
    gboolean ok = picture_write_png(p, path, &error);

    say("answer", "shot", "ok", 'b', ok, "id", 'i', id, "width", 'i', p->width, "height", 'i', p->height, "file", 's',
        path, "error", 's', ok ? NULL : error->message, NULL);
}

/* False: no command for numbered streams. */
static gboolean run_stream_command(Client *c, char **w, guint n)
{
    if (!strcmp(w[0], "port-stream") && n == 3) {
        PortSpeed speed = !strcmp(w[2], "on") ? PORT_FULL : !strcmp(w[2], "paced") ? PORT_PACED : PORT_SILENT;

        say("answer", w[0], "ok", 'b', port_stream(c->session, w[1], speed), NULL);
    } else if (!strcmp(w[0], "port-counts") && n == 2) {
        if (!port_answer_counts(c->session, w[1]))
            say("answer", w[0], "ok", 'b', FALSE, "error", 's', "no such stream", NULL);
    } else if (!strcmp(w[0], "clipboard-stream") && n == 2) {
        clipboard_stream(!strcmp(w[1], "on"));
        say("answer", w[0], "ok", 'b', TRUE, NULL);
    } else if (!strcmp(w[0], "clipboard-counts")) {
        clipboard_answer_counts();
    } else {
        return FALSE;
    }
    return TRUE;
}

static void answer_raw(Client *c, const char *path, int id)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = picture_write_raw(&c->pictures[id & 255], path, &error);

    say("answer", "raw", "ok", 'b', ok, "error", 's', ok ? NULL : error->message, NULL);
}

static void answer_pixel(Client *c, int id)
{
    const Picture *p = &c->pictures[id & 255];
    guint32 value = 0;

    if (p->pixels)
        memcpy(&value, p->pixels, sizeof value);
    say("answer", "pixel", "ok", 'b', TRUE, "format", 'i', p->pixels ? p->format : -1, "value", 'u', value, NULL);
}

static void run_command(Client *c, char *line)
{
    g_auto(GStrv) w = g_strsplit_set(g_strstrip(line), " \t", -1);
    guint n = g_strv_length(w);

    if (n == 0 || !*w[0])
        return;
    if (!strcmp(w[0], "shot") && n >= 2) {
        answer_shot(c, w[1], n > 2 ? atoi(w[2]) : 0);
    } else if (!strcmp(w[0], "raw") && n >= 2) {
        answer_raw(c, w[1], n > 2 ? atoi(w[2]) : 0);
    } else if (!strcmp(w[0], "pixel")) {
        answer_pixel(c, n > 1 ? atoi(w[1]) : 0);
    } else if (!strcmp(w[0], "sum")) {
        answer_sum(c, n > 1 ? atoi(w[1]) : 0);
    } else if (!strcmp(w[0], "state")) {
        answer_state(c);
    } else if (!strcmp(w[0], "port-write") && n == 3) {
        say("answer", "port-write", "ok", 'b', port_write(c->session, w[1], w[2]), NULL);
    } else if (!strcmp(w[0], "playback")) {
        sound_answer_playback();
    } else if (!strcmp(w[0], "record") && n == 2) {
        sound_record(w[1]);
    } else if (!strcmp(w[0], "card") && n == 2) {
        say("answer", "card", "ok", 'b', card_insert(!strcmp(w[1], "insert")), NULL);
    } else if (!strcmp(w[0], "quit")) {
        c->quitting = TRUE;
        g_main_loop_quit(c->loop);
        say("answer", "quit", "ok", 'b', TRUE, NULL);
    } else if (!run_stream_command(c, w, n) && !inputs_command(c->session, w) && !agent_command(c->session, w)) {
        say("answer", w[0], "ok", 'b', FALSE, "error", 's', "unknown command or wrong arguments", NULL);
    }
}

static gboolean on_stdin(GIOChannel *io, GIOCondition condition, gpointer data)
{
    Client *c = data;
    g_autofree char *line = NULL;

    if (g_io_channel_read_line(io, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        c->quitting = TRUE;
        g_main_loop_quit(c->loop);
        return G_SOURCE_REMOVE;
    }
    run_command(c, line);
    return G_SOURCE_CONTINUE;
}

/* How it connects and who it is. */
static struct {
    char *tls_port, *ca_file, *cert_subject, *secure, *username;
} security;

static const GOptionEntry security_entries[] = {
    {"tls-port", 0, 0, G_OPTION_ARG_STRING, &security.tls_port, "port with TLS", NULL},
    {"ca-file", 0, 0, G_OPTION_ARG_FILENAME, &security.ca_file, "certificates to trust, PEM", NULL},
    {"cert-subject", 0, 0, G_OPTION_ARG_STRING, &security.cert_subject, "what the host's certificate must say", NULL},
    {"secure", 0, 0, G_OPTION_ARG_STRING, &security.secure, "channels that use TLS at once, or all", NULL},
    {"username", 0, 0, G_OPTION_ARG_STRING, &security.username, "for SASL; the password is that of --password", NULL},
    {0},
};

static void set_security(SpiceSession *session)
{
    g_auto(GStrv) secure = security.secure ? g_strsplit(security.secure, ",", -1) : NULL;

    if (security.tls_port)
        g_object_set(session, "tls-port", security.tls_port, NULL);
    if (security.ca_file)
        g_object_set(session, "ca-file", security.ca_file, NULL);
    if (security.cert_subject)
        g_object_set(session, "cert-subject", security.cert_subject, NULL);
    if (secure)
        g_object_set(session, "secure-channels", secure, NULL);
    if (security.username)
        g_object_set(session, "username", security.username, NULL);
}

static gboolean parse_options(Client *c, int argc, char **argv)
{
    g_autofree char *uri = NULL, *host = NULL, *port = NULL, *password = NULL, *audio_file = NULL, *db = NULL;
    int cache_size = 0, window = 0;
    GOptionEntry entries[] = {
        {"uri", 0, 0, G_OPTION_ARG_STRING, &uri, "spice://HOST:PORT", NULL},
        {"host", 0, 0, G_OPTION_ARG_STRING, &host, "host name", NULL},
        {"port", 0, 0, G_OPTION_ARG_STRING, &port, "plain port", NULL},
        {"password", 0, 0, G_OPTION_ARG_STRING, &password, "ticket", NULL},
        {"cache-size", 0, 0, G_OPTION_ARG_INT, &cache_size, "image cache, bytes (4 a pixel)", NULL},
        {"glz-window-size", 0, 0, G_OPTION_ARG_INT, &window, "GLZ window, bytes", NULL},
        {"audio", 0, 0, G_OPTION_ARG_NONE, &c->audio, "connect playback and record", NULL},
        {"audio-file", 0, 0, G_OPTION_ARG_FILENAME, &audio_file, "write what is played there", NULL},
        {"usb", 0, 0, G_OPTION_ARG_NONE, &c->usb, "connect usbredir", NULL},
        {"smartcard-db", 0, 0, G_OPTION_ARG_STRING, &db, "certificate database of a software smartcard", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_main_entries(context, security_entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 1 || (!uri && !port && !security.tls_port)) {
        g_printerr("gtk-client: %s\n", error ? error->message : "give --uri, or --host and --port");
        return FALSE;
    }
    sound_init(audio_file);
    g_object_set(c->session, "enable-audio", c->audio, "enable-usbredir", c->usb, "enable-smartcard", FALSE, NULL);
    if (db)
        card_init(c->session, db);
    if (uri)
        g_object_set(c->session, "uri", uri, NULL);
    else
        g_object_set(c->session, "host", host ? host : "127.0.0.1", "port", port, NULL);
    set_security(c->session);
    if (password)
        g_object_set(c->session, "password", password, NULL);
    if (cache_size)
        g_object_set(c->session, "cache-size", cache_size, NULL);
    if (window)
        g_object_set(c->session, "glz-window-size", window, NULL);
    return TRUE;
}

static gboolean is_linking(Client *c)
{
    GList *channels = spice_session_get_channels(c->session);
    gboolean linking = FALSE;

    for (GList *l = channels; l; l = l->next)
        linking |= g_object_get_data(l->data, LINKING) != NULL;
    g_list_free(channels);
    return linking;
}

static gboolean on_too_late(gpointer late)
{
    *(gboolean *)late = TRUE;
    return G_SOURCE_REMOVE;
}

/* The client library asks channels that it is about to link for their session, also when that is gone: so all links
 * are made first, or fail, if it does not take long. */
static void finish_links(Client *c)
{
    gboolean late = FALSE;
    guint timer = g_timeout_add(2000, on_too_late, &late);

    while (is_linking(c) && !late)
        g_main_context_iteration(NULL, TRUE);
    if (!late)
        g_source_remove(timer);
}

int main(int argc, char **argv)
{
    Client *c = g_new0(Client, 1);
    GIOChannel *io;
    int code;

    c->session = spice_session_new();
    if (!parse_options(c, argc, argv))
        return 2;
    c->loop = g_main_loop_new(NULL, FALSE);
    g_signal_connect(c->session, "channel-new", G_CALLBACK(on_channel_new), c);
    g_signal_connect(c->session, "channel-destroy", G_CALLBACK(on_channel_destroy), c);
    g_signal_connect(c->session, "disconnected", G_CALLBACK(on_disconnected), c);
    g_signal_connect(c->session, "notify::migration-state", G_CALLBACK(on_migration_state), c);
    io = g_io_channel_unix_new(STDIN_FILENO);
    g_io_add_watch(io, G_IO_IN | G_IO_HUP, on_stdin, c);
    if (!spice_session_connect(c->session)) {
        say("event", "failed", "error", 's', "cannot connect", NULL);
        return 1;
    }
    g_main_loop_run(c->loop);
    c->quitting = TRUE;
    finish_links(c);
    spice_session_disconnect(c->session);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    code = c->code;
    g_object_unref(c->session);
    g_io_channel_unref(io);
    g_main_loop_unref(c->loop);
    g_free(c);
    return code;
}
