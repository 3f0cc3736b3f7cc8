/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/replay/command.h"

#include <pthread.h>
#include <spice.h>
#include <string.h>
#include <zlib.h>

#define HEADER "SPICE_REPLAY 1\n"
#define MOVE "event 1 0 3 5\ncursor_cmd\ntype 1\npoint16 10 -20\n"

/* What the replayer asked the server for. */
static GString *calls;

void spice_qxl_create_primary_surface(QXLInstance *instance, uint32_t surface_id, QXLDevSurfaceCreate *s)
{
    size_t size = (size_t)s->height * (size_t)ABS(s->stride);

    g_string_append_printf(calls, "create %u %ux%u/%d f%u g%u %.*s;", surface_id, s->width, s->height, s->stride,
                           s->format, s->group_id, (int)MIN(size, 8), (const char *)(uintptr_t)s->mem);
}

void spice_qxl_destroy_primary_surface(QXLInstance *instance, uint32_t surface_id)
{
    g_string_append_printf(calls, "destroy %u;", surface_id);
}

void spice_qxl_destroy_surfaces(QXLInstance *instance)
{
    g_string_append(calls, "destroy all;");
}

static FILE *file_of(const void *data, size_t size)
{
    FILE *file = tmpfile();

    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(data, 1, size, file), ==, size);
    rewind(file);
    return file;
}

static SpiceReplay *open_text(const char *text, int nsurfaces)
{
    SpiceReplay *replay = spice_replay_new(file_of(text, strlen(text)), nsurfaces);

    g_assert_nonnull(replay);
    return replay;
}

static uint32_t surface_of(const QXLCommandExt *cmd)
{
    g_assert_nonnull(cmd);
    g_assert_cmpuint(cmd->cmd.type, ==, QXL_CMD_SURFACE);
    return ((const QXLSurfaceCmd *)(uintptr_t)cmd->cmd.data)->surface_id;
}

static void surface_text(GString *s, uint32_t id, bool create)
{
    g_string_append_printf(s, "event 0 0 5 1\nsurface_cmd\nsurface_id %d\ntype %d\nflags 0\n", (int)id, !create);
    if (create) {
        g_string_append(s, "u.surface_create.format 32\nu.surface_create.width 4\nu.surface_create.height 4\n"
                           "u.surface_create.stride -16\n");
    }
}

static void test_header(void)
{
    static const char *const bad[] = {"", "SPICE", "SPICE_REPLAY 2\n", "SPICE_REPLAY x\n", "REPLAY 1\n"};

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        FILE *file = file_of(bad[i], strlen(bad[i]));
        g_assert_null(spice_replay_new(file, 10));
        fclose(file); /* still ours */
    }
    FILE *file = file_of(HEADER, strlen(HEADER));
    g_assert_null(spice_replay_new(file, 0));
    g_assert_null(spice_replay_new(file, -1));
    spice_replay_free(spice_replay_new(file, 1));
}

static void test_envelope(void)
{
    SpiceReplay *replay = open_text(HEADER MOVE "event 2 2 0 5\nevent 3 0 0 6\nevent 4 1 99 7\nevent 5 0 77 8\n", 8);
    QXLCommandExt *cmd = spice_replay_next_cmd(replay, NULL);
    const QXLCursorCmd *cursor;

    g_assert_nonnull(cmd);
    cursor = (const QXLCursorCmd *)(uintptr_t)cmd->cmd.data;
    g_assert_cmpuint(cmd->cmd.type, ==, QXL_CMD_CURSOR);
    g_assert_cmpuint(cursor->release_info.id, ==, (uintptr_t)cmd);
    g_assert_cmpint(cursor->u.position.x, ==, 10);
    g_assert_cmpint(cursor->u.position.y, ==, -20);
    spice_replay_free_cmd(replay, cmd);
    for (unsigned i = 0; i < 2; i++) {
        cmd = spice_replay_next_cmd(replay, NULL);
        g_assert_nonnull(cmd);
        g_assert_cmpuint(cmd->cmd.type, ==, i ? 77 : QXL_CMD_NOP);
        g_assert_cmpuint(cmd->cmd.data, ==, 0);
        spice_replay_free_cmd(replay, cmd);
    }
    g_assert_null(spice_replay_next_cmd(replay, NULL));
    g_assert_null(spice_replay_next_cmd(replay, NULL));
    spice_replay_free(replay);
}

