/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void test_io(void)
{
    int fds[2];
    Stream *stream;
    char buffer[16];
    struct iovec iov[2] = {{"abc", 3}, {"defg", 4}};
    SpiceChannelEventInfo *info;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    stream = stream_new(fds[0]);
    g_assert_nonnull(stream);
    g_assert_cmpint(stream_fd(stream), ==, fds[0]);
    g_assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    g_assert_true(stream_is_unix(stream));
    info = stream_info(stream);
    g_assert_true(info->flags & SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT);
    g_assert_cmpint(info->laddr_ext.ss_family, ==, AF_UNIX);

    g_assert_cmpint(stream_read(stream, buffer, sizeof(buffer)), ==, -1);
    g_assert_true(errno == EAGAIN);
    g_assert_cmpint(stream_writev(stream, iov, 2), ==, 7);
    g_assert_true(stream_write_all(stream, "hi", 2));
    g_assert_cmpint(read(fds[1], buffer, sizeof(buffer)), ==, 9);
    g_assert_cmpint(memcmp(buffer, "abcdefghi", 9), ==, 0);
    g_assert_cmpint(write(fds[1], "xyz", 3), ==, 3);
    g_assert_cmpint(stream_read(stream, buffer, 2), ==, 2);
    g_assert_cmpint(stream_read(stream, buffer, 2), ==, 1);
    stream_shutdown(stream);
    g_assert_cmpint(read(fds[1], buffer, 1), ==, 0);
    stream_free(stream);
    stream_free(NULL);
    g_assert_cmpint(fcntl(fds[0], F_GETFD), ==, -1);
    g_free(info); /* the host's until it was told DISCONNECTED */
    close(fds[1]);
}

/* A peer that does not read, and one that is gone: short counts and errors, no signal. */
static void test_limits(void)
{
    g_autofree char *big = g_malloc0(1 << 20);
    struct iovec iov = {big, 1 << 20};
    int fds[2];
    Stream *stream;
    ssize_t n;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    stream = stream_new(fds[0]);
    n = stream_writev(stream, &iov, 1);
    g_assert_cmpint(n, >, 0);
    g_assert_cmpint(n, <, 1 << 20);
    while (stream_writev(stream, &iov, 1) > 0)
        ;
    g_assert_cmpint(stream_writev(stream, &iov, 1), ==, -1);
    g_assert_true(errno == EAGAIN);
    g_assert_false(stream_write_all(stream, "x", 1));
    close(fds[1]);
    g_assert_cmpint(stream_writev(stream, &iov, 1), ==, -1);
    g_assert_true(errno == EPIPE);
    g_free(stream_info(stream));
    stream_free(stream);
}

static void test_no_socket(void)
{
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*TCP_NODELAY*");
    g_assert_null(stream_new(fds[0]));
    g_test_assert_expected_messages();
    g_assert_cmpint(fcntl(fds[0], F_GETFD), !=, -1); /* still the caller's */
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*non blocking*");
    g_assert_null(stream_new(-1));
    g_test_assert_expected_messages();
    close(fds[0]);
    close(fds[1]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream/io", test_io);
    g_test_add_func("/stream/limits", test_limits);
    g_test_add_func("/stream/no-socket", test_no_socket);
    return g_test_run();
}
