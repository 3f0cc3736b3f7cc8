#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Migration messages out of season, and hostile "migrating clients" with hand-made data against a destination."""
import os
import struct
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import rawclient as raw  # noqa: E402
from arena import Arena, Shared, device_data, display_data, inputs_data, lossy_surface, main_data, run  # noqa: E402
from rawclient import CURSOR, DISPLAY, INPUTS, MAIN, RawError, Session  # noqa: E402

ID = 0x1234567
MOTION, MOTION_ACK, KEY_MODIFIERS, SURFACE_DESTROY = 111, 111, 102, 315
source = Shared()
destination = Shared(incoming=True)
two_displays = Shared(incoming=True, displays=2)
CASES = []


def add(name, function, warnings=(), shared=source):
    CASES.append((name, shared.case(function, warnings)))


# A source, or any host, with a normal client

def out_of_season():
    for type in (MAIN, DISPLAY, INPUTS, CURSOR):
        for message, name in ((raw.C_FLUSH_MARK, "MIGRATE_FLUSH_MARK"), (raw.C_MIGRATE_DATA, "MIGRATE_DATA")):
            for size in (0, 100):
                def unexpected(arena, type=type, message=message, size=size):
                    with Session(arena.port) as session:
                        channel = session.main if type == MAIN else session.open(type)
                        if type == DISPLAY:
                            channel.send(raw.DISPLAY_INIT, raw.display_init())
                        channel.read_all(0.1)
                        channel.send(message, bytes(size))
                        if type == CURSOR and message == raw.C_MIGRATE_DATA:
                            assert channel.silent(0.1), "there are no cursor data; they are ignored"
                        else:
                            channel.wait_closed()
                ignored = type == CURSOR and message == raw.C_MIGRATE_DATA
                add("%s of %d bytes on channel %d" % (name, size, type), unexpected,
                    [] if ignored else ["channel %d:0: %s" % (type, name)])

    def before_init(arena):
        for message in (raw.C_FLUSH_MARK, raw.C_MIGRATE_DATA):
            with Session(arena.port) as session:
                display = session.open(DISPLAY)
                display.send(message, bytes(90))
                assert display.wait_closed() == b""
    add("FLUSH_MARK and MIGRATE_DATA before INIT", before_init, ["channel 2:0: MIGRATE_"] * 2)

    for name, message, body in (("DST_DO_SEAMLESS", raw.C_DO_SEAMLESS, struct.pack("<I", 1)),
                                ("DST_DO_SEAMLESS 2", raw.C_DO_SEAMLESS, struct.pack("<I", 2)),
                                ("MIGRATE_END", raw.C_MIGRATE_END, b"")):
        def not_arriving(arena, message=message, body=body):
            with Session(arena.port) as session:
                inputs = session.open(INPUTS)
                session.main.send(message, body)
                session.main.wait_closed()
                inputs.wait_closed()
        add("%s from a normal client" % name, not_arriving, ["channel 1:0: .*MIGRATE_"])

    def unsolicited(arena):
        with Session(arena.port) as session:
            session.main.read_all(0.2)
            for message in (raw.C_CONNECTED_SEAMLESS, raw.C_CONNECTED):
                session.main.send(message)
                assert session.main.read_message().type == raw.MAIN_MIGRATE_CANCEL
            session.main.send(raw.C_CONNECT_ERROR)
            assert session.main.silent(0.1)
            session.main.send(raw.C_ATTACH)
            session.main.read_until(raw.MAIN_CHANNELS_LIST)
    add("CONNECTED and CONNECTED_SEAMLESS that nobody asked for are cancelled", unsolicited)


