/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/migration/section.h"
#include "server/migration/format.h"

#include <string.h>

/* Data regions met so far in one structure: their sizes and pointers are separate fields. */
typedef struct Regions {
    struct {
        GByteArray **bytes;
        uint32_t size;
        size_t place; /* of the pointer, when writing */
    } list[4];
    unsigned n;
    size_t fixed_end; /* regions lie behind the fixed part */
} Regions;

static uint64_t load(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, p, size);
    return v;
}

static void store(uint8_t *p, unsigned size, uint64_t v)
{
    memcpy(p, &v, size);
}

static bool fail_value(const char *name, uint64_t v, GError **error)
{
    g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, "%s: %" G_GUINT64_FORMAT " is out of range", name, v);
    return false;
}

static bool fail_short(const char *name, GError **error)
{
    g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_SHORT, "%s: lies outside the data", name);
    return false;
}

/* Stores v if the field's bounds and its width allow. */
static bool store_checked(const Field *f, uint8_t *p, uint64_t v, GError **error)
{
    bool is_signed = f->kind == FIELD_I32 || f->kind == FIELD_I64;

    if (is_signed && f->max && ((int64_t)v < (int64_t)f->min || (int64_t)v > (int64_t)f->max)) {
        g_set_error(error, MIGRATION_ERROR, MIGRATION_ERROR_VALUE, "%s: %" G_GINT64_FORMAT " is out of range", f->name,
                    (int64_t)v);
        return false;
    }
    if (!is_signed && ((f->max && (v < f->min || v > f->max)) || (f->size < 8 && v >> (8 * f->size))))
        return fail_value(f->name, v, error);
    store(p, f->size, v);
    return true;
}

static unsigned scalar_width(FieldKind kind)
{
    switch (kind) {
    case FIELD_BOOL:
    case FIELD_U8:
        return 1;
    case FIELD_U16:
        return 2;
    case FIELD_U32:
    case FIELD_I32:
    case FIELD_VERSION:
    case FIELD_DATA_SIZE:
    case FIELD_DATA_POINTER:
        return 4;
    case FIELD_U64:
    case FIELD_I64:
        return 8;
    default:
        return 0;
    }
}

size_t table_fixed_size(const Field *table)
{
    size_t size = 0;

    for (const Field *f = table; f->kind; f++) {
        if (f->kind == FIELD_STRUCT)
            size += table_fixed_size(f->table);
        else if (f->kind == FIELD_BYTES)
            size += f->size;
        else
            size += (size_t)scalar_width(f->kind) * MAX(f->count, 1);
    }
    return size;
}

static uint64_t zigzag(uint64_t difference)
{
    return difference << 1 ^ (difference >> 63 ? G_MAXUINT64 : 0);
}

static uint64_t unzigzag(uint64_t v)
{
    return v >> 1 ^ (v & 1 ? G_MAXUINT64 : 0);
}

/* --- columns --- */

static void column_encode_ids(const Field *c, const uint8_t *row, size_t stride, size_t n, WireWriter *w)
{
    uint64_t all = 0;

    for (size_t i = 0; i < n; i++)
        all |= load(row + i * stride + c->offset, 8);
    wire_write_u8(w, all >> 32 ? 8 : 4);
    for (unsigned shift = 0; shift < (all >> 32 ? 64 : 32); shift += 32) {
        for (size_t i = 0; i < n; i++)
            wire_write_u32(w, (uint32_t)(load(row + i * stride + c->offset, 8) >> shift));
    }
}

static bool column_decode_ids(const Field *c, WireReader *r, uint8_t *row, size_t stride, size_t n, GError **error)
{
    uint8_t width = wire_read_u8(r);

    if (width != 4 && width != 8)
        return fail_value("width of ids", width, error);
    for (unsigned shift = 0; shift < 8u * width; shift += 32) {
        for (size_t i = 0; i < n; i++) {
            uint8_t *p = row + i * stride + c->offset;

            store(p, 8, load(p, 8) | (uint64_t)wire_read_u32(r) << shift);
        }
    }
    return wire_reader_ok(r) || fail_short(c->name, error);
}

