#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Seamless migrations at the edges: nothing drawn yet, a cache that is being evicted, many hops, there and back."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import ALBUM_END, DISPLAY, Journey, check, equal, inspect, main  # noqa: E402

PRIMARY = 1  # the command with which the recording has a primary surface


def test_no_primary():
    """The client comes and goes on before the guest has set a mode; it gets its picture at the target."""
    with Journey() as j:
        a = j.host(start=0)
        j.connect(a)
        b = j.host(incoming=True, start=0)
        j.hop(a, b, mark="switch")
        data = j.compare_caches()
        equal(data["surfaces"], [], "surfaces at the client")
        b.play_to(1500)
        j.client.wait_picture()
        j.compare(b)
        j.seamless("switch")
        j.quiet()


def test_empty_cache():
    """A primary, but nothing in the cache: that is a fact to be carried, not a reason for a reset."""
    with Journey() as j:
        a = j.host(start=PRIMARY)
        j.connect(a)
        b = j.host(incoming=True, start=PRIMARY)
        j.client.wait_picture()
        j.hop(a, b, run=False, mark="switch")
        data = j.compare_caches()
        equal((data["cache"]["known"], data["cache"]["count"]), (True, 0), "cache")
        check(data["surfaces"], "no surface")
        b.vm_start()
        b.play_to(2000)
        j.compare(b)
        j.seamless("switch")
        j.quiet()


def test_full_cache():
    """In the middle of evictions, several commands in a row: whatever is in the pipe was counted."""
    with Journey(cache_size=100000) as j:
        host = j.host(start=3000)
        j.connect(host)
        place = 5200
        host.play_to(place)
        for hop in range(4):
            target = j.host(incoming=True, start=place)
            place += 333
            host.play_to(place)
            j.hop(host, target, run=False, mark=f"switch{hop}")
            data = j.compare_caches()
            check(data["cache"]["count"] > 5, "the cache is nearly empty:", data["cache"]["count"])
            target.vm_start()
            host = target
        host.play_to(place + 1500)
        j.compare(host)
        for hop in range(4):
            check(j.seamless(f"switch{hop}")["evicted"] > 0, "nothing was evicted after hop", hop)
        j.quiet()


def test_there_and_back():
    """Six hops; each second one to a new process on the first side. Nothing is told between two of them."""
    with Journey(cache_size=1 << 20) as j:
        host = j.host(start=1000)
        j.connect(host)
        place = 1000
        for hop in range(6):
            target = j.host(incoming=True, start=place)
            place += 1400
            host.play_to(place)
            j.hop(host, target, mark=f"switch{hop}")
            host.close()
            host = target
        j.compare(host)
        host.play_to(place + 1000)
        j.compare(host)
        for hop in range(6):
            j.seamless(f"switch{hop}")
        j.quiet()


def test_hop_at_once():
    """Two migrations in a row without a single command in between, the second before the client's caches settled."""
    with Journey() as j:
        a = j.host(start=3000)
        j.connect(a)
        b, c = (j.host(incoming=True, start=4000) for _ in range(2))
        a.play_to(4100)
        j.hop(a, b, mark="first")
        j.hop(b, c, mark="second")
        first, second = (inspect(j.saved(hop=hop))[1] for hop in (0, 1))
        check(first["cache"]["count"] > 10, "an empty cache proves nothing")
        for field in ("count", "pixels", "digest", "entries", "size"):  # the digest is of the ids in LRU order
            equal(second["cache"][field], first["cache"][field], f"the second hop's cache, {field}")
        equal(second["surfaces"], first["surfaces"], "the second hop's surfaces")
        j.compare(c)
        c.play_to(7000)
        j.compare(c)
        j.seamless("first")
        j.seamless("second")
        j.quiet()


def test_off_screen_surfaces():
    """The surfaces that are alive at the switch are used after it, and none is sent again."""
    with Journey() as j:
        a = j.host(start=8000)
        j.connect(a)
        b = j.host(incoming=True, start=9900)
        a.play_to(10000)
        j.hop(a, b, run=False, mark="switch")
        data = j.compare_caches()
        alive = [s["id"] for s in data["surfaces"]]
        check(len(alive) > 30, "only so many surfaces are alive:", len(alive))
        check(all(s["format"] and s["width"] for s in data["surfaces"]), "a surface without a size")
        j.tap.mark("rest")
        b.vm_start()
        j.compare(b)
        equal(j.message_count("rest", 314, DISPLAY, b), 0, "surfaces created by vm_start")
        b.play_to(ALBUM_END)
        j.compare(b)
        sent = [c["images"] for c in j.tap.phase("switch")["channels"]
                if c["type"] == DISPLAY and c["route"] == j.route(b)]
        check(not any(sent), "images that the target sent before it ran:", sent)
        check(j.phase("rest")["images"].get("surface", {}).get("count", 0) > 50, "no surface was used")
        j.seamless("rest")
        j.quiet()


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
