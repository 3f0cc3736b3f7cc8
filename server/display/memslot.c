/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/memslot.h"

#define MEMSLOTS_MAX 65536

G_DEFINE_QUARK(spice - memslot - error, memslot_error)

typedef struct MemSlot {
    uint32_t generation;
    uintptr_t start;
    uintptr_t end; /* exclusive; 0 = there is no such slot */
    uint64_t delta;
} MemSlot;

struct MemSlots {
    uint32_t n_groups;
    uint32_t n_slots;
    uint8_t id_bits;
    uint8_t generation_bits;
    MemSlot table[];
};

MemSlots *memslots_new(const QXLDevInitInfo *info, GError **error)
{
    uint64_t n = (uint64_t)info->num_memslots_groups * info->num_memslots;
    MemSlots *slots;

    if (n > MEMSLOTS_MAX) {
        g_set_error(error, MEMSLOT_ERROR, MEMSLOT_ERROR_SLOT, "too many memory slots: %u groups of %u",
                    info->num_memslots_groups, info->num_memslots);
        return NULL;
    }
    if (info->memslot_gen_bits + info->memslot_id_bits > 64) {
        g_set_error(error, MEMSLOT_ERROR, MEMSLOT_ERROR_SLOT, "memory slots need %u + %u bits of an address",
                    info->memslot_id_bits, info->memslot_gen_bits);
        return NULL;
    }
    slots = g_malloc0(sizeof(MemSlots) + n * sizeof(MemSlot));
    slots->n_groups = info->num_memslots_groups;
    slots->n_slots = info->num_memslots;
    slots->id_bits = info->memslot_id_bits;
    slots->generation_bits = info->memslot_gen_bits;
    return slots;
}

void memslots_free(MemSlots *slots)
{
    g_free(slots);
}

static MemSlot *slot_find(const MemSlots *slots, uint32_t group, uint64_t id, GError **error)
{
    if (group >= slots->n_groups || id >= slots->n_slots) {
        g_set_error(error, MEMSLOT_ERROR, MEMSLOT_ERROR_SLOT, "no memory slot %" G_GUINT64_FORMAT " in group %u", id,
                    group);
        return NULL;
    }
    return (MemSlot *)&slots->table[(size_t)group * slots->n_slots + id];
}

bool memslots_add(MemSlots *slots, const QXLDevMemSlot *slot, GError **error)
{
    MemSlot *entry = slot_find(slots, slot->slot_group_id, slot->slot_id, error);

    if (!entry)
        return false;
    *entry = (MemSlot){
        .generation = slot->generation,
        .start = slot->virt_start,
        .end = slot->virt_end,
        .delta = slot->addr_delta,
    };
    return true;
}

bool memslots_del(MemSlots *slots, uint32_t group, uint32_t id, GError **error)
{
    MemSlot *entry = slot_find(slots, group, id, error);

    if (!entry)
        return false;
    entry->start = entry->end = 0;
    return true;
}

void memslots_reset(MemSlots *slots)
{
    memset(slots->table, 0, (size_t)slots->n_groups * slots->n_slots * sizeof(MemSlot));
}

/* The lowest `bits` (0..64) bits of value. */
static uint64_t low_bits(uint64_t value, unsigned bits)
{
    return bits >= 64 ? value : value & ((G_GUINT64_CONSTANT(1) << bits) - 1);
}

/* value >> bits for bits 0..64. */
static uint64_t shift_right(uint64_t value, unsigned bits)
{
    return bits >= 64 ? 0 : value >> bits;
}

static uint64_t address_slot(const MemSlots *slots, QXLPHYSICAL address)
{
    return shift_right(address, 64 - slots->id_bits);
}

static const MemSlot *slot_of(const MemSlots *slots, uint32_t group, QXLPHYSICAL address, uintptr_t *virt,
                              GError **error)
{
    unsigned offset_bits = 64 - slots->id_bits - slots->generation_bits;
    uint64_t generation = low_bits(shift_right(address, offset_bits), slots->generation_bits);
    const MemSlot *slot = slot_find(slots, group, address_slot(slots, address), error);

    if (!slot)
        return NULL;
    if (generation != slot->generation) {
        g_set_error(error, MEMSLOT_ERROR, MEMSLOT_ERROR_SLOT, "address %#" G_GINT64_MODIFIER "x: old memory slot",
                    address);
        return NULL;
    }
    *virt = (uintptr_t)(low_bits(address, offset_bits) + slot->delta);
    /* A range at address 0 could not be told from an error, and no host has memory there. */
    if (*virt == 0 || *virt < slot->start || *virt >= slot->end) {
        g_set_error(error, MEMSLOT_ERROR, MEMSLOT_ERROR_RANGE,
                    "address %#" G_GINT64_MODIFIER "x (group %u) is outside its memory slot", address, group);
        return NULL;
    }
    return slot;
}

void *memslots_get(const MemSlots *slots, uint32_t group, QXLPHYSICAL address, uint64_t size, GError **error)
{
    uintptr_t virt;
    const MemSlot *slot = slot_of(slots, group, address, &virt, error);

    if (!slot)
        return NULL;
    if (size == 0 || size > slot->end - virt) {
        g_set_error(error, MEMSLOT_ERROR, MEMSLOT_ERROR_RANGE,
                    "%" G_GUINT64_FORMAT " bytes at address %#" G_GINT64_MODIFIER
                    "x (group %u) reach beyond the memory slot",
                    size, address, group);
        return NULL;
    }
    return (void *)virt;
}

void *memslots_get_same(const MemSlots *slots, uint32_t group, QXLPHYSICAL container, QXLPHYSICAL address,
                        uint64_t size, GError **error)
{
    if (address_slot(slots, container) != address_slot(slots, address)) {
        g_set_error(error, MEMSLOT_ERROR, MEMSLOT_ERROR_SLOT,
                    "address %#" G_GINT64_MODIFIER "x is not in the memory slot of %#" G_GINT64_MODIFIER "x", address,
                    container);
        return NULL;
    }
    return memslots_get(slots, group, address, size, error);
}

bool memslots_get_room(const MemSlots *slots, uint32_t group, QXLPHYSICAL address, uint64_t *before, uint64_t *after,
                       GError **error)
{
    uintptr_t virt;
    const MemSlot *slot = slot_of(slots, group, address, &virt, error);

    if (!slot)
        return false;
    *before = virt - slot->start;
    *after = slot->end - virt;
    return true;
}
