/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/channels/inputs-keys.h"

#include <glib.h>

typedef struct Keyboard {
    KeyTracker tracker;
    GString *bytes; /* what was pushed, in hex */
} Keyboard;

static void push(void *opaque, uint8_t byte)
{
    Keyboard *k = opaque;

    g_string_append_printf(k->bytes, "%s%02x", k->bytes->len ? " " : "", byte);
}

static void keyboard_init(Keyboard *k)
{
    k->bytes = g_string_new(NULL);
    key_tracker_init(&k->tracker, push, k);
}

/* What was pushed since the last call. */
#define assert_pushed(k, expected)                                                                                     \
    do {                                                                                                               \
        g_assert_cmpstr((k)->bytes->str, ==, expected);                                                                \
        g_string_truncate((k)->bytes, 0);                                                                              \
    } while (0)

static void keyboard_clear(Keyboard *k)
{
    g_string_free(k->bytes, TRUE);
}

static void test_codes(void)
{
    static const uint8_t raw[] = {0x1e, 0x00, 0x9e};
    Keyboard k;

    keyboard_init(&k);
    g_assert_false(key_tracker_code(&k.tracker, 0x1e));
    g_assert_false(key_tracker_code(&k.tracker, 0x9e));
    g_assert_false(key_tracker_code(&k.tracker, 0x1de0));
    g_assert_false(key_tracker_code(&k.tracker, 0x9de0));
    assert_pushed(&k, "1e 9e e0 1d e0 9d");
    key_tracker_code(&k.tracker, 0x1e00);
    assert_pushed(&k, "");
    key_tracker_code(&k.tracker, 0x9d1d001e);
    assert_pushed(&k, "1e");
    key_tracker_code(&k.tracker, 0x45e11de1);
    assert_pushed(&k, "e1 1d e1 45");
    key_tracker_bytes(&k.tracker, raw, sizeof(raw));
    assert_pushed(&k, "1e 00 9e");
    keyboard_clear(&k);
}

static void test_release(void)
{
    Keyboard k;

    keyboard_init(&k);
    key_tracker_code(&k.tracker, 0x1de0); /* right Ctrl */
    key_tracker_code(&k.tracker, 0x38e0); /* right Alt */
    key_tracker_code(&k.tracker, 0x39);   /* space */
    key_tracker_code(&k.tracker, 0x1e);   /* a */
    key_tracker_code(&k.tracker, 0x1d);   /* left Ctrl */
    key_tracker_code(&k.tracker, 0x30);   /* b, released */
    key_tracker_code(&k.tracker, 0xb0);
    key_tracker_code(&k.tracker, 0x1de1); /* not tracked */
    key_tracker_code(&k.tracker, 0x9de0); /* right Ctrl released */
    g_string_truncate(k.bytes, 0);
    key_tracker_release_all(&k.tracker);
    assert_pushed(&k, "9d 9e b9 e0 b8");
    key_tracker_release_all(&k.tracker);
    assert_pushed(&k, "");
    keyboard_clear(&k);
}

/* A prefix may come in a message of its own. */
static void test_prefix(void)
{
    Keyboard k;

    keyboard_init(&k);
    key_tracker_code(&k.tracker, 0xe0);
    key_tracker_code(&k.tracker, 0x1d);
    assert_pushed(&k, "e0 1d");
    key_tracker_release_all(&k.tracker);
    assert_pushed(&k, "e0 9d");
    keyboard_clear(&k);
}

static void test_locks(void)
{
    Keyboard k;

    keyboard_init(&k);
    g_assert_true(key_tracker_code(&k.tracker, 0x3a));
    g_assert_cmpuint(k.tracker.modifiers, ==, 4);
    g_assert_cmpuint(k.tracker.locks_held, ==, 4);
    g_assert_false(key_tracker_code(&k.tracker, 0x3a)); /* repeated */
    g_assert_cmpuint(k.tracker.modifiers, ==, 4);
    g_assert_false(key_tracker_code(&k.tracker, 0xba));
    g_assert_cmpuint(k.tracker.locks_held, ==, 0);
    g_assert_true(key_tracker_bytes(&k.tracker, (const uint8_t[]){0x45, 0xc5, 0x46, 0xc6}, 4));
    g_assert_cmpuint(k.tracker.modifiers, ==, 7);
    g_assert_true(key_tracker_code(&k.tracker, 0x3a));
    g_assert_cmpuint(k.tracker.modifiers, ==, 3);
    key_tracker_release_all(&k.tracker);
    g_assert_cmpuint(k.tracker.locks_held, ==, 0);
    g_assert_cmpuint(k.tracker.modifiers, ==, 3);
    key_tracker_set_leds(&k.tracker, 1);
    g_assert_cmpuint(k.tracker.modifiers, ==, 1);
    keyboard_clear(&k);
}

