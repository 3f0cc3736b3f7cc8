# SPDX-License-Identifier: LGPL-2.1-or-later
"""Voyage: one client that travels between unmodified QEMUs, with a wiretap in between, and all judged at the end.

    with Voyage() as v:
        a = v.guest()
        v.connect(a)
        b = v.guest(incoming=True)
        v.begin(a, b)
        v.move(a, b)
        v.equal(b)

The monitors get the commands that a management layer gives, one by one, so that a test can do something in between.
What a library or the client writes to its log at level warning or above is a failure, unless expect() allowed it.
"""
import json
import os
import re
import shutil
import tempfile
import time

from bare_guest import BareGuest
from client import STOCK_COMPLAINT, Client
from qemu import TOP
from wiretap import Wiretap

LOCAL = "127.0.0.1"
LIB = os.path.join(TOP, os.environ.get("CARAVAN_BUILD", "build"), "lib")
MAIN, DISPLAY, PORT = 1, 2, 10
MIGRATION_MESSAGES = {"BEGIN": 101, "CANCEL": 102, "SWITCH_HOST": 111, "END": 112, "BEGIN_SEAMLESS": 116}
MIGRATION_ANSWERS = (102, 103, 111)  # CONNECTED, CONNECT_ERROR, CONNECTED_SEAMLESS
COMPLETED = "SPICE_MIGRATE_COMPLETED"
SLOW = 64 * 1024  # bytes a second: the memory of a drawing guest is never copied to the end
FAST = 1 << 30
COMPLAINT = re.compile(r"(WARNING|CRITICAL|ERROR) \*\*|(warning|error|critical): Spice|Spice-")


