/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl.h"

#include <spice/ipc_ring.h>

#define SURFACE_MEMORY (256 * 1024)
#define SURFACES 64

static uint8_t *ram_bar;
static QXLRam *ram;
static uint16_t io;
static uint64_t slot_bits;   /* slot id and generation, where addresses carry them */
static uint8_t *surfaces;    /* memory for surfaces */
static uint32_t free_blocks; /* address of the first free block, 0 = none; they are linked by their first word */

static void barrier(void)
{
    __asm__ volatile("lock; addl $0, (%%esp)" : : : "memory");
}

QXLPHYSICAL qxl_address(const void *p)
{
    return slot_bits | (uint64_t)((const uint8_t *)p - ram_bar);
}

static void give_back(void *block)
{
    *(uint32_t *)block = free_blocks;
    free_blocks = (uint32_t)block;
}

/* The release ring holds chains of blocks: each block's release info leads to the next one. */
static void collect(void)
{
    int notify;

    while (!SPICE_RING_IS_EMPTY(&ram->release_ring)) {
        uint64_t id = *SPICE_RING_CONS_ITEM(&ram->release_ring);

        SPICE_RING_POP(&ram->release_ring, notify);
        (void)notify;
        while (id) {
            void *block = (void *)(uint32_t)id;

            id = ((QXLReleaseInfo *)block)->next;
            give_back(block);
        }
    }
}

void *qxl_block(void)
{
    uint32_t block;

    while (!free_blocks) {
        collect();
        if (!free_blocks)
            out8(io + QXL_IO_NOTIFY_OOM, 0);
    }
    block = free_blocks;
    free_blocks = *(uint32_t *)block;
    memset((void *)block, 0, QXL_BLOCK_SIZE);
    ((QXLReleaseInfo *)block)->id = block;
    return (void *)block;
}

void *qxl_surface_memory(unsigned index)
{
    return surfaces + index * SURFACE_MEMORY;
}

void qxl_push_command(uint32_t type, void *command)
{
    QXLCommand *item;
    int notify;

    while (SPICE_RING_IS_FULL(&ram->cmd_ring))
        out8(io + QXL_IO_NOTIFY_CMD, 0);
    item = SPICE_RING_PROD_ITEM(&ram->cmd_ring);
    item->type = type;
    item->data = qxl_address(command);
    barrier();
    SPICE_RING_PUSH(&ram->cmd_ring, notify);
    if (notify)
        out8(io + QXL_IO_NOTIFY_CMD, 0);
}

void qxl_push_cursor(void *command)
{
    QXLCommand *item;
    int notify;

    while (SPICE_RING_IS_FULL(&ram->cursor_ring))
        out8(io + QXL_IO_NOTIFY_CURSOR, 0);
    item = SPICE_RING_PROD_ITEM(&ram->cursor_ring);
    item->type = QXL_CMD_CURSOR;
    item->data = qxl_address(command);
    barrier();
    SPICE_RING_PUSH(&ram->cursor_ring, notify);
    if (notify)
        out8(io + QXL_IO_NOTIFY_CURSOR, 0);
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