def attempts():
    """A source whose client answers BEGIN in wrong ways."""
    def begin(session, arena, port=1):
        session.main.read_all(0.2)
        arena.host.command("migrate-connect 127.0.0.1 %d" % port)
        return session.main.read_message()

    def lying_client(answers, mode):
        def case():
            with Arena() as arena:
                with Session(arena.port) as session:
                    display, inputs = session.open_display(), session.open(INPUTS)
                    display.read_until(raw.MARK)
                    inputs.read_message()
                    assert begin(session, arena).type == 116
                    for answer in answers:
                        session.main.send(answer)
                    arena.host.wait_event("connect-complete", 12)
                    cancelled = [m.type for m in session.main.read_all(0.2)]
                    assert cancelled == [raw.MAIN_MIGRATE_CANCEL] * sum(a != raw.C_CONNECT_ERROR for a in answers[1:])
                    arena.host.command("migrate-start")
                    arena.host.vm_stop()
                    arena.host.command("migrate-end 1")
                    told = session.main.read_message().type
                    assert told == mode, told
                    if mode == raw.MIGRATE:
                        session.main.send(raw.C_FLUSH_MARK)
                        assert session.main.read_message().type == raw.MIGRATE_DATA
                        session.main.send(raw.C_FLUSH_MARK)
                        session.main.wait_closed()
                    for channel in session.channels:
                        channel.close()
                    arena.host.wait_event("end-complete", 15)
                arena.host.events.clear()
        return case
    seamless, plain, error = raw.C_CONNECTED_SEAMLESS, raw.C_CONNECTED, raw.C_CONNECT_ERROR
    CASES.append(("source: CONNECTED_SEAMLESS twice, FLUSH_MARK twice",
                  lying_client((seamless, seamless), raw.MIGRATE)))
    CASES.append(("source: CONNECTED, then CONNECTED_SEAMLESS", lying_client((plain, seamless), 112)))
    CASES.append(("source: CONNECT_ERROR, then everything else",
                  lying_client((error, seamless, plain, error), 111)))

    def mute():
        with Arena() as arena:
            with Session(arena.port) as session:
                display = session.open_display()
                display.read_until(raw.MARK)
                begin(session, arena)
                arena.host.wait_event("connect-complete", 12)
                arena.host.vm_stop()
                arena.host.command("migrate-end 1")
                arena.host.wait_event("end-complete", 15)
                session.main.wait_closed()
            arena.host.events.clear()
    CASES.append(("source: a client that answers nothing is waited for, but not for ever", mute))

    def handed_over(hostile):
        def case():
            with Arena() as arena:
                with Session(arena.port) as session:
                    display, inputs, cursor = session.open_display(), session.open(INPUTS), session.open(CURSOR)
                    display.read_until(raw.MARK)
                    inputs.read_message()
                    begin(session, arena)
                    session.main.send(raw.C_CONNECTED_SEAMLESS)
                    arena.host.wait_event("connect-complete", 12)
                    arena.host.vm_stop()
                    arena.host.command("migrate-end 1")
                    for channel in (session.main, display, inputs, cursor):
                        channel.read_until(raw.MIGRATE)
                    hostile(session, display, inputs, cursor)
                    arena.host.wait_event("end-complete", 15)
                arena.host.events.clear()
                assert arena.host.process.poll() is None
        return case

    def messages_between(session, display, inputs, cursor):
        for _ in range(5):
            inputs.send(MOTION, struct.pack("<iiH", 1, 1, 0))
        inputs.send(raw.C_FLUSH_MARK)
        message = inputs.read_message()
        assert (message.type, message.body) == (raw.MIGRATE_DATA, inputs_data(5)), message
        for _ in range(4):
            inputs.send(MOTION, struct.pack("<iiH", 1, 1, 0))
        assert inputs.silent(0.1), "nothing may follow MIGRATE_DATA"
        display.send(raw.C_MIGRATE_DATA, bytes(80))
        display.wait_closed()
        cursor.send(raw.C_FLUSH_MARK)
        cursor.wait_closed()
        session.main.close()
    CASES.append(("source: everything at the wrong moment of the hand-over", handed_over(messages_between)))

    def vanish(session, display, inputs, cursor):
        display.send(raw.C_FLUSH_MARK)
        display.reset()
        inputs.write(inputs.pack(raw.C_FLUSH_MARK)[:3])
        inputs.reset()
        session.main.send(raw.C_FLUSH_MARK)
        session.main.reset()
    CASES.append(("source: gone in the middle of the hand-over", handed_over(vanish)))

    def stay(session, display, inputs, cursor):
        assert session.main.wait_closed(15) == b""
    CASES.append(("source: a client that takes MIGRATE and then stays is disconnected", handed_over(stay)))


# A destination

