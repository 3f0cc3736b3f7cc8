/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source's and the destination's side of a migration with scripted clients: what they are told, and that the host
 * gets each of its completions exactly once on every path. */
#include "server/core/caravan.h"

#include "common/wire/msg-main.h"
#include "server/migration/format.h"
#include "tests/unit/host-core.h"
#include "tests/unit/raw-client.h"

#include <spice/enums.h>
#include <spice/protocol.h>

#define WAIT_MS (10 * 1000) /* of both waits of a source */
#define SEMI (1u << SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE)
#define SEAMLESS (SEMI | 1u << SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS | 1u << SPICE_MAIN_CAP_SEAMLESS_MIGRATE)

static RedsState *server;
static unsigned connects, ends; /* completions so far */

static void on_connect_complete(SpiceMigrateInstance *sin)
{
    connects++;
}

static void on_end_complete(SpiceMigrateInstance *sin)
{
    ends++;
}

static const SpiceMigrateInterface migrate_interface = {
    .base = {.type = SPICE_INTERFACE_MIGRATION,
             .description = "test",
             .major_version = SPICE_INTERFACE_MIGRATION_MAJOR,
             .minor_version = SPICE_INTERFACE_MIGRATION_MINOR},
    .migrate_connect_complete = on_connect_complete,
    .migrate_end_complete = on_end_complete,
};
static SpiceMigrateInstance migrate = {.base = {.sif = &migrate_interface.base}};

static void start(void)
{
    server = spice_server_new();
    connects = ends = 0;
    spice_server_set_noauth(server);
    spice_server_set_seamless_migration(server, 1);
    g_assert_cmpint(spice_server_init(server, host_core()), ==, 0);
    g_assert_cmpint(spice_server_add_interface(server, &migrate.base), ==, 0);
}

static void finish(void)
{
    unsigned c = connects, e = ends;

    spice_server_destroy(server);
    g_assert_cmpuint(connects, ==, c); /* nothing is left over */
    g_assert_cmpuint(ends, ==, e);
    host_assert_clean();
}

#define assert_completed(c, e)                                                                                         \
    do {                                                                                                               \
        g_assert_cmpuint(connects, ==, (c));                                                                           \
        g_assert_cmpuint(ends, ==, (e));                                                                               \
    } while (0)

static void idle(void)
{
    host_iterate(1);
}

static void link_main(RawClient *c, uint32_t caps, bool tcp, uint32_t connection_id)
{
    int fds[2];

    *c = (RawClient){.fd = -1, .idle = idle, .connection_id = connection_id};
    raw_pair(tcp, fds);
    g_assert_cmpint(spice_server_add_client(server, fds[0], 1), ==, 0);
    g_assert_cmpuint(raw_client_link(c, fds[1], SPICE_CHANNEL_MAIN, 0, caps), ==, SPICE_LINK_ERR_OK);
    if (connection_id)
        return;
    g_assert_true(raw_client_read_type(c, SPICE_MSG_MAIN_INIT));
    g_assert_true(raw_client_is_silent(c)); /* the net test is over */
}

static void link_client(RawClient *c, uint32_t caps)
{
    link_main(c, caps, true, 0);
}

/* Another channel of the same session. */
static void link_inputs(RawClient *c)
{
    int fds[2];

    *c = (RawClient){.fd = -1, .idle = idle, .connection_id = ((Client *)server->clients->data)->connection_id};
    raw_pair(true, fds);
    g_assert_cmpint(spice_server_add_client(server, fds[0], 1), ==, 0);
    g_assert_cmpuint(raw_client_link(c, fds[1], SPICE_CHANNEL_INPUTS, 0, 0), ==, SPICE_LINK_ERR_OK);
    g_assert_true(raw_client_read_type(c, SPICE_MSG_INPUTS_INIT));
}

static int connect_to(const char *host, int port)
{
    return spice_server_migrate_connect(server, host, port, -1, NULL);
}

static void assert_next(RawClient *c, uint16_t type)
{
    g_assert_true(raw_client_read(c));
    g_assert_cmpuint(c->message.type, ==, type);
}

static void assert_target(const DstInfo *dst, int port)
{
    g_assert_cmpstr(dst->host, ==, "far.example");
    g_assert_cmpint(dst->port, ==, port);
}

