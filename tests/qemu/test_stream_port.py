#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stream device in unmodified QEMU: the guest's port is a display of its own at the client. This guest writes numbers
there, which is no video: that costs it the port, and neither client, first display nor machine (TAP).
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import qemu  # noqa: E402
from bare_guest import BareGuest  # noqa: E402
from client import Client  # noqa: E402

OURS = os.path.join(qemu.TOP, "build", "lib")
NAME = "org.spice-space.stream.0"


def wait_for(condition, what, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def channels(client):
    return client.state()["channels"]


def noise():
    with BareGuest(ports=(NAME,), lib=OURS) as guest, Client(guest.port, log=os.environ.get("CLIENT_LOG")) as client:
        client.wait_picture()
        guest.draw("O")
        wait_for(lambda: channels(client).get("display:1") == channels(client).get("cursor:1") == "opened",
                 "the client has no second display")
        guest.draw("T")
        wait_for(lambda: "stream device: " in guest.log_text(), "nothing is said about the guest's noise")
        guest.draw("pfbn")
        wait_for(lambda: guest.screen_sum() == client.shown(), "the picture differs")
        assert channels(client).get("display:1") == "opened", channels(client)


if __name__ == "__main__":
    sys.exit(cases.run([("a guest that writes noise", noise)]))
