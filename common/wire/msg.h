/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all typed messages have in common.
 *
 * The struct of a message is named after its number in <spice/enums.h>: SPICE_MSG_SET_ACK is MsgSetAck with
 * msg_set_ack_encode() and msg_set_ack_decode(); SPICE_MSGC_MAIN_AGENT_START is MsgcMainAgentStart with
 * msgc_main_agent_start_decode(). Messages without a struct have an empty body, or one of plain bytes.
 *
 * encode: appends the body to a writer. A body with pointers must start at byte 0 of the writer.
 * decode: the reader stands at the start of the body. Gives true and the whole struct, or false, an error of
 *   WIRE_ERROR and nothing to clear. Bytes behind the last member are ignored. Enum values are not checked. Fields that
 *   are `const` pointers lead into the body, so they live as long as the body does; other pointers are owned.
 * clear: frees what a decoder allocated; exists only for messages that own something. Not for structs that a caller
 * filled.
 *
 * No function keeps state: any thread may call them.
 */
#pragma once

#include "common/wire/reader.h"
#include "common/wire/writer.h"

#define MSG_DECLARE(Type, name)                                                                                        \
    void name##_encode(WireWriter *w, const Type *m);                                                                  \
    bool name##_decode(WireReader *r, Type *m, GError **error)

#define MSG_DECLARE_CLEAR(Type, name)                                                                                  \
    MSG_DECLARE(Type, name);                                                                                           \
    void name##_clear(Type *m);                                                                                        \
    G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Type, name##_clear)
