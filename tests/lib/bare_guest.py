# SPDX-License-Identifier: LGPL-2.1-or-later
"""BareGuest: a QEMU with the bare-metal guest of tests/guests/bare, which draws scenes on command."""
import fcntl
import os
import socket
import subprocess
import tempfile
import time
from collections import namedtuple

from qemu import TOP, Qemu, QemuError

Counts = namedtuple("Counts", "written read wrong bytes")  # wrong: position of the first wrong byte, or None
SOURCE = os.path.join(TOP, "tests/guests/bare")
PROGRAM = os.path.join(TOP, "build/guests/bare.elf")


def build():
    os.makedirs(os.path.dirname(PROGRAM), exist_ok=True)
    with open(PROGRAM + ".lock", "w") as lock:  # several tests may run at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", SOURCE, "OUT=" + PROGRAM], check=True)


AGENT = "com.redhat.spice.0"


def port_options(names):
    """Options for a virtio-serial device with these ports: the agent's, and others."""
    options = ["-device", "virtio-serial-pci"] if names else []
    for number, name in enumerate(names, 1):
        kind = "spicevmc,name=vdagent" if name == AGENT else "spiceport,name=" + name
        options += ["-chardev", "%s,id=char%d" % (kind, number),
                    "-device", "virtserialport,nr=%d,chardev=char%d,name=%s" % (number, number, name)]
    return options


class BareGuest(Qemu):
    """draw("pn") sends the scenes' letters (see guest.c) one after the other and waits for each.

    ports: names of its virtio-serial ports, which it opens with draw("O").
    """

    def __init__(self, incoming=False, ports=(), **options):
        build()
        self._serial_dir = tempfile.mkdtemp(prefix="caravan-serial-")
        path = os.path.join(self._serial_dir, "serial")
        extra = ["-accel", "tcg", "-kernel", PROGRAM, "-serial", "unix:%s,server=on,wait=off" % path]
        extra += port_options(ports)
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
        for scene in scenes:
            self._ask(scene, timeout)

    def _ask(self, letter, timeout=20):
        """The lines that the guest answers before its k."""
        self.wait_running(timeout)  # what comes on the line before is lost
        self._serial.settimeout(timeout)
        self._serial.sendall(letter.encode())
        answer = b""
        while not ("\n" + answer.decode()).endswith("\nk\n"):
            part = self._serial.recv(4096)
            if not part:
                raise QemuError("the guest's line is closed")
            answer += part
        return answer.decode().splitlines()[:-1]

    def counts(self):
        """Of each numbered stream: {port: Counts}."""
        found = {}
        for line in self._ask("r"):
            if " broken" in line:
                raise QemuError("the guest's agent got what is no message, or an answer too many: " + line)
            name, written, read, wrong, *rest = line.split(" ")
            found[name] = Counts(int(written, 16), int(read, 16), None if wrong == "-" else int(wrong, 16),
                                 bytes.fromhex("".join(rest)))
        return found

    def close(self):
        self._serial.close()
        super().close()
        for name in os.listdir(self._serial_dir):
            os.unlink(os.path.join(self._serial_dir, name))
        os.rmdir(self._serial_dir)
