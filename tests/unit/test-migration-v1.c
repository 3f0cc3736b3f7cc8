/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Version 1 data as recorded from another server, both ways, and everything that must be refused. */
#include "tests/unit/migration-samples.h"

#define DISPLAY_ONE                                                                                                    \
    "44434d44 01000000 1a00000000000000 00 01 0000400100000000 01 0000000000000000 0000000000000000 0000000000000000"  \
    "0000000000000000 01 00003000 04000000 1000000000000000 50000000 | 01000000 00000000"
#define DISPLAY_FREEZER                                                                                                \
    "44434d44 01000000 1000000000000000 00 01 0000400100000000 01 0e00000000000000 0a00000000000000 0000000000000000"  \
    "0000000000000000 01 00003000 04000000 0400000000000000 50000000 | 03000000 00000000 05000000 09000000"
#define DISPLAY_SECOND                                                                                                 \
    "44434d44 01000000 0d00000000000000 00 01 0000400100000000 00 0e00000000000000 0a00000000000000 0000000000000000"  \
    "0000000000000000 01 00003000 04000000 0400000000000000 50000000 | 01000000 00000000"
#define LOSSY_HEAD                                                                                                     \
    "44434d44 01000000 1200000000000000 00 01 0000400100000000 01 1000000000000000 0a00000000000000 0000000000000000"  \
    "0000000000000000 01 00003000 04000000 0400000000000000 50000000 |"
#define DISPLAY_LOSSY                                                                                                  \
    LOSSY_HEAD "03000000 00000000 c8000000 c8000000 90010000 90010000 05000000 14000000 0a000000 50000000 3c000000"    \
               "09000000 03000000 04000000 23000000 24000000"
#define DISPLAY_LOSSY_SECOND LOSSY_HEAD "01000000 00000000 00000000 c8000000 28000000 f0000000"
#define DISPLAY_NONE LOSSY_HEAD "00000000"

static void check_display(const char *hex, int form, uint64_t serial, bool freezer, unsigned n_sync, bool lossy,
                          unsigned n_surfaces)
{
    g_autoptr(GBytes) bytes = sample_bytes(hex);
    g_autoptr(GBytes) again = NULL;
    g_autoptr(GError) error = NULL;
    GArray *reports = NULL;
    DisplayState s;

    g_assert_true(
        display_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), form, &s, &reports, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(reports->len, ==, 0);
    g_assert_cmpuint(s.sections, ==, DISPLAY_SECTION_V1);
    g_assert_cmpuint(s.next_serial, ==, serial + 1);
    g_assert_cmpuint(s.cache.id, ==, 1);
    g_assert_cmpint(s.cache.size, ==, 20971520);
    g_assert_cmpuint(s.cache.freezer, ==, freezer);
    g_assert_false(s.cache.has_entries);
    g_assert_cmpuint(s.cache.sync->len, ==, n_sync);
    g_assert_cmpuint(s.dictionary.id, ==, 1);
    g_assert_cmpuint(s.dictionary.size, ==, 3145728);
    g_assert_cmpuint(s.dictionary.max_encoders, ==, 4);
    g_assert_cmpuint(s.surfaces->len, ==, n_surfaces);
    g_assert_cmpuint(s.surfaces_lossy_form, ==, lossy);
    g_assert_true(display_state_validate(&s, &error));
    /* What we write is the serial that the next message gets. */
    s.next_serial--;
    again = display_state_encode(&s, false);
    assert_bytes(again, hex);
    section_reports_free(reports);
    display_state_clear(&s);
}

static void test_display_vectors(void)
{
    for (int form = -1; form <= 1; form++) {
        check_display(DISPLAY_ONE, form, 26, true, 0, false, 1);
        check_display(DISPLAY_FREEZER, form, 16, true, 2, false, 3);
        check_display(DISPLAY_SECOND, form, 13, false, 2, false, 1);
        check_display(DISPLAY_LOSSY, form, 18, true, 2, true, 3);
        check_display(DISPLAY_LOSSY_SECOND, form, 18, true, 2, true, 1);
    }
    check_display(DISPLAY_NONE, -1, 18, true, 2, false, 0);
}

