#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest agent behind the main channel: tokens, filter, and migrations at every position of its byte stream.

The test is the guest's agent (through caravan-host) and also the client, which speaks the protocol itself.
"""
import os, socket, struct, sys, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "lib"), os.path.dirname(os.path.abspath(__file__))]
import cases  # noqa: E402
from host import Host  # noqa: E402
from rawclient import encrypt  # noqa: E402
from test_port import OURS, OURS_ENV, PROGRAM, write_recording  # noqa: E402

MIGRATE, MIGRATE_DATA, PING, INIT, AGENT_CONNECTED_TOKENS, AGENT_DISCONNECTED, AGENT_DATA, AGENT_TOKEN = (
    1, 2, 4, 103, 115, 108, 109, 110)
BEGIN_SEAMLESS, SEAMLESS_ACK = 116, 117
C_FLUSH_MARK, C_MIGRATE_DATA = 4, 5
C_START, C_AGENT_DATA, C_TOKEN, C_CONNECTED_SEAMLESS, C_DO_SEAMLESS = 106, 107, 108, 111, 110


def message(kind, body):
    """A message of the agent."""
    return struct.pack("<IIQI", 1, kind, 0, len(body)) + body


def chunk(data, port=1):
    return struct.pack("<II", port, len(data)) + data


class Main:
    """A main connection."""

    def __init__(self, port, session=0):
        self.s = socket.create_connection(("127.0.0.1", port))
        self.s.settimeout(10)
        caps = struct.pack("<II", 0xb, 0xf)
        link = struct.pack("<IBBIII", session, 1, 0, 1, 1, 18) + caps
        self.s.sendall(struct.pack("<4sIII", b"REDQ", 2, 2, len(link)) + link)
        _, _, _, size = struct.unpack("<4sIII", self._receive(16))
        key = self._receive(size)[4:166]
        self.s.sendall(struct.pack("<I", 1) + encrypt(key, b"\0"))
        assert struct.unpack("<I", self._receive(4))[0] == 0
        self.pending = []

    def _receive(self, n):
        data = b""
        while len(data) < n:
            piece = self.s.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def send(self, kind, body=b""):
        self.s.sendall(struct.pack("<HI", kind, len(body)) + body)

    def next(self):
        kind, size = struct.unpack("<HI", self._receive(6))
        return kind, self._receive(size)

    def wait(self, *kinds):
        """The next message of these kinds; others of interest are an error."""
        while True:
            kind, body = self.next()
            if kind in kinds:
                return body
            assert kind not in (AGENT_DATA, AGENT_TOKEN, AGENT_CONNECTED_TOKENS, AGENT_DISCONNECTED), (kind, body)

    def agent_data(self, n):
        """n bytes of AGENT_DATA."""
        data = b""
        while len(data) < n:
            data += self.wait(AGENT_DATA)
        return data

    def quiet(self, seconds=0.3):
        """Nothing of the agent comes."""
        self.s.settimeout(seconds)
        try:
            self.wait()
        except socket.timeout:
            pass
        self.s.settimeout(10)

    def is_dropped(self):
        try:
            while True:
                self.next()
        except (EOFError, ConnectionError):
            return True


class Guest:
    def __init__(self, host):
        self.host = host
        self.got = b""
        self.attached = False

    def attach(self, yes=True):
        self.attached = yes
        self.host.command("agent %d" % yes)

    def put(self, data):
        if data:
            self.host.command("port-send vdagent " + data.hex())

    def room(self, n):
        self.host.command("port-room vdagent %d" % n)

    def wait(self, n):
        """The first n bytes that it got and were not taken yet."""
        deadline = time.monotonic() + 10
        while len(self.got) < n:
            event = self.host.wait_event("port-data", max(deadline - time.monotonic(), 0.01), port="vdagent")
            self.got += bytes.fromhex(event["hex"])
        data, self.got = self.got[:n], self.got[n:]
        return data

    def expect(self, data):
        got = self.wait(len(data))
        assert got == data, "%r, not %r" % (got[:60], data[:60])


class Session:
    def __init__(self, path, started=True):
        self.recording = path("agent.rec")
        write_recording(self.recording)
        self.hosts = []
        self.host = self.start()
        self.host.play_to(2)
        self.host.vm_start()
        self.guest = Guest(self.host)
        self.main = Main(self.host.port)
        self.init = self.main.wait(INIT)
        self.session = struct.unpack("<I", self.init[:4])[0]
        if started:
            self.guest.attach()
            assert self.main.wait(AGENT_CONNECTED_TOKENS) == struct.pack("<I", 10)
            self.main.send(C_START, struct.pack("<I", 0xffffffff))
            self.hello()

    def hello(self):
        self.main.send(C_AGENT_DATA, message(6, bytes(8)))
        self.guest.expect(chunk(message(6, bytes(8))))

    def start(self, **options):
        host = Host(lib=OURS, recording=self.recording, program=PROGRAM, env=OURS_ENV, log=os.environ.get("HOST_LOG"), **options)
        self.hosts.append(host)
        return host

    def migrate(self, attach="before", last_words=b""):
        """attach: when the destination's agent appears. Returns the main channel's data."""
        source, old = self.host, self.main
        host = self.start(incoming=True, start=2)
        guest = Guest(host)
        if attach == "early":
            guest.attach()
        source.command("migrate-connect 127.0.0.1 %d" % host.port)
        old.wait(BEGIN_SEAMLESS)
        main = Main(host.port, self.session)
        main.send(C_DO_SEAMLESS, struct.pack("<I", 1))
        main.wait(SEAMLESS_ACK)
        old.send(C_CONNECTED_SEAMLESS)
        source.wait_event("connect-complete", 12)
        source.command("migrate-start")
        source.pause()
        source.vm_stop()
        if last_words:
            old.send(C_AGENT_DATA, last_words)
        host.load(source.position)
        if attach == "before":
            guest.attach()
        source.send("migrate-end 1")
        head = b""
        while True:
            kind, body = old.next()
            if kind == MIGRATE:
                break
            if kind == AGENT_DATA:
                head += body
        old.send(C_FLUSH_MARK)
        kind, data = old.next()
        assert kind == MIGRATE_DATA, kind
        rest = source.command("port-rest vdagent")["hex"] if self.guest.attached else ""
        source.drain_events()
        main.send(C_MIGRATE_DATA, data)
        if attach == "after":
            main.wait(105)  # MOUSE_MODE: the data were taken over
            guest.attach()
        if rest:
            guest.put(bytes.fromhex(rest))
        host.vm_start()
        old.s.close()
        self.host, self.main, self.guest = host, main, guest
        return data, head

    def close(self):
        for host in self.hosts:
            code = host.close()
            assert code == 0, "a host ended with code %d, see %s" % (code, host.log)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind:
            for host in self.hosts:
                host.kill()
        else:
            self.close()


def test_tokens(path):
    """a client's tokens come back when the guest took its messages; one without a token ends the session"""
    with Session(path) as s:
        s.guest.room(0)
        body = message(4, b"x" * 20)
        for _ in range(9):
            s.main.send(C_AGENT_DATA, body)
        s.main.quiet()
        s.guest.room(-1)
        assert s.main.wait(AGENT_TOKEN) == struct.pack("<I", 5)
        assert s.main.wait(AGENT_TOKEN) == struct.pack("<I", 5)
        s.guest.expect(chunk(body) * 9)
        s.guest.room(0)
        for _ in range(11):
            s.main.send(C_AGENT_DATA, body)
        assert s.main.is_dropped()
        s.guest.room(-1)


