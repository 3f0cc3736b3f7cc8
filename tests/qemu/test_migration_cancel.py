#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live migrations of QEMU that are cancelled or fail at any moment: the session goes on, and travels later (TAP)."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from voyage import LOCAL, MAIN, SLOW, Voyage, drawing, kill, until  # noqa: E402


class Origin:
    """A machine at which the client is, with targets to go to."""

    def __init__(self, v):
        self.v = v
        self.a = v.guest()
        v.connect(self.a)
        self.a.draw("pscpd")
        v.equal(self.a, "before")

    def cancel(self, status="cancelled"):
        self.a.qmp("migrate_cancel")
        self.v.wait_status(self.a, status, "failed", "cancelled")

    def stays(self):
        """Nothing has left, and QEMU runs on."""
        until(lambda: self.a.qmp("query-status")["running"], "the source runs")
        self.v.at_home(self.a)
        state = self.v.client.state()
        assert all(what == "opened" for what in state["channels"].values()), state

    def travels(self, target):
        """A good migration, seamless as if nothing had been."""
        self.v.hop(self.a, target, before="p")
        reports = self.v.reports(self.a)
        assert reports[-1] == ("completed", "seamless") and len(reports) >= 2, reports

    def target(self):
        return self.v.guest(incoming=True)


def copying(v, guest):
    until(lambda: guest.qmp("query-migrate").get("ram", {}).get("transferred", 0) > 0, "memory is being copied")


def test_at_once():
    """cancelled without waiting for anybody's answer, then a new target"""
    with Voyage() as v, socket.create_server((LOCAL, 0)) as hole:
        o = Origin(v)
        b = o.target()
        # QEMU's target would end as soon as its source gives up, and the client's unfinished links with it: when these
        # break while it is called back, spice-gtk 0.42 may use a channel that it has freed, with any server. So it is
        # kept until the client has left it.
        b.migrate_port = hole.getsockname()[1]
        v.begin(o.a, b, linked=False)
        v.start(o.a, b, SLOW)
        o.cancel()
        o.stays()
        v.wait_left(o.a, b)
        v.retire(b)
        o.travels(o.target())


def test_before_linked():
    """the client hangs on its way when the attempt is cancelled; it comes back when it is let go"""
    with Voyage() as v:
        o = Origin(v)
        v.expect_of_client("incomplete link header")
        b = o.target()
        with socket.create_server((LOCAL, 0)) as hole:
            v.begin(o.a, b, port=hole.getsockname()[1], linked=False)
            taken = hole.accept()[0]
            v.start(o.a, b, SLOW)
            copying(v, o.a)
            o.cancel()
            taken.close()
        o.stays()
        v.retire(b)
        o.travels(o.target())


def test_while_copying():
    """twice, and the third attempt is good"""
    with Voyage() as v:
        o = Origin(v)
        for _ in range(2):
            b = o.target()
            v.begin(o.a, b)
            drawing(o.a)
            v.start(o.a, b, SLOW)
            copying(v, o.a)
            o.cancel()
            o.stays()
            v.retire(b)
        assert [r[0] for r in v.reports(o.a)] == ["cancelled", "cancelled"], v.reports(o.a)
        o.travels(o.target())


def test_just_before_the_end():
    """the machine is stopped already, all its pictures are flushed; it runs on at the source"""
    with Voyage() as v:
        o = Origin(v)
        o.a.qmp("migrate-set-capabilities", capabilities=[{"capability": "pause-before-switchover", "state": True}])
        b = o.target()
        v.begin(o.a, b)
        drawing(o.a)
        v.start(o.a, b)
        v.wait_status(o.a, "pre-switchover")
        v.not_migrated(o.a)
        o.cancel()
        o.stays()
        v.retire(b)
        o.a.qmp("migrate-set-capabilities", capabilities=[{"capability": "pause-before-switchover", "state": False}])
        o.travels(o.target())


