#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt: a machine whose QEMU has this library, migrated live between two daemons with a client attached (TAP)."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import libvirt  # noqa: E402
from client import Client  # noqa: E402
from libvirt import Daemon  # noqa: E402


def assert_equal(domain, client, what, timeout=30):
    deadline = time.monotonic() + timeout
    while domain.screen_sum() != client.shown():
        assert time.monotonic() < deadline, "the picture differs " + what
        time.sleep(0.1)


def assert_no_complaints(*daemons):
    for daemon in daemons:
        assert "Spice-" not in daemon.machine_log(), daemon.machine_log()


def test_migration():
    """virsh migrate --live, there and back: the client follows without a new connection, the picture is equal"""
    with Daemon() as one, Daemon() as two:
        domain = one.create()
        with Client(domain.port) as client:
            client.wait_picture()
            domain.draw("pscpdnp")
            assert_equal(domain, client, "before")
            for target in (two, one):
                domain = domain.migrate_to(target)
                client.wait_event("migration-started")
                client.wait_migrated()
                assert_equal(domain, client, "after the switch")
                domain.draw("pdnp")
                assert_equal(domain, client, "after drawing on")
            assert not [e for e in client.poll() if e["event"] == "disconnected"]
            assert set(client.state()["channels"].values()) == {"opened"}, client.state()
            assert client.alive()
        assert_no_complaints(one, two)


CASES = cases.functions(globals())


if __name__ == "__main__":
    sys.exit(cases.run(CASES, skip=libvirt.unavailable()))
