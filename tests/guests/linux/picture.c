/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

/* A wave without floating point: 0..255 for any phase. */
static int wave(uint32_t phase)
{
    int x = (int)(phase & 511);

    x = x < 256 ? x : 511 - x;
    return (x * x * (3 * 256 - 2 * x)) >> 16; /* smooth at both ends */
}

static uint32_t clamp(int value)
{
    return (uint32_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void picture_fill(uint32_t *pixels, int width, int height, unsigned number)
{
    uint32_t random = number * 7919U + 12345U;
    uint32_t step[3][4];
    int noise = (int)(number % 4) * 3 + 2;

    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 4; k++)
            step[c][k] = 150 + next_random(&random) % 900; /* of a phase, in 1/256 */
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint32_t pixel = 0, u = (uint32_t)x, v = (uint32_t)y;

            for (int c = 0; c < 3; c++) {
                int value = wave((u * step[c][0] + v * step[c][1]) >> 8) + wave((u * step[c][2] - v * step[c][3]) >> 8);

                value = value / 2 + (int)(next_random(&random) % (uint32_t)noise) - noise / 2;
                pixel = pixel << 8 | clamp(value);
            }
            pixels[(uint32_t)y * (uint32_t)width + u] = pixel;
        }
}
