/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The main channel's part in migrations: the handshake messages of both roles, and its own data. */
#include "common/wire/msg-main.h"
#include "server/channels/main-client.h"
#include "server/core/caravan.h"
#include "server/migration/report.h"
#include "server/net/stream.h"

#include <spice/protocol.h>

/* Of the migration data. A higher number would make every other server refuse: what is new is appended instead. */
#define SPICE_MIGRATION_PROTOCOL_VERSION 1

/* --- source: what the client is told --- */

static void push(Client *client, uint16_t type, WireWriter *body)
{
    MainClient *mc = main_client_of(client);

    if (mc)
        channel_client_push_body(&mc->cc, type, body);
    else
        wire_writer_clear(body);
}

static DstInfo dst_info(const MigrationTarget *target)
{
    return (DstInfo){
        .host = target->host,
        .port = target->port,
        .sport = target->sport,
        .cert_subject = target->cert_subject,
    };
}

void main_client_send_begin(Client *client, const MigrationTarget *target, bool seamless)
{
    g_auto(WireWriter) body = {0};

    if (seamless) {
        MsgMainMigrateBeginSeamless m = {dst_info(target), SPICE_MIGRATION_PROTOCOL_VERSION};

        msg_main_migrate_begin_seamless_encode(&body, &m);
        push(client, SPICE_MSG_MAIN_MIGRATE_BEGIN_SEAMLESS, &body);
    } else {
        MsgMainMigrateBegin m = {dst_info(target)};

        msg_main_migrate_begin_encode(&body, &m);
        push(client, SPICE_MSG_MAIN_MIGRATE_BEGIN, &body);
    }
}

void main_client_send_switch_host(Client *client, const MigrationTarget *target)
{
    g_auto(WireWriter) body = {0};
    MsgMainMigrateSwitchHost m = {dst_info(target)};

    msg_main_migrate_switch_host_encode(&body, &m);
    push(client, SPICE_MSG_MAIN_MIGRATE_SWITCH_HOST, &body);
}

void main_client_send_cancel(Client *client)
{
    g_auto(WireWriter) body = {0};

    push(client, SPICE_MSG_MAIN_MIGRATE_CANCEL, &body);
}

void main_client_send_end(Client *client)
{
    g_auto(WireWriter) body = {0};

    push(client, SPICE_MSG_MAIN_MIGRATE_END, &body);
}

/* --- destination: handshake --- */

static bool refuse(GError **error, const char *what)
{
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_TYPE, "%s", what);
    return false;
}

static bool handle_do_seamless(MainClient *mc, WireReader *r, GError **error)
{
    Client *client = mc->cc.client;
    MsgcMainMigrateDstDoSeamless m;

    if (!msgc_main_migrate_dst_do_seamless_decode(r, &m, error))
        return false;
    if (!client->target || client->seamless)
        return refuse(error, "MIGRATE_DST_DO_SEAMLESS from a client that is not about to arrive");
    if (client->server->config.allow_multiple_clients || m.src_version > SPICE_MIGRATION_PROTOCOL_VERSION) {
        channel_client_push_empty(&mc->cc, SPICE_MSG_MAIN_MIGRATE_DST_SEAMLESS_NACK);
        return true;
    }
    caravan_client_restores(client->server->caravan, client, true);
    client->seamless = true;
    client->n_waiting++; /* main's own data */
    agent_expect(client->server->agent, mc);
    channel_client_push_empty(&mc->cc, SPICE_MSG_MAIN_MIGRATE_DST_SEAMLESS_ACK);
    client_link_pending(client);
    return true;
}

/* The client arrives by a semi-seamless migration: a new session, but nothing is attached again. */
static bool handle_client_end(MainClient *mc, GError **error)
{
    Client *client = mc->cc.client;

    if (!client->target || client->seamless || !channel_client_has_cap(&mc->cc, SPICE_MAIN_CAP_SEMI_SEAMLESS_MIGRATE))
        return refuse(error, "MIGRATE_END from a client that does not arrive");
    caravan_client_restores(client->server->caravan, client, false);
    client->target = false;
    client->channels_announced = true;
    mc->cc.wait_data = false;
    main_client_greet(mc);
    net_test_watch(&mc->net_test);
    client_link_pending(client);
    caravan_client_restored(client->server->caravan, client);
    return true;
}

bool main_client_is_migration_message(uint16_t type)
{
    return type == SPICE_MSGC_MAIN_MIGRATE_CONNECTED || type == SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR ||
           type == SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS || type == SPICE_MSGC_MAIN_MIGRATE_END ||
           type == SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS;
}

bool main_client_handle_migration(MainClient *mc, uint16_t type, const uint8_t *body, size_t size, GError **error)
{
    struct Caravan *caravan = mc->cc.channel->server->caravan;
    WireReader r = wire_reader(body, size);

    switch (type) {
    case SPICE_MSGC_MAIN_MIGRATE_CONNECTED:
        caravan_client_answered(caravan, mc->cc.client, true, false);
        return true;
    case SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS:
        caravan_client_answered(caravan, mc->cc.client, true, true);
        return true;
    case SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR:
        caravan_client_answered(caravan, mc->cc.client, false, false);
        return true;
    case SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS:
        return handle_do_seamless(mc, &r, error);
    default:
        return handle_client_end(mc, error);
    }
}

/* --- data --- */

static void main_freeze(void *self)
{
    MainClient *mc = self;

    net_test_stop(&mc->net_test);
    agent_freeze(mc->cc.channel->server->agent, mc);
}

static GBytes *main_save(void *self, uint64_t serial, MigrationReport *report)
{
    MainState state;
    GBytes *data;

    main_state_init(&state);
    agent_save(((MainClient *)self)->cc.channel->server->agent, self, &state);
    data = main_state_encode(&state);
    if (report)
        migration_report_channel(report, "main", g_bytes_get_size(data));
    main_state_clear(&state);
    return data;
}

static bool main_load(void *self, const uint8_t *data, size_t size, MigrationReport *report, GError **error)
{
    MainClient *mc = self;
    MainState state;
    bool ok;

    if (!mc->cc.client->seamless)
        return refuse(error, "MIGRATE_DATA before the hand-over was agreed");
    if (!main_state_decode(data, size, &state, error))
        return false;
    ok = agent_load(mc->cc.channel->server->agent, mc, &state, error);
    main_state_clear(&state);
    if (ok && report)
        migration_report_channel(report, "main", size);
    return ok;
}

static void main_activate(void *self)
{
    MainClient *mc = self;

    main_client_push_mm_time(mc);
    /* The mode belongs to the server, not to the data: the client may believe in another one. */
    main_client_push_mouse_mode(mc);
    mc->cc.client->channels_announced = true;
    agent_activate(mc->cc.channel->server->agent, mc);
    net_test_watch(&mc->net_test);
}

const Participant main_participant = {
    .name = "main",
    .freeze = main_freeze,
    .save = main_save,
    .load = main_load,
    .activate = main_activate,
};
