# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU with a guest that draws: what a live migration costs on the display channel, and how long the switch takes.

A Linux guest under X draws its pictures twice, migrates with nothing drawn, and draws them once more. "again" are the
bytes of the second drawing, without a migration; "after" those of the same drawing after it. The times of the switch
are taken with the guest that has no operating system, drawing all the time: from the first MIGRATE on any channel to
the first display message of the destination, at the wiretap; medians.
"""
import os
import statistics
import sys
import time
from contextlib import ExitStack

from session import ADDRESS, DISPLAY, LIBS, MSG_MIGRATE, TOP, display_figures
from switch import first_us

sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
from bare_guest import BareGuest  # noqa: E402
from client import Client  # noqa: E402
from linux_guest import LinuxGuest  # noqa: E402
from wiretap import Wiretap  # noqa: E402

ROUNDS = 10
MODES = (("native", "qxl, native X driver"), ("kms", "qxl, kernel driver"), ("std", "standard VGA"),
         ("virtio", "virtio VGA"))
PICTURES = "pictures 0 12"
FIELDS = (("switch", "display bytes of the switch"), ("again", "pictures again without a migration"),
          ("after", "pictures again after it"), ("resent", "  images sent that the client held"),
          ("ratio", "  bytes of these by those"))


def rest(tap, quiet=1.0, timeout=60):
    """Until the display channel is silent; the wiretap's statistics."""
    deadline, last, since = time.monotonic() + timeout, None, time.monotonic()
    while time.monotonic() < deadline:
        stats = tap.stats()
        now = sum(c["from_server"]["bytes"] for p in stats["phases"] for c in p["channels"] if c["type"] == DISPLAY)
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= quiet:
            return stats
        time.sleep(0.1)
    raise TimeoutError("the display channel does not come to rest")


def costs(lib, mode):
    with ExitStack() as stack:
        source = stack.enter_context(LinuxGuest(mode, lib=lib, wait=False))
        tap = stack.enter_context(Wiretap([(ADDRESS, source.port)]))
        client = stack.enter_context(Client(tap.ports[0]))
        source.wait_up()
        source.draw("clear", PICTURES)
        rest(tap)
        tap.mark("again")
        source.draw("clear", PICTURES)
        rest(tap)
        destination = stack.enter_context(LinuxGuest(mode, lib=lib, incoming=True))
        port = tap.add_route(ADDRESS, destination.port)
        tap.mark("switch")
        source.migrate_to(destination, port, timeout=120)
        source.wait_migrated()
        client.wait_migrated()
        rest(tap)
        tap.mark("after")
        destination.draw("clear", PICTURES)
        stats = rest(tap)
        same = destination.screen_sum() == client.sum()
    after, again = display_figures(stats, "after"), display_figures(stats, "again")
    return {"switch": display_figures(stats, "switch", route=1)["bytes"], "again": again["bytes"],
            "after": after["bytes"], "resent": after["resent"], "ratio": round(after["bytes"] / again["bytes"], 3),
            "picture": same}


def switch_ms(lib):
    """None: the destination sent nothing."""
    with BareGuest(lib=lib) as source, BareGuest(lib=lib, incoming=True) as destination, \
            Wiretap([(ADDRESS, source.port), (ADDRESS, destination.port)]) as tap, Client(tap.ports[0]) as client:
        client.wait_picture()
        source.draw("psdp")
        source.draw("w")
        tap.mark("switch")
        source.migrate_to(destination, tap.ports[1])
        source.wait_migrated()
        client.wait_migrated()
        time.sleep(0.3)
        stats = tap.stats()
    begin = first_us(stats, "from_server", 0, (MSG_MIGRATE,))
    first = first_us(stats, "from_server", 1, channel_type=DISPLAY)
    return (first - begin) / 1000 if first else None


def print_row(text, ours, stock):
    ratio = f"{ours / stock:.4f}" if ours is not None and stock else "-"
    print(f"{text:42}{'none' if ours is None else ours:>12}{'none' if stock is None else stock:>12}{ratio:>9}")


def run(arguments):
    result = {}
    print(f"Live migration of QEMU\n{'':42}{'ours':>12}{'stock':>12}{'ratio':>9}")
    for mode, text in MODES[:1] if arguments.quick else MODES:
        found = result[mode] = {name: costs(lib, mode) for name, lib in LIBS}
        print(text)
        for field, name in FIELDS:
            print_row("  " + name, found["ours"][field], found["stock"][field])
        for name, _ in LIBS:
            if not found[name]["picture"]:
                print(f"    {name}: the client's picture is not the machine's")
    rounds = {name: [] for name, _ in LIBS}
    for _ in range(3 if arguments.quick else ROUNDS):
        for name, lib in LIBS:
            rounds[name].append(switch_ms(lib))
    result["switch_ms"] = {n: round(statistics.median(v for v in r if v is not None), 2) for n, r in rounds.items()}
    print_row("MIGRATE to first display message, ms", result["switch_ms"]["ours"], result["switch_ms"]["stock"])
    return result
