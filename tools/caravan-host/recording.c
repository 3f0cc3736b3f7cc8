/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_SIZE (256 * 1024)
#define PIPE_SIZE (1024 * 1024) /* what everybody may ask for */
#define LINE_MAX_BYTES 4096
#define PRIMARY_MAX_BYTES (1 << 30)

/* Worker messages that make the replay functions call the library, and those that ought to. */
enum {
    EVENT_DESTROY_SURFACES = 19,
    EVENT_CREATE_PRIMARY = 20,
    EVENT_DESTROY_PRIMARY = 21,
    EVENT_DESTROY_SURFACES_ASYNC = 28,
    EVENT_CREATE_PRIMARY_ASYNC = 29,
    EVENT_DESTROY_PRIMARY_ASYNC = 30,
};

struct Recording {
    int fd;
    GPid child; /* 0: plain file */
    uint8_t *buffer;
    size_t start, end; /* bytes of the buffer not yet given to the reader */
    size_t approved;   /* of these, how many were scanned and may be given */
    uint64_t blob;     /* bytes of a binary blob that follow the approved ones, not to be scanned */
    bool device_event; /* the approved bytes end with the first byte of the line of a device event */
    bool failed, at_end;
    GQueue times; /* guint64 * */
    const RecordingEvents *events;
    void *opaque;
};

/* Reads more input behind what is there. False at the end of the file or if the buffer is full. */
static bool fill(Recording *r)
{
    if (r->start > 0) {
        memmove(r->buffer, r->buffer + r->start, r->end - r->start);
        r->end -= r->start;
        r->start = 0;
    }
    if (r->at_end || r->end == BUFFER_SIZE)
        return false;
    ssize_t n;
    do
        n = read(r->fd, r->buffer + r->end, BUFFER_SIZE - r->end);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        r->at_end = true;
        return false;
    }
    r->end += n;
    return true;
}

static bool is_device_event(unsigned type)
{
    return (type >= EVENT_DESTROY_SURFACES && type <= EVENT_DESTROY_PRIMARY) ||
           (type >= EVENT_DESTROY_SURFACES_ASYNC && type <= EVENT_DESTROY_PRIMARY_ASYNC);
}

static void note_time(Recording *r, uint64_t ns)
{
    uint64_t *time = g_new(uint64_t, 1);
    *time = ns;
    g_queue_push_tail(&r->times, time);
}

typedef struct Item {
    size_t length;    /* of the head: a line, or a blob's head up to and with the last ':' */
    uint64_t blob;    /* raw bytes that follow */
    unsigned what;    /* of an event line; 2 = no event line */
    unsigned type;    /* of an event line */
    unsigned counter; /* of an event line */
    uint64_t time;    /* of an event line */
} Item;

/* Looks at the next line or blob head, `at` bytes after start. False if it is not completely in the buffer. */
static bool scan_item(const Recording *r, size_t at, Item *item)
{
    const uint8_t *p = r->buffer + r->start + at;
    size_t left = r->end - r->start - at;
    const uint8_t *line_end = memchr(p, '\n', left);
    size_t length = line_end != NULL ? (size_t)(line_end - p) + 1 : left;
    *item = (Item){.length = length, .what = 2};
    if (length >= 7 && memcmp(p, "binary ", 7) == 0) {
        /* "binary 0 NAME N:" and N bytes, or "binary 1 NAME N:Z:" and Z bytes */
        int colons = length > 7 && p[7] == '1' ? 2 : 1;
        const uint8_t *c = p;
        for (size_t i = 0; i < left && i < LINE_MAX_BYTES; i++) {
            if (p[i] == ' ' || (p[i] == ':' && colons == 2))
                c = p + i + 1;
            if (p[i] == ':' && --colons == 0) {
                item->length = i + 1;
                item->blob = g_ascii_strtoull((const char *)c, NULL, 10);
                return true;
            }
        }
        return false;
    }
    if (line_end == NULL)
        return false;
    char text[128];
    if (length < sizeof(text) && memcmp(p, "event ", MIN(length, 6)) == 0) {
        memcpy(text, p, length);
        text[length] = '\0';
        unsigned long long ns = 0;
        if (sscanf(text, "event %u %u %u %llu", &item->counter, &item->what, &item->type, &ns) < 3)
            item->what = 2;
        item->time = ns;
    }
    return true;
}

