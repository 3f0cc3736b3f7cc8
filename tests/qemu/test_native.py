#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's native qxl with the bare-metal guest: cached pictures, surfaces, cursors, evictions, live migrations (TAP)."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from bare_guest import BareGuest  # noqa: E402
from client import Client  # noqa: E402
from wiretap import Wiretap  # noqa: E402

LOCAL = "127.0.0.1"
HOPS = int(os.environ.get("CARAVAN_HOPS", "6"))
SMALL_CACHE = 24 * 128 * 96 * 4 * 2  # bytes: two sets of pictures fit, minus what surfaces use


def check_logs(*machines):
    for machine in machines:
        assert "Spice" not in machine.log_text(), machine.log_text()


def scenes():
    """Each scene, with a cache in which everything fits and one that evicts."""
    for cache in (None, SMALL_CACHE):
        with BareGuest() as guest, Wiretap([(LOCAL, guest.port)]) as tap, \
                Client(tap.ports[0], cache_size=cache) as client:
            client.wait_picture()
            for scene in "pscfdnbmdppnpnpfbdxfn":
                guest.draw(scene)
            assert guest.shown_by(client), "the picture differs"
            counts = tap.stats()["phases"][-1]["total"]["cache"]
            assert counts["missing"] == 0 and counts["hits"] > 0, counts
            assert (counts["evicted"] > 0) == (cache is not None), counts
            assert not tap.violations(), tap.violations()
            check_logs(guest)


def hop(tap, source, client, before="", after="pd"):
    """One migration; gives the destination. Afterwards the guest draws what the client has seen before."""
    destination = BareGuest(incoming=True)
    try:
        port = tap.add_route(LOCAL, destination.port)
        source.draw(before)
        assert source.shown_by(client), "the picture differs before"
        tap.mark("switch")
        source.migrate_to(destination, port,
                          linked=lambda: client.wait_event("migration-state", state="migrating", timeout=20))
        source.wait_migrated()
        client.wait_migrated()
        assert destination.shown_by(client), "the picture differs after the switch"
        tap.mark("after")
        destination.draw(after)
        assert destination.shown_by(client), "the picture differs after drawing on"
        stats = tap.stats()
        for phase in ("switch", "after"):
            counts = tap.phase(phase, stats)["total"]["cache"]
            for bad in ("inval_all", "resent", "resent_lost", "missing"):
                assert counts[bad] == 0, (phase, counts)
        assert not tap.violations(), tap.violations()
        check_logs(source, destination)
        return destination
    except BaseException:
        destination.close()
        raise


def display_bytes(tap, phase, route):
    return sum(c["from_server"]["bytes"] for c in tap.phase(phase)["channels"] if c["type"] == 2 and c["route"] == route)


def migration():
    """The switch alone costs next to nothing; then everything comes from the caches."""
    with BareGuest() as source, Wiretap([(LOCAL, source.port)]) as tap, Client(tap.ports[0]) as client:
        client.wait_picture()
        destination = hop(tap, source, client, before="pscpdnp", after="pdnpd")
        with destination:
            cost = display_bytes(tap, "switch", 1)
            print("# display bytes of the switch itself: %d" % cost)
            assert cost <= 8192, cost


def measure(machine):
    """What the process of a host uses."""
    directory = "/proc/%d/" % machine.process.pid
    with open(directory + "status") as status:
        rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return {"kB": rss, "files": len(os.listdir(directory + "fd")), "threads": len(os.listdir(directory + "task"))}


def flat(figures):
    """Each host is a new process and has come to the same place as the third one (the first ones have less history)."""
    for name in ("kB", "files", "threads"):
        row = [f[name] for f in figures]
        print("# %s by hop: %s" % (name, " ".join(map(str, row))))
        base, tolerance = row[min(2, len(row) - 1)], 0.05 if name == "kB" else 0
        for number, value in enumerate(row[2:], 3):
            assert abs(value - base) <= tolerance * base, "hop %d: %d %s instead of %d" % (number, value, name, base)


def settled(machine):
    """Threads that QEMU keeps for a while after a migration end by and by."""
    before, since = measure(machine), time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.1)
        now = measure(machine)
        if (now["threads"], now["files"]) != (before["threads"], before["files"]):
            before, since = now, time.monotonic()
    return now


def ping_pong():
    """Many migrations in a row, in the middle of evictions: the same connection of the client to the wiretap's eyes."""
    with Wiretap() as tap:
        guest, figures = BareGuest(), []
        try:
            tap.add_route(LOCAL, guest.port)
            with Client(tap.ports[0], cache_size=SMALL_CACHE) as client:
                client.wait_picture()
                for number in range(HOPS):
                    following = hop(tap, guest, client, before="npsd" if number % 2 else "fbcpx", after="pd")
                    guest.close()
                    guest = following
                    figures.append(settled(guest))
                bad = [e for e in client.poll() if e["event"] in ("disconnected", "channel-destroy", "primary-destroy")]
                assert client.alive() and not bad, bad
                new = [e for e in client.events if e["event"] == "channel-new"]
                assert len(new) == len({(e["type"], e["id"]) for e in new}), "it has connected anew: %s" % new
        finally:
            guest.close()
        flat(figures)


CASES = [("scenes", scenes), ("live migration", migration), ("%d migrations in a row" % HOPS, ping_pong)]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=qemu.unavailable()))
