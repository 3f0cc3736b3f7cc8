/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The request of a WebSocket and its frames, in both directions; fuzz by fixed seeds. */
#include "server/net/websocket.h"

#include "tests/unit/host-core.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ROUNDS 300

/* --- the request --- */

static void test_request(void)
{
    static const char *const good[][2] = {
        {"GET / HTTP/1.1\r\n" KEY "\r\n", ""},
        {"GET /x HTTP/1.1\r\nHost: a\r\nsec-websocket-KEY:dGhlIHNhbXBsZSBub25jZQ==  \r\n\r\n", ""},
        {"GET / HTTP/1.1\r\n" KEY "Sec-WebSocket-Protocol: binary\r\n\r\n", "Sec-WebSocket-Protocol: binary\r\n"},
        {"GET / HTTP/1.1\r\nSec-WebSocket-Protocol:  binary, foo\r\n" KEY "\r\n", "Sec-WebSocket-Protocol: binary\r\n"},
    };
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nSec-WebSocket-Key:\r\n\r\n",
        "GET / HTTP/1.1\r\nSec-WebSocket-Key\r\n\r\n",
        "GET / HTTP/1.1\r\nX-Sec-WebSocket-Key: a\r\n\r\n",
        "GET / HTTP/1.1\r\n" KEY "Sec-WebSocket-Protocol: foo, binary\r\n\r\n",
        "GET / HTTP/1.1\r\n" KEY "Sec-WebSocket-Protocol: binaryx\r\n\r\n",
        "GET / HTTP/1.1\r\n" KEY "Sec-WebSocket-Protocol:\r\n\r\n",
        "GET / HTTP/1.1\r\n" KEY "\r\nmore",
        "GET / HTTP/1.1\r\n" KEY "\r\n\r\n",
        "GET / HTTP/1.1\r\n" KEY,
        "POST / HTTP/1.1\r\n" KEY "\r\n",
        "GET ",
        "",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *answer = websocket_answer(good[i][0], strlen(good[i][0]), &error);
        g_autofree char *wanted = g_strconcat("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: "
                                              "Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
                                              good[i][1], "\r\n", NULL);

        g_assert_no_error(error);
        g_assert_cmpstr(answer, ==, wanted);
        g_assert_cmpuint(websocket_request_size(good[i][0], strlen(good[i][0])), ==, strlen(good[i][0]));
        for (size_t cut = 0; cut < strlen(good[i][0]); cut++) {
            g_assert_cmpuint(websocket_request_size(good[i][0], cut), ==, 0);
            g_assert_null(websocket_answer(good[i][0], cut, NULL));
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(websocket_answer(bad[i], strlen(bad[i]), &error));
        g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
    g_assert_null(websocket_answer("GET /\0 HTTP/1.1\r\n" KEY "\r\n", strlen(KEY) + 20, NULL));
}

/* --- both ends --- */

typedef struct Ends {
    Stream *stream;
    SpiceChannelEventInfo *info;
    int client;
} Ends;

static void ends_open(Ends *ends)
{
    int fds[2], small = 4608;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_assert_cmpint(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), ==, 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    ends->stream = stream_new(fds[0]);
    ends->info = stream_info(ends->stream);
    ends->client = fds[1];
    stream_push_websocket(ends->stream);
}

static void ends_close(Ends *ends)
{
    stream_free(ends->stream);
    g_free(ends->info);
    close(ends->client);
}

static void send_bytes(Ends *ends, const char *bytes, size_t size)
{
    g_assert_cmpint(send(ends->client, bytes, size, MSG_NOSIGNAL), ==, (ssize_t)size);
}

#define SEND(ends, bytes) send_bytes(ends, bytes, sizeof(bytes) - 1)

static void expect_bytes(Ends *ends, const char *bytes, size_t size)
{
    g_autofree char *got = g_malloc(size + 1);

    g_assert_cmpint(recv(ends->client, got, size + 1, 0), ==, (ssize_t)size);
    g_assert_cmpmem(got, size, bytes, size);
}

#define EXPECT(ends, bytes) expect_bytes(ends, bytes, sizeof(bytes) - 1)

static void expect_read(Ends *ends, const char *text)
{
    char buffer[64];
    size_t have = 0;

    while (have < strlen(text)) {
        ssize_t n = stream_read(ends->stream, buffer + have, sizeof(buffer) - have);

        g_assert_cmpint(n, >, 0);
        g_assert_true(stream_pending(ends->stream));
        have += (size_t)n;
    }
    g_assert_cmpmem(buffer, have, text, strlen(text));
    g_assert_cmpint(stream_read(ends->stream, buffer, sizeof(buffer)), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
    g_assert_false(stream_pending(ends->stream));
}

static void test_frames(void)
{
    Ends ends;
    char byte;
    struct iovec iov[2] = {{"ab", 2}, {"cde", 3}};

    ends_open(&ends);
    g_assert_true(stream_is_unix(ends.stream));
    g_assert_false(stream_is_plain_unix(ends.stream));
    expect_read(&ends, "");
    SEND(&ends, "\x82\x05Hello");                                       /* unmasked */
    SEND(&ends, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");        /* the RFC's: masked */
    SEND(&ends, "\x02\x01-\x89\x02pi\x80\x01+\x8a\x03xyz\x82\x00\x82"); /* in pieces, control frames, nothing */
    expect_read(&ends, "HelloHello-+");
    EXPECT(&ends, "\x8a\x02pi");
    SEND(&ends, "\x7e\x00\x01w\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x02uv");
    expect_read(&ends, "wuv");
    SEND(&ends, "\x89\x01"
                "1\x89\x01"
                "2\x89\x00");
    expect_read(&ends, "");
    EXPECT(&ends, "\x8a\x01"
                  "1\x8a\x01"
                  "2\x8a\x00");
    g_assert_cmpint(stream_writev(ends.stream, iov, 2), ==, 5);
    EXPECT(&ends, "\x82\x05"
                  "abcde");
    g_assert_cmpint(stream_writev(ends.stream, iov, 0), ==, 0);
    SEND(&ends, "\x82\x01x\x88\x02\x03\xe8\x82\x01y");
    g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, 1);
    g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, 0);
    g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, 0);
    EXPECT(&ends, "\x88\x00");
    ends_close(&ends);
}

