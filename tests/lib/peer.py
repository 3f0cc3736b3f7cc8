# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test program that is driven by lines: commands on its stdin, JSON objects on its stdout ("answer" or "event")."""
import atexit, collections, json, os, queue, subprocess, threading, time, weakref

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(name):
    """Path of a built program; CARAVAN_BUILD chooses another build, for instance build/asan."""
    return os.path.join(TOP, os.environ.get("CARAVAN_BUILD", "build"), "obj", name)


_live = weakref.WeakSet()


@atexit.register
def _kill_all():
    for peer in list(_live):
        if peer.alive():
            peer.process.kill()


class PeerError(Exception):
    pass


class Peer:
    """One running program. Use it in a `with`, or call close(). Its stderr goes to the file `log`."""

    def __init__(self, argv, log=None, env=None):
        self.name = os.path.basename(argv[0])
        self.events = []  # not taken yet, oldest first
        self._answers = collections.defaultdict(collections.deque)
        self._lines = queue.Queue()
        self._log = open(log, "ab") if log else None
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self._log or subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
        _live.add(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                self._lines.put(value)
        self._lines.put(None)

    def _take(self, deadline):
        """Files one line; False at the end of the program. Raises PeerError after the deadline."""
        try:
            value = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise PeerError("%s: timeout" % self.name) from None
        if value is None:
            self._lines.put(None)
            return False
        if "answer" in value:
            self._answers[value["answer"]].append(value)
        else:
            self.events.append(value)
        return True

    def poll(self):
        """Files what has come so far; returns all events that were not taken."""
        while True:
            try:
                if not self._take(time.monotonic()):
                    return self.events
            except PeerError:
                return self.events

    def command(self, *words, timeout=30):
        """Sends a command, returns its answer. Raises PeerError if that says "ok": false, or does not come."""
        line = " ".join(str(w) for w in words)
        deadline = time.monotonic() + timeout
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except OSError as e:
            raise PeerError("%s: %s: %s" % (self.name, line, e)) from None
        answers = self._answers[str(words[0])]
        while not answers:
            if not self._take(deadline):
                raise PeerError("%s: ended before it answered: %s" % (self.name, line))
        answer = answers.popleft()
        if answer.get("ok") is False:
            raise PeerError("%s: %s: %s" % (self.name, line, answer.get("error")))
        return answer

    def wait_event(self, name, timeout=30, **fields):
        """Takes the oldest event of that name (and with these fields) that was not taken yet."""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            for i in range(seen, len(self.events)):
                event = self.events[i]
                if event.get("event") == name and all(event.get(k) == v for k, v in fields.items()):
                    return self.events.pop(i)
            seen = len(self.events)
            if not self._take(deadline):
                raise PeerError("%s: ended before event %s %s" % (self.name, name, fields or ""))

    def alive(self):
        return self.process.poll() is None

    def close(self, timeout=10):
        """Ends the program, by force if it must be. Returns its exit code."""
        if self.alive():
            try:
                self.process.stdin.write(b"quit\n")
                self.process.stdin.flush()
                self.process.stdin.close()
            except OSError:
                pass
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join(5)
        if self._log:
            self._log.close()
            self._log = None
        return code

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
        return False
