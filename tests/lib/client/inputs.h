/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keyboard and mouse of the client. */
#pragma once

#include <spice-client.h>

/*
 * Runs one of the commands "key", "motion", "position", "button", "modifiers" (words[0]; see main.c) on the session's
 * inputs channel and answers. False: none of these.
 */
gboolean inputs_command(SpiceSession *session, char **words);
