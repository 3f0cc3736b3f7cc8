/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fixed row of commands that shows what a server does about approximate pictures. */
#pragma once

#include "tests/lib/draw/guest.h"

/* A new primary of format 32_xRGB, then commands of all kinds on it, each pair in a cell of its own. At last the first
 * cell is filled with `mark`. */
void lesson_submit(Guest *guest, uint32_t mark);
