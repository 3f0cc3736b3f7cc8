/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The glyphs of a DRAW_TEXT as they travel: one after the other, each with its rows behind it. Any thread.
 */
#pragma once

#include "common/draw/glyphs.h"
#include "common/wire/reader.h"
#include "common/wire/writer.h"

void wire_glyphs_write(WireWriter *w, const GlyphString *string);
/* The string at `offset` of the body of `r`, which itself does not move. NULL with an error. */
GlyphString *wire_glyphs_read(const WireReader *r, uint32_t offset, GError **error);
