#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The link stage against clients that do everything wrong. Words on the command line choose cases by name."""
import os
import struct
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import rawclient as raw  # noqa: E402
from arena import Arena, Shared, run  # noqa: E402
from rawclient import CURSOR, DISPLAY, INPUTS, MAIN, Link, Session  # noqa: E402

plain = Shared()
CASES = []


def add(name, function, warnings=(), shared=plain):
    CASES.append((name, shared.case(function, warnings)))


def error_reply(link, error):
    """A reply of 194 bytes with this error and nothing else in it; then the end."""
    reply = link.read(194)
    magic, major, _minor, size, found = struct.unpack_from("<4sIIII", reply)
    assert (magic, major, size, found) == (b"REDQ", 2, 178, error), reply[:20]
    assert reply[20:] == bytes(174), "an error reply carries nothing else"
    assert link.wait_closed() == b""


def refused(name, data, error, warning=r"link: "):
    def body(arena):
        with Link(arena.port) as link:
            link.write(data)
            error_reply(link, error)
    add(name, body, [warning])


def mess(**fields):
    m = raw.link_mess(**fields)
    return raw.link_header(len(m)) + m


def headers():
    good = raw.link_mess()
    for magic in (b"XEDQ", b"QDER", bytes(4), b"\xff" * 4):
        refused("magic %s" % magic.hex(), raw.link_header(len(good), magic=magic) + good, raw.INVALID_MAGIC)
    for major in (1, 3, 0x80000002, 0xFFFFFFFF):
        refused("major %#x" % major, raw.link_header(len(good), major=major) + good, raw.VERSION_MISMATCH)
    for size in (0, 1, 17, 4097, 65536, 0x7FFFFFFF, 0xFFFFFFFF):
        refused("size %#x" % size, raw.link_header(size) + good, raw.INVALID_DATA)

    def major_zero(arena):
        with Link(arena.port) as link:
            link.write(raw.link_header(len(good), major=0) + good)
            assert len(link.wait_closed()) in (0, 194)
    add("major 0", major_zero, ["link: "])

    def minors(arena):
        for minor in (0, 1, 99, 0xFFFFFFFF):
            with Link(arena.port) as link:
                link.write(raw.link_header(len(good), minor=minor) + good)
                assert link.read_reply()[0] == raw.OK
    add("any minor version is accepted", minors)

    def largest(arena):
        with Link(arena.port) as link:
            link.write(mess(common=(raw.COMMON_CAPS,), channel=(0,) * 1018, tail=None))
            assert link.read_reply()[0] == raw.OK
        with Link(arena.port) as link:
            link.write(raw.link_header(18) + raw.link_mess(common=(), channel=(), offset=0))
            assert link.read_reply()[0] == raw.OK
    add("sizes 18 and 4096 are accepted", largest)


def capabilities():
    word = struct.pack("<I", raw.COMMON_CAPS)
    bad = {
        "1025 common words": dict(n_common=1025, n_channel=0, tail=bytes(4 * 1010)),
        "1025 channel words": dict(n_common=0, n_channel=1025, tail=bytes(4 * 1010)),
        "2^32-1 words of both": dict(n_common=0xFFFFFFFF, n_channel=0xFFFFFFFF, tail=word),
        "counts that add up to 0": dict(n_common=0x80000000, n_channel=0x80000000, tail=word),
        "counts that wrap in bytes": dict(n_common=0x40000000, n_channel=1, tail=word),
        "offset 0": dict(offset=0),
        "offset 17": dict(offset=17),
        "offset of the last byte": dict(offset=25),
        "offset behind the message": dict(offset=27),
        "offset that wraps": dict(n_common=1, n_channel=1, offset=0xFFFFFFFC),
        "offset -1": dict(offset=0xFFFFFFFF),
        "one word too many": dict(n_common=2, n_channel=1, tail=word + word),
    }
    for name, fields in bad.items():
        refused("capabilities: " + name, mess(**fields), raw.INVALID_DATA)

    def unused_offset(arena):
        for offset in (0, 17, 0xFFFFFFFF):
            with Link(arena.port) as link:
                link.write(mess(common=(), channel=(), offset=offset))
                assert link.read_reply()[0] == raw.OK
    add("capabilities: without words nobody looks at the offset", unused_offset)


