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

/* One clear line, once, for a function that hosts may call (some for every frame of sound, or every write of a guest)
 * but that does not exist yet. */
#define API_NOT_IMPLEMENTED()                                                                                          \
    do {                                                                                                               \
        static gsize told;                                                                                             \
                                                                                                                       \
        if (g_once_init_enter(&told)) {                                                                                \
            g_warning("%s is not implemented yet", __func__);                                                          \
            g_once_init_leave(&told, 1);                                                                               \
        }                                                                                                              \
    } while (0)