static void column_encode_runs(const Field *c, const uint8_t *row, size_t stride, size_t n, WireWriter *w)
{
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(size_t));
    bool value = false;
    size_t run = 0;

    for (size_t i = 0; i < n; i++, run++) {
        if ((row[i * stride + c->offset] != 0) != value) {
            g_array_append_val(runs, run);
            run = 0;
            value = !value;
        }
    }
    if (value)
        g_array_append_val(runs, run);
    wire_write_varint(w, runs->len);
    for (unsigned i = 0; i < runs->len; i++)
        wire_write_varint(w, g_array_index(runs, size_t, i));
}

static bool column_decode_runs(const Field *c, WireReader *r, uint8_t *row, size_t stride, size_t n, GError **error)
{
    uint64_t n_runs = wire_read_varint(r);
    size_t at = 0;

    if (n_runs > n + 1)
        return fail_value("number of runs", n_runs, error);
    for (uint64_t i = 0; i < n_runs; i++) {
        uint64_t run = wire_read_varint(r);

        if (run > n - at || (run == 0 && i > 0))
            return fail_value("run", run, error);
        for (; run > 0; run--, at++)
            row[at * stride + c->offset] = i & 1;
    }
    return wire_reader_ok(r) || fail_short(c->name, error);
}

static void column_encode(const Field *c, const uint8_t *row, size_t stride, size_t n, WireWriter *w)
{
    uint64_t last = c->kind == COLUMN_ASCENDING ? G_MAXUINT64 : 0;

    if (c->kind == COLUMN_ID) {
        column_encode_ids(c, row, stride, n, w);
        return;
    }
    if (c->kind == COLUMN_RUNS) {
        column_encode_runs(c, row, stride, n, w);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t v = load(row + i * stride + c->offset, c->size);

        if (c->kind == COLUMN_VARINT)
            wire_write_varint(w, v);
        else if (c->kind == COLUMN_DELTA)
            wire_write_varint(w, zigzag(v - last));
        else
            wire_write_varint(w, v - last - 1);
        last = v;
    }
}

static bool column_decode(const Field *c, WireReader *r, uint8_t *row, size_t stride, size_t n, GError **error)
{
    uint64_t last = 0;

    if (c->kind == COLUMN_ID)
        return column_decode_ids(c, r, row, stride, n, error);
    if (c->kind == COLUMN_RUNS)
        return column_decode_runs(c, r, row, stride, n, error);
    for (size_t i = 0; i < n; i++) {
        uint64_t v = wire_read_varint(r);

        if (!wire_reader_ok(r))
            return fail_short(c->name, error);
        if (c->kind == COLUMN_DELTA) {
            v = last + unzigzag(v);
        } else if (c->kind == COLUMN_ASCENDING && i > 0) {
            if (v >= G_MAXUINT64 - last)
                return fail_value(c->name, v, error);
            v += last + 1;
        }
        if (!store_checked(c, row + i * stride + c->offset, v, error))
            return false;
        last = v;
    }
    return true;
}

/* --- variable width fields --- */

static void rows_encode(const Field *f, const GArray *rows, WireWriter *w)
{
    wire_write_varint(w, rows->len);
    for (const Field *c = f->table; c->kind && rows->len; c++)
        column_encode(c, (const uint8_t *)rows->data, g_array_get_element_size((GArray *)rows), rows->len, w);
}

