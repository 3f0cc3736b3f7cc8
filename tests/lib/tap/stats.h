/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters, the list of broken rules, and the JSON of both. */
#pragma once

#include "tests/lib/tap/tap.h"

#define TAP_MAX_VIOLATIONS 50 /* kept of each kind; more are only counted */

/* The counters of the current phase for this key, made on first use. Owned by the tap. */
TapCounters *stats_counters(Tap *tap, guint8 type, guint8 id, guint route);

void stats_count(TapCounters *counters, TapSide side, guint16 type, guint64 bytes);

/* Notes that a peer broke the rule `kind`. */
void stats_violation(Tap *tap, const char *kind, guint8 type, guint8 id, guint64 serial, const char *format, ...)
    G_GNUC_PRINTF(6, 7);

/* Everything, as one line of JSON. The caller frees it. */
char *stats_json(Tap *tap);

/* {"answer":"cache-ids","sessions":[{"id":..,"ids":[sorted]}]} The caller frees it. */
char *stats_cache_ids_json(Tap *tap);

/* {"answer":"made","images":[{"phase":name,"route":..,"id":..,"surface":..,"type":..,"box":[left,top,right,bottom]}]}
 * The caller frees it. */
char *stats_made_json(Tap *tap);
