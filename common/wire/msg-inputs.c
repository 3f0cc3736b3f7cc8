/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/msg-inputs.h"

#include "common/wire/msg-fields.h"

#define INIT(FIELD) FIELD(u16, keyboard_modifiers)
MSG_FIXED(MsgInputsInit, msg_inputs_init, INIT)

#define KEY_MODIFIERS(FIELD) FIELD(u16, modifiers)
MSG_FIXED(MsgInputsKeyModifiers, msg_inputs_key_modifiers, KEY_MODIFIERS)
MSG_FIXED(MsgcInputsKeyModifiers, msgc_inputs_key_modifiers, KEY_MODIFIERS)

#define KEY(FIELD) FIELD(u32, code)
MSG_FIXED(MsgcInputsKeyDown, msgc_inputs_key_down, KEY)
MSG_FIXED(MsgcInputsKeyUp, msgc_inputs_key_up, KEY)

#define MOUSE_MOTION(FIELD) FIELD(i32, dx) FIELD(i32, dy) FIELD(u16, buttons_state)
MSG_FIXED(MsgcInputsMouseMotion, msgc_inputs_mouse_motion, MOUSE_MOTION)

#define MOUSE_POSITION(FIELD) FIELD(u32, x) FIELD(u32, y) FIELD(u16, buttons_state) FIELD(u8, display_id)
MSG_FIXED(MsgcInputsMousePosition, msgc_inputs_mouse_position, MOUSE_POSITION)

#define MOUSE_BUTTON(FIELD) FIELD(u8, button) FIELD(u16, buttons_state)
MSG_FIXED(MsgcInputsMousePress, msgc_inputs_mouse_press, MOUSE_BUTTON)
MSG_FIXED(MsgcInputsMouseRelease, msgc_inputs_mouse_release, MOUSE_BUTTON)
