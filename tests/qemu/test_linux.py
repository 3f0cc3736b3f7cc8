#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU with a Linux guest: every kind of graphics is usable with a real client, and moves to another QEMU (TAP).

HOST_LIB=stock: the same with the stock library, to see what it says and costs; then only the pictures are judged.
"""
import hashlib
import os
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import linux_guest  # noqa: E402
import qemu  # noqa: E402
from client import Client  # noqa: E402
from linux_guest import LinuxGuest  # noqa: E402
from wiretap import Wiretap  # noqa: E402

LOCAL = "127.0.0.1"
LIB = os.environ.get("HOST_LIB", os.path.join(qemu.TOP, "build/lib"))
SERVER, CLIENT = 1, 2  # mouse modes
PICTURES = "pictures 0 12"
# An agent takes volumes, and then spice-gtk looks for its sound, with any server; GStreamer's plugins need not be there,
# and those that are there have not what it asks for.
NO_SOUND = (r"Failed to create pipeline: no element|g_object_(ref|get|unref): assertion|"
            r"'GstAutoAudioS(ink|rc)' has no property named 'volume'")
KEYS = {0x1e: 38, 0x10: 24, 0x39: 65}  # scan codes of a PC keyboard: X's key codes
CAPS_LOCK = 0x3a


class Session:
    """One machine, the proxy and a client; move() makes it the next machine."""

    def __init__(self, stack, **options):
        self.stack, self.options = stack, options
        self.directory = stack.enter_context(tempfile.TemporaryDirectory())
        self.guest = self._machine(wait=False)
        self.tap = stack.enter_context(Wiretap([(LOCAL, self.guest.port)]))
        self.client_log = os.path.join(self.directory, "client.log")
        self.client = stack.enter_context(Client(self.tap.ports[0], log=self.client_log))
        self.client.wait_picture()
        self.guest.wait_up()

    def _machine(self, **more):
        return self.stack.enter_context(LinuxGuest(lib=LIB, **self.options, **more))

    def equal(self, what, heads=((None, 0),), timeout=30):
        """The client comes to show what the machine does. heads: pairs (QEMU's device, the client's display channel)."""
        deadline = time.monotonic() + timeout
        while not all(self.guest.screen_sum(device) == self.client.shown(display) for device, display in heads):
            assert time.monotonic() < deadline, "the picture differs: " + what
            time.sleep(0.1)

    def draw(self, *commands):
        self.guest.draw(*commands)

    def move(self):
        """One live migration."""
        source, destination = self.guest, self._machine(incoming=True)
        port = self.tap.add_route(LOCAL, destination.port)
        self.tap.mark("switch")
        source.migrate_to(destination, port, timeout=120)
        source.wait_migrated()
        self.client.wait_migrated()
        self.guest = destination
        self.check_logs(source)
        source.close()

    def switch_bytes(self):
        """Of the display channels, from the destination."""
        route = len(self.tap.ports) - 1
        return sum(c["from_server"]["bytes"] for c in self.tap.phase("switch")["channels"]
                   if c["type"] == 2 and c["route"] == route)

    def check_logs(self, machine):
        """With the stock library QEMU says nothing at all."""
        assert not machine.log_text(), machine.log_text()

    def check(self):
        """Nobody has anything to say against it."""
        self.check_logs(self.guest)
        with open(self.client_log, errors="replace") as f:
            said = [line for line in f if "WARNING" in line or "CRITICAL" in line]
        if self.options.get("agent"):
            said = [line for line in said if not re.search(NO_SOUND, line)]
        assert not said, "".join(said)
        ignored = () if LIB != "stock" else ("sub-size",)
        assert not self.tap.violations(ignored), self.tap.violations(ignored)


def wait_for(what, condition, timeout=20):
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def check_keyboard(session):
    session.guest.command("events")
    heard = []
    for code in KEYS:
        session.client.key(code)
    wanted = [word % key for key in KEYS.values() for word in ("key %d", "release %d")]

    def all_came():
        heard.extend(line for line in session.guest.command("events").splitlines() if "e" == line[1] or "el" in line)
        return len(heard) >= len(wanted)

    wait_for("keys", all_came)
    assert heard == wanted, heard
    for lit in (4, 0):  # the guest's X server answers by the keyboard's light
        session.client.key(CAPS_LOCK)
        wait_for("caps lock %d" % lit, lambda lit=lit: session.client.modifiers() & 4 == lit)


def check_mouse(session):
    """Relative motion arrives pixel by pixel."""
    session.client.wait_mouse_mode(SERVER)
    for _ in range(2):  # away from all borders
        session.client.motion(-100, -50)
    x, y = wait_for("motion", lambda: settled(session))
    session.client.motion(30, 20)
    wait_for("relative motion", lambda: pointer(session) == (x + 30, y + 20))
    check_buttons(session)


def check_tablet(session):
    """Absolute positions arrive, exactly where the client said."""
    session.client.wait_mouse_mode(CLIENT)
    for x, y in ((100, 200), (900, 700), (0, 0), (512, 384)):
        session.client.position(x, y)
        wait_for("position %d %d" % (x, y), lambda x=x, y=y: near(pointer(session), (x, y)))
    check_buttons(session)


def near(one, other):
    return all(abs(a - b) <= 1 for a, b in zip(one, other))


def pointer(session):
    return tuple(map(int, session.guest.command("pointer").split()))


def settled(session):
    """The pointer's place once it is at rest, else None."""
    before = pointer(session)
    time.sleep(0.3)
    return before if pointer(session) == before else None


