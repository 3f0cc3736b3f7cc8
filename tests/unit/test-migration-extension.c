/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The extension: round trips, its size and speed, what is refused and that the rest stays usable, the documented
 * example. */
#include "tests/unit/migration-samples.h"

#include <string.h>

#define ALL_SECTIONS                                                                                                   \
    (DISPLAY_SECTION_V1 | DISPLAY_SECTION_SERIALS | DISPLAY_SECTION_CACHE | DISPLAY_SECTION_SURFACES |                 \
     DISPLAY_SECTION_PALETTES | DISPLAY_SECTION_PREFERENCES | DISPLAY_SECTION_LEFTOVERS)

/* The sample as bytes that a test breaks, and what a destination makes of them. */
typedef struct Trial {
    GByteArray *data;
    size_t start; /* of the extension */
    DisplayState out;
    GArray *reports;
} Trial;

static void trial_encode(Trial *t, const DisplayState *s)
{
    g_autoptr(GBytes) plain = display_state_encode(s, false);
    GBytes *bytes = display_state_encode(s, true);

    memset(t, 0, sizeof(*t));
    t->start = g_bytes_get_size(plain);
    t->data = g_bytes_unref_to_array(bytes);
}

static void trial_begin(Trial *t)
{
    DisplayState s;

    sample_display_small(&s);
    trial_encode(t, &s);
    display_state_clear(&s);
}

static size_t trial_section(const Trial *t, const char *tag)
{
    size_t at = t->start + EXTENSION_HEADER_SIZE;

    while (memcmp(t->data->data + at, tag, 4) != 0) {
        uint32_t stored;

        memcpy(&stored, t->data->data + at + 8, 4);
        at += SECTION_HEADER_SIZE + stored;
        g_assert_cmpuint(at, <, t->data->len);
    }
    return at;
}

/* Makes the checksum of a section right again. */
static void trial_sign(Trial *t, size_t at)
{
    uint32_t stored, crc;

    memcpy(&stored, t->data->data + at + 8, 4);
    crc = crc32_update(0, t->data->data + at, 16);
    crc = crc32_update(crc, t->data->data + at + SECTION_HEADER_SIZE, stored);
    memcpy(t->data->data + at + 16, &crc, 4);
}

static void trial_set_u32(Trial *t, size_t at, uint32_t v)
{
    memcpy(t->data->data + at, &v, 4);
}

static bool trial_has(const Trial *t, const char *tag, const char *reason)
{
    for (unsigned i = 0; i < t->reports->len; i++) {
        const SectionReport *r = &g_array_index(t->reports, SectionReport, i);

        if (strcmp(r->tag, tag) == 0 && r->reason && strstr(r->reason, reason))
            return true;
    }
    return false;
}

/* Decodes: version 1 must stay usable, exactly `sections` be restored, and the refused one say why. */
static void trial_end(Trial *t, const char *what, unsigned sections, const char *tag, const char *reason)
{
    g_autofree uint8_t *exact = g_memdup2(t->data->data, t->data->len);
    g_autoptr(GError) error = NULL;

    display_state_decode(exact, t->data->len, -1, &t->out, &t->reports, &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < t->reports->len; i++) {
        const SectionReport *r = &g_array_index(t->reports, SectionReport, i);

        if (r->reason)
            g_test_message("%s: %s: %s", what, r->tag, r->reason);
    }
    if (t->out.sections != sections)
        g_error("%s: sections 0x%x, not 0x%x", what, t->out.sections, sections);
    if (reason && !trial_has(t, tag, reason))
        g_error("%s: no report of %s: %s", what, tag, reason);
    g_assert_true(display_state_validate(&t->out, &error));
    g_assert_cmpuint(t->out.next_serial, ==, 27);
    section_reports_free(t->reports);
    display_state_clear(&t->out);
    g_byte_array_unref(t->data);
}