/* Scans on until something may be given to the reader, at most `wanted` bytes more than needed. */
static void scan(Recording *r, size_t wanted)
{
    while (r->approved < wanted && r->blob == 0 && !r->device_event) {
        Item item;
        if (r->start + r->approved == r->end || !scan_item(r, r->approved, &item)) {
            if (r->approved > 0)
                return; /* give these first; what is cut off is looked at again */
            if (fill(r))
                continue;
            /* The rest of the file, or a line longer than any in the format: the reader will complain. */
            r->approved = r->end - r->start;
            return;
        }
        if (item.what == 1 && is_device_event(item.type)) {
            /* The reader looks one character ahead for the end of white space, so give it that one. */
            r->approved++;
            r->device_event = true;
            return;
        }
        if (item.what == 0)
            note_time(r, item.time);
        r->approved += item.length;
        r->blob = item.blob;
    }
}

/* The next item, consumed from the input; its head is copied to text. */
static bool take_head(Recording *r, Item *item, char *text, size_t text_size)
{
    while (!scan_item(r, 0, item)) {
        if (!fill(r))
            return false;
    }
    size_t n = MIN(item->length, text_size - 1);
    memcpy(text, r->buffer + r->start, n);
    text[n] = '\0';
    r->start += item->length;
    return true;
}

static bool take_bytes(Recording *r, uint8_t *out, size_t n)
{
    while (n > 0) {
        if (r->start == r->end && !fill(r))
            return false;
        size_t part = MIN(n, r->end - r->start);
        memcpy(out, r->buffer + r->start, part);
        r->start += part;
        out += part;
        n -= part;
    }
    return true;
}

static bool take_primary(Recording *r, PrimarySpec *spec)
{
    char text[256];
    Item item;
    if (!take_head(r, &item, text, sizeof(text)) ||
        sscanf(text, "%u %u %d %u", &spec->width, &spec->height, &spec->stride, &spec->format) != 4)
        return false;
    if (!take_head(r, &item, text, sizeof(text)) ||
        sscanf(text, "%u %u %u %u", &spec->position, &spec->mouse_mode, &spec->flags, &spec->type) != 4)
        return false;
    if (!take_head(r, &item, text, sizeof(text)) || !g_str_has_prefix(text, "binary 0 ") ||
        item.blob > PRIMARY_MAX_BYTES || item.blob != (uint64_t)llabs(spec->stride) * spec->height)
        return false;
    spec->size = item.blob;
    spec->data = g_malloc(MAX(spec->size, 1));
    uint8_t newline;
    if (take_bytes(r, spec->data, spec->size) && take_bytes(r, &newline, 1))
        return true;
    g_free(spec->data);
    return false;
}

