/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands, one a line. Each gets one answer, {"answer": NAME, "ok": true|false, ...}:
 *
 *   play-to N|end      plays on; answers when exactly N commands were fetched on each display and the worker wants more
 *   play, pause        plays on without waiting; stops all displays at one command and answers when it was fetched
 *   position           where it is: fed (on the ring), fetched and outstanding (not released) commands
 *   settle             answers when the workers twice found nothing to fetch
 *   vm-start, vm-stop  start and stop the machine
 *   shot FILE [D]      writes the primary of display D (default 0) as PPM, and gives its SHA-256
 *   sums               SHA-256 of the RGB bytes of each display's primary
 *   migrate HOST PORT [TLS-PORT [SUBJECT]]
 *                      the whole source side: connect, start, stop the machine, end; times in ms
 *   migrate-connect (the same words), migrate-start, migrate-end 1|0
 *                      the same step by step (pause and vm-stop come before migrate-end 1)
 *   load N             destination: plays privately to N and loads the devices; vm-start then starts the machine
 *   tone MS [FILE]     plays a tone while the machine runs, then event tone-end; its samples go to FILE as well
 *   volume V..., mute 1|0
 *                      of playback and record; a volume for each channel, 0 to 65535
 *   playback-compression 1|0
 *   record-start, record-stop, record-read [FILE]
 *                      reads what the client has recorded and appends it to FILE
 *   port-send NAME HEX the guest writes to the port
 *   port-room NAME N   the guest's port takes N more bytes and then is full; -1: it never is (as at the start)
 *   port-rest NAME     takes out what the guest wrote and the library has not read: moves with the guest
 *   agent 1|0          the guest agent appears (as the port "vdagent") or goes away
 *   smartcard 1|0      a card device is plugged in (as the port "smartcard"), or pulled out
 *   clients            how many are connected
 *   quit
 *
 * Events come at any time, {"event": NAME, ...}: ready (with port), channel (what, type, id), connect-complete,
 * port-data (port, hex: the guest has got it), port-state (port, connected), migrate-stopped (with position),
 * end-complete, tone-end (pairs taken, pairs missed), bad-release (the library released what it does not hold), bye.
 */
#include "tools/caravan-host/host.h"
#include "tools/caravan-host/picture.h"

#include <string.h>

#define SETTLE_POLLS 2 /* empty polls after a wakeup */

static void answer_ok(const char *name)
{
    Answer *answer = answer_new("answer", name);
    answer_bool(answer, "ok", true);
    answer_send(answer);
}

static void answer_result(const char *name, int result)
{
    Answer *answer = answer_new("answer", name);
    answer_bool(answer, "ok", result == 0);
    answer_int(answer, "result", result);
    answer_send(answer);
}

/* The state of all players, as part of an answer. */
static void answer_position(Answer *answer)
{
    g_autoptr(GString) list = g_string_new("[");
    bool ended = true;
    for (int i = 0; i < host.n_players; i++) {
        PlayerStatus s = player_status(host.players[i]);
        ended = ended && s.ended;
        g_string_append_printf(list,
                               "%s{\"fed\": %" G_GUINT64_FORMAT ", \"fetched\": %" G_GUINT64_FORMAT
                               ", \"outstanding\": %" G_GUINT64_FORMAT "}",
                               i > 0 ? ", " : "", s.fed, s.fetched, s.outstanding);
    }
    g_string_append_c(list, ']');
    answer_int(answer, "position", (int64_t)host_position());
    answer_bool(answer, "ended", ended);
    answer_json(answer, "displays", list->str);
}

static void answer_task_position(Task *task)
{
    Answer *answer = answer_new("answer", task->name);
    answer_bool(answer, "ok", true);
    answer_position(answer);
    answer_real(answer, "ms", task_ms(task));
    answer_send(answer);
}

/* play-to, play, pause, position, settle */

static bool check_reached(Task *task)
{
    Machine *machine = host_active();
    bool running = machine != NULL && machine->running;
    if (!host_reached() && (running || strcmp(task->name, "pause") != 0))
        return false;
    answer_task_position(task);
    return true;
}

static void play_to_command(char **words)
{
    uint64_t number = POSITION_END;
    if (words[0] == NULL ||
        (strcmp(words[0], "end") != 0 && !g_ascii_string_to_unsigned(words[0], 10, 0, INT64_MAX, &number, NULL))) {
        answer_error("play-to", "usage: play-to N|end");
        return;
    }
    host_play_to(number);
    host_add_task("play-to", check_reached);
}

static void play_command(char **words)
{
    host_play_to(POSITION_END);
    answer_ok("play");
}

