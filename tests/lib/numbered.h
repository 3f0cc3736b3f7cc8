/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A numbered stream: lines of seven hexadecimal digits that count up. A byte that is missing, or comes twice, is seen
 * at once. It can be compressed. Shared by the client and by the guest without an operating system.
 */
#pragma once

#include <stdint.h>

#define NUMBERED_KEPT 32 /* bytes from the first wrong one */

/* The byte at a position, counted from 0. Repeats after 2 GiB. */
static inline uint8_t numbered_byte(uint64_t position)
{
    uint32_t digit = (uint32_t)position & 7, line = (uint32_t)(position >> 3);

    return digit == 7 ? '\n' : (uint8_t) "0123456789abcdef"[line >> 4 * (6 - digit) & 15];
}

/* The next bytes of a stream of which *written were made before. */
static inline void numbered_fill(uint64_t *written, uint8_t *to, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        to[i] = numbered_byte((*written)++);
}

/* What has come of a stream. Zeroed: nothing yet. */
typedef struct NumberedCheck {
    uint64_t read;  /* bytes */
    uint32_t wrong; /* bytes kept: 0 = all were right so far */
    uint64_t wrong_at;
    uint8_t kept[NUMBERED_KEPT];
} NumberedCheck;

static inline void numbered_check(NumberedCheck *check, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++, check->read++) {
        if (!check->wrong && bytes[i] != numbered_byte(check->read))
            check->wrong_at = check->read;
        else if (!check->wrong)
            continue;
        if (check->wrong < NUMBERED_KEPT)
            check->kept[check->wrong++] = bytes[i];
    }
}