static void check_round_trip(const DisplayState *s)
{
    g_autoptr(GBytes) bytes = display_state_encode(s, true);
    g_autoptr(GBytes) again = NULL;
    g_autoptr(GError) error = NULL;
    GArray *reports = NULL;
    DisplayState out;

    g_assert_true(display_state_validate(s, &error));
    display_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), -1, &out, &reports, &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < reports->len; i++)
        g_assert_null(g_array_index(reports, SectionReport, i).reason);
    assert_display_equal(s, &out);
    again = display_state_encode(&out, true);
    g_assert_true(g_bytes_equal(bytes, again));
    section_reports_free(reports);
    display_state_clear(&out);
}

static void test_round_trip(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    DisplayState s;

    sample_display_small(&s);
    check_round_trip(&s);
    s.surfaces_lossy_form = true;
    check_round_trip(&s);
    /* An empty cache is a fact, too. */
    g_array_set_size(s.cache.entries, 0);
    g_array_set_size(s.cache.entry_sync, 0);
    check_round_trip(&s);
    g_array_set_size(s.surfaces, 0);
    g_array_set_size(s.palettes, 0);
    g_array_set_size(s.cache.sync, 0);
    g_byte_array_set_size(s.video_codecs, 0);
    check_round_trip(&s);
    s.cache.has_entries = s.cache.freezer = false;
    s.sections &= ~(unsigned)DISPLAY_SECTION_CACHE;
    check_round_trip(&s);
    s.preferred_compression = 0;
    s.sections = DISPLAY_SECTION_V1 | DISPLAY_SECTION_SURFACES;
    check_round_trip(&s);
    display_state_clear(&s);

    for (unsigned i = 0; i < 40; i++) {
        sample_display(&s, rand, i * 7, 1 + i % 6, i % 2);
        for (unsigned j = 0; j < s.cache.entries->len; j++)
            g_array_index(s.cache.entries, CacheEntryState, j).lossy = g_rand_int_range(rand, 0, 3) < (int)(i % 4);
        check_round_trip(&s);
        display_state_clear(&s);
    }
}

/* Extremes of every number. */
static void test_limits(void)
{
    DisplayState s;
    CacheEntryState *entries;

    sample_display_small(&s);
    entries = (CacheEntryState *)s.cache.entries->data;
    entries[0].id = G_MAXUINT64;
    entries[1].id = 0;
    entries[2].id = G_GUINT64_CONSTANT(0x8000000000000000);
    entries[1].pixels = 1;
    s.cache.size = STATE_MAX_CACHE_PIXELS;
    entries[0].pixels = (uint32_t)(STATE_MAX_CACHE_PIXELS - 4096 - 1);
    g_array_index(s.cache.sync, ChannelSerial, 1) = (ChannelSerial){255, STATE_MAX_SERIAL};
    g_array_index(s.cache.entry_sync, uint64_t, 1) = STATE_MAX_SERIAL;
    g_array_index(s.cache.entry_sync, uint64_t, 5) = 1;
    g_array_index(s.surfaces, SurfaceState, 1).id = STATE_MAX_SURFACES - 1;
    g_array_index(s.surfaces, SurfaceState, 1).width = STATE_MAX_COORDINATE;
    g_array_index(s.palettes, uint64_t, 1) = G_MAXUINT64;
    s.dictionary.size = STATE_MAX_DICTIONARY_PIXELS;
    check_round_trip(&s);
    display_state_clear(&s);
}

/* --- size and speed --- */

static size_t cache_section_size(const DisplayState *s, double *encode_ms, double *decode_ms)
{
    gint64 begin = g_get_monotonic_time(), middle;
    g_autoptr(GBytes) bytes = display_state_encode(s, true);
    g_autoptr(GError) error = NULL;
    GArray *reports = NULL;
    size_t size = 0;
    DisplayState out;

    middle = g_get_monotonic_time();
    display_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), -1, &out, &reports, &error);
    g_assert_no_error(error);
    *encode_ms = (double)(middle - begin) / 1000;
    *decode_ms = (double)(g_get_monotonic_time() - middle) / 1000;
    for (unsigned i = 0; i < reports->len; i++) {
        if (strcmp(g_array_index(reports, SectionReport, i).tag, "CACH") == 0)
            size = g_array_index(reports, SectionReport, i).size;
    }
    assert_display_equal(s, &out);
    section_reports_free(reports);
    display_state_clear(&out);
    return size;
}

