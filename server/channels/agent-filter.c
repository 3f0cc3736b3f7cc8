/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/agent-filter.h"

#include "common/wire/reader.h"

#include <spice/vd_agent.h>

static uint32_t u32_at(const uint8_t *bytes, size_t offset)
{
    WireReader r = wire_reader(bytes + offset, 4);

    return wire_read_u32(&r);
}

uint32_t agent_header_type(const uint8_t *header)
{
    return u32_at(header, 4);
}

uint32_t agent_header_size(const uint8_t *header)
{
    return u32_at(header, 16);
}

static AgentVerdict judge(const AgentFilter *filter, uint32_t type)
{
    if (filter->discard_all)
        return AGENT_DISCARD;
    switch (type) {
    case VD_AGENT_CLIPBOARD:
    case VD_AGENT_CLIPBOARD_GRAB:
    case VD_AGENT_CLIPBOARD_REQUEST:
    case VD_AGENT_CLIPBOARD_RELEASE:
        return filter->copy_paste ? AGENT_FORWARD : AGENT_DISCARD;
    case VD_AGENT_FILE_XFER_START:
    case VD_AGENT_FILE_XFER_STATUS:
    case VD_AGENT_FILE_XFER_DATA:
        return filter->file_xfer ? AGENT_FORWARD : AGENT_DISCARD;
    case VD_AGENT_MONITORS_CONFIG:
        return filter->monitors ? AGENT_MONITORS : AGENT_FORWARD;
    default:
        return AGENT_FORWARD;
    }
}

AgentVerdict agent_filter_piece(AgentFilter *filter, const uint8_t *piece, size_t size)
{
    if (size > AGENT_PIECE_MAX)
        return AGENT_BROKEN;
    if (filter->remaining == 0) {
        if (size < AGENT_HEADER_SIZE || u32_at(piece, 0) != VD_AGENT_PROTOCOL)
            return AGENT_BROKEN;
        filter->verdict = judge(filter, agent_header_type(piece));
        filter->remaining = agent_header_size(piece);
        size -= AGENT_HEADER_SIZE;
        if (filter->remaining == 0)
            return filter->verdict; /* old agents add padding to empty messages */
    }
    if (size > filter->remaining)
        return AGENT_BROKEN;
    filter->remaining -= (uint32_t)size;
    return filter->verdict;
}

uint8_t *agent_announced_caps(uint8_t *piece, size_t size)
{
    if (size < AGENT_HEADER_SIZE + 8 || agent_header_type(piece) != VD_AGENT_ANNOUNCE_CAPABILITIES ||
        agent_header_size(piece) < 8)
        return NULL;
    return piece + AGENT_HEADER_SIZE + 4;
}
