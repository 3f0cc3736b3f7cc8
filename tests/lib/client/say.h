/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One JSON object a line on stdout, flushed: how the test programs talk to their drivers.
 *
 *     say("event", "opened", "type", 'i', 2, "id", 'i', 0, NULL)  ->  {"event":"opened","type":2,"id":0}
 *
 * After the first pair come triples: name, kind and value. Kinds: 'i' int, 'u' unsigned, 's' string (may be NULL), 'b'
 * gboolean.
 */
#pragma once

#include <glib.h>

void say(const char *what, const char *name, ...) G_GNUC_NULL_TERMINATED;
