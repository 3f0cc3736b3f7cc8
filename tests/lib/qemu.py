# SPDX-License-Identifier: LGPL-2.1-or-later
"""Qemu: runs one unmodified QEMU with a SPICE server library of choice, and talks QMP to it."""
import collections
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = "qemu-system-x86_64"
# With a multiple of 256 KiB QEMU 7.2's TCG forgets to watch for what the guest writes after it began to migrate, and
# some of that is missing at the destination. (Not so with this size. The qxl device's memory has no such way out.)
ODD_KIB = 8


class QemuError(Exception):
    """A QMP command failed, took too long, or QEMU ended."""


def unavailable():
    """Why there is no QEMU to run, or None."""
    return None if shutil.which(PROGRAM) else PROGRAM + " is not installed"


def free_port():
    """A port that nobody listens on; not one of those that the system gives to others in the next moment."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def sanitized(lib):
    """Whether that directory's library was built with ASan."""
    return os.sep + "asan" + os.sep in lib


class Qemu:
    """A machine without a disk: its firmware's messages are the picture.

    lib: directory of libspice-server.so.1, "stock" = the system's. incoming: waits for a migration on .migrate_port.
    local: SPICE listens on the UNIX socket .spice_path instead of .port.
    memory: MiB. tls: directory with certificates, then there is a .tls_port, too. spice: further options of -spice.
    """

    def __init__(self, vga="std", lib=os.path.join(TOP, "build/lib"), incoming=False, seamless=True, local=False,
                 extra=(), env=None, memory=64, tls=None, spice=""):
        self.port = free_port()
        self.migrate_port = free_port()
        self.dir = tempfile.mkdtemp(prefix="caravan-qemu-")
        path = os.path.join(self.dir, "qmp")
        self.spice_path = os.path.join(self.dir, "spice")
        listen = "unix=on,addr=" + self.spice_path if local else "port=%d,addr=127.0.0.1" % self.port
        self.tls_port = free_port() if tls else None
        if tls:
            listen += ",tls-port=%d,x509-dir=%s" % (self.tls_port, tls)
        if spice:
            listen += "," + spice
        environment = dict(os.environ, **(env or {}))
        environment.pop("LD_LIBRARY_PATH", None)
        if lib != "stock":
            environment["LD_LIBRARY_PATH"] = os.path.abspath(lib)
        if sanitized(lib):  # its run-time library has to come before everything else
            environment["LD_PRELOAD"] = subprocess.check_output(
                ["gcc", "-print-file-name=libasan.so"], text=True).strip()
            environment.setdefault("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0")
        argv = [PROGRAM, "-M", "pc", "-m", "%dK" % (memory * 1024 + ODD_KIB), "-nodefaults", "-display", "none", "-qmp",
                "unix:%s,server=on,wait=off" % path, "-spice",
                "%s,disable-ticketing=on,seamless-migration=%s" % (listen, "on" if seamless else "off")]
        argv += ["-device", "virtio-vga"] if vga == "virtio" else ["-vga", vga]
        if incoming:
            argv += ["-incoming", "tcp:127.0.0.1:%d" % self.migrate_port]
        self.log = os.path.join(self.dir, "log")
        self.events = []
        self.transcript = collections.deque(maxlen=12)  # of the monitor, for people
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv + list(extra), env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        self._connect(path)

    def _connect(self, path, timeout=20):
        deadline = time.monotonic() + timeout
        self._socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self._socket.connect(path)
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise QemuError("QEMU does not start: " + self.log_text()) from None
                time.sleep(0.02)
        self._socket.settimeout(30)
        self._file = self._socket.makefile()  # to read only: one for both forgets what it has read when it writes
        self._file.readline()
        self.qmp("qmp_capabilities")

    def qmp(self, command, **arguments):
        self.transcript.append("> %s %s" % (command, arguments))
        self._socket.sendall((json.dumps({"execute": command, "arguments": arguments}) + "\n").encode())
        while True:
            line = self._file.readline()
            if not line:
                raise QemuError("QEMU ended: " + self.log_text())
            self.transcript.append(line.strip()[:300])
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer["event"])
            elif "error" in answer:
                raise QemuError("%s: %s" % (command, answer["error"]))
            else:
                return answer["return"]

    def add_client(self, tls=False, skip_auth=False):
        """A connected socket whose other end the machine was given by its monitor."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = {"execute": "getfd", "arguments": {"fdname": "client"}}
            socket.send_fds(self._socket, [(json.dumps(command) + "\n").encode()], [theirs.fileno()])
            self.qmp("query-status")  # takes the answer of getfd; its own comes with the next command
            self._file.readline()
            self.qmp("add_client", protocol="spice", fdname="client", tls=tls, skipauth=skip_auth)
        return ours

    def screen_sum(self, device=None, head=0):
        """SHA-256 of the screen's RGB bytes, as gtk-client gives it; of the first display, or of a device by its id."""
        path = os.path.join(self.dir, "screen.ppm")
        self.qmp("screendump", filename=path, **({"device": device, "head": head} if device else {}))
        with open(path, "rb") as f:
            return hashlib.sha256(f.read().split(b"\n", 3)[3]).hexdigest()

    def shown_by(self, client, timeout=15):
        """Whether the client comes to show what the screen shows (a firmware's text cursor blinks)."""
        deadline = time.monotonic() + timeout
        while not client.wait_sum(self.screen_sum(), timeout=0):  # it has none while QEMU exchanges the surface
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def migrate_to(self, other, client_port=None, timeout=30, linked=None, info=None):
        """A live migration in the order of a management layer; returns when it is complete.

        info: what clients are told besides the host's name, instead of its plain port.
        linked: a function that waits until the client is connected to the other host; without one it has half a second.
        """
        self.qmp("client_migrate_info", protocol="spice", hostname="127.0.0.1", **(info or {"port": client_port or other.port}))
        if linked:
            linked()
            time.sleep(0.2)  # the source has to hear of it too
        else:
            time.sleep(0.5)
        self.qmp("migrate", uri="tcp:127.0.0.1:%d" % other.migrate_port)
        deadline = time.monotonic() + timeout
        while True:
            status = self.qmp("query-migrate").get("status")
            if status == "completed":
                return
            if status == "failed" or time.monotonic() > deadline:
                raise QemuError("migration: %s; %s" % (status, self.log_text()))
            time.sleep(0.05)

    def wait_running(self, timeout=20):
        """Until the guest runs: at a destination, a moment after the source has completed."""
        deadline = time.monotonic() + timeout
        while not self.qmp("query-status")["running"]:
            if time.monotonic() > deadline:
                raise QemuError("the guest does not run: " + self.log_text())
            time.sleep(0.02)

    def wait_migrated(self, timeout=15):
        """Until SPICE says that the client has left."""
        deadline = time.monotonic() + timeout
        while not self.qmp("query-spice")["migrated"]:
            if time.monotonic() > deadline:
                raise QemuError("the client does not leave")
            time.sleep(0.05)

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def close(self):
        if self.process.poll() is None:
            try:
                self.qmp("quit")
                self.process.wait(10)
            except (QemuError, OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        self._socket.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
