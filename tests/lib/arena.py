# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arena: a sanitized host that is maltreated, and what has to hold after each case.

The host lives, a good client connects and sees the right picture, the log has no sanitizer report and no critical line,
and exactly the warnings that the case promised.
"""
import os
import re
import struct
import tempfile
import time

import cases
from host import ROOT, Host
from rawclient import see_picture

ASAN = os.path.join(ROOT, "build", "asan")
PROGRAM = os.environ.get("HOST_PROGRAM", os.path.join(ASAN, "bin", "caravan-host"))
LIB = os.environ.get("HOST_LIB", os.path.join(ASAN, "lib"))
ALBUM = os.path.join(ROOT, "tests", "data", "album-small.rec.zst")
_BAD = re.compile(r"Sanitizer|runtime error|CRITICAL|ERROR \*\*|ssertion")


class Recording:
    """A small desktop: a gradient of bars, and bars that are drawn over it. One command each."""

    def __init__(self, width=48, height=32):
        self.out = bytearray(b"SPICE_REPLAY 1\n")
        self.events = 0
        self._event(1, 19)
        self._event(1, 20)
        self.out += b"%d %d %d 32\n0 1 0 0\n" % (width, height, -4 * width)
        self.out += b"binary 0 data %d:" % (4 * width * height) + bytes(4 * width * height) + b"\n"
        for x in range(width):
            self.bar(x, 0, height, 0x030201 * x)

    def _event(self, what, kind):
        self.out += b"event %d %d %d %d\n" % (self.events, what, kind, self.events * 1000000)
        self.events += 1

    def _command(self, text):
        self.out += text.encode() + b"\n"

    def bar(self, x, top, bottom, colour):
        self._event(0, 1)
        self._command(f"drawable\nrect bbox {top} {x} {bottom} {x + 1}\ntype 0\neffect 1\nmm_time 0\nself_bitmap 0\n"
                      "rect self_bitmap_area 0 0 0 0\nsurface_id 0\n" +
                      "surfaces_dest -1\nrect surfaces_rects 0 0 0 0\n" * 3 +
                      f"type 1\ntype 1\nu.color {colour}\nrop_descriptor 8\nflags 0\npoint 0 0\nimage 0")

    def surfaces(self, n):
        """Makes and destroys a surface n times: commands that nothing can hide."""
        for _ in range(n):
            for kind in (0, 1):
                self._event(0, 5)
                self._command(f"surface_cmd\nsurface_id 5\ntype {kind}\nflags 0" + (
                    "\nu.surface_create.format 32\nu.surface_create.width 16\nu.surface_create.height 16\n"
                    "u.surface_create.stride -64" if kind == 0 else ""))

    def write(self, path):
        with open(path, "wb") as stream:
            stream.write(self.out)
        return path


class Arena:
    """One host. Options are those of caravan-host; without a recording it plays a small one."""

    def __init__(self, env=None, **options):
        self.directory = tempfile.TemporaryDirectory()
        self.log = os.path.join(self.directory.name, "host.log")
        self._seen = 0
        if "recording" not in options:
            options["recording"] = Recording().write(os.path.join(self.directory.name, "small.rec"))
        options.setdefault("start", "end")
        options.setdefault("compression", "off")
        self.password = options.get("ticket") or ""
        environment = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
        self.host = Host(lib=LIB, program=PROGRAM, env=dict(environment, **(env or {})), log=self.log, **options)
        self.port = self.host.port
        # A destination that nothing was loaded into shows its boot screen, which only a client can tell.
        self.sum = see_picture(self.port, self.password)
        if not options.get("incoming"):
            assert self.sum == self.host.sums()[0], "the picture is wrong before anything happened"

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        code = self.host.close()
        text = self.log_text()
        self.directory.cleanup()
        if kind is None:
            assert code == 0, "exit code %s\n%s" % (code, text[-4000:])
            assert not _BAD.search(text), text[-4000:]

    def log_text(self):
        with open(self.log, errors="replace") as stream:
            return stream.read()

    def new_log(self):
        return self.log_text()[self._seen:]

    def warnings(self):
        """The warning lines since the last check."""
        return [line for line in self.new_log().splitlines() if "WARNING" in line]

    def wait_warnings(self, n, timeout=3):
        end = time.monotonic() + timeout
        while len(self.warnings()) < n and time.monotonic() < end:
            time.sleep(0.01)
        return self.warnings()

    def check(self, expected=()):
        """expected: one regular expression for each warning, in any order; None allows whatever comes."""
        assert self.host.process.poll() is None, "the host is dead:\n" + self.new_log()[-4000:]
        found = self.wait_warnings(len(expected or ()))
        assert see_picture(self.port, self.password) == self.sum, "a good client sees another picture"
        text = self.new_log()
        found = self.warnings()
        self._seen += len(text.encode())
        assert not _BAD.search(text), text[-4000:]
        if expected is None:
            return
        left = list(found)
        for pattern in expected:
            hits = [line for line in left if re.search(pattern, line)]
            assert hits, "no warning like '%s' in %s" % (pattern, found)
            left.remove(hits[0])
        assert not left, "warnings that were not expected: %s" % left

    def memory(self):
        """Resident bytes of the host."""
        with open("/proc/%d/statm" % self.host.process.pid) as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def run(tests):
    """tests: [(name, function)]; prints TAP, returns the exit code."""
    if not os.access(PROGRAM, os.X_OK):
        print("1..0 # SKIP no sanitized build")
        return 0
    return cases.run(tests)


class Shared:
    """One host for many cases; a new one after a case that failed."""

    def __init__(self, **options):
        self.options = options
        self.arena = None

    def case(self, function, warnings=()):
        """A function for run(): does function(arena), then checks."""
        def body():
            if self.arena is None:
                self.arena = Arena(**self.options)
            try:
                function(self.arena)
                self.arena.check(warnings)
            except BaseException:
                broken, self.arena = self.arena, None
                text = broken.new_log()[-3000:]
                broken.host.kill()
                if text:
                    print("".join("# log: " + line + "\n" for line in text.splitlines()), end="")
                raise
        return body

    def end(self):
        """The last case: the host ends well and leaks nothing."""
        if self.arena is not None:
            self.arena.__exit__(None)
            self.arena = None


# Hand-made migration data, version 1

def display_data(serial=26, low=0, cache_id=1, cache_size=20971520, freezer=1, sync=(0, 0, 0, 0), dictionary=1,
                 window=3145728, encoders=4, next_image=16, pointer=80, surfaces=(0,), count=None, magic=b"DCMD",
                 version=1, tail=b""):
    head = struct.pack("<4sIQBBqB4QBIIQI", magic, version, serial, low, cache_id, cache_size, freezer, *sync,
                       dictionary, window, encoders, next_image, pointer)
    ids = struct.pack("<%dI" % len(surfaces), *surfaces)
    return head + struct.pack("<I", len(surfaces) if count is None else count) + ids + tail


def lossy_surface(id, left=0, top=0, right=0, bottom=0):
    return struct.pack("<Iiiii", id, left, top, right, bottom)


def device_data(version=1, connected=0, client_tokens=0, send_tokens=0, write_size=0, write_tokens=0, pointer=0):
    return struct.pack("<IBIIIII", version, connected, client_tokens, send_tokens, write_size, write_tokens, pointer)


def main_data(device=None, started=0, chunk_size=0, chunk=b"", done=0, partial=0, pointer=0, remaining=0, result=0,
              c2a_remaining=0, c2a_result=0, magic=b"MNMD", version=1, tail=b""):
    return (struct.pack("<4sI", magic, version) + (device or device_data()) +
            struct.pack("<BI8sBIIIBIB", started, chunk_size, chunk, done, partial, pointer, remaining, result,
                        c2a_remaining, c2a_result) + tail)


def inputs_data(motions=0, magic=b"ICMD", version=1):
    return struct.pack("<4sIH", magic, version, motions)
