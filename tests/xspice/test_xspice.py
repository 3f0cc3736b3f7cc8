#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Xspice with real X programs and a real client (TAP). The library is build/lib, or that of SPICE_LIB ("stock").

Pictures are compared exactly; the pointer is parked where it is invisible, since the X server draws some shapes itself.
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import cases  # noqa: E402
import xspice  # noqa: E402
from client import Client  # noqa: E402
from painter import Painter  # noqa: E402
from wiretap import Wiretap  # noqa: E402
from xspice import Xspice  # noqa: E402

LOCAL = "127.0.0.1"
LIB = os.environ.get("SPICE_LIB", os.path.join(TOP, "build", "lib"))
ASAN_LIB = os.path.join(TOP, "build", "asan", "lib")
IGNORED = ("sub-size",) if LIB == "stock" else ()
MOUSE_MODE_CLIENT = 2
KEYS = {"c": 0x2e, "a": 0x1e, "r": 0x13, "v": 0x2f, "n": 0x31, "\n": 0x1c}
TWM = "".join(f'{what}Font "fixed"\n' for what in ("Title", "Resize", "Menu", "Icon", "IconManager"))
TWM += "RandomPlacement\n"


def wait_for(what, condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def assert_equal(server, client, what=""):
    wait_for("the picture differs " + what, lambda: server.screen_sum() == client.shown())


@contextmanager
def session(lib=LIB, expected=(), place=(300, 420), **options):
    """A server, the proxy, a client and a painter; afterwards nothing has gone wrong, and nothing is left."""
    with Xspice(lib=lib, **options) as server:
        with Wiretap([(LOCAL, server.port)]) as tap:
            with Client(tap.ports[0]) as client, Painter(server.display, *place) as painter:
                client.wait_picture()
                yield server, tap, client, painter
            assert not tap.violations(ignore=IGNORED), tap.violations()
        assert not painter.errors
        assert server.process.poll() is None, server.log_text()[-2000:]
        assert set(server.warnings()) <= set(expected), server.warnings()
        assert server.stop() == 0, server.log_text()[-2000:]
    assert not server.processes(), server.processes()


def start_programs(server):
    path = os.path.join(server.dir, "twmrc")
    with open(path, "w") as f:
        f.write(TWM)
    server.spawn("twm", "-f", path)
    wait_for("no window manager", lambda: b"TWM" in server.run("xwininfo", "-root", "-tree") or
             server.run("xwininfo", "-root", "-children").count(b"0x") > 4)
    server.spawn("xlogo", "-render", "-geometry", "200x180+10+10")
    server.spawn("xclock", "-render", "-geometry", "150x150+10+240")
    server.spawn("xeyes", "-geometry", "150x120+10+440")
    server.spawn("xterm", "-geometry", "80x20+300+40", "-e", "sh", "-c", "seq 1 2000; sleep 1000")
    for name in ("xlogo", "xclock", "xeyes", "sh"):
        server.wait_window(name)


def desktop(lib, **options):
    """Programs, a window manager, everything that X draws, windows moved over each other."""
    with session(lib=lib, **options) as (server, tap, client, painter):
        start_programs(server)
        for seed in range(3):
            painter.scene(seed)
            painter.park()
            assert_equal(server, client, f"after scene {seed}")
        cache = tap.stats()["phases"][-1]["total"]["cache"]
        assert cache["missing"] == 0 and cache["resent"] == 0, cache
        assert cache["hits"] > 0, cache
        window = server.wait_window("xlogo")
        for x, y in ((500, 300), (50, 500), (200, 100)):  # moved over others: copies, exposures
            server.run("xdotool", "windowmove", str(window), str(x), str(y))
        server.run("xdotool", "windowsize", str(window), "333", "222")
        painter.park()
        assert_equal(server, client, "after windows were moved")


def test_desktop():
    """real programs draw, the client shows the same; no warning, as with the stock library"""
    desktop(LIB)


def test_sanitizers():
    """the same with AddressSanitizer and UndefinedBehaviorSanitizer in the library"""
    if not os.path.exists(os.path.join(ASAN_LIB, "libspice-server.so.1")):
        return "there is no build/asan"
    runtime = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True)
    # The X server's own leaks are not ours to report.
    desktop(ASAN_LIB, preload=runtime.strip(), env={"ASAN_OPTIONS": "detect_leaks=0"})
    return None