class Arrival(Session):
    """A seamless client up to the point where its data are due."""

    def __init__(self, arena, displays=1, version=1, seamless=True, main_caps=None, cursor=True):
        super().__init__(arena.port, target=ID, main_caps=main_caps)
        self.displays = [self.open(DISPLAY, id) for id in range(displays)]
        self.inputs = self.open(INPUTS)
        if cursor:
            self.cursor = self.open(CURSOR)
        if seamless:
            self.main.send(raw.C_DO_SEAMLESS, struct.pack("<I", version))
            assert self.main.read_message().type == raw.SEAMLESS_ACK


def refused(name, type, data, warning=None):
    """These data end their channel, main: the client; the rest of the client may still arrive."""
    def case(arena):
        with Arrival(arena) as arrival:
            channel = {MAIN: arrival.main, DISPLAY: arrival.displays[0], INPUTS: arrival.inputs}[type]
            channel.send(raw.C_MIGRATE_DATA, data)
            channel.wait_closed()
            if type == MAIN:
                arrival.inputs.wait_closed()
            else:
                arrival.main.send(raw.C_MIGRATE_DATA, main_data())
                assert raw.MAIN_MOUSE_MODE in [m.type for m in arrival.main.read_all(0.2)]
    add("data refused: " + name, case, [warning or "channel %d:0: " % type], destination)


def accepted(name, display=None, main=None, inputs=None, acks=0, warnings=(), check=None):
    def case(arena):
        with Arrival(arena) as arrival:
            d, i = arrival.displays[0], arrival.inputs
            assert d.silent(0.05), "nothing comes before the data"
            d.send(raw.C_MIGRATE_DATA, display or display_data())
            i.send(raw.C_MIGRATE_DATA, inputs or inputs_data())
            arrival.main.send(raw.C_MIGRATE_DATA, main or main_data())
            got = [m.type for m in i.read_all(0.2)]
            assert got == [KEY_MODIFIERS] + [MOTION_ACK] * acks or \
                got == [101, KEY_MODIFIERS] + [MOTION_ACK] * acks, "%d acks in %s" % (got.count(MOTION_ACK), got[:20])
            assert raw.MAIN_MOUSE_MODE in [m.type for m in arrival.main.read_all(0.2)]
            messages = d.read_all(0.2)
            assert messages and messages[0].type == raw.SET_ACK, messages
            assert not [m for m in messages if m.type in (raw.SURFACE_CREATE, raw.DRAW_COPY, raw.MARK)]
            if check:
                check(arrival, messages)
            d.send(raw.C_MIGRATE_DATA, display or display_data())
            d.wait_closed()
    add("data accepted, a second time refused: " + name, case,
        list(warnings) + ["channel 2:0: (MIGRATE_DATA, but none|message too long)"], destination)


