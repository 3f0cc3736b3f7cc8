#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every way to compress images: the real client shows what the host has, and the images went as they should."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import ALBUM, ALBUM_END, DISPLAY, Journey, check, equal, main  # noqa: E402


def play(compression):
    """A whole recording. Gives what the wiretap counted, by type of image."""
    with Journey(recording=ALBUM, compression=compression) as j:
        host = j.host()
        j.connect(host)
        for place in (3000, 8000, ALBUM_END):
            host.play_to(place, timeout=120)
            j.compare(host, f"{compression}, at {place}", 60)
        j.quiet()
        stats = j.tap.stats()
        images = {}
        for phase in stats["phases"]:
            equal(phase["total"]["malformed"], 0, "malformed messages")
            for channel in phase["channels"]:
                if channel["type"] == DISPLAY:
                    for name, count in channel.get("images", {}).items():
                        images[name] = images.get(name, 0) + count["count"]
        print(f"# {compression}: {images}")
        return images


def test_quic():
    images = play("quic")
    check(images.get("quic", 0) > 100, "hardly any QUIC image:", images)


def test_auto_lz():
    images = play("auto_lz")
    check(images.get("quic", 0) > 10, "no photograph in an album:", images)
    check(images.get("lz_rgb", 0) > 10, "no drawing:", images)


def test_lz():
    images = play("lz")
    equal(images.get("quic", 0), 0, "QUIC images")


def test_off():
    images = play("off")
    equal({name for name in images if "lz" in name or name == "quic"}, set(), "compressed images")


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
