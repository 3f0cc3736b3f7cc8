/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ReplayText: reads the text format of recordings ("SPICE_REPLAY 1") strictly forward from a stdio stream, which may
 * be a pipe: no seek, no bytes read beyond what is asked for (apart from stdio's own buffer).
 *
 * The first thing that is not there or not as expected marks the reader as failed and sets `error`; every later read
 * then gives zeros and consumes nothing, so that a caller may read a whole structure and ask once. Runs of white space
 * between words and numbers are all alike. One thread at a time.
 */
#pragma once

#include <glib.h>
#include <spice/qxl_dev.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct ReplayText {
    FILE *file; /* borrowed */
    bool has_back;
    int back; /* the character that follows a number, if has_back: it was read already */
    GError *error;
    bool failed;
} ReplayText;

#define REPLAY_ERROR (replay_error_quark())
typedef enum ReplayError {
    REPLAY_ERROR_END,    /* the stream ends inside of something */
    REPLAY_ERROR_SYNTAX, /* another word, or not a number */
    REPLAY_ERROR_VALUE,  /* a value that cannot be */
    REPLAY_ERROR_MEMORY, /* no memory for a value that could be */
} ReplayError;
GQuark replay_error_quark(void);

/* The largest binary blob, in bytes, before and after decompression. */
#define REPLAY_BLOB_MAX 0x7fffffffu

/* Memory that starts with a link, so that the owner can keep a list of all it has to free. */
typedef struct ReplayBlock {
    struct ReplayBlock *next;
    size_t size; /* of data, bytes */
    uint8_t data[];
} ReplayBlock;

/* Not initialised; NULL if there is no memory. */
ReplayBlock *replay_block_new(size_t size);
/* The block with another size, and what it had of bytes; `block` may be NULL. NULL: no memory, the block is as it was.
 */
ReplayBlock *replay_block_resize(ReplayBlock *block, size_t size);
void replay_block_free(ReplayBlock *block); /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReplayBlock, replay_block_free)

/* Where the bytes of a blob stand in its block. */
typedef struct ReplayBlobShape {
    size_t head;  /* zero bytes before the blob, for the structure that contains it */
    size_t tail;  /* zero bytes after it */
    int64_t size; /* bytes that the blob must have; -1: any number */
} ReplayBlobShape;

/* True at the end of the stream, after white space; consumes that white space. */
bool replay_text_ended(ReplayText *t);
void replay_text_fail(ReplayText *t, ReplayError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Consumes one word (words of `words` may be parted by spaces, which match any white space). */
void replay_text_words(ReplayText *t, const char *words);
/* A decimal number of 32 bits, signed or unsigned, as its bit pattern. */
uint32_t replay_text_u32(ReplayText *t);
uint64_t replay_text_u64(ReplayText *t);
/* The same after a name. */
uint32_t replay_text_field(ReplayText *t, const char *name);
uint64_t replay_text_field64(ReplayText *t, const char *name);
/* "name 0" (false, also after failure) or "name 1". */
bool replay_text_flag(ReplayText *t, const char *name);
void replay_text_rect(ReplayText *t, const char *name, QXLRect *rect);
void replay_text_point(ReplayText *t, QXLPoint *point);
void replay_text_point16(ReplayText *t, QXLPoint16 *point);

/* A "binary" blob, plain or compressed by zlib. Returns a block that the caller owns (`size`: bytes of the blob), or
 * NULL after failure. Memory grows with what the stream has delivered, never ahead of it by more than 16 MiB or the
 * doubling of what has come. */
ReplayBlock *replay_text_blob(ReplayText *t, const char *name, ReplayBlobShape shape, uint32_t *size);