def channels():
    for type, id in ((0, 0), (DISPLAY, 1), (DISPLAY, 255), (INPUTS, 1), (CURSOR, 200), (5, 0), (7, 0), (12, 0),
                     (255, 255)):
        def unknown(arena, type=type, id=id):
            with Link(arena.port) as link:
                link.send_mess(type=type, id=id)
                assert link.wait_closed() == b"", "no reply for a channel that is not there"
        add("channel %d:%d is not there" % (type, id), unknown, ["there is no channel %d:%d" % (type, id)])

    def any_main(arena):
        with raw.Channel(arena.port, MAIN, 7) as main:
            main.read_until(raw.MAIN_INIT)
    add("main with any id is main", any_main)

    for type in (DISPLAY, INPUTS, CURSOR):
        def unknown_id(arena, type=type):
            with Session(arena.port) as session:
                for id in (0, session.connection_id ^ 1, 0xFFFFFFFF):
                    with Link(arena.port) as link:
                        assert link.link(type, connection_id=id) == raw.BAD_CONNECTION_ID
                        assert link.wait_closed() == b""
        add("connection id that nobody has, channel %d" % type, unknown_id, ["link: .*connection id"] * 3)

    def second_main(arena):
        with Session(arena.port) as first:
            others = [first.open(t) for t in (INPUTS, CURSOR)] + [first.open_display()]
            with Session(arena.port):
                for channel in [first.main] + others:
                    channel.wait_closed()
    add("a second main link ends the first session", second_main)

    for type in (DISPLAY, INPUTS, CURSOR):
        def twice(arena, type=type):
            with Session(arena.port) as session:
                first = session.open(type)
                if type == DISPLAY:
                    first.send(raw.DISPLAY_INIT, raw.display_init())
                greeting = first.read_all()
                assert greeting
                second = session.open(type)
                assert second.wait_closed() == b""
                if type == INPUTS:
                    for _ in range(4):
                        first.send(111, struct.pack("<iiH", 1, 1, 0))
                    first.read_until(111)
                else:
                    assert first.silent(0.2)
                first.close()
                again = session.open(type)
                if type == DISPLAY:
                    again.send(raw.DISPLAY_INIT, raw.display_init())
                assert again.read_message()
        add("channel %d linked twice: the first one is unaffected, and can be linked again" % type, twice,
            ["channel %d:0: the client has it already" % type])


def results():
    def undecryptable(arena):
        for ticket in (bytes(128), b"\xff" * 128, os.urandom(128)):
            with Link(arena.port) as link:
                link.send_mess()
                link.read_reply()
                link.write(struct.pack("<I", 1) + ticket)
                assert link.read_result() == raw.PERMISSION_DENIED
                assert link.wait_closed() == b""
    add("tickets that cannot be decrypted, ticketing off", undecryptable, ["password"] * 3)

    for mechanism in (0, 2, 3, 0x100, 0xFFFFFFFF):
        def bad_mechanism(arena, mechanism=mechanism):
            with Link(arena.port) as link:
                link.send_mess()
                link.read_reply()
                link.write(struct.pack("<I", mechanism))
                error_reply(link, raw.INVALID_DATA)
        add("mechanism %#x%s" % (mechanism, " (SASL, which is off)" if mechanism == 2 else ""), bad_mechanism,
            ["link: .*mechanism"])

    def no_selection(arena):
        with Link(arena.port) as link:
            link.send_mess(common=(raw.MINI_HEADER,))
            assert link.read_reply()[0] == raw.OK
            link.send_ticket(mechanism=None)
            assert link.read_result() == raw.OK
    add("a client that selects no mechanism sends the ticket at once", no_selection)

    def reply(arena):
        with Link(arena.port) as link:
            link.send_mess()
            error, common, channel = link.read_reply()
            assert error == 0 and common == (0x0B,) and channel[0] & 0xF == 0xF, link.reply
            key = link.public_key
            assert key[:29].hex() == "30819f300d06092a864886f70d010101050003818d0030818902818100", key.hex()
            assert key[157:].hex() == "0203010001"
        with Link(arena.port) as other:
            other.send_mess()
            other.read_reply()
            assert other.public_key != key, "each link has its own key"
    add("the reply: capabilities and key", reply)


