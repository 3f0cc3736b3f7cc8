#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Migrations that are not seamless, that fail, or that are cancelled: the client always ends with the right picture,
and the host gets each of its two callbacks exactly once for each request.
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import ADDRESS, INVAL_ALL_PIXMAPS, MAIN, Journey, check, equal, kill, main  # noqa: E402

PLACE = 3000
BEGIN, CANCEL, SWITCH_HOST, END, BEGIN_SEAMLESS = 101, 102, 111, 112, 116  # main channel, from the server


def pair(j, target_options=None, **options):
    a = j.host(start=PLACE, **options)
    j.connect(a)
    b = j.host(incoming=True, start=PLACE, **(target_options or {}))
    j.compare(a, "before")
    j.tap.mark("switch")
    return a, b


def main_messages(j, host, name="switch"):
    """Which of the migration messages this host sent on its main channel."""
    known = {"BEGIN": BEGIN, "CANCEL": CANCEL, "SWITCH_HOST": SWITCH_HOST, "END": END, "BEGIN_SEAMLESS": BEGIN_SEAMLESS}
    return {word: n for word, number in known.items() if (n := j.message_count(name, number, MAIN, host))}


def results(j, host, role="source"):
    return [(r["result"], r["mode"]) for r in j.report(host, role)]


def whole(j, a, b, **begin):
    j.begin(a, b, **begin)
    j.stop(a, b)
    j.end(a)
    b.vm_start()


def arrive_anew(j, b, position=PLACE):
    """The client has dropped what it had and shows the target's picture."""
    b.wait_clients(1)
    j.client.wait_picture()
    j.compare(b, "at the target")
    b.play_to(position + 1000)
    j.compare(b, "after playing on")
    equal(j.phase("switch")["cache"]["missing"], 0, "images that the client lacks")
    j.quiet()


def second_attempt(j, a, b, attempts=2, run=True):
    """After a cancelled one: the client is still at the source, and can go the seamless way now."""
    if run:
        a.vm_start()
    a.play_to(PLACE + 200)
    j.compare(a, "after the cancelled attempt")
    j.tap.mark("second")
    j.begin(a, b)
    j.stop(a, b)
    j.end(a)
    b.vm_start()
    j.arrived(b)
    b.play_to(PLACE + 1200)
    j.compare(b, "after the second attempt")
    equal(main_messages(j, a, "second"), {"BEGIN_SEAMLESS": 1}, "messages of the second attempt")
    j.seamless("second")
    j.quiet()
    equal(results(j, a)[-1], ("completed", "seamless"), "the source's last report")
    equal(results(j, b, "destination")[-1], ("completed", "seamless"), "the target's last report")
    j.once(a, connects=attempts)


def semi_seamless(**options):
    source = {k: v for k, v in options.items() if k != "without"}
    with Journey(without=options.get("without", ())) as j:
        a, b = pair(j, **source)
        whole(j, a, b)
        arrive_anew(j, b)
        j.arrived(b)
        equal(main_messages(j, a), {"BEGIN": 1, "END": 1}, "messages")
        equal(results(j, a), [("completed", "semi-seamless")], "the source's report")
        equal(results(j, b, "destination"), [("completed", "semi-seamless")], "the target's report")
        j.once(a)


def test_semi_seamless_client():
    semi_seamless(without=["SEAMLESS_MIGRATE"])


def test_semi_seamless_source():
    semi_seamless(seamless="off")


def test_switch_host():
    """A client that knows no migration: it is told at the end, and connects anew."""
    with Journey(without=["SEAMLESS_MIGRATE", "SEMI_SEAMLESS_MIGRATE"]) as j:
        a, b = pair(j)
        whole(j, a, b)
        arrive_anew(j, b)
        equal(main_messages(j, a), {"SWITCH_HOST": 1}, "messages")
        equal(results(j, a), [("completed", "switch-host")], "the source's report")
        j.once(a)


def test_closed_port():
    """Nobody listens at the destination: cancelled, then a good attempt."""
    with Journey() as j:
        a, b = pair(j)
        with socket.create_server((ADDRESS, 0)) as probe:
            port = probe.getsockname()[1]
        j.begin(a, b, port=port, timeout=5)
        j.end(a, completed=False)
        j.client.poll()
        equal(main_messages(j, a), {"BEGIN_SEAMLESS": 1}, "messages")
        second_attempt(j, a, b, run=False)


def test_closed_port_completed():
    """... or completed all the same: SWITCH_HOST into the void. The source's machine can still go on."""
    with Journey() as j:
        a, b = pair(j)
        with socket.create_server((ADDRESS, 0)) as probe:
            port = probe.getsockname()[1]
        j.begin(a, b, port=port, timeout=5)
        j.stop(a, b)
        j.end(a)
        equal(main_messages(j, a), {"BEGIN_SEAMLESS": 1, "SWITCH_HOST": 1}, "messages")
        j.once(a)
        back_at_the_source(j, a)


def back_at_the_source(j, a):
    """The management layer resumes the source: it serves a new client."""
    a.wait_clients(0, 12)
    j.client.process.kill()
    j.disconnect()
    a.vm_start()
    a.play_to(PLACE + 700)
    j.connect(a)
    j.client.wait_picture()
    j.compare(a, "at the source again")


