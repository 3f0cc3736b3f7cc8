#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unmodified QEMU with sound devices: a boot sector lets the PC speaker beep, the client hears it, also after a live
migration. The library is build/lib, or that of SPICE_LIB ("stock")."""
import array
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from client import Client  # noqa: E402
from qemu import Qemu  # noqa: E402

LIB = os.environ.get("SPICE_LIB", os.path.join(TOP, "build", "lib"))
BEEP_HZ = 1000
FLOPPY_BYTES = 1474560
# Timer 2 as a square wave of 1193182 / 1193 Hz; then gate and speaker on, again at each tick of the clock: a migration's
# destination starts to play only then.
BOOT_SECTOR = bytes.fromhex("fb  b0b6 e643  b8a904 e642 88e0 e642  e461 0c03 e661 f4 ebf7")


def machine(floppy, **options):
    extra = ["-audiodev", "spice,id=snd0", "-device", "intel-hda", "-device", "hda-duplex,audiodev=snd0",
             "-machine", "pcspk-audiodev=snd0", "-drive", "if=floppy,format=raw,file=%s,readonly=on" % floppy]
    return Qemu(lib=LIB, extra=extra, **options)


def write_floppy(path):
    with open(path, "wb") as f:
        f.write((BOOT_SECTOR.ljust(510, b"\0") + b"\x55\xaa").ljust(FLOPPY_BYTES, b"\0"))
    return path


def frequency(path, seconds):
    """Of the left channel in the last seconds of a 48 kHz recording."""
    with open(path, "rb") as f:
        left = array.array("h", f.read())[::2][-int(48000 * seconds):]
    assert max(left) > 5000, "silence"
    return sum((a < 0) != (b < 0) for a, b in zip(left, left[1:])) / 2 / seconds


def assert_beep(client, path):
    before = client.playback()["total"]
    time.sleep(1.5)
    heard = (client.playback()["total"] - before) / 4 / 48000
    assert 1.2 < heard < 1.8, "%.2f s of sound in 1.5 s" % heard
    hz = frequency(path, 1)
    assert abs(hz - BEEP_HZ) < BEEP_HZ / 20, hz


def assert_no_complaints(*machines):
    for m in machines:
        assert "Spice-" not in m.log_text() and "assert" not in m.log_text(), m.log_text()


def beep(path):
    with machine(write_floppy(path("floppy"))) as m, Client(m.port, audio=True, audio_file=path("heard")) as client:
        client.wait_event("playback-start", channels=2, rate=48000)
        assert_beep(client, path("heard"))
        m.qmp("system_reset")
        time.sleep(1)
        assert_beep(client, path("heard"))
        assert_no_complaints(m)


def migration(path):
    floppy = write_floppy(path("floppy"))
    with machine(floppy) as source, machine(floppy, incoming=True) as destination, \
            Client(source.port, audio=True, audio_file=path("heard")) as client:
        client.wait_event("playback-start")
        assert_beep(client, path("heard"))
        source.migrate_to(destination)
        source.wait_migrated()
        client.wait_migrated()
        client.wait_event("playback-stop")
        client.wait_event("playback-start")
        assert_beep(client, path("heard"))
        assert_no_complaints(source, destination)


CASES = [("beep and reset", cases.in_directory(beep)), ("beep through a live migration", cases.in_directory(migration))]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=qemu.unavailable()))
