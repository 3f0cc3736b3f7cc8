/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/client/card.h"

#include "tests/lib/client/say.h"

static void on_card(SpiceSmartcardManager *manager, SpiceSmartcardReader *reader, gpointer what)
{
    if (spice_smartcard_reader_is_software(reader))
        say("event", "card", "what", 's', (const char *)what, NULL);
}

void card_init(SpiceSession *session, const char *db)
{
    static const char *certificates[] = {"cert1", "cert2", "cert3", NULL};
    static const char *signals[] = {"reader-added", "reader-removed", "card-inserted", "card-removed"};
    SpiceSmartcardManager *manager = spice_smartcard_manager_get();

    g_object_set(session, "enable-smartcard", TRUE, "smartcard-db", db, "smartcard-certificates", certificates, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++)
        g_signal_connect(manager, signals[i], G_CALLBACK(on_card), (gpointer)signals[i]);
}

gboolean card_insert(gboolean insert)
{
    SpiceSmartcardManager *manager = spice_smartcard_manager_get();

    return insert ? spice_smartcard_manager_insert_card(manager) : spice_smartcard_manager_remove_card(manager);
}
