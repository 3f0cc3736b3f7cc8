/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AgentReader: cuts the byte stream of the guest agent, which consists of chunks, into pieces for clients.
 *
 * It can stand anywhere in a chunk when a migration comes: what it has read of a piece is either sent on at once (the
 * message's header is known) or handed over. Pure data, not thread safe.
 */
#pragma once

#include "server/channels/agent-filter.h"
#include "server/migration/state.h"

/* Up to `size` bytes from the device, 0 = nothing now. */
typedef size_t (*AgentReadFunc)(void *opaque, void *buf, size_t size);

typedef enum AgentReadResult {
    AGENT_READ_NOTHING, /* for now */
    AGENT_READ_PIECE,   /* reader->piece, reader->piece_size, for the client */
    AGENT_READ_BROKEN,  /* the agent violates the protocol */
} AgentReadResult;

typedef struct AgentReader {
    uint8_t header[AGENT_CHUNK_HEADER_SIZE];
    unsigned header_size; /* bytes of it that were read */
    uint32_t unread;      /* bytes of the chunk that were not read yet; header complete */
    bool unread_unknown;  /* an old server did not say: the message's header will */
    uint8_t piece[AGENT_PIECE_MAX];
    unsigned piece_done; /* bytes of it that were read */
    unsigned piece_size; /* bytes that it will have, 0 = not begun */
} AgentReader;

void agent_reader_reset(AgentReader *reader);
/* Chunks for the server itself are dropped. After a piece was taken, agent_reader_next() goes on. */
AgentReadResult agent_reader_read(AgentReader *reader, AgentReadFunc read, void *opaque);
void agent_reader_next(AgentReader *reader);

/* Source: what was read of a piece becomes one that is to be sent now (true), if `in_message` (the filter is within a
 * message) or its message's header is there. */
bool agent_reader_cut(AgentReader *reader, bool in_message);
void agent_reader_save(const AgentReader *reader, MainState *state);
void agent_reader_load(AgentReader *reader, const MainState *state);