static void test_message(void)
{
    SpiceReplay *replay = open_text(HEADER "event 0 0 4 1\nbinary 0 message 5:hello\n" MOVE, 8);
    QXLCommandExt *cmd = spice_replay_next_cmd(replay, NULL);
    const QXLMessage *message;

    g_assert_nonnull(cmd);
    message = (const QXLMessage *)(uintptr_t)cmd->cmd.data;
    g_assert_cmpstr((const char *)message->data, ==, "hello");
    g_assert_cmpuint(message->release_info.id, ==, (uintptr_t)cmd);
    spice_replay_free_cmd(replay, cmd);
    cmd = spice_replay_next_cmd(replay, NULL);
    g_assert_nonnull(cmd);
    spice_replay_free_cmd(replay, cmd);
    spice_replay_free(replay);
}

static void test_primary(void)
{
    SpiceReplay *replay = open_text(HEADER "event 0 1 21 0\n"
                                           "event 1 1 20 0\n2 1 -8 32\n0 1 0 0\nbinary 0 data 8:abcdefgh\n"
                                           "event 1 1 29 0\n1 2 4 32\n0 1 0 0\nbinary 0 data 8:ABCDEFGH\n"
                                           "event 2 1 30 0\nevent 2 1 28 0\nevent 2 1 19 0\n"
                                           "event 1 1 20 0\n1 1 4 32\n0 1 0 0\nbinary 0 data 4:last\n"
                                           "event 3 1 20 0\n1 1 4 32\n0 1 0 0\nbinary 0 data 5:large\n" MOVE,
                                    8);

    calls = g_string_new(NULL);
    g_assert_null(spice_replay_next_cmd(replay, NULL));
    g_assert_cmpstr(calls->str, ==,
                    "destroy 0;create 0 2x1/-8 f32 g0 abcdefgh;destroy 0;create 0 1x2/4 f32 g0 ABCDEFGH;"
                    "destroy all;create 0 1x1/4 f32 g0 last;destroy 0;");
    g_string_free(calls, TRUE);
    spice_replay_free(replay);
}

static void test_ids(void)
{
    g_autoptr(GString) s = g_string_new(HEADER);
    QXLCommandExt *first, *destroy, *cmds[4];
    SpiceReplay *replay;

    surface_text(s, 1023, true);
    surface_text(s, 1022, true);
    surface_text(s, 1023, false);
    surface_text(s, 1023, true); /* while the destroy is not freed */
    surface_text(s, 1022, false);
    surface_text(s, 5, true);
    surface_text(s, 1023, false);
    replay = open_text(s->str, 16);
    for (unsigned i = 0; i < 2; i++) {
        cmds[i] = spice_replay_next_cmd(replay, NULL);
        g_assert_cmpuint(surface_of(cmds[i]), ==, i + 1);
    }
    first = spice_replay_next_cmd(replay, NULL);
    g_assert_cmpuint(surface_of(first), ==, 1);
    cmds[2] = spice_replay_next_cmd(replay, NULL);
    g_assert_cmpuint(surface_of(cmds[2]), ==, 3);
    spice_replay_free_cmd(replay, first);
    destroy = spice_replay_next_cmd(replay, NULL);
    g_assert_cmpuint(surface_of(destroy), ==, 2);
    spice_replay_free_cmd(replay, destroy);
    cmds[3] = spice_replay_next_cmd(replay, NULL);
    g_assert_cmpuint(surface_of(cmds[3]), ==, 1);
    destroy = spice_replay_next_cmd(replay, NULL);
    g_assert_cmpuint(surface_of(destroy), ==, 3); /* the late free of 1 left it alone */
    spice_replay_free_cmd(replay, destroy);
    for (unsigned i = 0; i < 4; i++) {
        spice_replay_free_cmd(replay, cmds[i]);
    }
    spice_replay_free(replay);
}

