#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""caravan-host against recordings that are made here: positions, pixels, surface ids, device events, loading.

Runs with the stock library; HOST_LIB=build/lib runs it with this project's. HOST_PROGRAM names another program file.
"""
import hashlib
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import cases  # noqa: E402
from host import Host, HostError  # noqa: E402

LIB = os.environ.get("HOST_LIB", "stock")
ASAN = os.environ.get("HOST_PROGRAM", os.path.join(TOP, "build", "asan", "bin", "caravan-host"))
# The stock library leaks a little at its end.
ENV = {"ASAN_OPTIONS": "detect_leaks=0"}


class Recording:
    """Writes a recording, and knows what the primary looks like (solid rectangles only)."""

    def __init__(self):
        self.out = bytearray(b"SPICE_REPLAY 1\n")
        self.events = 0
        self.commands = 0
        self.pixels = {}
        self.size = (0, 0)
        self.sums = {}  # after command n

    def event(self, what, kind):
        self.out += b"event %d %d %d %d\n" % (self.events, what, kind, self.events * 1000000)
        self.events += 1

    def text(self, text):
        self.out += text.encode() + b"\n"

    def primary(self, width, height, negative=True):
        self.event(1, 20)
        self.text(f"{width} {height} {-4 * width if negative else 4 * width} 32")
        self.text("0 1 0 0")
        # The contents contain what looks like an event.
        data = (b"\nevent 1 0 1 1\nbinary 0 x 5:" * (width * height))[:4 * width * height]
        self.out += b"binary 0 data %d:" % len(data) + data + b"\n"
        self.size = (width, height)
        self.pixels = {(x, y): (0, 0, 0) for x in range(width) for y in range(height)}

    def destroy_primary(self):
        self.event(1, 21)

    def _command(self):
        self.commands += 1
        rows = bytearray()
        for y in range(self.size[1]):
            for x in range(self.size[0]):
                rows += bytes(self.pixels[x, y])
        self.sums[self.commands] = hashlib.sha256(rows).hexdigest()

    def surface(self, name, create, width=16, height=16):
        self.event(0, 5)
        self.text(f"surface_cmd\nsurface_id {name}\ntype {0 if create else 1}\nflags 0")
        if create:
            self.text(f"u.surface_create.format 32\nu.surface_create.width {width}\n"
                      f"u.surface_create.height {height}\nu.surface_create.stride {-4 * width}")
        self._command()

    def _drawable(self, surface, box, kind, source=-1):
        left, top, right, bottom = box
        self.event(0, 1)
        self.text(f"drawable\nrect bbox {top} {left} {bottom} {right}\ntype 0\neffect 1\nmm_time 0\nself_bitmap 0\n"
                  f"rect self_bitmap_area 0 0 0 0\nsurface_id {surface}\n"
                  f"surfaces_dest {source}\nrect surfaces_rects 0 0 {bottom - top} {right - left}\n"
                  "surfaces_dest -1\nrect surfaces_rects 0 0 0 0\nsurfaces_dest -1\nrect surfaces_rects 0 0 0 0\n"
                  f"type {kind}")

    def _paint(self, box, colour):
        for x in range(box[0], box[2]):
            for y in range(box[1], box[3]):
                self.pixels[x, y] = (colour >> 16 & 255, colour >> 8 & 255, colour & 255)

    def fill(self, box, colour, surface=0):
        self._drawable(surface, box, 1)
        self.text(f"type 1\nu.color {colour}\nrop_descriptor 8\nflags 0\npoint 0 0\nimage 0")
        if surface == 0:
            self._paint(box, colour)
        self._command()

    def copy_surface(self, surface, box, colour):
        """Copies a surface that was filled with that colour to the primary."""
        self._drawable(0, box, 3, surface)
        self.text(f"image 1\ndescriptor.id 0\ndescriptor.type 104\ndescriptor.flags 1\ndescriptor.width 0\n"
                  f"descriptor.height 0\nsurface_image.surface_id {surface}\n"
                  f"rect src_area 0 0 {box[3] - box[1]} {box[2] - box[0]}\nrop_descriptor 8\nscale_mode 0\n"
                  "flags 0\npoint 0 0\nimage 0")
        self._paint(box, colour)
        self._command()

    def cursor(self):
        self.event(0, 3)
        self.text("cursor_cmd\ntype 0\npoint16 1 1\nu.set.visible 1\nheader.unique 7\nheader.type 0\nheader.width 4\n"
                  "header.height 4\nheader.hot_spot_x 0\nheader.hot_spot_y 0\ndata_size 64\ndata_chunks 0 64")
        self.out += b"binary 0 cursor 64:" + bytes(range(64)) + b"\n"
        self._command()

    def write(self, path):
        with open(path, "wb") as stream:
            stream.write(self.out)
        return path


def small_session(rounds=40):
    """Surfaces that stay alive, others that come and go, a new primary on the way."""
    r = Recording()
    r.event(1, 19)
    r.primary(40, 30)
    r.cursor()
    r.surface(1023, True)
    r.fill((0, 0, 16, 16), 0x102030, 1023)
    r.fill((0, 0, 40, 30), 0x405060)
    for i in range(rounds):
        if i == rounds // 2:
            r.destroy_primary()
            r.primary(50, 20, negative=False)
        colour = 0x010305 * (i % 50) + 0x40
        r.surface(5, True)
        r.fill((0, 0, 16, 16), colour, 5)
        r.copy_surface(5, (i % 30, i % 7, i % 30 + 9, i % 7 + 8), colour)
        if i % 3 == 0:
            r.copy_surface(1023, (3, 4, 12, 9), 0x102030)
        r.surface(5, False)
        r.event(1, 2)
    r.cursor()
    return r


def start(path, **options):
    program = ASAN if os.access(ASAN, os.X_OK) else None
    return Host(lib=LIB, program=program, env=ENV, recording=path, **options)


def check(host, recording, position):
    sums = host.sums()
    expected = recording.sums[position]
    assert all(s == expected for s in sums), f"at {position}: {sums} instead of {expected}"


def no_complaint(host, code=0):
    assert host.close() == code, f"exit code {host.process.returncode}: {host.log_text()}"
    assert all(e.get("event") != "bad-release" for e in host.drain_events())
    assert "Sanitizer" not in host.log_text() and "runtime error" not in host.log_text(), host.log_text()


def test_positions(path):
    """each position shows exactly the commands up to it"""
    r = small_session()
    r.write(path)
    with start(path, displays=2) as host:
        for position in list(range(1, r.commands, 7)) + [r.commands]:
            answer = host.play_to(position)
            assert [d["fetched"] for d in answer["displays"]] == [position] * 2, answer
            check(host, r, position)
        host.vm_stop()
        check(host, r, r.commands)
        host.vm_start()
        host.settle()
        shot = host.shot(path + ".ppm", 1)
        with open(path + ".ppm", "rb") as stream:
            data = stream.read()
        assert data.startswith(b"P6\n50 20\n255\n") and len(data) == 13 + 3000
        assert shot["sha256"] == hashlib.sha256(data[13:]).hexdigest() == r.sums[r.commands]
        no_complaint(host)


def test_compressed(path):
    """a .zst recording plays like a plain one"""
    r = small_session()
    r.write(path)
    subprocess.run(["zstd", "-q", path], check=True)
    with start(path + ".zst") as host:
        assert host.play_to("end")["ended"]
        check(host, r, r.commands)
        no_complaint(host)


def test_many_surfaces(path):
    """ids are used again when 1024 surfaces have been made"""
    r = small_session(2300)
    r.write(path)
    with start(path, start=r.commands // 2) as host:
        assert host.position == r.commands // 2
        check(host, r, host.position)
        host.play_to("end")
        check(host, r, r.commands)
        no_complaint(host)


def test_load(path):
    """a destination takes over where the source stands, and goes on"""
    r = small_session()
    r.write(path)
    for begin, position in ((0, 0), (0, 1), (3, 60), (120, 121), (120, r.commands)):
        with start(path, incoming=True, start=begin) as host:
            assert host.position == begin
            try:
                host.vm_start()
                raise AssertionError("started before the load")
            except HostError:
                pass
            host.load(position)
            if position > 0:
                check(host, r, position)
            host.vm_start()
            if position > 0:
                check(host, r, position)
            host.play_to("end")
            check(host, r, r.commands)
            no_complaint(host)


def test_pace(path):
    """time stamps are kept, and a pause stops at once"""
    r = small_session(400)
    r.write(path)
    with start(path, pace=0.5) as host:
        host.play()
        stopped = host.pause()["position"]
        assert stopped < 100, stopped
        again = host.command("position")["position"]
        assert again == stopped
        if stopped > 0:
            check(host, r, stopped)
        answer = host.play_to(stopped + 100)  # 1 event a ms, at half speed
        assert answer["ms"] > 150, answer
        no_complaint(host)


def test_truncated(path):
    """a recording that is cut off anywhere ends there and no worse"""
    r = small_session(4)
    whole = bytes(r.out)
    for size in (15, 30, 60, 400, 5000, len(whole) // 2, len(whole) - 70, len(whole) - 3):
        with open(path, "wb") as stream:
            stream.write(whole[:size])
        with start(path) as host:
            assert host.play_to("end")["ended"]
            no_complaint(host)


def test_errors(path):
    """bad commands get an answer that says so"""
    small_session(2).write(path)
    with start(path) as host:
        for command in ("play-to x", "nonsense", "load 5", "migrate-connect", "migrate a 70000", "shot", "migrate-end 2"):
            try:
                host.command(command, 10)
            except HostError as error:
                assert "in time" not in str(error), error
            else:
                raise AssertionError(command)
        no_complaint(host)
    for options in ({"recording": "/nonexistent"}, {"recording": path, "compression": "none"}):
        try:
            Host(lib=LIB, **options)
        except HostError:
            continue
        raise AssertionError(options)


def with_recording(function):
    return cases.in_directory(lambda path: function(path("session.rec")))


if __name__ == "__main__":
    sys.exit(cases.run([(name, with_recording(test)) for name, test in cases.functions(globals())]))
