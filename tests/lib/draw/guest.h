/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest in the memory of this process that draws what the tests want to see: its QXL addresses are pointers. All
 * memory of a batch of commands stays until the next batch begins.
 */
#pragma once

#include <glib.h>
#include <spice.h>
#include <stdbool.h>

#define GUEST_SURFACES 7 /* 0 is the primary */

/* The formats of the surfaces 1.. that serve as sources; all have the same size. */
extern const uint32_t guest_source_formats[GUEST_SURFACES];
#define SOURCE_WIDTH 40
#define SOURCE_HEIGHT 30

typedef struct Guest {
    QXLInstance qxl; /* first */
    GMutex lock;     /* of the ring */
    GCond fetched;
    GQueue ring; /* QXLCommandExt */
    bool armed;  /* the worker wants to be woken */
    GPtrArray *memory;
    uint8_t *pixels; /* of the primary */
    uint32_t format, width, height;
    int32_t stride;
} Guest;

void guest_init(Guest *guest, SpiceServer *server);
/* Zeroed memory that lives as long as the batch. */
void *guest_alloc(Guest *guest, size_t size);
/* All surfaces go, all memory too; then a primary surface of this format and the sources come. */
void guest_begin(Guest *guest, uint32_t format, uint32_t width, uint32_t height, bool bottom_up);
/* The source surface goes and comes again, blank. */
void guest_renew_source(Guest *guest, uint32_t id);
void guest_submit(Guest *guest, uint32_t type, const void *command);
/* Waits until all commands were fetched, and the primary's memory shows them. */
void guest_finish(Guest *guest);
/* The memory of these pixels of the primary is to show what was drawn. */
void guest_update(Guest *guest, const QXLRect *area);
/* Bytes of a row without padding, and the start of row y from the top. */
size_t guest_row_bytes(const Guest *guest);
const uint8_t *guest_row(const Guest *guest, uint32_t y);
unsigned guest_format_bits(uint32_t format);
