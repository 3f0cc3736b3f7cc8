#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients through WebSockets, plainly, in TLS and with SASL inside; and those that do it wrong (TAP).

Hosts run the sanitized library; CARAVAN_TEST_LIB=build/lib runs the plain build.
"""
import os
import random
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certificates  # noqa: E402
import doors  # noqa: E402
import rawclient as raw  # noqa: E402
from doors import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Tls, Web, frame  # noqa: E402
from journey import Journey, check, equal, main  # noqa: E402
from rawclient import Link, RawError, Session  # noqa: E402

FILES = tempfile.TemporaryDirectory(prefix="caravan-web-")
X509 = certificates.authority(os.path.join(FILES.name, "x509"))
CA = os.path.join(X509, "ca-cert.pem")


class WebJourney(Journey):
    def __init__(self, **options):
        super().__init__(tls=X509, compression="off", **options)

    def host(self, **options):
        host = super().host(door=False, start=3000, **options)
        host.picture = raw.see_picture(host.port)
        host.fds = host.descriptors()
        return host

    def lives(self, host):
        equal(raw.see_picture(Web(host.port)), host.picture, "the picture")
        equal(host.descriptors(), host.fds, "open descriptors")


def test_session():
    """Links, messages and the picture, in whole messages, in frames of three bytes, and inside TLS."""
    with WebJourney() as j:
        host = j.host()
        tls = Tls(host.tls_port, CA)
        for door in (Web(host.port), Web(host.port, chop=3), Web(host.port, protocol=None), Web(tls), Web(tls, chop=7),
                     Web(host.port, protocol=b"binary, base64")):
            equal(raw.see_picture(door), host.picture, "the picture")
        j.lives(host)


def test_one_write():
    """Frames that come all at once are read although the socket has nothing more afterwards."""
    with WebJourney() as j:
        host = j.host()
        for door in (Web(host.port), Web(Tls(host.tls_port, CA))):
            for count in (0, 63, 64, 65, 300):
                with Link(door) as link:
                    link.send_mess(type=raw.MAIN, channel=(0xF,))
                    equal(link.read_reply()[0], 0, "link")
                    ack = frame(struct.pack("<HI", raw.C_ACK, 0))
                    link.socket.socket.sendall(
                        frame(struct.pack("<I", 1)) + frame(raw.encrypt(link.public_key, b"\0")) + ack * count +
                        frame(b"", PING) + frame(struct.pack("<HI", raw.C_ATTACH, 0)))
                    equal(link.read_result(), 0, "link result")
                    kind = None
                    while kind != raw.MAIN_CHANNELS_LIST:
                        kind, size = struct.unpack("<HI", link.read(6))
                        link.read(size)
                    equal(link.socket.pongs, [b""], "PONGs")
        j.lives(host)


def test_frames():
    """What the server's frames look like: one for each message; PING, PONG and CLOSE."""
    with WebJourney() as j:
        host = j.host()
        with Session(Web(host.port)) as session:
            web = session.main.socket
            session.main.send(raw.C_ATTACH)
            session.main.read_until(raw.MAIN_CHANNELS_LIST)
            # link reply (header and body), result, then messages: each is one frame
            equal([f for f in web.frames[:2]], [(BINARY, 16 + 178 + 8), (BINARY, 4)], "frames of the link")
            for payload in (b"", b"x", b"y" * 125):
                web.send_frame(payload, opcode=PING)
            web.send_frame(b"unasked", opcode=PONG)
            web.send_frame(b"", opcode=TEXT)
            session.main.send(raw.C_ATTACH)
            session.main.read_until(raw.MAIN_CHANNELS_LIST)
            check(web.pongs and web.pongs[-1] == b"y" * 125, "PONGs:", web.pongs)
            web.send_frame(struct.pack(">H", 1000) + b"bye", opcode=CLOSE)
            session.main.wait_closed()
            check(web.closed, "CLOSE was not answered")
        j.lives(host)