def display_rows():
    good = display_data()
    for name, data in (("magic", display_data(magic=b"DCMX")), ("magic of main", display_data(magic=b"MNMD")),
                       ("version 2", display_data(version=2)), ("version 2^32-1", display_data(version=0xFFFFFFFF))):
        refused("display, " + name, DISPLAY, data)

    def every_size(arena):
        for size in range(len(good)):
            with Arrival(arena, cursor=False) as arrival:
                arrival.displays[0].send(raw.C_MIGRATE_DATA, good[:size])
                assert arrival.displays[0].wait_closed() == b"", size
    add("data refused: display, cut at every byte", every_size, ["channel 2:0: "] * len(good), destination)
    for pointer in (0, 1, 8, 87, 88, 0x7FFFFFFF, 0xFFFFFFFC, 0xFFFFFFFF):
        refused("display, surface list at %#x" % pointer, DISPLAY, display_data(pointer=pointer))
    for count in (2, 1024, 1025, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0xFFFFFFFF):
        refused("display, %#x surfaces of which one is there" % count, DISPLAY, display_data(count=count))
    for ids in ((1024,), (0, 0xFFFFFFFF), (0, 0x80000000), (0, 0), (0, 5, 5), (5, 0), (0, 9, 5), tuple(range(1025))):
        refused("display, surfaces %s" % (ids if len(ids) < 9 else "0..%d" % ids[-1],), DISPLAY,
                display_data(surfaces=ids))
    for name, rect in (("inverted", (50, 10, 20, 60)), ("upside down", (0, 60, 20, 10)), ("negative", (-5, -5, 5, 5)),
                       ("far away", (0, 0, 0x7FFFFFFF, 0x7FFFFFFF)), ("from the smallest number", (-2 ** 31, 0, 1, 1)),
                       ("without width", (7, 7, 7, 60))):
        data = display_data(surfaces=(), count=1, tail=lossy_surface(0, *rect))
        refused("display, lossy rectangle %s" % name, DISPLAY, data)
    for window in (0, (1 << 25) + 1, 0xFFFFFFFF):
        refused("display, dictionary of %#x pixels" % window, DISPLAY, display_data(window=window))
    for size in (0, -1, -2 ** 63, 2 ** 31 + 1, 2 ** 62, 2 ** 63 - 1):
        refused("display, cache of %d pixels" % size, DISPLAY, display_data(cache_size=size))
    for serial in (0, (1 << 64) - 1, (1 << 64) - 2, 1 << 63):
        refused("display, serial %#x" % serial, DISPLAY, display_data(serial=serial))
    refused("display, cache used by a message of the future", DISPLAY, display_data(sync=(27, 0, 0, 0)))
    refused("display, cache used at the end of time", DISPLAY, display_data(sync=((1 << 64) - 1, 0, 0, 0)))
    for flag in ("low", "freezer"):
        refused("display, %s is 2" % flag, DISPLAY, display_data(**{flag: 2}))
    for name, tail in (("one byte", b"x"), ("zeros", bytes(1000)), ("noise", os.urandom(5000))):
        accepted("display with %s behind the end" % name, display_data(tail=tail), warnings=())
    for encoders in (0, 1, 5, 0xFFFFFFFF):
        accepted("display, %d encoders" % encoders, display_data(encoders=encoders))
    accepted("display, surface list among zeros", display_data(pointer=83))
    accepted("display, no surfaces", display_data(surfaces=()))
    accepted("display, all surfaces, biggest numbers",
             display_data(surfaces=tuple(range(1024)), cache_size=2 ** 31, window=1 << 25, serial=1 << 40))
    accepted("display, a cache user that is not there", display_data(sync=(25, 0, 99, 99)),
             check=lambda arrival, messages: no_waits(messages))
    accepted("display, lossy", display_data(surfaces=(), count=1, tail=lossy_surface(0, 2, 2, 20, 20)))
    # What the stock library leaves of a region that is exact again.
    accepted("display, lossy without pixels", display_data(surfaces=(), count=1, tail=lossy_surface(0, 7, 7, 7, 7)))
    accepted("version 0", display_data(version=0), main_data(version=0), inputs_data(version=0))


def no_waits(messages):
    resets = [m.body for m in messages if m.type == raw.INVAL_ALL_PIXMAPS]
    assert resets == [b"\0"] or all(resets[0][1 + 10 * i:3 + 10 * i] == b"\2\0" for i in range(resets[0][0])), resets


