/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures made by formulas, for the tests and benchmarks of the codecs: the same as those of the recorded streams. */
#pragma once

#include "common/image/lz.h"

unsigned codec_type_bits(LzType type);                         /* of one pixel */
size_t codec_image_bytes(LzType type, unsigned w, unsigned h); /* of packed rows */

uint8_t codec_random(uint32_t *state);

/* kind: flat, grad, noise, soft, text, mix. Free with g_free(). */
uint8_t *codec_image(LzType type, const char *kind, unsigned w, unsigned h, uint32_t seed);

void assert_sha256(const uint8_t *data, size_t size, const char *expected);
GBytes *from_hex(const char *hex);
