/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * caravan-host: a host without a virtual machine. It plays a QXL recording through the public interface of the library
 * and can be the source or the destination of a migration. Commands come on standard input, one a line; answers and
 * events go to standard output, one JSON object a line.
 */
#include "tools/caravan-host/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 10

Host host;

static struct {
    char *recording, *start, *ticket, *name, *compression, *jpeg, *zlib_glz, *streaming, *video_codecs, *seamless,
        *playback_compression, *port_device, *tls, *security;
    int port, tls_port, displays, audio_rate;
    double pace;
    gboolean incoming, audio, sasl;
} arguments = {.displays = 1, .audio_rate = 48000};

static const GOptionEntry entries[] = {
    {"recording", 0, 0, G_OPTION_ARG_FILENAME, &arguments.recording, "play this recording (.rec or .rec.zst)", "FILE"},
    {"port", 0, 0, G_OPTION_ARG_INT, &arguments.port, "listen on 127.0.0.1; 0 picks a free port", "N"},
    {"ticket", 0, 0, G_OPTION_ARG_STRING, &arguments.ticket, "ask clients for this password", "PASSWORD"},
    {"displays", 0, 0, G_OPTION_ARG_INT, &arguments.displays, "number of QXL devices; each plays the recording", "N"},
    {"incoming", 0, 0, G_OPTION_ARG_NONE, &arguments.incoming, "be a migration destination", NULL},
    {"start", 0, 0, G_OPTION_ARG_STRING, &arguments.start, "play to command N before clients can connect", "N"},
    {"pace", 0, 0, G_OPTION_ARG_DOUBLE, &arguments.pace, "speed; 1 = as recorded, 0 = flat out (default)", "X"},
    {"compression", 0, 0, G_OPTION_ARG_STRING, &arguments.compression, "off auto_glz auto_lz quic glz lz lz4", "HOW"},
    {"jpeg", 0, 0, G_OPTION_ARG_STRING, &arguments.jpeg, "auto always never", "WHEN"},
    {"zlib-glz", 0, 0, G_OPTION_ARG_STRING, &arguments.zlib_glz, "auto always never", "WHEN"},
    {"streaming", 0, 0, G_OPTION_ARG_STRING, &arguments.streaming, "off all filter (default off)", "WHAT"},
    {"video-codecs", 0, 0, G_OPTION_ARG_STRING, &arguments.video_codecs, "ENCODER:CODEC;... (default: the library's)",
     "LIST"},
    {"seamless", 0, 0, G_OPTION_ARG_STRING, &arguments.seamless, "on off (default on)", "SWITCH"},
    {"audio", 0, 0, G_OPTION_ARG_NONE, &arguments.audio, "playback and record devices", NULL},
    {"audio-rate", 0, 0, G_OPTION_ARG_INT, &arguments.audio_rate, "of both (default 48000)", "HZ"},
    {"playback-compression", 0, 0, G_OPTION_ARG_STRING, &arguments.playback_compression, "on off (default on)",
     "SWITCH"},
    {"port-device", 0, 0, G_OPTION_ARG_STRING, &arguments.port_device, "a port that clients can connect to", "NAME"},
    {"tls", 0, 0, G_OPTION_ARG_FILENAME, &arguments.tls, "ca-cert.pem, server-cert.pem, server-key.pem are there",
     "DIR"},
    {"tls-port", 0, 0, G_OPTION_ARG_INT, &arguments.tls_port, "of 127.0.0.1; 0 picks a free one", "N"},
    {"security", 0, 0, G_OPTION_ARG_STRING, &arguments.security, "CHANNEL=none|ssl|any,... (or default=)", "WHAT"},
    {"sasl", 0, 0, G_OPTION_ARG_NONE, &arguments.sasl, "clients authenticate by SASL", NULL},
    {"name", 0, 0, G_OPTION_ARG_STRING, &arguments.name, "name of the machine", "NAME"},
    {0},
};

static void G_GNUC_NORETURN G_GNUC_PRINTF(1, 2) fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_printerr("caravan-host: %s\n", message);
    exit(1);
}

/* Position of `value` in the words of `choices`, plus one; NULL gives 0. */
static int choice(const char *option, const char *value, const char *choices)
{
    if (value == NULL)
        return 0;
    g_auto(GStrv) words = g_strsplit(choices, " ", -1);
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], value) == 0)
            return i + 1;
    }
    fail("--%s: one of: %s", option, choices);
}

