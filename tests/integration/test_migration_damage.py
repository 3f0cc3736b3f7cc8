#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Display data that were damaged on their way through the client.

A damaged extension costs its fallback and nothing else. A damaged version 1 part costs the display connection; the
host, the other channels and the next client do not notice.
"""
import os
import struct
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import DISPLAY, INVAL_ALL_PALETTES, INVAL_ALL_PIXMAPS, Journey, check, equal, main  # noqa: E402
from migrate_data import MAGIC, MigrateData, pack_section, varints  # noqa: E402

START, PLACE, NEXT = 2000, 4000, 5500
REFUSED = "section %s of the migration data is refused"


def pair(j):
    a = j.host(start=START)
    b = j.host(incoming=True, start=PLACE, wait=False)
    j.connect(a)
    a.play_to(PLACE)  # this is what the cache holds
    j.ready(b)
    return a, b


def changed(change, pixmaps, palettes, warnings=()):
    """The target gets change(MigrateData) and sends so many INVAL_ALL_PIXMAPS and INVAL_ALL_PALETTES."""
    with Journey() as j:
        a, b = pair(j)
        for warning in warnings:
            j.expect(b, warning)
        j.hop_with(a, b, lambda data: change(MigrateData(data)))
        j.arrived(b)
        j.compare(b, "at the switch")
        b.play_to(NEXT)
        j.compare(b, "after playing on")
        equal((j.message_count("switch", INVAL_ALL_PIXMAPS, DISPLAY, b),
               j.message_count("switch", INVAL_ALL_PALETTES, DISPLAY, b)), (pixmaps, palettes),
              "INVAL_ALL_PIXMAPS, INVAL_ALL_PALETTES")
        cache = j.phase("switch")["cache"]
        for field in ("resent", "missing", "unknown_evicted"):
            equal(cache[field], 0, field)
        check(cache["hits"] > 0 and cache["added"] > 0, "the cache is not used any more:", cache)
        check(not pixmaps or cache["resent_lost"] > 0, "a reset that loses nothing proves nothing")
        j.quiet()
        report, = j.report(b, "destination")
        equal(report["result"], "completed", "the report")


def flip(d, tag):
    """One bit in the middle of this section."""
    data = bytearray(d.v1 + d.extension)
    position, size = d.places[tag]
    data[position + 20 + (size - 20) // 2] ^= 4
    return bytes(data)


def with_section(d, tag, raw):
    d.sections[tag] = raw
    return d.pack()


def patched_extension(d, form, offset, value):
    data = bytearray(d.v1 + d.extension)
    struct.pack_into(form, data, len(d.v1) + offset, value)
    return bytes(data)


def append_section(d, packed):
    """One more behind the others, with a good checksum."""
    body = d.extension[24:] + packed
    version, flags, _, n, _ = struct.unpack_from("<HHIII", d.extension, 8)
    return d.v1 + MAGIC + struct.pack("<HHIII", version, flags, 24 + len(body), n + 1, zlib.crc32(body)) + body


HEAD, CACH, PALS, SURF, SERL, LEFT = (REFUSED % t for t in ("HEAD", "CACH", "PALS", "SURF", "SERL", "LEFT"))
EXTENSION = {  # name: (change, INVAL_ALL_PIXMAPS, INVAL_ALL_PALETTES, warnings)
    "version 1 only": (MigrateData.pack_version_1, 1, 1, []),
    "foreign magic": (lambda d: d.pack_version_1() + b"SOMEBODY" + d.extension[8:], 1, 1, []),
    "half a magic": (lambda d: d.pack_version_1() + d.extension[:4], 1, 1, []),
    "ends in its header": (lambda d: d.v1 + d.extension[:20], 1, 1, [HEAD]),
    "ends in the cache": (lambda d: (d.v1 + d.extension)[:d.places["CACH"][0] + 60], 1, 1, [HEAD, CACH]),
    "one byte too short": (lambda d: (d.v1 + d.extension)[:-1], 0, 0, [HEAD, LEFT]),
    "bytes behind it": (lambda d: d.v1 + d.extension + bytes(100), 0, 0, []),
    "twice": (lambda d: d.v1 + d.extension + d.extension, 0, 0, []),
    "version 2": (lambda d: patched_extension(d, "<H", 8, 2), 1, 1, [HEAD]),
    "other form": (lambda d: patched_extension(d, "<H", 10, d.flags ^ 1), 1, 1, [HEAD]),
    "wrong checksum": (lambda d: patched_extension(d, "<I", 20, 1), 0, 0, [HEAD]),
    "many sections": (lambda d: patched_extension(d, "<I", 16, 0x40000000), 1, 1, [HEAD]),
    "cache flipped": (lambda d: flip(d, "CACH"), 1, 0, [CACH, HEAD]),
    "palettes flipped": (lambda d: flip(d, "PALS"), 0, 1, [PALS, HEAD]),
    "surfaces flipped": (lambda d: flip(d, "SURF"), 0, 0, [SURF, HEAD]),
    "serials flipped": (lambda d: flip(d, "SERL"), 0, 0, [SERL, HEAD]),
    "cache twice": (lambda d: append_section(d, pack_section("CACH", d.sections["CACH"])), 0, 0,
                    [CACH + ": occurs twice"]),
    "cache of version 2": (lambda d: rebuilt(d, "CACH", 2), 1, 0, [CACH]),
    "cache empty bytes": (lambda d: with_section(d, "CACH", b""), 1, 0, [CACH]),
    "cache of 2^40 entries": (lambda d: with_section(d, "CACH", b"\0" + varints([1 << 40])), 1, 0, [CACH]),
    "cache cut": (lambda d: with_section(d, "CACH", d.sections["CACH"][:-9]), 1, 0, [CACH]),
    "palettes too many": (lambda d: with_section(d, "PALS", varints([129, 4]) + bytes(range(1, 130)) * 4), 0, 1, [PALS]),
    "unknown section": (lambda d: append_section(d, pack_section("ZZZZ", b"what?")), 0, 0, [REFUSED % "ZZZZ"]),
    "unknown required section": (lambda d: append_section(d, pack_section("ZZZZ", b"what?", flags=1)), 1, 1, [HEAD]),
}


def rebuilt(d, tag, version):
    """All sections, this one with another version."""
    body = b"".join(pack_section(t, raw, version if t == tag else 1) for t, raw in d.sections.items())
    return d.v1 + MAGIC + struct.pack("<HHIII", 1, d.flags, 24 + len(body), len(d.sections), zlib.crc32(body)) + body


def patched(form, offset, *values):
    def change(data):
        data = bytearray(data)
        struct.pack_into(form, data, offset, *values)
        return bytes(data)
    return change


def surface_ids(*ids):
    """The list becomes these; nothing behind it."""
    return lambda data: bytes(data[:80]) + struct.pack(f"<{len(ids) + 1}I", len(ids), *ids)


def sync_beyond_serial(data):
    return patched("<Q", 27, struct.unpack_from("<Q", data, 8)[0] + 5)(data)


VERSION_1 = {
    "magic": patched("<4s", 0, b"ICMD"),
    "version": patched("<I", 4, 2),
    "empty": lambda data: b"",
    "only a header": lambda data: data[:8],
    "79 bytes": lambda data: data[:79],
    "no list": lambda data: data[:80],
    "serial 0": patched("<Q", 8, 0),
    "serial 2^63": patched("<Q", 8, 1 << 63),
    "cache size 0": patched("<q", 18, 0),
    "cache size negative": patched("<q", 18, -1),
    "cache size huge": patched("<q", 18, 1 << 40),
    "freezer 2": patched("<B", 26, 2),
    "sync beyond the serial": sync_beyond_serial,
    "dictionary size 0": patched("<I", 60, 0),
    "dictionary size huge": patched("<I", 60, (1 << 25) + 1),
    "list outside": patched("<I", 76, 0xffffffff),
    "list in the header": patched("<I", 76, 4),
    "list at the end": lambda data: patched("<I", 76, len(data) - 2)(data),
    "count huge": patched("<I", 80, 0xffffffff),
    "count too large": lambda data: data[:80] + struct.pack("<3I", 3, 0, 1),
    "id huge": surface_ids(0, 0x7fffffff),
    "id beyond the device": surface_ids(0, 1024),
    "ids twice": surface_ids(0, 5, 5),
    "ids falling": surface_ids(5, 0),
}


def refused(change):
    with Journey() as j:
        a, b = pair(j)
        line = r"channel 2:0: .*; the connection is dropped"
        j.expect(b, line)
        j.hop_with(a, b, change)
        j.tap.wait_event("close", timeout=10, route=j.route(b), type=DISPLAY)
        b.command("position")
        lines = [text for text in b.log_text().splitlines() if "WARNING" in text]
        equal(len(lines), 1, f"warnings {lines}")
        equal(b.clients(), 1, "clients: the other channels live")
        check(j.client.alive(), "the client ended")
        equal(j.client.state()["channels"].get("main:0"), "opened", "the main channel")
        j.disconnect()
        b.wait_clients(0)
        j.connect(b)
        j.client.wait_picture()
        b.play_to(PLACE + 500)
        j.compare(b, "a new client")


def cases(table, run):
    """A test function for each row."""
    def case(name, row):
        def test():
            run(row)
        test.__name__ = f"test_{name.replace(' ', '_')}"
        return test
    return [case(name, row) for name, row in table.items()]


if __name__ == "__main__":
    sys.exit(main(cases(EXTENSION, lambda row: changed(*row)) + cases(VERSION_1, refused)))
