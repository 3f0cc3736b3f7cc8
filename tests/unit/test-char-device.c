/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The character device layer on a device that the test plays. Messages from the device are four bytes long. */
#include "server/channels/char-device.h"
#include "tests/unit/fake-char-device.h"

#define MESSAGE 4

typedef struct Test {
    GMainContext *context;
    Loop *loop;
    FakeCharDevice fake;
    CharDevice *device;
    CharClient *clients[2];
    GString *sent[2]; /* to clients */
    unsigned tokens[2];
    unsigned n_released, n_dropped;
    uint8_t partial[MESSAGE];
    unsigned n_partial;
    bool refuse_reads;
} Test;

static GBytes *read_message(void *owner)
{
    Test *t = owner;
    size_t n;

    if (t->refuse_reads)
        return NULL;
    while (t->n_partial < MESSAGE &&
           (n = char_device_read(t->device, t->partial + t->n_partial, MESSAGE - t->n_partial)))
        t->n_partial += (unsigned)n;
    if (t->n_partial < MESSAGE)
        return NULL;
    t->n_partial = 0;
    return g_bytes_new(t->partial, MESSAGE);
}

static unsigned index_of(Test *t, void *peer)
{
    return (unsigned)((GString **)peer - t->sent);
}

static void deliver(void *owner, void *peer, GBytes *message)
{
    gsize size;
    const char *data = g_bytes_get_data(message, &size);

    g_string_append_len(*(GString **)peer, data, (gssize)size);
}

static void send_tokens(void *owner, void *peer, uint32_t n)
{
    Test *t = owner;

    t->tokens[index_of(t, peer)] += n;
}

static void buffer_released(void *owner)
{
    ((Test *)owner)->n_released++;
}

static void drop_client(void *owner, void *peer)
{
    Test *t = owner;
    unsigned i = index_of(t, peer);

    t->n_dropped++;
    char_device_remove_client(t->device, t->clients[i]);
    t->clients[i] = NULL;
}

static const CharDeviceOps ops = {read_message, deliver, send_tokens, buffer_released, drop_client};
static const CharDeviceConfig agent_like = {
    .client_window = 10, .token_interval = 5, .self_tokens = 1, .send_queue = 2};
static const CharDeviceConfig port_like = {.self_tokens = 3};

static void setup(Test *t, const CharDeviceConfig *config)
{
    *t = (Test){.context = g_main_context_new()};
    t->loop = loop_new_context(t->context);
    fake_char_device_init(&t->fake, "port");
    t->fake.opaque = t;
    t->device = char_device_new(t->loop, &ops, t, config);
    char_device_set_instance(t->device, &t->fake.sin);
    g_assert_true(t->fake.sin.st == t->device);
    for (unsigned i = 0; i < 2; i++)
        t->sent[i] = g_string_new(NULL);
}

static void add(Test *t, unsigned i, uint32_t send_tokens_granted)
{
    t->clients[i] = char_device_add_client(t->device, &t->sent[i], send_tokens_granted, false);
    g_assert_nonnull(t->clients[i]);
    char_device_wakeup(t->device);
}

static void teardown(Test *t)
{
    if (t->device)
        char_device_free(t->device);
    g_assert_null(t->fake.sin.st);
    for (unsigned i = 0; i < 2; i++)
        g_string_free(t->sent[i], TRUE);
    fake_char_device_clear(&t->fake);
    loop_free(t->loop);
    g_main_context_unref(t->context);
}

static void put(Test *t, const char *text)
{
    fake_char_device_put(&t->fake, text, strlen(text));
    char_device_wakeup(t->device);
}

static void write_client(Test *t, const char *text)
{
    g_assert_true(char_device_take_token(t->device, t->clients[0]));
    char_device_write_client(t->device, t->clients[0], text, strlen(text));
}

#define ASSERT_WRITTEN(t, text) g_assert_cmpmem((t)->fake.written->data, (t)->fake.written->len, text, strlen(text))

static void test_stopped(void)
{
    Test t;

    setup(&t, &port_like);
    add(&t, 0, 0);
    put(&t, "abcdefgh12");
    char_device_write_server(t.device, "one", 3, true);
    g_assert_cmpuint(t.fake.n_reads + t.fake.n_writes, ==, 0);
    char_device_start(t.device);
    ASSERT_WRITTEN(&t, "one");
    g_assert_cmpstr(t.sent[0]->str, ==, "abcdefgh");
    put(&t, "34");
    g_assert_cmpstr(t.sent[0]->str, ==, "abcdefgh1234");
    char_device_stop(t.device);
    put(&t, "wxyz");
    char_device_write_server(t.device, "two", 3, true);
    g_assert_cmpuint(char_device_queued_bytes(t.device), ==, 3);
    ASSERT_WRITTEN(&t, "one");
    g_assert_cmpstr(t.sent[0]->str, ==, "abcdefgh1234");
    char_device_start(t.device);
    ASSERT_WRITTEN(&t, "onetwo");
    g_assert_cmpstr(t.sent[0]->str, ==, "abcdefgh1234wxyz");
    g_assert_cmpuint(t.n_released, ==, 2);
    teardown(&t);
}

