#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Numbered streams through virtio-serial ports of unmodified QEMU, in both directions at full load: the agent's messages
and the bytes of ports arrive once and in order, whatever happens to the machine (TAP).

CARAVAN_STREAM_HOPS: how many migrations in a row (default 20).
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import bytes_client  # noqa: E402
import cases  # noqa: E402
import qemu  # noqa: E402
from bare_guest import AGENT, BareGuest  # noqa: E402
from bytes_client import BytesClient  # noqa: E402
from client import Client  # noqa: E402
from rawclient import RawError  # noqa: E402

OURS, STOCK = os.path.join(qemu.TOP, "build", "lib"), "stock"
HOPS = int(os.environ.get("CARAVAN_STREAM_HOPS", "20"))
FEW_HOPS = 4
FULL_LOAD = 3  # every third migration of many is one with all buffers full; these take the most time
FIRST, SECOND, DAV = "org.caravan.first", "org.caravan.second", "org.spice-space.webdav.0"


class Journey:
    """A guest and a client that talk on all ports, and the machine on which the guest is."""

    ports = (AGENT, FIRST, SECOND)

    def __init__(self, lib=OURS, talks=True):
        self.machines = []
        self.guest = self.start(lib)
        self.client = None
        try:
            self.connect()
            if talks:
                self.begin()
        except BaseException:
            self.close()
            raise

    def start(self, lib, incoming=False):
        machine = BareGuest(incoming=incoming, ports=self.ports, lib=lib)
        self.machines.append(machine)
        return machine

    # the client's side

    def connect(self):
        self.client = Client(self.guest.port, log=os.environ.get("CLIENT_LOG"))
        self.client.wait_picture()
        self.guest.draw("O")
        for port in self.ports:
            if port == AGENT:
                self.client.wait_event("agent", connected=True)
            else:
                self.client.wait_event("port", port=port, opened=True)

    def talk(self, on=True):
        for port in self.ports:
            if port == AGENT:
                self.client.clipboard_stream(on)
            else:
                self.client.port_stream(port, on)

    def pace(self, paced):
        """The client writes to ports with rests, or as fast as it can. (The agent's messages have their tokens.)"""
        for port in self.ports:
            if port != AGENT:
                self.client.port_stream(port, paced=paced)

    def client_counts(self, port):
        return self.client.clipboard_counts() if port == AGENT else self.client.port_counts(port)

    def wait_connected(self):
        self.client.wait_event("migration-state", state="migrating")

    def wait_migrated(self):
        self.client.wait_migrated()

    def check_picture(self, timeout=20):
        deadline = time.monotonic() + timeout
        while self.guest.screen_sum() != self.client.shown():
            assert time.monotonic() < deadline, "the picture differs"
            time.sleep(0.1)

    # both

    def begin(self):
        """Both talk, as fast as they can."""
        self.talk()
        self.guest.draw("T")
        self.check_progress()

    def hop(self, lib=OURS, scenes="pfbn"):
        """One migration to a new machine; before and after it the guest draws."""
        self.guest.draw(scenes)
        self.move(lib)
        self.guest.draw(scenes)
        self.check_picture()

    def move(self, lib=OURS):
        source, destination = self.guest, self.start(lib, incoming=True)
        source.migrate_to(destination, linked=self.wait_connected)
        source.wait_migrated()
        self.wait_migrated()
        self.guest = destination
        self.machines.remove(source)
        log = source.log_text()
        source.close()
        assert "Spice-" not in log, log

    def counts(self):
        """{port: (written by the guest, read by the client, written by the client, read by the guest)}; all right."""
        result = {}
        for port, guest in self.guest.counts().items():
            client = self.client_counts(port)
            assert guest.wrong is None, "%s: at byte %x the guest got %s" % (port, guest.wrong, guest.bytes)
            assert "wrong" not in client, "%s: at byte %x the client got %s" % (
                port, client["wrong"], bytes.fromhex(client["bytes"]))
            result[port] = (guest.written, client["read"], client["written"], guest.read)
        return result

    def check_progress(self, timeout=30):
        """All streams go on."""
        first = last = self.counts()
        deadline = time.monotonic() + timeout
        while set(last) != set(self.ports) or any(a[i] >= b[i] for a, b in zip(first.values(), last.values())
                                                  for i in (1, 3)):
            assert time.monotonic() < deadline, "no progress: %s, then %s" % (first, last)
            time.sleep(0.05)
            last = self.counts()

    def finish(self, timeout=60):
        """Both fall silent; then all that was written has been read."""
        self.guest.draw("H")
        self.talk(False)
        deadline = time.monotonic() + timeout
        while True:
            counts = self.counts()
            if all(c[0] == c[1] and c[2] == c[3] for c in counts.values()):
                break
            assert time.monotonic() < deadline, "bytes are missing: %s" % counts
            time.sleep(0.1)
        for port, (to_client, _, to_guest, _) in counts.items():
            print("# %s: %d bytes to the client, %d to the guest" % (port, to_client, to_guest))
        assert "Spice-" not in self.guest.log_text(), self.guest.log_text()

    def close(self):
        if self.client:
            self.client.close()
        for machine in self.machines:
            machine.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if kind:
            for machine in self.machines:
                print("".join("# %s\n" % line for line in machine.log_text().splitlines()[-20:]), end="")
        self.close()


class BytesJourney(Journey):
    """With a client that takes all channels as bytes."""

    ports = (DAV, FIRST)
    channels = {DAV: (bytes_client.WEBDAV, 0), FIRST: (bytes_client.PORT, 0)}

    def connect(self):
        self.guest.draw("O")
        self.client = BytesClient(self.guest.port, self.channels)

    def talk(self, on=True):
        self.client.talks = on

    def client_counts(self, port):
        return self.client.counts(port)

    def wait_connected(self):
        self.arrived = self.client.migrations
        self.client.wait(lambda: self.client.connected_to_target, "connected to the destination")

    def wait_migrated(self):
        self.client.wait(lambda: self.client.migrations > self.arrived, "arrived")

    def check_picture(self):
        pass


