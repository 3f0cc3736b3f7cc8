/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the messages of a server on a display channel as far as images, surfaces and caches are concerned. */
#pragma once

#include "tests/lib/tap/link.h"

/* Counts images and hands the steps of this message to the session. False: malformed. */
bool display_message(TapLink *link, guint16 type, const guint8 *body, gsize size);

/* WAIT_FOR_CHANNELS and the wait list of INVAL_ALL_PIXMAPS; any channel. */
bool display_waits(TapLink *link, const guint8 *body, gsize size);