static bool rows_decode(const Field *f, WireReader *r, GArray *rows, GError **error)
{
    uint64_t n = wire_read_varint(r);

    /* Each row takes a byte or more of some column. */
    if (n > wire_reader_left(r))
        return fail_short(f->name, error);
    if (n > f->max)
        return fail_value(f->name, n, error);
    g_array_set_size(rows, (unsigned)n);
    if (n)
        memset(rows->data, 0, n * g_array_get_element_size(rows));
    for (const Field *c = f->table; c->kind && n; c++) {
        if (!column_decode(c, r, (uint8_t *)rows->data, g_array_get_element_size(rows), (size_t)n, error))
            return false;
    }
    return true;
}

static unsigned array_length_at(const void *object, uint32_t offset)
{
    return (*(GArray *const *)((const uint8_t *)object + offset))->len;
}

static void matrix_encode(const Field *f, const void *object, const GArray *cells, WireWriter *w)
{
    size_t n_rows = array_length_at(object, f->rows), n_columns = array_length_at(object, f->columns);

    g_assert(cells->len == n_rows * n_columns);
    for (size_t c = 0; c < n_columns; c++) {
        uint64_t last = 0;

        for (size_t i = 0; i < n_rows; i++) {
            uint64_t v = g_array_index(cells, uint64_t, i * n_columns + c);

            wire_write_varint(w, v ? 1 + zigzag(last - v) : 0);
            last = v ? v : last;
        }
    }
}

static bool matrix_decode(const Field *f, const void *object, WireReader *r, GArray *cells, GError **error)
{
    size_t n_rows = array_length_at(object, f->rows), n_columns = array_length_at(object, f->columns);

    if (n_columns && n_rows > wire_reader_left(r) / n_columns)
        return fail_short(f->name, error);
    g_array_set_size(cells, (unsigned)(n_rows * n_columns));
    for (size_t c = 0; c < n_columns; c++) {
        uint64_t last = 0;

        for (size_t i = 0; i < n_rows; i++) {
            uint64_t v = wire_read_varint(r);

            if (v) {
                v = last - unzigzag(v - 1);
                if (v < 1 || v > f->max)
                    return fail_value(f->name, v, error);
                last = v;
            }
            g_array_index(cells, uint64_t, i * n_columns + c) = v;
        }
    }
    return wire_reader_ok(r) || fail_short(f->name, error);
}

static bool blob_decode(const Field *f, WireReader *r, GByteArray *blob, GError **error)
{
    uint64_t n = wire_read_varint(r);
    const uint8_t *bytes;

    if (n > f->max)
        return fail_value(f->name, n, error);
    bytes = wire_read_bytes(r, (size_t)n);
    if (!bytes)
        return fail_short(f->name, error);
    g_byte_array_append(blob, bytes, (unsigned)n);
    return true;
}

/* --- fixed width fields --- */

static void scalar_encode(const Field *f, const uint8_t *p, WireWriter *w)
{
    for (unsigned i = 0; i < MAX(f->count, 1); i++) {
        uint64_t v = load(p + (size_t)i * f->size, f->size);

        for (unsigned b = 0; b < scalar_width(f->kind); b++)
            wire_write_u8(w, (uint8_t)(v >> (8 * b)));
    }
}

static bool scalar_decode(const Field *f, WireReader *r, uint8_t *p, GError **error)
{
    for (unsigned i = 0; i < MAX(f->count, 1); i++) {
        const uint8_t *bytes = wire_read_bytes(r, scalar_width(f->kind));
        uint64_t v;

        if (!bytes)
            return fail_short(f->name, error);
        v = load(bytes, scalar_width(f->kind));
        if (f->kind == FIELD_I32)
            v = (uint64_t)(int64_t)(int32_t)v;
        if ((f->kind == FIELD_BOOL && v > 1) || (f->kind == FIELD_VERSION && v > f->max))
            return fail_value(f->name, v, error);
        if (f->kind != FIELD_VERSION && !store_checked(f, p + (size_t)i * f->size, v, error))
            return false;
    }
    return true;
}