def test_operations():
    """each kind of operation in a quick sequence, read back between: software fallbacks"""
    with session() as (server, tap, client, painter):
        for name in ("-copypixwin100", "-shmput100", "-scroll100", "-aa10text", "-copyplane100"):
            server.run("x11perf", "-repeat", "1", "-reps", "20", "-time", "1", name)
        for seed in range(5):
            painter.scene(seed)
            painter.read_back(painter.window, 0, 0, painter.width, painter.height)
        painter.park()  # x11perf has moved the pointer
        assert_equal(server, client)


def test_input():
    """keys, pointer, buttons and wheel arrive"""
    with session() as (server, _tap, client, painter):
        typed, seen = os.path.join(server.dir, "typed"), os.path.join(server.dir, "seen")
        server.spawn("xterm", "-title", "typing", "-geometry", "60x10+300+40", "-e", "sh", "-c",
                     f'read line; echo "$line" > {typed}.new; mv {typed}.new {typed}; sleep 1000')
        server.spawn("xev", "-event", "button", "-event", "mouse", "-geometry", "200x200+20+20", "-name", "events",
                     output=seen)
        server.wait_window("typing")
        server.wait_window("events")
        assert client.state()["mouse-mode"] == MOUSE_MODE_CLIENT
        for x, y in ((100, 120), (350, 100)):
            client.position(x, y)
            wait_for("the pointer does not move",
                     lambda: f"x:{x} y:{y} ".encode() in server.run("xdotool", "getmouselocation"))
        for letter in "caravan\n":
            client.key(KEYS[letter])
        wait_for("no line was typed", lambda: os.path.exists(typed))
        with open(typed) as f:
            assert f.read() == "caravan\n"
        client.position(100, 120)
        for button in (1, 2, 3, 4, 5):
            client.button(button)

        def presses():
            with open(seen) as f:
                return [line.split("button ")[1][0] for line in f if "button " in line]
        wait_for("no buttons", lambda: len(presses()) >= 10)
        assert presses() == list("1122334455"), presses()
        painter.park()
        assert_equal(server, client)


def test_resize():
    """the screen changes its size, smaller and larger"""
    with session(place=(350, 250)) as (server, _tap, client, painter):
        server.spawn("xlogo", "-geometry", "300x300+20+20")
        server.wait_window("xlogo")
        for mode in ("800x600", "1280x1024", "1024x768"):
            server.run("xrandr", "--output", "qxl-0", "--mode", mode)
            width, height = map(int, mode.split("x"))
            client.wait_event("primary-create", width=width, height=height)
            painter.scene(width)
            painter.park()
            assert_equal(server, client, mode)
            assert server.picture()[:2] == (width, height)


def test_reconnect():
    """clients come and go, also by force, while programs draw"""
    with session() as (server, tap, client, painter):
        server.spawn("xlogo", "-geometry", "200x200+10+10")
        server.spawn("ico", "-geometry", "200x200+720+10", "-sleep", "0.01")
        server.wait_window("xlogo")
        for seed in range(4):
            painter.scene(seed)
            with Client(tap.ports[0]) as other:  # the one before it is put out
                other.wait_picture()
                painter.scene(seed + 10)
                if seed % 2:
                    other.process.send_signal(signal.SIGKILL)
                    other.process.wait()
        assert not client.alive()
        os.killpg(server.programs[-1].pid, signal.SIGTERM)
        server.programs.pop().wait()
        with Client(tap.ports[0]) as other:
            other.wait_picture()
            painter.park()
            assert_equal(server, other)


