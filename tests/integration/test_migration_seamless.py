#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Seamless migrations between two hosts of ours: nothing lost, nothing sent twice, wherever the switch falls.

CARAVAN_WORKLOADS=DIR adds the large recordings of that directory.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import ALBUM, ALBUM_END, Journey, check, equal, main, recordings  # noqa: E402

BEFORE = 40  # commands between the comparison of the pictures and the switch: the client still has them to read


def travel(recording, places, end, load_timeout=120, **options):
    """One session over len(places) + 1 hosts, switching at these commands. Gives evictions and data of each stretch."""
    stretches = []
    with Journey(recording=recording, **options) as j:
        host = j.host(start=max(places[0] // 2, 1))
        j.connect(host)
        for number, place in enumerate(places):
            target = j.host(incoming=True, start=max(place - BEFORE, 1), wait=False)
            host.play_to(max(place - BEFORE, host.position), timeout=load_timeout)
            j.compare(host, f"before {place}", 60)
            j.ready(target)
            host.play_to(place, timeout=load_timeout)
            j.tap.mark(f"switch{number}")
            j.begin(host, target)
            j.stop(host, target)
            j.end(host)
            j.arrived(target)
            j.once(host)
            data = j.compare_caches()
            j.compare(target, f"at the switch {place}")
            target.vm_start()
            j.compare(target, f"after vm_start {place}")
            stretches.append(data)
            host = target
        host.play_to(end, timeout=load_timeout)
        j.compare(host, "at the end", 60)
        evictions = [j.seamless(f"switch{n}")["evicted"] for n in range(len(places))]
        j.quiet()
        for number in range(1, len(places) + 1):
            report, = j.report(j.hosts[number], "destination")
            equal(report["result"], "completed", "report")
            equal(report["mode"], "seamless", "report")
            for channel in report["channels"]:
                check(all(s["restored"] for s in channel.get("sections", [])), "not restored:", channel)
    return evictions, stretches


def test_mid_stream():
    """Big cache: no image leaves it, each crosses the wire once in the whole session."""
    travel(ALBUM, [700, 3111, 6220, 9702], ALBUM_END)


def test_thousand_evictions():
    """Both sides' LRU: after more than 1,000 evictions at the second host the third still gets what the client has."""
    evictions, stretches = travel(ALBUM, [1500, 12000], ALBUM_END, cache_size=60000)
    check(evictions[0] >= 1000, "only so many evictions:", evictions)
    check(all(0 < s["cache"]["count"] for s in stretches), "empty cache")


def test_while_playing():
    """migrate() while the guest draws: it stops between any two commands, nothing has settled."""
    with Journey() as j:
        a = j.host(start=2000, pace=6)
        j.connect(a)
        b = j.host(incoming=True, start=2000, pace=6)
        a.play()
        j.hop(a, b, mark="switch")
        check(a.position > 2000, "nothing was played")
        b.play_to(b.position + 2500)
        j.compare(b)
        j.seamless("switch")
        j.quiet()


def test_workloads():
    found = recordings()
    if not found:
        return "CARAVAN_WORKLOADS names no directory with large recordings"
    for path, size in found:
        print("# " + os.path.basename(path), flush=True)
        end = min(size, 20000)
        travel(path, [end // 3, 2 * end // 3], end, load_timeout=300, cache_size=8 << 20)
    return None


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
