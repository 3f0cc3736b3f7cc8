/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monitors configurations that clients send: for graphics devices whose drivers take them, past the agent. */
#include "server/channels/agent-private.h"

#include "common/wire/reader.h"
#include "server/display/qxl.h"

#include <spice/vd_agent.h>
#include <string.h>

#define MONITORS_MAX 256u
#define MONITOR_SIZE 20u
#define MONITOR_MM_SIZE 4u
#define CONFIG_HEADER_SIZE 8u
#define CONFIG_MAX (CONFIG_HEADER_SIZE + MONITORS_MAX * (MONITOR_SIZE + MONITOR_MM_SIZE))

static bool refuse(GError **error, const char *what)
{
    g_set_error(error, WIRE_ERROR, WIRE_ERROR_VALUE, "monitors configuration: %s", what);
    return false;
}

static int ask_device(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
    const QXLInterface *sif = qxl_interface(qxl);

    return sif->base.minor_version >= 3 && sif->client_monitors_config ? sif->client_monitors_config(qxl, config) : 0;
}

bool agent_server_takes_monitors(RedsState *server)
{
    for (GList *l = server->qxls; l; l = l->next)
        if (!ask_device(l->data, NULL))
            return false;
    return server->qxls != NULL;
}

static bool apply(Agent *agent, uint8_t *payload, size_t size, GError **error)
{
    g_autofree VDAgentMonitorsConfig *config = NULL; /* its own memory: aligned, and hosts may change it */
    WireReader r = wire_reader(payload, size);
    uint32_t n = wire_read_u32(&r), flags = wire_read_u32(&r);
    uint64_t need;

    if (!wire_reader_ok(&r))
        return refuse(error, "too short");
    flags &= VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS | VD_AGENT_CONFIG_MONITORS_FLAG_PHYSICAL_SIZE;
    need = (uint64_t)n * (MONITOR_SIZE + (flags & VD_AGENT_CONFIG_MONITORS_FLAG_PHYSICAL_SIZE ? MONITOR_MM_SIZE : 0));
    if (n > MONITORS_MAX || need > wire_reader_left(&r))
        return refuse(error, "more monitors than it holds");
    for (GList *l = agent->server->qxls; l; l = l->next) {
        g_free(config);
        config = g_memdup2(payload, size);
        config->flags = flags;
        ask_device(l->data, config);
    }
    return true;
}

bool agent_add_monitors(Agent *agent, const uint8_t *piece, size_t size, GError **error)
{
    g_autoptr(GByteArray) whole = NULL;
    uint32_t wanted;

    g_byte_array_append(agent->monitors, piece, (guint)size);
    wanted = agent_header_size(agent->monitors->data);
    if (wanted < CONFIG_HEADER_SIZE || wanted > CONFIG_MAX) {
        g_byte_array_set_size(agent->monitors, 0);
        return refuse(error, "a size that cannot be");
    }
    if (agent->monitors->len < AGENT_HEADER_SIZE + wanted)
        return true;
    whole = agent->monitors; /* a host may call back */
    agent->monitors = g_byte_array_new();
    return apply(agent, whole->data + AGENT_HEADER_SIZE, wanted, error);
}
