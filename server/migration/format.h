/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bodies of MIGRATE_DATA: state structs to bytes and back.
 *
 * Version 1 is byte exact what other SPICE servers write and read. The extension follows the v1 part of display data,
 * where they do not look. Decoders are total: any input gives either a valid state or an error, and allocates no more
 * than the input justifies. `out` is not initialised by the caller. After false it is empty (all zero: *_clear may be
 * called, but need not). Encoders take valid states. Any thread.
 */
#pragma once

#include "server/migration/state.h"

#define MIGRATION_MAX_SIZE (64u << 20) /* of any MIGRATE_DATA body, bytes: more is refused */

#define MIGRATION_ERROR (migration_error_quark())
typedef enum MigrationError {
    MIGRATION_ERROR_HEADER,  /* magic or version */
    MIGRATION_ERROR_SHORT,   /* a region lies outside the data */
    MIGRATION_ERROR_VALUE,   /* a value that cannot be */
    MIGRATION_ERROR_SECTION, /* a section of the extension is broken */
} MigrationError;
GQuark migration_error_quark(void);

/* What became of one section of the extension. */
typedef struct SectionReport {
    char tag[5];
    uint16_t version;
    uint32_t size; /* bytes in the data, header of the section included */
    bool accepted;
    char *reason; /* why not; NULL if accepted. Owned */
} SectionReport;

void section_reports_free(GArray *reports); /* GArray of SectionReport; NULL is allowed */

/*
 * Display. encode: with `extension`, all sections that state->sections names are appended to the v1 part.
 * decode: false only if the v1 part is unusable. A refused or missing section leaves its bit in out->sections clear
 * (its fallback applies) and says why in `reports` (a new GArray of SectionReport, may be NULL if not wanted). If there
 * is no extension the list is empty; what is wrong with the extension itself is listed with the tag "HEAD". next_serial
 * is exact if there is an extension (even if the section SERL is refused), else v1's field + 1. `lossy_form`: how a v1
 * surface list is read when the length leaves it open (+1 rectangles, 0 ids only, -1 derive from the length).
 */
GBytes *display_state_encode(const DisplayState *state, bool extension);
bool display_state_decode(const uint8_t *data, size_t size, int lossy_form, DisplayState *out, GArray **reports,
                          GError **error);

GBytes *main_state_encode(const MainState *state);
bool main_state_decode(const uint8_t *data, size_t size, MainState *out, GError **error);
GBytes *inputs_state_encode(const InputsState *state);
bool inputs_state_decode(const uint8_t *data, size_t size, InputsState *out, GError **error);
GBytes *vmc_state_encode(const VmcState *state);
bool vmc_state_decode(const uint8_t *data, size_t size, VmcState *out, GError **error);
GBytes *smartcard_state_encode(const SmartcardState *state);
bool smartcard_state_decode(const uint8_t *data, size_t size, SmartcardState *out, GError **error);

/* Any MIGRATE_DATA body as one JSON object (pretty printed, caller frees): the channel family by its magic, every
 * field, the extension's sections with what became of them. Never NULL: what is wrong with a bad body stands in
 * "errors". `ok` says whether a destination would take it. */
char *migration_data_to_json(const uint8_t *data, size_t size, bool *ok);
