/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Migration states and bytes that the tests of the formats share. */
#pragma once

#include "server/migration/extension.h"
#include "server/migration/format-v1.h"

/* Hex digits; spaces and '|' do not matter. */
GBytes *sample_bytes(const char *hex);
void assert_bytes(GBytes *got, const char *hex);

/* A small display state with all sections: the example of docs/data-format.md. */
void sample_display_small(DisplayState *s);
/* A state as of a real session: random 32 bit ids, area sizes, serials that fall slowly in LRU order. */
void sample_display(DisplayState *s, GRand *rand, unsigned n_entries, unsigned n_channels, bool wide_ids);
void assert_display_equal(const DisplayState *a, const DisplayState *b);
