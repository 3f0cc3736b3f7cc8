/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/sound.h"

#include "tests/lib/client/say.h"

#include <stdio.h>
#include <string.h>

#define FRAME_BYTES 1920
#define FRAME_MS 10

static struct {
    FILE *file;
    GChecksum *sum; /* since the start */
    guint bytes, total;
    SpiceRecordChannel *record; /* not owned */
    char *recording;
    gsize recording_size, recording_sent;
} sound;

static void say_playback(const char *kind, const char *name)
{
    g_autoptr(GChecksum) sum = g_checksum_copy(sound.sum);

    say(kind, name, "bytes", 'u', sound.bytes, "sha256", 's', g_checksum_get_string(sum), "total", 'u', sound.total,
        NULL);
}

static void on_playback_start(SpicePlaybackChannel *channel, int format, int channels, int rate, gpointer unused)
{
    sound.bytes = 0;
    g_checksum_reset(sound.sum);
    say("event", "playback-start", "channels", 'i', channels, "rate", 'i', rate, NULL);
}

static void on_playback_data(SpicePlaybackChannel *channel, gpointer data, int size, gpointer unused)
{
    sound.bytes += (guint)size;
    sound.total += (guint)size;
    g_checksum_update(sound.sum, data, size);
    if (sound.file) {
        fwrite(data, 1, (size_t)size, sound.file);
        fflush(sound.file);
    }
}

static void on_playback_stop(SpicePlaybackChannel *channel, gpointer unused)
{
    say_playback("event", "playback-stop");
}

static const char *prefix(SpiceChannel *channel)
{
    return SPICE_IS_PLAYBACK_CHANNEL(channel) ? "playback" : "record";
}

static void on_volume(SpiceChannel *channel, GParamSpec *spec, gpointer unused)
{
    g_autofree char *name = g_strdup_printf("%s-volume", prefix(channel));
    g_autoptr(GString) list = g_string_new(NULL);
    guint16 *volume = NULL;
    guint n = 0;

    g_object_get(channel, "volume", &volume, "nchannels", &n, NULL);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(list, "%s%u", i ? " " : "", volume[i]);
    say("event", name, "volume", 's', list->str, NULL);
}

static void on_mute(SpiceChannel *channel, GParamSpec *spec, gpointer unused)
{
    g_autofree char *name = g_strdup_printf("%s-mute", prefix(channel));
    gboolean mute = FALSE;

    g_object_get(channel, "mute", &mute, NULL);
    say("event", name, "mute", 'b', mute, NULL);
}

static void on_record_start(SpiceRecordChannel *channel, int format, int channels, int rate, gpointer unused)
{
    say("event", "record-start", "channels", 'i', channels, "rate", 'i', rate, NULL);
}

static void on_record_stop(SpiceRecordChannel *channel, gpointer unused)
{
    say("event", "record-stop", NULL);
}

void sound_init(const char *path)
{
    sound.sum = g_checksum_new(G_CHECKSUM_SHA256);
    if (path)
        sound.file = fopen(path, "wb");
}

static void on_record_gone(gpointer unused, GObject *gone)
{
    if ((GObject *)sound.record == gone)
        sound.record = NULL;
}

void sound_add_channel(SpiceChannel *channel)
{
    if (SPICE_IS_PLAYBACK_CHANNEL(channel)) {
        g_signal_connect(channel, "playback-start", G_CALLBACK(on_playback_start), NULL);
        g_signal_connect(channel, "playback-data", G_CALLBACK(on_playback_data), NULL);
        g_signal_connect(channel, "playback-stop", G_CALLBACK(on_playback_stop), NULL);
    } else if (SPICE_IS_RECORD_CHANNEL(channel)) {
        g_signal_connect(channel, "record-start", G_CALLBACK(on_record_start), NULL);
        g_signal_connect(channel, "record-stop", G_CALLBACK(on_record_stop), NULL);
        sound.record = SPICE_RECORD_CHANNEL(channel);
        g_object_weak_ref(G_OBJECT(channel), on_record_gone, NULL);
    } else {
        return;
    }
    g_signal_connect(channel, "notify::volume", G_CALLBACK(on_volume), NULL);
    g_signal_connect(channel, "notify::mute", G_CALLBACK(on_mute), NULL);
}

void sound_answer_playback(void)
{
    say_playback("answer", "playback");
}

static void record_end(void)
{
    say("event", "record-end", "bytes", 'u', (guint)sound.recording_sent, NULL);
    g_clear_pointer(&sound.recording, g_free);
}

static gboolean record_tick(gpointer unused)
{
    gsize n = MIN(FRAME_BYTES, sound.recording_size - sound.recording_sent);

    if (sound.record && n) {
        spice_record_channel_send_data(sound.record, sound.recording + sound.recording_sent, n,
                                       (guint32)(g_get_monotonic_time() / 1000));
        sound.recording_sent += n;
        return G_SOURCE_CONTINUE;
    }
    record_end();
    return G_SOURCE_REMOVE;
}

void sound_record(const char *path)
{
    g_autoptr(GError) error = NULL;

    if (sound.recording) {
        say("answer", "record", "ok", 'b', FALSE, "error", 's', "the last one has not ended", NULL);
    } else if (!g_file_get_contents(path, &sound.recording, &sound.recording_size, &error)) {
        say("answer", "record", "ok", 'b', FALSE, "error", 's', error->message, NULL);
    } else {
        sound.recording_sent = 0;
        say("answer", "record", "ok", 'b', TRUE, NULL);
        g_timeout_add(FRAME_MS, record_tick, NULL);
    }
}
