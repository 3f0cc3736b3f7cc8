/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wiretap: a proxy between a client and its servers, which reads along.
 *
 *     wiretap --route LISTENPORT:HOST:PORT [--route ...]        LISTENPORT 0: any; printed as event "listening"
 *
 * Commands on stdin, a line each; answers ("answer") and events ("event") on stdout, a JSON object a line:
 *
 *     route PORT HOST HOSTPORT      one more route
 *     mark NAME                     a new phase begins
 *     stats                         counters by phase and channel, model of the caches, broken rules
 *     cache-ids                     ids of the images that the client holds, sorted, in hex
 *     made                          images that servers made of their surfaces: where they were drawn
 *     save-migrate-data DIR         every MIGRATE_DATA of a server so far, as DIR/<type>-<id>-<hop>.bin
 *     tamper TYPE ID truncate N | append HEX | replace FILE | drop
 *                                   changes the next MIGRATE_DATA that the client sends on that channel
 *     hold TYPE ID MS               delays the next one that the client sends, and all behind it
 *     replace-held TYPE ID FILE     ... and changes it while it is held back
 *     release TYPE ID               ends that delay now
 *     cut ROUTE [TYPE ID]           closes connections
 *     quit
 */
#include "tests/lib/client/say.h"
#include "tests/lib/tap/link.h"
#include "tests/lib/tap/session.h"
#include "tests/lib/tap/stats.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void violation_free(gpointer data)
{
    TapViolation *v = data;

    g_free(v->kind);
    g_free(v->text);
    g_free(v);
}

static void tamper_free(gpointer data)
{
    TapTamper *t = data;

    if (t->bytes)
        g_bytes_unref(t->bytes);
    g_free(t);
}

static void saved_free(gpointer data)
{
    TapSaved *s = data;

    g_bytes_unref(s->body);
    g_free(s);
}

static Tap *tap_new(void)
{
    Tap *tap = g_new0(Tap, 1);

    tap->loop = g_main_loop_new(NULL, FALSE);
    tap->routes = g_ptr_array_new_with_free_func((GDestroyNotify)route_free);
    tap->links = g_ptr_array_new();
    tap->sessions = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
    tap->phases = g_ptr_array_new_with_free_func(g_free);
    tap->counters = g_ptr_array_new_with_free_func(g_free);
    tap->violations = g_ptr_array_new_with_free_func(violation_free);
    tap->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    tap->tampers = g_ptr_array_new_with_free_func(tamper_free);
    tap->saved = g_ptr_array_new_with_free_func(saved_free);
    g_ptr_array_add(tap->phases, g_strdup("start"));
    return tap;
}

static void tap_free(Tap *tap)
{
    while (tap->links->len)
        link_close(tap->links->pdata[tap->links->len - 1]);
    g_ptr_array_unref(tap->sessions);
    g_ptr_array_unref(tap->routes);
    g_ptr_array_unref(tap->phases);
    g_ptr_array_unref(tap->counters);
    g_ptr_array_unref(tap->violations);
    g_hash_table_unref(tap->kinds);
    g_ptr_array_unref(tap->tampers);
    g_ptr_array_unref(tap->saved);
    g_clear_pointer(&tap->made, g_array_unref);
    g_main_loop_unref(tap->loop);
    g_free(tap);
}

static void answer(const char *name, const char *error)
{
    say("answer", name, "ok", 'b', error == NULL, "error", 's', error, NULL);
}

static void print_line(char *text)
{
    puts(text);
    fflush(stdout);
    g_free(text);
}

static bool parse_number(const char *text, guint64 max, guint64 *value)
{
    return g_ascii_string_to_unsigned(text, 10, 0, max, value, NULL);
}

/* Says "listening" on success. */
static bool add_route(Tap *tap, const char *port, const char *host, const char *host_port, GError **error)
{
    guint64 from, to;
    TapRoute *route;

    if (!parse_number(port, 65535, &from) || !parse_number(host_port, 65535, &to)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "a port is not a number up to 65535");
        return false;
    }
    route = route_new(tap, (guint16)from, host, (guint16)to, error);
    if (route)
        say("event", "listening", "route", 'u', route->index, "port", 'u', (guint)route->port, "host", 's', route->host,
            "host-port", 'u', (guint)route->host_port, NULL);
    return route != NULL;
}