static void test_display_details(void)
{
    g_autoptr(GBytes) bytes = sample_bytes(DISPLAY_LOSSY);
    g_autoptr(GError) error = NULL;
    const SurfaceState *surface;
    DisplayState s;

    g_assert_true(display_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), -1, &s, NULL, &error));
    g_assert_cmpuint(g_array_index(s.cache.sync, ChannelSerial, 1).channel_id, ==, 1);
    g_assert_cmpuint(g_array_index(s.cache.sync, ChannelSerial, 1).serial, ==, 10);
    surface = &g_array_index(s.surfaces, SurfaceState, 1);
    g_assert_cmpuint(surface->id, ==, 5);
    g_assert_cmpuint(surface->format, ==, 0);
    g_assert_cmpuint(surface->lossy->len, ==, 1);
    g_assert_cmpint(g_array_index(surface->lossy, StateRect, 0).left, ==, 20);
    g_assert_cmpint(g_array_index(surface->lossy, StateRect, 0).bottom, ==, 60);
    display_state_clear(&s);
}

/* Of a surface that was lossy and is no more the stock library writes a rectangle without pixels. */
static void test_display_empty_lossy(void)
{
    g_autoptr(GBytes) bytes = sample_bytes(LOSSY_HEAD "01000000 1e010000 36000000 2b000000 36000000 2b000000");
    g_autoptr(GError) error = NULL;
    DisplayState s;

    display_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), -1, &s, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(s.surfaces_lossy_form);
    g_assert_cmpuint(s.surfaces->len, ==, 1);
    g_assert_null(g_array_index(s.surfaces, SurfaceState, 0).lossy);
    display_state_clear(&s);
}

/* Bytes behind the list leave its form open: the caller's word counts, then what makes sense. */
static void test_display_trailing(void)
{
    static const struct {
        const char *hex;
        int form;
        bool lossy;
    } cases[] = {
        {DISPLAY_FREEZER
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
         "ffffffffffff",
         -1, false},
        {DISPLAY_FREEZER "ffff", 1, false},
        {DISPLAY_LOSSY "ffffffff", -1, true},
        {DISPLAY_LOSSY "ffffffff", 1, true},
        {DISPLAY_LOSSY_SECOND "ffffffff", 0, false},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GBytes) bytes = sample_bytes(cases[i].hex);
        g_autoptr(GError) error = NULL;
        DisplayState s;

        display_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), cases[i].form, &s, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(s.surfaces_lossy_form, ==, cases[i].lossy);
        display_state_clear(&s);
    }
}

/* --- refusals: a patch of a good body --- */

typedef struct Patch {
    const char *what;
    size_t offset;
    const char *hex;
    size_t size; /* cut to this size, 0: not */
} Patch;

typedef union AnyState {
    DisplayState display;
    MainState main;
    InputsState inputs;
    VmcState vmc;
    SmartcardState smartcard;
} AnyState;

static bool decode_any(const uint8_t *data, size_t size, GError **error)
{
    AnyState s;
    bool ok = false;

    switch (data[0]) {
    case 'D':
        ok = display_state_decode(data, size, -1, &s.display, NULL, error);
        if (ok)
            display_state_clear(&s.display);
        break;
    case 'M':
        ok = main_state_decode(data, size, &s.main, error);
        if (ok)
            main_state_clear(&s.main);
        break;
    case 'I':
        return inputs_state_decode(data, size, &s.inputs, error);
    default:
        if (data[1] == 'V' ? vmc_state_decode(data, size, &s.vmc, error)
                           : smartcard_state_decode(data, size, &s.smartcard, error)) {
            data[1] == 'V' ? vmc_state_clear(&s.vmc) : smartcard_state_clear(&s.smartcard);
            ok = true;
        }
    }
    return ok;
}