def test_big_messages(path):
    """the guest's chunks are cut at 2048 bytes"""
    with Session(path) as s:
        big = message(4, os.urandom(4980))
        s.guest.put(chunk(big))
        pieces = [s.main.wait(AGENT_DATA) for _ in range(3)]
        assert [len(p) for p in pieces] == [2048, 2048, 904] and b"".join(pieces) == big
        s.guest.put(chunk(b"anything", port=2) + chunk(message(99, b"z")))
        assert s.main.wait(AGENT_DATA) == message(99, b"z")


def test_bad_agent(path):
    """an agent that violates the protocol is detached"""
    for bad in (chunk(b"short"), chunk(struct.pack("<IIQI", 2, 4, 0, 0)), chunk(b"x", port=3),
                chunk(message(4, b"abc") + b"d")):
        with Session(path) as s:
            s.guest.put(bad)
            s.main.wait(AGENT_DISCONNECTED)
            s.guest.attach(False)
            s.guest.attach()
            s.main.wait(AGENT_CONNECTED_TOKENS)
            s.main.send(C_START, struct.pack("<I", 5))
            s.hello()


def test_bad_clients(path):
    """a client that violates the protocol is dropped; the host goes on"""
    long_config = message(2, bytes(8))[:16] + struct.pack("<I", 7000) + bytes(8)
    for bad in (b"x" * 5, message(4, b"abc") + b"d", b"x" * 2049, struct.pack("<IIQI", 2, 4, 0, 0)):
        with Session(path) as s:
            s.main.send(C_AGENT_DATA, bad)
            assert s.main.is_dropped()
            s.main = Main(s.host.port)
            assert s.main.wait(INIT)[16] == 1
            s.main.send(C_TOKEN, struct.pack("<I", 3))  # before AGENT_START
            s.main.send(C_START, struct.pack("<I", 5))
            s.guest.expect(bytes.fromhex("02000000 14000000 01000000 0d000000 0000000000000000 00000000"))
            s.main.send(C_AGENT_DATA, long_config)  # the agent takes it: no device does
            s.guest.expect(chunk(long_config))


