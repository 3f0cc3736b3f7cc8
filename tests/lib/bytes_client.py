# SPDX-License-Identifier: LGPL-2.1-or-later
"""BytesClient: a client without a screen that writes and checks numbered streams (tests/lib/numbered.h) on channels of
bytes, whatever they are for. It follows the seamless migrations of its server."""
import select
import struct
import threading
import time

from rawclient import C_CONNECTED_SEAMLESS, C_DO_SEAMLESS, C_FLUSH_MARK, C_MIGRATE_DATA, MAIN, MIGRATE, MIGRATE_DATA, \
    SEAMLESS_ACK, Channel, RawError, Session

PORT, WEBDAV = 10, 11
BEGIN_SEAMLESS = 116
DATA = 101
NEED_FLUSH, NEED_DATA = 1, 2
PIECE_MAX = 70000


def numbered(position, size):
    first, last = position // 8, (position + size + 7) // 8
    return b"".join(b"%07x\n" % n for n in range(first, last))[position % 8:][:size]


class NumberedStream:
    """One direction each: what was written, what was read and whether it was right."""

    def __init__(self):
        self.written = self.read = self.turn = 0
        self.wrong = None  # (position, bytes)

    def begin(self, written, read):
        """Where another client has left off."""
        self.written, self.read = written, read

    def next(self, size=None):
        size = size or 1 + self.turn * 7919 % (PIECE_MAX if self.turn % 32 == 0 else 6000)
        self.turn += 1
        self.written += size
        return numbered(self.written - size, size)

    def check(self, data):
        want = numbered(self.read, len(data))
        if data != want and self.wrong is None:
            at = next(i for i, (a, b) in enumerate(zip(data, want)) if a != b)
            self.wrong = self.read + at, bytes(data[at:at + 32])
        self.read += len(data)


class ByteChannel(Channel):
    """Its messages go out when the peer takes them."""

    def __init__(self, port, type, id, connection_id):
        self.out = None
        super().__init__(port, type, id, connection_id, channel_caps=0)
        self.out = bytearray()

    def write(self, data):
        if self.out is None:
            return super().write(data)
        self.out += data
        return True

    def flush(self):
        self.socket.setblocking(False)
        try:
            del self.out[:self.socket.send(self.out)]
        except (BlockingIOError, ConnectionError):
            pass


class BytesClient:
    """channels: {name: (type, id)}. Works in a thread of its own, from the beginning until close()."""

    def __init__(self, port, channels):
        self.streams = {name: NumberedStream() for name in channels}
        self.talks = self.deaf = False
        self.left = {name: 0 for name in channels}  # messages that it writes though it does not talk
        self.piece = None  # their size, None = all sizes
        self.error = None
        self.connected_to_target = False  # while it migrates, when the source was told that it is
        self.migrations = 0  # that are over
        self._keys = channels
        self._session = Session(port)
        self._target = None
        self._main = self._session.main
        self._bytes = self._open(port)
        self._moving = set()  # names of those that wait for their data
        self._old = []  # connections to the source; it believes that the client has gone when the first one is closed
        self._ends = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _open(self, port):
        return {name: ByteChannel(port, type, id, self._session.connection_id)
                for name, (type, id) in self._keys.items()}

    def _run(self):
        try:
            while not self._ends:
                self._step()
        except Exception as error:  # told to whoever asks for counts
            self.error = error

    def _step(self):
        channels = [c for name, c in self._bytes.items() if not self.deaf or name in self._moving]
        writers = []
        talks = self.talks  # another thread may change it at any time
        for name, channel in self._bytes.items():
            if (talks or self.left[name]) and not channel.out and name not in self._moving:
                channel.send(DATA, self.streams[name].next(self.piece))
                self.left[name] -= not talks
            if channel.out:
                writers.append(channel.socket)
        readable, writable, _ = select.select([c.socket for c in channels] + [self._main.socket], writers, [], 0.05)
        for channel in self._bytes.values():
            if channel.socket in writable:
                channel.flush()
        for name, channel in list(self._bytes.items()):
            if channel.socket in readable:
                for message in channel.take_messages():
                    self._handle(name, channel, message)
        if self._main.socket in readable:
            for message in self._main.take_messages():
                self._handle_main(message)

    def _handle(self, name, channel, message):
        if message.type == DATA:
            self.streams[name].check(message.body)
        elif message.type == MIGRATE:
            flags, = struct.unpack("<I", message.body)
            if flags != NEED_FLUSH | NEED_DATA:
                raise RawError("%s: MIGRATE with flags %u" % (name, flags))
            channel.send(C_FLUSH_MARK)
            self._moving.add(name)
        elif message.type == MIGRATE_DATA:
            target = self._targets[name]
            target.send(C_MIGRATE_DATA, message.body)
            self._old.append(channel)
            self._bytes[name] = target
            self._moving.discard(name)
            self._arrive()

    def _handle_main(self, message):
        if message.type == BEGIN_SEAMLESS:
            port, = struct.unpack_from("<H", message.body)
            self._target = Session(port, target=self._session.connection_id)
            self._target.main.send(C_DO_SEAMLESS, struct.pack("<I", 1))
            self._target.main.read_until(SEAMLESS_ACK)
            self._targets = self._open(port)
            self._main.send(C_CONNECTED_SEAMLESS)
            self.connected_to_target = True
        elif message.type == MIGRATE:
            self._main.send(C_FLUSH_MARK)
        elif message.type == MIGRATE_DATA:
            self._target.main.send(C_MIGRATE_DATA, message.body)
            self._target.connection_id = self._session.connection_id
            self._old.append(self._main)
            self._session, self._main = self._target, self._target.main
            self._arrive()

    def _arrive(self):
        """All channels have left the source: it is a session at the destination."""
        if self._target and self._main is self._target.main and self._bytes == self._targets:
            while self._old:
                self._old.pop().close()
            self._target = None
            self.connected_to_target = False
            self.migrations += 1

    # what the tests call

    def wait(self, condition, what, timeout=30):
        deadline = time.monotonic() + timeout
        while not condition():
            if self.error:
                raise RawError("the client ended: %r" % self.error)
            if time.monotonic() > deadline:
                raise RawError("not in time: " + what)
            time.sleep(0.02)

    def write(self, messages, piece=None):
        """So many messages on each channel, of that size, with an end; the sockets took them when this returns."""
        self.piece = piece
        self.left = {name: messages for name in self.left}
        self.wait(lambda: not any(self.left.values()) and not any(c.out for c in self._bytes.values()), "written")
        self.piece = None

    def counts(self, name):
        """{"written": bytes, "read": bytes}, and if it was not right "wrong": position, "bytes": hex"""
        if self.error:
            raise RawError("the client ended: %r" % self.error)
        stream = self.streams[name]
        result = {"written": stream.written, "read": stream.read}
        if stream.wrong:
            result.update(wrong=stream.wrong[0], bytes=stream.wrong[1].hex())
        return result

    def close(self):
        self._ends = True
        self._thread.join(10)
        for channel in [self._main] + self._old + list(self._bytes.values()):
            channel.close()
