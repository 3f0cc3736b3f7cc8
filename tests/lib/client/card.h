/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's smartcard: one made by software from three certificates. What its reader does are events: "card" (what:
 * reader-added, reader-removed, card-inserted, card-removed).
 */
#pragma once

#include <spice-client.h>

/* Before the session connects. db: directory of the certificate database ("sql:DIR"); it has cert1, cert2, cert3. */
void card_init(SpiceSession *session, const char *db);
/* Puts the card into its reader, or takes it out. */
gboolean card_insert(gboolean insert);
