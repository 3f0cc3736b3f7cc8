/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of qxl-parse: bounded reads of guest memory. Nobody else includes this. */
#pragma once

#include "server/display/guest-pixels.h"
#include "server/display/qxl-parse.h"

/* The most that one command, or one object of it, may hold. */
#define QXL_MAX_BYTES G_GUINT64_CONSTANT(0x7fffffff)

/* One command being read. */
typedef struct GuestReader {
    const MemSlots *slots;
    uint32_t group;
    bool expand_16bpp; /* colours are x1r5g5b5 and are to become 32 bit */
    uint64_t budget;   /* bytes that the command may still hold */
    GuestLoans *loans; /* pixels may stay where they are; NULL: they are all copied */
    GuestLoan *loan;   /* NULL: none of them did so far */
} GuestReader;

GuestReader guest_reader(const MemSlots *slots, uint32_t group);

/* Copies `size` bytes once. What the guest does to its memory afterwards does not reach the copy. */
void guest_copy(void *out, const void *guest, size_t size);
bool guest_read(GuestReader *reader, QXLPHYSICAL address, void *out, size_t size, GError **error);
/* Maps and copies the structure of a command, and fills `release`. */
bool guest_read_command(GuestReader *reader, const QXLCommandExt *command, void *out, size_t size,
                        QXLReleaseInfoExt *release, GError **error);
/* Takes `size` bytes of the budget. */
bool guest_charge(GuestReader *reader, uint64_t size, GError **error);
/* Refuses `size` bytes as the content of a chunk list, or of anything else, that starts at `address` if its memory slot
 * is smaller than that: such data could only come from a list that goes round in circles. */
bool guest_check_size(GuestReader *reader, QXLPHYSICAL address, uint64_t size, GError **error);

/* Walks a list of QXLDataChunk. Initialise with the address of the first one. */
typedef struct ChunkWalk {
    QXLPHYSICAL next;
    uint32_t links;
    uint64_t total;
} ChunkWalk;

/* The data of the next chunk that is not empty: guest memory, *size > 0 bytes; *data == NULL at the end of the list. */
bool chunk_walk_next(GuestReader *reader, ChunkWalk *walk, const uint8_t **data, uint32_t *size, GError **error);
/* Copies the list's data, which must be exactly `size` bytes, to `out`. */
bool guest_read_chunks(GuestReader *reader, QXLPHYSICAL first, void *out, uint64_t size, GError **error);
/* The first `limit` bytes of a list, or all if there are less; NULL with an error. */
GBytes *guest_read_chunks_limited(GuestReader *reader, QXLPHYSICAL first, uint32_t limit, GError **error);

uint32_t guest_color(const GuestReader *reader, uint32_t color);

/* A picture that is not a mask; `address` is not 0. */
Image *guest_read_image(GuestReader *reader, QXLPHYSICAL address, GError **error);
/* A mask of one bit per pixel, or a surface. */
Image *guest_read_mask_image(GuestReader *reader, QXLPHYSICAL address, GError **error);

bool guest_read_brush(GuestReader *reader, const QXLBrush *guest, Brush *brush, GError **error);
/* The members of these operations; what was read is op's in any case. */
bool guest_read_stroke(GuestReader *reader, const QXLStroke *guest, DrawOp *op, GError **error);
bool guest_read_text(GuestReader *reader, const QXLText *guest, DrawOp *op, GError **error);

/* Replaces a ROP3 by an equal simpler operation if its code does not depend on all of brush, source and destination:
 * clients cannot do those. False if nothing would be drawn. */
bool rop3_simplify(DrawOp *op);
