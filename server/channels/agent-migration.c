/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent's part of the main channel's migration data. */
#include "server/channels/agent-private.h"

void agent_freeze(Agent *agent, MainClient *mc)
{
    /* What was read of a message's body is sent now: the data have no place for it. */
    if (agent->instance && agent_reader_cut(&agent->reader, agent->from_agent.remaining > 0)) {
        g_autoptr(GBytes) piece = agent_take_piece(agent);

        if (piece)
            char_device_deliver(agent->device, piece);
    }
    char_device_freeze(agent->device);
}

void agent_save(Agent *agent, MainClient *mc, MainState *state)
{
    if (!agent->instance && !agent->restored)
        return;
    char_device_save(agent->device, mc->agent, &state->agent);
    state->client_agent_started = agent->started;
    agent_reader_save(&agent->reader, state);
    state->a2c_msg_remaining = agent->from_agent.remaining;
    state->a2c_msg_filter_result = (uint8_t)agent->from_agent.verdict;
    state->c2a_msg_remaining = agent->to_agent.remaining;
    state->c2a_msg_filter_result = (uint8_t)agent->to_agent.verdict;
    if (agent->from_agent.verdict == AGENT_BROKEN)
        state->a2c_msg_filter_result = AGENT_DISCARD;
    if (agent->to_agent.verdict == AGENT_BROKEN)
        state->c2a_msg_filter_result = AGENT_DISCARD;
}

void agent_expect(Agent *agent, MainClient *mc)
{
    if (agent->awaited != mc)
        agent->plugs = agent->instance != NULL;
    agent->awaited = mc;
    if (!mc->agent)
        mc->agent = char_device_add_client(agent->device, mc, 0, true);
}

/* The client has to begin anew with the agent that is here, or without one. */
static void begin_anew(Agent *agent, MainClient *mc, bool disconnected)
{
    agent_forget_client(agent, mc);
    agent->started = false;
    if (disconnected)
        agent_push_disconnected(mc);
    if (agent->instance) {
        agent_configure(agent, &agent->from_agent, true);
        agent->from_agent.discard_all = false;
        agent_push_connected(mc);
    }
}

static void restore_filter(Agent *agent, AgentFilter *filter, uint32_t remaining, uint8_t verdict, bool discard_all)
{
    agent_configure(agent, filter, true);
    filter->remaining = remaining;
    filter->verdict = verdict;
    filter->discard_all = discard_all;
}

bool agent_load(Agent *agent, MainClient *mc, const MainState *state, GError **error)
{
    agent->awaited = NULL;
    if (!state->agent.connected) {
        begin_anew(agent, mc, false);
        return true;
    }
    /* Another agent than the one that the data tell of, or it has gone. */
    if (agent->plugs > 1 || (agent->plugs == 1 && !agent->instance) || !mc->agent) {
        begin_anew(agent, mc, true);
        return true;
    }
    if (!char_device_load(agent->device, mc->agent, &state->agent, error))
        return false;
    agent_reader_load(&agent->reader, state);
    restore_filter(agent, &agent->from_agent, state->a2c_msg_remaining, state->a2c_msg_filter_result, false);
    restore_filter(agent, &agent->to_agent, state->c2a_msg_remaining, state->c2a_msg_filter_result,
                   !state->client_agent_started);
    agent->started = state->client_agent_started;
    agent->restored = !agent->instance; /* it continues when the agent appears */
    if (!agent->started)
        agent_forget_client(agent, mc);
    return true;
}

void agent_activate(Agent *agent, MainClient *mc)
{
    char_device_activate(agent->device);
    agent_flush_pending(agent);
}
