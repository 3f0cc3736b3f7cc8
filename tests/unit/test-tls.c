/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS against a client of OpenSSL's in the same thread, over sockets that take little at a time; with a WebSocket on
 * top of it; and with what is no TLS. */
#include "server/net/tls.h"

#include "server/net/websocket.h"
#include "tests/unit/certificate.h"
#include "tests/unit/host-core.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char *directory;
static TlsConfig config;
static TlsContext *context;
static SSL_CTX *client_context;

typedef struct Ends {
    Stream *stream;
    SpiceChannelEventInfo *info;
    SSL *client;
    int fd;
} Ends;

static void ends_open(Ends *ends, int version)
{
    int fds[2], small = 4608;
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), ==, 0);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    ends->stream = stream_new(fds[0]);
    ends->info = stream_info(ends->stream);
    ends->fd = fds[1];
    ends->client = SSL_new(client_context);
    SSL_set_fd(ends->client, ends->fd);
    SSL_set_connect_state(ends->client);
    SSL_set_max_proto_version(ends->client, version);
    SSL_set_mode(ends->client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    g_assert_true(stream_push_tls(ends->stream, context, &error));
    g_assert_no_error(error);
    g_assert_true(stream_is_tls(ends->stream));
    g_assert_false(stream_is_plain_unix(ends->stream));
}

static void ends_close(Ends *ends)
{
    stream_free(ends->stream);
    g_free(ends->info);
    SSL_free(ends->client);
    close(ends->fd);
    ERR_clear_error();
}

static void shake_hands(Ends *ends)
{
    int server = 0, client = 0;

    while (server == 0 || client != 1) {
        if (server == 0)
            server = stream_handshake(ends->stream);
        g_assert_cmpint(server, >=, 0);
        if (client != 1)
            client = SSL_do_handshake(ends->client);
    }
    g_assert_cmpint(tls_cipher_bits(stream_top(ends->stream)), >=, 128);
}

static ssize_t client_read(Ends *ends, void *buf, size_t size)
{
    int n = SSL_read(ends->client, buf, (int)size);

    g_assert_true(n > 0 || SSL_get_error(ends->client, n) == SSL_ERROR_WANT_READ);
    return n;
}

/* Random pieces both ways at once. */
static void exchange(Ends *ends, guint32 seed, guint amount)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autofree guint8 *data = g_malloc(amount), *at_server = g_malloc0(amount), *at_client = g_malloc0(amount);
    guint sent = 0, got_server = 0, written = 0, got_client = 0, piece = 0, client_piece = 0;

    for (guint i = 0; i < amount; i++)
        data[i] = (guint8)g_rand_int(rand);
    while (got_server < amount || got_client < amount) {
        guint some = (guint)g_rand_int_range(rand, 1, 40000), more = (guint)g_rand_int_range(rand, 1, 40000);
        ssize_t n;

        if (written < amount) {
            struct iovec iov[2];

            piece = MIN(MAX(piece, some), amount - written);
            iov[0] = (struct iovec){data + written, piece / 3};
            iov[1] = (struct iovec){data + written + piece / 3, piece - piece / 3};
            n = stream_writev(ends->stream, iov, 2);
            g_assert_true(n > 0 || errno == EAGAIN);
            written += n > 0 ? (guint)n : 0;
            piece = n > 0 ? 0 : piece;
        }
        if (sent < amount) {
            client_piece = MIN(MAX(client_piece, more), amount - sent);
            n = SSL_write(ends->client, data + sent, (int)client_piece);
            g_assert_true(n > 0 || SSL_get_error(ends->client, (int)n) == SSL_ERROR_WANT_WRITE);
            sent += n > 0 ? (guint)n : 0;
            client_piece = n > 0 ? 0 : client_piece;
        }
        n = got_server < amount ? stream_read(ends->stream, at_server + got_server, MIN(amount - got_server, some)) : 0;
        g_assert_true(n >= 0 || errno == EAGAIN);
        g_assert_true(n <= 0 || stream_pending(ends->stream));
        got_server += n > 0 ? (guint)n : 0;
        n = got_client < amount ? client_read(ends, at_client + got_client, MIN(amount - got_client, more)) : 0;
        got_client += n > 0 ? (guint)n : 0;
    }
    g_assert_cmpmem(at_server, amount, data, amount);
    g_assert_cmpmem(at_client, amount, data, amount);
}

