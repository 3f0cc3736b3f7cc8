# SPDX-License-Identifier: LGPL-2.1-or-later
"""RemoteViewer: the program that people use, on an X screen of its own without a window manager; and what it shows."""
import os
import re
import shutil
import subprocess
import tempfile
import time

from xspice import from_xwd

SCREEN = "1280x1024x24"  # more than the window of a guest with 1024x768
# Without Composite no window has an alpha channel: xwd writes a mixture of both kinds in a form that nobody reads.
SERVER = ["Xvfb", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset", "-extension", "Composite", "-extension", "GLX"]
CHANGE = re.compile(r"^(Map|Unmap|Destroy)Notify .*\n +event 0x[0-9a-f]+, window (0x[0-9a-f]+)", re.M)


class ViewerError(Exception):
    """The X server or the viewer did not start, or ended."""


def unavailable():
    """Why there is no viewer to run, or None."""
    for program in (SERVER[0], "remote-viewer", "xwd", "xev", "xdotool", "stdbuf"):
        if not shutil.which(program):
            return program + " is not installed"
    return None


def find(screen, picture):
    """Where the picture is on the screen, pixel for pixel: (x, y), or None. Both: (width, height, RGB rows)."""
    width, height, rows = screen
    part_width, part_height, part_rows = picture
    stride, part_stride = 3 * width, 3 * part_width
    parts = [part_rows[n * part_stride:(n + 1) * part_stride] for n in range(part_height)]

    def same(n, x, y):
        start = (y + n) * stride + x
        return rows[start:start + part_stride] == parts[n]

    for y in range(height - part_height + 1):
        row = rows[y * stride:(y + 1) * stride]
        x = row.find(parts[0])
        while x >= 0:
            # The last row first: where all is of one colour, as a screen's background is, most places fail there.
            if x % 3 == 0 and same(part_height - 1, x, y) and all(same(n, x, y) for n in range(part_height)):
                return x // 3, y
            x = row.find(parts[0], x + 1)
    return None


def around(screen, place, size):
    """The screen's bytes without those of an area: the window's decoration, and everything else."""
    (width, height, rows), (x, y), (part_width, part_height) = screen, place, size
    pieces = []
    for n in range(height):
        row = rows[3 * n * width:3 * (n + 1) * width]
        pieces.append(row[:3 * x] + row[3 * (x + part_width):] if y <= n < y + part_height else row)
    return b"".join(pieces)


class RemoteViewer:
    """A viewer with a connection to that port. Its output, with what it does, goes to the file `log`.

    It has no session bus, no settings and no home directory. Use it in a `with`, or call close().
    """

    def __init__(self, port, log, options=()):
        self.log = log
        self.dir = tempfile.mkdtemp(prefix="caravan-viewer-")
        self.processes = []
        try:
            self._start_server()
            self.changes_path = os.path.join(self.dir, "changes")
            with open(self.changes_path, "wb") as out:
                self._spawn(["stdbuf", "-oL", "xev", "-root", "-event", "substructure"], out)
            with open(log, "wb") as out:
                self.process = self._spawn(["remote-viewer", "--debug", *options, "spice://127.0.0.1:%d" % port], out)
        except BaseException:
            self.close()
            raise

    def _start_server(self):
        reader, writer = os.pipe()
        server_log = os.path.join(self.dir, "server")
        with open(server_log, "wb") as out:
            self.processes.append(subprocess.Popen(SERVER + ["-displayfd", str(writer)], stdin=subprocess.DEVNULL,
                                                   stdout=out, stderr=out, pass_fds=[writer]))
        os.close(writer)
        with open(reader) as answer:  # ends when the server does
            number = answer.readline().strip()
        if not number:
            with open(server_log, errors="replace") as stream:
                raise ViewerError("the X server does not start: " + stream.read())
        self.environment = {
            "PATH": os.environ["PATH"], "DISPLAY": ":" + number, "XAUTHORITY": "/dev/null", "LC_ALL": "C.UTF-8",
            "HOME": self.dir, "XDG_RUNTIME_DIR": self.dir, "GDK_BACKEND": "x11", "GSETTINGS_BACKEND": "memory",
            "GIO_USE_VFS": "local", "NO_AT_BRIDGE": "1", "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }

    def _spawn(self, argv, out):
        process = subprocess.Popen(argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        return process

    def run(self, *argv, timeout=30):
        """Runs an X program to its end and gives what it said."""
        return subprocess.run(argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, check=True).stdout

    def screenshot(self):
        """(width, height, RGB rows) of the whole screen, without the pointer."""
        return from_xwd(self.run("xwd", "-root", "-silent"))

    def wait_shows(self, picture, timeout=20):
        """Until that picture, (width, height, RGB rows), is on the screen: (screenshot, (x, y)); or None."""
        deadline = time.monotonic() + timeout
        while True:
            if not self.alive():
                raise ViewerError("the viewer has ended: " + self.log_text())
            screen = self.screenshot()
            place = find(screen, picture)
            if place or time.monotonic() > deadline:
                return (screen, place) if place else None
            time.sleep(0.1)

    def windows(self):
        """The ids of the viewer's visible windows: dialogs are some, too."""
        try:
            found = self.run("xdotool", "search", "--onlyvisible", "--maxdepth", "1", "--class", "remote-viewer")
        except subprocess.CalledProcessError:
            return []  # it says so when there is none
        return sorted(int(window) for window in found.split())

    def owner(self, window):
        """The process id that a window is marked with."""
        return int(self.run("xdotool", "getwindowpid", str(window)))

    def changes(self):
        """All windows of the screen that were shown or went away since the start: [("Map", id), ...]."""
        with open(self.changes_path, errors="replace") as stream:
            return [(what, int(window, 16)) for what, window in CHANGE.findall(stream.read())]

    def keys(self, *names):
        """Presses keys as a person at the keyboard does, with the viewer's window in focus."""
        self.run("xdotool", "windowfocus", "--sync", str(self.windows()[0]), "key", *names)

    def alive(self):
        return self.process.poll() is None

    def log_text(self):
        with open(self.log, errors="replace") as stream:
            return stream.read()

    def turns(self):
        """How often, so far, it has made a channel or turned to its picture or to the page with its state."""
        return len(re.findall("New spice channel|notebook show", self.log_text()))

    def close(self):
        for process in reversed(self.processes):  # the X server is the first
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