static void check_patches(const char *hex, const Patch *patches, unsigned n, bool accepted)
{
    for (unsigned i = 0; i < n; i++) {
        g_autoptr(GBytes) good = sample_bytes(hex);
        g_autoptr(GBytes) patch = sample_bytes(patches[i].hex);
        size_t size = g_bytes_get_size(good);
        g_autoptr(GError) error = NULL;
        g_autofree uint8_t *data = NULL;

        g_assert_true(decode_any(g_bytes_get_data(good, NULL), size, &error));
        g_assert_no_error(error);
        size = patches[i].size ? patches[i].size : size;
        /* An exact copy on the heap lets the sanitizer see the byte behind. */
        data = g_memdup2(g_bytes_get_data(good, NULL), size);
        g_assert_cmpuint(patches[i].offset + g_bytes_get_size(patch), <=, size);
        if (g_bytes_get_size(patch))
            memcpy(data + patches[i].offset, g_bytes_get_data(patch, NULL), g_bytes_get_size(patch));
        if (decode_any(data, size, &error) != accepted)
            g_error("%s: %s", patches[i].what, error ? error->message : "was accepted");
        if (error)
            g_test_message("%s: %s", patches[i].what, error->message);
    }
}

static void test_display_refused(void)
{
    static const Patch refused[] = {
        {"version", 4, "02", 0},
        {"version high byte", 7, "01", 0},
        {"short header", 0, "", 7},
        {"short", 0, "", 79},
        {"no count", 0, "", 83},
        {"serial 0", 8, "00", 0},
        {"serial huge", 8, "ffffffffffffffff", 0},
        {"low bandwidth 2", 16, "02", 0},
        {"cache size 0", 18, "0000000000000000", 0},
        {"cache size negative", 18, "ffffffffffffffff", 0},
        {"cache size absurd", 18, "0100008000000000", 0},
        {"freezer 2", 26, "02", 0},
        {"sync huge", 27, "ffffffffffffffff", 0},
        {"dictionary 0", 60, "00000000", 0},
        {"dictionary too large", 60, "01000002", 0},
        {"image id huge", 68, "ffffffffffffffff", 0},
        {"list pointer 0", 76, "00000000", 0},
        {"list in the fixed part", 76, "4f000000", 0},
        {"list at the end", 76, "60000000", 0},
        {"list outside", 76, "ffffffff", 0},
        {"list pointer near the end", 76, "5e000000", 0},
        {"count too large", 80, "04000000", 0},
        {"count huge", 80, "ffffffff", 0},
        {"count that overflows", 80, "01000040", 0},
        {"id too large", 92, "00000100", 0},
        {"id huge", 92, "ffffffff", 0},
        {"ids equal", 88, "00000000", 0},
        {"ids descending", 88, "0a000000", 0},
    };
    static const Patch fine[] = {
        {"version 0", 4, "00", 0},
        {"encoders are ignored", 64, "ffffffff", 0},
        {"largest dictionary", 60, "00000002", 0},
        {"largest cache", 18, "0000008000000000", 0},
        {"other ids", 92, "ffff0000", 0},
    };
    check_patches(DISPLAY_FREEZER, refused, G_N_ELEMENTS(refused), false);
    check_patches(DISPLAY_FREEZER, fine, G_N_ELEMENTS(fine), true);
}

