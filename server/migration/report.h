/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MigrationReport: what happened in one migration, as one JSON object on one line.
 *
 *   {"role":"destination","mode":"seamless","result":"completed","ms":41.2,
 *    "phases":[{"name":"prepare","at":0.0,"ms":30.1}, ...],
 *    "channels":[{"name":"display-0","bytes":4711,"sections":[{"tag":"CACH","restored":true},
 * {"tag":"PALS","restored":false,"why":...}]}],
 *    "counts":{"cache_entries":800,"cache_pixels":...,"palettes":...,"surfaces":...,"lossy_rects":...}}
 *
 * Reference counted; every function may be called from any thread. Strings are copied. Times are milliseconds since
 * migration_report_new(), by the monotonic clock.
 */
#pragma once

#include "server/migration/format.h"

typedef enum MigrationRole {
    MIGRATION_ROLE_SOURCE,
    MIGRATION_ROLE_DESTINATION,
} MigrationRole;

typedef enum MigrationMode {
    MIGRATION_MODE_UNKNOWN, /* it ended before that was settled */
    MIGRATION_MODE_SEAMLESS,
    MIGRATION_MODE_SEMI_SEAMLESS,
    MIGRATION_MODE_SWITCH_HOST,
} MigrationMode;

typedef struct MigrationReport MigrationReport;

MigrationReport *migration_report_new(MigrationRole role);
MigrationReport *migration_report_ref(MigrationReport *report);
void migration_report_unref(MigrationReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationReport, migration_report_unref)

void migration_report_set_mode(MigrationReport *report, MigrationMode mode);
/* The phase begins now; the one before ends. */
void migration_report_phase(MigrationReport *report, const char *name);
/* `channel` ("display-0") has written or got a MIGRATE_DATA body of so many bytes. Adds up. */
void migration_report_channel(MigrationReport *report, const char *channel, size_t bytes);
/* A section of the channel's data; `why` = why it fell back, NULL: it was restored (at a source: it was written). */
void migration_report_section(MigrationReport *report, const char *channel, const char *tag, const char *why);
/* Adds n to a figure. */
void migration_report_count(MigrationReport *report, const char *what, uint64_t n);
/* All of that for the display data of one channel: bytes, sections, figures. `sections` as from display_state_decode(),
 * NULL at a source. A section that is known but neither in `state` nor in `sections` is said to be missing. */
void migration_report_display(MigrationReport *report, const char *channel, size_t bytes, const DisplayState *state,
                              const GArray *sections);
/* It is over: `result` is "completed", "cancelled" or "failed"; `reason` may be NULL. The first call counts. */
void migration_report_end(MigrationReport *report, const char *result, const char *reason);

/* The line, without a line feed; the caller frees it. */
char *migration_report_to_json(MigrationReport *report);
/* Logs the line at level info and, if the environment variable SPICE_CARAVAN_REPORT names a file, appends it there.
 * Only the first call does; what was not ended by then is reported as "unfinished". */
void migration_report_write(MigrationReport *report);
