#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a live migration of QEMU's native qxl costs on the display channel: ours and the stock library in one run.

The bare-metal guest draws pictures, surfaces and cursors, migrates, and draws pictures that the client has seen before.
  qemu.py        prints display bytes of the switch itself, and images sent again afterwards
"""
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/lib"))
from bare_guest import BareGuest  # noqa: E402
from client import Client  # noqa: E402
from wiretap import Wiretap  # noqa: E402

LOCAL = "127.0.0.1"
DISPLAY = 2


def measure(lib):
    with BareGuest(lib=lib) as source, BareGuest(lib=lib, incoming=True) as destination, \
            Wiretap([(LOCAL, source.port), (LOCAL, destination.port)]) as tap, Client(tap.ports[0]) as client:
        client.wait_picture()
        source.draw("pscpdnp")
        time.sleep(1)
        tap.mark("switch")
        source.migrate_to(destination, tap.ports[1])
        source.wait_migrated()
        client.wait_migrated()
        time.sleep(1)
        tap.mark("after")
        destination.draw("pd")
        time.sleep(1)
        switch = sum(c["from_server"]["bytes"] for c in tap.phase("switch")["channels"]
                     if c["type"] == DISPLAY and c["route"] == 1)
        again = tap.phase("after")["total"]["cache"]
        return switch, again["resent"] + again["resent_lost"]


def main():
    ours, stock = measure(os.path.join(TOP, "build/lib")), measure("stock")
    print("%-32s %10s %10s %8s" % ("", "ours", "stock", "ratio"))
    for name, a, b in zip(("display bytes of the switch", "images sent again"), ours, stock):
        print("%-32s %10d %10d %8s" % (name, a, b, "%.5f" % (a / b) if b else "-"))


if __name__ == "__main__":
    main()
