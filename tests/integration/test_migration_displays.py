#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two displays share the client's image cache; only one of them, the freezer, carries its content to the target.

The wiretap holds the data of both back, until it is known which is the freezer.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from host import HostError  # noqa: E402
from journey import DISPLAY, INVAL_ALL_PIXMAPS, Journey, check, equal, inspect, main  # noqa: E402

FREEZER_LOST = 5  # seconds after which another display resets the cache
PLACE, NEXT = 5000, 7000


class TwoDisplays(Journey):
    """After depart() the machine and all of the client but its display data are at the target."""

    def __init__(self, **options):
        super().__init__(displays=2, **options)

    def depart(self):
        a = self.host(start=PLACE - 500)
        self.connect(a)
        b = self.host(incoming=True, start=PLACE)
        a.play_to(PLACE)
        self.compare(a)
        for display in (0, 1):
            self.tap.hold(DISPLAY, display, 60000)
        self.tap.mark("switch")
        self.begin(a, b)
        self.stop(a, b)
        self.end(a)
        for display in (0, 1):
            self.tap.wait_event("held", type=DISPLAY, id=display)
        data = [inspect(self.saved(display))[1] for display in (0, 1)]
        freezers = [d["cache"]["freezer"] for d in data]
        equal(sum(freezers), 1, "freezers")
        self.freezer = freezers.index(True)
        self.other = 1 - self.freezer
        equal([d["cache"]["known"] for d in data], freezers, "who has the entries")
        check(data[self.freezer]["cache"]["count"] > 20, "an empty cache proves nothing")
        equal(sorted(int(e[0], 16) for e in data[self.freezer]["cache"]["entries"]), self.tap.cache_ids(), "the cache")
        return b

    def arrive(self, host, inval_all=0, resent=0):
        """Plays on and judges both pictures and the cache."""
        self.client.wait_migrated()
        host.play_to(NEXT)
        self.compare(host)
        cache = self.phase("switch")["cache"]
        equal(cache["inval_all"], inval_all, "INVAL_ALL_PIXMAPS")
        equal(cache["missing"], 0, "images that the client lacks")
        equal(cache["unknown_evicted"], 0, "evicted images that the client lacks")
        # If the content comes very late, images go uncached; they may be ones that the client holds.
        equal(cache["resent"] - cache["resent_plain"], 0, "images to cache that the client holds")
        if not resent:
            equal(cache["resent"], 0, "images that the client holds")
        self.quiet()
        return cache


def test_freezer_first():
    with TwoDisplays() as j:
        b = j.depart()
        j.tap.release(DISPLAY, j.freezer)
        time.sleep(0.3)
        j.tap.release(DISPLAY, j.other)
        b.vm_start()
        check(j.arrive(b)["hits"] > 0, "no hit")


def test_freezer_last():
    with TwoDisplays() as j:
        b = j.depart()
        j.tap.release(DISPLAY, j.other)
        time.sleep(0.3)
        j.tap.release(DISPLAY, j.freezer)
        b.vm_start()
        check(j.arrive(b)["hits"] > 0, "no hit")


def test_freezer_a_moment_late():
    """The machine starts just before the cache's content arrives: the other display waits that moment."""
    with TwoDisplays() as j:
        b = j.depart()
        j.tap.release(DISPLAY, j.other)
        b.vm_start()
        b.send(f"play-to {NEXT}")
        time.sleep(0.05)
        j.tap.release(DISPLAY, j.freezer)
        b.wait_answer("play-to")
        b.position = NEXT
        check(j.arrive(b)["hits"] > 0, "no hit")


def test_small_cache():
    """Evictions with waits for the other display, over the switch and a second one."""
    with TwoDisplays(cache_size=150000) as j:
        b = j.depart()
        for display in (1, 0):
            j.tap.release(DISPLAY, display)
        b.vm_start()
        check(j.arrive(b)["evicted"] > 50, "hardly any eviction")
        c = j.host(incoming=True, start=NEXT)
        j.hop(b, c, mark="second")
        c.play_to(NEXT + 2000)
        j.compare(c)
        j.seamless("second")
        j.quiet()


