#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that gives its QXL device every bad command, under QEMU with the sanitized library (TAP)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from bare_guest import BareGuest  # noqa: E402
from client import Client  # noqa: E402
from wiretap import Wiretap  # noqa: E402

LIB = os.path.join(qemu.TOP, "build", "asan", "lib")
LOCAL = "127.0.0.1"


def bad_commands(client_attached):
    """Good scenes before and after bad commands: machine, client and picture live on, then the session migrates."""
    with BareGuest(lib=LIB) as guest, BareGuest(lib=LIB, incoming=True) as destination, \
            Wiretap([(LOCAL, guest.port), (LOCAL, destination.port)]) as tap:
        if not client_attached:
            guest.draw("pee", timeout=120)
        with Client(tap.ports[0]) as client:
            client.wait_picture()
            guest.draw("psd" + "e" * 2 * client_attached + "nsdc", timeout=120)
            assert guest.shown_by(client), "the picture differs"
            guest.migrate_to(destination, tap.ports[1])
            client.wait_migrated(30)
            destination.draw("epd", timeout=120)
            assert destination.shown_by(client), "the picture differs at the destination"
            assert not tap.violations(), tap.violations()
            for machine in (guest, destination):
                log = machine.log_text()
                assert "Sanitizer" not in log and "runtime error" not in log and "guest bug" not in log, log[-4000:]
                print("# %d lines of log" % log.count("\n"))
                assert log.count("\n") < 400, "a guest can fill the host's log"


CASES = [("with a client", lambda: bad_commands(True)), ("before the client comes", lambda: bad_commands(False))]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=qemu.unavailable()))
