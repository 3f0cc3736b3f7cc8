/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/core/link.h"
#include "server/core/listener.h"
#include "tests/unit/certificate.h"
#include "tests/unit/host-core.h"
#include "tests/unit/raw-client.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <spice/enums.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static RedsState *server_start(void)
{
    RedsState *server = server_new();

    server->config.ticketing = false;
    g_assert_true(server_init(server, host_core(), NULL));
    return server;
}

static void server_end(RedsState *server)
{
    server_destroy(server);
    host_assert_clean();
}

static int tcp_socket(in_port_t port, struct sockaddr_in *sa)
{
    *sa =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* A listening socket of the test's own on a port that was free. */
static int occupy_port(int *port)
{
    struct sockaddr_in sa;
    socklen_t size = sizeof(sa);
    int fd = tcp_socket(0, &sa);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sa, &size), ==, 0);
    *port = ntohs(sa.sin_port);
    return fd;
}

static bool has_link(void *data)
{
    return ((RedsState *)data)->links.length == 1;
}

static bool has_no_link(void *data)
{
    return ((RedsState *)data)->links.length == 0;
}

/* The connection is accepted and served: four bytes that are no magic are answered with an error. */
static void check_served(RedsState *server, int fd)
{
    char reply[256];

    g_assert_true(host_wait(has_link, server));
    g_assert_cmpuint(host_connections(), ==, 1);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "link: the connection does not speak SPICE*");
    g_assert_cmpint(send(fd, "HELO", 4, 0), ==, 4);
    g_assert_true(host_wait(has_no_link, server));
    g_test_assert_expected_messages();
    g_assert_cmpint(recv(fd, reply, sizeof(reply), 0), ==, LINK_HEADER_SIZE + LINK_REPLY_SIZE);
    g_assert_cmpint(recv(fd, reply, sizeof(reply), 0), ==, 0);
    close(fd);
    g_assert_cmpuint(host_connections(), ==, 0);
}

static void test_tcp(void)
{
    RedsState *server = server_start();
    g_autoptr(GError) error = NULL;
    struct sockaddr_in sa;
    Listener *listener;
    int port, fd = occupy_port(&port);

    close(fd);
    listener = listener_open(server, "127.0.0.1", port, 0, &error);
    g_assert_no_error(error);
    fd = tcp_socket((in_port_t)port, &sa);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    check_served(server, fd);
    listener_free(listener);
    fd = tcp_socket((in_port_t)port, &sa);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, -1); /* it really is closed */
    close(fd);
    listener = listener_open(server, NULL, port, SPICE_ADDR_FLAG_IPV4_ONLY, &error); /* any address, at once again */
    g_assert_no_error(error);
    fd = tcp_socket((in_port_t)port, &sa);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    check_served(server, fd);
    listener_free(listener);
    server_end(server);
}

