# SPDX-License-Identifier: LGPL-2.1-or-later
"""Host: runs one caravan-host process, with this project's library or the stock one.

    with Host(lib="build/lib", recording="album-small.rec.zst") as source:
        source.play_to(6220)
        print(source.sums())

A command's answer and the events are dictionaries. Each call waits with a time limit and raises HostError when it is
exceeded, when the command failed, or when the process died. The process is killed at the end, whatever happened.
"""
import atexit
import collections
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
import weakref

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "build", "bin", "caravan-host")
_live = weakref.WeakSet()


class HostError(Exception):
    """A command failed, took too long, or the process ended."""


class Host:
    """One caravan-host.

    lib: directory of libspice-server.so.1, or "stock" for the system's.
    log: file that takes stderr; a temporary one by default (its name is in .log; it goes away after a good end).
    env: additional environment variables.  wrapper: words to put before the program (a debugger, taskset, ...).
    wait: False leaves it to the caller to call wait_ready().
    Further keywords are options of the program: recording="x.rec", port=0, displays=2, incoming=True, zlib_glz="never".
    """

    def __init__(self, lib="stock", log=None, env=None, wrapper=(), program=None, ready_timeout=60, wait=True, **options):
        argv = list(wrapper) + [program or PROGRAM]
        for name, value in options.items():
            name = "--" + name.replace("_", "-")
            if value is True:
                argv.append(name)
            elif value is not None and value is not False:
                argv.append(f"{name}={value}")
        environment = dict(os.environ, SPICE_CARAVAN_LOG="all", **(env or {}))
        environment.pop("LD_LIBRARY_PATH", None)
        if lib != "stock":
            environment["LD_LIBRARY_PATH"] = os.path.abspath(lib)
        self._own_log = log is None
        self._log_text = None
        if log is None:
            fd, self.log = tempfile.mkstemp(prefix="caravan-host-", suffix=".log")
            stderr = os.fdopen(fd, "wb")
        else:
            self.log = log
            stderr = open(log, "ab")
        self.lib = lib
        self.events = []  # all that came and were not taken by wait_event(), oldest first
        self.counts = collections.Counter()  # of all events that ever came, by name
        self.position = 0
        self.port = None
        self._lines = queue.Queue()
        with stderr:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                                            env=environment, text=True, bufsize=1)
        _live.add(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            try:
                self.wait_ready(ready_timeout)
            except BaseException:
                self.kill()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def _read(self):
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                message = {"event": "garbage", "line": line.rstrip("\n")}
            self.counts[message.get("event")] += 1
            self._lines.put(message)
        self._lines.put(None)

    def _next(self, deadline, what):
        left = deadline - time.monotonic()
        try:
            message = self._lines.get(timeout=max(left, 0.001))
        except queue.Empty:
            raise HostError(f"no {what} in time; log: {self.log}") from None
        if message is None:
            self._lines.put(None)
            raise HostError(f"ended (code {self.process.wait(10)}) before {what}; log: {self.log}")
        return message

    def send(self, command):
        """Sends a command and does not wait."""
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise HostError(f"{command}: {error}; log: {self.log}") from None

    def wait_answer(self, name, timeout=30):
        """The answer to a command that was sent. Events that come meanwhile are kept."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline, f"answer to {name}")
            if message.get("answer") == name:
                if not message.get("ok"):
                    raise HostError(f"{name}: {message.get('error', message)}; log: {self.log}")
                return message
            self.events.append(message)

    def command(self, command, timeout=30):
        """Sends a command and returns its answer."""
        self.send(command)
        return self.wait_answer(command.split()[0], timeout)

    def wait_event(self, name, timeout=30, **fields):
        """The oldest event of that name (and with these fields) that was not taken yet."""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            for i in range(seen, len(self.events)):
                event = self.events[i]
                if event.get("event") == name and all(event.get(k) == v for k, v in fields.items()):
                    return self.events.pop(i)
            seen = len(self.events)
            self.events.append(self._next(deadline, f"event {name} {fields or ''}"))

    def drain_events(self):
        """Takes all events that are there."""
        while True:
            try:
                message = self._lines.get_nowait()
            except queue.Empty:
                break
            self.events.append(message)
            if message is None:
                self.events.pop()
                self._lines.put(None)
                break
        events, self.events = self.events, []
        return events

    def wait_ready(self, timeout=60):
        event = self.wait_event("ready", timeout)
        self.port = event["port"]
        self.tls_port = event.get("tls_port")
        self.position = event["position"]
        return event

    # The commands by name

    def play_to(self, number, timeout=60):
        answer = self.command(f"play-to {number}", timeout)
        self.position = answer["position"]
        return answer

    def play(self):
        return self.command("play")

    def pause(self, timeout=30):
        answer = self.command("pause", timeout)
        self.position = answer["position"]
        return answer

    def settle(self, timeout=30):
        return self.command("settle", timeout)

    def sums(self, timeout=60):
        """The SHA-256 of each display's primary, as RGB rows from the top."""
        return [display["sha256"] for display in self.command("sums", timeout)["displays"]]

    def shot(self, path, display=0, timeout=60):
        return self.command(f"shot {path} {display}", timeout)

    def vm_stop(self, timeout=70):
        return self.command("vm-stop", timeout)

    def vm_start(self, timeout=30):
        return self.command("vm-start", timeout)

    def load(self, number, timeout=120):
        answer = self.command(f"load {number}", timeout)
        self.position = answer["position"]
        return answer

    def clients(self):
        return self.command("clients")["clients"]

    def wait_clients(self, n, timeout=10):
        """Until that many clients are connected."""
        deadline = time.monotonic() + timeout
        while self.clients() != n:
            if time.monotonic() > deadline:
                raise HostError(f"{self.clients()} clients instead of {n}; log: {self.log}")
            time.sleep(0.02)

    def descriptors(self, timeout=10):
        """How many files and sockets it has open, once that has come to rest."""
        count, since, deadline = -1, 0, time.monotonic() + timeout
        while time.monotonic() - since < 0.3:
            now = len(os.listdir(f"/proc/{self.process.pid}/fd"))
            if now != count:
                count, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise HostError("its connections do not come to rest")
            time.sleep(0.02)
        return count

    def close(self, timeout=20):
        """Asks it to quit, kills it if it does not; returns the exit code."""
        if self.process.poll() is None:
            try:
                self.send("quit")
                self.process.wait(timeout)
            except (HostError, subprocess.TimeoutExpired):
                pass
        self.kill()
        return self.process.returncode

    def kill(self):
        _live.discard(self)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass
        if self._own_log and self.process.returncode == 0 and os.path.exists(self.log):
            self._log_text = self.log_text()
            os.unlink(self.log)

    def log_text(self):
        if self._log_text is not None:
            return self._log_text
        with open(self.log, errors="replace") as stream:
            return stream.read()


def migrate(source, destination, address="127.0.0.1", run=True):
    """A whole migration in QEMU's order, with the destination's load between the source's stop and its end.

    Returns times in ms. `run`: start the destination's machine at the end, as without QEMU's -S.
    """
    times = {}

    def timed(name, action):
        before = time.monotonic()
        result = action()
        times[name] = round((time.monotonic() - before) * 1000, 3)
        return result

    source.events = [e for e in source.events if e.get("event") not in ("connect-complete", "end-complete")]
    timed("connect", lambda: (source.command(f"migrate-connect {address} {destination.port}"),
                              source.wait_event("connect-complete", 12)))
    source.command("migrate-start")
    before = time.monotonic()
    timed("pause", source.pause)
    timed("stop", source.vm_stop)
    position = source.position
    timed("load", lambda: destination.load(position))
    timed("end", lambda: (source.command("migrate-end 1"), source.wait_event("end-complete", 15)))
    if run:
        timed("start", destination.vm_start)
    times["down"] = round((time.monotonic() - before) * 1000, 3)
    times["position"] = position
    return times


@atexit.register
def _kill_all():
    for host in list(_live):
        host.kill()
