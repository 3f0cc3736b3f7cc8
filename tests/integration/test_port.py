#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A port channel between the guest's port of caravan-host and the client library, through a chain of migrations.

Both sides send a numbered stream all the time. Every byte has to arrive once and in order, also what is on its way, or
waits for a guest that does not read, when the session moves. PORT_LIBS: comma separated libraries of the hosts.
"""
import os, sys, tempfile
from functools import partial

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "lib"), os.path.dirname(os.path.abspath(__file__))]
import cases  # noqa: E402
from client import Client  # noqa: E402
from host import Host  # noqa: E402
from test_host import Recording  # noqa: E402

BUILD = os.path.join(TOP, os.environ.get("CARAVAN_BUILD", "build"))
OURS = os.path.join(BUILD, "lib")
PROGRAM = os.path.join(BUILD, "bin", "caravan-host")
LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # the stock library's, and the client library's
OURS_ENV = {"LSAN_OPTIONS": "suppressions=%s/tests/lsan.supp:print_suppressions=0" % TOP}
NAME = "org.caravan.test.0"
MIGRATIONS = 5


def write_recording(path):
    recording = Recording()
    recording.primary(64, 48)
    for i in range(4):
        recording.fill((i, i, i + 16, i + 16), 0x102030 * (i + 1))
    with open(path, "wb") as stream:
        stream.write(recording.out)


class Stream:
    """A numbered stream and what has come of it."""

    def __init__(self, letter, size=0):
        self.letter, self.size = letter, size
        self.sent = self.got = b""
        self.n = 0

    def next(self):
        piece = b"%s%06d" % (self.letter, self.n) + self.letter.lower() * (self.n * 37 % (self.size + 1)) + b"\n"
        self.n += 1
        self.sent += piece
        return piece.hex()

    def take(self, peer):
        """Takes the peer's events."""
        left = []
        for event in peer.events:
            if event.get("event") == "port-data":
                self.got += bytes.fromhex(event["hex"])
            else:
                left.append(event)
        peer.events[:] = left

    def check(self):
        if self.got == self.sent:
            return
        common = os.path.commonprefix([self.got, self.sent])
        raise AssertionError("stream %s: %d of %d bytes; after %d equal ones %r, not %r" % (
            self.letter, len(self.got), len(self.sent), len(common), self.got[len(common):][:40],
            self.sent[len(common):][:40]))


class Journey:
    def __init__(self, lib, recording, **options):
        self.to_guest, self.to_client = Stream(b"C", 3000), Stream(b"G", 3000)
        self.recording, self.options = recording, options
        self.host = self.start(lib)
        self.client = Client(self.host.port, env=LEAKS, log=os.environ.get("CLIENT_LOG"))
        try:
            self.client.wait_event("port", port=NAME, opened=True, timeout=20)
        except BaseException:
            self.close()
            raise

    def start(self, lib, **options):
        host = Host(lib=lib, recording=self.recording, port_device=NAME, program=PROGRAM, env=LEAKS if lib == "stock" else OURS_ENV,
                    log=os.environ.get("HOST_LOG"), **dict(self.options, **options))
        if not options.get("incoming"):
            host.play_to(2)
            host.vm_start()
        return host

    def talk(self, n, guest=True):
        for _ in range(n):
            self.client.command("port-write", NAME, self.to_guest.next())
            if guest:
                self.host.command("port-send %s %s" % (NAME, self.to_client.next()))

    def wait(self, timeout=20):
        """Until both streams are complete."""
        import time
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.client.poll()
            self.host.events = self.host.drain_events()
            self.to_guest.take(self.host)
            self.to_client.take(self.client)
            if self.to_guest.got == self.to_guest.sent and self.to_client.got == self.to_client.sent:
                return
            time.sleep(0.02)
        self.to_guest.check()
        self.to_client.check()

    def migrate(self, lib, room):
        """room: how many bytes the guest still takes while the client goes on sending."""
        source = self.host
        destination = self.start(lib, incoming=True, start=2)
        source.command("port-room %s %d" % (NAME, room))
        self.talk(5)
        source.command("migrate-connect 127.0.0.1 %d" % destination.port)
        self.talk(5)
        source.wait_event("connect-complete", 15)
        source.command("migrate-start")
        self.talk(5)
        source.pause()
        source.vm_stop()
        self.talk(5)  # the guest's last words were said before it was stopped, and not read
        destination.load(source.position)
        source.command("migrate-end 1")
        self.talk(5, guest=False)
        source.wait_event("end-complete", 15)
        self.host = destination
        rest = source.command("port-rest " + NAME)["hex"]
        if rest:
            destination.command("port-send %s %s" % (NAME, rest))
        self.talk(3)
        destination.vm_start()
        self.talk(3)
        source.events = source.drain_events()
        self.to_guest.take(source)
        code = source.close()
        assert code == 0, "the source ended with code %d, see %s" % (code, source.log)

    def close(self):
        self.client.close()
        self.host.close()


def chain(libs, recording, **options):
    journey = Journey(libs[0], recording, **options)
    try:
        journey.talk(10)
        journey.wait()
        for i, lib in enumerate(libs[1:]):
            journey.migrate(lib, (-1, 0, 100, 2500, 5)[i % 5])
            journey.wait()
            states = journey.client.state()["channels"]
            assert states.get("port:0") == "opened", states
        journey.to_guest.check()
        journey.to_client.check()
    finally:
        journey.close()


def busy_guest(recording):
    """A guest that takes nothing: the client is held back, not dropped, and nothing is lost in a migration."""
    journey = Journey(OURS, recording)
    try:
        journey.host.command("port-room %s 0" % NAME)
        journey.talk(400, guest=False)
        journey.migrate(OURS, 0)
        journey.wait()
        journey.host.command("port-room %s 0" % NAME)
        journey.talk(300, guest=False)
        journey.host.command("port-room %s -1" % NAME)
        journey.wait()
    finally:
        journey.close()


def main():
    libs = os.environ.get("PORT_LIBS")
    tests = [
        ("five migrations", lambda r: chain([OURS] * (MIGRATIONS + 1), r)),
        ("five migrations to and from the stock library", lambda r: chain([OURS, "stock"] * 3, r)),
        ("a guest that does not read", busy_guest),
    ]
    if libs:
        tests = [(libs, lambda r: chain(libs.split(","), r))]
    with tempfile.TemporaryDirectory() as directory:
        recording = os.path.join(directory, "port.rec")
        write_recording(recording)
        return cases.run([(name, partial(test, recording)) for name, test in tests])


if __name__ == "__main__":
    sys.exit(main())
