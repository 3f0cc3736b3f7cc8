#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random mutations of client sessions against a host and a destination, both sanitized.

FUZZ_SEED, FUZZ_SESSIONS and FUZZ_SECONDS choose others; session n of seed s is the same in each
run: FUZZ_ONLY=n runs it alone.
"""
import os
import random
import struct
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import rawclient as raw  # noqa: E402
from arena import Arena, device_data, display_data, inputs_data, main_data, run  # noqa: E402
from rawclient import CURSOR, DISPLAY, INPUTS, MAIN, Link, RawError, Session  # noqa: E402

SEED = int(os.environ.get("FUZZ_SEED", "2026"))
SESSIONS = int(os.environ.get("FUZZ_SESSIONS", "500"))
ONLY = os.environ.get("FUZZ_ONLY")
LIMIT_S = float(os.environ.get("FUZZ_SECONDS", "60"))
ODD = [0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x3FF, 0x400, 0x401, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x2000000,
       0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF]


def u32(*values):
    return struct.pack("<%dI" % len(values), *values)


COMMON = [(raw.C_ACK_SYNC, u32(1)), (raw.C_ACK, b""), (raw.C_PONG, u32(1, 0, 0)), (raw.C_FLUSH_MARK, b""),
          (raw.C_DISCONNECTING, bytes(12))]
MESSAGES = {
    MAIN: COMMON + [(raw.C_MIGRATE_DATA, main_data()), (102, b""), (103, b""), (104, b""), (105, b"\1\0"),
                    (105, b"\2\0"),
                    (106, u32(10)), (107, bytes(40)), (108, u32(5)), (109, b""), (110, u32(1)), (111, b""),
                    (raw.C_MIGRATE_DATA, main_data(device_data(connected=1, client_tokens=8, write_size=4,
                                                               write_tokens=1, pointer=65), tail=b"abcd"))],
    DISPLAY: COMMON + [(101, raw.display_init()), (102, bytes(32)), (103, b"\1"), (104, b""), (105, b"\2\1\2"),
                       (raw.C_MIGRATE_DATA, display_data(surfaces=(0, 5, 9)))],
    INPUTS: COMMON + [(101, u32(0x1E)), (102, u32(0x9E)), (103, b"\7\0"), (104, b"\xe0\x1d\x3a"), (111, bytes(10)),
                      (112, bytes(11)), (113, b"\1\1\0"), (114, b"\1\0\0"), (raw.C_MIGRATE_DATA, inputs_data(9))],
    CURSOR: COMMON + [(raw.C_MIGRATE_DATA, bytes(50))],
}


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        kind = rng.randrange(6)
        at = rng.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1 and len(data) >= 4:
            at = rng.randrange(len(data) - 3)
            data[at:at + 4] = struct.pack("<I", rng.choice(ODD))
        elif kind == 2:
            del data[at:at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 4:
            data[at:at] = data[at:at + rng.randrange(1, 40)]
        elif data:
            data[at % len(data)] = rng.randrange(256)
    return bytes(data)


def fuzz_link(rng, port):
    with Link(port, timeout=0.2) as link:
        mess = raw.link_mess(type=rng.choice((MAIN, DISPLAY, INPUTS, CURSOR)))
        link.write(mutate(rng, raw.link_header(len(mess)) + mess))
        try:
            if link.read_reply()[0] == 0:
                ticket = struct.pack("<I", 1) + raw.encrypt(link.public_key, b"\0")
                link.write(mutate(rng, ticket) if rng.random() < 0.5 else ticket)
                link.write(rng.randbytes(rng.randrange(100)))
        except (RawError, struct.error):
            pass


def stream(rng, channel, first):
    out = b""
    for type, body in first + [rng.choice(MESSAGES[channel.type]) for _ in range(rng.randrange(1, 20))]:
        fate = rng.random()
        if fate < 0.2:
            body = mutate(rng, body)
        packed = channel.pack(type, body, rng.choice(ODD) if fate > 0.97 else None)
        out += mutate(rng, packed) if 0.2 < fate < 0.3 else packed
    return out


def fuzz_session(rng, port, incoming):
    target = rng.randrange(1, 1 << 32) if incoming and rng.random() < 0.8 else 0
    with Session(port, target=target, mini=rng.random() < 0.7, good=False, timeout=2) as session:
        for type in rng.sample((DISPLAY, INPUTS, CURSOR, DISPLAY), rng.choice((1, 1, 1, 2, 4))):
            session.open(type)
        channels = list(session.channels)
        rng.shuffle(channels)
        if target and rng.random() < 0.8:
            session.main.send(raw.C_DO_SEAMLESS, u32(1))
        for channel in channels:
            first = []
            if channel.type == DISPLAY and rng.random() < 0.8:
                first = [(raw.C_MIGRATE_DATA, display_data(surfaces=(0, 5, 9))) if target else
                         (raw.DISPLAY_INIT, raw.display_init())]
            data = stream(rng, channel, first)
            cut = rng.randrange(len(data) + 1)
            channel.write(data[:cut])
            if rng.random() < 0.3:
                time.sleep(0.002)
            channel.write(data[cut:])
            if rng.random() < 0.2:
                channel.reset()
        for channel in channels:
            if channel.socket.fileno() >= 0:
                channel.read_all(0.003)


def fuzz(incoming):
    def case():
        end = time.monotonic() + LIMIT_S / 2
        print("# FUZZ_SEED=%d FUZZ_SESSIONS=%d" % (SEED, SESSIONS))
        with Arena(incoming=incoming) as arena:
            done = 0
            for n in [int(ONLY)] if ONLY else range(SESSIONS // 2):
                rng = random.Random("%d %d %s" % (SEED, n, incoming))
                try:
                    if rng.random() < 0.2:
                        fuzz_link(rng, arena.port)
                    else:
                        fuzz_session(rng, arena.port, incoming)
                except RawError:
                    pass  # it was thrown out in the middle of the session
                except OSError as error:
                    raise AssertionError("session %d: %s\n%s" % (n, error, arena.new_log()[-4000:])) from None
                done += 1
                if n % 20 == 19 or ONLY:
                    try:
                        arena.check(None)
                    except (AssertionError, RawError, OSError) as error:
                        raise AssertionError("sessions up to %d: %s" % (n, error)) from None
                if time.monotonic() > end:
                    break
            arena.check(None)
            print("# %d sessions" % done)
            assert ONLY or done >= min(20, SESSIONS // 2), "only %d sessions in the time" % done
    return case


CASES = [("mutated sessions of normal clients", fuzz(False)), ("mutated sessions of migrating clients", fuzz(True))]

if __name__ == "__main__":
    sys.exit(run(CASES))
