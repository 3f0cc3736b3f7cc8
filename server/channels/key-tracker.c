/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/key-tracker.h"

#include <spice/enums.h>

#define PREFIX 0xe0
#define LAST_PREFIX 0xe2
#define RELEASED 0x80

/* In the order in which wanted locks are applied. */
static const struct {
    uint8_t code;
    uint16_t flag;
} locks[] = {
    {0x46, SPICE_KEYBOARD_MODIFIER_FLAGS_SCROLL_LOCK},
    {0x45, SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK},
    {0x3a, SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK},
};

static bool track_lock(KeyTracker *keys, uint8_t code)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(locks); i++) {
        if (locks[i].code != (code & ~RELEASED))
            continue;
        if (code & RELEASED) {
            keys->locks_held &= (uint16_t)~locks[i].flag;
        } else if (!(keys->locks_held & locks[i].flag)) {
            keys->locks_held |= locks[i].flag;
            keys->modifiers ^= locks[i].flag;
            return true;
        }
    }
    return false;
}

bool key_tracker_push(KeyTracker *keys, uint8_t code)
{
    bool toggled = false;

    if (code >= PREFIX && code <= LAST_PREFIX) {
        keys->prefix = code;
    } else {
        if (keys->prefix == 0 || keys->prefix == PREFIX)
            keys->pressed[keys->prefix == PREFIX][code & ~RELEASED] = !(code & RELEASED);
        keys->prefix = 0;
        toggled = track_lock(keys, code);
    }
    keys->push(code, keys->opaque);
    return toggled;
}

void key_tracker_set_modifiers(KeyTracker *keys, uint16_t wanted)
{
    uint16_t differing = keys->modifiers ^ wanted;

    for (unsigned i = 0; i < G_N_ELEMENTS(locks); i++) {
        if (!(differing & locks[i].flag) || (keys->locks_held & locks[i].flag))
            continue;
        keys->push(locks[i].code, keys->opaque);
        keys->push(locks[i].code | RELEASED, keys->opaque);
        keys->modifiers ^= locks[i].flag;
    }
}

void key_tracker_release_all(KeyTracker *keys)
{
    for (unsigned extended = 0; extended < 2; extended++) {
        for (unsigned code = 0; code < 128; code++) {
            if (!keys->pressed[extended][code])
                continue;
            keys->pressed[extended][code] = false;
            if (extended)
                keys->push(PREFIX, keys->opaque);
            keys->push((uint8_t)(code | RELEASED), keys->opaque);
        }
    }
    keys->locks_held = 0;
    keys->prefix = 0;
}

uint32_t mouse_buttons_for_host(uint16_t mask)
{
    uint32_t host = 0;

    if (mask & SPICE_MOUSE_BUTTON_MASK_LEFT)
        host |= 1;
    if (mask & SPICE_MOUSE_BUTTON_MASK_RIGHT)
        host |= 2;
    if (mask & SPICE_MOUSE_BUTTON_MASK_MIDDLE)
        host |= 4;
    return host | (uint32_t)(mask & 0xffe0) << 1;
}