static void test_broken(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
#define BAD(text) {text, sizeof(text) - 1}
        BAD("\xc2\x01x"),
        BAD("\xa2\x01x"),
        BAD("\x92\x01x"),
        BAD("\x83\x01x"),
        BAD("\x87\x00"),
        BAD("\x8b\x00"),
        BAD("\x8f\x00"),
        BAD("\x09\x00"),
        BAD("\x08\x00"),
        BAD("\x89\x7e\x00\x7e"),
        BAD("\x88\x7f"),
        BAD("\x80\x01x"),
        BAD("\x00\x01x"),
        BAD("\x02\x00\x82\x00"),
        BAD("\x01\x00\x02\x00"),
        BAD("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"),
        BAD("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"
            "mask"),
#undef BAD
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        Ends ends;
        char byte;

        ends_open(&ends);
        send_bytes(&ends, bad[i].bytes, bad[i].size);
        g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, -1);
        g_assert_cmpint(errno, ==, EPROTO);
        ends_close(&ends);
    }
    for (unsigned i = 1; i < 14; i++) { /* the end within a frame */
        Ends ends;
        char byte;

        ends_open(&ends);
        send_bytes(&ends,
                   "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05"
                   "mask",
                   i);
        close(ends.client);
        g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, 0);
        ends.client = -1;
        ends_close(&ends);
    }
}