static void assert_begin(RawClient *c, int port)
{
    WireReader r;
    MsgMainMigrateBegin m;

    assert_next(c, SPICE_MSG_MAIN_MIGRATE_BEGIN);
    r = wire_reader(c->message.body, c->message.size);
    g_assert_true(msg_main_migrate_begin_decode(&r, &m, NULL));
    assert_target(&m.dst_info, port);
}

static void assert_begin_seamless(RawClient *c, int port)
{
    WireReader r;
    MsgMainMigrateBeginSeamless m;

    assert_next(c, SPICE_MSG_MAIN_MIGRATE_BEGIN_SEAMLESS);
    r = wire_reader(c->message.body, c->message.size);
    g_assert_true(msg_main_migrate_begin_seamless_decode(&r, &m, NULL));
    assert_target(&m.dst_info, port);
    g_assert_cmpuint(m.src_mig_version, ==, 1);
}

static void assert_switch_host(RawClient *c, int port)
{
    WireReader r;
    MsgMainMigrateSwitchHost m;

    assert_next(c, SPICE_MSG_MAIN_MIGRATE_SWITCH_HOST);
    r = wire_reader(c->message.body, c->message.size);
    g_assert_true(msg_main_migrate_switch_host_decode(&r, &m, NULL));
    assert_target(&m.dst_info, port);
}

static void rounds(void)
{
    for (unsigned i = 0; i < 5; i++)
        host_iterate(1);
}

static void answer(RawClient *c, uint16_t type)
{
    raw_client_send(c, type, NULL);
    rounds();
}

static void leave(RawClient *c)
{
    raw_client_close(c);
    rounds();
}

/* --- nobody to carry --- */

static void test_no_client(void)
{
    start();
    g_assert_cmpint(connect_to("far.example", 5900), ==, 0);
    assert_completed(1, 0);
    g_assert_cmpint(spice_server_migrate_start(server), ==, -1);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_completed(1, 1);
    g_assert_cmpint(connect_to("far.example", 5900), ==, 0);
    g_assert_cmpint(spice_server_migrate_end(server, 0), ==, 0);
    assert_completed(2, 2);                                      /* without a client also a failure is completed */
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0); /* without connect */
    assert_completed(2, 3);
    g_assert_cmpuint(host_running_timers(WAIT_MS), ==, 0);
    finish();
}

static void test_bad_target(void)
{
    RawClient c;

    start();
    g_assert_cmpint(connect_to(NULL, 5900), ==, -1);
    assert_completed(1, 0);
    link_client(&c, SEMI);
    g_assert_cmpint(connect_to("far.example", -1), ==, -1);
    assert_completed(2, 0);
    g_assert_cmpint(connect_to("far.example", 0), ==, -1);
    assert_completed(3, 0);
    g_assert_true(raw_client_is_silent(&c));
    finish();
    raw_client_close(&c);
}

static void test_no_interface(void)
{
    server = spice_server_new();
    g_assert_cmpint(spice_server_init(server, host_core()), ==, 0);
    g_assert_cmpint(connect_to("far.example", 5900), ==, -1);
    g_assert_cmpint(spice_server_migrate_start(server), ==, -1);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, -1);
    finish();
}

/* Clients that cannot be told where to go: one without the capability, one on a UNIX socket. */
static void test_no_cap(void)
{
    RawClient c;

    start();
    link_client(&c, 0);
    g_assert_cmpint(connect_to("far.example", 5900), ==, 0);
    assert_completed(1, 0);
    g_assert_cmpint(spice_server_migrate_start(server), ==, 0);
    g_assert_true(raw_client_is_silent(&c));
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_switch_host(&c, 5900);
    assert_completed(1, 0);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

static void test_unix_client(void)
{
    RawClient c;

    start();
    link_main(&c, SEAMLESS, false, 0);
    g_assert_cmpint(connect_to("far.example", 5900), ==, 0);
    assert_completed(1, 0);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_completed(1, 1); /* it would not leave by itself */
    g_assert_false(raw_client_read(&c));
    finish();
    raw_client_close(&c);
}

/* --- the three modes --- */

static void test_semi(void)
{
    RawClient c;

    start();
    link_client(&c, SEMI);
    g_assert_cmpint(connect_to("far.example", 5901), ==, 0);
    assert_begin(&c, 5901);
    assert_completed(0, 0);
    g_assert_cmpuint(host_running_timers(WAIT_MS), ==, 1);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    assert_completed(1, 0);
    g_assert_cmpuint(host_running_timers(WAIT_MS), ==, 0);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_END);
    g_assert_cmpuint(host_running_timers(WAIT_MS), ==, 1);
    assert_completed(1, 0);
    leave(&c);
    assert_completed(1, 1);
    g_assert_cmpuint(host_running_timers(WAIT_MS), ==, 0);
    finish();
}

