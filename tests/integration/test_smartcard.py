#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A card device of caravan-host that the test plays, and the client library's software smartcard: commands reach the
card and its answers come back, also when the session moves. CARD_LIBS: comma separated libraries of the hosts."""
import os
import struct
import sys
import time
from functools import partial

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "lib"), os.path.dirname(os.path.abspath(__file__))]
import cases  # noqa: E402
import certificates  # noqa: E402
from client import Client  # noqa: E402
from host import Host, migrate  # noqa: E402
from test_port import LEAKS, OURS, OURS_ENV, PROGRAM, write_recording  # noqa: E402

ERROR, READER_ADD, READER_REMOVE, ATR, CARD_REMOVE, APDU = range(2, 8)
OK = (ERROR, b"\0\0\0\0")
SELECT_CARD_MANAGER = bytes.fromhex("00a4040007a0000000030000")
GET_RESPONSE = bytes.fromhex("00c000001b")
MORE_DATA, DONE = 0x61, b"\x90\0"


class Card:
    """One host with a card device: what it gets, cut into messages. It answers requests at once, as QEMU's does."""

    def __init__(self, lib, recording, **options):
        self.host = Host(lib=lib, recording=recording, program=PROGRAM, env=LEAKS if lib == "stock" else OURS_ENV,
                         log=os.environ.get("HOST_LOG"), **options)
        if not options.get("incoming"):
            self.host.play_to(2)
            self.host.vm_start()
        self.host.command("smartcard 1")
        self.bytes, self.got = b"", []

    def write(self, data):
        self.host.command("port-send smartcard " + data.hex())

    def send(self, kind, payload=b""):
        self.write(struct.pack(">III", kind, 0, len(payload)) + payload)

    def read(self):
        left = []
        for event in self.host.drain_events():
            if event.get("event") == "port-data":
                self.bytes += bytes.fromhex(event["hex"])
            else:
                left.append(event)
        self.host.events = left
        while len(self.bytes) >= 12 and len(self.bytes) >= 12 + struct.unpack(">I", self.bytes[8:12])[0]:
            kind, reader, length = struct.unpack(">III", self.bytes[:12])
            assert reader == 0, reader
            self.got.append((kind, self.bytes[12:12 + length]))
            self.bytes = self.bytes[12 + length:]
            if kind in (READER_ADD, READER_REMOVE, ATR, CARD_REMOVE):
                self.send(*OK)

    def next(self, timeout=20):
        """The next message: (type, payload)."""
        deadline = time.monotonic() + timeout
        while not self.got:
            assert time.monotonic() < deadline, "the device gets nothing"
            self.read()
            time.sleep(0.01)
        return self.got.pop(0)

    def wait(self, kind):
        """The payload of the next message, which is of that type."""
        got = self.next()
        assert got[0] == kind, (got, kind)
        return got[1]

    def command(self, apdu):
        self.send(APDU, apdu)
        return self.wait(APDU)

    def migrate(self, lib, recording, begun):
        """The device has written only the first five bytes of its command `begun` when the machine moves."""
        destination = Card(lib, recording, incoming=True, start=2)
        message = struct.pack(">III", APDU, 0, len(begun)) + begun
        self.write(message[:5])
        migrate(self.host, destination.host)
        self.read()
        destination.bytes, destination.got = self.bytes, self.got
        self.close()
        destination.write(message[5:])
        return destination

    def close(self):
        code = self.host.close()
        assert code == 0, "the host ended with code %s, see %s" % (code, self.host.log)


def card_moves(libs, path):
    recording = path("card.rec")
    write_recording(recording)
    card = Card(libs[0], recording)
    try:
        with Client(card.host.port, smartcard_db=certificates.create(path("db")), env=LEAKS,
                    log=os.environ.get("CLIENT_LOG")) as client:
            assert card.wait(READER_ADD) == b""
            atr = card.wait(ATR)
            assert atr[0] == 0x3b and len(atr) <= 40, atr
            assert card.command(SELECT_CARD_MANAGER)[0] == MORE_DATA
            wanted = card.command(GET_RESPONSE)
            assert wanted[-2:] == DONE, wanted
            for lib in libs[1:]:
                assert card.command(SELECT_CARD_MANAGER)[0] == MORE_DATA
                card = card.migrate(lib, recording, GET_RESPONSE)
                assert card.wait(APDU) == wanted  # the same card, still in the same state
                client.wait_migrated()
                client.card("remove")
                card.wait(CARD_REMOVE)
                client.card("insert")
                assert card.wait(ATR) == atr
                assert client.state()["channels"]["smartcard:0"] == "opened"
        card.wait(READER_REMOVE)
    finally:
        card.close()


def unplugged(path):
    recording = path("card.rec")
    write_recording(recording)
    card = Card(OURS, recording)
    try:
        with Client(card.host.port, smartcard_db=certificates.create(path("db")), env=LEAKS) as client:
            card.wait(READER_ADD)
            atr = card.wait(ATR)
            for _ in range(3):
                assert card.command(SELECT_CARD_MANAGER)[0] == MORE_DATA
                card.host.command("smartcard 0")
                card.host.command("smartcard 1")
                card.wait(READER_ADD)
                assert card.wait(ATR) == atr
                assert card.command(GET_RESPONSE)[-2:] == DONE
                client.card("remove")
                card.wait(CARD_REMOVE)
                client.card("insert")
                assert card.wait(ATR) == atr
    finally:
        card.close()


def main():
    libs = os.environ.get("CARD_LIBS")
    chains = [libs.split(",")] if libs else [[OURS, OURS, OURS], [OURS, "stock", OURS]]
    tests = [(" -> ".join(os.path.basename(lib) for lib in chain), partial(card_moves, chain)) for chain in chains]
    tests.append(("a device that is pulled out and plugged in again", unplugged))
    return cases.run([(name, cases.in_directory(test)) for name, test in tests], skip=certificates.unavailable())


if __name__ == "__main__":
    sys.exit(main())