static void test_display_refused_lossy(void)
{
    static const Patch refused_lossy[] = {
        {"left negative", 88, "ffffffff", 0},
        {"inverted", 88, "91010000", 0},
        {"empty", 88, "90010000", 0},
        {"top inverted", 92, "91010000", 0},
        {"right huge", 96, "00800000", 0},
        {"bottom negative", 100, "000000f0", 0},
        {"cut", 0, "", 143},
        {"equal ids", 104, "00000000", 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(refused_lossy); i++) {
        /* The length of the list says that there are rectangles, the caller does too. */
        g_autoptr(GBytes) good = sample_bytes(DISPLAY_LOSSY), patch = sample_bytes(refused_lossy[i].hex);
        size_t size = refused_lossy[i].size ? refused_lossy[i].size : g_bytes_get_size(good);
        g_autofree uint8_t *data = g_memdup2(g_bytes_get_data(good, NULL), size);
        g_autoptr(GError) error = NULL;
        DisplayState s;

        if (g_bytes_get_size(patch))
            memcpy(data + refused_lossy[i].offset, g_bytes_get_data(patch, NULL), g_bytes_get_size(patch));
        if (display_state_decode(data, size, 1, &s, NULL, &error))
            g_error("%s was accepted", refused_lossy[i].what);
        g_test_message("%s: %s", refused_lossy[i].what, error->message);
    }
}

/* --- main --- */

#define MAIN_EMPTY                                                                                                     \
    "4d4e4d44 01000000 01000000" /* and 53 zero bytes */                                                               \
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define MAIN_QUEUED                                                                                                    \
    "4d4e4d44 01000000 | 01000000 01 08000000 ffffffff 70000000 02000000 41000000 |"                                   \
    "01 | 00000000 0000000000000000 00 00000000 00000000 00000000 00 | 00000000 00 |"                                  \
    "0000001c00000001000000060000000000000000000000080000000100000077"                                                 \
    "500300010000001c000000010000000200000000000000000000000800000000"                                                 \
    "000000030000000200000021000000010000000100000000000000000000000d"                                                 \
    "00000000000000000000000000000000"
#define MAIN_PARTIAL_HEAD                                                                                              \
    "4d4e4d44 01000000 | 01000000 01 08000000 05000000 3e000000 02000000 41000000 | 01 |"                              \
    "08000000 01000000 00000000 00 0a000000 7f000000 00000000 00 | 00000000 00 |"
#define TEN "00010203040506070809"
#define SIXTY_TWO TEN TEN TEN TEN TEN TEN "aabb"
#define MAIN_PARTIAL MAIN_PARTIAL_HEAD SIXTY_TWO "b0b1b2b3b4b5b6b7b8b9"

static void check_main(const char *hex, MainState *s)
{
    g_autoptr(GBytes) bytes = sample_bytes(hex), again = NULL;
    g_autoptr(GError) error = NULL;

    main_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), s, &error);
    g_assert_no_error(error);
    again = main_state_encode(s);
    assert_bytes(again, hex);
}

static void test_main_vectors(void)
{
    MainState s;

    check_main(MAIN_EMPTY, &s);
    g_assert_false(s.agent.connected);
    main_state_clear(&s);

    check_main(MAIN_QUEUED, &s);
    g_assert_true(s.agent.connected && s.client_agent_started);
    g_assert_cmpuint(s.agent.num_client_tokens, ==, 8);
    g_assert_cmpuint(s.agent.num_send_tokens, ==, G_MAXUINT32);
    g_assert_cmpuint(s.agent.write_num_client_tokens, ==, 2);
    g_assert_cmpuint(s.agent.write_data->len, ==, 0x70);
    g_assert_cmpuint(s.agent.write_data->data[3], ==, 0x1c);
    main_state_clear(&s);

    /* A message header that was read in part: the pointer is the true one. */
    check_main(MAIN_PARTIAL, &s);
    g_assert_cmpuint(s.a2c_chunk_header_size, ==, 8);
    g_assert_cmpuint(s.a2c_chunk_header[0], ==, 1);
    g_assert_false(s.a2c_msg_header_done);
    g_assert_cmpuint(s.a2c_msg_header_partial->len, ==, 10);
    g_assert_cmpuint(s.a2c_msg_header_partial->data[0], ==, 0xb0);
    g_assert_cmpuint(s.agent.write_data->len, ==, 62);
    main_state_clear(&s);
}