static void region_add(Regions *regions, GByteArray **bytes, uint32_t size, size_t place)
{
    g_assert(regions->n < G_N_ELEMENTS(regions->list));
    regions->list[regions->n].bytes = bytes;
    regions->list[regions->n].size = size;
    regions->list[regions->n++].place = place;
}

/* The size was read before: takes the bytes it speaks of. */
static bool region_decode(const Field *f, Regions *regions, WireReader *r, GByteArray **bytes, GError **error)
{
    uint32_t pointer = wire_read_u32(r), size = 0;

    for (unsigned i = 0; i < regions->n; i++) {
        if (regions->list[i].bytes == bytes)
            size = regions->list[i].size;
    }
    if (!wire_reader_ok(r))
        return fail_short(f->name, error);
    if (size == 0)
        return true;
    if (pointer < regions->fixed_end || pointer > r->size || size > r->size - pointer)
        return fail_short(f->name, error);
    g_byte_array_append(*bytes, r->data + pointer, size);
    return true;
}

/* --- tables --- */

static void encode(const Field *table, const void *object, WireWriter *w, Regions *regions)
{
    for (const Field *f = table; f->kind; f++) {
        const uint8_t *p = (const uint8_t *)object + f->offset;

        switch (f->kind) {
        case FIELD_VERSION:
            wire_write_u32(w, (uint32_t)f->max);
            break;
        case FIELD_BYTES:
            wire_write_bytes(w, p, f->size);
            break;
        case FIELD_STRUCT:
            encode(f->table, p, w, regions);
            break;
        case FIELD_DATA_SIZE:
            wire_write_u32(w, (*(GByteArray *const *)p)->len);
            break;
        case FIELD_DATA_POINTER:
            region_add(regions, (GByteArray **)p, 0, wire_write_pointer(w));
            break;
        case FIELD_VARINT:
            wire_write_varint(w, load(p, f->size));
            break;
        case FIELD_BLOB:
            wire_write_varint(w, (*(GByteArray *const *)p)->len);
            wire_write_bytes(w, (*(GByteArray *const *)p)->data, (*(GByteArray *const *)p)->len);
            break;
        case FIELD_ROWS:
            rows_encode(f, *(GArray *const *)p, w);
            break;
        case FIELD_MATRIX:
            matrix_encode(f, object, *(GArray *const *)p, w);
            break;
        default:
            scalar_encode(f, p, w);
        }
    }
}

void table_encode(const Field *table, const void *object, WireWriter *w)
{
    Regions regions = {.n = 0};

    encode(table, object, w, &regions);
    for (unsigned i = 0; i < regions.n; i++) {
        const GByteArray *bytes = *regions.list[i].bytes;

        if (bytes->len) {
            wire_set_pointer(w, regions.list[i].place);
            wire_write_bytes(w, bytes->data, bytes->len);
        }
    }
}

static bool decode(const Field *table, WireReader *r, void *object, Regions *regions, GError **error);

static bool field_decode(const Field *f, WireReader *r, void *object, Regions *regions, GError **error)
{
    uint8_t *p = (uint8_t *)object + f->offset;
    const uint8_t *bytes;
    uint64_t v;

    switch (f->kind) {
    case FIELD_BYTES:
        bytes = wire_read_bytes(r, f->size);
        if (!bytes)
            return fail_short(f->name, error);
        memcpy(p, bytes, f->size);
        return true;
    case FIELD_STRUCT:
        return decode(f->table, r, p, regions, error);
    case FIELD_DATA_SIZE:
        v = wire_read_u32(r);
        if (f->max && v > f->max)
            return fail_value(f->name, v, error);
        region_add(regions, (GByteArray **)p, (uint32_t)v, 0);
        return wire_reader_ok(r) || fail_short(f->name, error);
    case FIELD_DATA_POINTER:
        return region_decode(f, regions, r, (GByteArray **)p, error);
    case FIELD_VARINT:
        v = wire_read_varint(r);
        return wire_reader_ok(r) ? store_checked(f, p, v, error) : fail_short(f->name, error);
    case FIELD_BLOB:
        return blob_decode(f, r, *(GByteArray **)p, error);
    case FIELD_ROWS:
        return rows_decode(f, r, *(GArray **)p, error);
    case FIELD_MATRIX:
        return matrix_decode(f, object, r, *(GArray **)p, error);
    default:
        return scalar_decode(f, r, p, error);
    }
}