/* With nobody there a device is emptied; with clients that may be sent nothing it is left alone. */
static void test_send_tokens(void)
{
    Test t;

    setup(&t, &agent_like);
    char_device_start(t.device);
    put(&t, "lost");
    g_assert_cmpuint(t.fake.taken, ==, 4);
    add(&t, 0, 1);
    put(&t, "aaaabbbbcccc");
    g_assert_cmpstr(t.sent[0]->str, ==, "aaaa");
    g_assert_cmpuint(t.fake.taken, ==, 8);
    char_device_add_send_tokens(t.device, t.clients[0], 1);
    g_assert_cmpstr(t.sent[0]->str, ==, "aaaabbbb");
    char_device_set_send_tokens(t.device, t.clients[0], UINT32_MAX);
    char_device_add_send_tokens(t.device, t.clients[0], UINT32_MAX);
    g_assert_cmpstr(t.sent[0]->str, ==, "aaaabbbbcccc");
    teardown(&t);
}

static void test_two_clients(void)
{
    Test t;

    setup(&t, &agent_like);
    char_device_start(t.device);
    add(&t, 0, 100);
    add(&t, 1, 1);
    put(&t, "aaaabbbbcccc");
    g_assert_cmpstr(t.sent[0]->str, ==, "aaaabbbbcccc");
    g_assert_cmpstr(t.sent[1]->str, ==, "aaaa");
    char_device_add_send_tokens(t.device, t.clients[1], 1);
    g_assert_cmpstr(t.sent[1]->str, ==, "aaaabbbb");
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*too much waits*");
    put(&t, "ddddeeee"); /* the second one is too many for the queue of two */
    g_test_assert_expected_messages();
    g_assert_cmpuint(t.n_dropped, ==, 1);
    g_assert_null(t.clients[1]);
    g_assert_cmpstr(t.sent[0]->str, ==, "aaaabbbbccccddddeeee");
    teardown(&t);
}

static void test_client_tokens(void)
{
    Test t;

    setup(&t, &agent_like);
    char_device_start(t.device);
    add(&t, 0, 0);
    t.fake.room = 0;
    for (unsigned i = 0; i < 10; i++)
        write_client(&t, "0123456789");
    g_assert_false(char_device_take_token(t.device, t.clients[0]));
    g_assert_cmpuint(t.tokens[0], ==, 0);
    t.fake.room = 49;
    char_device_wakeup(t.device);
    g_assert_cmpuint(t.tokens[0], ==, 0);
    t.fake.room = 1;
    char_device_wakeup(t.device);
    g_assert_cmpuint(t.tokens[0], ==, 5);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_true(char_device_take_token(t.device, t.clients[0]));
        char_device_return_token(t.device, t.clients[0]);
    }
    g_assert_cmpuint(t.tokens[0], ==, 10);
    g_assert_cmpuint(t.fake.written->len, ==, 50);
    teardown(&t);
}

/* What a client that leaves has begun is completed, the rest is not. The device's own writes stay. */
static void test_remove_client(void)
{
    Test t;

    setup(&t, &agent_like);
    char_device_start(t.device);
    add(&t, 0, 0);
    t.fake.room = 2;
    write_client(&t, "first");
    write_client(&t, "second");
    char_device_write_server(t.device, "own", 3, true);
    char_device_remove_client(t.device, t.clients[0]);
    g_assert_cmpuint(char_device_self_tokens(t.device), ==, 0);
    t.fake.room = 100;
    char_device_wakeup(t.device);
    ASSERT_WRITTEN(&t, "firstown");
    g_assert_cmpuint(char_device_self_tokens(t.device), ==, 1);
    g_assert_cmpuint(t.tokens[0], ==, 0);
    teardown(&t);
}

static void test_reset(void)
{
    Test t;

    setup(&t, &agent_like);
    char_device_start(t.device);
    add(&t, 0, 0);
    t.fake.room = 1;
    for (unsigned i = 0; i < 3; i++)
        write_client(&t, "message");
    char_device_write_server(t.device, "own", 3, true);
    char_device_reset(t.device);
    g_assert_cmpuint(char_device_queued_bytes(t.device), ==, 0);
    g_assert_cmpuint(char_device_self_tokens(t.device), ==, 1);
    t.fake.room = 1000;
    for (unsigned i = 0; i < 10; i++) /* all of the window is there again */
        g_assert_true(char_device_take_token(t.device, t.clients[0]));
    g_assert_false(char_device_take_token(t.device, t.clients[0]));
    ASSERT_WRITTEN(&t, "m");
    teardown(&t);
}