static void test_id_order(void)
{
    SurfaceIds ids;

    surface_ids_init(&ids, 100);
    for (uint32_t i = 0; i < 6; i++) {
        g_assert_cmpuint(surface_ids_new_id(&ids, i * 10), ==, i);
    }
    for (uint32_t i = 1; i < 5; i++) {
        surface_ids_free_id(&ids, i);
    }
    surface_ids_free_id(&ids, 4);               /* twice: nothing */
    surface_ids_free_id(&ids, 99);              /* never made */
    surface_ids_free_id(&ids, SURFACE_ID_NONE); /* of an unknown surface */
    /* Free are 1 2 3 4: the first is taken, the last moves to its place. */
    g_assert_cmpuint(surface_ids_new_id(&ids, 7), ==, 1);
    g_assert_cmpuint(surface_ids_new_id(&ids, 8), ==, 4);
    g_assert_cmpuint(surface_ids_new_id(&ids, 9), ==, 3);
    g_assert_cmpuint(surface_ids_new_id(&ids, 11), ==, 2);
    g_assert_cmpuint(surface_ids_new_id(&ids, 0xfffffffe), ==, 6); /* costs no memory */
    g_assert_cmpuint(surface_ids_get(&ids, 8), ==, 4);
    g_assert_cmpuint(surface_ids_get(&ids, 50), ==, 5);
    g_assert_cmpuint(surface_ids_get(&ids, 10), ==, SURFACE_ID_NONE);
    g_assert_cmpuint(surface_ids_get(&ids, SURFACE_ID_NONE), ==, SURFACE_ID_NONE);
    surface_ids_clear(&ids);
}

typedef struct Release {
    SpiceReplay *replay;
    QXLCommandExt *cmd;
    gint freed;
} Release;

static void *free_later(void *data)
{
    Release *release = data;

    g_usleep(50 * 1000);
    g_atomic_int_set(&release->freed, 1);
    spice_replay_free_cmd(release->replay, release->cmd);
    return NULL;
}

static void test_blocking(void)
{
    g_autoptr(GString) s = g_string_new(HEADER);
    QXLCommandExt *create, *again;
    Release release = {0};
    GThread *thread;

    surface_text(s, 7, true);
    surface_text(s, 7, false);
    surface_text(s, 8, true);
    release.replay = open_text(s->str, 2); /* the primary and one more */
    create = spice_replay_next_cmd(release.replay, NULL);
    g_assert_cmpuint(surface_of(create), ==, 1);
    release.cmd = spice_replay_next_cmd(release.replay, NULL);
    thread = g_thread_new("release", free_later, &release);
    again = spice_replay_next_cmd(release.replay, NULL);
    g_assert_cmpint(g_atomic_int_get(&release.freed), ==, 1);
    g_assert_cmpuint(surface_of(again), ==, 1);
    g_thread_join(thread);
    spice_replay_free_cmd(release.replay, create);
    spice_replay_free_cmd(release.replay, again);
    spice_replay_free(release.replay);
}

/* A slot through which commands go to the thread that frees them. */
typedef struct Handover {
    SpiceReplay *replay;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    QXLCommandExt *cmd;
    bool ended;
} Handover;

static void *free_all(void *data)
{
    Handover *h = data;
    QXLCommandExt *cmd;

    for (;;) {
        pthread_mutex_lock(&h->mutex);
        while (!h->cmd && !h->ended) {
            pthread_cond_wait(&h->changed, &h->mutex);
        }
        cmd = h->cmd;
        h->cmd = NULL;
        pthread_cond_signal(&h->changed);
        pthread_mutex_unlock(&h->mutex);
        if (!cmd) {
            return NULL;
        }
        spice_replay_free_cmd(h->replay, cmd);
    }
}