static void expect_migrate(RawClient *c)
{
    assert_next(c, SPICE_MSG_MIGRATE);
    g_assert_cmpuint(c->message.size, ==, 4);
    g_assert_cmpuint(c->message.body[0], ==, SPICE_MIGRATE_NEED_FLUSH | SPICE_MIGRATE_NEED_DATA_TRANSFER);
    answer(c, SPICE_MSGC_MIGRATE_FLUSH_MARK);
    assert_next(c, SPICE_MSG_MIGRATE_DATA);
    g_assert_cmpuint(c->message.size, >, 8);
}

static bool has_ended(void *data)
{
    return ends == 1;
}

static void test_seamless(void)
{
    RawClient c, inputs;

    start();
    link_client(&c, SEAMLESS);
    link_inputs(&inputs);
    g_assert_cmpint(connect_to("far.example", 5902), ==, 0);
    assert_begin_seamless(&c, 5902);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    assert_completed(1, 0);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    expect_migrate(&c);
    expect_migrate(&inputs);
    g_assert_true(raw_client_is_silent(&c));
    g_assert_true(raw_client_is_silent(&inputs));
    assert_completed(1, 0);
    leave(&inputs);
    /* Clients close all connections together: with main's data out, one that has nothing but main left has arrived. */
    g_assert_true(host_wait(has_ended, NULL));
    assert_completed(1, 1);
    leave(&c);
    finish();
}

/* spice-gtk would wait for the MIGRATE of a channel that has no connection any more. */
static void test_lost_channel(void)
{
    RawClient c, inputs;

    start();
    link_client(&c, SEAMLESS);
    link_inputs(&inputs);
    g_assert_cmpint(connect_to("far.example", 5903), ==, 0);
    assert_begin_seamless(&c, 5903);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    leave(&inputs);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_CANCEL);
    assert_switch_host(&c, 5903);
    assert_completed(1, 0);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

/* The destination refuses the seamless way: the client answers the plain CONNECTED. */
static void test_seamless_refused(void)
{
    RawClient c;

    start();
    link_client(&c, SEAMLESS);
    connect_to("far.example", 5902);
    assert_begin_seamless(&c, 5902);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_END);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

/* A client may not promote itself to a mode that it was not asked for. */
static void test_seamless_unasked(void)
{
    RawClient c;

    start();
    spice_server_set_seamless_migration(server, 0);
    link_client(&c, SEAMLESS);
    connect_to("far.example", 5902);
    assert_begin(&c, 5902);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    spice_server_migrate_end(server, 1);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_END);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

static void test_connect_error(void)
{
    RawClient c;

    start();
    link_client(&c, SEAMLESS);
    connect_to("far.example", 5903);
    assert_begin_seamless(&c, 5903);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR);
    assert_completed(1, 0);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR); /* repeated: nothing happens */
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_switch_host(&c, 5903);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

/* --- late answers --- */

static void test_timeout(gconstpointer then_complete)
{
    RawClient c;

    start();
    link_client(&c, SEAMLESS);
    connect_to("far.example", 5904);
    assert_begin_seamless(&c, 5904);
    g_assert_true(host_fire_timer(WAIT_MS));
    assert_completed(1, 0);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_CANCEL);
    assert_completed(1, 0);
    g_assert_cmpint(spice_server_migrate_end(server, then_complete != NULL), ==, 0);
    if (then_complete) {
        assert_switch_host(&c, 5904);
        leave(&c);
        assert_completed(1, 1);
    } else {
        g_assert_true(raw_client_is_silent(&c)); /* the session goes on */
        assert_completed(1, 0);
    }
    finish();
    raw_client_close(&c);
}

