/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GL scanouts through the public functions: what goes over the socket, with the file descriptor, who is disconnected,
 * and that each draw is completed once. A memory file stands for the buffer of a graphics card.
 */
#include "common/wire/msg-display.h"
#include "tests/unit/host-core.h"
#include "tests/unit/wire-check.h"
#include "tests/unit/worker-client.h"
#include "tests/unit/worker-guest.h"

#include <spice/protocol.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAPS (1u << SPICE_DISPLAY_CAP_GL_SCANOUT | 1u << SPICE_DISPLAY_CAP_MONITORS_CONFIG)
#define FOURCC 0x34325258 /* XR24 */

static SpiceServer *server;
static Guest *guest;

typedef struct Peer {
    RawClient main, display;
} Peer;

static void iterate(void)
{
    host_iterate(10);
}

static void link_one(RawClient *raw, uint32_t connection_id, uint8_t type, uint32_t caps, bool tcp)
{
    int fds[2];

    raw_pair(tcp, fds);
    *raw = (RawClient){.fd = -1, .connection_id = connection_id, .idle = iterate};
    g_assert_cmpint(spice_server_add_client(server, fds[0], 1), ==, 0);
    g_assert_cmpuint(raw_client_link(raw, fds[1], type, 0, caps), ==, SPICE_LINK_ERR_OK);
}

/* A client up to the end of its greeting; without a primary surface that is nothing but the scanout. */
static Peer peer_open(uint32_t caps, bool tcp)
{
    Peer p;
    uint32_t id;

    link_one(&p.main, 0, SPICE_CHANNEL_MAIN, 0, tcp);
    g_assert_true(raw_client_read_type(&p.main, SPICE_MSG_MAIN_INIT));
    memcpy(&id, p.main.message.body, sizeof(id));
    link_one(&p.display, id, SPICE_CHANNEL_DISPLAY, caps, tcp);
    viewer_send_init(&p.display, 100000);
    return p;
}

static void peer_free(Peer *p)
{
    raw_client_close(&p->display);
    raw_client_close(&p->main);
    for (unsigned i = 0; i < 20 && host_connections(); i++)
        host_iterate(50);
    g_assert_cmpuint(host_connections(), ==, 0);
}

