/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filter and reader of the guest agent's stream: verdicts, pieces, and a hand-over at every byte. */
#include "common/wire/writer.h"
#include "server/channels/agent-reader.h"

#include <spice/vd_agent.h>
#include <string.h>

static GBytes *message(uint32_t protocol, uint32_t type, uint32_t size, uint32_t present)
{
    WireWriter w = {0};

    wire_write_u32(&w, protocol);
    wire_write_u32(&w, type);
    wire_write_u64(&w, 0);
    wire_write_u32(&w, size);
    for (uint32_t i = 0; i < present; i++)
        wire_write_u8(&w, (uint8_t)i);
    return wire_writer_take(&w);
}

static AgentVerdict verdict_of(AgentFilter *filter, uint32_t protocol, uint32_t type, uint32_t size, uint32_t present)
{
    g_autoptr(GBytes) m = message(protocol, type, size, present);

    return agent_filter_piece(filter, g_bytes_get_data(m, NULL), g_bytes_get_size(m));
}

static void test_filter(void)
{
    AgentFilter all = {.copy_paste = true, .file_xfer = true}, none = {.monitors = true};
    static const uint8_t bytes[AGENT_PIECE_MAX + 1];

    for (uint32_t type = 0; type < 20; type++) {
        AgentVerdict want = AGENT_FORWARD;

        if (type == VD_AGENT_CLIPBOARD || (type >= VD_AGENT_CLIPBOARD_GRAB && type <= VD_AGENT_FILE_XFER_DATA))
            want = AGENT_DISCARD;
        if (type == VD_AGENT_MONITORS_CONFIG)
            want = AGENT_MONITORS;
        g_assert_cmpint(verdict_of(&all, 1, type, 3, 3), ==, AGENT_FORWARD);
        g_assert_cmpint(verdict_of(&none, 1, type, 3, 3), ==, want);
    }
    /* The verdict is on the whole message; its size is 32 bits long. */
    g_assert_cmpint(verdict_of(&none, 1, VD_AGENT_CLIPBOARD, UINT32_MAX, 5), ==, AGENT_DISCARD);
    none.copy_paste = true;
    g_assert_cmpint(agent_filter_piece(&none, bytes, AGENT_PIECE_MAX), ==, AGENT_DISCARD);
    g_assert_cmpuint(none.remaining, ==, UINT32_MAX - 5 - AGENT_PIECE_MAX);
    g_assert_cmpint(agent_filter_piece(&none, bytes, AGENT_PIECE_MAX + 1), ==, AGENT_BROKEN);
    g_assert_cmpint(verdict_of(&all, 1, 4, 3, 4), ==, AGENT_BROKEN);
    all.remaining = 0;
    g_assert_cmpint(verdict_of(&all, 2, 4, 3, 3), ==, AGENT_BROKEN);
    g_assert_cmpint(agent_filter_piece(&all, bytes, 19), ==, AGENT_BROKEN);
    all.discard_all = true;
    g_assert_cmpint(verdict_of(&all, 1, VD_AGENT_REPLY, 0, 0), ==, AGENT_DISCARD);
}

static void test_caps(void)
{
    g_autoptr(GBytes) good = message(1, VD_AGENT_ANNOUNCE_CAPABILITIES, 8, 8);
    g_autoptr(GBytes) small = message(1, VD_AGENT_ANNOUNCE_CAPABILITIES, 4, 4);
    g_autoptr(GBytes) cut = message(1, VD_AGENT_ANNOUNCE_CAPABILITIES, 8, 4);
    g_autoptr(GBytes) other = message(1, VD_AGENT_CLIPBOARD, 8, 8);
    uint8_t *data = (uint8_t *)g_bytes_get_data(good, NULL);

    g_assert_true(agent_announced_caps(data, 28) == data + 24);
    g_assert_null(agent_announced_caps((uint8_t *)g_bytes_get_data(small, NULL), 24));
    g_assert_null(agent_announced_caps((uint8_t *)g_bytes_get_data(cut, NULL), 24));
    g_assert_null(agent_announced_caps((uint8_t *)g_bytes_get_data(other, NULL), 28));
}

typedef struct Source {
    const uint8_t *data;
    size_t size, taken, limit; /* nothing beyond limit is there yet */
} Source;

static size_t read_source(void *opaque, void *buf, size_t size)
{
    Source *s = opaque;
    size_t n = MIN(MIN(size, s->limit - s->taken), 7); /* in small portions */

    if (n)
        memcpy(buf, s->data + s->taken, n);
    s->taken += n;
    return n;
}

static void take_piece(AgentReader *reader, AgentFilter *filter, GByteArray *out)
{
    g_assert_cmpuint(reader->piece_size, <=, AGENT_PIECE_MAX);
    g_assert_cmpint(agent_filter_piece(filter, reader->piece, reader->piece_size), ==, AGENT_FORWARD);
    g_byte_array_append(out, reader->piece, reader->piece_size);
    agent_reader_next(reader);
}

static void read_all(AgentReader *reader, Source *source, AgentFilter *filter, GByteArray *out)
{
    AgentReadResult result;

    while ((result = agent_reader_read(reader, read_source, source)) == AGENT_READ_PIECE)
        take_piece(reader, filter, out);
    g_assert_cmpint(result, ==, AGENT_READ_NOTHING);
}