def test_killed_destination():
    """The target dies when the client is linked to it; the hand-over still ends."""
    with Journey() as j:
        a, b = pair(j)
        j.begin(a, b)
        kill(b)
        a.pause()
        a.vm_stop()
        before = time.monotonic()
        j.end(a)
        check(time.monotonic() - before < 11, "the end took too long")
        j.once(a)
        back_at_the_source(j, a)


def test_killed_destination_cancelled():
    """The same, and the migration is taken back: the client stays, and goes elsewhere later."""
    with Journey() as j:
        a, b = pair(j)
        j.begin(a, b)
        kill(b)
        j.end(a, completed=False)
        c = j.host(incoming=True, start=PLACE)
        second_attempt(j, a, c, run=False)


def test_cancel_after_connect():
    with Journey() as j:
        a, b = pair(j)
        j.begin(a, b)
        j.end(a, completed=False)
        b.wait_clients(0)
        equal(main_messages(j, a), {"BEGIN_SEAMLESS": 1, "CANCEL": 1}, "messages")
        equal(results(j, a), [("cancelled", "unknown")], "the source's report")
        equal([r["result"] for r in j.report(b, "destination")], ["failed"], "the target's report")
        second_attempt(j, a, b, run=False)


def test_cancel_semi_seamless():
    """The links that wait at the target for the end are closed, too."""
    with Journey(seamless="off") as j:
        a, b = pair(j)
        j.begin(a, b)
        j.end(a, completed=False)
        b.wait_clients(0)
        equal(main_messages(j, a), {"BEGIN": 1, "CANCEL": 1}, "messages")
        whole(j, a, b)
        j.arrived(b)
        arrive_anew(j, b)
        j.once(a, connects=2)


def test_cancel_after_stop():
    """As late as it can be: the machine is stopped already, and runs on at the source."""
    with Journey() as j:
        a, b = pair(j)
        j.begin(a, b)
        j.stop(a, b, load=False)
        j.end(a, completed=False)
        b.wait_clients(0)
        second_attempt(j, a, b)


class BlackHole:
    """Takes connections and says nothing."""

    def __enter__(self):
        self.socket = socket.create_server((ADDRESS, 0))
        self.port = self.socket.getsockname()[1]
        self.taken = []
        return self

    def wait(self):
        self.socket.settimeout(10)
        self.taken.append(self.socket.accept()[0])

    def __exit__(self, *unused):
        for taken in self.taken:
            taken.close()
        self.socket.close()


def test_cancel_before_connect():
    """The client hangs at the destination when the attempt is cancelled; it comes back when that lets it go."""
    with Journey() as j:
        a, b = pair(j)
        with BlackHole() as hole:
            a.command(f"migrate-connect {ADDRESS} {hole.port}")
            hole.wait()
            a.command("migrate-start")
            a.command("migrate-end 0")
            a.wait_event("connect-complete", 2)
        second_attempt(j, a, b, run=False)


def test_client_too_slow():
    """10 s are enough: the library stops waiting. The answer that comes later changes nothing."""
    with Journey() as j:
        a, b = pair(j)
        j.expect(a, "not all clients reached the destination in time")
        with BlackHole() as hole:
            before = time.monotonic()
            a.command(f"migrate-connect {ADDRESS} {hole.port}")
            hole.wait()
            a.wait_event("connect-complete", 12)
            check(time.monotonic() - before > 9, "gave up too early")
            a.command("migrate-end 0")
        second_attempt(j, a, b, run=False)


def test_end_while_connecting():
    """The migration is over before the client has answered: it is sent to the target the hard way."""
    with Journey() as j:
        a, b = pair(j)
        a.drain_events()
        a.pause()
        a.vm_stop()
        b.load(a.position)
        a.send(f"migrate-connect {ADDRESS} {j.doors[b]}")
        a.send("migrate-start")
        a.send("migrate-end 1")
        a.wait_event("connect-complete", 2)
        a.wait_event("end-complete", 15)
        b.vm_start()
        j.once(a)
        arrive_anew(j, b)
        equal(main_messages(j, a).get("SWITCH_HOST"), 1, "SWITCH_HOST")


def test_no_client():
    with Journey() as j:
        a = j.host(start=PLACE)
        b = j.host(incoming=True, start=PLACE)
        j.begin(a, b, timeout=1)
        j.stop(a, b)
        j.end(a, timeout=1)
        b.vm_start()
        j.once(a)
        j.connect(b)
        j.client.wait_picture()
        j.compare(b)


def test_client_leaves():
    """The only client goes away between connect-complete and the end."""
    with Journey() as j:
        a, b = pair(j)
        j.begin(a, b)
        j.disconnect()
        a.wait_clients(0)
        j.stop(a, b)
        j.end(a, timeout=2)
        b.vm_start()
        j.once(a)
        j.connect(b)
        j.client.wait_picture()
        j.compare(b)


def test_paused_guest():
    """No vm_stop at the source, no vm_start at the target: the session goes over and shows the picture."""
    with Journey() as j:
        a, b = pair(j)
        a.pause()
        j.begin(a, b)
        b.load(a.position)
        j.end(a)
        j.arrived(b)
        j.once(a)
        j.compare(b, "while paused")
        equal(j.message_count("switch", INVAL_ALL_PIXMAPS), 0, "INVAL_ALL_PIXMAPS")
        b.vm_start()
        b.play_to(PLACE + 900)
        j.compare(b, "when it runs again")
        j.seamless("switch")
        j.quiet()


if __name__ == "__main__":
    sys.exit(main([v for k, v in sorted(globals().items()) if k.startswith("test_")]))
