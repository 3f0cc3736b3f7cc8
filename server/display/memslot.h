/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MemSlots: translation of QXL addresses (slot id, generation, offset) to host pointers.
 *
 * Owned by a worker and used in its thread only. Ranges registered by the host stay mapped until the slot is deleted.
 */
#pragma once

#include <glib.h>
#include <spice.h>
#include <stdbool.h>

typedef struct MemSlots MemSlots;

#define MEMSLOT_ERROR (memslot_error_quark())
typedef enum MemSlotError { MEMSLOT_ERROR_SLOT, MEMSLOT_ERROR_RANGE } MemSlotError;
GQuark memslot_error_quark(void);

/* Counts and bit widths as in QXLDevInitInfo; absurd ones (more than 64 address bits, more than 65536 slots in all)
 * give NULL and an error. */
MemSlots *memslots_new(const QXLDevInitInfo *info, GError **error);
void memslots_free(MemSlots *slots);

bool memslots_add(MemSlots *slots, const QXLDevMemSlot *slot, GError **error);
bool memslots_del(MemSlots *slots, uint32_t group, uint32_t id, GError **error);
void memslots_reset(MemSlots *slots);

/* Host address of `size` bytes at `address`, or NULL and an error if any of them lies outside the slot. size > 0. */
void *memslots_get(const MemSlots *slots, uint32_t group, QXLPHYSICAL address, uint64_t size, GError **error);
/* The same for memory that must lie in the slot to which `container` belongs (an address that was translated before).
 */
void *memslots_get_same(const MemSlots *slots, uint32_t group, QXLPHYSICAL container, QXLPHYSICAL address,
                        uint64_t size, GError **error);
/* How many bytes of the slot lie before `address`, and from it on (at least 1). */
bool memslots_get_room(const MemSlots *slots, uint32_t group, QXLPHYSICAL address, uint64_t *before, uint64_t *after,
                       GError **error);
