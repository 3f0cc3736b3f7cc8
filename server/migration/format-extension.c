/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame of the extension: header, section headers, checksums, compression. What is inside: display-sections.c. */
#include "server/migration/extension.h"

#include <string.h>
#include <zstd.h>

#define INVALID(...) (g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_SECTION, __VA_ARGS__), false)
#define ZSTD_LEVEL 3
#define MIN_COMPRESSED_SIZE 256u /* what is smaller stays readable in a hex dump */
#define MAX_WINDOW_LOG 26        /* memory of the decompressor, as a power of two */

/* --- reports --- */

static void section_report_clear(void *report)
{
    g_free(((SectionReport *)report)->reason);
}

GArray *section_reports_new(void)
{
    GArray *reports = g_array_new(FALSE, TRUE, sizeof(SectionReport));

    g_array_set_clear_func(reports, section_report_clear);
    return reports;
}

void section_reports_free(GArray *reports)
{
    if (reports)
        g_array_unref(reports);
}

static void report_add(GArray *reports, const char *tag, uint16_t version, uint32_t size, char *reason)
{
    SectionReport report = {.version = version, .size = size, .accepted = !reason, .reason = reason};

    memcpy(report.tag, tag, 4);
    g_array_append_val(reports, report);
}

/* --- checksum --- */

uint32_t crc32_update(uint32_t crc, const uint8_t *data, size_t size)
{
    static uint32_t table[256];
    static gsize ready;

    if (g_once_init_enter(&ready)) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;

            for (unsigned bit = 0; bit < 8; bit++)
                c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
            table[i] = c;
        }
        g_once_init_leave(&ready, 1);
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
    return ~crc;
}

/* --- encode --- */

static void section_encode(const Section *section, const DisplayState *state, WireWriter *w)
{
    g_auto(WireWriter) raw = {0};
    g_autofree uint8_t *packed = NULL;
    SectionObject object = {.state = *state};
    const uint8_t *stored;
    size_t stored_size, start = w->size;

    if (section->save)
        section->save(&object);
    table_encode(section->table, &object, &raw);
    g_clear_pointer(&object.surfaces, g_array_unref);
    g_clear_pointer(&object.rects, g_array_unref);
    g_clear_pointer(&object.leftovers, g_array_unref);

    stored = raw.data;
    stored_size = raw.size;
    if (raw.size >= MIN_COMPRESSED_SIZE) {
        size_t bound = ZSTD_compressBound(raw.size), n;

        packed = g_malloc(bound);
        n = ZSTD_compress(packed, bound, raw.data, raw.size, ZSTD_LEVEL);
        if (!ZSTD_isError(n) && n < raw.size) {
            stored = packed;
            stored_size = n;
        }
    }
    wire_write_bytes(w, section->tag, 4);
    wire_write_u16(w, section->version);
    wire_write_u8(w, section->flags);
    wire_write_u8(w, stored == packed ? SECTION_COMPRESSION_ZSTD : SECTION_COMPRESSION_NONE);
    wire_write_u32(w, (uint32_t)stored_size);
    wire_write_u32(w, (uint32_t)raw.size);
    wire_write_u32(w, crc32_update(crc32_update(0, w->data + start, 16), stored, stored_size));
    wire_write_bytes(w, stored, stored_size);
}

void extension_encode(const DisplayState *state, WireWriter *w)
{
    size_t start = w->size;
    uint32_t n = 0;

    wire_write_bytes(w, EXTENSION_MAGIC, 8);
    wire_write_u16(w, EXTENSION_VERSION);
    wire_write_u16(w, EXTENSION_EXACT_SERIAL | (state->surfaces_lossy_form ? EXTENSION_LOSSY_FORM : 0));
    wire_write_zeros(w, 12);
    for (unsigned i = 0; i < n_display_sections; i++) {
        if (state->sections & display_section_list[i].bit) {
            section_encode(&display_section_list[i], state, w);
            n++;
        }
    }
    wire_set_u32(w, start + 12, (uint32_t)(w->size - start));
    wire_set_u32(w, start + 16, n);
    wire_set_u32(w, start + 20,
                 crc32_update(0, w->data + start + EXTENSION_HEADER_SIZE, w->size - start - EXTENSION_HEADER_SIZE));
}

/* --- decode --- */

