#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live migrations of unmodified QEMU, each in one of the ways that a client can travel (TAP)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from voyage import Voyage, drawing, until  # noqa: E402


def pair(v, source=None, target=None):
    """A machine with a client that has seen something, and one that waits."""
    a = v.guest(**(source or {}))
    v.connect(a)
    v.draw(a, "pscpd")
    v.equal(a, "before")
    b = v.guest(incoming=True, **(target or {}))
    return a, b


def test_seamless():
    """the client keeps everything"""
    with Voyage() as v:
        a, b = pair(v)
        v.tap.mark("begin")
        v.begin(a, b)
        v.tap.mark("switch")
        v.move(a, b)
        v.arrived(b, "pdnpd")
        assert v.messages(a, "begin", "switch") == {"BEGIN_SEAMLESS": 1}, v.messages(a, "begin", "switch")
        assert v.reports(a) == [("completed", "seamless")], v.reports(a)
        assert v.reports(b, "destination") == [("completed", "seamless")]


def test_while_drawing():
    """the guest draws all the time; it is stopped between any two commands"""
    with Voyage() as v:
        a, b = pair(v)
        drawing(a)
        v.begin(a, b)
        v.tap.mark("switch")
        v.move(a, b)
        v.draw(b, "p")
        v.arrived(b)


def semi_seamless(v, a, b):
    v.tap.mark("begin")
    v.begin(a, b)
    v.move(a, b)
    v.client.wait_picture()
    v.equal(b, "after the switch")
    v.draw(b, "pdnpd")
    v.equal(b, "after drawing on")
    assert v.messages(a, "begin") == {"BEGIN": 1, "END": 1}, v.messages(a, "begin")
    assert v.reports(a) == [("completed", "semi-seamless")], v.reports(a)
    assert v.reports(b, "destination") == [("completed", "semi-seamless")]


def test_semi_seamless_source():
    """the source was started with seamless-migration=off"""
    with Voyage() as v:
        semi_seamless(v, *pair(v, source={"seamless": False}))


def test_semi_seamless_client():
    """the client does not know the seamless way"""
    with Voyage(without=["SEAMLESS_MIGRATE"]) as v:
        semi_seamless(v, *pair(v))


def arrives_anew(v, a, b, messages):
    """By SWITCH_HOST: the client drops everything and connects to the target."""
    v.client.events.clear()
    v.not_migrated(a)
    v.start(a, b)
    v.finish(a, b)
    v.client.wait_picture()
    v.equal(b, "after the switch")
    v.draw(b, "pd")
    v.equal(b, "after drawing on")
    assert v.messages(a, "begin") == messages, v.messages(a, "begin")
    assert v.reports(a)[-1] == ("completed", "switch-host"), v.reports(a)


def test_switch_host():
    """a client that knows no migration"""
    with Voyage(without=["SEAMLESS_MIGRATE", "SEMI_SEAMLESS_MIGRATE"]) as v:
        a, b = pair(v)
        v.tap.mark("begin")
        v.begin(a, b, linked=False)
        arrives_anew(v, a, b, {"SWITCH_HOST": 1})


def test_not_announced():
    """without client_migrate_info the client stays at the source, and QEMU says nothing about it"""
    with Voyage() as v:
        a, b = pair(v)
        v.start(a, b)
        v.wait_status(a, "completed")
        v.draw(b, "f")
        v.not_migrated(a, b)
        assert v.client.alive()
        v.connect(b)
        v.equal(b, "a new client")


def test_paused():
    """a stopped guest: QEMU calls neither vm_stop nor vm_start; it is resumed at the target later"""
    with Voyage() as v:
        a, b = pair(v)
        a.qmp("stop")
        v.begin(a, b)
        v.tap.mark("switch")
        v.move(a, b)
        until(lambda: b.qmp("query-status")["status"] == "paused", "the target is paused as well")
        v.equal(b, "while paused")
        b.qmp("cont")
        v.arrived(b, "pdnpd")
        assert v.reports(b, "destination") == [("completed", "seamless")]


def test_target_starts_later():
    """libvirt's order: the target is started with -S and is told to run after the client's data have come"""
    with Voyage() as v:
        a, b = pair(v, target={"extra": ["-S"]})
        v.begin(a, b)
        v.tap.mark("switch")
        v.move(a, b)
        v.equal(b, "before it runs")
        b.qmp("cont")
        v.arrived(b, "pdnpd")


def post_copy(guest):
    """Why this machine cannot, or None."""
    try:
        guest.qmp("migrate-set-capabilities", capabilities=[{"capability": "postcopy-ram", "state": True}])
    except qemu.QemuError as error:
        return "no post-copy here: %s" % error
    return None


def test_post_copy():
    """SPICE's hand-over is at the switch, long before the memory is complete"""
    with Voyage() as v:
        a, b = pair(v)
        reason = post_copy(b) or post_copy(a)
        if reason:
            return reason.splitlines()[0]
        drawing(a)
        v.begin(a, b)
        v.tap.mark("switch")
        v.start(a, b, bandwidth=256 * 1024)
        until(lambda: a.qmp("query-migrate").get("ram", {}).get("transferred", 0) > 0, "memory is being copied")
        v.not_migrated(a)
        a.qmp("migrate-start-postcopy")
        a.wait_migrated()
        early = v.status(a)
        assert early == "postcopy-active", early
        v.client.wait_migrated()
        a.qmp("migrate-set-parameters", **{"max-postcopy-bandwidth": 0})
        v.finish(a, b)
        v.draw(b, "p")
        v.arrived(b)
        assert v.reports(a) == [("completed", "seamless")], v.reports(a)


if __name__ == "__main__":
    sys.exit(cases.run(cases.functions(globals()), skip=qemu.unavailable()))
