/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KeyTracker: which keys of the guest's keyboard are down, and which locks are on, as told by the scan codes (PC/XT set
 * 1) that pass through. Pure logic. Host context.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct KeyTracker {
    void (*push)(uint8_t code, void *opaque); /* hands one byte to the keyboard */
    void *opaque;
    uint8_t prefix;       /* 0xe0..0xe2 that was seen last, 0 = none */
    bool pressed[2][128]; /* plain keys, 0xe0 keys */
    uint16_t modifiers;   /* SPICE_KEYBOARD_MODIFIER_FLAGS_*: the locks that the guest should have on */
    uint16_t locks_held;  /* lock keys that are down */
} KeyTracker;

/* Passes one byte on. True if a lock was toggled: clients are to be told a little later. */
bool key_tracker_push(KeyTracker *keys, uint8_t code);
/* Presses lock keys until the locks are as the client wants them. */
void key_tracker_set_modifiers(KeyTracker *keys, uint16_t wanted);
/* Releases every key that is down: plain keys first, each kind in the order of their codes. */
void key_tracker_release_all(KeyTracker *keys);

/* Buttons of the protocol as hosts know them. */
uint32_t mouse_buttons_for_host(uint16_t mask);
