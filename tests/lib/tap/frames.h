/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link stage and the frames of one direction. */
#pragma once

#include "tests/lib/tap/link.h"

void frames_init(Flow *flow, TapLink *link, TapSide side);
void frames_clear(Flow *flow);

/* Reads along with the next bytes of the sender and emits them. */
void frames_feed(Flow *flow, const guint8 *data, gsize size);

/* The sender has ended: emits what was held back. */
void frames_end(Flow *flow);