static int listen_locally(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        fail("cannot listen on port %d: %s", *port, g_strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

/* Events from the library */

static void connect_complete(void)
{
    host.connect_done = true;
    answer_send(answer_new("event", "connect-complete"));
    host_changed();
}

static void end_complete(void)
{
    host.end_done = true;
    answer_send(answer_new("event", "end-complete"));
    host_changed();
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    static const char *const names[] = {"unknown", "connected", "initialized", "disconnected"};
    Answer *answer = answer_new("event", "channel");
    answer_string(answer, "what", names[event >= 1 && event <= 3 ? event : 0]);
    answer_int(answer, "type", info->type);
    answer_int(answer, "id", info->id);
    answer_int(answer, "connection", (uint32_t)info->connection_id);
    answer_send(answer);
}

static const MachineEvents machine_events = {connect_complete, end_complete, channel_event};

/* Tasks */

static int change_pending;
static guint tick_source;

/* Lets blocked rings go on. True if some ring is still blocked. */
static bool serve_rings(void)
{
    Machine *machine = host_active();
    bool any = false;
    for (int i = 0; machine != NULL && i < machine->n_devices; i++) {
        bool stuck;
        if (!player_blocked(host.players[i], &stuck))
            continue;
        any = true;
        if (stuck && machine->running)
            spice_qxl_oom(&machine->devices[i].qxl);
        spice_qxl_wakeup(&machine->devices[i].qxl);
    }
    return any;
}

static gboolean tick(gpointer unused);

static void look(void)
{
    bool blocked = serve_rings();
    GList *next;
    for (GList *l = host.tasks.head; l != NULL; l = next) {
        Task *task = l->data;
        bool done = task->check(task);
        next = l->next; /* a check may have appended a task */
        if (done) {
            g_queue_delete_link(&host.tasks, l);
            g_free(task->polls);
            g_free(task);
        }
    }
    if ((blocked || !g_queue_is_empty(&host.tasks)) && tick_source == 0)
        tick_source = g_timeout_add(TICK_MS, tick, NULL);
}

static gboolean tick(gpointer unused)
{
    tick_source = 0;
    look();
    return G_SOURCE_REMOVE;
}

static gboolean changed_in_main_loop(gpointer unused)
{
    g_atomic_int_set(&change_pending, 0);
    look();
    return G_SOURCE_REMOVE;
}

void host_changed(void)
{
    if (g_atomic_int_compare_and_exchange(&change_pending, 0, 1))
        g_idle_add_full(G_PRIORITY_DEFAULT, changed_in_main_loop, NULL, NULL);
}

Task *host_add_task(const char *name, TaskCheck check)
{
    Task *task = g_new0(Task, 1);
    task->name = name;
    task->check = check;
    task->started = task->phase_started = g_get_monotonic_time();
    g_queue_push_tail(&host.tasks, task);
    host_changed();
    return task;
}

double task_ms(const Task *task)
{
    return (double)(g_get_monotonic_time() - task->started) / 1000;
}

Machine *host_active(void)
{
    return host.private_one != NULL ? host.private_one : host.machine;
}

void host_play_to(uint64_t number)
{
    for (int i = 0; i < host.n_players; i++)
        player_set_limit(host.players[i], number);
}

uint64_t host_pause(void)
{
    uint64_t farthest = 0;
    for (int i = 0; i < host.n_players; i++)
        farthest = MAX(farthest, player_pause(host.players[i]));
    host_play_to(farthest);
    return farthest;
}

bool host_reached(void)
{
    bool reached = true;
    for (int i = 0; i < host.n_players; i++)
        reached = player_status(host.players[i]).reached && reached;
    return reached;
}

uint64_t host_position(void)
{
    uint64_t position = UINT64_MAX;
    for (int i = 0; i < host.n_players; i++)
        position = MIN(position, player_status(host.players[i]).fed);
    return position;
}

/* Start */

static Machine *new_machine(int listen_fd)
{
    MachineOptions options = host.options;
    options.listen_fd = listen_fd;
    Machine *machine = machine_new(&options, &machine_events, host.players, host.n_players);
    if (machine == NULL)
        fail("the library cannot start a server");
    return machine;
}

static bool check_ready(Task *task)
{
    if (!host_reached())
        return false;
    if (host.incoming) {
        host.machine = new_machine(listen_locally(&host.port));
        machine_boot_primaries(host.machine);
    } else {
        for (int i = 0; i < host.n_players; i++)
            player_attach(host.players[i], &host.machine->devices[i].qxl, true);
    }
    Answer *answer = answer_new("event", "ready");
    answer_int(answer, "port", host.port);
    answer_int(answer, "tls_port", host.options.security.tls_port);
    answer_int(answer, "position", (int64_t)host_position());
    answer_real(answer, "ms", task_ms(task));
    answer_send(answer);
    return true;
}

static void start(void)
{
    uint64_t start_at = 0;
    if (arguments.start != NULL)
        start_at = strcmp(arguments.start, "end") == 0 ? POSITION_END : g_ascii_strtoull(arguments.start, NULL, 10);
    Machine *machine = new_machine(host.incoming ? -1 : listen_locally(&host.port));
    if (host.incoming)
        host.private_one = machine;
    else
        host.machine = machine;
    for (int i = 0; i < host.n_players; i++)
        player_attach(host.players[i], &machine->devices[i].qxl, false);
    machine_set_running(machine, true);
    host_play_to(start_at);
    host_add_task("ready", check_ready);
}

/* Standard input */

static gboolean read_commands(int fd, GIOCondition condition, gpointer opaque)
{
    GString *pending = opaque;
    char text[4096];
    ssize_t n = read(fd, text, sizeof(text));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        g_main_loop_quit(host.loop);
        return G_SOURCE_REMOVE;
    }
    g_string_append_len(pending, text, n);
    char *line_end;
    while ((line_end = memchr(pending->str, '\n', pending->len)) != NULL) {
        *line_end = '\0';
        g_autofree char *line = g_strdup(pending->str);
        g_string_erase(pending, 0, line_end - pending->str + 1);
        control_line(g_strstrip(line));
    }
    return G_SOURCE_CONTINUE;
}

static gboolean quit_on_signal(gpointer unused)
{
    g_main_loop_quit(host.loop);
    return G_SOURCE_CONTINUE;
}

static void parse_arguments(int *argc, char ***argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new("- play a QXL recording as a host");
    g_option_context_add_main_entries(context, entries, NULL);
    g_autoptr(GError) error = NULL;
    if (!g_option_context_parse(context, argc, argv, &error))
        fail("%s", error->message);
    if (arguments.recording == NULL || arguments.displays < 1 || arguments.displays > 16)
        fail("--recording FILE is needed, --displays is 1 to 16");
    if (arguments.audio_rate < 1 || arguments.audio_rate > 384000)
        fail("--audio-rate is 1 to 384000");
    static const char *const when = "auto always never";
    int streaming = choice("streaming", arguments.streaming, "off all filter");
    host.options = (MachineOptions){
        .name = arguments.name != NULL ? arguments.name : "caravan",
        .ticket = arguments.ticket,
        .compression = choice("compression", arguments.compression, "off auto_glz auto_lz quic glz lz lz4"),
        .jpeg = choice("jpeg", arguments.jpeg, when),
        .zlib_glz = choice("zlib-glz", arguments.zlib_glz, when),
        .streaming = streaming != 0 ? streaming : SPICE_STREAM_VIDEO_OFF,
        .video_codecs = arguments.video_codecs,
        .seamless = choice("seamless", arguments.seamless, "on off") != 2,
        .audio_rate = arguments.audio ? arguments.audio_rate : 0,
        .playback_compression = choice("playback-compression", arguments.playback_compression, "on off") != 2,
        .port_device = arguments.port_device,
        .security = {.tls_dir = arguments.tls,
                     .tls_port = arguments.tls != NULL ? security_choose_port(arguments.tls_port) : 0,
                     .channels = arguments.security,
                     .sasl = arguments.sasl},
        .listen_fd = -1,
    };
    host.port = arguments.port;
    host.incoming = arguments.incoming;
}

static void make_players(void)
{
    host.n_players = arguments.displays;
    host.players = g_new0(Player *, host.n_players);
    for (int i = 0; i < host.n_players; i++) {
        g_autoptr(GError) error = NULL;
        host.players[i] = player_new(arguments.recording, arguments.pace, host_changed, &error);
        if (host.players[i] == NULL)
            fail("%s", error->message);
    }
}

static void clean_up(void)
{
    for (int i = 0; i < host.n_players; i++)
        player_stop(host.players[i]);
    machine_free(host.private_one);
    machine_free(host.machine);
    for (int i = 0; i < host.n_players; i++)
        player_free(host.players[i]);
    g_free(host.players);
    g_queue_clear_full(&host.tasks, g_free);
}

/* What is freed here was a guest's memory, which no real host gives back and gets anew all the time. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    keep_memory();
    parse_arguments(&argc, &argv);
    host.loop = g_main_loop_new(NULL, FALSE);
    g_queue_init(&host.tasks);
    make_players();
    start();
    g_autoptr(GString) input = g_string_new(NULL);
    g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, read_commands, input);
    g_unix_signal_add(SIGTERM, quit_on_signal, NULL);
    g_unix_signal_add(SIGINT, quit_on_signal, NULL);
    g_main_loop_run(host.loop);
    clean_up();
    answer_send(answer_new("event", "bye"));
    g_main_loop_unref(host.loop);
    return 0;
}
