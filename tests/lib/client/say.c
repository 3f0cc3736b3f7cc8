/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/say.h"

#include <json-glib/json-glib.h>
#include <stdarg.h>
#include <stdio.h>

void say(const char *what, const char *name, ...)
{
    g_autoptr(JsonBuilder) b = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;
    const char *key;
    va_list ap;

    json_builder_begin_object(b);
    json_builder_set_member_name(b, what);
    json_builder_add_string_value(b, name);
    va_start(ap, name);
    while ((key = va_arg(ap, const char *)) != NULL) {
        int kind = va_arg(ap, int);

        json_builder_set_member_name(b, key);
        if (kind == 's')
            json_builder_add_string_value(b, va_arg(ap, const char *));
        else if (kind == 'b')
            json_builder_add_boolean_value(b, va_arg(ap, gboolean));
        else if (kind == 'u') /* NOLINTNEXTLINE(bugprone-branch-clone): another type is taken */
            json_builder_add_int_value(b, va_arg(ap, unsigned));
        else
            json_builder_add_int_value(b, va_arg(ap, int));
    }
    va_end(ap);
    json_builder_end_object(b);
    root = json_builder_get_root(b);
    text = json_to_string(root, FALSE);
    puts(text);
    fflush(stdout);
}
