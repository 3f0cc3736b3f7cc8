/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/sound.h"

#include "tools/caravan-host/host.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TICK_MS 5
#define MAX_CHANNELS 8
#define TONE_HZ 440.0

typedef struct Tone {
    bool wanted;                  /* until all of it was played */
    uint32_t total, done, missed; /* sample pairs; missed: nobody took them */
    int64_t since;                /* monotonic us when `first` was due */
    uint32_t first;
    guint timer; /* while it plays */
    FILE *file;  /* takes the samples, may be NULL */
} Tone;

struct Sound {
    SpiceServer *server;
    SpicePlaybackInstance playback;
    SpiceRecordInstance record;
    int rate;
    bool running;
    Tone tone;
    bool recording;
};

static const SpicePlaybackInterface playback_interface = {
    .base = {SPICE_INTERFACE_PLAYBACK, "playback", SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR},
};

static const SpiceRecordInterface record_interface = {
    .base = {SPICE_INTERFACE_RECORD, "record", SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR},
};

Sound *sound_new(SpiceServer *server, int rate)
{
    Sound *sound = g_new0(Sound, 1);
    sound->server = server;
    sound->rate = rate;
    sound->playback.base.sif = &playback_interface.base;
    sound->record.base.sif = &record_interface.base;
    spice_server_add_interface(server, &sound->playback.base);
    spice_server_set_playback_rate(&sound->playback, (uint32_t)rate);
    spice_server_add_interface(server, &sound->record.base);
    spice_server_set_record_rate(&sound->record, (uint32_t)rate);
    return sound;
}

/* The tone */

static uint32_t tone_pair(const Sound *sound, uint32_t i)
{
    double t = 2 * G_PI * TONE_HZ * i / sound->rate;
    int16_t left = (int16_t)(12000 * sin(t)), right = (int16_t)(6000 * cos(t));
    return (uint16_t)left | (uint32_t)(uint16_t)right << 16;
}

static void tone_end(Sound *sound)
{
    Tone *tone = &sound->tone;
    if (tone->file != NULL)
        fclose(tone->file);
    Answer *event = answer_new("event", "tone-end");
    answer_int(event, "pairs", tone->done - tone->missed);
    answer_int(event, "missed", tone->missed);
    answer_send(event);
    *tone = (Tone){0};
}

/* One frame; false if nobody takes it. */
static bool play_frame(Sound *sound)
{
    Tone *tone = &sound->tone;
    uint32_t *samples, n;
    spice_server_playback_get_buffer(&sound->playback, &samples, &n);
    if (samples == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++)
        samples[i] = tone_pair(sound, tone->done + i);
    if (tone->file != NULL) {
        fwrite(samples, sizeof(uint32_t), n, tone->file);
        fflush(tone->file);
    }
    spice_server_playback_put_samples(&sound->playback, samples);
    tone->done += n;
    return true;
}

static gboolean tone_tick(gpointer opaque)
{
    enum { FRAME = 480 };
    Sound *sound = opaque;
    Tone *tone = &sound->tone;
    int64_t due = tone->first + (g_get_monotonic_time() - tone->since) * sound->rate / G_USEC_PER_SEC;
    while (tone->done + FRAME <= due && tone->done < tone->total) {
        if (!play_frame(sound)) {
            tone->done += FRAME;
            tone->missed += FRAME;
        }
    }
    if (tone->done < tone->total)
        return G_SOURCE_CONTINUE;
    spice_server_playback_stop(&sound->playback);
    tone_end(sound);
    return G_SOURCE_REMOVE;
}

static void tone_play(Sound *sound)
{
    spice_server_playback_start(&sound->playback);
    sound->tone.since = g_get_monotonic_time();
    sound->tone.first = sound->tone.done;
    sound->tone.timer = g_timeout_add(TICK_MS, tone_tick, sound);
}

static void tone_pause(Sound *sound)
{
    spice_server_playback_stop(&sound->playback);
    g_source_remove(sound->tone.timer);
    sound->tone.timer = 0;
}

void sound_set_running(Sound *sound, bool running)
{
    sound->running = running;
    if (sound->tone.wanted && running && sound->tone.timer == 0)
        tone_play(sound);
    if (!running && sound->tone.timer != 0)
        tone_pause(sound);
    if (sound->recording && running)
        spice_server_record_start(&sound->record);
    else if (sound->recording)
        spice_server_record_stop(&sound->record);
}

