#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live migrations between QEMUs with this library and the stock one: the session lives, pictures are equal (TAP)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from voyage import LIB, Voyage  # noqa: E402

SMALL_CACHE = 24 * 128 * 96 * 4 * 2  # bytes: with evictions, and so with serials that displays wait for


def travel(*libs, cache=None, **options):
    """A client over hosts with these libraries, in all of which it draws; everything stays connected."""
    with Voyage(stock=True, cache_size=cache) as v:
        guest = v.guest(lib=libs[0], **options)
        v.connect(guest)
        for lib in libs[1:]:
            target = v.guest(incoming=True, lib=lib, **options)
            v.hop(guest, target, before="pscpdnpf", after="pdnpdbfcm")
            guest = target
        counts = v.tap.stats()["phases"][-1]["total"]["cache"]
        assert counts["missing"] == 0, counts
        bad = [x for x in v.tap.violations(ignore=("sub-size",))]
        assert not bad, bad
        state = v.client.state()
        assert all(what == "opened" for what in state["channels"].values()), state
        return [v.reports(g) + v.reports(g, "destination") for g in v.guests]


def test_to_stock():
    """ours, stock: it gets what it understands"""
    reports = travel(LIB, "stock")
    assert reports[0] == [("completed", "seamless")], reports


def test_from_stock():
    """stock, ours: the serial is one too low there, and there is no cache to take over"""
    reports = travel("stock", LIB)
    assert reports[1] == [("completed", "seamless")], reports


def test_there_and_back():
    """ours, stock, ours, ours, in the middle of evictions"""
    travel(LIB, "stock", LIB, LIB, cache=SMALL_CACHE)


def test_semi_seamless():
    """the same without the seamless way"""
    with Voyage(stock=True) as v:
        guest = v.guest(lib="stock", seamless=False)
        v.connect(guest)
        for lib in (LIB, "stock"):
            target = v.guest(incoming=True, lib=lib, seamless=False)
            v.draw(guest, "pscd")
            v.equal(guest, "before")
            v.begin(guest, target)
            v.move(guest, target)
            v.client.wait_picture()
            v.equal(target, "after the switch")
            guest = target


if __name__ == "__main__":
    sys.exit(cases.run(cases.functions(globals()), skip=qemu.unavailable()))