static void test_exchange(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (guint32 seed = 0; seed < 20; seed++) {
        Ends ends;
        char byte;

        ends_open(&ends, versions[seed % 2]);
        shake_hands(&ends);
        exchange(&ends, seed, 300000);
        g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, -1);
        g_assert_cmpint(errno, ==, EAGAIN);
        g_assert_false(stream_pending(ends.stream));
        g_assert_false(stream_wants_write(ends.stream));
        if (seed & 4)
            SSL_shutdown(ends.client);
        if (seed & 2)
            shutdown(ends.fd, SHUT_RDWR);
        if (seed & 6)
            g_assert_cmpint(stream_read(ends.stream, &byte, 1), ==, 0);
        if ((seed & 6) == 2)
            g_assert_false(stream_write_all(ends.stream, "x", 1));
        stream_shutdown(ends.stream);
        ends_close(&ends);
    }
}

/* One write is one record, whatever pieces it has, and no record has bytes of two writes. */
static void test_records(void)
{
    struct iovec iov[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    char buffer[16];
    Ends ends;

    ends_open(&ends, TLS1_3_VERSION);
    shake_hands(&ends);
    g_assert_cmpint(stream_writev(ends.stream, iov, 3), ==, 5);
    g_assert_true(stream_write_all(ends.stream, "fg", 2));
    g_assert_cmpint(stream_writev(ends.stream, iov, 0), ==, 0);
    g_assert_cmpint(client_read(&ends, buffer, 3), ==, 3);
    g_assert_cmpint(SSL_pending(ends.client), ==, 2);
    g_assert_cmpint(client_read(&ends, buffer, 3), ==, 2);
    g_assert_cmpint(SSL_pending(ends.client), ==, 0);
    g_assert_cmpint(client_read(&ends, buffer, 3), ==, 2);
    ends_close(&ends);
}

/* The layers' order: a WebSocket inside of TLS. */
static void test_websocket(void)
{
    g_autofree char *big = g_malloc0(50000);
    struct iovec iov = {big, 50000};
    size_t written = 0, got = 0;
    char buffer[4096];
    Ends ends;

    ends_open(&ends, TLS1_3_VERSION);
    shake_hands(&ends);
    stream_push_websocket(ends.stream);
    g_assert_true(stream_is_tls(ends.stream));
    g_assert_cmpint(SSL_write(ends.client, "\x02\x02xy\x89\x01p\x80\x01z", 10), ==, 10);
    g_assert_cmpint(stream_read(ends.stream, buffer, 2), ==, 2);
    g_assert_true(stream_pending(ends.stream));
    g_assert_cmpint(stream_read(ends.stream, buffer + 2, 2), ==, 1);
    g_assert_cmpmem(buffer, 3, "xyz", 3);
    while (got < 3 + 4 + 50000) {
        ssize_t n;

        iov = (struct iovec){big, 50000 - written};
        n = written < 50000 ? stream_writev(ends.stream, &iov, 1) : 0;
        written += n > 0 ? (size_t)n : 0;
        n = client_read(&ends, buffer, sizeof(buffer));
        if (got == 0 && n > 0)
            g_assert_cmpmem(buffer, 3, "\x8a\x01p", 3);
        got += n > 0 ? (size_t)n : 0;
    }
    g_assert_cmpuint(got, ==, 3 + 4 + 50000);
    ends_close(&ends);
}

static void test_no_tls(void)
{
    for (guint32 seed = 0; seed < 300; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        guint8 bytes[600];
        Ends ends;
        int result;

        ends_open(&ends, TLS1_3_VERSION);
        g_assert_cmpint(stream_handshake(ends.stream), ==, 0);
        if (seed % 2) { /* a real beginning with a wrong bit */
            ssize_t n;

            SSL_do_handshake(ends.client);
            n = recv(stream_fd(ends.stream), bytes, sizeof(bytes), MSG_PEEK);
            g_assert_cmpint(n, >, 0);
            g_assert_cmpint(recv(stream_fd(ends.stream), bytes, sizeof(bytes), 0), ==, n);
            bytes[g_rand_int_range(rand, 0, (gint)n)] ^= (guint8)(1 << g_rand_int_range(rand, 0, 8));
            g_assert_cmpint(send(ends.fd, bytes, (size_t)n, 0), ==, n);
        } else {
            for (unsigned i = 0; i < sizeof(bytes); i++)
                bytes[i] = (guint8)g_rand_int(rand);
            if (seed % 4)
                memcpy(bytes, "\x16\x03\x01\x02\x00\x01", 6);
            g_assert_cmpint(send(ends.fd, bytes, sizeof(bytes), 0), ==, sizeof(bytes));
        }
        shutdown(ends.fd, SHUT_WR);
        for (unsigned tries = 0; (result = stream_handshake(ends.stream)) == 0; tries++)
            g_assert_cmpuint(tries, <, 100);
        g_assert_cmpint(result, ==, -1);
        ends_close(&ends);
    }
}

/* Bits that change on their way end the connection, and nothing else. */
static void test_damaged(void)
{
    for (guint32 seed = 0; seed < 40; seed++) {
        char buffer[2000];
        ssize_t n;
        Ends ends;

        ends_open(&ends, seed % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
        shake_hands(&ends);
        g_assert_cmpint(SSL_write(ends.client, "1234567890", 10), ==, 10);
        n = recv(stream_fd(ends.stream), buffer, sizeof(buffer), 0);
        g_assert_cmpint(n, >, 10);
        buffer[seed % n] ^= 0x20;
        g_assert_cmpint(send(ends.fd, buffer, (size_t)n, 0), ==, n);
        shutdown(ends.fd, SHUT_WR);
        n = stream_read(ends.stream, buffer, sizeof(buffer));
        g_assert_true(n == 0 || (n < 0 && errno == EPROTO));
        g_assert_cmpint(stream_read(ends.stream, buffer, sizeof(buffer)), <=, 0);
        ends_close(&ends);
    }
}

static void refuse(const char *certs, const char *key, const char *password, const char *dh, const char *ciphers)
{
    TlsConfig bad = {.port = 1, .ca = config.ca, .certs = (char *)certs, .key = (char *)key};
    g_autoptr(GError) error = NULL;

    bad.key_password = (char *)password;
    bad.dh = (char *)dh;
    bad.ciphers = (char *)ciphers;
    g_assert_null(tls_context_new(&bad, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
}

static void test_files(void)
{
    g_autofree char *other = g_dir_make_tmp("caravan-tls-XXXXXX", NULL);
    TlsConfig secret = {0};
    g_autoptr(GError) error = NULL;
    TlsContext *good;

    certificate_write(other, "open sesame", &secret);
    good = tls_context_new(&secret, &error);
    g_assert_no_error(error);
    tls_context_free(good);
    refuse(secret.certs, secret.key, NULL, NULL, NULL);
    refuse(secret.certs, secret.key, "", NULL, NULL);
    refuse(secret.certs, secret.key, "wrong", NULL, NULL);
    refuse(config.certs, secret.key, "open sesame", NULL, NULL); /* of another certificate */
    refuse("/nowhere", config.key, NULL, NULL, NULL);
    refuse(config.certs, "/nowhere", NULL, NULL, NULL);
    refuse(config.certs, config.certs, NULL, NULL, NULL);
    refuse(config.certs, config.key, NULL, "/nowhere", NULL);
    refuse(config.certs, config.key, NULL, config.certs, NULL);
    refuse(config.certs, config.key, NULL, NULL, "NO-SUCH-CIPHER");
    tls_config_clear(&secret);
    certificate_remove(other);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int result;

    g_test_init(&argc, &argv, NULL);
    host_quiet();
    directory = g_dir_make_tmp("caravan-tls-XXXXXX", NULL);
    certificate_write(directory, NULL, &config);
    context = tls_context_new(&config, &error);
    g_assert_no_error(error);
    client_context = SSL_CTX_new(TLS_client_method());
    g_test_add_func("/tls/exchange", test_exchange);
    g_test_add_func("/tls/records", test_records);
    g_test_add_func("/tls/websocket", test_websocket);
    g_test_add_func("/tls/no-tls", test_no_tls);
    g_test_add_func("/tls/damaged", test_damaged);
    g_test_add_func("/tls/files", test_files);
    result = g_test_run();
    SSL_CTX_free(client_context);
    tls_context_free(context);
    tls_config_clear(&config);
    certificate_remove(directory);
    g_free(directory);
    return result;
}
