/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A clipboard whose content, in both directions, is a numbered stream (tests/lib/numbered.h), piece by piece. Each side
 * asks for some pieces ahead and for one more whenever one has come.
 */
#pragma once

#include <spice-client.h>

/* The main channel has come up. */
void clipboard_watch(SpiceMainChannel *main);
/* Says that there is something on the clipboard, and answers requests and asks from now on; or pauses with both. */
void clipboard_stream(gboolean on);
/* The clipboard is the stream's from the first clipboard_stream(TRUE) on that an agent knew of, pauses included: nobody
 * else answers requests. */
gboolean clipboard_is_streamed(void);
/* Answers clipboard-counts: written, read, and if a wrong byte came, wrong (its position) and bytes (hex). */
void clipboard_answer_counts(void);
