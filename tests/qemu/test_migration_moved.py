#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client has after it has moved with a QEMU: mouse, channels that are plugged in later, UNIX sockets (TAP)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from voyage import FAST, MAIN, SLOW, Voyage, until  # noqa: E402

TABLET = ["-usb", "-device", "usb-tablet"]
MOUSE_SERVER, MOUSE_CLIENT = 1, 2


def pair(v, extra=(), **options):
    a = v.guest(extra=list(extra))
    v.connect(a)
    v.draw(a, "psd")
    v.equal(a, "before")
    return a, v.guest(incoming=True, extra=list(extra), **options)


def use_tablet(guest):
    """As if the guest's driver had begun to use it: QEMU then tells SPICE that positions are absolute."""
    tablet = [m for m in guest.qmp("query-mice") if m["absolute"]]
    assert tablet, guest.qmp("query-mice")
    guest.qmp("human-monitor-command", **{"command-line": "mouse_set %d" % tablet[0]["index"]})


def mouse(v, guest, mode):
    """Client and server agree on it."""
    until(lambda: v.client.state()["mouse-mode"] == mode, "the client's mouse mode is %d" % mode)
    word = {MOUSE_SERVER: "server", MOUSE_CLIENT: "client"}[mode]
    until(lambda: guest.qmp("query-spice")["mouse-mode"] == word, "the server's mouse mode is " + word)


def test_tablet():
    """the mode is the same on both sides, though the tablet was there before the client was linked"""
    with Voyage() as v:
        a, b = pair(v, TABLET)
        use_tablet(a)
        mouse(v, a, MOUSE_CLIENT)
        use_tablet(b)
        v.hop(a, b)
        mouse(v, b, MOUSE_CLIENT)
        c = v.guest(incoming=True, extra=TABLET)
        use_tablet(c)
        v.hop(b, c)
        mouse(v, c, MOUSE_CLIENT)


def test_tablet_later():
    """the target's guest begins to use the tablet when it runs"""
    with Voyage() as v:
        a, b = pair(v, TABLET)
        use_tablet(a)
        mouse(v, a, MOUSE_CLIENT)
        v.hop(a, b)
        mouse(v, b, MOUSE_SERVER)
        use_tablet(b)
        mouse(v, b, MOUSE_CLIENT)


def test_tablet_lost():
    """the target has no use for it: the client is told that positions are relative now"""
    with Voyage() as v:
        a, b = pair(v, TABLET)
        mouse(v, a, MOUSE_SERVER)
        use_tablet(a)
        mouse(v, a, MOUSE_CLIENT)
        v.hop(a, b)
        mouse(v, b, MOUSE_SERVER)


def plug(guest, name):
    """A channel more: a character device that is a SPICE port."""
    guest.qmp("chardev-add", id=name, backend={"type": "spiceport", "data": {"fqdn": "org.test." + name}})


def unplug(guest, name):
    guest.qmp("chardev-remove", id=name)


def ports(v):
    state = v.client.state()["channels"]
    return {name: what for name, what in state.items() if name.startswith("port")}


def opens(v, number):
    until(lambda: list(ports(v).values()).count("opened") == number, "%d ports: %s" % (number, ports(v)))


def test_plugged_later():
    """what comes when the client has moved is announced to it, and travels on"""
    with Voyage() as v:
        a, b = pair(v)
        v.hop(a, b)
        plug(b, "late")
        opens(v, 1)
        c = v.guest(incoming=True)
        plug(c, "late")
        v.hop(b, c)
        opens(v, 1)
        plug(c, "later")
        opens(v, 2)


def test_plugged_at_target():
    """what the target has and the source had not is announced on arrival: before the client's link, and behind it"""
    with Voyage() as v:
        a, b = pair(v)
        plug(b, "first")
        v.begin(a, b)
        v.tap.mark("switch")
        plug(b, "more")
        v.move(a, b)
        v.arrived(b)
        opens(v, 2)


def test_plugged_during_cancelled():
    """spice-gtk would look for it at the target for ever, and then not migrate: it hears of it when it has moved"""
    with Voyage() as v:
        a, b = pair(v)
        v.begin(a, b)
        v.start(a, b, SLOW)
        plug(a, "more")
        v.draw(a, "f")
        v.equal(a, "meanwhile")
        assert not ports(v), ports(v)
        a.qmp("migrate_cancel")
        v.wait_status(a, "cancelled")
        v.at_home(a)
        plug(a, "other")
        v.at_home(a)
        assert not ports(v), ports(v)
        v.retire(b)
        c = v.guest(incoming=True)
        plug(c, "more")
        plug(c, "other")
        v.hop(a, c)
        opens(v, 2)


def test_plugged_during():
    """a channel that comes between the client's link and the end does not block the migration"""
    for at_target in (False, True):
        with Voyage() as v:
            a, b = pair(v)
            v.begin(a, b)
            v.tap.mark("switch")
            v.not_migrated(a)
            v.start(a, b, SLOW)
            plug(a, "more")
            if at_target:
                plug(b, "more")
            v.draw(a, "f")
            a.qmp("migrate-set-parameters", **{"max-bandwidth": FAST})
            v.finish(a, b)
            v.client.wait_migrated()
            v.arrived(b)
            assert v.reports(b, "destination") == [("completed", "seamless")]
            if not at_target:
                assert not ports(v), ports(v)
                plug(b, "more")
            opens(v, 1)
            c = v.guest(incoming=True)
            plug(c, "more")
            v.hop(b, c)
            opens(v, 1)


def test_unplugged_during():
    """a channel that goes in this time would stop the seamless way: the client connects anew"""
    with Voyage() as v:
        a, b = pair(v, ["-chardev", "spiceport,id=more,name=org.test.more"])
        opens(v, 1)
        v.begin(a, b)
        unplug(a, "more")
        unplug(b, "more")
        v.draw(a, "f")
        v.client.events.clear()
        v.start(a, b)
        v.finish(a, b)
        v.client.wait_picture()
        v.equal(b, "after the switch")
        v.draw(b, "pd")
        v.equal(b, "after drawing on")
        assert v.messages(a, "start") == {"BEGIN_SEAMLESS": 1, "CANCEL": 1, "SWITCH_HOST": 1}, v.messages(a, "start")
        assert not ports(v), ports(v)
        v.hop(b, v.guest(incoming=True))


def test_unix_socket():
    """a client on a UNIX socket would follow the path back to the source: it is not told, and is disconnected"""
    with Voyage() as v:
        a = v.guest(door=False, local=True)
        v.connect(a, uri="spice+unix://" + a.spice_path)
        v.draw(a, "psd")
        v.equal(a, "before")
        b = v.guest(incoming=True)
        a.qmp("client_migrate_info", protocol="spice", hostname="127.0.0.1", port=b.port)
        v.start(a, b, SLOW)
        v.at_home(a)
        a.qmp("migrate-set-parameters", **{"max-bandwidth": FAST})
        v.finish(a, b)
        v.client.wait_event("channel", type=MAIN, what="closed")
        assert not [e for e in v.client.events if e.get("event") == "migration-state"], v.client.events
        v.client.process.wait(20)
        v.connect(b)
        v.equal(b, "a new client")
        v.draw(b, "p")
        v.equal(b, "after drawing on")


if __name__ == "__main__":
    sys.exit(cases.run(cases.functions(globals()), skip=qemu.unavailable()))
