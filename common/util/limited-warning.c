/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/util/limited-warning.h"

#include <pthread.h>
#include <stdarg.h>

static pthread_mutex_t limits = PTHREAD_MUTEX_INITIALIZER; /* ThreadSanitizer understands this one */

bool warning_limit_pass(WarningLimit *limit, gint64 now, guint *dropped)
{
    bool pass;

    pthread_mutex_lock(&limits);
    if (!limit->since || now - limit->since >= LIMITED_WARNING_PERIOD) {
        limit->since = now;
        limit->lines = 0;
    }
    pass = limit->lines < LIMITED_WARNING_LINES;
    *dropped = pass ? limit->dropped : 0;
    if (pass) {
        limit->lines++;
        limit->dropped = 0;
    } else {
        limit->dropped++;
    }
    pthread_mutex_unlock(&limits);
    return pass;
}

/* Tests look for each line. */
static bool is_unlimited(void)
{
    static gsize known; /* 1: limited, 2: not */

    if (g_once_init_enter(&known))
        g_once_init_leave(&known, g_strcmp0(g_getenv("SPICE_CARAVAN_LOG"), "all") == 0 ? 2 : 1);
    return known == 2;
}

void warning_limited(const char *domain, WarningLimit *limit, const char *format, ...)
{
    guint dropped = 0;
    va_list args;

    if (!is_unlimited() && !warning_limit_pass(limit, g_get_monotonic_time(), &dropped))
        return;
    if (dropped)
        g_log(domain, G_LOG_LEVEL_WARNING, "%u more lines like the next one were not written", dropped);
    va_start(args, format);
    g_logv(domain, G_LOG_LEVEL_WARNING, format, args);
    va_end(args);
}
