#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unmodified QEMU with a card reader, and the client library with a smartcard made by software: the card is put in and
taken out, also after a live migration, and QEMU's card device is pulled out and plugged in again. What QEMU says of its
card device tells what arrived there, and the client goes on only when it has the answers."""
import os
import struct
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import cases  # noqa: E402
import certificates  # noqa: E402
import qemu  # noqa: E402
from client import Client  # noqa: E402
from qemu import Qemu  # noqa: E402
from rawclient import Session  # noqa: E402

LIB = os.environ.get("SPICE_LIB", os.path.join(TOP, "build", "lib"))
SMARTCARD, DATA = 8, 101  # channel type, message type
LONGEST = 65536 - 12
CARD = "ccid-card-passthru"
PUT_IN, TAKEN_OUT = "VSC_ATR 15", "VSC_CardRemove"
READER_ADDED, READER_REMOVED = "CCID Attach", "CCID Detach"


class Machine(Qemu):
    """With `cards` card devices, each in its own reader, that say what they get."""

    def __init__(self, cards=1, **options):
        extra = ["-device", "qemu-xhci,id=usb"]
        for i in range(cards):
            extra += ["-device", f"usb-ccid,id=reader{i},bus=usb.0,debug=9", "-chardev",
                      f"spicevmc,name=smartcard,id=line{i}", "-device",
                      f"{CARD},chardev=line{i},id=card{i},bus=reader{i}.0,debug=9"]
        super().__init__(lib=LIB, extra=extra, **options)
        self.taken = 0

    def wait_said(self, *texts, timeout=20):
        """Until the log says that, one after the other, behind what was waited for before."""
        deadline = time.monotonic() + timeout
        for text in texts:
            while (place := self.log_text().find(text, self.taken)) < 0:
                assert time.monotonic() < deadline, f"no {text!r} in {self.log_text()[self.taken:]}"
                time.sleep(0.02)
            self.taken = place + len(text)

    def unplug(self, device):
        before = self.events.count("DEVICE_DELETED")
        self.qmp("device_del", id=device)
        deadline = time.monotonic() + 20
        while self.events.count("DEVICE_DELETED") == before:
            assert time.monotonic() < deadline, "the device does not leave"
            self.qmp("query-status")  # reads events, too
            time.sleep(0.02)

    def plug(self, device):
        self.qmp("device_add", driver=CARD, chardev="line0", id=device, bus="reader0.0", debug=9)

    def assert_no_complaints(self):
        for word in ("Spice-", "assert", "warning"):
            assert word not in self.log_text(), self.log_text()


def play_with_card(client, machine):
    """Both answers have to come back: the client sends the second message only when it has the first one's."""
    client.card("remove")
    machine.wait_said(TAKEN_OUT)
    client.card("insert")
    machine.wait_said(PUT_IN)


def migration(path):
    database = certificates.create(path("db"))
    with Machine() as source, Machine(incoming=True) as destination, \
            Client(source.port, smartcard_db=database) as client:
        source.wait_said(READER_ADDED, PUT_IN)
        play_with_card(client, source)
        source.migrate_to(destination)
        source.wait_migrated()
        client.wait_migrated()
        play_with_card(client, destination)
        assert client.state()["channels"]["smartcard:0"] == "opened"
        assert READER_ADDED not in destination.log_text(), "the client or the server began anew"
        client.close()
        destination.wait_said(READER_REMOVED)
        with Client(destination.port, smartcard_db=database) as other:
            destination.wait_said(READER_ADDED, PUT_IN)
            play_with_card(other, destination)
        destination.wait_said(READER_REMOVED)
        source.assert_no_complaints()
        destination.assert_no_complaints()


def plug_again(path):
    database = certificates.create(path("db"))
    with Machine() as machine, Client(machine.port, smartcard_db=database) as client:
        machine.wait_said(READER_ADDED, PUT_IN)
        for old, new in ("card0", "one"), ("one", "two"):
            machine.unplug(old)
            machine.plug(new)
            machine.wait_said(READER_ADDED, PUT_IN)
            play_with_card(client, machine)
        machine.unplug("two")
        client.card("remove")
        client.wait_event("card", what="card-removed")
        client.card("insert")
        client.wait_event("card", what="card-inserted")
        machine.plug("three")
        machine.wait_said(READER_ADDED, PUT_IN)
        play_with_card(client, machine)
        assert client.state()["channels"]["smartcard:0"] == "opened"
        machine.assert_no_complaints()


def second_device(path):
    database = certificates.create(path("db"))
    with Machine(cards=2) as machine, Client(machine.port, smartcard_db=database) as client:
        machine.wait_said("there is one, and more readers are not possible")
        machine.wait_said(READER_ADDED, PUT_IN)
        play_with_card(client, machine)
        machine.unplug("card1")
        play_with_card(client, machine)


def message(kind, payload=b"", reader=0):
    return struct.pack("<III", kind, reader, len(payload)) + payload


def longest_message(path):
    """QEMU's card device waits for ever for the end of a message that is longer than its buffer."""
    with Machine() as machine:
        for size, good in (LONGEST, True), (LONGEST + 1, False), (100, True):
            with Session(machine.port) as session:
                card = session.open(SMARTCARD)
                for sent in message(3, b"name\0", 0xffffffff), message(5, b"\x3b\0\0"):
                    card.send(DATA, sent)
                    card.read_until(DATA)
                card.send(DATA, message(7, bytes(size)))
                if good:
                    card.send(DATA, message(6))
                    assert card.read_until(DATA)[-1].body == message(2, bytes(4))
                else:
                    card.wait_closed()
            machine.wait_said(READER_ADDED, READER_REMOVED)


CASES = [
    ("a card through a live migration", cases.in_directory(migration)),
    ("a card device that is plugged in again", cases.in_directory(plug_again)),
    ("the longest message", cases.in_directory(longest_message)),
    ("a second card device", cases.in_directory(second_device)),
]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=qemu.unavailable() or certificates.unavailable()))