static int memory_file(const char *text)
{
    int fd = memfd_create("buffer", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    return fd;
}

/* The byte after the message, and what the descriptor with it leads to. */
static void expect_fd(RawClient *raw, const char *text)
{
    char byte = 0, content[32] = {0};
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *cmsg;
    ssize_t n;
    int fd;

    while ((n = recvmsg(raw->fd, &msg, MSG_DONTWAIT)) < 0)
        host_iterate(10);
    g_assert_cmpint(n, ==, 1);
    g_assert_true(byte == '@');
    cmsg = CMSG_FIRSTHDR(&msg);
    g_assert_nonnull(cmsg);
    g_assert_cmpint(cmsg->cmsg_type, ==, SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
    g_assert_cmpint(pread(fd, content, sizeof(content) - 1, 0), ==, strlen(text));
    g_assert_cmpstr(content, ==, text);
    close(fd);
}

static void expect_scanout(Peer *p, const char *body, const char *text)
{
    g_assert_true(raw_client_read_type(&p->display, SPICE_MSG_DISPLAY_GL_SCANOUT_UNIX));
    wire_assert_hex(p->display.message.body, p->display.message.size, body);
    expect_fd(&p->display, text);
}

static void expect_draw(Peer *p, const char *body)
{
    g_assert_true(raw_client_read_type(&p->display, SPICE_MSG_DISPLAY_GL_DRAW));
    wire_assert_hex(p->display.message.body, p->display.message.size, body);
}

static void answer(Peer *p)
{
    WireWriter empty = {0};

    raw_client_send(&p->display, SPICE_MSGC_DISPLAY_GL_DRAW_DONE, &empty);
}

static void begin(void)
{
    server = spice_server_new();
    spice_server_set_noauth(server);
    g_assert_cmpint(spice_server_init(server, host_core()), ==, 0);
    guest = guest_new(server, 0);
    guest_destroy_primary(guest, false);
}

static void end(void)
{
    spice_server_remove_interface(&guest->qxl.base);
    spice_server_destroy(server);
    guest_free(guest);
    host_assert_clean();
}

static uint64_t draw(void)
{
    uint64_t cookie = guest_cookie(guest);

    spice_qxl_gl_draw_async(&guest->qxl, 1, 2, 30, 40, cookie);
    return cookie;
}

#define SCANOUT "80020000 e0010000 000a0000 58523234 00000000"
#define DRAW "01000000 02000000 1e000000 28000000"

static void set_scanout(const char *text)
{
    spice_qxl_gl_scanout(&guest->qxl, memory_file(text), 640, 480, 2560, FOURCC, false);
}

static void test_session(void)
{
    uint64_t cookie;
    Peer p;

    begin();
    p = peer_open(CAPS, false);
    set_scanout("first");
    expect_scanout(&p, SCANOUT, "first");
    cookie = draw();
    expect_draw(&p, DRAW);
    host_iterate(50);
    g_assert_false(guest_cookies_are_complete(guest));
    answer(&p);
    guest_wait_cookie(guest, cookie);
    /* Another one, with the first row at the bottom; then none. */
    spice_qxl_gl_scanout(&guest->qxl, memory_file("second"), 16, 8, 64, FOURCC, true);
    expect_scanout(&p, "10000000 08000000 40000000 58523234 01000000", "second");
    spice_qxl_gl_scanout(&guest->qxl, -1, 0, 0, 0, 0, false);
    g_assert_true(raw_client_is_silent(&p.display));
    peer_free(&p);
    /* A client that comes while there is one. */
    set_scanout("third");
    p = peer_open(CAPS, false);
    expect_scanout(&p, SCANOUT, "third");
    cookie = draw();
    expect_draw(&p, DRAW);
    answer(&p);
    guest_wait_cookie(guest, cookie);
    peer_free(&p);
    end();
}

/* Without clients, without a scanout, with a client that goes before it answers. */
static void test_completion(void)
{
    uint64_t cookie;
    Peer p;

    begin();
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*there is no scanout*");
    guest_wait_cookie(guest, draw());
    g_test_assert_expected_messages();
    set_scanout("a");
    guest_wait_cookie(guest, draw());
    p = peer_open(CAPS, false);
    expect_scanout(&p, SCANOUT, "a");
    cookie = draw();
    expect_draw(&p, DRAW);
    /* One at a time; nor may the buffer be replaced meanwhile. */
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*the last draw is not complete*");
    guest_wait_cookie(guest, draw());
    g_test_assert_expected_messages();
    g_test_expect_message("Spice", G_LOG_LEVEL_WARNING, "*a draw is not complete*");
    set_scanout("b");
    g_test_assert_expected_messages();
    peer_free(&p);
    guest_wait_cookie(guest, cookie);
    g_assert_true(guest_cookies_are_complete(guest));
    end();
}

/* Answers that nobody asked for end the connection. */
static void test_unasked(void)
{
    Peer p;

    begin();
    set_scanout("a");
    p = peer_open(CAPS, false);
    expect_scanout(&p, SCANOUT, "a");
    answer(&p);
    while (raw_client_read(&p.display))
        ;
    peer_free(&p);
    end();
}

/* Clients that cannot take it lose this display, and nothing else. */
static void test_others(void)
{
    for (unsigned i = 0; i < 2; i++) {
        Peer p;

        begin();
        p = peer_open(i ? CAPS : 0, i);
        host_iterate(20);
        set_scanout("a");
        guest_wait_cookie(guest, draw());
        while (raw_client_read(&p.display))
            ;
        g_assert_true(raw_client_is_silent(&p.main));
        peer_free(&p);
        end();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gl-scanout/session", test_session);
    g_test_add_func("/gl-scanout/completion", test_completion);
    g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK); /* of a worker's thread, they cannot be expected */
    g_test_add_func("/gl-scanout/unasked", test_unasked);
    g_test_add_func("/gl-scanout/others", test_others);
    return g_test_run();
}