static void hand_over(Handover *h, QXLCommandExt *cmd)
{
    pthread_mutex_lock(&h->mutex);
    while (h->cmd) {
        pthread_cond_wait(&h->changed, &h->mutex);
    }
    h->cmd = cmd;
    h->ended = !cmd;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}

/* Many surfaces through few ids, freed by another thread. */
static void test_threads(void)
{
    g_autoptr(GString) s = g_string_new(HEADER);
    Handover h = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    QXLCommandExt *cmd;
    GThread *thread;
    unsigned count = 0;

    for (uint32_t i = 0; i < 3000; i++) {
        surface_text(s, i % 7, true);
        surface_text(s, i % 7, false);
    }
    h.replay = open_text(s->str, 4);
    thread = g_thread_new("free", free_all, &h);
    while ((cmd = spice_replay_next_cmd(h.replay, NULL))) {
        g_assert_cmpuint(((const QXLSurfaceCmd *)(uintptr_t)cmd->cmd.data)->type, ==, count & 1);
        hand_over(&h, cmd);
        count++;
    }
    hand_over(&h, NULL);
    g_thread_join(thread);
    g_assert_cmpuint(count, ==, 6000);
    spice_replay_free(h.replay);
}

/* The number of commands of a recording. */
static unsigned walk(const void *data, size_t size)
{
    FILE *file = file_of(data, size);
    SpiceReplay *replay = spice_replay_new(file, 64);
    g_autoptr(GPtrArray) commands = g_ptr_array_new();
    QXLCommandExt *cmd;
    unsigned count;

    if (!replay) {
        fclose(file);
        return 0;
    }
    while ((cmd = spice_replay_next_cmd(replay, NULL))) {
        g_ptr_array_add(commands, cmd);
    }
    g_assert_null(spice_replay_next_cmd(replay, NULL));
    count = commands->len;
    for (unsigned i = 0; i < count; i++) {
        spice_replay_free_cmd(replay, g_ptr_array_index(commands, i));
    }
    spice_replay_free(replay);
    return count;
}

static void test_truncation(void)
{
    g_autofree char *data = NULL;
    unsigned count, last = 0;
    size_t size;

    g_assert_true(g_file_get_contents(TEST_DATA "/replay-synthetic.rec", &data, &size, NULL));
    calls = g_string_new(NULL);
    for (size_t i = 0; i <= size; i++) {
        g_string_truncate(calls, 0);
        count = walk(data, i);
        g_assert_cmpuint(count, >=, last);
        last = count;
    }
    g_assert_cmpuint(last, ==, 40);
    g_string_free(calls, TRUE);
}

/* One byte after the other is spoilt: no crash, no hang. */
static void test_corruption(void)
{
    static const char spoilt[] = {'9', '-', ' ', 'x', '\0'};
    g_autofree char *data = NULL;
    size_t size;

    g_assert_true(g_file_get_contents(TEST_DATA "/replay-synthetic.rec", &data, &size, NULL));
    calls = g_string_new(NULL);
    for (size_t i = 0; i < size; i++) {
        char kept = data[i];

        data[i] = spoilt[i % G_N_ELEMENTS(spoilt)];
        walk(data, size);
        data[i] = kept;
        g_string_truncate(calls, 0);
    }
    g_string_free(calls, TRUE);
}

/* A blob compressed as "binary 1", read as the text of a message. */
static ReplayBlock *read_zlib(const void *plain, size_t size, int64_t claimed, size_t cut, ReplayText *t)
{
    uLongf packed_size = compressBound(size);
    g_autofree uint8_t *packed = g_malloc(packed_size);
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autofree char *header = NULL;
    ReplayBlock *block;
    uint32_t got;

    g_assert_cmpint(compress(packed, &packed_size, plain, size), ==, Z_OK);
    packed_size -= cut;
    header = g_strdup_printf("binary 1 x %" G_GINT64_FORMAT ":%lu:", claimed, packed_size);
    g_byte_array_append(file, (const uint8_t *)header, (guint)strlen(header));
    g_byte_array_append(file, packed, (guint)packed_size);
    g_byte_array_append(file, (const uint8_t *)"\nend ", 5);
    *t = (ReplayText){.file = file_of(file->data, file->len)};
    block = replay_text_blob(t, "x", (ReplayBlobShape){.head = 3, .tail = 2, .size = -1}, &got);
    if (block) {
        g_assert_cmpuint(got, ==, size);
        replay_text_words(t, "end");
        g_assert_false(t->failed);
    } else {
        g_assert_true(t->failed);
        g_assert_nonnull(t->error);
    }
    fclose(t->file);
    g_clear_error(&t->error);
    return block;
}

