/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The extension: what version 1 has no room for, as a list of sections behind the v1 part of display data.
 * docs/data-format.md describes it byte by byte. Everything is judged section by section: a broken one costs its
 * fallback, no more.
 */
#pragma once

#include "server/migration/format.h"
#include "server/migration/section.h"

#define EXTENSION_MAGIC "CARAVAN\n" /* 8 bytes */
#define EXTENSION_VERSION 1u
#define EXTENSION_HEADER_SIZE 24u
#define SECTION_HEADER_SIZE 20u
#define EXTENSION_MAX_SECTIONS 64u

typedef enum ExtensionFlags {
    EXTENSION_LOSSY_FORM = 1 << 0,   /* v1's surface list has rectangles */
    EXTENSION_EXACT_SERIAL = 1 << 1, /* v1's message_serial is the serial of the destination's first message */
} ExtensionFlags;

typedef enum SectionFlags {
    SECTION_REQUIRED = 1 << 0, /* who does not know this section must not use any other */
} SectionFlags;

typedef enum SectionCompression {
    SECTION_COMPRESSION_NONE,
    SECTION_COMPRESSION_ZSTD,
} SectionCompression;

/* What a section's table encodes: a shallow copy of a state, and rows that the state holds in another shape. */
typedef struct SectionObject {
    DisplayState state;
    GArray *surfaces;  /* SurfaceRow */
    GArray *rects;     /* RectRow, of all surfaces one after the other */
    GArray *leftovers; /* LeftoversRow */
} SectionObject;

/* A kind of section: one declaration for both directions. */
typedef struct Section {
    const char *tag;
    uint16_t version; /* the newest known, and what is written */
    uint8_t flags;    /* SectionFlags it is written with */
    DisplaySections bit;
    uint32_t max_size; /* uncompressed, bytes */
    const Field *table;
    void (*save)(SectionObject *object);                                    /* may be NULL */
    bool (*load)(SectionObject *object, DisplayState *out, GError **error); /* judges, then takes over */
    const char *fallback; /* what the destination does without it, for people */
} Section;

extern const Section display_section_list[];
extern const unsigned n_display_sections;
const Section *display_section_find(const char *tag);

GArray *section_reports_new(void);

/* Does the magic stand at `offset`? */
bool extension_is_at(const uint8_t *data, size_t size, size_t offset);
void extension_encode(const DisplayState *state, WireWriter *w);
/* `data` starts with the magic. Takes what is good into `out`, which holds the v1 part; appends to `reports`. */
void extension_decode(const uint8_t *data, size_t size, DisplayState *out, GArray *reports);

uint32_t crc32_update(uint32_t crc, const uint8_t *data, size_t size); /* that of zlib; start with 0 */