static void put_chunk(GByteArray *stream, uint32_t port, const void *data, size_t size)
{
    g_auto(WireWriter) w = {0};

    wire_write_u32(&w, port);
    wire_write_u32(&w, (uint32_t)size);
    g_byte_array_append(stream, w.data, (guint)w.size);
    if (size)
        g_byte_array_append(stream, data, (guint)size);
}

static GByteArray *make_stream(GByteArray *plain)
{
    GByteArray *stream = g_byte_array_new();
    g_autoptr(GBytes) a = message(1, VD_AGENT_CLIPBOARD, 60, 60), b = message(1, VD_AGENT_REPLY, 2500, 2500);
    const uint8_t *bytes = g_bytes_get_data(a, NULL);

    put_chunk(stream, VDP_CLIENT_PORT, bytes, 50);
    put_chunk(stream, VDP_SERVER_PORT, "for the server alone, and dropped", 33);
    put_chunk(stream, VDP_CLIENT_PORT, NULL, 0);
    put_chunk(stream, VDP_CLIENT_PORT, bytes + 50, 30);
    put_chunk(stream, VDP_CLIENT_PORT, g_bytes_get_data(b, NULL), g_bytes_get_size(b));
    put_chunk(stream, VDP_CLIENT_PORT, bytes, 80);
    g_byte_array_append(plain, bytes, 80);
    g_byte_array_append(plain, g_bytes_get_data(b, NULL), (guint)g_bytes_get_size(b));
    g_byte_array_append(plain, bytes, 80);
    return stream;
}

/* `stock`: as the stock server writes the data, which leaves out the size of the rest when a header is partial. */
static void hand_over_at(size_t cut, bool stock)
{
    g_autoptr(GByteArray) plain = g_byte_array_new(), out = g_byte_array_new();
    g_autoptr(GByteArray) stream = make_stream(plain);
    Source source = {stream->data, stream->len, 0, cut};
    AgentFilter filter = {.copy_paste = true};
    AgentReader reader = {0}, next;
    MainState state;

    main_state_init(&state);
    read_all(&reader, &source, &filter, out);
    g_assert_cmpuint(source.taken, ==, cut);
    if (agent_reader_cut(&reader, filter.remaining > 0))
        take_piece(&reader, &filter, out);
    agent_reader_save(&reader, &state);
    g_assert_cmpuint(state.a2c_msg_header_partial->len, <, AGENT_HEADER_SIZE);
    if (stock && state.a2c_msg_header_partial->len)
        memset(state.a2c_chunk_header + 4, 0, 4);
    agent_reader_load(&next, &state);
    source.limit = source.size;
    read_all(&next, &source, &filter, out);
    g_assert_cmpuint(source.taken, ==, source.size);
    g_assert_cmpmem(out->data, out->len, plain->data, plain->len);
    main_state_clear(&state);
}

static void test_hand_over(void)
{
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autoptr(GByteArray) stream = make_stream(plain);

    for (size_t cut = 0; cut <= stream->len; cut++)
        hand_over_at(cut, false);
}

/* Of that the rest is learnt from the message's header, as agents cut at 2048 bytes: true for whole messages. */
static void test_stock_hand_over(void)
{
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autoptr(GByteArray) stream = make_stream(plain);

    for (size_t cut = stream->len - 88; cut <= stream->len; cut++)
        hand_over_at(cut, true);
}

static void test_broken(void)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    AgentReader reader = {0};

    put_chunk(stream, 3, "x", 1);
    Source source = {stream->data, stream->len, 0, stream->len};
    g_assert_cmpint(agent_reader_read(&reader, read_source, &source), ==, AGENT_READ_BROKEN);
}

/* Whatever the data say, nothing is written outside the piece. */
static void test_hostile(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        Source source = {bytes, sizeof(bytes), 0, sizeof(bytes)};
        AgentReader reader;
        MainState state;

        for (unsigned k = 0; k < sizeof(bytes); k++)
            bytes[k] = (uint8_t)(g_rand_boolean(rand) ? 0 : g_rand_int(rand));
        main_state_init(&state);
        state.a2c_chunk_header_size = (uint32_t)g_rand_int_range(rand, 0, 9);
        memcpy(state.a2c_chunk_header, bytes, 8);
        state.a2c_chunk_header[0] = (uint8_t)g_rand_int_range(rand, 1, 3);
        if (state.a2c_chunk_header_size == 8)
            g_byte_array_append(state.a2c_msg_header_partial, bytes, (guint)g_rand_int_range(rand, 0, 20));
        agent_reader_load(&reader, &state);
        while (agent_reader_read(&reader, read_source, &source) == AGENT_READ_PIECE) {
            g_assert_cmpuint(reader.piece_size, <=, AGENT_PIECE_MAX);
            agent_reader_next(&reader);
        }
        agent_reader_cut(&reader, g_rand_boolean(rand));
        main_state_clear(&state);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent/filter", test_filter);
    g_test_add_func("/agent/caps", test_caps);
    g_test_add_func("/agent/hand-over", test_hand_over);
    g_test_add_func("/agent/stock-hand-over", test_stock_hand_over);
    g_test_add_func("/agent/broken", test_broken);
    g_test_add_func("/agent/hostile", test_hostile);
    return g_test_run();
}
