# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the benchmarks share: recordings, libraries, and one session of hosts, wiretap and client that is measured.

All sessions: images are compressed as a server does by default (auto_glz), video streams are off, the client is the
headless spice-gtk one with its default cache, everything is on the loopback device. Bytes are those of the display
channel from server to client, with message headers, as the wiretap counts them.
"""
import contextlib
import copy
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
from client import Client  # noqa: E402
from host import Host, migrate  # noqa: E402
from wiretap import DISPLAY, Wiretap  # noqa: E402

ADDRESS = "127.0.0.1"
DISPLAY_THREAD = "SPICE Worker"  # both libraries' name for it, one for each display
LIBS = (("ours", os.path.join(TOP, "build", "lib")), ("stock", "stock"))
MSG_MIGRATE = 1
MSGC_MIGRATE_DATA = 5
END = 2**63  # as a command number: to the end of the recording


def display_cpu(process):
    """CPU seconds of the display threads of a host so far, by the scheduler's clock."""
    times = []
    for task in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{task}/comm") as stream:
            if stream.read().strip() != DISPLAY_THREAD:
                continue
        with open(f"/proc/{process.pid}/task/{task}/schedstat") as stream:
            times.append(int(stream.read().split()[0]) / 1e9)
    assert times, f"no thread named {DISPLAY_THREAD}"
    return sum(times)


class Recording:
    """A recording: path, its number of commands and how fast it is played where its timing matters."""

    # Known ones: number of commands and seconds as recorded. Others are counted and taken to be slow.
    KNOWN = {"album-small": (12440, 30.7), "terminal": (27017, 68.4), "web": (4876, 67.5), "pictures": (7120, 53.8),
             "windows": (97259, 72.4), "composited": (70161, 51.9)}

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).split(".")[0]
        self.commands, self.seconds = self.KNOWN.get(self.name) or (count_commands(path), 60)
        self.middle = self.commands // 2

    @contextlib.contextmanager
    def unpacked(self):
        """The same recording in a plain file, for as long as the context lasts: whoever plays it needs no zstd beside it."""
        if not self.path.endswith(".zst"):
            yield self
            return
        with tempfile.TemporaryDirectory(prefix="caravan-recording-") as directory:
            plain = copy.copy(self)
            plain.path = os.path.join(directory, self.name + ".rec")
            with open(plain.path, "wb") as stream:
                subprocess.run(reader(self.path), stdout=stream, check=True)
            yield plain


def reader(path):
    """The command that writes a recording, unpacked, to its standard output."""
    return ["zstd", "-dcq", "--long=31", path] if path.endswith(".zst") else ["cat", path]


def count_commands(path):
    """The number of commands of a recording."""
    with subprocess.Popen(reader(path), stdout=subprocess.PIPE) as stream:
        found = subprocess.run(["grep", "-ac", "^event [0-9]* 0 "], stdin=stream.stdout, capture_output=True, text=True)
    return int(found.stdout or 0)


def recordings(directory=None):
    """album-small of the tests, then all of `directory` (or of $CARAVAN_WORKLOADS)."""
    own = os.path.join(TOP, "tests", "data", "album-small.rec.zst")
    paths = {"album-small": own}
    directory = directory or os.environ.get("CARAVAN_WORKLOADS")
    for name in sorted(os.listdir(directory)) if directory else ():
        if name.endswith((".rec", ".rec.zst")):
            paths.setdefault(name.split(".")[0], os.path.join(directory, name))
    return [Recording(path) for path in paths.values()]


class Session:
    """A source, if wanted a destination, a wiretap before both, and a client that is connected."""

    def __init__(self, lib, recording, destination=False, pace=0, start=None):
        options = {"lib": lib, "recording": recording.path, "streaming": "off", "compression": "auto_glz"}
        if pace:
            options["pace"] = pace
        self.stack = contextlib.ExitStack()
        try:
            self.source = self.active = self.stack.enter_context(Host(start=start, wait=False, **options))
            self.destination = None
            if destination:
                self.destination = self.stack.enter_context(
                    Host(incoming=True, start=recording.middle, wait=False, **options))
                self.destination.wait_ready(300)
            self.source.wait_ready(300)
            hosts = [self.source] + ([self.destination] if destination else [])
            self.tap = self.stack.enter_context(Wiretap([(ADDRESS, host.port) for host in hosts]))
            if destination:
                self.destination.port = self.tap.ports[1]
            self.client = self.stack.enter_context(Client(self.tap.ports[0]))
            self.source.wait_clients(1)
            self.wait_quiet()
        except BaseException:
            self.stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stack.close()

    def wait_quiet(self, quiet=0.3, timeout=120):
        """Until the display channel is silent; returns the wiretap's statistics."""
        deadline = time.monotonic() + timeout
        last, since = None, time.monotonic()
        while True:
            stats = self.tap.stats()
            now = sum(c["from_server"]["bytes"] for p in stats["phases"] for c in p["channels"] if c["type"] == DISPLAY)
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return stats
            if time.monotonic() > deadline:
                raise TimeoutError("the display channel does not come to rest")
            time.sleep(0.05)

    def migrate(self):
        times = migrate(self.source, self.destination)
        self.active = self.destination
        return times

    def same_picture(self):
        """Whether the client shows what the host has."""
        return self.client.wait_sum(self.active.sums()[0], timeout=15)


def display_figures(stats, phase, route=None):
    """The sums over the display channels of a phase: bytes, resent, resent_bytes, inval_all, by type."""
    figures = {"bytes": 0, "messages": 0, "resent": 0, "resent_bytes": 0, "inval_all": 0, "types": {}}
    for channel in [p for p in stats["phases"] if p["name"] == phase][-1]["channels"]:
        if channel["type"] != DISPLAY or route not in (None, channel["route"]):
            continue
        figures["bytes"] += channel["from_server"]["bytes"]
        figures["messages"] += channel["from_server"]["messages"]
        cache = channel["cache"]
        figures["resent"] += cache["resent"] + cache["resent_lost"]
        figures["resent_bytes"] += cache["resent_bytes"] + cache["resent_lost_bytes"]
        figures["inval_all"] += cache["inval_all"]
        for number, count in channel["from_server"]["types"].items():
            sums = figures["types"].setdefault(int(number), {"messages": 0, "bytes": 0})
            sums["messages"] += count["messages"]
            sums["bytes"] += count["bytes"]
    return figures