static bool decode(const Field *table, WireReader *r, void *object, Regions *regions, GError **error)
{
    for (const Field *f = table; f->kind; f++) {
        if (!field_decode(f, r, object, regions, error))
            return false;
    }
    return true;
}

bool table_decode(const Field *table, WireReader *r, void *object, GError **error)
{
    Regions regions = {.fixed_end = r->pos + table_fixed_size(table)};

    return decode(table, r, object, &regions, error);
}

/* --- JSON --- */

void json_add_hex(JsonBuilder *b, const uint8_t *bytes, size_t n)
{
    g_autoptr(GString) s = g_string_sized_new(2 * n);

    for (size_t i = 0; i < n; i++)
        g_string_append_printf(s, "%02x", bytes[i]);
    json_builder_add_string_value(b, s->str);
}

void json_add_u64(JsonBuilder *b, uint64_t v)
{
    char hex[20];

    if (v <= G_MAXINT64) {
        json_builder_add_int_value(b, (int64_t)v);
        return;
    }
    g_snprintf(hex, sizeof(hex), "0x%" G_GINT64_MODIFIER "x", v);
    json_builder_add_string_value(b, hex);
}

static void scalar_to_json(const Field *f, const uint8_t *p, JsonBuilder *b)
{
    uint64_t v = load(p, f->size);

    if (f->kind == FIELD_BOOL || f->kind == COLUMN_RUNS)
        json_builder_add_boolean_value(b, v != 0);
    else if (f->kind == FIELD_I32)
        json_builder_add_int_value(b, (int32_t)v);
    else if (f->kind == FIELD_I64)
        json_builder_add_int_value(b, (int64_t)v);
    else
        json_add_u64(b, v);
}

static void field_to_json(const Field *f, const uint8_t *p, JsonBuilder *b)
{
    if (f->kind == FIELD_STRUCT) {
        json_builder_begin_object(b);
        table_to_json(f->table, p, b);
        json_builder_end_object(b);
    } else if (f->kind == FIELD_BYTES) {
        json_add_hex(b, p, f->size);
    } else if (f->kind == FIELD_DATA_POINTER || f->kind == FIELD_BLOB) {
        json_add_hex(b, (*(GByteArray *const *)p)->data, (*(GByteArray *const *)p)->len);
    } else if (f->kind == FIELD_ROWS) {
        const GArray *rows = *(GArray *const *)p;
        size_t stride = g_array_get_element_size((GArray *)rows);

        json_builder_begin_array(b);
        for (size_t i = 0; i < rows->len; i++) {
            json_builder_begin_object(b);
            table_to_json(f->table, rows->data + i * stride, b);
            json_builder_end_object(b);
        }
        json_builder_end_array(b);
    } else if (f->count > 1) {
        json_builder_begin_array(b);
        for (unsigned i = 0; i < f->count; i++)
            scalar_to_json(f, p + (size_t)i * f->size, b);
        json_builder_end_array(b);
    } else {
        scalar_to_json(f, p, b);
    }
}

void table_to_json(const Field *table, const void *object, JsonBuilder *b)
{
    for (const Field *f = table; f->kind; f++) {
        if (f->kind == FIELD_VERSION || f->kind == FIELD_DATA_SIZE || f->kind == FIELD_MATRIX)
            continue;
        json_builder_set_member_name(b, f->name);
        field_to_json(f, (const uint8_t *)object + f->offset, b);
    }
}