static void test_zlib(void)
{
    static const size_t sizes[] = {0, 1, 1000, 200000, 40 << 20};
    ReplayText t;

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        size_t size = sizes[i];
        g_autofree uint8_t *plain = g_malloc0(size + 1);
        g_autoptr(ReplayBlock) block = NULL;

        for (size_t j = 0; j < size; j += 7) {
            plain[j] = (uint8_t)(j * j >> 5);
        }
        block = read_zlib(plain, size, (int64_t)size, 0, &t);
        g_assert_nonnull(block);
        g_assert_true(memcmp(block->data + 3, plain, size) == 0);
        g_assert_cmpuint(block->data[0] | block->data[1] | block->data[2], ==, 0);
        g_assert_cmpuint(block->data[3 + size] | block->data[4 + size], ==, 0);
        g_assert_null(read_zlib(plain, size, (int64_t)size + 1, 0, &t));
        g_assert_null(read_zlib(plain, size, (int64_t)size, 1, &t));
        g_assert_null(read_zlib(plain, size, 0x80000000, 0, &t));
        if (size) {
            g_assert_null(read_zlib(plain, size, (int64_t)size - 1, 0, &t));
        }
    }
}

/* Promises of 2 GiB by a few bytes. */
static void test_promises(void)
{
    static const char *const bad[] = {
        "event 0 0 4 1\nbinary 0 message 2147483647:hello\n",
        "event 0 0 4 1\nbinary 0 message 2147483648:hello\n",
        "event 0 0 4 1\nbinary 0 message -1:hello\n",
        "event 0 0 4 1\nbinary 0 message 99999999999999999999:hello\n",
        "event 0 0 4 1\nbinary 1 message 2147483647:2147483647:hello\n",
        "event 0 1 20 1\n-1 -1 -2147483648 32\n0 0 0 0\nbinary 0 data 0:\n",
        "event 0 1 20 1\n-1 0 0 32\n0 0 0 0\nbinary 0 data 4:abcd\n",
        "event 0 0 5 1\nsurface_cmd\nsurface_id 5\ntype 0\nflags 0\nu.surface_create.format 32\n"
        "u.surface_create.width -1\nu.surface_create.height -1\nu.surface_create.stride -2147483648\n",
    };

    calls = g_string_new(NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strconcat(HEADER, bad[i], NULL);
        g_assert_cmpuint(walk(text, strlen(text)), ==, 0);
    }
    g_assert_cmpstr(calls->str, ==, "");
    g_string_free(calls, TRUE);
}

static void no_log(const char *domain, GLogLevelFlags level, const char *message, void *data) {}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* Wrong recordings are the subject; their warnings are not fatal here. */
    g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
    g_log_set_handler("Spice", G_LOG_LEVEL_WARNING, no_log, NULL);
    g_test_add_func("/replay/header", test_header);
    g_test_add_func("/replay/envelope", test_envelope);
    g_test_add_func("/replay/message", test_message);
    g_test_add_func("/replay/primary", test_primary);
    g_test_add_func("/replay/ids", test_ids);
    g_test_add_func("/replay/id-order", test_id_order);
    g_test_add_func("/replay/blocking", test_blocking);
    g_test_add_func("/replay/threads", test_threads);
    g_test_add_func("/replay/truncation", test_truncation);
    g_test_add_func("/replay/corruption", test_corruption);
    g_test_add_func("/replay/zlib", test_zlib);
    g_test_add_func("/replay/promises", test_promises);
    return g_test_run();
}
