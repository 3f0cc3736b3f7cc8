#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that encodes its own screen: the test plays it through a port of caravan-host, the client library shows it.

It is a second display beside the machine's first one. The client goes on after a migration with what the guest sends
from then on, when it is asked to begin anew.
"""
import os, struct, sys, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "lib"), os.path.dirname(os.path.abspath(__file__))]
import cases  # noqa: E402
import pictures  # noqa: E402
from client import Client  # noqa: E402
from host import Host, migrate  # noqa: E402
from peer import PeerError  # noqa: E402
from test_port import LEAKS, OURS, OURS_ENV, PROGRAM, write_recording  # noqa: E402

NAME = "org.spice-space.stream.0"
CAPABILITIES, FORMAT, DATA, START_STOP, NOTIFY_ERROR, CURSOR_SET, CURSOR_MOVE = range(1, 8)
WIDTH, HEIGHT = 64, 48
RED, BLUE = (0xd0, 0x20, 0x20), (0x20, 0x40, 0xc0)


def picture(name):
    with open(os.path.join(TOP, "tests", "data", "stream-%s.jpg" % name), "rb") as stream:
        return stream.read()


class Guest:
    """The guest's side of the port."""

    def __init__(self, host):
        self.host, self.received, self.events = host, b"", []

    def send(self, kind, body=b""):
        self.host.command("port-send %s %s" % (NAME, (struct.pack("<BBHI", 1, 0, kind, len(body)) + body).hex()))

    def next(self, timeout=20):
        """The server's next message: type, body."""
        while True:
            if len(self.received) >= 8:
                _, _, kind, size = struct.unpack_from("<BBHI", self.received)
                if len(self.received) >= 8 + size:
                    body, self.received = self.received[8:8 + size], self.received[8 + size:]
                    return kind, body
            event = self.host.wait_event("port-data", timeout, port=NAME)
            self.received += bytes.fromhex(event["hex"])

    def wait_start(self):
        """Until clients want a video; its codecs."""
        while True:
            kind, body = self.next()
            if kind == START_STOP and body[0]:
                return body[1:1 + body[0]]

    def begin(self):
        assert 1 in self.wait_start(), "the server does not want MJPEG"
        self.send(FORMAT, struct.pack("<IIB3x", WIDTH, HEIGHT, 1))


def is_about(shot, colour):
    width, height, rows = shot
    if (width, height) != (WIDTH, HEIGHT):
        return False
    return all(abs(rows[i + c] - colour[c]) <= 6 for i in range(0, len(rows), 3) for c in range(3))


def show(guest, client, path, name, colour):
    """Sends frames until the client's second display shows them."""
    deadline = time.monotonic() + 20
    shot = None
    while time.monotonic() < deadline:
        guest.send(DATA, picture(name))
        try:
            client.shot(path("shot.png"), 1)
            shot = pictures.read(path("shot.png"))
            if is_about(shot, colour):
                return
        except PeerError:  # between two surfaces there is none
            assert client.alive()
        time.sleep(0.05)
    raise AssertionError("the client shows %s instead of %s" % (
        "%dx%d, %s" % (shot[0], shot[1], shot[2][:12].hex()) if shot else "nothing", name))


def start(recording, **options):
    host = Host(lib=OURS, recording=recording, port_device=NAME, program=PROGRAM, env=OURS_ENV,
                log=os.environ.get("HOST_LOG"), **options)
    if not options.get("incoming"):
        host.play_to(2)
        host.vm_start()
    return host


def first_stream(host, path):
    """A client that shows the guest's red picture."""
    client = Client(host.port, env=LEAKS, log=os.environ.get("CLIENT_LOG"))
    guest = Guest(host)
    guest.begin()
    client.wait_picture(1)
    show(guest, client, path, "red", RED)
    return client, guest


def check_first_display(client):
    """The other display goes on."""
    assert client.state()["channels"].get("display:0") == "opened", client.state()
    assert client.wait_picture(0)


def plays(path):
    write_recording(path("r.rec"))
    with start(path("r.rec")) as host:
        client, guest = first_stream(host, path)
        with client:
            check_first_display(client)
            guest.send(CURSOR_SET, struct.pack("<4HB3x", 2, 1, 0, 0, 0) + b"\xff" * 8)
            guest.send(CURSOR_MOVE, struct.pack("<ii", 5, 6))
            show(guest, client, path, "blue", BLUE)
            guest.send(FORMAT, struct.pack("<IIB3x", WIDTH, HEIGHT, 1))
            show(guest, client, path, "red", RED)
            channels = client.state()["channels"]
            assert channels.get("display:1") == channels.get("cursor:1") == "opened", channels
        kind, body = guest.next()
        assert (kind, body) == (START_STOP, b"\0"), (kind, body)


def breaks_the_protocol(path):
    """The guest is told so, its port is closed; client, other display and host go on."""
    write_recording(path("r.rec"))
    with start(path("r.rec")) as host:
        client, guest = first_stream(host, path)
        with client:
            guest.send(99, b"nonsense")
            kind, body = guest.next()
            assert kind == NOTIFY_ERROR and body.endswith(b"\0"), (kind, body)
            host.wait_event("port-state", 20, port=NAME, connected=False)
            check_first_display(client)
            channels = client.state()["channels"]
            assert channels.get("display:1") == "opened", channels


def migrates(path):
    write_recording(path("r.rec"))
    with start(path("r.rec")) as source, start(path("r.rec"), incoming=True, start=2) as destination:
        client, guest = first_stream(source, path)
        with client:
            migrate(source, destination)
            client.wait_migrated()
            guest = Guest(destination)
            guest.begin()
            show(guest, client, path, "blue", BLUE)
            channels = client.state()["channels"]
            assert channels.get("display:1") == channels.get("cursor:1") == "opened", channels


if __name__ == "__main__":
    sys.exit(cases.run([(f.__name__.replace("_", " "), cases.in_directory(f))
                        for f in (plays, breaks_the_protocol, migrates)]))
