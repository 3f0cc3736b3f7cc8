/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GuestPixels: pixels of an image that stay in guest memory until somebody needs them, and the loans of guest memory
 * that this takes.
 *
 * Copying each picture when its command is read costs more than all the rest: a busy guest draws over most of them
 * before they are rendered or sent, and clients have many in their caches. So a command may keep its resources (a
 * *loan*) until its pixels were copied or are not needed. What the command says was read and checked before; only the
 * values of pixels may still change, which is no more than what a guest can draw anyway.
 *
 * Loans are called in, all pixels copied and the resources returned, before the addresses or the host's view of the
 * resources end: memory slots going, reset, stop, the guest out of memory. There is a limit for them.
 *
 * Worker thread only.
 */
#pragma once

#include "common/image/image.h"

#include <spice.h>

/* Bytes of guest memory that a device may have on loan, as far as they are pixels: beyond it the oldest are copied. A
 * guest that was out of memory lends half of what it had lent then, or as little as that is more. */
#define GUEST_LOANS_MAX_BYTES (64 << 20)
#define GUEST_LOANS_LITTLE_BYTES (16 << 20)
/* Smaller pictures are copied at once, and so are those in more pieces. */
#define GUEST_PIXELS_MIN_BYTES 8192
#define GUEST_PIXELS_MAX_PIECES 64

typedef struct GuestLoans GuestLoans;
typedef struct GuestLoan GuestLoan;

/* `release` hands the resources of a command back to the host. Pictures of less than `min_bytes` are copied at once,
 * and more than `max_bytes` in all are never on loan: see above. */
GuestLoans *guest_loans_new(void (*release)(void *opaque, const QXLReleaseInfoExt *resources), void *opaque,
                            uint64_t min_bytes, uint64_t max_bytes);
/* Calls all in. Images that had pixels on loan may outlive this. */
void guest_loans_free(GuestLoans *loans);
void guest_loans_call_in(GuestLoans *loans);
/* The guest has no memory left: the same, and from now on there is a lower limit. */
void guest_loans_out_of_memory(GuestLoans *loans);
/* Whether so many bytes may be lent at all. */
bool guest_loans_take(const GuestLoans *loans, uint64_t bytes);

/* What one command keeps. The caller has one reference, each GuestPixels one more; with the last one the resources go
 * back, if guest_loan_set() has named them. */
GuestLoan *guest_loan_new(GuestLoans *loans);
void guest_loan_unref(GuestLoan *loan); /* NULL is allowed */
/* True if pixels need the resources: then it takes them over, and the caller must not release them. */
bool guest_loan_set(GuestLoan *loan, const QXLReleaseInfoExt *resources);

/* Pixels of n pieces of mapped guest memory, `bytes` in all: packed rows. Copies the list. */
PixelSource *guest_pixels_new(GuestLoan *loan, const PixelPiece *pieces, size_t n, uint64_t bytes);