/* A PING that comes while a frame to the client is under way is answered behind that frame. */
static void test_pong_waits(void)
{
    g_autofree char *big = g_malloc0(64000), *got = g_malloc(70000);
    struct iovec iov = {big, 64000};
    size_t written = 0, have = 0;
    char byte;
    Ends ends;

    ends_open(&ends);
    written = (size_t)stream_writev(ends.stream, &iov, 1);
    g_assert_cmpuint(written, <, 64000);
    SEND(&ends, "\x89\x03one\x89\x03two");
    g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, -1);
    g_assert_false(stream_wants_write(ends.stream));
    while (have < 4 + 64000 + 5) {
        ssize_t n = recv(ends.client, got + have, 70000 - have, 0);

        have += n > 0 ? (size_t)n : 0;
        iov = (struct iovec){big, 64000 - written};
        n = written < 64000 ? stream_writev(ends.stream, &iov, 1) : 0;
        written += n > 0 ? (size_t)n : 0;
        if (written == 64000) {
            g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, -1);
        }
    }
    g_assert_cmpuint(have, ==, 4 + 64000 + 5);
    g_assert_cmpmem(got, 4, "\x82\x7e\xfa\x00", 4);
    g_assert_cmpmem(got + 4, 64000, big, 64000);
    g_assert_cmpmem(got + 4 + 64000, 5, "\x8a\x03two", 5);
    ends_close(&ends);
}

/* --- fuzz --- */

static void random_bytes(GRand *rand, GByteArray *to, guint size)
{
    guint at = to->len;

    g_byte_array_set_size(to, at + size);
    for (guint i = 0; i < size; i++)
        to->data[at + i] = (guint8)g_rand_int(rand);
}

static void add_frame(GRand *rand, GByteArray *wire, guint8 first, const guint8 *payload, guint size)
{
    guint8 mask[4] = {0};
    bool masked = g_rand_int_range(rand, 0, 4) != 0;
    guint8 head[10] = {first, (guint8)(masked ? 0x80 : 0)};
    guint wide = size > 65535 ? 8 : size > 125 ? (guint)(g_rand_boolean(rand) ? 2 : 8) : 0;

    head[1] |= (guint8)(wide == 8 ? 127 : wide == 2 ? 126 : size);
    for (guint i = 0; i < wide; i++)
        head[2 + i] = (guint8)(wide - i > 4 ? 0 : size >> (8 * (wide - i - 1)));
    g_byte_array_append(wire, head, 2 + wide);
    if (masked) {
        for (guint i = 0; i < 4; i++)
            mask[i] = (guint8)g_rand_int(rand);
        g_byte_array_append(wire, mask, 4);
    }
    for (guint i = 0; i < size; i++) {
        guint8 byte = payload[i] ^ mask[i & 3];

        g_byte_array_append(wire, &byte, 1);
    }
}

/* A message in frames, with control frames between them. */
static void add_message(GRand *rand, GByteArray *wire, GByteArray *plain)
{
    guint frames = (guint)g_rand_int_range(rand, 1, 4);

    for (guint i = 0; i < frames; i++) {
        guint at = plain->len, size = (guint)g_rand_int_range(rand, 0, g_rand_boolean(rand) ? 200 : 9000);
        guint8 first = (guint8)((i == 0 ? 1 + g_rand_int_range(rand, 0, 2) : 0) | (i + 1 == frames ? 0x80 : 0));

        random_bytes(rand, plain, size);
        add_frame(rand, wire, first, plain->data + at, size);
        if (g_rand_boolean(rand))
            add_frame(rand, wire, g_rand_boolean(rand) ? 0x89 : 0x8a, (const guint8 *)"ping", 4);
    }
}

/* Takes complete frames out of what the server sent. */
static void take_frames(GByteArray *raw, GByteArray *plain)
{
    for (;;) {
        guint size, at = 2;

        if (raw->len < 2)
            return;
        g_assert_true(raw->data[0] == 0x82 || raw->data[0] == 0x8a);
        g_assert_cmpuint(raw->data[1], <=, 126); /* no message here is longer */
        size = raw->data[1];
        if (size == 126) {
            if (raw->len < 4)
                return;
            size = (guint)(raw->data[2] << 8 | raw->data[3]);
            at = 4;
        }
        if (raw->len < at + size)
            return;
        if (raw->data[0] == 0x82)
            g_byte_array_append(plain, raw->data + at, size);
        else
            g_assert_cmpmem(raw->data + at, size, "ping", 4);
        g_byte_array_remove_range(raw, 0, at + size);
    }
}

