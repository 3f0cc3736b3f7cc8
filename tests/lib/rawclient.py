# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted SPICE client: it sends exactly what the test says, right or wrong.

    link = Link(port)                        # a connection on which nothing was sent yet
    link.send_mess(type=1); link.read_reply(); link.send_ticket(b"secret\\0"); link.read_result()
    with Session(port) as s:                 # a whole main channel
        display = s.open(DISPLAY)
        display.send(DISPLAY_INIT, display_init())
        print(s.display_picture(display))    # SHA-256 of the primary

Only the standard library is used, RSA-OAEP included. Every wait has a limit (seconds); RawError says what was missing.
"""
import hashlib
import os
import select
import socket
import struct
import time
from collections import namedtuple

MAIN, DISPLAY, INPUTS, CURSOR = 1, 2, 3, 4
MAGIC = b"REDQ"
# Common capabilities
AUTH_SELECTION, AUTH_SPICE, AUTH_SASL, MINI_HEADER = 1, 2, 4, 8
COMMON_CAPS = AUTH_SELECTION | AUTH_SPICE | MINI_HEADER
# What a complete client announces: main 0..3; display: all but the video codecs
CHANNEL_CAPS = {MAIN: 0xF, DISPLAY: 0x3BF, INPUTS: 1}
# Link errors and results
OK, ERROR, INVALID_MAGIC, INVALID_DATA, VERSION_MISMATCH = 0, 1, 2, 3, 4
PERMISSION_DENIED, BAD_CONNECTION_ID = 7, 8
# Messages of all channels: server to client, client to server
MIGRATE, MIGRATE_DATA, SET_ACK, PING, WAIT, NOTIFY, LIST = 1, 2, 3, 4, 5, 7, 8
C_ACK_SYNC, C_ACK, C_PONG, C_FLUSH_MARK, C_MIGRATE_DATA, C_DISCONNECTING = 1, 2, 3, 4, 5, 6
MAIN_INIT, MAIN_CHANNELS_LIST, MAIN_MOUSE_MODE, MAIN_NAME, MAIN_UUID = 103, 104, 105, 113, 114
MAIN_MIGRATE_CANCEL, SEAMLESS_ACK, SEAMLESS_NACK = 102, 117, 118
C_CONNECTED, C_CONNECT_ERROR, C_ATTACH = 102, 103, 104
C_MIGRATE_END, C_DO_SEAMLESS, C_CONNECTED_SEAMLESS = 109, 110, 111
DISPLAY_INIT = 101
MARK, INVAL_LIST, INVAL_ALL_PIXMAPS, INVAL_ALL_PALETTES, DRAW_COPY, SURFACE_CREATE = 102, 105, 106, 108, 304, 314
MONITORS_CONFIG = 317

Message = namedtuple("Message", "type body serial sub_list")


class RawError(Exception):
    """What was expected did not come."""


class Closed(RawError):
    """The peer closed the connection."""


def display_init(cache_id=1, cache_size=20971520, dictionary_id=1, window=3145728):
    return struct.pack("<BqBi", cache_id, cache_size, dictionary_id, window)


def link_mess(connection_id=0, type=MAIN, id=0, common=(COMMON_CAPS,), channel=(0,), offset=18, n_common=None,
              n_channel=None, tail=None):
    """SpiceLinkMess and its capabilities, whose counts and offset may lie."""
    words = struct.pack("<%dI" % (len(common) + len(channel)), *common, *channel) if tail is None else tail
    return struct.pack("<IBBIII", connection_id, type, id, len(common) if n_common is None else n_common,
                       len(channel) if n_channel is None else n_channel, offset) + words


def link_header(size, magic=MAGIC, major=2, minor=2):
    return magic + struct.pack("<III", major, minor, size)


def _mask(seed, size):
    out = b""
    for i in range((size + 19) // 20):
        out += hashlib.sha1(seed + struct.pack(">I", i)).digest()
    return out[:size]


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def encrypt(public_key, plain):
    """RSAES-OAEP with SHA-1 and an empty label. The key is the 162 bytes of the link reply."""
    n, e = int.from_bytes(public_key[29:157], "big"), 65537
    size = 128
    block = hashlib.sha1(b"").digest() + bytes(size - len(plain) - 42) + b"\x01" + plain
    seed = os.urandom(20)
    block = _xor(block, _mask(seed, len(block)))
    seed = _xor(seed, _mask(block, 20))
    return pow(int.from_bytes(b"\0" + seed + block, "big"), e, n).to_bytes(size, "big")


class Link:
    """One connection. Ends with the `with`, or with close(). `port`: a number, or a function of a time limit that gives
    something like a connected socket (see doors.py)."""

    def __init__(self, port, host="127.0.0.1", timeout=10):
        self.timeout = timeout
        self.socket = port(timeout) if callable(port) else socket.create_connection((host, port), timeout)
        if getattr(self.socket, "family", socket.AF_INET) != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in = bytearray()
        self.public_key = b""
        self.reply = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # bytes

    def write(self, data):
        """Sends bytes. A connection that the peer closed meanwhile is no error: reads will tell."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def write_slowly(self, data, pause=0.0):
        """Byte by byte, each in a segment of its own."""
        for i in range(len(data)):
            if not self.write(data[i:i + 1]):
                return False
            time.sleep(pause)
        return True

    def _ready(self, seconds):
        """Something came. What is wrapped around a socket holds bytes back."""
        if hasattr(self.socket, "pending") and self.socket.pending():
            return True
        return seconds > 0 and bool(select.select([self.socket], [], [], seconds)[0])

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if not self._ready(left):
            raise RawError("nothing came in time")
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed("the connection was closed")
        self._in += data

    def read(self, size, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while len(self._in) < size:
            self._fill(deadline)
        data = bytes(self._in[:size])
        del self._in[:size]
        return data

    def silent(self, seconds):
        """True if not one byte comes, and the connection stays open, for this time."""
        try:
            self._fill(time.monotonic() + seconds)
        except Closed:
            return False
        except RawError:
            return not self._in
        return False

    def wait_closed(self, timeout=None):
        """Reads until the peer closes; the bytes that came before. RawError after the timeout."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            while True:
                self._fill(deadline)
        except Closed:
            data = bytes(self._in)
            self._in.clear()
            return data

    # link stage

    def send_mess(self, **fields):
        mess = link_mess(**fields)
        self.write(link_header(len(mess)) + mess)

    def read_reply(self):
        """(error, common words, channel words); keeps the public key."""
        magic, major, _minor, size = struct.unpack("<4sIII", self.read(16))
        if magic != MAGIC or major != 2 or size < 178:
            raise RawError("no link reply")
        body = self.read(size)
        error, = struct.unpack_from("<I", body)
        n_common, n_channel, offset = struct.unpack_from("<III", body, 166)
        self.public_key = body[4:166]
        words = struct.unpack_from("<%dI" % (n_common + n_channel), body, offset) if n_common + n_channel else ()
        self.reply = (error, words[:n_common], words[n_common:])
        return self.reply

    def send_ticket(self, plain=b"\0", mechanism=1):
        """`mechanism` None leaves it out."""
        head = b"" if mechanism is None else struct.pack("<I", mechanism)
        self.write(head + encrypt(self.public_key, plain))

    def read_result(self):
        return struct.unpack("<I", self.read(4))[0]

    def link(self, type, id=0, connection_id=0, password="", mini=True, channel_caps=None):
        """The whole link stage; the result. The connection is a channel then."""
        caps = COMMON_CAPS if mini else COMMON_CAPS & ~MINI_HEADER
        words = CHANNEL_CAPS.get(type, 0) if channel_caps is None else channel_caps
        self.send_mess(connection_id=connection_id, type=type, id=id, common=(caps,), channel=(words,))
        error, _common, _channel = self.read_reply()
        if error:
            raise RawError("link error %u" % error)
        self.send_ticket(password.encode() + b"\0")
        return self.read_result()


class Channel(Link):
    """A linked channel. With `good` it acknowledges and answers PINGs while it reads."""

    def __init__(self, port, type, id=0, connection_id=0, password="", mini=True, channel_caps=None, good=True,
                 timeout=10):
        super().__init__(port, timeout=timeout)
        self.type, self.id, self.mini, self.good = type, id, mini, good
        self.serial = self.sent = self._window = self._left = 0
        try:
            result = self.link(type, id, connection_id, password, mini, channel_caps)
            if result:
                raise RawError("link result %u" % result)
        except BaseException:
            self.close()
            raise

    def pack(self, type, body=b"", size=None, sub_list=0):
        """A message; `size` lies about the body."""
        size = len(body) if size is None else size
        self.sent += 1
        if self.mini:
            return struct.pack("<HI", type, size) + body
        return struct.pack("<QHII", self.sent, type, size, sub_list) + body

    def send(self, type, body=b"", size=None):
        return self.write(self.pack(type, body, size))

    def read_message(self, timeout=None):
        if self.mini:
            type, size = struct.unpack("<HI", self.read(6, timeout))
            serial, sub_list = self.serial + 1, 0
        else:
            serial, type, size, sub_list = struct.unpack("<QHII", self.read(18, timeout))
        message = Message(type, self.read(size, timeout), serial, sub_list)
        self.serial = serial
        if self.good:
            self._serve(message)
        return message

    def _serve(self, message):
        if self._left:
            self._left -= 1
            if self._left == 0:
                self._left = self._window
                self.send(C_ACK)
        if message.type == SET_ACK:
            generation, self._window = struct.unpack("<II", message.body)
            self._left = self._window
            self.send(C_ACK_SYNC, struct.pack("<I", generation))
        elif message.type == PING:
            self.send(C_PONG, message.body[:12])

    def take_messages(self):
        """The messages that are complete by now; waits for nothing. Closed at the end. (Mini headers.)"""
        if self._ready(0.001):
            self._fill(time.monotonic() + 1)
        messages = []
        while len(self._in) >= 6 and len(self._in) >= 6 + struct.unpack_from("<I", self._in, 2)[0]:
            messages.append(self.read_message())
        return messages

    def read_until(self, type, timeout=None):
        """All messages up to the first one of this type."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        messages = []
        while not messages or messages[-1].type != type:
            messages.append(self.read_message(max(0.001, deadline - time.monotonic())))
        return messages

    def read_all(self, quiet=0.3):
        """All messages until none comes for this time, or the end."""
        messages = []
        try:
            while True:
                messages.append(self.read_message(quiet))
        except RawError:
            return messages


class Session:
    """A main channel and what is opened with it. `target`: the connection id of a migrating client."""

    def __init__(self, port, password="", mini=True, target=0, main_caps=None, good=True, timeout=10):
        self.port, self.password, self.mini, self.timeout = port, password, mini, timeout
        self.channels = []
        self.connection_id = target
        self.greeting = []
        self.main = self.open(MAIN, channel_caps=main_caps, good=good)
        if not target:
            self.greeting = self.main.read_until(MAIN_INIT)
            self.connection_id, = struct.unpack_from("<I", self.greeting[-1].body)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        for channel in self.channels:
            channel.close()

    def open(self, type, id=0, **options):
        options = dict({"password": self.password, "mini": self.mini, "timeout": self.timeout}, **options)
        channel = Channel(self.port, type, id, self.connection_id, **options)
        self.channels.append(channel)
        return channel

    def open_display(self, id=0, init=True, **options):
        display = self.open(DISPLAY, id, **options)
        if init:
            display.send(DISPLAY_INIT, display_init())
        return display


def sub_messages(body, offset):
    """[(type, body)] of a SpiceSubMessageList at `offset`. RawError if it does not fit."""
    try:
        count, = struct.unpack_from("<H", body, offset)
        found = []
        for at in struct.unpack_from("<%dI" % count, body, offset + 2):
            type, size = struct.unpack_from("<HI", body, at)
            if at + 6 + size > len(body):
                raise RawError("a sub-message outside the message")
            found.append((type, body[at + 6:at + 6 + size]))
        return found
    except struct.error as error:
        raise RawError("sub-messages: %s" % error) from None


def inval_list(body):
    """[(type, id)] of an INVAL_LIST."""
    count, = struct.unpack_from("<H", body)
    if len(body) < 2 + 9 * count:
        raise RawError("INVAL_LIST is short")
    return [struct.unpack_from("<BQ", body, 2 + 9 * i) for i in range(count)]


def picture_sum(message):
    """SHA-256 of the pixels (R, G, B, from the top) of a DRAW_COPY of an uncompressed 32 bit image."""
    body = message.body
    base = 21 if body[20] == 0 else 25 + 16 * struct.unpack_from("<I", body, 21)[0]
    at, = struct.unpack_from("<I", body, base)
    _id, kind, _flags, width, height = struct.unpack_from("<QBBII", body, at)
    if kind != 0:
        raise RawError("the image is compressed (type %u)" % kind)
    form, flags, _x, _y, stride = struct.unpack_from("<BBIII", body, at + 18)
    if form not in (8, 9):
        raise RawError("no 32 bit image")
    rows = []
    for y in range(height):
        start = at + 36 + y * stride
        row = body[start:start + 4 * width]
        out = bytearray(3 * width)
        out[0::3], out[1::3], out[2::3] = row[2::4], row[1::4], row[0::4]
        rows.append(bytes(out))
    return hashlib.sha256(b"".join(rows if flags & 4 else rows[::-1])).hexdigest()


def see_picture(port, password="", timeout=10):
    """A whole good client: connects, opens its channels, and gives the sum of the primary that it is sent."""
    with Session(port, password=password, timeout=timeout) as session:
        session.main.send(C_ATTACH)
        session.main.read_until(MAIN_CHANNELS_LIST)
        session.open(INPUTS)
        session.open(CURSOR)
        display = session.open_display()
        messages = display.read_until(MARK)
        copies = [m for m in messages if m.type == DRAW_COPY]
        if not copies:
            raise RawError("no picture, only %s" % [m.type for m in messages])
        return picture_sum(copies[0])
