#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a target does about images and regions that its client holds only approximately, by data that say so."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import DISPLAY, INVAL_ALL_PIXMAPS, Journey, check, equal, inspect, main  # noqa: E402
from migrate_data import MigrateData, set_lossy  # noqa: E402

START, PLACE, NEXT = 1500, 3000, 4500
DRAW_COPY = 304
BOX = (10, 20, 110, 70)


def depart(j, change, pack=MigrateData.pack, warning=None):
    """A session at its target, which was given change(MigrateData); the target's machine does not run yet."""
    a = j.host(start=START)
    j.connect(a)
    b = j.host(incoming=True, start=PLACE)
    if warning:
        j.expect(b, warning)
    a.play_to(PLACE)

    def repack(data):
        d = MigrateData(data)
        change(d)
        return pack(d)
    j.hop_with(a, b, repack, run=False)
    j.arrived(b)
    return b


def drawn(j, mark, target):
    """(number, pixels) of all images with data that the target sent since that mark. (The source may go on for a
    moment after it: what it draws last is still on its way then.)"""
    images = [i for channel in j.tap.phase(mark)["channels"] if channel["route"] == j.route(target)
              for kind, i in channel.get("images", {}).items() if not kind.startswith("from_cache") and kind != "surface"]
    return sum(i["count"] for i in images), sum(i["pixels"] for i in images)


def test_lossy_cache_entries():
    """Each is sent once more, losslessly, when it is used; a next migration knows which ones are good by now."""
    entries = 0

    def change(d):
        nonlocal entries
        d.sections["CACH"], entries = set_lossy(d.sections["CACH"])
    with Journey() as j:
        b = depart(j, change)
        check(entries > 20, "only so many entries:", entries)
        j.tap.mark("rest")
        b.vm_start()
        b.play_to(NEXT)
        j.compare(b)
        cache = j.phase("rest")["cache"]
        check(0 < cache["replaced"] <= entries, "images replaced:", cache["replaced"], entries)
        equal((cache["missing"], cache["inval_all"]), (0, 0), "missing, INVAL_ALL_PIXMAPS")
        c = j.host(incoming=True, start=NEXT)
        j.hop(b, c, run=False, mark="second")
        data = j.compare_caches()
        equal(data["cache"]["lossy"], entries - cache["replaced"], "entries that are still lossy")
        c.vm_start()
        c.play_to(NEXT + 1500)
        j.compare(c)
        again = j.phase("second")["cache"]
        check(again["replaced"] <= entries - cache["replaced"], "images replaced twice:", again["replaced"])
        equal(again["missing"], 0, "images that the client lacks")
        j.quiet()


def refresh(rectangles, wanted, version_1=False):
    """rectangles: those of the primary. wanted: images and pixels that vm_start sends."""
    with Journey() as j:
        pack = MigrateData.pack_version_1 if version_1 else MigrateData.pack
        b = depart(j, lambda d: d.make_lossy_form({0: rectangles}), pack)
        equal(drawn(j, "switch", b), (0, 0), "images before vm_start")
        j.tap.mark("start")
        b.vm_start()
        j.compare(b)
        equal(drawn(j, "start", b), wanted, "images, pixels of the refresh")
        resets = sum(j.message_count(mark, INVAL_ALL_PIXMAPS, DISPLAY, b) for mark in ("switch", "start"))
        equal(resets, 1 if version_1 else 0, "INVAL_ALL_PIXMAPS")
        b.play_to(NEXT)
        j.compare(b)
        c = j.host(incoming=True, start=NEXT)
        j.hop(b, c)
        check(not any(s["lossy"] for s in inspect(j.saved())[1]["surfaces"]), "still lossy at the next migration")
        j.compare(c)
        j.quiet()


def test_region_of_two():
    refresh([BOX, (300, 300, 420, 400)], (2, 100 * 50 + 120 * 100))


def test_whole_primary():
    refresh([(0, 0, 800, 600)], (1, 800 * 600))


def test_region_of_many():
    """Small pieces that lie close together are sent as one, with little of what is between."""
    boxes = [(10 * i, 5 * i, 10 * i + 4, 5 * i + 3) for i in range(40)]
    six = (5 * 10 + 4) * (5 * 5 + 3)  # the box around six of them; four are left over
    refresh(boxes, (7, 6 * six + (3 * 10 + 4) * (3 * 5 + 3)))


def test_extents_of_version_1():
    refresh([BOX, (300, 300, 420, 400)], (1, 410 * 380), version_1=True)


def test_off_screen_surface():
    """The lossy region of a surface that is not shown is repaired before somebody copies from it."""
    with Journey() as j:
        pixels = 0

        def change(d):
            nonlocal pixels
            surfaces = [s for s in inspect(j.saved())[1]["surfaces"] if s["id"]]
            largest = max(surfaces, key=lambda s: s["width"] * s["height"])
            pixels = largest["width"] * largest["height"]
            d.make_lossy_form({largest["id"]: [(0, 0, largest["width"], largest["height"])]})
        b = depart(j, change)
        j.tap.mark("start")
        b.vm_start()
        j.compare(b)
        equal(drawn(j, "start", b), (1, pixels), "images, pixels of the refresh")
        b.play_to(NEXT)
        j.compare(b)
        j.quiet()


def test_rectangle_outside():
    """A rectangle that lies outside its surface: the section is refused, version 1's extents (clipped) count."""
    with Journey() as j:
        b = depart(j, lambda d: d.make_lossy_form({0: [BOX, (700, 500, 900, 700)]}),
                   warning="section SURF of the migration data is refused")
        j.tap.mark("start")
        b.vm_start()
        j.compare(b)
        equal(drawn(j, "start", b), (1, (800 - 10) * (600 - 20)), "images, pixels of the refresh")
        b.play_to(NEXT)
        j.compare(b)
        j.quiet()


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