def test_same_target():
    """nobody listens for the machine's memory; the client goes to the same target later, which knows it already"""
    with Voyage() as v:
        o = Origin(v)
        b = o.target()
        v.begin(o.a, b)
        right, b.migrate_port = b.migrate_port, qemu.free_port()
        v.start(o.a, b)
        v.wait_status(o.a, "failed")
        o.stays()
        b.migrate_port = right
        o.travels(b)
        arrivals = v.reports(b, "destination")
        assert [r[0] for r in arrivals] == ["failed", "completed"], arrivals


def test_announced_twice():
    """client_migrate_info twice in a row, to two targets: the second one counts"""
    with Voyage() as v:
        o = Origin(v)
        b, c = o.target(), o.target()
        v.begin(o.a, b)
        v.begin(o.a, c)
        v.tap.mark("switch")
        v.move(o.a, c)
        v.arrived(c)
        assert [r[0] for r in v.reports(o.a)] == ["cancelled", "completed"], v.reports(o.a)


def test_announced_twice_at_once():
    """the same without waiting: the client is still busy with the first"""
    with Voyage() as v:
        o = Origin(v)
        b, c = o.target(), o.target()
        v.begin(o.a, b, linked=False)
        v.begin(o.a, c, linked=False)
        until(lambda: v.messages(o.a, "start").get("BEGIN_SEAMLESS") == 2, "the second BEGIN")
        channels = len(v.client.state()["channels"])
        until(lambda: len([x for x in c.qmp("query-spice").get("channels", ())]) == channels, "the client is linked")
        v.wait_linked()
        v.tap.mark("switch")
        v.move(o.a, c)
        v.arrived(c)


def test_announced_for_nothing():
    """client_migrate_info and no migration: the session goes on, and the client can leave and come back"""
    with Voyage() as v:
        o = Origin(v)
        b = o.target()
        v.begin(o.a, b)
        o.stays()
        v.connect(o.a)
        o.stays()


def test_target_dies_before_copying():
    """the client was linked to it; it goes to another one later"""
    with Voyage() as v:
        o = Origin(v)
        b = o.target()
        v.begin(o.a, b)
        kill(b)
        v.start(o.a, b)
        v.wait_status(o.a, "failed")
        o.stays()
        o.travels(o.target())


def test_target_dies_while_copying():
    """the client was linked to it, and half the memory was there"""
    with Voyage() as v:
        o = Origin(v)
        b = o.target()
        v.begin(o.a, b)
        drawing(o.a)
        v.start(o.a, b, SLOW)
        copying(v, o.a)
        kill(b)
        v.wait_status(o.a, "failed")
        o.stays()
        o.travels(o.target())


def test_source_dies_while_copying():
    """session and machine are lost with it; the target ends in order, as QEMU does"""
    with Voyage() as v:
        o = Origin(v)
        b = o.target()
        v.begin(o.a, b)
        drawing(o.a)
        v.start(o.a, b, SLOW)
        copying(v, o.a)
        kill(o.a)
        code = b.process.wait(20)
        assert code == 1, "the target's exit code: %d" % code
        v.client.wait_event("channel", type=MAIN, what="closed")


def test_source_dies_before_the_hand_over():
    """the machine has moved, the client was not told where to: the target serves a new client"""
    with Voyage() as v:
        o = Origin(v)
        b = o.target()
        v.start(o.a, b)
        v.wait_status(o.a, "completed")
        kill(o.a)
        assert v.client.process.wait(20) == 1
        v.connect(b)
        v.equal(b, "a new client")
        v.draw(b, "pd")
        v.equal(b, "after drawing on")


def test_source_dies_after_the_hand_over():
    """the source is killed while what the display handed over is still on its way through the client"""
    with Voyage() as v:
        o = Origin(v)
        b = o.target()
        v.begin(o.a, b)
        v.tap.mark("switch")
        v.tap.hold(2, 0, 2000)
        v.start(o.a, b)
        v.finish(o.a, b)
        kill(o.a)
        v.client.wait_migrated()
        v.arrived(b)
        assert v.reports(b, "destination") == [("completed", "seamless")]
        v.hop(b, o.target())


if __name__ == "__main__":
    sys.exit(cases.run(cases.functions(globals()), skip=qemu.unavailable()))
