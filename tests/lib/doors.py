# SPDX-License-Identifier: LGPL-2.1-or-later
"""Doors: ways to connect a scripted client (rawclient.py) other than a plain socket.

    tls = Tls(host.tls_port, ca)
    see_picture(tls)
    see_picture(Web(host.port))
    see_picture(Web(tls))           # WebSocket inside TLS
    see_picture(Sasl(...))          # see sasl.py

A door is called with a time limit in seconds and gives what Link needs of a socket: sendall, recv, pending, close ...
"""
import base64
import hashlib
import os
import socket
import ssl
import struct

LOCAL = "127.0.0.1"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def connect(door, timeout):
    return door(timeout) if callable(door) else socket.create_connection((LOCAL, door), timeout)


class Tls:
    """ca: file of certificates to trust; None trusts whatever is there. versions: (lowest, highest)."""

    def __init__(self, port, ca=None, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), ciphers=None):
        self.port = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca:
            self.context.load_verify_locations(ca)
        else:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version, self.context.maximum_version = versions
        if ciphers:
            self.context.set_ciphers(ciphers)

    def __call__(self, timeout):
        return self.context.wrap_socket(connect(self.port, timeout), server_hostname=LOCAL)


def frame(payload, opcode=BINARY, fin=True, mask=b"\x12\x34\x56\x78", rsv=0, length=None, size=None):
    """One frame of a client. mask None: unmasked. length: lies about the payload's. size: 7, 16 or 64 bits for it."""
    length = len(payload) if length is None else length
    size = size or (7 if length < 126 else 16 if length < 65536 else 64)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0 if mask is None else 0x80
    if size == 7:
        head += bytes([bit | length])
    else:
        head += bytes([bit | (126 if size == 16 else 127)]) + struct.pack(">H" if size == 16 else ">Q", length)
    if mask is None:
        return head + payload
    long_mask = mask * (len(payload) // 4 + 1)
    return head + mask + bytes(a ^ b for a, b in zip(payload, long_mask))


def request(key=b"dGhlIHNhbXBsZSBub25jZQ==", protocol=b"binary", path=b"/", extra=b""):
    text = b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    if key is not None:
        text += b"Sec-WebSocket-Key: " + key + b"\r\n"
    if protocol is not None:
        text += b"Sec-WebSocket-Protocol: " + protocol + b"\r\n"
    return text + b"Sec-WebSocket-Version: 13\r\n" + extra + b"\r\n"


class WebError(Exception):
    """The server breaks RFC 6455."""


class WebSocket:
    """A connected client. chop: bytes of a frame of its own; each sendall() is one message of such frames."""

    def __init__(self, sock, chop=None, protocol=b"binary"):
        self.socket, self.chop = sock, chop
        self._raw, self._out = b"", b""
        self.frames = []  # (opcode, length) of all that came
        self.pongs = []
        self.closed = False
        key = base64.b64encode(os.urandom(16))
        self.socket.sendall(request(key, protocol))
        head = self._until(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        wanted = [b"HTTP/1.1 101", b"Sec-WebSocket-Accept: " + accept + b"\r\n", b"Upgrade: ", b"Connection: Upgrade"]
        if protocol:
            wanted.append(b"Sec-WebSocket-Protocol: binary\r\n")
        for text in wanted:
            if text.lower() not in head.lower():
                raise WebError("no %s in %s" % (text, head))

    def _until(self, end):
        while end not in self._raw:
            data = self.socket.recv(4096)
            if not data:
                raise WebError("closed instead of upgraded: %s" % self._raw[:40])
            self._raw += data
        head, self._raw = self._raw.split(end, 1)
        return head + end

    def sendall(self, data):
        if not self.chop:
            self.socket.sendall(frame(data))
            return
        parts = [data[i:i + self.chop] for i in range(0, len(data), self.chop)]
        for i, part in enumerate(parts):
            mask = os.urandom(4)
            self.socket.sendall(frame(part, BINARY if i == 0 else CONTINUATION, i == len(parts) - 1, mask))

    def send_frame(self, payload, **options):
        self.socket.sendall(frame(payload, **options))

    def _take_frame(self):
        """One frame out of what came; False if it is not complete."""
        raw = self._raw
        if len(raw) < 2:
            return False
        opcode, length, at = raw[0] & 15, raw[1], 2
        if raw[0] & 0xF0 != 0x80 or length & 0x80:
            raise WebError("a frame that is fragmented, masked or extended: %s" % raw[:2].hex())
        if length > 125:
            at = 4 if length == 126 else 10
            if len(raw) < at:
                return False
            length = int.from_bytes(raw[2:at], "big")
        if len(raw) < at + length:
            return False
        payload, self._raw = raw[at:at + length], raw[at + length:]
        self.frames.append((opcode, length))
        if opcode == BINARY:
            self._out += payload
        elif opcode == PONG:
            self.pongs.append(payload)
        elif opcode == CLOSE:
            self.closed = True
        else:
            raise WebError("opcode %u" % opcode)
        return True

    def pending(self):
        while self._take_frame():
            pass
        below = getattr(self.socket, "pending", None)
        return len(self._out) or (below() if below else 0)

    def recv(self, size):
        while True:
            while self._take_frame():
                pass
            if self._out:
                data, self._out = self._out[:size], self._out[size:]
                return data
            data = self.socket.recv(1 << 16)
            if not data:
                return b""
            self._raw += data

    def fileno(self):
        return self.socket.fileno()

    def setsockopt(self, *words):
        self.socket.setsockopt(*words)

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def close(self):
        self.socket.close()


class Web:
    """door: a port, or another door to go through first."""

    def __init__(self, door, chop=None, protocol=b"binary"):
        self.door, self.options = door, {"chop": chop, "protocol": protocol}

    def __call__(self, timeout):
        return WebSocket(connect(self.door, timeout), **self.options)
