/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl.h"

#include <spice/ipc_ring.h>

#define SURFACE_MEMORY (256 * 1024)
#define SURFACES 64
#define BLOCKS 1024 /* at most */

static uint8_t *ram_bar;
static QXLRam *ram;
static uint16_t io;
static uint64_t slot_bits; /* slot id and generation, where addresses carry them */
static uint8_t *surfaces;  /* memory for surfaces */

/*
 * Some of what a guest writes to the device's memory during a migration never gets to the destination under QEMU 7.2's
 * TCG: when it has read which pages are dirty, QEMU clears their marks but not what lets this processor write to them
 * without setting them again (its TLB). So whatever could go on from a wrong value lies in ordinary memory (which is
 * of a size that has no such fault), and what the device reads is written, the TLB flushed, and written again: where
 * the machine stops in between, the destination writes the rest.
 */
static struct {
    uint32_t free[BLOCKS]; /* addresses of free blocks */
    uint32_t n_free;
    uint32_t n_commands, n_cursors, n_released; /* through the rings since the reset */
} driver;

/* The command that is being made, and where it will be. */
static uint8_t scratch[QXL_BLOCK_SIZE] __attribute__((aligned(16)));
static uint32_t present_block;

static void barrier(void)
{
    __asm__ volatile("lock; addl $0, (%%esp)" : : : "memory");
}

/* A change of CR0.WP does it; it means nothing without paging. */
static void flush_tlb(void)
{
    uint32_t cr0;

    __asm__ volatile("mov %%cr0, %0\n\txor $0x10000, %0\n\tmov %0, %%cr0" : "=r"(cr0) : : "memory", "cc");
}

QXLPHYSICAL qxl_address(const void *p)
{
    const uint8_t *place = p;

    if (place >= scratch && place < scratch + sizeof scratch)
        place = (const uint8_t *)present_block + (place - scratch);
    return slot_bits | (uint64_t)(place - ram_bar);
}

static void give_back(void *block)
{
    if (driver.n_free == BLOCKS)
        return;
    driver.free[driver.n_free] = (uint32_t)block;
    driver.n_free++;
}

/* The release ring holds chains of blocks: each block's release info leads to the next one. */
static void collect(void)
{
    QXLReleaseRing *ring = &ram->release_ring;

    while (ring->prod != driver.n_released) {
        uint64_t id = ring->items[driver.n_released & (SPICE_N_ELEMENTS(ring->items) - 1)].el;

        driver.n_released++;
        for (unsigned pass = 0; pass < 2; pass++) {
            flush_tlb();
            ring->cons = driver.n_released;
        }
        while (id) {
            void *block = (void *)(uint32_t)id;

            id = ((QXLReleaseInfo *)block)->next;
            give_back(block);
        }
    }
}

void *qxl_block(void)
{
    while (!driver.n_free) {
        collect();
        if (!driver.n_free)
            out8(io + QXL_IO_NOTIFY_OOM, 0);
    }
    present_block = driver.free[driver.n_free - 1];
    driver.n_free--;
    memset(scratch, 0, sizeof scratch);
    ((QXLReleaseInfo *)(void *)scratch)->id = present_block;
    return scratch;
}

void *qxl_surface_memory(unsigned index)
{
    return surfaces + index * SURFACE_MEMORY;
}

/* The present block is done: its address for the device. */
static QXLPHYSICAL publish(const void *command)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        flush_tlb();
        memcpy((void *)present_block, scratch, sizeof scratch);
    }
    return qxl_address(command);
}

/* Both rings begin alike. port: that tells the device of something new. */
static void push(QXLCommandRing *ring, uint32_t *n_pushed, uint16_t port, uint32_t type, QXLPHYSICAL data)
{
    QXLCommand *item = &ring->items[*n_pushed & (SPICE_N_ELEMENTS(ring->items) - 1)].el;

    while (*n_pushed - ring->cons == SPICE_N_ELEMENTS(ring->items))
        out8(port, 0);
    ++*n_pushed;
    for (unsigned pass = 0; pass < 2; pass++) {
        flush_tlb();
        item->type = type;
        item->data = data;
        barrier();
        ring->prod = *n_pushed;
        barrier();
        if (ring->notify_on_prod == *n_pushed)
            out8(port, 0);
    }
}