static void test_end_before_answer(void)
{
    RawClient c;

    start();
    link_client(&c, SEMI);
    connect_to("far.example", 5905);
    assert_begin(&c, 5905);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_completed(1, 0);
    assert_switch_host(&c, 5905);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_CANCEL);
    assert_completed(1, 0);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

static void test_cancel(gconstpointer answered)
{
    RawClient c;

    start();
    link_client(&c, SEAMLESS);
    connect_to("far.example", 5906);
    assert_begin_seamless(&c, 5906);
    if (answered)
        answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    g_assert_cmpint(spice_server_migrate_end(server, 0), ==, 0);
    if (!answered) {
        g_assert_true(raw_client_is_silent(&c)); /* it could not read it yet */
        answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    }
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_CANCEL);
    assert_completed(1, 0);
    g_assert_cmpuint(host_running_timers(WAIT_MS), ==, 0);
    /* And once more, all the way. */
    connect_to("far.example", 5907);
    assert_begin_seamless(&c, 5907);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    assert_completed(2, 0);
    spice_server_migrate_end(server, 1);
    expect_migrate(&c);
    leave(&c);
    assert_completed(2, 1);
    finish();
}

/* --- the client goes --- */

static void test_gone_while_waiting(void)
{
    RawClient c;

    start();
    link_client(&c, SEMI);
    connect_to("far.example", 5908);
    assert_begin(&c, 5908);
    leave(&c);
    assert_completed(1, 0);
    g_assert_cmpuint(host_running_timers(WAIT_MS), ==, 0);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_completed(1, 1);
    finish();
}

static void test_stays(void)
{
    RawClient c;

    start();
    link_client(&c, SEMI);
    connect_to("far.example", 5908);
    assert_begin(&c, 5908);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    spice_server_migrate_end(server, 1);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_END);
    g_assert_true(host_fire_timer(WAIT_MS));
    assert_completed(1, 1);
    g_assert_false(raw_client_read(&c));
    rounds();
    assert_completed(1, 1);
    finish();
    raw_client_close(&c);
}

static void test_destroy_under_way(void)
{
    for (unsigned step = 0; step < 4; step++) {
        RawClient c;

        start();
        link_client(&c, SEMI);
        if (step > 0)
            connect_to("far.example", 5908);
        if (step > 1)
            answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
        if (step > 2)
            spice_server_migrate_end(server, 1);
        spice_server_destroy(server); /* what is owed may come now, but not twice */
        g_assert_cmpuint(connects, <=, step > 0);
        g_assert_cmpuint(ends, <=, step > 2);
        host_assert_clean();
        raw_client_close(&c);
    }
}

/* --- misuse and repetition --- */

static void test_end_without_connect(void)
{
    RawClient c;

    start();
    link_client(&c, SEMI);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, -1);
    assert_completed(0, 1);
    g_assert_false(raw_client_read(&c));
    raw_client_close(&c);
    link_client(&c, SEMI);
    g_assert_cmpint(spice_server_migrate_end(server, 0), ==, 0);
    assert_completed(0, 1);
    g_assert_true(raw_client_is_silent(&c));
    finish();
    raw_client_close(&c);
}

static void test_late_client(void)
{
    RawClient c;

    start();
    connect_to("far.example", 5909);
    assert_completed(1, 0);
    link_client(&c, SEMI); /* nobody told it */
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    assert_completed(1, 1);
    g_assert_false(raw_client_read(&c));
    finish();
    raw_client_close(&c);
}

static void test_end_twice(void)
{
    RawClient c;

    start();
    link_client(&c, SEMI);
    connect_to("far.example", 5909);
    assert_begin(&c, 5909);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, 0);
    g_assert_cmpint(spice_server_migrate_end(server, 1), ==, -1);
    rounds();
    assert_completed(1, 2); /* one for each call */
    finish();
    raw_client_close(&c);
}

