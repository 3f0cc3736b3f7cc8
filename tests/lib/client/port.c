/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/port.h"

#include "tests/lib/client/numbers.h"
#include "tests/lib/client/say.h"

#include <string.h>

#define QUEUE "port-queue"   /* of GBytes that wait; the first one is being written if the port is busy */
#define BUSY "port-busy"     /* something is being written, or the stream rests after a piece */
#define STREAM "port-stream" /* the port's PortStream, if it has one */
#define PIECE_MAX 70000
#define REST 1 /* ms, after each piece of a paced stream */

typedef struct PortStream {
    PortSpeed speed;
    guint turn;
    uint64_t written;
    NumberedCheck check;
} PortStream;

static char *name_of(SpiceChannel *channel)
{
    char *name = NULL;

    g_object_get(channel, "port-name", &name, NULL);
    return name;
}

static void write_next(SpicePortChannel *port);

/* The next piece of a stream waits in the queue when all others are out. */
static void refill(SpicePortChannel *port, GQueue *queue)
{
    PortStream *stream = g_object_get_data(G_OBJECT(port), STREAM);
    guint32 size;
    guint8 *bytes;

    if (!stream || stream->speed == PORT_SILENT || queue->length)
        return;
    size = 1 + stream->turn * 7919 % (stream->turn % 32 ? 6000 : PIECE_MAX);
    stream->turn++;
    bytes = g_malloc(size);
    numbered_fill(&stream->written, bytes, size);
    g_queue_push_tail(queue, g_bytes_new_take(bytes, size));
}

static gboolean on_rested(gpointer port)
{
    g_object_set_data(G_OBJECT(port), BUSY, NULL);
    write_next(port);
    return G_SOURCE_REMOVE;
}

static void on_written(GObject *source, GAsyncResult *result, gpointer data)
{
    SpicePortChannel *port = SPICE_PORT_CHANNEL(source);
    GQueue *queue = g_object_get_data(source, QUEUE);
    PortStream *stream = g_object_get_data(source, STREAM);
    g_autoptr(GError) error = NULL;
    g_autofree char *name = name_of(SPICE_CHANNEL(port));

    if (spice_port_channel_write_finish(port, result, &error) < 0)
        say("event", "port-error", "port", 's', name, "error", 's', error ? error->message : "", NULL);
    g_bytes_unref(g_queue_pop_head(queue));
    if (stream && stream->speed == PORT_PACED)
        g_timeout_add_full(G_PRIORITY_DEFAULT, REST, on_rested, g_object_ref(port), g_object_unref);
    else
        on_rested(port);
}

static void write_next(SpicePortChannel *port)
{
    GQueue *queue = g_object_get_data(G_OBJECT(port), QUEUE);
    gboolean opened = FALSE;
    gsize size;
    const void *bytes;

    g_object_get(port, "port-opened", &opened, NULL);
    refill(port, queue);
    if (!opened || !queue->length || g_object_get_data(G_OBJECT(port), BUSY))
        return;
    g_object_set_data(G_OBJECT(port), BUSY, port);
    bytes = g_bytes_get_data(g_queue_peek_head(queue), &size);
    spice_port_channel_write_async(port, bytes, size, NULL, on_written, NULL);
}

static void on_data(SpicePortChannel *port, gpointer data, int size, gpointer unused)
{
    PortStream *stream = g_object_get_data(G_OBJECT(port), STREAM);
    g_autofree char *name = name_of(SPICE_CHANNEL(port));
    g_autoptr(GString) hex = g_string_new(NULL);

    if (stream) {
        numbered_check(&stream->check, data, (uint32_t)size);
        return;
    }
    for (int i = 0; i < size; i++)
        g_string_append_printf(hex, "%02x", ((const guint8 *)data)[i]);
    say("event", "port-data", "port", 's', name, "hex", 's', hex->str, NULL);
}

static void on_opened(SpicePortChannel *port, GParamSpec *spec, gpointer unused)
{
    g_autofree char *name = name_of(SPICE_CHANNEL(port));
    gboolean opened = FALSE;

    g_object_get(port, "port-opened", &opened, NULL);
    say("event", "port", "port", 's', name, "opened", 'b', opened, NULL);
    write_next(port);
}

static void free_queue(gpointer queue)
{
    g_queue_free_full(queue, (GDestroyNotify)g_bytes_unref);
}

void port_watch(SpiceChannel *channel)
{
    g_object_set_data_full(G_OBJECT(channel), QUEUE, g_queue_new(), free_queue);
    g_signal_connect(channel, "port-data", G_CALLBACK(on_data), NULL);
    g_signal_connect(channel, "notify::port-opened", G_CALLBACK(on_opened), NULL);
}

static GBytes *from_hex(const char *hex)
{
    gsize n = strlen(hex) / 2;
    guint8 *bytes = g_malloc(n + 1);

    for (gsize i = 0; i < n; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]), low = g_ascii_xdigit_value(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            g_free(bytes);
            return NULL;
        }
        bytes[i] = (guint8)(high << 4 | low);
    }
    return g_bytes_new_take(bytes, n);
}

/* NULL if there is none. */
static SpicePortChannel *find(SpiceSession *session, const char *name)
{
    GList *channels = spice_session_get_channels(session);
    SpicePortChannel *port = NULL;

    for (GList *l = channels; l && !port; l = l->next) {
        g_autofree char *its_name = SPICE_IS_PORT_CHANNEL(l->data) ? name_of(l->data) : NULL;

        if (g_strcmp0(its_name, name) == 0)
            port = l->data;
    }
    g_list_free(channels);
    return port;
}

gboolean port_write(SpiceSession *session, const char *name, const char *hex)
{
    SpicePortChannel *port = find(session, name);
    GBytes *bytes = port ? from_hex(hex) : NULL;

    if (!bytes)
        return FALSE;
    g_queue_push_tail(g_object_get_data(G_OBJECT(port), QUEUE), bytes);
    write_next(port);
    return TRUE;
}

gboolean port_stream(SpiceSession *session, const char *name, PortSpeed speed)
{
    SpicePortChannel *port = find(session, name);
    PortStream *stream = port ? g_object_get_data(G_OBJECT(port), STREAM) : NULL;

    if (!port)
        return FALSE;
    if (!stream) {
        stream = g_new0(PortStream, 1);
        g_object_set_data_full(G_OBJECT(port), STREAM, stream, g_free);
    }
    stream->speed = speed;
    write_next(port);
    return TRUE;
}

gboolean port_answer_counts(SpiceSession *session, const char *name)
{
    SpicePortChannel *port = find(session, name);
    PortStream *stream = port ? g_object_get_data(G_OBJECT(port), STREAM) : NULL;

    if (!stream)
        return FALSE;
    numbers_say("port-counts", stream->written, &stream->check);
    return TRUE;
}
