#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SASL: whole sessions and migrations of the client library, and scripted clients that do it wrong (TAP).

Hosts run the sanitized library; CARAVAN_TEST_LIB=build/lib runs the plain build.
"""
import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import cases  # noqa: E402
import certificates  # noqa: E402
import rawclient as raw  # noqa: E402
import sasl  # noqa: E402
from client import Client  # noqa: E402
from doors import Tls, Web  # noqa: E402
from journey import DISPLAY, Journey, check, equal, explain  # noqa: E402
from peer import PeerError  # noqa: E402
from rawclient import Link  # noqa: E402
from sasl import SaslLink  # noqa: E402

FILES = tempfile.TemporaryDirectory(prefix="caravan-sasl-")
USER, PASSWORD = "anna", "not a secret"
DIGEST = "digest-md5"
KNOWN = {"username": USER, "password": PASSWORD}


def environment(mechanisms):
    directory = os.path.join(FILES.name, mechanisms.replace(" ", "+"))
    if not os.path.exists(directory):
        sasl.accounts(directory, mechanisms, {USER: PASSWORD})
    variables = {"SASL_CONF_PATH": directory}
    if mechanisms == DIGEST:  # what its plugin leaks is told apart (tests/lsan.supp) by complete, slow stacks only
        variables["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=0:exitcode=99:fast_unwind_on_malloc=0"
    return variables


class SaslJourney(Journey):
    """Behind the wiretap's back: it cannot read what is encrypted."""

    def __init__(self, mechanisms=DIGEST, tls=False, **options):
        if tls:
            options["tls"] = os.path.join(FILES.name, "x509")
            if not os.path.exists(options["tls"]):
                certificates.authority(options["tls"])
        options.setdefault("sasl", True)
        super().__init__(**options)
        self.variables = environment(mechanisms)

    def host(self, **options):
        return super().host(door=False, env=self.variables, **options)

    def ready(self, host, door=False):
        super().ready(host, door=False)
        host.tls_door = Tls(host.tls_port, os.path.join(self.options["tls"], "ca-cert.pem")) if host.tls_port else None

    def connect(self, host, **options):
        ca = host.tls_port and os.path.join(self.options["tls"], "ca-cert.pem")
        self.client = Client(None if ca else host.port, tls_port=host.tls_port or None, ca_file=ca or None,
                             log=os.path.join(self.directory, "client.log"), **dict(KNOWN, **options))

    def see(self, host):
        self.client.wait_event("channel", timeout=20, what="opened", type=DISPLAY)
        self.compare(host)

    def move(self, source, target):
        self.hop(source, target, port=0 if target.tls_port else target.port, tls=target.tls_port or "")
        self.restored(source, target)

    def lives(self, host, what):
        """Whatever was done to it: somebody who knows the password gets in."""
        self.connect(host)
        try:
            self.see(host)
        except PeerError as error:
            raise AssertionError("%s: %s" % (what, error)) from None
        self.client.close()
        self.client = None


def session(mechanisms, **options):
    with SaslJourney(mechanisms, **options) as j:
        host = j.host(start=2000)
        j.connect(host)
        j.see(host)
        for place in (3000, 4500):
            target = j.host(incoming=True, start=place - 40)
            host.play_to(place)
            j.compare(host, f"before {place}")
            j.move(host, target)
            host = target
            j.compare(host, f"after {place}")
            host.play_to(place + 700)
            j.compare(host, f"going on after {place}")


def test_digest():
    """DIGEST-MD5 brings its own encryption, under which the session migrates."""
    session(DIGEST)


def test_scram_in_tls():
    """SCRAM brings none; TLS does. The same with a whole list of mechanisms."""
    session("scram-sha-256", tls=True, security="default=ssl")
    session("digest-md5 scram-sha-1 plain anonymous", tls=True, security="default=ssl")


def test_wrong_password():
    """Wrong password, unknown user, none at all: no session, one line, and the next one gets in."""
    for options in ({"password": "wrong"}, {"username": "otto"}, {"password": ""}):
        with SaslJourney() as j:
            host = j.host(start=100)
            j.connect(host, **options)
            event = j.client.wait_event("channel", timeout=20, type=1)
            check(event["what"].startswith("error"), "it got in:", event)
            j.client.close()
            j.expect(host, r"link: SASL: ", need=False)
            j.lives(host, str(options))


def plain_link(door, password=PASSWORD, chop=None, **fields):
    """PLAIN, all by hand, up to the link result."""
    link = SaslLink(door, **fields)
    link.choose(b"PLAIN")
    data = b"\0" + USER.encode() + b"\0" + password.encode()
    if chop:
        link.write_slowly(struct.pack("<I", len(data) + 1) + data + b"\0")
    else:
        link.send_data(data)
    return link