static void test_connect_twice_answered(void)
{
    RawClient c;

    start();
    link_client(&c, SEAMLESS);
    connect_to("far.example", 5910);
    assert_begin_seamless(&c, 5910);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    assert_completed(1, 0);
    g_assert_cmpint(connect_to("far.example", 5911), ==, 0);
    assert_completed(1, 0);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_CANCEL);
    assert_begin_seamless(&c, 5911);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    assert_completed(2, 0);
    spice_server_migrate_end(server, 1);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_END); /* the first attempt's seamless is forgotten */
    leave(&c);
    assert_completed(2, 1);
    finish();
}

/* The answer to the first BEGIN must not be taken for one to the second: it would lead to another host. */
static void test_connect_twice_pending(gconstpointer ok)
{
    RawClient c;

    start();
    link_client(&c, SEAMLESS);
    connect_to("far.example", 5912);
    assert_begin_seamless(&c, 5912);
    g_assert_cmpint(connect_to("far.example", 5913), ==, 0);
    assert_completed(1, 0);
    g_assert_true(raw_client_is_silent(&c)); /* the second one waits for the answer to the first */
    if (ok) {
        answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
        assert_next(&c, SPICE_MSG_MAIN_MIGRATE_CANCEL);
    } else {
        answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR);
    }
    assert_begin_seamless(&c, 5913);
    assert_completed(1, 0);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    assert_completed(2, 0);
    spice_server_migrate_end(server, 1);
    expect_migrate(&c);
    leave(&c);
    assert_completed(2, 1);
    finish();
}

static void test_connect_while_leaving(void)
{
    RawClient c;

    start();
    link_client(&c, SEMI);
    connect_to("far.example", 5914);
    assert_begin(&c, 5914);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    spice_server_migrate_end(server, 1);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_END);
    connect_to("far.example", 5915);
    g_assert_cmpuint(ends, ==, 1);
    leave(&c);
    assert_completed(2, 1);
    spice_server_migrate_end(server, 1);
    assert_completed(2, 2);
    finish();
}

static void test_switch(void)
{
    RawClient c;

    start();
    g_assert_cmpint(spice_server_migrate_info(server, "far.example", 5916, -1, NULL), ==, 0);
    g_assert_cmpint(spice_server_migrate_switch(server), ==, 0);
    link_client(&c, 0);
    g_assert_cmpint(spice_server_migrate_info(server, NULL, 5916, -1, NULL), ==, -1);
    g_assert_cmpint(spice_server_migrate_switch(server), ==, 0); /* no target: a warning */
    g_assert_true(raw_client_is_silent(&c));
    g_assert_cmpint(spice_server_migrate_info(server, "far.example", 5916, -1, NULL), ==, 0);
    g_assert_cmpint(spice_server_migrate_switch(server), ==, 0);
    assert_switch_host(&c, 5916);
    assert_completed(0, 0);
    finish();
    raw_client_close(&c);
}

/* --- many clients --- */

static void start_many(RawClient c[2])
{
    g_setenv("SPICE_DEBUG_ALLOW_MC", "1", TRUE);
    start();
    g_unsetenv("SPICE_DEBUG_ALLOW_MC");
    link_client(&c[0], SEAMLESS);
    link_client(&c[1], SEAMLESS);
    connect_to("far.example", 5917);
    assert_begin(&c[0], 5917); /* never the seamless way */
    assert_begin(&c[1], 5917);
}

