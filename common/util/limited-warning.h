/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warnings about what clients and guests do wrong: they can repeat it for ever, and the log is the host's disk.
 *
 * Each place in the code may write so many lines in each period; what is beyond is counted, and told with the first
 * line after it. SPICE_CARAVAN_LOG=all in the environment lifts the limit. Any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define LIMITED_WARNING_LINES 100                                       /* in each period */
#define LIMITED_WARNING_PERIOD (G_GINT64_CONSTANT(30) * G_USEC_PER_SEC) /* microseconds */

/* One for each place; zeroed at the start. */
typedef struct WarningLimit {
    gint64 since; /* begin of the period, monotonic time */
    guint lines;
    guint dropped;
} WarningLimit;

/* Whether a line may be written at `now` (microseconds, monotonic); *dropped: how many were not since the last one. */
bool warning_limit_pass(WarningLimit *limit, gint64 now, guint *dropped);

/* g_warning() of a message that is built by the caller. */
void warning_limited(const char *domain, WarningLimit *limit, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define WARN_LIMITED(...)                                                                                              \
    do {                                                                                                               \
        static WarningLimit warning_limit_here;                                                                        \
        warning_limited(G_LOG_DOMAIN, &warning_limit_here, __VA_ARGS__);                                               \
    } while (0)
