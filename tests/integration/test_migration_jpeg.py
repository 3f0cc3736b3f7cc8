#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Migrations while the client holds approximate pictures (JPEG): what moves, and what is refreshed by that."""
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pictures  # noqa: E402
from journey import LIB, Journey, check, equal, inspect, main  # noqa: E402
from migrate_data import MigrateData  # noqa: E402

START, PLACE, NEXT, LAST = 1500, 3500, 5500, 7500
JPEG = ("jpeg", "jpeg_alpha")
WASTE = 512  # pixels that may be sent in vain to save one image
LOW_BANDWIDTH = 16  # offset in the migration data
STOCK_WRONG = ("sub-size",)


def lossy_of(j, display):
    """surface -> rectangles, by the data that the source sent for this display."""
    good, data = inspect(j.saved(display))
    check(good, "the data would be refused:", data.get("errors"))
    return {s["id"]: [tuple(r) for r in s["lossy"]] for s in data["surfaces"] if s["lossy"]}


def pixels_of(rects):
    """Set of (x, y); the rectangles may overlap."""
    return {(x, y) for left, top, right, bottom in rects for y in range(top, bottom) for x in range(left, right)}


def compare_outside(j, host, display, region, what):
    """This display of the client shows what the host has, but in that set of pixels only about."""
    paths = [os.path.join(j.directory, name) for name in ("host.ppm", "client.png")]
    host.shot(paths[0], display)
    j.client.shot(paths[1], display)
    (width, _, ours), (_, _, theirs) = map(pictures.read, paths)
    equal(len(ours), len(theirs), "bytes of the pictures")
    different = [i for i in range(0, len(ours), 3) if ours[i:i + 3] != theirs[i:i + 3]]
    places = [(i // 3 % width, i // 3 // width) for i in different]
    wrong = [p for p in places if p not in region]
    check(not wrong, f"{what}: {len(wrong)} pixels are wrong that should be exact:", wrong[:5])
    if different:
        errors = sum((ours[i + c] - theirs[i + c]) ** 2 for i in different for c in range(3)) / (3 * len(region))
        quality = 10 * math.log10(255 ** 2 / errors)
        print(f"# {what}: {len(different)} of {len(region)} pixels differ, PSNR of those {quality:.1f} dB")
        check(quality > 30, f"{what}: approximations are too far off:", quality)
    return len(different)


def images(j, mark, host, display=0):
    found = {}
    for channel in j.tap.phase(mark)["channels"]:
        if (channel["route"], channel["id"]) == (j.route(host), display):
            for kind, i in channel.get("images", {}).items():
                found[kind] = found.get(kind, 0) + i["count"]
    return found


def check_refresh(j, mark, host, display, lossy):
    """What was refreshed is what was approximate, and little more: in exact pictures, all of it, nothing twice."""
    made = j.tap.made(mark, route=j.route(host), id=display)
    equal([m for m in made if m["type"] in JPEG], [], "approximate refreshs")
    equal(sum(images(j, mark, host, display).values()), len(made), "images of the refresh")
    for surface in {m["surface"] for m in made} | set(lossy):
        boxes = [tuple(m["box"]) for m in made if m["surface"] == surface]
        rects = lossy.get(surface, [])
        needed = pixels_of(rects)
        check(needed <= pixels_of(boxes), f"surface {surface}: not all is refreshed", boxes, rects)
        sent = sum((r - l) * (b - t) for l, t, r, b in boxes)
        print(f"# surface {surface}: {len(needed)} pixels in {len(rects)} rectangles, {sent} in {len(boxes)} images sent")
        check(sent <= len(needed) + WASTE * (len(rects) - len(boxes)), f"surface {surface}: too much is sent:", sent)


def travel(libs, jpegs, whole=True, **options):
    """Over hosts with these libraries and JPEG settings, a piece of the recording on each. Gives what JPEG images each
    of them sent. whole: the data tell of all rectangles, not of a box around them."""
    sent = []
    with Journey(**options) as j:
        host = j.host(lib=libs[0], start=START, jpeg=jpegs[0])
        j.connect(host)
        j.tap.mark("hop-1")
        for hop, place in enumerate((PLACE, NEXT, LAST)[:len(libs) - 1]):
            target = j.host(lib=libs[hop + 1], incoming=True, start=place, jpeg=jpegs[hop + 1])
            host.play_to(place)
            j.hop(host, target, run=False, mark=f"hop{hop}")
            lossy = [lossy_of(j, display) for display in range(j.displays)]
            for display, regions in enumerate(lossy):
                equal(bool(regions), jpegs[hop] == "always", f"lossy regions at hop {hop}")
                check(not whole or any(len(r) > 1 for r in regions.values()) or not regions, "only boxes:", regions)
                different = compare_outside(j, target, display, pixels_of(regions.get(0, [])), f"after hop {hop}")
                if libs[hop + 1] != "stock":  # it has sent the whole picture again
                    equal(images(j, f"hop{hop}", target, display), {}, "images before vm_start")
                    check(different or 0 not in regions, "nothing was approximate in the picture")
            j.tap.mark(f"start{hop}")
            target.vm_start()
            if libs[hop + 1] != "stock":
                j.compare(target, f"after the refresh of hop {hop}")
                for display, regions in enumerate(lossy):
                    check_refresh(j, f"start{hop}", target, display, regions)
            host = target
        stats = j.tap.stats()
        for number, host in enumerate(j.hosts):
            sent.append(sum(i["count"] for p in stats["phases"] for c in p["channels"] if c["route"] == j.route(host)
                            for kind, i in c.get("images", {}).items() if kind in JPEG))
        print(f"# JPEG images by host: {sent}")
        for name in (f"hop{n}" for n in range(len(libs) - 1)):
            cache = j.phase(name)["cache"]
            equal((cache["missing"], cache["unknown_evicted"]), (0, 0), "images that the client lacks")
            if "stock" not in libs:
                equal(cache["inval_all"], 0, "INVAL_ALL_PIXMAPS")
        j.quiet(STOCK_WRONG if "stock" in libs else ())
    return sent


def test_always():
    sent = travel([LIB, LIB, LIB], ["always"] * 3)
    check(sent[0] and sent[1], "no JPEG images:", sent)


def test_quic():
    """Every coloured picture is approximate."""
    travel([LIB, LIB, LIB], ["always"] * 3, compression="quic")


def test_two_displays():
    travel([LIB, LIB], ["always"] * 2, displays=2)


def test_target_without():
    """It refreshes, and goes on exactly; the cached approximations are replaced when they are used."""
    sent = travel([LIB, LIB, LIB], ["always", "never", "never"])
    equal(sent[1:], [0, 0], "JPEG images of targets")


def test_from_stock():
    travel(["stock", LIB], ["always"] * 2, whole=False)


def test_to_stock_and_back():
    """The stock library keeps the boxes around what was approximate, and hands them on."""
    travel([LIB, "stock", LIB], ["always"] * 3, whole=False)


def automatic(slow):
    """JPEG images of a target by whose data the client's line is slow, or not."""
    with Journey(jpeg="auto") as j:
        a = j.host(start=START)
        j.connect(a)
        b = j.host(incoming=True, start=PLACE)
        a.play_to(PLACE)

        def change(data):
            d = MigrateData(data)
            d.fixed[LOW_BANDWIDTH] = slow
            return d.pack()
        j.hop_with(a, b, change, run=False)
        j.arrived(b)
        j.tap.mark("rest")
        b.vm_start()
        b.play_to(NEXT)
        b.settle()
        found = images(j, "rest", b)
        c = j.host(incoming=True, start=NEXT)
        j.hop(b, c)
        j.compare(c)
        equal(inspect(j.saved())[1]["low_bandwidth"], bool(slow), "a slow line by the next data")
        return sum(found.get(kind, 0) for kind in JPEG)


def test_auto():
    equal(automatic(0), 0, "JPEG images on a fast line")
    check(automatic(1) > 0, "no JPEG image on a slow line")


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