def two_display_rows():
    def arrive(arena, *data):
        with Arrival(arena, displays=2) as arrival:
            for display, body in zip(arrival.displays, data):
                display.send(raw.C_MIGRATE_DATA, body)
            arrival.main.send(raw.C_MIGRATE_DATA, main_data())
            arrival.inputs.send(raw.C_MIGRATE_DATA, inputs_data())
            return [d.read_all(0.4) for d in arrival.displays], arrival

    for name, fields in (("cache", dict(cache_id=2)), ("dictionary", dict(dictionary=2))):
        def differ(arena, fields=fields):
            messages, _ = arrive(arena, display_data(), display_data(freezer=0, **fields))
            assert sum(bool(m) for m in messages) == 1, "one of the two is refused"
        add("data refused: two displays with different %s ids" % name, differ, ["channel 2:[01]: "], two_displays)

    def two_freezers(arena):
        messages, _ = arrive(arena, display_data(), display_data())
        assert all(messages)
        assert sum(m.type == raw.INVAL_ALL_PIXMAPS for ms in messages for m in ms) == 1
    add("data accepted: two displays that both froze the cache", two_freezers, ["comes twice"], two_displays)

    def no_freezer(arena):
        with Arrival(arena, displays=2) as arrival:
            for display in arrival.displays:
                display.send(raw.C_MIGRATE_DATA, display_data(freezer=0))
            arrival.main.send(raw.C_MIGRATE_DATA, main_data())
            arrival.inputs.send(raw.C_MIGRATE_DATA, inputs_data())
            start = time.monotonic()
            types = []
            while time.monotonic() - start < 8 and raw.INVAL_ALL_PIXMAPS not in types:
                types += [m.type for d in arrival.displays for m in d.read_all(0.3)]
            assert raw.INVAL_ALL_PIXMAPS in types, "the cache is never used again"
    add("data accepted: two displays, none of which froze the cache", no_freezer, ["did not arrive"], two_displays)

    def one_is_enough(arena):
        """The second display never sends its data, then goes."""
        with Arrival(arena, displays=2) as arrival:
            arrival.displays[0].send(raw.C_MIGRATE_DATA, display_data())
            arrival.main.send(raw.C_MIGRATE_DATA, main_data())
            arrival.inputs.send(raw.C_MIGRATE_DATA, inputs_data())
            arrival.main.read_until(raw.MAIN_MOUSE_MODE)
            arrival.displays[1].reset()
            time.sleep(0.3)  # until then it may yet send them
            arrival.main.send(raw.C_ATTACH)
            arrival.main.read_until(raw.MAIN_CHANNELS_LIST)
    add("a display that goes instead of sending its data", one_is_enough, None, two_displays)


def main_rows():
    good = main_data()
    assert len(good) == 65
    agent = dict(connected=1, client_tokens=8, send_tokens=0xFFFFFFFF)

    def device(**fields):
        return main_data(device_data(**dict(agent, **fields)))
    for name, data in (("magic", main_data(magic=b"MNMX")), ("version 2", main_data(version=2)),
                       ("chunk header of 9 bytes", main_data(chunk_size=9)),
                       ("chunk header of 2^32-1 bytes", main_data(chunk_size=0xFFFFFFFF)),
                       ("message header of 21 bytes", main_data(chunk_size=8, partial=21, pointer=65, tail=bytes(21))),
                       ("message header of 2^32-1 bytes", main_data(chunk_size=8, partial=0xFFFFFFFF, pointer=65)),
                       ("message header outside", main_data(chunk_size=8, partial=8, pointer=65)),
                       ("message header far outside", main_data(chunk_size=8, partial=8, pointer=0xFFFFFFFC)),
                       ("message header in an unfinished chunk", main_data(chunk_size=3, partial=8, pointer=65,
                                                                           tail=bytes(8))),
                       ("filter result 4", main_data(result=4)), ("filter result 2", main_data(result=2)),
                       ("filter result 255 of the client", main_data(c2a_result=255)),
                       ("device version 2", device(version=2)), ("device connected 2", device(connected=2)),
                       ("write data outside", device(write_size=10, write_tokens=1, pointer=60)),
                       ("write data at 2^32-1", device(write_size=10, write_tokens=1, pointer=0xFFFFFFFF)),
                       ("write data of 4 GiB", device(write_size=0xFFFFFFFF, write_tokens=1, pointer=65)),
                       ("9 and 2 tokens of 10", device(client_tokens=9, write_tokens=2)),
                       ("2^32-1 tokens", device(client_tokens=0xFFFFFFFF)),
                       ("tokens that wrap", device(client_tokens=0xFFFFFFFF, write_tokens=11)),
                       ("26625 bytes", good + bytes(26625 - 65))):
        refused("main, " + name, MAIN, data)

    def every_size(arena):
        for size in range(65):
            with Arrival(arena, cursor=False) as arrival:
                arrival.main.send(raw.C_MIGRATE_DATA, good[:size])
                arrival.main.wait_closed()
    add("data refused: main, cut at every byte", every_size, ["channel 1:0: "] * 65, destination)
    accepted("main with 26000 bytes", main=good + bytes(26000))
    accepted("main with an agent that is not here", main=device())

    def inputs_rows():
        for name, data in (("magic", inputs_data(magic=b"XXXX")), ("version 2", inputs_data(version=2)),
                           ("2049 bytes", inputs_data() + bytes(2039))):
            refused("inputs, " + name, INPUTS, data)
        for size in range(10):
            refused("inputs, %d bytes" % size, INPUTS, inputs_data()[:size])
        for motions, acks in ((0, 0), (3, 0), (4, 1), (9, 2), (40, 10)):
            accepted("inputs, %d motions" % motions, inputs=inputs_data(motions), acks=acks)

        def many(arena):
            with Arrival(arena) as arrival:
                arrival.inputs.send(raw.C_MIGRATE_DATA, inputs_data(65535))
                try:
                    got = [m.type for m in arrival.inputs.read_all(0.3)]
                except RawError:
                    got = []
                assert got.count(MOTION_ACK) < 1024, "%d acknowledgements" % got.count(MOTION_ACK)
        add("inputs, 65535 motions: bounded", many, None, destination)
    inputs_rows()


