/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The logic of the inputs channel without its sockets: which keys are down, which locks the guest should have, what
 * button masks mean, when motion is acknowledged. No allocation, nothing can fail. Host context.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Time after which clients are told the lock state when a lock key or a KEY_MODIFIERS message has come: guests
 * without led feedback never report it. Each function that returns true asks to (re)start that timer. */
#define LOCK_ECHO_MS 2000

/* Motion and position events for one MOUSE_MOTION_ACK (SPICE_INPUT_MOTION_ACK_BUNCH). */
#define MOTION_BUNCH 4

/*
 * KeyTracker: belongs to the keyboard, not to a client. Scan codes are those of PC/XT set 1; modifiers are
 * SPICE_KEYBOARD_MODIFIER_FLAGS_* (1 scroll, 2 num, 4 caps).
 */
typedef struct KeyTracker {
    void (*push)(void *opaque, uint8_t byte); /* gives a byte to the host's keyboard */
    void *opaque;
    bool pressed[2][128]; /* plain keys, keys after 0xe0 */
    uint8_t prefix;       /* 0xe0..0xe2 while the next byte belongs to it; else 0 */
    uint8_t modifiers;    /* the locks that the guest should have on */
    uint8_t locks_held;   /* the lock keys that are down */
} KeyTracker;

void key_tracker_init(KeyTracker *t, void (*push)(void *opaque, uint8_t byte), void *opaque);

/* KEY_DOWN and KEY_UP: up to four bytes in `code`, the first one lowest; a zero byte ends them. True: see above. */
bool key_tracker_code(KeyTracker *t, uint32_t code);
/* KEY_SCANCODE: every byte, zeroes too. */
bool key_tracker_bytes(KeyTracker *t, const uint8_t *bytes, uint32_t count);
/* KEY_MODIFIERS: presses and releases the locks that differ and are not held down. Always true. */
bool key_tracker_set_modifiers(KeyTracker *t, uint16_t wanted);
/* The guest's leds are this, whatever the tracker believed. */
void key_tracker_set_leds(KeyTracker *t, uint8_t leds);
/* The client is gone: releases plain keys in ascending order, then those after 0xe0. */
void key_tracker_release_all(KeyTracker *t);

/* A mask of the protocol (1 left, 2 middle, 4 right, 8 up, 0x10 down, 0x20 side, 0x40 extra) as the callbacks of
 * mouse and tablet want it (1 left, 2 right, 4 middle, 0x40 side, 0x80 extra; wheel left out). */
uint32_t buttons_for_host(uint16_t mask);
/* The same for the agent's mouse state. `pressed`: the button of a MOUSE_PRESS message, else 0. */
uint32_t buttons_for_agent(uint16_t mask, uint8_t pressed);
/* Wheel steps that a pressed button means: -1 for up (4), +1 for down (5), else 0. */
int wheel_of_button(uint8_t button);

/* MotionCounter: MOUSE_MOTION and MOUSE_POSITION of one client, received and not yet acknowledged. */
typedef struct MotionCounter {
    uint32_t count;
} MotionCounter;

/* One event has come. Returns the number of acknowledgements to send now: none while the channel migrates away. */
unsigned motion_counter_event(MotionCounter *m, bool migrating);
/* What migration data carry. */
uint16_t motion_counter_save(const MotionCounter *m);
/* At the destination: returns the number of acknowledgements to send now, keeps the rest. */
unsigned motion_counter_restore(MotionCounter *m, uint16_t count);
