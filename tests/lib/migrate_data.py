# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the display data of a migration apart and writes them anew; docs/data-format.md describes them.

    data = MigrateData(open("2-0-0.bin", "rb").read())
    data.sections["CACH"] = set_lossy(data.sections["CACH"])
    open("changed.bin", "wb").write(data.pack())
"""
import struct
import subprocess
import zlib

MAGIC = b"CARAVAN\n"
LOSSY_FORM, EXACT_SERIAL = 1, 2
SURFACES_POINTER = 76  # its offset


class MigrateData:
    """fixed: the first 80 bytes. surfaces: ids, or (id, left, top, right, bottom) in the lossy form.
    sections: tag -> inflated bytes, in order."""

    def __init__(self, data):
        end = data.find(MAGIC)
        self.fixed = bytearray(data[:80])
        self.v1 = data[:end] if end >= 0 else data
        self.extension = data[end:] if end >= 0 else b""
        self.flags = struct.unpack_from("<H", self.extension, 10)[0] if self.extension else 0
        at, = struct.unpack_from("<I", data, SURFACES_POINTER)
        count, = struct.unpack_from("<I", data, at)
        form = "<Iiiii" if self.flags & LOSSY_FORM else "<I"
        self.surfaces = [struct.unpack_from(form, data, at + 4 + i * struct.calcsize(form)) for i in range(count)]
        self.sections = {}
        self.places = {}  # tag -> (offset of the section's header in the data, its size with that)
        position = end + 24
        while self.extension and position < len(data):
            tag, _, _, compression, stored, _, _ = struct.unpack_from("<4sHBBIII", data, position)
            body = data[position + 20:position + 20 + stored]
            tag = tag.decode()
            self.sections[tag] = inflate(body) if compression else body
            self.places[tag] = (position, 20 + stored)
            position += 20 + stored

    def _list(self):
        rows = [struct.pack(f"<I{len(s) - 1}i", *s) for s in self.surfaces]
        return struct.pack("<I", len(self.surfaces)) + b"".join(rows)

    def pack_version_1(self):
        """As from a source without an extension, which writes the serial of MIGRATE_DATA itself."""
        fixed = bytearray(self.fixed)
        struct.pack_into("<Q", fixed, 8, struct.unpack_from("<Q", fixed, 8)[0] - 1)
        return bytes(fixed) + self._list()

    def pack(self):
        body = b"".join(pack_section(tag, raw) for tag, raw in self.sections.items())
        extension = MAGIC + struct.pack("<HHIII", 1, self.flags, 24 + len(body), len(self.sections), zlib.crc32(body))
        return bytes(self.fixed) + self._list() + extension + body

    def make_lossy_form(self, rectangles):
        """rectangles: surface id -> list of (left, top, right, bottom). Their extents go to the v1 part."""
        self.flags |= LOSSY_FORM
        self.surfaces = [(s[0], *extents(rectangles.get(s[0], []))) for s in self.surfaces]
        self.sections["SURF"] = set_lossy_rectangles(self.sections["SURF"], rectangles)


def extents(rectangles):
    if not rectangles:
        return 0, 0, 0, 0
    columns = list(zip(*rectangles))
    return min(columns[0]), min(columns[1]), max(columns[2]), max(columns[3])


def pack_section(tag, raw, version=1, flags=0):
    start = struct.pack("<4sHBBII", tag.encode(), version, flags, 0, len(raw), len(raw))
    return start + struct.pack("<I", zlib.crc32(start + raw)) + raw


def inflate(data):
    return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def column(self, count):
        return [self.varint() for _ in range(count)]

    def ascending(self, count):
        """Differences minus 1."""
        ids, last = [], -1
        for value in self.column(count):
            last += value + 1
            ids.append(last)
        return ids


def varints(values):
    out = bytearray()
    for value in values:
        while value >= 128:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return bytes(out)


def zigzag_deltas(values):
    last, out = 0, []
    for value in values:
        delta = value - last
        out.append(delta * 2 if delta >= 0 else -delta * 2 - 1)
        last = value
    return varints(out)


def set_lossy(cach):
    """Every entry of this CACH section becomes lossy. Gives (the section, the number of entries)."""
    r = Reader(cach)
    r.column(2 * r.varint())  # sync: channels, serials
    count = r.varint()
    if count == 0:
        return cach, 0
    width = r.data[r.at]
    r.at += 1 + count * width
    r.column(count)  # pixels
    start = r.at
    r.column(r.varint())  # the runs
    return cach[:start] + varints([2, 0, count]) + cach[r.at:], count


def set_lossy_rectangles(surf, rectangles):
    r = Reader(surf)
    count = r.varint()
    ids = r.ascending(count)
    r.column(3 * count)  # formats, widths, heights
    chosen = [rectangles.get(i, []) for i in ids]
    rows = [rect for rects in chosen for rect in rects]
    return (surf[:r.at] + varints(len(rects) for rects in chosen) + varints([len(rows)])
            + zigzag_deltas([row[0] for row in rows]) + zigzag_deltas([row[1] for row in rows])
            + varints(row[2] - row[0] for row in rows) + varints(row[3] - row[1] for row in rows))
