#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS and what channels want of it: whole sessions, migrations, and clients that do it wrong (TAP).

Hosts run the sanitized library; CARAVAN_TEST_LIB=build/lib runs the plain build.
"""
import os
import socket
import ssl
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certificates  # noqa: E402
import rawclient as raw  # noqa: E402
from client import Client  # noqa: E402
from doors import LOCAL, Tls  # noqa: E402
from journey import ADDRESS, DISPLAY, MAIN, Journey, check, equal, main  # noqa: E402
from host import HostError  # noqa: E402
from rawclient import Link, Session  # noqa: E402

SUBJECT = "O=Caravan,CN=host"
FILES = tempfile.TemporaryDirectory(prefix="caravan-tls-")
X509 = certificates.authority(os.path.join(FILES.name, "x509"))
CA = os.path.join(X509, "ca-cert.pem")


class TlsJourney(Journey):
    """Clients and migrations go to the hosts directly: the wiretap cannot read what is encrypted."""

    def __init__(self, security="default=ssl", **options):
        super().__init__(tls=X509, security=security, **options)

    def host(self, door=False, **options):
        return super().host(door=False, **options)

    def ready(self, host, door=False):
        super().ready(host, door=False)

    def connect(self, host, plain=False, **options):
        options = dict({"tls_port": host.tls_port, "ca_file": CA}, **options)
        self.client = Client(host.port if plain else None, log=os.path.join(self.directory, "client.log"), **options)
        self.client.wait_event("channel", timeout=20, what="opened", type=DISPLAY)
        host.wait_clients(1)

    def move(self, source, target, plain=False, subject="", connects=1):
        """A whole seamless migration; plain: the client hears of the target's plain port too."""
        self.hop(source, target, connects=connects, port=target.port if plain else 0, tls=f"{target.tls_port} {subject}")
        if "stock" not in (source.lib, target.lib):
            self.restored(source, target)


def test_session():
    """The client sees the picture as it changes; nothing is plain."""
    with TlsJourney() as j:
        host = j.host(start=2000)
        j.connect(host)
        j.compare(host)
        host.play_to(6000)
        j.compare(host)
        j.client.key(30)
        j.client.motion(3, 4)
        equal({c: w for c, w in j.client.state()["channels"].items() if w != "opened"}, {}, "channels not open")


def test_migration():
    """Two hosts that only TLS clients can use, back and forth, with the certificate's subject checked and not."""
    with TlsJourney() as j:
        host = j.host(start=2000)
        j.connect(host)
        j.compare(host)
        for place, subject in ((3000, ""), (4500, SUBJECT), (6220, "")):
            target = j.host(incoming=True, start=place - 40)
            host.play_to(place)
            j.compare(host, f"before {place}")
            j.move(host, target, subject=subject)
            j.compare(target, f"after {place}")
            host = target
            host.play_to(place + 700)
            j.compare(host, f"going on after {place}")


def test_stock():
    """To and from the stock library, encrypted.

    That one says port 65535 to the client where there is none, and the client fails there: it is told the plain port,
    which sends it on.
    """
    with TlsJourney() as j:
        host = j.host(start=2000)
        j.connect(host)
        for place, options in ((3000, {"lib": "stock"}), (4500, {})):
            target = j.host(incoming=True, start=place - 40, **options)
            host.play_to(place)
            j.compare(host, f"before {place}")
            j.move(host, target, plain=host.lib == "stock", subject=SUBJECT)
            host = target
            host.play_to(place + 700)
            j.compare(host, f"after {place}")


def test_wrong_subject():
    """A target with another name is refused by the client: the migration fails, the host goes on.

    The client looks at OpenSSL's old errors when it next has to wait within a record, and closes that channel; which one
    it is, and when, is chance. So the session goes on with a new one.
    """
    with TlsJourney() as j:
        host = j.host(start=2000)
        j.connect(host)
        target = j.host(incoming=True, start=2000)
        host.command(f"migrate-connect {ADDRESS} 0 {target.tls_port} O=Caravan,CN=somebody")
        host.wait_event("connect-complete", 12)
        host.command("migrate-end 0")
        equal(j.client.state()["channels"]["main:0"], "opened", "the main channel")
        j.disconnect()
        host.wait_clients(0)
        host.play_to(2500)
        j.connect(host)
        j.compare(host)
        j.move(host, target, subject=SUBJECT, connects=2)
        j.compare(target)
        j.expect(target, "TLS: handshake: tlsv1 alert")


