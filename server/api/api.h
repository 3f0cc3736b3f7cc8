/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files with exported functions include first: everything that the public headers declare is visible outside
 * the library, everything else is not. These functions check their arguments, hand over, and do nothing else.
 */
#pragma once

#pragma GCC visibility push(default)
#include <spice.h>
#pragma GCC visibility pop

#include <glib.h>

/* One clear line for a function that hosts may call but that does not exist yet. */
#define API_NOT_IMPLEMENTED() g_warning("%s is not implemented yet", __func__)
