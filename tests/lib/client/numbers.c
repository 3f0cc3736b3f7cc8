/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/numbers.h"

#include "tests/lib/client/say.h"

#include <glib.h>

void numbers_say(const char *answer, uint64_t written, const NumberedCheck *check)
{
    g_autoptr(GString) hex = g_string_new(NULL);

    for (uint32_t i = 0; i < check->wrong; i++)
        g_string_append_printf(hex, "%02x", check->kept[i]);
    if (check->wrong)
        say("answer", answer, "written", 'u', (unsigned)written, "read", 'u', (unsigned)check->read, "wrong", 'u',
            (unsigned)check->wrong_at, "bytes", 's', hex->str, NULL);
    else
        say("answer", answer, "written", 'u', (unsigned)written, "read", 'u', (unsigned)check->read, NULL);
}
