#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The data stage against clients that send everything bad. Words on the command line choose cases by name."""
import os
import random
import struct
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import rawclient as raw  # noqa: E402
from arena import ALBUM, Arena, Recording, Shared, run  # noqa: E402
from rawclient import CURSOR, DISPLAY, INPUTS, MAIN, Session  # noqa: E402

NAMES = {MAIN: "main", DISPLAY: "display", INPUTS: "inputs", CURSOR: "cursor"}
STREAM_REPORT, PREFERRED_COMPRESSION, GL_DRAW_DONE, PREFERRED_CODECS = 102, 103, 104, 105
KEY_DOWN, KEY_UP, KEY_MODIFIERS, KEY_SCANCODE, MOTION, POSITION, PRESS, RELEASE = 101, 102, 103, 104, 111, 112, 113, 114
MOTION_ACK = 111
MOUSE_MODE_REQUEST, AGENT_START, AGENT_DATA, AGENT_TOKEN = 105, 106, 107, 108

shared = Shared()
CASES = []


def add(name, function, warnings=()):
    CASES.append((name, shared.case(function, warnings)))


def open_channel(session, type):
    """The channel, its greeting read."""
    if type == MAIN:
        session.main.read_all(0.1)
        return session.main
    channel = session.open_display() if type == DISPLAY else session.open(type)
    if type == DISPLAY:
        channel.read_until(raw.MARK)
    else:
        channel.read_until(raw.MAIN_INIT if type == MAIN else 101)
    return channel


def lives(session, channel):
    """The channel still works: each type has something that it answers, or at least it stays open."""
    if channel.type == MAIN:
        channel.send(raw.C_ATTACH)
        channel.read_until(raw.MAIN_CHANNELS_LIST)
    elif channel.type == INPUTS:
        for _ in range(4):
            channel.send(MOTION, struct.pack("<iiH", 1, 1, 0))
        channel.read_until(MOTION_ACK)
    else:
        channel.send(raw.C_ACK)
        assert channel.silent(0.05), "the channel was closed"


def dropped(name, type, message, body=b"", size=None, warning=None):
    """The message ends the channel (main: the session) with one warning; other channels go on."""
    def case(arena):
        for mini in (True, False):
            with Session(arena.port, mini=mini) as session:
                channel = open_channel(session, type)
                other = None if type in (MAIN, INPUTS) else open_channel(session, INPUTS)
                channel.send(message, body, size)
                channel.wait_closed()
                if other is not None:
                    lives(session, other)
                elif type == MAIN:
                    pass
                else:
                    lives(session, session.main)
    pattern = "channel %d:0: %s" % (type, warning or "")
    add("%s: %s" % (NAMES[type], name), case, [pattern] * 2)


def ignored(name, type, messages, warnings=()):
    """The messages change nothing."""
    def case(arena):
        with Session(arena.port) as session:
            channel = open_channel(session, type)
            for message, body in messages:
                channel.send(message, body)
            lives(session, channel)
    add("%s: %s" % (NAMES[type], name), case, warnings)