static void test_port_in_use(void)
{
    RedsState *server = server_start();
    g_autoptr(GError) error = NULL;
    int port, fd = occupy_port(&port);
    RedsState *other = server_new();

    g_assert_null(listener_open(server, "127.0.0.1", port, 0, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
    g_clear_error(&error);

    /* The same through the server: init fails, and what was made of it can be destroyed. */
    other->config.port = port;
    other->config.addr = g_strdup("127.0.0.1");
    g_assert_false(server_init(other, host_core(), &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
    server_destroy(other);
    close(fd);
    server_end(server);
}

static void test_bad_address(void)
{
    RedsState *server = server_start();
    g_autoptr(GError) error = NULL;

    g_assert_null(listener_open(server, "no.such.host.invalid", 1, 0, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(listener_open(server, "::1", 1, SPICE_ADDR_FLAG_IPV4_ONLY, &error));
    g_assert_nonnull(error);
    server_end(server);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, path, strlen(path));
    if (path[0] == '@')
        sa.sun_path[0] = 0;
    g_assert_cmpint(connect(fd, (struct sockaddr *)&sa, size), ==, 0);
    return fd;
}

static void test_unix(void)
{
    RedsState *server = server_start();
    g_autofree char *dir = g_dir_make_tmp("spice-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "socket", NULL);
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < 2; i++) { /* the second time the file of the first is in the way */
        Listener *listener = listener_open(server, path, 0, SPICE_ADDR_FLAG_UNIX_ONLY, &error);

        g_assert_no_error(error);
        check_served(server, connect_unix(path));
        listener_free(listener);
    }
    unlink(path);
    g_rmdir(dir);
    server_end(server);
}

static void test_abstract(void)
{
    RedsState *server = server_start();
    g_autofree char *name = g_strdup_printf("@spice-test-%d", (int)getpid());
    g_autoptr(GError) error = NULL;
    Listener *listener = listener_open(server, name, 0, SPICE_ADDR_FLAG_UNIX_ONLY, &error);

    g_assert_no_error(error);
    check_served(server, connect_unix(name));
    g_assert_null(listener_open(server, name, 0, SPICE_ADDR_FLAG_UNIX_ONLY, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
    listener_free(listener);
    server_end(server);
}

static void test_bad_path(void)
{
    RedsState *server = server_start();
    g_autofree char *longest = g_strnfill(sizeof(((struct sockaddr_un *)0)->sun_path), 'x');
    const char *bad[] = {NULL, "", longest, "/no/such/directory/socket"};

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(listener_open(server, bad[i], 0, SPICE_ADDR_FLAG_UNIX_ONLY, &error));
        g_assert_nonnull(error);
    }
    server_end(server);
}

static void test_adopt(void)
{
    RedsState *server = server_start();
    struct sockaddr_in sa;
    int port, own = occupy_port(&port), fd = tcp_socket((in_port_t)port, &sa);
    Listener *listener = listener_adopt(server, own);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    check_served(server, fd);
    listener_free(listener);
    g_assert_cmpint(fcntl(own, F_GETFD), !=, -1); /* the host's */
    close(own);
    server_end(server);
}

/* The server goes while a link is half open. */
static void test_half_open(void)
{
    static const size_t parts[] = {0, 3, 4, 16, 20, 42, 46, 100};

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        RedsState *server = server_start();
        RawClient c = {0};
        int fds[2];

        raw_pair(true, fds);
        g_assert_cmpint(spice_server_add_client(server, fds[0], 0), ==, 0);
        raw_client_link_part(&c, fds[1], SPICE_CHANNEL_MAIN, parts[i]);
        for (unsigned n = 0; n < 5; n++)
            host_iterate(1);
        g_assert_cmpuint(host_connections(), ==, 1);
        server_end(server);
        raw_client_close(&c);
    }
}

static void test_link_timeout(void)
{
    RedsState *server = server_start();
    int fds[2];
    char c;

    raw_pair(true, fds);
    g_assert_cmpint(spice_server_add_client(server, fds[0], 0), ==, 0);
    g_assert_true(host_fire_timer(60 * 1000));
    g_assert_cmpint(recv(fds[1], &c, 1, 0), ==, 0);
    g_assert_cmpuint(host_connections(), ==, 0);
    close(fds[1]);
    server_end(server);
}

/* Who does not come to an end of the TLS handshake is cut like every half open link. */
static void test_silent_tls(void)
{
    g_autofree char *directory = g_dir_make_tmp("caravan-listener-XXXXXX", NULL);
    RedsState *server = server_start();
    g_autoptr(GError) error = NULL;
    char byte;

    certificate_write(directory, NULL, &server->config.tls);
    server->tls = tls_context_new(&server->config.tls, &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < 2; i++) {
        int fds[2];

        raw_pair(true, fds);
        g_assert_true(link_stage_start(server, fds[0], false, true));
        g_assert_cmpuint(host_connections(), ==, 1);
        if (i == 1) {
            g_assert_cmpint(send(fds[1], "\x16\x03\x01\x02", 4, 0), ==, 4);
            host_iterate(100);
        }
        g_assert_cmpuint(server->links.length, ==, 1);
        g_assert_true(host_fire_timer(60000));
        g_assert_cmpuint(server->links.length, ==, 0);
        g_assert_cmpuint(host_connections(), ==, 0);
        g_assert_cmpint(recv(fds[1], &byte, 1, 0), <=, 0);
        close(fds[1]);
    }
    server_end(server);
    certificate_remove(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/listener/tcp", test_tcp);
    g_test_add_func("/listener/port-in-use", test_port_in_use);
    g_test_add_func("/listener/bad-address", test_bad_address);
    g_test_add_func("/listener/unix", test_unix);
    g_test_add_func("/listener/abstract", test_abstract);
    g_test_add_func("/listener/bad-path", test_bad_path);
    g_test_add_func("/listener/adopt", test_adopt);
    g_test_add_func("/listener/half-open", test_half_open);
    g_test_add_func("/listener/link-timeout", test_link_timeout);
    g_test_add_func("/listener/silent-tls", test_silent_tls);
    return g_test_run();
}
