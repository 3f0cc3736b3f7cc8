/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the usbredir, port and webdav channels. DATA is plain bytes in both directions, at least one.
 */
#pragma once

#include "common/wire/msg.h"

/* The same in both directions. */
typedef struct MsgSpicevmcCompressedData {
    uint8_t type;               /* SPICE_DATA_COMPRESSION_TYPE_* */
    uint32_t uncompressed_size; /* bytes; not on the wire with type NONE, and 0 then */
    const uint8_t *data;        /* the rest of the message */
    uint32_t size;              /* of data */
} MsgSpicevmcCompressedData;
MSG_DECLARE(MsgSpicevmcCompressedData, msg_spicevmc_compressed_data);

typedef struct MsgPortInit {
    const char *name; /* NUL terminated */
    uint8_t opened;
} MsgPortInit;
MSG_DECLARE(MsgPortInit, msg_port_init);

typedef struct MsgPortEvent {
    uint8_t event; /* SPICE_PORT_EVENT_* */
} MsgPortEvent;
MSG_DECLARE(MsgPortEvent, msg_port_event);

typedef struct MsgcPortEvent {
    uint8_t event;
} MsgcPortEvent;
MSG_DECLARE(MsgcPortEvent, msgc_port_event);
