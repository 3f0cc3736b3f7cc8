/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both ends of a migration, in the order of QEMU's calls. */
#include "tools/caravan-host/host.h"

#define CONNECT_MS 12000 /* the library gives up after 10 s */
#define DRAIN_MS 10000
#define END_MS 15000

enum { PHASE_CONNECT, PHASE_DRAIN, PHASE_END };

static double phase_ms(const Task *task)
{
    return (double)(g_get_monotonic_time() - task->phase_started) / 1000;
}

static void next_phase(Task *task, int phase)
{
    task->phase = phase;
    task->phase_started = g_get_monotonic_time();
}

static bool after_connect(Task *task)
{
    task->connect_ms = phase_ms(task);
    if (!host.connect_done) {
        spice_server_migrate_end(host.machine->server, 0);
        answer_error(task->name, "no connect-complete after %.0f ms", task->connect_ms);
        return true;
    }
    spice_server_migrate_start(host.machine->server);
    host_pause();
    next_phase(task, PHASE_DRAIN);
    return false;
}

static bool after_drain(Task *task)
{
    task->drain_ms = phase_ms(task);
    int64_t before = g_get_monotonic_time();
    machine_set_running(host.machine, false);
    task->stop_ms = (double)(g_get_monotonic_time() - before) / 1000;
    task->number = host_position();
    Answer *event = answer_new("event", "migrate-stopped");
    answer_int(event, "position", (int64_t)task->number);
    answer_send(event);
    host.end_done = false;
    next_phase(task, PHASE_END);
    spice_server_migrate_end(host.machine->server, 1);
    return false;
}

static bool after_end(Task *task)
{
    if (!host.end_done) {
        answer_error(task->name, "no end-complete after %.0f ms", phase_ms(task));
        return true;
    }
    Answer *answer = answer_new("answer", task->name);
    answer_bool(answer, "ok", true);
    answer_int(answer, "position", (int64_t)task->number);
    answer_real(answer, "connect_ms", task->connect_ms);
    answer_real(answer, "drain_ms", task->drain_ms);
    answer_real(answer, "stop_ms", task->stop_ms);
    answer_real(answer, "end_ms", phase_ms(task));
    answer_real(answer, "ms", task_ms(task));
    answer_send(answer);
    return true;
}

/* One step; the steps call the library from the main loop, never from inside its callbacks. */
static bool check_migrate(Task *task)
{
    switch (task->phase) {
    case PHASE_CONNECT:
        return (host.connect_done || phase_ms(task) > CONNECT_MS) && after_connect(task);
    case PHASE_DRAIN:
        /* A stopped guest has nothing to drain. */
        return (!host.machine->running || host_reached() || phase_ms(task) > DRAIN_MS) && after_drain(task);
    default:
        return (host.end_done || phase_ms(task) > END_MS) && after_end(task);
    }
}

bool migrate_connect(const char *command, char **words, int *result)
{
    uint64_t port, tls_port = 0;
    if (words[0] == NULL || words[1] == NULL || !g_ascii_string_to_unsigned(words[1], 10, 0, 65535, &port, NULL) ||
        (words[2] != NULL && !g_ascii_string_to_unsigned(words[2], 10, 0, 65535, &tls_port, NULL))) {
        answer_error(command, "usage: %s HOST PORT [TLS-PORT [SUBJECT]] (port 0: none)", command);
        return false;
    }
    if (host.private_one != NULL || host.machine == NULL) {
        answer_error(command, "a destination that is not loaded cannot be a source");
        return false;
    }
    host.connect_done = false;
    const char *subject = words[2] != NULL ? words[3] : NULL;
    *result = spice_server_migrate_connect(host.machine->server, words[0], port ? (int)port : -1,
                                           tls_port ? (int)tls_port : -1, subject);
    return true;
}

void migrate_command(char **words)
{
    int result = 0;
    if (!migrate_connect("migrate", words, &result))
        return;
    if (result != 0)
        answer_error("migrate", "migrate_connect gave %d", result);
    else
        host_add_task("migrate", check_migrate);
}

static bool check_load(Task *task)
{
    if (!host_reached())
        return false;
    if (host_position() != task->number) {
        answer_error(task->name, "the recording ends at %" G_GUINT64_FORMAT, host_position());
        return true;
    }
    int64_t before = g_get_monotonic_time();
    double play_ms = task_ms(task);
    for (int i = 0; i < host.n_players; i++)
        player_attach(host.players[i], &host.machine->devices[i].qxl, true);
    /* Stopping renders everything into the surfaces' memory, which the real devices then take over. */
    g_clear_pointer(&host.private_one, machine_free);
    int64_t loaded = g_get_monotonic_time();
    for (int i = 0; i < host.machine->n_devices; i++)
        device_load(&host.machine->devices[i]);
    Answer *answer = answer_new("answer", task->name);
    answer_bool(answer, "ok", true);
    answer_int(answer, "position", (int64_t)task->number);
    answer_real(answer, "play_ms", play_ms);
    answer_real(answer, "render_ms", (double)(loaded - before) / 1000);
    answer_real(answer, "load_ms", (double)(g_get_monotonic_time() - loaded) / 1000);
    answer_send(answer);
    return true;
}

void load_command(char **words)
{
    uint64_t number;
    if (words[0] == NULL || !g_ascii_string_to_unsigned(words[0], 10, 0, INT64_MAX, &number, NULL))
        answer_error("load", "usage: load N");
    else if (host.private_one == NULL || host.machine == NULL)
        answer_error("load", "not a destination that waits for its load");
    else if (number < host_position())
        answer_error("load", "already at %" G_GUINT64_FORMAT, host_position());
    else {
        host_play_to(number);
        host_add_task("load", check_load)->number = number;
    }
}
