/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far a numbered stream is, as an answer: written, read; if a wrong byte came wrong, its position, and bytes, hex.
 */
#pragma once

#include "tests/lib/numbered.h"

void numbers_say(const char *answer, uint64_t written, const NumberedCheck *check);