static void one_session(guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(GByteArray) wire = g_byte_array_new(), to_server = g_byte_array_new(), to_client = g_byte_array_new();
    g_autoptr(GByteArray) at_server = g_byte_array_new(), at_client = g_byte_array_new(), raw = g_byte_array_new();
    guint sent = 0, written = 0, piece = 0;
    guint8 buffer[5000];
    Ends ends;

    ends_open(&ends);
    for (guint i = 0; i < 8; i++)
        add_message(rand, wire, to_server);
    random_bytes(rand, to_client, 60000);
    while (at_server->len < to_server->len || at_client->len < to_client->len || sent < wire->len) {
        guint some = (guint)g_rand_int_range(rand, 1, 3000), more = (guint)g_rand_int_range(rand, 1, 20000);
        ssize_t n;

        if (sent < wire->len) {
            n = send(ends.client, wire->data + sent, MIN(wire->len - sent, some), MSG_NOSIGNAL);
            sent += n > 0 ? (guint)n : 0;
        }
        n = stream_read(ends.stream, buffer, (size_t)g_rand_int_range(rand, 1, sizeof(buffer)));
        g_assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        if (n > 0)
            g_byte_array_append(at_server, buffer, (guint)n);
        if (written < to_client->len) {
            /* What was not taken begins the next write; there may be more of it then. */
            struct iovec iov[3];
            guint at = written;

            piece = MIN(MAX(piece, more), to_client->len - written);
            for (guint i = 0; i < 3; i++) {
                guint part =
                    i == 2 ? written + piece - at : (guint)g_rand_int_range(rand, 0, 1 + (gint)(written + piece - at));

                iov[i] = (struct iovec){to_client->data + at, part};
                at += part;
            }
            n = stream_writev(ends.stream, iov, 3);
            g_assert_true(n > 0 || (n < 0 && errno == EAGAIN));
            if (n > 0) {
                written += (guint)n;
                piece = 0;
            }
        }
        n = recv(ends.client, buffer, (size_t)g_rand_int_range(rand, 1, sizeof(buffer)), 0);
        if (n > 0)
            g_byte_array_append(raw, buffer, (guint)n);
        take_frames(raw, at_client);
    }
    g_assert_cmpmem(at_server->data, at_server->len, to_server->data, to_server->len);
    g_assert_cmpmem(at_client->data, at_client->len, to_client->data, to_client->len);
    ends_close(&ends);
}

static void test_fuzz_sessions(void)
{
    for (guint32 seed = 0; seed < ROUNDS; seed++)
        one_session(seed);
}

/* Bytes that are no frames, or nearly: everything ends, nothing breaks. */
static void test_fuzz_garbage(void)
{
    for (guint32 seed = 0; seed < 10 * ROUNDS; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        g_autoptr(GByteArray) wire = g_byte_array_new(), plain = g_byte_array_new();
        guint8 buffer[700];
        ssize_t n;
        Ends ends;

        ends_open(&ends);
        if (seed % 3)
            add_message(rand, wire, plain);
        else
            random_bytes(rand, wire, 4000);
        for (guint i = 0; i < 6 && wire->len; i++)
            wire->data[g_rand_int_range(rand, 0, (gint)MIN(wire->len, 4000))] ^=
                (guint8)(1 << g_rand_int_range(rand, 0, 8));
        (void)!send(ends.client, wire->data, wire->len, MSG_NOSIGNAL);
        shutdown(ends.client, SHUT_WR);
        do {
            n = stream_read(ends.stream, buffer, sizeof(buffer));
        } while (n > 0);
        g_assert_true(n == 0 || errno == EPROTO);
        ends_close(&ends);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    host_quiet();
    g_test_add_func("/websocket/request", test_request);
    g_test_add_func("/websocket/frames", test_frames);
    g_test_add_func("/websocket/broken", test_broken);
    g_test_add_func("/websocket/pong-waits", test_pong_waits);
    g_test_add_func("/websocket/fuzz-sessions", test_fuzz_sessions);
    g_test_add_func("/websocket/fuzz-garbage", test_fuzz_garbage);
    return g_test_run();
}