/* One section as it was found. */
typedef struct SectionView {
    char tag[5]; /* made printable */
    uint16_t version;
    uint8_t flags, compression;
    uint32_t stored_size, raw_size;
    const uint8_t *stored;
    const Section *kind; /* NULL: unknown */
    bool intact;         /* its checksum is right */
} SectionView;

bool extension_is_at(const uint8_t *data, size_t size, size_t offset)
{
    return offset <= size && size - offset >= 8 && memcmp(data + offset, EXTENSION_MAGIC, 8) == 0;
}

static bool section_view(WireReader *r, SectionView *view, GError **error)
{
    const uint8_t *start = r->data + r->pos, *tag = wire_read_bytes(r, 4);
    uint32_t crc;

    memset(view, 0, sizeof(*view));
    view->version = wire_read_u16(r);
    view->flags = wire_read_u8(r);
    view->compression = wire_read_u8(r);
    view->stored_size = wire_read_u32(r);
    view->raw_size = wire_read_u32(r);
    crc = wire_read_u32(r);
    if (!wire_reader_ok(r))
        return INVALID("ends inside the header of a section");
    for (unsigned i = 0; i < 4; i++)
        view->tag[i] = g_ascii_isgraph((char)tag[i]) ? (char)tag[i] : '?';
    view->kind = display_section_find(view->tag);
    view->stored = wire_read_bytes(r, view->stored_size);
    if (!view->stored)
        return INVALID("ends inside a section of %u bytes", view->stored_size);
    view->intact = crc == crc32_update(crc32_update(0, start, 16), view->stored, view->stored_size);
    return true;
}

/* Inflates at most raw_size bytes, growing as they come: a lying header allocates nothing. */
static bool inflate_section(const SectionView *view, GByteArray *raw, GError **error)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    ZSTD_inBuffer in = {.src = view->stored, .size = view->stored_size};
    uint8_t chunk[16384];
    size_t left = 1;
    bool ok = true;

    ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    while (ok && left > 0) {
        ZSTD_outBuffer out = {.dst = chunk, .size = sizeof(chunk)};

        left = ZSTD_decompressStream(ctx, &out, &in);
        if (ZSTD_isError(left))
            ok = INVALID("compressed data: %s", ZSTD_getErrorName(left));
        else if (out.pos > view->raw_size - raw->len)
            ok = INVALID("inflates to more than the %u bytes it speaks of", view->raw_size);
        else if (left > 0 && out.pos == 0 && in.pos == in.size)
            ok = INVALID("compressed data end too early");
        else
            g_byte_array_append(raw, chunk, (unsigned)out.pos);
    }
    ZSTD_freeDCtx(ctx);
    if (ok && (raw->len != view->raw_size || in.pos != in.size))
        ok = INVALID("inflates to %u bytes, not %u", raw->len, view->raw_size);
    return ok;
}

static bool section_parse(const SectionView *view, const uint8_t *raw, size_t size, DisplayState *out, GError **error)
{
    WireReader r = wire_reader(raw, size);
    SectionObject object = {.surfaces = NULL};
    bool ok;

    display_state_init(&object.state);
    if (view->kind->save)
        view->kind->save(&object); /* makes the rows, of no surfaces yet */
    ok = table_decode(view->kind->table, &r, &object, error);
    if (ok && wire_reader_left(&r))
        ok = INVALID("%zu bytes are left over", wire_reader_left(&r));
    ok = ok && view->kind->load(&object, out, error);
    g_clear_pointer(&object.surfaces, g_array_unref);
    g_clear_pointer(&object.rects, g_array_unref);
    g_clear_pointer(&object.leftovers, g_array_unref);
    display_state_clear(&object.state);
    return ok;
}

static bool section_decode(const SectionView *view, DisplayState *out, GError **error)
{
    g_autoptr(GByteArray) raw = NULL;

    if (!view->intact)
        return INVALID("checksum is wrong");
    if (!view->kind)
        return INVALID("unknown, skipped");
    if (view->version != view->kind->version)
        return INVALID("version %u is not known", view->version);
    if (out->sections & view->kind->bit)
        return INVALID("occurs twice");
    if (view->raw_size > view->kind->max_size)
        return INVALID("%u bytes are too many", view->raw_size);
    if (view->compression == SECTION_COMPRESSION_NONE) {
        if (view->raw_size != view->stored_size)
            return INVALID("%u bytes stored of %u", view->stored_size, view->raw_size);
        return section_parse(view, view->stored, view->stored_size, out, error);
    }
    if (view->compression != SECTION_COMPRESSION_ZSTD)
        return INVALID("compression %u is not known", view->compression);
    raw = g_byte_array_new();
    return inflate_section(view, raw, error) && section_parse(view, raw->data, raw->len, out, error);
}

