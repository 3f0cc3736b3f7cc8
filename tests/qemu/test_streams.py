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
import cases  # noqa: E402
import qemu  # noqa: E402
from bare_guest import AGENT, BareGuest  # noqa: E402
from client import Client  # noqa: E402

HOPS = int(os.environ.get("CARAVAN_STREAM_HOPS", "20"))
FIRST, SECOND = "org.caravan.first", "org.caravan.second"
PORTS = (AGENT, FIRST, SECOND)


class Journey:
    """A guest and a client that talk on all ports, and the machine on which the guest is."""

    def __init__(self, ports=PORTS, lib=None):
        self.ports = ports
        self.machines = []
        self.guest = self.start(lib)
        self.client = Client(self.guest.port, log=os.environ.get("CLIENT_LOG"))
        try:
            self.client.wait_picture()
            self.guest.draw("O")
            for port in ports:
                if port == AGENT:
                    self.client.wait_event("agent", connected=True)
                else:
                    self.client.wait_event("port", port=port, opened=True)
            self.talk()
            self.guest.draw("T")
            self.check_progress()
        except BaseException:
            self.close()
            raise

    def start(self, lib=None, incoming=False):
        machine = BareGuest(incoming=incoming, ports=self.ports, **({"lib": lib} if lib else {}))
        self.machines.append(machine)
        return machine

    def talk(self, on=True):
        """The client's side."""
        for port in self.ports:
            if port == AGENT:
                self.client.clipboard_stream(on)
            else:
                self.client.port_stream(port, on)

    def hop(self, lib=None, scenes="pfbn"):
        """One migration to a new machine; before and after it the guest draws."""
        self.guest.draw(scenes)
        source, destination = self.guest, self.start(lib, incoming=True)
        source.migrate_to(destination)
        source.wait_migrated()
        self.client.wait_migrated()
        self.guest = destination
        destination.draw(scenes)
        assert self.equal(), "the picture differs"
        self.machines.remove(source)
        log = source.log_text()
        source.close()
        assert "Spice-" not in log, log

    def equal(self, timeout=20):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.guest.screen_sum() == self.client.sum():
                return True
            time.sleep(0.1)
        return False

    def counts(self):
        """{port: (written by the guest, read by the client, written by the client, read by the guest)}; all right."""
        result = {}
        for port, guest in self.guest.counts().items():
            client = self.client.clipboard_counts() if port == AGENT else self.client.port_counts(port)
            assert guest.wrong is None, "%s: at byte %x the guest got %s" % (port, guest.wrong, guest.bytes)
            assert "wrong" not in client, "%s: at byte %x the client got %s" % (
                port, client["wrong"], bytes.fromhex(client["bytes"]))
            result[port] = (guest.written, client["read"], client["written"], guest.read)
        assert set(result) == set(self.ports), result
        return result

    def check_progress(self, timeout=30):
        """All streams go on."""
        first = last = self.counts()
        deadline = time.monotonic() + timeout
        while any(a[i] >= b[i] for a, b in zip(first.values(), last.values()) for i in (1, 3)):
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
        self.client.close()
        for machine in self.machines:
            machine.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def ping_pong():
    with Journey() as journey:
        for _ in range(HOPS):
            journey.hop()
            journey.check_progress()
        journey.finish()


CASES = [("%d migrations in a row" % HOPS, ping_pong)]


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=qemu.unavailable()))
