/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/wire/header.h"
#include "common/wire/link.h"
#include "tests/unit/wire-check.h"

#include <spice/enums.h>
#include <spice/protocol.h>

#define KEY_START "30819f300d06092a864886f70d010101050003818d0030818902818100"

/* Probes of what follows the LinkHeader; the encoders write the header too, which is cut off again. */
static void drop_header(WireWriter *w)
{
    memmove(w->data, w->data + LINK_HEADER_SIZE, w->size - LINK_HEADER_SIZE);
    w->size -= LINK_HEADER_SIZE;
}

static bool probe_mess(const uint8_t *body, size_t size, WireWriter *again, GError **error)
{
    WireReader r = wire_reader(body, size);
    g_auto(LinkMess) m = {0};

    if (!link_mess_decode(&r, &m, error))
        return false;
    link_mess_encode(again, &m);
    drop_header(again);
    return true;
}

static bool probe_reply(const uint8_t *body, size_t size, WireWriter *again, GError **error)
{
    WireReader r = wire_reader(body, size);
    g_auto(LinkReply) m = {0};

    if (!link_reply_decode(&r, &m, error))
        return false;
    link_reply_encode(again, &m);
    drop_header(again);
    return true;
}

static void test_mess(void)
{
    static const char *body = "00000000 01 00 01000000 01000000 12000000 0d000000 0f000000";
    uint32_t common[] = {0x0d}, channel[] = {0x3bf};
    LinkMess m = {0x83891cc0, SPICE_CHANNEL_DISPLAY, 0, 1, 1, common, channel};
    g_auto(WireWriter) w = {0};

    link_mess_encode(&w, &m);
    wire_assert_hex(w.data, w.size,
                    "52454451 02000000 02000000 1a000000 c01c8983 02 00 01000000 01000000 12000000 0d000000 bf030000");
    wire_check(probe_mess, body, WIRE_CUT_NEVER);
    wire_check(probe_mess, "01020304 03 07 00000000 00000000 12000000", WIRE_CUT_NEVER);
    wire_check(probe_mess, "01020304 03 07 00000000 02000000 12000000 01000000 02000000", WIRE_CUT_NEVER);
}

static void test_mess_elsewhere(void)
{
    /* words behind a gap; without words the offset does not matter */
    g_autoptr(GByteArray) gap = wire_hex("00000000 01 00 01000000 00000000 14000000 ffff 0d000000");
    g_autoptr(GByteArray) none = wire_hex("00000000 01 00 00000000 00000000 ffffffff");
    WireReader r = wire_reader(gap->data, gap->len);
    g_autoptr(GError) error = NULL;
    g_auto(LinkMess) m = {0};

    g_assert_true(link_mess_decode(&r, &m, &error));
    g_assert_cmpuint(m.common_caps[0], ==, 0x0d);
    link_mess_clear(&m);
    r = wire_reader(none->data, none->len);
    g_assert_true(link_mess_decode(&r, &m, &error));
}

static void mess_refused(const char *text, size_t zeros, int code)
{
    g_autoptr(GByteArray) body = wire_hex(text);
    g_auto(WireWriter) w = {0};
    g_autoptr(GError) error = NULL;

    g_byte_array_set_size(body, body->len + (guint)zeros);
    g_assert_false(probe_mess(body->data, body->len, &w, &error));
    g_assert_error(error, WIRE_ERROR, code);
}

static void test_mess_refused(void)
{
    mess_refused("00000000 01 00 01000000 00000000 11000000 0d000000 0f000000", 0, WIRE_ERROR_POINTER);
    mess_refused("00000000 01 00 01000000 00000000 13000000 0d000000", 0, WIRE_ERROR_POINTER);
    mess_refused("00000000 01 00 01000000 00000000 ffffffff 0d000000", 0, WIRE_ERROR_POINTER);
    mess_refused("00000000 01 00 00000000 01000000 fdffffff 0d000000", 0, WIRE_ERROR_POINTER);
    mess_refused("00000000 01 00 01040000 00000000 12000000 0d000000", 4076, WIRE_ERROR_VALUE);
    mess_refused("00000000 01 00 00000000 ffffffff 12000000 0d000000", 0, WIRE_ERROR_VALUE);
    mess_refused("00000000 01 00 00000040 00000040 12000000 0d000000", 0, WIRE_ERROR_VALUE);
    mess_refused("00000000 01 00 00000000 00000000 12000000", 4096 - 17, WIRE_ERROR_VALUE);
}

