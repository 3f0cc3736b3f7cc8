/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers and events: one JSON object a line on standard output, flushed at once.
 *
 *     Answer *a = answer_new("answer", "sums");
 *     answer_bool(a, "ok", true);
 *     answer_send(a);
 *
 * Any thread may build and send; lines never mix.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef GString Answer;

Answer *answer_new(const char *kind, const char *name);
void answer_bool(Answer *answer, const char *key, bool value);
void answer_int(Answer *answer, const char *key, int64_t value);
void answer_real(Answer *answer, const char *key, double value);
void answer_string(Answer *answer, const char *key, const char *value);

/* Adds `json` as it is: for arrays and objects that the caller wrote. */
void answer_json(Answer *answer, const char *key, const char *json);

/* Prints the line and frees the answer. */
void answer_send(Answer *answer);

/* {"answer": name, "ok": false, "error": message} */
void answer_error(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);
