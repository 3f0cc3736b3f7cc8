/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/caravan.h"

#include "server/channels/main-channel.h"
#include "server/migration/report.h"

#include <spice/protocol.h>

#define WAIT_CONNECT_MS (10 * 1000)
#define WAIT_DISCONNECT_MS (10 * 1000)

/* What one client has been told, and has answered. */
typedef struct Traveller {
    Client *client; /* borrowed; removed when the client goes */
    bool asked_seamless;
    bool waiting;   /* BEGIN is out, no answer yet */
    bool connected; /* it is linked to the destination */
    bool seamless;  /* ... and the destination agreed to a seamless hand-over */
    bool deferred;  /* not fully arrived here itself, or busy with the BEGIN of an earlier attempt: BEGIN follows */
    bool leaving;   /* told to go: its disconnection is awaited */
    bool crippled; /* it has lost a channel since BEGIN: spice-gtk would wait for it in a seamless hand-over for ever */
} Traveller;

struct Caravan {
    RedsState *server;
    Job job;
    MigrationTarget target;
    bool has_target;
    bool expected; /* migrate_connect was called, migrate_end not yet */
    bool owes_connect_complete;
    bool owes_end_complete;
    LoopTimer *timer;
    GArray *travellers;      /* Traveller */
    MigrationReport *report; /* of the job */
};

static void on_timer(void *opaque);

/* --- jobs and their reports --- */

static void enter(Caravan *caravan, JobPhase phase)
{
    if (!job_advance(&caravan->job, phase))
        return;
    migration_report_phase(caravan->report, job_phase_name(phase));
    if (!job_is_over(&caravan->job))
        return;
    migration_report_end(caravan->report,
                         phase == JOB_FINISH      ? "completed"
                         : phase == JOB_CANCELLED ? "cancelled"
                                                  : "failed",
                         NULL);
    migration_report_write(caravan->report);
}

static void begin_job(Caravan *caravan)
{
    job_init(&caravan->job, JOB_OUT);
    if (caravan->report)
        migration_report_unref(caravan->report);
    caravan->report = migration_report_new(MIGRATION_ROLE_SOURCE);
    enter(caravan, JOB_BEGIN);
}

Caravan *caravan_new(RedsState *server)
{
    Caravan *caravan = g_new0(Caravan, 1);

    caravan->server = server;
    job_init(&caravan->job, JOB_OUT);
    caravan->timer = loop_timer_new(server->loop, on_timer, caravan);
    caravan->travellers = g_array_new(FALSE, TRUE, sizeof(Traveller));
    return caravan;
}

static void forget_target(Caravan *caravan)
{
    g_free(caravan->target.host);
    g_free(caravan->target.cert_subject);
    caravan->target = (MigrationTarget){0};
    caravan->has_target = false;
}

void caravan_free(Caravan *caravan)
{
    loop_timer_free(caravan->timer);
    forget_target(caravan);
    g_array_unref(caravan->travellers);
    if (caravan->report)
        migration_report_unref(caravan->report);
    g_free(caravan);
}

/* --- what the host is owed --- */

static const SpiceMigrateInterface *interface_of(SpiceMigrateInstance *sin)
{
    return (const SpiceMigrateInterface *)sin->base.sif;
}

static void connect_complete(Caravan *caravan)
{
    SpiceMigrateInstance *sin = caravan->server->migrate_interface;

    if (!caravan->owes_connect_complete)
        return;
    caravan->owes_connect_complete = false;
    loop_timer_cancel(caravan->timer);
    if (caravan->job.phase == JOB_PREPARE)
        enter(caravan, JOB_PERFORM);
    if (sin && interface_of(sin)->migrate_connect_complete)
        interface_of(sin)->migrate_connect_complete(sin);
}

static void end_complete(Caravan *caravan)
{
    SpiceMigrateInstance *sin = caravan->server->migrate_interface;

    if (!caravan->owes_end_complete)
        return;
    caravan->owes_end_complete = false;
    loop_timer_cancel(caravan->timer);
    if (caravan->job.phase == JOB_CONFIRM)
        enter(caravan, JOB_FINISH);
    g_array_set_size(caravan->travellers, 0);
    if (sin && interface_of(sin)->migrate_end_complete)
        interface_of(sin)->migrate_end_complete(sin);
}