def arrivals():
    def silent(arena):
        """For ever a target that says nothing."""
        with Session(arena.port, target=0xFFFFFFFF) as session:
            assert session.main.silent(0.5)
            raw.see_picture(arena.port)
            session.main.wait_closed()
    add("a main link with any connection id that says nothing: the next client takes over", silent, (), destination)

    def parked(arena):
        with Session(arena.port, target=ID) as session:
            channels = [session.open(INPUTS) for _ in range(300)]
            closed = 0
            for channel in channels:
                closed += not channel.silent(0.001)
            assert closed >= 200, "only %d of 300 were refused" % closed
            assert not session.main.silent(0.01) or True
            session.main.send(raw.C_DO_SEAMLESS, struct.pack("<I", 1))
            assert session.main.read_message().type == raw.SEAMLESS_ACK
            channels[0].send(raw.C_MIGRATE_DATA, inputs_data(4))
            session.main.send(raw.C_MIGRATE_DATA, main_data())
            assert [m.type for m in channels[0].read_all(0.3)][-1] == MOTION_ACK
    add("300 links that wait for one client", parked, None, destination)

    def parked_forever(arena):
        for i in range(30):
            session = Session(arena.port, target=ID + i)
            for _ in range(10):
                session.open(INPUTS).write(b"garbage that nobody reads")
            session.close()
    add("links that wait for clients that go", parked_forever, (), destination)

    def parked_gone(arena):
        with Session(arena.port, target=ID) as session:
            gone = [session.open(type) for type in (INPUTS, DISPLAY, CURSOR)]
            gone[0].reset()
            gone[1].close()
            gone[2].write(b"\xff" * 100)
            session.main.send(raw.C_DO_SEAMLESS, struct.pack("<I", 1))
            assert session.main.read_message().type == raw.SEAMLESS_ACK
            session.main.send(raw.C_MIGRATE_DATA, main_data())
            session.main.read_until(raw.MAIN_MOUSE_MODE)
            gone[2].wait_closed()
    add("links that went or sent garbage while they waited", parked_gone, ["channel 4:0: message too long"],
        destination)

    def twice(arena):
        with Arrival(arena) as arrival:
            arrival.main.send(raw.C_DO_SEAMLESS, struct.pack("<I", 1))
            for channel in arrival.channels:
                channel.wait_closed()
    add("DST_DO_SEAMLESS twice", twice, ["channel 1:0: MIGRATE_DST_DO_SEAMLESS"], destination)

    def end_after_seamless(arena):
        with Arrival(arena) as arrival:
            arrival.main.send(raw.C_MIGRATE_END)
            arrival.main.wait_closed()
    add("MIGRATE_END from a seamless client", end_after_seamless, ["channel 1:0: MIGRATE_END"], destination)

    def end_without_capability(arena):
        with Session(arena.port, target=ID, main_caps=0) as session:
            session.main.send(raw.C_MIGRATE_END)
            session.main.wait_closed()
    add("MIGRATE_END from a client that cannot migrate", end_without_capability, ["channel 1:0: MIGRATE_END"],
        destination)

    def newer(arena):
        with Session(arena.port, target=ID) as session:
            for version in (2, 0xFFFFFFFF):
                session.main.send(raw.C_DO_SEAMLESS, struct.pack("<I", version))
                assert session.main.read_message().type == raw.SEAMLESS_NACK
            display = session.open(DISPLAY)
            session.main.send(raw.C_MIGRATE_END)
            types = [m.type for m in session.main.read_all(0.3)]
            assert types[0] == raw.MAIN_INIT, types
            display.send(raw.DISPLAY_INIT, raw.display_init())
            display.read_until(raw.MARK)
            session.main.send(raw.C_MIGRATE_END)
            session.main.wait_closed()
    add("a newer version is declined; semi-seamless instead; MIGRATE_END twice", newer, ["channel 1:0: MIGRATE_END"],
        destination)

    def too_early(arena):
        with Session(arena.port, target=ID) as session:
            session.main.send(raw.C_MIGRATE_DATA, main_data())
            session.main.wait_closed()
    add("main data before DST_DO_SEAMLESS", too_early, ["channel 1:0: MIGRATE_DATA"], destination)

    def attach(arena):
        with Session(arena.port, target=ID) as session:
            session.main.send(raw.C_ATTACH)
            assert session.main.silent(0.1)
    add("ATTACH_CHANNELS from a client that is still arriving", attach, ["ATTACH_CHANNELS"], destination)

    def display_init_instead(arena):
        with Arrival(arena) as arrival:
            arrival.displays[0].send(raw.DISPLAY_INIT, raw.display_init())
            assert arrival.displays[0].wait_closed() == b""
    add("INIT instead of data", display_init_instead, ["channel 2:0: INIT"], destination)

    def duplicate(arena):
        with Arrival(arena) as arrival:
            second = arrival.open(INPUTS)
            assert second.wait_closed() == b""
            arrival.inputs.send(raw.C_MIGRATE_DATA, inputs_data(4))
            assert MOTION_ACK in [m.type for m in arrival.inputs.read_all(0.2)]
    add("a channel linked twice in seamless state", duplicate, ["has it already"], destination)

    def announced_only(arena):
        before = arena.memory()
        with Arrival(arena) as arrival:
            arrival.displays[0].send(raw.C_MIGRATE_DATA, b"", 1 << 26)
            time.sleep(0.2)
            assert arena.memory() - before < 32 << 20, "memory for bytes that never came"
        with Arrival(arena) as arrival:
            arrival.displays[0].send(raw.C_MIGRATE_DATA, b"", (1 << 26) + 1)
            arrival.displays[0].wait_closed()
    add("64 MiB of data announced, none sent; and one byte more", announced_only, ["message too long"], destination)

    def data_never_come():
        with Arena(incoming=True, start=5) as arena:
            with Arrival(arena) as arrival:
                start = time.monotonic()
                arena.host.load(10)
                arena.host.vm_start(20)
                arrival.displays[0].wait_closed(15)
                assert time.monotonic() - start < 14
            sums = arena.host.sums()
            assert raw.see_picture(arena.port) == sums[0]
            arena.sum = sums[0]
            arena.check(["migration data of the client did not come"])
    CASES.append(("destination: the machine starts without the client's data", data_never_come))

    def lies_until_start():
        """All data are well formed, and nothing in them is true."""
        with Arena(incoming=True, start=5) as arena:
            with Arrival(arena) as arrival:
                display = arrival.displays[0]
                display.send(raw.C_MIGRATE_DATA, display_data(surfaces=tuple(range(0, 1024, 3)), sync=(25, 9, 9, 9)))
                arrival.inputs.send(raw.C_MIGRATE_DATA, inputs_data(3))
                arrival.main.send(raw.C_MIGRATE_DATA, main_data())
                messages = []
                reader = threading.Thread(target=lambda: messages.extend(display.read_all(3)))
                reader.start()
                arena.host.load(10)
                arena.host.vm_start()
                arena.host.play_to("end")
                reader.join()
                assert [m.type for m in messages].count(SURFACE_DESTROY) == 341, "surfaces that are not there go"
            arena.sum = arena.host.sums()[0]
            arena.check(None)
    CASES.append(("destination: data that are well formed and all lies", lies_until_start))


out_of_season()
CASES.append(("the host ends well", source.end))
arrivals()
display_rows()
main_rows()
CASES.append(("the destination ends well", destination.end))
two_display_rows()
CASES.append(("the destination with two displays ends well", two_displays.end))
attempts()

if __name__ == "__main__":
    sys.exit(run(CASES))