def types_and_sizes():
    unknown = {MAIN: (0, 7, 50, 100, 101, 112, 113, 200, 65535), DISPLAY: (0, 7, 100, 106, 200, 65535),
               INPUTS: (0, 7, 100, 105, 110, 115, 65535), CURSOR: (0, 7, 101, 65535)}
    for type, values in unknown.items():
        for value in values:
            dropped("unknown type %d" % value, type, value, bytes(64), warning="message type %d" % value)
        dropped("unknown type without a body", type, 99)
    short = {MAIN: ((raw.C_ACK_SYNC, 3), (raw.C_PONG, 11), (MOUSE_MODE_REQUEST, 1), (raw.C_DO_SEAMLESS, 3)),
             DISPLAY: ((raw.C_ACK_SYNC, 0), (raw.C_PONG, 11), (STREAM_REPORT, 31), (PREFERRED_COMPRESSION, 0),
                       (PREFERRED_CODECS, 0)),
             INPUTS: ((raw.C_ACK_SYNC, 3), (raw.C_PONG, 0), (KEY_DOWN, 3), (KEY_UP, 0), (KEY_MODIFIERS, 1), (MOTION, 9),
                      (POSITION, 10), (PRESS, 2), (RELEASE, 2)),
             CURSOR: ((raw.C_ACK_SYNC, 3), (raw.C_PONG, 11))}
    for type, values in short.items():
        for value, size in values:
            dropped("type %d with %d bytes" % (value, size), type, value, bytes(size))
    limits = {MAIN: 26624, DISPLAY: 1024, INPUTS: 2048, CURSOR: 1024}
    for type, limit in limits.items():
        for size in (limit + 1, 1 << 26, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            dropped("%d bytes announced" % size, type, raw.C_DISCONNECTING, b"", size, "message too long")
        dropped("%d bytes sent" % (limit + 1), type, raw.C_DISCONNECTING, bytes(limit + 1), None, "message too long")
        ignored("%d bytes are not too many, and what is behind the fields is ignored" % limit, type,
                [(raw.C_DISCONNECTING, bytes(limit)), (raw.C_ACK, bytes(limit)), (raw.C_ACK_SYNC, bytes(limit)),
                 (raw.C_PONG, bytes(limit))])
        for size in ((1 << 26) + 1, 1 << 26, 0xFFFFFFFF):
            dropped("MIGRATE_DATA of %d bytes announced" % size, type, raw.C_MIGRATE_DATA, b"", size,
                    "message too long")
    dropped("AGENT_DATA of 2049 bytes", MAIN, AGENT_DATA, bytes(2049))
    ignored("empty data messages, and an agent that is not there", MAIN,
            [(AGENT_START, struct.pack("<I", 0xFFFFFFFF)), (AGENT_TOKEN, struct.pack("<I", 0xFFFFFFFF)),
             (AGENT_DATA, bytes(2048)), (AGENT_DATA, b"x")])
    for mode in (1, 2):
        ignored("mouse mode %d" % mode, MAIN, [(MOUSE_MODE_REQUEST, struct.pack("<H", mode))])
    for mode in (0, 3, 4, 0xFFFF):
        ignored("mouse mode %d, which does not exist" % mode, MAIN, [(MOUSE_MODE_REQUEST, struct.pack("<H", mode))],
                ["mouse mode %d" % mode])

    def empty_data(arena):
        for type, message in ((MAIN, AGENT_DATA), (INPUTS, KEY_SCANCODE)):
            with Session(arena.port) as session:
                open_channel(session, type).send(message)
    add("empty data messages: nothing or the end of the channel", empty_data, None)


def commons():
    for type in NAMES:
        ignored("acknowledgements that nobody asked for", type,
                [(raw.C_ACK, b"")] * 1000 + [(raw.C_ACK_SYNC, struct.pack("<I", g)) for g in (0, 2, 0xFFFFFFFF, 1)] +
                [(raw.C_ACK, b"")] * 1000)
        ignored("DISCONNECTING", type, [(raw.C_DISCONNECTING, struct.pack("<QI", 0, 0))])
        ignored("nonsense PONGs", type, [(raw.C_PONG, struct.pack("<IQ", id, stamp)) for id in
                                         (0, 3, 2, 1, 3, 1000, 1001, 0xFFFFFFFF)
                                         for stamp in (0, 1, 1 << 63, (1 << 64) - 1)])

    for type in NAMES:
        def flood(arena, type=type):
            with Session(arena.port) as session:
                channel = open_channel(session, type)
                block = b"".join(channel.pack(raw.C_ACK) for _ in range(20000))
                stop = time.monotonic() + 1.5

                def pour():
                    while time.monotonic() < stop and channel.write(block):
                        pass
                thread = threading.Thread(target=pour)
                thread.start()
                slowest = 0
                while time.monotonic() < stop:
                    start = time.monotonic()
                    arena.host.sums()
                    slowest = max(slowest, time.monotonic() - start)
                channel.socket.settimeout(0.1)
                thread.join()
                assert slowest < 0.7, "the host did nothing else for %.1f s" % slowest
        add("%s: a flood of ACKs leaves time for others" % NAMES[type], flood)

    def greedy(arena):
        before = arena.memory()
        with Session(arena.port, good=False) as session:
            block = session.main.pack(raw.C_ATTACH) * 5000
            session.main.socket.settimeout(3)
            for _ in range(1000):
                if not session.main.write(block):
                    break
            else:
                raise AssertionError("it can ask for more and more")
        arena.wait_warnings(1)
        grown = (arena.memory() - before) >> 20
        assert grown < 300, "%d MiB, of which the sanitizer may keep 256" % grown
    add("main: many questions, and no answer is taken", greedy, ["does not read the answers"])

    def middle(arena):
        for type in NAMES:
            for cut in range(1, 40, 3):
                with Session(arena.port, mini=cut % 2 == 0) as session:
                    channel = session.main if type == MAIN else session.open(type)
                    channel.write(channel.pack(raw.C_PONG, bytes(12))[:cut])
                    if cut % 4 == 0:
                        channel.reset()
                    else:
                        channel.close()
    add("the end in the middle of a message", middle)

    def every_byte(arena):
        for cut in range(0, 90):
            with Session(arena.port) as session:
                display, inputs = session.open_display(init=False), session.open(INPUTS)
                display_bytes = (display.pack(raw.DISPLAY_INIT, raw.display_init()) +
                                 display.pack(raw.C_ACK_SYNC, struct.pack("<I", 1)) +
                                 display.pack(PREFERRED_COMPRESSION, b"\1"))
                inputs_bytes = (inputs.pack(KEY_DOWN, struct.pack("<I", 0x1E)) +
                                inputs.pack(MOTION, struct.pack("<iiH", 1, 2, 3)) +
                                inputs.pack(PRESS, b"\1\1\0") + inputs.pack(RELEASE, b"\1\0\0"))
                display.write(display_bytes[:cut])
                inputs.write(inputs_bytes[:cut])
                for channel in (display, inputs) if cut % 2 else (inputs, display):
                    if cut % 3 == 0:
                        channel.reset()
                    else:
                        channel.socket.shutdown(1)
    add("the end at every byte of a session", every_byte)

    def while_it_plays():
        with Arena(recording=ALBUM, start=100) as arena:
            for i in range(25):
                with Session(arena.port) as session:
                    display, cursor = session.open_display(), session.open(CURSOR)
                    display.read_until(raw.MARK)
                    arena.host.send("play")
                    for _ in range(i):
                        display.read_message()
                    display.reset()
                    cursor.reset()
                    arena.host.wait_answer("play")
                    arena.host.pause()
            arena.sum = arena.host.sums()[0]
            arena.check()
    CASES.append(("display and cursor: gone while the guest draws", while_it_plays))

    def host_goes():
        for i in range(4):
            with Arena() as arena:
                session = Session(arena.port)
                for type in (DISPLAY, CURSOR, INPUTS):
                    session.open(type)
                for channel in session.channels[1:i]:
                    channel.reset()
        session.close()
    CASES.append(("the host ends while clients are connected", host_goes))

    def slowly(arena):
        with Session(arena.port) as session:
            display = session.open_display(init=False)
            display.write_slowly(display.pack(raw.DISPLAY_INIT, raw.display_init()), 0.001)
            copies = [m for m in display.read_until(raw.MARK) if m.type == raw.DRAW_COPY]
            assert raw.picture_sum(copies[0]) == arena.sum
    add("byte by byte", slowly)


def greetings():
    def main_greeting(arena):
        for mini in (True, False):
            with Session(arena.port, mini=mini, good=False) as session:
                messages = session.greeting + session.main.read_all()
                types = [m.type for m in messages]
                assert types in ([raw.MAIN_INIT, raw.MAIN_NAME] + [raw.PING] * 3,
                                 [raw.MAIN_INIT, raw.MAIN_NAME, raw.MAIN_UUID] + [raw.PING] * 3), types
                assert [m.serial for m in messages] == list(range(1, len(messages) + 1))
                init = struct.unpack("<8I", messages[0].body)
                assert init[0] != 0 and init[1:4] == (1, 1, 1) and init[4] == 0 and init[5] == 10, init
                assert messages[1].body == struct.pack("<I", 8) + b"caravan\0"
                now = time.monotonic() * 1e6
                for id, ping in enumerate(messages[-3:], 1):
                    found, stamp = struct.unpack_from("<IQ", ping.body)
                    assert found == id and now - 5e6 < stamp <= now, "PING %d at %d, now %d" % (found, stamp, now)
                    assert ping.body[12:] == bytes(256000 if id == 3 else 0)
        with Session(arena.port, main_caps=0) as session:
            assert [m.type for m in session.main.read_all(0.2)][:1] == [raw.PING], "NAME needs a capability"
    add("main: the greeting", main_greeting)

    def display_greeting(arena):
        for caps, types in ((0x3BF, [raw.SET_ACK, raw.INVAL_ALL_PALETTES, raw.SURFACE_CREATE, raw.DRAW_COPY,
                                     raw.MONITORS_CONFIG, raw.MARK]),
                            (0, [raw.SET_ACK, raw.INVAL_ALL_PALETTES, raw.SURFACE_CREATE, raw.DRAW_COPY, raw.MARK])):
            with Session(arena.port) as session:
                display = session.open_display(init=False, channel_caps=caps)
                assert display.silent(0.4), "nothing comes before INIT"
                display.send(raw.DISPLAY_INIT, raw.display_init())
                messages = display.read_all()
                assert [m.type for m in messages] == types, messages
                assert struct.unpack("<II", messages[0].body) == (1, 20)
                width, height = struct.unpack_from("<II", messages[2].body, 4)
                assert struct.unpack("<5I", messages[2].body) == (0, width, height, 32, 1)
                assert raw.picture_sum(messages[3]) == arena.sum
    add("display: silence before INIT, then the greeting", display_greeting)

    def others(arena):
        with Session(arena.port) as session:
            assert [(m.type, m.body) for m in session.open(INPUTS).read_all()] == [(101, b"\0\0")]
            cursor = session.open(CURSOR).read_all()
            assert [m.type for m in cursor] == [raw.SET_ACK, 101] and cursor[0].body == struct.pack("<II", 1, 20)
    add("inputs and cursor: the greeting", others)


def display():
    def init(**fields):
        return raw.display_init(**fields)

    dropped("a second INIT", DISPLAY, raw.DISPLAY_INIT, init())
    for window in (-1, -2 ** 31, (1 << 25) + 1, 2 ** 31 - 1):
        def bad_window(arena, window=window):
            with Session(arena.port) as session:
                display = session.open(DISPLAY)
                display.send(raw.DISPLAY_INIT, init(window=window))
                assert display.wait_closed() == b""
                lives(session, session.main)
        add("display: INIT with a window of %d pixels" % window, bad_window, ["channel 2:0: INIT with a dictionary"])
    for fields in (dict(cache_size=0), dict(cache_size=-1), dict(cache_size=-2 ** 63), dict(cache_size=2 ** 62),
                   dict(cache_size=2 ** 63 - 1), dict(window=0), dict(window=1), dict(window=1 << 25),
                   dict(cache_id=0, dictionary_id=255), dict(cache_id=255)):
        def odd_init(arena, fields=fields):
            with Session(arena.port) as session:
                display = session.open(DISPLAY)
                display.send(raw.DISPLAY_INIT, init(**fields))
                copies = [m for m in display.read_until(raw.MARK) if m.type == raw.DRAW_COPY]
                assert raw.picture_sum(copies[0]) == arena.sum
        add("display: INIT with %s" % fields, odd_init)

    def short_init(arena):
        for size in (0, 1, 13):
            with Session(arena.port) as session:
                display = session.open(DISPLAY)
                display.send(raw.DISPLAY_INIT, init()[:size])
                assert display.wait_closed() == b""
    add("display: INIT that is short", short_init, ["channel 2:0: "] * 3)

    def before_init(arena):
        with Session(arena.port) as session:
            display = session.open(DISPLAY)
            display.send(raw.C_ACK_SYNC, bytes(4))
            for _ in range(100):
                display.send(raw.C_ACK)
            display.send(PREFERRED_COMPRESSION, b"\1")
            display.send(STREAM_REPORT, bytes(32))
            display.send(raw.C_ACK_SYNC, struct.pack("<I", 1))
            assert display.silent(0.2)
            display.send(raw.DISPLAY_INIT, init())
            display.read_until(raw.MARK)
    add("display: other messages before INIT", before_init)

    def report(stream):
        return struct.pack("<IIIIIIiI", stream, 1, 2, 3, 4, 5, -6, 7)

    ignored("STREAM_REPORT of streams that are not there", DISPLAY, [(STREAM_REPORT, report(n)) for n in (0, 1, 49)])
    for stream in (50, 51, 0x80000000, 0xFFFFFFFF):
        dropped("STREAM_REPORT of stream %d" % stream, DISPLAY, STREAM_REPORT, report(stream))
    dropped("GL_DRAW_DONE", DISPLAY, GL_DRAW_DONE)
    for how in (0, 8, 9, 255):
        ignored("preferred compression %d" % how, DISPLAY, [(PREFERRED_COMPRESSION, bytes([how]))],
                ["compression %d" % how])
    ignored("preferred compression, all that exist", DISPLAY,
            [(PREFERRED_COMPRESSION, bytes([how])) for how in range(1, 8)])
    ignored("preferred video codecs: none, all, unknown ones", DISPLAY,
            [(PREFERRED_CODECS, b"\0"), (PREFERRED_CODECS, b"\xff" + bytes(range(255))),
             (PREFERRED_CODECS, b"\xff" + b"\xff" * 255), (PREFERRED_CODECS, b"\1\1")] * 50)
    for count, given in ((1, 0), (255, 3), (255, 254)):
        dropped("preferred video codecs: %d of %d" % (given, count), DISPLAY, PREFERRED_CODECS,
                bytes([count]) + bytes(given))


def inputs():
    rng = random.Random(7)
    ignored("garbage keys", INPUTS,
            [(rng.choice((KEY_DOWN, KEY_UP)), struct.pack("<I", rng.getrandbits(32))) for _ in range(500)] +
            [(KEY_DOWN, struct.pack("<I", code)) for code in (0, 0xE0, 0xE1, 0xFF, 0xE0E0E0E0, 0xFFFFFFFF, 0x1DE0)])
    ignored("modifiers", INPUTS, [(KEY_MODIFIERS, struct.pack("<H", m)) for m in (0, 7, 0xFFFF, 0x8000, 1, 2, 4, 0)])
    ignored("scancodes", INPUTS, [(KEY_SCANCODE, rng.randbytes(n)) for n in (1, 2, 3, 100, 2048)] +
            [(KEY_SCANCODE, b"\xe0" * 2048), (KEY_SCANCODE, bytes(2048))])
    ignored("buttons", INPUTS,
            [(kind, struct.pack("<BH", button, mask)) for kind in (PRESS, RELEASE) for button in (0, 1, 4, 5, 7, 8, 255)
             for mask in (0, 1, 0x7F, 0xFFFF)])

    def motions(arena):
        for message, body in ((MOTION, struct.pack("<iiH", -2 ** 31, 2 ** 31 - 1, 0xFFFF)),
                              (POSITION, struct.pack("<IIHB", 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFF, 255))):
            with Session(arena.port) as session:
                channel = open_channel(session, INPUTS)
                for _ in range(9):
                    channel.send(message, body)
                assert [m.type for m in channel.read_all()] == [MOTION_ACK] * 2, "9 motions, 2 acknowledgements"
                for _ in range(3):
                    channel.send(POSITION, struct.pack("<IIHB", 1, 1, 0, 0))
                assert [m.type for m in channel.read_all()] == [MOTION_ACK], "the ninth was not forgotten"
    add("inputs: motions and positions (server mode) are acknowledged exactly", motions)

    def gone_with_keys(arena):
        for _ in range(5):
            with Session(arena.port) as session:
                channel = session.open(INPUTS)
                channel.send(KEY_SCANCODE, bytes(range(1, 127)) + b"\xe0")
                channel.reset()
    add("inputs: gone with all keys down", gone_with_keys)


def acknowledgements():
    def recording(arena_directory):
        r = Recording()
        r.surfaces(300)
        return r

    def exact():
        import tempfile
        with tempfile.TemporaryDirectory() as directory:
            r = Recording()
            r.surfaces(300)
            for x in range(48):
                for y in range(8):
                    r.bar(x, 4 * y, 4 * y + 4, 0x10203 * (x + y))
            path = r.write(os.path.join(directory, "many.rec"))
            with Arena(recording=path, start=48) as arena:
                with Session(arena.port) as session:
                    display = session.open_display(good=False)
                    display.read_until(raw.MARK)
                    arena.host.send("play")
                    messages = display.read_all(1)
                    assert display.serial == 41, "41 messages and no more, not %d" % display.serial
                    assert len(messages) == 35
                    position = arena.host.command("position")
                    assert position["position"] < 600 + 48 + 384, "the ring backs up: %s" % position
                    display.send(raw.C_ACK)
                    assert display.silent(0.3), "an ACK before ACK_SYNC counts for nothing"
                    display.send(raw.C_ACK_SYNC, struct.pack("<I", 2))
                    display.send(raw.C_ACK)
                    assert display.silent(0.3), "an ACK of another generation counts for nothing"
                    display.send(raw.C_ACK_SYNC, struct.pack("<I", 1))
                    display.send(raw.C_ACK)
                    assert len(display.read_all(0.5)) == 20, "one ACK, 20 messages"
                    for _ in range(2):
                        display.send(raw.C_ACK)
                    assert len(display.read_all(0.5)) == 40, "two ACKs, 40 messages"
                    start = time.monotonic()
                    arena.host.vm_stop()
                    took = time.monotonic() - start
                    display.wait_closed()
                    assert 20 < took < 65, "the client is dropped after 30 s, not %.1f" % took
                    lives(session, session.main)
                arena.sum = raw.see_picture(arena.port)
                arena.check(None)
                assert "channel 2:0: the client takes nothing more" in arena.log_text()
    CASES.append(("display: the ack window to the message, and a client that takes nothing at vm-stop", exact))

    def init_never_comes():
        with Arena() as arena:
            with Session(arena.port) as session:
                display = session.open(DISPLAY)
                start = time.monotonic()
                arena.host.vm_stop()
                assert time.monotonic() - start < 5, "nothing is owed to a client that did not start"
                assert display.silent(0.2)
                arena.host.vm_start()
                display.send(raw.DISPLAY_INIT, raw.display_init())
                display.read_until(raw.MARK)
            arena.check()
    CASES.append(("display: a client that does not send INIT holds up nobody", init_never_comes))

    def init_timeout():
        with Arena() as arena:
            with Session(arena.port) as session:
                display = session.open(DISPLAY)
                start = time.monotonic()
                assert display.wait_closed(40) == b""
                assert 28 < time.monotonic() - start < 35
            arena.check(["does not say what it has"])
    CASES.append(("display: INIT that never comes ends the channel after 30 s", init_timeout))


types_and_sizes()
commons()
greetings()
display()
inputs()
CASES.append(("the host ends well", shared.end))
acknowledgements()

if __name__ == "__main__":
    sys.exit(run(CASES))
