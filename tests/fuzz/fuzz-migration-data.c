/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Migration data of any channel, as a client may relay them. */
#include "server/migration/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool ok;
    DisplayState state;

    g_free(migration_data_to_json(data, size, &ok));
    if (display_state_decode(data, size, -1, &state, NULL, NULL)) {
        g_autoptr(GBytes) again = NULL;

        g_assert_true(display_state_validate(&state, NULL));
        again = display_state_encode(&state, true);
        display_state_clear(&state);
    }
    return 0;
}