static void test_main_refused(void)
{
    static const Patch refused[] = {
        {"version", 4, "02", 0},
        {"short", 0, "", 64},
        {"device version", 8, "02", 0},
        {"connected 2", 12, "02", 0},
        {"not connected, with data", 12, "00", 0},
        {"tokens", 13, "09000000", 0},
        {"tokens that overflow", 13, "ffffffff", 0},
        {"price", 25, "ffffffff", 0},
        {"size outside", 21, "49000000", 0},
        {"size huge", 21, "ffffffff", 0},
        {"pointer outside", 29, "ffffffff", 0},
        {"pointer into the fixed part", 29, "40000000", 0},
        {"pointer 0", 29, "00000000", 0},
        {"chunk header of 9", 34, "09000000", 0},
        {"chunk header partial, message header there", 34, "07000000", 0},
        {"message header done and partial", 46, "01", 0},
        {"message header of 20", 47, "14000000", 0},
        {"message header huge", 47, "ffffffff", 0},
        {"message header outside", 51, "80000000", 0},
        {"message header far outside", 51, "ffffffff", 0},
        {"message header cut", 0, "", 136},
        {"filter result", 59, "04", 0},
        {"protocol error", 59, "02", 0},
        {"filter result of the client", 64, "04", 0},
    };
    static const Patch fine[] = {
        {"between two chunks of a message", 34, "00000000 0000000000000000 00 00000000 00000000 ffffffff 01", 0},
        {"message of the client", 60, "ffffffff 03", 0},
    };

    check_patches(MAIN_PARTIAL, refused, G_N_ELEMENTS(refused), false);
    check_patches(MAIN_PARTIAL, fine, G_N_ELEMENTS(fine), true);
}

/* --- inputs, vmc, smartcard --- */

#define INPUTS "49434d44 01000000 0300"
#define VMC_DATA "53564d44 01000000 | 01000000 01 ffffffff ffffffff 05000000 00000000 21000000 | 6465666768"
#define VMC_IDLE "53564d44 01000000 | 01000000 01 ffffffff ffffffff 00000000 00000000 00000000"
#define CARD_HEAD "53434d44 01000000 01000000 01 ffffffff ffffffff 00000000 00000000 00000000"
#define CARD_IDLE CARD_HEAD "00 00000000 00000000"
#define CARD_READ CARD_HEAD "00 05000000 2a000000 | 0000000700"
#define CARD_LONG CARD_HEAD "01 0d000000 2a000000 | 00000007 00000000 00000002 55"

static void test_small_vectors(void)
{
    static const char *const vmcs[] = {VMC_DATA, VMC_IDLE}, *const cards[] = {CARD_IDLE, CARD_READ, CARD_LONG};
    g_autoptr(GBytes) inputs = sample_bytes(INPUTS), again = NULL;
    g_autoptr(GError) error = NULL;
    InputsState s;

    g_assert_true(inputs_state_decode(g_bytes_get_data(inputs, NULL), g_bytes_get_size(inputs), &s, &error));
    g_assert_cmpuint(s.motion_count, ==, 3);
    again = inputs_state_encode(&s);
    assert_bytes(again, INPUTS);
    for (unsigned i = 0; i < G_N_ELEMENTS(vmcs); i++) {
        g_autoptr(GBytes) bytes = sample_bytes(vmcs[i]), out = NULL;
        VmcState vmc;

        g_assert_true(vmc_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &vmc, &error));
        g_assert_true(vmc.device.connected);
        out = vmc_state_encode(&vmc);
        assert_bytes(out, vmcs[i]);
        vmc_state_clear(&vmc);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(cards); i++) {
        g_autoptr(GBytes) bytes = sample_bytes(cards[i]), out = NULL;
        SmartcardState card;

        g_assert_true(smartcard_state_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &card, &error));
        out = smartcard_state_encode(&card);
        assert_bytes(out, cards[i]);
        smartcard_state_clear(&card);
    }
}