/* --- travellers --- */

static Traveller *find(Caravan *caravan, const Client *client)
{
    for (guint i = 0; i < caravan->travellers->len; i++) {
        Traveller *t = &g_array_index(caravan->travellers, Traveller, i);

        if (t->client == client)
            return t;
    }
    return NULL;
}

static bool any(Caravan *caravan, size_t flag_offset)
{
    for (guint i = 0; i < caravan->travellers->len; i++)
        if (G_STRUCT_MEMBER(bool, &g_array_index(caravan->travellers, Traveller, i), flag_offset))
            return true;
    return false;
}

static bool awaits_answers(Caravan *caravan)
{
    return any(caravan, offsetof(Traveller, waiting)) || any(caravan, offsetof(Traveller, deferred));
}

static void send_begin(Caravan *caravan, Traveller *t)
{
    t->deferred = false;
    t->waiting = true;
    t->client->begin_open = true;
    main_client_send_begin(t->client, &caravan->target, t->asked_seamless);
}

/* Tells the client where to go, in the best way that it and the host can. */
static void ask(Caravan *caravan, Client *client)
{
    const ServerConfig *config = &caravan->server->config;
    Traveller t = {.client = client};

    if (!main_client_has_cap(client, SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE))
        return;
    if (main_client_is_local(client)) {
        g_info("migration: a client on a UNIX socket cannot be sent to another host");
        return;
    }
    t.asked_seamless = config->seamless && !config->allow_multiple_clients &&
                       main_client_has_cap(client, SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS) &&
                       main_client_has_cap(client, SPICE_MAIN_CAP_SEAMLESS_MIGRATE);
    t.deferred = client->target || client->begin_open;
    g_array_append_val(caravan->travellers, t);
    if (!t.deferred)
        send_begin(caravan, &g_array_index(caravan->travellers, Traveller, caravan->travellers->len - 1));
}

/* The client is connected to the destination of an attempt that is off. spice-gtk comes back for good, but looks for
 * channels of which it hears later at the other host, and one that it does not find stops its next migration. */
static void call_back(Client *client)
{
    client->astray = true;
    main_client_send_cancel(client);
}

/* The attempt is off: whoever is connected to the destination forgets it. */
static void cancel_travellers(Caravan *caravan)
{
    for (guint i = 0; i < caravan->travellers->len; i++) {
        Traveller *t = &g_array_index(caravan->travellers, Traveller, i);

        /* One that has not answered yet gets its CANCEL when it does: until then it cannot read it. */
        if (t->connected)
            call_back(t->client);
    }
    g_array_set_size(caravan->travellers, 0);
}

/* --- source: from connect to end --- */

static void cancel(Caravan *caravan)
{
    caravan->expected = false;
    cancel_travellers(caravan);
    if (!job_is_over(&caravan->job))
        enter(caravan, JOB_CANCELLED);
    connect_complete(caravan);
    forget_target(caravan);
    main_channel_release_announcements(caravan->server->main);
}

int caravan_set_target(Caravan *caravan, const char *host, int port, int sport, const char *cert_subject)
{
    forget_target(caravan);
    if (!host || (port <= 0 && sport <= 0))
        return -1;
    caravan->target = (MigrationTarget){g_strdup(host), port, sport, g_strdup(cert_subject)};
    caravan->has_target = true;
    return 0;
}

int caravan_connect(Caravan *caravan, const char *host, int port, int sport, const char *cert_subject)
{
    RedsState *server = caravan->server;

    if (caravan->expected)
        cancel(caravan);
    if (caravan->owes_end_complete) { /* the clients of an earlier migration are still leaving */
        g_warning("migration: a new one while clients are still leaving");
        end_complete(caravan);
    }
    begin_job(caravan);
    caravan->owes_connect_complete = true;
    if (caravan_set_target(caravan, host, port, sport, cert_subject) < 0) {
        g_warning("migration: no destination host, or no port");
        enter(caravan, JOB_FAILED);
        connect_complete(caravan);
        return -1;
    }
    caravan->expected = true;
    if (!server->clients) {
        forget_target(caravan);
        enter(caravan, JOB_PERFORM);
        connect_complete(caravan);
        return 0;
    }
    enter(caravan, JOB_PREPARE);
    for (GList *l = server->clients; l; l = l->next)
        ask(caravan, l->data);
    if (awaits_answers(caravan))
        loop_timer_start(caravan->timer, WAIT_CONNECT_MS);
    else
        connect_complete(caravan);
    return 0;
}

