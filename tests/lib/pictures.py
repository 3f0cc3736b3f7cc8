# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures in files, as (width, height, bytes of RGB rows from the top). Reads PPM and 8-bit RGB PNG, writes PNG."""
import struct
import zlib


def read(path):
    with open(path, "rb") as stream:
        data = stream.read()
    return _read_png(data, path) if data.startswith(b"\x89PNG") else _read_ppm(data, path)


def _read_ppm(data, path):
    words = data.split(maxsplit=3)
    if len(words) < 4 or words[0] != b"P6":
        raise ValueError(f"{path}: neither PNG nor PPM")
    width, height = int(words[1]), int(words[2])
    return width, height, data[len(data) - 3 * width * height:]


def _read_png(data, path):
    position, packed, header = 8, b"", None
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8:position + 8 + size]
        position += size + 12
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
    if header is None or header[2:] != (8, 2, 0, 0, 0):
        raise ValueError(f"{path}: not an 8-bit RGB PNG")
    width, height = header[:2]
    rows, stride, out = zlib.decompress(packed), 3 * width, bytearray()
    above = bytearray(stride)
    for y in range(height):
        kind = rows[y * (stride + 1)]
        row = bytearray(rows[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        _unfilter(kind, row, above)
        out += row
        above = row
    return width, height, bytes(out)


def _unfilter(kind, row, above):
    """Undoes the filter of one row in place."""
    if kind == 0:
        return
    for i, value in enumerate(row):
        left = row[i - 3] if i >= 3 else 0
        up = above[i]
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            corner = above[i - 3] if i >= 3 else 0
            to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = left if to_left <= to_up and to_left <= to_corner else up if to_up <= to_corner else corner
        row[i] = (value + guess) & 255


def write_png(path, picture):
    width, height, pixels = picture

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + pixels[y * 3 * width:(y + 1) * 3 * width] for y in range(height))
    with open(path, "wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def differing(one, other):
    """How many pixels differ; -1 if the sizes do."""
    if one[:2] != other[:2]:
        return -1
    a, b = one[2], other[2]
    return sum(a[i:i + 3] != b[i:i + 3] for i in range(0, len(a), 3))
