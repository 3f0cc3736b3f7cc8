# SPDX-License-Identifier: LGPL-2.1-or-later
"""Journey: one client that travels between hosts, with a wiretap in between, and everything judged at the end.

    with Journey(cache_size=1 << 20) as j:
        a = j.host()
        b = j.host(incoming=True, start=6000)
        j.connect(a)
        a.play_to(6220)
        j.hop(a, b)
        j.compare(b)

Hosts run this project's library with ASan and UBSan (CARAVAN_TEST_LIB=build/lib runs the plain build). When the `with`
ends without an exception, every host and the client are closed and judged: exit codes, sanitizer messages, warnings
that no expect() announced, criticals of the client. Programs are killed in any case.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import traceback

import cases
from client import STOCK_COMPLAINT, Client
from host import ROOT, Host, HostError
from peer import PeerError
from wiretap import Wiretap

MAIN, DISPLAY = 1, 2
INVAL_ALL_PIXMAPS, INVAL_ALL_PALETTES = 106, 108  # display messages
ADDRESS = "127.0.0.1"
ALBUM = os.path.join(ROOT, "tests", "data", "album-small.rec.zst")
ALBUM_END = 12440
LIB = os.environ.get("CARAVAN_TEST_LIB", os.path.join(ROOT, "build", "asan", "lib"))
INSPECT = os.path.join(ROOT, "build", "bin", "caravan-inspect")

SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|Assertion|ERROR:.*assertion failed")
WARNING = re.compile(r"(WARNING|CRITICAL|ERROR) \*\*")
CLIENT_CRITICAL = re.compile(r"CRITICAL \*\*|runtime error:|Sanitizer")


class Failed(AssertionError):
    """Something is not as it must be."""


def check(true, text, *values):
    if not true:
        raise Failed(text + "".join(f" {v!r}" for v in values))


def equal(got, wanted, what):
    check(got == wanted, f"{what}: {got!r} instead of {wanted!r}")


def program_of(lib):
    """A library with ASan needs a program with ASan."""
    if lib != "stock" and os.sep + "asan" + os.sep in lib:
        return os.path.join(ROOT, "build", "asan", "bin", "caravan-host")
    return None


def draw_host_of(lib):
    """The same of draw-host."""
    build = os.path.join("build", "asan") if program_of(lib) else os.environ.get("CARAVAN_BUILD", "build")
    return os.path.join(ROOT, build, "obj", "tests", "lib", "draw-host")


# For hosts that use GStreamer: GLib leaves its table of names behind then, which only complete stacks tell apart from other leaks, and they
# are too slow for a video. test-gst-encoder looks for leaks of that part.
WITH_GSTREAMER = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99"}


def inspect(path):
    """What a destination sees in a MIGRATE_DATA body: (would it take it?, the JSON)."""
    run = subprocess.run([INSPECT, path], stdout=subprocess.PIPE, timeout=60, check=False)
    check(run.returncode in (0, 1), "caravan-inspect failed:", run.returncode)
    return run.returncode == 0, json.loads(run.stdout)


class Journey:
    """See above. recording, displays, lib and further options go to every host; cache_size, without to the client."""

    def __init__(self, recording=ALBUM, lib=LIB, cache_size=None, without=(), client_env=None, **options):
        self.options = dict(recording=recording, lib=lib, **options)
        self.displays = options.get("displays", 1)
        self.client_options = dict(cache_size=cache_size, without=without, env=client_env)
        self.directory = tempfile.mkdtemp(prefix="caravan-journey-")
        self.hosts, self.expected, self.reports = [], {}, {}
        self.doors = {}  # host -> port of the wiretap that leads to it
        self.tap = self.client = None
        self.client_may_say = None  # a regular expression: complaints of the client's that are its own affair
        self.hops = 0
        self.ended = {}  # host -> [connect-complete, end-complete] still to come

    def __enter__(self):
        try:
            self.tap = Wiretap(log=os.path.join(self.directory, "tap.log"))
        except BaseException:
            shutil.rmtree(self.directory)
            raise
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.judge()
        except BaseException as late:
            error = late
            raise
        finally:
            stuck = self._connections()
            for peer in [self.client, self.tap]:
                if peer:
                    peer.process.kill()
                    peer.close()
            for host in self.hosts:
                host.kill()
            if error is not None:
                print(f"# {stuck}")
                self._print_logs()
            shutil.rmtree(self.directory, ignore_errors=True)

    def _connections(self):
        """For people: what is connected, and what servers sent on main and display channels in the last phase."""
        try:
            stats = self.tap.stats()
            links = [(x["route"], x["type"], x["id"]) for x in stats["links"]]
            types = [(x["route"], x["type"], x["id"], {k: v["messages"] for k, v in x[way]["types"].items()})
                     for x in stats["phases"][-1]["channels"] for way in ("from_server", "from_client")]
            return f"links (route, type, id): {links}; messages of the last phase: {types}"
        except (PeerError, OSError) as error:
            return repr(error)

    def _print_logs(self):
        for path in sorted(glob.glob(os.path.join(self.directory, "*.log"))):
            with open(path, errors="replace") as stream:
                for line in stream.read().splitlines()[-25:]:
                    print(f"# {os.path.basename(path)}: {line[:300]}")

    def host(self, lib=None, door=True, env=None, wait=True, **options):
        """A host more. door: clients and migrations reach it through the wiretap."""
        options = dict(self.options, **options)
        lib = lib or options.pop("lib")
        options.pop("lib", None)
        number = len(self.hosts) + 1
        report = os.path.join(self.directory, f"report{number}")
        environment = {
            "SPICE_CARAVAN_REPORT": report,
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
            "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
            **(env or {}),
        }
        host = Host(lib=lib, log=os.path.join(self.directory, f"host{number}.log"), env=environment,
                    program=program_of(lib), wait=False, **options)
        self.hosts.append(host)
        self.expected[host], self.reports[host] = [], report
        if wait:
            self.ready(host, door)
        return host

    def ready(self, host, door=True):
        host.wait_ready(120)
        self.doors[host] = self.tap.add_route(ADDRESS, host.port) if door else host.port

    def route(self, host):
        return self.tap.ports.index(self.doors[host])

    def connect(self, host, **options):
        self.client = Client(self.doors[host], log=os.path.join(self.directory, "client.log"),
                             **dict(self.client_options, **options))
        for display in range(self.displays):
            self.client.wait_event("channel", timeout=20, what="opened", type=DISPLAY, id=display)
        host.wait_clients(1)
        return self.client

    def disconnect(self):
        self.client.close()
        self.client = None

    def expect(self, host, pattern, need=True):
        """A warning that this host may write; `need`: that it must write."""
        self.expected[host].append((re.compile(pattern), need))

    def compare(self, host, what="picture", timeout=20, host_timeout=60):
        """The client comes to show what the host has."""
        for display, wanted in enumerate(host.sums(host_timeout)):
            if not self.client.wait_sum(wanted, display, timeout):
                keep = os.environ.get("CARAVAN_KEEP")
                if keep:
                    host.shot(os.path.join(keep, "host.ppm"), display)
                    self.client.shot(os.path.join(keep, "client.png"), display)
                raise Failed(f"{what}: display {display} of the client differs; {self.client.state()}")

    # One migration, step by step; hop() does all of it

    def begin(self, source, target, timeout=12, port=None, tls=""):
        """migrate-connect until connect-complete. port: instead of the target's door; tls: TLS port [and subject]."""
        source.drain_events()
        self.client and self.client.poll()
        if self.client:
            self.client.events = [e for e in self.client.events if e.get("event") != "migration-state"]
        source.command(f"migrate-connect {ADDRESS} {self.doors[target] if port is None else port} {tls}".rstrip())
        source.wait_event("connect-complete", timeout)
        if self.client:
            source.command("migrate-start")  # without clients the library has forgotten the target

    def stop(self, source, target, load=True):
        source.pause()
        source.vm_stop()
        if load:
            target.load(source.position)

    def end(self, source, completed=True, timeout=15):
        source.command(f"migrate-end {int(completed)}")
        if completed:
            source.wait_event("end-complete", timeout)

    def arrived(self, target, timeout=15):
        """The client is fully at its target."""
        self.client.wait_migrated(timeout)
        target.wait_clients(1)

    def once(self, source, connects=1, ends=1):
        """So many calls of migrate_connect_complete and migrate_end_complete in the life of this host."""
        source.command("position")  # what was said before is counted now
        equal(source.counts["connect-complete"], connects, "connect-complete events")
        equal(source.counts["end-complete"], ends, "end-complete events")

    def hop(self, source, target, run=True, mark=None, connects=1, **where):
        """A whole seamless migration; the source's machine is stopped afterwards. where: see begin()."""
        self.tap.mark(mark or f"hop{self.hops}")
        self.hops += 1
        self.begin(source, target, **where)
        self.stop(source, target)
        self.end(source)
        if run:
            target.vm_start()
        self.arrived(target)
        self.once(source, connects)

    def hop_with(self, source, target, change, display=0, run=True, mark="switch"):
        """As hop(), but the target gets change(data) as data of this display. Does not wait for the arrival."""
        self.tap.mark(mark)
        self.tap.hold(DISPLAY, display, 60000)
        self.begin(source, target)
        self.stop(source, target)
        self.end(source)
        self.tap.wait_event("held", type=DISPLAY, id=display)
        with open(self.saved(display), "rb") as stream:
            data = change(stream.read())
        path = os.path.join(self.directory, "changed.bin")
        with open(path, "wb") as stream:
            stream.write(data)
        until(lambda: self.tap.replace_held(DISPLAY, display, path))
        self.tap.release(DISPLAY, display)
        if run:
            target.vm_start()
        self.once(source)

    # What was seen

    def phase(self, name):
        """All counters together since the mark `name`."""
        stats = self.tap.stats()
        return self.tap.phase(name, stats)["total"]

    def message_count(self, name, number, channel=DISPLAY, target=None):
        """Messages of that type that servers sent on that kind of channel since the mark `name` (until the next)."""
        count = 0
        for c in self.tap.phase(name)["channels"]:
            if c["type"] == channel and (target is None or c["route"] == self.route(target)):
                count += c["from_server"]["types"].get(str(number), {}).get("messages", 0)
        return count

    def saved(self, display=0, hop=-1):
        """Path of the data that a source sent for this display at its last (or the given) migration."""
        directory = os.path.join(self.directory, "data")
        os.makedirs(directory, exist_ok=True)
        self.tap.save_migrate_data(directory)
        files = sorted(glob.glob(os.path.join(directory, f"{DISPLAY}-{display}-*.bin")),
                       key=lambda name: int(name.rsplit("-", 1)[1][:-4]))
        check(files, "no MIGRATE_DATA on display", display)
        return files[hop]

    def compare_caches(self, hop=-1):
        """What a source said the client has, and what it has by the messages that it got. Call it between the arrival
        and the target's vm_start. Returns the JSON of the data."""
        good, data = inspect(self.saved(hop=hop))
        check(good, "the data would be refused:", data.get("errors"))
        check(all(s["accepted"] for s in data["sections"]), "refused sections:", data["sections"])
        cache = data["cache"]
        ids, held = sorted(int(e[0], 16) for e in cache["entries"]), self.tap.cache_ids()
        equal(len(ids), cache["count"], "entries")
        check(ids == held, f"the source knows {len(ids)} images, the client holds {len(held)};"
                           f" differ: {sorted(set(ids) ^ set(held))[:5]}")
        check(cache["pixels"] <= cache["size"], "more than fits:", cache["pixels"], cache["size"])
        return data

    def report(self, host, role):
        """The migration reports of a host in that role, oldest first."""
        if not os.path.exists(self.reports[host]):
            return []
        with open(self.reports[host]) as stream:
            return [r for r in map(json.loads, stream) if r["role"] == role]

    def restored(self, source, target, timeout=10):
        """The reports of both hosts say that the last migration took everything along."""
        deadline = time.monotonic() + timeout
        while not self.report(target, "destination") and time.monotonic() < deadline:
            time.sleep(0.02)
        for host, role in ((source, "source"), (target, "destination")):
            report = (self.report(host, role) or [None])[-1]
            check(report, "no report of the", role)
            equal((report["result"], report["mode"]), ("completed", "seamless"), f"the {role}'s report")
        for channel in report["channels"]:
            check(all(s["restored"] for s in channel.get("sections", [])), "not restored:", channel)

    def seamless(self, name="switch"):
        """Nothing was lost and nothing sent twice since the mark."""
        total = self.phase(name)
        cache = total["cache"]
        for field in ("resent", "missing", "resent_lost", "unknown_evicted", "inval_all"):
            equal(cache[field], 0, f"{field} since {name}")
        equal(total["malformed"], 0, "malformed messages")
        return cache

    def quiet(self, ignore=()):
        equal(self.tap.violations(ignore), [], "broken rules")

    # The end

    def judge(self):
        problems = []
        if self.client:
            check(self.client.alive(), "the client died")
            self.client.close()
            self.client = None
        for number, host in enumerate(self.hosts, 1):
            code = host.close(30)
            if code != 0 and not getattr(host, "was_killed", False):
                problems.append(f"host {number}: exit code {code}")
            problems += [f"host {number}: {p}" for p in self._judge_log(host)]
        path = os.path.join(self.directory, "client.log")
        if os.path.exists(path):
            allowed = [self.client_may_say] if self.client_may_say else []
            if any(host.lib == "stock" for host in self.hosts):
                allowed.append(STOCK_COMPLAINT)
            with open(path, errors="replace") as stream:
                problems += ["client: " + line.strip() for line in stream if CLIENT_CRITICAL.search(line) and
                             not any(re.search(pattern, line) for pattern in allowed)]
        check(not problems, "; ".join(problems[:6]))

    def _judge_log(self, host):
        unseen = [(p, need) for p, need in self.expected[host]]
        problems = []
        for line in host.log_text().splitlines():
            if SANITIZER.search(line):
                problems.append(line)
            hits = [p for p, _ in self.expected[host] if p.search(line)]
            unseen = [(p, need) for p, need in unseen if p not in hits]
            if WARNING.search(line) and not hits and host.lib != "stock":
                problems.append(line)
        return problems + [f"does not say /{p.pattern}/" for p, need in unseen if need]


def until(action, timeout=5):
    """Repeats a command that fails as long as something is not there yet."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return action()
        except PeerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def kill(host):
    """Ends a host in the middle of things."""
    host.was_killed = True
    host.process.kill()


def recordings():
    """(path, last command) of what to play; the big ones only if CARAVAN_WORKLOADS names their directory."""
    directory = os.environ.get("CARAVAN_WORKLOADS")
    sizes = {"terminal": 27017, "web": 4876, "pictures": 7120, "windows": 97259, "composited": 70161}
    return [(os.path.join(directory, f"{name}.rec.zst"), size) for name, size in sizes.items()] if directory else []


def explain(error):
    """What went wrong; the stack only where that is not a failure that a test expects to see."""
    where = [f.lineno for f in traceback.extract_tb(error.__traceback__) if "integration" in f.filename]
    told = isinstance(error, (Failed, HostError, PeerError)) and not os.environ.get("CARAVAN_TRACE")
    return ("" if told else traceback.format_exc()) + f"line {where[-1:]}: {str(error)[:1500]}"


def main(tests):
    """Runs the functions (all of them, or those that the command line names a part of) and prints TAP."""
    return cases.run([(t.__name__.removeprefix("test_"), t) for t in tests], explain=explain)
