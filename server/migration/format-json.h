/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Like migration_data_to_json(), but cache entries are listed only if there are at most `max_entries` of them. */
#pragma once

#include "server/migration/format.h"

#define JSON_MAX_ENTRIES 100000u

char *migration_data_describe(const uint8_t *data, size_t size, unsigned max_entries, bool *ok);
