/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/inputs-keys.h"

#include <glib.h>
#include <spice/enums.h>
#include <string.h>

#define KEY_RELEASED 0x80
#define KEY_EXTENDED 0xe0
#define KEY_PREFIX_LAST 0xe2

/* In the order in which KEY_MODIFIERS sets them. */
static const struct {
    uint8_t flag;
    uint8_t key;
} locks[] = {
    {SPICE_KEYBOARD_MODIFIER_FLAGS_SCROLL_LOCK, 0x46},
    {SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK, 0x45},
    {SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK, 0x3a},
};

void key_tracker_init(KeyTracker *t, void (*push)(void *opaque, uint8_t byte), void *opaque)
{
    memset(t, 0, sizeof(*t));
    t->push = push;
    t->opaque = opaque;
}

static void track_key(KeyTracker *t, uint8_t byte)
{
    if (byte >= KEY_EXTENDED && byte <= KEY_PREFIX_LAST) {
        t->prefix = byte;
        return;
    }
    /* The keys after the other prefixes (pause) have no release of their own. */
    if (t->prefix == 0 || t->prefix == KEY_EXTENDED) {
        t->pressed[t->prefix == KEY_EXTENDED][byte & 0x7f] = !(byte & KEY_RELEASED);
    }
    t->prefix = 0;
}

/* True if a lock changed. */
static bool track_lock(KeyTracker *t, uint8_t byte)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(locks); i++) {
        if ((byte & ~KEY_RELEASED) != locks[i].key) {
            continue;
        }
        if (byte & KEY_RELEASED) {
            t->locks_held &= (uint8_t)~locks[i].flag;
            return false;
        }
        if (t->locks_held & locks[i].flag) {
            return false; /* repeated by the client's keyboard */
        }
        t->modifiers ^= locks[i].flag;
        t->locks_held |= locks[i].flag;
        return true;
    }
    return false;
}

static bool push_byte(KeyTracker *t, uint8_t byte)
{
    bool changed = track_lock(t, byte);

    track_key(t, byte);
    t->push(t->opaque, byte);
    return changed;
}

bool key_tracker_code(KeyTracker *t, uint32_t code)
{
    bool changed = false;

    for (; code & 0xff; code >>= 8) {
        changed |= push_byte(t, code & 0xff);
    }
    return changed;
}

bool key_tracker_bytes(KeyTracker *t, const uint8_t *bytes, uint32_t count)
{
    bool changed = false;

    for (uint32_t i = 0; i < count; i++) {
        changed |= push_byte(t, bytes[i]);
    }
    return changed;
}

bool key_tracker_set_modifiers(KeyTracker *t, uint16_t wanted)
{
    uint8_t differ = (uint8_t)(wanted ^ t->modifiers) & (uint8_t)~t->locks_held;

    for (unsigned i = 0; i < G_N_ELEMENTS(locks); i++) {
        if (differ & locks[i].flag) {
            t->push(t->opaque, locks[i].key);
            t->push(t->opaque, locks[i].key | KEY_RELEASED);
            t->modifiers ^= locks[i].flag;
            /* A prefix that was pending belongs to what the keyboard has just got, not to the client's next key. */
            t->prefix = 0;
        }
    }
    return true;
}

void key_tracker_set_leds(KeyTracker *t, uint8_t leds)
{
    t->modifiers = leds;
}

void key_tracker_release_all(KeyTracker *t)
{
    for (unsigned extended = 0; extended < 2; extended++) {
        for (unsigned key = 0; key < G_N_ELEMENTS(t->pressed[0]); key++) {
            if (!t->pressed[extended][key]) {
                continue;
            }
            if (extended) {
                t->push(t->opaque, KEY_EXTENDED);
            }
            t->push(t->opaque, (uint8_t)(key | KEY_RELEASED));
        }
    }
    memset(t->pressed, 0, sizeof(t->pressed));
    t->locks_held = 0;
    t->prefix = 0;
}

uint32_t buttons_for_host(uint16_t mask)
{
    const uint32_t m = mask;
    const uint32_t wheel = SPICE_MOUSE_BUTTON_MASK_UP | SPICE_MOUSE_BUTTON_MASK_DOWN;
    const uint32_t swapped = SPICE_MOUSE_BUTTON_MASK_LEFT | SPICE_MOUSE_BUTTON_MASK_RIGHT;

    return (m & SPICE_MOUSE_BUTTON_MASK_LEFT) | (m & SPICE_MOUSE_BUTTON_MASK_RIGHT) >> 1 |
           (m & ~(wheel | swapped)) << 1;
}

uint32_t buttons_for_agent(uint16_t mask, uint8_t pressed)
{
    uint32_t buttons = (uint32_t)mask << 1;

    /* Wheel buttons are not in the mask of their own press message. */
    if (pressed == SPICE_MOUSE_BUTTON_UP) {
        buttons |= SPICE_MOUSE_BUTTON_MASK_UP << 1;
    } else if (pressed == SPICE_MOUSE_BUTTON_DOWN) {
        buttons |= SPICE_MOUSE_BUTTON_MASK_DOWN << 1;
    }
    return buttons;
}

int wheel_of_button(uint8_t button)
{
    return button == SPICE_MOUSE_BUTTON_UP ? -1 : button == SPICE_MOUSE_BUTTON_DOWN ? 1 : 0;
}

/* Whole bunches leave the count. */
static unsigned take_bunches(MotionCounter *m)
{
    unsigned bunches = m->count / MOTION_BUNCH;

    m->count %= MOTION_BUNCH;
    return bunches;
}

unsigned motion_counter_event(MotionCounter *m, bool migrating)
{
    if (m->count < G_MAXUINT32) {
        m->count++;
    }
    return migrating ? 0 : take_bunches(m);
}

uint16_t motion_counter_save(const MotionCounter *m)
{
    return (uint16_t)MIN(m->count, G_MAXUINT16);
}

unsigned motion_counter_restore(MotionCounter *m, uint16_t count)
{
    m->count = count;
    return take_bunches(m);
}
