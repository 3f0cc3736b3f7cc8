/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the client does with an agent in the guest: clipboard, files, monitors. Events: "agent" (connected),
 * "clipboard-grab" (the guest owns it), "clipboard" (text, base64: what was asked for), "clipboard-asked",
 * "clipboard-release", "files-copied" (ok, error).
 */
#pragma once

#include <spice-client.h>

/* The main channel has come up. */
void agent_watch(SpiceMainChannel *main_channel);
/*
 * Runs one of the commands "clipboard-offer", "clipboard-ask", "copy-files", "resize", "monitors", "mouse-mode"
 * (words[0]; see main.c) and answers. False: none of these.
 */
gboolean agent_command(SpiceSession *session, char **words);