static void pause_command(char **words)
{
    host_pause();
    host_add_task("pause", check_reached);
}

static void position_command(char **words)
{
    Answer *answer = answer_new("answer", "position");
    answer_bool(answer, "ok", true);
    answer_position(answer);
    answer_send(answer);
}

static bool check_settled(Task *task)
{
    Machine *machine = host_active();
    bool settled = true;
    for (int i = 0; machine != NULL && machine->running && i < host.n_players; i++) {
        PlayerStatus s = player_status(host.players[i]);
        if (task->polls[i] == 0 || !s.drained)
            task->polls[i] = s.polls + SETTLE_POLLS;
        if (!s.drained || s.polls < task->polls[i]) {
            settled = false;
            spice_qxl_wakeup(&machine->devices[i].qxl);
        }
    }
    if (settled)
        answer_task_position(task);
    return settled;
}

static void settle_command(char **words)
{
    host_add_task("settle", check_settled)->polls = g_new0(uint64_t, host.n_players);
}

/* vm-start, vm-stop */

static void run_machine(const char *name, bool running)
{
    if (host.private_one != NULL || host.machine == NULL) {
        answer_error(name, "not loaded yet");
        return;
    }
    int64_t before = g_get_monotonic_time();
    machine_set_running(host.machine, running);
    Answer *answer = answer_new("answer", name);
    answer_bool(answer, "ok", true);
    answer_real(answer, "ms", (double)(g_get_monotonic_time() - before) / 1000);
    answer_send(answer);
}

static void vm_start_command(char **words)
{
    run_machine("vm-start", true);
}

static void vm_stop_command(char **words)
{
    run_machine("vm-stop", false);
}

/* shot, sums */

static void take_picture(void *opaque, const PrimarySpec *primary)
{
    *(Picture *)opaque = picture_of_primary(primary);
}

/* A running worker has drawn only what somebody needed; a stopped one has drawn everything. */
static void render_primary(void *opaque, const PrimarySpec *primary)
{
    Device *device = opaque;
    if (primary == NULL)
        return;
    QXLRect area = {.right = (int32_t)primary->width, .bottom = (int32_t)primary->height};
    spice_qxl_update_area(&device->qxl, 0, &area, NULL, 0, 0);
}

static Picture primary_picture(int display)
{
    Machine *machine = host_active();
    Picture picture = {0};
    if (machine != NULL && machine->running)
        player_with_primary(host.players[display], render_primary, &machine->devices[display]);
    player_with_primary(host.players[display], take_picture, &picture);
    return picture;
}

static void shot_command(char **words)
{
    uint64_t display = 0;
    if (words[0] == NULL ||
        (words[1] != NULL && !g_ascii_string_to_unsigned(words[1], 10, 0, host.n_players - 1, &display, NULL))) {
        answer_error("shot", "usage: shot FILE [DISPLAY]");
        return;
    }
    Picture picture = primary_picture((int)display);
    g_autofree uint8_t *rgb = picture.rgb;
    g_autoptr(GError) error = NULL;
    if (rgb == NULL) {
        answer_error("shot", "there is no primary");
    } else if (!picture_write(&picture, words[0], &error)) {
        answer_error("shot", "%s", error->message);
    } else {
        g_autofree char *sum = picture_sha256(&picture);
        Answer *answer = answer_new("answer", "shot");
        answer_bool(answer, "ok", true);
        answer_string(answer, "file", words[0]);
        answer_int(answer, "display", (int64_t)display);
        answer_int(answer, "width", picture.width);
        answer_int(answer, "height", picture.height);
        answer_string(answer, "sha256", sum);
        answer_send(answer);
    }
}

static void sums_command(char **words)
{
    g_autoptr(GString) list = g_string_new("[");
    for (int i = 0; i < host.n_players; i++) {
        Picture picture = primary_picture(i);
        g_autofree uint8_t *rgb = picture.rgb;
        g_autofree char *sum = rgb != NULL ? picture_sha256(&picture) : g_strdup("");
        g_string_append_printf(list, "%s{\"width\": %u, \"height\": %u, \"sha256\": \"%s\"}", i > 0 ? ", " : "",
                               picture.width, picture.height, sum);
    }
    g_string_append_c(list, ']');
    Answer *answer = answer_new("answer", "sums");
    answer_bool(answer, "ok", true);
    answer_int(answer, "position", (int64_t)host_position());
    answer_json(answer, "displays", list->str);
    answer_send(answer);
}

/* Migration, step by step */

