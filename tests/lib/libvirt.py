# SPDX-License-Identifier: LGPL-2.1-or-later
"""A libvirt daemon of the test's own, with machines that run the bare-metal guest, and virsh to command it."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import bare_guest
import pictures
from qemu import TOP, free_port

NOBODY = 65534  # for root: session mode, which needs no system services, is for everybody else
DOMAIN = """<domain xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0" type="qemu">
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit="MiB">64</memory>
  <os><type arch="x86_64" machine="pc">hvm</type><kernel>{kernel}</kernel></os>
  <devices>
    <graphics type="spice" autoport="yes" listen="127.0.0.1"/>
    <video><model type="qxl"/></video>
    <serial type="unix"><source mode="bind" path="{serial}"/></serial>
    <memballoon model="none"/>
  </devices>
  {environment}
</domain>
"""
ENVIRONMENT = """<qemu:commandline><qemu:env name="LD_LIBRARY_PATH" value="%s"/></qemu:commandline>"""


class LibvirtError(Exception):
    """A command failed or took too long."""


def unavailable():
    """Why there is no libvirt to run, or None."""
    missing = [p for p in ("libvirtd", "virsh", "qemu-system-x86_64") if not shutil.which(p)]
    return ", ".join(missing) + " missing" if missing else None


def virsh(*words, timeout=60):
    done = subprocess.run(["virsh", "-q", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, check=False, env=dict(os.environ, LC_ALL="C"))
    if done.returncode:
        raise LibvirtError(f"virsh {' '.join(words)}: {done.stdout.decode(errors='replace')}")
    return done.stdout.decode()


class Daemon:
    """libvirtd in session mode with directories, a port and an identity of its own. Use it in a `with`, or close()."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="caravan-libvirt-")
        self.port = free_port()
        self.uri = f"qemu+tcp://127.0.0.1:{self.port}/session"
        self.log = os.path.join(self.dir, "log")
        self.domains = []
        environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
        environment.update(HOME=self.dir, LC_ALL="C")
        for name in ("RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME", "DATA_HOME"):
            path = os.path.join(self.dir, name)
            os.makedirs(os.path.join(path, "libvirt"))
            environment["XDG_" + name] = path
        self._configure(os.path.join(self.dir, "CONFIG_HOME", "libvirt"))
        argv = ["libvirtd", "--listen", "--config", os.path.join(self.dir, "CONFIG_HOME/libvirt/libvirtd.conf"),
                "--pid-file", os.path.join(self.dir, "pid")]
        if os.geteuid() == 0:
            for path, names, files in os.walk(self.dir):
                for entry in [path] + [os.path.join(path, n) for n in names + files]:
                    os.chown(entry, NOBODY, NOBODY)
            argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] + argv
        with open(os.path.join(self.dir, "output"), "wb") as out:
            self.process = subprocess.Popen(argv, cwd=self.dir, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _configure(self, directory):
        with open(os.path.join(directory, "libvirtd.conf"), "w") as f:
            f.write(f'listen_tls = 0\nlisten_tcp = 1\nauth_tcp = "none"\nlisten_addr = "127.0.0.1"\n'
                    f'tcp_port = "{self.port}"\nlog_outputs = "3:file:{self.log}"\n'
                    f'host_uuid = "{uuid.uuid4()}"\n')  # two daemons with one identity refuse to migrate
        with open(os.path.join(directory, "qemu.conf"), "w") as f:
            f.write('stdio_handler = "file"\n')  # without virtlogd

    def _wait(self, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            try:
                virsh("-c", self.uri, "list")
                return
            except LibvirtError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def virsh(self, *words, timeout=120):
        return virsh("-c", self.uri, *words, timeout=timeout)

    def create(self, name="caravan", lib=os.path.join(TOP, "build/lib")):
        """A new machine. lib: directory of libspice-server.so.1, "stock" = the system's."""
        bare_guest.build()
        # Copies: whoever the machine runs as may not be allowed to read the source tree.
        kernel = shutil.copy(bare_guest.PROGRAM, os.path.join(self.dir, "guest.elf"))
        environment = ""
        if lib != "stock":
            own = os.path.join(self.dir, "lib")
            os.makedirs(own, exist_ok=True)
            shutil.copy(os.path.join(lib, "libspice-server.so.1"), own)
            environment = ENVIRONMENT % own
        domain = Domain(self, name)
        path = os.path.join(self.dir, "domain.xml")
        with open(path, "w") as f:
            f.write(DOMAIN.format(name=name, uuid=uuid.uuid4(), kernel=kernel, serial=domain.serial_path,
                                  environment=environment))
        self.virsh("create", path)
        domain.attach()
        domain.hello()
        return domain

    def machine_log(self, name="caravan"):
        with open(os.path.join(self.dir, "CACHE_HOME/libvirt/qemu/log", name + ".log"), errors="replace") as f:
            return f.read()

    def close(self):
        for domain in self.domains:
            domain.detach()
        if self.process.poll() is None:
            try:
                for name in self.virsh("list", "--name").split():
                    self.virsh("destroy", name)
            except (LibvirtError, subprocess.TimeoutExpired):
                pass  # it goes down with what it has
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Domain:
    """A machine at one daemon: the guest draws on command, see BareGuest."""

    def __init__(self, daemon, name):
        self.daemon, self.name = daemon, name
        self.serial_path = os.path.join(daemon.dir, name + ".serial")
        self._serial = None
        daemon.domains.append(self)

    def attach(self):
        """Once the machine is here."""
        self.port = int(self.daemon.virsh("domdisplay", self.name).strip().rsplit(":", 1)[1])
        self._serial = socket.socket(socket.AF_UNIX)
        self._serial.connect(self.serial_path)

    def detach(self):
        if self._serial:
            self._serial.close()
            self._serial = None

    def hello(self, timeout=60):
        """Until the guest runs; bytes that come before are lost."""
        deadline = time.monotonic() + timeout
        self._serial.settimeout(0.5)
        heard = False
        while time.monotonic() < deadline:
            try:
                if not heard:
                    self._serial.sendall(b"?")
                heard = bool(self._serial.recv(64))
            except TimeoutError:
                if heard:
                    return
        raise LibvirtError("the guest does not start: " + self.daemon.machine_log(self.name))

    def draw(self, scenes, timeout=30):
        self._serial.settimeout(timeout)
        for scene in scenes:
            self._serial.sendall(scene.encode())
            answer = b""
            while not answer.endswith(b"k\n"):
                part = self._serial.recv(16)
                if not part:
                    raise LibvirtError("the guest's line is closed")
                answer += part

    def screen_sum(self):
        """SHA-256 of the screen's RGB bytes, as gtk-client gives it."""
        path = os.path.join(self.daemon.dir, "screen")
        self.daemon.virsh("screenshot", self.name, path)
        return hashlib.sha256(pictures.read(path)[2]).hexdigest()

    def migrate_to(self, daemon, client_port=None):
        """Live, to a daemon on this machine, Clients are sent to client_port, if given."""
        there = Domain(daemon, self.name)
        path = os.path.join(self.daemon.dir, "destination.xml")
        xml = self.daemon.virsh("dumpxml", "--migratable", self.name)
        with open(path, "w") as f:
            f.write(xml.replace(self.serial_path, there.serial_path).replace(
                os.path.join(self.daemon.dir, "lib") + "'", os.path.join(daemon.dir, "lib") + "'"))
        own, target = (os.path.join(d.dir, "lib") for d in (self.daemon, daemon))
        if os.path.isdir(own) and not os.path.isdir(target):
            shutil.copytree(own, target)
        words = ["migrate", "--live", "--xml", path, "--migrateuri", "tcp://127.0.0.1", self.name, daemon.uri]
        if client_port:
            words += ["--graphicsuri", f"spice://127.0.0.1:{client_port}"]
        self.daemon.virsh(*words)
        self.detach()
        there.attach()
        return there