static void command_route(Tap *tap, char **w)
{
    g_autoptr(GError) error = NULL;

    if (!add_route(tap, w[1], w[2], w[3], &error)) {
        answer("route", error->message);
        return;
    }
    say("answer", "route", "ok", 'b', TRUE, "route", 'u', tap->routes->len - 1, "port", 'u',
        (guint)((TapRoute *)tap->routes->pdata[tap->routes->len - 1])->port, NULL);
}

static void command_save(Tap *tap, const char *dir)
{
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < tap->saved->len; i++) {
        const TapSaved *s = tap->saved->pdata[i];
        g_autofree char *path = g_strdup_printf("%s/%u-%u-%u.bin", dir, s->type, s->id, s->hop);
        gsize size;
        const char *data = g_bytes_get_data(s->body, &size);

        if (!g_file_set_contents(path, data, (gssize)size, &error)) {
            answer("save-migrate-data", error->message);
            return;
        }
    }
    say("answer", "save-migrate-data", "ok", 'b', TRUE, "files", 'u', tap->saved->len, NULL);
}

static GBytes *from_hex(const char *hex)
{
    gsize n = strlen(hex) / 2;
    guint8 *data = g_malloc(n + 1);

    for (gsize i = 0; i < n; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]), low = g_ascii_xdigit_value(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            g_free(data);
            return NULL;
        }
        data[i] = (guint8)(high << 4 | low);
    }
    return g_bytes_new_take(data, n);
}

/* w: tamper TYPE ID WHAT [ARGUMENT] */
static const char *command_tamper(Tap *tap, char **w, guint n)
{
    guint64 type, id, size = 0;
    TapTamper *t;

    if (!parse_number(w[1], 254, &type) || !parse_number(w[2], 255, &id))
        return "wrong channel";
    t = g_new0(TapTamper, 1);
    t->type = (guint8)type;
    t->id = (guint8)id;
    if (n == 4 && !strcmp(w[3], "drop")) {
        t->what = TAP_DROP;
    } else if (n == 5 && !strcmp(w[3], "truncate") && parse_number(w[4], G_MAXUINT32, &size)) {
        t->what = TAP_TRUNCATE;
        t->size = (guint32)size;
    } else if (n == 5 && !strcmp(w[3], "append") && (t->bytes = from_hex(w[4])) != NULL) {
        t->what = TAP_APPEND;
    } else if (n == 5 && !strcmp(w[3], "replace")) {
        char *data;
        gsize length;

        if (g_file_get_contents(w[4], &data, &length, NULL))
            t->bytes = g_bytes_new_take(data, length);
        t->what = TAP_REPLACE;
    }
    if (t->what != TAP_DROP && !t->bytes && !(n == 5 && !strcmp(w[3], "truncate"))) {
        tamper_free(t);
        return "wrong arguments, or no such file";
    }
    g_ptr_array_add(tap->tampers, t);
    return NULL;
}

/* w: hold TYPE ID MS */
static const char *command_hold(Tap *tap, char **w)
{
    guint64 type, id, ms;
    TapTamper *t;

    if (!parse_number(w[1], 254, &type) || !parse_number(w[2], 255, &id) || !parse_number(w[3], 600000, &ms))
        return "wrong channel or time";
    t = g_new0(TapTamper, 1);
    *t = (TapTamper){.type = (guint8)type, .id = (guint8)id, .what = TAP_HOLD, .size = (guint32)ms};
    g_ptr_array_add(tap->tampers, t);
    return NULL;
}

static const char *command_replace_held(Tap *tap, char **w)
{
    g_autoptr(GBytes) body = NULL;
    char *data;
    gsize size;

    if (!g_file_get_contents(w[3], &data, &size, NULL))
        return "no such file";
    body = g_bytes_new_take(data, size);
    for (guint i = 0; i < tap->links->len; i++) {
        TapLink *link = tap->links->pdata[i];

        if (link->type == (guint)atoi(w[1]) && link->id == (guint)atoi(w[2]) &&
            flow_replace_held(&link->flow[TAP_CLIENT], body))
            return NULL;
    }
    return "nothing is held back yet";
}

