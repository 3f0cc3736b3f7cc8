#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Migrations from and to the stock library: version 1 data, the cache is reset, the picture is right everywhere."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import ALBUM_END, DISPLAY, INVAL_ALL_PIXMAPS, LIB, Journey, check, equal, inspect, main  # noqa: E402

START, FIRST, SECOND, NEXT = 1500, 3500, 5500, 7500
LOSSY = {"jpeg": "always", "compression": "auto_glz"}  # only for the stock library: a target that sends JPEG shows it
STOCK_WRONG = ("sub-size",)  # the stock library's sub-messages say a wrong size


def travel(libs, places=(FIRST, SECOND), compare_before=True, displays=1, stock_options=None):
    """Over hosts with these libraries. Gives the journey's INVAL_ALL_PIXMAPS and the data of each hop."""
    seen = []
    with Journey(displays=displays) as j:
        host = j.host(lib=libs[0], start=START, **(stock_options or {}))
        j.connect(host)
        for hop, lib in enumerate(libs[1:]):
            target = j.host(lib=lib, incoming=True, start=places[hop])
            host.play_to(places[hop])
            if compare_before:
                j.compare(host, f"before hop {hop}")
            j.hop(host, target, run=False, mark=f"hop{hop}")
            data = [inspect(j.saved(d))[1] for d in range(displays)]
            target.vm_start()
            if lib != "stock" or compare_before:
                j.compare(target, f"after hop {hop}")
            seen.append(data)
            host = target
        host.play_to(places[len(libs) - 2] + 2000)
        j.compare(host, "at the end")
        counts = [j.phase(f"hop{n}")["cache"] for n in range(len(libs) - 1)]
        for count in counts:
            equal((count["missing"], count["unknown_evicted"]), (0, 0), "images that the client lacks")
        j.quiet(STOCK_WRONG)
        for number, lib in enumerate(libs):
            if lib == "stock":
                continue
            for role, wanted in (("source", number < len(libs) - 1), ("destination", number > 0)):
                results = [(r["result"], r["mode"]) for r in j.report(j.hosts[number], role)]
                equal(results, [("completed", "seamless")] if wanted else [], f"reports of host {number + 1} as {role}")
    return [c["inval_all"] for c in counts], seen


def test_stock_to_ours():
    resets, data = travel(["stock", LIB])
    equal(resets, [1], "INVAL_ALL_PIXMAPS")
    equal(data[0][0]["cache"]["known"], False, "stock data with a cache")


def test_ours_to_stock():
    resets, data = travel([LIB, "stock"])
    equal(resets, [1], "INVAL_ALL_PIXMAPS")
    check(data[0][0]["cache"]["count"] > 20, "no cache in our data")


def test_ours_to_stock_to_ours():
    equal(travel([LIB, "stock", LIB])[0], [1, 1], "INVAL_ALL_PIXMAPS")


def test_stock_to_ours_to_ours():
    """The cache that we filled after the reset is carried on."""
    resets, data = travel(["stock", LIB, LIB])
    equal(resets, [1, 0], "INVAL_ALL_PIXMAPS")
    check(data[1][0]["cache"]["count"] > 20, "the cache was not used after the reset")


def test_two_displays_from_stock():
    resets, data = travel(["stock", LIB], displays=2)
    equal(resets, [1], "INVAL_ALL_PIXMAPS")
    equal(sum(d["cache"]["freezer"] for d in data[0]), 1, "freezers")


def test_two_displays_to_stock():
    resets, data = travel([LIB, "stock"], displays=2)
    equal(resets, [1], "INVAL_ALL_PIXMAPS")
    equal(sum(d["cache"]["freezer"] for d in data[0]), 1, "freezers")


def test_lossy_from_stock():
    """JPEG at the source: what the client shows is only like the picture, until the target has repaired it."""
    resets, data = travel(["stock", LIB], compare_before=False, stock_options=LOSSY)
    equal(resets, [1], "INVAL_ALL_PIXMAPS")
    equal(data[0][0]["surfaces_lossy_form"], True, "lossy form")
    check(any(s["lossy"] for s in data[0][0]["surfaces"]), "nothing is lossy")


def test_lossy_refresh_before_commands():
    """The repair comes with vm_start, without any command of the guest."""
    with Journey() as j:
        a = j.host(lib="stock", start=START, **LOSSY)
        j.connect(a)
        a.play_to(FIRST)
        check(not j.client.wait_sum(a.sums()[0], timeout=1), "the picture is not lossy, this proves nothing")
        b = j.host(incoming=True, start=FIRST)
        j.hop(a, b, mark="switch")
        j.compare(b, "after the repair")
        equal(j.message_count("switch", INVAL_ALL_PIXMAPS, DISPLAY, b), 1, "INVAL_ALL_PIXMAPS")
        b.play_to(ALBUM_END)
        j.compare(b, "at the end")


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
