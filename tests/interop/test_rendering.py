#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our canvas against the real client's: random commands, drawn by both, pixel by pixel.

Each case is one drawing operation on primary surfaces of each format, 399 commands each, each command in a cell of its
own. CARAVAN_RENDERING_ROUNDS: how many times (1), each with other seeds, every other one with compressed images;
CARAVAN_RENDERING_SEED: the first seed. docs/rendering.md tells what may differ.
"""
import os, sys, tempfile, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import cases  # noqa: E402
from client import Client  # noqa: E402
from peer import Peer, program  # noqa: E402

ROUNDS = int(os.environ.get("CARAVAN_RENDERING_ROUNDS", "1"))
SEED = int(os.environ.get("CARAVAN_RENDERING_SEED", "1"))
OPERATIONS = {"fill": 1, "opaque": 2, "copy": 3, "copy_bits": 4, "blend": 5, "blackness": 6, "whiteness": 7, "invers": 8,
              "rop3": 9, "stroke": 10, "text": 11, "transparent": 12, "alpha_blend": 13, "composite": 14}
# SPICE_SURFACE_FMT_*: name, bits, and which bits of a pixel count; those of top bytes that say nothing do not.
FORMATS = {8: ("8_A", 8, 0xff, 0xff), 16: ("16_555", 16, 0x7fff, 0x7fff), 80: ("16_565", 16, 0xffff, 0xffff),
           32: ("32_xRGB", 32, 0xffffff, 0xffffff), 96: ("32_ARGB", 32, 0xffffffff, 0xffffff)}
WIDTH = 1280
OFF, LZ = 1, 6  # SPICE_IMAGE_COMPRESSION_*


class DrawHost(Peer):
    """The host with the drawing guest, with the library in `lib`."""

    def __init__(self, lib, compression, log=None):
        super().__init__([program("tests/lib/draw-host"), str(compression)], log=log, env={"LD_LIBRARY_PATH": lib})
        self.port = self.wait_event("ready")["port"]


def mark_of(seed, bits):
    return seed & (1 << bits) - 1


def wait_mark(client, fmt, seed, bits):
    """The client has drawn everything when it has drawn the last command."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = client.command("pixel")
        if answer["format"] == fmt and mark_of(answer["value"], bits) == mark_of(seed, bits):
            return
        time.sleep(0.01)
    raise AssertionError("the client does not get to the end of the batch")


def cell_pixels(picture, bits, cell):
    left, top, right, bottom = cell
    size = bits // 8
    return [[int.from_bytes(picture[(y * WIDTH + x) * size:(y * WIDTH + x + 1) * size], "little")
             for x in range(left, right)] for y in range(top, bottom)]


def compare(ours, theirs, fmt, ops, loose_only=False):
    """The commands whose cells differ, in words."""
    _, bits, exact, loose = FORMATS[fmt]
    if ours == theirs:
        return []
    wrong = []
    for line in ops:
        *numbers, words = line.split(" ", 5)
        cell = [int(n) for n in numbers[:4]]
        mask = exact if numbers[4] == "1" and not loose_only else loose
        a, b = cell_pixels(ours, bits, cell), cell_pixels(theirs, bits, cell)
        places = [(cell[0] + x, cell[1] + y, a[y][x], b[y][x]) for y in range(len(a)) for x in range(len(a[0]))
                  if (a[y][x] ^ b[y][x]) & mask]
        if places:
            x, y, got, want = places[0]
            wrong.append("%s: %d pixels, (%d,%d) is %x here and %x there" % (words, len(places), x, y, got, want))
    return wrong


def run_batch(host, client, operation, fmt, seed, directory, loose_only):
    paths = [os.path.join(directory, name) for name in ("ours", "theirs", "ops")]
    host.command("batch", OPERATIONS[operation], fmt, seed, paths[0], paths[2], timeout=120)
    wait_mark(client, fmt, seed, FORMATS[fmt][1])
    client.command("raw", paths[1])
    with open(paths[0], "rb") as a, open(paths[1], "rb") as b, open(paths[2], encoding="ascii") as ops:
        return compare(a.read(), b.read(), fmt, ops.read().splitlines(), loose_only)


def check(operation, first_round, compression):
    """Compressed images come without their top bytes."""
    log = os.environ.get("CARAVAN_RENDERING_LOG")
    with tempfile.TemporaryDirectory() as directory, \
            DrawHost(os.path.join(TOP, os.environ.get("CARAVAN_BUILD", "build"), "lib"), compression, log=log) as host, \
            Client(host.port, log=log and log + ".client") as client:
        client.wait_event("channel", type=2, what="opened")
        for number in range(first_round, ROUNDS, 2):
            for fmt, (name, *_) in FORMATS.items():
                seed = (SEED + number) * 7919 + OPERATIONS[operation] * 31 + fmt
                try:
                    wrong = run_batch(host, client, operation, fmt, seed, directory,
                                      compression != OFF)
                except Exception as error:
                    raise AssertionError("%s on %s, seed %d: %s" % (operation, name, seed, error)) from error
                assert not wrong, "%s on %s, seed %d: %d commands differ\n%s" % (
                    operation, name, seed, len(wrong), "\n".join(wrong[:10]))
        assert host.alive() and client.alive()


def check_all(operation):
    check(operation, 0, OFF)
    if ROUNDS > 1:
        check(operation, 1, LZ)


if __name__ == "__main__":
    sys.exit(cases.run([(name, lambda name=name: check_all(name)) for name in OPERATIONS]))