void sound_free(Sound *sound)
{
    if (sound == NULL)
        return;
    sound_set_running(sound, false);
    if (sound->tone.wanted)
        tone_end(sound);
    spice_server_remove_interface(&sound->playback.base);
    spice_server_remove_interface(&sound->record.base);
    g_free(sound);
}

/* Commands */

static Sound *sound_of_host(const char *command)
{
    if (host.machine->sound == NULL)
        answer_error(command, "this machine has no sound: --audio");
    return host.machine->sound;
}

static void answer_done(const char *command)
{
    Answer *answer = answer_new("answer", command);
    answer_bool(answer, "ok", true);
    answer_send(answer);
}

void tone_command(char **words)
{
    Sound *sound = sound_of_host("tone");
    uint64_t ms;
    FILE *file = NULL;
    if (sound == NULL)
        return;
    if (words[0] == NULL || !g_ascii_string_to_unsigned(words[0], 10, 1, 3600 * 1000, &ms, NULL)) {
        answer_error("tone", "usage: tone MS [FILE]");
    } else if (sound->tone.wanted) {
        answer_error("tone", "the last one has not ended");
    } else if (words[1] != NULL && (file = fopen(words[1], "wb")) == NULL) {
        answer_error("tone", "%s: %s", words[1], g_strerror(errno));
    } else {
        sound->tone = (Tone){.wanted = true, .total = (uint32_t)(ms * sound->rate / 1000), .file = file};
        answer_done("tone");
        if (sound->running)
            tone_play(sound);
    }
}

void volume_command(char **words)
{
    Sound *sound = sound_of_host("volume");
    uint16_t volume[MAX_CHANNELS];
    uint8_t n = 0;
    uint64_t value;
    if (sound == NULL)
        return;
    for (; n < MAX_CHANNELS && words[n] != NULL; n++) {
        if (!g_ascii_string_to_unsigned(words[n], 10, 0, UINT16_MAX, &value, NULL)) {
            answer_error("volume", "usage: volume [0..65535]...");
            return;
        }
        volume[n] = (uint16_t)value;
    }
    spice_server_playback_set_volume(&sound->playback, n, volume);
    spice_server_record_set_volume(&sound->record, n, volume);
    answer_done("volume");
}

static bool parse_switch(const char *command, char **words, bool *on)
{
    *on = words[0] != NULL && strcmp(words[0], "1") == 0;
    if (*on || (words[0] != NULL && strcmp(words[0], "0") == 0))
        return true;
    answer_error(command, "usage: %s 1|0", command);
    return false;
}

void mute_command(char **words)
{
    Sound *sound = sound_of_host("mute");
    bool on;
    if (sound == NULL || !parse_switch("mute", words, &on))
        return;
    spice_server_playback_set_mute(&sound->playback, on);
    spice_server_record_set_mute(&sound->record, on);
    answer_done("mute");
}

void playback_compression_command(char **words)
{
    bool on;
    if (!parse_switch("playback-compression", words, &on))
        return;
    spice_server_set_playback_compression(host.machine->server, on);
    answer_done("playback-compression");
}

static void set_recording(const char *command, bool on)
{
    Sound *sound = sound_of_host(command);
    if (sound == NULL)
        return;
    sound->recording = on;
    if (on && sound->running)
        spice_server_record_start(&sound->record);
    else if (!on)
        spice_server_record_stop(&sound->record);
    answer_done(command);
}

void record_start_command(char **words)
{
    set_recording("record-start", true);
}

void record_stop_command(char **words)
{
    set_recording("record-stop", false);
}

void record_read_command(char **words)
{
    Sound *sound = sound_of_host("record-read");
    FILE *file = NULL;
    if (sound == NULL)
        return;
    if (words[0] != NULL && (file = fopen(words[0], "ab")) == NULL) {
        answer_error("record-read", "%s: %s", words[0], g_strerror(errno));
        return;
    }
    uint32_t pairs[1000], n, total = 0;
    while ((n = spice_server_record_get_samples(&sound->record, pairs, G_N_ELEMENTS(pairs))) > 0) {
        total += n;
        if (file != NULL)
            fwrite(pairs, sizeof(uint32_t), n, file);
    }
    if (file != NULL)
        fclose(file);
    Answer *answer = answer_new("answer", "record-read");
    answer_bool(answer, "ok", true);
    answer_int(answer, "pairs", total);
    answer_send(answer);
}