/* A host that does not tell when there is room is asked again every 100 ms. */
static void test_polling(void)
{
    Test t;
    gint64 start = g_get_monotonic_time();

    setup(&t, &port_like);
    t.fake.sif.flags = 0;
    char_device_start(t.device);
    t.fake.room = 0;
    char_device_write_server(t.device, "later", 5, true);
    t.fake.room = 100;
    while (!t.fake.written->len)
        g_main_context_iteration(t.context, TRUE);
    ASSERT_WRITTEN(&t, "later");
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 90 * 1000);
    g_assert_false(g_main_context_pending(t.context));
    teardown(&t);
}

static void room_again(FakeCharDevice *fake)
{
    fake->inside_write = NULL;
    fake->room = 100;
    char_device_wakeup(((Test *)fake->opaque)->device);
}

static void stop_inside(FakeCharDevice *fake)
{
    char_device_stop(((Test *)fake->opaque)->device);
}

static void reset_inside(FakeCharDevice *fake)
{
    fake->inside_write = NULL;
    char_device_reset(((Test *)fake->opaque)->device);
}

static void free_inside(FakeCharDevice *fake)
{
    Test *t = fake->opaque;

    fake->inside_read = fake->inside_write = NULL;
    char_device_free(t->device);
    t->device = NULL;
}

static void wakeup_inside_read(FakeCharDevice *fake)
{
    fake->inside_read = NULL;
    fake_char_device_put(fake, "5678", 4);
    char_device_wakeup(((Test *)fake->opaque)->device);
}

static void test_reentry(void)
{
    Test t;

    setup(&t, &port_like);
    char_device_start(t.device);
    add(&t, 0, 0);
    t.fake.inside_read = wakeup_inside_read;
    fake_char_device_put(&t.fake, "12", 2);
    char_device_wakeup(t.device);
    g_assert_cmpuint(t.fake.taken, ==, 6);
    g_assert_cmpstr(t.sent[0]->str, ==, "1256");
    t.fake.room = 0;
    t.fake.inside_write = room_again;
    char_device_write_server(t.device, "hello", 5, true);
    ASSERT_WRITTEN(&t, "hello");

    t.fake.room = 2;
    t.fake.inside_write = reset_inside;
    char_device_write_server(t.device, "dropped", 7, true);
    ASSERT_WRITTEN(&t, "hellodr");
    g_assert_cmpuint(char_device_self_tokens(t.device), ==, 3);

    t.fake.room = 100;
    t.fake.inside_write = stop_inside;
    char_device_write_server(t.device, "x", 1, true);
    char_device_write_server(t.device, "y", 1, true);
    ASSERT_WRITTEN(&t, "hellodrx");
    t.fake.inside_write = NULL;
    char_device_start(t.device);
    ASSERT_WRITTEN(&t, "hellodrxy");

    t.fake.inside_write = free_inside;
    char_device_write_server(t.device, "z", 1, true);
    g_assert_null(t.device);
    teardown(&t);
}

static void test_free_inside_read(void)
{
    Test t;

    setup(&t, &port_like);
    char_device_start(t.device);
    add(&t, 0, 0);
    t.fake.inside_read = free_inside;
    fake_char_device_put(&t.fake, "12345678", 8);
    char_device_wakeup(t.device);
    g_assert_null(t.device);
    teardown(&t);
}

/* --- migration --- */