def passwords():
    secret = Shared(ticket="secret")

    def denied(name, plaintexts):
        def body(arena):
            for plaintext in plaintexts:
                for type in (MAIN, INPUTS):
                    with Link(arena.port) as link:
                        link.send_mess(type=type, connection_id=0)
                        link.read_reply()
                        link.send_ticket(plaintext)
                        assert link.read_result() == raw.PERMISSION_DENIED, plaintext
                        assert link.wait_closed() == b""
        add(name, body, ["password"] * (2 * len(plaintexts)), secret)

    denied("wrong passwords", [b"wrong\0", b"Secret\0", b"secre\0", b"secret1\0", b"secret \0", b"\0secret\0",
                               b"x" * 86])
    denied("empty passwords", [b"\0", b""])

    def right(arena):
        for plaintext in (b"secret\0", b"secret", b"secret\0garbage behind the end"):
            with Link(arena.port) as link:
                link.send_mess()
                link.read_reply()
                link.send_ticket(plaintext)
                assert link.read_result() == raw.OK, plaintext
    add("the right password, with and without its end", right, (), secret)

    def denied_first(arena):
        with Session(arena.port, password="secret") as session:
            with Link(arena.port) as link:
                link.send_mess()
                link.read_reply()
                link.send_ticket(b"wrong\0")
                assert link.read_result() == raw.PERMISSION_DENIED
            with Link(arena.port) as link:
                assert link.link(INPUTS, connection_id=session.connection_id, password="wrong") == raw.PERMISSION_DENIED
            session.main.send(raw.C_ATTACH)
            session.main.read_until(raw.MAIN_CHANNELS_LIST)
    add("a wrong password does not disturb the present client", denied_first, ["password"] * 2, secret)
    CASES.append(("the host with a password ends well", secret.end))

    def sixty():
        with Arena(ticket="p" * 60) as arena:
            arena.check()
    CASES.append(("a password of 60 characters", sixty))


def time_and_number():
    def slowly(arena):
        with Link(arena.port) as link:
            m = raw.link_mess()
            link.write_slowly(raw.link_header(len(m)) + m, 0.001)
            link.read_reply()
            link.write_slowly(struct.pack("<I", 1) + raw.encrypt(link.public_key, b"\0"), 0.001)
            assert link.read_result() == raw.OK
            link.write_slowly(struct.pack("<HI", raw.C_ATTACH, 0), 0.001)
            assert link.read(6)
    add("byte by byte", slowly)

    def crowd(arena):
        links = []
        for i in range(300):
            links.append(Link(arena.port))
            if i % 3 == 1:
                links[-1].write(b"REDQ\2\0")
            elif i % 30 == 2:
                links[-1].send_mess()
        start = time.monotonic()
        raw.see_picture(arena.port)
        assert time.monotonic() - start < 5
        for link in links:
            link.close()
    add("300 connections that stop half way do not keep a good one out", crowd, None)

    def churn(arena):
        for i in range(600):
            link = Link(arena.port)
            if i % 2:
                link.write(raw.link_header(26)[:i % 17])
            if i % 5 == 0:
                link.reset()
            link.close()
    add("600 connections that come and go", churn)

    def cut_everywhere(arena):
        m = raw.link_mess()
        first = raw.link_header(len(m)) + m
        for cut in range(len(first) + 1):
            with Link(arena.port) as link:
                link.write(first[:cut])
                if cut % 2:
                    link.reset()
        for cut in range(0, 132):
            with Link(arena.port) as link:
                link.write(first)
                link.read_reply()
                link.write((struct.pack("<I", 1) + raw.encrypt(link.public_key, b"\0"))[:cut])
                if cut % 2:
                    link.reset()
    add("the end at every byte of the link stage", cut_everywhere)

    def before_greeting(arena):
        for i in range(60):
            with Link(arena.port) as link:
                link.send_mess()
                link.read_reply()
                link.send_ticket()
                link.write(bytes(i % 9))
                link.reset()
        for i in range(60):
            with Session(arena.port) as session, Link(arena.port) as link:
                link.send_mess(type=(DISPLAY, INPUTS, CURSOR)[i % 3], connection_id=session.connection_id)
                link.read_reply()
                link.send_ticket()
                link.write(struct.pack("<HI", 101, 14) + raw.display_init())
                link.reset()
    add("gone before the greeting can be written", before_greeting, None)

    def half_close(arena):
        for cut in (0, 3, 16, 42):
            with Link(arena.port) as link:
                link.write(mess()[:cut])
                link.socket.shutdown(1)
                link.wait_closed()
    add("half closed connections are closed", half_close)

    def http(arena):
        with Link(arena.port) as link:
            link.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            error_reply(link, raw.INVALID_MAGIC)
    add("a web browser", http, ["link: "])


headers()
capabilities()
channels()
results()
time_and_number()
CASES.append(("the host ends well", plain.end))
passwords()

if __name__ == "__main__":
    sys.exit(run(CASES))
