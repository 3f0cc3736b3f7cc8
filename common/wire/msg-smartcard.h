/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the smartcard channel. DATA carries one VSC message, in both directions; the card device of the host
 * speaks the same messages with their header in network byte order.
 */
#pragma once

#include "common/wire/msg.h"

#define VSC_HEADER_SIZE 12u
#define VSC_UNDEFINED_READER UINT32_MAX

/* What an Error message carries, as four bytes, little endian to clients. Error SUCCESS is an acknowledgement. */
typedef enum VscErrorCode {
    VSC_ERROR_SUCCESS,
    VSC_ERROR_GENERAL,
    VSC_ERROR_CANNOT_ADD_MORE_READERS,
    VSC_ERROR_CARD_ALREADY_INSERTED,
} VscErrorCode;

typedef struct VscHeader {
    uint32_t type; /* SPICE_VSC_MESSAGE_TYPE_* */
    uint32_t reader_id;
    uint32_t length; /* of what follows */
} VscHeader;

/* The header in the device's byte order. */
void vsc_header_pack(uint8_t out[VSC_HEADER_SIZE], const VscHeader *header);
void vsc_header_unpack(const uint8_t in[VSC_HEADER_SIZE], VscHeader *header);

/* The same in both directions. */
typedef struct MsgSmartcardData {
    uint32_t type;      /* SPICE_VSC_MESSAGE_TYPE_* */
    uint32_t reader_id; /* VSC_UNDEFINED_READER = none */
    uint32_t length;    /* of data */
    const uint8_t *data;
} MsgSmartcardData;
MSG_DECLARE(MsgSmartcardData, msg_smartcard_data);