def late_by_a_second(first, last):
    """The machine starts before the second display's data are there: its worker waits, and nothing is lost."""
    with TwoDisplays() as j:
        b = j.depart()
        j.tap.release(DISPLAY, getattr(j, first))
        before = time.monotonic()
        b.vm_start()
        check(time.monotonic() - before < 0.5, "vm_start blocks the host")
        b.send(f"play-to {NEXT}")
        try:
            b.wait_answer("play-to", 1)
            check(False, "the worker does not wait for the late display")
        except HostError:
            pass
        j.tap.release(DISPLAY, getattr(j, last))
        b.wait_answer("play-to")
        b.position = NEXT
        j.arrive(b, resent=1)


def test_freezer_late_by_1_s():
    late_by_a_second("other", "freezer")


def test_other_late_by_1_s():
    late_by_a_second("freezer", "other")


def test_freezer_late_by_7_s():
    """Too late: the other one has reset the cache, and the content that comes then counts no more."""
    with TwoDisplays() as j:
        b = j.depart()
        b_says = r"display %d: the display that has the cache's content did not arrive; the cache is reset" % j.other
        j.expect(b, b_says)
        j.expect(b, r"display %d: the cache's content comes twice, or after it was reset; it is ignored" % j.freezer)
        j.tap.release(DISPLAY, j.other)
        b.vm_start()
        time.sleep(FREEZER_LOST + 2)
        j.tap.release(DISPLAY, j.freezer)
        cache = j.arrive(b, inval_all=1, resent=1)
        check(cache["added"] > 0 and cache["hits"] > 0, "the cache is not used any more:", cache)


def test_other_late_by_7_s():
    """The freezer works on alone; the late one finds everything."""
    with TwoDisplays() as j:
        b = j.depart()
        j.tap.release(DISPLAY, j.freezer)
        b.vm_start()
        time.sleep(FREEZER_LOST + 2)
        j.tap.release(DISPLAY, j.other)
        check(j.arrive(b)["hits"] > 0, "no hit")


def test_freezer_lost():
    with TwoDisplays() as j:
        b = j.depart()
        b_says = r"display %d: the display that has the cache's content did not arrive; the cache is reset" % j.other
        j.expect(b, b_says)
        equal(j.tap.cut(j.route(b), DISPLAY, j.freezer), 1, "connections cut")
        j.tap.release(DISPLAY, j.other)
        before = time.monotonic()
        b.vm_start()
        b.play_to(PLACE + 500)
        check(j.client.wait_sum(b.sums()[j.other], j.other, 10), "wrong picture while the cache is frozen")
        while j.message_count("switch", INVAL_ALL_PIXMAPS) == 0:
            check(time.monotonic() - before < FREEZER_LOST + 3, "no INVAL_ALL_PIXMAPS")
            time.sleep(0.1)
        check(time.monotonic() - before > FREEZER_LOST - 1, "the cache is reset too early")
        b.play_to(NEXT)
        check(j.client.wait_sum(b.sums()[j.other], j.other, 10), "wrong picture after the reset")
        cache = j.phase("switch")["cache"]
        equal((cache["inval_all"], cache["missing"]), (1, 0), "resets, images that the client lacks")
        check(cache["added"] > 0, "the cache is not used any more")


def test_data_never_come():
    """A display that never gets its data is dropped after 10 s; the machine and the other display go on."""
    with TwoDisplays() as j:
        b = j.depart()
        j.expect(b, r"display %d: the migration data of the client did not come; it is dropped" % j.other)
        j.tap.release(DISPLAY, j.freezer)
        before = time.monotonic()
        b.vm_start()
        b.play_to(NEXT, timeout=20)
        check(8 < time.monotonic() - before < 14, "the worker waited so long:", time.monotonic() - before)
        check(j.client.wait_sum(b.sums()[j.freezer], j.freezer, 10), "wrong picture of the other display")


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