static void test_modifiers(void)
{
    Keyboard k;

    keyboard_init(&k);
    g_assert_true(key_tracker_set_modifiers(&k.tracker, 7));
    assert_pushed(&k, "46 c6 45 c5 3a ba");
    g_assert_cmpuint(k.tracker.modifiers, ==, 7);
    g_assert_true(key_tracker_set_modifiers(&k.tracker, 7));
    assert_pushed(&k, "");
    g_assert_true(key_tracker_set_modifiers(&k.tracker, 2));
    assert_pushed(&k, "46 c6 3a ba");
    g_assert_cmpuint(k.tracker.modifiers, ==, 2);
    g_assert_true(key_tracker_set_modifiers(&k.tracker, 0xfffa)); /* other bits mean nothing */
    assert_pushed(&k, "");
    key_tracker_code(&k.tracker, 0x3a); /* on, and held: stays as it is */
    g_string_truncate(k.bytes, 0);
    g_assert_true(key_tracker_set_modifiers(&k.tracker, 1));
    assert_pushed(&k, "46 c6 45 c5");
    g_assert_cmpuint(k.tracker.modifiers, ==, 5);
    keyboard_clear(&k);
}

static void test_buttons(void)
{
    static const struct {
        uint16_t mask;
        uint32_t host, agent;
    } cases[] = {
        {0, 0, 0},   {1, 1, 2},    {2, 4, 4},      {4, 2, 8},          {8, 0, 16},
        {16, 0, 32}, {32, 64, 64}, {64, 128, 128}, {0x7f, 0xc7, 0xfe}, {0x8000, 0x10000, 0x10000},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpuint(buttons_for_host(cases[i].mask), ==, cases[i].host);
        g_assert_cmpuint(buttons_for_agent(cases[i].mask, 0), ==, cases[i].agent);
    }
    /* The formula of the protocol's description, for all masks. */
    for (uint32_t m = 0; m <= 0xffff; m++) {
        g_assert_cmpuint(buttons_for_host((uint16_t)m), ==, (m & 1) | ((m & (2 | 0xffe0)) << 1) | ((m & 4) >> 1));
    }
    g_assert_cmpuint(buttons_for_agent(1, 4), ==, 0x12);
    g_assert_cmpuint(buttons_for_agent(1, 5), ==, 0x22);
    g_assert_cmpuint(buttons_for_agent(1, 1), ==, 2);
    g_assert_cmpint(wheel_of_button(4), ==, -1);
    g_assert_cmpint(wheel_of_button(5), ==, 1);
    g_assert_cmpint(wheel_of_button(3), ==, 0);
}

static void test_motion(void)
{
    MotionCounter source = {0}, destination = {0};
    unsigned acks = 0;

    for (unsigned i = 0; i < 6; i++) {
        acks += motion_counter_event(&source, false);
    }
    g_assert_cmpuint(acks, ==, 1);
    g_assert_cmpuint(motion_counter_save(&source), ==, 2);
    for (unsigned i = 0; i < 7; i++) {
        g_assert_cmpuint(motion_counter_event(&source, true), ==, 0);
    }
    g_assert_cmpuint(motion_counter_save(&source), ==, 9);
    g_assert_cmpuint(motion_counter_restore(&destination, 9), ==, 2);
    g_assert_cmpuint(motion_counter_save(&destination), ==, 1);
    g_assert_cmpuint(motion_counter_event(&destination, false), ==, 0);
    g_assert_cmpuint(motion_counter_event(&destination, false), ==, 0);
    g_assert_cmpuint(motion_counter_event(&destination, false), ==, 1);
    /* The migration did not happen: nothing is lost. */
    g_assert_cmpuint(motion_counter_event(&source, false), ==, 2);
    g_assert_cmpuint(motion_counter_save(&source), ==, 2);
    source.count = G_MAXUINT32;
    g_assert_cmpuint(motion_counter_event(&source, true), ==, 0);
    g_assert_cmpuint(motion_counter_save(&source), ==, 0xffff);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/inputs-keys/codes", test_codes);
    g_test_add_func("/inputs-keys/release", test_release);
    g_test_add_func("/inputs-keys/prefix", test_prefix);
    g_test_add_func("/inputs-keys/locks", test_locks);
    g_test_add_func("/inputs-keys/modifiers", test_modifiers);
    g_test_add_func("/inputs-keys/buttons", test_buttons);
    g_test_add_func("/inputs-keys/motion", test_motion);
    return g_test_run();
}
