# SPDX-License-Identifier: LGPL-2.1-or-later
"""BareGuest: a QEMU with the bare-metal guest of tests/guests/bare, which draws scenes on command."""
import os
import socket
import subprocess
import tempfile
import time

from qemu import TOP, Qemu, QemuError

SOURCE = os.path.join(TOP, "tests/guests/bare")
PROGRAM = os.path.join(TOP, "build/guests/bare.elf")


def build():
    os.makedirs(os.path.dirname(PROGRAM), exist_ok=True)
    subprocess.run(["make", "-s", "-C", SOURCE, "OUT=" + PROGRAM], check=True)


class BareGuest(Qemu):
    """draw("pn") sends the scenes' letters (see guest.c) one after the other and waits for each."""

    def __init__(self, incoming=False, **options):
        build()
        self._serial_dir = tempfile.mkdtemp(prefix="caravan-serial-")
        path = os.path.join(self._serial_dir, "serial")
        extra = ["-accel", "tcg", "-kernel", PROGRAM, "-serial", "unix:%s,server=on,wait=off" % path]
        super().__init__("qxl", incoming=incoming, extra=extra + list(options.pop("extra", ())), **options)
        self._serial = socket.socket(socket.AF_UNIX)
        self._serial.connect(path)
        if not incoming:
            self._hello()

    def _hello(self, timeout=30):
        """The guest answers as soon as it runs; bytes that come before are lost."""
        deadline = time.monotonic() + timeout
        self._serial.settimeout(0.3)
        while time.monotonic() < deadline:
            self._serial.sendall(b"?")
            try:
                if self._serial.recv(16):
                    break
            except TimeoutError:
                continue
        else:
            raise QemuError("the guest does not start: " + self.log_text())
        try:
            while self._serial.recv(64):
                pass
        except TimeoutError:
            pass

    def draw(self, scenes, timeout=20):
        self.wait_running(timeout)  # what comes on the line before is lost
        self._serial.settimeout(timeout)
        for scene in scenes:
            self._serial.sendall(scene.encode())
            answer = b""
            while not answer.endswith(b"k\n"):
                part = self._serial.recv(16)
                if not part:
                    raise QemuError("the guest's line is closed")
                answer += part

    def close(self):
        self._serial.close()
        super().close()
        for name in os.listdir(self._serial_dir):
            os.unlink(os.path.join(self._serial_dir, name))
        os.rmdir(self._serial_dir)