static void migrate_connect_command(char **words)
{
    int result = 0;
    if (migrate_connect("migrate-connect", words, &result))
        answer_result("migrate-connect", result);
}

static void migrate_start_command(char **words)
{
    answer_result("migrate-start", spice_server_migrate_start(host.machine->server));
}

static void migrate_end_command(char **words)
{
    bool yes = words[0] != NULL && strcmp(words[0], "1") == 0;
    if (!yes && (words[0] == NULL || strcmp(words[0], "0") != 0)) {
        answer_error("migrate-end", "usage: migrate-end 1|0");
        return;
    }
    host.end_done = false;
    answer_result("migrate-end", spice_server_migrate_end(host.machine->server, yes));
}

static Port *find_port(const char *command, const char *name)
{
    Port *ports[] = {host.machine->port, host.machine->agent, host.machine->smartcard};
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        if (ports[i] != NULL && name != NULL && strcmp(port_name(ports[i]), name) == 0)
            return ports[i];
    }
    answer_error(command, "no such port");
    return NULL;
}

static void port_send_command(char **words)
{
    Port *port = find_port("port-send", words[0]);
    if (port == NULL)
        return;
    if (words[1] == NULL || !port_send(port, words[1]))
        answer_error("port-send", "usage: port-send NAME HEX");
    else
        answer_ok("port-send");
}

static void port_room_command(char **words)
{
    Port *port = find_port("port-room", words[0]);
    if (port == NULL)
        return;
    port_set_room(port, words[1] != NULL ? g_ascii_strtoll(words[1], NULL, 10) : -1);
    answer_ok("port-room");
}

static void port_rest_command(char **words)
{
    Port *port = find_port("port-rest", words[0]);
    if (port == NULL)
        return;
    g_autofree char *hex = port_take_rest(port);
    Answer *answer = answer_new("answer", "port-rest");
    answer_bool(answer, "ok", true);
    answer_string(answer, "hex", hex);
    answer_send(answer);
}

/* A device that comes and goes; the port is named like its subtype. */
static void plug(Port **port, const char *subtype, char **words)
{
    bool yes = words[0] != NULL && strcmp(words[0], "1") == 0;
    if (yes && *port == NULL)
        *port = port_new(host.machine->server, subtype, subtype);
    else if (!yes)
        g_clear_pointer(port, port_remove);
}

static void agent_command(char **words)
{
    plug(&host.machine->agent, "vdagent", words);
    answer_ok("agent");
}

static void smartcard_command(char **words)
{
    plug(&host.machine->smartcard, "smartcard", words);
    answer_ok("smartcard");
}

static void clients_command(char **words)
{
    Answer *answer = answer_new("answer", "clients");
    answer_bool(answer, "ok", true);
    answer_int(answer, "clients", spice_server_get_num_clients(host.machine->server));
    answer_send(answer);
}

static void quit_command(char **words)
{
    answer_ok("quit");
    g_main_loop_quit(host.loop);
}

typedef struct ControlCommand {
    const char *name;
    void (*run)(char **words); /* the words after the name, NULL at the end */
    bool needs_machine;        /* not before the "ready" event */
} ControlCommand;

static const ControlCommand commands[] = {
    {"play-to", play_to_command, false},
    {"play", play_command, false},
    {"pause", pause_command, false},
    {"position", position_command, false},
    {"settle", settle_command, false},
    {"vm-start", vm_start_command, true},
    {"vm-stop", vm_stop_command, true},
    {"shot", shot_command, false},
    {"sums", sums_command, false},
    {"migrate-connect", migrate_connect_command, true},
    {"migrate-start", migrate_start_command, true},
    {"migrate-end", migrate_end_command, true},
    {"migrate", migrate_command, true},
    {"load", load_command, true},
    {"tone", tone_command, true},
    {"volume", volume_command, true},
    {"mute", mute_command, true},
    {"playback-compression", playback_compression_command, true},
    {"record-start", record_start_command, true},
    {"record-stop", record_stop_command, true},
    {"record-read", record_read_command, true},
    {"port-send", port_send_command, true},
    {"port-room", port_room_command, true},
    {"port-rest", port_rest_command, true},
    {"agent", agent_command, true},
    {"smartcard", smartcard_command, true},
    {"clients", clients_command, true},
    {"quit", quit_command, false},
};

void control_line(const char *line)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
    if (words[0] == NULL || words[0][0] == '\0')
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, words[0]) != 0)
            continue;
        if (commands[i].needs_machine && host.machine == NULL)
            answer_error(words[0], "not ready");
        else
            commands[i].run(words + 1);
        return;
    }
    answer_error(words[0], "unknown command");
}
