# SPDX-License-Identifier: LGPL-2.1-or-later
"""LinuxGuest: a QEMU with the small Linux guest of tests/guests/linux, which draws with X on command."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

from qemu import TOP, Qemu, QemuError

SOURCE = os.path.join(TOP, "tests/guests/linux")
FILES = os.path.join(TOP, "build/guests/linux")
VGA = {"native": "qxl", "kms": "qxl", "kmsqxl": "qxl", "std": "std", "virtio": "virtio", "text": "std"}


def build():
    """Makes the guest, where it is not there or not up to date; the first time this takes some minutes."""
    subprocess.run([os.path.join(SOURCE, "build.sh"), FILES], check=True)


class LinuxGuest(Qemu):
    """command("picture 3") has the guest do one of painter's commands (see tests/guests/linux/painter.c).

    mode: native (X driver qxl without a kernel driver), kms (kernel driver qxl, X driver modesetting), kmsqxl (both qxl),
    std, virtio, text (no X). caches: the X driver qxl uses surfaces and the image cache. heads: monitors of the first card; cards: QXL devices. agent: a port for spice-vdagent, which
    then runs. tablet: an absolute pointing device. wait: returns when X is up. A destination needs the same options and
    incoming=True; it takes commands once it runs.
    """

    def __init__(self, mode="native", incoming=False, size="1024x768", heads=1, cards=1, agent=False, tablet=False,
                 caches=True,
                 wait=True, boot_timeout=240, **options):
        build()
        self._lines = tempfile.mkdtemp(prefix="caravan-linux-")
        line = os.path.join(self._lines, "line")
        self.console = os.path.join(self._lines, "console")
        append = "quiet mitigations=off nokaslr random.trust_cpu=on console=ttyS1 panic=-1 mode=%s size=%s heads=%d cards=%d agent=%d caches=%d" % (
            mode, size, heads, cards, agent, caches)
        # Without vmport the mouse is a plain one; the guest would find an absolute one behind that port.
        extra = ["-accel", "tcg", "-cpu", "max", "-machine", "vmport=off", "-kernel", os.path.join(FILES, "vmlinux"), "-initrd", os.path.join(FILES, "initrd"),
                 "-append", append, "-no-reboot",
                 "-drive", "file=%s,format=raw,if=none,id=disk,readonly=on" % os.path.join(FILES, "root.img"),
                 "-device", "virtio-blk-pci,drive=disk",
                 "-serial", "unix:%s,server=on,wait=off" % line, "-serial", "file:" + self.console]
        if VGA[mode] == "qxl" and heads > 1:
            extra += ["-global", "qxl-vga.max_outputs=%d" % heads]
        if VGA[mode] == "virtio" and heads > 1:
            extra += ["-global", "virtio-vga.max_outputs=%d" % heads]
        for number in range(1, cards):
            extra += ["-device", "qxl,id=card%d" % number]
        if agent:
            extra += ["-device", "virtio-serial-pci", "-chardev", "spicevmc,id=agent,name=vdagent",
                      "-device", "virtserialport,chardev=agent,name=com.redhat.spice.0"]
        if tablet:
            extra += ["-device", "virtio-tablet-pci"]
        super().__init__(VGA[mode], incoming=incoming, memory=384, extra=extra + list(options.pop("extra", ())), **options)
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(line)
        self._received = b""
        self._count = 0
        if wait and not incoming:
            self.wait_up(boot_timeout)

    def wait_up(self, timeout=240):
        """Until the guest's X server is there, and a window that covers the screen."""
        deadline = time.monotonic() + timeout
        while self._read_line(deadline) != "0 ready":
            pass

    def _read_line(self, deadline):
        while b"\n" not in self._received:
            self._line.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                part = self._line.recv(4096)
            except TimeoutError:
                raise QemuError("the guest does not answer: " + self.console_text()) from None
            if not part:
                raise QemuError("the guest's line is closed: " + self.log_text())
            self._received += part
        line, self._received = self._received.split(b"\n", 1)
        line = line.decode(errors="replace").strip()
        if line == "dead":
            raise QemuError("the guest's X server or painter ended: " + self.console_text())
        return line

    def command(self, text, timeout=60):
        """Returns what the guest says, "" for most commands, when X has done it. QemuError where the command failed."""
        self._count += 1
        tag = str(self._count)
        self._line.settimeout(timeout)
        self._line.sendall(("%s %s\n" % (tag, text)).encode())
        deadline, said = time.monotonic() + timeout, []
        while True:
            head, _, rest = self._read_line(deadline).partition(" ")
            if head != tag:
                continue
            if rest.startswith("= "):
                said.append(rest[2:])
            elif rest == "ok":
                return "\n".join(said)
            else:
                raise QemuError("%s: %s; %s" % (text, rest, "\n".join(said)))

    def shell(self, text, timeout=60):
        return self.command("shell " + text, timeout)

    def draw(self, *commands):
        for text in commands:
            self.command(text)

    def console_text(self):
        try:
            with open(self.console, errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def close(self):
        self._line.close()
        super().close()
        shutil.rmtree(self._lines, ignore_errors=True)