def until(true, what, timeout=20, pause=0.05):
    """Waits until true() is; gives its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("not in time: " + what)
        time.sleep(pause)


class Voyage:
    """stock: a stock library takes part, which breaks some rules of the protocol. Further options go to the client."""

    def __init__(self, stock=False, **client_options):
        self.stock = stock
        self.client_options = client_options
        self.guests = []
        self.client = None
        self.doors = {}
        self._allowed = {}
        self._client_allowed = [STOCK_COMPLAINT] if stock else []

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="caravan-voyage-")
        self.tap = Wiretap()
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self._judge()
            else:
                self._print_logs()
        finally:
            if self.client:
                self.client.close()
            for guest in self.guests:
                guest.close()
            self.tap.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    # Machines and the client

    def guest(self, incoming=False, lib=LIB, door=True, **options):
        """A machine more. door: clients reach it through the wiretap."""
        report = self._path("report-%d" % len(self.guests))
        guest = BareGuest(incoming=incoming, lib=lib, env={"SPICE_CARAVAN_REPORT": report}, **options)
        guest.report_path, guest.stock_library = report, lib == "stock"
        self.guests.append(guest)
        if door:
            self.doors[guest] = self.tap.add_route(LOCAL, guest.port)
        return guest

    def retire(self, guest):
        """Its migration is over; its log is judged now."""
        self._judge_log(guest)
        self.guests.remove(guest)
        guest.close()

    def connect(self, guest, **options):
        if self.client:
            self.client.close()
        self.client = Client(self.doors.get(guest), log=self._path("client"), **dict(self.client_options, **options))
        self.client.wait_picture()

    def equal(self, guest, what="picture", timeout=20):
        """The client comes to show what the machine's screen shows."""
        until(lambda: guest.screen_sum() == self.client.shown(), "%s: the client's and the machine's differ" % what, timeout)

    def draw(self, guest, scenes):
        """A command that a machine gets while its state is being loaded is lost: so it must run."""
        if scenes:
            until(lambda: guest.qmp("query-status")["running"], "the machine runs")
            guest.draw(scenes)

    # What a management layer does

    def begin(self, source, target, port=None, linked=True):
        """client_migrate_info. linked: waits until the client is connected to the target."""
        self.client.poll()
        self.client.events = [e for e in self.client.events if e.get("event") != "migration-state"]
        source.qmp("client_migrate_info", protocol="spice", hostname=LOCAL, port=port or self.doors[target])
        if linked:
            self.wait_linked()

    def wait_linked(self):
        self.client.wait_event("migration-state", state="migrating", timeout=20)

    def wait_left(self, source, target):
        """The client, which was told to link to a target and was called back since, is not there any more.

        It reads the second message only when it has answered the first.
        """
        def answered():
            return any(c["from_client"]["types"].get(str(number), {}).get("messages", 0)
                       for phase in self.tap.stats()["phases"] for c in phase["channels"] for number in MIGRATION_ANSWERS
                       if c["type"] == MAIN and c["route"] == list(self.doors).index(source))
        until(answered, "the client's answer")
        until(lambda: not target.qmp("query-spice").get("channels"), "the client leaves")

    def start(self, source, target, bandwidth=FAST):
        source.qmp("migrate-set-parameters", **{"max-bandwidth": bandwidth})
        source.qmp("migrate", uri="tcp:%s:%d" % (LOCAL, target.migrate_port))

    def status(self, source):
        return source.qmp("query-migrate").get("status")

    def wait_status(self, source, *wanted, timeout=30):
        return until(lambda: self.status(source) in wanted, "migration %s; it is %s" % (wanted, self.status(source)),
                     timeout)

    def finish(self, source, target, events=1):
        """Waits for the end of a migration that goes well, and looks at what the source says about the client."""
        self.wait_status(source, "completed", "failed")
        assert self.status(source) == "completed", source.log_text()
        source.wait_migrated()
        source.qmp("query-status")
        assert source.events.count(COMPLETED) == events, source.events
        assert source.events.index("STOP") < source.events.index(COMPLETED) if "STOP" in source.events else True
        assert target.qmp("query-spice")["migrated"] is False

    def move(self, source, target):
        """From "the client is linked" to "the client has arrived"."""
        self.not_migrated(source)
        self.start(source, target)
        self.finish(source, target)
        self.client.wait_migrated()

    def hop(self, source, target, before="", after="pd"):
        """A whole seamless migration, nothing sent twice."""
        self.draw(source, before)
        self.equal(source, "before")
        self.begin(source, target)
        self.tap.mark("switch")
        self.move(source, target)
        self.arrived(target, after)

    def arrived(self, target, after="pd", name="switch"):
        """The client shows the target's picture, with all that it had, and goes on to."""
        self.equal(target, "after the switch")
        self.tap.mark("after")
        self.draw(target, after)
        self.equal(target, "after drawing on")
        if self.stock:
            return
        stats = self.tap.stats()
        for phase in (name, "after"):
            counts = self.tap.phase(phase, stats)["total"]["cache"]
            for bad in ("inval_all", "resent", "resent_lost", "missing"):
                assert counts[bad] == 0, (phase, counts)

    # What is looked at

    def not_migrated(self, *guests):
        """They have not said (by now) that a client has left."""
        for guest in guests:
            assert guest.qmp("query-spice")["migrated"] is False
            assert COMPLETED not in guest.events, guest.events

    def at_home(self, source, scenes="f"):
        """The session goes on where it was."""
        self.draw(source, scenes)
        self.equal(source, "at the source")
        self.not_migrated(source)

    def messages(self, guest, *phases):
        """Migration messages that this machine sent on main channels in these phases of the wiretap."""
        route = list(self.doors).index(guest)
        found = {}
        stats = self.tap.stats()
        for phase in phases:
            for c in self.tap.phase(phase, stats)["channels"]:
                for word, number in MIGRATION_MESSAGES.items():
                    n = c["from_server"]["types"].get(str(number), {}).get("messages", 0)
                    if c["type"] == MAIN and c["route"] == route and n:
                        found[word] = found.get(word, 0) + n
        return found

    def reports(self, guest, role="source"):
        """(result, mode) of the migration reports of this machine in that role, oldest first."""
        if not os.path.exists(guest.report_path):
            return []
        with open(guest.report_path) as stream:
            lines = [json.loads(line) for line in stream]
        return [(r["result"], r["mode"]) for r in lines if r["role"] == role]

    # Verdicts

    def expect(self, guest, pattern):
        """A complaint that this machine may write to its log."""
        self._allowed.setdefault(guest, []).append(pattern)

    def expect_of_client(self, pattern):
        self._client_allowed.append(pattern)

    def _judge_log(self, guest):
        if guest.stock_library:
            return
        for line in guest.log_text().splitlines():
            if COMPLAINT.search(line) and not any(re.search(p, line) for p in self._allowed.get(guest, ())):
                raise AssertionError("log: " + line)

    def _judge(self):
        for guest in self.guests:
            self._judge_log(guest)
        assert self.stock or not self.tap.violations(), self.tap.violations()
        if os.path.exists(self._path("client")):
            with open(self._path("client"), errors="replace") as stream:
                for line in stream:
                    if COMPLAINT.search(line) and not any(re.search(p, line) for p in self._client_allowed):
                        raise AssertionError("the client's log: " + line)

    def _print_logs(self):
        for name, text in [("machine %d" % n, g.log_text()) for n, g in enumerate(self.guests)]:
            for line in text.splitlines()[-15:]:
                print("# %s: %s" % (name, line))
        for number, guest in enumerate(self.guests):
            for line in guest.transcript:
                print("# monitor %d: %s" % (number, line))
        if os.path.exists(self._path("client")):
            with open(self._path("client"), errors="replace") as stream:
                for line in stream.read().splitlines()[-15:]:
                    print("# client: %s" % line)

    def _path(self, name):
        return os.path.join(self.directory, name)


def drawing(guest):
    """Lets the guest draw until the next draw()."""
    guest.draw("w")


def kill(guest):
    """kill -9."""
    guest.process.kill()
    guest.process.wait()