int caravan_start(Caravan *caravan)
{
    return caravan->has_target ? 0 : -1;
}

void caravan_client_answered(Caravan *caravan, Client *client, bool ok, bool seamless)
{
    Traveller *t = find(caravan, client);

    client->begin_open = false;
    if (!t || !t->waiting) { /* too late, or not asked */
        if (ok)
            call_back(client);
        if (t && t->deferred && !client->target)
            send_begin(caravan, t);
        return;
    }
    t->waiting = false;
    t->connected = ok;
    t->seamless = ok && seamless && t->asked_seamless;
    if (!awaits_answers(caravan))
        connect_complete(caravan);
}

static void hand_over_seamlessly(Client *client)
{
    /* A channel whose connection breaks meanwhile leaves the client's own list. */
    g_autoptr(GPtrArray) channels = g_ptr_array_copy(client->channels, NULL, NULL);

    for (guint i = 0; i < channels->len; i++)
        channel_migrate(g_ptr_array_index(channels, i), client);
}

/* The guest runs at the destination now: everybody follows it. */
static void leave(Caravan *caravan)
{
    RedsState *server = caravan->server;
    g_autoptr(GPtrArray) clients = g_ptr_array_new();

    for (GList *l = server->clients; l; l = l->next)
        g_ptr_array_add(clients, l->data);
    for (guint i = 0; i < clients->len; i++) {
        Client *client = g_ptr_array_index(clients, i);
        Traveller *t = find(caravan, client);

        if (!t) {
            Traveller late = {.client = client};

            g_array_append_val(caravan->travellers, late);
            t = find(caravan, client);
        }
        t->waiting = t->deferred = false;
        t->leaving = true;
        client_ref(client);
        if (client->report)
            migration_report_unref(client->report);
        client->report = migration_report_ref(caravan->report);
        if (t->connected && t->crippled) { /* it drops its links to the destination, and goes there anew */
            g_info("migration: the client has lost a channel on the way, and has to connect anew");
            main_client_send_cancel(client);
            t->connected = t->seamless = false;
        }
        if (t->seamless)
            hand_over_seamlessly(client);
        else if (t->connected)
            main_client_send_end(client);
        else if (!main_client_is_local(client))
            main_client_send_switch_host(client, &caravan->target);
        if (t->connected || !main_client_is_local(client))
            migration_report_set_mode(caravan->report, t->seamless    ? MIGRATION_MODE_SEAMLESS
                                                       : t->connected ? MIGRATION_MODE_SEMI_SEAMLESS
                                                                      : MIGRATION_MODE_SWITCH_HOST);
        client_unref(client);
    }
}

/* Those that cannot follow: nothing comes for them any more, and the host need not wait until they notice. */
static void dismiss_local_clients(Caravan *caravan)
{
    g_autoptr(GPtrArray) clients = g_ptr_array_new();

    for (guint i = 0; i < caravan->travellers->len; i++)
        g_ptr_array_add(clients, g_array_index(caravan->travellers, Traveller, i).client);
    for (guint i = 0; i < clients->len; i++)
        if (main_client_is_local(clients->pdata[i]))
            client_disconnect(clients->pdata[i]);
}