def test_requests():
    """A request in pieces is waited for; one that cannot be granted is refused as any other bytes are."""
    with WebJourney() as j:
        host = j.host()
        good = doors.request()
        for piece in (1, 3, 50, len(good) - 1):
            with Link(host.port) as link:
                for at in range(0, len(good), piece):
                    link.write(good[at:at + piece])
                    time.sleep(0.001)
                answer = link.read(20)
                check(answer.startswith(b"HTTP/1.1 101 "), "no upgrade:", answer)
        with Link(host.port) as link:
            link.write(doors.request(extra=b"X: " + b"x" * (4096 - len(good) - 5) + b"\r\n"))
            check(link.read(20).startswith(b"HTTP/1.1 101 "), "4096 bytes are not accepted")
        bad = [doors.request(key=None), doors.request(key=b""), doors.request(protocol=b"base64"),
               doors.request(protocol=b"base64, binary"), good + b"\x82\x80mask", b"GET / HTTP/1.1\r\n\r\n",
               doors.request(extra=b"X: " + b"x" * 5000 + b"\r\n"), b"GET " + b"x" * 4092, b"GET " + bytes(4092),
               good.replace(b"GET", b"PUT"), b"HEAD / HTTP/1.1\r\n\r\n"]
        for data in bad:
            with Link(host.port) as link:
                link.write(data)
                try:
                    reply = link.wait_closed()
                except RawError as error:
                    raise AssertionError("open after %s" % data[:60]) from error
                # behind a refusal unread bytes may make the connection end with a reset
                check(reply == b"" or struct.unpack_from("<4sIIII", reply) == (b"REDQ", 2, 2, 178, 2), "answer:", reply)
        with Link(host.port) as link:  # a second request inside of the WebSocket is none
            link.write(good)
            link.read(len(b"HTTP/1.1 101 "))
            link.write(frame(good))
            check(struct.pack("<I", 2) in link.wait_closed(), "no refusal")
        j.expect(host, "link: (no request for a WebSocket|the connection does not speak SPICE)")
        for size in range(0, len(good), 9):  # and those that go away
            with Link(host.port) as link:
                link.write(good[:size])
        j.lives(host)


def test_hostile_frames():
    """Frames against the rules end the connection, before and after the link; the host goes on."""
    with WebJourney() as j:
        host = j.host()
        bad = [frame(b"x", rsv=4), frame(b"x", opcode=3), frame(b"x", opcode=15), frame(b"x", opcode=PING, fin=False),
               frame(b"x" * 126, opcode=PING), frame(b"x", opcode=CONTINUATION),
               frame(b"x", fin=False) + frame(b"x"), frame(b"", size=64, length=1 << 63),
               frame(b"", size=64, length=(1 << 64) - 1, mask=None)]
        for data in bad:
            with Link(Web(host.port)) as link:
                link.socket.socket.sendall(data)
                link.wait_closed()
            with Session(Web(host.port)) as session:
                session.main.socket.socket.sendall(data)
                session.main.wait_closed()
        j.expect(host, "WebSocket: ")
        j.expect(host, "link: |channel 1:0: ", need=False)
        for data in (frame(b"REDQ", size=64, length=(1 << 63) - 1), frame(b"x" * 100)[:50], b"\x82", b"\x82\xff\0\0\0"):
            for reset in (False, True):
                link = Link(Web(host.port))
                link.socket.socket.sendall(data)
                if reset:
                    link.socket = link.socket.socket
                    link.reset()
                else:
                    link.close()
        generator = random.Random(4711)
        for _ in range(60):
            with Session(Web(host.port)) as session:
                noise = bytearray(b"".join(frame(generator.randbytes(generator.randrange(200)),
                                                 opcode=generator.choice((0, 1, 2, 9, 10)),
                                                 fin=generator.random() < 0.7) for _ in range(5)))
                noise[generator.randrange(len(noise))] ^= 1 << generator.randrange(8)
                session.main.socket.socket.sendall(noise)
        j.lives(host)


def test_flood_of_pings():
    """A client that pings and does not read gets no memory for it."""
    with WebJourney() as j:
        host = j.host()
        with Session(Web(host.port)) as session:
            web = session.main.socket
            web.settimeout(0.5)
            flood = frame(b"p" * 125, opcode=PING) * 1000
            try:
                for _ in range(100):
                    web.socket.sendall(flood)
            except TimeoutError:
                pass
            web.settimeout(10)
            equal(raw.see_picture(Web(host.port)), host.picture, "the picture beside it")
        j.lives(host)


if __name__ == "__main__":
    sys.exit(main([f for n, f in sorted(globals().items()) if n.startswith("test_")]))