def test_memory():
    """the driver runs out of memory for commands and surfaces: many pixmaps, many images"""
    small = {"SurfaceBufferSize": "32", "CommandBufferSize": "40", "FrameBufferSize": "16"}
    with session(options=small) as (server, _tap, client, painter):
        gc = painter.gc()
        pixmaps = [painter.pixmap(300, 200) for _ in range(200)]  # 48 MB
        for seed, pixmap in enumerate(pixmaps):
            painter.put_image(pixmap, gc, 0, 0, 300, 200, painter.noise(300, 200, seed))
        for pixmap in pixmaps + pixmaps[::-1]:
            painter.copy(pixmap, painter.window, gc, 0, 0, 300, 200, 30, 30)
        painter.sync()
        assert_equal(server, client)
        for pixmap in pixmaps:
            painter.free_pixmap(pixmap)
        for seed in range(100):
            painter.put_image(painter.window, gc, seed, seed, 300, 200, painter.noise(300, 200, seed))
        assert_equal(server, client)


VARIANTS = [
    {"SpiceImageCompression": "off"},
    {"SpiceImageCompression": "auto_lz", "SpiceStreamingVideo": "off", "EnableSurfaces": "False"},
    {"SpiceImageCompression": "quic", "EnableImageCache": "False", "EnableFallbackCache": "False"},
    {"SpiceImageCompression": "glz", "SpiceZlibGlzWanCompression": "always"},
    {"SpiceStreamingVideo": "all", "SpiceJpegWanCompression": "never"},
    {"SpiceDeferredFPS": "20"},
]


def variant(options):
    with session(options=options) as (server, _tap, client, painter):
        server.spawn("xlogo", "-render", "-geometry", "200x200+10+10")
        server.wait_window("xlogo")
        for seed in range(2):
            painter.scene(seed)
            painter.park()
            assert_equal(server, client)


def test_agent():
    """an agent comes, gets what the client announces, and goes"""
    directory = tempfile.mkdtemp(prefix="caravan-agent-")
    path = os.path.join(directory, "virtio")
    options = {"SpiceVdagentEnabled": "True", "SpiceVdagentVirtioPath": path,
               "SpiceVdagentUinputPath": os.path.join(directory, "uinput")}
    try:
        with session(expected=["vdagent died"], options=options) as (_server, _tap, client, _painter):  # of the driver
            for _ in range(2):
                agent = socket.socket(socket.AF_UNIX)
                agent.settimeout(20)
                agent.connect(path)
                client.wait_event("agent", connected=True)
                # Chunk header: port, size. Message header: protocol 1, type 6 (capabilities).
                head = b""
                while len(head) < 16:
                    head += agent.recv(16 - len(head))
                port, _size, protocol, kind = struct.unpack("<4I", head)
                assert (port, protocol) == (1, 1), head
                assert kind in (2, 6), head
                agent.close()
                client.wait_event("agent", connected=False)
    finally:
        shutil.rmtree(directory)


def test_exit():
    """the server ends with a client connected"""
    with Xspice(lib=LIB) as server, Client(server.port) as client:
        client.wait_picture()
        with Painter(server.display) as painter:
            painter.scene()
        assert server.stop() == 0
        client.wait_event("disconnected")
        assert not server.warnings(), server.warnings()
    assert not server.processes(), server.processes()


def test_exit_on_disconnect():
    """option SpiceExitOnDisconnect: the server goes with its client"""
    with Xspice(lib=LIB, options={"SpiceExitOnDisconnect": "True"}) as server:
        with Client(server.port) as client:
            client.wait_picture()
        assert server.process.wait(20) == 0
        assert not server.warnings(), server.warnings()


CASES = cases.functions(globals()) + [
    (" ".join("%s=%s" % pair for pair in options.items()), lambda options=options: variant(options))
    for options in VARIANTS]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=xspice.unavailable()))