int caravan_end(Caravan *caravan, bool completed)
{
    RedsState *server = caravan->server;
    bool expected = caravan->expected;

    if (caravan->owes_end_complete) {
        g_warning("migration: ended once more while clients are still leaving");
        end_complete(caravan); /* each end has a completion of its own */
    }
    if (!completed) {
        cancel(caravan);
        if (!server->clients)
            goto no_client;
        return 0;
    }
    caravan->expected = false;
    caravan->owes_end_complete = true;
    if (!server->clients)
        goto no_client;
    if (!expected || !caravan->has_target) {
        if (expected) { /* clients came after migrate_connect had found none */
            g_warning("migration: the clients were never told where to go; they are disconnected");
        } else {
            g_warning("migration: completed, but it was never announced; the clients are disconnected");
        }
        server_disconnect_all(server);
        end_complete(caravan);
        return expected ? 0 : -1;
    }
    enter(caravan, JOB_HANDOVER);
    leave(caravan);
    connect_complete(caravan);
    forget_target(caravan);
    if (caravan->job.phase == JOB_HANDOVER)
        enter(caravan, JOB_CONFIRM);
    dismiss_local_clients(caravan);
    if (any(caravan, offsetof(Traveller, leaving)))
        loop_timer_start(caravan->timer, WAIT_DISCONNECT_MS);
    else
        end_complete(caravan);
    return 0;

no_client:
    if (caravan->job.phase == JOB_PERFORM) { /* nobody had to be carried */
        enter(caravan, JOB_HANDOVER);
        enter(caravan, JOB_CONFIRM);
    }
    caravan->owes_end_complete = true;
    forget_target(caravan);
    end_complete(caravan);
    return 0;
}

void caravan_switch(Caravan *caravan)
{
    RedsState *server = caravan->server;

    if (!server->clients)
        return;
    if (!caravan->has_target) {
        g_warning("migration: no destination to switch to");
        return;
    }
    for (GList *l = server->clients; l; l = l->next)
        main_client_send_switch_host(l->data, &caravan->target);
    forget_target(caravan);
}

static void on_timer(void *opaque)
{
    Caravan *caravan = opaque;

    if (caravan->owes_connect_complete) {
        g_warning("migration: not all clients reached the destination in time");
        for (guint i = 0; i < caravan->travellers->len; i++) {
            Traveller *t = &g_array_index(caravan->travellers, Traveller, i);

            t->waiting = t->deferred = false;
        }
        connect_complete(caravan);
    } else if (caravan->owes_end_complete) {
        g_warning("migration: not all clients left in time; they are disconnected");
        server_disconnect_all(caravan->server);
        end_complete(caravan);
    }
}

/* --- destination: each arriving client is a job of its own --- */

void caravan_client_arrives(Caravan *caravan, Client *client)
{
    client->report = migration_report_new(MIGRATION_ROLE_DESTINATION);
    job_init(&client->arrival, JOB_IN);
    job_advance(&client->arrival, JOB_PREPARE);
    migration_report_phase(client->report, job_phase_name(JOB_PREPARE));
}

void caravan_client_restores(Caravan *caravan, Client *client, bool seamless)
{
    job_advance(&client->arrival, JOB_RESTORE);
    migration_report_phase(client->report, job_phase_name(JOB_RESTORE));
    migration_report_set_mode(client->report, seamless ? MIGRATION_MODE_SEAMLESS : MIGRATION_MODE_SEMI_SEAMLESS);
}

static void end_arrival(Client *client, JobPhase phase, const char *result, const char *reason)
{
    if (job_is_over(&client->arrival))
        return;
    job_advance(&client->arrival, phase);
    migration_report_phase(client->report, job_phase_name(phase));
    migration_report_end(client->report, result, reason);
    migration_report_write(client->report);
}

void caravan_client_lost_channel(Caravan *caravan, const Client *client)
{
    Traveller *t = find(caravan, client);

    if (t)
        t->crippled = true;
}

void caravan_client_gone(Caravan *caravan, Client *client)
{
    end_arrival(client, JOB_FAILED, "failed", "the client went before it had arrived");
    for (guint i = 0; i < caravan->travellers->len; i++) {
        if (g_array_index(caravan->travellers, Traveller, i).client == client) {
            g_array_remove_index(caravan->travellers, i);
            break;
        }
    }
    if (caravan->owes_connect_complete && !awaits_answers(caravan))
        connect_complete(caravan);
    if (caravan->owes_end_complete && !any(caravan, offsetof(Traveller, leaving)))
        end_complete(caravan);
}

void caravan_client_restored(Caravan *caravan, Client *client)
{
    end_arrival(client, JOB_FINISH, "completed", NULL);
    Traveller *t = find(caravan, client);

    /* First: from BEGIN on it would link them at the next host. */
    main_channel_announce_unknown(caravan->server->main, client);
    if (t && t->deferred && !client->begin_open)
        send_begin(caravan, t);
}

bool caravan_is_under_way(const Caravan *caravan)
{
    return caravan->travellers->len > 0;
}