static void command_release(Tap *tap, char **w)
{
    guint count = 0;

    for (guint i = tap->links->len; i-- > 0;) {
        TapLink *link = tap->links->pdata[i];

        if (link->type == (guint)atoi(w[1]) && link->id == (guint)atoi(w[2]) && link->flow[TAP_CLIENT].delay) {
            flow_release(&link->flow[TAP_CLIENT]);
            count++;
        }
    }
    say("answer", "release", "ok", 'b', count > 0, "error", 's', count ? NULL : "nothing is held back", NULL);
}

static void command_cut(Tap *tap, char **w, guint n)
{
    guint count = 0;

    for (guint i = tap->links->len; i-- > 0;) {
        TapLink *link = tap->links->pdata[i];

        if (link->route->index != (guint)atoi(w[1]) ||
            (n == 4 && (link->type != (guint)atoi(w[2]) || link->id != (guint)atoi(w[3]))))
            continue;
        link_close(link);
        count++;
    }
    say("answer", "cut", "ok", 'b', TRUE, "closed", 'u', count, NULL);
}

static void run_command(Tap *tap, char *line)
{
    g_auto(GStrv) w = g_strsplit_set(g_strstrip(line), " \t", -1);
    guint n = g_strv_length(w);

    if (n == 0 || !*w[0])
        return;
    if (!strcmp(w[0], "route") && n == 4) {
        command_route(tap, w);
    } else if (!strcmp(w[0], "mark") && n == 2) {
        g_ptr_array_add(tap->phases, g_strdup(w[1]));
        answer("mark", NULL);
    } else if (!strcmp(w[0], "stats")) {
        print_line(stats_json(tap));
    } else if (!strcmp(w[0], "cache-ids")) {
        print_line(stats_cache_ids_json(tap));
    } else if (!strcmp(w[0], "made")) {
        print_line(stats_made_json(tap));
    } else if (!strcmp(w[0], "save-migrate-data") && n == 2) {
        command_save(tap, w[1]);
    } else if (!strcmp(w[0], "tamper") && n >= 4) {
        answer("tamper", command_tamper(tap, w, n));
    } else if (!strcmp(w[0], "hold") && n == 4) {
        answer("hold", command_hold(tap, w));
    } else if (!strcmp(w[0], "replace-held") && n == 4) {
        answer("replace-held", command_replace_held(tap, w));
    } else if (!strcmp(w[0], "release") && n == 3) {
        command_release(tap, w);
    } else if (!strcmp(w[0], "cut") && (n == 2 || n == 4)) {
        command_cut(tap, w, n);
    } else if (!strcmp(w[0], "quit")) {
        answer("quit", NULL);
        g_main_loop_quit(tap->loop);
    } else {
        answer(w[0], "unknown command or wrong arguments");
    }
}

static gboolean on_stdin(GIOChannel *io, GIOCondition condition, gpointer data)
{
    Tap *tap = data;
    g_autofree char *line = NULL;

    if (g_io_channel_read_line(io, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(tap->loop);
        return G_SOURCE_REMOVE;
    }
    run_command(tap, line);
    return G_SOURCE_CONTINUE;
}

static bool parse_options(Tap *tap, int argc, char **argv, GError **error)
{
    g_auto(GStrv) routes = NULL;
    GOptionEntry entries[] = {
        {"route", 0, 0, G_OPTION_ARG_STRING_ARRAY, &routes, "LISTENPORT:HOST:PORT", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error))
        return false;
    for (guint i = 0; routes && routes[i]; i++) {
        g_auto(GStrv) w = g_strsplit(routes[i], ":", 3);

        if (g_strv_length(w) != 3) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: not LISTENPORT:HOST:PORT", routes[i]);
            return false;
        }
        if (!add_route(tap, w[0], w[1], w[2], error))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    Tap *tap = tap_new();
    g_autoptr(GError) error = NULL;
    GIOChannel *io;

    signal(SIGPIPE, SIG_IGN);
    if (!parse_options(tap, argc, argv, &error)) {
        g_printerr("wiretap: %s\n", error->message);
        tap_free(tap);
        return 2;
    }
    io = g_io_channel_unix_new(STDIN_FILENO);
    g_io_add_watch(io, G_IO_IN | G_IO_HUP, on_stdin, tap);
    g_main_loop_run(tap->loop);
    g_io_channel_unref(io);
    tap_free(tap);
    return 0;
}
