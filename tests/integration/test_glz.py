#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""GLZ and LZ4 with the real client: it shows what the host has, also where a migration falls into the sequence of ids,
and where several displays share the dictionary.

A client that misses an image of the dictionary waits for ever, so that a picture which comes to be equal says more than
that its own bytes were right.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import ALBUM, ALBUM_END, DISPLAY, Journey, check, equal, inspect, main  # noqa: E402


def images_of(j, phase=None):
    """How many images of which type went to the client, since that mark or in all."""
    images = {}
    for p in j.tap.stats()["phases"]:
        if phase is not None and p["name"] != phase:
            continue
        equal(p["total"]["malformed"], 0, "malformed messages")
        for channel in p["channels"]:
            if channel["type"] == DISPLAY:
                for name, count in channel.get("images", {}).items():
                    images[name] = images.get(name, 0) + count["count"]
    print(f"# {phase or 'all'}: {images}")
    return images


def play(**options):
    with Journey(recording=ALBUM, **options) as j:
        host = j.host()
        j.connect(host)
        for place in (3000, 8000, ALBUM_END):
            host.play_to(place, timeout=120)
            j.compare(host, f"{options}, at {place}", 60)
        j.quiet()
        return images_of(j)


def test_glz():
    images = play(compression="glz")
    check(images.get("glz_rgb", 0) > 100, "hardly any GLZ image:", images)
    equal(images.get("zlib_glz_rgb", 0), 0, "wrapped images on a fast network")


def test_zlib_glz():
    images = play(compression="glz", zlib_glz="always")
    check(images.get("zlib_glz_rgb", 0) > 100, "hardly any wrapped image:", images)


def test_lz4():
    images = play(compression="lz4")
    check(images.get("lz4", 0) > 100, "hardly any LZ4 image:", images)


def test_auto_is_default():
    images = play()
    check(images.get("glz_rgb", 0) > 100, "hardly any GLZ image:", images)


def travel(places, displays=1, **options):
    """A session over len(places) + 1 hosts. The numbering of the dictionary goes on from host to host."""
    with Journey(recording=ALBUM, displays=displays, **options) as j:
        host, last = j.host(start=places[0] // 2), 0
        j.connect(host)
        for number, place in enumerate(places):
            target = j.host(incoming=True, start=place - 40)
            host.play_to(place - 40, timeout=120)
            j.compare(host, f"before {place}", 60)
            host.play_to(place, timeout=120)
            j.hop(host, target, mark=f"hop{number}")
            j.compare(target, f"after the switch at {place}", 60)
            ids = {inspect(j.saved(display))[1]["dictionary"]["next_image_id"] for display in range(displays)}
            equal(len(ids), 1, "what the displays say about the dictionary")
            check(ids.copy().pop() > last, "no image went into the dictionary since", last)
            last, host = ids.pop(), target
        host.play_to(places[-1] + 2500, timeout=120)
        j.compare(host, "at the end", 60)
        for number in range(len(places)):
            j.seamless(f"hop{number}")
        images = images_of(j, f"hop{len(places) - 1}")
        check(images.get("glz_rgb", 0) + images.get("zlib_glz_rgb", 0) > 10, "no GLZ after the last switch:", images)
        j.quiet()


def test_migration():
    travel([3111, 6220, 9702], compression="glz")


def test_migration_zlib():
    travel([6220], compression="glz", zlib_glz="always")


def test_migration_two_displays():
    travel([5000, 7500], displays=2, compression="glz")


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
