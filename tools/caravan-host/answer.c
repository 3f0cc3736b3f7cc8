/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/caravan-host/answer.h"

#include <stdio.h>

static GMutex output_lock;

static void append_quoted(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_printf(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            g_string_append_printf(out, "\\u%04x", *c);
        else
            g_string_append_c(out, *c);
    }
    g_string_append_c(out, '"');
}

static void append_key(Answer *answer, const char *key)
{
    g_string_append(answer, answer->len > 1 ? ", " : "");
    append_quoted(answer, key);
    g_string_append(answer, ": ");
}

Answer *answer_new(const char *kind, const char *name)
{
    Answer *answer = g_string_new("{");
    answer_string(answer, kind, name);
    return answer;
}

void answer_bool(Answer *answer, const char *key, bool value)
{
    answer_json(answer, key, value ? "true" : "false");
}

void answer_int(Answer *answer, const char *key, int64_t value)
{
    append_key(answer, key);
    g_string_append_printf(answer, "%" G_GINT64_FORMAT, value);
}

void answer_real(Answer *answer, const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    answer_json(answer, key, g_ascii_formatd(text, sizeof(text), "%.3f", value));
}

void answer_string(Answer *answer, const char *key, const char *value)
{
    append_key(answer, key);
    append_quoted(answer, value);
}

void answer_json(Answer *answer, const char *key, const char *json)
{
    append_key(answer, key);
    g_string_append(answer, json);
}

void answer_send(Answer *answer)
{
    g_string_append(answer, "}\n");
    g_mutex_lock(&output_lock);
    fwrite(answer->str, 1, answer->len, stdout);
    fflush(stdout);
    g_mutex_unlock(&output_lock);
    g_string_free(answer, TRUE);
}

void answer_error(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    Answer *answer = answer_new("answer", name);
    answer_bool(answer, "ok", false);
    answer_string(answer, "error", message);
    answer_send(answer);
}
