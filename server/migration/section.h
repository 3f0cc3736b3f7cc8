/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of fields: a structure is declared once, and the table gives its encoding, its decoding with all bounds, and
 * its JSON.
 *
 * A table is an array of Field that ends with FIELD_END. Two layouts use the same tables: fixed width fields make the
 * packed little endian structures of version 1; varints, rows and columns make the compact sections of the extension.
 * Bounds are inclusive. Decoding is total: true and every field within its bounds, or false and a GError of
 * MIGRATION_ERROR; nothing is allocated before the bytes that justify it were seen. Not thread safe; tables are
 * constant.
 */
#pragma once

#include "common/wire/reader.h"
#include "common/wire/writer.h"
#include <json-glib/json-glib.h>

typedef enum FieldKind {
    FIELD_NONE, /* the end of a table */

    /* Fixed width, little endian, packed. `count` > 1 makes an array of them. */
    FIELD_BOOL, /* one byte, 0 or 1 */
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_I32,
    FIELD_I64,
    FIELD_VERSION,      /* u32, no member: written as `max`, read as anything up to `max` */
    FIELD_BYTES,        /* uint8_t member[size] */
    FIELD_STRUCT,       /* a member with a table of its own */
    FIELD_DATA_SIZE,    /* u32: length of the GByteArray * member, whose bytes stand behind the fixed part */
    FIELD_DATA_POINTER, /* u32: where they are, 0 if there are none. Behind its FIELD_DATA_SIZE */

    /* Variable width. */
    FIELD_VARINT, /* unsigned integer member of any width */
    FIELD_BLOB,   /* GByteArray *: length as varint (at most `max`), bytes */
    FIELD_ROWS,   /* GArray *: number of rows as varint (at most `max`), then the columns of `table` one after the other
                   */
    FIELD_MATRIX, /* GArray * of uint64_t: as many rows and columns as the GArrays at `rows` and `columns` have
                     elements. Column by column; each number as 0 if it is 0, else 1 + zigzag of its fall below the last
                     one that was not 0 */

    /* Columns: only in the table of FIELD_ROWS. `offset` counts from the start of the row. */
    COLUMN_VARINT,    /* varint each */
    COLUMN_DELTA,     /* zigzag varint of the difference from the row before (the first: from 0) */
    COLUMN_ASCENDING, /* varint of the difference from the row before minus 1 (the first: the number): strictly
                         ascending */
    COLUMN_ID,        /* u64 ids: a byte 4 or 8 (width), all low words, and with 8 all high words */
    COLUMN_RUNS, /* bool: varint number of runs, then their lengths, alternating, false first; what is left is false */
} FieldKind;

typedef struct Field Field;
struct Field {
    const char *name; /* its key in JSON */
    FieldKind kind;
    uint32_t offset;        /* of the member, bytes */
    uint32_t size;          /* of the member (or of one element of it), bytes */
    uint32_t count;         /* elements, 0 counts as 1 */
    uint64_t min, max;      /* inclusive; max 0 = the width of the member is the only bound */
    uint32_t rows, columns; /* FIELD_MATRIX: offsets of GArray * members */
    const Field *table;
};

#define FIELD(Struct, member, kind_, ...)                                                                              \
    {                                                                                                                  \
        .name = #member, .kind = (kind_), .offset = offsetof(Struct, member), .size = sizeof(((Struct *)0)->member),   \
        __VA_ARGS__                                                                                                    \
    }
#define FIELD_END                                                                                                      \
    {                                                                                                                  \
        .kind = FIELD_NONE                                                                                             \
    }

/* Bytes of the fixed part of a table without variable width fields. */
size_t table_fixed_size(const Field *table);
/* Appends the object. A writer that was empty before makes the pointers of FIELD_DATA_POINTER count from the start of
 * the object. */
void table_encode(const Field *table, const void *object, WireWriter *w);
/* Reads the object; its GArray and GByteArray members exist and are empty. Pointers count from the start of the
 * reader's body. */
bool table_decode(const Field *table, WireReader *r, void *object, GError **error);
/* Adds the object's members to the JSON object that is open in `b`. Byte arrays are hex strings. */
void table_to_json(const Field *table, const void *object, JsonBuilder *b);

/* Small helpers that the JSON of states shares. */
void json_add_hex(JsonBuilder *b, const uint8_t *bytes, size_t n);
void json_add_u64(JsonBuilder *b, uint64_t v); /* a number, or a hex string if JSON's integers are too small */