def test_fallback():
    """One channel needs TLS: the client tries it plainly, is told, and comes back; also when it migrates."""
    for security in ("display=ssl", "main=ssl", "inputs=ssl,cursor=ssl"):
        with TlsJourney(security=security) as j:
            host = j.host(start=2000)
            j.connect(host, plain=True)
            j.compare(host)
            target = j.host(incoming=True, start=2400)
            host.play_to(2500)
            j.compare(host)
            j.move(host, target, plain=True)
            j.compare(target)
            equal({c: w for c, w in j.client.state()["channels"].items() if w != "opened"}, {}, "channels not open")


def link_error(door, type=MAIN):
    with Link(door) as link:
        link.send_mess(type=type)
        error = link.read_reply()[0]
        if error:
            equal(link.wait_closed(), b"", "behind the error")
        return error


def test_channel_security():
    """Errors 5 and 6, by channel and by default; before it is looked whether there is such a channel."""
    with TlsJourney(security="default=ssl,display=none,inputs=any") as j:
        host = j.host(start=100)
        tls = Tls(host.tls_port, CA)
        for kind, plain, encrypted in ((1, 5, 0), (2, 0, 6), (3, 0, 0), (4, 5, 0), (9, 5, None), (200, 5, None)):
            equal(link_error(host.port, kind), plain, f"plain link to channel {kind}")
            if encrypted is not None:
                equal(link_error(tls, kind), encrypted, f"TLS link to channel {kind}")
        host.command("position")


def test_versions():
    """TLS 1.2 and 1.3 with any record sizes, nothing older."""
    with TlsJourney() as j:
        host = j.host(start=100, compression="off")
        v = ssl.TLSVersion
        doors = [Tls(host.tls_port, CA, (v.TLSv1_2, v.TLSv1_2)), Tls(host.tls_port, CA, (v.TLSv1_3, v.TLSv1_3)),
                 Tls(host.tls_port, CA, (v.TLSv1_2, v.TLSv1_2), "ECDHE-RSA-AES128-GCM-SHA256"),
                 Tls(host.tls_port, CA, (v.TLSv1_2, v.TLSv1_2), "DHE-RSA-AES256-GCM-SHA384")]
        sums = {raw.see_picture(door) for door in doors}
        equal(len(sums), 1, "different pictures")
        j.expect(host, r"TLS: handshake: (unsupported protocol|version too low)")
        try:
            Tls(host.tls_port, CA, (v.TLSv1, v.TLSv1_1), "ALL:@SECLEVEL=0")(5)
            raise AssertionError("TLS 1.1 is accepted")
        except (ssl.SSLError, ConnectionError):
            pass


def test_one_record():
    """What the client sends in one record is read although the socket has nothing more: ticket and messages behind it."""
    with TlsJourney() as j:
        host = j.host(start=100)
        tls = Tls(host.tls_port, CA)
        for count in (0, 1, 63, 64, 65, 400):
            with Link(tls) as link:
                link.send_mess(type=MAIN, channel=(0xF,))
                equal(link.read_reply()[0], 0, "link")
                acks = struct.pack("<HI", raw.C_ACK, 0) * count
                link.write(struct.pack("<I", 1) + raw.encrypt(link.public_key, b"\0") + acks +
                           struct.pack("<HI", raw.C_ATTACH, 0))
                equal(link.read_result(), 0, "link result")
                types = []
                while raw.MAIN_CHANNELS_LIST not in types:
                    kind, size = struct.unpack("<HI", link.read(6))
                    link.read(size)
                    types.append(kind)


