#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""remote-viewer, the program that people use, at QEMUs that migrate: what its window shows (TAP).

HOST_LIB=stock: the same with the stock library. CARAVAN_KEEP=1: the screenshots stay in build/remote-viewer.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import pictures  # noqa: E402
import qemu  # noqa: E402
import remote_viewer  # noqa: E402
import voyage  # noqa: E402
from remote_viewer import RemoteViewer  # noqa: E402

LIB = os.environ.get("HOST_LIB", voyage.LIB)
# A name for the title. The viewer has settings for each machine by its UUID, and complains of its own when there is none.
# The keys that come to the guest's keyboard are written to the log.
OPTIONS = ["-name", "caravan", "-uuid", "5f6e2a3c-3b9e-4a55-9f0e-2f6f0d3d6a01", "-trace", "ps2_put_keycode"]
KEEP = os.path.join(qemu.TOP, "build/remote-viewer")
A_KEY = [0x1c, 0xf0, 0x1c]  # down, up: what a keyboard sends of its own accord, set 2


class Watch(voyage.Voyage):
    """A voyage that is watched by a remote-viewer; name: of the files with its screenshots."""

    def __init__(self, name):
        super().__init__(stock=LIB == "stock")
        self.name, self.shots = name, 0
        self.decoration = self.place = self.window = None

    def host(self, incoming=False, seamless=True):
        return self.guest(incoming=incoming, lib=LIB, seamless=seamless, extra=OPTIONS)

    def connect(self, guest):
        self.client = RemoteViewer(self.doors[guest], self._path("client"))
        voyage.until(self.client.windows, "the viewer's window")

    def look(self, guest, what):
        """The window comes to show the machine's screen; and it is the only one, the same, and all around is the same."""
        path = os.path.join(guest.dir, "dump.ppm")
        guest.qmp("screendump", filename=path)
        picture = pictures.read(path)
        shown = self.client.wait_shows(picture)
        screen, place = shown or (self.client.screenshot(), None)
        self._keep(screen, what)
        assert place, "%s: the machine's picture is not on the screen" % what
        windows = self.client.windows()
        assert len(windows) == 1, "%s: windows %s" % (what, windows)
        decoration = remote_viewer.around(screen, place, picture[:2])
        if self.window is None:
            self.window, self.place, self.decoration = windows[0], place, decoration
            assert self.client.owner(self.window) == self.client.process.pid
        assert (windows[0], place) == (self.window, self.place), (what, windows, place)
        assert decoration == self.decoration, "%s: the window looks different around the picture" % what

    def _keep(self, screen, what):
        self.shots += 1
        if os.environ.get("CARAVAN_KEEP"):
            os.makedirs(KEEP, exist_ok=True)
            name = "%s-%d-%s.png" % (self.name, self.shots, what.replace(" ", "-"))
            pictures.write_png(os.path.join(KEEP, name), screen)

    def hop(self, source, target, after):
        """A migration, and the window before, right after, and when the guest has drawn on."""
        self.look(source, "before")
        channels = len(source.qmp("query-spice")["channels"])
        self.tap.mark("switch")
        source.migrate_to(target, client_port=self.doors[target], linked=lambda: voyage.until(
            lambda: len(target.qmp("query-spice").get("channels", ())) == channels, "the viewer is at both machines"))
        source.wait_migrated()
        target.wait_running()
        self.look(target, "after the switch")
        self.tap.mark("after")
        self.draw(target, after)
        self.look(target, "after drawing on")

    def nothing_twice(self):
        """What the viewer has in its cache and its surfaces is used after the switch."""
        stats = self.tap.stats()
        for phase in ("switch", "after"):
            counts = self.tap.phase(phase, stats)["total"]["cache"]
            assert self.stock or not any(counts[bad] for bad in ("inval_all", "resent", "resent_lost", "missing")), counts

    def type(self, guest):
        """A key that is pressed in the window reaches the guest's keyboard, once."""
        before = scan_codes(guest)
        self.client.keys("a")
        voyage.until(lambda: scan_codes(guest)[len(before):] == A_KEY,
                     "the key comes: %s" % scan_codes(guest)[len(before):])

    def quiet(self):
        """Since it came no window has been shown or gone, not even for a moment."""
        changes = self.client.changes()
        assert changes == [("Map", self.window)], changes
        assert self.client.alive()


def scan_codes(guest):
    return [int(code, 16) for code in re.findall(r"ps2_put_keycode.* (0x[0-9a-f]+)", guest.log_text())]


def test_seamless():
    """two seamless migrations: the same window, the guest's picture, nothing else"""
    with Watch("seamless") as v:
        a = v.host()
        v.connect(a)
        v.draw(a, "pscd")
        v.look(a, "at the beginning")
        v.type(a)
        turns = v.client.turns()
        b = v.host(incoming=True)
        v.hop(a, b, after="pdnpd")
        v.nothing_twice()
        v.type(b)
        c = v.host(incoming=True)
        v.hop(b, c, after="pdbnpdf")
        v.nothing_twice()
        v.type(c)
        assert v.client.turns() == turns, v.client.log_text()
        v.quiet()


def test_semi_seamless():
    """hosts with seamless-migration=off"""
    with Watch("semi-seamless") as v:
        a = v.host(seamless=False)
        v.connect(a)
        v.draw(a, "pscd")
        v.look(a, "at the beginning")
        b = v.host(incoming=True, seamless=False)
        v.hop(a, b, after="pdnpd")
        v.type(b)
        v.quiet()


if __name__ == "__main__":
    sys.exit(cases.run(cases.functions(globals()), skip=qemu.unavailable() or remote_viewer.unavailable()))
