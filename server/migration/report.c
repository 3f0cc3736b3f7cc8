/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/migration/report.h"
#include "server/migration/extension.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

typedef struct Phase {
    char *name;
    gint64 begin, end; /* microseconds; end 0: goes on */
} Phase;

typedef struct SectionResult {
    char *tag, *why;
} SectionResult;

typedef struct ChannelResult {
    char *name;
    uint64_t bytes;
    GArray *sections; /* SectionResult */
} ChannelResult;

typedef struct Count {
    char *what;
    uint64_t n;
} Count;

struct MigrationReport {
    gint refs;            /* atomic */
    pthread_mutex_t lock; /* of everything below. Not a GMutex: thread sanitizers see this one */
    MigrationRole role;
    MigrationMode mode;
    gint64 begin, end;
    char *result, *reason;
    GArray *phases, *channels, *counts; /* in the order in which they came */
    bool written;
};

static void unlock(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

/* Locks until the end of the block. */
#define LOCKED(report)                                                                                                 \
    __attribute__((cleanup(unlock))) pthread_mutex_t *locked = &(report)->lock;                                        \
    pthread_mutex_lock(locked)

static void phase_clear(void *phase)
{
    g_free(((Phase *)phase)->name);
}

static void count_clear(void *count)
{
    g_free(((Count *)count)->what);
}

static void section_clear(void *section)
{
    g_free(((SectionResult *)section)->tag);
    g_free(((SectionResult *)section)->why);
}

static void channel_clear(void *channel)
{
    g_free(((ChannelResult *)channel)->name);
    g_array_unref(((ChannelResult *)channel)->sections);
}

static GArray *list_new(unsigned size, GDestroyNotify clear)
{
    GArray *list = g_array_new(FALSE, TRUE, size);

    g_array_set_clear_func(list, clear);
    return list;
}

MigrationReport *migration_report_new(MigrationRole role)
{
    MigrationReport *report = g_new0(MigrationReport, 1);

    report->refs = 1;
    pthread_mutex_init(&report->lock, NULL);
    report->role = role;
    report->begin = g_get_monotonic_time();
    report->phases = list_new(sizeof(Phase), phase_clear);
    report->channels = list_new(sizeof(ChannelResult), channel_clear);
    report->counts = list_new(sizeof(Count), count_clear);
    return report;
}

MigrationReport *migration_report_ref(MigrationReport *report)
{
    g_atomic_int_inc(&report->refs);
    return report;
}

void migration_report_unref(MigrationReport *report)
{
    if (!g_atomic_int_dec_and_test(&report->refs))
        return;
    g_array_unref(report->phases);
    g_array_unref(report->channels);
    g_array_unref(report->counts);
    g_free(report->result);
    g_free(report->reason);
    pthread_mutex_destroy(&report->lock);
    g_free(report);
}

/* --- collecting: the lock is held by the caller of the static functions --- */

void migration_report_set_mode(MigrationReport *report, MigrationMode mode)
{
    LOCKED(report);

    report->mode = mode;
}

static void phase_end(MigrationReport *report, gint64 now)
{
    if (report->phases->len && !g_array_index(report->phases, Phase, report->phases->len - 1).end)
        g_array_index(report->phases, Phase, report->phases->len - 1).end = now;
}

void migration_report_phase(MigrationReport *report, const char *name)
{
    Phase phase = {.name = g_strdup(name), .begin = g_get_monotonic_time()};
    LOCKED(report);

    phase_end(report, phase.begin);
    g_array_append_val(report->phases, phase);
}

static ChannelResult *channel_get(MigrationReport *report, const char *name)
{
    ChannelResult channel = {.name = NULL};

    for (unsigned i = 0; i < report->channels->len; i++) {
        if (g_str_equal(g_array_index(report->channels, ChannelResult, i).name, name))
            return &g_array_index(report->channels, ChannelResult, i);
    }
    channel.name = g_strdup(name);
    channel.sections = list_new(sizeof(SectionResult), section_clear);
    g_array_append_val(report->channels, channel);
    return &g_array_index(report->channels, ChannelResult, report->channels->len - 1);
}

static void section_add(MigrationReport *report, const char *channel, const char *tag, const char *why)
{
    SectionResult section = {g_strdup(tag), g_strdup(why)};

    g_array_append_val(channel_get(report, channel)->sections, section);
}

static void count_add(MigrationReport *report, const char *what, uint64_t n)
{
    Count count = {NULL, n};

    for (unsigned i = 0; i < report->counts->len; i++) {
        if (g_str_equal(g_array_index(report->counts, Count, i).what, what)) {
            g_array_index(report->counts, Count, i).n += n;
            return;
        }
    }
    count.what = g_strdup(what);
    g_array_append_val(report->counts, count);
}

void migration_report_channel(MigrationReport *report, const char *channel, size_t bytes)
{
    LOCKED(report);

    channel_get(report, channel)->bytes += bytes;
}

void migration_report_section(MigrationReport *report, const char *channel, const char *tag, const char *why)
{
    LOCKED(report);

    section_add(report, channel, tag, why);
}

void migration_report_count(MigrationReport *report, const char *what, uint64_t n)
{
    LOCKED(report);

    count_add(report, what, n);
}

static bool section_reported(const GArray *sections, const char *tag)
{
    for (unsigned i = 0; sections && i < sections->len; i++) {
        if (g_str_equal(g_array_index(sections, SectionReport, i).tag, tag))
            return true;
    }
    return false;
}

static void display_sections(MigrationReport *report, const char *channel, const DisplayState *state,
                             const GArray *sections)
{
    for (unsigned i = 0; sections && i < sections->len; i++) {
        const SectionReport *s = &g_array_index(sections, SectionReport, i);

        section_add(report, channel, s->tag, s->accepted ? NULL : s->reason);
    }
    for (unsigned i = 0; i < n_display_sections; i++) {
        const Section *s = &display_section_list[i];
        /* Only the freezer's data have the entries: their absence elsewhere is no news. */
        bool expected = s->bit != DISPLAY_SECTION_CACHE || state->cache.freezer;

        if (!section_reported(sections, s->tag) && (expected || state->sections & s->bit))
            section_add(report, channel, s->tag, state->sections & s->bit ? NULL : "missing");
    }
}

static void display_counts(MigrationReport *report, const DisplayState *state)
{
    uint64_t pixels = 0, rects = 0;

    for (unsigned i = 0; i < state->cache.entries->len; i++)
        pixels += g_array_index(state->cache.entries, CacheEntryState, i).pixels;
    for (unsigned i = 0; i < state->surfaces->len; i++) {
        const GArray *lossy = g_array_index(state->surfaces, SurfaceState, i).lossy;

        rects += lossy ? lossy->len : 0;
    }
    count_add(report, "cache_entries", state->cache.entries->len);
    count_add(report, "cache_pixels", pixels);
    count_add(report, "palettes", state->palettes->len);
    count_add(report, "surfaces", state->surfaces->len);
    count_add(report, "lossy_rects", rects);
}

void migration_report_display(MigrationReport *report, const char *channel, size_t bytes, const DisplayState *state,
                              const GArray *sections)
{
    LOCKED(report);

    channel_get(report, channel)->bytes += bytes;
    display_sections(report, channel, state, sections);
    display_counts(report, state);
}

void migration_report_end(MigrationReport *report, const char *result, const char *reason)
{
    LOCKED(report);

    if (report->result)
        return;
    report->end = g_get_monotonic_time();
    phase_end(report, report->end);
    report->result = g_strdup(result);
    report->reason = g_strdup(reason);
}

/* --- JSON --- */

static void add_string(JsonBuilder *b, const char *name, const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value, -1);

    json_builder_set_member_name(b, name);
    json_builder_add_string_value(b, valid);
}