def test_slow_reader():
    """Megabytes for a client that does not read for a while: writes that wait go on where they were."""
    with TlsJourney() as j:
        host = j.host(start=6000, compression="off")
        with Session(Tls(host.tls_port, CA)) as session:
            session.main.send(raw.C_ATTACH)
            session.main.read_until(raw.MAIN_CHANNELS_LIST)
            display = session.open_display()
            host.play()
            got = 0
            while got < 2 << 20:
                if got % 16 == 0:
                    time.sleep(0.05)
                message = display.read_message()
                check(message.type < 400, "out of step:", message.type)
                got += len(message.body)


def test_hostile():
    """Garbage, silence, cut records: each costs its connection, one line in the log, and not a descriptor."""
    with TlsJourney() as j:
        host = j.host(start=100, compression="off")
        tls = Tls(host.tls_port, CA)
        wanted = raw.see_picture(tls)
        before = host.descriptors()
        garbage = [b"REDQ" + struct.pack("<III", 2, 2, 26) + bytes(26), b"GET / HTTP/1.1\r\n\r\n", bytes(5),
                   b"\x16\x03\x01\xff\xff" + bytes(100), b"\x16\x03\x01\x40\x00" + os.urandom(0x4000),
                   b"\x80\x2e\x01\x00\x02" + bytes(64), os.urandom(64), b"\x15\x03\x03\x00\x02\x02\x28"]
        for data in garbage:
            with Link(host.tls_port) as link:
                link.write(data)
                link.wait_closed()
        j.expect(host, r"TLS: handshake: ")
        host.command("position")
        lines = [line for line in host.log_text().splitlines() if "TLS: handshake: " in line]
        equal(len(lines), len(garbage), "lines in the log")
        # Half open: nothing at all, half a record, and those that go away.
        silent = [Link(host.tls_port) for _ in range(30)]
        for number, link in enumerate(silent[:20]):
            link.write((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(number))[:number])
        equal(raw.see_picture(tls), wanted, "the picture beside half open links")
        for link in silent[::2]:
            link.close()
        for link in silent[1::2]:
            link.reset()
        for size in range(0, 400, 7):  # an established connection that ends in the middle of a record
            outer = socket.create_connection((LOCAL, host.tls_port), 10)
            inner, out = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = tls.context.wrap_bio(inner, out, server_hostname=LOCAL)
            shake(client, inner, out, outer)
            client.write(raw.link_header(26) + raw.link_mess() + bytes(300))
            outer.sendall(out.read()[:size])
            outer.close()
        j.expect(host, r"link: ", need=False)
        equal(raw.see_picture(tls), wanted, "the picture afterwards")
        equal(host.descriptors(), before, "open descriptors")


def shake(client, inner, out, sock):
    """The handshake of a client whose bytes go through memory."""
    while True:
        try:
            client.do_handshake()
            sock.sendall(out.read())
            return
        except ssl.SSLWantReadError:
            sock.sendall(out.read())
            inner.write(sock.recv(1 << 16))


def test_bad_files():
    """Files that cannot be used: the host does not start, and says which."""
    with tempfile.TemporaryDirectory() as other:
        certificates.authority(other)
        os.replace(os.path.join(X509, "server-key.pem"), os.path.join(X509, "kept"))
        try:
            for text, word in ((None, "private key"), (b"nothing", "private key"),
                               (open(os.path.join(other, "server-key.pem"), "rb").read(), "private key")):
                if text is not None:
                    with open(os.path.join(X509, "server-key.pem"), "wb") as f:
                        f.write(text)
                with TlsJourney() as j:
                    try:
                        j.host(start=1)
                        raise AssertionError("it starts with " + str(text))
                    except HostError:
                        pass
                    host = j.hosts.pop()
                    host.process.wait(10)
                    check(word in host.log_text(), "the log does not name it:", host.log_text()[-300:])
                    host.kill()
        finally:
            os.replace(os.path.join(X509, "kept"), os.path.join(X509, "server-key.pem"))


if __name__ == "__main__":
    sys.exit(main([f for n, f in sorted(globals().items()) if n.startswith("test_")]))