void qxl_push_command(uint32_t type, void *command)
{
    push(&ram->cmd_ring, &driver.n_commands, io + QXL_IO_NOTIFY_CMD, type, publish(command));
}

void qxl_push_cursor(void *command)
{
    push((QXLCommandRing *)&ram->cursor_ring, &driver.n_cursors, io + QXL_IO_NOTIFY_CURSOR, QXL_CMD_CURSOR,
         publish(command));
}

void qxl_drain(void)
{
    while (!SPICE_RING_IS_EMPTY(&ram->cmd_ring))
        out8(io + QXL_IO_NOTIFY_CMD, 0);
    while (!SPICE_RING_IS_EMPTY(&ram->cursor_ring))
        out8(io + QXL_IO_NOTIFY_CURSOR, 0);
    collect();
}

void qxl_io(uint8_t port, uint8_t value)
{
    out8(io + port, value);
}

QXLRam *qxl_ram(void)
{
    return ram;
}

static void add_slot(const QXLRom *rom, uint32_t size)
{
    unsigned shift = 64u - rom->slot_gen_bits - rom->slot_id_bits;

    ram->mem_slot.mem_start = (uint32_t)ram_bar;
    ram->mem_slot.mem_end = (uint32_t)ram_bar + size;
    out8(io + QXL_IO_MEMSLOT_ADD, rom->slots_start);
    slot_bits = ((uint64_t)rom->slots_start << rom->slot_gen_bits | rom->slot_generation) << shift;
}

static void create_primary(void)
{
    QXLSurfaceCreate *create = &ram->create_surface;

    create->width = SCREEN_WIDTH;
    create->height = SCREEN_HEIGHT;
    create->stride = SCREEN_WIDTH * 4;
    create->format = SPICE_SURFACE_FMT_32_xRGB;
    create->position = 0;
    create->mouse_mode = 1;
    create->flags = 0;
    create->type = QXL_SURF_TYPE_PRIMARY;
    create->mem = qxl_address(ram_bar);
    out8(io + QXL_IO_CREATE_PRIMARY, 0);
}

int qxl_init(void)
{
    int device = pci_find(0x1b36, 0x0100);
    const QXLRom *rom;
    uint32_t heap, end;

    if (device < 0)
        return -1;
    pci_write((unsigned)device, 4, pci_read((unsigned)device, 4) | 3);
    ram_bar = (uint8_t *)(pci_read((unsigned)device, 0x10) & ~15u);
    rom = (const QXLRom *)(pci_read((unsigned)device, 0x18) & ~15u);
    io = (uint16_t)(pci_read((unsigned)device, 0x1c) & ~3u);
    out8(io + QXL_IO_RESET, 0);
    ram = (QXLRam *)(ram_bar + rom->ram_header_offset);
    driver.n_commands = ram->cmd_ring.prod;
    driver.n_cursors = ram->cursor_ring.prod;
    driver.n_released = ram->release_ring.cons;
    out8(io + QXL_IO_DESTROY_PRIMARY, 0);
    add_slot(rom, rom->ram_header_offset);
    create_primary();

    heap = (SCREEN_WIDTH * SCREEN_HEIGHT * 4 + QXL_BLOCK_SIZE - 1) & ~(uint32_t)(QXL_BLOCK_SIZE - 1);
    surfaces = ram_bar + heap;
    heap += SURFACES * SURFACE_MEMORY;
    end = rom->ram_header_offset;
    for (; heap + QXL_BLOCK_SIZE <= end; heap += QXL_BLOCK_SIZE)
        give_back(ram_bar + heap);
    return 0;
}
