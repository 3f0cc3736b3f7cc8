#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The wiretap between a made-up server and client: every byte passes, in bounded memory, and is counted."""
import hashlib, os, socket, struct, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import cases
from wiretap import Wiretap

DISPLAY = 2
LINK = struct.pack("<4sIII", b"REDQ", 2, 2, 22) + struct.pack("<IBBIIII", 5, DISPLAY, 0, 1, 0, 18, 0xd)
REPLY = struct.pack("<4sIII", b"REDQ", 2, 2, 182) + bytes(166) + struct.pack("<IIII", 1, 0, 178, 0xb)
AUTH = struct.pack("<I", 1) + bytes(128)


def message(kind, body):
    return struct.pack("<HI", kind, len(body)) + body


def draw_copy(image_id, size):
    """A DRAW_COPY of an image of size x size pixels, 32 bit, to be cached."""
    image = struct.pack("<QBBIIBBIIII", image_id, 0, 1, size, size, 8, 4, size, size, size * 4, 0)
    body = struct.pack("<I16sBI", 0, bytes(16), 0, 57) + bytes(16 + 3 + 13)
    return message(304, body + image + os.urandom(1024) * (size * size * 4 // 1024))


def receive(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


class Server(threading.Thread):
    """Accepts one link and sends `data`; then waits for the end."""

    def __init__(self, data):
        super().__init__(daemon=True)
        self.data = data
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.sent = 0
        self.got = b""
        self.start()

    def run(self):
        s, _ = self.socket.accept()
        receive(s, len(LINK))
        s.sendall(REPLY)
        receive(s, len(AUTH))
        s.sendall(bytes(4))
        for piece in self.data:
            s.sendall(piece)
            self.sent += len(piece)
        s.shutdown(socket.SHUT_WR)
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            self.got += piece
        s.close()


def connect(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(LINK)
    receive(s, len(REPLY))
    s.sendall(AUTH)
    receive(s, 4)
    return s


def memory(process):
    with open("/proc/%d/status" % process.pid) as f:
        return [int(l.split()[1]) for l in f if l.startswith("VmRSS")][0] // 1024


def test_passes_everything():
    data = [message(314, struct.pack("<IIIII", 0, 640, 480, 32, 1))]
    data += [draw_copy(i % 100, 256) for i in range(400)]
    server = Server(data)
    with Wiretap([("127.0.0.1", server.port)]) as tap:
        client = connect(tap.ports[0])
        tap.wait_event("link", type=DISPLAY)
        time.sleep(0.5)  # the client reads nothing: the server has to wait
        assert memory(tap.process) < 64 or "asan" in os.environ.get("CARAVAN_BUILD", "")
        total = sum(len(d) for d in data)
        assert server.sent < total, "no back pressure"
        got = hashlib.sha256()
        left = total
        while left:
            piece = client.recv(min(left, 1 << 20))
            assert piece
            got.update(piece)
            left -= len(piece)
        assert got.digest() == hashlib.sha256(b"".join(data)).digest()
        assert client.recv(1) == b""  # the half close came through
        client.sendall(message(5, b"later"))
        client.shutdown(socket.SHUT_WR)
        server.join(10)
        assert server.got == message(5, b"later"), server.got
        tap.wait_event("close")
        total = tap.stats()["total"]
        assert total["images"]["raw"]["count"] == 400, total
        assert total["cache"]["added"] == 400 and total["cache"]["resent"] == 300, total
        assert total["malformed"] == 0
        assert len(tap.cache_ids()) == 100
        assert tap.violations(ignore=["echo"]) == []


def test_unreachable():
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    with Wiretap([("127.0.0.1", port)]) as tap:
        s = socket.create_connection(("127.0.0.1", tap.ports[0]))
        s.settimeout(10)
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
        tap.wait_event("unreachable")


def test_cut():
    server = Server([])
    with Wiretap([("127.0.0.1", server.port)]) as tap:
        client = connect(tap.ports[0])
        client.settimeout(10)
        tap.wait_event("link", type=DISPLAY)
        assert tap.cut(0, DISPLAY, 1) == 0
        assert tap.cut(0, DISPLAY, 0) == 1
        assert client.recv(1) == b""


def test_not_spice():
    server = socket.create_server(("127.0.0.1", 0))
    with Wiretap([("127.0.0.1", server.getsockname()[1])]) as tap:
        client = socket.create_connection(("127.0.0.1", tap.ports[0]))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        peer, _ = server.accept()
        assert receive(peer, 18) == b"GET / HTTP/1.1\r\n\r\n"
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert receive(client, 28).startswith(b"HTTP/1.1 400")
        client.close()
        peer.close()
        tap.wait_event("close")
        assert tap.close() == 0


if __name__ == "__main__":
    sys.exit(cases.run(cases.functions(globals())))