static void load(Test *t, const CharDeviceState *state)
{
    g_autoptr(GError) error = NULL;

    t->fake.n_reads = t->fake.n_writes = 0;
    t->clients[0] = char_device_add_client(t->device, &t->sent[0], 0, true);
    g_assert_nonnull(t->clients[0]);
    g_assert_null(char_device_add_client(t->device, &t->sent[1], 0, true));
    fake_char_device_put(&t->fake, "data", 4);
    char_device_wakeup(t->device);
    g_assert_cmpuint(t->fake.n_reads, ==, 0);
    g_assert_true(char_device_load(t->device, t->clients[0], state, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(t->fake.n_reads + t->fake.n_writes, ==, 0);
    char_device_activate(t->device);
}

static void test_migrate_agent(void)
{
    Test a, b;
    CharDeviceState state = {.write_data = g_byte_array_new()};

    setup(&a, &agent_like);
    char_device_start(a.device);
    add(&a, 0, 7);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_true(char_device_take_token(a.device, a.clients[0]));
        char_device_return_token(a.device, a.clients[0]);
    }
    a.fake.room = 1;
    write_client(&a, "abc");
    write_client(&a, "def");
    char_device_write_server(a.device, "self", 4, true);
    char_device_freeze(a.device);
    a.fake.room = 100;
    put(&a, "kept");
    write_client(&a, "ghi");
    g_assert_true(char_device_take_token(a.device, a.clients[0]));
    char_device_return_token(a.device, a.clients[0]); /* the fifth, which would be worth a message */
    g_assert_cmpuint(a.tokens[0], ==, 0);
    char_device_save(a.device, a.clients[0], &state);
    g_assert_true(state.connected);
    g_assert_cmpuint(state.num_client_tokens, ==, 2);
    g_assert_cmpuint(state.num_send_tokens, ==, 7);
    g_assert_cmpuint(state.write_num_client_tokens, ==, 3);
    g_assert_cmpmem(state.write_data->data, state.write_data->len, "bcdefselfghi", 12);
    g_assert_cmpuint(char_device_queued_bytes(a.device), ==, 0);
    g_assert_cmpuint(char_device_self_tokens(a.device), ==, 1);
    ASSERT_WRITTEN(&a, "a");
    g_assert_cmpuint(a.fake.taken, ==, 0);
    char_device_remove_client(a.device, a.clients[0]);
    ASSERT_WRITTEN(&a, "a");

    setup(&b, &agent_like);
    char_device_start(b.device);
    b.fake.room = 4;
    load(&b, &state);
    g_assert_cmpuint(b.tokens[0], ==, 5); /* those that the source kept */
    ASSERT_WRITTEN(&b, "bcde");
    g_assert_cmpstr(b.sent[0]->str, ==, "data");
    b.fake.room = 100;
    char_device_wakeup(b.device);
    ASSERT_WRITTEN(&b, "bcdefselfghi");
    g_byte_array_unref(state.write_data);
    teardown(&a);
    teardown(&b);
}

static void test_migrate_port(void)
{
    Test t;
    CharDeviceState state = {.connected = true, .write_data = g_byte_array_new()};

    state.num_client_tokens = state.num_send_tokens = UINT32_MAX;
    g_byte_array_append(state.write_data, (const uint8_t *)"rest", 4);
    setup(&t, &port_like);
    char_device_start(t.device);
    t.fake.room = 0;
    load(&t, &state);
    g_assert_cmpuint(char_device_self_tokens(t.device), ==, 2);
    char_device_write_server(t.device, "new", 3, true);
    char_device_freeze(t.device);
    char_device_save(t.device, t.clients[0], &state);
    g_assert_cmpuint(state.num_client_tokens, ==, UINT32_MAX);
    g_assert_cmpuint(state.num_send_tokens, ==, UINT32_MAX);
    g_assert_cmpuint(state.write_num_client_tokens, ==, 0);
    g_assert_cmpmem(state.write_data->data, state.write_data->len, "restnew", 7);
    g_byte_array_unref(state.write_data);
    teardown(&t);
}

static void test_hostile_state(void)
{
    Test t;
    CharDeviceState state = {.connected = true, .num_client_tokens = UINT32_MAX, .write_num_client_tokens = 11};
    g_autoptr(GError) error = NULL;

    state.write_data = g_byte_array_new();
    setup(&t, &agent_like);
    t.clients[0] = char_device_add_client(t.device, &t.sent[0], 0, true);
    g_assert_false(char_device_load(t.device, t.clients[0], &state, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    state.num_client_tokens = 0;
    state.write_num_client_tokens = 10; /* the price of no bytes at all: everything is consumed */
    g_assert_true(char_device_load(t.device, t.clients[0], &state, &error));
    char_device_activate(t.device);
    g_assert_cmpuint(t.tokens[0], ==, 10);
    g_byte_array_unref(state.write_data);
    teardown(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/char-device/stopped", test_stopped);
    g_test_add_func("/char-device/send-tokens", test_send_tokens);
    g_test_add_func("/char-device/two-clients", test_two_clients);
    g_test_add_func("/char-device/client-tokens", test_client_tokens);
    g_test_add_func("/char-device/remove-client", test_remove_client);
    g_test_add_func("/char-device/reset", test_reset);
    g_test_add_func("/char-device/polling", test_polling);
    g_test_add_func("/char-device/reentry", test_reentry);
    g_test_add_func("/char-device/free-inside-read", test_free_inside_read);
    g_test_add_func("/char-device/migrate-agent", test_migrate_agent);
    g_test_add_func("/char-device/migrate-port", test_migrate_port);
    g_test_add_func("/char-device/hostile-state", test_hostile_state);
    return g_test_run();
}