static void test_many(void)
{
    RawClient c[2];

    start_many(c);
    answer(&c[0], SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    assert_completed(0, 0);
    answer(&c[1], SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR);
    assert_completed(1, 0);
    spice_server_migrate_end(server, 1);
    assert_next(&c[0], SPICE_MSG_MAIN_MIGRATE_END);
    assert_switch_host(&c[1], 5917);
    leave(&c[0]);
    assert_completed(1, 0);
    leave(&c[1]);
    assert_completed(1, 1);
    finish();
}

static void test_many_one_gone(void)
{
    RawClient c[2];

    start_many(c);
    leave(&c[0]);
    assert_completed(0, 0);
    answer(&c[1], SPICE_MSGC_MAIN_MIGRATE_CONNECTED);
    assert_completed(1, 0);
    spice_server_migrate_end(server, 1);
    leave(&c[1]);
    assert_completed(1, 1);
    finish();
}

/* --- clients that are arriving themselves --- */

static void send_main_data(RawClient *c)
{
    MainState state;
    g_autoptr(GBytes) data = NULL;
    g_auto(WireWriter) body = {0};

    main_state_init(&state);
    data = main_state_encode(&state);
    main_state_clear(&state);
    wire_write_bytes(&body, g_bytes_get_data(data, NULL), g_bytes_get_size(data));
    raw_client_send(c, SPICE_MSGC_MIGRATE_DATA, &body);
}

static void send_do_seamless(RawClient *c, uint32_t version)
{
    g_auto(WireWriter) body = {0};

    wire_write_u32(&body, version);
    raw_client_send(c, SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS, &body);
}

/* It has linked nothing but main, and is told what else there is. */
static void assert_told_of_inputs(RawClient *c)
{
    MsgMainChannelsList m = {0};
    WireReader r;

    assert_next(c, SPICE_MSG_MAIN_CHANNELS_LIST);
    r = wire_reader(c->message.body, c->message.size);
    g_assert_true(msg_main_channels_list_decode(&r, &m, NULL));
    g_assert_cmpuint(m.num_of_channels, ==, 1);
    g_assert_cmpuint(m.channels[0].type, ==, SPICE_CHANNEL_INPUTS);
    msg_main_channels_list_clear(&m);
}

static void test_arrives_semi(void)
{
    RawClient c;

    start();
    link_main(&c, SEAMLESS, true, 77);
    g_assert_true(raw_client_is_silent(&c)); /* no INIT, no PING */
    g_assert_cmpint(connect_to("far.example", 5918), ==, 0);
    g_assert_true(raw_client_is_silent(&c));
    assert_completed(0, 0);
    raw_client_send(&c, SPICE_MSGC_MAIN_MIGRATE_END, NULL);
    assert_next(&c, SPICE_MSG_MAIN_INIT);
    assert_told_of_inputs(&c);
    assert_begin_seamless(&c, 5918);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    assert_completed(1, 0);
    spice_server_migrate_end(server, 1);
    expect_migrate(&c);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

static void test_arrives_seamlessly(void)
{
    RawClient c;

    start();
    link_main(&c, SEAMLESS, true, 78);
    send_do_seamless(&c, 1);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_DST_SEAMLESS_ACK);
    connect_to("far.example", 5919);
    g_assert_true(raw_client_is_silent(&c));
    assert_completed(0, 0);
    send_main_data(&c);
    assert_next(&c, SPICE_MSG_MAIN_MULTI_MEDIA_TIME);
    assert_next(&c, SPICE_MSG_MAIN_MOUSE_MODE);
    assert_told_of_inputs(&c);
    assert_begin_seamless(&c, 5919);
    answer(&c, SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS);
    assert_completed(1, 0);
    spice_server_migrate_end(server, 1);
    expect_migrate(&c);
    leave(&c);
    assert_completed(1, 1);
    finish();
}

/* It does not arrive: the wait ends with the timer, by a cancel, or with the client. */
static void test_never_arrives(void)
{
    for (unsigned way = 0; way < 3; way++) {
        RawClient c;

        start();
        link_main(&c, SEAMLESS, true, 79);
        send_do_seamless(&c, 1);
        assert_next(&c, SPICE_MSG_MAIN_MIGRATE_DST_SEAMLESS_ACK);
        connect_to("far.example", 5920);
        assert_completed(0, 0);
        if (way == 0)
            g_assert_true(host_fire_timer(WAIT_MS));
        else if (way == 1)
            g_assert_cmpint(spice_server_migrate_end(server, 0), ==, 0);
        else
            leave(&c);
        assert_completed(1, 0);
        if (way < 2) { /* late, and of no consequence any more */
            send_main_data(&c);
            assert_next(&c, SPICE_MSG_MAIN_MULTI_MEDIA_TIME);
            assert_next(&c, SPICE_MSG_MAIN_MOUSE_MODE);
            assert_told_of_inputs(&c);
            g_assert_true(raw_client_is_silent(&c));
        }
        finish();
        raw_client_close(&c);
    }
}

static void test_destination_refuses(void)
{
    RawClient c;

    start();
    link_main(&c, SEAMLESS, true, 80);
    send_do_seamless(&c, 2);
    assert_next(&c, SPICE_MSG_MAIN_MIGRATE_DST_SEAMLESS_NACK);
    raw_client_send(&c, SPICE_MSGC_MAIN_MIGRATE_END, NULL); /* the other way is still open */
    assert_next(&c, SPICE_MSG_MAIN_INIT);
    assert_told_of_inputs(&c);
    raw_client_send(&c, SPICE_MSGC_MAIN_MIGRATE_END, NULL); /* but only once */
    g_assert_false(raw_client_read(&c));
    raw_client_close(&c);

    link_main(&c, SEAMLESS, true, 81);
    send_main_data(&c); /* nothing was agreed */
    g_assert_false(raw_client_read(&c));
    finish();
    raw_client_close(&c);
}

/* The server goes while clients are arriving, with and without parked links. */
static void test_destroy_arriving(void)
{
    for (unsigned step = 0; step < 3; step++) {
        RawClient c, inputs = {.fd = -1, .idle = idle, .connection_id = 82};
        int fds[2];

        start();
        link_main(&c, SEAMLESS, true, 82);
        if (step > 0) {
            raw_pair(true, fds);
            g_assert_cmpint(spice_server_add_client(server, fds[0], 1), ==, 0);
            g_assert_cmpuint(raw_client_link(&inputs, fds[1], SPICE_CHANNEL_INPUTS, 0, 0), ==, SPICE_LINK_ERR_OK);
        }
        if (step > 1) {
            send_do_seamless(&c, 1);
            assert_next(&c, SPICE_MSG_MAIN_MIGRATE_DST_SEAMLESS_ACK);
        }
        finish();
        raw_client_close(&c);
        raw_client_close(&inputs);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    host_quiet();
    g_test_add_func("/caravan/no-client", test_no_client);
    g_test_add_func("/caravan/bad-target", test_bad_target);
    g_test_add_func("/caravan/no-interface", test_no_interface);
    g_test_add_func("/caravan/no-cap", test_no_cap);
    g_test_add_func("/caravan/unix-client", test_unix_client);
    g_test_add_func("/caravan/semi", test_semi);
    g_test_add_func("/caravan/lost-channel", test_lost_channel);
    g_test_add_func("/caravan/seamless", test_seamless);
    g_test_add_func("/caravan/seamless-refused", test_seamless_refused);
    g_test_add_func("/caravan/seamless-unasked", test_seamless_unasked);
    g_test_add_func("/caravan/connect-error", test_connect_error);
    g_test_add_data_func("/caravan/timeout/complete", "", test_timeout);
    g_test_add_data_func("/caravan/timeout/cancel", NULL, test_timeout);
    g_test_add_func("/caravan/end-before-answer", test_end_before_answer);
    g_test_add_data_func("/caravan/cancel/answered", "", test_cancel);
    g_test_add_data_func("/caravan/cancel/waiting", NULL, test_cancel);
    g_test_add_func("/caravan/gone-while-waiting", test_gone_while_waiting);
    g_test_add_func("/caravan/stays", test_stays);
    g_test_add_func("/caravan/destroy-under-way", test_destroy_under_way);
    g_test_add_func("/caravan/end-without-connect", test_end_without_connect);
    g_test_add_func("/caravan/late-client", test_late_client);
    g_test_add_func("/caravan/end-twice", test_end_twice);
    g_test_add_func("/caravan/connect-twice/answered", test_connect_twice_answered);
    g_test_add_data_func("/caravan/connect-twice/pending-ok", "", test_connect_twice_pending);
    g_test_add_data_func("/caravan/connect-twice/pending-error", NULL, test_connect_twice_pending);
    g_test_add_func("/caravan/connect-while-leaving", test_connect_while_leaving);
    g_test_add_func("/caravan/switch", test_switch);
    g_test_add_func("/caravan/many", test_many);
    g_test_add_func("/caravan/many-one-gone", test_many_one_gone);
    g_test_add_func("/caravan/arrives/semi", test_arrives_semi);
    g_test_add_func("/caravan/arrives/seamless", test_arrives_seamlessly);
    g_test_add_func("/caravan/arrives/never", test_never_arrives);
    g_test_add_func("/caravan/arrives/refused", test_destination_refuses);
    g_test_add_func("/caravan/arrives/destroy", test_destroy_arriving);
    return g_test_run();
}