static void test_small_refused(void)
{
    static const Patch inputs[] = {{"version", 4, "02", 0}, {"short", 0, "", 9}, {"motions", 8, "ffff", 0}};
    static const Patch vmc[] = {
        {"version", 4, "02", 0},
        {"device version", 8, "02", 0},
        {"short", 0, "", 32},
        {"size", 21, "06000000", 0},
        {"size 4 GiB", 21, "ffffffff", 0},
        {"pointer", 29, "22000000", 0},
        {"pointer and size that overflow", 21, "f0ffffff 00000000 21000000", 0},
    };
    static const Patch card[] = {
        {"version", 4, "02", 0},
        {"short", 0, "", 41},
        {"reader 2", 33, "02", 0},
        {"size", 34, "0e000000", 0},
        {"pointer", 38, "2b000000", 0},
        {"pointer huge", 38, "ffffffff", 0},
        {"more than a message", 53, "00", 0},
        {"not connected", 12, "00", 0},
    };

    check_patches(INPUTS, inputs, G_N_ELEMENTS(inputs), false);
    check_patches(VMC_DATA, vmc, G_N_ELEMENTS(vmc), false);
    check_patches(CARD_LONG, card, G_N_ELEMENTS(card), false);
}

/* Every magic is refused by every other channel. */
static void test_foreign(void)
{
    static const char *const all[] = {MAIN_EMPTY, DISPLAY_ONE, INPUTS, VMC_IDLE, CARD_IDLE};

    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(GBytes) bytes = sample_bytes(all[i]);
        const uint8_t *data = g_bytes_get_data(bytes, NULL);
        size_t size = g_bytes_get_size(bytes);
        unsigned n = 0;
        AnyState s;

        if (main_state_decode(data, size, &s.main, NULL)) {
            main_state_clear(&s.main);
            n++;
        }
        if (display_state_decode(data, size, -1, &s.display, NULL, NULL)) {
            display_state_clear(&s.display);
            n++;
        }
        n += inputs_state_decode(data, size, &s.inputs, NULL);
        if (vmc_state_decode(data, size, &s.vmc, NULL)) {
            vmc_state_clear(&s.vmc);
            n++;
        }
        if (smartcard_state_decode(data, size, &s.smartcard, NULL)) {
            smartcard_state_clear(&s.smartcard);
            n++;
        }
        g_assert_cmpuint(n, ==, 1);
    }
}

static void test_json(void)
{
    g_autoptr(GBytes) bytes = sample_bytes(MAIN_PARTIAL);
    bool ok = false;
    g_autofree char *json = migration_data_to_json(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &ok);
    g_autofree char *bad = NULL, *nothing = NULL;

    g_assert_true(ok);
    g_assert_nonnull(strstr(json, "\"a2c_msg_header_partial\" : \"b0b1b2b3b4b5b6b7b8b9\""));
    g_assert_nonnull(strstr(json, "\"channel\" : \"main\""));
    bad = migration_data_to_json(g_bytes_get_data(bytes, NULL), 64, &ok);
    g_assert_false(ok);
    g_assert_nonnull(strstr(bad, "outside the data"));
    nothing = migration_data_to_json(NULL, 0, &ok);
    g_assert_false(ok);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/v1/display", test_display_vectors);
    g_test_add_func("/migration/v1/display-details", test_display_details);
    g_test_add_func("/migration/v1/display-trailing", test_display_trailing);
    g_test_add_func("/migration/v1/display-refused", test_display_refused);
    g_test_add_func("/migration/v1/display-empty-lossy", test_display_empty_lossy);
    g_test_add_func("/migration/v1/display-refused-lossy", test_display_refused_lossy);
    g_test_add_func("/migration/v1/main", test_main_vectors);
    g_test_add_func("/migration/v1/main-refused", test_main_refused);
    g_test_add_func("/migration/v1/small", test_small_vectors);
    g_test_add_func("/migration/v1/small-refused", test_small_refused);
    g_test_add_func("/migration/v1/foreign", test_foreign);
    g_test_add_func("/migration/v1/json", test_json);
    return g_test_run();
}
