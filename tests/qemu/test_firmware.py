#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unmodified QEMU on this library, as far as its firmware goes: picture, reset, live migration with a client (TAP)."""
import os
import sys
import time
from functools import partial

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from client import Client  # noqa: E402
from qemu import Qemu  # noqa: E402
from wiretap import Wiretap  # noqa: E402

LOCAL = "127.0.0.1"


def picture(vga):
    with Qemu(vga) as machine, Client(machine.port) as client:
        client.wait_picture()
        assert machine.shown_by(client), "the picture differs"
        machine.qmp("system_reset")
        time.sleep(1)
        if vga == "qxl":  # its VGA mode does not draw again what it believes is on the screen, with any SPICE library
            client.wait_picture()
        else:
            assert machine.shown_by(client), "the picture differs after a reset"
        assert "Spice-" not in machine.log_text(), machine.log_text()


def migration(vga):
    with Qemu(vga) as source, Qemu(vga, incoming=True) as destination:
        with Wiretap([(LOCAL, source.port), (LOCAL, destination.port)]) as tap, Client(tap.ports[0]) as client:
            client.wait_picture()
            assert source.shown_by(client), "the picture differs before"
            tap.mark("switch")
            source.migrate_to(destination, tap.ports[1])
            source.wait_migrated()
            client.wait_migrated()
            assert "SPICE_MIGRATE_COMPLETED" in source.events, source.events
            assert destination.shown_by(client), "the picture differs after"
            assert tap.phase("switch")["total"]["cache"]["inval_all"] == 0
            assert not tap.violations(), tap.violations()
            for machine in (source, destination):
                assert "Spice-" not in machine.log_text(), machine.log_text()


CASES = [("picture and reset, %s" % vga, partial(picture, vga)) for vga in ("std", "qxl", "virtio")]
CASES += [("live migration, %s" % vga, partial(migration, vga)) for vga in ("std", "qxl", "virtio")]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=qemu.unavailable()))