def check_buttons(session):
    """One after the other: a PS/2 mouse that is busy forgets what was pressed and released meanwhile."""
    session.guest.command("events")
    for number in (1, 2, 3, 4, 5):
        session.client.button(number)
        heard = []

        def both_came():
            heard.extend(line for line in session.guest.command("events").splitlines() if "button" in line)
            return len(heard) >= 2

        wait_for("button %d" % number, both_came)
        assert heard == ["button %d" % number, "unbutton %d" % number], heard


def check_migration(session, cached, pointing, heads=((None, 0),)):
    """Pictures are drawn twice before and once after; cached: nothing of them may come again."""
    session.draw("clear 406080", "text 3", PICTURES)
    session.equal("before the move", heads)
    session.tap.mark("repeat")
    session.draw(PICTURES)
    session.equal("drawn twice", heads)
    repeat = display_bytes(session.tap.phase("repeat"))
    session.move()
    session.equal("after the move", heads)
    cost = session.switch_bytes()
    session.tap.mark("after")
    session.draw(PICTURES)
    session.equal("drawn again", heads)
    phase = session.tap.phase("after")
    again = display_bytes(phase)
    print("# display bytes: the pictures again %d, the switch itself %d, the pictures after it %d" % (repeat, cost, again))
    counts = phase["total"]["cache"]
    if LIB != "stock":
        assert counts["inval_all"] == 0 and counts["resent"] == 0 and counts["resent_lost"] == 0, counts
        assert counts["missing"] == 0, counts
        if cached:
            assert cost <= 8192, cost
            assert counts["hits"] > 0, counts
            assert again <= 1.05 * repeat, (again, repeat)
    check_keyboard(session)
    pointing(session)
    session.draw("scene")
    session.equal("the scene after the move", heads)


def display_bytes(phase):
    return sum(c["from_server"]["bytes"] for c in phase["channels"] if c["type"] == 2)


def resize(session):
    for size in ("800x600", "1024x768"):
        output = session.guest.shell("xrandr | sed -n 's/ connected.*//p'").split()[0]
        session.guest.shell("xrandr --output %s --mode %s" % (output, size))
        session.draw("clear 205020", "text 5")
        session.equal("in " + size)
        width, height = map(int, size.split("x"))
        assert session.client.command("sum")["width"] == width
        assert session.client.monitors()["0:0"].startswith(size), session.client.monitors()


def usable(mode, pointing, cached=False, options=None):
    """Boot, scenes, cursors, another resolution, keyboard and mouse; then a move to another machine."""
    with ExitStack() as stack:
        session = Session(stack, mode=mode, **(options or {}))
        session.equal("at the start")
        session.draw("scene")
        session.equal("the scene")
        for cursor in (1, 2, 3, 0):
            session.draw("cursor %d" % cursor)
        resize(session)
        check_keyboard(session)
        pointing(session)
        check_migration(session, cached, pointing)
        session.check()


