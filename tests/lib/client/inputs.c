/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/inputs.h"

#include "tests/lib/client/say.h"

#include <spice/enums.h>
#include <stdlib.h>
#include <string.h>

static SpiceInputsChannel *find_inputs(SpiceSession *session)
{
    GList *channels = spice_session_get_channels(session);
    SpiceInputsChannel *found = NULL;

    for (GList *l = channels; l && !found; l = l->next)
        if (SPICE_IS_INPUTS_CHANNEL(l->data))
            found = l->data;
    g_list_free(channels);
    return found;
}

static void key(SpiceInputsChannel *inputs, guint code)
{
    spice_inputs_channel_key_press(inputs, code);
    spice_inputs_channel_key_release(inputs, code);
}

static void button(SpiceInputsChannel *inputs, int number)
{
    int mask = 1 << (number - 1);

    spice_inputs_channel_button_press(inputs, number, mask);
    spice_inputs_channel_button_release(inputs, number, 0);
}

gboolean inputs_command(SpiceSession *session, char **words)
{
    SpiceInputsChannel *inputs = find_inputs(session);
    guint n = g_strv_length(words);
    int a = n > 1 ? (int)strtol(words[1], NULL, 0) : 0, b = n > 2 ? (int)strtol(words[2], NULL, 0) : 0;
    int modifiers = 0;

    if (!strcmp(words[0], "key") && n == 2) {
        if (inputs)
            key(inputs, (guint)a);
    } else if (!strcmp(words[0], "motion") && n == 3) {
        if (inputs)
            spice_inputs_channel_motion(inputs, a, b, 0);
    } else if (!strcmp(words[0], "position") && (n == 3 || n == 4)) {
        if (inputs)
            spice_inputs_channel_position(inputs, a, b, n == 4 ? atoi(words[3]) : 0, 0);
    } else if (!strcmp(words[0], "button") && n == 2 && a >= SPICE_MOUSE_BUTTON_LEFT && a <= SPICE_MOUSE_BUTTON_DOWN) {
        if (inputs)
            button(inputs, a);
    } else if (!strcmp(words[0], "modifiers") && n == 1) {
        if (inputs)
            g_object_get(inputs, "key-modifiers", &modifiers, NULL);
    } else {
        return FALSE;
    }
    say("answer", words[0], "ok", 'b', inputs != NULL, "modifiers", 'i', modifiers, NULL);
    return TRUE;
}
