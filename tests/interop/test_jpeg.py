#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Approximate pictures (JPEG always): this library and the stock one send the same, in the same places.

CARAVAN_WORKLOADS: further recordings, of which the first part is played.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import cases  # noqa: E402
from client import Client  # noqa: E402
from journey import ALBUM, LIB, Journey, check, draw_host_of, equal, explain, inspect, recordings  # noqa: E402
from peer import Peer  # noqa: E402
from wiretap import Wiretap  # noqa: E402

QUIC = 4  # SPICE_IMAGE_COMPRESSION_*
XRGB = 32  # SPICE_SURFACE_FMT_*
MARK = 0x2a5a7a
STOCK_WRONG = ("sub-size",)  # the stock library's sub-messages say a wrong size


def wait_mark(client, mark):
    deadline = time.monotonic() + 30
    while client.command("pixel")["value"] & 0xffffff != mark:
        check(time.monotonic() < deadline, "the client does not get to the end")
        time.sleep(0.01)


def lesson(lib):
    """Images by type and use, messages by type, and the images that the server made, of the row of commands."""
    with Wiretap() as tap, Peer([draw_host_of(lib), str(QUIC), "jpeg"],
                                env={"LD_LIBRARY_PATH": "" if lib == "stock" else lib}) as host:
        with Client(tap.add_route("127.0.0.1", host.wait_event("ready")["port"])) as client:
            client.wait_event("channel", type=2, what="opened")
            host.command("mix", XRGB, 1, 0)  # from here on the server serves the client
            host.command("seal", MARK + 1)
            wait_mark(client, MARK + 1)
            tap.mark("lesson")
            host.command("lesson", MARK)
            wait_mark(client, MARK)
            phase = tap.phase("lesson")
            display, = [c for c in phase["channels"] if c["type"] == 2]
            equal(tap.violations(STOCK_WRONG), [], "broken rules")
            return {
                "images": {k: (v["count"], v["pixels"]) for k, v in phase["total"]["images"].items()},
                "cache": {k: phase["total"]["cache"][k] for k in ("added", "replaced", "hits", "missing")},
                "messages": {k: v["messages"] for k, v in display["from_server"]["types"].items()
                             if int(k) >= 104},
                "made": [(m["surface"], m["type"], m["box"]) for m in tap.made("lesson")],
            }


def test_lesson():
    ours, stock = lesson(LIB), lesson("stock")
    for what in stock:
        print(f"# {what}: {ours[what]}")
        equal(ours[what], stock[what], what)
    for kind in "jpeg", "jpeg_alpha", "from_cache", "from_cache_lossless":
        check(kind in ours["images"], "the lesson has none of type", kind)
    check(len(ours["made"]) > 5 and ours["cache"]["replaced"] == 1, "the lesson teaches nothing:", ours)


def play(lib, recording, end):
    """JPEG images of a recording, and the boxes around what is approximate at the end, by surface."""
    with Journey(recording=recording, jpeg="always") as j:
        host = j.host(lib=lib)
        j.connect(host)
        j.tap.mark("play")
        for place in range(1, end + 1):  # one by one: what is hidden before it is sent would be chance
            host.play_to(place)
            host.settle()
        target = j.host(incoming=True, start=end)
        j.hop(host, target, run=False)
        surfaces = inspect(j.saved())[1]["surfaces"]
        images = j.phase("play")["images"]
        found = {k: (v["count"], v["pixels"]) for k, v in images.items() if k in ("jpeg", "jpeg_alpha")}
        return found, {s["id"]: s["lossy"] for s in surfaces if s["lossy"]}


def recording_is_alike(recording, end):
    (ours, areas), (stock, boxes) = play(LIB, recording, end), play("stock", recording, end)
    print(f"# ours {ours}, stock {stock}; lossy surfaces: {sorted(areas)}, stock {sorted(boxes)}")
    equal(ours, stock, "JPEG images")
    check(set(areas) <= set(boxes), "surfaces that are approximate only here:", set(areas) - set(boxes))
    for surface, rects in areas.items():
        (left, top, right, bottom), = boxes[surface]
        outside = [r for r in rects if r[0] < left or r[1] < top or r[2] > right or r[3] > bottom]
        equal(outside, [], f"approximate areas of surface {surface} that are exact with the stock library")
    return len(areas)


def test_album():
    check(recording_is_alike(ALBUM, 4000) > 0, "nothing was approximate")


def main():
    tests = [("lesson", test_lesson), ("album", test_album)]
    tests += [(os.path.basename(path), lambda path=path, end=end: recording_is_alike(path, min(end, 4000)) and None)
              for path, end in recordings()]
    return cases.run(tests, explain=explain)


if __name__ == "__main__":
    sys.exit(main())