static void test_reply(void)
{
    uint32_t common[] = {0x0b}, channel[] = {0x0f};
    LinkReply m = {0, {0}, 1, 1, common, channel}, refusal = {.error = SPICE_LINK_ERR_VERSION_MISMATCH};
    g_auto(WireWriter) w = {0}, want = {0};
    g_autoptr(GByteArray) key = wire_hex(KEY_START);
    g_autoptr(GByteArray) bytes = wire_hex("52454451 02000000 02000000 ba000000 00000000 " KEY_START);

    for (unsigned i = 0; i < sizeof(m.pub_key); i++)
        m.pub_key[i] = (uint8_t)(i * 7);
    memcpy(m.pub_key, key->data, key->len);
    link_reply_encode(&w, &m);
    g_assert_cmpuint(w.size, ==, 16 + 178 + 8);
    g_assert_cmpmem(w.data, bytes->len, bytes->data, bytes->len);
    wire_assert_hex(w.data + 16 + 166, w.size - 16 - 166, "01000000 01000000 b2000000 0b000000 0f000000");
    wire_check_body(probe_reply, w.data + 16, w.size - 16, WIRE_CUT_NEVER);

    wire_writer_reset(&w);
    link_reply_encode(&w, &refusal);
    wire_assert_hex(w.data, 20, "52454451 02000000 02000000 b2000000 04000000");
    wire_write_zeros(&want, 174);
    g_assert_cmpmem(w.data + 20, w.size - 20, want.data, want.size);
    wire_check_body(probe_reply, w.data + 16, w.size - 16, WIRE_CUT_NEVER);
}

static bool probe_link_header(const uint8_t *body, size_t size, WireWriter *again, GError **error)
{
    WireReader r = wire_reader(body, size);
    LinkHeader h;

    if (!link_header_decode(&r, &h, error))
        return false;
    link_header_encode(again, &h);
    return true;
}

static void test_link_header(void)
{
    const uint32_t magic = GUINT32_FROM_LE(SPICE_MAGIC);

    wire_check(probe_link_header, "52454451 02000000 63000000 1a000000", WIRE_CUT_NEVER);
    g_assert_cmpuint(link_header_check(&(LinkHeader){magic, 2, 99, 18}), ==, SPICE_LINK_ERR_OK);
    g_assert_cmpuint(link_header_check(&(LinkHeader){magic, 2, 0, 4096}), ==, SPICE_LINK_ERR_OK);
    g_assert_cmpuint(link_header_check(&(LinkHeader){magic + 1, 1, 2, 0}), ==, SPICE_LINK_ERR_INVALID_MAGIC);
    g_assert_cmpuint(link_header_check(&(LinkHeader){magic, 1, 2, 0}), ==, SPICE_LINK_ERR_VERSION_MISMATCH);
    g_assert_cmpuint(link_header_check(&(LinkHeader){magic, 2, 2, 17}), ==, SPICE_LINK_ERR_INVALID_DATA);
    g_assert_cmpuint(link_header_check(&(LinkHeader){magic, 2, 2, 4097}), ==, SPICE_LINK_ERR_INVALID_DATA);
}

static void test_caps(void)
{
    uint32_t caps[2] = {0};

    caps_set(caps, 2, 3);
    caps_set(caps, 2, 31);
    caps_set(caps, 2, 32);
    g_assert_cmphex(caps[0], ==, 0x80000008);
    g_assert_cmphex(caps[1], ==, 1);
    g_assert_true(caps_test(caps, 2, 3) && caps_test(caps, 2, 31) && caps_test(caps, 2, 32));
    g_assert_false(caps_test(caps, 2, 4) || caps_test(caps, 1, 32) || caps_test(caps, 2, 64) || caps_test(NULL, 0, 0));
}

static bool probe_mini(const uint8_t *body, size_t size, WireWriter *again, GError **error)
{
    WireReader r = wire_reader(body, size);
    DataHeader h;

    if (!data_header_decode(&r, &h, true, error))
        return false;
    g_assert_true(h.serial == 0 && h.sub_list == 0);
    data_header_encode(again, &h, true);
    return true;
}

static bool probe_full(const uint8_t *body, size_t size, WireWriter *again, GError **error)
{
    WireReader r = wire_reader(body, size);
    DataHeader h;

    if (!data_header_decode(&r, &h, false, error))
        return false;
    data_header_encode(again, &h, false);
    return true;
}

static void test_data_header(void)
{
    const DataHeader h = {G_GUINT64_CONSTANT(0x0807060504030201), 3, 8, 0x0d0c0b0a};
    uint8_t out[DATA_HEADER_FULL_SIZE];

    g_assert_cmpuint(data_header_pack(out, &h, true), ==, 6);
    wire_assert_hex(out, 6, "0300 08000000");
    g_assert_cmpuint(data_header_pack(out, &h, false), ==, 18);
    wire_assert_hex(out, 18, "0102030405060708 0300 08000000 0a0b0c0d");
    wire_check(probe_mini, "65000e000000", WIRE_CUT_NEVER);
    wire_check(probe_full, "0102030405060708 0300 08000000 0a0b0c0d", WIRE_CUT_NEVER);
}

#define INVAL_BODY "0100 01 0000000001000000"
#define WAIT_BODY "01 02 00 0900000000000000"

