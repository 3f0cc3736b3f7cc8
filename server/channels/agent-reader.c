/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/agent-reader.h"

#include "common/wire/reader.h"
#include "common/wire/writer.h"

#include <spice/vd_agent.h>
#include <string.h>

static uint32_t chunk_port(const AgentReader *reader)
{
    WireReader r = wire_reader(reader->header, 4);

    return wire_read_u32(&r);
}

static uint32_t chunk_size(const AgentReader *reader)
{
    WireReader r = wire_reader(reader->header + 4, 4);

    return wire_read_u32(&r);
}

void agent_reader_reset(AgentReader *reader)
{
    *reader = (AgentReader){0};
}

static bool read_header(AgentReader *reader, AgentReadFunc read, void *opaque)
{
    while (reader->header_size < AGENT_CHUNK_HEADER_SIZE) {
        size_t n = read(opaque, reader->header + reader->header_size, AGENT_CHUNK_HEADER_SIZE - reader->header_size);

        if (n == 0)
            return false;
        reader->header_size += (unsigned)n;
        if (reader->header_size == AGENT_CHUNK_HEADER_SIZE)
            reader->unread = chunk_size(reader);
    }
    return true;
}

/* The message's header is there and says how much the chunk that begins with it holds: agents cut at 2048 bytes. */
static void learn_size(AgentReader *reader)
{
    uint64_t total = (uint64_t)AGENT_HEADER_SIZE + agent_header_size(reader->piece);

    reader->unread_unknown = false;
    reader->piece_size = (unsigned)MIN(total, AGENT_PIECE_MAX);
    reader->unread = reader->piece_size - reader->piece_done;
}

/* True when the piece is complete. */
static bool read_piece(AgentReader *reader, AgentReadFunc read, void *opaque)
{
    if (reader->piece_size == 0)
        reader->piece_size = MIN(reader->unread, AGENT_PIECE_MAX);
    for (;;) {
        while (reader->piece_done < reader->piece_size) {
            size_t n = read(opaque, reader->piece + reader->piece_done, reader->piece_size - reader->piece_done);

            if (n == 0)
                return false;
            reader->piece_done += (unsigned)n;
            if (!reader->unread_unknown)
                reader->unread -= (uint32_t)n;
        }
        if (!reader->unread_unknown)
            return true;
        learn_size(reader);
    }
}

AgentReadResult agent_reader_read(AgentReader *reader, AgentReadFunc read, void *opaque)
{
    while (read_header(reader, read, opaque)) {
        uint32_t port = chunk_port(reader);

        if (port != VDP_CLIENT_PORT && port != VDP_SERVER_PORT)
            return AGENT_READ_BROKEN;
        if (!read_piece(reader, read, opaque))
            return AGENT_READ_NOTHING;
        if (port == VDP_CLIENT_PORT && reader->piece_size)
            return AGENT_READ_PIECE;
        agent_reader_next(reader);
    }
    return AGENT_READ_NOTHING;
}

void agent_reader_next(AgentReader *reader)
{
    reader->piece_done = reader->piece_size = 0;
    if (reader->unread == 0)
        reader->header_size = 0;
}

bool agent_reader_cut(AgentReader *reader, bool in_message)
{
    if (reader->header_size < AGENT_CHUNK_HEADER_SIZE || reader->unread_unknown)
        return false;
    if (chunk_port(reader) == VDP_SERVER_PORT) {
        agent_reader_next(reader); /* dropped anyway */
        return false;
    }
    if (reader->piece_done == 0 || (!in_message && reader->piece_done < AGENT_HEADER_SIZE))
        return false;
    reader->piece_size = reader->piece_done;
    return true;
}

void agent_reader_save(const AgentReader *reader, MainState *state)
{
    bool complete = reader->header_size == AGENT_CHUNK_HEADER_SIZE;

    state->a2c_chunk_header_size = reader->header_size;
    memcpy(state->a2c_chunk_header, reader->header, reader->header_size);
    memset(state->a2c_chunk_header + reader->header_size, 0, AGENT_CHUNK_HEADER_SIZE - reader->header_size);
    state->a2c_msg_header_done = complete && reader->piece_done == 0;
    g_byte_array_set_size(state->a2c_msg_header_partial, 0);
    g_byte_array_append(state->a2c_msg_header_partial, reader->piece, reader->piece_done);
    if (complete)
        for (unsigned i = 0; i < 4; i++)
            state->a2c_chunk_header[4 + i] = (uint8_t)(reader->unread >> 8 * i);
}

void agent_reader_load(AgentReader *reader, const MainState *state)
{
    unsigned partial = state->a2c_msg_header_partial->len; /* less than a message header */

    agent_reader_reset(reader);
    memcpy(reader->header, state->a2c_chunk_header, AGENT_CHUNK_HEADER_SIZE);
    reader->header_size = state->a2c_chunk_header_size;
    if (reader->header_size < AGENT_CHUNK_HEADER_SIZE)
        return;
    reader->unread = chunk_size(reader);
    if (partial)
        memcpy(reader->piece, state->a2c_msg_header_partial->data, partial);
    reader->piece_done = partial;
    if (partial) {
        /* The stock server writes 0 here, whatever is still to come. */
        reader->unread_unknown = reader->unread == 0;
        reader->piece_size = reader->unread_unknown
                                 ? AGENT_HEADER_SIZE
                                 : (unsigned)MIN((uint64_t)partial + reader->unread, AGENT_PIECE_MAX);
    } else if (reader->unread == 0) {
        reader->header_size = 0; /* the end of the chunk */
    }
}
