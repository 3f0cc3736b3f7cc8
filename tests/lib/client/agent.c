/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/agent.h"

#include "tests/lib/client/clipboard.h"
#include "tests/lib/client/say.h"

#include <spice/enums.h>
#include <spice/vd_agent.h>
#include <stdlib.h>
#include <string.h>

#define OFFER "clipboard-offer" /* bytes that the guest gets when it asks */

static void on_agent_update(SpiceMainChannel *channel, gpointer unused)
{
    gboolean connected = FALSE;

    g_object_get(channel, "agent-connected", &connected, NULL);
    say("event", "agent", "connected", 'b', connected, NULL);
}

static gboolean on_grab(SpiceMainChannel *channel, guint selection, const guint32 *types, guint count, gpointer unused)
{
    say("event", "clipboard-grab", "selection", 'u', selection, "type", 'u', count ? types[0] : 0, NULL);
    return TRUE;
}

static void on_release(SpiceMainChannel *channel, guint selection, gpointer unused)
{
    say("event", "clipboard-release", "selection", 'u', selection, NULL);
}

static gboolean on_request(SpiceMainChannel *channel, guint selection, guint type, gpointer unused)
{
    GBytes *offer = g_object_get_data(G_OBJECT(channel), OFFER);
    gsize size = 0;
    const guchar *data = offer ? g_bytes_get_data(offer, &size) : NULL;

    if (clipboard_is_streamed())
        return FALSE; /* the stream answers; a second answer to each request would have the guest ask ever more */
    say("event", "clipboard-asked", "selection", 'u', selection, "type", 'u', type, NULL);
    spice_main_channel_clipboard_selection_notify(channel, selection, offer ? type : VD_AGENT_CLIPBOARD_NONE, data,
                                                  size);
    return offer != NULL;
}

static void on_selection(SpiceMainChannel *channel, guint selection, guint type, gpointer data, guint size,
                         gpointer unused)
{
    g_autofree char *text = NULL;

    if (clipboard_is_streamed())
        return;
    text = g_base64_encode(data, size);
    say("event", "clipboard", "selection", 'u', selection, "type", 'u', type, "text", 's', text, NULL);
}

void agent_watch(SpiceMainChannel *main_channel)
{
    g_signal_connect(main_channel, "main-agent-update", G_CALLBACK(on_agent_update), NULL);
    g_signal_connect(main_channel, "main-clipboard-selection-grab", G_CALLBACK(on_grab), NULL);
    g_signal_connect(main_channel, "main-clipboard-selection-release", G_CALLBACK(on_release), NULL);
    g_signal_connect(main_channel, "main-clipboard-selection-request", G_CALLBACK(on_request), NULL);
    g_signal_connect(main_channel, "main-clipboard-selection", G_CALLBACK(on_selection), NULL);
}

static void on_copied(GObject *source, GAsyncResult *result, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = spice_main_channel_file_copy_finish(SPICE_MAIN_CHANNEL(source), result, &error);

    say("event", "files-copied", "ok", 'b', ok, "error", 's', error ? error->message : NULL, NULL);
}

static void copy_files(SpiceMainChannel *channel, char **paths)
{
    guint n = g_strv_length(paths);
    g_autofree GFile **files = g_new0(GFile *, n + 1);

    for (guint i = 0; i < n; i++)
        files[i] = g_file_new_for_path(paths[i]);
    spice_main_channel_file_copy_async(channel, files, G_FILE_COPY_NONE, NULL, NULL, NULL, on_copied, NULL);
    for (guint i = 0; i < n; i++)
        g_object_unref(files[i]);
}

static void offer(SpiceMainChannel *channel, const char *base64)
{
    guint32 type = VD_AGENT_CLIPBOARD_UTF8_TEXT;
    gsize size;
    guchar *data = g_base64_decode(base64, &size);

    g_object_set_data_full(G_OBJECT(channel), OFFER, g_bytes_new_take(data, size), (GDestroyNotify)g_bytes_unref);
    spice_main_channel_clipboard_selection_grab(channel, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD, &type, 1);
}

/* The window of monitor ID got this size, as if somebody had pulled at it. */
static void resize(SpiceMainChannel *channel, char **words, guint n)
{
    int id = atoi(words[1]), x = n > 5 ? atoi(words[4]) : 0, y = n > 5 ? atoi(words[5]) : 0;

    spice_main_channel_update_display_enabled(channel, id, TRUE, FALSE);
    spice_main_channel_update_display(channel, id, x, y, atoi(words[2]), atoi(words[3]), FALSE);
    spice_main_channel_send_monitor_config(channel);
}

static void answer_monitors(GList *channels)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (GList *l = channels; l; l = l->next) {
        GArray *monitors = NULL;
        int id;

        if (!SPICE_IS_DISPLAY_CHANNEL(l->data))
            continue;
        g_object_get(l->data, "monitors", &monitors, "channel-id", &id, NULL);
        for (guint i = 0; monitors && i < monitors->len; i++) {
            const SpiceDisplayMonitorConfig *m = &g_array_index(monitors, SpiceDisplayMonitorConfig, i);

            g_string_append_printf(list, "%s%d:%u=%ux%u+%u+%u", list->len ? " " : "", id, m->id, m->width, m->height,
                                   m->x, m->y);
        }
        if (monitors)
            g_array_unref(monitors);
    }
    say("answer", "monitors", "monitors", 's', list->str, NULL);
}

gboolean agent_command(SpiceSession *session, char **words)
{
    g_autoptr(GList) channels = spice_session_get_channels(session);
    SpiceMainChannel *main_channel = NULL;
    guint n = g_strv_length(words);

    for (GList *l = channels; l && !main_channel; l = l->next)
        if (SPICE_IS_MAIN_CHANNEL(l->data))
            main_channel = l->data;
    if (!main_channel)
        return FALSE;
    if (!strcmp(words[0], "monitors") && n == 1) {
        answer_monitors(channels);
        return TRUE;
    }
    if (!strcmp(words[0], "clipboard-offer") && n == 2) {
        offer(main_channel, words[1]);
    } else if (!strcmp(words[0], "clipboard-ask") && n == 1) {
        spice_main_channel_clipboard_selection_request(main_channel, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD,
                                                       VD_AGENT_CLIPBOARD_UTF8_TEXT);
    } else if (!strcmp(words[0], "copy-files") && n > 1) {
        copy_files(main_channel, words + 1);
    } else if (!strcmp(words[0], "resize") && (n == 4 || n == 6)) {
        resize(main_channel, words, n);
    } else if (!strcmp(words[0], "mouse-mode") && n == 2) {
        spice_main_channel_request_mouse_mode(main_channel, atoi(words[1]));
    } else {
        return FALSE;
    }
    say("answer", words[0], "ok", 'b', TRUE, NULL);
    return TRUE;
}
