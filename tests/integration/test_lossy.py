#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Approximate pictures (JPEG always): random commands of all kinds on top of each other, drawn by the real client.

At the end of each batch commands come that approximations must not survive: then all pixels are those of the host.
Meanwhile the client stops again and again, so that some commands are rendered before they are sent and others are not.
CARAVAN_LOSSY_ROUNDS: how many batches (4) of each format; CARAVAN_LOSSY_SEED: the first seed.
"""
import collections
import os
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import cases  # noqa: E402
from client import Client  # noqa: E402
from journey import LIB, check, draw_host_of, equal  # noqa: E402
from peer import Peer  # noqa: E402
from wiretap import Wiretap  # noqa: E402

ROUNDS = int(os.environ.get("CARAVAN_LOSSY_ROUNDS", "4"))
SEED = int(os.environ.get("CARAVAN_LOSSY_SEED", "1"))
WIDTH, HEIGHT, COMMANDS = 640, 480, 600
# Not 16_565: sources of 555 leave a bit in it that is no colour, and that JPEG does not keep.
FORMATS = {"32_xRGB": (32, 4, 0xffffff), "16_555": (16, 2, 0x7fff)}
QUIC = 4  # SPICE_IMAGE_COMPRESSION_*: whatever can be a JPEG is one


class Stutter:
    """Stops a process for a moment, lets it run for a moment, and so on."""

    def __init__(self, process):
        self.process, self.end = process, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.end.is_set():
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(0.05)
            self.process.send_signal(signal.SIGCONT)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *unused):
        self.end.set()
        self.thread.join()


def wait_mark(client, number, value, mask):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = client.command("pixel")
        if answer["format"] == number and answer["value"] & mask == value & mask:
            return
        time.sleep(0.01)
    raise AssertionError("the client does not get to the end of the batch")


def wrong_pixels(ours, theirs, size, mask):
    """(x, y, wanted, got) of the first few that differ, and how many do."""
    places = []
    for i in range(0, len(ours), size):
        a, b = (int.from_bytes(p[i:i + size], "little") & mask for p in (ours, theirs))
        if a != b:
            at = i // size
            places.append((at % WIDTH, at // WIDTH, hex(a), hex(b)))
    return places[:5], len(places)


def serve(host, client, form):
    """Comes back when the server serves the client. (Before that it gets surfaces as images when they are used, and clients
    cannot draw one on a 1 bit surface.)"""
    number, _, mask = FORMATS[form]
    host.command("mix", number, 1, 0)
    host.command("seal", 0x1234)
    wait_mark(client, number, 0x1234, mask)


def batch(host, client, form, seed, path):
    number, size, mask = FORMATS[form]
    with Stutter(client.process):
        host.command("mix", number, seed, COMMANDS, timeout=120)
    host.command("seal", seed)
    wait_mark(client, number, seed, mask)
    client.command("raw", path("theirs"))
    host.command("pixels", path("ours"))
    with open(path("ours"), "rb") as a, open(path("theirs"), "rb") as b:
        ours, theirs = a.read(), b.read()
    equal(len(theirs), len(ours), "bytes of the picture")
    if ours != theirs:
        places, n = wrong_pixels(ours, theirs, size, mask)
        check(n == 0, f"{form}, seed {seed}: {n} pixels differ:", places)


def mix(form):
    with tempfile.TemporaryDirectory() as directory, Wiretap() as tap, \
            Peer([draw_host_of(LIB), str(QUIC), "jpeg"],
                 env={"LD_LIBRARY_PATH": LIB}, log=os.environ.get("CARAVAN_LOSSY_LOG")) as host:
        port = tap.add_route("127.0.0.1", host.wait_event("ready")["port"])
        with Client(port) as client:
            client.wait_event("channel", type=2, what="opened")
            serve(host, client, form)
            for n in range(ROUNDS):
                batch(host, client, form, (SEED + n) * 7919, lambda name: os.path.join(directory, name))
            equal(tap.violations(), [], "broken rules")
            images = tap.stats()["phases"][-1]["total"]["images"]
            print(f"# {[(k, v['count']) for k, v in images.items()]}, made by the server: "
                  f"{collections.Counter(m['type'] for m in tap.made('start'))}")
            for kind in "jpeg", "jpeg_alpha":
                check(images.get(kind, {}).get("count", 0) > 0, "none of type", kind)
            check(any(m["type"] == "quic" for m in tap.made("start")), "nothing was restored")
            check(host.alive() and client.alive(), "somebody died")


if __name__ == "__main__":
    sys.exit(cases.run([(form, lambda form=form: mix(form)) for form in FORMATS]))