static void test_size(void)
{
    static const struct {
        const char *name;
        unsigned n, channels;
        bool wide;
        double most; /* bytes an entry */
    } cases[] = {
        {"one channel", 20000, 1, false, 12},
        {"four channels", 20000, 4, false, 14},
        {"ids of group and counter", 20000, 1, true, 12},
        {"few", 100, 1, false, 12.5},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(7);
        double encode_ms, decode_ms, each;
        DisplayState s;
        size_t size;

        sample_display(&s, rand, cases[i].n, cases[i].channels, cases[i].wide);
        size = cache_section_size(&s, &encode_ms, &decode_ms);
        each = (double)size / s.cache.entries->len;
        g_test_message("%s: %u entries in %zu bytes, %.2f bytes each; encode %.2f ms, decode and validate %.2f ms",
                       cases[i].name, s.cache.entries->len, size, each, encode_ms, decode_ms);
        g_assert_cmpfloat(each, <=, cases[i].most);
        display_state_clear(&s);
    }
}

/* --- refusals --- */

static void test_section_refused(void)
{
    static const struct {
        const char *what, *tag;
        size_t offset;
        uint8_t value;
        bool sign;
        const char *reason;
    } cases[] = {
        {"bit flip in the data", "CACH", SECTION_HEADER_SIZE + 9, 0x11, false, "checksum"},
        {"bit flip in the header", "CACH", 4, 3, false, "checksum"},
        {"newer", "CACH", 4, 2, true, "version 2"},
        {"version 0", "CACH", 4, 0, true, "version 0"},
        {"compression", "CACH", 7, 2, true, "compression"},
        {"not compressed", "CACH", 7, 1, true, "compressed data"},
        {"raw length", "CACH", 12, 1, true, "stored"},
        {"raw length too large", "CACH", 15, 0xff, true, "too many"},
        {"number of channels", "CACH", SECTION_HEADER_SIZE, 0x70, true, "outside"},
        {"one channel less", "CACH", SECTION_HEADER_SIZE, 1, true, ""},
        {"channel ids", "CACH", SECTION_HEADER_SIZE + 2, 3, true, "serials of"},
        {"sync serial", "CACH", SECTION_HEADER_SIZE + 3, 21, true, "differ"},
        {"sync serial 0", "CACH", SECTION_HEADER_SIZE + 4, 0, true, "out of range"},
        {"number of entries", "CACH", SECTION_HEADER_SIZE + 5, 4, true, ""},
        {"width of ids", "CACH", SECTION_HEADER_SIZE + 6, 5, true, "width"},
        {"no pixels", "CACH", SECTION_HEADER_SIZE + 19, 0, true, "pixels"},
        {"runs", "CACH", SECTION_HEADER_SIZE + 25, 9, true, "runs"},
        {"run", "CACH", SECTION_HEADER_SIZE + 26, 9, true, "run"},
        {"serial of an entry", "CACH", SECTION_HEADER_SIZE + 28, 44, true, "later than"},
        {"next serial", "SERL", SECTION_HEADER_SIZE, 28, true, "differs"},
        {"sync", "SERL", SECTION_HEADER_SIZE + 4, 19, true, "differ"},
        {"surface id", "SURF", SECTION_HEADER_SIZE + 2, 5, true, "not in the list"},
        {"number of surfaces", "SURF", SECTION_HEADER_SIZE, 1, true, ""},
        {"format", "SURF", SECTION_HEADER_SIZE + 3, 33, true, "format"},
        {"number of rectangles", "SURF", SECTION_HEADER_SIZE + 11, 1, true, "no surface"},
        {"too many rectangles", "SURF", SECTION_HEADER_SIZE + 11, 3, true, "are there"},
        {"palette 0", "PALS", SECTION_HEADER_SIZE + 6, 0, true, "key 0"},
        {"palettes", "PALS", SECTION_HEADER_SIZE, 3, true, "outside"},
        {"leftovers on an unknown surface", "LEFT", SECTION_HEADER_SIZE + 1, 4, true, "does not have"},
        {"leftovers of no kind", "LEFT", SECTION_HEADER_SIZE + 2, 0, true, "what"},
        {"leftovers of unknown kind", "LEFT", SECTION_HEADER_SIZE + 2, 4, true, "what"},
        {"compression preferred", "PREF", SECTION_HEADER_SIZE, 77, true, "compression"},
        {"codec", "PREF", SECTION_HEADER_SIZE + 2, 77, true, "codec"},
        {"codec twice", "PREF", SECTION_HEADER_SIZE + 2, 1, true, "twice"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        unsigned sections = ALL_SECTIONS;
        size_t at;
        Trial t;

        trial_begin(&t);
        at = trial_section(&t, cases[i].tag);
        t.data->data[at + cases[i].offset] = cases[i].value;
        if (cases[i].sign)
            trial_sign(&t, at);
        sections &= ~(unsigned)display_section_find(cases[i].tag)->bit;
        trial_end(&t, cases[i].what, sections, cases[i].tag, cases[i].reason);
    }
}

/* Encoders take what they are given: broken states, of which a destination takes the rest. */
static void test_bad_entries(void)
{
    static const char *const reasons[] = {"twice", "do not fit", "later than"};

    for (unsigned i = 0; i < G_N_ELEMENTS(reasons); i++) {
        DisplayState s;
        Trial t;

        sample_display_small(&s);
        if (i == 0)
            g_array_index(s.cache.entries, CacheEntryState, 2).id = 0xdeadbeef;
        else if (i == 1)
            g_array_index(s.cache.entries, CacheEntryState, 0).pixels = (uint32_t)s.cache.size - 120000 - 4096 + 1;
        else
            g_array_index(s.cache.entry_sync, uint64_t, 5) = 10;
        g_assert_false(display_state_validate(&s, NULL));
        trial_encode(&t, &s);
        display_state_clear(&s);
        trial_end(&t, "bad entries", ALL_SECTIONS & ~DISPLAY_SECTION_CACHE, "CACH", reasons[i]);
    }
}

static void test_rect_outside(void)
{
    static const StateRect rects[] = {{0, 0, 1025, 10}, {0, 760, 10, 769}};

    for (unsigned i = 0; i < G_N_ELEMENTS(rects); i++) {
        DisplayState s;
        Trial t;

        sample_display_small(&s);
        g_array_index(g_array_index(s.surfaces, SurfaceState, 0).lossy, StateRect, 1) = rects[i];
        trial_encode(&t, &s);
        display_state_clear(&s);
        trial_end(&t, "rectangle outside", ALL_SECTIONS & ~DISPLAY_SECTION_SURFACES, "SURF", "cannot be");
    }
}

/* Entries in the data of a channel that did not freeze the cache. */
static void test_not_freezer(void)
{
    Trial t;

    trial_begin(&t);
    t.data->data[26] = 0;
    trial_end(&t, "not the freezer", ALL_SECTIONS & ~DISPLAY_SECTION_CACHE, "CACH", "did not freeze");
}

static void test_structure(void)
{
    size_t at;
    Trial t;

    /* Cut anywhere: sections before the cut stay. */
    for (size_t cut = 1;; cut++) {
        unsigned sections = DISPLAY_SECTION_V1;

        trial_begin(&t);
        for (unsigned i = 0; i < n_display_sections; i++) {
            uint32_t stored;

            at = trial_section(&t, display_section_list[i].tag);
            memcpy(&stored, t.data->data + at + 8, 4);
            if (at + SECTION_HEADER_SIZE + stored <= t.data->len - cut)
                sections |= display_section_list[i].bit;
        }
        if (t.data->len - cut < t.start + EXTENSION_HEADER_SIZE) {
            g_byte_array_unref(t.data);
            break;
        }
        g_byte_array_set_size(t.data, t.data->len - (unsigned)cut);
        trial_end(&t, "cut", sections, "HEAD", "of");
    }
    /* A section twice. */
    trial_begin(&t);
    at = trial_section(&t, "PREF");
    memcpy(t.data->data + at, "PALS", 4);
    trial_sign(&t, at);
    trial_end(&t, "twice", ALL_SECTIONS & ~DISPLAY_SECTION_PREFERENCES, "PALS", "twice");
    /* An unknown one, optional and required. */
    trial_begin(&t);
    at = trial_section(&t, "PALS");
    memcpy(t.data->data + at, "TI\x01S", 4);
    trial_sign(&t, at);
    trial_end(&t, "unknown", ALL_SECTIONS & ~DISPLAY_SECTION_PALETTES, "TI?S", "unknown");
    trial_begin(&t);
    at = trial_section(&t, "PALS");
    memcpy(t.data->data + at, "TILE", 4);
    t.data->data[at + 6] = SECTION_REQUIRED;
    trial_sign(&t, at);
    trial_end(&t, "required", DISPLAY_SECTION_V1, "HEAD", "required");
    /* A known one may be required. */
    trial_begin(&t);
    at = trial_section(&t, "PALS");
    t.data->data[at + 6] = SECTION_REQUIRED;
    trial_sign(&t, at);
    trial_end(&t, "known and required", ALL_SECTIONS, "HEAD", "checksum");
    /* A length that covers the following section. */
    trial_begin(&t);
    at = trial_section(&t, "CACH");
    t.data->data[at + 8] += SECTION_HEADER_SIZE;
    trial_sign(&t, at);
    trial_end(&t, "overlap", DISPLAY_SECTION_V1 | DISPLAY_SECTION_SERIALS, "CACH", "stored");
}

static void test_header(void)
{
    Trial t;

    trial_begin(&t);
    t.data->data[t.start + 8] = 2;
    trial_end(&t, "newer extension", DISPLAY_SECTION_V1, "HEAD", "version 2");
    trial_begin(&t);
    t.data->data[t.start + 10] ^= EXTENSION_LOSSY_FORM;
    trial_end(&t, "other form", DISPLAY_SECTION_V1, "HEAD", "form");
    trial_begin(&t);
    t.data->data[t.start + 16] = 65;
    trial_end(&t, "sections", DISPLAY_SECTION_V1, "HEAD", "65 sections");
    trial_begin(&t);
    t.data->data[t.start + 16] = 7;
    trial_end(&t, "one section more", ALL_SECTIONS, "HEAD", "ends");
    trial_begin(&t);
    t.data->data[t.start + 16] = 1;
    trial_end(&t, "fewer sections", DISPLAY_SECTION_V1 | DISPLAY_SECTION_SERIALS, NULL, NULL);
    trial_begin(&t);
    trial_set_u32(&t, t.start + 12, 23);
    trial_end(&t, "length", DISPLAY_SECTION_V1, "HEAD", "no extension");
    trial_begin(&t);
    trial_set_u32(&t, t.start + 12, G_MAXUINT32);
    trial_end(&t, "length beyond the end", ALL_SECTIONS, "HEAD", "are there");
    trial_begin(&t);
    t.data->data[t.start + 20] ^= 1;
    trial_end(&t, "checksum", ALL_SECTIONS, "HEAD", "checksum");
    trial_begin(&t);
    g_byte_array_append(t.data, (const guint8 *)"more", 4);
    trial_end(&t, "bytes behind", ALL_SECTIONS, NULL, NULL);
}

/* Something else behind the list is no extension: the rules for other servers apply. */
static void test_foreign(void)
{
    DisplayState out;
    GArray *reports = NULL;
    Trial t;

    trial_begin(&t);
    t.data->data[t.start] = 'c';
    g_assert_true(display_state_decode(t.data->data, t.data->len, 0, &out, &reports, NULL));
    g_assert_cmpuint(reports->len, ==, 0);
    g_assert_cmpuint(out.sections, ==, DISPLAY_SECTION_V1);
    g_assert_cmpuint(out.next_serial, ==, 28);
    section_reports_free(reports);
    display_state_clear(&out);
    g_byte_array_unref(t.data);
}

/* Compressed data that inflate to more than they say, or to something else. */
static void test_compressed(void)
{
    static const uint8_t flips[] = {0, 1, 4, 9, 20};
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    unsigned all = ALL_SECTIONS;
    DisplayState s;

    sample_display(&s, rand, 500, 3, true);
    for (unsigned i = 0; i < G_N_ELEMENTS(flips) + 3; i++) {
        size_t at;
        Trial t;

        trial_encode(&t, &s);
        at = trial_section(&t, "CACH");
        g_assert_cmpuint(t.data->data[at + 7], ==, SECTION_COMPRESSION_ZSTD);
        if (i < G_N_ELEMENTS(flips)) {
            t.data->data[at + SECTION_HEADER_SIZE + flips[i]] ^= 0x55;
        } else if (i == G_N_ELEMENTS(flips)) {
            t.data->data[at + 12] ^= 1;
        } else if (i == G_N_ELEMENTS(flips) + 1) {
            trial_set_u32(&t, at + 12, 0);
        } else {
            trial_set_u32(&t, at + 12, MIGRATION_MAX_SIZE);
        }
        trial_sign(&t, at);
        /* What the serial is depends on the sample. */
        t.data->data[8] = 27;
        memset(t.data->data + 9, 0, 7);
        all = ALL_SECTIONS & ~(DISPLAY_SECTION_CACHE | DISPLAY_SECTION_SERIALS);
        trial_end(&t, "compressed", all, "CACH", "");
    }
    display_state_clear(&s);
}

static void test_crc(void)
{
    /* The check value of this CRC. */
    g_assert_cmphex(crc32_update(0, (const uint8_t *)"123456789", 9), ==, 0xcbf43926);
    g_assert_cmphex(crc32_update(crc32_update(0, (const uint8_t *)"1234", 4), (const uint8_t *)"56789", 5), ==,
                    0xcbf43926);
}

static void test_json(void)
{
    static const char *const want[] = {
        "\"next_serial\" : 27", "\"count\" : 3",    "\"pixels\" : 124192", "00000000deadbeef",
        "\"tag\" : \"CACH\"",   "\"known\" : true", "\"accepted\" : true", "0000000000001234",
    };
    bool ok = false;
    g_autofree char *json = NULL;
    Trial t;

    trial_begin(&t);
    json = migration_data_to_json(t.data->data, t.data->len, &ok);
    g_assert_true(ok);
    for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
        if (!strstr(json, want[i]))
            g_error("no %s in %s", want[i], json);
    }
    g_byte_array_unref(t.data);
}

