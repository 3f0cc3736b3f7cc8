/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the inputs channel. MOUSE_MOTION_ACK has no body; KEY_SCANCODE is plain bytes, at least one.
 */
#pragma once

#include "common/wire/msg.h"

typedef struct MsgInputsInit {
    uint16_t keyboard_modifiers; /* SPICE_KEYBOARD_MODIFIER_FLAGS_* */
} MsgInputsInit;
MSG_DECLARE(MsgInputsInit, msg_inputs_init);

typedef struct MsgInputsKeyModifiers {
    uint16_t modifiers;
} MsgInputsKeyModifiers;
MSG_DECLARE(MsgInputsKeyModifiers, msg_inputs_key_modifiers);

/* One to four scan code bytes, least significant first, up to the first zero byte. */
typedef struct MsgcInputsKeyDown {
    uint32_t code;
} MsgcInputsKeyDown;
MSG_DECLARE(MsgcInputsKeyDown, msgc_inputs_key_down);

typedef struct MsgcInputsKeyUp {
    uint32_t code;
} MsgcInputsKeyUp;
MSG_DECLARE(MsgcInputsKeyUp, msgc_inputs_key_up);

typedef struct MsgcInputsKeyModifiers {
    uint16_t modifiers;
} MsgcInputsKeyModifiers;
MSG_DECLARE(MsgcInputsKeyModifiers, msgc_inputs_key_modifiers);

typedef struct MsgcInputsMouseMotion {
    int32_t dx;
    int32_t dy;
    uint16_t buttons_state; /* SPICE_MOUSE_BUTTON_MASK_* */
} MsgcInputsMouseMotion;
MSG_DECLARE(MsgcInputsMouseMotion, msgc_inputs_mouse_motion);

typedef struct MsgcInputsMousePosition {
    uint32_t x;
    uint32_t y;
    uint16_t buttons_state;
    uint8_t display_id;
} MsgcInputsMousePosition;
MSG_DECLARE(MsgcInputsMousePosition, msgc_inputs_mouse_position);

typedef struct MsgcInputsMousePress {
    uint8_t button;         /* SPICE_MOUSE_BUTTON_* */
    uint16_t buttons_state; /* after the event */
} MsgcInputsMousePress;
MSG_DECLARE(MsgcInputsMousePress, msgc_inputs_mouse_press);

typedef struct MsgcInputsMouseRelease {
    uint8_t button;
    uint16_t buttons_state;
} MsgcInputsMouseRelease;
MSG_DECLARE(MsgcInputsMouseRelease, msgc_inputs_mouse_release);
