/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/clipboard.h"

#include "tests/lib/client/numbers.h"
#include "tests/lib/client/say.h"

#include <spice/vd_agent.h>

#define AHEAD 4
#define DATA_MAX 20000

static SpiceMainChannel *channel; /* not owned */
static gboolean streams, grabbed;
static guint wanted, asks, turn; /* pieces that the guest has asked for; requests that have to be sent; pieces sent */
static uint64_t written;
static NumberedCheck check;

static void go_on(void)
{
    static guint8 data[DATA_MAX];
    guint32 text = VD_AGENT_CLIPBOARD_UTF8_TEXT;

    if (streams && !grabbed && spice_main_channel_agent_test_capability(channel, VD_AGENT_CAP_CLIPBOARD_BY_DEMAND)) {
        grabbed = TRUE;
        spice_main_channel_clipboard_selection_grab(channel, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD, &text, 1);
    }
    for (; streams && wanted; wanted--) {
        guint32 size = 1 + turn++ * 7919 % DATA_MAX;

        numbered_fill(&written, data, size);
        spice_main_channel_clipboard_selection_notify(channel, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD,
                                                      VD_AGENT_CLIPBOARD_UTF8_TEXT, data, size);
    }
    for (; streams && asks; asks--)
        spice_main_channel_clipboard_selection_request(channel, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD,
                                                       VD_AGENT_CLIPBOARD_UTF8_TEXT);
}

static gboolean on_grab(SpiceMainChannel *main, guint selection, guint32 *types, guint n, gpointer unused)
{
    asks = AHEAD; /* the agent's capabilities are known by now */
    go_on();
    return TRUE;
}

static gboolean on_request(SpiceMainChannel *main, guint selection, guint type, gpointer unused)
{
    wanted++;
    go_on();
    return TRUE;
}

static void on_data(SpiceMainChannel *main, guint selection, guint type, gpointer data, guint size, gpointer unused)
{
    numbered_check(&check, data, size);
    asks++;
    go_on();
}

void clipboard_watch(SpiceMainChannel *main)
{
    channel = main;
    g_signal_connect(main, "main-clipboard-selection-grab", G_CALLBACK(on_grab), NULL);
    g_signal_connect(main, "main-clipboard-selection-request", G_CALLBACK(on_request), NULL);
    g_signal_connect(main, "main-clipboard-selection", G_CALLBACK(on_data), NULL);
}

void clipboard_stream(gboolean on)
{
    streams = on && channel;
    go_on();
}

gboolean clipboard_is_streamed(void)
{
    return grabbed;
}

void clipboard_answer_counts(void)
{
    numbers_say("clipboard-counts", written, &check);
}