/* The reader has got the 'e' of the event line: carry the event out and leave a harmless one in its place. */
static bool run_device_event(Recording *r)
{
    char text[256];
    Item item;
    /* The buffer begins after the 'e', which is still there or was shifted out: put it back by hand. */
    g_assert(r->start > 0);
    r->buffer[--r->start] = 'e';
    if (!take_head(r, &item, text, sizeof(text)) || item.what != 1)
        return false;
    if (r->events->before != NULL && !r->events->before(r->opaque))
        return false;
    PrimarySpec spec = {0};
    switch (item.type) {
    case EVENT_CREATE_PRIMARY:
    case EVENT_CREATE_PRIMARY_ASYNC:
        if (!take_primary(r, &spec))
            return false;
        r->events->create_primary(r->opaque, &spec);
        break;
    case EVENT_DESTROY_PRIMARY:
    case EVENT_DESTROY_PRIMARY_ASYNC:
        r->events->destroy_primary(r->opaque);
        break;
    default:
        r->events->destroy_surfaces(r->opaque);
        break;
    }
    int n = g_snprintf(text, sizeof(text), "vent %u 1 2 %" G_GUINT64_FORMAT "\n", item.counter, item.time);
    if (r->start < (size_t)n) {
        size_t left = r->end - r->start;
        if (left + n > BUFFER_SIZE)
            return false; /* cannot be: at least the line that it replaces was there */
        memmove(r->buffer + n, r->buffer + r->start, left);
        r->start = n;
        r->end = n + left;
    }
    r->start -= n;
    memcpy(r->buffer + r->start, text, n);
    r->approved = n;
    r->device_event = false;
    return true;
}

static ssize_t stream_read(void *cookie, char *out, size_t size)
{
    Recording *r = cookie;
    if (r->failed || size == 0)
        return 0;
    if (r->approved == 0 && r->device_event && !run_device_event(r)) {
        r->failed = true;
        return 0;
    }
    if (r->approved == 0 && r->blob > 0) {
        size_t n = MIN(size, r->blob);
        if (r->start < r->end) {
            n = MIN(n, r->end - r->start);
            memcpy(out, r->buffer + r->start, n);
            r->start += n;
        } else {
            ssize_t got;
            do
                got = read(r->fd, out, n);
            while (got < 0 && errno == EINTR);
            if (got <= 0) {
                r->failed = true;
                return 0;
            }
            n = got;
        }
        r->blob -= n;
        return n;
    }
    scan(r, size);
    size_t n = MIN(size, r->approved);
    memcpy(out, r->buffer + r->start, n);
    r->start += n;
    r->approved -= n;
    return n;
}

static int stream_close(void *cookie)
{
    Recording *r = cookie;
    close(r->fd);
    if (r->child != 0) {
        waitpid(r->child, NULL, 0); /* it ends by itself: its pipe is closed */
        g_spawn_close_pid(r->child);
    }
    g_queue_clear_full(&r->times, g_free);
    g_free(r->buffer);
    g_free(r);
    return 0;
}

static bool open_input(Recording *r, const char *path, GError **error)
{
    if (!g_str_has_suffix(path, ".zst")) {
        r->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (r->fd < 0)
            g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", path, g_strerror(errno));
        return r->fd >= 0;
    }
    const char *argv[] = {"zstd", "-dcq", "--long=31", "--", path, NULL};
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s: no such file", path);
        return false;
    }
    if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                                  NULL, &r->child, NULL, &r->fd, NULL, error))
        return false;
    fcntl(r->fd, F_SETPIPE_SZ, PIPE_SIZE); /* if it fails there are more and smaller reads */
    return true;
}

FILE *recording_open(const char *path, const RecordingEvents *events, void *opaque, Recording **recording,
                     GError **error)
{
    Recording *r = g_new0(Recording, 1);
    r->events = events;
    r->opaque = opaque;
    if (!open_input(r, path, error)) {
        g_free(r);
        return NULL;
    }
    r->buffer = g_malloc(BUFFER_SIZE);
    g_queue_init(&r->times);
    FILE *stream = fopencookie(r, "r", (cookie_io_functions_t){.read = stream_read, .close = stream_close});
    if (stream == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "%s: no memory for a stream", path);
        stream_close(r);
        return NULL;
    }
    setvbuf(stream, NULL, _IOFBF, BUFFER_SIZE); /* pictures of megabytes go through it */
    *recording = r;
    return stream;
}

uint64_t recording_pop_time(Recording *recording)
{
    g_autofree uint64_t *time = g_queue_pop_head(&recording->times);
    return time != NULL ? *time : 0;
}