def test_reconnect(path):
    """agent without a client, client without an agent"""
    with Session(path, started=False) as s:
        s.main.send(C_TOKEN, struct.pack("<I", 3))
        s.main.send(C_START, struct.pack("<I", 3))
        s.main.send(C_AGENT_DATA, message(4, b"nobody"))
        s.main.quiet()
        s.guest.attach()
        s.main.wait(AGENT_CONNECTED_TOKENS)
        s.main.send(C_START, struct.pack("<I", 1))
        s.hello()
        s.guest.put(chunk(message(9, b"a")) + chunk(message(9, b"b")))
        assert s.main.wait(AGENT_DATA) == message(9, b"a")
        s.main.quiet()
        s.main.send(C_TOKEN, struct.pack("<I", 1))
        assert s.main.wait(AGENT_DATA) == message(9, b"b")
        s.guest.attach(False)
        s.main.wait(AGENT_DISCONNECTED)


def test_migrate_positions(path):
    """the guest was interrupted anywhere in its chunks: the client gets every byte once"""
    body = message(4, bytes(range(100)))
    split = chunk(body[:70]) + chunk(body[70:])
    for plain, cut in ([(chunk(body), n) for n in (0, 1, 5, 8, 9, 27, 28, 29, 60, 127)] +
                       [(split, n) for n in (77, 78, 80, 86, 87, 100)]):
        with Session(path) as s:
            s.guest.put(plain[:cut])
            first = b""
            if plain is split and cut >= 78:
                first = s.main.agent_data(70)
            _, head = s.migrate()
            s.guest.put(plain[cut:] + chunk(message(9, b"next")))
            want = body + message(9, b"next")
            got = first + head
            got += s.main.agent_data(len(want) - len(got))
            assert got == want, (cut, got)
            s.hello()


def test_migrate_writes(path):
    """what the guest has not taken yet moves with the client's tokens"""
    for attach in ("early", "before", "after"):
        with Session(path) as s:
            a, b = message(4, b"a" * 30), message(4, b"b" * 40)
            s.guest.room(11)
            s.main.send(C_AGENT_DATA, a)
            s.main.send(C_AGENT_DATA, b[:25])
            s.guest.expect((chunk(a) + chunk(b[:25]))[:11])
            data, _ = s.migrate(attach, last_words=b[25:])
            assert data[8:13] == b"\1\0\0\0\1", data[:33].hex()
            tokens, _, size, price = struct.unpack("<IIII", data[13:29])
            rest = (chunk(a) + chunk(b[:25]) + chunk(b[25:]))[11:]
            assert (tokens, size, price) == (6, len(rest), 3), (tokens, size, price)
            s.guest.expect(rest)
            s.hello()  # the fifth of the window: all tokens come back
            assert s.main.wait(AGENT_TOKEN) == struct.pack("<I", 5)


def test_migrate_without(path):
    """no agent at the source, or none at the destination"""
    with Session(path, started=False) as s:
        data, _ = s.migrate("before")
        assert data == bytes.fromhex("4d4e4d440100000001000000") + bytes(53), data.hex()
        s.main.wait(AGENT_CONNECTED_TOKENS)
        s.main.send(C_START, struct.pack("<I", 9))
        s.hello()
    with Session(path) as s:
        s.migrate("never")
        for _ in range(9):  # what the client may still send waits for the agent
            s.main.send(C_AGENT_DATA, message(4, b"wait"))
        s.main.quiet()
        s.guest.attach()
        s.guest.expect(chunk(message(4, b"wait")) * 9)
        s.main.wait(AGENT_TOKEN)


if __name__ == "__main__":
    sys.exit(cases.run([(n, cases.in_directory(f)) for n, f in cases.functions(globals())]))
