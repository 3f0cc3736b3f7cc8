/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AgentFilter: follows the messages of the guest agent through one direction and decides what passes.
 *
 * The bytes come in pieces of at most AGENT_PIECE_MAX. A message may span pieces; a piece that begins a message holds
 * all of its header, and no piece goes beyond the end of a message. Pure data, not thread safe.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define AGENT_PIECE_MAX 2048u
#define AGENT_HEADER_SIZE 20u      /* protocol, type, opaque, size */
#define AGENT_CHUNK_HEADER_SIZE 8u /* port, size: around the pieces on the device's side */

/* The numbers are those of the migration data. */
typedef enum AgentVerdict {
    AGENT_FORWARD = 0,
    AGENT_DISCARD = 1,
    AGENT_BROKEN = 2,   /* violates the protocol */
    AGENT_MONITORS = 3, /* monitors configuration that the server takes itself */
} AgentVerdict;

typedef struct AgentFilter {
    uint32_t remaining;   /* bytes of the current message that are still to come */
    AgentVerdict verdict; /* on the whole current message */
    bool discard_all;     /* messages that begin from now on do not pass */
    bool copy_paste, file_xfer, monitors;
} AgentFilter;

AgentVerdict agent_filter_piece(AgentFilter *filter, const uint8_t *piece, size_t size);

/* The piece begins a capability announcement that has a first word of capabilities: gives it, else NULL. To be asked
 * about pieces that begin a message. The word is little endian. */
uint8_t *agent_announced_caps(uint8_t *piece, size_t size);

/* A message header. */
uint32_t agent_header_type(const uint8_t *header);
uint32_t agent_header_size(const uint8_t *header);