static void add_ms(JsonBuilder *b, const char *name, gint64 us)
{
    json_builder_set_member_name(b, name);
    json_builder_add_double_value(b, (double)us / 1000);
}

static void add_phases(JsonBuilder *b, const MigrationReport *report, gint64 now)
{
    json_builder_set_member_name(b, "phases");
    json_builder_begin_array(b);
    for (unsigned i = 0; i < report->phases->len; i++) {
        const Phase *phase = &g_array_index(report->phases, Phase, i);

        json_builder_begin_object(b);
        add_string(b, "name", phase->name);
        add_ms(b, "at", phase->begin - report->begin);
        add_ms(b, "ms", (phase->end ? phase->end : now) - phase->begin);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static void add_channel(JsonBuilder *b, const ChannelResult *channel)
{
    json_builder_begin_object(b);
    add_string(b, "name", channel->name);
    json_builder_set_member_name(b, "bytes");
    json_add_u64(b, channel->bytes);
    json_builder_set_member_name(b, "sections");
    json_builder_begin_array(b);
    for (unsigned i = 0; i < channel->sections->len; i++) {
        const SectionResult *section = &g_array_index(channel->sections, SectionResult, i);

        json_builder_begin_object(b);
        add_string(b, "tag", section->tag);
        json_builder_set_member_name(b, "restored");
        json_builder_add_boolean_value(b, !section->why);
        if (section->why)
            add_string(b, "why", section->why);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
}

static void add_counts(JsonBuilder *b, const MigrationReport *report)
{
    json_builder_set_member_name(b, "counts");
    json_builder_begin_object(b);
    for (unsigned i = 0; i < report->counts->len; i++) {
        const Count *count = &g_array_index(report->counts, Count, i);

        json_builder_set_member_name(b, count->what);
        json_add_u64(b, count->n);
    }
    json_builder_end_object(b);
}

char *migration_report_to_json(MigrationReport *report)
{
    static const char *const roles[] = {"source", "destination"};
    static const char *const modes[] = {"unknown", "seamless", "semi-seamless", "switch-host"};
    LOCKED(report);
    g_autoptr(JsonBuilder) b = json_builder_new();
    g_autoptr(JsonGenerator) generator = json_generator_new();
    gint64 now = report->end ? report->end : g_get_monotonic_time();
    JsonNode *root;
    char *text;

    json_builder_begin_object(b);
    add_string(b, "role", roles[report->role]);
    add_string(b, "mode", modes[report->mode]);
    add_string(b, "result", report->result ? report->result : "unfinished");
    if (report->reason)
        add_string(b, "reason", report->reason);
    add_ms(b, "ms", now - report->begin);
    add_phases(b, report, now);
    json_builder_set_member_name(b, "channels");
    json_builder_begin_array(b);
    for (unsigned i = 0; i < report->channels->len; i++)
        add_channel(b, &g_array_index(report->channels, ChannelResult, i));
    json_builder_end_array(b);
    add_counts(b, report);
    json_builder_end_object(b);

    root = json_builder_get_root(b);
    json_generator_set_root(generator, root);
    text = json_generator_to_data(generator, NULL);
    json_node_unref(root);
    return text;
}

/* --- writing --- */

/* One write() to a file opened for appending: lines of several processes do not mix. */
static void append_line(const char *path, const char *line)
{
    g_autofree char *text = g_strconcat(line, "\n", NULL);
    size_t size = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, size) != (ssize_t)size)
        g_warning("migration report: cannot write %s: %s", path, g_strerror(errno));
    if (fd >= 0)
        close(fd);
}

void migration_report_write(MigrationReport *report)
{
    const char *path = g_getenv("SPICE_CARAVAN_REPORT");
    g_autofree char *line = NULL;
    bool written;

    pthread_mutex_lock(&report->lock);
    written = report->written;
    report->written = true;
    pthread_mutex_unlock(&report->lock);
    if (written)
        return;
    line = migration_report_to_json(report);
    g_info("migration: %s", line);
    if (path && *path)
        append_line(path, line);
}