static bool probe_list(const uint8_t *body, size_t size, WireWriter *again, GError **error)
{
    g_autoptr(GArray) subs = g_array_new(FALSE, FALSE, sizeof(SubMessage));
    GError *problem = NULL;
    SubMessageIter it;
    SubMessage sub;

    if (!sub_message_iter_init(&it, body, size, 0, error))
        return false;
    while (sub_message_iter_next(&it, &sub, &problem)) {
        g_array_append_val(subs, sub);
        if (subs->len > 100) /* a damaged list may have thousands, each as large as the body */
            break;
    }
    if (problem) {
        g_propagate_error(error, problem);
        return false;
    }
    wire_write_list(again, (const SubMessage *)(gpointer)subs->data, (uint16_t)subs->len);
    return true;
}

static void test_list(void)
{
    g_autoptr(GByteArray) inval = wire_hex(INVAL_BODY), wait = wire_hex(WAIT_BODY);
    const SubMessage subs[] = {{SPICE_MSG_WAIT_FOR_CHANNELS, wait->data, wait->len},
                               {SPICE_MSG_DISPLAY_INVAL_LIST, inval->data, inval->len}};
    static const char *text = "0200 1b000000 0a000000 6900 0b000000 " INVAL_BODY " 0500 0b000000 " WAIT_BODY;
    g_auto(WireWriter) w = {0};

    wire_write_list(&w, subs, 2);
    wire_assert_hex(w.data, w.size, text);
    wire_check(probe_list, "0000", WIRE_CUT_NEVER);
    /* A cut body is read as a shorter sub-message, so the cuts are legal here. */
    wire_check(probe_list, text, WIRE_CUT_TAIL);
}

static void test_list_of_stock_server(void)
{
    /* sizes are too large: the last one leads outside of the body and is cut there */
    g_autoptr(GByteArray) body =
        wire_hex("0200 1b000000 0a000000 6900 18000000 " INVAL_BODY " 0500 18000000 " WAIT_BODY);
    g_autofree uint8_t *copy = g_memdup2(body->data, body->len);
    g_autoptr(GError) error = NULL;
    SubMessageIter it;
    SubMessage sub;

    g_assert_true(sub_message_iter_init(&it, copy, body->len, 0, &error));
    g_assert_true(sub_message_iter_next(&it, &sub, &error));
    g_assert_cmpuint(sub.type, ==, SPICE_MSG_WAIT_FOR_CHANNELS);
    wire_assert_hex(sub.data, sub.size, WAIT_BODY);
    g_assert_true(sub_message_iter_next(&it, &sub, &error));
    g_assert_cmpuint(sub.type, ==, SPICE_MSG_DISPLAY_INVAL_LIST);
    g_assert_cmpuint(sub.size, ==, 24);
    wire_assert_hex(sub.data, 11, INVAL_BODY);
    g_assert_false(sub_message_iter_next(&it, &sub, &error));
    g_assert_no_error(error);
}

static void test_sub_list(void)
{
    g_autoptr(GByteArray) inval = wire_hex(INVAL_BODY), wait = wire_hex(WAIT_BODY);
    const SubMessage subs[] = {{SPICE_MSG_WAIT_FOR_CHANNELS, wait->data, wait->len},
                               {SPICE_MSG_DISPLAY_INVAL_LIST, inval->data, inval->len}};
    g_auto(WireWriter) w = {0};
    g_autoptr(GError) error = NULL;
    SubMessageIter it;
    SubMessage sub;
    uint32_t list;

    wire_write_bytes(&w, "main", 4);
    list = wire_write_sub_list(&w, subs, 2);
    g_assert_cmpuint(list, ==, 4 + 17 + 17);
    wire_assert_hex(w.data, w.size,
                    "\"main\" 6900 0b000000 " INVAL_BODY " 0500 0b000000 " WAIT_BODY " 0200 15000000 04000000");
    g_assert_true(sub_message_iter_init(&it, w.data, w.size, list, &error));
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(sub_message_iter_next(&it, &sub, &error));
        g_assert_cmpuint(sub.type, ==, subs[i].type);
        g_assert_cmpmem(sub.data, sub.size, subs[i].data, subs[i].size);
    }
    g_assert_false(sub_message_iter_next(&it, &sub, &error));
    g_assert_no_error(error);
    g_assert_false(sub_message_iter_init(&it, w.data, w.size, (uint32_t)w.size, &error));
    g_assert_error(error, WIRE_ERROR, WIRE_ERROR_SHORT);
    g_assert_false(sub_message_iter_next(&it, &sub, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link/mess", test_mess);
    g_test_add_func("/link/mess-elsewhere", test_mess_elsewhere);
    g_test_add_func("/link/mess-refused", test_mess_refused);
    g_test_add_func("/link/reply", test_reply);
    g_test_add_func("/link/header", test_link_header);
    g_test_add_func("/link/caps", test_caps);
    g_test_add_func("/header/data", test_data_header);
    g_test_add_func("/header/list", test_list);
    g_test_add_func("/header/list-of-stock-server", test_list_of_stock_server);
    g_test_add_func("/header/sub-list", test_sub_list);
    return g_test_run();
}
