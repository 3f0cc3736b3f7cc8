/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Participant: how one channel takes part in the migration of a client. This is all that the caravan knows of it.
 *
 * `self` is the channel's connection to the client. All functions run in the channel's own thread, in this order:
 * source: freeze, save; destination: load (decode, validate everything, then apply), activate.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct MigrationReport MigrationReport;

typedef struct Participant {
    const char *name;
    /* Source: nothing more will be sent to the client but MIGRATE and MIGRATE_DATA. Queues what has to go out before
     * them. May be NULL. */
    void (*freeze)(void *self);
    /* Source: the body of MIGRATE_DATA, after all input of the client was handled. `serial` is the one that the message
     * itself will have. NULL member: the channel hands over no data. Never fails. */
    GBytes *(*save)(void *self, uint64_t serial, MigrationReport *report);
    /* Destination: takes the data over, as a transaction: all, or false with an error and nothing changed. */
    bool (*load)(void *self, const uint8_t *data, size_t size, MigrationReport *report, GError **error);
    /* Destination: the data were taken over, sending may begin. May be NULL. */
    void (*activate)(void *self);
} Participant;