def two_cards():
    """Two QXL devices with native drivers, each with its own X screen and display channel."""
    heads = ((None, 0), ("card1", 1))
    with ExitStack() as stack:
        session = Session(stack, mode="native", cards=2)
        session.client.wait_picture(1)
        for screen in (0, 1):
            session.draw("screen %d" % screen, "scene", "screen %d" % (1 - screen), PICTURES)
            session.equal("screen %d drawn last but one" % screen, heads)
        assert session.client.monitors() == {"0:0": "1024x768+0+0", "1:0": "1024x768+0+0"}, session.client.monitors()
        session.draw("screen 0")
        check_migration(session, True, check_mouse, heads)
        session.draw("screen 1", "scene", PICTURES)
        session.equal("the second screen after the move", heads)
        session.check()


def check_agent(session, number):
    """Pointer, clipboard and files through the agent; number: makes the contents differ from last time's."""
    client, guest = session.client, session.guest
    client.wait_mouse_mode(CLIENT)
    wait_for("X to see the agent's pointer", lambda: guest.shell("grep -c 'tablet: initialized' /run/xorg.log; :") != "0")
    for x, y in ((100, 200), (700, 500), (400, 300 + number)):
        client.position(x, y)
        wait_for("position %d %d" % (x, y), lambda x=x, y=y: near(pointer(session), (x, y)))
    check_buttons(session)
    words = "from the guest %d" % number
    guest.shell("printf '%s' | xclip -selection clipboard -i >/dev/null 2>&1 &" % words)
    client.wait_event("clipboard-grab")
    assert client.ask_clipboard() == words
    words = "from the client %d \u00e9\u4e2d " % number + "x" * 20000
    client.offer_clipboard(words)
    wait_for("the guest to know of the clipboard",
             lambda: guest.shell("timeout 5 xclip -o -selection clipboard -t TARGETS; :").count("UTF8_STRING"))
    guest.shell("timeout 20 xclip -o -selection clipboard >/tmp/clipboard")
    assert guest.shell("sha256sum </tmp/clipboard").split()[0] == hashlib.sha256(words.encode()).hexdigest()
    path = os.path.join(session.directory, "file%d" % number)
    with open(path, "wb") as f:
        f.write(os.urandom(700000))
    client.copy_files(path)
    with open(path, "rb") as f:
        wanted = hashlib.sha256(f.read()).hexdigest()
    wait_for("the file", lambda: guest.shell("sha256sum /tmp/Downloads/file%d; :" % number).split()[0] == wanted)


def check_monitors(session, sizes):
    """The client's windows get these sizes; the guest's kernel driver offers them, and X takes them."""
    x = 0
    for number, (width, height) in enumerate(sizes):
        session.client.resize(number, width, height, x, 0)
        x += width
    for number, (width, height) in enumerate(sizes):
        wait_for("the guest to offer the size", lambda n=number, w=width, h=height: session.guest.shell(
            "xrandr | sed -n '/^Virtual-%d connected/,/^V/p'" % (n + 1)).count("%dx%d" % (w, h)))
    session.guest.shell("xrandr --output Virtual-1 --mode %dx%d --output Virtual-2 --mode %dx%d --right-of Virtual-1" %
                        (sizes[0] + sizes[1]))
    wait_for("the client to know", lambda: [session.client.monitors().get("0:%d" % n, "").split("+")[0] for n in (0, 1)] ==
             ["%dx%d" % size for size in sizes])
    session.draw("scene")
    session.equal("two heads")


def agent():
    """A real agent, and two heads of one QXL device, before and after a move."""
    with ExitStack() as stack:
        session = Session(stack, mode="kms", heads=2, agent=True)
        session.client.wait_event("agent", connected=True)
        check_agent(session, 1)
        check_monitors(session, [(1000, 700), (640, 480)])
        session.move()
        session.equal("after the move")
        assert session.client.state()["agent"]
        check_agent(session, 2)
        check_monitors(session, [(800, 600), (1024, 768)])
        session.check()


TABLET = {"tablet": True}
CASES = [("native X driver of qxl", partial(usable, "native", check_mouse, True)),
         ("kernel driver of qxl", partial(usable, "kms", check_tablet, False, TABLET)),
         ("kernel driver and X driver of qxl", partial(usable, "kmsqxl", check_mouse, False)),
         ("standard VGA", partial(usable, "std", check_mouse, False)),
         ("virtio VGA", partial(usable, "virtio", check_tablet, False, TABLET)),
         ("two cards", two_cards), ("agent and two heads", agent)]


def skip():
    reason = qemu.unavailable()
    if not reason:
        linux_guest.build()
    return reason


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=skip()))