def ping_pong():
    with Journey() as journey:
        for number in range(HOPS):
            journey.pace(number % FULL_LOAD != 0)
            journey.hop()
            journey.check_progress()
        journey.finish()


def channels_of_bytes():
    with BytesJourney() as journey:
        for _ in range(FEW_HOPS):
            journey.hop()
            journey.check_progress()
        journey.finish()


def at_rest(count, quiet=1, timeout=60):
    """Waits until count() stays the same; returns it."""
    deadline = time.monotonic() + timeout
    last, since = None, time.monotonic()
    while time.monotonic() - since < quiet:
        assert time.monotonic() < deadline, "never at rest: %s" % last
        now = count()
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.05)
    return last


def written(client):
    return [client.counts(port)["written"] for port in BytesJourney.ports]


def wait_talk(guest, before, timeout=30):
    """Until the guest has written more to every port."""
    deadline = time.monotonic() + timeout
    while not all(c.written > before[p].written for p, c in guest.counts().items()):
        assert time.monotonic() < deadline, "the guest cannot talk"
        time.sleep(0.05)


def deaf_guest():
    """Its client has to wait; neither the host nor the guest has. Also while it migrates."""
    with BytesJourney() as journey:
        for _ in range(2):
            journey.guest.draw("D")
            for ahead in at_rest(lambda: written(journey.client)):
                print("# the client is at %d bytes" % ahead)
            before = journey.guest.counts()
            journey.guest.draw("pfb")
            journey.guest.qmp("query-status")
            wait_talk(journey.guest, before)
            journey.hop()
            journey.guest.draw("L")
            journey.check_progress()
        journey.finish()


def deaf_client():
    """The guest has to wait until it can send; nothing else has."""
    with BytesJourney() as journey:
        for _ in range(2):
            journey.client.deaf = True
            at_rest(lambda: [c.written for c in journey.guest.counts().values()])
            before = journey.guest.counts()
            journey.guest.draw("pfb")
            journey.client.wait(lambda: all(c.read > before[p].read for p, c in journey.guest.counts().items()),
                                "the guest reads")
            journey.client.deaf = False
            journey.check_progress()
            journey.hop()
        journey.finish()


def stopped_guest():
    with BytesJourney() as journey:
        for _ in range(2):
            journey.guest.qmp("stop")
            at_rest(lambda: written(journey.client))
            journey.guest.qmp("cont")
            journey.check_progress()
        for _ in range(2):
            journey.guest.qmp("stop")
            journey.move()
            while journey.guest.qmp("query-status")["status"] == "inmigrate":
                time.sleep(0.05)
            journey.guest.qmp("cont")
            journey.check_progress()
        journey.finish()


STOCK_QUEUE = 128  # messages on their way to a port's device at which the stock library reads no more of its client


def from_stock_at_rest():
    with Journey(STOCK, talks=False) as journey:
        journey.hop()
        journey.begin()
        journey.finish()


class AgentJourney(Journey):
    ports = (AGENT,)


def from_stock_agent():
    """At full load, and while the guest does not read: the client's messages then wait in the migration data."""
    with AgentJourney(STOCK) as journey:
        journey.guest.draw("D")
        at_rest(lambda: journey.guest.counts()[AGENT].read, quiet=0.5)
        journey.move()
        journey.guest.draw("L")
        journey.check_progress()
        journey.finish()


def from_stock_ports():
    """The guest talks at full load; what the client has written waits: as many messages as the stock library reads."""
    with BytesJourney(STOCK, talks=False) as journey:
        journey.guest.draw("DT")
        journey.client.write(STOCK_QUEUE, 8192)
        journey.move()
        journey.guest.draw("L")
        journey.client.wait(lambda: all(c.read == STOCK_QUEUE * 8192 for c in journey.guest.counts().values()),
                            "the guest has read what was under way")
        journey.begin()
        journey.finish()


def from_stock_blocked():
    """With more messages than that the stock library does not read the client's flush mark either, and after 10 seconds
    it drops the client, whoever the destination is. That one serves whoever comes then."""
    with BytesJourney(STOCK, talks=False) as journey:
        journey.guest.draw("D")
        journey.client.write(2 * STOCK_QUEUE, 1024)
        source, journey.guest = journey.guest, journey.start(OURS, incoming=True)
        source.migrate_to(journey.guest, linked=journey.wait_connected)
        source.wait_migrated()
        try:
            journey.client.wait(lambda: False, "dropped")
        except RawError as error:
            assert "closed" in str(error), error
        journey.client.close()
        journey.guest.draw("L")
        journey.connect()
        for port, counts in at_rest(journey.guest.counts, quiet=0.3).items():
            journey.client.streams[port].begin(written=counts.read, read=counts.written)
        journey.begin()
        journey.finish()


CASES = [
    ("agent and ports, %d migrations in a row" % HOPS, ping_pong),
    ("webdav and a port as bytes, %d migrations in a row" % FEW_HOPS, channels_of_bytes),
    ("a guest that does not read", deaf_guest),
    ("a client that does not read", deaf_client),
    ("a guest that is stopped, and continues; and migrates while it is", stopped_guest),
    ("from the stock library, agent and ports at rest", from_stock_at_rest),
    ("from the stock library, agent at full load", from_stock_agent),
    ("from the stock library, ports with full queues", from_stock_ports),
    ("from the stock library, which reads no more", from_stock_blocked),
]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=qemu.unavailable()))
