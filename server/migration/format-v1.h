/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the formats share: magics, the table of the channels with simple data, the v1 part of display data.
 */
#pragma once

#include "server/migration/format.h"
#include "server/migration/section.h"

#define MIGRATION_HEADER_SIZE 8u
#define MIGRATION_VERSION 1u
#define MAGIC_MAIN "MNMD"
#define MAGIC_DISPLAY "DCMD"
#define MAGIC_INPUTS "ICMD"
#define MAGIC_VMC "SVMD"
#define MAGIC_SMARTCARD "SCMD"

/* Magic and version. */
void migration_header_encode(WireWriter *w, const char *magic);
bool migration_header_decode(WireReader *r, const char *magic, GError **error);

/* The fields behind the header, of the state structs of the same name. */
extern const Field main_table[];
extern const Field inputs_table[];
extern const Field vmc_table[];
extern const Field smartcard_table[];

/* v1's display part up to the surface list. `list_end`: the first byte behind the list, where an extension may stand.
 */
void display_v1_encode(const DisplayState *state, WireWriter *w);
bool display_v1_decode(const uint8_t *data, size_t size, int lossy_form, DisplayState *out, size_t *list_end,
                       GError **error);