/* The header: what makes the whole extension unusable. `r` stands behind it afterwards, and ends where the extension
 * does. */
static bool header_decode(WireReader *r, DisplayState *out, GArray *reports, uint32_t *n_sections, GError **error)
{
    uint16_t version, flags;
    uint32_t total, crc;

    wire_read_bytes(r, 8);
    version = wire_read_u16(r);
    flags = wire_read_u16(r);
    total = wire_read_u32(r);
    *n_sections = wire_read_u32(r);
    crc = wire_read_u32(r);
    /* The flags keep their meaning in all versions. A serial one too high could block the client: better be told twice.
     */
    if (flags & EXTENSION_EXACT_SERIAL)
        out->next_serial--;
    if (!wire_reader_ok(r))
        return INVALID("ends inside its header");
    if (version != EXTENSION_VERSION)
        return INVALID("version %u of the extension is not known", version);
    if (!(flags & EXTENSION_LOSSY_FORM) != !out->surfaces_lossy_form && out->surfaces->len)
        return INVALID("the surface list has another form than the extension says");
    out->surfaces_lossy_form = flags & EXTENSION_LOSSY_FORM;
    if (*n_sections > EXTENSION_MAX_SECTIONS)
        return INVALID("%u sections are too many", *n_sections);
    if (total < EXTENSION_HEADER_SIZE)
        return INVALID("%u bytes are no extension", total);
    if (total > r->size)
        report_add(reports, "HEAD", version, EXTENSION_HEADER_SIZE,
                   g_strdup_printf("%zu bytes of %u are there, sections are judged one by one", r->size, total));
    else if (r->size = total, crc32_update(0, r->data + r->pos, r->size - r->pos) != crc)
        report_add(reports, "HEAD", version, EXTENSION_HEADER_SIZE,
                   g_strdup("checksum is wrong, sections are judged one by one"));
    return true;
}

/* All or nothing: a required section that is not known forbids the use of the others. */
static bool sections_view(WireReader *r, uint32_t n, SectionView *views, unsigned *n_views, GArray *reports,
                          GError **error)
{
    for (*n_views = 0; *n_views < n; (*n_views)++) {
        SectionView *view = &views[*n_views];
        GError *end = NULL;

        bool whole = section_view(r, view, &end);

        if ((view->flags & SECTION_REQUIRED) && (!view->kind || view->version != view->kind->version)) {
            g_clear_error(&end);
            return INVALID("section %.4s version %u is required and not known", view->tag, view->version);
        }
        if (!whole) {
            report_add(reports, view->kind ? view->tag : "HEAD", view->version, 0, g_strdup(end->message));
            g_clear_error(&end);
            break;
        }
    }
    return true;
}

void extension_decode(const uint8_t *data, size_t size, DisplayState *out, GArray *reports)
{
    WireReader r = wire_reader(data, size);
    g_autoptr(GError) error = NULL;
    g_autofree SectionView *views = NULL;
    uint32_t n_sections = 0;
    unsigned n = 0;

    if (!header_decode(&r, out, reports, &n_sections, &error)) {
        report_add(reports, "HEAD", 0, EXTENSION_HEADER_SIZE, g_strdup(error->message));
        return;
    }
    views = g_new0(SectionView, n_sections + 1);
    if (!sections_view(&r, n_sections, views, &n, reports, &error)) {
        report_add(reports, "HEAD", EXTENSION_VERSION, EXTENSION_HEADER_SIZE, g_strdup(error->message));
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        g_autoptr(GError) reason = NULL;
        bool ok = section_decode(&views[i], out, &reason);

        if (ok)
            out->sections |= views[i].kind->bit;
        report_add(reports, views[i].tag, views[i].version, SECTION_HEADER_SIZE + views[i].stored_size,
                   ok ? NULL : g_strdup(reason->message));
    }
}
