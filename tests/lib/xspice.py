# SPDX-License-Identifier: LGPL-2.1-or-later
"""Xspice: an X server that is a SPICE server, with a library of choice; and the picture as the X server has it."""
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from qemu import TOP, free_port

XORG = "/usr/lib/xorg/Xorg"  # the server itself: /usr/bin/Xorg is a script that starts it
DRIVER = "/usr/lib/xorg/modules/drivers/spiceqxl_drv.so"
# Debian's build of the driver has lost its built-in defaults: without the sizes it crashes before it calls the library.
OPTIONS = {
    "SpiceDisableTicketing": "True", "SpiceAddr": "127.0.0.1", "SpiceImageCompression": "auto_glz",
    "SpiceStreamingVideo": "filter", "SpiceAgentMouse": "True", "SpicePlaybackCompression": "True",
    "SurfaceBufferSize": "128", "CommandBufferSize": "128", "FrameBufferSize": "16", "NumHeads": "4",
    "EnableImageCache": "True", "EnableFallbackCache": "True", "EnableSurfaces": "True",
}
CONFIGURATION = """Section "Device"
    Identifier "display"
    Driver "spiceqxl"
%s
EndSection
Section "InputDevice"
    Identifier "pointer"
    Driver "xspice pointer"
EndSection
Section "InputDevice"
    Identifier "keyboard"
    Driver "xspice keyboard"
EndSection
Section "Monitor"
    Identifier "monitor"
EndSection
Section "Screen"
    Identifier "screen"
    Monitor "monitor"
    Device "display"
    DefaultDepth 24
EndSection
Section "ServerLayout"
    Identifier "layout"
    Screen "screen"
    InputDevice "keyboard"
    InputDevice "pointer"
EndSection
Section "ServerFlags"
    Option "AutoAddDevices" "False"
EndSection
"""


class XspiceError(Exception):
    """The server or a program did not start, or ended."""


def unavailable():
    """Why there is no Xspice to run, or None."""
    if not os.path.exists(XORG) or not os.path.exists(DRIVER):
        return "xserver-xspice is not installed"
    return None


class Xspice:
    """One X server on a free display and a free port, and the programs started on it.

    lib: directory of libspice-server.so.1, "stock" = the system's. options: of the device section, over OPTIONS.
    preload: a library for LD_PRELOAD of the server. Use it in a `with`, or call close().
    """

    def __init__(self, lib=os.path.join(TOP, "build/lib"), options=None, env=None, preload=None):
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix="caravan-xspice-")
        self.log = os.path.join(self.dir, "output")  # of the library and of the driver
        self.programs = []
        self.process = None
        # The mark tells processes() whose they are.
        environment = dict(os.environ, **dict(env or {}, CARAVAN_XSPICE=self.dir))
        environment.pop("LD_LIBRARY_PATH", None)
        if lib != "stock":
            environment["LD_LIBRARY_PATH"] = os.path.abspath(lib)
        if preload:
            environment["LD_PRELOAD"] = preload
        try:
            self._start(dict(OPTIONS, SpicePort=str(self.port), **(options or {})), environment)
        except BaseException:
            self.close()
            raise

    def _start(self, options, environment, timeout=60):
        configuration = os.path.join(self.dir, "xorg.conf")
        with open(configuration, "w") as f:
            f.write(CONFIGURATION % "\n".join('    Option "%s" "%s"' % pair for pair in options.items()))
        reader, writer = os.pipe()
        argv = [XORG, "-noreset", "-nolisten", "tcp", "-config", configuration, "-logfile",
                os.path.join(self.dir, "xorg.log"), "-displayfd", str(writer)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=[writer])
        os.close(writer)
        with open(reader) as answer:  # ends when the server does
            number = answer.readline().strip()
        if not number:
            raise XspiceError("the X server does not start: " + self.log_text() + self.server_log())
        self.display = ":" + number
        self.environment = dict(os.environ, DISPLAY=self.display, XAUTHORITY="/dev/null", LC_ALL="C",
                                CARAVAN_XSPICE=self.dir)
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.run("xrandr")
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def run(self, *argv, timeout=60):
        """Runs an X program to its end and gives what it said."""
        return subprocess.run(argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, check=True).stdout

    def spawn(self, *argv, output=None):
        """Starts an X program that goes on; its output goes to the file. close() ends it."""
        with open(output or os.devnull, "wb") as out:
            program = subprocess.Popen(argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=out, start_new_session=True)
        self.programs.append(program)
        return program

    def wait_window(self, name, timeout=30):
        """The id of a visible window whose title contains the name."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                return int(self.run("xdotool", "search", "--onlyvisible", "--name", name).split()[0])
            except subprocess.CalledProcessError:
                time.sleep(0.1)
        raise XspiceError("no window " + name)

    def picture(self):
        """(width, height, RGB rows): all windows as they are on the screen, without the pointer."""
        return from_xwd(self.run("xwd", "-root", "-silent"))

    def screen_sum(self):
        """SHA-256 of the screen's RGB bytes, as gtk-client gives it."""
        return hashlib.sha256(self.picture()[2]).hexdigest()

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def server_log(self):
        try:
            with open(os.path.join(self.dir, "xorg.log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def warnings(self):
        """What the library complains of, without times and process ids."""
        return [line.split(": ", 1)[-1] for line in self.log_text().splitlines()
                if any(word in line for word in ("WARNING", "CRITICAL", "ERROR", "Spice-", "assert", "Sanitizer"))]

    def processes(self):
        """The ids of all processes that were started for it and live, children of children too."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/environ", "rb") as f:
                    if f"CARAVAN_XSPICE={self.dir}\0".encode() in f.read():
                        found.append(int(entry))
            except OSError:  # it has just ended, or is somebody else's
                continue
        return found

    def stop(self, timeout=20):
        """Ends the server as a user does; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise XspiceError("the X server does not end: " + self.log_text()) from None

    def close(self):
        """Ends everything, by force; nothing is left, no socket and no lock either."""
        for program in self.programs:
            for number in (signal.SIGTERM, signal.SIGKILL):  # the whole session: xterm has a shell
                try:
                    os.killpg(program.pid, number)
                    program.wait(2)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
            program.wait()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def from_xwd(data):
    """The picture in what xwd wrote: 32 bits a pixel, little endian, as every X server here has it."""
    (header_size, version, _format, _depth, width, height, _offset, byte_order, _unit, _order, _pad, bits, stride,
     _class, red, green, blue, _per_rgb, _entries, colors) = struct.unpack_from(">20I", data)
    if version != 7 or byte_order != 0 or bits != 32 or (red, green, blue) != (0xff0000, 0xff00, 0xff):
        raise ValueError("an xwd of another kind")
    start = header_size + 12 * colors
    rows = bytearray()
    for y in range(height):
        row = data[start + y * stride:start + y * stride + 4 * width]
        rgb = bytearray(3 * width)
        rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
        rows += rgb
    return width, height, bytes(rows)