/* The hex dump in docs/data-format.md: lines of "0000  44 43 ..." between the markers. */
static void test_document(void)
{
    g_autofree char *path = g_build_filename(TOP_SRCDIR, "docs", "data-format.md", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GString) dump = g_string_new(NULL);
    char *begin, *end;
    Trial t;

    trial_begin(&t);
    for (unsigned i = 0; i < t.data->len; i++) {
        if (i % 16 == 0)
            g_string_append_printf(dump, "\n%04x ", i);
        g_string_append_printf(dump, " %02x", t.data->data[i]);
    }
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    begin = strstr(text, "<!-- example -->");
    end = begin ? strstr(begin, "<!-- end of example -->") : NULL;
    if (!end || !g_strstr_len(begin, end - begin, dump->str))
        g_error("the example in %s is not this one:%s", path, dump->str);
    g_byte_array_unref(t.data);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/extension/round-trip", test_round_trip);
    g_test_add_func("/migration/extension/limits", test_limits);
    g_test_add_func("/migration/extension/size", test_size);
    g_test_add_func("/migration/extension/section-refused", test_section_refused);
    g_test_add_func("/migration/extension/bad-entries", test_bad_entries);
    g_test_add_func("/migration/extension/rect-outside", test_rect_outside);
    g_test_add_func("/migration/extension/not-freezer", test_not_freezer);
    g_test_add_func("/migration/extension/structure", test_structure);
    g_test_add_func("/migration/extension/header", test_header);
    g_test_add_func("/migration/extension/foreign", test_foreign);
    g_test_add_func("/migration/extension/compressed", test_compressed);
    g_test_add_func("/migration/extension/crc", test_crc);
    g_test_add_func("/migration/extension/json", test_json);
    g_test_add_func("/migration/extension/document", test_document);
    return g_test_run();
}