def test_plain():
    """PLAIN only in TLS, also in a WebSocket in it; data byte by byte; the last byte of data does not count."""
    with SaslJourney("plain", tls=True) as j:
        host = j.host(start=100)
        for door, chop in ((host.tls_door, False), (host.tls_door, True), (Web(host.tls_door), False)):
            with plain_link(door, chop=chop) as link:
                equal(link.mechanisms, ",PLAIN,", "on offer")
                equal(link.read_data(), (None, True), "the answer")
                equal(link.read(4), bytes(4), "accepted")
                equal(link.read_result(), 0, "link result")
                kind, = struct.unpack("<H", link.read(2))
                equal(kind, raw.MAIN_INIT, "first message")
        with plain_link(host.tls_door, password="wrong") as link:
            equal(link.wait_closed(), b"", "for a wrong password")
        j.expect(host, "link: SASL: .*(authentication failure|Password verification failed|user not found)")
        j.expect(host, "link: SASL: no mechanism available")
        with Link(host.port) as link:  # nothing to offer where nothing is encrypted
            link.send_mess(common=(sasl.SASL_CAPS,))
            link.read_reply()
            link.write(struct.pack("<I", 2))
            equal(link.wait_closed(), b"", "without TLS")
        with SaslLink(host.tls_door) as link:
            link.choose(b"PLAIN")
            link.send_data(b"\0" + USER.encode() + b"\0" + PASSWORD.encode() + b"\0" * (1 << 16))
            link.wait_closed()
        j.expect(host, "link: SASL: .*more data than we were expecting")


def refusal(link, error):
    reply = link.read(194)
    equal(struct.unpack_from("<4sIIII", reply), (b"REDQ", 2, 2, 178, error), "refusal")
    equal(link.wait_closed(), b"", "behind the refusal")


def test_rules():
    """What is refused, and how."""
    with SaslJourney() as j:
        host = j.host(start=100)
        port = host.port
        before = host.descriptors()
        for size in (0, 101, 1000, 0xFFFFFFFF):
            with SaslLink(port) as link:
                equal(link.mechanisms, ",DIGEST-MD5,", "on offer")
                equal(link.common, (0x0D,), "capabilities")
                equal(link.public_key, bytes(162), "the key")
                link.choose(b"", size)
                equal(link.wait_closed(), b"", f"name of {size} bytes")
        for name in (b"PLAIN", b"DIGEST-MD", b"IGEST-MD5", b",", b"DIGEST-MD5,", b",DIGEST-MD5,", b"\0", b"DIGEST-MD5\0",
                     b"x" * 100, b"digest-md5 "):
            with SaslLink(port) as link:
                link.choose(name)
                refusal(link, 3)
        for size in (0x100001, 0x7FFFFFFF, 0xFFFFFFFF):
            with SaslLink(port) as link:
                link.choose(b"DIGEST-MD5")
                link.send_data(b"", size)
                refusal(link, 3)
            with SaslLink(port) as link:
                link.choose(b"DIGEST-MD5")
                link.send_data(None)
                challenge, complete = link.read_data()
                check(not complete and b"realm=" in challenge, "no challenge:", challenge)
                link.send_data(b"", size)
                equal(link.wait_closed(), b"", "too much in a later step")
        for answer in (None, b"", b"x", b"\0" * 100, b'username="anna",realm="x"', os.urandom(4000), b"a" * 0xFFFFF):
            with SaslLink(port) as link:
                link.choose(b"DIGEST-MD5")
                link.send_data(None)
                link.read_data()
                link.send_data(answer)
                link.wait_closed()
        for part in (b"", b"\0", struct.pack("<I", 10), struct.pack("<I", 10) + b"DIGEST",
                     struct.pack("<I", 10) + b"DIGEST-MD5" + struct.pack("<I", 0x100000) + bytes(5000)):
            with SaslLink(port) as link:  # and is gone in the middle
                link.write(part)
        # A ticket is no way around it, whatever the client says that it can do.
        for caps in (raw.COMMON_CAPS, sasl.SASL_CAPS, raw.COMMON_CAPS | raw.AUTH_SASL):
            with Link(port) as link:
                link.send_mess(common=(caps,))
                equal(link.read_reply()[0], 0, "link")
                link.write(struct.pack("<I", 1) + bytes(128))
                refusal(link, 3)
        for caps in (0, raw.MINI_HEADER, raw.AUTH_SPICE):
            with Link(port) as link:
                link.send_mess(common=(caps,))
                equal(link.read_reply()[0], 0, "link")
                refusal(link, 4)
        j.expect(host, "link: ")
        j.lives(host, "the rules")
        equal(host.descriptors(), before, "open descriptors")


def test_switched_off():
    """Without SASL nobody gets around the ticket with it, although there are accounts."""
    with SaslJourney(sasl=False) as j:
        host = j.host(start=100)
        with Link(host.port) as link:
            link.send_mess(common=(sasl.SASL_CAPS,))
            equal(link.read_reply()[1], (0x0B,), "capabilities")
            link.write(struct.pack("<I", 2))
            refusal(link, 3)
        j.expect(host, "link: authentication mechanism 2 is not on offer")


if __name__ == "__main__":
    sys.exit(cases.run([(n[5:], f) for n, f in sorted(globals().items()) if n.startswith("test_")],
                       skip=sasl.unavailable(), explain=explain))
